package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
	"tillbridge/terminal/wire"
)

const (
	t1        = 200 * time.Millisecond // longest gap between two bytes of a frame, PA00P016 ch. 2
	maxAPDU   = 5 + 0xFFFF             // header with extended length and its data
	outLimit  = 256                    // writes that wait for the line
	splitGap  = time.Millisecond       // between the bytes of a split frame
	readChunk = 4096
)

// errReplaced is why a line was closed that another took the place of.
var errReplaced = errors.New("another line took this one's place")

// link is a line while it is served.
type link struct {
	port terminal.Port
	talk *talk
	out  chan output
	done chan struct{}

	once  sync.Once
	cause error // why it ended, once done is closed
	cut   bool  // it ended like a pulled cable

	// Under the simulator's lock:
	mute  bool // nothing leaves any more
	split bool // every byte leaves by itself
	idle  *time.Timer
}

// Serve plays the terminal on one line until the line closes, a fault cuts it, or ctx ends, and closes p. It
// returns nil when the other side closed, ctx's error, or an error that wraps simulate.ErrCut after a fault.
//
// A serial line that is served takes the place of the one before; on TCP several may be served, as a till may
// open a connection before the terminal has noticed the end of the last. Without power a serial line stays
// open and silent and a connection is closed. With the cable pulled Serve returns at once.
func (s *Simulator) Serve(ctx context.Context, p terminal.Port, k terminal.LinkKind) error {
	l := &link{port: p, out: make(chan output, outLimit), done: make(chan struct{})}
	if err := errors.Join(ctx.Err(), s.attach(l, k)); err != nil {
		s.detach(l)
		_ = p.Close() // there is nothing on it yet
		return err
	}
	var tasks sync.WaitGroup
	tasks.Go(l.write)
	tasks.Go(func() {
		select {
		case <-ctx.Done():
			l.end(ctx.Err(), false)
		case <-l.done:
		}
		l.closePort()
	})
	if k == terminal.TCP {
		s.readTCP(l)
	} else {
		s.readSerial(l)
	}
	s.detach(l)
	tasks.Wait()
	return l.cause
}

// end ends the link once; what is called later changes nothing.
func (l *link) end(cause error, cut bool) {
	l.once.Do(func() {
		if errors.Is(cause, io.EOF) {
			cause = nil
		}
		l.cause, l.cut = cause, cut
		close(l.done)
	})
}

func (l *link) closePort() {
	if c, ok := l.port.(interface{ Cut() }); ok && l.cut {
		c.Cut()
	}
	_ = l.port.Close() // the line is given up, whatever it says
}

// output is what leaves in one write, or byte by byte.
type output struct {
	bytes []byte
	split bool
}

// send hands bytes to the line without waiting. A line that does not take them is given up.
func (l *link) send(b []byte) {
	if l.mute {
		return
	}
	select {
	case l.out <- output{b, l.split}:
	case <-l.done:
	default:
		l.end(fmt.Errorf("%d writes wait: %w", outLimit, simulate.ErrCut), false)
	}
}

// write is the task that writes.
func (l *link) write() {
	for {
		select {
		case <-l.done:
			return
		case o := <-l.out:
			size := len(o.bytes)
			if o.split {
				size = 1
			}
			for piece := range slices.Chunk(o.bytes, size) {
				if _, err := l.port.Write(piece); err != nil {
					l.end(err, false)
					return
				}
				if o.split {
					l.pause(splitGap)
				}
			}
		}
	}
}

func (l *link) pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-l.done:
	}
}

func (s *Simulator) readSerial(l *link) {
	frames := wire.NewDLEReader(maxAPDU)
	buf := make([]byte, readChunk)
	for timed := false; ; {
		if frames.Partial() || timed {
			var deadline time.Time
			if timed = frames.Partial(); timed {
				deadline = time.Now().Add(t1)
			}
			if err := l.port.SetReadDeadline(deadline); err != nil {
				l.end(err, false)
				return
			}
		}
		n, err := l.port.Read(buf)
		s.mu.Lock()
		switch {
		case s.off:
			frames.Reset()
		case err != nil && errors.Is(err, os.ErrDeadlineExceeded):
			frames.Reset()
			l.send([]byte{wire.NAK})
		default:
			for _, b := range buf[:n] {
				s.serialEvent(l, frames.Feed(b))
			}
		}
		s.mu.Unlock()
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			l.end(err, false)
			return
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
		l.send([]byte{wire.NAK})
	case wire.DLEFrame:
		if l.talk.deafTo(e.Content) {
			return
		}
		l.send([]byte{wire.ACK})
		s.received(l.talk, e.Content)
	}
}

func (s *Simulator) readTCP(l *link) {
	var pending []byte
	buf := make([]byte, readChunk)
	for {
		n, err := l.port.Read(buf)
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
			l.end(err, false)
			return
		case len(pending) > 0 && !plausibleClass(pending[0]):
			l.end(fmt.Errorf("class %02X: this is not ZVT", pending[0]), false)
			return
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
		l.end(nil, false)
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
