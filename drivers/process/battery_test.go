package process_test

import (
	"bytes"
	"maps"
	"testing"

	"tillbridge/drivers/caisseap"
	caissesim "tillbridge/drivers/caisseap/sim"
	"tillbridge/drivers/ecr17"
	ecr17sim "tillbridge/drivers/ecr17/sim"
	"tillbridge/drivers/example"
	"tillbridge/drivers/process"
	"tillbridge/drivers/telium"
	teliumsim "tillbridge/drivers/telium/sim"
	"tillbridge/drivers/zvt"
	zvtsim "tillbridge/drivers/zvt/sim"
	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/simulate"
)

var (
	euro  = terminal.Currency{Code: "EUR", Numeric: 978, Digits: 2}
	pound = terminal.Currency{Code: "GBP", Numeric: 826, Digits: 2}
	both  = []terminal.LinkKind{terminal.Serial, terminal.TCP}
)

const card = "4111111111110043"

// through plays the battery with a driver behind the boundary.
func through(t *testing.T, d terminal.Driver, options any, simulator any, s drivertest.Subject) {
	t.Helper()
	s.Driver = process.Through(d, func(terminal.LinkKind) any { return options })
	s.Simulator = func(terminal.LinkKind) any { return simulator }
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
		Links: both[:1], Currency: euro,
		Money: func(_ terminal.LinkKind, b []byte) bool { return bytes.HasPrefix(b, []byte("\x02P|")) },
		Lacks: lacks("as without the boundary", simulate.Tip, simulate.NoStatus, simulate.Contradiction, simulate.LostAck, simulate.RebootAfter),
	})
}

func TestBatteryZVT(t *testing.T) {
	o := zvt.NewOptions()
	o.Receipts = zvt.RegisterPrints
	through(t, zvt.Driver(), o, zvtsim.Options{ClearCard: true}, drivertest.Subject{
		Links: both, Currency: euro, Cards: []string{"6789235176482391229"},
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
		Money:   func(_ terminal.LinkKind, b []byte) bool { return len(b) > 100 && (b[10] == 'P' || b[10] == 'X') },
		NAK:     func(_ terminal.LinkKind, b []byte) bool { return bytes.Contains(b, []byte{0x15, 0x03}) },
		Checked: func(terminal.LinkKind) bool { return true },
		Lacks: lacks("as without the boundary", drivertest.Canceller, simulate.RebootAfter, simulate.KeepOnLoss, simulate.Partial, simulate.Tip,
			simulate.OtherCurrency, simulate.Referral, simulate.NoStatus, simulate.Contradiction),
	})
}

func TestBatteryCaisseAP(t *testing.T) {
	through(t, caisseap.Driver(), caisseap.NewOptions(), caissesim.Options{Card: card}, drivertest.Subject{
		Links: both, Currency: euro, Cards: []string{card},
		Money: func(_ terminal.LinkKind, b []byte) bool { return bytes.Contains(b, []byte("CD0010")) },
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
			Links: both[:1], Currency: euro, Cards: []string{card}, Money: money("978"),
			Lacks: join(common, lacks("as without the boundary", drivertest.Canceller, drivertest.Identity, simulate.Referral, simulate.Tip)),
		})
	})
	t.Run("Britain", func(t *testing.T) {
		o := telium.NewOptions()
		o.Dialect = telium.Britain
		through(t, telium.Driver(), o, teliumsim.Options{Dialect: "uk"}, drivertest.Subject{
			Links: both, Currency: pound, Cards: []string{card}, Money: money("826"), Lacks: common,
		})
	})
}
