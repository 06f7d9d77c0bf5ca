package ecr17

import (
	"context"
	"fmt"
	"time"

	"tillbridge/terminal"
)

const (
	hostWait = 2 * time.Minute // the end of day asks the bank
	// totalsWait is how long the terminal may add up its sums.
	totalsWait = 30 * time.Second
)

// Probe is s.
func (s *session) Probe(ctx context.Context) (terminal.Health, error) {
	if err := s.connect(ctx); err != nil {
		return terminal.Health{}, err
	}
	st, _, err := s.status(ctx)
	if err != nil {
		return terminal.Health{}, err
	}
	s.settle()
	return terminal.Health{
		Ready: st.state == stateReady, Code: st.state, Text: stateText(st.state), TerminalID: s.terminalID, Software: st.release,
	}, nil
}

// Totals is T: the sum since the last end of day.
func (s *session) Totals(ctx context.Context) (terminal.Totals, error) {
	if err := s.connect(ctx); err != nil {
		return terminal.Totals{}, err
	}
	return s.sums(ctx, question{body: s.send.totals(), answers: withCode(codeTotals), wait: totalsWait, again: true})
}

// Settle is C: the end of day, after which the sums begin anew. It is sent once: a second one would tell sums of nothing.
func (s *session) Settle(ctx context.Context, till terminal.Till) (terminal.Totals, error) {
	if err := s.connect(ctx); err != nil {
		return terminal.Totals{}, err
	}
	if err := s.receiptsToUs(ctx); err != nil {
		return terminal.Totals{}, err
	}
	p := newPaper(till, terminal.AdministrationReceipt)
	defer p.end()
	return s.sums(ctx, question{body: s.send.closing(), answers: withCode(codeClose), wait: hostWait, paper: p})
}

func (s *session) sums(ctx context.Context, q question) (terminal.Totals, error) {
	r, err := s.ask(ctx, q)
	if err != nil {
		return terminal.Totals{}, err
	}
	if q.paper != nil && s.o.Receipts == RegisterPrints {
		d := &dialogue{s: s, paper: q.paper}
		d.linger(ctx)
	}
	s.settle()
	sum, ok := readSums(r.message)
	switch {
	case !ok:
		return terminal.Totals{}, fmt.Errorf("%w to tell sums that can be read", terminal.ErrRefused)
	case sum.code != "00":
		return terminal.Totals{}, fmt.Errorf("%w: %s (%s)", terminal.ErrRefused, sum.text, sum.code)
	}
	out := terminal.Totals{TotalMinor: sum.terminal}
	if sum.hasHost && sum.host != sum.terminal {
		host := terminal.Amount{Minor: sum.host, Currency: s.env.Currency}
		out.Text = "The bank has another sum than the terminal: " + host.String() + "."
	}
	return out, nil
}

// Reprint is R: the last receipt once more.
func (s *session) Reprint(ctx context.Context, till terminal.Till) error {
	if err := s.connect(ctx); err != nil {
		return err
	}
	q := question{body: s.send.reprint(false)}
	if s.o.Receipts == RegisterPrints {
		q.body, q.wait = s.send.reprint(true), answerWait
		q.paper = newPaper(till, terminal.OtherReceipt)
		q.answers = ticketEnds
		defer q.paper.end()
	}
	_, err := s.ask(ctx, q)
	if err == nil {
		s.settle()
	}
	return err
}
