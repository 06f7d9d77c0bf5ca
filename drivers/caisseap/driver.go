package caisseap

import (
	"tillbridge/drivers/caisseap/sim"
	"tillbridge/terminal"
)

// Driver is the driver. Terminals listen on port 8888; serial lines are as those of Concert E+ (telium sheet 1).
func Driver() terminal.Driver {
	return terminal.Driver{
		Name: "caisseap", Title: "Caisse-AP, Concert V3 (France)", Evidence: terminal.C1,
		Line:    terminal.LineDefaults{Baud: 9600, DataBits: 7, Parity: "even", StopBits: "1", TCPPort: 8888},
		Options: func() any { return NewOptions() },
		Kinds:   []terminal.Session{(*session)(nil)}, Known: "pages of payment providers, and other programs; the paper is not public",
		Open: open, Simulate: sim.New, Describe: describe,
		Bauds: []int{19200, 115200},
	}
}

var (
	_ terminal.Session  = (*session)(nil)
	_ terminal.Refunder = (*session)(nil)
	_ terminal.Prober   = (*session)(nil)
)
