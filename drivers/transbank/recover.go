package transbank

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"tillbridge/terminal"
)

// Recover waits for an idle terminal, which acknowledges the poll, and looks for our ticket in the list of its sales, or compares
// its last sale with the one from before (sheet 8).
func (s *session) Recover(ctx context.Context, a terminal.Attempt) (terminal.Result, error) {
	if err := s.ready(ctx); err != nil {
		return terminal.Result{}, err
	}
	s.fresh = false
	ticket, _ := ticketOf(a.Reference)
	q := inquest{s: s, a: a, ticket: ticket}
	q.before, q.marked = parseMark(a.Mark)
	out, err := q.answer(ctx)
	if err != nil {
		return terminal.Result{}, err
	}
	if a.Seen != nil && a.Seen.Outcome == terminal.Approved && out.Outcome == terminal.Declined && out.Proof != terminal.Voided {
		out = terminal.Result{Text: "The terminal stated an approval, and now has no such sale.", Raw: out.Raw}
	}
	if out.Mark.Known() {
		s.last = out.Mark
	}
	return out, nil
}

// listless remembers that the terminal does not know the list. Where it told it before, the line is what refuses, and asking again is
// right.
func (s *session) listless(err error) error {
	switch {
	case errors.Is(err, terminal.ErrRefused) && s.listed:
		return fmt.Errorf("the terminal refuses its list, which it told before: %v", err)
	case errors.Is(err, terminal.ErrRefused):
		s.noList = true
	}
	return err
}

// inquest is what is known about an attempt, and asks for the rest.
type inquest struct {
	s      *session
	a      terminal.Attempt
	ticket string
	before mark
	marked bool
}

// answer asks the list and, where that does not decide, the last sale. An Integrado prints the latter.
func (q inquest) answer(ctx context.Context) (terminal.Result, error) {
	why := ""
	if q.s.o.Model == Integrado && !q.s.noList {
		all, sure, err := q.s.list(ctx)
		switch {
		case err == nil:
			out, reason := q.search(all)
			if reason == "" && out.Proof == terminal.UnchangedMark && !sure {
				break
			}
			if reason == "" || q.marked && q.continues(all) {
				out.Text = cmp.Or(out.Text, reason)
				return out, nil
			}
			why = reason
		default:
			if err = q.s.listless(err); !errors.Is(err, terminal.ErrRefused) {
				return terminal.Result{}, err
			}
		}
	}
	r, stored, err := q.s.lastSale(ctx, false)
	switch {
	case errors.Is(err, terminal.ErrRefused):
		return terminal.Result{Text: cmp.Or(why, "The terminal does not tell what it has sold.")}, nil
	case err != nil:
		return terminal.Result{}, err
	}
	out, reason := q.compare(r, stored)
	if reason != "" {
		out = terminal.Result{Text: cmp.Or(why, reason)}
		if stored {
			out.Raw = r.raw()
		}
	}
	return out, nil
}

// continues tells whether the list has the sale that was the last one before, so that nobody has closed since.
func (q inquest) continues(all []sale) bool { return slices.ContainsFunc(all, q.before.is) }

// search looks for our ticket in the whole list. Why is empty where that decides.
func (q inquest) search(all []sale) (out terminal.Result, why string) {
	from := 0 // behind the mark
	for i, r := range all {
		if q.marked && q.before.is(r) {
			from = i + 1
		}
	}
	for i, r := range all {
		if !r.has(q.ticket) || r.minor < 0 {
			continue // a void is looked at with its sale
		}
		if i < from {
			return out, "The terminal's list has our ticket on a sale from before this payment."
		}
		return q.found(r, all)
	}
	switch {
	case !q.marked:
		return out, "The terminal's last sale before this payment is not known, so that its list does not decide."
	case !q.before.sameTerminal(q.s.terminalID):
		return out, "Another terminal answers than before."
	case q.before.none() && q.s.o.CloseAtTerminal, !q.before.none() && from == 0:
		return out, "The terminal's list begins after this payment or may do so: somebody may have closed (cierre) since."
	}
	for _, r := range all[from:] {
		if r.minor == q.a.Amount.Minor { // is the ticket what it wants to be?
			return out, "The terminal has made a sale of this sum since, without our ticket."
		}
	}
	return q.nothing("The terminal is idle, and its list of sales does not have this payment.")
}

// compare compares the last sale with the attempt. Why is empty where that decides.
func (q inquest) compare(r sale, stored bool) (out terminal.Result, why string) {
	switch {
	case stored && r.has(q.ticket) && !(q.marked && q.before.is(r)):
		return q.found(r, nil)
	case !q.marked:
		return out, "The terminal's last sale before this payment is not known, so that its memory does not decide."
	case !q.before.sameTerminal(q.s.terminalID):
		return out, "Another terminal answers than before."
	case stored && q.before.is(r) && !r.has(q.ticket):
		return q.nothing("The terminal is idle, and its last sale is still the one from before this payment.")
	case !stored && q.before.none() && !q.s.o.CloseAtTerminal:
		return q.nothing("The terminal is idle and has no sale stored, as before this payment.")
	case !stored:
		return out, "The terminal has no sale stored; somebody may have closed (cierre) since."
	}
	return out, "The terminal's last sale is another one, made since; it tells no earlier ones."
}

// nothing is a payment that did not come about. The mark stays.
func (q inquest) nothing(text string) (terminal.Result, string) {
	return terminal.Result{Outcome: terminal.Declined, Proof: terminal.UnchangedMark, Mark: q.a.Mark, Text: text}, ""
}

// found is a sale with our ticket, and whether it was voided since.
func (q inquest) found(r sale, all []sale) (out terminal.Result, why string) {
	out = q.s.judge(r, q.a.Amount.Minor)
	if out.Outcome != terminal.Approved {
		return out, "The terminal's record of this payment cannot be read."
	}
	out.Proof = terminal.LastRecord
	for _, v := range all {
		if v.minor < 0 && v.minor == -r.minor && (v.has(q.ticket) || markOf(v) == markOf(r)) {
			out.Outcome, out.Proof, out.Text = terminal.Declined, terminal.Voided, "The terminal booked this payment and voided it since."
		}
	}
	return out, ""
}
