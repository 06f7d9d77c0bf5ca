package config

import (
	"strings"
	"testing"
)

func TestUSBOnWindows(t *testing.T) {
	w := world{os: "windows", env: map[string]string{passcodeEnv: goodPass}}
	s := parseOK(t, w, `terminals: {a: {driver: zvt, port: {usb: "0B00:0054", serial_number: "0012A"}, currency: EUR}}`)
	if p := s.Terminals[0].Port; p.USB != "0b00:0054" || p.SerialNumber != "0012A" || p.Baud != 9600 {
		t.Errorf("the port is %+v", p)
	}
	got := parseErr(t, w, `terminals: {a: {driver: zvt, port: {usb: "0b00:0054", usb_path: 1-1}, currency: EUR}}`)
	if !strings.Contains(got, "terminals.a.port.usb_path: Windows does not tell") || !strings.Contains(got, "COM port") {
		t.Errorf("got %s", got)
	}
	got = parseErr(t, w, "terminals: {a: {driver: zvt, port: {usb: 0b00:0054}, currency: EUR}, b: {driver: zvt, port: {usb: 0B00:0054}, currency: EUR}}")
	if !strings.Contains(got, "terminals.b.port.usb: terminal a has this line already") || strings.Contains(got, "usb_path") {
		t.Errorf("got %s", got)
	}
}

// Ports that could be one line, both ways round.
func TestOverlaps(t *testing.T) {
	usb := func(number, path string) Port {
		return Port{USB: "0b00:0054", SerialNumber: number, USBPath: path, Baud: 9600}
	}
	for _, c := range []struct {
		a, b Port
		want bool
	}{
		{Port{Serial: "/dev/ttyUSB0", Baud: 9600}, Port{Serial: "/dev/ttyUSB0", Baud: 1200}, true},
		{Port{Serial: "/dev/ttyUSB0"}, Port{Serial: "/dev/ttyusb0"}, false},
		{Port{TCP: "h:1"}, Port{TCP: "h:2"}, false},
		{Port{Serial: "/dev/ttyUSB0"}, usb("", ""), false},
		{usb("", ""), usb("", ""), true},
		{usb("", ""), Port{USB: "0b00:0055"}, false},
		{usb("", ""), usb("1", ""), true},
		{usb("", ""), usb("", "1-1"), true},
		{usb("a", ""), usb("A", ""), true},
		{usb("1", ""), usb("2", ""), false},
		{usb("", "1-1"), usb("", "1-1:1.0"), true},
		{usb("", "1-1:1.2"), usb("", "1-1:1.0"), false},
		{usb("", "1-1"), usb("", "1-10"), false},
		{usb("1", ""), usb("", "1-1"), false},
	} {
		if got, back := c.a.overlaps(c.b), c.b.overlaps(c.a); got != c.want || back != c.want {
			t.Errorf("%s and %s: %t, %t", c.a, c.b, got, back)
		}
	}
}
