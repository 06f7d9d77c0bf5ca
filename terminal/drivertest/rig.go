package drivertest

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// Rig is a session with a simulated terminal, over a line that nobody disturbs, for a driver's own tests of what the battery does not know.
type Rig struct {
	*testing.T
	Sim     terminal.Simulator
	Session terminal.Session
	Env     terminal.Env // with which the session was opened

	dials int
}

// RigOptions say what a Rig is made of.
type RigOptions struct {
	Driver    terminal.Driver
	Link      terminal.LinkKind
	Currency  terminal.Currency
	Options   any // nil means Driver.Options
	Simulator terminal.SimulatorOptions
	Earlier   int64 // is sold at the terminal's own keys before the session is opened; 0 is nothing
}

// NewRig opens a session with a simulated terminal. It is called in a bubble of testing/synctest, at whose end it closes everything.
func NewRig(t *testing.T, o RigOptions) *Rig {
	t.Helper()
	o.Simulator.Currency = o.Currency
	sim, err := o.Driver.Simulate(o.Simulator)
	if err != nil {
		t.Fatal(err)
	}
	r := &Rig{T: t, Sim: sim}
	if o.Earlier != 0 {
		r.Press(handSale(o.Earlier))
	}
	ctx, stop := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	t.Cleanup(func() {
		if r.Session != nil {
			_ = r.Session.Close()
		}
		stop()
		serving.Wait()
	})
	r.Env = terminal.Env{Link: o.Link, Currency: o.Currency, Log: slog.New(slog.DiscardHandler), Dial: func(context.Context) (terminal.Port, error) {
		if !sim.Face().Cabled {
			return nil, errOut
		}
		near, far := simulate.Pipe()
		r.dials++
		serving.Go(func() { _ = sim.Serve(ctx, far, o.Link) })
		synctest.Wait() // the terminal listens
		return near, nil
	}}
	if o.Options == nil {
		o.Options = o.Driver.Options()
	}
	if r.Session, err = o.Driver.Open(ctx, r.Env, o.Options); err != nil {
		t.Fatal(err)
	}
	return r
}

// Dials is how often the line was opened.
func (r *Rig) Dials() int { return r.dials }

// Press presses at the terminal.
func (r *Rig) Press(actions ...string) {
	r.Helper()
	for _, a := range actions {
		if err := r.Sim.Press(a); err != nil {
			r.Fatal(err)
		}
	}
}

// Ask asks what became of a payment until it is answered.
func (r *Rig) Ask(a terminal.Attempt) terminal.Result {
	r.Helper()
	return Ask(r.T, r.Session, a)
}

// Ask asks what became of a payment, every three seconds until it is answered, as the engine does.
func Ask(t *testing.T, s terminal.Session, a terminal.Attempt) terminal.Result {
	t.Helper()
	var err error
	for range 120 {
		var got terminal.Result
		if got, err = s.Recover(t.Context(), a); err == nil {
			return got
		}
		pause := time.NewTimer(3 * time.Second)
		<-pause.C
	}
	t.Fatalf("could not be asked: %v", err)
	return terminal.Result{}
}

// Sales are the ledger's entries that were not made at the terminal itself, oldest first.
func (r *Rig) Sales() (mine []terminal.Entry) {
	for _, e := range r.Sim.Face().Ledger {
		if !e.Manual {
			mine = append(mine, e)
		}
	}
	return mine
}

// Booked are those of them that took money.
func (r *Rig) Booked() []terminal.Entry { return captured(r.Sales()) }

// Converse says bytes to a simulated terminal, in a bubble of its own: first one, then the next when nothing has come for a minute. To what comes it
// says at once what answer makes of it; nil says nothing. It returns all that came, and how the terminal looks then.
func Converse(t *testing.T, sim func() (terminal.Simulator, error), k terminal.LinkKind, presses []string, answer func(heard string) string, say ...[]byte) (heard string, face terminal.Face) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s, err := sim()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range presses {
			if err := s.Press(p); err != nil {
				t.Fatal(err)
			}
		}
		near, far := simulate.Pipe()
		var serving sync.WaitGroup
		serving.Go(func() { _ = s.Serve(t.Context(), far, k) })
		for _, b := range say {
			text, err := told(near, b, answer)
			if heard += text; err != nil {
				t.Error(err)
			}
		}
		face = s.Face()
		_ = near.Close()
		serving.Wait()
	})
	return heard, face
}

// told says bytes and hears what comes until a minute of silence, or until the other side has hung up.
func told(near *simulate.PipeEnd, say []byte, answer func(string) string) (heard string, err error) {
	if _, err := near.Write(say); err != nil {
		return "", err
	}
	if err := near.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		return "", err
	}
	for buf := make([]byte, 4096); ; {
		n, err := near.Read(buf)
		heard += string(buf[:n])
		if err != nil {
			return heard, nil
		}
		if answer == nil {
			continue
		}
		if _, err := near.Write([]byte(answer(string(buf[:n])))); err != nil {
			return heard, err
		}
	}
}
