package pax

import (
	"bytes"
	"testing"

	"tillbridge/drivers/pax/sim"
	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/simulate"
)

var dollar = terminal.Currency{Code: "USD", Numeric: 840, Digits: 2}

const customerCard = "4111111111110043"

// subject is the driver in the battery.
func subject() drivertest.Subject {
	both := []terminal.LinkKind{terminal.Serial, terminal.TCP}
	return drivertest.Subject{
		Driver: Driver(), Links: both, Currency: dollar,
		Simulator: func(k terminal.LinkKind) any {
			// Over TCP the terminal is of another kind, as far as programs and terminals were seen to differ.
			other := k == terminal.TCP
			return sim.Options{Card: customerCard, Packet: 60, HostFirst: other, EmptyIsZero: other}
		},
		Money:   func(_ terminal.LinkKind, b []byte) bool { return bytes.Contains(b, []byte("T00")) },
		NAK:     func(_ terminal.LinkKind, b []byte) bool { return bytes.IndexByte(b, 0x15) >= 0 },
		Refusal: func(terminal.LinkKind) []byte { return []byte{0x15} },
		Strange: strange,
		Checked: func(terminal.LinkKind) bool { return true },
		Cards:   []string{customerCard},
		Lacks: map[string]string{
			simulate.OtherCurrency: "the protocol has no currency", simulate.Referral: "a referral is told as a decline",
			simulate.PrinterOut: "there is no such code", simulate.EndOfDayPending: "there is no such code",
			simulate.LostAck: "the terminal books by itself and reverses nothing", simulate.RebootAfter: "the terminal books before the till hears of it",
		},
	}
}

// strange writes a code that no list has into a result or a record: the fifth field of the reply, behind the first packet's mark.
func strange(_ terminal.LinkKind, said []byte) []byte {
	f := bytes.SplitN(said, []byte{0x1C}, 5)
	if len(f) < 5 || said[0] != 0x02 || string(f[1]) != "T01" && string(f[1]) != "R03" {
		return nil
	}
	return drivertest.Recode(said, len(f[0])+len(f[1])+len(f[2])+3, "999999")
}

func TestBattery(t *testing.T) { drivertest.Run(t, subject()) }
