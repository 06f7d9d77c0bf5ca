package main

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
	"tillbridge/terminal/wire"
)

// listener stamps the frames on a ZVT line at its terminal's end. What the terminal writes is stamped just
// before it goes, and what it reads when it has come, so that every interval includes the line's own time.
type listener struct {
	mu       sync.Mutex
	in, out  *wire.DLEReader // to and from the terminal
	began    time.Time       // the frame that is coming
	heard    func(content []byte, began time.Time)
	said     func(content []byte, ended time.Time)
	answered func(at time.Time) // an ACK came
	last     time.Time          // byte of the terminal
}

// tap listens to a port. Its functions are called one at a time.
func (l *listener) tap(p terminal.Port) terminal.Port {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.in, l.out = wire.NewDLEReader(4096), wire.NewDLEReader(4096)
	return simulate.Tap(p, func(e simulate.TapEvent) error {
		now := time.Now()
		l.mu.Lock()
		defer l.mu.Unlock()
		switch {
		case e.Op == simulate.ReadOp && e.After:
			l.read(e.Data, now)
		case e.Op == simulate.WriteOp && !e.After:
			l.last = now
			for _, c := range e.Data {
				if f := l.out.Feed(c); f.Kind == wire.DLEFrame && l.said != nil {
					l.said(f.Content, now)
				}
			}
		}
		return nil
	})
}

func (l *listener) read(data []byte, now time.Time) {
	for _, c := range data {
		if !l.in.Partial() {
			l.began = now
		}
		switch f := l.in.Feed(c); {
		case f.Kind == wire.DLEFrame && l.heard != nil:
			l.heard(f.Content, l.began)
		case f.Kind == wire.DLEAck && l.answered != nil:
			l.answered(now)
		}
	}
}

var (
	authorisation = []byte{0x06, 0x01}
	completion    = []byte{0x06, 0x0F}
	status        = []byte{0x04, 0x0F}
)

// BenchmarkWire is what a payment takes inside the bridge, over a pseudo-terminal: from the 202 to the first byte on
// the line, and from the last byte of the terminal's completion to the notice at MGR; the terminal's very last byte is
// the ACK of our answer to that. One iteration is one payment. A calm terminal takes 20 ms for each of its frames, and is asked for its last transaction before each payment,
// as the driver does where the payment before was more than 5 s ago. A hurried one answers at once and had
// its last payment just before: what the bridge writes down meanwhile, it waits for.
func BenchmarkWire(b *testing.B) {
	exe := shipped(b)
	b.Run("calm", func(b *testing.B) { payments(b, exe, "lock_keyboard: false", 20*time.Millisecond) })
	b.Run("hurried", func(b *testing.B) { payments(b, exe, "", 0) })
}

func payments(b *testing.B, exe, options string, think time.Duration) {
	var first, sale, end, last time.Time // of the payment under way, guarded by the listener
	l := &listener{
		heard: func(content []byte, began time.Time) {
			if first.IsZero() {
				first = began
			}
			if bytes.HasPrefix(content, authorisation) {
				sale = began
			}
		},
		said: func(content []byte, ended time.Time) {
			if bytes.HasPrefix(content, completion) {
				end = ended
			}
		},
	}
	s := newShop(b, exe, options, onPTY(b, 1, func(p terminal.Port) terminal.Port { return slow{l.tap(p), think} })...)
	s.open()
	var toLine, toSale, toMGR, fromLast, whole []time.Duration
	n := 0
	for b.Loop() {
		n++
		rest(50 * time.Millisecond) // the payment before is put away meanwhile
		accepted := s.take("t1", benchUUID(n), func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			first, sale, end = time.Time{}, time.Time{}, time.Time{}
		})
		told := <-s.heard
		l.mu.Lock()
		last = l.last
		l.mu.Unlock()
		if err := s.outcome(benchUUID(n)); err != nil {
			b.Fatal(err)
		}
		l.mu.Lock()
		if first.IsZero() || sale.IsZero() || end.IsZero() {
			b.Fatalf("payment %d was not seen on the line", n)
		}
		toLine = append(toLine, first.Sub(accepted))
		toSale = append(toSale, sale.Sub(accepted))
		toMGR = append(toMGR, told.Sub(end))
		fromLast = append(fromLast, told.Sub(last))
		whole = append(whole, told.Sub(accepted))
		l.mu.Unlock()
	}
	report(b, "line-", toLine)
	report(b, "sale-", toSale)
	report(b, "notice-", toMGR)
	report(b, "last-", fromLast)
	report(b, "whole-", whole)
}

// slow is a port that takes its time for each frame of the terminal.
type slow struct {
	terminal.Port
	think time.Duration
}

func (s slow) Write(p []byte) (int, error) {
	if len(p) > 1 { // an ACK goes at once
		rest(s.think)
	}
	return s.Port.Write(p)
}

// rest lets time pass.
func rest(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	<-t.C
}

// BenchmarkTurnaround is what the bridge adds to the turn-around of a frame on a line of a certain speed: from the
// last byte of a frame of the terminal, as it came out of the line, to the first byte of the ACK and of the answer, before
// they went into it. The answer to the result is apart: it is journalled first. One iteration is one payment.
func BenchmarkTurnaround(b *testing.B) {
	exe := shipped(b)
	for _, baud := range []int{9600, 115200} {
		b.Run(fmt.Sprint(baud), func(b *testing.B) { turnaround(b, exe, baud) })
	}
}

func turnaround(b *testing.B, exe string, baud int) {
	var acks, answers, results []time.Duration
	var said time.Time // when the terminal's last frame had come out; zero once it is answered
	var result, acked bool
	l := &listener{
		said: func(content []byte, ended time.Time) {
			// What the terminal answers to us gets an ACK only.
			command := content[0] == authorisation[0] || content[0] == status[0]
			said, acked, result = time.Time{}, true, bytes.HasPrefix(content, status)
			if command {
				said, acked = ended, false
			}
		},
		answered: func(at time.Time) {
			if !acked {
				acks, acked = append(acks, at.Sub(said)), true
			}
		},
		heard: func(content []byte, began time.Time) {
			if said.IsZero() || content[0] != 0x80 {
				return
			}
			if result {
				results = append(results, began.Sub(said))
			} else {
				answers = append(answers, began.Sub(said))
			}
			said = time.Time{}
		},
	}
	ports := onPTY(b, 1, func(p terminal.Port) terminal.Port {
		return simulate.Pace(l.tap(p), baud, 11) // 8N2, which is ZVT's own
	})
	s := newShop(b, exe, "", ports...)
	s.open()
	n := 0
	for b.Loop() {
		n++
		rest(20 * time.Millisecond)
		s.take("t1", benchUUID(n), func() {})
		if err := s.outcome(benchUUID(n)); err != nil {
			b.Fatal(err)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	report(b, "ack-", acks)
	report(b, "answer-", answers)
	report(b, "result-", results)
}
