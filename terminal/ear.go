package terminal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"
)

var (
	// ErrSilent is what Ear.Hear returns when nothing came in time. It proves nothing.
	ErrSilent = errors.New("the terminal does not answer")
	// ErrPoked is what Ear.Hear returns when somebody called Poke.
	ErrPoked = errors.New("somebody wants to say something")
)

// past is a read deadline that has passed whatever the clock says.
var past = time.Unix(1, 0)

// Ear reads a port within a time, and can be waked. Everything but Poke is called by one goroutine; no goroutine
// of its own is needed.
type Ear struct {
	port  Port
	buf   []byte
	poked atomic.Bool
}

// NewEar makes an ear for a port, which stays the caller's to close.
func NewEar(p Port) *Ear { return &Ear{port: p, buf: make([]byte, 4096)} }

// Hear returns the bytes that come, as soon as there are any; they are valid until the next call. It returns
// ErrSilent where none have come at the time until, ErrPoked where pokeable and Poke was called, ctx's error where
// ctx has ended, and any other error where the line is gone. Nothing and no error means nothing: call it again.
func (e *Ear) Hear(ctx context.Context, until time.Time, pokeable bool) ([]byte, error) {
	if err := e.port.SetReadDeadline(until); err != nil {
		return nil, fmt.Errorf("the line to the terminal broke: %w", err)
	}
	if pokeable && e.poked.Swap(false) {
		return nil, ErrPoked
	}
	stop := context.AfterFunc(ctx, e.wake)
	defer stop()
	n, err := e.port.Read(e.buf)
	switch {
	case n > 0:
		return e.buf[:n], nil
	case !errors.Is(err, os.ErrDeadlineExceeded):
		return nil, fmt.Errorf("the line to the terminal broke: %w", err)
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case pokeable && e.poked.Swap(false):
		return nil, ErrPoked
	case !time.Now().Before(until):
		return nil, ErrSilent
	}
	return nil, nil // waked by a poke that this wait is not for
}

// Poke makes a pokeable Hear, the present or the next one, end with ErrPoked, once. It may be called from any
// goroutine.
func (e *Ear) Poke() {
	e.poked.Store(true)
	e.wake()
}

func (e *Ear) wake() { _ = e.port.SetReadDeadline(past) }
