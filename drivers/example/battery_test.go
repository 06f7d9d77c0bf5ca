package example

import (
	"bytes"
	"testing"

	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/simulate"
)

var euro = terminal.Currency{Code: "EUR", Numeric: 978, Digits: 2}

// subject is the driver in the battery.
func subject() drivertest.Subject {
	return drivertest.Subject{
		Driver: Driver(), Links: []terminal.LinkKind{terminal.Serial}, Currency: euro,
		Money: func(_ terminal.LinkKind, b []byte) bool { return bytes.HasPrefix(b, []byte("\x02P|")) },
		Lacks: map[string]string{
			simulate.Tip: "there is no field for a tip", simulate.NoStatus: "there is no end without a result",
			simulate.Contradiction: "R is the only word on the outcome", simulate.LostAck: "the terminal reverses nothing",
			simulate.RebootAfter: "the terminal books before the till hears of it",
		},
	}
}

// TestBattery is the one call that every driver's test has.
func TestBattery(t *testing.T) { drivertest.Run(t, subject()) }
