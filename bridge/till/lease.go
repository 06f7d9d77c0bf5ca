package till

import (
	"context"
	"errors"
	"sync"

	"tillbridge/terminal"
)

// lease is a session's right to the line. Once it has ended, the lines that the session opened are closed and
// it opens no other, so that a driver that was left behind can neither speak nor keep the next one out.
type lease struct {
	open func(context.Context) (terminal.Port, error)

	mu    sync.Mutex
	ended bool
	port  terminal.Port // the newest line
}

// errEnded is what a driver gets that was left behind.
var errEnded = errors.New("this session with the terminal is over")

// dial opens the line for the session.
func (l *lease) dial(ctx context.Context) (terminal.Port, error) {
	l.mu.Lock()
	ended := l.ended
	l.mu.Unlock()
	if ended {
		return nil, errEnded
	}
	p, err := l.open(ctx)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	ended = l.ended
	if !ended {
		l.port = p
	}
	l.mu.Unlock()
	if ended {
		return nil, errors.Join(errEnded, p.Close())
	}
	return p, nil
}

// end closes the line and lets no other be opened. A nil lease has no line.
func (l *lease) end() {
	if l == nil {
		return
	}
	l.mu.Lock()
	p := l.port
	l.ended, l.port = true, nil
	l.mu.Unlock()
	if p != nil {
		_ = p.Close() // mostly closed by its session already
	}
}

// gone is closed when the line is lost while nobody reads it; nil where the line cannot tell.
func (l *lease) gone() <-chan struct{} {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if g, ok := l.port.(interface{ Gone() <-chan struct{} }); ok {
		return g.Gone()
	}
	return nil
}
