package sim

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// Options are the simulated terminal's own settings. Zero values mean the defaults that are named.
type Options struct {
	simulate.BodyOptions `yaml:",inline"`
	// HostFirst puts the host group first in R03; else total and record number come before it.
	HostFirst bool `yaml:"host_first"`
	// ZeroIsFirst makes the record number 0 the oldest record; else it is the newest.
	ZeroIsFirst bool `yaml:"zero_is_first"`
	// EmptyIsZero tells "no such record" as no records at all (000000); else with the code 100023.
	EmptyIsZero bool `yaml:"empty_is_zero"`
	// Refuse closes a connection that comes while the terminal works; else it stays open and silent.
	Refuse bool `yaml:"refuse"`
	// Packet is how many bytes a packet has at most; longer replies come in several. Default 1024.
	Packet int `yaml:"packet"`
	// Card is the customer's card number, whose first six and last four digits replies have; default 4111111111110043.
	Card string `yaml:"card"`
}

// mouth is the protocol of one terminal.
type mouth struct {
	b *simulate.Body
	o Options
}

// New makes a terminal that is idle and empty. SimulatorOptions' Options may be Options or *Options.
func New(o terminal.SimulatorOptions) (terminal.Simulator, error) {
	own, err := simulate.Own[Options](o.Options)
	if err != nil {
		return nil, err
	}
	own.Packet, own.Card = cmp.Or(own.Packet, 1024), cmp.Or(own.Card, "4111111111110043")
	switch {
	case own.Packet < 16:
		return nil, fmt.Errorf("pax simulator: packet %d: want 16 bytes or more", own.Packet)
	case len(own.Card) < 10:
		return nil, fmt.Errorf("pax simulator: card %q: want ten digits or more", own.Card)
	}
	m := &mouth{o: own}
	m.b, err = simulate.NewBody(o, simulate.Protocol{
		Name: "pax", Mouth: m, Currency: terminal.Currency{Code: "USD", Numeric: 840, Digits: 2}, TerminalID: "53041234", Timing: m.o.BodyOptions,
		Outcomes: []string{
			simulate.Partial, simulate.Tip, simulate.WrongAmount, simulate.NoAmount, simulate.BadCRCOnce, simulate.RepeatStatus, simulate.KeepOnLoss,
			simulate.LateFrame, simulate.LateThenDeclined, simulate.NoStatus, simulate.Contradiction,
		},
		Words: simulate.Words{
			Idle: "WELCOME", Payment: "SALE", Refund: "RETURN", Void: "VOID", Wait: "PLEASE WAIT", Card: "INSERT OR TAP CARD", PIN: "ENTER PIN",
			WrongPIN: "WRONG PIN", Approved: "APPROVED", Declined: "DECLINED", Cancelled: "CANCELLED", Timeout: "TIMED OUT",
		},
	})
	if err != nil {
		return nil, err
	}
	return m.b, nil
}

// Attach begins the conversation on a line.
func (m *mouth) Attach(l *simulate.Line) simulate.Talk {
	t := newTalk(m, l)
	if l.Kind == terminal.TCP && m.o.Refuse && !m.b.Idle() {
		l.Close()
	}
	return t
}

// Progress is told by no message.
func (m *mouth) Progress(*simulate.Line, terminal.Stage) {}

// State tells a result.
func (m *mouth) State(r simulate.Result, done func()) {
	t, there := r.Line.Talk().(*talk)
	switch {
	case !there:
		done()
	case r.End == simulate.Busy, r.Record != nil && r.Script == simulate.NoStatus:
		t.end() // EOT instead of a reply
		done()
	default:
		t.reply(m.payment(r), r.Script, done)
	}
}

// join puts groups together.
func join(groups ...string) string { return strings.Join(groups, "\x1c") }

// cut joins elements without the empty ones at the end.
func cut(elements ...string) string { return strings.TrimRight(strings.Join(elements, "\x1f"), "\x1f") }

// payment is T01.
func (m *mouth) payment(r simulate.Result) string {
	if r.Record != nil && r.Script == simulate.Contradiction {
		return join("T01", "1.43", "100003", "ERROR")
	}
	if r.Record != nil {
		code := "000000"
		if !r.Stale && r.Script == simulate.Partial && r.Record.Minor < r.Minor {
			code = "000002"
		}
		return join("T01", "1.43", code, "OK", m.host(r.Record), kinds[r.Record.Kind], m.amount(r.Record, r.Minor, r.Script == simulate.NoAmount),
			m.account(), m.trace(r.Record), "", "", "", m.ext(r.Record))
	}
	switch r.End {
	case simulate.Cancelled:
		return join("T01", "1.43", "100002", "ABORTED")
	case simulate.Timeout:
		return join("T01", "1.43", "100001", "TIMEOUT")
	}
	return join("T01", "1.43", "000100", "DECLINE", cut("05", "DECLINED"), kinds[r.Kind], strconv.FormatInt(r.Minor, 10), m.account(), cut("", r.Ref))
}

var kinds = map[string]string{simulate.Sale: "01", simulate.Refund: "02", simulate.Void: "16"}

// batch is the number of the batch that a record is in.
func (m *mouth) batch(r *simulate.Record) string { return strconv.Itoa(7 + r.Day) }

func (m *mouth) host(r *simulate.Record) string {
	return cut("00", "APPROVAL", r.AuthCode, strconv.Itoa(30_000_000+r.Number), "", m.batch(r))
}

func (m *mouth) amount(r *simulate.Record, asked int64, none bool) string {
	if none || r.Kind == simulate.Void {
		return ""
	}
	due, tip := "0", "0"
	if r.Minor < asked {
		due = strconv.FormatInt(asked-r.Minor, 10)
	}
	if r.Extra > 0 {
		tip = strconv.FormatInt(r.Extra, 10)
	}
	return cut(strconv.FormatInt(r.Minor, 10), due, tip, "0", "0", "0")
}

func (m *mouth) account() string {
	return cut(m.o.Card[len(m.o.Card)-4:], "4", "1228", "", "", "", "01", "DOE/JOHN", "", "", "0")
}

func (m *mouth) trace(r *simulate.Record) string {
	return cut(strconv.Itoa(r.Number), r.Ref, r.At.Format("20060102150405"))
}

func (m *mouth) ext(r *simulate.Record) string {
	return cut("EDCTYPE=CREDIT", "SIGNSTATUS", "HREF="+strconv.Itoa(30_000_000+r.Number), "CARDBIN="+m.o.Card[:6], "CARDBIN="+m.o.Card[:6], "AID=A0000000031010")
}

// list is the records of the batch by what R02 asks for: a record number, a transaction number or a reference.
func (m *mouth) list(record, number, ref string) (hits []*simulate.Record) {
	all := m.b.Records()
	if record != "" {
		n, err := strconv.Atoi(record)
		if err != nil || n < 0 || n >= len(all) {
			return nil
		}
		if !m.o.ZeroIsFirst {
			n = len(all) - 1 - n
		}
		return all[n : n+1]
	}
	for _, r := range all {
		if number != "" && strconv.Itoa(r.Number) == number || ref != "" && r.Ref == ref {
			hits = append(hits, r)
		}
	}
	return hits
}

// report is R03.
func (m *mouth) report(q []string) string {
	ask := func(n int) string {
		if n < len(q) {
			return q[n]
		}
		return ""
	}
	hits := m.list(ask(5), ask(6), ask(8))
	switch {
	case len(hits) == 0 && m.o.EmptyIsZero:
		return join("R03", "1.43", "000000", "OK", "0", "")
	case len(hits) == 0:
		return join("R03", "1.43", "100023", "NOT FOUND")
	}
	r, kind, of := hits[0], kinds[hits[0].Kind], ""
	if r.Voided {
		kind, of = "16", "01"
	}
	first := []string{strconv.Itoa(len(hits)), "0", m.host(r)}
	if m.o.HostFirst {
		first = []string{m.host(r), strconv.Itoa(len(hits)), "0"}
	}
	return join(append(append([]string{"R03", "1.43", "000000", "OK"}, first...), "01", kind, of, m.amount(r, r.Minor, false), m.account(), m.trace(r), "", "", "", m.ext(r))...)
}

// closed is B01, and closes the batch.
func (m *mouth) closed() string {
	count, minor := m.b.Totals()
	m.b.Settle()
	return join("B01", "1.43", "000000", "OK", cut("00", "CLOSED"), cut(strconv.Itoa(count), "0"), cut(strconv.FormatInt(max(0, minor), 10), "0"), "", m.b.TerminalID(), "881050")
}

// order is what T00 asks for; false where it makes no sense.
func (m *mouth) order(q []string) (o simulate.Order, ok bool) {
	if len(q) < 6 {
		return o, false
	}
	trace := strings.Split(q[5]+"\x1f\x1f\x1f\x1f", "\x1f")
	o.Ref = trace[0]
	minor, err := strconv.ParseInt(strings.Split(q[3], "\x1f")[0], 10, 64)
	switch o.Minor = minor; q[2] {
	case "01":
		o.Kind = simulate.Sale
	case "02":
		o.Kind = simulate.Refund
	case "16":
		o.Kind = simulate.Void
		for _, r := range m.b.Records() {
			if strconv.Itoa(r.Number) == trace[3] && !r.Voided && r.Kind == simulate.Sale {
				o.Of = r
			}
		}
		return o, o.Of != nil && o.Ref != ""
	}
	return o, o.Kind != "" && err == nil && minor > 0 && o.Ref != ""
}
