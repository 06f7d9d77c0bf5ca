package main

import (
	"path/filepath"
	"strings"
	"testing"

	"tillbridge/terminal/line"
	"tillbridge/terminal/simulate"
)

// A pseudo-terminal is shown because the settings name it, and only then.
func TestPortsShowsWhatTheSettingsName(t *testing.T) {
	link := filepath.Join(t.TempDir(), "terminal")
	pty, err := simulate.PTY(link)
	if err != nil {
		t.Fatal(err)
	}
	defer pty.Close()
	file := portSettings(t, "  counter: {driver: zvt, port: {serial: "+link+"}, currency: EUR}\n")
	port, err := line.Config{Serial: link, Baud: 9600, DataBits: 8, Parity: "none", StopBits: "1"}.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	out, err := callPorts(t, madeUpPorts(), nil, "--config", file)
	if err != nil || !strings.Contains(out, "name: "+link) || !strings.Contains(out, "pseudo-terminal of another") || !strings.Contains(out, "counter") {
		t.Errorf("%v:\n%s", err, out)
	}
	if out, err := callPorts(t, madeUpPorts(), nil, "--config", portSettings(t, "  counter: {driver: zvt, port: {tcp: 192.168.1.50}, currency: EUR}\n")); err != nil || strings.Contains(out, "pseudo-terminal") {
		t.Errorf("%v:\n%s", err, out)
	}
	code, out, errOut := call(t, "ports", "--json", "--config", file)
	if code != exitDone || !strings.Contains(out, `"port": "`+link+`"`) {
		t.Errorf("exit %d:\n%s%s", code, out, errOut)
	}
}
