package manual

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"tillbridge/drivers/manual/sim"
	"tillbridge/terminal"
)

// Driver is the driver.
func Driver() terminal.Driver {
	return terminal.Driver{
		Name: "manual", Title: "terminal without a connection", Evidence: terminal.C0,
		Options: func() any { return &Options{} }, Open: open, Simulate: sim.New, Kinds: []terminal.Session{(*session)(nil)},
	}
}

// Options are the driver's own settings: there are none.
type Options struct{}

// mostTypings is how often an approval is typed before the payment is left to the hold page.
const mostTypings = 10

// session asks the person at the till. There is nothing to open and nothing to close.
type session struct{ ask terminal.Ask }

var _ terminal.Session = (*session)(nil)

func open(ctx context.Context, e terminal.Env, _ any) (terminal.Session, error) {
	return &session{e.Ask}, ctx.Err()
}

// Close does nothing.
func (s *session) Close() error { return nil }

// Pay shows the amount and waits for the clerk. As soon as the clerk can see it, the card may be charged; before that nothing
// was sent. It ends with an error only where ctx does or nobody can be asked.
func (s *session) Pay(ctx context.Context, r terminal.Request, till terminal.Till) (terminal.Result, error) {
	switch {
	case s.ask == nil:
		return terminal.Result{}, fmt.Errorf("%w: there is no counter screen on which somebody could be asked", terminal.ErrNotSent)
	case ctx.Err() != nil:
		return terminal.Result{}, errors.Join(terminal.ErrNotSent, ctx.Err())
	}
	till.Progress(terminal.Progress{Stage: terminal.Sent, Text: "Charge " + r.Amount.String() + " at the terminal, then type here what it printed."})
	problem := ""
	for range mostTypings {
		first, err := s.ask(ctx, terminal.Question{Amount: r.Amount, Problem: problem, Text: instruction(problem)})
		if err != nil {
			return terminal.Result{}, fmt.Errorf("nobody said what the terminal printed: %w", err)
		}
		if problem = lacking(first); problem != "" {
			continue
		}
		if first.Outcome != terminal.Approved {
			return result(first), nil
		}
		till.Progress(terminal.Progress{Text: "Type once more what the terminal printed."})
		second, err := s.ask(ctx, terminal.Question{
			Amount: r.Amount, Again: true,
			Text: "Read the printout again and type it once more. Both must agree.",
		})
		switch {
		case err != nil:
			return terminal.Result{}, fmt.Errorf("%s said that the terminal approved, and nobody typed it a second time: %w", first.Name, err)
		case agree(first, second):
			return result(first), nil
		}
		problem = "What was typed the second time is not what was typed the first time. Begin again, from the printout."
		till.Progress(terminal.Progress{Text: problem})
	}
	return terminal.Result{Text: "What was typed never agreed with what was typed before. Look at the terminal's printout."}, nil
}

// Recover tells that nothing can be asked.
func (s *session) Recover(_ context.Context, a terminal.Attempt) (terminal.Result, error) {
	return terminal.Result{
		Text: "The terminal of the payment of " + a.Amount.String() + " has no connection, so it cannot be asked. Look for the amount and the time in its own journal or on its printout; do not charge again before.",
	}, nil
}

// instruction is what the clerk has to do. The card is charged for the first question only: one that is put because of a problem
// is about the printout that is there.
func instruction(problem string) string {
	if problem != "" {
		return "Do not charge the card again. Say what is on the printout."
	}
	return "Charge exactly this amount at the terminal. Then say what it printed."
}

// lacking is what an answer lacks; empty for nothing.
func lacking(a terminal.Answer) string {
	if a.Outcome == terminal.Approved && plain(a.AuthCode) == "" && plain(a.TxnRef) == "" {
		return "An approval has an authorisation code or a reference on its printout: one of them is needed."
	}
	return ""
}

// agree tells whether two answers say the same. Capitals and blanks do not matter: printouts are set in capitals and spaced.
func agree(a, b terminal.Answer) bool {
	return a.Outcome == b.Outcome && plain(a.AuthCode) == plain(b.AuthCode) && plain(a.TxnRef) == plain(b.TxnRef)
}

func plain(s string) string { return strings.ToUpper(strings.Join(strings.Fields(s), "")) }

// result is what a person said as a result.
func result(a terminal.Answer) terminal.Result {
	out := terminal.Result{Outcome: a.Outcome, Proof: terminal.Person, Person: a.Name}
	switch a.Outcome {
	case terminal.Approved:
		out.AuthCode, out.TxnRef = strings.Join(strings.Fields(a.AuthCode), " "), strings.Join(strings.Fields(a.TxnRef), " ")
		out.Text = a.Name + " typed twice what the terminal printed: paid."
	case terminal.Declined:
		out.Text = a.Name + " says that the terminal did not take the payment."
	default:
		return terminal.Result{Text: a.Name + " cannot tell whether the terminal took the payment."}
	}
	return out
}
