package line

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tillbridge/terminal"
)

// Direction says which way bytes went.
type Direction uint8

// The directions.
const (
	Sent Direction = iota // from us to the terminal
	Received
)

func (d Direction) String() string {
	if d == Received {
		return "received"
	}
	return "sent"
}

// Mask describes a burst of bytes for the trace without card data. It may be given a part of a frame, noise,
// or several frames at once; what it cannot parse it should not render. It must be safe to call from any
// goroutine.
//
// Runs of digits that could be a card number are masked in what it returns, and shorter ones at the very
// beginning and end, where a card number may have been cut. A text between brackets is spared the latter.
type Mask func(Direction, []byte) string

// Event is one line of a trace: bytes that went one way without a pause, or an end of the line.
type Event struct {
	At        time.Time     `json:"at"`   // of the first byte
	Took      time.Duration `json:"took"` // to the last byte
	Direction Direction     `json:"direction"`
	Bytes     int           `json:"bytes"`
	Text      string        `json:"text,omitempty"`  // what Mask said, masked once more; empty without Mask
	Error     string        `json:"error,omitempty"` // why the line ended or did not take the bytes
	Open      bool          `json:"open,omitempty"`  // more of this burst may follow; it has no Text yet
}

// String reads "10:15:04.123456 received 12 bytes in 1.2ms: text".
func (e Event) String() string { return e.At.Format("15:04:05.000000") + " " + e.what() }

// what is the event without its time.
func (e Event) what() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d bytes", e.Direction, e.Bytes)
	if e.Took > 0 {
		fmt.Fprintf(&b, " in %s", e.Took.Round(time.Microsecond))
	}
	if e.Open {
		b.WriteString(", more may follow")
	}
	if e.Text != "" {
		b.WriteString(": " + e.Text)
	}
	if e.Error != "" {
		b.WriteString("; " + e.Error)
	}
	return b.String()
}

const (
	burstLimit   = 8 << 10        // bytes that are held to be described as one
	burstPause   = time.Second    // a longer silence begins a new burst
	textLimit    = 4 * burstLimit // bytes of Event.Text
	defaultSize  = 1000           // events
	maxTraceSize = 100 * 1000     // events
	keptText     = 256 << 10      // bytes of text in all the events that are kept
	edgeDigits   = 5              // digits at the edge of a text that could be a part of a card number
	separators   = " -."          // as between the digits of a card number
)

// TraceOptions choose where a trace goes.
type TraceOptions struct {
	Size   int          // events that are kept, the newest, and fewer where their texts are long; 0 for 1000
	Mask   Mask         // nil: the number of bytes is recorded, never what they were
	Log    *slog.Logger // nil for none; a debug record an event
	Writer io.Writer    // nil for none; a line an event. It holds up the line for as long as it takes, so that it should not wait
	Name   string       // of the terminal, in Writer's lines, which then have the day too; empty for neither
	// Lost is told why the line was lost, in the goroutine that reads it, and not of an end that was asked for. Nil
	// for nobody.
	Lost func(error)
}

// Trace records what passes over a terminal's line, across reconnects. Its methods may be called from any
// goroutine.
//
// Every write is an event. Reads are joined to bursts, which end when we write, after a second of silence, or
// with the line, since a card number that is cut in two cannot be recognised in either part. A run of digits
// that a burst cuts all the same is masked from its fifth digit on.
type Trace struct {
	o TraceOptions

	mu    sync.Mutex
	kept  []Event // oldest first
	texts int     // bytes of their texts
	burst []byte
	first time.Time
	last  time.Time
	total int // bytes of the burst

	carried [Received + 1]int // digits at the end of the last text of a direction
}

// NewTrace makes an empty trace.
func NewTrace(o TraceOptions) *Trace {
	if o.Size <= 0 {
		o.Size = defaultSize
	}
	o.Size = min(o.Size, maxTraceSize)
	return &Trace{o: o}
}

// Events returns what is kept, oldest first. A burst that has not ended comes last, without its text.
func (t *Trace) Events() []Event {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := append(make([]Event, 0, len(t.kept)+1), t.kept...)
	if t.total > 0 {
		out = append(out, Event{At: t.first, Took: t.last.Sub(t.first), Direction: Received, Bytes: t.total, Open: true})
	}
	return out
}

// sent records a write with its outcome.
func (t *Trace) sent(begin, end time.Time, b []byte, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.flush(nil)
	e := Event{At: begin, Took: end.Sub(begin), Direction: Sent, Bytes: len(b), Text: t.text(Sent, b)}
	if err != nil {
		e.Error = terminal.MaskCardNumbers(err.Error())
	}
	t.add(e)
}

// received adds to the burst.
func (t *Trace) received(at time.Time, b []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.total > 0 && at.Sub(t.last) > burstPause {
		t.flush(nil)
	}
	if t.total == 0 {
		t.first = at
	}
	t.last = at
	t.total += len(b)
	t.burst = append(t.burst, b[:min(len(b), burstLimit-len(t.burst))]...)
	if len(t.burst) == burstLimit {
		t.flush(nil)
	}
}

// ended records why the line ended.
func (t *Trace) ended(at time.Time, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.total == 0 {
		t.first, t.last = at, at
	}
	t.flush(err)
}

// flush makes the burst an event. The caller holds mu.
func (t *Trace) flush(err error) {
	if t.total == 0 && err == nil {
		return
	}
	e := Event{At: t.first, Took: t.last.Sub(t.first), Direction: Received, Bytes: t.total, Text: t.text(Received, t.burst)}
	if err != nil {
		e.Error = terminal.MaskCardNumbers(err.Error())
	}
	clear(t.burst)
	t.burst, t.total = t.burst[:0], 0
	t.add(e)
}

// add keeps an event and passes it on. The caller holds mu.
func (t *Trace) add(e Event) {
	t.kept = append(t.kept, e)
	t.texts += len(e.Text) + len(e.Error)
	for len(t.kept) > t.o.Size || t.texts > keptText && len(t.kept) > 1 {
		t.texts -= len(t.kept[0].Text) + len(t.kept[0].Error)
		t.kept[0] = Event{}
		t.kept = t.kept[1:] // append moves them together when it runs out of room
	}
	if t.o.Log != nil {
		t.o.Log.Debug("line", "direction", e.Direction.String(), "bytes", e.Bytes, "took", e.Took, "text", e.Text, "error", e.Error)
	}
	if t.o.Writer != nil {
		text := e.String()
		if t.o.Name != "" {
			text = e.At.Format("2006-01-02 15:04:05.000000 ") + t.o.Name + " " + e.what()
		}
		// A trace that cannot be written must not stop a payment.
		_, _ = io.WriteString(t.o.Writer, text+"\n")
	}
}

// text asks Mask and masks what it missed. The caller holds mu.
func (t *Trace) text(d Direction, b []byte) (text string) {
	if t.o.Mask == nil || len(b) == 0 {
		return ""
	}
	defer func() {
		if recover() != nil {
			text = "" // a description is never worth a payment
		}
	}()
	text = t.o.Mask(d, b)
	if len(text) > textLimit {
		text = text[:textLimit]
	}
	text = strings.ToValidUTF8(strings.NewReplacer("\r", " ", "\n", " ").Replace(text), "?")
	text, t.carried[d] = maskEdges(text, t.carried[d])
	return terminal.MaskCardNumbers(text)
}

// maskEdges replaces the run of digits at either end of a text when it could be a part of a card number that
// was cut there. carried counts the digits that the text before it in the same direction ended with; the
// second result is the same count for the next text.
func maskEdges(text string, carried int) (masked string, carry int) {
	out := []byte(text)
	begin, leading := digitEdge(text, 1)
	end, trailing := digitEdge(text, -1)
	whole := begin == len(text)
	if whole {
		trailing = carried + leading
	}
	if carried+leading >= edgeDigits {
		hideDigits(out[:begin])
	}
	if trailing >= edgeDigits {
		hideDigits(out[end:])
	}
	return string(out), trailing
}

// digitEdge finds the run of digits and separators at the beginning (step 1) or the end (step -1) of a text:
// where it meets the rest, and how many digits it has.
func digitEdge(text string, step int) (edge, count int) {
	i := 0
	if step < 0 {
		i = len(text) - 1
	}
	for ; i >= 0 && i < len(text); i += step {
		if c := text[i]; c >= '0' && c <= '9' {
			count++
		} else if strings.IndexByte(separators, c) < 0 {
			break
		}
	}
	if step < 0 {
		i++
	}
	return i, count
}

func hideDigits(b []byte) {
	for i, c := range b {
		if c >= '0' && c <= '9' {
			b[i] = '*'
		}
	}
}

// Traced is the port, with everything that passes recorded in t. Closing it closes the port.
func Traced(p terminal.Port, t *Trace) terminal.Port { return &traced{Port: p, trace: t} }

type traced struct {
	terminal.Port
	trace *Trace
	ended atomic.Bool // the end is recorded once
}

func (p *traced) Read(b []byte) (int, error) {
	n, err := p.Port.Read(b)
	if n > 0 {
		p.trace.received(time.Now(), b[:n])
	}
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) && !p.ended.Swap(true) {
		p.trace.ended(time.Now(), err)
		if p.trace.o.Lost != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, os.ErrClosed) {
			p.trace.o.Lost(err)
		}
	}
	return n, err
}

func (p *traced) Write(b []byte) (int, error) {
	begin := time.Now()
	n, err := p.Port.Write(b)
	p.trace.sent(begin, time.Now(), b, err)
	return n, err
}

func (p *traced) Close() error { return p.end(p.Port.Close) }

// Abort passes on to a port that can drop what is unsent; others are closed.
func (p *traced) Abort() error {
	if a, ok := p.Port.(interface{ Abort() error }); ok {
		return p.end(a.Abort)
	}
	return p.Close()
}

func (p *traced) end(do func() error) error {
	err := do()
	p.ended.Store(true)
	p.trace.ended(time.Now(), err)
	return err
}

// Gone passes on the channel of a port that has one; nil where the line cannot tell.
func (p *traced) Gone() <-chan struct{} {
	if g, ok := p.Port.(interface{ Gone() <-chan struct{} }); ok {
		return g.Gone()
	}
	return nil
}

// Quiet passes on what a port knows of bytes that wait; false where it cannot tell.
func (p *traced) Quiet() bool {
	q, ok := p.Port.(interface{ Quiet() bool })
	return ok && q.Quiet()
}

// CloseWrite passes on to a port whose sending side can be closed by itself.
func (p *traced) CloseWrite() error {
	if h, ok := p.Port.(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return errors.ErrUnsupported
}
