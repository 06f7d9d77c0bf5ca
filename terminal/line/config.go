package line

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"tillbridge/terminal"
)

// The speeds that Validate accepts, in bits per second. Terminals use 1200 to 115200; beyond these no
// adapter works.
const (
	minBaud = 50
	maxBaud = 4_000_000
)

// Config says where a terminal's line is: a serial port by its name (Serial) or by who the device is (USB),
// with its settings, or an address (TCP).
type Config struct {
	// Serial is a name, "/dev/ttyUSB0", "/dev/serial/by-id/…", "COM3". Whatever device has that name is opened;
	// see Opener for what a reopening takes care of.
	Serial string `yaml:"serial,omitempty" json:"serial,omitempty"`
	// USB is a vendor and a product, "0b00:0054", hexadecimal in either case. The device is found under whatever
	// name it has. Two that match are an error, and SerialNumber or USBPath say which one is meant.
	USB string `yaml:"usb,omitempty" json:"usb,omitempty"`
	// SerialNumber is what the USB device says, compared without regard to case, which Windows does not keep.
	SerialNumber string `yaml:"serial_number,omitempty" json:"serial_number,omitempty"`
	// USBPath is the socket that the USB device is plugged into, as Linux writes it: "1-1.4" for the device or
	// "1-1.4:1.0" for one of its interfaces. It is for like devices without serial numbers. Not on Windows.
	USBPath string `yaml:"usb_path,omitempty" json:"usb_path,omitempty"`

	Baud     int    `yaml:"baud,omitempty" json:"baud,omitempty"`           // bits per second
	DataBits int    `yaml:"data_bits,omitempty" json:"data_bits,omitempty"` // 5 to 8
	Parity   string `yaml:"parity,omitempty" json:"parity,omitempty"`       // "none", "even" or "odd"
	StopBits string `yaml:"stop_bits,omitempty" json:"stop_bits,omitempty"` // "1", "1.5" (Windows only) or "2"
	TCP      string `yaml:"tcp,omitempty" json:"tcp,omitempty"`             // "192.168.1.50:20007"

	// Listen says that the terminal dials the till: TCP is an address of this computer then, "0.0.0.0:18101", and Allow
	// the terminal's, the only one that is let in. Without Allow any in a private network is.
	Listen bool   `yaml:"listen,omitempty" json:"listen,omitempty"`
	Allow  string `yaml:"allow,omitempty" json:"allow,omitempty"`
}

// FieldError is one mistake in a Config. Validate joins all of them.
type FieldError struct {
	Field string // the key as written in the settings: "serial", "usb", "serial_number", "baud", "tcp" and so on
	Value string // what stood there; empty where it is missing
	Want  string // what may stand there
}

func (e *FieldError) Error() string {
	if e.Value == "" {
		return e.Field + ": " + e.Want
	}
	return fmt.Sprintf("%s: %q: %s", e.Field, e.Value, e.Want)
}

// WithDefaults fills what is empty with the settings that the protocol's terminals have from the factory,
// and with 8 data bits, no parity and 1 stop bit where the protocol does not say.
func (c Config) WithDefaults(d terminal.LineDefaults) Config {
	if c.TCP != "" {
		host := strings.TrimSuffix(strings.TrimPrefix(c.TCP, "["), "]")
		bare := !strings.Contains(c.TCP, ":") || net.ParseIP(host) != nil
		if d.TCPPort != 0 && bare {
			c.TCP = net.JoinHostPort(host, strconv.Itoa(d.TCPPort))
		}
		return c
	}
	c.Baud = first(c.Baud, d.Baud)
	c.DataBits = first(c.DataBits, d.DataBits, 8)
	c.Parity = first(c.Parity, d.Parity, "none")
	c.StopBits = first(c.StopBits, d.StopBits, "1")
	return c
}

// first returns the first value that is not zero.
func first[T comparable](values ...T) T {
	var zero T
	for _, v := range values {
		if v != zero {
			return v
		}
	}
	return zero
}

// Validate tells all that is wrong, as FieldErrors joined; nil if Open may be tried. It touches no device
// and no network.
func (c Config) Validate() error {
	given := 0
	for _, name := range []string{c.Serial, c.USB, c.TCP} {
		if name != "" {
			given++
		}
	}
	switch {
	case given == 0:
		return errors.Join(append(c.strayErrors(), &FieldError{"serial", "", `name a serial port (serial: /dev/ttyUSB0, serial: COM3), a USB device (usb: "0b00:0054") or an address (tcp: 192.168.1.50:20007)`})...)
	case given > 1 && c.TCP != "":
		return &FieldError{"tcp", c.TCP, "a terminal has either a serial port or an address, not both"}
	case given > 1:
		return &FieldError{"usb", c.USB, "a serial port is found either by its name (serial) or by its device (usb), not by both"}
	case c.TCP != "" && c.Listen:
		return errors.Join(append(c.strayErrors(), c.listenErrors()...)...)
	case c.TCP != "":
		return errors.Join(append(c.strayErrors(), c.tcpErrors()...)...)
	case c.USB != "":
		return errors.Join(append(c.usbErrors(), c.modeErrors()...)...)
	}
	return errors.Join(slices.Concat(c.strayErrors(), c.nameErrors(), c.modeErrors())...)
}

// strayErrors are the marks of a USB device where none is named.
func (c Config) strayErrors() (errs []error) {
	if c.SerialNumber != "" {
		errs = append(errs, &FieldError{"serial_number", c.SerialNumber, "belongs to a USB device; write usb: too"})
	}
	if c.USBPath != "" {
		errs = append(errs, &FieldError{"usb_path", c.USBPath, "belongs to a USB device; write usb: too"})
	}
	if c.Allow != "" && !c.Listen {
		errs = append(errs, &FieldError{"allow", c.Allow, "belongs to a line on which the terminal dials the till; tcp names a terminal that is dialled"})
	}
	return errs
}

var (
	usbID   = regexp.MustCompile(`^[0-9A-Fa-f]{4}:[0-9A-Fa-f]{4}$`)
	usbPath = regexp.MustCompile(`^[0-9]{1,3}-[0-9]{1,3}(\.[0-9]{1,3}){0,5}(:[0-9]{1,3}\.[0-9]{1,3})?$`)
)

// maxSerialNumber is the most characters that a USB device can have in its serial number.
const maxSerialNumber = 126

func (c Config) usbErrors() (errs []error) {
	if !usbID.MatchString(c.USB) {
		errs = append(errs, &FieldError{"usb", c.USB, `four hexadecimal digits of the vendor, a colon and four of the product, such as "0b00:0054"`})
	}
	if len(c.SerialNumber) > maxSerialNumber || hasControls(c.SerialNumber) {
		errs = append(errs, &FieldError{"serial_number", c.SerialNumber, fmt.Sprintf("at most %d characters, none of them a control character", maxSerialNumber)})
	}
	switch {
	case c.USBPath == "":
	case c.SerialNumber != "":
		errs = append(errs, &FieldError{"usb_path", c.USBPath, "a device is told from its like by its serial number or by where it is plugged in, not by both"})
	case runtime.GOOS == "windows":
		errs = append(errs, &FieldError{"usb_path", c.USBPath, "Windows does not tell it; write serial: with the COM port, which Windows keeps for the socket"})
	case !usbPath.MatchString(c.USBPath):
		errs = append(errs, &FieldError{"usb_path", c.USBPath, `as tillbridge ports shows it, such as "1-1.4:1.0"`})
	}
	return errs
}

func hasControls(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7F })
}

func (c Config) nameErrors() (errs []error) {
	if hasControls(c.Serial) {
		errs = append(errs, &FieldError{"serial", c.Serial, "a port's name has no control characters"})
	} else if runtime.GOOS != "windows" && !filepath.IsAbs(c.Serial) {
		errs = append(errs, &FieldError{"serial", c.Serial, "write the whole path, such as /dev/ttyUSB0"})
	}
	return errs
}

func (c Config) modeErrors() (errs []error) {
	// The operating system takes some impossible speeds without a word, -1 among them.
	if c.Baud < minBaud || c.Baud > maxBaud {
		errs = append(errs, &FieldError{"baud", strconv.Itoa(c.Baud), fmt.Sprintf("a speed is %d to %d bits per second, mostly 9600 or 115200", minBaud, maxBaud)})
	}
	if c.DataBits < 5 || c.DataBits > 8 {
		errs = append(errs, &FieldError{"data_bits", strconv.Itoa(c.DataBits), "5, 6, 7 or 8"})
	}
	if _, ok := parities()[c.Parity]; !ok {
		errs = append(errs, &FieldError{"parity", c.Parity, "none, even or odd"})
	}
	if _, ok := stopBits()[c.StopBits]; !ok {
		errs = append(errs, &FieldError{"stop_bits", c.StopBits, "1, 1.5 or 2"})
	} else if c.StopBits == "1.5" && runtime.GOOS != "windows" {
		errs = append(errs, &FieldError{"stop_bits", c.StopBits, "1 or 2; 1.5 exists on Windows only"})
	}
	return errs
}

func (c Config) tcpErrors() (errs []error) {
	host, port, err := net.SplitHostPort(c.TCP)
	n, bad := strconv.Atoi(port)
	switch {
	case err != nil || host == "":
		errs = append(errs, &FieldError{"tcp", c.TCP, "write host:port, such as 192.168.1.50:20007"})
	case bad != nil || n < 1 || n > 65535:
		errs = append(errs, &FieldError{"tcp", c.TCP, "a port is a number from 1 to 65535"})
	}
	if c.Baud != 0 {
		errs = append(errs, &FieldError{"baud", strconv.Itoa(c.Baud), "belongs to a serial port"})
	}
	if c.DataBits != 0 {
		errs = append(errs, &FieldError{"data_bits", strconv.Itoa(c.DataBits), "belongs to a serial port"})
	}
	if c.Parity != "" {
		errs = append(errs, &FieldError{"parity", c.Parity, "belongs to a serial port"})
	}
	if c.StopBits != "" {
		errs = append(errs, &FieldError{"stop_bits", c.StopBits, "belongs to a serial port"})
	}
	return errs
}

// Kind says what joins us to the terminal.
func (c Config) Kind() terminal.LinkKind {
	if c.TCP != "" {
		return terminal.TCP
	}
	return terminal.Serial
}

// String reads "/dev/ttyUSB0 9600 8N1", "USB 0b00:0054 serial number 4711 9600 8N1", "tcp 192.168.1.50:20007" or "no line".
func (c Config) String() string {
	switch {
	case c.Serial == "" && c.USB == "" && c.TCP == "": // a driver that uses none
		return "no line"
	case c.TCP != "" && c.Listen:
		return "tcp listening on " + c.TCP
	case c.TCP != "":
		return "tcp " + c.TCP
	}
	return fmt.Sprintf("%s %d %d%s%s", c.device(), c.Baud, c.DataBits, strings.ToUpper(c.Parity[:min(1, len(c.Parity))]), c.StopBits)
}

// device names the device without its settings.
func (c Config) device() string {
	switch {
	case c.USB == "":
		return c.Serial
	case c.SerialNumber != "":
		return "USB " + strings.ToLower(c.USB) + " serial number " + c.SerialNumber
	case c.USBPath != "":
		return "USB " + strings.ToLower(c.USB) + " at " + c.USBPath
	}
	return "USB " + strings.ToLower(c.USB)
}

// Open opens the line once, as an Opener does it at its first time. Whoever opens a line again and again uses
// an Opener: a device that hangs leaves a goroutine behind with each Open here.
func (c Config) Open(ctx context.Context) (terminal.Port, error) { return NewOpener(c).Open(ctx) }
