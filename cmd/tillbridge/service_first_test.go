package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tillbridge/bridge/osservice"
)

// What an installer brings is written once, after the service is registered, and never over what is there.
func TestFirstSettings(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return ""
		}
		return string(b)
	}
	install := func(first, settings string) (string, error) {
		s := &playedServices{report: osservice.Report{Outcome: osservice.Done}, st: osservice.State{Installed: true}}
		return giveServices(t, func() (services, error) { return s, nil }, "install", "--config", filepath.Join(dir, settings), "--first", first)
	}
	shop := put("shop.yaml", "mgr: {passcode_file: passcode}\nterminals: {}\n")
	if _, err := install(shop, "a/config.yaml"); err != nil {
		t.Fatal(err)
	}
	made := read("a/passcode")
	if read("a/config.yaml") != read("shop.yaml") || len(made) != 27 || !strings.HasSuffix(made, "\n") {
		t.Errorf("settings %q, passcode of %d bytes", read("a/config.yaml"), len(made))
	}
	// What is there stays; a missing passcode is made anew, a missing file of first settings is not asked for.
	put("a/config.yaml", "mgr: {passcode_file: passcode}\n# changed\n")
	if _, err := install(filepath.Join(dir, "none.yaml"), "a/config.yaml"); err != nil || read("a/passcode") != made || !strings.Contains(read("a/config.yaml"), "changed") {
		t.Errorf("settings %q, the passcode stayed: %v, %v", read("a/config.yaml"), read("a/passcode") == made, err)
	}
	if err := os.Remove(filepath.Join(dir, "a/passcode")); err != nil {
		t.Fatal(err)
	}
	if out, err := install(shop, "a/config.yaml"); err != nil || len(read("a/passcode")) != 27 || read("a/passcode") == made || strings.Contains(out, strings.TrimSpace(read("a/passcode"))) {
		t.Errorf("no new passcode, or it was shown: %v\n%s", err, out)
	}
	// Settings that are right need none.
	right := put("right.yaml", fmt.Sprintf("mgr: {passcode: %q}\nterminals: {}\n", passcode))
	if _, err := install(right, "b/config.yaml"); err != nil || read("b/config.yaml") == "" {
		t.Error(err)
	}
	if _, err := install(filepath.Join(dir, "none.yaml"), "c/config.yaml"); err == nil || !strings.Contains(err.Error(), "none.yaml") {
		t.Errorf("settings that are nowhere: %v", err)
	}
}
