package example

import (
	"context"
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

// dialogue leaves the sending to link.Money, which knows when P may be sent again: after a NAK that stands alone, never on silence.
func (s *session) dialogue(ctx context.Context, line *link.STX, r terminal.Request, till terminal.Till) (out terminal.Result, err error) {
	m := &link.Money{Line: line, Body: sale(r), NakPause: nakPause, Till: till, Quality: s.env.Quality}
	m.Patience = func() time.Duration {
		if m.Taken {
			return s.o.PaymentTimeout
		}
		return unheard
	}
	m.Poked = func() error { // Cancel may have waked us; link.Money keeps C back until the terminal has P
		if !s.cancel.Swap(false) {
			return nil
		}
		return line.Send([]byte("C|" + r.Reference))
	}
	m.Hear = func(e wire.STXEvent) (over, alive bool, err error) {
		switch e.Kind {
		case wire.STXAck:
			alive = !m.Taken
			if m.Taken = true; alive {
				till.Progress(terminal.Progress{Stage: terminal.Started})
			}
		case wire.STXBadLRC, wire.STXTooLong:
			m.Taken = true // a NAK from now on may be for something else
			s.env.Quality.BadCheck()
			err = line.Nak()
		case wire.STXFrame:
			said := parse(e.Body)
			if said.ref != r.Reference {
				break // of an earlier payment: it closes nothing here, and is not ours to acknowledge
			}
			m.Taken, alive = true, true
			if said.kind == "R" {
				out, err = s.conclude(line, said, till)
				return true, true, err
			}
			if stage, known := stages[said.code]; known && said.kind == "T" {
				till.Progress(stage)
			}
			err = line.Ack()
		}
		return false, alive, err
	}
	err = m.Run(ctx)
	return out, err
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
