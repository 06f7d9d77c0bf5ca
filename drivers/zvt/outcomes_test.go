package zvt

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// TestEveryOutcomeAgreesWithTheLedger plays every script of the simulated terminal: what the driver says in the
// end, by the dialogue or by asking afterwards, must be what the terminal's ledger says.
func TestEveryOutcomeAgreesWithTheLedger(t *testing.T) {
	probe, err := Driver().Simulate(terminal.SimulatorOptions{Currency: euro})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []terminal.LinkKind{terminal.TCP, terminal.Serial} {
		for _, script := range probe.Outcomes() {
			t.Run(k.String()+" "+script, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { playOutcome(t, k, script) })
			})
		}
	}
}

func playOutcome(t *testing.T, k terminal.LinkKind, script string) {
	sim, err := Driver().Simulate(terminal.SimulatorOptions{Currency: euro, Outcome: script, Think: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if err := sim.Press(simulate.PressManualSale + ":990"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer synctest.Wait()
	defer cancel()
	s, err := open(ctx, terminal.Env{
		Link: k, Currency: euro, Log: slog.New(slog.DiscardHandler),
		Dial: func(context.Context) (terminal.Port, error) {
			a, b := simulate.Pipe()
			go func() {
				_ = sim.Serve(ctx, b, k)
				_ = b.Close()
			}()
			return a, nil
		},
	}, NewOptions())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	before, err := s.(terminal.Marker).Mark(ctx)
	if err != nil {
		t.Fatal(err)
	}
	r := terminal.Request{Reference: "0000000001", Amount: terminal.Amount{Minor: 1250, Currency: euro}, Armed: time.Now()}
	b := &book{onSeen: func(r terminal.Result) {
		if e := saleOf(sim); e != nil && e.Captured {
			t.Error("the terminal booked before its result was recorded")
		}
	}}
	got, err := s.Pay(ctx, r, b)
	if errors.Is(err, terminal.ErrNotSent) {
		t.Fatalf("nothing was sent: %v", err)
	}
	if err != nil || got.Outcome == terminal.Unknown {
		_, _ = sim.Press(simulate.PressPlugCable), sim.Press(simulate.PressRestorePower)
		a := terminal.Attempt{Request: r, Mark: before}
		if n := len(b.seen); n > 0 {
			a.Seen = &b.seen[n-1]
		}
		got = askUntilAnswered(ctx, t, s, a)
	}
	e := saleOf(sim)
	switch {
	case got.Outcome == terminal.Unknown:
		t.Errorf("not decided: %s", got.Text)
	case got.Outcome == terminal.Approved && (e == nil || !e.Captured):
		t.Errorf("approved by %s, and the ledger says %+v", got.Proof, e)
	case got.Outcome == terminal.Declined && e != nil && e.Captured:
		t.Errorf("declined by %s, and the ledger says %+v", got.Proof, e)
	case got.Outcome == terminal.Approved && got.AuthCode != e.AuthCode:
		t.Errorf("code %q, the ledger says %q", got.AuthCode, e.AuthCode)
	case got.Outcome == terminal.Approved && got.Captured(r.Amount).Minor != e.Minor:
		t.Errorf("captured %d, the ledger says %d", got.Captured(r.Amount).Minor, e.Minor)
	}
}

// askUntilAnswered asks what became of a payment as the engine does: again while the terminal is busy or away.
func askUntilAnswered(ctx context.Context, t *testing.T, s terminal.Session, a terminal.Attempt) terminal.Result {
	t.Helper()
	var err error
	for range 20 {
		wait := time.NewTimer(5 * time.Second)
		<-wait.C
		var r terminal.Result
		if r, err = s.Recover(ctx, a); err == nil {
			return r
		}
	}
	t.Fatalf("could not be asked: %v", err)
	return terminal.Result{}
}

// saleOf is the simulated terminal's entry of our payment, nil where there is none.
func saleOf(sim terminal.Simulator) *terminal.Entry {
	for _, e := range sim.Face().Ledger {
		if !e.Manual {
			return &e
		}
	}
	return nil
}
