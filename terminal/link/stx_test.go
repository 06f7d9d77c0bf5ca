package link_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/link"
	"tillbridge/terminal/simulate"
	"tillbridge/terminal/wire"
)

// with runs f with a line and its far end.
func with(t *testing.T, format wire.STXFormat, f func(t *testing.T, l *link.STX, far *simulate.PipeEnd)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		near, far := simulate.Pipe()
		defer near.Close()
		f(t, link.NewSTX(near, format, 32), far)
	})
}

var plain = wire.STXFormat{Covers: wire.CoverBodyETX}

// later writes bytes after a time.
func later(after time.Duration, far *simulate.PipeEnd, text string) {
	time.AfterFunc(after, func() { _, _ = far.Write([]byte(text)) })
}

func TestNext(t *testing.T) {
	with(t, plain, func(t *testing.T, l *link.STX, far *simulate.PipeEnd) {
		later(time.Second, far, "\x06\xff\x020100\x03\x02\x15")
		for _, want := range []wire.STXKind{wire.STXAck, wire.STXFrame, wire.STXNak} {
			e, err := l.Next(t.Context(), time.Now().Add(time.Minute), false)
			if err != nil || e.Kind != want {
				t.Fatalf("got %s, %v; want %s", e.Kind, err, want)
			}
			if e.Kind == wire.STXFrame && string(e.Body) != "0100" {
				t.Errorf("body %q", e.Body)
			}
		}
	})
}

// A frame whose bytes come one by one is whole; one that stops is damaged, and what comes after it is read.
func TestNextAcrossPauses(t *testing.T) {
	with(t, plain, func(t *testing.T, l *link.STX, far *simulate.PipeEnd) {
		for i, b := range "\x020100\x03\x02" {
			later(time.Duration(i+1)*link.ByteGap*9/10, far, string(b))
		}
		e, err := l.Next(t.Context(), time.Now().Add(time.Minute), false)
		if err != nil || e.Kind != wire.STXFrame {
			t.Errorf("got %s, %v", e.Kind, err)
		}
		later(0, far, "\x0201")
		began := time.Now()
		e, err = l.Next(t.Context(), began.Add(time.Minute), false)
		if err != nil || e.Kind != wire.STXBadLRC || time.Since(began) != link.ByteGap {
			t.Errorf("half a frame: %s, %v after %s", e.Kind, err, time.Since(began))
		}
		later(0, far, "\x020100\x03\x02")
		if e, err = l.Next(t.Context(), time.Now().Add(time.Minute), false); err != nil || e.Kind != wire.STXFrame {
			t.Errorf("after half a frame: %s, %v", e.Kind, err)
		}
	})
}

func TestNextEnds(t *testing.T) {
	with(t, plain, func(t *testing.T, l *link.STX, far *simulate.PipeEnd) {
		began := time.Now()
		if _, err := l.Next(t.Context(), began.Add(time.Second), true); !errors.Is(err, terminal.ErrSilent) || time.Since(began) != time.Second {
			t.Errorf("silence: %v after %s", err, time.Since(began))
		}
		later(0, far, "\x0201") // half a frame, and no time left for its gap
		if _, err := l.Next(t.Context(), time.Now().Add(link.ByteGap/2), true); !errors.Is(err, terminal.ErrSilent) {
			t.Errorf("half a frame in less than a gap: %v", err)
		}
		time.AfterFunc(time.Second/10, l.Poke)
		if _, err := l.Next(t.Context(), time.Now().Add(time.Minute), true); !errors.Is(err, terminal.ErrPoked) {
			t.Errorf("poke: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/10)
		defer cancel()
		if _, err := l.Next(ctx, time.Now().Add(time.Minute), true); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("context: %v", err)
		}
		time.AfterFunc(time.Second/10, far.Cut)
		if _, err := l.Next(t.Context(), time.Now().Add(time.Minute), true); !errors.Is(err, simulate.ErrCut) {
			t.Errorf("cut: %v", err)
		}
	})
}

func TestRubbish(t *testing.T) {
	with(t, plain, func(t *testing.T, l *link.STX, far *simulate.PipeEnd) {
		for _, c := range []struct {
			text    string
			rubbish int
			partial bool
		}{{"\x15", 0, false}, {"\xff\x80\x15", 2, false}, {"\x020100\x03\x02", 2, false}, {"\xff\x02", 3, true}} {
			later(0, far, c.text)
			for {
				if _, err := l.Next(t.Context(), time.Now().Add(link.ByteGap/2), false); err != nil {
					break
				}
			}
			if l.Rubbish() != c.rubbish || l.Partial() != c.partial {
				t.Errorf("after %q: %d bytes of rubbish, partial %t", c.text, l.Rubbish(), l.Partial())
			}
		}
	})
}

func TestDrain(t *testing.T) {
	with(t, plain, func(t *testing.T, l *link.STX, far *simulate.PipeEnd) {
		later(0, far, "\x05\x020100\x03\x02\x0201")
		heard, err := l.Drain(t.Context(), time.Second/10)
		if err != nil || len(heard) != 2 || heard[0].Kind != wire.STXEnquiry || heard[1].Kind != wire.STXFrame {
			t.Errorf("heard %v, %v", heard, err)
		}
		later(0, far, "\x020100\x03\x02") // the half frame before is forgotten
		if e, err := l.Next(t.Context(), time.Now().Add(time.Second), false); err != nil || e.Kind != wire.STXFrame || e.Dirty {
			t.Errorf("after draining: %+v, %v", e, err)
		}
		for i := range 100 {
			later(time.Duration(i)*50*time.Millisecond, far, "\x05")
		}
		if _, err = l.Drain(t.Context(), time.Second/10); !errors.Is(err, terminal.ErrTalking) {
			t.Errorf("a line that does not rest: %v", err)
		}
		far.Cut()
		if _, err = l.Drain(t.Context(), time.Second/10); !errors.Is(err, simulate.ErrCut) {
			t.Errorf("a line that is cut: %v", err)
		}
	})
}

func TestWrites(t *testing.T) {
	with(t, wire.STXFormat{Seed: 0x7F, Covers: wire.CoverAll, LongAck: true}, func(t *testing.T, l *link.STX, far *simulate.PipeEnd) {
		for _, c := range []struct {
			write func() error
			want  string
		}{
			{func() error { return l.Send([]byte("A")) }, "\x02A\x03\x3f"},
			{l.Ack, "\x06\x03\x7a"},
			{l.Nak, "\x15\x03\x69"},
			{func() error { return l.Control(wire.ENQ) }, "\x05"},
		} {
			if err := c.write(); err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 16)
			n, err := far.Read(buf)
			if err != nil || string(buf[:n]) != c.want {
				t.Errorf("wrote %q, %v; want %q", buf[:n], err, c.want)
			}
		}
		far.Cut()
		if err := l.Ack(); !errors.Is(err, simulate.ErrCut) {
			t.Errorf("a line that is cut: %v", err)
		}
	})
}

// The two sides of a line may make their check bytes differently.
func TestBetween(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := simulate.Pipe()
		defer near.Close()
		l := link.NewSTXBetween(near, plain, wire.STXFormat{Covers: wire.CoverAll}, 32)
		if err := l.Send([]byte("0100")); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 16)
		if n, err := far.Read(buf); err != nil || string(buf[:n]) != "\x020100\x03\x02" {
			t.Errorf("wrote %q, %v", buf[:n], err)
		}
		later(0, far, "\x020210|07\x03y\x020100\x03\x02")
		for _, want := range []wire.STXKind{wire.STXFrame, wire.STXBadLRC} {
			if e, err := l.Next(t.Context(), time.Now().Add(time.Second), false); err != nil || e.Kind != want {
				t.Errorf("got %s %q, %v; want %s", e.Kind, e.Body, err, want)
			}
		}
	})
}
