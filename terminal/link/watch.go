package link

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"tillbridge/terminal"
)

// Listener is a line on which the terminal speaks whenever it wants to; Exchange is one.
type Listener interface {
	Receive(ctx context.Context, until time.Time, pokeable bool, take Take) ([]byte, error)
	Poke()
}

// Watch reads a line while nobody else does, so that the terminal finds somebody who answers it at all times. Its methods
// are called by one goroutine. The zero value watches nothing.
type Watch struct {
	line    Listener
	resting *atomic.Bool
	done    chan struct{} // closed when the goroutine has ended; nil for none
}

// Start begins to watch, and hands what the terminal says to take; it does nothing where there is a watch already. A line
// that is lost ends it silently: whoever needs the line next finds out. The goroutine ends with Stop, or with the line.
func (w *Watch) Start(line Listener, take Take) {
	if w.done != nil {
		return
	}
	resting, done := &atomic.Bool{}, make(chan struct{})
	w.line, w.resting, w.done = line, resting, done
	go func() {
		defer close(done)
		for !resting.Load() {
			_, err := line.Receive(context.Background(), time.Now().Add(time.Hour), true, take)
			if err != nil && !errors.Is(err, terminal.ErrPoked) && !errors.Is(err, terminal.ErrSilent) {
				return
			}
		}
	}()
}

// Stop ends the watch and waits for it. What the terminal has begun to say is taken to its end first, some seconds at most.
func (w *Watch) Stop() {
	if w.done == nil {
		return
	}
	w.resting.Store(true)
	w.line.Poke()
	<-w.done
	w.line, w.resting, w.done = nil, nil, nil
}

// Watching tells whether there is a watch.
func (w *Watch) Watching() bool { return w.done != nil }
