package line

import (
	"fmt"
	"runtime"
	"strings"
)

// Find tells which of the ports the configuration means: by name or link for Serial, by who the device is for
// USB. The error wraps fs.ErrNotExist where it is none, and ErrAmbiguous where it is more than one.
func (c Config) Find(ports []PortInfo) (PortInfo, error) {
	var matching, unfit []PortInfo
	for _, p := range ports {
		switch {
		case !c.matches(p):
		case p.Name == "":
			unfit = append(unfit, p)
		default:
			matching = append(matching, p)
		}
	}
	switch {
	case len(matching) == 1:
		return matching[0], nil
	case len(matching) > 1:
		return PortInfo{}, c.ambiguous(matching)
	case len(unfit) > 0:
		return PortInfo{}, absentf("%s is plugged in, but the system made no serial port for it%s", unfit[0].about(), firstRemedy(unfit[0]))
	}
	return PortInfo{}, c.absent(ports)
}

func firstRemedy(p PortInfo) string {
	if len(p.Remedies) == 0 {
		return ""
	}
	return ": " + p.Remedies[0]
}

// matches tells whether the port is the one that is meant, or one of them.
func (c Config) matches(p PortInfo) bool {
	switch {
	case c.USB != "":
		return strings.EqualFold(p.USB, c.USB) &&
			(c.SerialNumber == "" || strings.EqualFold(p.SerialNumber, c.SerialNumber)) &&
			(c.USBPath == "" || c.USBPath == p.USBPath || c.USBPath == p.socket())
	case c.Serial == "" || p.Name == "":
		return false
	case runtime.GOOS == "windows":
		return strings.EqualFold(strings.TrimPrefix(c.Serial, `\\.\`), p.Name)
	}
	for _, name := range append([]string{p.Name}, p.Links...) {
		if c.Serial == name {
			return true
		}
	}
	return false
}

// ambiguous names the devices that match, and what tells them apart.
func (c Config) ambiguous(ports []PortInfo) error {
	var names []string
	numbers, paths := map[string]bool{}, map[string]bool{}
	for _, p := range ports {
		where := p.Name
		if p.USBPath != "" {
			where += " at " + p.USBPath
		}
		names = append(names, fmt.Sprintf("%s is %s", where, p.about()))
		numbers[p.SerialNumber], paths[p.USBPath] = p.SerialNumber != "", p.USBPath != ""
	}
	remedy := "unplug all but one"
	switch {
	case told(numbers, len(ports)):
		remedy = fmt.Sprintf("write the right one's serial_number into the settings, as in serial_number: %q", ports[0].SerialNumber)
	case told(paths, len(ports)):
		remedy = fmt.Sprintf("write where the right one is plugged in into the settings, as in usb_path: %q", ports[0].USBPath)
		if c.SerialNumber != "" {
			remedy += " in place of serial_number"
		}
	case runtime.GOOS == "windows":
		remedy = fmt.Sprintf("write the right one's COM port into the settings, as in serial: %s, which Windows keeps for its socket", ports[0].Name)
	}
	return fmt.Errorf("%w %s: %s; %s", ErrAmbiguous, c.device(), strings.Join(names, ", "), remedy)
}

// told tells whether n devices have a mark each that no other of them has.
func told(marks map[string]bool, n int) bool {
	if len(marks) < n {
		return false
	}
	for _, given := range marks {
		if !given {
			return false
		}
	}
	return true
}

// namedMost bounds how many devices an error names.
const namedMost = 5

// Config says how to write the port into the settings, so that it and no other of all is found: by its device
// where that is possible, else by a name, the stablest that there is. The settings of the line are not in it.
func (p PortInfo) Config(all []PortInfo) Config {
	if p.Name == "" {
		return Config{}
	}
	byDevice := []Config{{USB: p.USB, SerialNumber: p.SerialNumber}, {USB: p.USB, USBPath: p.USBPath}}
	for _, c := range byDevice {
		if p.USB == "" {
			break
		}
		if q, err := c.Find(all); err == nil && q.Name == p.Name {
			return c
		}
	}
	if len(p.Links) > 0 {
		return Config{Serial: p.Links[0]}
	}
	return Config{Serial: p.Name}
}

// absent says what is looked for, and what is there instead.
func (c Config) absent(ports []PortInfo) error {
	if c.USB == "" {
		return absentf("there is no serial port %s; is the terminal plugged in and switched on?", c.Serial)
	}
	var like, others []string
	for _, p := range ports {
		switch {
		case strings.EqualFold(p.USB, c.USB):
			like = append(like, p.mark(c))
		case p.USB != "":
			others = append(others, p.about())
		}
	}
	switch {
	case len(like) > 0 && c.SerialNumber != "":
		return absentf("no USB device %s with the serial number %s is plugged in; plugged in of this kind: %s", strings.ToLower(c.USB), c.SerialNumber, listed(like))
	case len(like) > 0:
		return absentf("no USB device %s is plugged in at %s; plugged in of this kind: %s", strings.ToLower(c.USB), c.USBPath, listed(like))
	case len(others) > 0:
		return absentf("no USB device %s is plugged in; plugged in are: %s", strings.ToLower(c.USB), listed(others))
	}
	return absentf("no USB device %s is plugged in, nor any other with a serial port; is the terminal plugged in and switched on?", strings.ToLower(c.USB))
}

// mark is what tells a device from its like, by the means that the settings use.
func (p PortInfo) mark(c Config) string {
	switch {
	case c.USBPath != "":
		return "one at " + p.USBPath
	case p.SerialNumber != "":
		return "one with the serial number " + p.SerialNumber
	}
	return "one without a serial number"
}

func listed(names []string) string {
	more := ""
	if n := len(names) - namedMost; n > 0 {
		names, more = names[:namedMost], fmt.Sprintf(" and %d more", n)
	}
	return strings.Join(names, ", ") + more
}

// same tells whether two looks saw the same device. Where neither tells a serial number, twins says whether
// another of its kind was ever seen, so that only the place tells them apart.
func same(a, b PortInfo, twins bool) bool {
	switch {
	case a.USB != b.USB || a.SerialNumber != b.SerialNumber || a.iface() != b.iface():
		return false
	case a.USB == "":
		return a.Name == b.Name
	case a.SerialNumber != "":
		return true
	}
	return !twins || a.place() == b.place()
}

// place is where the device is plugged in; Windows tells it by the COM port only.
func (p PortInfo) place() string {
	if p.USBPath != "" {
		return p.socket()
	}
	return p.Name
}

// twin tells whether there is another device that only its place tells from p.
func twin(p PortInfo, ports []PortInfo) bool {
	for _, q := range ports {
		if p.USB != "" && p.SerialNumber == "" && q.USB == p.USB && q.SerialNumber == "" && q.place() != p.place() {
			return true
		}
	}
	return false
}
