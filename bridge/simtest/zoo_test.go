package simtest

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

var (
	zoo     = flag.Int("zoo", 0, "number of payments in which each planted bug must be caught; 0 for no zoo")
	zooOnly = flag.String("zoo-only", "", "the planted bugs whose names match this expression")
)

// change replaces a text, which stands in the file once.
type change struct{ file, old, new string }

// bug is a design bug that is planted, and the laws of which one must be found broken.
type bug struct {
	name    string
	laws    string // "I2|I14"
	changes []change
}

// overlay writes patched copies of the sources and the list of them that go build -overlay takes.
func (b bug) overlay(t *testing.T, root string) string {
	t.Helper()
	dir := t.TempDir()
	replace, text := map[string]string{}, map[string]string{}
	for _, c := range b.changes {
		path := filepath.Join(root, c.file)
		if text[path] == "" {
			source, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			text[path] = string(source)
		}
		if n := strings.Count(text[path], c.old); n != 1 {
			t.Fatalf("%s: this stands there %d times, not once: %s", c.file, n, c.old)
		}
		text[path] = strings.Replace(text[path], c.old, c.new, 1)
	}
	for path, source := range text {
		replace[path] = filepath.Join(dir, fmt.Sprint(len(replace))+".go")
		if err := os.WriteFile(replace[path], []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(path, list, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

var caughtAfter = regexp.MustCompile(`caught after (\d+) payments: (.*)`)

// TestZoo plants design bugs, one at a time, and expects the simulation to find each for the right reason.
func TestZoo(t *testing.T) {
	if *zoo == 0 {
		t.Skip("the bug zoo takes minutes; ask for it with -zoo 20000")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	only, err := regexp.Compile(*zooOnly)
	if err != nil {
		t.Fatal(err)
	}
	begun, planted, caught := time.Now(), 0, 0
	for _, b := range bugs() {
		if !only.MatchString(b.name) {
			continue
		}
		planted++
		t.Run(b.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			c := exec.CommandContext(ctx, "go", "test", "-count=1", "-timeout=4m", "-overlay="+b.overlay(t, root), "-run=^TestSimulation$", ".",
				"-payments", fmt.Sprint(*zoo), "-stop")
			out, err := c.CombinedOutput()
			m := caughtAfter.FindSubmatch(out)
			switch {
			case err == nil:
				t.Errorf("not caught in %d payments", *zoo)
			case m == nil:
				t.Errorf("the run did not tell what it found: %v\n%s", err, tail(out, 3000))
			case !regexp.MustCompile(`(^|[\[ ])(` + b.laws + `): `).Match(m[2]):
				t.Errorf("caught after %s payments for another reason than %s: %s", m[1], b.laws, m[2])
			default:
				caught++
				t.Logf("note: zoo: %s: caught after %s payments: %s", b.name, m[1], tail(m[2], 160))
			}
		})
	}
	t.Logf("note: zoo: %d of %d planted bugs caught, %.0f s", caught, planted, time.Since(begun).Seconds())
}

func tail(b []byte, n int) string {
	if len(b) > n {
		return string(b[:n]) + "…"
	}
	return string(b)
}

// TestBugsFit makes sure in every run that each planted bug finds its place in the code.
func TestBugsFit(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range bugs() {
		t.Run(b.name, func(t *testing.T) { b.overlay(t, root) })
	}
}
