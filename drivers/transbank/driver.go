package transbank

import (
	"tillbridge/drivers/transbank/sim"
	"tillbridge/terminal"
	"tillbridge/terminal/link"
)

// Driver is the driver. An Integrado has 115200 baud, 8 data bits, no parity, one stop bit; an Autoservicio on a real serial line
// begins at 19200. There is no form over TCP.
//
// It is not searched for (Identify): the one message that every terminal answers is the poll, 0100, and its answer is a bare ACK,
// which terminals of other protocols say too.
func Driver() terminal.Driver {
	return terminal.Driver{
		Name: "transbank", Title: "Transbank POS Integrado and Autoservicio (Chile)", Evidence: terminal.C2,
		Currency: "CLP", Demo: map[string]string{"model": "integrado"},
		Line:    terminal.LineDefaults{Baud: 115200, DataBits: 8, Parity: "none", StopBits: "1"},
		Options: func() any { return NewOptions() },
		Kinds:   []terminal.Session{(*session)(nil)}, Known: "the acquirer's public documentation and programs",
		Open: open, Simulate: sim.New, Describe: describe, Bauds: []int{19200, 9600},
		USB: []terminal.USBID{link.USBDesk3000, link.USBVX520C},
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
	_ terminal.Diagnoser  = (*session)(nil)
)
