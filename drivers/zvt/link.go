package zvt

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/link"
	"tillbridge/terminal/wire"
)

// Times of the transport (PA00P016, RS-232 and TCP/IP).
const (
	byteGap    = 300 * time.Millisecond // T1 is 200 ms; USB adapters deliver in bursts
	ackWait    = 5 * time.Second        // T2: the end of a frame to its ACK or NAK
	lastWait   = time.Second            // to the ACK of the last answer of a dialogue, which decides nothing
	answerLate = 4 * time.Second        // after which a message is not answered any more, but its repetition
	glance     = 300 * time.Microsecond // to see what has come in unasked
)

var (
	errForeign = errors.New("what answers on this line does not speak ZVT; check the port, and that ZVT is switched on in the terminal")
	errLink    = errors.New("the terminal could not be sent a whole message; check the cable and the line settings")
)

// carrier carries APDUs over a port: in frames with ACK and NAK on a serial line, bare over TCP. Everything but
// poke is called by one goroutine.
type carrier struct {
	port   terminal.Port
	ear    *terminal.Ear
	log    *slog.Logger
	count  *terminal.Quality // may be nil
	serial *wire.DLEReader   // nil over TCP
	split  Splitter
	known  bool // the first bytes were looked at
	proved bool // a command has gone to its end on this line: nothing of an earlier line is on it

	queue    [][]byte  // whole APDUs that nobody took yet
	last     []byte    // the last one that was taken
	copies   int       // how often that has come
	heard    time.Time // when bytes came last
	since    time.Time // when the last one came, or came again
	ack, nak bool      // came since the last frame was sent
	ackAt    int       // how many APDUs were in the queue when the ACK came
	asked    time.Time // when a command was sent that the terminal has not acknowledged yet; zero for none
}

func newCarrier(p terminal.Port, e terminal.Env) *carrier {
	l := &carrier{port: p, ear: terminal.NewEar(p), log: e.Log, count: e.Quality}
	if e.Link == terminal.Serial {
		l.serial = NewSerialReader()
	}
	return l
}

// poke makes a pokeable wait end with terminal.ErrPoked, once. It may be called from any goroutine.
func (l *carrier) poke() { l.ear.Poke() }

// fill waits for bytes until a time and takes them apart. It returns nil when something came, or nothing yet
// and there is time left.
func (l *carrier) fill(ctx context.Context, until time.Time, pokeable bool) error {
	limit, partial := until, l.serial != nil && l.serial.Partial()
	if gap := time.Now().Add(byteGap); partial && gap.Before(limit) {
		limit = gap
	}
	heard, err := l.ear.Hear(ctx, limit, pokeable)
	if len(heard) > 0 {
		l.heard = time.Now()
	}
	if e := l.take(heard); e != nil {
		return e
	}
	if partial && errors.Is(err, terminal.ErrSilent) { // T1: the rest of the frame does not come
		l.serial.Reset()
		l.count.BadCheck()
		return l.control(wire.NAK)
	}
	return err
}

// take takes bytes apart. A frame is acknowledged to the line at once, before anything is made of it.
func (l *carrier) take(p []byte) error {
	if l.serial == nil {
		if !l.known && len(p) > 0 {
			if ForeignProtocol(p) {
				return errForeign
			}
			l.known = len(p) > 1
		}
		whole := l.split.Feed(p)
		for range whole {
			l.count.Message()
		}
		if len(p) > 0 {
			l.acked()
		}
		l.queue = append(l.queue, whole...)
		return nil
	}
	for _, b := range p {
		// An ACK or NAK among rubbish may be rubbish itself, such as a byte of a frame whose beginning was lost.
		switch e := l.serial.Feed(b); e.Kind {
		case wire.DLEFrame:
			if err := l.control(wire.ACK); err != nil {
				return err
			}
			l.count.Message()
			l.queue = append(l.queue, e.Content)
		case wire.DLEAck:
			if !l.ack && !e.Dirty {
				l.ack, l.ackAt = true, len(l.queue)
				l.acked()
			}
		case wire.DLENak:
			if !e.Dirty {
				l.nak = true
				l.count.Refused()
			}
		case wire.DLEBadCRC, wire.DLEMalformed, wire.DLETooLong:
			l.count.BadCheck()
			l.log.Debug("damaged frame", "kind", e.Kind.String())
			if err := l.control(wire.NAK); err != nil {
				return err
			}
		}
	}
	return nil
}

// acked counts how long the terminal took, once for a command.
func (l *carrier) acked() {
	if !l.asked.IsZero() {
		l.count.Answered(time.Since(l.asked))
		l.asked = time.Time{}
	}
}

func (l *carrier) control(b byte) error {
	_, err := l.port.Write([]byte{b})
	return err
}

// kind is what is sent, which decides when it may be sent again.
type kind uint8

const (
	answer       kind = iota // of ours to a message of the terminal: again on NAK, or when that message came again
	courtesy                 // our answer where no payment of ours is under way: again on NAK
	farewell                 // our answer to the end of a dialogue: as answer, with less patience
	interjection             // a request within a running dialogue: again on NAK
	command                  // moves no money: again on NAK and on silence
	money                    // again on NAK only, never on silence
)

func (k kind) answers() bool { return k == answer || k == courtesy || k == farewell }

// sending is what became of a sending.
type sending struct {
	times int  // that it was handed to the line
	ack   bool // the terminal acknowledged the frame, on a serial line; never over TCP, which has no such thing
}

// send hands an APDU to the line; written is called, where it is not nil, as soon as the first byte may have
// left. The frame of a money command is repeated on a clean NAK alone: after silence send returns without an
// error, and the caller waits for the terminal's word.
func (l *carrier) send(ctx context.Context, apdu []byte, k kind, written func()) (sending, error) {
	l.asked = time.Time{}
	if !k.answers() {
		l.asked = time.Now()
	}
	if l.serial == nil {
		_, err := l.port.Write(apdu)
		if written != nil {
			written()
		}
		return sending{times: 1}, err
	}
	frame := SerialFrame(apdu)
	var s sending
	for s.times < link.SendsMost {
		l.ack, l.nak = false, false
		if s.times > 0 {
			l.count.SentAgain()
			l.asked = time.Time{} // which of them is acknowledged cannot be told
		}
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
		if err != nil {
			return s, err
		}
		if !again {
			s.ack = l.ack
			return s, nil
		}
	}
	return s, errLink
}

// acknowledged waits for the ACK of the frame that was just written, and tells whether to write it again.
//
// The terminal numbers nothing, so order is all there is to go by. It acknowledges a frame before it makes
// anything of it (PA00P016 ch. 2), and both travel in order: what came before the ACK of a command is no
// answer to it and is dropped. Where the ACK does not come, a message may stand for it, since an ACK is one
// byte and easily lost; the caller is told that it did not come.
//
// Of our answers the terminal must never get more than it sent messages: it would take the one too many for the
// answer to its next message, and where that is its result it would book a sale that nobody recorded. The
// message that we are answering may come again before the ACK of our answer because our ACK or our answer was
// late; that ACK then follows and tells that the answer has arrived, so no second one is sent. Without that ACK
// the answer is due again. And on silence alone it is not sent again, other than the paper has it: had it been
// lost, the terminal would ask for it by its own repetition (T3), and had it not, it would be one too many.
func (l *carrier) acknowledged(ctx context.Context, k kind) (again bool, err error) {
	before, repeated := len(l.queue), false
	until := time.Now().Add(ackWait)
	if k == farewell {
		until = time.Now().Add(lastWait)
	}
	for {
		switch {
		case l.ack && k.answers():
			l.repetitions(before, l.ackAt)
			return false, nil
		case l.ack && k != interjection:
			l.stale(before, l.ackAt)
			return false, nil
		case l.ack:
			return false, nil
		case l.nak:
			return true, nil
		case k.answers():
			repeated = l.repetitions(before, len(l.queue)) || repeated
			if len(l.queue) > before {
				return false, nil
			}
		case len(l.queue) > before && k == interjection:
			return false, nil
		case len(l.queue) > before:
			if soon := time.Now().Add(lastWait); soon.Before(until) {
				until = soon
			}
		}
		switch err := l.fill(ctx, until, false); {
		case !errors.Is(err, terminal.ErrSilent):
			if err != nil {
				return false, err
			}
		case k.answers():
			return repeated && k != courtesy, nil
		default:
			return k == command && len(l.queue) == before, nil
		}
	}
}

// repetitions drops those APDUs of the queue, from and to given places, that are the one being answered once
// more. It tells whether there were any.
func (l *carrier) repetitions(from, to int) bool {
	kept := l.queue[:from:from]
	for _, apdu := range l.queue[from:to] {
		if !bytes.Equal(apdu, l.last) {
			kept = append(kept, apdu)
		}
	}
	found := len(kept) < to
	if found {
		l.copies, l.since = l.copies+to-len(kept), l.heard
	}
	for range to - len(kept) {
		l.count.CameAgain()
	}
	l.queue = append(kept, l.queue[to:]...)
	return found
}

// stale drops APDUs of the queue that came too early to be about our command.
func (l *carrier) stale(from, to int) {
	for _, apdu := range l.queue[from:to] {
		l.log.Warn("a message of the terminal came before it had our command, and is passed over", "message", Describe(apdu))
	}
	l.queue = append(l.queue[:from:from], l.queue[to:]...)
}

// forget drops what came before a command is sent: it cannot be about it.
func (l *carrier) forget() { l.stale(0, len(l.queue)) }

// next is the terminal's next APDU. One that came again before it could be answered counts once.
func (l *carrier) next(ctx context.Context, until time.Time, pokeable bool) ([]byte, error) {
	for len(l.queue) == 0 {
		if err := l.fill(ctx, until, pokeable); err != nil {
			return nil, err
		}
	}
	l.last, l.copies, l.since = l.queue[0], 1, l.heard
	l.queue = l.queue[1:]
	l.repetitions(0, len(l.queue))
	return l.last, nil
}

// look takes what has come in and does not wait for more, but for the rest of a frame.
func (l *carrier) look(ctx context.Context) error {
	until := time.Now().Add(glance)
	if l.serial != nil && l.serial.Partial() {
		until = time.Now().Add(byteGap + glance)
	} else if q, ok := l.port.(interface{ Quiet() bool }); ok && q.Quiet() {
		return terminal.ErrSilent // a timer so short takes a millisecond, which the customer would wait for
	}
	return l.fill(ctx, until, false)
}

// overtaken tells whether the terminal has gone on to another message than the last one that was taken: then
// it has given up waiting for the answer, and would take it for that of the other message. After its last
// repetition (PA00P016 ch. 2) it is about to. After a time it is just repeating the message, and that gets the
// answer.
func (l *carrier) overtaken(ctx context.Context) (bool, error) {
	for looks := range 16 {
		if l.serial == nil || looks > 0 && !l.serial.Partial() {
			break
		}
		if err := l.look(ctx); err != nil && !errors.Is(err, terminal.ErrSilent) {
			return false, err
		}
	}
	l.repetitions(0, len(l.queue))
	late := l.serial != nil && (l.copies >= link.SendsMost || time.Since(l.since) > answerLate)
	return late || len(l.queue) > 0, nil
}

// drain drops what came in while nothing was asked, and tells whether there was anything. Nothing of it is
// answered but the end of a dialogue, which the terminal repeats where our answer to it was lost; no vote lies
// in that answer. A result that nobody recorded must not be acknowledged, and the terminal then takes its sale
// back. An error means that the line is gone.
func (l *carrier) drain(ctx context.Context) (talked bool, err error) {
	for range 64 {
		err := l.look(ctx)
		talked = talked || len(l.queue) > 0
		if e := l.dropUnasked(ctx); e != nil {
			return talked, e
		}
		switch {
		case errors.Is(err, terminal.ErrSilent) && l.split.Pending() > 0:
			return talked, errors.New("half a message of the terminal is on the line")
		case errors.Is(err, terminal.ErrSilent) && (l.serial == nil || !l.serial.Partial()):
			return talked, nil
		case err != nil && !errors.Is(err, terminal.ErrSilent):
			return talked, err
		}
	}
	return talked, errors.New("the terminal does not stop talking")
}

func (l *carrier) dropUnasked(ctx context.Context) error {
	end := false
	for _, apdu := range l.queue {
		l.log.Warn("the terminal spoke unasked", "message", Describe(apdu))
		a, err := ParseAPDU(apdu)
		end = err == nil && (a.Command == CmdCompletion || a.Command == CmdAbort)
		l.last = apdu
	}
	l.queue = nil
	if !end {
		return nil
	}
	_, err := l.send(ctx, ReplyTo(CmdCompletion), farewell, nil)
	return err
}
