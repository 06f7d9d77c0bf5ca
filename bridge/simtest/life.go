package simtest

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/notify"
	"tillbridge/bridge/till"
	"tillbridge/terminal"
)

// errDead is what everything returns once the bridge has died: the process is gone.
var errDead = errors.New("the bridge is dead")

// life is one life of the bridge: the real till and the real notifier, with the model world around them.
type life struct {
	w        *World
	desk     *till.Desk
	notifier *notify.Notifier
	ctx      context.Context
	stop     context.CancelFunc
	died     chan struct{}
	ended    sync.WaitGroup

	// Guarded by the world.
	dead bool
	up   bool
}

// begin starts a life. It returns false where the bridge could not start, or died in it.
func (w *World) begin(log *slog.Logger) bool {
	ctx, stop := context.WithCancel(context.Background())
	l := &life{w: w, ctx: ctx, stop: stop, died: make(chan struct{})}
	w.mu.Lock()
	w.disk.restart(w.roll(opOpen, 2) == 0)
	w.life = l
	w.say("the bridge starts")
	w.mu.Unlock()
	s := store{w.disk, l}
	var err, err2 error
	var schedule *bridge.ClockTime
	if w.scheduled {
		schedule = &bridge.ClockTime{Minute: 1} // the bubble's clock begins at midnight
	}
	l.desk, err = till.New(till.Config{
		Terminals: []till.Terminal{{
			Name: "counter", Driver: l.modelDriver(), Currency: eur, Line: "memory", Link: terminal.LinkKind(w.seed % 2), Dial: l.dial,
			ClosesAt: schedule,
		}},
		QueueLimit: time.Minute, Log: log,
		Hooks: till.Hooks{Notify: func() { l.notifier.Kick() }, Decided: func(n bridge.Notice) { l.notifier.Deliver(n) }, Changed: func() {}, Alarm: func() {}},
	}, s)
	l.notifier, err2 = notify.New(notify.Config{
		URL: "http://mgr.invalid/notify", Passcode: "passcode", Transport: &way{l}, Log: log,
		Network: func() string { return "" }, Jitter: l.jitter,
	}, outbox{s})
	if err := errors.Join(err, err2); err != nil {
		panic(err)
	}
	ready, failed := make(chan struct{}), make(chan error, 1)
	l.ended.Go(func() { failed <- l.desk.Run(ctx, func() { close(ready) }) })
	select {
	case <-ready:
		w.mu.Lock()
		up := !l.dead
		l.up = up
		w.mu.Unlock()
		l.ended.Go(func() { l.notifier.Run(ctx) })
		return up
	case <-failed:
		w.mu.Lock()
		l.kill("it could not start")
		w.mu.Unlock()
		return false
	}
}

// jitter is a share of chance whose waits are whole nanoseconds, so that nobody leaves the instants of its own.
func (l *life) jitter() float64 {
	return float64(mix(l.w.seed, 5, uint64(time.Now().UnixNano()))%3) / 2
}

// kill ends the life at once. The world is locked.
func (l *life) kill(how string) {
	if l.dead {
		return
	}
	w := l.w
	w.say("the bridge dies: %s", how)
	l.dead, l.up = true, false
	close(l.died)
	w.terminal.advance(time.Now())
	w.terminal.line.cut()
	for _, p := range w.pays {
		if w.disk.payments[p.order.UUID].State.InFlight() {
			p.disturbed = true
		}
		if p.alarmDue == l {
			p.alarmDue = nil
		}
		p.asked = terminal.Unknown
		p.excuse()
	}
	l.stop()
}

// do performs one operation, which a fault may strike. The world is locked.
func (l *life) do(op Op, uuid, detail string, f func(Fault) error) error {
	if l.dead {
		return errDead
	}
	fault := l.w.strike(op, uuid)
	l.w.note(op, uuid, detail, fault)
	switch fault {
	case DieBefore:
		l.kill("before " + op.String())
		return errDead
	case DieAfter:
		err := f(None)
		l.kill("after " + op.String())
		if err == nil {
			err = errDead
		}
		return err
	}
	return f(fault)
}

// until waits for an instant; an error tells that the conversation is over.
func (l *life) until(ctx context.Context, at time.Time, gone <-chan struct{}) error {
	t := time.NewTimer(time.Until(at))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-gone:
		return errLine
	}
}

// hang is a driver that does not come back for a while, whatever its context says.
func (l *life) hang(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-l.w.calmed:
	case <-l.died:
		wait(20 * time.Second)
	}
	actorTill.pass(l.w)
}

// dial opens a line.
func (l *life) dial(ctx context.Context) (terminal.Port, error) {
	actorTill.pass(l.w)
	w := l.w
	w.mu.Lock()
	defer w.mu.Unlock()
	var p *port
	err := l.do(opDial, w.current, "", func(f Fault) error {
		t := w.terminal
		t.advance(time.Now())
		switch f {
		case Unreachable:
			return errNobody
		case ManualSale:
			if !w.slow && t.manual(w.amount(), 0) {
				w.say("somebody sells at the terminal's own keys")
			}
		case DayEnd:
			t.dayEnd()
		}
		if !t.plugged || ctx.Err() != nil {
			return errNobody
		}
		t.line.cut()
		t.line, t.openSeq = &line{gone: make(chan struct{})}, t.seq
		p = &port{w, t.line}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// amount is what somebody sells at the terminal's own keys: likely the same sum as ours. Where only the last
// transaction is told, such a sale of the same sum while the command may be lost is not told from ours by anybody;
// it is left out.
func (w *World) amount() int64 {
	for _, p := range w.pays {
		if s := w.disk.payments[p.order.UUID].State; w.class.Has(terminal.C2) && s.Open() && s != bridge.None {
			return 777
		}
	}
	if p := w.byUUID[w.current]; p != nil && w.roll(opActions, 2) == 0 {
		return p.order.Amount.Minor
	}
	return 999
}

// refusesMark tells whether the terminal refuses to tell its last transaction now.
func (w *World) refusesMark(l *life) (refused bool) {
	actorTill.pass(w) // the till's write of just now has waked the notifier, which looks in the same instant
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = l.do(opMark, w.current, "", func(f Fault) error {
		refused = f == MarkRefused
		return nil
	})
	w.terminal.markless = refused
	return refused
}

// frozenBy is the other payment that the terminal is bound to by the journal; nil for none.
func (w *World) frozenBy(uuid string) *pay {
	for _, p := range w.pays {
		stored := w.disk.payments[p.order.UUID]
		if p.order.UUID != uuid && (stored.State.InFlight() || stored.State == bridge.Uncertain || stored.State == bridge.Recovering || stored.Frozen()) {
			return p
		}
	}
	return nil
}
