package shell

import (
	"bufio"
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"tillbridge/terminal"
)

// Decision is what the customer and the bank do with one payment at a model terminal.
type Decision uint8

// The decisions.
const (
	Approve Decision = iota
	Decline
	Short   // approves a lower amount
	Tipped  // approves more, and names the tip
	Walkout // the customer leaves; the terminal gives up after a minute
)

// Booking is one line of a model terminal's ledger.
type Booking struct {
	Seq      int
	Ref      string // ours, for the oracle; terminals without C3 never show it
	Minor    int64
	Auth     string
	Captured bool
	Manual   bool
	At       time.Time
}

// Model is a terminal with a ledger: the truth. It outlives every line and every bridge.
//
// On the line, one text line each: HELLO, HI id; PAY ref minor, then TAKEN or BUSY; RES ref approved|declined
// minor tip auth seq; with C4 the till's ACK ref and then DONE ref; LAST, then LAST seq minor auth unix-time;
// QUERY ref, then FOUND minor auth or NONE; END ref where nothing can be read.
type Model struct {
	Evidence terminal.Evidence
	ID       string
	Think    time.Duration // how long customer and bank take
	AckWait  time.Duration // how long it waits for ACK before it reverses
	Decide   func(n int) Decision

	mu       sync.Mutex
	ledger   []Booking
	seq      int
	asked    map[string]int // PAY commands by reference
	payments int
	busy     bool
	overlap  int // dialogues that began while another ran: never
	out      *modelLine
	acks     chan string
	stale    string // an old result that is repeated at the next payment
	replay   bool
	deaf     bool          // PAY is lost on the way
	slow     time.Duration // how long LAST and QUERY take
	thinking bool          // about LAST or QUERY
	work     sync.WaitGroup
}

// modelLine is one connection, written by several goroutines.
type modelLine struct {
	mu sync.Mutex
	p  terminal.Port
}

func (l *modelLine) say(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = fmt.Fprintf(l.p, format+"\n", args...) // a lost line is the till's trouble, not the terminal's
}

// NewModel makes a terminal with an empty ledger.
func NewModel(e terminal.Evidence) *Model {
	return &Model{
		Evidence: e, ID: "60000001", Think: 2 * time.Second, AckWait: 10 * time.Second,
		Decide: func(int) Decision { return Approve }, asked: map[string]int{}, acks: make(chan string, 16), seq: 100,
	}
}

// Replay makes the terminal repeat its last result, late, at the start of the next payment.
func (m *Model) Replay() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.replay = true
}

// Deaf makes every PAY get lost on the way to the terminal.
func (m *Model) Deaf(deaf bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.deaf = deaf
}

// Slow makes the terminal take its time for questions about the past.
func (m *Model) Slow(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.slow = d
}

func (m *Model) pause() {
	m.mu.Lock()
	d := m.slow
	m.thinking = true
	m.mu.Unlock()
	wait(d)
	m.mu.Lock()
	m.thinking = false
	m.mu.Unlock()
}

// Answering tells whether the terminal is thinking about a question about the past.
func (m *Model) Answering() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.thinking
}

// Manual books a sale made at the terminal itself.
func (m *Model) Manual(minor int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seq++
	m.ledger = append(m.ledger, Booking{Seq: m.seq, Minor: minor, Auth: "manual", Captured: true, Manual: true, At: time.Now()})
}

// Ledger is the truth so far.
func (m *Model) Ledger() []Booking {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]Booking(nil), m.ledger...)
}

// Captured is what the ledger holds under a reference: the sum and the number of captures.
func (m *Model) Captured(ref string) (minor int64, count int) {
	for _, b := range m.Ledger() {
		if b.Ref == ref && b.Captured {
			minor += b.Minor
			count++
		}
	}
	return minor, count
}

// Asked is how many PAY commands came under a reference, and how many dialogues ever overlapped.
func (m *Model) Asked(ref string) (commands, overlaps int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.asked[ref], m.overlap
}

// Wait returns when no payment is in progress.
func (m *Model) Wait() { m.work.Wait() }

// Serve plays the terminal on one line until it breaks.
func (m *Model) Serve(_ context.Context, p terminal.Port) {
	line := &modelLine{p: p}
	m.mu.Lock()
	m.out = line
	m.mu.Unlock()
	in := bufio.NewScanner(p)
	for in.Scan() {
		f := strings.Fields(in.Text())
		if len(f) == 0 {
			continue
		}
		switch f[0] {
		case "HELLO":
			line.say("HI %s", m.ID)
		case "PAY":
			m.take(line, f[1], f[2])
		case "ACK":
			select {
			case m.acks <- f[1]:
			default:
			}
		case "LAST":
			m.last(line)
		case "QUERY":
			m.query(line, f[1])
		}
	}
}

func (m *Model) take(line *modelLine, ref, amount string) {
	minor, err := strconv.ParseInt(amount, 10, 64)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.deaf {
		return
	}
	m.asked[ref]++
	if m.busy || err != nil {
		m.overlap++
		line.say("BUSY")
		return
	}
	m.busy = true
	n := m.payments
	m.payments++
	if m.replay && m.stale != "" {
		line.say("%s", m.stale)
		m.replay = false
	}
	line.say("TAKEN")
	m.work.Go(func() { m.pay(ref, minor, m.Decide(n)) })
}

// pay is one payment at the terminal; it goes on by itself when the line is gone.
func (m *Model) pay(ref string, minor int64, d Decision) {
	defer func() {
		m.mu.Lock()
		m.busy = false
		m.mu.Unlock()
	}()
	wait(m.Think)
	tip := int64(0)
	switch d {
	case Walkout:
		wait(time.Minute)
		m.tell("RES %s declined 0 0 - 0", ref)
		return
	case Decline:
		m.tell("RES %s declined 0 0 - 0", ref)
		return
	case Short:
		minor -= minor / 3
	case Tipped:
		tip = minor / 10
		minor += tip
	}
	m.mu.Lock()
	seq := m.seq + 1
	m.mu.Unlock()
	auth := fmt.Sprintf("A%05d", seq)
	result := fmt.Sprintf("RES %s approved %d %d %s %d", ref, minor, tip, auth, seq)
	if m.Evidence.Has(terminal.C4) {
		m.drainAcks()
		m.tell("%s", result)
		if !m.acked(ref) {
			m.book(Booking{Ref: ref, Minor: minor, Auth: auth}) // reversed by itself
			return
		}
	}
	m.book(Booking{Seq: seq, Ref: ref, Minor: minor, Auth: auth, Captured: true})
	m.mu.Lock()
	m.stale = result
	m.mu.Unlock()
	switch {
	case m.Evidence.Has(terminal.C4):
		m.tell("DONE %s", ref)
	case m.Evidence.Has(terminal.C0):
		m.tell("END %s", ref)
	default:
		m.tell("%s", result)
	}
}

func (m *Model) book(b Booking) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b.Captured {
		m.seq = b.Seq
	}
	b.At = time.Now()
	m.ledger = append(m.ledger, b)
}

// tell speaks on whatever line there is now.
func (m *Model) tell(format string, args ...any) {
	m.mu.Lock()
	line := m.out
	m.mu.Unlock()
	if line != nil {
		line.say(format, args...)
	}
}

func (m *Model) drainAcks() {
	for {
		select {
		case <-m.acks:
		default:
			return
		}
	}
}

func (m *Model) acked(ref string) bool {
	t := time.NewTimer(m.AckWait)
	defer t.Stop()
	for {
		select {
		case got := <-m.acks:
			if got == ref {
				return true
			}
		case <-t.C:
			return false
		}
	}
}

func (m *Model) last(line *modelLine) {
	m.pause()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.busy {
		line.say("BUSY")
		return
	}
	for i := len(m.ledger) - 1; i >= 0; i-- {
		if b := m.ledger[i]; b.Captured {
			line.say("LAST %d %d %s %d", b.Seq, b.Minor, b.Auth, b.At.Unix())
			return
		}
	}
	line.say("LAST %d 0 - 0", m.seq)
}

func (m *Model) query(line *modelLine, ref string) {
	m.pause()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.busy {
		line.say("BUSY")
		return
	}
	for _, b := range m.ledger {
		if b.Ref == ref && b.Captured {
			line.say("FOUND %d %s %d", b.Minor, b.Auth, b.Seq)
			return
		}
	}
	line.say("NONE")
}

func wait(d time.Duration) {
	if d > 0 {
		<-time.After(d)
	}
}
