package detect

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"tillbridge/terminal"
)

// leftovers is how long a line is quiet before what came on it counts as sent unasked, and not as old.
const leftovers = 300 * time.Millisecond

// sentMost bounds the writes that are kept.
const sentMost = 256

var errUnlisted = errors.New("the driver tried to send what it does not list for a search; nothing of it left")

// gate is a line that lets the listed messages out and nothing else, and keeps what left.
type gate struct {
	terminal.Port
	allowed []terminal.Message
	link    terminal.LinkKind

	mu    sync.Mutex
	heard []byte // came before the driver had the line, and is to be read first
	shut  error  // why nothing may be sent
	sent  [][]byte
}

// listen hears what comes unasked before anything may be sent. A device that talks after a time of quiet may be a
// terminal that waits for an answer to the result of a payment: then the gate stays shut.
func (g *gate) listen(ctx context.Context, quiet time.Duration) error {
	defer func() { _ = g.Port.SetReadDeadline(time.Time{}) }()
	heard, err := terminal.Overhear(ctx, g.Port, leftovers)
	if err == nil && quiet > 0 {
		var n int
		buf := make([]byte, 512)
		n, err = terminal.ReadUntil(ctx, g.Port, buf, time.Now().Add(quiet))
		heard = append(heard, buf[:n]...)
		switch {
		case n > 0:
			var rest []byte
			rest, _ = terminal.Overhear(ctx, g.Port, leftovers) // what the device is up to is known already
			heard, err = append(heard, rest...), fmt.Errorf("%w; nothing was sent to it", terminal.ErrTalking)
		case isTimeout(err) && ctx.Err() == nil:
			err = nil
		}
	}
	if errors.Is(err, terminal.ErrTalking) {
		g.shut, err = err, nil
	}
	g.heard = heard
	return err
}

// Read reads what was heard before, then the line.
func (g *gate) Read(b []byte) (int, error) {
	g.mu.Lock()
	if n := copy(b, g.heard); n > 0 {
		g.heard = g.heard[n:]
		g.mu.Unlock()
		return n, nil
	}
	g.mu.Unlock()
	return g.Port.Read(b)
}

// Write hands a listed message to the line. After one that is not, nothing is let out any more.
func (g *gate) Write(b []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut != nil {
		return 0, g.shut
	}
	listed := false
	for _, m := range g.allowed {
		listed = listed || m.Link == g.link && m.Matches(b)
	}
	if !listed {
		g.shut = errUnlisted
		return 0, g.shut
	}
	if len(g.sent) < sentMost {
		g.sent = append(g.sent, append([]byte(nil), b...))
	}
	return g.Port.Write(b)
}

// CloseWrite ends our side of a connection; a serial line has no such thing.
func (g *gate) CloseWrite() error {
	if h, ok := g.Port.(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return nil
}

// talked tells whether the device talked unasked.
func (g *gate) talked() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return errors.Is(g.shut, terminal.ErrTalking)
}

func (g *gate) left() [][]byte {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.sent
}
