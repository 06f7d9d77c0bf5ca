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
		Strange: func(_ terminal.LinkKind, said []byte) []byte {
			if f := bytes.Split(said, []byte("|")); len(f) > 3 && (string(f[0]) == "\x02R" || string(f[0]) == "\x02S") && len(f[2]) == 2 {
				return drivertest.Recode(said, len(f[0])+len(f[1])+2, "ZZ")
			}
			return nil
		},
		Lacks: map[string]string{
			simulate.Tip: "there is no field for a tip", simulate.NoStatus: "there is no end without a result",
			simulate.Contradiction: "R is the only word on the outcome", simulate.LostAck: "the terminal reverses nothing",
			simulate.RebootAfter: "the terminal books before the till hears of it",
		},
	}
}

// TestBattery is the one call that every driver's test has.
func TestBattery(t *testing.T) { drivertest.Run(t, subject()) }
