package till

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// settleLimit is how long an end of day may take.
const settleLimit = 15 * time.Minute

// clockEvery is how often an idle terminal with a set time looks at the clock.
const clockEvery = time.Minute

// DayEnds keeps each terminal's ends of day.
type DayEnds interface {
	BeginDayEnd(ctx context.Context, d bridge.DayEnd) (bridge.DayEnd, error)
	EndDayEnd(ctx context.Context, d bridge.DayEnd) error
	// DayEnds are a terminal's ends of day, newest first.
	DayEnds(ctx context.Context, terminal string) ([]bridge.DayEnd, error)
	// Armed are the payments that reached a terminal after a moment and not after another, oldest first, at most limit.
	Armed(ctx context.Context, terminal string, from, to time.Time, limit int) ([]bridge.Payment, error)
}

// EndDay makes a terminal run its end of day, in the name of who wants it. It returns once that is promised; what becomes of it
// stands in the journal. A *bridge.Refusal says why not; nothing has happened then. It may be repeated: at worst the terminal
// closes an empty day.
func (d *Desk) EndDay(ctx context.Context, name, by string) error {
	w := d.workers[name]
	if w == nil {
		return bridge.Refuse(bridge.UnknownTerminal, "There is no terminal %q in the settings of the bridge.", name)
	}
	by = terminal.Tidy(by, 80)
	if by == "" {
		return errors.New("it needs the name of who wants it")
	}
	if err := w.evidence(ctx); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.closable(); err != nil {
		return err
	}
	w.closing = &by
	w.prod()
	return nil
}

// closable says why the terminal cannot run its end of day now. The caller holds mu.
func (w *worker) closable() error {
	_, can := w.session.(terminal.Settler)
	switch {
	case w.desk.refusing():
		return bridge.Refuse(bridge.Stopping, "The bridge is stopping. Try again in a minute.")
	case w.closing != nil:
		return bridge.Refuse(bridge.Busy, "The terminal's end of day is under way already.")
	case w.hand != nil && w.hand.State.NotKnown():
		return wipesOut(*w.hand)
	case w.hand != nil:
		return bridge.Refuse(bridge.Busy, "The card terminal is busy with a %s of %s. Wait for it to end, then try again.", w.hand.Kind.Noun(), w.hand.Amount)
	case w.session == nil:
		return bridge.Refuse(bridge.Unplugged, "The card terminal cannot be reached: %s", w.text)
	case !can:
		return bridge.Refuse(bridge.Unfit, "This terminal's end of day can only be run at its own keys.")
	}
	return nil
}

// wipesOut refuses an end of day for the sake of a payment.
func wipesOut(p bridge.Payment) error {
	return bridge.Refuse(bridge.Frozen, "A %s of %s is not known yet, and the end of day would wipe out what the terminal still knows of it. Settle it first.",
		p.Kind.Noun(), p.Amount)
}

// evidence is nil where the journal has no payment of this terminal that is not known. One that is on hold at a terminal which can be
// asked by our own reference is in nobody's hand, and the terminal still forgets it with its day.
func (w *worker) evidence(ctx context.Context) error {
	open, err := w.desk.journal.Unsettled(ctx)
	if err != nil {
		return fmt.Errorf("read open payments: %w", err)
	}
	for _, p := range open {
		if p.Terminal == w.Name && p.State != bridge.Received {
			return wipesOut(p)
		}
	}
	return nil
}

// closesDay runs the end of day that was ordered, or that is due by the clock; false where there is none to run.
func (w *worker) closesDay(ctx context.Context) bool {
	w.mu.Lock()
	by, able := w.closing, w.closable() == nil
	w.mu.Unlock()
	if by == nil && able && w.ClosesAt != nil && w.due(ctx, time.Now()) && w.evidence(ctx) == nil {
		w.mu.Lock()
		if w.closable() == nil { // no payment came meanwhile
			w.closing = new(string)
		}
		by = w.closing
		w.mu.Unlock()
	}
	if by == nil {
		return false
	}
	w.closeDay(ctx, *by)
	w.closed()
	return true
}

// closed lets payments in again.
func (w *worker) closed() {
	w.mu.Lock()
	w.closing, w.progress = nil, ""
	w.mu.Unlock()
	w.desk.hooks.Changed()
}

// notClosed records that an end of day which was ordered did not begin, for the terminal cannot be reached.
func (w *worker) notClosed(ctx context.Context, cause error) {
	w.mu.Lock()
	by := w.closing
	w.mu.Unlock()
	if by == nil {
		return
	}
	w.leaveDay(ctx, *by, "The terminal could not be reached, and was not told to close the day: "+sentence(cause))
	w.closed()
}

// leaveDay records an end of day that the terminal was not told of.
func (w *worker) leaveDay(ctx context.Context, by, why string) {
	if d, ok := w.beginDay(ctx, by); ok {
		d.Ended, d.Why = time.Now(), why
		w.endDay(ctx, d)
	}
}

// beginDay makes durable that an end of day begins.
func (w *worker) beginDay(ctx context.Context, by string) (bridge.DayEnd, bool) {
	begun := bridge.DayEnd{Terminal: w.Name, Currency: w.Currency, By: by, Began: time.Now()}
	w.tried = begun.Began
	d, err := w.desk.journal.BeginDayEnd(context.WithoutCancel(ctx), begun)
	if err != nil {
		w.log.Error("record an end of day; it is not begun", "error", err)
	}
	return d, err == nil
}

// endDay makes durable how an end of day ended.
func (w *worker) endDay(ctx context.Context, d bridge.DayEnd) {
	if err := w.desk.journal.EndDayEnd(context.WithoutCancel(ctx), d); err != nil {
		w.log.Error("record how the end of day ended", "error", err)
	}
	w.log.Info("end of day", "closed", d.Closed, "by", d.By, "why", d.Why, "total_minor", d.Totals.TotalMinor)
}

// due tells whether the end of day that the clock wants is still to be run: something was paid since the last one and before the
// set time. One that was missed, because the computer or the terminal was off, is due until it was tried.
func (w *worker) due(ctx context.Context, now time.Time) bool {
	at := w.ClosesAt.DueAt(now)
	if !w.tried.Before(at) {
		return false
	}
	ends, err := w.desk.journal.DayEnds(ctx, w.Name)
	var last time.Time
	if err == nil && len(ends) > 0 {
		last = ends[0].Began
	}
	if err == nil && !last.Before(at) {
		w.tried = last
		return false
	}
	var paid []bridge.Payment
	if err == nil {
		paid, err = w.desk.journal.Armed(ctx, w.Name, last, at, 1)
	}
	if err != nil {
		w.log.Error("look whether the end of day is due", "error", err)
		return false
	}
	if len(paid) == 0 {
		w.tried = at // nothing to close
	}
	return len(paid) > 0
}

// closeDay has the terminal run its end of day and records what it said.
func (w *worker) closeDay(ctx context.Context, by string) {
	settler, can := w.session.(terminal.Settler)
	if err := w.evidence(ctx); err != nil || !can { // looked at once more, since nothing else happens at the terminal now
		if err == nil {
			err = errors.New("this terminal's end of day can only be run at its own keys")
		}
		w.leaveDay(ctx, by, sentence(err))
		return
	}
	d, ok := w.beginDay(ctx, by)
	if !ok {
		return
	}
	w.say(bridge.Working, "The terminal runs its end of day.")
	paper := &dayPaper{w: w}
	totals, err := guarded(ctx, w, settleLimit, func(ctx context.Context) (terminal.Totals, error) { return settler.Settle(ctx, paper) })
	d.Ended, d.Closed, d.Totals, d.Receipts = time.Now(), err == nil, totals, paper.take()
	w.mark = totals.Mark
	switch {
	case errors.Is(err, terminal.ErrRefused), errors.Is(err, terminal.ErrBusy):
		d.Why = sentence(err)
	case err != nil:
		d.Why = sentence(err) + " Whether the terminal closed the day is not known: look at its last receipt, or run it again."
	}
	if err != nil {
		w.drop() // whatever is left of it on the line is not the next payment's
	}
	w.endDay(ctx, d)
}

// dayPaper is what a driver is lent during an end of day, which has no result that would have to be recorded before it is
// acknowledged.
type dayPaper struct {
	w *worker

	mu       sync.Mutex
	receipts []terminal.Receipt
	ended    bool
}

// Seen refuses: an end of day states no result of a payment.
func (d *dayPaper) Seen(terminal.Result) error {
	return errors.New("an end of day has no result to be recorded")
}

// Mark does nothing: the mark is what Settle returns.
func (d *dayPaper) Mark(terminal.Mark) error { return nil }

// Progress shows the terminal's text.
func (d *dayPaper) Progress(p terminal.Progress) { d.w.tell(p.Text) }

// Receipt keeps a receipt of the end of day.
func (d *dayPaper) Receipt(r terminal.Receipt) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.ended && len(d.receipts) < receiptsMost {
		d.receipts = append(d.receipts, r)
	}
}

// receiptsMost is how many receipts of one end of day are taken; the journal keeps fewer.
const receiptsMost = 16

// take gives out the receipts; none is taken any more.
func (d *dayPaper) take() []terminal.Receipt {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = true
	return d.receipts
}
