package simtest

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

var eur = terminal.Currency{Code: "EUR", Numeric: 978, Digits: 2}

// actor is who acts. Each acts at instants of its own, so that no two act at the same one and the order of things
// is that of the clock.
type actor int

// The actors. The notices of payment n are sent by actorNotices+n.
const (
	actorStory actor = iota
	actorTill
	actorBoot
	actorSecond
	actorAgain
	actorNotices // of payment 0, and so on
	actorForgets = actorNotices + 16
	actors       = 64
)

// after is the actor's first instant at or after a time.
func (a actor) after(t time.Time) time.Time {
	return t.Add(time.Duration((int64(a) - t.UnixNano()%actors + actors) % actors))
}

// pass lets a moment pass, whose length depends on the seed and the instant.
func (a actor) pass(w *World) {
	now := time.Now()
	d := time.Microsecond + time.Duration(mix(w.seed, uint64(a), uint64(now.UnixNano()))%uint64(200*time.Microsecond))
	wait(a.after(now.Add(d)).Sub(now))
}

// wait lets virtual time pass: everything here runs inside a bubble of testing/synctest.
func wait(d time.Duration) { <-time.After(d) }

// Chooser decides which operations are struck.
type Chooser interface {
	// choose is asked at each operation, in their order; n counts them.
	choose(w *World, op Op, n int) Fault
}

// World is one story's everything: the terminal, MGR, the disk, and the lives of the bridge.
type World struct {
	seed    uint64
	class   terminal.Evidence
	chooser Chooser
	start   time.Time

	mu        sync.Mutex
	offset    time.Duration // of the PC's wall clock
	terminal  *Terminal
	disk      *Disk
	mgr       *MGR
	life      *life // the newest; nil before the first
	pays      []*pay
	byUUID    map[string]*pay
	byRef     map[string]*pay
	current   string // uuid of the payment that is told of where an operation belongs to none
	chance    bool   // faults strike by chance, and not as a list says
	calm      bool   // no more faults
	calmed    chan struct{}
	diskUntil time.Time // every write fails until then
	scheduled bool      // the terminal's day is closed by the clock, too
	slow      bool      // the clock may be set back, and the terminal is one whose record is compared by the clock
	ops       int
	instant   time.Time // with counts, tells operations of one instant apart
	counts    [opCount]uint64

	hurry sync.WaitGroup // webhooks that MGR sends again at once

	leaks chan string // what the log says of a card

	faults     int
	violations []string
	holds      int
	cells      *Coverage
	tracing    bool
	hash       uint64
	trace      []string
}

func newWorld(seed uint64, class terminal.Evidence, c Chooser, cells *Coverage) *World {
	w := &World{
		seed: seed, class: class, chooser: c, start: time.Now(), calmed: make(chan struct{}), leaks: make(chan string, 1), byUUID: map[string]*pay{}, byRef: map[string]*pay{}, cells: cells,
	}
	w.terminal, w.disk, w.mgr = newTerminal(w, class), newDisk(w), &MGR{w: w}
	return w
}

// pay is one payment as the oracle knows it.
type pay struct {
	n     int
	order bridge.Order
	sale  *pay // what it gives back; nil for a sale
	ref   string

	// At MGR.
	accepted  []time.Time // when it got a 202
	pending   int         // webhooks that are not answered yet
	hurried   bool        // its repeated webhook is under way
	lost      bool        // a 202 that MGR did not get
	refusedIn *life       // where its last webhook was refused
	unclear   bool        // that was no plain refusal: the bridge may have died or its disk failed
	told      []Told
	wants     time.Time // the last 202, after which MGR waits for a notice; zero where a restart excuses a second one

	// At the terminal.
	handed    int
	taken     bool
	stated    *message
	captures  int
	booking   *Booking // the captured one
	disturbed bool
	heard     bool // the terminal said something since the command

	// In the journal.
	armedWall   time.Time
	offsetAtArm time.Duration
	markless    bool
	wrong       bool // a person settled it wrongly
	person      bool
	asked       terminal.Outcome // what the last recovery brought and is not yet in the journal
	alarmDue    *life
	alarms      int
}

// add makes MGR want a payment.
func (w *World) add(minor int64) *pay {
	n := len(w.pays)
	p := &pay{n: n, order: bridge.Order{
		UUID: "pay-" + string(rune('a'+n)), Customer: "cust", Terminal: "counter", Amount: terminal.Amount{Minor: minor, Currency: eur},
	}}
	w.pays = append(w.pays, p)
	w.byUUID[p.order.UUID] = p
	return p
}

func (w *World) byReference(ref string) *pay {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.byRef[ref]
}

func (w *World) armedByTheWall(ref string) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.byRef[ref].armedWall
}

func (w *World) noticeActor(uuid string) actor { return actorNotices + actor(w.byUUID[uuid].n) }

// roll is a number from 0 to n-1 that depends on the seed and the moment.
func (w *World) roll(op Op, n int) int {
	return int(mix(w.seed, 77, uint64(op), uint64(time.Now().UnixNano()), w.counts[op]) % uint64(n))
}

// strike asks what strikes an operation. The world is locked.
func (w *World) strike(op Op, uuid string) Fault {
	now := time.Now()
	if !now.Equal(w.instant) {
		w.instant, w.counts = now, [opCount]uint64{}
	}
	w.counts[op]++
	if op == opDue && w.counts[op] > 1 {
		return None // whoever looks twice at the same instant sees the same
	}
	f := w.chooser.choose(w, op, w.ops)
	w.ops++
	if f == None && now.Before(w.diskUntil) && (op == opAccept || op == opAppend || op == opNote) {
		if p := w.byUUID[uuid]; p != nil {
			p.disturbed = true
		}
		return WriteLost
	}
	if f != None {
		w.strikes(f, uuid)
	}
	return f
}

// strikes counts a fault, with the state of the payment that it strikes.
func (w *World) strikes(f Fault, uuid string) {
	if f.harms() {
		w.faults++
	}
	state := w.disk.payments[uuid].State
	w.cells.hit(state, f)
	if p := w.byUUID[uuid]; p != nil {
		p.disturbed = true
	}
}

func (w *World) fail(p *pay, law, format string, args ...any) {
	s := law + ": "
	if p != nil {
		s += p.order.UUID + ": "
	}
	s += fmt.Sprintf(format, args...)
	w.say("VIOLATION %s", s)
	w.violations = append(w.violations, s)
}

func (w *World) point(name string) { w.cells.point(name) }

func (w *World) lockedPoint(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.point(name)
}

// say adds a line to the story.
func (w *World) say(format string, args ...any) {
	if w.tracing {
		w.sayAt(time.Now(), format, args...)
	}
}

func (w *World) sayAt(at time.Time, format string, args ...any) {
	if !w.tracing {
		return
	}
	w.trace = append(w.trace, fmt.Sprintf("%12.6f s  %s", at.Sub(w.start).Seconds(), fmt.Sprintf(format, args...)))
}

// note adds an operation to the trace.
func (w *World) note(op Op, uuid, detail string, f Fault) {
	if f == None && (op == opDue || op == opRead) {
		return // how often one looks at the same instant says nothing
	}
	w.hash = mix(w.hash, uint64(time.Since(w.start)), uint64(op), uint64(f), uint64(len(detail)))
	if !w.tracing {
		return
	}
	s := op.String()
	if detail != "" {
		s += " (" + detail + ")"
	}
	if uuid != "" && op != opGreet && op != opDial {
		s += " of " + uuid
	}
	if f != None {
		s += " — FAULT: " + f.String()
	}
	w.say("%s", s)
}

// Story is what happened, one line each.
func (w *World) Story() string { return strings.Join(w.trace, "\n") }
