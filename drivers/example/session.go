package example

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/link"
	"tillbridge/terminal/wire"
)

// Times of the paper. A real driver names the section behind each.
const (
	answerWait = 3 * time.Second       // for ACK, and for the answer to a question
	unheard    = 15 * time.Second      // after P without a sign of life; its end proves nothing
	quiet      = 20 * time.Millisecond // without a byte, for a line to be at rest
	nakPause   = 200 * time.Millisecond
)

// session is one conversation with one terminal. One goroutine uses it, Cancel and Close excepted.
type session struct {
	o   *Options
	env terminal.Env
	tid string // who answered at first; another one is not talked to

	held   link.Held
	line   *link.STX // on the port that is held, guarded by it against Cancel; nil while it is closed
	cancel atomic.Bool
}

// open starts a session: it dials and asks who is there. It moves no money, and after an error the line is closed.
func open(ctx context.Context, e terminal.Env, options any) (terminal.Session, error) {
	o, ok := options.(*Options)
	if !ok {
		return nil, fmt.Errorf("options of type %T, want %T", options, o)
	}
	s := &session{o: o, env: e}
	if _, err := s.greet(ctx); err != nil {
		s.drop()
		return nil, err
	}
	return s, nil
}

// TerminalID is the terminal's own number, by which the engine refuses one that is plugged in by mistake.
func (s *session) TerminalID() string { return s.tid }

// Close ends the conversation for good. It may be called while a method waits, which then ends with an error.
func (s *session) Close() error { return s.held.Close() }

// drop closes the line; the next method dials another.
func (s *session) drop() {
	if err := s.held.Drop(func() { s.line = nil }); err != nil {
		s.env.Log.Debug("close line", "error", err)
	}
}

// connect makes sure of a line on which nothing is under way. What the terminal said while nobody listened is read and
// forgotten here, so that it is not taken for an answer: what became of a payment is asked by its reference.
func (s *session) connect(ctx context.Context) (*link.STX, error) {
	if s.line != nil {
		if _, err := s.line.Drain(ctx, quiet); err == nil || ctx.Err() != nil {
			return s.line, err
		}
		s.drop() // the idle line has died; a new one is no repetition of anything
	}
	if err := s.held.Open(ctx, s.env.Dial, func(p terminal.Port) { s.line = link.NewSTX(p, format(), bodyLimit) }); err != nil {
		return nil, err
	}
	if _, err := s.line.Drain(ctx, quiet); err != nil {
		s.drop()
		return nil, err
	}
	return s.line, nil
}

// greet makes sure of a line, and that the terminal on it is the one of this session.
func (s *session) greet(ctx context.Context) (*link.STX, error) {
	line, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	m, err := s.ask(ctx, line, []byte("I"), func(m message) bool { return m.kind == "I" })
	switch {
	case err != nil:
		return nil, err
	case s.tid != "" && m.ref != s.tid:
		return nil, errors.New("another terminal answers than the one that this conversation began with")
	}
	s.tid = tidy(m.ref)
	return line, nil
}

// ask puts a question that moves nothing, and so may be repeated on silence, until its answer comes.
func (s *session) ask(ctx context.Context, line *link.STX, question []byte, is func(message) bool) (message, error) {
	for range link.SendsMost {
		if err := line.Send(question); err != nil {
			return message{}, err
		}
		m, err := s.answer(ctx, line, is)
		if !errors.Is(err, terminal.ErrSilent) {
			return m, err
		}
	}
	return message{}, fmt.Errorf("%w: see that it is switched on and connected", terminal.ErrSilent)
}

func (s *session) answer(ctx context.Context, line *link.STX, is func(message) bool) (message, error) {
	for begin := time.Now(); ; {
		e, err := line.Next(ctx, begin.Add(answerWait), false)
		if err != nil {
			return message{}, err
		}
		switch e.Kind {
		case wire.STXNak:
			return message{}, terminal.ErrSilent // ask once more
		case wire.STXBadLRC, wire.STXTooLong:
			s.env.Quality.BadCheck()
			err = line.Nak()
		case wire.STXFrame:
			if m := parse(e.Body); is(m) {
				s.env.Quality.Answered(time.Since(begin))
				return m, line.Ack()
			}
		}
		if err != nil {
			return message{}, err
		}
	}
}
