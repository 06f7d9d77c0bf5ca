package till

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// worker serves one terminal. Its run goroutine is the only one that speaks to the terminal; the others only
// touch what mu guards.
type worker struct {
	Terminal
	desk *Desk
	log  *slog.Logger

	poke chan struct{} // something in hand has changed

	mu       sync.Mutex
	hand     *bridge.Payment // the payment that this terminal is bound to
	doubt    bool            // an order may stand in the journal that MGR was not told we have
	again    bool            // a person wants the held payment asked about once more
	health   bridge.TerminalHealth
	text     string
	since    time.Time
	progress string
	session  terminal.Session
	stale    bool               // the line is to be opened anew
	closing  *string            // who wants the end of day, empty for the clock; nil for nobody
	question *question          // what the driver asks a person; nil for nothing
	wake     context.CancelFunc // ends the dialogue that is under way; nil where there is none

	// The run goroutine's own.
	mark   terminal.Mark
	lease  *lease          // the lines of the session
	stuck  <-chan struct{} // closed when the driver's call that was left behind has come back; nil for none
	failed int             // attempts to open in a row that failed
	tried  time.Time       // when the last end of day was tried, as far as is known
}

func newWorker(d *Desk, t Terminal) *worker {
	return &worker{
		Terminal: t, desk: d, log: d.log.With("terminal", t.Name), poke: make(chan struct{}, 1), since: time.Now(),
		text: "Looking for the terminal.",
	}
}

// accept makes a new payment durable and hands it to the run goroutine.
func (w *worker) accept(ctx context.Context, o bridge.Order) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.hand != nil && w.hand.UUID == o.UUID {
		return fmt.Errorf("payment %s: %w", o.UUID, bridge.ErrExists)
	}
	if err := w.refusal(o); err != nil {
		return err
	}
	if err := w.returnable(ctx, o); err != nil {
		return err
	}
	t, err := w.desk.apply(ctx, bridge.Payment{Order: o}, bridge.Event{
		Kind: bridge.Accept, At: time.Now(), Order: &o, Reference: w.desk.reference(),
	})
	if err != nil {
		return w.written(ctx, o, err)
	}
	w.take(t.After)
	return nil
}

// take puts an order in hand that is durable. The caller holds mu.
func (w *worker) take(p bridge.Payment) {
	w.hand, w.progress = &p, ""
	w.prod()
}

// refusal says why the terminal takes no payment now. The caller holds mu.
func (w *worker) refusal(o bridge.Order) error {
	switch {
	case w.desk.refusing():
		return bridge.Refuse(bridge.Stopping, "The bridge is stopping. Nothing was charged; try again in a minute.")
	case w.hand != nil && w.hand.State.NotKnown():
		return bridge.Refuse(bridge.Frozen, "It is not known yet whether the %s of %s from %s went through. Settle it on the counter screen first; the terminal takes no other until then.",
			w.hand.Kind.Noun(), w.hand.Amount, w.hand.Received.Local().Format("15:04"))
	case w.hand != nil:
		return bridge.Refuse(bridge.Busy, "The card terminal is busy with a %s of %s. Wait for it to end, then try again.", w.hand.Kind.Noun(), w.hand.Amount)
	case w.closing != nil:
		return bridge.Refuse(bridge.Busy, "The card terminal runs its end of day, which takes some minutes. Wait for it to end, then try again.")
	case w.health == bridge.Connecting || w.health == bridge.Gone:
		return bridge.Refuse(bridge.Unplugged, "The card terminal cannot be reached: %s Nothing was charged.", w.text)
	case o.Kind == bridge.Sale && w.MaxMinor > 0 && o.Amount.Minor > w.MaxMinor:
		return bridge.Refuse(bridge.OverLimit, "The amount %s is more than the %s that the shop allows on this terminal.",
			o.Amount, terminal.Amount{Minor: w.MaxMinor, Currency: w.Currency})
	}
	if err := w.desk.journal.Accepting(); err != nil {
		w.log.Error("the journal takes no new payments", "error", err)
		return bridge.Refuse(bridge.JournalFull, "The bridge cannot record new payments (the disk is full or broken). Nothing was charged; call whoever looks after this PC.")
	}
	return nil
}

// settled is told of a payment that a person settled.
func (w *worker) settled(p bridge.Payment) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.hand == nil || w.hand.UUID != p.UUID {
		return
	}
	w.hand = &p
	w.prod()
}

func (w *worker) askAgain(p bridge.Payment) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.hand != nil && w.hand.UUID != p.UUID {
		return errors.New("the terminal is busy with another payment; ask again when it is done")
	}
	w.hand, w.again = &p, true
	w.prod()
	return nil
}

func (w *worker) cancel() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, ok := w.session.(terminal.Canceller)
	switch {
	case w.hand == nil || !w.hand.State.InFlight():
		return errors.New("there is no payment at the terminal to cancel")
	case !ok:
		return errors.New("this terminal can only be cancelled at its own keys")
	}
	c.Cancel()
	return nil
}

func (w *worker) status() bridge.TerminalStatus {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := bridge.TerminalStatus{
		Name: w.Name, Driver: w.Driver.Title, Line: w.Line, Currency: w.Currency,
		Health: w.health, Text: w.text, Since: w.since, Progress: w.progress, Closing: w.closing != nil, ClosesAt: w.ClosesAt, Look: w.Look,
	}
	_, s.CanClose = w.session.(terminal.Settler)
	s.CanRefund, s.CanVoid = w.can(bridge.Refund), w.can(bridge.Void)
	if w.hand != nil {
		p := *w.hand
		s.Payment = &p
		_, can := w.session.(terminal.Canceller)
		s.CanCancel = can && p.State.InFlight()
	}
	if w.question != nil {
		q := w.question.Question
		s.Question = &q
	}
	return s
}

func (w *worker) engaged() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closing != nil || w.hand != nil && !w.hand.State.NotKnown()
}

// prod wakes the run goroutine.
func (w *worker) prod() {
	select {
	case w.poke <- struct{}{}:
	default:
	}
}

func (w *worker) say(h bridge.TerminalHealth, text string) {
	w.mu.Lock()
	changed := w.health != h || w.text != text
	if w.health != h {
		w.since = time.Now()
	}
	w.health, w.text = h, text
	w.mu.Unlock()
	if changed {
		w.desk.hooks.Changed()
	}
}

// run serves the terminal until ctx ends.
func (w *worker) run(ctx context.Context) {
	defer w.drop()
	for ctx.Err() == nil {
		if wait := w.turn(ctx); wait != 0 && !w.poked() {
			w.rest(ctx, wait)
		}
	}
}

// forever is the wait of a worker that has nothing to do until it is poked.
const forever = time.Duration(1<<63 - 1)

// turn does the next thing that is due and says how long to wait before the next; 0 for not at all.
func (w *worker) turn(ctx context.Context) time.Duration {
	w.mu.Lock()
	var p bridge.Payment
	if w.hand != nil {
		p = *w.hand
	}
	again, doubt, stale := w.again, w.doubt, w.stale
	w.stale = false
	w.mu.Unlock()
	if stale {
		w.drop()
	}
	if doubt {
		if err := w.giveUpDoubtful(ctx); err != nil {
			w.log.Error("give up an order that was not answered", "error", err)
		}
	}
	switch {
	case p.State == bridge.None && doubt:
		return min(w.idle(ctx), doubtEvery)
	case p.State == bridge.None:
		return w.idle(ctx)
	case p.State == bridge.Received:
		return w.start(ctx, p)
	case p.State == bridge.Uncertain, p.State == bridge.Recovering, p.State == bridge.Held && again:
		return w.recover(ctx, p)
	case p.State == bridge.Held:
		w.say(bridge.OnHold, "A "+p.Kind.Noun()+" of "+p.Amount.String()+" is not known yet: "+p.Reason)
		return forever
	}
	w.release(p)
	return 0
}

// release lets a decided payment go out of hand, unless another event has changed it meanwhile.
func (w *worker) release(p bridge.Payment) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p.Proof == terminal.Person {
		w.mark = "" // what is last in the terminal now was read by a person, not by us
	}
	w.hand, w.progress, w.again = nil, "", false
}

// idle keeps the line open so that the next payment finds it ready.
func (w *worker) idle(ctx context.Context) time.Duration {
	if err := w.open(ctx); err != nil {
		w.notClosed(ctx, err)
		return backoff(w.failed, 3*time.Second)
	}
	if !w.mark.Known() {
		if err := w.readMark(ctx); err != nil {
			w.missing(err)
			return backoff(w.failed, 3*time.Second)
		}
	}
	if w.closesDay(ctx) {
		return 0
	}
	w.say(bridge.Ready, "Ready for a payment.")
	if w.ClosesAt != nil {
		return clockEvery
	}
	return forever
}

// rest waits for a poke, the loss of the idle line, or the time.
func (w *worker) rest(ctx context.Context, wait time.Duration) {
	var due <-chan time.Time
	if wait != forever {
		t := time.NewTimer(wait)
		defer t.Stop()
		due = t.C
	}
	var gone <-chan struct{}
	if w.Link == terminal.Serial {
		gone = w.lease.gone()
	}
	var returned <-chan struct{}
	if w.session == nil && w.Watch != nil {
		back, stop := w.Watch(ctx)
		defer stop()
		returned = back
	}
	select {
	case <-ctx.Done():
	case <-w.poke:
	case <-due:
	case <-returned:
	case <-gone:
		w.missing(errors.New("the line was lost"))
	}
}

// backoff is the wait after n failures in a row: half a second, doubling up to most.
func backoff(n int, most time.Duration) time.Duration {
	d := 250 * time.Millisecond << min(n, 10)
	return min(d, most)
}

// Limits of a driver's calls. A driver has tighter ones of its own; these end one that hangs.
const (
	openLimit = 30 * time.Second // to open a session, and to read the mark
	askLimit  = 5 * time.Minute  // to ask what became of a payment
	payLimit  = time.Hour        // a whole payment
)

// open makes sure that there is a session. A new one reads the terminal's mark anew, since anything may have
// happened at the terminal while nobody listened.
func (w *worker) open(ctx context.Context) error {
	if w.session != nil {
		return nil
	}
	if w.leftBehind() {
		w.missing(errStuck)
		return errStuck
	}
	l := &lease{open: w.Dial}
	env := terminal.Env{Dial: l.dial, Link: w.Link, Currency: w.Currency, Log: w.log, Ask: w.ask}
	s, err := guarded(ctx, w, openLimit, func(ctx context.Context) (terminal.Session, error) {
		return w.Driver.Open(ctx, env, w.Options)
	})
	if err != nil {
		l.end()
		w.missing(err)
		return err
	}
	w.mu.Lock()
	w.session = s
	w.mu.Unlock()
	w.lease, w.mark = l, ""
	if err := w.identify(ctx); err != nil {
		w.missing(err)
		return err
	}
	w.failed = 0
	return nil
}

// identify makes sure that the terminal that answers is the one that this till is for.
func (w *worker) identify(ctx context.Context) error {
	id := w.terminalID()
	if id == "" || w.Identify == nil {
		return nil
	}
	return w.Identify(context.WithoutCancel(ctx), id)
}

// terminalID is the terminal's own number; empty where it does not tell.
func (w *worker) terminalID() string {
	if i, ok := w.session.(terminal.Identifier); ok {
		return i.TerminalID()
	}
	return ""
}

// missing drops the session after a failure and says so.
func (w *worker) missing(err error) {
	w.drop()
	w.failed++
	w.say(bridge.Gone, sentence(err))
	if w.failed == 1 || w.failed%100 == 0 {
		w.log.Warn("terminal not reached", "attempt", w.failed, "error", terminal.MaskCardNumbers(err.Error()))
	}
}

// drop closes the session; the next turn opens another.
func (w *worker) drop() {
	w.mu.Lock()
	s := w.session
	w.session = nil
	w.mu.Unlock()
	if s == nil {
		return
	}
	_, err := guarded(context.Background(), w, grace, func(context.Context) (struct{}, error) { return struct{}{}, s.Close() })
	if err != nil {
		w.log.Debug("close session", "error", terminal.MaskCardNumbers(err.Error()))
	}
	w.lease.end()
	w.lease = nil
}

// readMark learns the terminal's last sequence and makes it durable. A terminal that cannot tell leaves it
// unknown, which is no failure; only a broken line is.
func (w *worker) readMark(ctx context.Context) error {
	m, ok := w.session.(terminal.Marker)
	if !ok {
		return nil
	}
	mark, err := guarded(ctx, w, openLimit, m.Mark)
	switch {
	case errors.Is(err, terminal.ErrRefused):
		w.log.Info("the terminal does not tell its last transaction", "error", err)
	case err != nil:
		return fmt.Errorf("read the terminal's last transaction: %w", err)
	}
	w.mark = mark // a payment is armed with it; what the journal keeps beside is for people
	if err := w.desk.journal.SetMark(context.WithoutCancel(ctx), w.Name, mark, w.terminalID()); err != nil {
		w.log.Error("keep the terminal's mark", "error", err)
	}
	return nil
}

// grace is how long a driver may take to come back after ctx ended before it is left behind.
const grace = 5 * time.Second

// errStuck says that a driver did not come back.
var errStuck = errors.New("the driver does not answer")

// guarded runs a call into the driver, for at most limit: a panic becomes an error, and a driver that does not
// come back in the grace after its ctx ended is left behind. Only the run goroutine calls it.
func guarded[T any](ctx context.Context, w *worker, limit time.Duration, f func(context.Context) (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	defer w.wakeable(cancel)()
	done, back := make(chan answer, 1), make(chan struct{})
	go func() {
		defer close(back)
		defer func() {
			if r := recover(); r != nil {
				what := terminal.MaskCardNumbers(fmt.Sprint(r))
				w.log.Error("the driver panicked", "panic", what)
				done <- answer{err: fmt.Errorf("the driver broke down: %s", what)}
			}
		}()
		v, err := f(ctx)
		done <- answer{v, err}
	}()
	select {
	case a := <-done:
		return a.value, a.err
	case <-ctx.Done():
	}
	t := time.NewTimer(grace)
	defer t.Stop()
	select {
	case a := <-done:
		return a.value, a.err
	case <-t.C:
		w.stuck = back
		var none T
		return none, errStuck
	}
}

// leftBehind tells whether a call that was left behind is still out; then the driver is not called again.
func (w *worker) leftBehind() bool {
	if w.stuck == nil {
		return false
	}
	select {
	case <-w.stuck:
		w.stuck = nil
		return false
	default:
		return true
	}
}

// sentence makes an error fit for the clerk's screen.
func sentence(err error) string {
	s := terminal.MaskCardNumbers(err.Error())
	if s == "" {
		return "It does not answer."
	}
	if c := s[0]; c >= 'a' && c <= 'z' {
		s = string(c-'a'+'A') + s[1:]
	}
	if strings.IndexByte(".!?", s[len(s)-1]) < 0 {
		s += "."
	}
	return s
}
