package telium

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/link"
)

// dialogue is a money command and what the terminal says of it.
type dialogue struct {
	s    *session
	q    request
	r    terminal.Request
	till terminal.Till
	// judge is the dialect's reading of an answer.
	judge func(answer, []byte, terminal.Request) terminal.Result
	// fixed says that the number is the same in every payment, so that an answer about another sum may be another
	// payment's.
	fixed bool
	// nothing says that status 9 means that there was nothing to do: the answer to CMD=REVERSE.
	nothing bool

	sent   bool
	odd    string // why an answer that came is not taken for this payment's
	result *terminal.Result
}

// run hands the command over once and waits for its result. Under way is what to do when the wait is waked; mend tries to
// get a lost line back, and tells whether it has; nil for neither.
func (d *dialogue) run(ctx context.Context, underWay func(context.Context) error, mend func(context.Context, time.Time) bool) (terminal.Result, error) {
	s := d.s
	notSent := func(err error) (terminal.Result, error) {
		return terminal.Result{}, fmt.Errorf("%w: %w", terminal.ErrNotSent, err)
	}
	body, err := d.q.encode()
	if err != nil {
		return notSent(err)
	}
	s.cancel.Store(false)
	err = s.line.Send(ctx, body, d.leaving, d.take)
	if !d.sent {
		if !errors.Is(err, link.ErrNoAnswer) {
			s.drop()
		}
		return notSent(err)
	}
	defer func() { s.doubt = time.Now() }()
	switch {
	case errors.Is(err, link.ErrNotTaken):
		s.held.Undecided(false)
		return terminal.Result{Outcome: terminal.Declined, Proof: terminal.Refused, Text: "The terminal could not read the command and refused it each time; check the cable and the line's settings."}, nil
	case err == nil:
		d.till.Progress(terminal.Progress{Stage: terminal.Started, Text: "The terminal has the sum."})
	case !errors.Is(err, link.ErrUnacknowledged):
		if mend == nil || ctx.Err() != nil || d.result != nil || !mend(ctx, time.Now().Add(s.o.PaymentTimeout)) {
			s.drop()
			return terminal.Result{}, err
		}
	}
	err = d.wait(ctx, underWay, mend)
	if err != nil {
		s.drop()
		return terminal.Result{}, err
	}
	s.held.Undecided(d.result.Outcome == terminal.Unknown)
	d.till.Progress(terminal.Progress{Stage: terminal.Acknowledged})
	return *d.result, nil
}

func (d *dialogue) leaving() {
	d.sent = true
	d.s.late = nil // what came before is of no payment that will be asked about
	d.s.held.Undecided(true)
	d.till.Progress(terminal.Progress{Stage: terminal.Sent})
}

// wait waits until the result was taken and acknowledged.
func (d *dialogue) wait(ctx context.Context, underWay func(context.Context) error, mend func(context.Context, time.Time) bool) error {
	until := time.Now().Add(d.s.o.PaymentTimeout)
	for {
		_, err := d.s.line.Receive(ctx, until, true, d.take)
		switch {
		case err == nil && d.result != nil:
			return nil
		case err == nil:
		case errors.Is(err, terminal.ErrPoked):
			if !d.s.cancel.Swap(false) || underWay == nil {
				continue
			}
			if err := underWay(ctx); err != nil && d.result == nil && !errors.Is(err, link.ErrNoAnswer) && !errors.Is(err, link.ErrUnacknowledged) && !errors.Is(err, link.ErrNotTaken) {
				return err
			}
			if d.result != nil { // it came while the line was ours
				return nil
			}
		case errors.Is(err, terminal.ErrSilent):
			text := ""
			if d.odd != "" {
				text = ": " + d.odd
			}
			return fmt.Errorf("the terminal has not told the result in %s%s", d.s.o.PaymentTimeout, text)
		case ctx.Err() != nil || mend == nil || d.result != nil || errors.Is(err, errSeen):
			return err
		case !mend(ctx, until):
			return err
		}
	}
}

// errSeen is wrapped by the error of a result that could not be made durable.
var errSeen = errors.New("record the result")

// take takes what the terminal says. Nothing that comes before the command has left is this payment's.
func (d *dialogue) take(body []byte) error {
	if isXML(body) {
		if p, ok := broadcast(body); ok {
			d.till.Progress(p)
		} else {
			d.till.Receipt(receipt(body))
		}
		return nil
	}
	masked := maskBody(body)
	a, err := parseAnswer(body)
	switch {
	case !d.sent && err == nil:
		d.s.keep(stray{a, masked})
		return nil
	case err != nil:
		d.odd = "it said something that cannot be read"
		d.s.log.Warn("the terminal said something that cannot be read", "error", terminal.MaskCardNumbers(err.Error()))
		return nil
	case d.result != nil, a.Number != d.q.Number, string(masked) == d.s.told:
		d.s.log.Info("the terminal told something else", "number", a.Number, "status", code(a.Status))
		return nil
	case d.fixed && (a.Minor != d.r.Amount.Minor || a.Currency != d.r.Amount.Currency.Numeric):
		d.odd = "it told a result of another sum, which may be another payment's"
		d.s.keep(stray{a, masked})
		return nil
	case a.Status == statusTaken && !d.nothing:
		d.till.Progress(terminal.Progress{Stage: terminal.Working, Text: "The terminal has begun the payment."})
		return nil
	}
	result := d.judge(a, masked, d.r)
	if d.nothing && a.Status == statusTaken {
		result.Outcome, result.Proof, result.Text = terminal.Declined, terminal.Refused, "The terminal has nothing to reverse."
	}
	if err := d.till.Seen(result); err != nil {
		return fmt.Errorf("%w: %w", errSeen, err)
	}
	d.result, d.s.told = &result, string(masked)
	return nil
}

// sentences say what a status means.
func sentence(status byte) string {
	switch status {
	case statusDone:
		return "Approved."
	case statusReferral:
		return "The bank wants to be called by telephone; nothing was charged."
	case statusCancelled:
		return "The customer or the clerk cancelled at the terminal."
	case statusRefused:
		return "The terminal refused: the payment was not made."
	}
	return "The terminal ended with a status that does not say whether the payment was made."
}
