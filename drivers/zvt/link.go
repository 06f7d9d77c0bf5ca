package zvt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/wire"
)

// Times of the transport (PA00P016, RS-232 and TCP/IP).
const (
	byteGap   = 300 * time.Millisecond // T1 is 200 ms; USB adapters deliver in bursts
	ackWait   = 5 * time.Second        // T2: the end of a frame to its ACK or NAK
	lastWait  = time.Second            // to the ACK of the last answer of a dialogue, which decides nothing
	sendsMost = 3                      // of one frame
	glance    = 300 * time.Microsecond // to see what has come in unasked
)

var (
	errSilent  = errors.New("the terminal does not answer")
	errPoked   = errors.New("somebody wants to cancel")
	errForeign = errors.New("what answers on this line does not speak ZVT; check the port, and that ZVT is switched on in the terminal")
	errLink    = errors.New("the terminal could not be sent a whole message; check the cable and the line settings")
)

// link carries APDUs over a port: in frames with ACK and NAK on a serial line, bare over TCP. Everything but
// poke is called by one goroutine.
type link struct {
	port   terminal.Port
	log    *slog.Logger
	serial *wire.DLEReader // nil over TCP
	split  Splitter
	known  bool // the first bytes were looked at

	queue    [][]byte // whole APDUs that nobody took yet
	last     []byte   // the last one that was taken
	ack, nak bool     // came since the last frame was sent
	buf      []byte
	poked    atomic.Bool
}

func newLink(p terminal.Port, k terminal.LinkKind, log *slog.Logger) *link {
	l := &link{port: p, log: log, buf: make([]byte, 4096)}
	if k == terminal.Serial {
		l.serial = NewSerialReader()
	}
	return l
}

// poke makes a pokeable wait end with errPoked, once. It may be called from any goroutine.
func (l *link) poke() {
	l.poked.Store(true)
	_ = l.port.SetReadDeadline(time.Unix(1, 0))
}

// fill waits for bytes until a time and takes them apart. It returns nil when something came, or nothing yet
// and there is time left.
func (l *link) fill(ctx context.Context, until time.Time, pokeable bool) error {
	limit := until
	partial := l.serial != nil && l.serial.Partial()
	if gap := time.Now().Add(byteGap); partial && gap.Before(limit) {
		limit = gap
	}
	if err := l.port.SetReadDeadline(limit); err != nil {
		return err
	}
	if pokeable && l.poked.Swap(false) {
		return errPoked
	}
	stop := context.AfterFunc(ctx, func() { _ = l.port.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	n, err := l.port.Read(l.buf)
	if e := l.take(l.buf[:n]); e != nil {
		return e
	}
	switch {
	case err == nil || n > 0:
		return nil
	case !errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("the line to the terminal broke: %w", err)
	case ctx.Err() != nil:
		return ctx.Err()
	case pokeable && l.poked.Swap(false):
		return errPoked
	}
	now := time.Now()
	if partial && !now.Before(limit) { // T1: the rest of the frame does not come
		l.serial.Reset()
		return l.control(wire.NAK)
	}
	if !now.Before(until) {
		return errSilent
	}
	return nil
}

// take takes bytes apart. A frame is acknowledged to the line at once, before anything is made of it.
func (l *link) take(p []byte) error {
	if l.serial == nil {
		if !l.known && len(p) > 0 {
			if ForeignProtocol(p) {
				return errForeign
			}
			l.known = len(p) > 1
		}
		l.queue = append(l.queue, l.split.Feed(p)...)
		return nil
	}
	for _, b := range p {
		switch e := l.serial.Feed(b); e.Kind {
		case wire.DLEFrame:
			if err := l.control(wire.ACK); err != nil {
				return err
			}
			l.queue = append(l.queue, e.Content)
		case wire.DLEAck:
			l.ack = true
		case wire.DLENak:
			l.nak = !e.Dirty // among rubbish it may be rubbish itself
		case wire.DLEBadCRC, wire.DLEMalformed, wire.DLETooLong:
			l.log.Debug("damaged frame", "kind", e.Kind.String())
			if err := l.control(wire.NAK); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *link) control(b byte) error {
	_, err := l.port.Write([]byte{b})
	return err
}

// kind is what is sent, which decides when it may be sent again.
type kind uint8

const (
	answer   kind = iota // of ours to a message of the terminal: again on NAK and on silence
	farewell             // our answer to the end of a dialogue: again on NAK
	command              // moves no money: again on NAK and on silence
	money                // again on NAK only, never on silence
)

// sending is what became of a sending.
type sending struct {
	times int  // that it was handed to the line
	ack   bool // the terminal has it: ACK, or a whole message of the terminal
}

// send hands an APDU to the line; written is called, where it is not nil, as soon as the first byte may have
// left. The frame of a money command is repeated on a clean NAK alone: after silence send returns without an
// error, and the caller waits for the terminal's word.
func (l *link) send(ctx context.Context, apdu []byte, k kind, written func()) (sending, error) {
	if l.serial == nil {
		_, err := l.port.Write(apdu)
		if written != nil {
			written()
		}
		return sending{times: 1, ack: true}, err
	}
	frame := SerialFrame(apdu)
	var s sending
	for s.times < sendsMost {
		l.ack, l.nak = false, false
		_, err := l.port.Write(frame)
		s.times++
		if written != nil {
			written()
			written = nil
		}
		if err != nil {
			return s, err
		}
		again, err := l.acknowledged(ctx, k)
		switch {
		case err == nil && !again:
			s.ack = true
			return s, nil
		case errors.Is(err, errSilent) && (k == money || k == farewell):
			return s, nil
		case err != nil && !errors.Is(err, errSilent):
			return s, err
		}
	}
	return s, errLink
}

// acknowledged waits for the ACK of the frame that was just written. A whole message of the terminal stands
// for it, except for the one that we are answering: that one comes again because our ACK of it was lost, and
// the answer is due again.
func (l *link) acknowledged(ctx context.Context, k kind) (again bool, err error) {
	until, before := time.Now().Add(ackWait), len(l.queue)
	if k == farewell {
		until = time.Now().Add(lastWait)
	}
	for {
		switch {
		case l.ack:
			return false, nil
		case len(l.queue) > before && (k == answer || k == farewell) && bytes.Equal(l.queue[before], l.last):
			l.queue = append(l.queue[:before], l.queue[before+1:]...)
			return true, nil
		case len(l.queue) > before:
			return false, nil
		case l.nak:
			return true, nil
		}
		if err := l.fill(ctx, until, false); err != nil {
			return false, err
		}
	}
}

// next is the terminal's next APDU.
func (l *link) next(ctx context.Context, until time.Time, pokeable bool) ([]byte, error) {
	for len(l.queue) == 0 {
		if err := l.fill(ctx, until, pokeable); err != nil {
			return nil, err
		}
	}
	l.last = l.queue[0]
	l.queue = l.queue[1:]
	return l.last, nil
}

// drain drops what came in while nothing was asked. Nothing of it is answered: a result that nobody recorded
// must not be acknowledged, and the terminal then takes its sale back. An error means that the line is gone.
func (l *link) drain(ctx context.Context) error {
	for range 64 {
		until := time.Now().Add(glance)
		if l.serial != nil && l.serial.Partial() {
			until = time.Now().Add(byteGap + glance)
		}
		err := l.fill(ctx, until, false)
		for _, apdu := range l.queue {
			l.log.Warn("the terminal spoke unasked", "message", Describe(apdu))
		}
		l.queue = nil
		switch {
		case errors.Is(err, errSilent) && l.split.Pending() > 0:
			return errors.New("half a message of the terminal is on the line")
		case errors.Is(err, errSilent) && (l.serial == nil || !l.serial.Partial()):
			return nil
		case err != nil && !errors.Is(err, errSilent):
			return err
		}
	}
	return errors.New("the terminal does not stop talking")
}
