package line

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
)

// roots are the folders that tell of devices. Tests make up their own.
type roots struct{ sys, dev, proc string }

// systemHost is this machine.
func systemHost() host { return roots{"/sys", "/dev", "/proc"}.host() }

func (r roots) host() host {
	return host{
		ports: r.ports, orphans: r.orphans, list: r.list, find: r.find, lock: lockDevice,
		open: func(h *held, m mode) (tty, error) {
			t, err := openTTY(h.via, m)
			if err == nil {
				keepFromChildren(h.path)
			}
			return t, err
		},
		stamp: func() string { return "" }, // looking is cheap
	}
}

// find tells the number of the device under a name, if we may open it.
func (r roots) find(name string) (string, error) {
	st, err := statDevice(name)
	if err != nil {
		return "", err
	}
	if err := syscall.Access(name, readWrite); err != nil {
		return "", &os.PathError{Op: "open", Path: name, Err: err}
	}
	return deviceNumber(st), nil
}

// readWrite is R_OK and W_OK of access(2).
const readWrite = 4 | 2

// usbInterface is the name of a folder in sysfs that is an interface of a USB device: bus, ports, configuration
// and interface.
var usbInterface = regexp.MustCompile(`^[0-9]+-[0-9.]+:[0-9]+\.[0-9]+$`)

// ports lists the serial ports of sysfs. One that vanishes while it is looked at is left out.
func (r roots) ports() ([]PortInfo, error) {
	class := filepath.Join(r.sys, "class/tty")
	entries, err := os.ReadDir(class)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []PortInfo
	for _, e := range entries {
		if strings.Trim(e.Name(), "0123456789") == "tty" {
			continue // a console; there are 64, which would be most of the work
		}
		target, err := os.Readlink(filepath.Join(class, e.Name()))
		if err != nil || strings.Contains(target, "/virtual/") {
			continue
		}
		if p, ok := r.port(filepath.Join(class, target), e.Name()); ok {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b PortInfo) int { return naturally(a.Name, b.Name) })
	return all, nil
}

// port describes a tty by its folder in sysfs; false for one that is no serial port or is gone.
func (r roots) port(folder, name string) (PortInfo, bool) {
	p := PortInfo{Name: filepath.Join(r.dev, name), number: text(folder, "dev")}
	if p.number == "" {
		return p, false
	}
	if iface, ok := interfaceOf(folder); ok {
		return p, p.usb(iface)
	}
	// Without a device behind it, it is a console or another side of something. Type 0 is a place for a port that
	// the mainboard does not have.
	_, err := os.Stat(filepath.Join(folder, "device"))
	return p, err == nil && text(folder, "type") != "0"
}

// interfaceOf finds the folder of the USB interface that a folder in sysfs lies in.
func interfaceOf(folder string) (string, bool) {
	for f := folder; len(f) > 1; f = filepath.Dir(f) {
		if usbInterface.MatchString(filepath.Base(f)) {
			return f, true
		}
	}
	return "", false
}

// usb fills in what the folder of a USB interface tells; false where the device is gone.
func (p *PortInfo) usb(iface string) bool {
	device := filepath.Dir(iface)
	p.SerialNumber = text(device, "serial")
	vendor, product := text(device, "idVendor"), text(device, "idProduct")
	if vendor == "" || product == "" {
		return false
	}
	p.USB = strings.ToLower(vendor + ":" + product)
	p.Manufacturer, p.Product = text(device, "manufacturer"), text(device, "product")
	p.USBPath = filepath.Base(iface)
	if driver, err := os.Readlink(filepath.Join(iface, "driver")); err == nil {
		p.Driver = filepath.Base(driver)
	}
	// A device that was exchanged while its files were read would be a mixture of two.
	return text(device, "serial") == p.SerialNumber
}

// text reads an attribute of sysfs; empty where it is not there.
func text(folder, name string) string {
	b, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		return ""
	}
	return strings.Map(printable, strings.TrimSpace(string(b)))
}

// orphans lists the USB interfaces that should be a serial port and have none.
func (r roots) orphans() []PortInfo {
	folder := filepath.Join(r.sys, "bus/usb/devices")
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil
	}
	var all []PortInfo
	for _, e := range entries {
		target, err := os.Readlink(filepath.Join(folder, e.Name()))
		if err != nil || !usbInterface.MatchString(e.Name()) {
			continue
		}
		iface := filepath.Join(folder, target)
		p := PortInfo{Access: Denied}
		if !p.usb(iface) || hasTTY(iface) {
			continue
		}
		if remedy := p.withoutPort(isModem(iface)); remedy != "" {
			p.Remedies = []string{remedy}
			all = append(all, p)
		}
	}
	return all
}

// isModem tells the class CDC-ACM, by which terminals and modems are a serial port without a driver of their own.
func isModem(iface string) bool {
	return text(iface, "bInterfaceClass") == "02" && text(iface, "bInterfaceSubClass") == "02"
}

// hasTTY tells whether the system made a port for an interface: tty/ttyACM0 or ttyUSB0.
func hasTTY(iface string) bool {
	entries, err := os.ReadDir(iface)
	return err != nil || slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return strings.HasPrefix(e.Name(), "tty") })
}

// links finds the symbolic links to the ports, those of /dev/serial first.
func (r roots) links() map[string][]string {
	all := map[string][]string{}
	for _, folder := range []string{"serial/by-id", "serial/by-path", "."} {
		folder = filepath.Join(r.dev, folder)
		entries, err := os.ReadDir(folder)
		if err != nil {
			continue
		}
		for _, e := range entries {
			target, err := os.Readlink(filepath.Join(folder, e.Name()))
			if err != nil {
				continue
			}
			if !filepath.IsAbs(target) {
				target = filepath.Join(folder, target)
			}
			all[target] = append(all[target], filepath.Join(folder, e.Name()))
		}
	}
	return all
}

// modemManager is a program of many Linux desktops that speaks modem commands to every new serial port.
const modemManager = "ModemManager"

// list is everything about every port.
func (r roots) list() ([]PortInfo, error) {
	all, err := r.ports()
	if err != nil {
		return nil, err
	}
	links, real := r.links(), make([]string, len(all))
	for i, p := range all {
		all[i].Links = links[p.Name]
		if real[i], err = filepath.EvalSymlinks(p.Name); err != nil {
			real[i] = p.Name
		}
	}
	seen := lookForUsers(r.proc, real...)
	me, grabber := whoAmI(), running(r.proc, modemManager)
	for i := range all {
		all[i].judge(real[i], seen, me, grabber)
	}
	return append(all, r.orphans()...), nil
}

// judge adds who uses the port, whether we may open it, and what to do.
func (p *PortInfo) judge(real string, seen users, me account, grabber int) {
	switch u := seen.of(real); {
	case u.pid != 0:
		p.Use, p.HolderPID, p.Holder = Held, u.pid, u.program
	case seen.all:
		p.Use = Free
	}
	p.Access = Allowed
	if err := syscall.Access(real, readWrite); err != nil {
		p.Access = Denied
		p.Remedies = append(p.Remedies, me.remedy(real, err))
	}
	if grabber != 0 && p.USB != "" {
		p.Remedies = append(p.Remedies, grabbed(grabber))
	}
}

// Look describes the device under a name that Ports does not list, such as a pseudo-terminal. The error wraps
// fs.ErrNotExist where there is none.
func Look(name string) (PortInfo, error) {
	real, err := filepath.EvalSymlinks(name)
	if err != nil {
		return PortInfo{}, err
	}
	st, err := statDevice(real)
	if err != nil {
		return PortInfo{}, err
	}
	p := PortInfo{Name: name, Product: "device that is no serial port of this computer", number: deviceNumber(st)}
	if strings.HasPrefix(real, "/dev/pts/") {
		p.Product = "pseudo-terminal of another program"
	}
	if real != name {
		p.Links = []string{real}
	}
	p.judge(real, lookForUsers("/proc", real), whoAmI(), 0)
	return p, nil
}
