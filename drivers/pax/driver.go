package pax

import (
	"tillbridge/drivers/pax/sim"
	"tillbridge/terminal"
)

// Driver is the driver. The terminal listens on port 10009; a serial line has 9600 baud, 8 data bits, no parity, one stop bit (sheet 1).
func Driver() terminal.Driver {
	return terminal.Driver{
		Name: "pax", Title: "PAX POSLink, BroadPOS (United States, Canada)", Evidence: terminal.C3, Currency: "USD",
		Line:    terminal.LineDefaults{Baud: 9600, DataBits: 8, Parity: "none", StopBits: "1", TCPPort: 10009},
		Options: func() any { return NewOptions() },
		Kinds:   []terminal.Session{(*session)(nil)}, Known: "an acquirer's programs; the maker's paper is not public",
		Open: open, Simulate: sim.New,
		Identify: identify, Asks: asks(), Bauds: []int{115200}, Describe: describe,
	}
}

var (
	_ terminal.Marker     = (*session)(nil)
	_ terminal.Canceller  = (*session)(nil)
	_ terminal.Identifier = (*session)(nil)
	_ terminal.Refunder   = (*session)(nil)
	_ terminal.Voider     = (*session)(nil)
	_ terminal.Settler    = (*session)(nil)
	_ terminal.Prober     = (*session)(nil)
)
