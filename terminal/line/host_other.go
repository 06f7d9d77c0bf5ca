//go:build !linux

package line

import (
	"slices"
	"strings"

	"go.bug.st/serial"
)

const permissionHint = "run as a user who may use the port"

// undescribed is what is told of a port of which there is the name only.
const undescribed = "port that the device manager does not describe"

// systemHost is this machine.
func systemHost() host {
	return host{
		ports: enumerate, list: enumerate, lock: lockDevice,
		orphans: func() []PortInfo { return nil }, // the library does not list them
		find:    findPort,
		open:    func(h *held, m mode) (tty, error) { return openTTY(h.via, m) },
		stamp: func() string {
			names, err := serial.GetPortsList() // from the registry, so that it costs little
			if err != nil {
				return ""
			}
			slices.Sort(names)
			return "ports: " + strings.Join(names, " ")
		},
	}
}

// findPort tells whether there is a port of that name. Whether it may be opened shows only by opening it.
func findPort(name string) (string, error) {
	names, err := serial.GetPortsList()
	if err != nil {
		return "", err
	}
	for _, n := range names {
		if numberOf(n) == numberOf(name) {
			return numberOf(n), nil
		}
	}
	return "", absentf("there is no serial port %s", name)
}

// lockDevice does nothing here: on Windows a COM port opens once by itself, and keeps its name as long as it
// is open.
func lockDevice(name string) (*held, error) {
	return &held{path: name, number: numberOf(name), via: name, release: func() {}}, nil
}

// holder cannot tell who uses the port.
func holder(string) (pid int, program string) { return 0, "" }

// Look describes a port that Ports does not list. The error wraps fs.ErrNotExist where there is none.
func Look(name string) (PortInfo, error) {
	number, err := findPort(name)
	if err != nil {
		return PortInfo{}, err
	}
	return PortInfo{Name: name, Product: undescribed, number: number}, nil
}
