package notify

import (
	"context"
	"sync"
	"time"

	"tillbridge/bridge"
)

const (
	atOnce        = 4               // jobs on their way at a time
	maxRemembered = 256             // notices whose state is kept beside the journal; with so many, nothing new is taken up
	maxNetwork    = 128             // of them, those that the journal knows as well and that wait for the network
	lookEvery     = 2 * time.Second // at the network, while notices wait for it
	maxFresh      = 16              // notices handed over that were not taken up yet
	rescan        = time.Second     // of the outbox, while it holds what is being dealt with
	longestWait   = time.Minute     // without looking: clocks jump
	firstFault    = 250 * time.Millisecond
)

// remembered is a notice that is not left to the journal alone.
type remembered struct {
	job
	at        time.Time // when it is to be taken up again
	unwritten bool      // the journal does not know, and calls it due
	network   bool      // it waits because MGR did not answer
}

// loop is the state of Run; only its goroutine touches it.
type loop struct {
	*Notifier
	busy     map[string]bool // on their way
	memory   map[string]remembered
	finished chan done
	workers  sync.WaitGroup

	scanAt  time.Time // when the outbox is to be looked into; zero for now
	faults  int       // of the outbox, in a row
	pauseTo time.Time // it is left alone until then, whatever scanAt says
	looking bool      // at the network, since something waits for it
	looked  time.Time // when
	words   string    // what it looked like
}

// Run delivers until ctx ends. It returns when everything that it started has ended. It is to be called once.
func (n *Notifier) Run(ctx context.Context) {
	l := &loop{Notifier: n, busy: map[string]bool{}, memory: map[string]remembered{}, finished: make(chan done, atOnce)}
	defer func() {
		l.workers.Wait()
		if t, ok := n.transport.(interface{ CloseIdleConnections() }); ok {
			t.CloseIdleConnections()
		}
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		timer.Reset(time.Until(l.turn(ctx)))
		select {
		case <-ctx.Done():
		case notice := <-n.fresh:
			l.take(ctx, notice)
		case <-n.kick:
			l.scanAt = time.Time{}
		case <-n.retry:
			l.wake()
		case d := <-l.finished:
			l.scanAt = time.Time{}
			if ctx.Err() == nil { // else it may be a try that we broke off
				l.finish(d)
			}
		case <-timer.C:
		}
	}
}

// take starts a notice that was handed over, or leaves it to the outbox where it cannot be started now.
func (l *loop) take(ctx context.Context, notice bridge.Notice) {
	if _, known := l.memory[notice.UUID]; known || l.busy[notice.UUID] || l.free() == 0 || len(l.memory) >= maxRemembered || ctx.Err() != nil {
		l.scanAt = time.Time{}
		return
	}
	l.start(ctx, job{Owed: Owed{Notice: notice}})
}

// turn starts what is due and can be started, and tells when to look again where nothing happens before.
func (l *loop) turn(ctx context.Context) time.Time {
	now := time.Now()
	until := now.Add(longestWait)
	l.look(now)
	if l.free() > 0 && len(l.memory) < maxRemembered {
		if !now.Before(l.scanAt) && !now.Before(l.pauseTo) {
			l.scanAt = earlier(until, l.scan(ctx, now))
		}
		until = earlier(until, later(l.scanAt, l.pauseTo))
	}
	for uuid, m := range l.memory {
		if l.free() > 0 && !m.at.After(now) {
			l.start(ctx, m.job)
			delete(l.memory, uuid)
		}
	}
	if l.looking {
		until = earlier(until, l.looked.Add(lookEvery))
	}
	if l.free() > 0 { // else the end of a job brings us back
		for _, m := range l.memory {
			until = earlier(until, m.at)
		}
	}
	return until
}

// scan starts what the outbox says is due, and tells when to look into it again.
func (l *loop) scan(ctx context.Context, now time.Time) time.Time {
	limit := atOnce + len(l.busy)
	for _, m := range l.memory {
		if m.unwritten {
			limit++
		}
	}
	due, err := l.outbox.Due(ctx, now, limit)
	if err != nil {
		return l.fault(ctx, now, err)
	}
	for _, o := range due {
		if m, ok := l.memory[o.UUID]; ok && (m.unwritten || m.at.After(now)) || l.busy[o.UUID] || l.free() == 0 {
			continue
		}
		delete(l.memory, o.UUID)
		l.start(ctx, job{Owed: o})
	}
	next, owed, err := l.outbox.NextDue(ctx)
	switch {
	case err != nil:
		return l.fault(ctx, now, err)
	case !owed:
		next = now.Add(longestWait)
	case !next.After(now):
		// What is due and was not started is on its way, or known better here, and hides what is due after it.
		next = now.Add(rescan)
	}
	l.faults = 0
	return next
}

// fault leaves the outbox alone for a while, longer each time.
func (l *loop) fault(ctx context.Context, now time.Time, err error) time.Time {
	l.pauseTo = now.Add(min(firstFault<<min(l.faults, 16), mostWait))
	l.faults++
	if ctx.Err() == nil {
		l.log.warn("the outbox cannot be read", "error", l.clean(err.Error()), "faults", l.faults)
	}
	return l.pauseTo
}

func (l *loop) free() int { return atOnce - len(l.busy) }

func (l *loop) start(ctx context.Context, j job) {
	l.busy[j.UUID] = true
	l.workers.Go(func() { l.finished <- l.do(ctx, j) })
}

// finish takes in how a job ended.
func (l *loop) finish(d done) {
	delete(l.busy, d.UUID)
	now := time.Now()
	m := remembered{job: d.job, at: d.verdict.Next, unwritten: d.record != nil, network: d.answer.Err != nil}
	if d.sent {
		l.tell(d)
	}
	if d.verdict.Delivered {
		m.delivered = true
		m.at = now.Add(min(firstWait<<min(m.records, 5), mostWait))
		m.records++
	} else {
		m.Attempts++
	}
	if m.unwritten {
		l.log.warn("the journal cannot record a notice", "uuid", d.UUID, "delivered", m.delivered, "error", l.clean(d.record.Error()))
	}
	if m.unwritten || m.network && len(l.memory) < maxNetwork {
		l.memory[d.UUID] = m
	}
	switch {
	case d.sent && d.verdict.Delivered:
		l.wake()
	case m.network && !l.looking:
		l.looking, l.looked, l.words = true, now, l.network()
	}
}

// tell logs a try and tells the hooks.
func (l *loop) tell(d done) {
	if d.answer.Ahead != nil && l.hooks.Clock != nil {
		l.hooks.Clock(*d.answer.Ahead)
	}
	switch {
	case d.verdict.Delivered:
		l.log.info("MGR has the outcome", "uuid", d.UUID, "approved", d.Approved, "tries", d.Attempts+1)
		if l.hooks.Delivered != nil {
			l.hooks.Delivered(d.UUID)
		}
		return
	case d.verdict.Refused && l.hooks.Refused != nil:
		l.hooks.Refused(d.UUID, d.answer.Status, d.verdict.Why)
	}
	l.log.warn("MGR does not have the outcome yet", "uuid", d.UUID, "reason", d.verdict.Why, "tries", d.Attempts+1,
		"next", d.verdict.Next.Format(time.RFC3339))
}

// wake makes everything due that waits because MGR did not answer: the network is back, or may be.
func (l *loop) wake() {
	now := time.Now()
	for uuid, m := range l.memory {
		if m.network && m.at.After(now) {
			m.at = now
			l.memory[uuid] = m
		}
	}
}

// look wakes what waits for the network when that has changed since the last look.
func (l *loop) look(now time.Time) {
	if !l.looking || now.Before(l.looked.Add(lookEvery)) {
		return
	}
	l.looking = false
	for _, m := range l.memory {
		l.looking = l.looking || m.network
	}
	if !l.looking {
		return // the next failure looks anew
	}
	words := l.network()
	if words != l.words {
		l.wake()
	}
	l.looked, l.words = now, words
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
