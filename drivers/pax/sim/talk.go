package sim

import (
	"strings"
	"time"

	"tillbridge/terminal/simulate"
	"tillbridge/terminal/wire"
)

const ackWait = 3 * time.Second

// talk is the conversation on one line.
type talk struct {
	simulate.STX
	m     *mouth
	ended bool // an exchange has ended: an ACK that comes once more is answered with EOT once more
}

func newTalk(m *mouth, l *simulate.Line) *talk {
	format := wire.STXFormat{Covers: wire.CoverBodyETX}
	t := &talk{m: m}
	t.STX = simulate.STX{
		Body: m.b, Line: l, Format: format, Reader: wire.NewSTXReader(format, 4096), Wait: ackWait, Obey: t.command, Damaged: t.damaged, Other: t.other,
		Said: t.end, Unheard: t.end,
	}
	return t
}

// end is EOT.
func (t *talk) end() {
	t.ended = true
	t.Control(wire.EOT)
}

// reply says a reply, packet by packet.
func (t *talk) reply(text, script string, over func()) {
	for n := t.m.o.Packet; len(text) > n; text = text[n:] {
		t.Say(simulate.Frame{Body: []byte("1\x1c" + text[:n]), Script: script})
		if script == simulate.BadCRCOnce {
			script = ""
		}
	}
	t.Say(simulate.Frame{Body: []byte("0\x1c" + text), Script: script, Over: over})
}

// other takes what is no frame and acknowledges none. Some programs say the digit 6 for ACK.
func (t *talk) other(e wire.STXEvent, b byte) {
	switch {
	case e.Kind == wire.STXGarbage && b == '6':
		t.Acked()
	case e.Kind == wire.STXAck && t.ended && t.m.b.Idle():
		t.Control(wire.EOT)
	case e.Kind == wire.STXEnd:
		t.GiveUp()
	}
}

// damaged refuses what cannot be read, unless the terminal is at work.
func (t *talk) damaged() {
	if t.m.b.Idle() && !t.Saying() {
		t.Control(wire.NAK)
	}
}

// command takes what the till asks for.
func (t *talk) command(body []byte) {
	q := strings.Split(string(body), "\x1c")
	if q[0] == "A14" {
		if t.m.b.Cancel() {
			t.end()
		}
		return
	}
	if len(q) < 2 || t.Saying() || !t.m.b.Idle() {
		return
	}
	t.ended = false
	answer := func(text string) { t.reply(text, "", nil) }
	switch q[0] {
	case "A00":
		t.Control(wire.ACK)
		answer(join("A01", "1.43", "000000", "OK", t.m.b.TerminalID(), "A920", "PayDroid", "0C9A4208AB12", "8", "21", "", "1", "11", "BroadPOS 3.2", "20301231"))
	case "R02":
		t.Control(wire.ACK)
		answer(t.m.report(q))
	case "B00":
		t.Control(wire.ACK)
		answer(t.m.closed())
	case "T00":
		t.Control(wire.ACK)
		if o, ok := t.m.order(q); !ok {
			answer(join("T01", "1.43", "100003", "ERROR"))
		} else {
			t.m.b.Begin(t.Line, o)
		}
	default:
		t.Control(wire.NAK)
	}
}
