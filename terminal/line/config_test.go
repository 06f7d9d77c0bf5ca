package line

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"

	"tillbridge/terminal"
)

func serialConfig(path string) Config {
	return Config{Serial: path, Baud: 9600, DataBits: 8, Parity: "none", StopBits: "1"}
}

func TestConfigValidate(t *testing.T) {
	good := serialConfig("/dev/ttyUSB0")
	for name, c := range map[string]struct {
		change func(*Config)
		fields string // those in error, in order
	}{
		"good":            {func(*Config) {}, ""},
		"7E2":             {func(c *Config) { c.DataBits, c.Parity, c.StopBits = 7, "even", "2" }, ""},
		"odd speed":       {func(c *Config) { c.Baud = 12345 }, ""},
		"nothing":         {func(c *Config) { *c = Config{} }, "serial"},
		"both":            {func(c *Config) { c.TCP = "h:1" }, "tcp"},
		"baud -1":         {func(c *Config) { c.Baud = -1 }, "baud"},
		"baud 0":          {func(c *Config) { c.Baud = 0 }, "baud"},
		"baud 49":         {func(c *Config) { c.Baud = 49 }, "baud"},
		"baud 40 million": {func(c *Config) { c.Baud = 40_000_000 }, "baud"},
		"all wrong":       {func(c *Config) { c.Baud, c.DataBits, c.Parity, c.StopBits = 1, 9, "Even", "3" }, "baud data_bits parity stop_bits"},
		"control":         {func(c *Config) { c.Serial = "/dev/tty\x00USB0" }, "serial"},
		"usb":             {func(c *Config) { c.Serial, c.USB = "", "0B00:00ab" }, ""},
		"usb number":      {func(c *Config) { c.Serial, c.USB, c.SerialNumber = "", "0b00:0054", "A 1/é" }, ""},
		"usb short":       {func(c *Config) { c.Serial, c.USB = "", "b00:0054" }, "usb"},
		"usb x":           {func(c *Config) { c.Serial, c.USB = "", "0x0b:0054" }, "usb"},
		"usb and more":    {func(c *Config) { c.Serial, c.USB = "", "0b00:0054:1" }, "usb"},
		"usb and serial":  {func(c *Config) { c.USB = "0b00:0054" }, "usb"},
		"usb and tcp":     {func(c *Config) { c.Serial, c.USB, c.TCP = "", "0b00:0054", "h:1" }, "tcp"},
		"usb and baud":    {func(c *Config) { c.Serial, c.USB, c.Baud = "", "0b00:0054", 1 }, "baud"},
		"long number":     {func(c *Config) { c.Serial, c.USB, c.SerialNumber = "", "0b00:0054", strings.Repeat("1", 127) }, "serial_number"},
		"number control":  {func(c *Config) { c.Serial, c.USB, c.SerialNumber = "", "0b00:0054", "1\n" }, "serial_number"},
		"number and path": {func(c *Config) { c.Serial, c.USB, c.SerialNumber, c.USBPath = "", "0b00:0054", "1", "1-1" }, "usb_path"},
		"number, no usb":  {func(c *Config) { c.SerialNumber = "1" }, "serial_number"},
		"path, no usb":    {func(c *Config) { *c = Config{TCP: "h:1", USBPath: "1-1"} }, "usb_path"},
		"only marks":      {func(c *Config) { *c = Config{SerialNumber: "1", USBPath: "1-1"} }, "serial_number usb_path serial"},
		"tcp":             {func(c *Config) { *c = Config{TCP: "192.168.1.50:20007"} }, ""},
		"tcp name":        {func(c *Config) { *c = Config{TCP: "terminal.shop.lan:1"} }, ""},
		"tcp v6":          {func(c *Config) { *c = Config{TCP: "[fe80::1%eth0]:65535"} }, ""},
		"tcp no port":     {func(c *Config) { *c = Config{TCP: "192.168.1.50"} }, "tcp"},
		"tcp no host":     {func(c *Config) { *c = Config{TCP: ":20007"} }, "tcp"},
		"tcp port 0":      {func(c *Config) { *c = Config{TCP: "h:0"} }, "tcp"},
		"tcp port 65536":  {func(c *Config) { *c = Config{TCP: "h:65536"} }, "tcp"},
		"tcp port name":   {func(c *Config) { *c = Config{TCP: "h:http"} }, "tcp"},
		"tcp with baud":   {func(c *Config) { c.Serial, c.TCP = "", "h:1" }, "baud data_bits parity stop_bits"},
	} {
		cfg := good
		c.change(&cfg)
		err := cfg.Validate()
		if got := strings.Join(fields(err), " "); got != c.fields {
			t.Errorf("%s: fields in error are %q, want %q (%v)", name, got, c.fields, err)
		}
		if err == nil {
			continue
		}
		if p, again := cfg.Open(context.Background()); p != nil || again == nil || again.Error() != err.Error() {
			t.Errorf("%s: Open returned %v, %v", name, p, again)
		}
	}
}

// What only one system has is refused on the others.
func TestConfigValidateBySystem(t *testing.T) {
	good := serialConfig("/dev/ttyUSB0")
	if runtime.GOOS != "windows" {
		for field, change := range map[string]func(*Config){
			"serial":    func(c *Config) { c.Serial = "COM3" },
			"stop_bits": func(c *Config) { c.StopBits = "1.5" },
			"usb_path":  func(c *Config) { c.Serial, c.USB, c.USBPath = "", "0b00:0054", "1-1.4:1" },
		} {
			cfg := good
			change(&cfg)
			if got := fields(cfg.Validate()); len(got) != 1 || got[0] != field {
				t.Errorf("fields in error are %q, want %s", got, field)
			}
		}
		for _, path := range []string{"1-1", "3-10.4.1", "1-1.4:1.0"} {
			cfg := good
			cfg.Serial, cfg.USB, cfg.USBPath = "", "0b00:0054", path
			if err := cfg.Validate(); err != nil {
				t.Errorf("usb_path %s: %v", path, err)
			}
		}
	}
}

func fields(err error) (names []string) {
	errs := []error{err}
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		errs = j.Unwrap()
	}
	for _, e := range errs {
		var f *FieldError
		if errors.As(e, &f) {
			names = append(names, f.Field)
		}
	}
	return names
}

func TestConfigReads(t *testing.T) {
	zvt := terminal.LineDefaults{Baud: 9600, DataBits: 8, Parity: "none", StopBits: "2", TCPPort: 20007}
	for _, c := range []struct {
		in   Config
		d    terminal.LineDefaults
		text string
		kind terminal.LinkKind
	}{
		{Config{Serial: "/dev/ttyUSB0"}, zvt, "/dev/ttyUSB0 9600 8N2", terminal.Serial},
		{Config{Serial: "COM3", Baud: 115200, StopBits: "1"}, zvt, "COM3 115200 8N1", terminal.Serial},
		{Config{Serial: "COM3", Baud: 1200, DataBits: 7, Parity: "even", StopBits: "1.5"}, zvt, "COM3 1200 7E1.5", terminal.Serial},
		{Config{Serial: "COM3", Baud: 2400, Parity: "odd"}, terminal.LineDefaults{}, "COM3 2400 8O1", terminal.Serial},
		{Config{USB: "0B00:0054"}, zvt, "USB 0b00:0054 9600 8N2", terminal.Serial},
		{Config{USB: "0b00:0054", SerialNumber: "4711"}, zvt, "USB 0b00:0054 serial number 4711 9600 8N2", terminal.Serial},
		{Config{USB: "0b00:0054", USBPath: "1-1.4"}, zvt, "USB 0b00:0054 at 1-1.4 9600 8N2", terminal.Serial},
		{Config{TCP: "192.168.1.50"}, zvt, "tcp 192.168.1.50:20007", terminal.TCP},
		{Config{TCP: "192.168.1.50:5577"}, zvt, "tcp 192.168.1.50:5577", terminal.TCP},
		{Config{TCP: "fe80::1"}, zvt, "tcp [fe80::1]:20007", terminal.TCP},
		{Config{TCP: "[fe80::1]"}, zvt, "tcp [fe80::1]:20007", terminal.TCP},
		{Config{TCP: "[fe80::1]:7"}, zvt, "tcp [fe80::1]:7", terminal.TCP},
		{Config{TCP: "192.168.1.50"}, terminal.LineDefaults{}, "tcp 192.168.1.50", terminal.TCP},
	} {
		got := c.in.WithDefaults(c.d)
		if got.String() != c.text || got.Kind() != c.kind {
			t.Errorf("%+v reads %q, %s; want %q, %s", c.in, got, got.Kind(), c.text, c.kind)
		}
	}
	if got := (Config{}).String(); got == "" {
		t.Error("an empty config reads as nothing")
	}
}
