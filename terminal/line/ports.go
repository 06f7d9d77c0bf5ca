package line

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Use says whether somebody has a port open.
type Use uint8

// The uses of a port.
const (
	UseUnknown Use = iota // the system does not tell this user
	Free
	Held
)

func (u Use) String() string {
	switch u {
	case Free:
		return "free"
	case Held:
		return "held"
	}
	return "unknown"
}

// Access says whether this user may open a port.
type Access uint8

// The kinds of access.
const (
	AccessUnknown Access = iota // it cannot be told without opening the port
	Allowed
	Denied
)

func (a Access) String() string {
	switch a {
	case Allowed:
		return "allowed"
	case Denied:
		return "denied"
	}
	return "unknown"
}

// PortInfo is one serial port, or a USB device that should have one. What the system does not tell is empty.
type PortInfo struct {
	Name  string   // "/dev/ttyUSB0", "COM3"; empty for a USB device that the system made no port for
	Links []string // other names, the stable ones of /dev/serial first; Linux only

	USB          string // vendor and product, "0b00:0054", lower case; empty for a port that is no USB device
	SerialNumber string // of the USB device
	Manufacturer string // as the USB device says
	Product      string // as the USB device says; on Windows what the device manager shows
	USBPath      string // where it is plugged in and which of its interfaces it is, "1-1.4:1.0"; Linux only
	Driver       string // the kernel's for the USB device, "cdc_acm"; Linux only

	Use       Use
	HolderPID int    // the process that has it open, 0 where it cannot be told
	Holder    string // that process's name
	Access    Access
	Remedies  []string // what stands in the way of using the port, each with what to do; sentences without a full stop

	number string // what the device has as long as it is plugged in, whatever its names: "188:0", "COM3"
}

// Title says in a few words what the port is, "Ingenico Desk/3200".
func (p PortInfo) Title() string {
	maker, product := p.Manufacturer, p.Product
	switch {
	case product != "" && (maker == "" || strings.HasPrefix(strings.ToLower(product), strings.ToLower(maker))):
		return product
	case product != "":
		return maker + " " + product
	case maker != "":
		return maker + " device"
	}
	if c, ok := chipOf(p.USB); ok {
		return c.title
	}
	if p.USB != "" {
		return "USB serial device"
	}
	return "serial port of this computer"
}

// about names a USB device for an error: `Ingenico Desk/3200 (USB 0b00:0054, serial number 4711)`.
func (p PortInfo) about() string {
	if p.USB == "" {
		return p.Title()
	}
	number := "no serial number"
	if p.SerialNumber != "" {
		number = "serial number " + p.SerialNumber
	}
	return fmt.Sprintf("%s (USB %s, %s)", p.Title(), p.USB, number)
}

// socket is USBPath without the interface.
func (p PortInfo) socket() string {
	socket, _, _ := strings.Cut(p.USBPath, ":")
	return socket
}

// iface is the interface in USBPath.
func (p PortInfo) iface() string {
	_, iface, _ := strings.Cut(p.USBPath, ":")
	return iface
}

// chip is a serial adapter's chip that needs a driver of its own, unlike those of the class CDC-ACM.
type chip struct{ usb, title, driver string }

// chips are those that adapters are mostly made of, by the kernel's own device tables.
func chips() []chip {
	return []chip{
		{"0403:6001", "FTDI FT232 adapter", "ftdi_sio"},
		{"0403:6010", "FTDI FT2232 adapter", "ftdi_sio"},
		{"0403:6011", "FTDI FT4232 adapter", "ftdi_sio"},
		{"0403:6014", "FTDI FT232H adapter", "ftdi_sio"},
		{"0403:6015", "FTDI FT-X adapter", "ftdi_sio"},
		{"067b:2303", "Prolific PL2303 adapter", "pl2303"},
		{"067b:23a3", "Prolific PL2303 adapter", "pl2303"},
		{"067b:23c3", "Prolific PL2303 adapter", "pl2303"},
		{"10c4:ea60", "Silicon Labs CP210x adapter", "cp210x"},
		{"10c4:ea70", "Silicon Labs CP210x adapter", "cp210x"},
		{"10c4:ea71", "Silicon Labs CP210x adapter", "cp210x"},
		{"1a86:5523", "WCH CH341 adapter", "ch341"},
		{"1a86:7522", "WCH CH340 adapter", "ch341"},
		{"1a86:7523", "WCH CH340 adapter", "ch341"},
	}
}

func chipOf(usb string) (chip, bool) {
	for _, c := range chips() {
		if c.usb == usb {
			return c, true
		}
	}
	return chip{}, false
}

// host is the machine that the ports are on. Tests make up others.
type host struct {
	// ports lists the ports that are there, with what identifies them only.
	ports func() ([]PortInfo, error)
	// orphans lists the USB devices that should be a serial port and have none.
	orphans func() []PortInfo
	// list is ports and orphans with everything about them.
	list func() ([]PortInfo, error)
	// find is the device number that is under a name. Its error is that of a port that cannot be opened: absent,
	// or not allowed.
	find func(name string) (number string, err error)
	// lock takes the device under a name for us.
	lock func(name string) (*held, error)
	// open opens a device that is locked.
	open func(h *held, m mode) (tty, error)
	// stamp changes whenever ports come or go; empty where only looking tells.
	stamp func() string
}

// held is a device that is locked for us.
type held struct {
	path    string // its real name
	number  string
	via     string // the name to open it by, which leads to this device and no other
	release func()
}

// mode is a serial port's settings.
type mode struct {
	baud, dataBits   int
	parity, stopBits string
}

// tty is what we use of an open port of the serial library.
type tty interface {
	device
	SetDTR(bool) error
	SetRTS(bool) error
	SetReadTimeout(time.Duration) error
}

// listTimeout bounds Ports.
const listTimeout = 5 * time.Second

// Ports lists every serial port of this machine, and the USB devices that should be one and are not. It opens
// none, so that it disturbs no payment. It gives up when ctx ends, and after 5 s at the latest.
//
// Pseudo-terminals are not listed; Look tells of one.
func Ports(ctx context.Context) ([]PortInfo, error) {
	return bounded(ctx, listTimeout, "list serial ports", systemHost().list)
}

// bounded calls into the system for a limited time. A call that hangs is left behind.
func bounded[T any](ctx context.Context, limit time.Duration, what string, call func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	done := make(chan answer, 1)
	go func() {
		v, err := call()
		done <- answer{v, err}
	}()
	select {
	case a := <-done:
		if a.err != nil {
			return a.value, fmt.Errorf("%s: %w", what, a.err)
		}
		return a.value, nil
	case <-ctx.Done():
		var none T
		return none, fmt.Errorf("%s: the system does not answer: %w", what, ctx.Err())
	}
}

// printable keeps what a USB device says of itself from disturbing a screen.
func printable(c rune) rune {
	if c < ' ' || c >= 0x7F && c < 0xA0 || c == '\uFFFD' {
		return '?'
	}
	return c
}

// naturally orders names with numbers in them as people do.
func naturally(a, b string) int {
	stem := func(s string) string { return strings.TrimRight(s, "0123456789") }
	if x, y := stem(a), stem(b); x != y {
		return strings.Compare(x, y)
	}
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}
