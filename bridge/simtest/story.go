package simtest

import (
	"log/slog"
	"sort"
	"time"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// classes are the evidence classes and their combinations that a protocol can have.
var classes = []terminal.Evidence{
	terminal.C0, terminal.C1, terminal.C1 | terminal.C4, terminal.C2, terminal.C2 | terminal.C4, terminal.C3, terminal.C3 | terminal.C4,
}

// act is something that people or things do at a time.
type act struct {
	at   time.Duration
	what Fault // None for a webhook of MGR's own accord
	pay  *pay
	arg  time.Duration
}

// story plays one script.
type story struct {
	*World
	dice   *dice
	log    *slog.Logger
	script []act
	away   time.Duration // how long the bridge stays dead
	old    []*life
}

func (s *story) at(d time.Duration, what Fault, p *pay, arg time.Duration) {
	s.script = append(s.script, act{d, what, p, arg})
}

// play acts the script out, then lets the faults stop and looks at the end.
func (s *story) play() {
	sort.SliceStable(s.script, func(i, j int) bool { return s.script[i].at < s.script[j].at })
	s.revive()
	for len(s.script) > 0 {
		a := s.script[0]
		if !s.waitFor(s.start.Add(a.at)) {
			continue // it died; the act is still to come
		}
		s.script = s.script[1:]
		s.do(a)
	}
	s.end()
}

// waitFor waits for a time; false where the bridge died meanwhile, and then lives again.
func (s *story) waitFor(at time.Time) bool {
	at = actorStory.after(at)
	d := time.Until(at)
	if d <= 0 {
		d = time.Until(actorStory.after(time.Now().Add(time.Microsecond)))
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.life.died:
		s.bury()
		wait(time.Until(actorStory.after(time.Now().Add(s.away))))
		s.revive()
		return false
	}
}

// pass lets time pass, whatever happens to the bridge meanwhile.
func (s *story) pass(d time.Duration) {
	until := time.Now().Add(d)
	for !s.waitFor(until) {
	}
}

// bury takes note of a life that is over.
func (s *story) bury() { s.old = append(s.old, s.life) }

// revive starts the bridge until it is up.
func (s *story) revive() {
	for tries := 1; !s.begin(s.log); tries++ {
		s.bury()
		if tries == 10000 {
			panic("the bridge does not start again")
		}
		wait(time.Until(actorStory.after(time.Now().Add(2 * time.Second))))
	}
}

// do carries out one act.
func (s *story) do(a act) {
	w := s.World
	if a.what == Repeated && !s.repeats(a.pay) {
		return
	}
	if a.what != None {
		w.mu.Lock()
		uuid := w.current
		if a.pay != nil {
			uuid = a.pay.order.UUID
		}
		w.strikes(a.what, uuid)
		w.note(opActions, uuid, a.what.String(), None)
		w.mu.Unlock()
	}
	switch a.what {
	case None, Repeated, Forgets:
		w.webhook(a.pay, actorStory, false)
	case Conflicting:
		w.mu.Lock()
		known := w.disk.payments[a.pay.order.UUID].State != bridge.None
		w.mu.Unlock()
		if known {
			w.webhook(a.pay, actorStory, true)
		}
	case AtOnce:
		s.atOnce(a.pay)
	case Cancelled:
		_ = w.life.desk.Cancel("counter")
	case AskedAgain:
		_ = w.life.desk.AskAgain(w.life.ctx, a.pay.order.UUID)
	case Returned:
		s.giveBack(a.pay)
	case Closed:
		_ = w.life.desk.EndDay(w.life.ctx, "counter", "Olga")
	case Settled, SettledWrong:
		s.settle(a.what == SettledWrong)
	case CleanRestart:
		s.restart(a.arg)
	default:
		w.mu.Lock()
		defer w.mu.Unlock()
		s.happen(a)
	}
}

// repeats tells whether MGR asks for a payment again: always where it has no 202, else now and then.
func (s *story) repeats(p *pay) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(p.accepted) == 0 || s.dice.chance(15)
}

// happen is what befalls the things of the world, which is locked.
func (s *story) happen(a act) {
	w := s.World
	switch a.what {
	case DieBefore:
		w.life.kill("killed")
	case ManualSale:
		w.terminal.manual(w.amount(), 0)
	case ManualBusy:
		amount := w.amount()
		if w.class.Has(terminal.C2) {
			amount = 777
		}
		w.terminal.manual(amount, a.arg)
	case DayEnd:
		w.terminal.dayEnd()
	case Unplug:
		w.terminal.advance(time.Now())
		w.terminal.unplug(a.arg)
	case PowerCut:
		w.terminal.powerCut(a.arg)
	case ClockForward:
		w.offset += a.arg
	case ClockBack:
		w.offset -= a.arg
	case Suspended:
		w.offset += a.arg
		w.terminal.disturb()
		w.terminal.line.cut()
	case MGRAway:
		w.mgr.awayUntil = time.Now().Add(a.arg)
	case DiskBroken:
		w.diskUntil = time.Now().Add(a.arg)
	}
}

// atOnce sends two webhooks at one time: twice the same payment, or this one and the next.
func (s *story) atOnce(p *pay) {
	q := p
	if s.dice.chance(60) && p.n+1 < len(s.pays) {
		q = s.pays[p.n+1]
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.webhook(q, actorSecond, false)
	}()
	s.webhook(p, actorStory, false)
	<-done
	wait(time.Until(actorStory.after(time.Now().Add(time.Microsecond))))
}

// settle is an operator who settles what is on hold, by the terminal's own records or without looking.
func (s *story) settle(wrong bool) {
	for _, p := range s.pays {
		s.mu.Lock()
		stored := s.disk.payments[p.order.UUID]
		s.terminal.advance(time.Now())
		busy := s.terminal.now != nil && s.terminal.now.p == p
		b := p.booking
		s.mu.Unlock()
		if !stored.State.NotKnown() || busy {
			continue
		}
		approved := (b != nil) != wrong
		who := bridge.Person{Name: "Anna", Evidence: "looked at card 4111111111111111"}
		if approved {
			who.AuthCode, who.TxnRef = "X1", "1"
			if b != nil {
				who.AuthCode, who.TxnRef = b.Auth, itoa(b.Seq)
			}
		}
		s.mu.Lock()
		s.say("Anna settles %s: approved=%v", p.order.UUID, approved)
		s.mu.Unlock()
		err := s.life.desk.Resolve(s.life.ctx, p.order.UUID, approved, who)
		s.mu.Lock()
		if err != nil {
			s.say("not settled: %v", err)
		}
		s.mu.Unlock()
	}
}

// restart stops the bridge as a service is stopped, and starts it again.
func (s *story) restart(away time.Duration) {
	l := s.life
	s.mu.Lock()
	for _, p := range s.pays {
		if s.disk.payments[p.order.UUID].State.Open() {
			p.disturbed = true
		}
	}
	l.up = false
	s.mu.Unlock()
	l.stop()
	l.ended.Wait()
	s.mu.Lock()
	if !l.dead {
		l.kill("stopped")
	}
	s.mu.Unlock()
	s.bury()
	wait(time.Until(actorStory.after(time.Now().Add(away))))
	s.revive()
}

// end stops the faults and waits until everything that can be decided is.
func (s *story) end() {
	s.mu.Lock()
	s.calm, s.mgr.awayUntil, s.diskUntil = true, time.Time{}, time.Time{}
	close(s.calmed)
	s.terminal.plugged, s.terminal.plugAt = true, time.Time{}
	s.say("the faults stop")
	s.mu.Unlock()
	s.hurry.Wait()
	s.quiet(5*time.Minute, func(p bridge.Payment) bool { return p.Final() || p.State == bridge.Held })
	s.mu.Lock()
	for _, p := range s.pays {
		if x := s.disk.payments[p.order.UUID]; x.State.Open() && x.State != bridge.Held {
			s.fail(p, "I16", "it is %s five minutes after the faults stopped: %s", x.State, x.Reason)
		}
	}
	s.mu.Unlock()
	s.quiet(2*time.Hour, func(p bridge.Payment) bool { return p.Done() || p.State == bridge.Held })
	s.mu.Lock()
	s.finished()
	s.mu.Unlock()
	if s.seed%4 == 0 && !s.class.Has(terminal.C0) {
		s.afterwards()
	}
	s.close()
}

// afterwards settles what is on hold by the terminal's records and makes one more payment, which nothing disturbs:
// whatever has happened, the bridge must be of use again.
func (s *story) afterwards() {
	s.pass(2 * time.Minute) // whatever the terminal is at ends
	s.settle(false)
	s.quiet(2*time.Hour, bridge.Payment.Done)
	s.mu.Lock()
	s.terminal.decide = func(int) Decision { return Approve }
	p := s.add(4711)
	s.mu.Unlock()
	s.pass(time.Minute)
	s.webhook(p, actorStory, false)
	s.quiet(5*time.Minute, bridge.Payment.Done)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(p.told) != 1 || p.told[0].Status != "APPROVED" {
		s.fail(p, "I16", "a payment that nothing disturbs is %s, MGR was told %v", s.state(p.order.UUID), p.told)
	}
	s.finished()
}

// quiet waits at most so long until every payment is as wished and no notice is owed.
func (s *story) quiet(most time.Duration, done func(bridge.Payment) bool) {
	until := time.Now().Add(most)
	step := time.Second
	for time.Now().Before(until) {
		s.mu.Lock()
		all := true
		for _, p := range s.disk.payments {
			all = all && done(p)
		}
		for _, p := range s.pays {
			all = all && p.alarmDue == nil && (p.wants.IsZero() || len(p.told) == 0 || !p.told[len(p.told)-1].At.Before(p.wants))
		}
		s.mu.Unlock()
		if all {
			return
		}
		if s.waitFor(time.Now().Add(step)) {
			step = min(step*2, 30*time.Second)
		}
	}
}

// close ends the last life and waits for what an earlier one left behind.
func (s *story) close() {
	l := s.life
	l.stop()
	l.ended.Wait()
	s.mu.Lock()
	if !l.dead {
		l.kill("the story is over")
	}
	s.mu.Unlock()
	for _, o := range s.old {
		o.ended.Wait()
	}
	wait(time.Minute)
}
