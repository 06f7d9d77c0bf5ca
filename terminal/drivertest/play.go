package drivertest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// think is a step's time of the simulated customer and bank.
const think = 100 * time.Millisecond

// mendAfter is when somebody puts right what a script or a fault did to cable and power, counted from the dialogue's end.
const mendAfter = 5 * time.Second

// press is something that a person does at the terminal.
type press struct {
	after  time.Duration // since the payment began; for plan.after since it broke
	action string
}

// plan is what happens in a scenario.
type plan struct {
	script string // of the payment; empty where presses decide
	hands  []press
	minor  int64 // 0 is the usual sum

	fresh   bool          // the terminal has sold nothing yet
	sweep   stage         // in which stage the fault is; idle for none
	phase   phase         // of the payment, for a fault in it
	fault   fault         // its place is filled in by the sweep
	broken  place         // where the payment breaks, for a fault in recovery
	learnt  traffic       // of that payment, undisturbed
	after   []press       // between the break and the first question
	mend    time.Duration // instead of mendAfter
	forget  bool          // the till dies when the dialogue has ended, before it has written down how
	other   bool          // another terminal answers for a minute after the break
	before  []press       // between the reading of the mark and the payment
	swapped bool          // another terminal answers for half a minute before the payment
	moved   bool          // the line is lost under the open session, and another terminal is at its end for a minute
	by      trouble       // by what the payment breaks at plan.broken; none is cut

	seenFails, markFails bool
	rate                 float64 // bit errors
	seed                 uint64
	noise                time.Duration // the bits flip from the payment's begin on, and so long behind its end
	redial               bool          // with noise: the line is lost when it begins
	every                bool          // every place is played
	paced                bool          // every byte comes at its own time, and not all of a write with its last
	unvoted              bool          // the terminal books without a vote of the till
	within               time.Duration // in which Pay must have come to its end; 0 for no matter
	listed               bool          // it must show that the script is played
	second               bool          // another payment is begun before the broken one is asked about
	row                  int           // payments in a row before this one
	want                 end           // how it must end, besides as the ledger says; open for no matter
}

// plain tells whether nothing happens to an approved payment.
func (p plan) plain() bool {
	return p.script == simulate.Approved && p.sweep == idle && p.fault.kind == none && p.broken == plan{}.broken && p.rate == 0
}

// place is where a payment is broken whose recovery is what matters.
type place uint8

const (
	nowhere      place = iota
	afterCommand       // the line is cut when the money command has been handed over
	atTheEnd           // the line is cut one byte before the terminal's last
)

// play is one playing of a scenario at one place.
type play struct {
	s    Subject
	kind terminal.LinkKind
	sc   Scenario
	plan plan

	ctx     context.Context // of everything
	life    context.Context // of the till
	kill    context.CancelFunc
	sim     terminal.Simulator
	line    *meddler
	story   *story
	tasks   sync.WaitGroup
	foreign terminal.Simulator // another terminal that answered for a time
	handed  bool               // the money command was handed over
	base    int                // entries in the ledger when the payment began
	session atomic.Pointer[terminal.Session]
	id      string
	refs    int
	stale   []byte // what is left on the line when the payment begins

	saidBefore [][]byte // what the terminal wrote in the payment that ended last
	mended     time.Time
	marked     atomic.Bool // Till.Mark was called
	died       bool        // the till died in the payment
	asked      bool        // the dialogue did not decide

	mu    sync.Mutex
	wrong []string

	pay   *payment
	learn learnt
	hurry bool          // a customer is there at once
	took  time.Duration // of Pay
	words [][]byte      // that the terminal said since the payment began
	dark  bool          // the terminal was seen without power
	bare  bool          // and without its cable
}

// learnt is what an undisturbed play tells.
type learnt struct {
	opening, paying, asking traffic
	abilities               map[string]bool
}

func (p *play) blame(format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	p.story.add("!! %s", what)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wrong = append(p.wrong, what)
}

// faults are what was found wrong.
func (p *play) faults() []string {
	p.line.mu.Lock()
	all := append([]string(nil), p.line.wrong...)
	p.line.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	return append(append(all, p.wrong...), p.story.leaked()...)
}

// wait passes time, or less when ctx ends.
func (p *play) wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// reference is a new name of a payment, in the engine's form.
func (p *play) reference() string {
	p.refs++
	return fmt.Sprintf("TB%08d", p.refs)
}

// press presses at the terminal; what is not possible now is tried again for two minutes.
func (p *play) press(action string) {
	for range 120 {
		err := p.sim.Press(action)
		if err == nil {
			p.story.add("pressed %s", action)
			return
		}
		p.story.add("press: %v", err)
		p.wait(p.ctx, time.Second)
	}
	p.blame("the simulator takes no %q for two minutes", action)
}

// later presses after times. A customer whose payment is over by then has gone.
func (p *play) later(all []press) {
	for _, h := range all {
		p.tasks.Go(func() {
			p.wait(p.ctx, h.after)
			if h.action == giveUp {
				p.story.add("somebody at the till wants the payment given up")
				p.fire(fault{kind: cancel})()
				return
			}
			if err := p.sim.Press(h.action); err != nil {
				p.story.add("press: %v", err)
				return
			}
			p.story.add("pressed %s", h.action)
		})
	}
}

// newLife starts a till.
func (p *play) newLife() { p.life, p.kill = context.WithCancel(p.ctx) }

// fire is what a fault does beyond the line.
func (p *play) fire(f fault) func() {
	power := func(off, on string) func() {
		return func() {
			p.press(off)
			p.wait(p.ctx, f.for_)
			p.press(on)
		}
	}
	switch f.kind {
	case reboot:
		return power(simulate.PressCutPower, simulate.PressRestorePower)
	case pull:
		return power(simulate.PressPullCable, simulate.PressPlugCable)
	case stop, die:
		return p.kill
	case cancel:
		return func() {
			if s := p.session.Load(); s != nil {
				if c, ok := (*s).(terminal.Canceller); ok {
					c.Cancel()
				}
			}
		}
	}
	return nil
}

// prepare opens a session, reads the mark and passes the time until a customer comes. It tells false where the terminal could
// not be reached; then the payment has ended.
func (p *play) prepare(ctx context.Context, e *engine, pay *payment, main bool) bool {
	f := fault{}
	if main && p.plan.sweep == opening {
		f = p.plan.fault
	}
	p.line.begin(opening, f, p.fire(f))
	for began := time.Now(); ; {
		if err := e.ready(ctx); err == nil {
			break
		}
		if time.Since(began) > queueLimit || ctx.Err() != nil {
			pay.end, pay.why = notSent, "the terminal could not be reached in time"
			return false
		}
		p.wait(ctx, backoff(e.failed, 3*time.Second))
	}
	if main {
		p.learn.opening = p.line.whats()
		_, cancels := e.session.(terminal.Canceller)
		p.learn.abilities = map[string]bool{
			Canceller: cancels, Identity: p.id != "", marker: e.mark.Known(), Line: p.learn.opening.bytes != [2]int{},
		}
	}
	if !p.hurry {
		p.wait(ctx, time.Minute)
	}
	if main && p.plan.moved {
		p.swap(time.Minute)
		p.line.drop()
	}
	if main {
		for _, h := range p.plan.before {
			p.press(h.action)
			p.wait(ctx, time.Second)
		}
	}
	return true
}

// leaveStale leaves what the terminal said before on the line.
func (p *play) leaveStale() {
	if k := p.plan.fault.kind; (k == staleAll || k == staleLast) && len(p.stale) > 0 {
		if !p.line.leave(p.stale) {
			p.story.add("   no line is open between payments")
		}
		p.stale = nil
	}
}

// ledger is the simulator's.
func (p *play) ledger() []terminal.Entry { return p.sim.Face().Ledger }

// sales counts the ledger's entries.
func (p *play) sales() int { return len(p.ledger()) }

// ours are the entries since a place that are neither made by hand nor of the following payment.
func (p *play) ours(base int) (mine []terminal.Entry) {
	for _, e := range p.ledger()[base:] {
		if !e.Manual && e.Kind == simulate.Sale && e.Minor != laterMinor {
			mine = append(mine, e)
		}
	}
	return mine
}

func captured(entries []terminal.Entry) (yes []terminal.Entry) {
	for _, e := range entries {
		if e.Captured {
			yes = append(yes, e)
		}
	}
	return yes
}

// report is a failure in words.
func (p *play) report() string {
	var b strings.Builder
	for _, w := range p.faults() {
		fmt.Fprintf(&b, "WRONG: %s\n", w)
	}
	fmt.Fprintf(&b, "what happens: %s\n", p.sc.What)
	if f := p.plan.fault; f.kind != none {
		fmt.Fprintf(&b, "position: %s at %d %s, %s\n", f.kind, f.at, f.way, p.plan.sweep)
	}
	if p.pay != nil {
		fmt.Fprintf(&b, "the payment: %s, %s (%s by %s)\n", p.pay.end, p.pay.why, p.pay.result.Outcome, p.pay.result.Proof)
	}
	b.WriteString("the ledger:\n")
	for _, e := range p.ledger() {
		fmt.Fprintf(&b, "    %+v\n", e)
	}
	fmt.Fprintf(&b, "the story:\n%s\n", p.story)
	return b.String()
}
