package sim

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
	"tillbridge/terminal/wire"
)

const (
	t1        = 200 * time.Millisecond // longest gap between two bytes of a frame, PA00P016 ch. 2
	maxAPDU   = 5 + 0xFFFF             // header with extended length and its data
	readChunk = 4096
)

// link is a line while it is served.
type link struct {
	*simulate.Line
	talk *talk
	idle *time.Timer
}

// Serve plays the terminal on one line until the line closes, a fault cuts it, or ctx ends, and closes p. It
// returns what simulate.Line.Serve does.
//
// A serial line that is served takes the place of the one before; on TCP several may be served, as a till may
// open a connection before the terminal has noticed the end of the last. Without power a serial line stays
// open and silent and a connection is closed. With the cable pulled Serve returns at once.
func (s *Simulator) Serve(ctx context.Context, p terminal.Port, k terminal.LinkKind) error {
	l := &link{Line: simulate.NewLine(p, k)}
	if err := errors.Join(ctx.Err(), s.attach(l)); err != nil {
		s.detach(l)
		_ = p.Close() // there is nothing on it yet
		return err
	}
	read := s.readSerial
	if k == terminal.TCP {
		read = s.readTCP
	}
	return l.Serve(ctx, func(p terminal.Port) error { return read(p, l) }, func() { s.detach(l) })
}

func (s *Simulator) readSerial(p terminal.Port, l *link) error {
	frames := wire.NewDLEReader(maxAPDU)
	buf := make([]byte, readChunk)
	for timed := false; ; {
		if frames.Partial() || timed {
			var deadline time.Time
			if timed = frames.Partial(); timed {
				deadline = time.Now().Add(t1)
			}
			if err := p.SetReadDeadline(deadline); err != nil {
				return err
			}
		}
		n, err := p.Read(buf)
		s.mu.Lock()
		switch {
		case s.off:
			frames.Reset()
		case err != nil && errors.Is(err, os.ErrDeadlineExceeded):
			frames.Reset()
			l.Write([]byte{wire.NAK})
		default:
			for _, b := range buf[:n] {
				s.serialEvent(l, frames.Feed(b))
			}
		}
		s.mu.Unlock()
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
	}
}

func (s *Simulator) serialEvent(l *link, e wire.DLEEvent) {
	switch e.Kind {
	case wire.DLEAck:
		l.talk.acknowledged()
	case wire.DLENak:
		l.talk.refused()
	case wire.DLEBadCRC, wire.DLEMalformed, wire.DLETooLong:
		l.Write([]byte{wire.NAK})
	case wire.DLEFrame:
		if l.talk.deafTo(e.Content) {
			return
		}
		l.Write([]byte{wire.ACK})
		s.received(l.talk, e.Content)
	}
}

func (s *Simulator) readTCP(p terminal.Port, l *link) error {
	var pending []byte
	buf := make([]byte, readChunk)
	for {
		n, err := p.Read(buf)
		pending = append(pending, buf[:n]...)
		s.mu.Lock()
		s.touch(l)
		for {
			size := apduSize(pending)
			if size == 0 || size > len(pending) {
				break
			}
			apdu := append([]byte(nil), pending[:size]...)
			pending = pending[size:]
			if !s.off && !l.talk.deafTo(apdu) {
				s.received(l.talk, apdu)
			}
		}
		s.mu.Unlock()
		switch {
		case err != nil:
			return err
		case len(pending) > 0 && !plausibleClass(pending[0]):
			return fmt.Errorf("class %02X: this is not ZVT", pending[0])
		}
	}
}

// touch starts the idle time of a connection anew.
func (s *Simulator) touch(l *link) {
	if s.opt.CloseIdle == 0 {
		return
	}
	if l.idle != nil {
		l.idle.Stop()
	}
	l.idle = time.AfterFunc(s.opt.CloseIdle, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.job != nil && s.job.talk == l.talk {
			s.touch(l)
			return
		}
		l.Close()
	})
}

// apduSize is the length of the APDU that p begins with, 0 while its header is incomplete. The extended
// length has its low byte first (PA00P015 ch. 1).
func apduSize(p []byte) int {
	switch {
	case len(p) < 3:
		return 0
	case p[2] != 0xFF:
		return 3 + int(p[2])
	case len(p) < 5:
		return 0
	}
	return 5 + int(p[3]) + int(p[4])<<8
}

func plausibleClass(c byte) bool {
	switch c {
	case 0x04, 0x05, 0x06, 0x08, 0x0F, 0x80, 0x84:
		return true
	}
	return false
}
