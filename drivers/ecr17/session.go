package ecr17

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/link"
	"tillbridge/terminal/wire"
)

// Times of the link (sheet 2.2).
const (
	ackWait    = 3 * time.Second        // the end of a frame to its ACK or NAK
	nakPause   = 200 * time.Millisecond // a NAK to the frame once more
	answerWait = 15 * time.Second       // the ACK of a harmless command to its answer
	glance     = 2 * time.Millisecond   // to see what has come unasked
	freshWait  = 20 * time.Millisecond  // to see whether a new connection is closed at once
	looseWait  = 4 * time.Second        // after which nothing of an earlier conversation is repeated
	repeatsFor = 10 * time.Second       // within which a terminal repeats what was not acknowledged: three times, 3 s each
	dialsMost  = 3
	heardMost  = 100 // results that a session remembers
	dialPause  = 300 * time.Millisecond
)

var (
	errNak   = fmt.Errorf("%w the command itself (NAK): it does not know it, or the terminal number or the check byte is not its own", terminal.ErrRefused)
	errMute  = fmt.Errorf("%w: it does not answer when it is asked for its last result", terminal.ErrRefused)
	errOther = errors.New("another terminal answers than the one that this conversation began with")
)

// session is one conversation with one terminal, over one line after the other.
type session struct {
	o    *Options
	env  terminal.Env
	log  *slog.Logger
	send register

	held link.Held

	line  *link.STX // on the port that is held; nil while it is closed
	lrc   LRC       // as far as it is known
	loose bool      // the answer to something that was sent may still come

	terminalID string
	last       terminal.Mark // what the engine has for the terminal's last transaction, as far as this session knows
	told       string        // the last result that was heard, whole
	toldAt     time.Time
	heard      []fingerprint // of the last results that were heard, the newest last
	acks       bool          // the terminal was heard to acknowledge
	mute       bool          // it does not answer G
	extended   bool          // it took an X
	basic      bool          // it refused X and took P
	began      time.Time     // when a money command was under way last, or this session began
}

// open starts a session: dial, and ask for the status, which tells the terminal's number and how it makes check bytes.
func open(ctx context.Context, e terminal.Env, options any) (terminal.Session, error) {
	o, ok := options.(*Options)
	if !ok {
		return nil, fmt.Errorf("options of type %T, want %T", options, o)
	}
	if err := euro(e.Currency); err != nil {
		return nil, err
	}
	s := &session{
		o: o, env: e, log: e.Log, lrc: o.LRC, began: time.Now(),
		send: register{terminalID: o.TerminalID, cashRegister: o.CashRegister},
	}
	if err := s.greet(ctx); err != nil {
		s.drop()
		return nil, err
	}
	s.settle()
	return s, nil
}

func euro(c terminal.Currency) error {
	if c.Numeric != 978 || c.Digits != 2 {
		return fmt.Errorf("the protocol has no currency but the euro; the settings say %s", c.Code)
	}
	return nil
}

// greet finds out who is there. Where the coverage of the check byte is not known, each is tried with the status request, which
// may be repeated at will, and the one in which the terminal answers is kept once it has answered so twice or as it was asked.
func (s *session) greet(ctx context.Context) error {
	if err := s.connect(ctx); err != nil {
		return err
	}
	try := coverages()
	if s.lrc.Known {
		try = []wire.Covers{s.lrc.Covers}
	}
	for _, c := range try {
		s.tune(LRC{c, s.lrc.Known})
		_, heard, err := s.status(ctx)
		if errors.Is(err, errNak) {
			continue
		}
		for range link.SendsMost {
			if err != nil || s.lrc.Known || heard == c {
				break
			}
			before := heard // one damaged bit makes one coverage look like another
			if _, heard, err = s.status(ctx); err == nil && heard == before {
				break
			}
		}
		switch {
		case err != nil:
			return err
		case !s.lrc.Known && heard != c:
			return fmt.Errorf("the terminal's check bytes are of %s and of ours it takes %s; set lrc", heard, c)
		case !s.lrc.Known:
			s.log.Info("check byte", "covers", c.String())
		}
		s.tune(LRC{c, true})
		return nil
	}
	return fmt.Errorf("ask for the status: %w", errNak)
}

// tune sets the coverage of the check byte.
func (s *session) tune(l LRC) {
	if s.lrc != l && s.line != nil {
		s.line = link.NewSTX(s.held.Port(), format(l.Covers, l.Known), bodyLimit)
	}
	s.lrc = l
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

// connect makes sure of a line on which nothing is under way. Over TCP it is a new one for each command: many terminals drop
// the connection between two.
func (s *session) connect(ctx context.Context) error {
	if s.line != nil && s.env.Link == terminal.Serial && !s.loose {
		heard, err := s.line.Drain(ctx, glance)
		if err == nil {
			s.unasked(heard)
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.log.Debug("the idle line is gone, or not at rest", "error", err)
	}
	s.drop()
	var err error
	for n := range dialsMost {
		if n > 0 {
			if e := link.Pause(ctx, dialPause); e != nil {
				return e
			}
		}
		if err = s.dial(ctx); err == nil || errors.Is(err, link.ErrOver) || s.env.Link == terminal.Serial {
			break
		}
	}
	return err
}

// dial opens a line and waits until it is at rest.
func (s *session) dial(ctx context.Context) error {
	if err := s.held.Open(ctx, s.env.Dial, nil); err != nil {
		return err
	}
	s.line = link.NewSTX(s.held.Port(), format(s.lrc.Covers, s.lrc.Known), bodyLimit)
	quiet := glance
	switch {
	case s.env.Link == terminal.TCP:
		quiet = freshWait
	case s.loose:
		quiet = looseWait
	}
	heard, err := s.line.Drain(ctx, quiet)
	if err != nil {
		s.drop()
		if s.env.Link == terminal.TCP && ctx.Err() == nil {
			return fmt.Errorf("%w: it closed the connection at once", terminal.ErrBusy)
		}
		return err
	}
	s.loose = false
	s.unasked(heard)
	return nil
}

// unasked logs what came while nothing was asked. It is not acknowledged: what became of it is read from the terminal's memory.
func (s *session) unasked(heard []wire.STXEvent) {
	for _, e := range heard {
		s.log.Debug("heard unasked", "what", e.Kind.String())
	}
}

// settle ends a command that went to its end: the till has nothing more to say on a connection.
func (s *session) settle() {
	if h, ok := s.held.Port().(interface{ CloseWrite() error }); ok && s.env.Link == terminal.TCP {
		_ = h.CloseWrite() // the connection is dropped before the next command
	}
}

// known compares a message's terminal number with the one that answered before.
func (s *session) known(m message) error {
	id := m.terminalID
	switch {
	case !wire.IsDigits(id) || id == "00000000":
	case s.terminalID == "":
		s.terminalID = id
	case s.terminalID != id:
		return fmt.Errorf("%w: %s instead of %s", errOther, id, s.terminalID)
	}
	return nil
}

// hear remembers a result, so that its repetition is known as one.
func (s *session) hear(r result) {
	s.told, s.toldAt = r.body, time.Now()
	f, ok := parseMark(r.mark())
	if !ok || slices.ContainsFunc(s.heard, f.same) {
		return
	}
	if s.heard = append(s.heard, f); len(s.heard) > heardMost {
		s.heard = s.heard[1:]
	}
}

// stale tells whether a result is of an earlier transaction: it was heard before, whenever that was, or it was counted before the
// terminal's last one. A refusal without a number looks like another one; it is taken for a repetition as long as the terminal may
// repeat.
func (s *session) stale(r result) bool {
	f, ok := parseMark(r.mark())
	if !ok {
		return r.body == s.told && (r.ok() || time.Since(s.toldAt) < repeatsFor)
	}
	last, known := parseMark(s.last)
	return known && (f.same(last) || f.older(last)) || slices.ContainsFunc(s.heard, f.same)
}
