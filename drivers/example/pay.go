package example

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/link"
	"tillbridge/terminal/wire"
)

// Pay hands P to the line once and hears the terminal to the end.
func (s *session) Pay(ctx context.Context, r terminal.Request, till terminal.Till) (terminal.Result, error) {
	s.cancel.Store(false)
	line, err := s.greet(ctx)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil { // until here nothing of P was handed over: this alone is ErrNotSent
		s.drop()
		return terminal.Result{}, fmt.Errorf("%w: %w", terminal.ErrNotSent, err)
	}
	s.held.Undecided(true)
	till.Progress(terminal.Progress{Stage: terminal.Sent})
	out, err := s.dialogue(ctx, line, r, till)
	if err != nil { // whatever it is, it proves nothing: the engine will ask
		s.drop()
	}
	s.held.Undecided(false)
	return out, err
}

// Cancel asks the terminal to give the payment up. It does not block: the dialogue is waked, and says C itself.
func (s *session) Cancel() {
	s.cancel.Store(true)
	s.held.Do(func() {
		if s.line != nil {
			s.line.Poke()
		}
	})
}

func (s *session) dialogue(ctx context.Context, line *link.STX, r terminal.Request, till terminal.Till) (terminal.Result, error) {
	sends, heard := 1, false // heard: the terminal has shown that it has P, or may have it
	until := time.Now().Add(unheard)
	err := line.Send(sale(r))
	for err == nil {
		if s.cancel.Swap(false) {
			if err = line.Send([]byte("C|" + r.Reference)); err != nil {
				break
			}
		}
		var e wire.STXEvent
		e, err = line.Next(ctx, until, true)
		switch {
		case errors.Is(err, terminal.ErrPoked):
			err = nil
		case err != nil: // silence too: P is not sent again on silence
		case e.Kind == wire.STXNak && !heard && !e.Dirty && sends < sendsMost:
			// The paper's own repetition: the terminal says that it could not read the frame. A NAK among rubbish may
			// be rubbish itself, and after anything else it is not for P.
			sends++
			s.env.Quality.SentAgain()
			err = line.Send(sale(r))
		case e.Kind == wire.STXBadLRC || e.Kind == wire.STXTooLong:
			heard = true
			s.env.Quality.BadCheck()
			err = line.Nak()
		case e.Kind == wire.STXAck && !heard:
			heard, until = true, time.Now().Add(s.o.PaymentTimeout)
			till.Progress(terminal.Progress{Stage: terminal.Started})
		case e.Kind == wire.STXFrame:
			m := parse(e.Body)
			if m.ref != r.Reference {
				continue // of an earlier payment: it closes nothing here, and is not ours to acknowledge
			}
			heard, until = true, time.Now().Add(s.o.PaymentTimeout)
			if m.kind == "R" {
				return s.conclude(line, m, till)
			}
			if stage, known := stages[m.code]; known && m.kind == "T" {
				till.Progress(stage)
			}
			err = line.Ack()
		}
	}
	return terminal.Result{}, err
}

// stages are what T tells, with a sentence for the clerk.
var stages = map[string]terminal.Progress{
	"CARD": {Stage: terminal.CardWait, Text: "Present the card."},
	"PIN":  {Stage: terminal.CardRead, Text: "Enter the PIN."},
	"BANK": {Stage: terminal.HostWait, Text: "The bank is asked."},
}

// conclude records the result and then acknowledges it, in this order. Where it cannot be recorded, nothing is acknowledged.
func (s *session) conclude(line *link.STX, m message, till terminal.Till) (terminal.Result, error) {
	out := m.result()
	if err := till.Seen(out); err != nil {
		return terminal.Result{}, fmt.Errorf("record the result: %w", err)
	}
	if err := line.Ack(); err != nil {
		return terminal.Result{}, err
	}
	till.Progress(terminal.Progress{Stage: terminal.Acknowledged})
	return out, nil
}
