package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

const (
	replugTime = 800 * time.Millisecond // until a system shows a serial adapter that was plugged in
	lineLimit  = 16                     // connections at once
)

// line joins the simulated terminal to the bridge. A serial one is a pseudo-terminal under a link that keeps
// its name; when the cable comes out or the line breaks it goes away, as a USB adapter does, and a new one
// comes under the same name. A terminal without a connection has a line over which nothing goes.
type line struct {
	sim     terminal.Simulator
	log     *slog.Logger
	key     string // in the settings, "serial" or "tcp"; empty for none
	address string
	note    string // why it is not the line that it could be; empty otherwise

	listener net.Listener // of a TCP line

	mu  sync.Mutex
	pty *simulate.PTYPort // nil while the cable is out
}

// newLine makes the line of a protocol. It is TCP where that is wanted, where there is no pseudo-terminal, and
// for a protocol without a serial form.
func newLine(sim terminal.Simulator, d terminal.LineDefaults, link string, tcp bool, log *slog.Logger) (*line, error) {
	if d.None() {
		return &line{sim: sim, log: log}, nil
	}
	l := &line{sim: sim, log: log, key: "serial", address: link}
	if !tcp && d.Baud > 0 {
		pty, err := simulate.PTY(link)
		if err == nil {
			l.pty = pty
			return l, nil
		}
		if !errors.Is(err, errors.ErrUnsupported) {
			l.note = "There is no serial line here, so TCP is used: " + err.Error()
		}
	}
	if d.TCPPort == 0 {
		return nil, fmt.Errorf("line to the terminal: the protocol has no TCP form, and a serial line cannot be had here. %s", l.note)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("line to the terminal: %w", err)
	}
	l.key, l.address, l.listener = "tcp", listener.Addr().String(), listener
	return l, nil
}

// serve plays the terminal on the line until ctx ends.
func (l *line) serve(ctx context.Context) {
	switch l.key {
	case "":
		return
	case "tcp":
		l.serveTCP(ctx)
		return
	}
	for ctx.Err() == nil {
		if pty := l.serial(); pty != nil {
			err := l.sim.Serve(ctx, pty, terminal.Serial)
			l.log.Info("the serial line ended", "error", err)
			l.drop(pty)
			pause(ctx, replugTime)
		}
		if !l.plugged(ctx) {
			return
		}
		pty, err := simulate.PTY(l.address)
		if err != nil {
			l.log.Error("new pseudo-terminal", "error", err)
			pause(ctx, replugTime)
			continue
		}
		l.mu.Lock()
		l.pty = pty
		l.mu.Unlock()
	}
}

func (l *line) serial() *simulate.PTYPort {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pty
}

func (l *line) drop(pty *simulate.PTYPort) {
	l.mu.Lock()
	l.pty = nil
	l.mu.Unlock()
	if err := pty.Close(); err != nil {
		l.log.Debug("close pseudo-terminal", "error", err)
	}
}

// plugged waits until the cable is in; false when ctx ended first.
func (l *line) plugged(ctx context.Context) bool {
	for {
		changed := l.sim.Changed()
		if l.sim.Face().Cabled {
			return ctx.Err() == nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

func (l *line) serveTCP(ctx context.Context) {
	var conns sync.WaitGroup
	defer conns.Wait()
	places := make(chan struct{}, lineLimit)
	for {
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return
		}
		c, err := l.listener.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			l.log.Warn("accept a connection to the terminal", "error", err)
			<-places
			pause(ctx, replugTime)
			continue
		}
		conns.Go(func() {
			defer func() { <-places }()
			err := l.sim.Serve(ctx, c, terminal.TCP)
			l.log.Info("a connection to the terminal ended", "error", err)
		})
	}
}

// abandoned does to the line what the system does to a real one when the program that had it open was killed.
// A pseudo-terminal keeps the exclusive mode and what was not read.
func (l *line) abandoned() {
	pty := l.serial()
	if pty == nil {
		return
	}
	if err := errors.Join(pty.Release(), pty.Discard()); err != nil {
		l.log.Debug("release the pseudo-terminal", "error", err)
	}
}

// close ends the line; serve returns when its context has ended too.
func (l *line) close() {
	if l.listener != nil {
		_ = l.listener.Close() // it may be closed twice
	}
	if pty := l.serial(); pty != nil {
		l.drop(pty)
	}
}
