package transbank

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/link"
	"tillbridge/terminal/wire"
)

// Times of the link (sheet 3; where the paper gives none, ours).
const (
	ackWait    = 3 * time.Second        // the end of a frame to its ACK or NAK
	nakPause   = 200 * time.Millisecond // a NAK to the frame once more
	answerWait = 15 * time.Second       // a sign of life to the next: a terminal repeats after 10 s what was not acknowledged
	hostWait   = 180 * time.Second      // the same where the host is asked
	glance     = 2 * time.Millisecond   // to see what has come unasked
	looseWait  = 4 * time.Second        // after which no answer to an earlier question comes any more
	listTail   = time.Second            // after the list's end, since newer terminals say it twice
)

var (
	errNak   = fmt.Errorf("%w the command itself (NAK)", terminal.ErrRefused)
	errOther = errors.New("another terminal answers than the one that this conversation began with")
)

// session is one conversation with one terminal, over one line after the other.
type session struct {
	o   *Options
	env terminal.Env
	log *slog.Logger

	held link.Held

	line  *link.STX // on the port that is held; nil while it is closed
	loose bool      // the answer to something that was sent may still come
	unmet bool      // since the line was opened the terminal has not told its number

	terminalID string
	last       terminal.Mark // what the engine has for the terminal's last transaction, as far as this session knows
	fresh      bool          // last was read when the session was opened, and nothing was done since
	told       string        // the last result that was heard, whole
	listed     bool          // it told its list
	noList     bool          // it does not know the list
}

// open starts a session: dial, poll, and read what the terminal has sold, which tells its number.
func open(ctx context.Context, e terminal.Env, options any) (terminal.Session, error) {
	o, ok := options.(*Options)
	if !ok {
		return nil, fmt.Errorf("options of type %T, want %T", options, o)
	}
	if err := errors.Join(pesos(e.Currency), o.Validate()); err != nil {
		return nil, err
	}
	if e.Link != terminal.Serial {
		return nil, errors.New("the protocol has no TCP form; set port to a serial line or to USB")
	}
	s := &session{o: o, env: e, log: e.Log}
	if err := s.greet(ctx); err != nil {
		s.drop()
		return nil, err
	}
	return s, nil
}

func pesos(c terminal.Currency) error {
	if c.Numeric != 152 || c.Digits != 0 {
		return fmt.Errorf("the protocol has no currency but the Chilean peso, without decimals; the settings say %s", c.Code)
	}
	return nil
}

func (s *session) greet(ctx context.Context) error {
	err := s.ready(ctx)
	if err != nil {
		return err
	}
	if s.last, err = s.readMark(ctx); errors.Is(err, terminal.ErrRefused) {
		s.log.Info("the terminal does not tell what it has sold", "error", err)
		return nil
	}
	s.fresh = err == nil
	return err
}

// Close ends the conversation for good. It may be called while another goroutine is inside a method, which then ends with an error.
func (s *session) Close() error { return s.held.Close() }

// drop closes the line.
func (s *session) drop() {
	s.line = nil
	if err := s.held.Drop(nil); err != nil {
		s.log.Debug("close line", "error", err)
	}
}

// TerminalID is the terminal's own number; empty where it says none.
func (s *session) TerminalID() string { return s.terminalID }

// connect makes sure of a line on which nothing is under way.
func (s *session) connect(ctx context.Context) error {
	if s.line != nil && !s.loose {
		heard, err := s.line.Drain(ctx, glance)
		if err == nil {
			return s.unasked(heard)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.log.Debug("the idle line is gone, or not at rest", "error", err)
	}
	s.drop()
	if err := s.held.Open(ctx, s.env.Dial, nil); err != nil {
		return err
	}
	s.line = link.NewSTXBetween(s.held.Port(), ours(), theirs(s.o.Model), bodyLimit)
	quiet := glance
	if s.loose {
		quiet = looseWait
	}
	heard, err := s.line.Drain(ctx, quiet)
	if err != nil {
		s.drop()
		return err
	}
	s.loose, s.unmet = false, true
	return s.unasked(heard)
}

// ready makes sure of the line and of an idle terminal.
func (s *session) ready(ctx context.Context) error {
	if err := s.connect(ctx); err != nil {
		return err
	}
	return s.poll(ctx)
}

// unasked takes what came while nothing was asked.
func (s *session) unasked(heard []wire.STXEvent) error {
	for _, e := range heard {
		if e.Kind != wire.STXFrame {
			continue
		}
		if err := s.aside(e.Body); err != nil {
			s.drop()
			return err
		}
	}
	return nil
}

// aside takes a message that nobody asked for. It is acknowledged if it is a repetition of what was heard before, or moves no
// money; then the terminal stops repeating it. A result that is new is not: what became of its sale is read from the terminal's memory.
func (s *session) aside(body []byte) error {
	m, ok := parse(body)
	switch {
	case ok && m.moves() && m.body != s.told:
		s.log.Info("heard a result that nobody waits for", "function", m.fn)
		return nil
	case ok && m.moves():
		s.env.Quality.CameAgain()
	}
	return s.line.Ack()
}

// known compares a message's terminal number with the one that answered before.
func (s *session) known(id string) error {
	if id = tidy(id); id == "" || s.terminalID == "" || s.terminalID == id {
		return nil
	}
	return fmt.Errorf("%w: %s instead of %s", errOther, id, s.terminalID)
}

// meet takes a terminal number that was told more than once: one byte of exclusive or lets two damaged bits through, and nobody
// should be refused for that.
func (s *session) meet(id string) error {
	if id == "" {
		return nil
	}
	if s.terminalID == "" {
		s.terminalID = tidy(id)
	}
	s.unmet = false
	return s.known(id)
}
