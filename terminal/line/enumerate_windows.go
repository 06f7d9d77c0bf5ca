package line

import (
	"slices"

	"go.bug.st/serial"
	"go.bug.st/serial/enumerator"
)

// enumerate lists the ports as the library finds them, without asking the USB devices themselves, which could
// disturb one in a payment. The device manager knows what a port is, the registry which ones there are: drivers of
// virtual ports may be in a class of their own, and so are all of Wine's.
func enumerate() ([]PortInfo, error) {
	found, err := enumerator.GetDetailedPortsList()
	if err != nil {
		return nil, err
	}
	names, err := serial.GetPortsList()
	if err != nil {
		return nil, err
	}
	all := make([]PortInfo, 0, len(found)+len(names))
	for _, f := range found {
		all = append(all, enumerated{f.Name, f.IsUSB, f.VID, f.PID, f.SerialNumber, f.Product}.info())
	}
	for _, name := range names {
		if !slices.ContainsFunc(all, func(p PortInfo) bool { return p.number == numberOf(name) }) {
			all = append(all, PortInfo{Name: name, Product: undescribed, number: numberOf(name)})
		}
	}
	slices.SortFunc(all, func(a, b PortInfo) int { return naturally(a.Name, b.Name) })
	return all, nil
}
