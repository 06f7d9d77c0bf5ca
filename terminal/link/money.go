package link

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/wire"
)

// SendsMost is how often one frame is sent. Every paper says three times.
const SendsMost = 3

// ErrNak is what Money.Run returns where the terminal said NAK to each sending of the command, and nothing else.
var ErrNak = errors.New("the terminal could not read the command (NAK, three times)")

// Money is one money command on a line of STX frames. The rule is the same for all protocols: the command is handed to the
// line once. It is sent again after a NAK only, that stands alone and is followed by silence, at most twice; never on
// silence, and never once the terminal has shown that it works on it.
type Money struct {
	Line     *STX
	Body     []byte
	NakPause time.Duration // the silence after a NAK
	Till     terminal.Till // told Sent just before the first byte may leave
	Quality  *terminal.Quality

	// Patience is the longest silence from now on, which ends Run with an error that wraps terminal.ErrSilent.
	Patience func() time.Duration
	// Hear takes what the terminal says, but for the NAKs that Run takes itself. over ends Run; alive begins Patience anew.
	Hear func(wire.STXEvent) (over, alive bool, err error)
	// Poked is called before each wait, and so soon after a Poke of the line, once the command is Taken: what it said before, a
	// NAK would be for that and read as the command's. Nil for nothing.
	Poked func() error

	// Taken is set by Hear when the terminal has shown that it works on the command: a NAK is of something else then.
	Taken bool

	sends, rubbish int
}

// Run hands the command over and hears the terminal to the end. After an error other than ErrNak the command may have
// reached the terminal, and nothing is known of what became of it.
func (m *Money) Run(ctx context.Context) error {
	until, err := m.hand()
	for nak := false; err == nil; {
		if m.Poked != nil && m.Taken {
			if err = m.Poked(); err != nil {
				break
			}
		}
		e, next := m.Line.Next(ctx, until, m.Poked != nil)
		silent := errors.Is(next, terminal.ErrSilent)
		switch {
		case errors.Is(next, terminal.ErrPoked):
			continue
		case nak && silent && (m.Line.Partial() || m.Line.Rubbish() != m.rubbish):
			nak, until = false, time.Now().Add(m.Patience()) // the NAK may have been a part of something else
			continue
		case nak && silent && m.sends == SendsMost:
			return ErrNak
		case nak && silent:
			m.Quality.SentAgain()
			until, err = m.hand()
			nak = false
			continue
		case next != nil:
			return fmt.Errorf("no result of the payment came: %w", next)
		case e.Kind == wire.STXNak && !e.Dirty && !m.Taken && !nak:
			m.Quality.Refused()
			nak, until = true, time.Now().Add(m.NakPause)
			continue
		}
		over, alive, heard := m.Hear(e)
		if over || heard != nil {
			return heard
		}
		if nak || alive { // after a NAK and something else it is not known what the NAK was for
			nak, until = false, time.Now().Add(m.Patience())
		}
	}
	return err
}

// hand hands the command to the line and says until when to wait.
func (m *Money) hand() (until time.Time, err error) {
	if m.sends++; m.sends == 1 {
		m.Till.Progress(terminal.Progress{Stage: terminal.Sent})
	}
	m.rubbish = m.Line.Rubbish()
	if err := m.Line.Send(m.Body); err != nil {
		return until, fmt.Errorf("send the command: %w", err)
	}
	return time.Now().Add(m.Patience()), nil
}
