package sim

import (
	"strconv"
	"strings"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
	"tillbridge/terminal/wire"
)

// talk is the conversation on one line.
type talk struct {
	m      *mouth
	line   *simulate.Line
	reader *wire.STXReader

	queue    []*frame // the first one waits for its ACK
	pending  int      // messages that will be said later
	heard    int      // counts what came, so that an old timer is known
	receipts bool     // the till wants the receipt of the next procedure
	lost     bool
}

// frame is a message of the terminal's.
type frame struct {
	body      []byte
	sendsMost int
	damaged   bool   // its check byte is wrong the first time
	deaf      int    // how many acknowledgements are missed
	done      func() // it was acknowledged, or given up

	sends int
	stop  func()
}

// Lost ends what was under way; nobody is there to acknowledge.
func (t *talk) Lost() {
	t.lost = true
	delete(t.m.talks, t.line)
	t.giveUp()
}

func (t *talk) giveUp() {
	queue := t.queue
	t.queue = nil
	for _, f := range queue {
		if f.stop != nil {
			f.stop()
		}
		f.done()
	}
}

// say says a message once those before it are acknowledged.
func (t *talk) say(f frame) {
	if f.done == nil {
		f.done = func() {}
	}
	t.queue = append(t.queue, &f)
	if len(t.queue) == 1 {
		t.send()
	}
}

// later says a message after a time.
func (t *talk) later(d time.Duration, f frame) {
	t.pending++
	t.m.b.After(d, func() {
		t.pending--
		if t.lost {
			f.done()
			return
		}
		t.say(f)
	})
}

// send sends the first message.
func (t *talk) send() {
	f := t.queue[0]
	f.sends++
	out := t.m.format.Append(nil, f.body)
	if f.damaged && f.sends == 1 {
		out[len(out)-1] ^= 0x40
	}
	t.line.Write(out)
	f.stop = t.m.b.After(ackWait, t.again)
}

// again sends the first message once more, or gives up and drops the line.
func (t *talk) again() {
	if len(t.queue) == 0 {
		return
	}
	f := t.queue[0]
	f.stop()
	if f.sends < f.sendsMost {
		t.send()
		return
	}
	t.giveUp()
	if t.line.Kind == terminal.TCP {
		t.line.Close()
	}
}

// acked ends the first message.
func (t *talk) acked() {
	if len(t.queue) == 0 {
		return
	}
	f := t.queue[0]
	if f.deaf > 0 {
		f.deaf--
		return
	}
	f.stop()
	t.queue = t.queue[1:]
	f.done()
	switch {
	case len(t.queue) > 0:
		t.send()
	case t.m.opt.DropTCP && t.line.Kind == terminal.TCP && t.pending == 0 && t.m.b.Idle():
		t.line.Close()
	}
}

// Hear takes bytes.
func (t *talk) Hear(p []byte) {
	for _, b := range p {
		switch e := t.reader.Feed(b); e.Kind {
		case wire.STXAck:
			t.acked()
		case wire.STXNak:
			if len(t.queue) > 0 {
				t.again()
			}
		case wire.STXFrame:
			t.command(string(e.Body))
		case wire.STXBadLRC, wire.STXTooLong:
			t.control(wire.NAK)
		}
	}
	t.heard++
	if now := t.heard; t.reader.Partial() {
		t.m.b.After(byteGap, func() {
			if t.heard == now && !t.lost && t.reader.Reset() {
				t.control(wire.NAK)
			}
		})
	}
}

func (t *talk) control(b byte) { t.line.Write(t.m.format.AppendAck(nil, b)) }

// lengths are those of the till's messages; one of another length is passed over in silence.
var lengths = map[byte]int{'s': 10, 'P': 167, 'X': 167, 'S': 26, 'C': 26, 'T': 26, 'G': 22, 'E': 11, 'R': 22}

// command takes a message of the till's.
func (t *talk) command(body string) {
	if len(body) < 10 || len(t.queue) > 0 {
		return // it waits for an acknowledgement and for nothing else
	}
	m := t.m
	code, id := body[9], body[:8]
	want, known := lengths[code]
	switch {
	case !m.b.Idle():
		if m.opt.NakBusy {
			t.control(wire.NAK)
		}
		return
	case m.opt.CheckID && id != m.b.TerminalID() && id != "00000000",
		!known, code == 'X' && m.opt.NoExtended, code == 'G' && m.last() == nil:
		t.control(wire.NAK)
		return
	case len(body) != want:
		return
	}
	t.control(wire.ACK)
	answer := func(body []byte) { t.say(frame{body: body, sendsMost: statesMost}) }
	switch code {
	case 's':
		answer(m.status())
	case 'G':
		answer(m.last())
	case 'T':
		answer(m.totals())
	case 'C':
		out := m.closed()
		m.b.Settle()
		answer(out)
		t.receipts = false
	case 'E':
		t.receipts = body[10] == '1'
	case 'R':
		if body[10] == '1' {
			answer(m.ticket())
		} else {
			m.b.Print(m.receipt)
		}
	case 'P', 'X':
		t.sale(body)
	case 'S':
		t.reversal(body)
	}
}

// sale begins a payment of positions 24 to 31.
func (t *talk) sale(body string) {
	minor, err := strconv.ParseInt(body[23:31], 10, 64)
	if err != nil || minor <= 0 {
		t.m.State(simulate.Result{Line: t.line, End: simulate.Cancelled}, func() {})
		return
	}
	t.m.b.Begin(t.line, simulate.Order{Kind: simulate.Sale, Minor: minor, Ref: strings.TrimSpace(body[31:159])})
}

// reversal takes back the last payment, if it is the one of positions 19 to 24.
func (t *talk) reversal(body string) {
	of, stan := t.m.b.Last(), body[18:24]
	if of == nil || of.Kind != simulate.Sale || of.Voided || stan != "000000" && stan != of.Sequence() {
		t.m.State(simulate.Result{Line: t.line, End: simulate.Cancelled}, func() {})
		return
	}
	t.m.b.Begin(t.line, simulate.Order{Kind: simulate.Void, Of: of})
}
