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
	text, remedy := TerminalStatus(reply.Status)
	h.Ready, h.Busy = remedy == RemedyNone, remedy == RemedyWait
	h.Code, h.Text = CodeText(reply.Status), text.In(s.o.Language)
	return h, nil
}

// Totals is 06 10 (PA00P015 ch. 2.5): the sums since the last end of day.
func (s *session) Totals(ctx context.Context) (terminal.Totals, error) {
	apdu, err := TurnoverTotals(s.o.Password)
	if err != nil {
		return terminal.Totals{}, err
	}
	return s.sums(ctx, apdu, nil)
}

// Settle is 06 50 (PA00P015 ch. 2.16), the end of day. It may take some minutes.
func (s *session) Settle(ctx context.Context, till terminal.Till) (terminal.Totals, error) {
	apdu, err := EndOfDay(s.o.Password)
	if err != nil {
		return terminal.Totals{}, err
	}
	return s.sums(ctx, apdu, till)
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
	apdu, err := RepeatReceipt(s.o.Password, nil)
	if err != nil {
		return err
	}
	_, err = s.service(ctx, apdu, till)
	return err
}

// Diagnose is 06 70 (PA00P015 ch. 2.17), the extended diagnosis with the terminal's host.
func (s *session) Diagnose(ctx context.Context, till terminal.Till) error {
	apdu, err := Diagnosis(DiagnosisDefault)
	if err != nil {
		return err
	}
	_, err = s.service(ctx, apdu, till)
	return err
}

// LogOff is 06 02 (PA00P015 ch. 2.3): it frees the terminal's keyboard until the next registration.
func (s *session) LogOff(ctx context.Context) error {
	apdu, err := LogOff()
	if err != nil {
		return err
	}
	_, err = s.service(ctx, apdu, nil)
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
