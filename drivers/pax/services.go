package pax

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/wire"
)

// closeWait is how long the terminal may talk with its host at the end of day.
const closeWait = 3 * time.Minute

// Probe is A00.
func (s *session) Probe(ctx context.Context) (terminal.Health, error) {
	r, err := s.idle(ctx)
	s.settle()
	h := terminal.Health{Ready: err == nil, Code: r.code, TerminalID: s.serial, Software: s.software, Text: "The terminal is at rest."}
	switch {
	case errors.Is(err, terminal.ErrBusy):
		h.Busy, h.Text = true, "The terminal does not answer: it may be busy, sit in a menu, or have its cash register connection switched off."
	case err != nil:
		return terminal.Health{}, err
	}
	return h, nil
}

// Settle is B00, the close of the batch, sent once. Afterwards the terminal's list is empty: what is not decided then cannot be learnt
// any more.
func (s *session) Settle(ctx context.Context, _ terminal.Till) (terminal.Totals, error) {
	if _, err := s.idle(ctx); err != nil {
		return terminal.Totals{}, err
	}
	r, err := s.ask(ctx, command(s.o.Version, "B00", time.Now().Format(stampForm)), "B01", closeWait)
	s.settle()
	switch {
	case err != nil:
		return terminal.Totals{}, err
	case r.code != codeOK:
		return terminal.Totals{}, fmt.Errorf("%w: %s", terminal.ErrRefused, r.sentence())
	}
	s.last = ""
	out := terminal.Totals{Text: r.sentence()}
	count, ok := sum(r.group(1))
	minor, named := sum(r.group(2))
	if !ok || !named {
		out.Text = "The batch is closed; the terminal names no sums. " + r.text
		return out, nil
	}
	out.Text, out.TotalMinor = "The batch is closed.", minor
	out.Groups = []terminal.TotalsGroup{{Name: "all cards", Count: int(min(count, 1<<30)), TotalMinor: minor}}
	return out, nil
}

// sum adds up a group's elements, one for each kind of payment; empty ones are nothing.
func sum(g []string) (all int64, ok bool) {
	for n := range g {
		text := element(g, n+1)
		one, read := wire.Number(text, centsMost)
		if !read && text != "" {
			return 0, false
		}
		all, ok = all+one, ok || read
	}
	return all, ok
}
