package pax

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/drivers/pax/sim"
	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// listener takes down the frames that pass one place of a line.
type listener struct {
	mu   sync.Mutex
	text []byte
}

func (l *listener) hear(b []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, b...)
}

func (l *listener) frames() map[string]bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := map[string]bool{}
	for _, b := range bodies(l.text) {
		all[b] = true
	}
	return all
}

// tap is the port with two listeners on it.
func tap(p terminal.Port, in, out *listener) terminal.Port {
	return simulate.Tap(p, func(e simulate.TapEvent) error {
		switch {
		case e.After && e.Op == simulate.ReadOp:
			in.hear(e.Data)
		case !e.After && e.Op == simulate.WriteOp:
			out.hear(e.Data)
		}
		return nil
	})
}

// forged tells whether noise made a frame whose check byte holds and which nobody sent: one byte of exclusive or does not see two
// bits that turn in the same place of two bytes. No reader can tell it.
func forged(sent, came *listener) bool {
	were := sent.frames()
	for b := range came.frames() {
		if !were[b] {
			return true
		}
	}
	return false
}

// playNoise makes one payment over a serial line that flips bits, and asks until it is answered.
func playNoise(t *testing.T, rate float64, seed uint64, script string) (by string, left bool) {
	x, err := sim.New(terminal.SimulatorOptions{Currency: dollar, Outcome: script, Think: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Press(simulate.PressManualSale + ":990"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer synctest.Wait()
	defer cancel()
	said, arrived, heard, written := &listener{}, &listener{}, &listener{}, &listener{}
	now, lines := 0.0, uint64(0)
	opened, err := open(ctx, terminal.Env{
		Link: terminal.Serial, Currency: dollar, Log: slog.New(slog.DiscardHandler), Dial: func(context.Context) (terminal.Port, error) {
			a, b := simulate.Pipe()
			go func() { _ = x.Serve(ctx, b, terminal.Serial) }()
			lines++
			return tap(simulate.Noise(tap(simulate.Pace(a, 9600, 10), said, heard), now, seed<<8|lines), arrived, written), nil
		},
	}, NewOptions())
	if err != nil {
		t.Fatal(err)
	}
	s := opened.(*session)
	defer s.Close()
	known, err := s.Mark(ctx)
	if err != nil {
		t.Fatal(err)
	}
	s.drop()
	now = rate
	r, b := sale("0000000009", 1250), &book{}
	got, err := s.Pay(ctx, r, b)
	by = "dialogue"
	if errors.Is(err, terminal.ErrNotSent) {
		got, by, err = terminal.Result{Outcome: terminal.Declined}, "never sent", nil
	}
	for n := 0; n < 200 && (err != nil || by == "dialogue" && got.Outcome == terminal.Unknown); n++ {
		<-time.After(3 * time.Second)
		by = "recovery"
		if got, err = s.Recover(ctx, b.attempt(r, known)); err != nil && !errors.Is(err, terminal.ErrBusy) {
			s.drop()
		}
	}
	if err != nil || got.Outcome == terminal.Unknown {
		by = "held"
	}
	left = forged(said, arrived) || forged(written, heard)
	captured := false
	for _, e := range x.Face().Ledger {
		captured = captured || !e.Manual && e.Captured
		if !e.Manual && got.Outcome == terminal.Approved && !left && (got.AuthCode != e.AuthCode || got.Captured(r.Amount).Minor != e.Minor) {
			t.Errorf("rate %g, seed %d, %s: %+v, and the ledger says %+v", rate, seed, script, got, e)
		}
	}
	if !left && (got.Outcome == terminal.Approved && !captured || got.Outcome == terminal.Declined && captured) {
		t.Errorf("rate %g, seed %d, %s: %s by %s, and the ledger says %+v", rate, seed, script, got.Outcome, by, x.Face().Ledger)
	}
	return by, left
}

// TestNoisyLine pays over a serial line whose bits flip in both directions. Noise may cost a payment its end, and never makes a wrong
// one. TILLBRIDGE_THOROUGH makes it long.
func TestNoisyLine(t *testing.T) {
	payments := map[float64]int{0: 10, 1e-6: 20, 1e-5: 60, 1e-4: 60, 1e-3: 40}
	if os.Getenv("TILLBRIDGE_THOROUGH") != "" {
		payments = map[float64]int{0: 100, 1e-6: 2000, 1e-5: 5000, 1e-4: 3000, 1e-3: 2000}
	}
	scripts := []string{simulate.Approved, simulate.Approved, simulate.Declined, simulate.WrongPIN}
	for _, rate := range []float64{0, 1e-6, 1e-5, 1e-4, 1e-3} {
		ends, left := map[string]int{}, 0
		for seed := range payments[rate] {
			var by string
			var out bool
			synctest.Test(t, func(t *testing.T) { by, out = playNoise(t, rate, uint64(seed), scripts[seed%len(scripts)]) })
			if t.Failed() {
				t.FailNow()
			}
			if out {
				left++
				continue
			}
			ends[by]++
		}
		t.Logf("note: noisy serial line, bit error rate %g: %d payments, 0 wrong; %d finished in their dialogue, %d by asking afterwards, %d never sent, "+
			"%d held; %d left out for a forged frame with a right check byte", rate, payments[rate], ends["dialogue"], ends["recovery"], ends["never sent"], ends["held"], left)
		if rate <= 1e-5 && ends["held"] > payments[rate]/1000 {
			t.Errorf("rate %g: %d of %d payments were held, want at most one in a thousand", rate, ends["held"], payments[rate])
		}
		if rate == 0 && ends["dialogue"] != payments[rate] {
			t.Errorf("without noise %d of %d payments finished", ends["dialogue"], payments[rate])
		}
	}
}
