package sim

import (
	"strings"
	"time"

	"tillbridge/terminal/simulate"
	"tillbridge/terminal/wire"
)

const (
	statesMost = 3 // sendings of one packet
	ackWait    = 3 * time.Second
	byteGap    = 500 * time.Millisecond
)

// talk is the conversation on one line.
type talk struct {
	m      *mouth
	line   *simulate.Line
	reader *wire.STXReader

	saying *saying // a reply that waits for its ACK
	heard  int     // counts what came, so that an old timer is known
	ended  bool    // an exchange has ended: an ACK that comes once more is answered with EOT once more
	lost   bool
}

// speech is a reply.
type speech struct {
	text   string
	script string
	done   func() // it was acknowledged, or given up
}

// saying is a reply that is being said, packet by packet.
type saying struct {
	speech
	packets []string // the first one waits for its ACK
	sends   int
	said    int // packets that were acknowledged
	stop    func()
}

func format() wire.STXFormat { return wire.STXFormat{Covers: wire.CoverBodyETX} }

func newTalk(m *mouth, l *simulate.Line) *talk {
	return &talk{m: m, line: l, reader: wire.NewSTXReader(format(), 4096)}
}

// Lost ends what was under way; nobody is there to acknowledge.
func (t *talk) Lost() {
	t.lost = true
	delete(t.m.talks, t.line)
	t.over()
}

func (t *talk) control(b byte) { t.line.Write([]byte{b}) }

// end is EOT.
func (t *talk) end() {
	t.ended = true
	t.control(wire.EOT)
}

// say says a reply.
func (t *talk) say(s speech) {
	if t.lost {
		s.done()
		return
	}
	v := &saying{speech: s}
	for text := s.text; ; {
		n := min(len(text), t.m.o.Packet)
		if n == len(text) {
			v.packets = append(v.packets, "0\x1c"+text)
			break
		}
		v.packets = append(v.packets, "1\x1c"+text[:n])
		text = text[n:]
	}
	t.saying = v
	t.send()
}

// send sends the first packet.
func (t *talk) send() {
	v := t.saying
	v.sends++
	out := format().Append(nil, []byte(v.packets[0]))
	if v.script == simulate.BadCRCOnce && v.sends == 1 && v.said == 0 {
		out[len(out)-1] ^= 0x40
	}
	t.line.Write(out)
	v.stop = t.m.b.After(ackWait, t.again)
}

// again sends the first packet once more, or gives up.
func (t *talk) again() {
	v := t.saying
	if v == nil {
		return
	}
	v.stop()
	if v.sends < statesMost {
		t.send()
		return
	}
	t.over()
	t.end()
}

// over ends what is being said.
func (t *talk) over() {
	if v := t.saying; v != nil {
		t.saying = nil
		v.stop()
		v.done()
	}
}

func (t *talk) acked() {
	v := t.saying
	switch {
	case v == nil && t.ended && t.m.b.Idle():
		t.control(wire.EOT)
	case v == nil, v.script == simulate.KeepOnLoss, v.script == simulate.RepeatStatus && v.sends == 1:
	case len(v.packets) > 1:
		v.stop()
		v.packets, v.sends, v.said = v.packets[1:], 0, v.said+1
		t.send()
	default:
		t.end()
		t.over()
	}
}

// Hear takes bytes. Some programs say the digit 6 for ACK.
func (t *talk) Hear(p []byte) {
	for _, b := range p {
		switch e := t.reader.Feed(b); {
		case e.Kind == wire.STXAck, e.Kind == wire.STXGarbage && b == '6':
			t.acked()
		case e.Kind == wire.STXNak && t.saying != nil:
			t.again()
		case e.Kind == wire.STXEnd && t.saying != nil:
			t.over()
		case e.Kind == wire.STXFrame:
			t.command(string(e.Body))
		case e.Kind == wire.STXBadLRC, e.Kind == wire.STXTooLong:
			t.damaged()
		}
	}
	t.heard++
	if now := t.heard; t.reader.Partial() {
		t.m.b.After(byteGap, func() {
			if t.heard == now && !t.lost && t.reader.Reset() {
				t.damaged()
			}
		})
	}
}

// damaged refuses what cannot be read, unless the terminal is at work.
func (t *talk) damaged() {
	if t.m.b.Idle() && t.saying == nil {
		t.control(wire.NAK)
	}
}

// command takes what the till asks for.
func (t *talk) command(body string) {
	q := strings.Split(body, "\x1c")
	if q[0] == "A14" {
		if t.m.b.Cancel() {
			t.end()
		}
		return
	}
	if len(q) < 2 || t.saying != nil || !t.m.b.Idle() {
		return
	}
	t.ended = false
	answer := func(text string) { t.say(speech{text: text, done: func() {}}) }
	switch q[0] {
	case "A00":
		t.control(wire.ACK)
		answer(join("A01", "1.43", "000000", "OK", t.m.b.TerminalID(), "A920", "PayDroid", "0C9A4208AB12", "8", "21", "", "1", "11", "BroadPOS 3.2", "20301231"))
	case "R02":
		t.control(wire.ACK)
		answer(t.m.report(q))
	case "B00":
		t.control(wire.ACK)
		answer(t.m.closed())
	case "T00":
		t.control(wire.ACK)
		if o, ok := t.m.order(q); !ok {
			answer(join("T01", "1.43", "100003", "ERROR"))
		} else {
			t.m.b.Begin(t.line, o)
		}
	default:
		t.control(wire.NAK)
	}
}
