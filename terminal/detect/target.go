package detect

import (
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"tillbridge/terminal"
	"tillbridge/terminal/line"
)

// Target is a serial port or an address that may have a terminal.
type Target struct {
	Port line.PortInfo // zero for an address
	// Line is how the settings name it so that it and no other is meant, without speed and the like. An address may
	// be without its port, for which each driver has its own.
	Line  line.Config
	Named bool    // somebody named it
	Known []Known // drivers that know its USB id
	Skip  string  // why it is left alone, whatever is wished; a sentence without a full stop
}

// Known is a driver that knows a USB id.
type Known struct{ Driver, Device string }

// Name is how people call the target.
func (t Target) Name() string {
	switch {
	case t.Line.TCP != "":
		return t.Line.TCP
	case t.Port.Name != "":
		return t.Port.Name
	case t.Line.Serial != "":
		return t.Line.Serial
	}
	return "USB " + t.Port.USB
}

// Taken is a line that belongs to a terminal of the settings.
type Taken struct {
	Terminal string
	Line     line.Config
}

// Wish is what somebody wants to be searched, and what must be left alone.
type Wish struct {
	Ports     []string // serial ports by name
	Addresses []string // host or host:port
	Taken     []Taken
	// Unsure says why it is not known what is taken; then only what is named is no target to be skipped.
	Unsure string
}

// Survey lists the targets among the serial ports found and those that are wished: first those with a known USB
// id, then those that are named, then the others. It opens nothing.
func Survey(found []line.PortInfo, drivers []terminal.Driver, w Wish) []Target {
	var all []Target
	for _, p := range found {
		all = append(all, Target{Port: p, Line: p.Config(found), Known: knownBy(p.USB, drivers)})
	}
	for _, name := range w.Ports {
		all = named(all, found, name)
	}
	for _, address := range w.Addresses {
		if !slices.ContainsFunc(all, func(t Target) bool { return t.Line.TCP == address }) {
			all = append(all, Target{Line: line.Config{TCP: address}, Named: true})
		}
	}
	for i := range all {
		if all[i].Skip == "" {
			all[i].Skip = w.skip(all[i], drivers)
		}
	}
	rank := func(t Target) int {
		switch {
		case len(t.Known) > 0:
			return 0
		case t.Named:
			return 1
		}
		return 2
	}
	slices.SortStableFunc(all, func(a, b Target) int { return rank(a) - rank(b) })
	return all
}

func knownBy(usb string, drivers []terminal.Driver) (known []Known) {
	for _, d := range drivers {
		for _, id := range d.USB {
			if usb != "" && strings.EqualFold(id.ID, usb) {
				known = append(known, Known{d.Name, id.Name})
			}
		}
	}
	return known
}

// named marks the port with that name, which need not be listed.
func named(all []Target, found []line.PortInfo, name string) []Target {
	listed, err := line.Config{Serial: name}.Find(found)
	for i, t := range all {
		if t.Port.Name != "" && (err == nil && t.Port.Name == listed.Name || sameDevice(t.Port.Name, name)) {
			all[i].Named = true
			return all
		}
	}
	other, err := line.Look(name)
	t := Target{Port: other, Line: line.Config{Serial: name}, Named: true}
	if err != nil {
		t.Port = line.PortInfo{Name: name}
		t.Skip = "there is no serial port of that name; tillbridge ports lists those that are there"
	}
	return append(all, t)
}

// sameDevice tells whether two names lead to one device file.
func sameDevice(a, b string) bool {
	if a == b {
		return true
	}
	x, errX := filepath.EvalSymlinks(a)
	y, errY := filepath.EvalSymlinks(b)
	return errX == nil && errY == nil && x == y
}

// skip says why a target is left alone.
func (w Wish) skip(t Target, drivers []terminal.Driver) string {
	for _, taken := range w.Taken {
		if taken.is(t, drivers) {
			return "it belongs to the terminal " + taken.Terminal + " of the settings"
		}
	}
	switch p := t.Port; {
	case w.Unsure != "" && !t.Named:
		return w.Unsure
	case t.Line.TCP != "":
		return ""
	case p.Name == "" && len(p.Remedies) > 0:
		return "the system made no serial port of it: " + p.Remedies[0]
	case p.Name == "":
		return "the system made no serial port of it"
	case p.Use == line.Held && !pseudo(p.Name):
		return "in use by " + holder(p)
	case p.Access == line.Denied && len(p.Remedies) > 0:
		return "it may not be opened: " + p.Remedies[0]
	case p.Access == line.Denied:
		return "this user may not open it"
	}
	return ""
}

// pseudo tells whether a port is a pseudo-terminal. The program that plays its device has it open itself, so that only
// opening it, which the lock of a till refuses, tells whether it is in use.
func pseudo(name string) bool {
	if real, err := filepath.EvalSymlinks(name); err == nil {
		name = real
	}
	return strings.HasPrefix(name, "/dev/pts/")
}

func holder(p line.PortInfo) string {
	who := p.Holder
	if who == "" {
		who = "another program"
	}
	if p.HolderPID != 0 {
		who += fmt.Sprintf(" (process %d)", p.HolderPID)
	}
	return who
}

// is tells whether a terminal's line is the target, or may be.
func (k Taken) is(t Target, drivers []terminal.Driver) bool {
	switch {
	case (k.Line.TCP == "") != (t.Line.TCP == ""):
		return false
	case k.Line.TCP != "":
		return sameAddress(k.Line.TCP, t.Line.TCP, drivers)
	case k.Line.Serial != "" && sameDevice(k.Line.Serial, t.Port.Name):
		return true
	}
	_, err := k.Line.Find([]line.PortInfo{t.Port})
	return err == nil
}

// sameAddress tells whether two addresses may be one: a terminal in the network is one device under all its ports,
// and one without a port is asked on that of each driver.
func sameAddress(a, b string, drivers []terminal.Driver) bool {
	return strings.EqualFold(host(a), host(b)) && (!loopback(host(a)) || overlap(ports(a, drivers), ports(b, drivers)))
}

func host(address string) string {
	if h, _, err := net.SplitHostPort(address); err == nil {
		return h
	}
	return strings.Trim(address, "[]")
}

// loopback is this computer, where each port is another program.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// ports are those that an address may mean.
func ports(address string, drivers []terminal.Driver) (all []string) {
	if _, p, err := net.SplitHostPort(address); err == nil {
		return []string{p}
	}
	for _, d := range drivers {
		if d.Line.TCPPort > 0 {
			all = append(all, strconv.Itoa(d.Line.TCPPort))
		}
	}
	return all
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(x string) bool { return slices.Contains(b, x) })
}
