package link

import (
	"bytes"
	"context"
	"errors"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/wire"
)

// askMost is how many things are heard before a stranger is given up.
const askMost = 32

// Ask sends a harmless message to a stranger, once, and returns the first frame that comes back, which is not acknowledged yet, or
// a NAK. Other errors than the line's are terminal.ErrNobody, terminal.ErrAlien and terminal.ErrEcho.
func Ask(ctx context.Context, l *STX, message []byte, wait time.Duration) (wire.STXEvent, error) {
	if err := l.Send(message); err != nil {
		return wire.STXEvent{}, err
	}
	until, something := time.Now().Add(wait), false
	for range askMost {
		e, err := l.Next(ctx, until, false)
		switch {
		case errors.Is(err, terminal.ErrSilent) && !something && l.Rubbish() == 0:
			return e, terminal.ErrNobody
		case errors.Is(err, terminal.ErrSilent):
			return e, terminal.ErrAlien
		case err != nil || e.Kind == wire.STXNak:
			return e, err
		case e.Kind == wire.STXFrame && bytes.Equal(e.Body, message):
			return e, terminal.ErrEcho
		case e.Kind == wire.STXFrame:
			return e, nil
		}
		something = true
	}
	return wire.STXEvent{}, terminal.ErrAlien
}
