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
	simulate.STX
	m *mouth
}

// command takes a message of the till's. A terminal that works on something does not answer.
func (t *talk) command(body []byte) {
	m := t.m
	if t.Saying() || !m.b.Idle() {
		return
	}
	f := strings.Split(string(body), "|")
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
		t.Control(wire.NAK)
		return
	}
	if !m.opt.NoAck || f[0] != "0200" && f[0] != "0270" {
		t.Control(wire.ACK)
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

func (t *talk) answer(body []byte) { t.Say(simulate.Frame{Body: body}) }

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
	m.b.Begin(t.Line, simulate.Order{Kind: simulate.Sale, Minor: minor, Ref: r.ticket, Data: r})
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
		m.b.Begin(t.Line, simulate.Order{Kind: simulate.Void, Of: of, Data: m.asked})
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
