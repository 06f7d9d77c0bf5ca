package ecr17

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/link"
	"tillbridge/terminal/wire"
)

// question is a command that moves no money.
type question struct {
	body    []byte
	answers func(m message) bool // which message ends it; nil where an ACK does
	wait    time.Duration        // from the ACK, and from each sign of life, to the answer
	again   bool                 // it may be sent again on silence
	paper   *paper               // takes receipts; may be nil
}

// reply is what ended a question.
type reply struct {
	message
	covers wire.Covers // how its check byte was made
}

// ask asks, and asks again where the terminal says NAK or, if the question allows it, nothing. An error that wraps ErrRefused
// means that the terminal said NAK three times; after any other the line is closed. One NAK among three is the line's: the
// terminal took the question another time, and what it answered was lost.
func (s *session) ask(ctx context.Context, q question) (reply, error) {
	always := true // it said NAK
	for n := 1; ; n++ {
		if err := s.line.Send(q.body); err != nil {
			s.drop()
			return reply{}, err
		}
		began := time.Now()
		r, err := s.await(ctx, q, began)
		if err == nil {
			return r, s.known(r.message)
		}
		nak, silent := errors.Is(err, errNak), errors.Is(err, terminal.ErrSilent)
		if always = always && nak; n == link.SendsMost && nak && !always {
			nak, silent, err = false, true, fmt.Errorf("the terminal's answers were lost on the line: %w", terminal.ErrSilent)
		}
		if n == link.SendsMost || !nak && !(silent && q.again) {
			if silent {
				s.loose = true
			}
			if !nak {
				s.drop()
			}
			return reply{}, err
		}
		if silent {
			s.loose = true // the answers to both may come
		}
		if err := link.Pause(ctx, nakPause); err != nil {
			s.drop()
			return reply{}, err
		}
		s.env.Quality.SentAgain()
	}
}

// await hears the terminal out. A result of a payment that comes instead of the answer is not acknowledged.
func (s *session) await(ctx context.Context, q question, began time.Time) (reply, error) {
	acked, naks := false, 0
	for until := began.Add(ackWait); ; {
		e, err := s.line.Next(ctx, until, false)
		if err != nil {
			return reply{}, err
		}
		switch e.Kind {
		case wire.STXAck:
			if !acked {
				s.env.Quality.Answered(time.Since(began))
			}
			acked, s.acks, until = true, true, time.Now().Add(q.wait)
			if q.answers == nil {
				return reply{}, nil
			}
		case wire.STXNak:
			if !acked {
				s.env.Quality.Refused()
				return reply{}, errNak
			}
		case wire.STXProgress:
			acked, until = true, time.Now().Add(q.wait)
		case wire.STXBadLRC, wire.STXTooLong:
			s.env.Quality.BadCheck()
			if naks++; naks > 2*link.SendsMost {
				return reply{}, fmt.Errorf("what the terminal says is damaged: %w", terminal.ErrSilent)
			}
			if err := s.line.Nak(); err != nil {
				return reply{}, err
			}
		case wire.STXFrame:
			s.env.Quality.Message()
			m, ok := parse(e.Body)
			switch {
			case q.paper != nil && ok && m.code == codeTicket:
				if err := s.line.Ack(); err != nil {
					return reply{}, err
				}
				q.paper.add(m)
				until = time.Now().Add(q.wait)
				if q.answers(m) {
					return reply{m, e.Covers}, nil
				}
			case ok && q.answers != nil && q.answers(m):
				return reply{m, e.Covers}, s.line.Ack()
			case s.again(m):
				if err := s.line.Ack(); err != nil {
					return reply{}, err
				}
			default:
				s.log.Debug("heard something else than the answer", "length", len(e.Body))
			}
		}
	}
}

// again tells whether a message is a result that was heard before, said once more since its acknowledgement was lost.
func (s *session) again(m message) bool {
	r, ok := readResult(m)
	return ok && s.stale(r)
}

func withCode(code byte) func(message) bool { return func(m message) bool { return m.code == code } }

// status asks for the status, s.
func (s *session) status(ctx context.Context) (status, wire.Covers, error) {
	r, err := s.ask(ctx, question{body: s.send.status(), answers: withCode(codeStatus), wait: answerWait, again: true})
	if err != nil {
		return status{}, 0, err
	}
	st, _ := readStatus(r.message)
	return st, r.covers, nil
}

// lastResult asks for the stored result, G. The error wraps ErrRefused where the terminal tells none.
func (s *session) lastResult(ctx context.Context) (result, error) {
	if s.mute { // that it answers at all is asked all the same
		if _, _, err := s.status(ctx); err != nil && !errors.Is(err, terminal.ErrRefused) {
			return result{}, err
		}
		return result{}, errMute
	}
	r, err := s.ask(ctx, question{
		body: s.send.last(), wait: answerWait, again: true,
		answers: func(m message) bool { _, ok := readResult(m); return ok },
	})
	if err != nil {
		return result{}, err
	}
	out, _ := readResult(r.message)
	s.hear(out)
	return out, nil
}
