package telium

import (
	"context"
	"fmt"
	"time"

	"tillbridge/drivers/telium/sim"
	"tillbridge/terminal"
)

// Driver is the driver. Real serial lines are 9600 7E1; over USB the settings have no effect (telium sheet 1). The evidence
// is that of the British dialect; a French session gives no proof by a record and tells no mark.
func Driver() terminal.Driver {
	return terminal.Driver{
		Name: "telium", Title: "Ingenico Telium: Concert E, E+ (France), EPOS (United Kingdom, Ireland)", Evidence: terminal.C1 | terminal.C2,
		Line:    terminal.LineDefaults{Baud: 9600, DataBits: 7, Parity: "even", StopBits: "1", TCPPort: 18101, Listens: true},
		Options: func() any { return NewOptions() },
		Kinds:   []terminal.Session{(*french)(nil), (*british)(nil)}, Known: "other programs (France), an acquirer's program (United Kingdom); the papers are not public",
		Open: open, Simulate: sim.New, Describe: describe,
		Bauds: []int{19200, 115200}, Demo: map[string]string{"dialect": "fr"},
	}
}

var (
	_ terminal.Session    = (*french)(nil)
	_ terminal.Refunder   = (*french)(nil)
	_ terminal.Prober     = (*french)(nil)
	_ terminal.Session    = (*british)(nil)
	_ terminal.Marker     = (*british)(nil)
	_ terminal.Canceller  = (*british)(nil)
	_ terminal.Identifier = (*british)(nil)
	_ terminal.Refunder   = (*british)(nil)
	_ terminal.Voider     = (*british)(nil)
	_ terminal.Settler    = (*british)(nil)
	_ terminal.Prober     = (*british)(nil)
)

// open starts a session. A French terminal is not spoken to: while it works on a payment it may not answer, and what it
// then wants to say must find somebody who listens. A British one is asked for its state.
func open(ctx context.Context, e terminal.Env, options any) (terminal.Session, error) {
	o, ok := options.(*Options)
	if !ok {
		return nil, fmt.Errorf("options of type %T, want %T", options, o)
	}
	if err := o.Validate(); err != nil {
		return nil, err
	}
	s := &session{o: o, env: e, log: e.Log, doubt: time.Now()}
	if o.Dialect == France {
		if e.Link == terminal.TCP {
			return nil, fmt.Errorf("the French dialect has no TCP form; a terminal in the network speaks caisseap")
		}
		f := &french{session: s}
		if err := s.begin(ctx); err != nil {
			return nil, err
		}
		s.watch()
		return f, nil
	}
	b := &british{session: s}
	if err := b.greet(ctx); err != nil {
		_ = s.Close() // the greeting's error counts
		return nil, err
	}
	return b, nil
}
