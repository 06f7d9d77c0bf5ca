package simtest

import (
	"fmt"
	"slices"
	"time"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// Decision is what the customer and the bank do with one payment at a model terminal.
type Decision uint8

// The decisions.
const (
	Approve Decision = iota
	Decline
	Short    // approves a lower amount
	Tipped   // approves more, and names the tip
	Walkout  // the customer leaves; the terminal gives up after a minute
	OddMoney // approves in another currency
	decisionCount
)

func (d Decision) String() string {
	return [...]string{"approve", "decline", "short", "tipped", "walkout", "another currency"}[d]
}

// Booking is one line of a model terminal's ledger: the truth.
type Booking struct {
	Seq      int
	Ref      string // ours, for the oracle; terminals without C3 never show it
	Minor    int64
	Currency int
	Auth     string
	Captured bool
	Manual   bool
	Kind     bridge.Kind
	At       time.Time
	cleared  bool // by the end of day: the one-slot record is gone
}

// verb is what a message says.
type verb uint8

const (
	saysHi verb = iota
	saysTaken
	saysBusy
	saysResult
	saysDone
	saysEnd // the payment is over, without saying how
	saysLast
	saysFound
	saysNone
	saysOdd // something that this driver does not know
	garbled
)

var verbWords = [...]string{"hello", "taken", "busy", "the result", "done", "end", "the last record", "found", "not found", "something odd", "noise"}

// message is one message of the terminal.
type message struct {
	at       time.Time
	verb     verb
	ref      string
	approved bool
	minor    int64
	tip      int64
	currency int
	auth     string
	seq      int
	booked   time.Time
	struck   bool // by a fault already
}

// line is one connection.
type line struct {
	closed bool
	gone   chan struct{}
	queue  []message
}

// come is the first message that has come; -1 for none.
func (l *line) come(now time.Time) int {
	return slices.IndexFunc(l.queue, func(m message) bool { return !m.at.After(now) })
}

func (l *line) cut() {
	if l != nil && !l.closed {
		l.closed = true
		close(l.gone)
	}
}

// Terminal is a terminal with a ledger. It outlives every line and every bridge. Nothing of it runs by itself:
// whoever looks at it first moves it on to the present, so all that it does has its exact time.
type Terminal struct {
	w        *World
	class    terminal.Evidence
	decide   func(n int) Decision
	think    time.Duration
	ackWait  time.Duration
	ledger   []Booking
	seq      int
	auths    int
	sales    int
	now      *sale // in progress; nil for none
	line     *line
	openSeq  int       // the last sequence when the line was opened
	late     []message // come at the start of the next conversation
	plugged  bool
	plugAt   time.Time // when it comes back by itself; zero for not
	markless bool      // the last question for the mark was refused
}

type sale struct {
	ref      string
	kind     bridge.Kind
	p        *pay
	minor    int64
	tip      int64
	currency int
	auth     string
	decision Decision
	resultAt time.Time
	stated   bool // waits for the acknowledgement
	ackBy    time.Time
	manual   bool
}

func newTerminal(w *World, class terminal.Evidence) *Terminal {
	return &Terminal{
		w: w, class: class, decide: func(int) Decision { return Approve }, think: 2 * time.Second, ackWait: 10 * time.Second, seq: 100, plugged: true,
	}
}

// advance moves the terminal on to the present. The world is locked.
func (t *Terminal) advance(now time.Time) {
	if !t.plugged && !t.plugAt.IsZero() && !t.plugAt.After(now) {
		t.plugged, t.plugAt = true, time.Time{}
	}
	for s := t.now; s != nil; s = t.now {
		switch {
		case s.stated && !now.Before(s.ackBy):
			t.now = nil
			t.book(s, s.ackBy, false)
			t.w.sayAt(s.ackBy, "the terminal was not acknowledged and reverses the sale")
			t.w.point("the terminal reversed a sale that was not acknowledged")
		case s.stated || now.Before(s.resultAt):
			return
		case s.manual:
			t.now = nil
			t.book(s, s.resultAt, true)
		default:
			t.state(s)
		}
	}
}

// next is when the terminal does something by itself.
func (t *Terminal) next() (time.Time, bool) {
	switch {
	case t.now == nil:
		return time.Time{}, false
	case t.now.stated:
		return t.now.ackBy, true
	}
	return t.now.resultAt, true
}

// state ends the thinking about a sale.
func (t *Terminal) state(s *sale) {
	m := message{at: s.resultAt, verb: saysResult, ref: s.ref}
	if s.decision == Decline || s.decision == Walkout {
		t.now = nil
		t.w.sayAt(s.resultAt, "the terminal declines")
		t.push(m)
		return
	}
	s.currency = eur.Numeric
	switch s.decision {
	case Short:
		s.minor -= (s.minor + 2) / 3
	case Tipped:
		if s.kind != bridge.Sale {
			break
		}
		s.tip = s.minor/10 + 1
		s.minor += s.tip
	case OddMoney:
		s.currency = 756
	}
	t.auths++
	s.auth = fmt.Sprintf("A%05d", t.auths)
	m.approved, m.minor, m.tip, m.currency, m.auth, m.seq = true, s.minor, s.tip, s.currency, s.auth, t.seq+1
	s.p.stated = &m
	switch {
	case t.class.Has(terminal.C4):
		s.stated, s.ackBy = true, s.resultAt.Add(t.ackWait)
	case t.class.Has(terminal.C0):
		m = message{at: s.resultAt, verb: saysEnd, ref: s.ref}
		fallthrough
	default:
		t.now = nil
		t.book(s, s.resultAt, true)
	}
	t.push(m)
}

// book writes a line of the ledger.
func (t *Terminal) book(s *sale, at time.Time, captured bool) {
	if captured {
		t.seq++
	}
	b := Booking{Seq: t.seq, Ref: s.ref, Minor: s.minor, Currency: s.currency, Auth: s.auth, Captured: captured, Manual: s.manual, Kind: s.kind, At: at}
	t.ledger = append(t.ledger, b)
	if captured {
		t.w.sayAt(at, "the terminal books a %s of %d as number %d (%s)", s.kind, s.minor, t.seq, map[bool]string{true: "made at its own keys", false: "ours"}[s.manual])
	}
	if s.p != nil {
		t.w.booked(s.p, b)
	}
}

func (t *Terminal) push(m message) {
	if t.line == nil || t.line.closed {
		return
	}
	t.line.queue = append(t.line.queue, m)
}

// hears is what the terminal does with a command of the till.
func (t *Terminal) hears(op Op, c command) {
	now := time.Now()
	t.advance(now)
	if op == opGreet || op == opPay {
		for _, m := range t.late {
			m.at = now
			t.push(m)
			t.w.point("a message came in the next conversation")
		}
		t.late = nil
	}
	switch {
	case op == opGreet:
		t.push(message{at: now, verb: saysHi})
	case op == opPay:
		t.take(c)
	case op == opAck:
		t.acknowledged(c.ref)
	case t.now != nil:
		t.push(message{at: now, verb: saysBusy})
	case op == opSettle:
		t.dayEnd()
		t.push(message{at: now, verb: saysDone})
	case c.ref != "":
		t.query(c.ref)
	default:
		t.last()
	}
}

func (t *Terminal) take(c command) {
	now := time.Now()
	switch {
	case t.now != nil && t.now.ref == c.ref:
		return // the same command twice
	case t.now != nil:
		t.push(message{at: now, verb: saysBusy, ref: c.ref})
		return
	case c.pay.taken:
		return // the same command twice, and the first is through
	}
	c.pay.taken = true
	s := &sale{ref: c.ref, kind: c.kind, p: c.pay, minor: c.minor, decision: t.decide(t.sales)}
	t.sales++
	s.resultAt = now.Add(t.think)
	if s.decision == Walkout {
		s.resultAt = s.resultAt.Add(time.Minute)
	}
	t.now = s
	t.push(message{at: now, verb: saysTaken})
}

func (t *Terminal) acknowledged(ref string) {
	s := t.now
	if s == nil || !s.stated || s.ref != ref {
		return
	}
	t.now = nil
	now := time.Now()
	t.book(s, now, true)
	t.push(message{at: now, verb: saysDone, ref: ref})
}

// cancel is the till's wish that the customer be sent away.
func (t *Terminal) cancel() {
	now := time.Now()
	t.advance(now)
	if s := t.now; s != nil && !s.stated && !s.manual && s.resultAt.Sub(now) > t.think/2 {
		s.decision, s.resultAt = Decline, now.Add(200*time.Millisecond)
		t.w.point("a cancellation ended a payment")
	} else if s != nil && !s.manual {
		t.w.point("a cancellation came too late")
	}
}

func (t *Terminal) last() {
	m := message{at: time.Now(), verb: saysLast, seq: t.seq}
	for i := len(t.ledger) - 1; i >= 0; i-- {
		b := t.ledger[i]
		if !b.Captured {
			continue
		}
		if !b.cleared {
			m.minor, m.auth, m.currency, m.booked = b.Minor, b.Auth, b.Currency, b.At
		}
		break
	}
	t.push(m)
}

func (t *Terminal) query(ref string) {
	now := time.Now()
	for _, b := range t.ledger {
		if b.Ref == ref && b.Captured {
			t.push(message{at: now, verb: saysFound, minor: b.Minor, currency: b.Currency, auth: b.Auth, seq: b.Seq})
			return
		}
	}
	t.push(message{at: now, verb: saysNone})
}

// manual books a sale made at the terminal itself; false where it is in use.
func (t *Terminal) manual(minor int64, takes time.Duration) bool {
	now := time.Now()
	t.advance(now)
	if t.now != nil {
		return false
	}
	t.auths++
	t.now = &sale{manual: true, minor: minor, currency: eur.Numeric, auth: fmt.Sprintf("M%05d", t.auths), resultAt: now.Add(takes)}
	t.advance(now)
	return true
}

// dayEnd clears the one-slot record.
func (t *Terminal) dayEnd() bool {
	t.advance(time.Now())
	if t.now != nil {
		return false
	}
	for i := range t.ledger {
		t.ledger[i].cleared = true
	}
	return true
}

// powerCut stops whatever runs; what was not completed is not booked.
func (t *Terminal) powerCut(back time.Duration) {
	now := time.Now()
	t.advance(now)
	if s := t.now; s != nil {
		t.now = nil
		if s.p != nil {
			s.p.disturbed = true
			t.book(s, now, false)
		}
	}
	t.unplug(back)
}

// unplug takes the line away for a while.
func (t *Terminal) unplug(back time.Duration) {
	t.plugged, t.plugAt = false, time.Now().Add(back)
	t.disturb()
	t.line.cut()
}

// disturb notes that the conversation of now does not go as it should.
func (t *Terminal) disturb() {
	for _, p := range t.w.pays {
		if t.w.disk.payments[p.order.UUID].State.InFlight() {
			p.disturbed = true
		}
	}
}

// command is what the till says.
type command struct {
	ref   string
	kind  bridge.Kind // of a money command
	minor int64
	pay   *pay
}
