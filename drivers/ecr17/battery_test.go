package ecr17

import (
	"bytes"
	"os"
	"testing"

	"tillbridge/drivers/ecr17/sim"
	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/simulate"
)

var euros = terminal.Currency{Code: "EUR", Numeric: 978, Digits: 2}

// subject is the driver in the battery, with a terminal that takes sales from the till only.
func subject(o func(*Options), s sim.Options) drivertest.Subject {
	const no = "the protocol has no such thing"
	both := func(terminal.LinkKind) bool { return true }
	return drivertest.Subject{
		Driver: Driver(), Links: []terminal.LinkKind{terminal.Serial, terminal.TCP}, Currency: euros,
		Options: func(terminal.LinkKind) any {
			out := NewOptions()
			out.Standalone = false
			o(out)
			return out
		},
		Simulator: func(terminal.LinkKind) any { return s },
		Money: func(_ terminal.LinkKind, written []byte) bool {
			return len(written) > 100 && (written[10] == 'P' || written[10] == 'X')
		},
		Sends:   6, // three times as X, and where that is refused three times as P
		NAK:     func(_ terminal.LinkKind, received []byte) bool { return bytes.Contains(received, []byte{0x15, 0x03}) },
		Checked: both,
		Refusal: func(terminal.LinkKind) []byte { return []byte{0x15, 0x03, 0x69} },
		Strange: func(_ terminal.LinkKind, said []byte) []byte { // the result behind the head of E, 11 characters with STX
			if len(said) < 20 || said[0] != 0x02 || said[10] != 'E' {
				return nil
			}
			return drivertest.Recode(said, 11, "77")
		},
		Lacks: map[string]string{
			drivertest.Canceller: "the protocol has no command that ends a payment; the red key only",
			simulate.LostAck:     "the terminal books by itself and reverses nothing",
			simulate.RebootAfter: no, simulate.Partial: no, simulate.Tip: no, simulate.OtherCurrency: no,
			simulate.Referral: no, simulate.NoStatus: no, simulate.Contradiction: no,
		},
	}
}

func TestBattery(t *testing.T) {
	drivertest.Run(t, subject(func(*Options) {}, sim.Options{}))
}

// TestBatteryOfOthers plays the battery with terminals that differ from the usual one.
func TestBatteryOfOthers(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: the battery against other terminals")
	}
	toTill := func(o *Options) { o.Receipts, o.PrintReference = RegisterPrints, true }
	drivertest.Run(t, subject(toTill, sim.Options{TicketsFirst: true, DropTCP: true, NakBusy: true, LRC: "text", CheckID: true}))
}

// TestBatteryOfMore is for whoever has the time: one difference each.
func TestBatteryOfMore(t *testing.T) {
	if os.Getenv("TILLBRIDGE_THOROUGH") == "" {
		t.Skip("TILLBRIDGE_THOROUGH is not set: the battery against further terminals")
	}
	for name, c := range map[string]struct {
		o func(*Options)
		s sim.Options
	}{
		"drops connections":    {func(*Options) {}, sim.Options{DropTCP: true}},
		"NAK while busy":       {func(*Options) {}, sim.Options{NakBusy: true}},
		"other check byte":     {func(*Options) {}, sim.Options{LRC: "no-stx"}},
		"receipts to the till": {func(o *Options) { o.Receipts = RegisterPrints }, sim.Options{}},
	} {
		t.Run(name, func(t *testing.T) { drivertest.Run(t, subject(c.o, c.s)) })
	}
}
