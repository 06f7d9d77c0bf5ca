package simtest

import (
	"context"
	"errors"
	"slices"
	"sort"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/notify"
	"tillbridge/terminal"
)

// Disk is a journal in memory with the real one's rules, and with the faults of a disk. Its times are those of
// the wall clock, which may be set while a bridge runs.
type Disk struct {
	w        *World
	payments map[string]bridge.Payment
	order    []string
	owed     map[string]*owing
	days     []bridge.DayEnd
	ghost    func() // a failed commit that a restart may find; nil for none
}

type owing struct {
	notice   bridge.Notice
	attempts int
	next     time.Time // by the wall clock; zero for at once
}

var (
	errDisk  = errors.New("the disk failed")
	errSpace = errors.New("the disk is full")
)

// tooFar is the journal's own: what is postponed further was written under another clock.
const tooFar = 24 * time.Hour

func newDisk(w *World) *Disk {
	return &Disk{w: w, payments: map[string]bridge.Payment{}, owed: map[string]*owing{}}
}

// view is a stored payment as a reader has it, whose clock stands where it stands now.
func (d *Disk) view(p bridge.Payment) bridge.Payment {
	for _, t := range []*time.Time{&p.Received, &p.Armed, &p.Updated} {
		if !t.IsZero() {
			*t = t.Add(-d.w.offset).Round(0)
		}
	}
	return p
}

// put judges a step as the real journal does and makes it durable.
func (d *Disk) put(t bridge.Transition) error {
	e, uuid := t.Event, t.After.UUID
	e.At = e.At.Add(d.w.offset).Round(0)
	known, there := d.payments[uuid]
	switch {
	case !there && e.Kind != bridge.Accept:
		return bridge.ErrStale
	case there && e.Kind == bridge.Accept:
		return bridge.ErrExists
	case there && known.Entries != t.Before.Entries:
		return bridge.ErrStale
	}
	next, err := bridge.Step(known, e)
	if err != nil {
		return err
	}
	if next.After.State != t.After.State || next.After.Outcome != t.After.Outcome {
		return bridge.ErrStale
	}
	if !there {
		d.order = append(d.order, uuid)
	}
	d.payments[uuid] = next.After
	if next.Has(bridge.Notify) {
		n, _ := next.After.Notice()
		d.owed[uuid] = &owing{notice: n}
	}
	if e.Kind == bridge.Report {
		delete(d.owed, uuid)
	}
	d.w.journalled(next)
	return nil
}

// write carries out a write under a fault. The world is locked.
func (d *Disk) write(f Fault, do func() error) error {
	switch f {
	case WriteLost, ReadFails:
		return errDisk
	case WriteKept:
		if err := do(); err != nil {
			return err
		}
		d.ghost = nil
		return errDisk
	case WriteGhost:
		d.ghost = func() { _ = do() }
		return errDisk
	}
	err := do()
	if err == nil {
		d.ghost = nil // its place in the log is taken
	}
	return err
}

// restart is what a new life finds.
func (d *Disk) restart(found bool) {
	if d.ghost != nil && found {
		d.w.say("the restart finds a write that had failed")
		d.w.point("a ghost write was found by a restart")
		d.ghost()
	}
	d.ghost = nil
}

// store is a life's own way to the disk.
type store struct {
	*Disk
	life *life
}

// firstRead is a context value of MGR's webhooks: the first look at the journal takes its time.
type firstRead struct {
	actor int
	done  bool
}

type firstReadKey struct{}

func (s store) Append(_ context.Context, t bridge.Transition) error {
	op := opAppend
	switch t.Event.Kind {
	case bridge.Accept:
		op = opAccept
	case bridge.GiveUp, bridge.See, bridge.Send, bridge.Acknowledge, bridge.Resolve:
		// Its caller may hold a lock that others wait for.
	default:
		s.life.actorOf(t).pass(s.w)
	}
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	return s.life.do(op, t.After.UUID, t.Event.Kind.String(), func(f Fault) error {
		return s.write(f, func() error { return s.put(t) })
	})
}

// actorOf tells whose goroutine makes a step durable.
func (l *life) actorOf(t bridge.Transition) actor {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	switch {
	case t.Event.Kind == bridge.Report:
		return l.w.noticeActor(t.After.UUID)
	case !l.up && t.Event.Kind != bridge.Ask: // the workers begin before we know that it is up
		return actorBoot
	}
	return actorTill
}

func (s store) Payment(ctx context.Context, uuid string) (p bridge.Payment, there bool, err error) {
	if first, ok := ctx.Value(firstReadKey{}).(*firstRead); ok && !first.done {
		first.done = true
		actor(first.actor).pass(s.w)
	}
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	err = s.life.do(opRead, uuid, "", func(f Fault) error {
		if f != None {
			return errDisk
		}
		p, there = s.payments[uuid]
		p = s.view(p)
		return nil
	})
	if err != nil {
		return bridge.Payment{}, false, err
	}
	return p, there, nil
}

func (s store) Unsettled(context.Context) (open []bridge.Payment, err error) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	err = s.life.do(opOpen, s.w.current, "", func(f Fault) error {
		if f != None {
			return errDisk
		}
		for _, uuid := range s.order {
			if p := s.payments[uuid]; p.State.Open() {
				open = append(open, s.view(p))
			}
		}
		return nil
	})
	return open, err
}

func (s store) Returns(_ context.Context, sale string) (all []bridge.Payment, err error) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	err = s.life.do(opRead, sale, "returns", func(f Fault) error {
		if f != None {
			return errDisk
		}
		for _, uuid := range s.order {
			if p := s.payments[uuid]; p.Sale == sale {
				all = append(all, s.view(p))
			}
		}
		return nil
	})
	return all, err
}

func (s store) BeginDayEnd(_ context.Context, e bridge.DayEnd) (bridge.DayEnd, error) {
	actorTill.pass(s.w)
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	err := s.life.do(opNote, s.w.current, "begin end of day", func(f Fault) error {
		return s.write(f, func() error {
			e.ID = int64(len(s.days) + 1)
			s.days = append(s.days, e)
			return nil
		})
	})
	return e, err
}

func (s store) EndDayEnd(_ context.Context, e bridge.DayEnd) error {
	actorTill.pass(s.w)
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	return s.life.do(opNote, s.w.current, "end end of day", func(f Fault) error {
		return s.write(f, func() error {
			s.days[e.ID-1] = e
			return nil
		})
	})
}

func (s store) DayEnds(context.Context, string) (all []bridge.DayEnd, err error) {
	actorTill.pass(s.w)
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	err = s.life.do(opRead, s.w.current, "ends of day", func(f Fault) error {
		if f != None {
			return errDisk
		}
		for _, e := range slices.Backward(s.days) {
			all = append(all, e)
		}
		return nil
	})
	return all, err
}

func (s store) Armed(_ context.Context, _ string, from, to time.Time, limit int) (all []bridge.Payment, err error) {
	actorTill.pass(s.w)
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	err = s.life.do(opRead, s.w.current, "armed", func(f Fault) error {
		if f != None {
			return errDisk
		}
		for _, uuid := range s.order {
			if p := s.view(s.payments[uuid]); p.Armed.After(from) && !p.Armed.After(to) && len(all) < limit {
				all = append(all, p)
			}
		}
		return nil
	})
	return all, err
}

func (s store) SetMark(context.Context, string, terminal.Mark, string) error {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	return s.life.do(opNote, s.w.current, "mark", func(f Fault) error { return s.write(f, func() error { return nil }) })
}

func (s store) SaveReceipt(context.Context, string, terminal.Receipt) error { return nil }

func (s store) Renotify(_ context.Context, uuid string) (there bool, err error) {
	actorAgain.pass(s.w)
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	err = s.life.do(opNote, uuid, "send again", func(f Fault) error {
		return s.write(f, func() error {
			n, final := s.payments[uuid].Notice()
			if !final {
				return errors.New("send again: it is not final")
			}
			var o *owing
			if o, there = s.owed[uuid]; !there {
				s.owed[uuid] = &owing{notice: n}
			} else {
				o.next = time.Time{}
			}
			return nil
		})
	})
	return there && err == nil, err
}

func (s store) Forget(_ context.Context, uuid string) error {
	s.w.noticeActor(uuid).pass(s.w)
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	return s.life.do(opNote, uuid, "forget", func(f Fault) error {
		return s.write(f, func() error {
			if s.payments[uuid].State == bridge.Reported {
				delete(s.owed, uuid)
			}
			return nil
		})
	})
}

func (s store) Accepting() error {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	return s.life.do(opSpace, s.w.current, "", func(f Fault) error {
		if f != None || time.Now().Before(s.w.diskUntil) {
			return errSpace
		}
		return nil
	})
}

// outbox is the notifier's side of the journal.
type outbox struct{ store }

func (o outbox) Due(_ context.Context, now time.Time, limit int) (due []notify.Owed, err error) {
	o.w.mu.Lock()
	defer o.w.mu.Unlock()
	wall := now.Add(o.w.offset)
	err = o.life.do(opDue, o.w.current, "", func(f Fault) error {
		if f != None {
			return errDisk
		}
		var uuids []string
		for uuid, x := range o.owed {
			if !x.next.After(wall) || x.next.After(wall.Add(tooFar)) {
				uuids = append(uuids, uuid)
			}
		}
		sort.Slice(uuids, func(i, j int) bool {
			a, b := o.owed[uuids[i]], o.owed[uuids[j]]
			if !a.next.Equal(b.next) {
				return a.next.Before(b.next)
			}
			return uuids[i] < uuids[j]
		})
		for _, uuid := range uuids[:min(limit, len(uuids))] {
			due = append(due, notify.Owed{Notice: o.owed[uuid].notice, Attempts: o.owed[uuid].attempts})
		}
		return nil
	})
	return due, err
}

func (o outbox) NextDue(context.Context) (next time.Time, owed bool, err error) {
	o.w.mu.Lock()
	defer o.w.mu.Unlock()
	if o.life.dead {
		return next, false, errDead
	}
	for _, x := range o.owed {
		if !owed || x.next.Before(next) {
			next, owed = x.next, true
		}
	}
	if owed && !next.IsZero() {
		next = next.Add(-o.w.offset)
	}
	return next, owed, nil
}

func (o outbox) Postpone(_ context.Context, uuid string, attempts int, next time.Time, _ string) error {
	o.w.noticeActor(uuid).pass(o.w)
	o.w.mu.Lock()
	defer o.w.mu.Unlock()
	return o.life.do(opNote, uuid, "postpone", func(f Fault) error {
		return o.write(f, func() error {
			if x, there := o.owed[uuid]; there {
				x.attempts, x.next = attempts, next.Add(o.w.offset).Round(0)
			}
			return nil
		})
	})
}

func (o outbox) Reported(ctx context.Context, uuid string) error {
	return o.life.desk.Reported(ctx, uuid)
}
