package drivertest

import (
	"cmp"
	"context"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// followers is how often a following payment is begun: the terminal may still be at work on the one before.
const followers = 12

// repeats is how long a terminal may go on saying what is not acknowledged, once the dialogue is over.
const repeats = 30 * time.Second

// perform plays a scenario once, in a bubble of its own. What was found is in the play.
func perform(t *testing.T, s Subject, k terminal.LinkKind, sc Scenario) (p *play) {
	t.Helper()
	p = &play{s: s, kind: k, sc: sc, plan: sc.plan}
	defer func() {
		if r := recover(); r != nil { // the bubble ended with goroutines that wait for ever
			p.blame("the play did not come to its end: %v", r)
		}
	}()
	synctest.Test(t, func(*testing.T) { p.run() })
	return p
}

// run plays from the first opening to the last goroutine.
func (p *play) run() {
	var stop context.CancelFunc
	p.ctx, stop = context.WithCancel(context.Background())
	p.story = newStory(p.s.Cards)
	sim, err := p.s.simulator(p.kind, p.plan.script, "")
	p.line = newMeddler(p.ctx, p.s, p.kind, sim, p.story)
	p.newLife()
	if err != nil {
		p.blame("the simulator cannot be made: %v", err)
		stop()
		return
	}
	p.sim = sim
	p.line.bytewise = p.plan.paced || p.plan.rate > 0
	if p.plan.rate > 0 {
		seed := p.plan.seed << 16
		p.line.noisy = func(port terminal.Port) terminal.Port {
			seed++
			return simulate.Noise(port, p.plan.rate, seed)
		}
	}
	if p.plan.noise > 0 {
		p.line.quiet, p.line.ears = true, &ears{}
	}
	if p.plan.listed {
		p.tasks.Go(p.behold)
	}
	e := &engine{p: p}
	p.earlier(e)
	p.pay = e.charge(p.life, p.sum(), p.breaking(), true)
	e = p.settle(e)
	p.verify()
	p.follow(e)
	e.drop()
	p.wait(p.ctx, 10*time.Minute) // what comes late comes now
	p.verify()
	p.kill()
	stop()
	p.line.shut()
	p.line.tasks.Wait()
	p.tasks.Wait()
}

func (p *play) sum() int64 {
	if p.plan.minor != 0 {
		return max(p.plan.minor, p.s.Least)
	}
	return minor
}

// earlier makes the history before the payment.
func (p *play) earlier(e *engine) {
	if !p.plan.fresh && p.can(simulate.PressManualSale) {
		p.press(handSale(earlierMinor))
	}
	rows := p.plan.row
	if k := p.plan.fault.kind; k == staleAll || k == staleLast {
		rows = 1
	}
	if p.plan.swapped {
		rows = 1 // so that it is known which terminal is ours
	}
	for range rows {
		p.force(simulate.Approved)
		if pay := e.charge(p.life, laterMinor, fault{}, false); pay.end != approved {
			p.blame("a payment before the scenario's ended %s: %s", pay.end, pay.why)
		}
		p.remember()
		p.force(p.plan.script)
	}
	if p.plan.swapped {
		e.drop()
		p.swap(queueLimit / 2)
	}
}

// remember keeps what the terminal said in the payment that has just ended.
func (p *play) remember() {
	said := p.saidBefore
	if p.plan.fault.kind == staleLast && len(said) > 0 {
		said = said[len(said)-1:]
	}
	for _, b := range said {
		p.stale = append(p.stale, b...)
	}
}

// force makes an outcome the script.
func (p *play) force(outcome string) {
	if outcome == "" {
		outcome = simulate.PressByHand
	}
	p.press(outcome)
}

// can tells whether the simulator takes an action.
func (p *play) can(action string) bool {
	for _, a := range p.sim.Actions() {
		if a == action {
			return true
		}
	}
	return false
}

// swap lets another terminal answer for a time.
func (p *play) swap(d time.Duration) {
	other, err := p.s.simulator(p.kind, simulate.Approved, cmp.Or(p.s.OtherID, "52500099"))
	if err != nil {
		p.blame("another terminal cannot be made: %v", err)
		return
	}
	_ = other.Press(handSale(handMinor)) // where it can be pressed at all; its history is its own either way
	p.story.add("-- another terminal is plugged in")
	p.line.exchange(other)
	p.foreign = other
	p.tasks.Go(func() {
		p.wait(p.ctx, d)
		p.line.drop()
		p.line.exchange(p.sim)
		p.story.add("-- the right terminal is plugged in again")
	})
}

// breaking is the fault of the payment itself.
func (p *play) breaking() fault {
	const away = 2 * time.Second
	l, by := p.plan.learnt, p.plan.by
	if by == none {
		by = cut
	}
	switch {
	case p.plan.broken == afterCommand:
		return fault{kind: by, way: in, at: l.inThen + 1, for_: away}
	case p.plan.broken == atTheEnd:
		return fault{kind: by, way: in, at: l.bytes[in] - 1, for_: away}
	case p.plan.sweep == paying:
		return p.plan.fault
	}
	return fault{}
}

// settle asks until the payment is decided or held, as the engine does. It returns the engine that lives then.
func (p *play) settle(e *engine) *engine {
	p.died = p.line.isDead() || p.plan.forget
	if p.died {
		p.pay.end, p.pay.result, p.pay.why = open, terminal.Result{}, "the till died"
	}
	mend := p.plan.mend
	if mend == 0 {
		mend = mendAfter
	}
	p.mended = time.Now().Add(mend)
	p.later([]press{{mend, simulate.PressPlugCable}, {mend, simulate.PressRestorePower}})
	if p.plan.rate > 0 {
		lasts := max(p.plan.noise, time.Minute)
		p.mended = p.mended.Add(lasts)
		p.tasks.Go(func() {
			p.wait(p.ctx, lasts)
			p.line.calm()
		})
	}
	if p.died || p.life.Err() != nil {
		e = p.restart(e)
	}
	if p.pay.end != open {
		return e
	}
	p.asked = true
	if p.plan.second {
		p.crowd(e)
	}
	for _, h := range p.plan.after {
		e.drop()
		p.wait(p.ctx, h.after)
		p.press(h.action)
	}
	if p.plan.other {
		e.drop()
		p.swap(time.Minute)
		p.mended = time.Now().Add(time.Minute)
	}
	return p.recover(e)
}

// crowd begins another payment while the terminal may still be at work on the first one: somebody has settled that by hand too early.
func (p *play) crowd(e *engine) {
	base := p.sales()
	p.hurry = true
	other := e.charge(p.life, laterMinor, fault{}, false)
	p.hurry = false
	for limit := time.Now().Add(askFor); other.end == open && time.Now().Before(limit); {
		p.wait(p.life, e.ask(p.life, other))
	}
	if p.pay.evidence&terminal.C3 == 0 { // asked about no more, since its record may be overwritten
		p.pay.end, p.pay.why = held, "somebody has settled it by hand"
	}
	p.compare("the second payment", other, p.followers(base))
	if other.end == open || other.end == held && Class(p.s.Driver.Evidence) == terminal.C3 {
		p.blame("the second payment ended %s: %s", other.end, other.why)
	}
	e.drop()
}

// recover is the asking.
func (p *play) recover(e *engine) *engine {
	f := fault{}
	if p.plan.sweep == asking {
		f = p.plan.fault
	}
	p.line.begin(asking, f, p.fire(f))
	for first := true; p.pay.end == open; first = false {
		if until := p.whole().Add(askFor); time.Now().After(until) {
			p.blame("everything has been whole for %s, and the payment is still asked about: %s", askFor, p.pay.why)
			break
		}
		wait := e.ask(p.life, p.pay)
		if first {
			p.learn.asking = p.line.whats()
		}
		if p.line.isDead() || p.life.Err() != nil {
			e = p.restart(e)
			continue
		}
		p.wait(p.life, wait)
	}
	p.line.begin(idle, fault{}, nil)
	return e
}

// whole is when the last fault is over.
func (p *play) whole() time.Time {
	p.line.mu.Lock()
	defer p.line.mu.Unlock()
	if end := p.line.firedAt.Add(p.line.lasts); end.After(p.mended) {
		return end
	}
	return p.mended
}

// restart throws the till away and starts another.
func (p *play) restart(e *engine) *engine {
	e.drop()
	p.kill()
	p.wait(p.ctx, time.Second)
	p.line.revive()
	p.newLife()
	return &engine{p: p}
}

// follow makes the next customer pay.
func (p *play) follow(e *engine) {
	p.wait(p.ctx, time.Until(p.whole()))
	if p.plan.listed {
		p.wait(p.ctx, repeats)
	}
	p.words = p.line.allSaid()
	p.line.calm()
	if p.pay.end == held || p.pay.end == open {
		e.mark = "" // a person has looked, and settled it
		p.wait(p.ctx, 3*time.Minute)
	}
	for _, a := range []string{simulate.PressPlugCable, simulate.PressRestorePower, simulate.Approved} {
		p.press(a)
	}
	base := p.sales()
	var last *payment
	for range followers {
		last = e.charge(p.life, laterMinor, fault{}, false)
		for limit := time.Now().Add(askFor); last.end == open && time.Now().Before(limit); {
			p.wait(p.life, e.ask(p.life, last))
		}
		if last.end != declined && last.end != notSent {
			break
		}
		p.wait(p.ctx, 20*time.Second)
	}
	if last.end != approved {
		p.blame("the following payment ended %s: %s", last.end, last.why)
	}
	p.compare("the following payment", last, p.followers(base))
}
