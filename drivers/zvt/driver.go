package zvt

import (
	"tillbridge/drivers/zvt/sim"
	"tillbridge/terminal"
	"tillbridge/terminal/link"
)

// Driver is the driver. A terminal that is not told otherwise speaks 9600 baud, 8 data bits, no parity, two
// stop bits, or listens on TCP port 20007 (PA00P016).
func Driver() terminal.Driver {
	return terminal.Driver{
		Name: "zvt", Title: "ZVT (Germany, Austria, Switzerland, Benelux)", Evidence: terminal.C2 | terminal.C4,
		Line:    terminal.LineDefaults{Baud: 9600, DataBits: 8, Parity: "none", StopBits: "2", TCPPort: 20007},
		Options: func() any { return NewOptions() },
		Kinds:   []terminal.Session{(*session)(nil)}, Known: "the public paper, and conversations captured from real terminals",
		Open: open, Simulate: sim.New,
		// Terminals that are sold with ZVT too.
		USB: []terminal.USBID{
			link.USBTelium, link.USBMove5000, link.USBMove3000, link.USBDesk3000, link.USBIWL200, link.USBICT200, link.USBDesk5000, link.USBLane5000,
			link.USBLane3000, link.USBVX820,
		},
		Identify: identify, Asks: asks(), Bauds: []int{115200}, Describe: describeLine,
	}
}

var (
	_ terminal.Marker     = (*session)(nil)
	_ terminal.Canceller  = (*session)(nil)
	_ terminal.Identifier = (*session)(nil)
	_ terminal.Refunder   = (*session)(nil)
	_ terminal.Voider     = (*session)(nil)
	_ terminal.Settler    = (*session)(nil)
	_ terminal.Totaller   = (*session)(nil)
	_ terminal.Prober     = (*session)(nil)
	_ terminal.Reprinter  = (*session)(nil)
	_ terminal.Diagnoser  = (*session)(nil)
)
