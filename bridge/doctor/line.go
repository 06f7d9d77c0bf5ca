package doctor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"tillbridge/bridge/config"
	"tillbridge/terminal"
	"tillbridge/terminal/line"
)

// LineCount is what passed over a line, counted without knowing the protocol.
type LineCount struct {
	Sent, Received int // writes and reads of more than one byte
	Repeated       int // messages that we sent again, byte for byte
	Refused        int // NAK from the terminal: the check bytes of what we sent did not fit
	RefusedByUs    int // NAK from us
}

// nak is the answer to a message with wrong check bytes, in all protocols that have one.
const nak = 0x15

// Counted is the port, with what passes counted in n. The same n may be used for one port after another.
func Counted(p terminal.Port, n *LineCounter) terminal.Port { return &counted{Port: p, n: n} }

// LineCounter counts. Its methods may be called from any goroutine.
type LineCounter struct {
	mu    sync.Mutex
	count LineCount
	last  []byte // the last message that was sent
}

// Count is what was counted so far.
func (n *LineCounter) Count() LineCount {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.count
}

type counted struct {
	terminal.Port
	n *LineCounter
}

func (c *counted) Read(b []byte) (int, error) {
	k, err := c.Port.Read(b)
	c.n.mu.Lock()
	defer c.n.mu.Unlock()
	switch {
	case k == 1 && b[0] == nak:
		c.n.count.Refused++
	case k > 0:
		c.n.count.Received++
	}
	return k, err
}

func (c *counted) Write(b []byte) (int, error) {
	c.n.mu.Lock()
	switch {
	case len(b) == 1 && b[0] == nak:
		c.n.count.RefusedByUs++
	case len(b) > 1 && bytes.Equal(b, c.n.last):
		c.n.count.Repeated++
		c.n.count.Sent++
	case len(b) > 1:
		c.n.count.Sent++
		c.n.last = append(c.n.last[:0], b...)
	}
	c.n.mu.Unlock()
	return c.Port.Write(b)
}

// Abort passes on to a port that can drop what is unsent.
func (c *counted) Abort() error {
	if a, ok := c.Port.(interface{ Abort() error }); ok {
		return a.Abort()
	}
	return c.Close()
}

// CloseWrite passes on to a port whose sending side can be closed by itself.
func (c *counted) CloseWrite() error {
	if h, ok := c.Port.(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Prober asks terminals through their drivers. Trace gets a line for everything that passes, masked by the driver; nil
// for none.
type Prober struct {
	Drivers []terminal.Driver
	Line    func(config.Port) line.Config
	Trace   io.Writer
}

// Probe opens a session, asks the terminal how it is, and closes the session. It moves no money. The line is that of
// the settings and is locked for as long.
func (p Prober) Probe(ctx context.Context, t config.Terminal) (Probed, error) {
	var driver terminal.Driver
	for _, d := range p.Drivers {
		if d.Name == t.Driver {
			driver = d
		}
	}
	if driver.Open == nil {
		return Probed{}, errors.New("there is no driver " + t.Driver)
	}
	c := p.Line(t.Port)
	counter, opener := &LineCounter{}, line.NewOpener(c)
	o := line.TraceOptions{Writer: p.Trace, Name: t.Name}
	if driver.Describe != nil {
		o.Mask = func(way line.Direction, b []byte) string { return driver.Describe(c.Kind(), way == line.Sent, b) }
	}
	trace := line.NewTrace(o)
	env := terminal.Env{Link: c.Kind(), Currency: t.Currency, Log: slog.New(slog.DiscardHandler), Dial: func(ctx context.Context) (terminal.Port, error) {
		port, err := opener.Open(ctx)
		if err != nil {
			return nil, err
		}
		return Counted(line.Traced(port, trace), counter), nil
	}}
	probed := Probed{Supported: true}
	// A driver that does not heed its context must not hold up the examination.
	type answer struct {
		health    terminal.Health
		supported bool
		err       error
	}
	done := make(chan answer, 1)
	go func() {
		h, supported, err := ask(ctx, driver, env, t.Options)
		done <- answer{h, supported, err}
	}()
	var err error
	patience := time.NewTimer(probeWithin + 5*time.Second)
	defer patience.Stop()
	select {
	case a := <-done:
		probed.Health, probed.Supported, err = a.health, a.supported, a.err
	case <-patience.C:
		err = os.ErrDeadlineExceeded
	}
	probed.Line = counter.Count()
	return probed, err
}

func ask(ctx context.Context, d terminal.Driver, env terminal.Env, options any) (h terminal.Health, supported bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the driver %s broke: %v", d.Name, r)
		}
	}()
	s, err := d.Open(ctx, env, options)
	if err != nil {
		return h, true, err
	}
	defer func() {
		if cerr := s.Close(); err == nil {
			err = cerr
		}
	}()
	prober, ok := s.(terminal.Prober)
	if !ok {
		return h, false, nil
	}
	h, err = prober.Probe(ctx)
	return h, true, err
}
