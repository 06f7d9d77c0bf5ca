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
	simulate.STX
	m        *mouth
	pending  int  // messages that will be said later
	receipts bool // the till wants the receipt of the next procedure
}

func newTalk(m *mouth, l *simulate.Line) *talk {
	t := &talk{m: m}
	t.STX = simulate.STX{
		Body: m.b, Line: l, Format: m.format, Reader: wire.NewSTXReader(m.format, 1100), Wait: ackWait, Obey: t.command,
		Said: t.said, Unheard: t.drop,
	}
	return t
}

// later says a message after a time.
func (t *talk) later(d time.Duration, f simulate.Frame) {
	t.pending++
	t.m.b.After(d, func() {
		t.pending--
		t.Say(f)
	})
}

// said ends a connection once all is said, at a terminal that does that.
func (t *talk) said() {
	if t.m.opt.DropTCP && t.pending == 0 && t.m.b.Idle() {
		t.drop()
	}
}

// drop closes a connection.
func (t *talk) drop() {
	if t.Line.Kind == terminal.TCP {
		t.Line.Close()
	}
}

// lengths are those of the till's messages; one of another length is passed over in silence.
var lengths = map[byte]int{'s': 10, 'P': 167, 'X': 167, 'S': 26, 'C': 26, 'T': 26, 'G': 22, 'E': 11, 'R': 22}

// command takes a message of the till's.
func (t *talk) command(b []byte) {
	body, m := string(b), t.m
	if len(body) < 10 || t.Saying() {
		return // it waits for an acknowledgement and for nothing else
	}
	code, id := body[9], body[:8]
	want, known := lengths[code]
	switch {
	case !m.b.Idle():
		if m.opt.NakBusy {
			t.Control(wire.NAK)
		}
		return
	case m.opt.CheckID && id != m.b.TerminalID() && id != "00000000",
		!known, code == 'X' && m.opt.NoExtended, code == 'G' && m.last() == nil:
		t.Control(wire.NAK)
		return
	case len(body) != want:
		return
	}
	t.Control(wire.ACK)
	answer := func(body []byte) { t.Say(simulate.Frame{Body: body}) }
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
		t.m.State(simulate.Result{Line: t.Line, End: simulate.Cancelled}, func() {})
		return
	}
	t.m.b.Begin(t.Line, simulate.Order{Kind: simulate.Sale, Minor: minor, Ref: strings.TrimSpace(body[31:159])})
}

// reversal takes back the last payment, if it is the one of positions 19 to 24.
func (t *talk) reversal(body string) {
	of, stan := t.m.b.Last(), body[18:24]
	if of == nil || of.Kind != simulate.Sale || of.Voided || stan != "000000" && stan != of.Sequence() {
		t.m.State(simulate.Result{Line: t.Line, End: simulate.Cancelled}, func() {})
		return
	}
	t.m.b.Begin(t.Line, simulate.Order{Kind: simulate.Void, Of: of})
}
