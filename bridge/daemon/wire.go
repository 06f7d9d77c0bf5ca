package daemon

import (
	"context"
	"io"
	"sync"
	"time"

	"tillbridge/bridge/health"
	"tillbridge/terminal"
	"tillbridge/terminal/line"
)

// What is kept of a terminal's line in memory.
const (
	wireEvents = 500
	wireText   = 4 << 10 // bytes of the description of one burst
)

// wire is what is known of a terminal's line across its sessions: the trace, the counts and the last mishap.
type wire struct {
	trace    *line.Trace
	quality  *terminal.Quality
	identity *identity

	mu     sync.Mutex
	failed string // why the terminal could not be reached last, or its line was lost
	at     time.Time
}

// newWire makes the wire of a terminal. Its trace is masked by the driver, and written to w too unless that is nil.
func newWire(name string, d terminal.Driver, k terminal.LinkKind, w io.Writer, i *identity) *wire {
	one := &wire{quality: &terminal.Quality{}, identity: i}
	o := line.TraceOptions{Size: wireEvents, Writer: w, Name: name, Lost: one.mishap}
	if d.Describe != nil {
		o.Mask = func(way line.Direction, b []byte) string {
			text := d.Describe(k, way == line.Sent, b)
			return text[:min(len(text), wireText)]
		}
	}
	one.trace = line.NewTrace(o)
	return one
}

// dial makes every line that open opens a traced one, and counts it.
func (w *wire) dial(open func(context.Context) (terminal.Port, error)) func(context.Context) (terminal.Port, error) {
	return func(ctx context.Context) (terminal.Port, error) {
		p, err := open(ctx)
		if err != nil {
			return nil, err
		}
		w.quality.Opened()
		return line.Traced(p, w.trace), nil
	}
}

// driver is a driver whose sessions count on this wire, and whose vain attempts are noted.
func (w *wire) driver(d terminal.Driver) terminal.Driver {
	open := d.Open
	d.Open = func(ctx context.Context, e terminal.Env, options any) (terminal.Session, error) {
		e.Quality = w.quality
		s, err := open(ctx, e, options)
		if err != nil && ctx.Err() == nil {
			w.mishap(err)
		}
		return s, err
	}
	return d
}

func (w *wire) mishap(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failed, w.at = terminal.MaskCardNumbers(err.Error()), time.Now()
}

// tell adds what is known of the wire to a terminal's facts.
func (w *wire) tell(t *health.Terminal) {
	t.Quality = w.quality.Counts()
	if t.State == health.NotReached && w.identity.refusing() {
		t.State = health.OtherTerminal
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	t.LastError, t.LastErrorAt = w.failed, w.at
}
