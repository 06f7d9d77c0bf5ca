package drivertest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tillbridge/terminal"
)

// Times of the real engine (bridge/till).
const (
	openLimit  = 30 * time.Second // to open a session, and to read the mark
	askLimit   = 5 * time.Minute  // to ask once
	payLimit   = time.Hour
	grace      = 5 * time.Second // for a call to come back once its context has ended
	queueLimit = 60 * time.Second
	// askFor is how long a payment is asked about once everything is whole again.
	askFor = 5 * time.Minute
)

// engine does with a session what the real one does. One goroutine uses it.
type engine struct {
	p       *play
	session terminal.Session
	mark    terminal.Mark
	failed  int
	stuck   bool // a call did not come back
}

var (
	errStuck = errors.New("the driver did not come back")
	errWrong = errors.New("another terminal answers")
)

// call runs a call into the driver, for at most limit; a panic becomes an error, and blame.
func call[T any](e *engine, ctx context.Context, limit time.Duration, what string, f func(context.Context) (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	done := make(chan answer, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				e.p.blame("%s panicked: %v", what, r)
				done <- answer{err: fmt.Errorf("panic: %v", r)}
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
	late := time.NewTimer(grace)
	defer late.Stop()
	select {
	case a := <-done:
		return a.value, a.err
	case <-late.C:
		e.p.blame("%s did not come back within %s of the end of its context", what, grace)
		e.stuck = true
		var zero T
		return zero, errStuck
	}
}

// open makes sure that there is a session, with the right terminal.
func (e *engine) open(ctx context.Context) error {
	if e.session != nil {
		return nil
	}
	if e.stuck {
		return errStuck
	}
	p := e.p
	env := terminal.Env{Dial: p.line.dial, Link: p.kind, Currency: p.s.Currency, Log: p.story.logger(), Ask: p.asker()}
	s, err := call(e, ctx, openLimit, "Open", func(ctx context.Context) (terminal.Session, error) {
		return p.s.Driver.Open(ctx, env, p.s.options(p.kind))
	})
	if err != nil {
		p.saw("Open", err.Error())
		p.line.orphaned()
		e.failed++
		return err
	}
	e.session, e.mark = s, ""
	if i, ok := s.(terminal.Identifier); ok && i.TerminalID() != "" {
		switch id := i.TerminalID(); {
		case p.id == "":
			p.id = id
		case p.id != id:
			p.story.add("the engine refuses terminal %s", id)
			e.drop()
			e.failed++
			return errWrong
		}
	}
	e.failed = 0
	return nil
}

// asker is the person at the till, whom a simulator plays that has a method Answer; else nobody. What is asked is the money
// command: the person does at the terminal what the question says.
func (p *play) asker() terminal.Ask {
	person, ok := p.sim.(interface {
		Answer(context.Context, terminal.Question) (terminal.Answer, error)
	})
	if !ok {
		return nil
	}
	return func(ctx context.Context, q terminal.Question) (terminal.Answer, error) {
		p.line.asked()
		a, err := person.Answer(ctx, q)
		p.story.add("   asked (again %t): %s, %q %q, %v", q.Again, a.Outcome, a.AuthCode, a.TxnRef, err)
		return a, err
	}
}

// ready makes sure of a session and a mark.
func (e *engine) ready(ctx context.Context) error {
	if err := e.open(ctx); err != nil {
		return err
	}
	m, ok := e.session.(terminal.Marker)
	if !ok || e.mark.Known() {
		return nil
	}
	mark, err := call(e, ctx, openLimit, "Mark", m.Mark)
	switch {
	case errors.Is(err, terminal.ErrRefused):
	case err != nil:
		e.p.saw("Mark", err.Error())
		e.drop()
		e.failed++
		return err
	}
	e.mark = mark
	return nil
}

// drop closes the session.
func (e *engine) drop() {
	s := e.session
	if s == nil {
		return
	}
	e.session = nil
	if _, err := call(e, context.Background(), grace, "Close", func(context.Context) (struct{}, error) { return struct{}{}, s.Close() }); err != nil {
		e.p.story.add("Close: %v", err)
	}
	e.p.line.orphaned()
}

// backoff is the wait after n failures in a row.
func backoff(n int, most time.Duration) time.Duration {
	return min(250*time.Millisecond<<min(n, 10), most)
}

// charge carries out a payment to the end of its dialogue. The main payment is the scenario's.
func (e *engine) charge(ctx context.Context, minor int64, f fault, main bool) *payment {
	p := e.p
	pay := &payment{evidence: p.s.Driver.Evidence}
	if !p.prepare(ctx, e, pay, main) {
		return pay
	}
	pay.req = terminal.Request{Reference: p.reference(), Amount: p.s.amount(minor), Armed: time.Now()}
	pay.mark = e.mark
	lent := &till{p: p, pay: pay, base: p.sales(), main: main}
	if main {
		p.base = lent.base
		p.later(p.plan.hands)
	}
	p.line.newPayment()
	p.line.begin(paying, f, p.fire(f))
	if main {
		p.line.hear()
		p.leaveStale()
		p.begins()
	}
	session := e.session
	p.session.Store(&session)
	began := time.Now()
	r, err := call(e, ctx, payLimit, "Pay", func(ctx context.Context) (terminal.Result, error) {
		return session.Pay(ctx, pay.req, lent)
	})
	p.session.Store(nil)
	took := time.Since(began)
	if main {
		p.took = took
	}
	if main && p.plan.within > 0 && took > p.plan.within {
		p.blame("Pay took %s, and %s is enough", took, p.plan.within)
	}
	lent.close()
	seen := p.line.whats()
	p.saidBefore = seen.said
	if main {
		p.learn.paying, p.handed = seen, seen.sent
	}
	p.line.begin(idle, fault{}, nil)
	p.sawResult("Pay", r, err)
	if p.line.isDead() {
		pay.why = "the till died"
		return pay
	}
	if errors.Is(err, terminal.ErrNotSent) && p.line.sent() {
		p.blame("Pay says that nothing was sent (%v), and the money command was handed over", err)
	}
	pay.conclude(r, err)
	taken := pay.end == approved || pay.end == declined || pay.seen != nil && pay.seen.Outcome == terminal.Approved
	if main && taken && p.line.stranger() > 0 {
		p.blame("a result whose code nobody knows is taken for %s by %s", r.Outcome, r.Proof)
	}
	e.keep(pay, r, err)
	return pay
}

// keep follows what the end of a dialogue does to the mark and the session.
func (e *engine) keep(pay *payment, r terminal.Result, err error) {
	e.mark = pay.mark
	switch {
	case pay.end == open, pay.end == held:
		e.mark = ""
	case err == nil && r.Mark.Known():
		e.mark = r.Mark
	case pay.end == approved:
		e.mark = ""
	}
	if err != nil || pay.end == open {
		e.drop()
	}
}

// ask asks once what became of a payment and says how long to wait before the next time.
func (e *engine) ask(ctx context.Context, pay *payment) time.Duration {
	if err := e.open(ctx); err != nil {
		return backoff(e.failed, 15*time.Second)
	}
	session, strangers := e.session, e.p.line.stranger()
	r, err := call(e, ctx, askLimit, "Recover", func(ctx context.Context) (terminal.Result, error) {
		return session.Recover(ctx, pay.attempt())
	})
	e.p.sawResult("Recover", r, err)
	switch {
	case e.p.line.isDead() || ctx.Err() != nil:
		return 0
	case errors.Is(err, terminal.ErrBusy):
		e.failed++
		return backoff(e.failed, 3*time.Second)
	case err != nil:
		e.drop()
		e.failed++
		return backoff(e.failed, 15*time.Second)
	}
	e.failed = 0
	pay.find(r)
	if e.p.line.stranger() > strangers && pay.end == approved {
		e.p.blame("an answer whose code nobody knows is taken for %s by %s", r.Outcome, r.Proof)
	}
	e.mark = ""
	if pay.end != held && r.Mark.Known() {
		e.mark = r.Mark
	}
	return 0
}
