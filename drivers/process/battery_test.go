package process_test

import (
	"bytes"
	"context"
	"log/slog"
	"maps"
	"testing"

	"tillbridge/drivers"
	"tillbridge/drivers/caisseap"
	caissesim "tillbridge/drivers/caisseap/sim"
	"tillbridge/drivers/ecr17"
	ecr17sim "tillbridge/drivers/ecr17/sim"
	"tillbridge/drivers/example"
	"tillbridge/drivers/manual"
	"tillbridge/drivers/pax"
	paxsim "tillbridge/drivers/pax/sim"
	"tillbridge/drivers/process"
	"tillbridge/drivers/telium"
	teliumsim "tillbridge/drivers/telium/sim"
	"tillbridge/drivers/transbank"
	transbanksim "tillbridge/drivers/transbank/sim"
	"tillbridge/drivers/zvt"
	zvtsim "tillbridge/drivers/zvt/sim"
	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/simulate"
)

var (
	euro   = terminal.Currency{Code: "EUR", Numeric: 978, Digits: 2}
	pound  = terminal.Currency{Code: "GBP", Numeric: 826, Digits: 2}
	dollar = terminal.Currency{Code: "USD", Numeric: 840, Digits: 2}
	peso   = terminal.Currency{Code: "CLP", Numeric: 152, Digits: 0}
	both   = []terminal.LinkKind{terminal.Serial, terminal.TCP}
)

const card = "4111111111110043"

// behind are the batteries of this file, by the driver behind the boundary.
var behind = map[string]func(*testing.T){
	"caisseap": TestBatteryCaisseAP, "ecr17": TestBatteryECR17, "pax": TestBatteryPAX, "telium": TestBatteryTelium,
	"transbank": TestBatteryTransbank, "zvt": TestBatteryZVT,
}

// notBehind are the drivers that cannot be behind it, with the reason.
var notBehind = map[string]string{
	"manual":  "its proof is a person, and the boundary takes none (PROTOCOL.md)",
	"process": "it is the boundary",
}

// Every driver of the program is behind the boundary in a battery, or has a reason.
func TestEveryDriverIsBehind(t *testing.T) {
	for _, d := range drivers.All() {
		why, cannot := notBehind[d.Name]
		switch {
		case (behind[d.Name] != nil) == cannot:
			t.Errorf("%s: want a battery behind the boundary, or a reason for none", d.Name)
		case cannot:
			t.Logf("note: %s is not behind the boundary: %s", d.Name, why)
		}
	}
}

// What a person says does not come through: only the bridge asks one.
func TestManualIsNotBehind(t *testing.T) {
	d := process.Through(manual.Driver(), func(terminal.LinkKind) any { return manual.Driver().Options() })
	asked := 0
	s, err := d.Open(t.Context(), terminal.Env{Currency: euro, Log: slog.New(slog.DiscardHandler), Ask: func(context.Context, terminal.Question) (terminal.Answer, error) {
		asked++
		return terminal.Answer{Outcome: terminal.Approved, AuthCode: "651200", TxnRef: "000053", Name: "Anna"}, nil
	}}, d.Options())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r, err := s.Pay(t.Context(), request("TB00000001", 1250), &drivertest.Book{})
	if err == nil || r.Outcome != terminal.Unknown || asked == 0 {
		t.Errorf("%+v, %v, asked %d times; want an error, since no person's word comes through", r, err, asked)
	}
}

// through plays the battery with a driver behind the boundary: each sweep at one position, since the driver's own battery has the
// others.
func through(t *testing.T, d terminal.Driver, options any, simulator any, s drivertest.Subject) {
	t.Helper()
	s.Driver = process.Through(d, func(terminal.LinkKind) any { return options })
	s.Simulator = func(terminal.LinkKind) any { return simulator }
	s.Sample = 1
	drivertest.Run(t, s)
}

func lacks(why string, needs ...string) map[string]string {
	all := map[string]string{}
	for _, n := range needs {
		all[n] = why
	}
	return all
}

func join(all ...map[string]string) map[string]string {
	out := map[string]string{}
	for _, m := range all {
		maps.Copy(out, m)
	}
	return out
}

func TestBatteryExample(t *testing.T) {
	through(t, example.Driver(), example.NewOptions(), nil, drivertest.Subject{
		Links: both[:1], Currency: euro, Strange: strangeExample,
		Money: func(_ terminal.LinkKind, b []byte) bool { return bytes.HasPrefix(b, []byte("\x02P|")) },
		Lacks: lacks("as without the boundary", simulate.Tip, simulate.NoStatus, simulate.Contradiction, simulate.LostAck, simulate.RebootAfter),
	})
}

func TestBatteryZVT(t *testing.T) {
	o := zvt.NewOptions()
	o.Receipts = zvt.RegisterPrints
	through(t, zvt.Driver(), o, zvtsim.Options{ClearCard: true}, drivertest.Subject{
		Links: both, Currency: euro, Cards: []string{"6789235176482391229"}, Strange: strangeZVT,
		Money: func(k terminal.LinkKind, b []byte) bool {
			if k == terminal.Serial {
				b = bytes.TrimPrefix(b, []byte{0x10, 0x02})
			}
			return len(b) > 2 && b[0] == 0x06 && (b[1] == 0x01 || b[1] == 0x30 || b[1] == 0x31)
		},
		Vote: func(_ terminal.LinkKind, written []byte) bool {
			return bytes.Contains(written, []byte{0x80, 0x00, 0x00})
		},
	})
}

func TestBatteryECR17(t *testing.T) {
	o := ecr17.NewOptions()
	o.Standalone = false
	through(t, ecr17.Driver(), o, ecr17sim.Options{}, drivertest.Subject{
		Links: both, Currency: euro,
		Sends:   6,
		Strange: strangeECR17,
		Refusal: func(terminal.LinkKind) []byte { return []byte{0x15, 0x03, 0x69} },
		Money:   func(_ terminal.LinkKind, b []byte) bool { return len(b) > 100 && (b[10] == 'P' || b[10] == 'X') },
		NAK:     func(_ terminal.LinkKind, b []byte) bool { return bytes.Contains(b, []byte{0x15, 0x03}) },
		Checked: func(terminal.LinkKind) bool { return true },
		Lacks: lacks("as without the boundary", drivertest.Canceller, simulate.RebootAfter, simulate.LostAck, simulate.Partial, simulate.Tip,
			simulate.OtherCurrency, simulate.Referral, simulate.NoStatus, simulate.Contradiction),
	})
}

func TestBatteryCaisseAP(t *testing.T) {
	through(t, caisseap.Driver(), caisseap.NewOptions(), caissesim.Options{Card: card}, drivertest.Subject{
		Links: both, Currency: euro, Cards: []string{card}, Strange: strangeCaisseAP,
		Money:   func(_ terminal.LinkKind, b []byte) bool { return bytes.Contains(b, []byte("CD0010")) },
		LacksOn: map[terminal.LinkKind]map[string]string{terminal.TCP: lacks("over TCP the till acknowledges nothing", simulate.KeepOnLoss)},
		Lacks: lacks("as without the boundary", drivertest.Canceller, drivertest.Identity, simulate.Tip, simulate.PrinterOut, simulate.EndOfDayPending,
			simulate.NoStatus, simulate.LostAck, simulate.RebootAfter),
	})
}

func TestBatteryTelium(t *testing.T) {
	money := func(currency string) func(terminal.LinkKind, []byte) bool {
		return func(k terminal.LinkKind, b []byte) bool {
			if k == terminal.TCP && len(b) > 2 {
				b = b[1:]
			}
			return len(b) > 20 && string(b[14:17]) == currency && !bytes.Contains(b, []byte("CMD="))
		}
	}
	common := lacks("as without the boundary", simulate.Partial, simulate.NoAmount, simulate.NoStatus, simulate.Contradiction, simulate.LostAck,
		simulate.RebootAfter, simulate.PrinterOut, simulate.EndOfDayPending)
	t.Run("France", func(t *testing.T) {
		d, o := telium.Driver(), telium.NewOptions()
		d.Evidence, o.Dialect = terminal.C1, telium.France
		through(t, d, o, teliumsim.Options{Dialect: "fr"}, drivertest.Subject{
			Links: both[:1], Currency: euro, Cards: []string{card}, Money: money("978"), Strange: strangeTelium,
			Lacks: join(common, lacks("as without the boundary", drivertest.Canceller, drivertest.Identity, simulate.Referral, simulate.Tip)),
		})
	})
	t.Run("Britain", func(t *testing.T) {
		o := telium.NewOptions()
		o.Dialect = telium.Britain
		through(t, telium.Driver(), o, teliumsim.Options{Dialect: "uk"}, drivertest.Subject{
			Links: both, Currency: pound, Cards: []string{card}, Money: money("826"), Lacks: common, Strange: strangeTelium,
			LacksOn: map[terminal.LinkKind]map[string]string{
				terminal.TCP: lacks("over TCP the till acknowledges nothing", simulate.KeepOnLoss, simulate.RepeatStatus),
			},
		})
	})
}

func TestBatteryPAX(t *testing.T) {
	through(t, pax.Driver(), pax.NewOptions(), paxsim.Options{Card: card, Packet: 60}, drivertest.Subject{
		Links: both, Currency: dollar, Cards: []string{card}, Strange: strangePAX,
		Refusal: func(terminal.LinkKind) []byte { return []byte{0x15} },
		Money:   func(_ terminal.LinkKind, b []byte) bool { return bytes.Contains(b, []byte("T00")) },
		NAK:     func(_ terminal.LinkKind, b []byte) bool { return bytes.IndexByte(b, 0x15) >= 0 },
		Checked: func(terminal.LinkKind) bool { return true },
		Lacks: lacks("as without the boundary", simulate.OtherCurrency, simulate.Referral, simulate.PrinterOut, simulate.EndOfDayPending,
			simulate.LostAck, simulate.RebootAfter),
	})
}

func TestBatteryTransbank(t *testing.T) {
	common := lacks("as without the boundary", drivertest.Canceller, simulate.LostAck, simulate.RebootAfter, simulate.Partial, simulate.OtherCurrency,
		simulate.Referral, simulate.NoStatus, simulate.Contradiction)
	play := func(t *testing.T, m transbank.Model, s transbanksim.Options, lacks map[string]string) {
		o := transbank.NewOptions()
		o.Model, s.Account = m, card
		through(t, transbank.Driver(), o, s, drivertest.Subject{
			Links: both[:1], Currency: peso, Least: 50, Cards: []string{card}, Lacks: lacks, Strange: strangeTransbank,
			Money: func(_ terminal.LinkKind, b []byte) bool {
				return bytes.HasPrefix(b, []byte("\x020200|")) || bytes.HasPrefix(b, []byte("\x020270|"))
			},
		})
	}
	t.Run("Integrado", func(t *testing.T) { play(t, transbank.Integrado, transbanksim.Options{}, common) })
	t.Run("Autoservicio", func(t *testing.T) {
		play(t, transbank.Autoservicio, transbanksim.Options{Model: "autoservicio"}, join(common, lacks("as without the boundary", simulate.Tip)))
	})
}
