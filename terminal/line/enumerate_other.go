//go:build !linux && !windows

package line

import "go.bug.st/serial"

// enumerate lists the ports by their names only: what the library knows beyond needs a C compiler here.
func enumerate() ([]PortInfo, error) {
	names, err := serial.GetPortsList()
	if err != nil {
		return nil, err
	}
	all := make([]PortInfo, 0, len(names))
	for _, n := range names {
		all = append(all, enumerated{name: n}.info())
	}
	return all, nil
}
