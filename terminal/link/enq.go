package link

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/wire"
)

// Times and bounds of an Exchange. Programs in the field wait 0.5 to 3 s for an answer and try thrice, a second apart
// (telium sheet 3).
const (
	enqWait  = 3 * time.Second // for ACK to ENQ or to a frame, for the frame after ACK, and for EOT after it
	enqPause = time.Second     // between two ENQ of ours
	enqTries = 3
	enqTurns = 32 // what is taken from the terminal before we get the line, or while one exchange lasts
)

var (
	// ErrNoAnswer is wrapped by what Exchange.Send returns when the terminal does not give us the line. Nothing but
	// ENQ and EOT was sent.
	ErrNoAnswer = errors.New("the terminal does not answer")
	// ErrNotTaken is what Exchange.Send returns when the terminal refused the frame each time that it was sent, and
	// said nothing else.
	ErrNotTaken = errors.New("the terminal could not read what was sent")
	// ErrUnacknowledged is what Exchange.Send returns when the frame was sent and not acknowledged. The terminal may
	// have it and act on it.
	ErrUnacknowledged = errors.New("the terminal did not acknowledge what was sent")
)

// Take is given the body of a frame whose check byte holds. It is acknowledged once Take has returned nil; after an
// error nothing is, and the error is handed on.
type Take func(body []byte) error

// Exchange is a line of STX on which either side asks for the line before it says something, as Concert terminals do on a
// serial line (telium sheet 3):
//
//	ENQ ->            the one that wants to speak
//	       <- ACK
//	frame ->
//	       <- ACK     or NAK: the frame once more
//	EOT ->            the line is free
//
// When both ask at once the terminal goes first. A frame of ours is written again on an explicit NAK that stands among
// nothing else, at most twice, and never on silence; ENQ may be repeated, for nothing was sent yet. Everything but Poke is
// called by one goroutine.
type Exchange struct {
	stx   *STX
	count *terminal.Quality
	asked bool   // the terminal's ENQ was read and is not answered
	early []byte // a frame of the terminal that came where none was due
}

// NewExchange makes a line of exchanges whose bodies have at most limit bytes, with the check byte over body and ETX. What
// goes wrong on it is counted in q, which may be nil.
func NewExchange(p terminal.Port, limit int, q *terminal.Quality) *Exchange {
	return &Exchange{stx: NewSTX(p, wire.STXFormat{Covers: wire.CoverBodyETX}, limit), count: q}
}

// Poke makes a pokeable Receive end with terminal.ErrPoked. It may be called from any goroutine.
func (x *Exchange) Poke() { x.stx.Poke() }

// Send hands one frame over. What the terminal says before it gives us the line goes to take. The function leaving is
// called once, before the first byte of the frame may leave; where it was not called, nothing left.
//
// A nil error means that the terminal acknowledged the frame. The other errors are the three above, that of take, ctx's own,
// or that of a line that is gone.
func (x *Exchange) Send(ctx context.Context, body []byte, leaving func(), take Take) error {
	for failed, turn := 0, 0; failed < enqTries && turn < enqTurns; turn++ {
		if x.asked || x.early != nil { // the terminal goes first
			if _, err := x.listen(ctx, take); err != nil {
				return err
			}
			continue
		}
		given, err := x.ask(ctx)
		switch {
		case err != nil:
			return err
		case given:
			return x.hand(ctx, body, leaving)
		case x.asked:
			continue
		}
		if failed++; failed == enqTries {
			break
		}
		if err := x.rest(ctx); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: it may be busy, show an earlier sum, or not be set to a cash register", ErrNoAnswer)
}

// Alive asks for the line and gives it back: the test that moves nothing. What the terminal says first goes to take.
func (x *Exchange) Alive(ctx context.Context, take Take) error {
	for range enqTurns {
		if x.asked || x.early != nil {
			if _, err := x.listen(ctx, take); err != nil {
				return err
			}
			continue
		}
		given, err := x.ask(ctx)
		switch {
		case err != nil:
			return err
		case given:
			return x.stx.Control(wire.EOT)
		case !x.asked:
			return ErrNoAnswer
		}
	}
	return ErrNoAnswer
}

// ask writes ENQ and tells whether the terminal gave us the line. An ENQ of its own instead is kept. An ACK among rubbish
// is not believed: a frame that nobody waits for would be lost, and it is not known then whether it was. A try that
// failed is ended by EOT.
func (x *Exchange) ask(ctx context.Context) (given bool, err error) {
	begin := time.Now()
	if err := x.stx.Control(wire.ENQ); err != nil {
		return false, err
	}
	for {
		e, err := x.stx.Next(ctx, begin.Add(enqWait), false)
		switch {
		case errors.Is(err, terminal.ErrSilent):
			return false, x.stx.Control(wire.EOT)
		case err != nil:
			return false, err
		case e.Kind == wire.STXAck && !e.Dirty:
			x.count.Answered(time.Since(begin))
			return true, nil
		case e.Kind == wire.STXEnquiry:
			x.asked = true
			return false, nil
		case e.Kind == wire.STXAck, e.Kind == wire.STXNak:
			return false, x.stx.Control(wire.EOT)
		case e.Kind == wire.STXFrame:
			x.early = e.Body
			return false, nil
		}
	}
}

// rest passes the pause between two ENQ. Answers to the one before that come now are late.
func (x *Exchange) rest(ctx context.Context) error {
	heard, err := x.stx.Drain(ctx, enqPause)
	for _, e := range heard {
		switch e.Kind {
		case wire.STXEnquiry:
			x.asked = true
		case wire.STXFrame:
			x.early = e.Body
		}
	}
	if errors.Is(err, terminal.ErrTalking) {
		return fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	return err
}

// hand writes the frame once the terminal waits for it.
func (x *Exchange) hand(ctx context.Context, body []byte, leaving func()) error {
	if err := ctx.Err(); err != nil {
		return errors.Join(err, x.stx.Control(wire.EOT))
	}
	leaving()
	for n := range enqTries {
		if n > 0 {
			x.count.SentAgain()
		}
		if err := x.stx.Send(body); err != nil {
			return err
		}
		again, err := x.answer(ctx)
		if !again {
			return err
		}
		x.count.Refused()
	}
	// An acknowledgement that comes after the last refusal is one of a copy.
	e, err := x.stx.Next(ctx, time.Now().Add(enqWait), false)
	if end := x.stx.Control(wire.EOT); end != nil {
		return end
	}
	switch {
	case errors.Is(err, terminal.ErrSilent):
		return ErrNotTaken
	case err != nil:
		return err
	case e.Kind == wire.STXEnquiry:
		x.asked = true
	}
	return ErrUnacknowledged
}

// answer waits for what the terminal says of a frame, and ends the exchange. It tells again for a refusal that nothing
// speaks against.
func (x *Exchange) answer(ctx context.Context) (again bool, err error) {
	for begin := time.Now(); ; {
		e, err := x.stx.Next(ctx, begin.Add(enqWait), false)
		switch {
		case errors.Is(err, terminal.ErrSilent):
			// The terminal may have taken the frame and wait for this end.
			return false, errors.Join(ErrUnacknowledged, x.stx.Control(wire.EOT))
		case err != nil:
			return false, err
		case e.Kind == wire.STXAck:
			x.count.Answered(time.Since(begin))
			return false, x.stx.Control(wire.EOT)
		case e.Kind == wire.STXNak && !e.Dirty:
			return true, nil
		case e.Kind == wire.STXEnquiry:
			x.asked = true
			return false, ErrUnacknowledged
		case e.Kind == wire.STXFrame:
			x.early = e.Body
			return false, ErrUnacknowledged
		}
	}
}

// Receive waits until a time for the terminal to say something, and returns it once it was taken and acknowledged. The
// errors are that of take, terminal.ErrSilent, terminal.ErrPoked where pokeable, ctx's own, or that of a line that is gone.
// An exchange that has begun is brought to its end before a poke counts.
func (x *Exchange) Receive(ctx context.Context, until time.Time, pokeable bool, take Take) ([]byte, error) {
	for {
		if !x.asked && x.early == nil {
			e, err := x.stx.Next(ctx, until, pokeable)
			switch {
			case err != nil:
				return nil, err
			case e.Kind == wire.STXFrame: // its ENQ was lost, or our answer to it was late
				x.early = e.Body
			case e.Kind != wire.STXEnquiry:
				continue
			default:
				x.asked = true
			}
		}
		if body, err := x.listen(ctx, take); err != nil || body != nil {
			return body, err
		}
	}
}

// listen gives the terminal the line and takes what it says; nothing where it says nothing after all.
func (x *Exchange) listen(ctx context.Context, take Take) ([]byte, error) {
	if body := x.early; body != nil {
		x.early = nil
		return x.accept(ctx, body, take)
	}
	x.asked = false
	if err := x.stx.Ack(); err != nil {
		return nil, err
	}
	for range enqTurns {
		e, err := x.stx.Next(ctx, time.Now().Add(enqWait), false)
		switch {
		case errors.Is(err, terminal.ErrSilent):
			return nil, nil // it asks again
		case err != nil:
			return nil, err
		}
		switch e.Kind {
		case wire.STXFrame:
			return x.accept(ctx, e.Body, take)
		case wire.STXBadLRC, wire.STXTooLong:
			x.count.BadCheck()
			err = x.stx.Nak()
		case wire.STXEnquiry:
			err = x.stx.Ack()
		case wire.STXEnd:
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// accept takes a frame, acknowledges it and waits for the end of the exchange, which some terminals leave out (telium
// sheet 3). A frame that comes again is acknowledged again and not taken twice.
func (x *Exchange) accept(ctx context.Context, body []byte, take Take) ([]byte, error) {
	x.count.Message()
	if err := take(body); err != nil {
		return nil, err
	}
	if err := x.stx.Ack(); err != nil {
		return nil, err
	}
	for range enqTurns {
		e, err := x.stx.Next(ctx, time.Now().Add(enqWait), false)
		if err != nil {
			break // what was taken is taken; a line that is gone is found out by whoever needs it next
		}
		switch {
		case e.Kind == wire.STXEnd:
			return body, nil
		case e.Kind == wire.STXEnquiry:
			x.asked = true
			return body, nil
		case e.Kind == wire.STXFrame && bytes.Equal(e.Body, body):
			x.count.CameAgain()
			err = x.stx.Ack()
		case e.Kind == wire.STXFrame:
			x.early = e.Body
			return body, nil
		case e.Kind == wire.STXBadLRC, e.Kind == wire.STXTooLong:
			x.count.BadCheck()
			err = x.stx.Nak()
		}
		if err != nil {
			break
		}
	}
	return body, nil
}

// Drain reads what has come unasked, until nothing has come for the time quiet. What the terminal wants to say is kept
// for the next Receive or Send.
func (x *Exchange) Drain(ctx context.Context, quiet time.Duration) error {
	heard, err := x.stx.Drain(ctx, quiet)
	for _, e := range heard {
		switch e.Kind {
		case wire.STXEnquiry:
			x.asked = true
		case wire.STXFrame:
			x.asked, x.early = false, e.Body
		case wire.STXEnd:
			x.asked = false // it has given the line back
		}
	}
	return err
}
