package till

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sort"
	"sync"
	"time"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// Hooks are told of what happens; none of them may block.
type Hooks struct {
	Notify  func() // the journal's outbox holds a notice that is due
	Changed func() // something that a screen shows has changed
	Alarm   func() // an alarm was raised
	// Decided is told of a notice that has just become durable, in place of Notify, to spare reading it back. Nil
	// for Notify.
	Decided func(bridge.Notice)
}

// Desk is all tills of one bridge over one journal. Its methods may be called from any goroutine.
type Desk struct {
	journal Journal
	hooks   Hooks
	log     *slog.Logger
	workers map[string]*worker
	limit   time.Duration

	mu       sync.Mutex
	lastRef  int64
	stopping bool
	again    map[string]int  // how often MGR asked for an outcome that may be on its way already
	taking   map[string]bool // MGR has the notice, and the journal may or may not know
	owing    chan struct{}   // something is in again
}

// Config is what a desk is made of.
type Config struct {
	Terminals []Terminal
	// QueueLimit is how long an accepted payment may wait for its start; then it is denied as never sent.
	QueueLimit time.Duration
	Hooks      Hooks
	Log        *slog.Logger
}

// Terminal is one terminal of the settings.
type Terminal struct {
	Name     string
	Driver   terminal.Driver
	Options  any // as Driver.Open takes it
	Currency terminal.Currency
	MaxMinor int64 // the shop's own limit in minor units; 0 for none
	// Look tells the clerk how this model shows its last payment; empty where nobody wrote it down.
	Look string
	// ClosesAt is when its end of day runs by itself; nil for never.
	ClosesAt *bridge.ClockTime
	Line     string // the port, in words for people
	Link     terminal.LinkKind
	Dial     func(context.Context) (terminal.Port, error)
	// Watch closes returned when a line that could not be opened can be opened now, so that nobody waits for the
	// next attempt; stop ends it. Nil, also as returned, where the line cannot be watched.
	Watch func(context.Context) (returned <-chan struct{}, stop func())
	// Identify is told which terminal answers, by its own number, before it is asked or paid anything. An error
	// means that it is not the one that this till is for; its text goes to the clerk. Nil takes any. Drivers whose
	// terminals do not tell are never asked.
	Identify func(ctx context.Context, terminalID string) error
}

// New makes a desk. Nothing runs before Run.
func New(c Config, j Journal) (*Desk, error) {
	d := &Desk{
		journal: j, hooks: c.Hooks, log: c.Log, limit: c.QueueLimit, workers: map[string]*worker{},
		again: map[string]int{}, taking: map[string]bool{}, owing: make(chan struct{}, 1),
	}
	if c.QueueLimit <= 0 {
		return nil, errors.New("the queue limit must be more than zero")
	}
	for _, t := range c.Terminals {
		if _, twice := d.workers[t.Name]; twice {
			return nil, fmt.Errorf("terminal %q is there twice", t.Name)
		}
		if t.Dial == nil || t.Driver.Open == nil {
			return nil, fmt.Errorf("terminal %q has no line or no driver", t.Name)
		}
		d.workers[t.Name] = newWorker(d, t)
	}
	return d, nil
}

// Run takes up what the journal left open, then serves payments until ctx ends. It returns when every
// worker has stopped; a driver that does not come back is left behind after a short grace. An error means
// that the journal could not be read and nothing was started.
func (d *Desk) Run(ctx context.Context, ready func()) error {
	open, err := d.journal.Unsettled(ctx)
	if err != nil {
		return fmt.Errorf("read open payments: %w", err)
	}
	for _, p := range open {
		if err := d.wake(ctx, p); err != nil {
			return err
		}
	}
	var all sync.WaitGroup
	all.Go(func() { d.payOwing(ctx) })
	for _, w := range d.workers {
		all.Go(func() { w.run(ctx) })
	}
	if ready != nil {
		ready()
	}
	<-ctx.Done()
	d.mu.Lock()
	d.stopping = true
	d.mu.Unlock()
	all.Wait()
	return nil
}

// wake gives a payment that an earlier run left open to its worker.
func (d *Desk) wake(ctx context.Context, p bridge.Payment) error {
	if e, due := bridge.Wake(p, time.Now(), d.limit); due {
		t, err := d.apply(ctx, p, e)
		if err != nil {
			return fmt.Errorf("take up payment %s: %w", p.UUID, err)
		}
		p = t.After
	}
	w := d.workers[p.Terminal]
	var orphan string
	switch {
	case w == nil:
		orphan = fmt.Sprintf("The terminal %q is no longer in the settings, so it cannot be asked.", p.Terminal)
	case p.Driver != "" && p.Driver != w.Driver.Name:
		orphan = fmt.Sprintf("The payment was made with the driver %q; the settings now say %q, which cannot ask about it.", p.Driver, w.Driver.Name)
	}
	switch {
	case p.Final():
		return nil
	case orphan != "" && p.State == bridge.Received:
		_, err := d.apply(ctx, p, bridge.Event{Kind: bridge.Expire, At: time.Now(), Reason: orphan})
		return err
	case orphan != "" && p.State != bridge.Held:
		t, err := d.apply(ctx, p, bridge.Event{Kind: bridge.Hold, At: time.Now(), Reason: orphan})
		if err != nil {
			return err
		}
		p = t.After
	}
	if w != nil {
		w.adopt(p)
	}
	return nil
}

// Reported records that MGR has the outcome of a payment. It may be called again.
func (d *Desk) Reported(ctx context.Context, uuid string) error {
	d.take(uuid)
	p, err := d.payment(ctx, uuid)
	if err != nil {
		return err
	}
	if p.State == bridge.Reported {
		err = d.journal.Forget(ctx, uuid)
	} else {
		_, err = d.apply(ctx, p, bridge.Event{Kind: bridge.Report, At: time.Now()})
	}
	if err != nil {
		return err
	}
	d.taken(uuid)
	if !d.owed(uuid) {
		return nil
	}
	if _, err := d.journal.Renotify(ctx, uuid); err != nil {
		d.owe(uuid, 1)
		d.prodOwing()
	}
	d.hooks.Notify()
	return nil
}

// Resolve settles a payment that is not known, by a person's word. An error that wraps *bridge.RefusedError
// says what is missing, or that the payment is not one to be settled.
func (d *Desk) Resolve(ctx context.Context, uuid string, approved bool, who bridge.Person) error {
	p, err := d.payment(ctx, uuid)
	if err != nil {
		return err
	}
	e := word(bridge.Resolve, approved, who)
	who = *e.Person
	t, err := d.apply(ctx, p, e)
	if err != nil {
		return d.unsettled(ctx, p, who, err)
	}
	if w := d.workers[p.Terminal]; w != nil {
		w.settled(t.After)
	}
	return nil
}

// Correct puts right what a person had settled, by a person's word. MGR is not told, for it may have the first outcome: an alarm says
// what to do there. A *bridge.RefusedError says what is missing, or that there is nothing to correct.
func (d *Desk) Correct(ctx context.Context, uuid string, approved bool, who bridge.Person) error {
	p, err := d.payment(ctx, uuid)
	if err != nil {
		return err
	}
	_, err = d.apply(ctx, p, word(bridge.Correct, approved, who))
	return err
}

// word is a person's word on an outcome, as it is kept.
func word(k bridge.EventKind, approved bool, who bridge.Person) bridge.Event {
	who = bridge.Person{
		Name:     terminal.Tidy(who.Name, 80),
		Evidence: terminal.Tidy(who.Evidence, 500),
		AuthCode: terminal.Tidy(who.AuthCode, 40),
		TxnRef:   terminal.Tidy(who.TxnRef, 80),
	}
	e := bridge.Event{Kind: k, At: time.Now(), Person: &who, Outcome: terminal.Declined}
	if approved {
		e.Outcome = terminal.Approved
	}
	return e
}

// unsettled looks whether a payment is settled although a person's word could not be recorded: a disk that fails
// in the very commit may have kept it, or it was settled meanwhile. Its terminal must not stay bound to it.
func (d *Desk) unsettled(ctx context.Context, p bridge.Payment, who bridge.Person, cause error) error {
	w := d.workers[p.Terminal]
	now, err := d.payment(context.WithoutCancel(ctx), p.UUID)
	switch {
	case err != nil:
		if w != nil && w.Driver.Name == p.Driver {
			_ = w.askAgain(p) // by the terminal's answer it is seen where the payment is
		}
		return errors.Join(cause, err)
	case !now.Final():
		return cause
	}
	if w != nil {
		w.settled(now)
	}
	d.hooks.Notify()
	d.hooks.Changed()
	var refused *bridge.RefusedError
	if !errors.As(cause, &refused) && now.Person != nil && *now.Person == who {
		return nil
	}
	return cause
}

// AskAgain makes the terminal of a held payment be asked once more.
func (d *Desk) AskAgain(ctx context.Context, uuid string) error {
	p, err := d.payment(ctx, uuid)
	switch {
	case err != nil:
		return err
	case p.State != bridge.Held:
		return errors.New("only a payment on hold can be asked about again")
	case p.Kind != bridge.Sale:
		return errors.New("terminals are asked about sales only; look at the terminal's journal or its last receipt")
	}
	w := d.workers[p.Terminal]
	if w == nil || w.Driver.Name != p.Driver {
		return errors.New("the terminal of this payment is not in the settings any more")
	}
	return w.askAgain(p)
}

// Cancel asks a terminal to give up its running payment. It proves nothing; the terminal's result decides.
func (d *Desk) Cancel(name string) error {
	w := d.workers[name]
	if w == nil {
		return fmt.Errorf("there is no terminal %q", name)
	}
	return w.cancel()
}

// Answer gives a terminal's driver a person's answer to the question with that ID. An error means that the question does not
// stand any more, and the answer is used for nothing.
func (d *Desk) Answer(name, id string, a terminal.Answer) error {
	w := d.workers[name]
	if w == nil {
		return fmt.Errorf("there is no terminal %q", name)
	}
	a = terminal.Answer{Name: terminal.Tidy(a.Name, 80), Outcome: a.Outcome, AuthCode: terminal.Tidy(a.AuthCode, 40), TxnRef: terminal.Tidy(a.TxnRef, 80)}
	if a.Name == "" {
		return errors.New("it needs the name of who says so")
	}
	return w.answer(id, a)
}

// Terminals is the state of every terminal, by name.
func (d *Desk) Terminals() []bridge.TerminalStatus {
	all := make([]bridge.TerminalStatus, 0, len(d.workers))
	for _, w := range d.workers {
		all = append(all, w.status())
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Name < all[j].Name })
	return all
}

// Idle tells whether no terminal is in a dialogue or about to begin one.
func (d *Desk) Idle() bool {
	for _, w := range d.workers {
		if w.engaged() {
			return false
		}
	}
	return true
}

// apply makes one event of a payment durable. The payment may be outdated; the journal then says so and the
// event is judged anew against what is there.
func (d *Desk) apply(ctx context.Context, p bridge.Payment, e bridge.Event) (bridge.Transition, error) {
	ctx = context.WithoutCancel(ctx)
	for range 8 {
		t, err := bridge.Step(p, e)
		if err != nil {
			return t, fmt.Errorf("payment %s: %w", p.UUID, err)
		}
		err = d.journal.Append(ctx, t)
		if err == nil {
			d.told(t)
			return t, nil
		}
		if !errors.Is(err, bridge.ErrStale) {
			return bridge.Transition{}, err
		}
		if p, err = d.payment(ctx, p.UUID); err != nil {
			return bridge.Transition{}, err
		}
	}
	return bridge.Transition{}, fmt.Errorf("payment %s: %w again and again", p.UUID, bridge.ErrStale)
}

// payment reads a payment that must be there.
func (d *Desk) payment(ctx context.Context, uuid string) (bridge.Payment, error) {
	p, ok, err := d.journal.Payment(ctx, uuid)
	if err != nil {
		return p, fmt.Errorf("look for payment: %w", err)
	}
	if !ok {
		return p, fmt.Errorf("there is no payment %s", uuid)
	}
	return p, nil
}

func (d *Desk) told(t bridge.Transition) {
	if t.Has(bridge.Notify) { // first of all: the customer waits for it
		d.decided(t.After)
	}
	d.log.Info("payment", "uuid", t.After.UUID, "terminal", t.After.Terminal, "event", t.Event.Kind.String(),
		"state", t.After.State.String(), "amount", t.After.Amount.String(), "reason", t.After.Reason)
	if t.Has(bridge.Alarm) {
		d.hooks.Alarm()
	}
	d.hooks.Changed()
}

func (d *Desk) decided(p bridge.Payment) {
	if n, ok := p.Notice(); ok && d.hooks.Decided != nil {
		d.hooks.Decided(n)
		return
	}
	d.hooks.Notify()
}

// reference makes a name for a new payment: microseconds in base 36, always rising.
func (d *Desk) reference() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lastRef = max(d.lastRef+1, time.Now().UnixMicro())
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	var b [10]byte
	n := d.lastRef
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = digits[n%36]
		n /= 36
	}
	return string(b[:])
}

func (d *Desk) refusing() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stopping
}
