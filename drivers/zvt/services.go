package zvt

import (
	"context"
	"fmt"

	"tillbridge/terminal"
)

// Probe is the status enquiry (05 01).
func (s *session) Probe(ctx context.Context) (terminal.Health, error) {
	if err := s.connect(ctx); err != nil {
		return terminal.Health{}, err
	}
	reply, err := s.enquiry(ctx)
	if err != nil {
		return terminal.Health{}, err
	}
	s.settle()
	h := terminal.Health{TerminalID: s.terminalID, Software: reply.Software}
	if reply.TerminalID != "" {
		h.TerminalID = reply.TerminalID
	}
	if !reply.HasStatus {
		h.Text = "The terminal answers and states no status."
		return h, nil
	}
	text, passes := TerminalStatus(reply.Status)
	h.Ready, h.Busy, h.Code, h.Text = reply.Status == 0, passes, CodeText(reply.Status), text.In(s.o.Language)
	return h, nil
}

// Totals is 06 10 (PA00P015 ch. 2.5): the sums since the last end of day.
func (s *session) Totals(ctx context.Context) (terminal.Totals, error) {
	return s.sums(ctx, TurnoverTotals(s.o.Password), nil)
}

// Settle is 06 50 (PA00P015 ch. 2.16), the end of day. It may take some minutes.
func (s *session) Settle(ctx context.Context, till terminal.Till) (terminal.Totals, error) {
	return s.sums(ctx, EndOfDay(s.o.Password), till)
}

// sums runs a command that states sums. The terminal's mark is not known after it.
func (s *session) sums(ctx context.Context, apdu []byte, till terminal.Till) (terminal.Totals, error) {
	e, err := s.service(ctx, apdu, till)
	if err != nil || e.result == nil {
		return terminal.Totals{}, err
	}
	r := *e.result
	if r.HasResult && r.Result != 0 {
		return terminal.Totals{}, fmt.Errorf("%w: %s", terminal.ErrRefused, ResultText(r.Result).In(s.o.Language))
	}
	out := terminal.Totals{TotalMinor: r.AmountMinor, Text: r.Text}
	if r.Totals == nil {
		return out, nil
	}
	if !r.HasAmount {
		out.TotalMinor = r.Totals.TotalMinor()
	}
	for _, g := range r.Totals.Groups {
		out.Groups = append(out.Groups, terminal.TotalsGroup{Name: g.Name, Count: g.Count, TotalMinor: g.Minor})
	}
	return out, nil
}

// Reprint is 06 20 without the wish for silence: the terminal prints its last receipt again, or sends it.
func (s *session) Reprint(ctx context.Context, till terminal.Till) error {
	_, err := s.service(ctx, RepeatReceipt(s.o.Password, 0), till)
	return err
}

// Diagnose is 06 70 (PA00P015 ch. 2.17), the extended diagnosis with the terminal's host.
func (s *session) Diagnose(ctx context.Context, till terminal.Till) error {
	_, err := s.service(ctx, Diagnosis(), till)
	return err
}

// service runs a command that moves no money and whose refusal is an error.
func (s *session) service(ctx context.Context, apdu []byte, till terminal.Till) (ending, error) {
	if err := s.connect(ctx); err != nil {
		return ending{}, err
	}
	e, err := s.command(ctx, apdu, till)
	if err != nil {
		return e, err
	}
	s.settle()
	return e, s.refusal(e)
}
