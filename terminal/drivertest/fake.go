package drivertest

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
	"tillbridge/terminal/wire"
)

// Fake is a terminal that says what a test wants, on lines with frames of terminal/wire.STX.
type Fake struct {
	// Format is that of what the till sends.
	Format wire.STXFormat
	// Script is called with each message of the till on the line of that number, from 1, "ACK" or "NAK", and returns what to say,
	// piece by piece; "-" closes the line, and one like "+3s" waits. It is called by one goroutine at a time.
	Script func(line int, said string) []string
	// Frame makes bytes of a piece; nil says it as it is.
	Frame func(piece string) string

	// Heard is what the till said on all lines; Lines counts them. Do guards both.
	Heard []string
	Lines int

	mu sync.Mutex
}

// Do changes or reads what the script uses.
func (f *Fake) Do(what func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	what()
}

// Count is how often the till said something that begins so, or has it at one of further places.
func (f *Fake) Count(prefix string, places ...int) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, h := range f.Heard {
		if strings.HasPrefix(h, prefix) || slices.ContainsFunc(places, func(at int) bool { return len(h) > at && strings.HasPrefix(h[at:], prefix) }) {
			n++
		}
	}
	return n
}

// Dial opens lines, each of which is served in tasks until it closes.
func (f *Fake) Dial(tasks *sync.WaitGroup) func(context.Context) (terminal.Port, error) {
	return func(context.Context) (terminal.Port, error) {
		near, far := simulate.Pipe()
		f.mu.Lock()
		defer f.mu.Unlock()
		f.Lines++
		line := f.Lines
		tasks.Go(func() { f.serve(line, far) })
		return near, nil
	}
}

func (f *Fake) serve(line int, far *simulate.PipeEnd) {
	defer far.Close()
	r := wire.NewSTXReader(f.Format, 2048)
	for buf := make([]byte, 1024); ; {
		n, err := far.Read(buf)
		for _, b := range buf[:n] {
			said := ""
			switch e := r.Feed(b); e.Kind {
			case wire.STXFrame:
				said = string(e.Body)
			case wire.STXAck:
				said = "ACK"
			case wire.STXNak, wire.STXBadLRC:
				said = "NAK"
			default:
				continue
			}
			f.mu.Lock()
			f.Heard = append(f.Heard, said)
			pieces := f.Script(line, said)
			f.mu.Unlock()
			if !f.say(far, pieces) {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// say says pieces, and tells whether the line is still open.
func (f *Fake) say(far *simulate.PipeEnd, pieces []string) bool {
	for _, p := range pieces {
		if d, err := time.ParseDuration(strings.TrimPrefix(p, "+")); err == nil && strings.HasPrefix(p, "+") {
			pause := time.NewTimer(d)
			<-pause.C
			continue
		}
		if p == "-" {
			return false
		}
		if f.Frame != nil {
			p = f.Frame(p)
		}
		if _, err := far.Write([]byte(p)); err != nil {
			return false
		}
	}
	return true
}
