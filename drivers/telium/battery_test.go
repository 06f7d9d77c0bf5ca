package telium

import (
	"bytes"
	"maps"
	"testing"

	"tillbridge/drivers/telium/sim"
	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/simulate"
)

var (
	euro  = terminal.Currency{Code: "EUR", Numeric: 978, Digits: 2}
	pound = terminal.Currency{Code: "GBP", Numeric: 826, Digits: 2}
)

// money tells a sale by its place in the frame: currency and then anything but a command.
func money(currency string) func(terminal.LinkKind, []byte) bool {
	return func(k terminal.LinkKind, b []byte) bool {
		if k == terminal.TCP && len(b) > 2 {
			b = b[1:]
		}
		return len(b) > 20 && string(b[14:17]) == currency && !bytes.Contains(b, []byte("CMD="))
	}
}

// inFrance is the driver in the battery, in the dialect of France.
func inFrance() drivertest.Subject {
	d := Driver()
	d.Evidence = terminal.C1 // what a French session can prove
	return drivertest.Subject{
		Driver: d, Links: []terminal.LinkKind{terminal.Serial}, Currency: euro,
		Options:   func(terminal.LinkKind) any { o := NewOptions(); o.Dialect = France; return o },
		Simulator: func(terminal.LinkKind) any { return sim.Options{Dialect: "fr"} },
		Money:     money("978"), Strange: strange, Cards: []string{"4111111111110043"},
		Lacks: lacks(map[string]string{
			drivertest.Canceller: "only the red key ends a French payment", drivertest.Identity: "no message tells the terminal's number",
			simulate.Referral:   "the French dialect has no such status",
			simulate.Tip:        "an answer has one sum and does not name a tip",
			simulate.PrinterOut: "the terminal tells one refusal, whatever its reason", simulate.EndOfDayPending: "the terminal tells one refusal, whatever its reason",
		}),
	}
}

// inBritain is the driver in the battery, in the dialect of the United Kingdom.
func inBritain() drivertest.Subject {
	return drivertest.Subject{
		Driver: Driver(), Links: []terminal.LinkKind{terminal.Serial, terminal.TCP}, Currency: pound,
		Options:   func(terminal.LinkKind) any { o := NewOptions(); o.Dialect = Britain; return o },
		Simulator: func(terminal.LinkKind) any { return sim.Options{Dialect: "uk"} },
		LacksOn: map[terminal.LinkKind]map[string]string{terminal.TCP: {
			simulate.KeepOnLoss: "over TCP the till acknowledges nothing", simulate.RepeatStatus: "over TCP the till acknowledges nothing",
		}},
		Money: money("826"), Strange: strange, Cards: []string{"4111111111110043"},
		Lacks: lacks(map[string]string{
			simulate.PrinterOut: "the terminal tells one refusal, whatever its reason", simulate.EndOfDayPending: "the terminal tells one refusal, whatever its reason",
		}),
	}
}

// strange writes a status that no paper has behind the number of an answer: behind STX, or behind the two bytes of its length.
func strange(k terminal.LinkKind, said []byte) []byte {
	at := 3
	if k == terminal.TCP {
		at = 4
	}
	switch {
	case len(said) < 25 || !bytes.ContainsRune([]byte("0267"), rune(said[at])):
		return nil
	case k == terminal.TCP: // without a check byte
		said[at] = '5'
		return said
	}
	return drivertest.Recode(said, at, "5")
}

func TestBatteryFrance(t *testing.T) { drivertest.Run(t, inFrance()) }

func TestBatteryBritain(t *testing.T) { drivertest.Run(t, inBritain()) }

// lacks are the reasons that hold for both dialects, with those of one.
func lacks(more map[string]string) map[string]string {
	all := map[string]string{
		simulate.Partial: "an answer does not name a partial approval", simulate.NoAmount: "every answer has a sum",
		simulate.NoStatus: "there is no end without a result", simulate.Contradiction: "there is one result and nothing behind it",
		simulate.LostAck: "the terminal books by itself and reverses nothing", simulate.RebootAfter: "the terminal books before the till hears of it",
	}
	maps.Copy(all, more)
	return all
}
