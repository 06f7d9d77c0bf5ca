package ecr17

import (
	"tillbridge/drivers/ecr17/sim"
	"tillbridge/terminal"
	"tillbridge/terminal/link"
)

// Driver is the driver. A serial line has 115200 baud, 8 data bits, no parity, one stop bit (Ingenico Italia); over TCP the
// terminal listens, on a port that the provider sets.
func Driver() terminal.Driver {
	return terminal.Driver{
		Name: "ecr17", Title: "ECR17, Protocollo 17 (Italy)", Evidence: terminal.C2,
		Line:    terminal.LineDefaults{Baud: 115200, DataBits: 8, Parity: "none", StopBits: "1", TCPPort: 10000},
		Options: func() any { return NewOptions() },
		Kinds:   []terminal.Session{(*session)(nil)}, Known: "the acquirer's public pages, and a few bytes captured from a real terminal",
		Open: open, Simulate: sim.New,
		// Terminals that are sold in Italy too.
		USB:      []terminal.USBID{link.USBTelium, link.USBMove5000, link.USBMove3000, link.USBDesk3000, link.USBICT200, link.USBDesk5000},
		Identify: identify, Asks: asks(), Bauds: []int{9600, 19200}, Describe: describe,
	}
}

var (
	_ terminal.Marker     = (*session)(nil)
	_ terminal.Identifier = (*session)(nil)
	_ terminal.Voider     = (*session)(nil)
	_ terminal.Settler    = (*session)(nil)
	_ terminal.Totaller   = (*session)(nil)
	_ terminal.Prober     = (*session)(nil)
	_ terminal.Reprinter  = (*session)(nil)
)
