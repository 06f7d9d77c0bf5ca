package line

import (
	"slices"

	"go.bug.st/serial/enumerator"
)

// enumerate lists the ports as the library finds them, without asking the USB devices themselves, which could
// disturb one in a payment.
func enumerate() ([]PortInfo, error) {
	found, err := enumerator.GetDetailedPortsList()
	if err != nil {
		return nil, err
	}
	all := make([]PortInfo, 0, len(found))
	for _, f := range found {
		all = append(all, enumerated{f.Name, f.IsUSB, f.VID, f.PID, f.SerialNumber, f.Product}.info())
	}
	slices.SortFunc(all, func(a, b PortInfo) int { return naturally(a.Name, b.Name) })
	return all, nil
}
