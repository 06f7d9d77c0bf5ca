package line

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func terminalOf(at, serial string) *usbDevice {
	return &usbDevice{at: at, usb: "0b00:0054", serial: serial, maker: "Ingenico", product: "Desk/3500", class: "02", subclass: "02", driver: "cdc_acm"}
}

func adapterAt(at string) *usbDevice {
	return &usbDevice{at: at, usb: "1a86:7523", product: "USB Serial", class: "ff", subclass: "01", driver: "ch341", nesting: "ttyUSB"}
}

func TestPortsOfAMadeUpMachine(t *testing.T) {
	s := newShelf(t)
	acm, usb := newPTY(t, ""), newPTY(t, "")
	desk, ch := terminalOf("1-1.4", "4711"), adapterAt("2-3")
	s.plug(desk)
	s.name(desk, "ttyACM10", acm.Path())
	s.plug(ch)
	s.name(ch, "ttyUSB0", usb.Path())
	s.link(filepath.Join(s.dev, "serial/by-id/usb-Ingenico_4711-if00"), desk.dev)
	s.link(filepath.Join(s.dev, "serial/by-path/pci-0000:00:14.0-usb-0:1.4:1.0"), desk.dev)
	s.link(filepath.Join(s.dev, "terminal"), desk.dev)
	s.plug(&usbDevice{at: "1-2", usb: "11ca:0222", serial: "V\x07\xff", class: "02", subclass: "02"})
	s.plug(&usbDevice{at: "1-3", usb: "10c4:ea60", class: "ff", subclass: "00", driver: "usbfs"})
	s.plug(&usbDevice{at: "1-5", usb: "046d:c31c", product: "Keyboard", class: "03", subclass: "01", driver: "usbhid"})
	s.plug(&usbDevice{at: "1-6", usb: "0b95:1790", product: "Network", class: "02", subclass: "06", driver: "cdc_ether"})
	s.tty("ttyS0", "pnp0/00:00/00:00:0/00:00:0.0", "4", true)
	s.tty("ttyS1", "platform/serial8250/serial8250:0/serial8250:0.1", "0", true)
	s.tty("tty0", "virtual", "", false)
	s.tty("ttyprintk", "other", "", false)
	s.program(812, "minicom", "/dev/null", usb.Path())
	s.program(900, "ModemManager", "/dev/null")

	got, err := s.list()
	if err != nil {
		t.Fatal(err)
	}
	grab := grabbed(900)
	want := []PortInfo{
		{
			Name: s.dev + "/ttyACM10", USB: "0b00:0054", SerialNumber: "4711", Manufacturer: "Ingenico", Product: "Desk/3500", USBPath: "1-1.4:1.0", Driver: "cdc_acm",
			Links: []string{s.dev + "/serial/by-id/usb-Ingenico_4711-if00", s.dev + "/serial/by-path/pci-0000:00:14.0-usb-0:1.4:1.0", s.dev + "/terminal"},
			Use:   Free, Access: Allowed, Remedies: []string{grab},
		},
		{Name: s.dev + "/ttyS0", Use: Free, Access: Denied, Remedies: []string{s.dev + "/ttyS0 is missing, though the system has the port; plug it in again (in a container: pass the device through)"}},
		{
			Name: s.dev + "/ttyUSB0", USB: "1a86:7523", Product: "USB Serial", USBPath: "2-3:1.0", Driver: "ch341",
			Use: Held, HolderPID: 812, Holder: "minicom", Access: Allowed, Remedies: []string{grab},
		},
		{USB: "11ca:0222", SerialNumber: "V??", USBPath: "1-2:1.0", Access: Denied, Remedies: []string{PortInfo{USB: "11ca:0222"}.withoutPort(true)}},
		{USB: "10c4:ea60", USBPath: "1-3:1.0", Driver: "usbfs", Access: Denied, Remedies: []string{PortInfo{USB: "10c4:ea60", Driver: "usbfs"}.withoutPort(false)}},
	}
	if d := cmp.Diff(want, got, cmpopts.IgnoreUnexported(PortInfo{})); d != "" {
		t.Error(d)
	}
	for _, p := range got {
		if p.USB == "0b00:0054" {
			h, err := lockDevice(p.Name)
			if err != nil {
				t.Fatal(err)
			}
			if h.number != p.number || h.path != acm.Path() {
				t.Errorf("the device is %s at %s, the list says %s", h.number, h.path, p.number)
			}
			h.release()
		}
	}
	if dangling, err := s.find(s.dev + "/ttyS0"); err == nil {
		t.Errorf("a port without a device file is %s", dangling)
	}
}

func TestPortsWithoutAnything(t *testing.T) {
	nowhere := t.TempDir() + "/none"
	r := roots{nowhere, nowhere, nowhere}
	if got, err := r.list(); len(got) != 0 || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	for _, p := range must(Ports(context.Background()))(t) { // whatever this machine has
		if p.Name == "" && p.USB == "" || strings.Contains(p.Name, "pts") {
			t.Errorf("listed: %+v", p)
		}
	}
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestLook(t *testing.T) {
	link := filepath.Join(t.TempDir(), "terminal")
	pty := newPTY(t, link)
	p := must(Look(link))(t)
	if p.Name != link || len(p.Links) != 1 || p.Links[0] != pty.Path() || p.Use == Held || !strings.Contains(p.Title(), "pseudo-terminal") {
		t.Errorf("%+v", p)
	}
	openPort(t, link)
	if p := must(Look(link))(t); p.Use != Held || p.HolderPID != os.Getpid() {
		t.Errorf("held: %+v", p)
	}
	if p := must(Look("/dev/null"))(t); strings.Contains(p.Title(), "pseudo") || p.Access == AccessUnknown {
		t.Errorf("%+v", p)
	}
	if _, err := Look(link + "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if _, err := Look("/etc/passwd"); err == nil {
		t.Error("a plain file is taken for a port")
	}
}

// The open of a made-up USB device by who it is, under names that change, over the whole real way.
func TestOpenByIdentity(t *testing.T) {
	s := newShelf(t)
	right, wrong := newPTY(t, ""), newPTY(t, "")
	a, b := terminalOf("1-1", "A1"), terminalOf("1-2", "B2")
	s.plug(a)
	s.plug(b)
	o := &Opener{c: usbConfig("0b00:0054", "A1", ""), host: s.host()}
	if _, err := o.Open(context.Background()); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "made no serial port for it") {
		t.Errorf("without a port: %v", err)
	}
	s.name(b, "ttyACM0", wrong.Path())
	for _, name := range []string{"ttyACM1", "ttyACM3"} {
		s.forget(a)
		s.name(a, name, right.Path())
		p := must(o.Open(context.Background()))(t)
		if _, err := p.Write([]byte("pay")); err != nil {
			t.Error(err)
		}
		got := make([]byte, 9)
		if n, err := right.Read(got); string(got[:n]) != "pay" || err != nil {
			t.Errorf("at %s: %q, %v", name, got[:n], err)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	s.forget(a)
	_, err := o.Open(context.Background())
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("unplugged: %v", err)
	}
	wrong.SetReadDeadline(time.Now().Add(-time.Second))
	if n, err := wrong.Read(make([]byte, 9)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the other terminal got %d bytes, %v", n, err)
	}
}

// A look must be cheap, since a Watch takes one a second for as long as a terminal is away.
func BenchmarkLook(b *testing.B) {
	r := roots{"/sys", "/dev", "/proc"}
	o := &Opener{c: usbConfig("0b00:0054", "A1", ""), host: r.host()}
	for b.Loop() {
		_ = o.ready()
	}
}
