package detect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/line"
)

// Times of a search.
const (
	// Quiet is how long a line is listened to before the first message. A terminal that waits for an answer repeats
	// itself within five seconds in the protocols that do so.
	Quiet = 6 * time.Second
	// Pause is between two questions on one line, so that what a terminal of another protocol made of the first has
	// been dropped by then.
	Pause = 2 * time.Second
	// limit bounds one question with all its answers.
	limit = 30 * time.Second
)

// Finder asks targets which terminal they are.
type Finder struct {
	Drivers []terminal.Driver // those without Identify are passed over
	// Dial opens a line once, with the settings of a speed and all.
	Dial func(context.Context, line.Config) (terminal.Port, error)
	Log  *slog.Logger // never nil
	// Quiet and Pause are as the constants say; tests shorten them.
	Quiet, Pause time.Duration
	// Asking is told of each question before it is sent; nil for nobody.
	Asking func(Question)
}

// Question is one driver's question with one setting of the line.
type Question struct {
	Driver terminal.Driver
	Line   line.Config
}

// Try is what became of a question.
type Try struct {
	Question
	Sent [][]byte // everything that was sent, at most the first 256 writes
	Err  error    // why this is no such terminal; nil where it is
}

// Finding is what became of the questions to a target.
type Finding struct {
	Target
	Tries    []Try
	Found    bool
	Driver   terminal.Driver   // only if Found, as the rest
	Identity terminal.Identity // what the terminal says of itself
	At       line.Config       // the line as it was found, with every setting
}

// Questions are what Ask asks a target, in that order: first drivers that know it, then each driver with its usual
// line settings, then at its further speeds.
func (f Finder) Questions(t Target) []Question {
	var known, usual, further []Question
	for _, d := range f.Drivers {
		serial := t.Line.TCP == ""
		if d.Identify == nil || serial && d.Line.Baud == 0 || !serial && d.Line.TCPPort == 0 {
			continue
		}
		first := Question{d, t.Line.WithDefaults(d.Line)}
		var rest []Question
		for _, baud := range d.Bauds {
			if c := first.Line; serial && baud != c.Baud {
				c.Baud = baud
				rest = append(rest, Question{d, c})
			}
		}
		if slices.ContainsFunc(t.Known, func(k Known) bool { return k.Driver == d.Name }) {
			known = append(append(known, first), rest...)
			continue
		}
		usual, further = append(usual, first), append(further, rest...)
	}
	return slices.Concat(known, usual, further)
}

// Ask asks a target until a driver knows the terminal by its answer. It asks nothing where Skip is set. The error is
// that of a serial port that cannot be opened, or ctx's; what was tried until then is in the finding.
func (f Finder) Ask(ctx context.Context, t Target) (Finding, error) {
	out := Finding{Target: t}
	if t.Skip != "" {
		return out, nil
	}
	quiet := f.Quiet
	if t.Line.TCP != "" {
		quiet = 0 // what a terminal has under way is on another connection, and some close one on which nothing comes
	}
	listen := quiet
	for i, q := range f.Questions(t) {
		if i > 0 {
			if err := wait(ctx, f.Pause); err != nil {
				return out, err
			}
		}
		if f.Asking != nil {
			f.Asking(q)
		}
		a := f.question(ctx, q, listen)
		if a.unopened != nil && t.Line.TCP == "" {
			return out, a.unopened // at another speed it is the same port; an address has other ports
		}
		if ctx.Err() != nil {
			return out, ctx.Err()
		}
		out.Tries = append(out.Tries, Try{Question: q, Sent: a.sent, Err: a.err})
		f.Log.Debug("asked for a terminal", "driver", q.Driver.Name, "line", q.Line.String(), "error", a.err)
		if a.err == nil {
			out.Found, out.Driver, out.Identity, out.At = true, q.Driver, a.identity, q.Line
			return out, nil
		}
		// A line that has been listened to is known to be at rest, unless it was not.
		if listen = 0; a.talked {
			listen = quiet
		}
	}
	return out, nil
}

type answer struct {
	identity terminal.Identity
	err      error
	unopened error // the line could not be opened
	sent     [][]byte
	talked   bool
}

// question lets a driver ask once.
func (f Finder) question(ctx context.Context, q Question, quiet time.Duration) (a answer) {
	ctx, cancel := context.WithTimeout(ctx, limit+quiet)
	defer cancel()
	var g *gate
	dial := func(ctx context.Context) (terminal.Port, error) {
		if g != nil {
			return nil, errors.New("a search dials once")
		}
		p, err := f.Dial(ctx, q.Line)
		if err != nil {
			a.unopened = err
			return nil, err
		}
		g = &gate{Port: p, allowed: q.Driver.Asks, link: q.Line.Kind()}
		if err := g.listen(ctx, quiet); err != nil {
			return nil, errors.Join(err, p.Close())
		}
		return g, nil
	}
	a.identity, a.err = identify(ctx, q.Driver, terminal.Env{Dial: dial, Link: q.Line.Kind(), Log: f.Log})
	if g == nil {
		return a
	}
	_ = g.Port.Close() // the driver may have done so
	a.sent, a.talked = g.left(), g.talked()
	if a.err != nil && a.talked {
		a.err = g.shut
	}
	return a
}

// identify calls the driver. Its panic is an error.
func identify(ctx context.Context, d terminal.Driver, e terminal.Env) (id terminal.Identity, err error) {
	defer func() {
		if r := recover(); r != nil {
			id, err = terminal.Identity{}, fmt.Errorf("the driver %s broke: %v", d.Name, r)
		}
	}()
	return d.Identify(ctx, e)
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// wait waits; an error is ctx's, which ended first.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
