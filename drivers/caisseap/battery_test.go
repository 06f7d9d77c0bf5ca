package caisseap

import (
	"bytes"
	"testing"

	"tillbridge/drivers/caisseap/sim"
	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/simulate"
)

var euro = terminal.Currency{Code: "EUR", Numeric: 978, Digits: 2}

// subject is the driver in the battery.
func subject() drivertest.Subject {
	return drivertest.Subject{
		Driver: Driver(), Links: []terminal.LinkKind{terminal.Serial, terminal.TCP}, Currency: euro,
		Simulator: func(terminal.LinkKind) any { return sim.Options{Card: "4111111111110043"} },
		Money:     func(_ terminal.LinkKind, b []byte) bool { return bytes.Contains(b, []byte("CD0010")) },
		Strange:   strange,
		Cards:     []string{"4111111111110043"},
		LacksOn:   map[terminal.LinkKind]map[string]string{terminal.TCP: {simulate.KeepOnLoss: "over TCP the till acknowledges nothing"}},
		Lacks: map[string]string{
			drivertest.Canceller: "only the red key ends a payment", drivertest.Identity: "no message tells the terminal's number",
			simulate.Tip:        "an answer has one sum and does not name a tip",
			simulate.PrinterOut: "there is no such reason", simulate.EndOfDayPending: "there is no such reason",
			simulate.NoStatus: "there is no end without a result", simulate.LostAck: "the terminal books by itself and reverses nothing",
			simulate.RebootAfter: "the terminal books before the till hears of it",
		},
	}
}

// strange writes a result that no paper has into AE, which has two characters.
func strange(k terminal.LinkKind, said []byte) []byte {
	at := bytes.Index(said, []byte("AE002"))
	switch {
	case at < 0:
		return nil
	case k == terminal.TCP: // without a check byte
		copy(said[at+5:], "77")
		return said
	}
	return drivertest.Recode(said, at+5, "77")
}

func TestBattery(t *testing.T) { drivertest.Run(t, subject()) }
