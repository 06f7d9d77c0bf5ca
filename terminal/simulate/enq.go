package simulate

import (
	"time"

	"tillbridge/terminal/wire"
)

const (
	enqAckWait   = time.Second     // for ACK to a frame
	enqFrameWait = 3 * time.Second // for the till's frame, once it has the line
	enqEndWait   = 2 * time.Second // for EOT, then the terminal acts all the same
	enqBodyMost  = 4096
)

// ENQ is the terminal's side of a serial line on which either side asks for the line before it speaks: ENQ, ACK, frame, ACK,
// EOT (Concert). When both ask, the terminal goes first. What it has to say survives the line and is offered over the one
// that takes its place; a power cut forgets it. Everything is called under the body's lock.
type ENQ struct {
	Body  *Body
	Every time.Duration // between two times that the terminal asks for the line
	// Awake tells whether an ENQ of the till is answered now.
	Awake func() bool
	// Obey takes what the till says, once it has ended its exchange.
	Obey func(l *Line, body []byte)

	talk  *enqTalk
	queue []*Speech
}

// Speech is something that the terminal says.
type Speech struct {
	Text   string
	Tries  int    // to get the line, and to get an acknowledgement; 0 is 1
	Script string // of the payment: BadCRCOnce, RepeatStatus and KeepOnLoss are played here
	// Passing says that it is of no interest any more once a payment's result is to be told.
	Passing bool
	Over    func() // it was told, or given up; nil for nothing

	asked, said int
}

func (s *Speech) over() {
	if s.Over != nil {
		s.Over()
	}
}

// enqTurn is whose turn it is.
type enqTurn uint8

const (
	enqFree    enqTurn = iota
	enqHearing         // the till was given the line
	enqHeard           // its frame was acknowledged, its end is waited for
	enqAsking          // ENQ was sent
	enqSaying          // a frame was sent
)

// enqTalk is the conversation on one line.
type enqTalk struct {
	e      *ENQ
	line   *Line
	reader *wire.STXReader
	turn   enqTurn
	body   []byte // what the till said
	stop   func() // takes back the timer
}

func enqFormat() wire.STXFormat { return wire.STXFormat{Covers: wire.CoverBodyETX} }

// Attach begins the conversation on a new line.
func (e *ENQ) Attach(l *Line) Talk {
	t := &enqTalk{e: e, line: l, reader: wire.NewSTXReader(enqFormat(), enqBodyMost), stop: func() {}}
	if e.talk != nil {
		e.talk.stop()
	}
	e.talk = t
	for _, s := range e.queue {
		s.said = 0
	}
	if len(e.queue) > 0 {
		t.after(e.Every, t.next)
	}
	return t
}

// Say has something said, over the line that is there then. Where nobody was ever connected it is given up at once.
func (e *ENQ) Say(s *Speech) {
	t := e.talk
	if t == nil {
		s.over()
		return
	}
	s.Tries = max(s.Tries, 1)
	if !s.Passing {
		kept := e.queue[:0]
		for i, w := range e.queue {
			if i == 0 && t.turn == enqSaying || !w.Passing {
				kept = append(kept, w)
			}
		}
		e.queue = kept
		if len(kept) == 0 && t.turn == enqAsking {
			t.turn = enqFree
		}
	}
	e.queue = append(e.queue, s)
	if t.turn == enqFree {
		t.next()
	}
}

// after makes something happen if nothing else does before.
func (t *enqTalk) after(d time.Duration, f func()) {
	t.stop()
	t.stop = t.e.Body.After(d, func() {
		t.stop = func() {}
		f()
	})
}

// Lost tells that the line is gone. With the power goes what was to be said.
func (t *enqTalk) Lost() {
	if !t.e.Body.Idle() && !t.e.Body.Paying() {
		t.e.queue = nil
		t.stop()
	}
}

// next asks for the line, if there is something to say.
func (t *enqTalk) next() {
	t.turn = enqFree
	if len(t.e.queue) == 0 {
		return
	}
	s := t.e.queue[0]
	if s.asked == s.Tries {
		t.done()
		return
	}
	s.asked++
	t.turn = enqAsking
	t.control(wire.ENQ)
	t.after(t.e.Every, t.next)
}

// done goes on to what is said next.
func (t *enqTalk) done() {
	s := t.e.queue[0]
	t.e.queue = t.e.queue[1:]
	t.turn = enqFree
	t.stop()
	s.over()
	if t.turn == enqFree && len(t.e.queue) > 0 {
		t.after(20*time.Millisecond, t.next)
	}
}

func (t *enqTalk) control(b byte) { t.line.Write([]byte{b}) }

// Hear takes what the till says.
func (t *enqTalk) Hear(p []byte) {
	for _, b := range p {
		switch e := t.reader.Feed(b); e.Kind {
		case wire.STXEnquiry:
			t.enquiry()
		case wire.STXFrame:
			t.frame(e.Body)
		case wire.STXBadLRC, wire.STXTooLong:
			if t.turn == enqHearing {
				t.control(wire.NAK)
			}
		case wire.STXAck:
			t.acknowledged()
		case wire.STXNak:
			if t.turn == enqSaying {
				t.say()
			}
		case wire.STXEnd:
			t.end()
		}
	}
}

// enquiry gives the till the line, unless the terminal asked first or does not listen.
func (t *enqTalk) enquiry() {
	if t.turn != enqFree && t.turn != enqHearing || !t.e.Awake() {
		return
	}
	t.turn = enqHearing
	t.control(wire.ACK)
	t.after(enqFrameWait, t.next)
}

func (t *enqTalk) frame(body []byte) {
	if t.turn != enqHearing && t.turn != enqHeard {
		return
	}
	t.turn, t.body = enqHeard, body
	t.control(wire.ACK)
	t.after(enqEndWait, t.end)
}

// end is EOT, or its time has passed.
func (t *enqTalk) end() {
	switch t.turn {
	case enqHeard:
		t.stop()
		t.turn = enqFree
		body := t.body
		t.body = nil
		t.e.Obey(t.line, body)
		if t.turn == enqFree && len(t.e.queue) > 0 {
			t.next()
		}
	case enqHearing:
		t.stop()
		t.next()
	}
}

func (t *enqTalk) acknowledged() {
	switch {
	case t.turn == enqAsking:
		t.say()
	case t.turn == enqSaying:
		s := t.e.queue[0]
		if s.Script == KeepOnLoss || s.Script == RepeatStatus && s.said == 1 {
			return // it does not arrive
		}
		t.control(wire.EOT)
		t.done()
	}
}

// say writes the frame, for the first time or again.
func (t *enqTalk) say() {
	s := t.e.queue[0]
	if s.said == 1+s.Tries {
		t.control(wire.EOT)
		t.done()
		return
	}
	s.said++
	t.turn = enqSaying
	frame := enqFormat().Append(nil, []byte(s.Text))
	if s.Script == BadCRCOnce && s.said == 1 {
		frame[len(frame)-1] ^= 0x20
	}
	t.line.Write(frame)
	t.after(enqAckWait, t.say)
}
