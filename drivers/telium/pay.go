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

	order  *link.Delivery
	result *terminal.Result
}

// run hands the command over once and waits for its result. Cancel says over the line that the payment is to be given up, mend opens a lost line anew;
// nil for neither.
func (d *dialogue) run(ctx context.Context, cancel, mend func(context.Context) error) (terminal.Result, error) {
	s := d.s
	body, err := d.q.encode()
	if err != nil {
		return terminal.Result{}, fmt.Errorf("%w: %w", terminal.ErrNotSent, err)
	}
	d.order = &link.Delivery{
		Line: func() link.Caller { return s.line }, Body: body, Till: d.till, Wait: s.o.PaymentTimeout, Leaving: d.leaving, Take: d.take,
		Told: func() bool { return d.result != nil }, Mend: mend,
		Poked: func(ctx context.Context) error {
			if !s.cancel.Swap(false) || cancel == nil {
				return nil
			}
			return cancel(ctx)
		},
	}
	s.cancel.Store(false)
	err = d.order.Run(ctx)
	if !d.order.Sent() {
		if !errors.Is(err, link.ErrNoAnswer) {
			s.drop()
		}
		return terminal.Result{}, fmt.Errorf("%w: %w", terminal.ErrNotSent, err)
	}
	defer func() { s.doubt = time.Now() }()
	switch {
	case errors.Is(err, link.ErrNotTaken):
		s.held.Undecided(false)
		return link.NotTaken(), nil
	case err != nil:
		s.drop()
		return terminal.Result{}, err
	}
	s.held.Undecided(d.result.Outcome == terminal.Unknown)
	d.till.Progress(terminal.Progress{Stage: terminal.Acknowledged})
	return *d.result, nil
}

func (d *dialogue) leaving() {
	d.s.late = nil // what came before is of no payment that will be asked about
	d.s.held.Undecided(true)
}

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
	case !d.order.Sent() && err == nil:
		d.s.keep(stray{a, masked})
		return nil
	case err != nil:
		d.order.Odd = "it said something that cannot be read"
		d.s.log.Warn("the terminal said something that cannot be read", "error", terminal.MaskCardNumbers(err.Error()))
		return nil
	case d.result != nil, a.Number != d.q.Number, string(masked) == d.s.told:
		d.s.log.Info("the terminal told something else", "number", a.Number, "status", code(a.Status))
		return nil
	case d.fixed && (a.Minor != d.r.Amount.Minor || a.Currency != d.r.Amount.Currency.Numeric):
		d.order.Odd = "it told a result of another sum, which may be another payment's"
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
		return fmt.Errorf("record the result: %w", err)
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
