package transbank

import (
	"bytes"
	"maps"
	"os"
	"slices"
	"testing"

	"tillbridge/drivers/transbank/sim"
	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/simulate"
)

var peso = terminal.Currency{Code: "CLP", Numeric: 152, Digits: 0}

// card is the number that the simulated terminal puts where account numbers stand.
const card = "4111111111110043"

// subject is the driver in the battery.
func subject(o func(*Options), s sim.Options, more map[string]string) drivertest.Subject {
	lacks := map[string]string{
		drivertest.Canceller: "the protocol has no command that ends a payment; the red key only",
		simulate.LostAck:     "the terminal books by itself and reverses nothing", simulate.RebootAfter: "the terminal books before the till hears of it",
		simulate.Partial: "an answer does not name a partial approval", simulate.OtherCurrency: "no message names a currency",
		simulate.Referral: "the paper has no such code", simulate.NoStatus: "there is no end without a result",
		simulate.Contradiction: "there is one result and nothing behind it",
	}
	maps.Copy(lacks, more)
	s.Account = card
	return drivertest.Subject{
		Driver: Driver(), Links: []terminal.LinkKind{terminal.Serial}, Currency: peso, Least: minMinor,
		Options:   func(terminal.LinkKind) any { out := NewOptions(); o(out); return out },
		Simulator: func(terminal.LinkKind) any { return s },
		Money: func(_ terminal.LinkKind, b []byte) bool {
			return bytes.HasPrefix(b, []byte("\x020200|")) || bytes.HasPrefix(b, []byte("\x020270|"))
		},
		Strange: func(_ terminal.LinkKind, said []byte) []byte { // the field behind the function code
			if len(said) < 10 || !slices.Contains([]string{"\x020210|", "\x020271|", "\x020260|", "\x020261|"}, string(said[:6])) {
				return nil
			}
			return drivertest.Recode(said, 6, "98")
		},
		Cards: []string{card}, Lacks: lacks,
	}
}

var noTip = map[string]string{simulate.Tip: "an Autoservicio has no tip"}

func TestBatteryIntegrado(t *testing.T) {
	drivertest.Run(t, subject(func(*Options) {}, sim.Options{}, nil))
}

func TestBatteryAutoservicio(t *testing.T) {
	drivertest.Run(t, subject(func(o *Options) { o.Model = Autoservicio }, sim.Options{Model: "autoservicio"}, noTip))
}

// TestBatteryOfMore is for whoever has the time: terminals that differ from the usual ones.
func TestBatteryOfMore(t *testing.T) {
	if os.Getenv("TILLBRIDGE_BATTERY")+os.Getenv("TILLBRIDGE_THOROUGH") == "" {
		t.Skip("neither TILLBRIDGE_BATTERY nor TILLBRIDGE_THOROUGH is set: the battery against further terminals")
	}
	auto := func(o *Options) { o.Model = Autoservicio }
	for name, c := range map[string]struct {
		o    func(*Options)
		s    sim.Options
		more map[string]string
	}{
		"never acknowledges a sale":     {func(*Options) {}, sim.Options{NoAck: true}, nil},
		"two blank records, hasty":      {func(*Options) {}, sim.Options{TwoBlanks: true, Hasty: true}, nil},
		"a close forgets":               {func(*Options) {}, sim.Options{CloseForgets: true}, nil},
		"several merchants":             {func(o *Options) { o.Commerce, o.Voucher = sim.Commerce, true }, sim.Options{}, nil},
		"several merchants, unattended": {func(o *Options) { auto(o); o.Commerce, o.Voucher = sim.Commerce, true }, sim.Options{Model: "autoservicio"}, noTip},
	} {
		t.Run(name, func(t *testing.T) { drivertest.Run(t, subject(c.o, c.s, c.more)) })
	}
}
