package zvt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
	"tillbridge/terminal/wire"
)

// listener takes down the frames that pass one place of a line, by their content.
type listener struct {
	mu     sync.Mutex
	reader *wire.DLEReader
	frames map[string]bool
}

func newListener() *listener { return &listener{reader: NewSerialReader(), frames: map[string]bool{}} }

func (l *listener) hear(p []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range p {
		if e := l.reader.Feed(b); e.Kind == wire.DLEFrame {
			l.frames[string(e.Content)] = true
		}
	}
}

// ears listen on both sides of the noise, in both directions.
type ears struct{ said, arrived, heard, left *listener }

func newEars() ears { return ears{newListener(), newListener(), newListener(), newListener()} }

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

// forged tells whether noise made a frame whose CRC is right and which nobody sent. No reader can tell it, and
// what it leads to is nobody's fault.
func (e ears) forged() bool {
	for _, way := range [][2]*listener{{e.said, e.arrived}, {e.heard, e.left}} {
		for content := range way[1].frames {
			if !way[0].frames[content] {
				return true
			}
		}
	}
	return false
}

// noisePlay is what became of one payment over a noisy line.
type noisePlay struct {
	finished, forged bool
	by               string
}

func playNoise(t *testing.T, rate float64, seed uint64, script string) (out noisePlay) {
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
	e := newEars()
	lines := uint64(0)
	noisy := func(rate float64) func(context.Context) (terminal.Port, error) {
		return func(context.Context) (terminal.Port, error) {
			a, b := simulate.Pipe()
			go func() { _ = sim.Serve(ctx, b, terminal.Serial) }()
			lines++
			line := tap(simulate.Pace(a, 9600, 11), e.said, e.left)
			return tap(simulate.Noise(line, rate, seed<<8|lines), e.arrived, e.heard), nil
		}
	}
	o := NewOptions()
	env := terminal.Env{Link: terminal.Serial, Currency: euro, Log: slog.New(slog.DiscardHandler), Dial: noisy(0)}
	// The mark is read over a quiet line: the payment and the question after it are what the noise is for.
	s, err := open(ctx, env, o)
	if err != nil {
		t.Fatal(err)
	}
	before, err := s.(terminal.Marker).Mark(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	env.Dial = noisy(rate)
	paying := &session{o: o, env: env, log: env.Log, last: before, known: time.Now()}
	defer paying.drop()
	r := terminal.Request{Reference: "0000000001", Amount: terminal.Amount{Minor: 1250, Currency: euro}, Armed: time.Now()}
	got, by, err := settleNoisy(ctx, paying, r, before)
	out = noisePlay{finished: err == nil && got.Outcome != terminal.Unknown, forged: e.forged(), by: by}
	if out.finished && !out.forged {
		checkNoisy(t, fmt.Sprintf("rate %g, seed %d, %s, by %s", rate, seed, script, by), got, r, saleOf(sim))
	}
	return out
}

// settleNoisy pays, and asks until it is answered.
func settleNoisy(ctx context.Context, s *session, r terminal.Request, before terminal.Mark) (got terminal.Result, by string, err error) {
	b := &book{}
	got, err = s.Pay(ctx, r, b)
	if errors.Is(err, terminal.ErrNotSent) {
		return terminal.Result{Outcome: terminal.Declined}, "never sent", nil
	}
	by = "dialogue"
	for tries := 0; tries < 20 && (err != nil || got.Outcome == terminal.Unknown); tries++ {
		pass(5 * time.Second)
		s.drop()
		a := terminal.Attempt{Request: r, Mark: before}
		if n := len(b.seen); n > 0 {
			a.Seen = &b.seen[n-1]
		}
		got, err = s.Recover(ctx, a)
		if by = "recovery"; err == nil && got.Outcome == terminal.Unknown {
			break // held
		}
	}
	return got, by, err
}

func checkNoisy(t *testing.T, name string, got terminal.Result, r terminal.Request, sale *terminal.Entry) {
	t.Helper()
	captured := sale != nil && sale.Captured
	switch {
	case got.Outcome == terminal.Approved && !captured, got.Outcome == terminal.Declined && captured:
		t.Errorf("%s: %s %q, and the ledger says %+v", name, got.Outcome, got.Proof, sale)
	case got.Outcome == terminal.Approved && (got.AuthCode != sale.AuthCode || got.Captured(r.Amount).Minor != sale.Minor):
		t.Errorf("%s: %+v, and the ledger says %+v", name, got, sale)
	}
}

// TestNoisyLine pays over a serial line at 9600 baud whose bits flip in both directions. Noise may cost a payment
// its end, and never makes a wrong one. TILLBRIDGE_THOROUGH makes it long.
func TestNoisyLine(t *testing.T) {
	payments := map[float64]int{0: 20, 1e-6: 40, 1e-5: 100, 1e-4: 100, 1e-3: 60}
	if os.Getenv("TILLBRIDGE_THOROUGH") != "" {
		payments = map[float64]int{0: 200, 1e-6: 5000, 1e-5: 20000, 1e-4: 5000, 1e-3: 3000}
	}
	scripts := []string{simulate.Approved, simulate.Approved, simulate.Declined, simulate.WrongPIN}
	for _, rate := range []float64{0, 1e-6, 1e-5, 1e-4, 1e-3} {
		var finished, recovered, notSent, forged int
		for seed := range payments[rate] {
			var p noisePlay
			synctest.Test(t, func(t *testing.T) { p = playNoise(t, rate, uint64(seed), scripts[seed%len(scripts)]) })
			switch {
			case t.Failed():
				t.FailNow()
			case p.forged:
				forged++
			case !p.finished:
			case p.by == "recovery":
				recovered++
			case p.by == "never sent":
				notSent++
			default:
				finished++
			}
		}
		held := payments[rate] - finished - recovered - notSent - forged
		t.Logf("note: noisy serial line, bit error rate %g: %d payments, 0 wrong; %d finished in their dialogue, %d by asking afterwards, "+
			"%d never sent, %d held; %d left out for a forged frame with a right CRC", rate, payments[rate], finished, recovered, notSent, held, forged)
		if rate <= 1e-5 && held > payments[rate]/1000 {
			t.Errorf("rate %g: %d of %d payments were held, want at most one in a thousand", rate, held, payments[rate])
		}
		if rate == 0 && finished != payments[rate] {
			t.Errorf("without noise %d of %d payments finished", finished, payments[rate])
		}
	}
}
