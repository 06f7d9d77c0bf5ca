package pax

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/link"
	"tillbridge/terminal/wire"
)

// Times and bounds of the link (sheet 3).
const (
	ackWait    = 7 * time.Second        // a command to its ACK or NAK
	nakPause   = 500 * time.Millisecond // a NAK to the command once more
	endWait    = 3 * time.Second        // our ACK to EOT, or to our ACK once more
	answerWait = 15 * time.Second       // the ACK of a harmless command to its reply
	glance     = 20 * time.Millisecond  // to see what has come unasked
	looseWait  = 3 * time.Second        // after which nothing of an earlier conversation comes
)

var (
	errNak     = fmt.Errorf("%w the command (NAK)", terminal.ErrRefused)
	errDamaged = errors.New("what the terminal says came damaged three times")
	errOther   = errors.New("another terminal answers than the one that this conversation began with")
)

// session is one conversation with one terminal, over one line after the other.
type session struct {
	o   *Options
	env terminal.Env
	log *slog.Logger

	held link.Held
	line *link.STX // on the port that is held, guarded by it against Cancel; nil while it is closed

	loose     bool // something of an earlier command may still come
	serial    string
	software  string
	last      terminal.Mark // what the engine has
	began     time.Time     // when a money command was under way last, or this session began
	cancelled atomic.Bool
}

// open starts a session: A00, which tells the terminal's serial number, and tells it twice on a serial line.
func open(ctx context.Context, e terminal.Env, options any) (terminal.Session, error) {
	o, ok := options.(*Options)
	if !ok {
		return nil, fmt.Errorf("options of type %T, want %T", options, o)
	}
	if e.Currency.Digits != 2 {
		return nil, fmt.Errorf("the protocol has cents and no currency; the settings say %s, which has %d decimals", e.Currency.Code, e.Currency.Digits)
	}
	s := &session{o: o, env: e, log: e.Log, began: time.Now()}
	times := 1
	if e.Link == terminal.Serial { // one check byte lets two bits pass that turn together, and a wrong number would stay
		times = 2
	}
	for range times {
		if _, err := s.idle(ctx); err != nil {
			s.drop()
			return nil, err
		}
	}
	s.settle()
	return s, nil
}

// TerminalID is the terminal's serial number; empty where it says none.
func (s *session) TerminalID() string { return s.serial }

// Close ends the conversation for good. It may be called while another goroutine is inside a method, which then ends with an error.
func (s *session) Close() error { return s.held.Close() }

func (s *session) drop() {
	if err := s.held.Drop(func() { s.line = nil }); err != nil {
		s.log.Debug("close line", "error", err)
	}
}

// settle ends a method: over TCP the connection is closed, as the makers' programs do after each command.
func (s *session) settle() {
	if s.env.Link == terminal.TCP {
		s.drop()
	}
}

// connect makes sure of a line on which nothing is under way. Over TCP it is a new one for each command.
func (s *session) connect(ctx context.Context) error {
	if s.line != nil && s.env.Link == terminal.Serial && !s.loose {
		_, err := s.line.Drain(ctx, glance)
		if err == nil || ctx.Err() != nil {
			return err
		}
		s.log.Debug("the idle line is gone, or not at rest", "error", err)
	}
	s.drop()
	if err := s.held.Open(ctx, s.env.Dial, func(p terminal.Port) { s.line = link.NewSTX(p, format(), bodyLimit) }); err != nil {
		return err
	}
	if s.env.Link == terminal.TCP {
		s.loose = false
		return nil
	}
	quiet := glance
	if s.loose {
		quiet = looseWait
	}
	if _, err := s.line.Drain(ctx, quiet); err != nil {
		s.drop()
		return err
	}
	s.loose = false
	return nil
}

// ask sends a command that moves no money over a line of its own and returns its reply. It is sent again on NAK only. After an error
// the line is closed.
func (s *session) ask(ctx context.Context, cmd []byte, want string, wait time.Duration) (r reply, err error) {
	if err := s.connect(ctx); err != nil {
		return r, err
	}
	for n := 1; ; n++ {
		if err = s.line.Send(cmd); err == nil {
			r, err = s.await(ctx, want, wait)
		}
		if !errors.Is(err, errNak) || n == link.SendsMost {
			break
		}
		s.env.Quality.SentAgain()
	}
	if err != nil {
		s.loose = true
		s.drop()
	}
	return r, err
}

// await hears the terminal out. What comes before the ACK is of an earlier command.
func (s *session) await(ctx context.Context, want string, wait time.Duration) (reply, error) {
	var p packets
	began, acked := time.Now(), false
	for until := began.Add(ackWait); ; {
		e, err := s.line.Next(ctx, until, false)
		switch {
		case err != nil:
			return reply{}, err
		case e.Kind == wire.STXAck && !acked:
			s.env.Quality.Answered(time.Since(began))
			acked, until = true, time.Now().Add(wait)
		case e.Kind == wire.STXNak && !acked:
			s.env.Quality.Refused()
			if err := link.Pause(ctx, nakPause); err != nil {
				return reply{}, err
			}
			return reply{}, errNak
		case !acked:
		case e.Kind == wire.STXEnd:
			return reply{}, errors.New("the terminal gave the command up without a reply")
		default:
			data, whole, err := s.take(&p, e)
			if err != nil {
				return reply{}, err
			}
			r, ok := readReply(data)
			switch {
			case whole && ok && r.cmd == want:
				s.finish(ctx, e.Body)
				return r, nil
			case whole:
				s.log.Debug("heard something else than the reply", "length", len(data))
			}
		}
	}
}

// packets put a reply together.
type packets struct {
	joined, last string
	damaged      int
}

// take takes a packet, or asks for a damaged one again: the third is answered with EOT. The data of a whole reply is returned
// before its last packet is acknowledged.
func (s *session) take(p *packets, e wire.STXEvent) (data string, whole bool, err error) {
	switch e.Kind {
	case wire.STXBadLRC, wire.STXTooLong:
		s.env.Quality.BadCheck()
		if p.damaged++; p.damaged < link.SendsMost {
			return "", false, s.line.Nak()
		}
		return "", false, errors.Join(errDamaged, s.line.Control(wire.EOT))
	case wire.STXFrame:
	default:
		return "", false, nil
	}
	s.env.Quality.Message()
	p.damaged = 0
	body := string(e.Body)
	switch {
	case len(body) < 2 || body[1:2] != fs:
		return "", true, nil
	case body == p.last:
		s.env.Quality.CameAgain()
		return "", false, s.line.Ack()
	case len(p.joined)+len(body) > replyLimit:
		return "", false, errors.New("the terminal's reply does not come to an end")
	case body[0] == '1': // more follow
		p.joined, p.last = p.joined+body[2:], body
		return "", false, s.line.Ack()
	}
	data = p.joined + body[2:]
	p.joined, p.last = "", ""
	return data, true, nil
}

// finish acknowledges a reply and waits for EOT. Where that does not come, or the reply comes again, it is acknowledged again. The
// reply stands whatever happens here.
func (s *session) finish(ctx context.Context, body []byte) {
	for range link.SendsMost {
		if err := s.line.Ack(); err != nil {
			break
		}
		for until := time.Now().Add(endWait); ; {
			e, err := s.line.Next(ctx, until, false)
			switch {
			case err == nil && e.Kind == wire.STXEnd:
				return
			case err == nil && (e.Kind != wire.STXFrame || string(e.Body) != string(body)):
				continue
			case err == nil:
				s.env.Quality.CameAgain()
			case !errors.Is(err, terminal.ErrSilent):
				s.loose = true
				return
			}
			break
		}
	}
	s.loose = true
}

// idle is A00, which a terminal answers that is at rest. An error that wraps ErrBusy means that it said nothing.
func (s *session) idle(ctx context.Context) (reply, error) {
	r, err := s.ask(ctx, command(s.o.Version, "A00", ""), "A01", answerWait)
	switch {
	case errors.Is(err, terminal.ErrSilent):
		return r, fmt.Errorf("%w, or there is none: %w", terminal.ErrBusy, err)
	case err != nil:
		return r, err
	case r.code != codeOK:
		return r, fmt.Errorf("%w: %s", terminal.ErrBusy, r.sentence())
	}
	serial := r.field(0)
	if s.serial != "" && serial != s.serial {
		s.drop()
		return r, fmt.Errorf("%w: %q instead of %q", errOther, serial, s.serial)
	}
	s.serial, s.software = serial, r.field(9)
	return r, nil
}
