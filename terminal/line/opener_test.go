package line

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/terminal"
)

// fakeTTY is a fakeDevice with modem lines.
type fakeTTY struct {
	*fakeDevice
	modem error // of SetDTR and SetRTS
}

func (f fakeTTY) SetDTR(bool) error                  { return f.modem }
func (f fakeTTY) SetRTS(bool) error                  { return f.modem }
func (f fakeTTY) SetReadTimeout(time.Duration) error { return nil }

// machine is a made-up host. What is plugged in is listed in there; each device notes what is done to it.
type machine struct {
	mu      sync.Mutex
	there   []PortInfo
	devices map[string]*fakeDevice // by number, those that were opened
	hang    chan struct{}          // nil, or what an open waits for
	opened  func()                 // called within an open, before it ends
	broken  error                  // of ports
	modem   error
	locks   int // held now
	opens   int // that have begun
}

func (m *machine) plug(ports ...PortInfo) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.there = ports
}

func (m *machine) list() ([]PortInfo, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]PortInfo(nil), m.there...), m.broken
}

func (m *machine) find(name string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.there {
		if p.Name == name {
			return p.number, nil
		}
	}
	return "", &os.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
}

func (m *machine) lock(name string) (*held, error) {
	number, err := m.find(name)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.locks++
	return &held{path: name, number: number, via: number, release: func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.locks--
	}}, nil
}

func (m *machine) open(h *held, _ mode) (tty, error) {
	m.mu.Lock()
	m.opens++
	hang, opened := m.hang, m.opened
	m.mu.Unlock()
	if hang != nil {
		<-hang
	}
	if opened != nil {
		opened()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	d := &fakeDevice{read: quiet}
	d.write = func(b []byte) (int, error) { d.note("write " + string(b)); return len(b), nil }
	if m.devices == nil {
		m.devices = map[string]*fakeDevice{}
	}
	m.devices[h.via] = d
	return fakeTTY{d, m.modem}, nil
}

func (m *machine) opener(c Config) *Opener {
	return &Opener{c: c, host: host{
		ports: m.list, list: m.list, find: m.find, lock: m.lock, open: m.open,
		orphans: func() []PortInfo { return nil }, stamp: func() string { return "" },
	}}
}

func (m *machine) locked() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.locks
}

// deviceAt is the device that was opened under a number.
func (m *machine) deviceAt(number string) *fakeDevice {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.devices[number]
}

func mustOpen(t *testing.T, o *Opener) terminal.Port {
	t.Helper()
	p, err := o.Open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func wantRefused(t *testing.T, o *Opener, want error, says ...string) {
	t.Helper()
	p, err := o.Open(context.Background())
	if p != nil || !errors.Is(err, want) {
		t.Fatalf("opened %v, %v; want %v", p, err, want)
	}
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("%q does not say %q", err, s)
		}
	}
}

// portName is a name that Validate takes on the system that the test runs on.
func portName(n string) string {
	if runtime.GOOS == "windows" {
		return "COM1" + n
	}
	return "/dev/ttyUSB" + n
}

func TestOpenFollowsTheIdentity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &machine{}
		o := m.opener(usbConfig("0b00:0054", "A1", ""))
		wantRefused(t, o, fs.ErrNotExist, "open port: no USB device 0b00:0054 is plugged in")
		for _, n := range []string{"0", "3", "1"} {
			other := desk(portName("9"), "B2", "1-9:1.0")
			m.plug(other, desk(portName(n), "A1", "1-"+n+":1.0"))
			p := mustOpen(t, o)
			if _, err := p.Write([]byte("pay")); err != nil {
				t.Error(err)
			}
			if err := p.Close(); err != nil {
				t.Error(err)
			}
			if got := m.deviceAt("n:" + portName(n)).noted(); len(got) == 0 || got[0] != "write pay" {
				t.Errorf("the device at %s saw %q", portName(n), got)
			}
			if m.deviceAt("n:"+other.Name) != nil {
				t.Error("the other device was opened")
			}
		}
		if n := m.locked(); n != 0 {
			t.Errorf("%d locks are left", n)
		}
	})
}

// Whatever happens between finding a device and having it open: nothing but the right one is handed out.
func TestOpenNoticesAnExchange(t *testing.T) {
	a := desk(portName("0"), "A1", "1-1:1.0")
	b := desk(portName("0"), "B2", "1-2:1.0")
	b.number = "n:other"
	for name, c := range map[string]struct {
		while []PortInfo // plugged in while it is opened
		want  error
	}{
		"unplugged":                 {nil, fs.ErrNotExist},
		"exchanged":                 {[]PortInfo{b}, fs.ErrNotExist},
		"same name, number changed": {[]PortInfo{desk(portName("0"), "A1", "1-1:1.0"), b}[:1], nil},
		"under another name":        {[]PortInfo{desk(portName("5"), "A1", "1-1:1.0")}, fs.ErrNotExist},
		"joined by a second":        {[]PortInfo{a, {Name: portName("6"), number: "n:6", USB: a.USB, SerialNumber: "A1", USBPath: "1-4:1.0"}}, ErrAmbiguous},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := &machine{}
			m.plug(a)
			m.opened = func() { m.plug(c.while...) }
			p, err := m.opener(usbConfig("0b00:0054", "A1", "")).Open(context.Background())
			if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Errorf("%s: %v, %v", name, p, err)
			}
			if p != nil {
				p.Close()
			}
			for number, d := range m.devices {
				if got := d.noted(); len(got) == 0 || got[len(got)-1] != "close" {
					t.Errorf("%s: device %s saw %q", name, number, got)
				}
			}
			if n := m.locked(); n != 0 {
				t.Errorf("%s: %d locks are left", name, n)
			}
		})
	}
	// The name led elsewhere between the look and the lock.
	synctest.Test(t, func(t *testing.T) {
		m := &machine{}
		m.plug(a)
		o := m.opener(usbConfig("0b00:0054", "A1", ""))
		o.host.lock = func(name string) (*held, error) { m.plug(b); return m.lock(name) }
		wantRefused(t, o, fs.ErrNotExist, "another device than a moment ago")
		if m.opens != 0 || m.locked() != 0 {
			t.Errorf("%d opens, %d locks left", m.opens, m.locked())
		}
	})
}

func TestReopenRefusesAnotherDevice(t *testing.T) {
	a, b := desk(portName("0"), "A1", "1-1:1.0"), desk(portName("0"), "B2", "1-1:1.0")
	x, y := adapter(portName("0"), "2-1:1.0"), adapter(portName("0"), "2-2:1.0")
	twin := adapter(portName("1"), "2-2:1.0")
	for name, c := range map[string]struct {
		c             Config
		before, after []PortInfo
		refused       bool
	}{
		"name, other number":         {serialConfig(a.Name), []PortInfo{a}, []PortInfo{b}, true},
		"name, other kind":           {serialConfig(a.Name), []PortInfo{a}, []PortInfo{x}, true},
		"name, the same":             {serialConfig(a.Name), []PortInfo{a}, []PortInfo{desk(a.Name, "A1", "7-7:1.0")}, false},
		"name, not listed any more":  {serialConfig(a.Name), []PortInfo{a}, []PortInfo{{Name: a.Name, number: "n:pty"}}, true},
		"name, was nothing known of": {serialConfig(a.Name), []PortInfo{{Name: a.Name, number: "4:64"}}, []PortInfo{a}, false},
		"name, moved":                {serialConfig(x.Name), []PortInfo{x}, []PortInfo{y}, false},
		"name, its twin came first":  {serialConfig(x.Name), []PortInfo{x, twin}, []PortInfo{y}, true},
		"usb, other number":          {usbConfig(a.USB, "", ""), []PortInfo{a}, []PortInfo{b}, true},
		"usb, moved":                 {usbConfig(x.USB, "", ""), []PortInfo{x}, []PortInfo{y}, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := &machine{}
			o := m.opener(c.c)
			m.plug(c.before...)
			mustOpen(t, o).Close()
			m.plug(c.after...)
			for range 2 { // a refusal changes nothing
				p, err := o.Open(context.Background())
				if p != nil {
					p.Close()
				}
				if c.refused != errors.Is(err, ErrOther) || c.refused != (err != nil) {
					t.Errorf("%s: %v", name, err)
				}
			}
			if c.refused {
				m.plug(c.before...)
				mustOpen(t, o).Close()
			}
			if n := m.locked(); n != 0 {
				t.Errorf("%s: %d locks are left", name, n)
			}
			// A new opener takes what is there, which is how an exchange is taken up.
			m.plug(c.after...)
			mustOpen(t, m.opener(c.c)).Close()
		})
	}
	synctest.Test(t, func(t *testing.T) {
		m := &machine{}
		o := m.opener(serialConfig(a.Name))
		m.plug(a)
		mustOpen(t, o).Close()
		m.plug(x)
		wantRefused(t, o, ErrOther, "Ingenico Desk/3500 (USB 0b00:0054, serial number A1)", "WCH CH340 adapter (USB 1a86:7523, no serial number)", `write usb: "0b00:0054" and serial_number: "A1"`, "restart tillbridge")
		m.plug(a)
		m.broken = errors.New("no list")
		if p, err := o.Open(context.Background()); p != nil || err == nil {
			t.Errorf("what cannot be compared with what is known was opened: %v, %v", p, err)
		}
		fresh := m.opener(serialConfig(a.Name)) // it knows nothing to compare with
		mustOpen(t, fresh).Close()
	})
}

// A device that hangs in open costs one goroutine, however often it is tried, and is closed if it comes.
func TestOpenThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &machine{hang: make(chan struct{})}
		m.plug(desk(portName("0"), "A1", "1-1:1.0"))
		o := m.opener(usbConfig("0b00:0054", "", ""))
		before := runtime.NumGoroutine()
		for i := range 50 {
			begin := time.Now()
			_, err := o.Open(context.Background())
			took := time.Since(begin)
			if i == 0 && (!errors.Is(err, context.DeadlineExceeded) || took != openTimeout) {
				t.Errorf("the first attempt: %v after %s", err, took)
			}
			if i > 0 && (!errors.Is(err, ErrStuck) || took != 0) {
				t.Errorf("attempt %d: %v after %s", i, err, took)
			}
		}
		synctest.Wait()
		if n := runtime.NumGoroutine() - before; n > 1 || m.opens != 1 {
			t.Errorf("%d goroutines and %d opens hang", n, m.opens)
		}
		close(m.hang)
		<-time.After(time.Second)
		if got := m.deviceAt("n:" + portName("0")).noted(); len(got) != 1 || got[0] != "close" || m.locked() != 0 {
			t.Errorf("the device that came too late saw %q; %d locks are left", got, m.locked())
		}
		mustOpen(t, o).Close()
	})
	synctest.Test(t, func(t *testing.T) {
		m := &machine{hang: make(chan struct{})}
		m.plug(desk(portName("0"), "A1", "1-1:1.0"))
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-time.After(time.Second); cancel() }()
		begin := time.Now()
		if _, err := m.opener(usbConfig("0b00:0054", "", "")).Open(ctx); !errors.Is(err, context.Canceled) || time.Since(begin) != time.Second {
			t.Errorf("%v after %s", err, time.Since(begin))
		}
		close(m.hang)
		<-time.After(time.Second)
	})
}

// Ports whose system calls never end are few, even where the device comes back under ever new names.
func TestPortsThatNeverEndAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &machine{}
		free := make(chan struct{})
		o := m.opener(usbConfig("0b00:0054", "", ""))
		inner := o.host.open
		o.host.open = func(h *held, md mode) (tty, error) {
			d, err := inner(h, md)
			d.(fakeTTY).read = func([]byte) (int, error) { <-free; return 0, syscall.EIO }
			return d, err
		}
		opened := 0
		for i := range 10 {
			m.plug(desk(portName(string(rune('0'+i))), "A1", "1-1:1.0"))
			p, err := o.Open(context.Background())
			if err != nil {
				if !errors.Is(err, ErrStuck) {
					t.Error(err)
				}
				continue
			}
			opened++
			if err := p.Close(); !errors.Is(err, ErrStuck) {
				t.Errorf("close: %v", err)
			}
		}
		if opened != leftMost || m.locked() != leftMost {
			t.Errorf("%d ports were opened and %d locks are held", opened, m.locked())
		}
		close(free)
		synctest.Wait()
		mustOpen(t, o).Close()
		if n := m.locked(); n != 0 {
			t.Errorf("%d locks are left", n)
		}
	})
}

// Cheap adapters and pseudo-terminals have no modem lines.
func TestModemLinesAreNoMust(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, refusal := range []error{syscall.ENOTTY, syscall.EINVAL, syscall.EIO, errors.New("serial port busy")} {
			m := &machine{modem: refusal}
			m.plug(desk(portName("0"), "A1", "1-1:1.0"))
			p := mustOpen(t, m.opener(serialConfig(portName("0"))))
			if _, err := p.Write([]byte("x")); err != nil {
				t.Errorf("after %v: %v", refusal, err)
			}
			p.Close()
		}
	})
}

func TestOpenRepeatsWhatASignalInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &machine{}
		m.plug(desk(portName("0"), "A1", "1-1:1.0"))
		o := m.opener(serialConfig(portName("0")))
		inner, tries := o.host.open, 0
		o.host.open = func(h *held, md mode) (tty, error) {
			if tries++; tries < 4 {
				return nil, syscall.EINTR
			}
			return inner(h, md)
		}
		mustOpen(t, o).Close()
		flushes := 0
		d := &fakeDevice{flush: func() error {
			if flushes++; flushes < 4 {
				return syscall.EINTR
			}
			return nil
		}}
		p, _ := fakePort(d)
		if err := p.Abort(); err != nil || flushes != 4 {
			t.Errorf("abort: %v; what was unsent was dropped at call %d", err, flushes)
		}
	})
}

// A device that leaves reads as unplugged in every call, and never as closed.
func TestUnpluggedIsSaidSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, reading := range []bool{true, false} {
			d := &fakeDevice{read: quiet}
			if reading {
				d.read = func([]byte) (int, error) { return 0, syscall.EIO }
			} else {
				d.write = func([]byte) (int, error) { return 0, syscall.EIO }
			}
			p, _ := fakePort(d)
			var err error
			if reading {
				_, err = p.Read(make([]byte, 1))
			} else {
				_, err = p.Write([]byte("x"))
			}
			if !errors.Is(err, ErrGone) || errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrClosed) || strings.Contains(err.Error(), "closed") {
				t.Errorf("reading %t: %v", reading, err)
			}
			if runtime.GOOS != "windows" && !strings.Contains(err.Error(), "unplugged") {
				t.Errorf("reading %t: %v", reading, err)
			}
			p.Close()
		}
	})
}

func TestBoundedCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		begin := time.Now()
		_, err := bounded(t.Context(), listTimeout, "list", func() (int, error) { <-free; return 1, nil })
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != listTimeout {
			t.Errorf("%v after %s", err, time.Since(begin))
		}
		close(free)
		if n, err := bounded(t.Context(), listTimeout, "list", func() (int, error) { return 1, nil }); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		if _, err := bounded(t.Context(), listTimeout, "list", func() (int, error) { return 0, fs.ErrPermission }); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%v", err)
		}
	})
}
