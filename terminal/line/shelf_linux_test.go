package line

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// shelf is a made-up machine: folders that stand for /sys, /dev and /proc.
type shelf struct {
	t *testing.T
	roots
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	top := t.TempDir()
	if memory, err := os.MkdirTemp("/dev/shm", "shelf"); err == nil { // sysfs is in memory too
		t.Cleanup(func() { os.RemoveAll(memory) })
		top = memory
	}
	s := &shelf{t, roots{top + "/sys", top + "/dev", top + "/proc"}}
	for _, d := range []string{"sys/class/tty", "sys/bus/usb/devices", "sys/bus/usb/drivers", "dev/serial/by-id", "dev/serial/by-path", "proc"} {
		s.folder(filepath.Join(top, d))
	}
	return s
}

// must fails the test, from any goroutine.
func (s *shelf) must(err error) {
	if err != nil {
		s.t.Errorf("the made-up machine: %v", err)
	}
}

func (s *shelf) folder(path string) { s.must(os.MkdirAll(path, 0o755)) }

func (s *shelf) file(path, text string) { s.must(os.WriteFile(path, []byte(text), 0o644)) }

// link makes a link to an absolute target, relative as those of sysfs are.
func (s *shelf) link(path, target string) {
	relative, err := filepath.Rel(filepath.Dir(path), target)
	s.must(err)
	s.must(os.Symlink(relative, path))
}

// usbDevice is a USB device that is plugged in.
type usbDevice struct {
	at                          string // "1-1.4"
	usb, serial, maker, product string
	class, subclass, driver     string // of its one interface
	nesting                     string // the folder that usb-serial drivers put between interface and tty
	folder, iface, port, dev    string // set by plug and name
}

// plug makes the folders of a USB device, without a port.
func (s *shelf) plug(d *usbDevice) {
	bus, _, _ := strings.Cut(d.at, "-")
	d.folder = filepath.Join(s.sys, "devices/pci0000:00/0000:00:14.0/usb"+bus, d.at)
	d.iface = filepath.Join(d.folder, d.at+":1.0")
	s.folder(d.iface)
	vendor, product, _ := strings.Cut(d.usb, ":")
	for name, text := range map[string]string{"idVendor": vendor, "idProduct": product, "serial": d.serial, "manufacturer": d.maker, "product": d.product} {
		if text != "" {
			s.file(filepath.Join(d.folder, name), text+"\n")
		}
	}
	s.file(filepath.Join(d.iface, "bInterfaceNumber"), "00\n")
	s.file(filepath.Join(d.iface, "bInterfaceClass"), d.class+"\n")
	s.file(filepath.Join(d.iface, "bInterfaceSubClass"), d.subclass+"\n")
	if d.driver != "" {
		driver := filepath.Join(s.sys, "bus/usb/drivers", d.driver)
		s.folder(driver)
		s.link(filepath.Join(d.iface, "driver"), driver)
	}
	devices := filepath.Join(s.sys, "bus/usb/devices")
	s.link(filepath.Join(devices, d.at), d.folder)
	s.link(filepath.Join(devices, d.at+":1.0"), d.iface)
}

// name gives a plugged device a port: sysfs first, then the name in /dev, as the kernel and udev do it. Where the
// port leads to is a real device.
func (s *shelf) name(d *usbDevice, name, device string) {
	var st syscall.Stat_t
	s.must(syscall.Stat(device, &st))
	d.port = filepath.Join(d.iface, "tty", name)
	if d.nesting != "" {
		d.port = filepath.Join(d.iface, name, "tty", name)
	}
	d.dev = filepath.Join(s.dev, name)
	s.folder(d.port)
	s.file(filepath.Join(d.port, "dev"), deviceNumber(&st)+"\n")
	s.link(filepath.Join(s.sys, "class/tty", name), d.port)
	s.must(os.Symlink(device, d.dev))
}

// forget takes the device's port away.
func (s *shelf) forget(d *usbDevice) {
	if d.port == "" {
		return
	}
	s.must(os.Remove(filepath.Join(s.sys, "class/tty", filepath.Base(d.port))))
	s.must(os.Remove(d.dev))
	s.must(os.Remove(filepath.Join(d.port, "dev")))
	s.must(os.Remove(d.port))
	if d.nesting != "" {
		s.must(os.RemoveAll(filepath.Dir(filepath.Dir(d.port))))
	}
	d.port, d.dev = "", ""
}

// tty makes a port that is no USB device; kind is the file type of serial ports of the mainboard.
func (s *shelf) tty(name, folder, kind string, device bool) {
	dir := filepath.Join(s.sys, "devices", folder, "tty", name)
	s.folder(dir)
	s.file(filepath.Join(dir, "dev"), fmt.Sprintf("4:%d\n", 64+len(name)))
	if kind != "" {
		s.file(filepath.Join(dir, "type"), kind+"\n")
	}
	if device {
		s.link(filepath.Join(dir, "device"), filepath.Dir(filepath.Dir(dir)))
	}
	s.link(filepath.Join(s.sys, "class/tty", name), dir)
}

// program makes a process that has files open.
func (s *shelf) program(pid int, name string, open ...string) {
	dir := filepath.Join(s.proc, fmt.Sprint(pid))
	s.folder(filepath.Join(dir, "fd"))
	s.file(filepath.Join(dir, "comm"), name+"\n")
	for i, f := range open {
		s.must(os.Symlink(f, filepath.Join(dir, "fd", fmt.Sprint(i+3))))
	}
}
