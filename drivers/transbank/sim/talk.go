package sim

import (
	"strconv"
	"strings"
	"time"

	"tillbridge/terminal/simulate"
	"tillbridge/terminal/wire"
)

// talk is the conversation on one line.
type talk struct {
	m      *mouth
	line   *simulate.Line
	reader *wire.STXReader

	queue []*frame // the first one waits for its ACK
	heard int      // counts what came, so that an old timer is known
	owed  int      // acknowledgements of hasty messages that are due
	lost  bool
}

// frame is a message of the terminal's.
type frame struct {
	body      []byte
	sendsMost int
	wait      time.Duration
	damaged   bool   // its check byte is wrong the first time
	deaf      int    // how many acknowledgements are missed
	done      func() // it was acknowledged, or given up; may be nil

	sends int
	stop  func()
}

func (f *frame) end() {
	if f.stop != nil {
		f.stop()
	}
	if f.done != nil {
		f.done()
	}
}

// Lost ends what was under way; nobody is there to acknowledge.
func (t *talk) Lost() {
	t.lost = true
	delete(t.m.talks, t.line)
	queue := t.queue
	t.queue = nil
	for _, f := range queue {
		f.end()
	}
}

// say says a message once those before it are acknowledged.
func (t *talk) say(f frame) {
	t.queue = append(t.queue, &f)
	if len(t.queue) == 1 {
		t.send()
	}
}

// send sends the first message.
func (t *talk) send() {
	f := t.queue[0]
	f.sends++
	out := t.m.send.Append(nil, f.body)
	if f.damaged && f.sends == 1 {
		out[len(out)-1] ^= 0x40
	}
	t.line.Write(out)
	f.stop = t.m.b.After(f.wait, func() { t.again(f, f.sendsMost) })
}

// again sends the first message once more, or gives it up.
func (t *talk) again(f *frame, most int) {
	if len(t.queue) == 0 || t.queue[0] != f {
		return
	}
	t.owed = 0
	f.stop()
	if f.sends < most {
		t.send()
		return
	}
	t.next()
}

// next goes on with the message behind the first.
func (t *talk) next() {
	f := t.queue[0]
	t.queue = t.queue[1:]
	f.end()
	if len(t.queue) > 0 {
		t.send()
	}
}

// acked ends the first message.
func (t *talk) acked() {
	switch {
	case t.owed > 0:
		t.owed--
	case len(t.queue) == 0:
	case t.queue[0].deaf > 0:
		t.queue[0].deaf--
	default:
		t.next()
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
				t.again(t.queue[0], statesMost)
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

func (t *talk) control(b byte) { t.line.Write([]byte{b}) }

// command takes a message of the till's. A terminal that works on something does not answer.
func (t *talk) command(body string) {
	m := t.m
	if len(t.queue) > 0 || !m.b.Idle() {
		return
	}
	f := strings.Split(body, "|")
	at := func(i int) string {
		if i >= len(f) {
			return ""
		}
		return strings.TrimSpace(f[i])
	}
	known := "0100 0200 0250 0270 0500 0800 1200 "
	if m.auto {
		known += "0070 0080"
	} else {
		known += "0260 0280 0290 0300 0700"
	}
	if len(f[0]) != 4 || !strings.Contains(known, f[0]) || m.opt.NoList && (f[0] == "0260" || f[0] == "0290") {
		t.control(wire.NAK)
		return
	}
	if !m.opt.NoAck || f[0] != "0200" && f[0] != "0270" {
		t.control(wire.ACK)
	}
	switch f[0] {
	case "0200", "0270":
		t.sale(f[0], at)
	case "1200":
		t.void(at(1))
	case "0250", "0280":
		t.last(f[0], at(1) == "1")
	case "0260", "0290":
		if at(1) == "1" {
			t.list(f[0][:3] + "1")
		}
	case "0500":
		m.b.Settle()
		t.answer(m.simple("0510"))
	case "0700":
		t.answer(m.totals())
	case "0800":
		t.answer(m.simple("0810"))
	case "0080":
		now := time.Now().In(time.Local)
		t.answer(join("1080", "90", now.Format("02012006"), now.Format("150405")))
	}
}

func (t *talk) answer(body []byte) { t.say(frame{body: body, sendsMost: statesMost, wait: ackWait}) }

// sale begins a payment: amount and ticket, then what the models differ in.
func (t *talk) sale(fn string, at func(int) string) {
	m := t.m
	r := request{fn: fn, ticket: at(2), status: at(5) == "1", voucher: at(4) == "1", commerce: at(6)}
	longest := 6
	if m.auto {
		r.status, r.voucher, r.commerce, longest = at(4) == "1", at(3) == "1", at(5), 20
	}
	minor, err := strconv.ParseInt(at(1), 10, 64)
	code := ""
	switch {
	case err != nil || minor <= 0:
		code = "72"
	case minor < 50:
		code = "10"
	case minor > 999_999_999:
		code = "68"
	case len(r.ticket) > longest:
		code = "70"
	}
	if code != "" {
		t.answer(m.refusal(r, code, minor))
		return
	}
	m.asked = r
	m.b.Begin(t.line, simulate.Order{Kind: simulate.Sale, Minor: minor, Ref: r.ticket, Data: r})
}

// void takes back a sale: of an operation number, or the last one.
func (t *talk) void(operation string) {
	m := t.m
	of := m.byOperation(operation)
	if m.auto {
		of = m.last()
	}
	switch {
	case of == nil:
		t.answer(m.voided("05", "", operation))
	case of.Voided:
		t.answer(m.voided("04", "", operation))
	default:
		m.asked = request{fn: "1200", of: of}
		m.b.Begin(t.line, simulate.Order{Kind: simulate.Void, Of: of, Data: m.asked})
	}
}

// last tells the last sale. An Integrado prints it too.
func (t *talk) last(fn string, voucher bool) {
	m := t.m
	answer := "0260"
	if fn == "0280" {
		answer = "0281"
	}
	r := m.last()
	if r == nil {
		t.answer(join(append([]string{answer, "11", Commerce, m.b.TerminalID()}, make([]string, 16)...)...))
		return
	}
	if !m.auto {
		m.print(r)
	}
	t.answer(m.sale(answer, r, true, voucher))
}

// list tells every sale since the last close.
func (t *talk) list(fn string) {
	m := t.m
	for _, r := range m.b.Records() {
		t.answer(m.record(fn, r))
	}
	t.answer(m.blank(fn))
	if m.opt.TwoBlanks {
		t.answer(m.blank(fn))
	}
}
