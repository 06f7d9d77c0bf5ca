package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"tillbridge/bridge/config"
	"tillbridge/drivers"
	"tillbridge/terminal/line"
)

// madeUpPorts are one of each kind.
func madeUpPorts() []line.PortInfo {
	const grabber = "ModemManager runs (process 900): it opens serial ports that are plugged in and sends them modem commands. Unless this computer dials out: sudo systemctl disable --now ModemManager"
	return []line.PortInfo{
		{Name: "/dev/ttyACM0", Links: []string{"/dev/serial/by-id/usb-Ingenico_4711-if00"}, USB: "0b00:0054", SerialNumber: "4711", Manufacturer: "Ingenico", Product: "Desk/3500", USBPath: "1-1.4:1.0", Driver: "cdc_acm", Use: line.Held, HolderPID: 812, Holder: "tillbridge", Access: line.Allowed, Remedies: []string{grabber}},
		{Name: "/dev/ttyS0", Use: line.UseUnknown, Access: line.Allowed},
		{Name: "/dev/ttyUSB0", USB: "1a86:7523", USBPath: "2-1:1.0", Driver: "ch341", Use: line.Free, Access: line.Denied, Remedies: []string{"/dev/ttyUSB0 belongs to the group dialout: sudo usermod -aG dialout ann, then log out and in", grabber}},
		{Name: "/dev/ttyUSB1", USB: "1a86:7523", USBPath: "2-2:1.0", Driver: "ch341", Use: line.Held, Access: line.Allowed, Remedies: []string{grabber}},
		{Name: "/dev/ttyUSB12", USB: "0403:6001", SerialNumber: "A-VERY-LONG-SERIAL-NUMBER-0123456789", Manufacturer: "Future Technology Devices International, Ltd", Product: "TTL232R-3V3", USBPath: "2-3:1.0", Driver: "ftdi_sio", Use: line.Free, Access: line.Allowed, Remedies: []string{grabber}},
		{USB: "11ca:0222", SerialNumber: "V7", Manufacturer: "Verifone", Product: "Vx 820", USBPath: "1-2:1.0", Access: line.Denied, Remedies: []string{"the driver cdc_acm is missing: sudo modprobe cdc_acm, then plug it in again"}},
	}
}

// callPorts runs the verb with made-up ports.
func callPorts(t *testing.T, ports []line.PortInfo, failure error, args ...string) (out string, err error) {
	t.Helper()
	var o bytes.Buffer
	p := &program{in: strings.NewReader(""), out: &o, err: &o, drivers: drivers.All(), env: config.SystemEnv()}
	cmd := p.portsVerb(func(context.Context) ([]line.PortInfo, error) { return ports, failure })
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	cmd.SetArgs(args)
	err = cmd.ExecuteContext(t.Context())
	return o.String(), err
}

// portSettings writes a settings file with these terminals.
func portSettings(t *testing.T, terminals string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.yaml")
	text := "mgr: {passcode: correct-horse-battery}\nterminals:\n" + terminals
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestPortsTable(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the made-up ports have Linux' names")
	}
	file := portSettings(t, `
  counter: {driver: zvt, port: {usb: "0b00:0054"}, currency: EUR}
  lane: {driver: zvt, port: {usb: "0b00:0099"}, currency: EUR}
  twins: {driver: zvt, port: {usb: "1a86:7523"}, currency: EUR}
  verifone: {driver: zvt, port: {usb: "11ca:0222"}, currency: EUR}
  back-office: {driver: zvt, port: {tcp: 192.168.1.50}, currency: EUR}
`)
	out, err := callPorts(t, madeUpPorts(), nil, "--config", file)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range strings.Split(out, "\n") {
		if n := utf8.RuneCountInString(text); n > portColumns {
			t.Errorf("a line has %d columns: %s", n, text)
		}
	}
	flat := strings.Join(strings.Fields(out), " ")
	for _, want := range []string{
		"/dev/ttyACM0 Ingenico Desk/3500 0b00:0054 4711 counter in use", "in use by tillbridge (process 812)",
		"in the settings: port: {serial: /dev/ttyS0}",
		`in the settings: port: {usb: "1a86:7523", usb_path: "2-1:1.0"}`,
		`serial_number: "A-VERY-LONG-SERIAL-NUMBER-0123456789"}`, "Devices International, Ltd TTL232R-3V3",
		"sudo usermod -aG dialout ann", "in use by a program that the system does not name",
		"! /dev/ttyACM0, /dev/ttyUSB0, /dev/ttyUSB1, /dev/ttyUSB12: ModemManager runs",
		"- Verifone Vx 820 11ca:0222 V7 - no port", "! the driver cdc_acm is missing",
		"Terminal lane has no port now: no USB device 0b00:0099 is plugged in", "plugged in are: Ingenico Desk/3500",
		"Terminal twins has no port now: more than one device matches USB 1a86:7523",
		"Terminal verifone has no port now: Verifone Vx 820 (USB 11ca:0222, serial number V7) is plugged in, but the system made no serial port for it",
		"Terminal back-office is in the network, at tcp 192.168.1.50:20007.",
	} {
		if !strings.Contains(flat, want) {
			t.Errorf("%q is not told:\n%s", want, out)
		}
	}
	if n := strings.Count(out, "ModemManager runs"); n != 1 {
		t.Errorf("what is common to ports is said %d times:\n%s", n, out)
	}
}

func TestPortsJSON(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the made-up ports have Linux' names")
	}
	file := portSettings(t, `
  counter: {driver: zvt, port: {serial: /dev/serial/by-id/usb-Ingenico_4711-if00}, currency: EUR}
  lane: {driver: zvt, port: {serial: /dev/ttyUSB77}, currency: EUR}
`)
	out, err := callPorts(t, madeUpPorts(), nil, "--json", "--config", file)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Ports []struct {
			Name, USB, Use, Access, Holder string
			SerialNumber                   string `json:"serial_number"`
			HolderPID                      int    `json:"holder_pid"`
			Links, Terminals, Remedies     []string
			Settings                       map[string]any
		}
		Terminals []struct{ Name, Line, Port, Problem string }
		Note      string
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || len(got.Ports) != 6 || len(got.Terminals) != 2 || got.Note != "" {
		t.Fatalf("%v:\n%s", err, out)
	}
	p := got.Ports[0]
	if p.Name != "/dev/ttyACM0" || p.USB != "0b00:0054" || p.SerialNumber != "4711" || p.Use != "held" || p.HolderPID != 812 || p.Holder != "tillbridge" ||
		p.Access != "allowed" || len(p.Links) != 1 || len(p.Terminals) != 1 || p.Terminals[0] != "counter" || len(p.Remedies) != 1 || p.Settings["usb"] != "0b00:0054" {
		t.Errorf("the first port is %+v", p)
	}
	if p := got.Ports[1]; p.Links == nil || p.Terminals == nil || p.Remedies == nil || p.Use != "unknown" {
		t.Errorf("lists must be lists where they are empty: %+v", p)
	}
	if c, l := got.Terminals[0], got.Terminals[1]; c.Port != "/dev/ttyACM0" || c.Problem != "" || l.Port != "" || !strings.Contains(l.Problem, "/dev/ttyUSB77") {
		t.Errorf("the terminals are %+v", got.Terminals)
	}
}

func TestPortsWithoutSettings(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none.yaml")
	if _, err := callPorts(t, madeUpPorts(), nil, "--config", missing); err == nil || !strings.Contains(err.Error(), "no such settings file") {
		t.Errorf("settings that were asked for and are missing: %v", err)
	}
	wrong := portSettings(t, "  counter: {driver: zvtt}\n")
	out, err := callPorts(t, madeUpPorts(), nil, "--config", wrong)
	if err != nil || !strings.Contains(out, "/dev/ttyACM0") || !strings.Contains(out, "tillbridge check") {
		t.Errorf("with settings that are wrong: %v\n%s", err, out)
	}
	for _, ports := range [][]line.PortInfo{nil, {{Name: "/dev/ttyS0"}}} {
		out, err = callPorts(t, ports, nil, "--config", wrong)
		if err != nil || !strings.Contains(out, "switch the terminal on") || !strings.Contains(out, "Another cable") {
			t.Errorf("with nothing plugged in: %v\n%s", err, out)
		}
	}
	if _, err := callPorts(t, nil, errors.New("the system is broken"), "--config", wrong); err == nil {
		t.Error("a list that failed was taken for an empty one")
	}
	for _, goos := range []string{"linux", "windows"} {
		for _, text := range strings.Split(whatToTry(goos), "\n") {
			if n := utf8.RuneCountInString(text); n > portColumns {
				t.Errorf("%s: a line has %d columns: %s", goos, n, text)
			}
		}
	}
}
