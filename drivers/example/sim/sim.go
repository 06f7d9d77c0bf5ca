// Package sim plays the terminal's side of the example protocol. It shares nothing with the driver above terminal/wire, so that a
// mistake in the driver's reading of the paper is not made a second time here (docs/decisions 0001).
//
// Display, customer, bank, books, faults and ledger are simulate.Body's; what is left is what the terminal says.
package sim

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
	"tillbridge/terminal/wire"
)

const (
	ackWait = 2 * time.Second
	byteGap = 500 * time.Millisecond
	sends   = 3
	numeric = 3 // digits of a currency
)

// mouth is the protocol.
type mouth struct {
	*simulate.Body
	format wire.STXFormat
	talk   *talk // on the newest line; nil while there is none
}

// New makes a terminal.
func New(o terminal.SimulatorOptions) (terminal.Simulator, error) {
	m := &mouth{format: wire.STXFormat{Covers: wire.CoverBodyETX}}
	var err error
	m.Body, err = simulate.NewBody(o, simulate.Protocol{
		Name: "example", Mouth: m, Currency: terminal.Currency{Code: "EUR", Numeric: 978, Digits: 2}, TerminalID: "11000001",
		Outcomes: []string{
			simulate.EndOfDayPending, simulate.PrinterOut, simulate.RepeatStatus, simulate.LateFrame, simulate.LateThenDeclined, simulate.Partial,
			simulate.NoAmount, simulate.BadCRCOnce, simulate.KeepOnLoss, simulate.WrongAmount, simulate.OtherCurrency, simulate.Referral,
		},
		Words: simulate.Words{
			Idle: "READY", Payment: "SALE", Wait: "PLEASE WAIT", Card: "PRESENT CARD", PIN: "ENTER PIN", WrongPIN: "WRONG PIN",
			Approved: "APPROVED", Declined: "DECLINED", Cancelled: "CANCELLED", Timeout: "TIMED OUT",
		},
	})
	return m, err
}

// Attach begins the conversation on a line.
func (m *mouth) Attach(l *simulate.Line) simulate.Talk {
	m.talk = &talk{m: m, line: l, reader: wire.NewSTXReader(m.format, 64)}
	return m.talk
}

// Progress says T.
func (m *mouth) Progress(_ *simulate.Line, s terminal.Stage) {
	word := map[terminal.Stage]string{terminal.CardWait: "CARD", terminal.CardRead: "PIN", terminal.HostWait: "BANK"}[s]
	if o, paying := m.Order(); paying && word != "" && m.talk != nil {
		m.talk.say(said{body: "T|" + o.Ref + "|" + word})
	}
}

// State says R.
func (m *mouth) State(r simulate.Result, done func()) {
	code := map[string]string{
		simulate.Declined: "51", simulate.Cancelled: "17", simulate.Timeout: "68", simulate.Busy: "95", simulate.EndOfDayPending: "96",
		simulate.PrinterOut: "97", simulate.Referral: "02",
	}[r.End]
	body := fmt.Sprintf("R|%s|%s|%d|%03d|||", r.Ref, code, r.Minor, m.Currency().Numeric)
	if r.Record != nil {
		body = "R|" + record(r.Record, r.Script == simulate.NoAmount)
	}
	one := said{body: body, done: done, damaged: r.Script == simulate.BadCRCOnce}
	switch r.Script {
	case simulate.RepeatStatus:
		one.deaf = 1
	case simulate.KeepOnLoss:
		one.deaf = sends
	}
	if m.talk == nil {
		done()
		return
	}
	m.talk.say(one)
}

// record is what R and S say of a booked sale.
func record(r *simulate.Record, noAmount bool) string {
	minor := strconv.FormatInt(r.Minor, 10)
	if noAmount {
		minor = ""
	}
	return fmt.Sprintf("%s|00|%s|%0*d|%s|%s|%s", r.Ref, minor, numeric, r.Currency.Numeric, r.AuthCode, r.Sequence(), simulate.CardLast4)
}

// said is a frame of the terminal's, which is sent until it is acknowledged, three times at most.
type said struct {
	body    string
	done    func() // it was acknowledged or given up; nil for nothing
	damaged bool   // the first time its check byte is wrong
	deaf    int    // acknowledgements that are missed
	sent    int
	stop    func()
}

// talk is the conversation on one line. All of it is called under the body's lock.
type talk struct {
	m      *mouth
	line   *simulate.Line
	reader *wire.STXReader
	queue  []*said
	heard  int
}

// Lost gives up what was to be said.
func (t *talk) Lost() {
	if t.m.talk == t {
		t.m.talk = nil
	}
	queue := t.queue
	t.queue = nil
	for _, s := range queue {
		s.end()
	}
}

func (s *said) end() {
	if s.stop != nil {
		s.stop()
	}
	if s.done != nil {
		s.done()
	}
}

func (t *talk) say(s said) {
	t.queue = append(t.queue, &s)
	if len(t.queue) == 1 {
		t.send()
	}
}

// send sends the first frame, or gives it up.
func (t *talk) send() {
	s := t.queue[0]
	if s.sent == sends {
		t.next()
		return
	}
	s.sent++
	out := t.m.format.Append(nil, []byte(s.body))
	if s.damaged && s.sent == 1 {
		out[len(out)-1] ^= 0x20
	}
	t.line.Write(out)
	s.stop = t.m.After(ackWait, func() {
		if len(t.queue) > 0 && t.queue[0] == s {
			t.send()
		}
	})
}

// next ends the first frame.
func (t *talk) next() {
	s := t.queue[0]
	t.queue = t.queue[1:]
	s.end()
	if len(t.queue) > 0 {
		t.send()
	}
}

// Hear takes bytes.
func (t *talk) Hear(p []byte) {
	for _, b := range p {
		switch e := t.reader.Feed(b); {
		case e.Kind == wire.STXFrame:
			t.line.Write([]byte{wire.ACK})
			t.obey(strings.Split(string(e.Body), "|"))
		case e.Kind == wire.STXBadLRC || e.Kind == wire.STXTooLong:
			t.line.Write([]byte{wire.NAK})
		case len(t.queue) == 0:
		case e.Kind == wire.STXNak:
			t.queue[0].stop()
			t.send()
		case e.Kind == wire.STXAck && t.queue[0].deaf > 0:
			t.queue[0].deaf--
		case e.Kind == wire.STXAck:
			t.next()
		}
	}
	t.heard++
	if now := t.heard; t.reader.Partial() {
		t.m.After(byteGap, func() {
			if t.heard == now && t.reader.Reset() {
				t.line.Write([]byte{wire.NAK})
			}
		})
	}
}

// obey takes a command.
func (t *talk) obey(f []string) {
	f = append(f, "", "", "")
	order, paying := t.m.Order()
	switch f[0] {
	case "I":
		t.say(said{body: "I|" + t.m.TerminalID()})
	case "P":
		minor, err := strconv.ParseInt(f[2], 10, 64)
		switch r := t.m.Find(f[1]); {
		case paying && order.Ref == f[1]: // the same frame once more
		case r != nil:
			t.say(said{body: "R|" + record(r, false)})
		case err != nil || minor <= 0 || paying || !t.m.Begin(t.line, simulate.Order{Kind: simulate.Sale, Minor: minor, Ref: f[1]}):
			t.say(said{body: "R|" + f[1] + "|95"})
		}
	case "C":
		if paying && order.Ref == f[1] {
			t.m.Cancel()
		}
	case "Q":
		switch r := t.m.Find(f[1]); {
		case paying:
			t.say(said{body: "S|" + f[1] + "|B"})
		case r == nil:
			t.say(said{body: "S|" + f[1] + "|N"})
		default:
			t.say(said{body: "S|" + record(r, false)})
		}
	}
}
