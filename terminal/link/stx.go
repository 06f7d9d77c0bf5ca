package link

import (
	"context"
	"errors"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/wire"
)

// ByteGap is the longest pause within a frame. USB adapters and busy till PCs deliver in bursts; no paper allows
// more.
const ByteGap = 500 * time.Millisecond

// STX is a line of STX/ETX frames and control bytes. Everything but Poke is called by one goroutine. The port stays
// the caller's to close.
type STX struct {
	port   terminal.Port
	ear    *terminal.Ear
	format wire.STXFormat
	reader *wire.STXReader
	queue  []wire.STXEvent

	rubbish int
}

// NewSTX makes a line of frames whose bodies have at most limit bytes.
func NewSTX(p terminal.Port, f wire.STXFormat, limit int) *STX { return NewSTXBetween(p, f, f, limit) }

// NewSTXBetween makes a line of frames on which the two sides frame differently: we write as send says, and what comes is
// framed as hear says.
func NewSTXBetween(p terminal.Port, send, hear wire.STXFormat, limit int) *STX {
	return &STX{port: p, ear: terminal.NewEar(p), format: send, reader: wire.NewSTXReader(hear, limit)}
}

// Next is what comes next on the line: a frame, a damaged one, a control byte or a progress text. Bytes that mean
// nothing are passed over. A frame that stops in its middle for ByteGap is a damaged one. The errors are those of
// terminal.Ear.Hear: terminal.ErrSilent, terminal.ErrPoked, ctx's own, or that of a line that is gone.
func (l *STX) Next(ctx context.Context, until time.Time, pokeable bool) (wire.STXEvent, error) {
	for {
		if len(l.queue) > 0 {
			e := l.queue[0]
			l.queue = l.queue[1:]
			return e, nil
		}
		limit, partial := until, l.reader.Partial()
		if gap := time.Now().Add(ByteGap); partial && gap.Before(until) {
			limit = gap
		}
		heard, err := l.ear.Hear(ctx, limit, pokeable)
		for _, b := range heard {
			switch e := l.reader.Feed(b); e.Kind {
			case wire.STXNothing:
			case wire.STXGarbage:
				l.rubbish++
			default:
				l.queue = append(l.queue, e)
			}
		}
		switch {
		case errors.Is(err, terminal.ErrSilent) && partial && limit.Before(until):
			l.reader.Reset()
			return wire.STXEvent{Kind: wire.STXBadLRC, Dirty: true}, nil
		case err != nil:
			return wire.STXEvent{}, err
		}
	}
}

// Drain reads what has come unasked, until nothing has come for the time quiet, and returns it. It gives up after
// ten times that with terminal.ErrTalking.
func (l *STX) Drain(ctx context.Context, quiet time.Duration) ([]wire.STXEvent, error) {
	var all []wire.STXEvent
	for end := time.Now().Add(10 * quiet); ; {
		e, err := l.Next(ctx, time.Now().Add(quiet), false)
		switch {
		case errors.Is(err, terminal.ErrSilent):
			l.reader.Reset()
			return all, nil
		case err != nil:
			return all, err
		case !time.Now().Before(end):
			return all, terminal.ErrTalking
		}
		all = append(all, e)
	}
}

// Partial tells whether something has begun to come and is not whole.
func (l *STX) Partial() bool { return l.reader.Partial() }

// Rubbish counts the bytes that meant nothing and were passed over. With Partial it tells whether a silence was one: a
// money command is not repeated on a NAK that something unread stands around.
func (l *STX) Rubbish() int { return l.rubbish }

// Send writes one frame, in one Write. After an error any number of its bytes may have left.
func (l *STX) Send(body []byte) error { return l.write(l.format.Append(nil, body)) }

// Ack acknowledges.
func (l *STX) Ack() error { return l.write(l.format.AppendAck(nil, wire.ACK)) }

// Nak asks for the last frame again.
func (l *STX) Nak() error { return l.write(l.format.AppendAck(nil, wire.NAK)) }

// Control writes one control byte, such as wire.ENQ.
func (l *STX) Control(b byte) error { return l.write([]byte{b}) }

// Poke makes a pokeable Next, the present or the next one, end with terminal.ErrPoked. It may be called from any
// goroutine.
func (l *STX) Poke() { l.ear.Poke() }

func (l *STX) write(p []byte) error {
	_, err := l.port.Write(p)
	return err
}
