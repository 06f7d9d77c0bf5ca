package telium

import (
	"context"
	"errors"
	"fmt"

	"tillbridge/terminal"
	"tillbridge/terminal/link"
	"tillbridge/terminal/wire"
)

// french is a session in the dialect of France.
//
// Void is left out: what type 2 ("annulation") does is not documented openly, and it wants the card and the ticket at the
// terminal, where it can be started as well. Nor is there a cancellation: the red key alone ends a payment.
type french struct {
	*session
	number int    // of the last payment
	of     string // its reference
}

// Pay is E+ type 0, answered at the end (telium sheet 4.1).
func (f *french) Pay(ctx context.Context, r terminal.Request, till terminal.Till) (terminal.Result, error) {
	return f.charge(ctx, typeSale, r, till)
}

// Refund is type 1, "credit".
func (f *french) Refund(ctx context.Context, r terminal.Request, till terminal.Till) (terminal.Result, error) {
	return f.charge(ctx, typeRefund, r, till)
}

func (f *french) charge(ctx context.Context, kind byte, r terminal.Request, till terminal.Till) (terminal.Result, error) {
	err := f.begin(ctx)
	defer f.watch()
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return terminal.Result{}, fmt.Errorf("%w: %w", terminal.ErrNotSent, err)
	}
	number := f.numberOf(r.Reference)
	if f.o.POSNumber == 0 && number == f.number && f.of != r.Reference {
		number = number%99 + 1
	}
	f.number, f.of = number, r.Reference
	d := &dialogue{
		s: f.session, r: r, till: till, judge: judgeFrench, fixed: f.o.POSNumber != 0,
		q: request{
			Number: number, Minor: r.Amount.Minor, Report: f.o.Answer == FullAnswer, Mode: modeCardFR, Type: kind, Currency: r.Amount.Currency.Numeric,
			Short: f.o.Variant == E, Online: f.o.ForceAuthorisation,
		},
	}
	return d.run(ctx, nil, f.mend)
}

// numberOf is the POS number of a payment: the shop's own, or one that changes with each, so that a result that comes late
// names its payment. Terminals echo the number, and nothing else of ours.
func (f *french) numberOf(reference string) int {
	switch {
	case f.o.POSNumber != 0:
		return f.o.POSNumber
	case reference == f.of:
		return f.number
	}
	return int(seed(reference)%99) + 1
}

// mend dials again. The command is not sent again; the terminal brings its result by itself, to whoever listens then.
func (f *french) mend(ctx context.Context) error {
	f.held.Undecided(true)
	f.drop()
	return f.begin(ctx)
}

// judgeFrench reads an answer (telium sheet 4.3, 4.5). The engine compares sum and currency.
func judgeFrench(a answer, masked []byte, r terminal.Request) terminal.Result {
	minor := a.Minor
	out := terminal.Result{
		CapturedMinor: &minor, CurrencyNumeric: a.Currency, TxnRef: name(a, r), CardLast4: a.card(), CardName: modes[a.Mode],
		Code: code(a.Status), Text: sentence(a.Status), Raw: wire.Excerpt(masked),
	}
	switch {
	case a.Status == statusDone && a.Currency == 0:
		out.Text = "The terminal states an approval whose currency cannot be read."
	case a.Status == statusDone:
		out.Outcome, out.Proof = terminal.Approved, terminal.Dialogue
	case a.Status == statusRefused:
		out.Outcome, out.Proof = terminal.Declined, terminal.Refused
	default:
		out.Text = sentence(0)
	}
	return out
}

// modes are the kinds of payment that a terminal may have used (telium sheet 4.4).
var modes = map[byte]string{
	'2': "American Express", '3': "Cetelem", '5': "Cofinoga", '6': "Diners", '8': "Franfinance", '9': "JCB", 'A': "Accord Finance", 'C': "cheque",
	'O': "Moneo", 'U': "CUP", 'F': "Fintrax",
}

// Recover listens for the result, which the terminal brings by itself if it brings it at all: E and E+ have no question
// about an earlier payment (telium sheet 5). Without it the terminal's own receipt is all there is.
func (f *french) Recover(ctx context.Context, a terminal.Attempt) (terminal.Result, error) {
	if out, decides := link.Recorded(a); decides {
		return out, nil
	}
	err := f.begin(ctx)
	defer f.watch()
	if err != nil {
		return terminal.Result{}, err
	}
	number := f.numberOf(a.Reference)
	until := link.LateUntil(a.Armed, f.o.PaymentTimeout)
	for {
		if late, ok := f.lateAnswer(number, a.Request); ok && late.Currency == a.Amount.Currency.Numeric {
			f.held.Undecided(false)
			out := judgeFrench(late.answer, late.raw, a.Request)
			out.Text = "The terminal told the result late: " + out.Text
			return out, nil
		}
		_, err := f.line.Receive(ctx, until, false, f.unasked)
		switch {
		case errors.Is(err, terminal.ErrSilent):
			return terminal.Result{Text: "The terminal did not tell how the payment of " + a.Amount.String() + " ended, and it cannot be asked. " +
				"Print its last receipt at the terminal (menu F, \"duplicata\") or look at its journal, and compare sum and time; do not charge again before."}, nil
		case err != nil:
			f.drop()
			return terminal.Result{}, err
		}
	}
}

// Probe asks the terminal for the line and gives it back: it answers if it is connected and at rest (telium sheet 3).
func (f *french) Probe(ctx context.Context) (terminal.Health, error) {
	err := f.begin(ctx)
	defer f.watch()
	if err != nil {
		return terminal.Health{}, err
	}
	x, ok := f.line.(*link.Exchange)
	if !ok {
		return terminal.Health{}, errors.New("the terminal is not on a serial line")
	}
	err = x.Alive(ctx, f.unasked)
	switch {
	case errors.Is(err, link.ErrNoAnswer):
		return terminal.Health{Busy: true, Text: "The terminal does not answer: it may be busy, show an earlier sum, or have its cash register connection switched off (menu F, Telium Manager, Initialisation)."}, nil
	case err != nil:
		f.drop()
		return terminal.Health{}, err
	}
	return terminal.Health{Ready: true, Text: "The terminal is there."}, nil
}
