package caisseap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/link"
)

const (
	// quiet is how long nothing must come after an answer that has all that it needs (caisse-ap sheet 2).
	quiet = 300 * time.Millisecond
	// patience is the same after one that lacks something: it may have been cut where a field ends, and what follows be
	// late.
	patience = 10 * time.Second
)

// Pay is a debit, CD=0, answered at the end, BA=0.
func (s *session) Pay(ctx context.Context, r terminal.Request, till terminal.Till) (terminal.Result, error) {
	return s.charge(ctx, actionDebit, r, till)
}

// Refund is a credit, CD=1.
func (s *session) Refund(ctx context.Context, r terminal.Request, till terminal.Till) (terminal.Result, error) {
	return s.charge(ctx, actionCredit, r, till)
}

// dialogue is a request and what the terminal answers.
type dialogue struct {
	s      *session
	q      request
	r      terminal.Request
	till   terminal.Till
	order  *link.Delivery // on a serial line
	sent   bool
	result *terminal.Result
}

func (s *session) charge(ctx context.Context, action string, r terminal.Request, till terminal.Till) (terminal.Result, error) {
	notSent := func(err error) (terminal.Result, error) {
		return terminal.Result{}, fmt.Errorf("%w: %w", terminal.ErrNotSent, err)
	}
	d := &dialogue{s: s, r: r, till: till, q: request{
		Version: s.o.Version, Protocol: s.o.ProtocolID, POS: s.o.POSNumber, Minor: r.Amount.Minor, Currency: r.Amount.Currency.Numeric, Action: action,
		Reference: r.Reference, Online: s.o.ForceAuthorisation, Ticket: s.o.Ticket,
	}}
	body, err := d.q.encode()
	if err != nil {
		return notSent(err)
	}
	if s.o.AppendCRLF {
		body = append(body, "\r\n"...)
	}
	err = s.begin(ctx)
	defer s.end()
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return notSent(err)
	}
	if s.line != nil {
		err = d.overSerial(ctx, body)
	} else {
		err = d.overTCP(ctx, body)
	}
	switch {
	case !d.sent:
		if s.line != nil && !errors.Is(err, link.ErrNoAnswer) {
			s.drop()
		}
		return notSent(err)
	case errors.Is(err, link.ErrNotTaken):
		s.held.Undecided(false)
		return link.NotTaken(), nil
	case err != nil:
		s.drop()
		return terminal.Result{}, err
	}
	s.held.Undecided(d.result.Outcome == terminal.Unknown)
	if s.line != nil {
		till.Progress(terminal.Progress{Stage: terminal.Acknowledged})
	}
	return *d.result, nil
}

func (d *dialogue) leaving() {
	d.sent = true
	d.s.late = nil
	d.s.held.Undecided(true)
}

// overSerial runs the dialogue by Concert's exchange, in which an answer is one frame. On a line that was lost and opened anew the request is not sent
// again: the terminal brings its result by itself, to whoever listens then.
func (d *dialogue) overSerial(ctx context.Context, body []byte) error {
	d.order = &link.Delivery{
		Line: func() link.Caller { return d.s.line }, Body: body, Till: d.till, Wait: d.s.o.PaymentTimeout, Leaving: d.leaving, Take: d.take,
		Told: func() bool { return d.result != nil },
		Mend: func(ctx context.Context) error {
			d.s.drop()
			return d.s.begin(ctx)
		},
	}
	return d.order.Run(ctx)
}

// take takes a frame. Nothing that comes before the command has left is this payment's.
func (d *dialogue) take(body []byte) error {
	if !d.sent {
		return d.s.unasked(body)
	}
	all, err := parse(body)
	if err != nil {
		d.order.Odd = "it said something that cannot be read"
		return nil
	}
	for _, a := range all {
		if d.ours(a) && d.result == nil {
			return d.see(a)
		}
		d.order.Odd = "it told a result that does not name this payment"
		d.s.keep(a)
	}
	return nil
}

// ours tells whether an answer names this payment, or must be this payment's.
func (d *dialogue) ours(a answer) bool {
	cf, there, twice := a.get("CF")
	if there || d.s.o.ReferenceEchoed {
		return there && !twice && cf == d.r.Reference
	}
	return true
}

func (d *dialogue) see(a answer) error {
	for _, r := range tickets(a) {
		d.till.Receipt(r)
	}
	return d.record(d.judge(a))
}

func (d *dialogue) record(result terminal.Result) error {
	if err := d.till.Seen(result); err != nil {
		return fmt.Errorf("record the result: %w", err)
	}
	d.result = &result
	return nil
}

// overTCP runs the dialogue on a connection of its own. The terminal is silent until it answers, and the answer has no end
// mark: it has ended when all that it needs is there and a while nothing more comes, or when the terminal hangs up.
func (d *dialogue) overTCP(ctx context.Context, body []byte) error {
	s := d.s
	until := time.Now().Add(s.o.PaymentTimeout)
	port := s.held.Port()
	if port == nil {
		return link.ErrOver
	}
	d.leaving()
	d.till.Progress(terminal.Progress{Stage: terminal.Sent})
	if _, err := port.Write(body); err != nil {
		return err
	}
	d.till.Progress(terminal.Progress{Stage: terminal.Started})
	ear := terminal.NewEar(port)
	var got []byte
	for {
		wait := until
		all, state := parse(got)
		if len(got) > 0 && state == nil {
			pause := patience
			if d.complete(all) {
				pause = quiet
			}
			if next := time.Now().Add(pause); next.Before(until) && answered(all) {
				wait = next
			}
		}
		heard, err := ear.Hear(ctx, wait, false)
		got = append(got, heard...)
		switch {
		case len(got) > maxText, state != nil && !errors.Is(state, errMore):
			return errors.New("what the terminal says is not this protocol: check the port and the terminal's settings")
		case len(heard) > 0 || err == nil:
		case errors.Is(err, terminal.ErrSilent) && wait.Equal(until):
			return fmt.Errorf("the terminal has not told the result in %s", s.o.PaymentTimeout)
		case errors.Is(err, terminal.ErrSilent), errors.Is(err, io.EOF) && state == nil && answered(all):
			s.env.Quality.Message()
			return d.conclude(all)
		default:
			return err
		}
	}
}

// answered tells whether one of the texts says how a payment ended.
func answered(all []answer) bool {
	for _, a := range all {
		if a.has("AE") {
			return true
		}
	}
	return false
}

// complete tells whether the answer to this payment is there and needs nothing more: of an approval its sum, our reference and
// its authorisation number, of a refusal its reason.
func (d *dialogue) complete(all []answer) bool {
	for _, a := range all {
		switch {
		case !d.ours(a):
		case a.value("AE") == "10" && a.has("CB") && a.has("AC"), a.value("AE") == "01" && a.has("AF"):
			return true
		}
	}
	return false
}

// conclude judges what came on the connection. An answer that names our payment counts; where there is none, one that names
// no payment is judged for what it may be: on this connection nothing else was asked, but what comes first may be left from
// before.
func (d *dialogue) conclude(all []answer) error {
	var nameless []answer
	for _, a := range all {
		switch {
		case !a.has("AE"):
		case d.ours(a):
			return d.see(a)
		case !a.has("CF"):
			nameless = append(nameless, a)
		}
	}
	if len(nameless) == 1 && len(all) == 1 && nameless[0].value("AE") != "10" {
		return d.see(nameless[0])
	}
	result := terminal.Result{Text: "The terminal answered without naming this payment."}
	if len(nameless) > 0 {
		a := nameless[len(nameless)-1]
		result = d.judge(a)
		result.Outcome, result.Proof = terminal.Unknown, terminal.NoProof
		result.Text = "The terminal answered without naming this payment (" + result.Text + "). If it never does, set reference_echoed to false."
	}
	return d.record(result)
}
