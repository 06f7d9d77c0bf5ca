package line

import (
	"errors"
	"io/fs"
	"runtime"
	"strings"
	"testing"
)

// The devices of these tests.
func desk(name, number, path string) PortInfo {
	return PortInfo{Name: name, number: "n:" + name, USB: "0b00:0054", Manufacturer: "Ingenico", Product: "Desk/3500", SerialNumber: number, USBPath: path}
}

func adapter(name, path string) PortInfo {
	return PortInfo{Name: name, number: "n:" + name, USB: "1a86:7523", USBPath: path}
}

func usbConfig(usb, number, path string) Config {
	c := serialConfig("")
	c.USB, c.SerialNumber, c.USBPath = usb, number, path
	return c
}

func TestFind(t *testing.T) {
	a, b := desk("/dev/ttyACM0", "A1", "1-1:1.0"), desk("/dev/ttyACM1", "b2", "1-2.3:1.0")
	second := desk("/dev/ttyACM2", "b2", "1-2.3:1.2")
	x, y := adapter("/dev/ttyUSB0", "2-1:1.0"), adapter("/dev/ttyUSB1", "2-2:1.0")
	x.Links = []string{"/dev/serial/by-path/x", "/dev/terminal"}
	without := PortInfo{USB: "0b00:0054", SerialNumber: "C3", Remedies: []string{"the driver is missing"}}
	all := []PortInfo{a, b, x, y, {Name: "/dev/ttyS0", number: "4:64"}}
	for name, c := range map[string]struct {
		c     Config
		ports []PortInfo
		want  string   // the name found
		err   error    // otherwise
		says  []string // and what it says
	}{
		"the only one":          {usbConfig("0B00:0054", "", ""), []PortInfo{x, a}, a.Name, nil, nil},
		"by serial number":      {usbConfig("0b00:0054", "B2", ""), all, b.Name, nil, nil},
		"by socket":             {usbConfig("1a86:7523", "", "2-2"), all, y.Name, nil, nil},
		"by interface":          {usbConfig("0b00:0054", "", "1-2.3:1.2"), append(all, second), second.Name, nil, nil},
		"by name":               {serialConfig("/dev/ttyUSB1"), all, y.Name, nil, nil},
		"by link":               {serialConfig("/dev/terminal"), all, x.Name, nil, nil},
		"none of that name":     {serialConfig("/dev/ttyUSB7"), all, "", fs.ErrNotExist, []string{"/dev/ttyUSB7"}},
		"nothing at all":        {usbConfig("0b00:0054", "", ""), nil, "", fs.ErrNotExist, []string{"no USB device 0b00:0054 is plugged in", "switched on?"}},
		"others":                {usbConfig("0B00:0099", "", ""), all, "", fs.ErrNotExist, []string{"no USB device 0b00:0099 is plugged in", "plugged in are:", "Ingenico Desk/3500 (USB 0b00:0054, serial number A1)", "WCH CH340 adapter (USB 1a86:7523, no serial number)"}},
		"another number":        {usbConfig("0b00:0054", "Z9", ""), all, "", fs.ErrNotExist, []string{"Z9", "of this kind: one with the serial number A1, one with the serial number b2"}},
		"another socket":        {usbConfig("1a86:7523", "", "3-1"), all, "", fs.ErrNotExist, []string{"at 3-1", "one at 2-1:1.0, one at 2-2:1.0"}},
		"no driver":             {usbConfig("0b00:0054", "", ""), []PortInfo{x, without}, "", fs.ErrNotExist, []string{"made no serial port", ": the driver is missing"}},
		"two with numbers":      {usbConfig("0b00:0054", "", ""), all, "", ErrAmbiguous, []string{"/dev/ttyACM0", "/dev/ttyACM1", "A1", "b2", `serial_number: "A1"`}},
		"two without":           {usbConfig("1a86:7523", "", ""), all, "", ErrAmbiguous, []string{"/dev/ttyUSB0 at 2-1:1.0", "/dev/ttyUSB1 at 2-2:1.0", `usb_path: "2-1:1.0"`}},
		"two of one device":     {usbConfig("0b00:0054", "b2", ""), append(all, second), "", ErrAmbiguous, []string{`usb_path: "1-2.3:1.0" in place of serial_number`}},
		"two interfaces":        {usbConfig("0b00:0054", "", "1-2.3"), append(all, second), "", ErrAmbiguous, []string{`usb_path: "1-2.3:1.0"`}},
		"two with no mark":      {usbConfig("0b00:0054", "", ""), []PortInfo{desk("/dev/a", "", ""), desk("/dev/b", "", "")}, "", ErrAmbiguous, []string{"/dev/a is", "/dev/b is"}},
		"one with, one without": {usbConfig("0b00:0054", "", ""), []PortInfo{a, desk("/dev/b", "", "1-9:1.0")}, "", ErrAmbiguous, []string{`usb_path: "1-1:1.0"`}},
	} {
		if runtime.GOOS == "windows" && (c.c.Serial != "" || c.c.USBPath != "") {
			continue
		}
		p, err := c.c.Find(c.ports)
		if p.Name != c.want || !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
			t.Errorf("%s: found %q, %v; want %q, %v", name, p.Name, err, c.want, c.err)
			continue
		}
		for _, s := range c.says {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("%s: %q does not say %q", name, err, s)
			}
		}
	}
}

func TestFindNamesFewDevices(t *testing.T) {
	var many []PortInfo
	for range 50 {
		many = append(many, adapter("/dev/ttyUSB0", "2-1:1.0"))
	}
	_, err := usbConfig("0b00:0054", "", "").Find(many)
	if err == nil || !strings.Contains(err.Error(), "and 45 more") || len(err.Error()) > 600 {
		t.Errorf("%v", err)
	}
}

func TestSameDevice(t *testing.T) {
	a := desk("/dev/ttyACM0", "A1", "1-1:1.0")
	x := adapter("/dev/ttyUSB0", "2-1:1.0")
	moved := func(p PortInfo, name, path string) PortInfo { p.Name, p.USBPath = name, path; return p }
	for name, c := range map[string]struct {
		a, b  PortInfo
		twins bool
		same  bool
	}{
		"moved, with number":          {a, moved(a, "/dev/ttyACM7", "3-2:1.0"), true, true},
		"other number":                {a, desk("/dev/ttyACM0", "A2", "1-1:1.0"), false, false},
		"number lost":                 {a, desk("/dev/ttyACM0", "", "1-1:1.0"), false, false},
		"other kind":                  {a, adapter("/dev/ttyACM0", "1-1:1.0"), false, false},
		"other interface":             {a, moved(a, "/dev/ttyACM0", "1-1:1.2"), false, false},
		"moved, without number":       {x, moved(x, "/dev/ttyUSB3", "2-7:1.0"), false, true},
		"moved, and there is a twin":  {x, moved(x, "/dev/ttyUSB0", "2-7:1.0"), true, false},
		"stayed, and there is a twin": {x, moved(x, "/dev/ttyUSB5", "2-1:1.0"), true, true},
		"Windows, twin":               {moved(x, "COM3", ""), moved(x, "COM4", ""), true, false},
		"no USB, other port":          {PortInfo{Name: "/dev/ttyS0"}, PortInfo{Name: "/dev/ttyS1"}, false, false},
	} {
		if got := same(c.a, c.b, c.twins); got != c.same {
			t.Errorf("%s: same is %t", name, got)
		}
		if got := same(c.b, c.a, c.twins); got != c.same {
			t.Errorf("%s, the other way round: same is %t", name, got)
		}
	}
	for name, c := range map[string]struct {
		others []PortInfo
		twin   bool
	}{
		"alone":                      {[]PortInfo{x, a}, false},
		"like it":                    {[]PortInfo{x, moved(x, "/dev/ttyUSB1", "2-2:1.0")}, true},
		"second interface of itself": {[]PortInfo{x, moved(x, "/dev/ttyUSB1", "2-1:1.1")}, false},
	} {
		if got := twin(x, c.others); got != c.twin {
			t.Errorf("%s: twin is %t", name, got)
		}
	}
	if twin(a, []PortInfo{a, desk("/dev/ttyACM1", "A2", "1-2:1.0")}) {
		t.Error("devices with serial numbers are taken for twins")
	}
}

func TestEnumeratedOnWindows(t *testing.T) {
	for name, c := range map[string]struct {
		e    enumerated
		want PortInfo
	}{
		"CDC":              {enumerated{"COM12", true, "0B00", "0054", "4711", "Ingenico USB Port (COM12)"}, PortInfo{Name: "COM12", number: "COM12", USB: "0b00:0054", SerialNumber: "4711", Product: "Ingenico USB Port"}},
		"FTDI":             {enumerated{"COM3", true, "0403", "6001", "A50285BIA", "USB Serial Port (COM3)"}, PortInfo{Name: "COM3", number: "COM3", USB: "0403:6001", SerialNumber: "A50285BI", Product: "USB Serial Port"}},
		"FTDI, none":       {enumerated{"COM3", true, "0403", "6001", "5", "USB Serial Port (COM3)"}, PortInfo{Name: "COM3", number: "COM3", USB: "0403:6001", Product: "USB Serial Port"}},
		"no USB":           {enumerated{"COM1", false, "", "", "", "Communications Port (COM1)"}, PortInfo{Name: "COM1", number: "COM1", Product: "Communications Port"}},
		"odd, undescribed": {enumerated{"com7", true, "1A86", "7523", "", ""}, PortInfo{Name: "com7", number: "COM7", USB: "1a86:7523"}},
	} {
		got := c.e.info()
		if got.Name != c.want.Name || got.number != c.want.number || got.USB != c.want.USB || got.SerialNumber != c.want.SerialNumber || got.Product != c.want.Product {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
	if got := numberOf(`\\.\com12`); got != "COM12" {
		t.Errorf("COM12 is %q", got)
	}
}

func TestPortTitle(t *testing.T) {
	for want, p := range map[string]PortInfo{
		"Ingenico Desk/3500":           {USB: "0b00:0054", Manufacturer: "Ingenico", Product: "Desk/3500"},
		"FTDI FT232R":                  {USB: "0403:6001", Manufacturer: "ftdi", Product: "FTDI FT232R"},
		"Acme device":                  {USB: "1234:5678", Manufacturer: "Acme"},
		"WCH CH340 adapter":            {USB: "1a86:7523"},
		"USB serial device":            {USB: "1234:5678"},
		"serial port of this computer": {},
	} {
		if got := p.Title(); got != want {
			t.Errorf("%+v is %q, want %q", p, got, want)
		}
	}
}

func TestRemedies(t *testing.T) {
	denied := fs.ErrPermission
	me := func(group string, open bool, member ...string) account {
		a := account{name: "ann", member: map[string]bool{}, groupOf: func(string) (string, bool, error) { return group, open, nil }}
		for _, m := range member {
			a.member[m] = true
		}
		return a
	}
	nobody := account{groupOf: func(string) (string, bool, error) { return "", false, errors.New("broken") }}
	for _, c := range []struct{ got, want string }{
		{me("dialout", true).remedy("/dev/ttyUSB0", denied), "sudo usermod -aG dialout ann, then log out and in"},
		{me("uucp", true).remedy("/dev/ttyUSB0", denied), "sudo usermod -aG uucp ann"},
		{me("dialout", true, "dialout").remedy("/dev/ttyUSB0", denied), "log out and in"},
		{me("root", true).remedy("/dev/ttyUSB0", denied), "udev rule"},
		{me("dialout", false).remedy("/dev/ttyUSB0", denied), "sudo chmod 660 /dev/ttyUSB0"},
		{me("dialout", true).remedy("/dev/ttyUSB0", fs.ErrNotExist), "is missing"},
		{me("dialout", true).remedy("/dev/ttyUSB0", errors.New("broken")), "broken"},
		{nobody.remedy("/dev/ttyUSB0", denied), permissionHint},
		{grabbed(42), "sudo systemctl disable --now ModemManager"},
		{PortInfo{USB: "0b00:0054"}.withoutPort(true), "sudo modprobe cdc_acm"},
		{PortInfo{USB: "1a86:7523"}.withoutPort(false), "sudo modprobe ch341"},
		{PortInfo{USB: "1a86:7523", Driver: "usbfs"}.withoutPort(false), "brltty"},
		{PortInfo{USB: "10c4:ea60", Driver: "usbhid"}.withoutPort(false), "the system's driver usbhid has it"},
	} {
		if !strings.Contains(c.got, c.want) {
			t.Errorf("%q does not say %q", c.got, c.want)
		}
	}
	if s := me("dialout", true, "dialout").remedy("/dev/ttyUSB0", denied); strings.Contains(s, "usermod") {
		t.Errorf("who is in the group already is told %q", s)
	}
	if s := (PortInfo{USB: "046d:c31c"}).withoutPort(false); s != "" {
		t.Errorf("a keyboard is told %q", s)
	}
}
