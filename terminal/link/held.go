package link

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"tillbridge/terminal"
)

// ErrOver is what Held.Open returns after Close.
var ErrOver = errors.New("the session is closed")

// Held is the port of a session, one after the other: opened, lost, opened again, and closed for good. Its methods may be
// called from any goroutine. The zero value holds none.
type Held struct {
	mu        sync.Mutex
	port      terminal.Port
	over      bool
	undecided atomic.Bool
}

// Open dials a port and holds it, in place of one that was dropped before. The function use is called with it before Close or Do can
// see it; nil for nothing. After Close the new port is closed again, with nothing said on it, and the error is ErrOver.
func (h *Held) Open(ctx context.Context, dial func(context.Context) (terminal.Port, error), use func(terminal.Port)) error {
	if h.Over() {
		return ErrOver
	}
	p, err := dial(ctx)
	if err != nil {
		return err
	}
	h.mu.Lock()
	over := h.over
	if !over {
		h.port = p
		if use != nil {
			use(p)
		}
	}
	h.mu.Unlock()
	if over {
		return errors.Join(ErrOver, p.Close())
	}
	return nil
}

// Port is the one that is held; nil for none.
func (h *Held) Port() terminal.Port {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.port
}

// Over tells whether Close was called.
func (h *Held) Over() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.over
}

// Do calls f while no port comes or goes.
func (h *Held) Do(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
}

// Undecided says whether a money command may have been handed to the port and its end is not known. Then a port is aborted
// and not closed: bytes of the command that still wait on our side must not reach the terminal after we have given up.
func (h *Held) Undecided(is bool) { h.undecided.Store(is) }

// Drop closes the port, since where the dialogue on it stands is not known. The function gone is called before anybody can
// use it again; nil for nothing.
func (h *Held) Drop(gone func()) error {
	h.mu.Lock()
	p := h.port
	h.port = nil
	if gone != nil {
		gone()
	}
	h.mu.Unlock()
	return h.hangUp(p)
}

// Close ends it for good. The port stays held, so that whoever waits on it finds out by its error.
func (h *Held) Close() error {
	h.mu.Lock()
	h.over = true
	p := h.port
	h.mu.Unlock()
	return h.hangUp(p)
}

func (h *Held) hangUp(p terminal.Port) error {
	if p == nil {
		return nil
	}
	if a, ok := p.(interface{ Abort() error }); ok && h.undecided.Load() {
		return a.Abort()
	}
	return p.Close()
}

// Pause waits for a time, or until ctx ends, with its error.
func Pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
