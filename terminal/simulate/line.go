package simulate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"tillbridge/terminal"
)

const (
	lineWrites = 256              // writes that wait for the line
	splitPause = time.Millisecond // between the bytes of a split write
	lineChunk  = 4096
)

// errReplaced is why a line was closed that another took the place of.
var errReplaced = errors.New("another line took this one's place")

// Line is a line of a simulated terminal while it is served. Its methods are called under the terminal's lock, Serve excepted.
type Line struct {
	Kind terminal.LinkKind

	port terminal.Port
	talk Talk
	out  chan written
	done chan struct{}

	once  sync.Once
	cause error // why it ended, once done is closed
	cut   bool  // it ended like a pulled cable

	mute  bool // nothing leaves any more
	split bool // every byte leaves by itself
}

// written is what leaves in one write, or byte by byte.
type written struct {
	bytes []byte
	split bool
}

// NewLine makes the line of a port, which Serve closes.
func NewLine(p terminal.Port, k terminal.LinkKind) *Line {
	return &Line{Kind: k, port: p, out: make(chan written, lineWrites), done: make(chan struct{})}
}

// Talk is the conversation on the line; nil where there is no line.
func (l *Line) Talk() Talk {
	if l == nil {
		return nil
	}
	return l.talk
}

// Write hands bytes to the line without waiting. A line that does not take them is given up.
func (l *Line) Write(b []byte) {
	if l == nil || l.mute || len(b) == 0 {
		return
	}
	select {
	case l.out <- written{slices.Clone(b), l.split}:
	case <-l.done:
	default:
		l.end(fmt.Errorf("%d writes wait: %w", lineWrites, ErrCut), false)
	}
}

// Close ends the line after what was written, as a terminal does that closes its connection.
func (l *Line) Close() {
	if l == nil {
		return
	}
	select {
	case l.out <- written{}:
	case <-l.done:
	default:
		l.end(nil, false)
	}
}

// Cut ends the line like a pulled cable; what was written and has not left is lost.
func (l *Line) Cut(why string) {
	if l == nil {
		return
	}
	l.mute = true
	l.end(fmt.Errorf("%s: %w", why, ErrCut), true)
}

// Replaced ends the line, since another one took its place.
func (l *Line) Replaced() { l.end(errReplaced, false) }

// Mute lets nothing leave any more.
func (l *Line) Mute() {
	if l != nil {
		l.mute = true
	}
}

// Split has every byte leave by itself from now on, or not.
func (l *Line) Split(on bool) {
	if l != nil {
		l.split = on
	}
}

// end ends the line once; what is called later changes nothing.
func (l *Line) end(cause error, cut bool) {
	l.once.Do(func() {
		if errors.Is(cause, io.EOF) {
			cause = nil
		}
		l.cause, l.cut = cause, cut
		close(l.done)
	})
}

// closePort gives the line up, whatever it says.
func (l *Line) closePort() {
	if c, ok := l.port.(interface{ Cut() }); ok && l.cut {
		c.Cut()
	}
	_ = l.port.Close()
}

// writer is the task that writes.
func (l *Line) writer() {
	for {
		select {
		case <-l.done:
			return
		case w := <-l.out:
			if w.bytes == nil {
				l.end(nil, false)
				return
			}
			if err := l.write(w); err != nil {
				l.end(err, false)
				return
			}
		}
	}
}

func (l *Line) write(w written) error {
	size := len(w.bytes)
	if w.split {
		size = 1
	}
	for piece := range slices.Chunk(w.bytes, max(1, size)) {
		if _, err := l.port.Write(piece); err != nil {
			return err
		}
		if !w.split {
			continue
		}
		pause := time.NewTimer(splitPause)
		select {
		case <-pause.C:
		case <-l.done:
			pause.Stop()
		}
	}
	return nil
}

// Serve has what comes read until the line ends or ctx does, while what is written leaves; then it calls gone, and the port is closed.
// It returns nil when either side closed, ctx's error, or an error that wraps ErrCut after a fault.
func (l *Line) Serve(ctx context.Context, read func(terminal.Port) error, gone func()) error {
	var tasks sync.WaitGroup
	tasks.Go(l.writer)
	tasks.Go(func() {
		select {
		case <-ctx.Done():
			l.end(ctx.Err(), false)
		case <-l.done:
		}
		l.closePort()
	})
	l.end(read(l.port), false)
	gone()
	tasks.Wait()
	return l.cause
}

// Serve plays the terminal on one line until the line closes, a fault cuts it, or ctx ends, and closes p. It
// returns what Line.Serve does.
//
// A serial line that is served takes the place of the one before; on TCP several may be served. Without power a
// serial line stays open and silent and a connection is closed. With the cable pulled Serve returns at once.
func (b *Body) Serve(ctx context.Context, p terminal.Port, k terminal.LinkKind) error {
	l := NewLine(p, k)
	err := ctx.Err()
	if err == nil {
		err = b.attach(l)
	}
	if err != nil {
		_ = p.Close() // there is nothing on it yet
		return err
	}
	return l.Serve(ctx, func(p terminal.Port) error { return b.read(p, l) }, func() { b.detach(l) })
}

// read hands what comes to the conversation. Without power nobody hears it.
func (b *Body) read(p terminal.Port, l *Line) error {
	buf := make([]byte, lineChunk)
	for {
		n, err := p.Read(buf)
		b.mu.Lock()
		if n > 0 && !b.off {
			l.talk.Hear(slices.Clone(buf[:n]))
		}
		b.mu.Unlock()
		if err != nil {
			return err
		}
	}
}

func (b *Body) attach(l *Line) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case !b.desk.Cabled():
		return fmt.Errorf("the cable is out: %w", ErrCut)
	case l.Kind == terminal.TCP && b.off:
		return fmt.Errorf("the terminal has no power: %w", ErrCut)
	case l.Kind == terminal.Serial && b.serial != nil:
		b.serial.Replaced()
	}
	if l.Kind == terminal.Serial {
		b.serial = l
	}
	b.lines = append(b.lines, l)
	l.talk = b.mouth.Attach(l)
	return nil
}

func (b *Body) detach(l *Line) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = slices.DeleteFunc(b.lines, func(o *Line) bool { return o == l })
	if b.serial == l {
		b.serial = nil
	}
	l.talk.Lost()
}
