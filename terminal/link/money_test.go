package link_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/link"
	"tillbridge/terminal/simulate"
	"tillbridge/terminal/wire"
)

// deaf is a till that takes anything.
type deaf struct{ stages []terminal.Stage }

func (*deaf) Mark(terminal.Mark) error       { return nil }
func (*deaf) Seen(terminal.Result) error     { return nil }
func (*deaf) Receipt(terminal.Receipt)       {}
func (d *deaf) Progress(p terminal.Progress) { d.stages = append(d.stages, p.Stage) }

// What the terminal says, each thing a time after the one before, and how often the command is on the line then. The command is
// sent again on a NAK alone.
func TestMoney(t *testing.T) {
	const pause, patience = 200 * time.Millisecond, 10 * time.Second
	frame := func(body string) string { return string(plain.Append(nil, []byte(body))) }
	type say struct {
		after time.Duration
		text  string
	}
	s := time.Second
	for name, c := range map[string]struct {
		says  []say
		sends int
		err   error
		took  time.Duration
	}{
		"silence":                          {nil, 1, terminal.ErrSilent, patience},
		"a result":                         {[]say{{s, frame("R")}}, 1, nil, s},
		"an ACK, and the result":           {[]say{{s, "\x06"}, {9 * s, frame("R")}}, 1, nil, 10 * s},
		"a NAK, then the result":           {[]say{{s, "\x15"}, {s, frame("R")}}, 2, nil, 2 * s},
		"three NAKs":                       {[]say{{s, "\x15"}, {s, "\x15"}, {s, "\x15"}}, 3, link.ErrNak, 3*s + pause},
		"a NAK, and then silence":          {[]say{{s, "\x15"}}, 2, terminal.ErrSilent, s + pause + patience},
		"a NAK after noise":                {[]say{{s, "??\x15"}}, 1, terminal.ErrSilent, patience},
		"noise after a NAK":                {[]say{{s, "\x15?"}}, 1, terminal.ErrSilent, s + pause + patience},
		"half a frame after a NAK":         {[]say{{s, "\x15\x02R"}}, 1, terminal.ErrSilent, s + pause + patience},
		"a NAK and an ACK":                 {[]say{{s, "\x15\x06"}}, 1, terminal.ErrSilent, s + patience},
		"a NAK and another at once":        {[]say{{s, "\x15\x15"}}, 1, terminal.ErrSilent, s + patience},
		"a NAK after an ACK":               {[]say{{s, "\x06"}, {s, "\x15"}}, 1, terminal.ErrSilent, s + patience},
		"a NAK after a damaged frame":      {[]say{{s, "\x02R\x03\x00"}, {s, "\x15"}}, 1, terminal.ErrSilent, patience},
		"other messages keep it waiting":   {[]say{{9 * s, frame("T")}, {9 * s, frame("T")}, {9 * s, frame("R")}}, 1, nil, 27 * s},
		"what means nothing does not":      {[]say{{9 * s, "?"}, {9 * s, frame("R")}}, 1, terminal.ErrSilent, patience},
		"a result that cannot be recorded": {[]say{{s, frame("X")}}, 1, errFull, s},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := simulate.Pipe()
				defer near.Close()
				at := time.Duration(0)
				for _, one := range c.says {
					at += one.after
					later(at, far, one.text)
				}
				till := &deaf{}
				m := &link.Money{Line: link.NewSTX(near, plain, 32), Body: []byte("P"), NakPause: pause, Till: till, Quality: new(terminal.Quality)}
				m.Patience = func() time.Duration { return patience }
				m.Hear = func(e wire.STXEvent) (over, alive bool, err error) {
					m.Taken = m.Taken || e.Kind == wire.STXAck
					if string(e.Body) == "X" {
						return false, true, errFull
					}
					return string(e.Body) == "R", e.Kind == wire.STXFrame || e.Kind == wire.STXAck, nil
				}
				began := time.Now()
				err := m.Run(t.Context())
				if took := time.Since(began); !errors.Is(err, c.err) || c.err == nil && err != nil || took != c.took {
					t.Errorf("it ends after %s with %v", took, err)
				}
				if got := sent(t, far); strings.Count(got, frame("P")) != c.sends || len(got) != c.sends*len(frame("P")) {
					t.Errorf("on the line is %q, want %d commands", got, c.sends)
				}
				if len(till.stages) != 1 || till.stages[0] != terminal.Sent {
					t.Errorf("told were %v", till.stages)
				}
			})
		})
	}
}

var errFull = errors.New("the disk is full")

// sent is what came at the far end.
func sent(t *testing.T, far *simulate.PipeEnd) string {
	t.Helper()
	var all []byte
	buf := make([]byte, 256)
	for {
		_ = far.SetReadDeadline(time.Now().Add(time.Second))
		n, err := far.Read(buf)
		if all = append(all, buf[:n]...); err != nil {
			return string(all)
		}
	}
}

// A poke lets something be said in between, and does not make the wait longer. A line that fails ends it.
func TestMoneyPoked(t *testing.T) {
	with(t, plain, func(t *testing.T, l *link.STX, far *simulate.PipeEnd) {
		calls, began := 0, time.Now()
		later(time.Second, far, "\x06")
		m := &link.Money{Line: l, Body: []byte("P"), Till: &deaf{}, Quality: new(terminal.Quality), Patience: func() time.Duration { return 5 * time.Second }}
		m.Hear = func(e wire.STXEvent) (over, alive bool, err error) {
			m.Taken = e.Kind == wire.STXAck
			return false, false, nil
		}
		m.Poked = func() error {
			if calls++; calls == 1 && time.Since(began) != time.Second {
				t.Errorf("called after %s, when the terminal may not have the command yet", time.Since(began))
			}
			if calls == 2 {
				return l.Control(wire.EOT)
			}
			return nil
		}
		time.AfterFunc(time.Second/2, l.Poke)
		time.AfterFunc(3*time.Second, l.Poke)
		if err := m.Run(t.Context()); !errors.Is(err, terminal.ErrSilent) || time.Since(began) != 5*time.Second || calls != 2 {
			t.Errorf("%v after %s, %d calls", err, time.Since(began), calls)
		}
		if got := sent(t, far); got != string(plain.Append(nil, []byte("P")))+"\x04" {
			t.Errorf("on the line is %q", got)
		}
		m.Poked = func() error { return errFull }
		if err := m.Run(t.Context()); !errors.Is(err, errFull) {
			t.Error(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		m.Poked = nil
		if err := m.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		_ = far.Close()
		if err := m.Run(t.Context()); err == nil || errors.Is(err, terminal.ErrSilent) {
			t.Errorf("the line is gone: %v", err)
		}
	})
}
