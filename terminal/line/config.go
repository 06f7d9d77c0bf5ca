package line

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"runtime"
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

// Config says where a terminal's line is: either Serial with its settings, or TCP.
type Config struct {
	Serial   string `yaml:"serial,omitempty" json:"serial,omitempty"`       // "/dev/ttyUSB0", "COM3"
	Baud     int    `yaml:"baud,omitempty" json:"baud,omitempty"`           // bits per second
	DataBits int    `yaml:"data_bits,omitempty" json:"data_bits,omitempty"` // 5 to 8
	Parity   string `yaml:"parity,omitempty" json:"parity,omitempty"`       // "none", "even" or "odd"
	StopBits string `yaml:"stop_bits,omitempty" json:"stop_bits,omitempty"` // "1", "1.5" (Windows only) or "2"
	TCP      string `yaml:"tcp,omitempty" json:"tcp,omitempty"`             // "192.168.1.50:20007"
}

// FieldError is one mistake in a Config. Validate joins all of them.
type FieldError struct {
	Field string // the key as written in the settings: "serial", "baud", "data_bits", "parity", "stop_bits", "tcp"
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
	switch {
	case c.Serial == "" && c.TCP == "":
		return &FieldError{"serial", "", "name a serial port (serial: /dev/ttyUSB0, serial: COM3) or an address (tcp: 192.168.1.50:20007)"}
	case c.Serial != "" && c.TCP != "":
		return &FieldError{"tcp", c.TCP, "a terminal has either a serial port or an address, not both"}
	case c.TCP != "":
		return errors.Join(c.tcpErrors()...)
	}
	return errors.Join(c.serialErrors()...)
}

func (c Config) serialErrors() (errs []error) {
	if strings.ContainsFunc(c.Serial, func(r rune) bool { return r < ' ' || r == 0x7F }) {
		errs = append(errs, &FieldError{"serial", c.Serial, "a port's name has no control characters"})
	} else if runtime.GOOS != "windows" && !filepath.IsAbs(c.Serial) {
		errs = append(errs, &FieldError{"serial", c.Serial, "write the whole path, such as /dev/ttyUSB0"})
	}
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

// String reads "/dev/ttyUSB0 9600 8N1" or "tcp 192.168.1.50:20007".
func (c Config) String() string {
	if c.TCP != "" {
		return "tcp " + c.TCP
	}
	return fmt.Sprintf("%s %d %d%s%s", c.Serial, c.Baud, c.DataBits, strings.ToUpper(c.Parity[:min(1, len(c.Parity))]), c.StopBits)
}

// Open opens the line, after Validate. It gives up when ctx ends, and after 5 s at the latest.
//
// The port that it returns may be used by one reader and any number of writers at a time. Its Read returns
// bytes as soon as they are there, and ErrGone once the line is lost and all that came before is read. Its
// Write returns ErrStuck when the system does not take the bytes; see there. After its Close everything
// returns an error that is net.ErrClosed and os.ErrClosed. Close returns within 2 s whatever the device does.
//
// It has the method Abort() error, which is a Close that drops what was written and has not left yet. A
// connection that ends without Close, because the program was killed, drops it too.
//
// A serial port has the method Gone() <-chan struct{}, closed when the line is lost while nobody reads.
//
// For a serial port that somebody else uses the error is a *BusyError; one that does not exist is
// fs.ErrNotExist, one that we may not open is fs.ErrPermission.
func (c Config) Open(ctx context.Context) (terminal.Port, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("open %s: %w", c, err)
	}
	if c.TCP != "" {
		return dialTCP(ctx, c.TCP)
	}
	return openSerial(ctx, c)
}
