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
		Cards:     []string{"4111111111110043"},
		Lacks: map[string]string{
			drivertest.Canceller: "only the red key ends a payment", drivertest.Identity: "no message tells the terminal's number",
			simulate.Tip:        "an answer has one sum and does not name a tip",
			simulate.PrinterOut: "there is no such reason", simulate.EndOfDayPending: "there is no such reason",
			simulate.NoStatus: "there is no end without a result", simulate.LostAck: "the terminal books by itself and reverses nothing",
			simulate.RebootAfter: "the terminal books before the till hears of it",
		},
	}
}

func TestBattery(t *testing.T) { drivertest.Run(t, subject()) }
