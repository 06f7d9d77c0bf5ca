package shop

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// dial opens the line, as far as cable and power are there.
func (p *place) dial(_ context.Context, m *mains) (port terminal.Port, err error) {
	err = m.do("dial", func() error {
		face := p.sim.Face()
		if !face.Cabled || p.link == terminal.TCP && !face.Powered {
			return errors.New("nothing answers")
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		mine, theirs := simulate.Pipe()
		p.line = mine
		p.dials++
		p.open++
		p.serving.Go(func() {
			_ = p.sim.Serve(p.shop.ctx, theirs, p.link) // how a line ended is the terminal's story
		})
		var line terminal.Port = mine
		if p.noise > 0 {
			line = &quietable{noisy: p.noisy(mine), still: mine, calm: &p.shop.calm}
		}
		forget := m.onDeath(func() { _ = mine.Close() })
		port = &wire{Port: line, mains: m, leave: sync.OnceFunc(func() {
			forget()
			p.mu.Lock()
			defer p.mu.Unlock()
			p.open--
		})}
		return nil
	})
	if err != nil && port != nil { // it died over it
		_ = port.Close()
		port = nil
	}
	return port, err
}

// noisy is a line that flips bits, each of which is noted.
func (p *place) noisy(line terminal.Port) terminal.Port {
	var mu sync.Mutex
	var whole [2][]byte // what went or came last, before the noise
	tap := func(port terminal.Port, first simulate.Op) terminal.Port {
		return simulate.Tap(port, func(e simulate.TapEvent) error {
			if e.After != (e.Op == simulate.ReadOp) {
				return nil
			}
			mu.Lock()
			defer mu.Unlock()
			if e.Op == first {
				whole[e.Op] = slices.Clone(e.Data)
			} else if !bytes.Equal(whole[e.Op], e.Data) {
				p.disturb("noise", 0)
			}
			return nil
		})
	}
	noise := simulate.Noise(tap(line, simulate.ReadOp), p.noise, mix(p.shop.plan.seed, p.dials))
	return tap(noise, simulate.WriteOp)
}

// quietable is a noisy line that falls quiet when faults stop.
type quietable struct {
	noisy terminal.Port
	still *simulate.PipeEnd
	calm  *atomic.Bool
}

func (q *quietable) port() terminal.Port {
	if q.calm.Load() {
		return q.still
	}
	return q.noisy
}

func (q *quietable) Read(b []byte) (int, error)        { return q.port().Read(b) }
func (q *quietable) Write(b []byte) (int, error)       { return q.port().Write(b) }
func (q *quietable) Close() error                      { return q.still.Close() }
func (q *quietable) SetReadDeadline(t time.Time) error { return q.still.SetReadDeadline(t) }
func (q *quietable) Gone() <-chan struct{}             { return q.still.Gone() }

// lines is how many lines the bridge holds open.
func (p *place) lines() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open
}

// cut breaks the line that there is.
func (p *place) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.line != nil {
		p.line.Cut()
	}
}
