package sim

import (
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/wire"
)

// sendLimit is how often a frame is sent in all (PA00P016 ch. 2: two repeats).
const sendLimit = 3

// message is an APDU on its way to the till.
type message struct {
	apdu []byte
	// then is nil for an answer. For a command it is called once, with the till's answer, or nil when the
	// message or its answer was lost for good.
	then func(answer []byte)
	wait time.Duration // for the answer; 0 means T3

	damage bool // its first frame has a wrong CRC
	deaf   bool // its answers are lost on the line
	again  bool // its first answer is missed and it is sent again at once

	sends int
}

// talk is the half-duplex conversation with the till: one message under way at a time. On a serial line it
// outlives the line, for a terminal cannot see that its cable is out; on TCP it ends with its connection.
// Everything here runs under the simulator's lock.
type talk struct {
	s     *Simulator
	kind  terminal.LinkKind
	line  *link // nil while there is none
	queue []*message
	now   *message
	acked bool // the line acknowledged the frame under way
	quiet bool // a message was lost and nothing has been heard since
	timer timer
}

func (t *talk) answer(apdu []byte) { t.send(&message{apdu: apdu}) }

func (t *talk) command(apdu []byte, then func(answer []byte)) {
	t.send(&message{apdu: apdu, then: then})
}

func (t *talk) send(m *message) {
	t.queue = append(t.queue, m)
	if t.now == nil {
		t.next()
	}
}

func (t *talk) next() {
	if len(t.queue) == 0 {
		t.now = nil
		return
	}
	t.now, t.queue = t.queue[0], t.queue[1:]
	t.transmit()
}

func (t *talk) transmit() {
	m := t.now
	m.sends++
	t.acked = false
	if t.kind == terminal.TCP {
		if t.line == nil {
			t.finish(nil)
			return
		}
		t.line.Write(m.apdu)
		t.acknowledged()
		return
	}
	if t.line != nil {
		frame := wire.AppendDLE(nil, m.apdu)
		if m.damage && m.sends == 1 {
			frame[len(frame)-1] ^= 0x55
		}
		t.line.Write(frame)
	}
	t.timer.start(t.s, t.s.opt.T2, t.again)
}

// again sends the message under way once more, or gives it up.
func (t *talk) again() {
	switch {
	case t.now.sends < sendLimit && t.kind == terminal.Serial:
		t.transmit()
	default:
		if t.kind == terminal.TCP && t.line != nil {
			t.line.Close() // T3 has passed: PA00P016 has the connection closed
		}
		t.finish(nil)
	}
}

// acknowledged takes an ACK of the line.
func (t *talk) acknowledged() {
	m := t.now
	if m == nil || t.acked {
		return
	}
	t.acked = true
	if m.then == nil {
		t.finish([]byte{})
		return
	}
	wait := m.wait
	if wait == 0 {
		wait = t.s.opt.T3
	}
	t.timer.start(t.s, wait, t.again)
}

// refused takes a NAK of the line.
func (t *talk) refused() {
	if t.now != nil && !t.acked {
		t.again()
	}
}

// answered takes an answer (80 xx or 84 xx) of the till. One that comes before the ACK stands for it.
func (t *talk) answered(apdu []byte) {
	m := t.now
	switch {
	case m == nil || m.then == nil:
		return
	case m.again && m.sends == 1:
		t.transmit()
		return
	}
	t.finish(apdu)
}

// deafTo tells whether the line swallows what came, as the fault of the message under way wants it.
func (t *talk) deafTo(apdu []byte) bool {
	return t.now != nil && t.now.deaf && isAnswer(apdu)
}

// finish ends the message under way and goes on with the next.
func (t *talk) finish(answer []byte) {
	m := t.now
	t.timer.stop()
	t.now = nil
	if answer == nil {
		t.quiet = true
	}
	if m.then != nil {
		m.then(answer)
	}
	if t.now == nil {
		t.next()
	}
}

// waiting tells whether the till owes an answer.
func (t *talk) waiting() bool { return t.now != nil && t.now.then != nil }

// reset forgets everything, as a power cut does.
func (t *talk) reset() {
	t.timer.stop()
	t.now, t.queue, t.quiet = nil, nil, false
}

// lose takes the line away.
func (t *talk) lose(l *link) {
	if t.line != l {
		return
	}
	t.line = nil
	if t.kind == terminal.TCP && t.now != nil {
		t.finish(nil)
	}
}

// timer is a one-shot timer whose function runs under the simulator's lock and never after stop.
type timer struct {
	timer *time.Timer
	stamp uint
}

func (t *timer) start(s *Simulator, d time.Duration, f func()) {
	t.stop()
	mine := t.stamp
	t.timer = time.AfterFunc(d, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if t.stamp == mine {
			t.stamp++
			f()
		}
	})
}

func (t *timer) stop() {
	t.stamp++
	if t.timer != nil {
		t.timer.Stop()
	}
}
