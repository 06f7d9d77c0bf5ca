package shop

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"tillbridge/bridge"
)

func readAll(answer *http.Response) (string, error) {
	defer answer.Body.Close()
	b, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	return string(b), err
}

// Play plays the plan of a shop to its end and judges it.
func (s *Shop) Play() {
	over := make(chan struct{})
	var keeper sync.WaitGroup
	keeper.Go(func() { s.keep(over) })
	var people, beside sync.WaitGroup
	for _, p := range s.places {
		people.Go(p.serve)
		beside.Go(p.trouble)
	}
	beside.Go(s.newClerk().work)
	beside.Go(s.strangers)
	beside.Go(s.rest)
	people.Wait()
	beside.Wait()
	s.settleDown()
	close(over)
	keeper.Wait()
	s.last()
	s.close()
	wait(time.Second) // of the bubble: whoever can still go on has done so by then
	s.leaks()
}

// keep starts the bridge, stops and kills it as planned, and starts it again, until over.
func (s *Shop) keep(over <-chan struct{}) {
	restarts := s.plan.restarts
	for life := 1; ; life++ {
		m := newMains(-1, false)
		var next *act
		if len(restarts) > 0 && !s.calm.Load() {
			next = &restarts[0]
			restarts = restarts[1:]
			if next.what == atTouch {
				m = newMains(int(next.n/2), next.n%2 == 0)
			}
		}
		h, err := s.open(life, m)
		if err != nil && !m.isDead() {
			s.fail("I16", "", "the bridge does not start: %v", err)
			return
		}
		if err == nil {
			s.say("life %d begins", life)
			h.began = time.Now()
			s.house.Store(h)
			done := s.live(h, next, over)
			if !done {
				s.disturbAll("the bridge ended")
			}
			s.house.Store(nil)
			h.end()
			s.say("life %d has ended: %s", life, m.last)
			if done {
				return
			}
		}
		s.count(func(f *Figures) { f.Restarts++; f.Deaths += btoi(m.isDead()) })
		if next != nil && !s.calm.Load() {
			s.night.Store(next.arg > time.Hour)
			wait(next.arg)
			s.night.Store(false)
		}
	}
}

// live lets a life go on until it is over; true where no other follows.
func (s *Shop) live(h *house, next *act, over <-chan struct{}) bool {
	due := make(chan struct{})
	if next != nil && next.what != atTouch {
		var timer sync.WaitGroup
		defer timer.Wait()
		ended := make(chan struct{})
		defer close(ended)
		timer.Go(func() { s.dueUnless(*next, due, ended) })
	}
	select {
	case <-over:
		return true
	case <-h.mains.gone:
		s.fault("the bridge died %s", h.mains.last)
	case err := <-h.failed:
		if !h.mains.isDead() {
			s.fail("I16", "", "a part of the bridge broke down: %v", err)
		}
	case <-due:
		if next.what == "die" {
			s.fault("the bridge dies")
			h.mains.off("of a power cut")
		} else {
			s.fault("the bridge is stopped")
		}
	}
	return false
}

// rest tells the bridge of sleeps and jumps of the clock, as bridge/daemon does when it sees one.
func (s *Shop) rest() {
	for _, a := range s.plan.sleeps {
		s.due(a)
		if s.calm.Load() {
			return
		}
		if h := s.house.Load(); h != nil {
			s.fault("%s", a.what)
			s.count(func(f *Figures) { f.Sleeps++ })
			if a.what == aSleep {
				s.disturbAll(a.what)
			}
			h.desk.Resumed(a.what == aSleep)
			h.notifier.Retry()
		}
	}
}

// settleDown stops the faults. Five minutes later everything must be final or on hold; the clerk settles the rest, and
// MGR is told everything.
func (s *Shop) settleDown() {
	s.say("the faults stop")
	s.calm.Store(true)
	for _, p := range s.places {
		p.mend()
	}
	for range 20 * 360 { // a bridge that is away comes back, the next morning at the latest
		if h := s.house.Load(); h != nil && h.mains.stay() {
			break
		}
		wait(10 * time.Second)
	}
	wait(5 * time.Minute)
	h := s.house.Load()
	if h == nil {
		s.fail("I16", "", "no bridge is up five minutes after the faults stopped")
		return
	}
	open, err := h.journal.Unsettled(context.Background())
	if err != nil {
		s.fail("I16", "", "%v", err)
	}
	for _, p := range open {
		if p.State != bridge.Held {
			s.fail("I16", p.UUID, "it is %s five minutes after the faults stopped: %s", p.State, p.Reason)
		}
	}
	s.judgeHolds(h)
	c := s.newClerk()
	c.settleHolds(nil, true)
	c.client.CloseIdleConnections()
	for range 34 { // a notice that MGR refused comes again after 15 minutes
		if n, err := h.journal.Owed(context.Background()); err != nil || n == 0 {
			break
		}
		wait(30 * time.Second)
	}
	wait(2 * time.Second) // what was delivered is recorded
	s.judge(h)
}

// last looks at the books that outlive the bridge.
func (s *Shop) last() {
	for _, wrong := range s.mgr.Contradicts() {
		s.fail("I5", "", "MGR's book: %s", wrong)
	}
}

// leaks looks for what was left open.
func (s *Shop) leaks() {
	if n := s.network.ends(); n != 0 {
		s.fail("I12", "", "%d ends of connections are open when all is over", n)
	}
	for _, p := range s.places {
		if n := p.lines(); n != 0 {
			s.fail("I12", "", "the bridge left %d lines to %s open", n, p.name)
		}
	}
}
