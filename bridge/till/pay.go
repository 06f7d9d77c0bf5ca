package till

import (
	"context"
	"errors"
	"time"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// start carries out a payment that was accepted: session, mark, arm, pay.
func (w *worker) start(ctx context.Context, p bridge.Payment) time.Duration {
	if left := w.desk.limit - time.Since(p.Received); left <= 0 {
		w.must(ctx, p, bridge.Event{
			Kind:   bridge.Expire,
			Reason: "The terminal could not be reached in time; nothing was sent to it. " + w.status().Text,
		})
		return 0
	}
	if err := w.ready(ctx); err != nil {
		return backoff(w.failed, 3*time.Second)
	}
	t, err := w.desk.apply(ctx, p, bridge.Event{
		Kind: bridge.Arm, At: time.Now(), Driver: w.Driver.Name, Evidence: w.Driver.Evidence, Mark: w.mark,
	})
	if err != nil {
		w.log.Error("arm payment", "uuid", p.UUID, "error", err)
		w.must(ctx, p, bridge.Event{Kind: bridge.GiveUp, Reason: "The bridge could not record the payment, so nothing was sent to the terminal."})
		return 0
	}
	w.hold(t.After)
	w.say(bridge.Working, "A "+p.Kind.Noun()+" of "+p.Amount.String()+" is at the terminal.")
	w.pay(ctx, t.After)
	return 0
}

// ready makes sure of a session and of the terminal's mark.
func (w *worker) ready(ctx context.Context) error {
	if err := w.open(ctx); err != nil {
		return err
	}
	if w.mark.Known() {
		return nil
	}
	if err := w.readMark(ctx); err != nil {
		w.missing(err)
		return err
	}
	return nil
}

// pay calls the driver, once, and records how the dialogue ended.
func (w *worker) pay(ctx context.Context, p bridge.Payment) {
	if ctx.Err() != nil { // a bridge that stops begins nothing
		w.must(ctx, p, bridge.Event{Kind: bridge.GiveUp, Reason: "The bridge was stopped before anything was sent to the terminal."})
		return
	}
	lent := &lent{w: w, p: p}
	command, err := w.command(ctx, p, lent)
	if err != nil {
		w.must(ctx, p, bridge.Event{Kind: bridge.GiveUp, Reason: "Nothing was sent to the terminal. " + sentence(err)})
		return
	}
	r, err := guarded(ctx, w, payLimit, command)
	r = clean(r)
	p = lent.close()
	w.mark = p.Mark // the driver may have read it anew
	e := bridge.Event{Kind: bridge.Conclude, Result: &r}
	switch {
	case errors.Is(err, terminal.ErrNotSent):
		e = bridge.Event{Kind: bridge.GiveUp, Reason: sentence(err)}
	case err != nil:
		e = bridge.Event{Kind: bridge.Lose, Reason: sentence(err)}
	}
	after := w.must(ctx, p, e)
	if err != nil || after.State == bridge.Uncertain {
		w.drop()
	}
}

// recover asks the terminal once what became of a payment. A person may settle the payment meanwhile; what the
// terminal then says is compared with their word.
func (w *worker) recover(ctx context.Context, p bridge.Payment) time.Duration {
	if p.Kind != bridge.Sale {
		w.must(ctx, p, bridge.Event{Kind: bridge.Hold, Reason: p.Reason + " Terminals are asked about sales only: look at its journal or its last receipt."})
		return 0
	}
	if p.State == bridge.Uncertain {
		p = w.must(ctx, p, bridge.Event{Kind: bridge.Ask})
	}
	w.mu.Lock()
	asked := w.again
	w.mu.Unlock()
	if !p.State.NotKnown() {
		return 0
	}
	w.say(bridge.Asking, "Asking the terminal what became of the payment of "+p.Amount.String()+".")
	if err := w.open(ctx); err != nil {
		return backoff(w.failed, 15*time.Second)
	}
	session, attempt := w.session, p.Attempt()
	r, err := guarded(ctx, w, askLimit, func(ctx context.Context) (terminal.Result, error) {
		return session.Recover(ctx, attempt)
	})
	r = clean(r)
	switch {
	case errors.Is(err, terminal.ErrBusy):
		w.failed++
		w.say(bridge.Asking, "The terminal is still busy; it will be asked again about the payment of "+p.Amount.String()+".")
		return backoff(w.failed, 3*time.Second)
	case err != nil:
		w.missing(err)
		return backoff(w.failed, 15*time.Second)
	}
	w.failed = 0
	if asked {
		w.mu.Lock()
		w.again = false
		w.mu.Unlock()
	}
	w.must(ctx, p, bridge.Event{Kind: bridge.Find, Result: &r})
	return 0
}

// must makes an event durable however long the journal takes, since what it says has happened already. It
// gives up only when the desk stops; recovery then finds the payment as the journal has it. An event that the
// core refuses has come too late or says nothing new; late evidence that contradicts the outcome is kept.
func (w *worker) must(ctx context.Context, p bridge.Payment, e bridge.Event) bridge.Payment {
	for n := 0; ; n++ {
		e.At = time.Now()
		t, err := w.desk.apply(ctx, p, e)
		var refused *bridge.RefusedError
		switch {
		case err == nil:
			w.hold(t.After)
			w.keepMark(t)
			return t.After
		case errors.As(err, &refused):
			return w.tooLate(ctx, p, e)
		}
		w.log.Error("record payment", "uuid", p.UUID, "event", e.Kind.String(), "attempt", n+1, "error", err)
		w.say(bridge.Working, "The payment cannot be recorded: "+sentence(err)+" Do not switch the PC off.")
		if w.pause(ctx, backoff(n, 5*time.Second)) != nil {
			return p
		}
	}
}

// tooLate handles an event that the core refused: the payment is read as it is now, and a result that
// contradicts its final outcome is recorded as such, however long the journal takes.
func (w *worker) tooLate(ctx context.Context, p bridge.Payment, e bridge.Event) bridge.Payment {
	// Somebody else moved the payment on, or the disk kept a step that it said it lost; what is last in the terminal
	// now is to be read anew.
	w.mark = ""
	for n := 0; ; n++ {
		now, err := w.contrary(ctx, p.UUID, e.Result)
		if err == nil {
			w.hold(now)
			return now
		}
		w.log.Error("record late evidence", "uuid", p.UUID, "attempt", n+1, "error", err)
		if w.pause(ctx, backoff(n, 5*time.Second)) != nil {
			return p
		}
	}
}

// contrary reads a payment and records a result that contradicts its outcome.
func (w *worker) contrary(ctx context.Context, uuid string, r *terminal.Result) (bridge.Payment, error) {
	now, err := w.desk.payment(context.WithoutCancel(ctx), uuid)
	if err != nil {
		return now, err
	}
	if now.Final() {
		w.desk.hooks.Notify() // the disk may have kept the outcome and told us that it did not
	}
	if r == nil || !bridge.Contradicts(now, *r) {
		return now, nil
	}
	t, err := w.desk.apply(ctx, now, bridge.Event{Kind: bridge.Late, At: time.Now(), Result: r})
	if err != nil {
		return now, err
	}
	w.keepMark(t)
	return t.After, nil
}

// hold keeps the payment in hand as it is now.
func (w *worker) hold(p bridge.Payment) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p.State == bridge.Held && !p.Frozen() {
		w.hand = nil
		return
	}
	w.hand = &p
}

// keepMark follows what the journal did to the terminal's mark with the transition.
func (w *worker) keepMark(t bridge.Transition) {
	if mark, changes := bridge.MarkAfter(t); changes {
		w.mark = mark
	}
}

// poked takes up a poke that has come, so that what people and MGR want goes before the state of the line.
func (w *worker) poked() bool {
	select {
	case <-w.poke:
		return true
	default:
		return false
	}
}

// pause waits, or returns ctx's error.
func (w *worker) pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
