package transbank

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/drivers/transbank/sim"
	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
	"tillbridge/terminal/wire"
)

// listener takes down the frames that pass one place of a line.
type listener struct {
	mu     sync.Mutex
	reader *wire.STXReader
	frames map[string]bool
}

func newListener(f wire.STXFormat) *listener {
	return &listener{reader: wire.NewSTXReader(f, 2048), frames: map[string]bool{}}
}

func (l *listener) hear(p []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range p {
		if e := l.reader.Feed(b); e.Kind == wire.STXFrame {
			l.frames[string(e.Body)] = true
		}
	}
}

// tap is a port with two listeners on it.
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
	for body := range came.frames {
		if !sent.frames[body] {
			return true
		}
	}
	return false
}

// playNoise makes one payment over a serial line that flips bits, and asks until it is answered.
func playNoise(t *testing.T, o *Options, rate float64, seed uint64, script string) (by string, left bool) {
	side, err := sim.New(terminal.SimulatorOptions{Outcome: script, Think: 100 * time.Millisecond, Options: sim.Options{Model: o.Model.String()}})
	if err != nil {
		t.Fatal(err)
	}
	if err := side.Press(simulate.PressManualSale + ":990"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer synctest.Wait()
	defer cancel()
	said, arrived, heard, went := newListener(theirs(o.Model)), newListener(theirs(o.Model)), newListener(ours()), newListener(ours())
	now, lines := 0.0, uint64(0)
	env := terminal.Env{Currency: peso, Log: slog.New(slog.DiscardHandler), Dial: func(context.Context) (terminal.Port, error) {
		a, b := simulate.Pipe()
		go func() { _ = side.Serve(ctx, b, terminal.Serial) }()
		lines++
		return tap(simulate.Noise(tap(simulate.Pace(a, 115200, 10), said, went), now, seed<<8|lines), arrived, heard), nil
	}}
	// The terminal is found over a quiet line: the payment and the questions after it are what the noise is for.
	opened, err := open(ctx, env, o)
	if err != nil {
		t.Fatal(err)
	}
	s := opened.(*session)
	defer s.Close()
	mark, err := s.Mark(ctx)
	if err != nil {
		t.Fatal(err)
	}
	s.drop()
	now = rate
	r, b := request(1250), &till{}
	got, err := s.Pay(ctx, r, b)
	by = "dialogue"
	if errors.Is(err, terminal.ErrNotSent) {
		got, by, err = terminal.Result{Outcome: terminal.Declined}, "never sent", nil
	}
	for n := 0; n < 200 && (err != nil || by == "dialogue" && got.Outcome == terminal.Unknown); n++ {
		<-time.After(3 * time.Second)
		a := terminal.Attempt{Request: r, Mark: mark}
		if n := len(b.marks); n > 0 {
			a.Mark = b.marks[n-1]
		}
		if n := len(b.seen); n > 0 {
			a.Seen = &b.seen[n-1]
		}
		by = "recovery"
		if got, err = s.Recover(ctx, a); err != nil && !errors.Is(err, terminal.ErrBusy) {
			s.drop()
		}
	}
	if err != nil || got.Outcome == terminal.Unknown {
		by = "held"
	}
	if forged(said, arrived) || forged(heard, went) {
		return by, true
	}
	money := booked(side)
	switch {
	case got.Outcome == terminal.Approved && len(money) != 1, got.Outcome == terminal.Declined && len(money) != 0, len(money) > 1:
		t.Errorf("%s, rate %g, seed %d, %s: %s by %s, and the ledger says %+v", o.Model, rate, seed, script, got.Outcome, by, side.Face().Ledger)
	case got.Outcome == terminal.Approved && (got.AuthCode != money[0].AuthCode || got.Captured(r.Amount).Minor != money[0].Minor):
		t.Errorf("%s, rate %g, seed %d, %s: %+v, and the ledger says %+v", o.Model, rate, seed, script, got, money)
	}
	return by, false
}

// TestNoisyLine pays over a serial line whose bits flip in both directions. Noise may cost a payment its end, and never makes a wrong
// one. TILLBRIDGE_THOROUGH makes it long.
func TestNoisyLine(t *testing.T) {
	payments := map[float64]int{0: 8, 1e-6: 8, 1e-5: 24, 1e-4: 40, 1e-3: 24}
	if os.Getenv("TILLBRIDGE_THOROUGH") != "" {
		payments = map[float64]int{0: 100, 1e-6: 1000, 1e-5: 3000, 1e-4: 3000, 1e-3: 1000}
	}
	scripts := []string{simulate.Approved, simulate.Approved, simulate.Declined, simulate.WrongPIN}
	for _, rate := range []float64{0, 1e-6, 1e-5, 1e-4, 1e-3} {
		ends, left := map[string]int{}, 0
		for seed := range payments[rate] {
			o := NewOptions()
			o.Model = Model(seed / len(scripts) % 2)
			var by string
			var forged bool
			synctest.Test(t, func(t *testing.T) { by, forged = playNoise(t, o, rate, uint64(seed), scripts[seed%len(scripts)]) })
			if t.Failed() {
				t.FailNow()
			}
			if forged {
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
