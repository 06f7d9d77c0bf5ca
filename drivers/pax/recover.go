package pax

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/link"
)

const (
	// restAfter is how long a command may be on its way, or a payment not yet begun (docs/decisions/0005).
	restAfter = 15 * time.Second
	// askPause is between two questions.
	askPause = 5 * time.Second
	// nextMost is how many transaction numbers are looked at behind that of a record without a reference.
	nextMost = 5
)

// Mark reads a record of the terminal's list. An empty list, or a record that could not be told from another, is ErrRefused.
func (s *session) Mark(ctx context.Context) (terminal.Mark, error) {
	m, err := s.witness(ctx)
	s.settle()
	if err != nil {
		return "", err
	}
	if s.last = m; !m.Known() {
		return "", fmt.Errorf("%w: its list is empty", terminal.ErrRefused)
	}
	return m, nil
}

// witness is the record with the number 0, or nothing. Whether that is the first or the last one does not matter.
func (s *session) witness(ctx context.Context) (terminal.Mark, error) {
	f, err := s.lookUp(ctx, query{record: "0"})
	if err != nil || !f.there {
		return "", err
	}
	return markOf(f.t).encode(), nil
}

// found is the answer to a question for a record.
type found struct {
	r      reply
	t      transaction
	there  bool
	absent bool // the terminal says that there is none; else, without a record, it does not tell
}

// lookUp is R02.
func (s *session) lookUp(ctx context.Context, q query) (found, error) {
	r, err := s.ask(ctx, q.encode(s.o.Version), "R03", answerWait)
	if err != nil {
		return found{}, err
	}
	t, total := r.record()
	f := found{r: r, t: t, there: r.code == codeOK && (t.number != "" || t.ref != "")}
	f.absent = r.code == codeNotFound || r.code == codeOK && !f.there && total != "" && strings.Trim(total, "0") == ""
	return f, nil
}

// Recover asks a terminal that is at rest for our reference (sheet 8). A record decides. That there is none does so when it was said
// twice, some seconds apart, and a record from before the payment is still in the list: then no batch was closed (docs/decisions/0013).
func (s *session) Recover(ctx context.Context, a terminal.Attempt) (terminal.Result, error) {
	defer s.settle()
	for n := range 2 {
		if n > 0 {
			if err := link.Pause(ctx, askPause); err != nil {
				return terminal.Result{}, err
			}
		}
		if _, err := s.idle(ctx); err != nil {
			return terminal.Result{}, err
		}
		f, err := s.lookUp(ctx, query{ref: a.Reference})
		switch {
		case err != nil:
			return terminal.Result{}, err
		case f.there:
			return s.recorded(a, f), nil
		case !f.absent:
			return terminal.Result{Code: f.r.code, Text: "The terminal does not tell whether it has the payment. " + f.r.sentence()}, nil
		case time.Since(s.began) < restAfter:
			if err := link.Pause(ctx, askPause); err != nil {
				return terminal.Result{}, err
			}
			return terminal.Result{}, fmt.Errorf("%w: it has no such payment yet, and the command may still be on its way", terminal.ErrBusy)
		}
	}
	return s.missing(ctx, a)
}

// recorded judges the record under our reference.
func (s *session) recorded(a terminal.Attempt, f found) terminal.Result {
	out := f.t.result(f.r)
	out.TerminalID = s.serial
	why := ""
	switch _, _, named := f.t.captured(); {
	case f.t.ref != a.Reference:
		why = "The terminal was asked for this payment and showed another one."
	case f.t.kind != typeSale && f.t.kind != typeReturn:
		why = fmt.Sprintf("The terminal has the payment as a transaction of the type %q; it may have been voided.", f.t.kind)
	case !named:
		why = "The terminal has the payment and does not tell its amount."
	}
	if why != "" {
		return terminal.Result{Code: out.Code, Raw: out.Raw, Text: why}
	}
	out.Outcome, out.Proof = terminal.Approved, terminal.Query
	return out
}

// missing judges that there is no record under our reference. A record from before the payment that is still there tells that no batch
// was closed. It is asked for by its own reference, which shows that the terminal finds what it has by our references; where it has
// none, no later transaction may be there that has none.
func (s *session) missing(ctx context.Context, a terminal.Attempt) (terminal.Result, error) {
	unknown := func(why string) (terminal.Result, error) { return terminal.Result{Text: why}, nil }
	m, known := parseMark(a.Mark)
	switch {
	case a.Seen != nil && approvals[a.Seen.Code]:
		return unknown("The terminal approved a payment, and its list does not have this one: it may be kept elsewhere, or the batch was closed.")
	case s.o.StoreAndForward:
		return unknown("The terminal's list does not have the payment; what it approved off-line may be kept elsewhere.")
	case !known:
		return unknown("The terminal's list does not have the payment. It was empty before, so a batch that was closed since would not be noticed.")
	}
	q := query{ref: m.ref}
	if m.ref == "" {
		q = query{number: m.number}
	}
	f, err := s.lookUp(ctx, q)
	if err != nil {
		return terminal.Result{}, err
	}
	if !f.there || !markOf(f.t).same(m) {
		return unknown("The terminal's list has neither the payment nor the one before it: its batch may have been closed, with the payment in it.")
	}
	number, err := strconv.Atoi(m.number)
	for n := 1; n <= nextMost && m.ref == ""; n++ {
		if err != nil {
			return unknown("The terminal's list does not have the payment under our reference, and its numbers cannot be counted.")
		}
		next, err := s.lookUp(ctx, query{number: strconv.Itoa(number + n)})
		switch {
		case err != nil:
			return terminal.Result{}, err
		case !next.absent && (!next.there || next.t.ref == ""):
			return unknown("The terminal's list does not have the payment under our reference, and has a later one without a reference.")
		}
	}
	text := "The terminal is at rest and has no such payment, and its batch was not closed since."
	if a.Seen != nil && a.Seen.Text != "" {
		text += " It had said: " + a.Seen.Text
	}
	return terminal.Result{Outcome: terminal.Declined, Proof: terminal.NotFound, Code: f.r.code, Text: text}, nil
}

// approvals are codes after which a missing record proves nothing.
var approvals = map[string]bool{codeOK: true, codeOffline: true, codePartial: true, codeNoSurcharge: true}
