package simulate

import (
	"time"

	"tillbridge/terminal/wire"
)

const (
	stxSends = 3                      // of one frame
	stxGap   = 500 * time.Millisecond // the longest pause within a frame of the till's
)

// STX is the terminal's side of one line of STX frames. What it says is said one frame after another, each until the till acknowledges it: again on NAK,
// and where no ACK comes in time, three times at most. It is a Talk. Everything is called under the body's lock.
type STX struct {
	Body   *Body
	Line   *Line
	Format wire.STXFormat  // of what the terminal says
	Reader *wire.STXReader // of what the till says
	Wait   time.Duration   // for the ACK of a frame

	// Obey takes what the till says, and acknowledges it, or does not.
	Obey func(body []byte)
	// Damaged takes a frame that is damaged or stopped in its middle; nil answers NAK.
	Damaged func()
	// Other takes what else comes, such as an ACK while nothing waits for one, with its byte; nil for nothing.
	Other func(e wire.STXEvent, b byte)
	// Said tells that all is acknowledged; nil for nothing.
	Said func()
	// Unheard tells that a frame was sent three times for nothing, and that all that was still to be said is given up. Where it is nil only that
	// frame is given up.
	Unheard func()

	queue []*Frame // the first one waits for its ACK
	owed  int      // acknowledgements of hasty frames that are due
	heard int      // counts what came, so that an old timer is known
	lost  bool
}

// Frame is something that the terminal says.
type Frame struct {
	Body   []byte
	Script string        // of the payment: BadCRCOnce, RepeatStatus and KeepOnLoss are played here
	Wait   time.Duration // for its ACK, where it is not the line's
	Once   bool          // it is said again on NAK only
	Over   func()        // it was acknowledged, or given up; nil for nothing

	sends int
	stop  func() // takes back the timer; nil before the first sending
}

func (f *Frame) over() {
	if f.stop != nil {
		f.stop()
	}
	if f.Over != nil {
		f.Over()
	}
}

// Say says a frame once those before it are acknowledged. On a line that is gone it is over at once.
func (t *STX) Say(f Frame) {
	if t.lost {
		f.over()
		return
	}
	t.queue = append(t.queue, &f)
	if len(t.queue) == 1 {
		t.send()
	}
}

// Hasty says a frame at once and does not wait for its acknowledgement, which is not taken for another frame's.
func (t *STX) Hasty(body []byte) {
	t.owed++
	t.Line.Write(t.Format.Append(nil, body))
}

// Control says ACK or NAK as the protocol writes them, or another control byte.
func (t *STX) Control(b byte) { t.Line.Write(t.Format.AppendAck(nil, b)) }

// Saying tells whether a frame waits for its acknowledgement.
func (t *STX) Saying() bool { return len(t.queue) > 0 }

// send sends the first frame.
func (t *STX) send() {
	f := t.queue[0]
	f.sends++
	out := t.Format.Append(nil, f.Body)
	if f.Script == BadCRCOnce && f.sends == 1 {
		out[len(out)-1] ^= 0x40
	}
	t.Line.Write(out)
	wait, most := t.Wait, stxSends
	if f.Wait > 0 {
		wait = f.Wait
	}
	if f.Once {
		most = 1
	}
	f.stop = t.Body.After(wait, func() { t.again(most) })
}

// again sends the first frame once more, or gives it up.
func (t *STX) again(most int) {
	f := t.queue[0]
	f.stop()
	t.owed = 0
	switch {
	case f.sends < most:
		t.send()
	case t.Unheard == nil:
		t.next()
	default:
		t.GiveUp()
		t.Unheard()
	}
}

// next goes on with the frame behind the first.
func (t *STX) next() {
	f := t.queue[0]
	t.queue = t.queue[1:]
	f.over()
	if len(t.queue) > 0 && t.queue[0].sends == 0 {
		t.send()
	}
}

// Acked takes the acknowledgement of the first frame, unless the script has it missed.
func (t *STX) Acked() {
	if t.owed > 0 {
		t.owed--
		return
	}
	if len(t.queue) == 0 {
		t.other(wire.STXEvent{Kind: wire.STXAck}, wire.ACK)
		return
	}
	if f := t.queue[0]; f.Script == KeepOnLoss || f.Script == RepeatStatus && f.sends == 1 {
		return
	}
	t.next()
	if len(t.queue) == 0 && t.Said != nil {
		t.Said()
	}
}

// GiveUp gives up all that was to be said.
func (t *STX) GiveUp() {
	queue := t.queue
	t.queue = nil
	for _, f := range queue {
		f.over()
	}
}

// Lost gives up all that was to be said; nobody is there to acknowledge it.
func (t *STX) Lost() {
	t.lost = true
	t.GiveUp()
}

// Hear takes bytes. A frame that stops in its middle is a damaged one.
func (t *STX) Hear(p []byte) {
	for _, b := range p {
		switch e := t.Reader.Feed(b); {
		case e.Kind == wire.STXNothing:
		case e.Kind == wire.STXFrame:
			t.Obey(e.Body)
		case e.Kind == wire.STXBadLRC, e.Kind == wire.STXTooLong:
			t.damaged()
		case e.Kind == wire.STXAck:
			t.Acked()
		case e.Kind == wire.STXNak && t.Saying():
			t.again(stxSends)
		default:
			t.other(e, b)
		}
	}
	t.heard++
	if now := t.heard; t.Reader.Partial() {
		t.Body.After(stxGap, func() {
			if t.heard == now && !t.lost && t.Reader.Reset() {
				t.damaged()
			}
		})
	}
}

func (t *STX) damaged() {
	if t.Damaged != nil {
		t.Damaged()
		return
	}
	t.Control(wire.NAK)
}

func (t *STX) other(e wire.STXEvent, b byte) {
	if t.Other != nil {
		t.Other(e, b)
	}
}
