package transbank

import (
	"context"
	"fmt"
	"strings"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/link"
)

// Probe is 0100.
func (s *session) Probe(ctx context.Context) (terminal.Health, error) {
	if err := s.ready(ctx); err != nil {
		return terminal.Health{}, err
	}
	return terminal.Health{Ready: true, Text: "The terminal is ready.", TerminalID: s.terminalID}, nil
}

// Totals is 0700: count and sum since the last close. An Autoservicio does not have it.
func (s *session) Totals(ctx context.Context) (terminal.Totals, error) {
	if s.o.Model == Autoservicio {
		return terminal.Totals{}, fmt.Errorf("%w: an Autoservicio tells no sums", terminal.ErrRefused)
	}
	if err := s.ready(ctx); err != nil {
		return terminal.Totals{}, err
	}
	return s.sums(ctx)
}

func (s *session) sums(ctx context.Context) (terminal.Totals, error) {
	m, err := s.one(ctx, reqTotals, answerWait, true, "0710")
	if err != nil {
		return terminal.Totals{}, err
	}
	count, counted := number(m.at(2))
	sum, ok := number(m.at(3))
	switch {
	case m.code != codeOK:
		return terminal.Totals{}, fmt.Errorf("%w to tell its sums: %s", terminal.ErrRefused, codeText(m.code))
	case !ok || !counted:
		return terminal.Totals{}, fmt.Errorf("%w to tell sums that can be read", terminal.ErrRefused)
	}
	return terminal.Totals{Groups: []terminal.TotalsGroup{{Name: "sales", Count: int(count), TotalMinor: sum}}, TotalMinor: sum}, nil
}

// Settle is 0500, the close, after the sums were read. It is sent once, and again on NAK only: a second one would close an empty day.
func (s *session) Settle(ctx context.Context, till terminal.Till) (out terminal.Totals, err error) {
	if err := s.ready(ctx); err != nil {
		return out, err
	}
	if s.o.Model == Integrado {
		if out, err = s.sums(ctx); err != nil {
			return out, err
		}
	}
	s.fresh = false
	m, err := s.one(ctx, s.o.reqClose(), hostWait, false, "0510")
	switch {
	case err != nil:
		return terminal.Totals{}, err
	case m.code != codeOK:
		return terminal.Totals{}, fmt.Errorf("%w to close: %s", terminal.ErrRefused, codeText(m.code))
	}
	if text := m.at(4); text != "" {
		r := receipt(m.fields[4])
		r.Kind = terminal.AdministrationReceipt
		till.Receipt(r)
	}
	if s.o.Model == Integrado { // an Autoservicio's last sale may outlive the close, so it is read again
		s.last = mark{terminalID: s.terminalID}.text()
		out.Mark = s.last
	}
	return out, nil
}

// Reprint is 0250: an Integrado prints a duplicate of its last receipt, an Autoservicio gives its text.
func (s *session) Reprint(ctx context.Context, till terminal.Till) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	r, stored, err := s.lastSale(ctx, true)
	switch {
	case err != nil:
		return err
	case !stored:
		return fmt.Errorf("%w: %s", terminal.ErrRefused, codeText(codeNoSale))
	case r.voucher != "":
		till.Receipt(receipt(r.voucher))
	}
	return nil
}

// initTries is how often an Autoservicio is asked whether its initialisation is over.
const initTries = 5

// Diagnose loads the keys from the host, 0800; an Autoservicio initialises itself before, 0070 and 0080.
func (s *session) Diagnose(ctx context.Context, _ terminal.Till) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	if s.o.Model == Autoservicio {
		if err := s.initialise(ctx); err != nil {
			return err
		}
	}
	m, err := s.one(ctx, reqKeys, hostWait, false, "0810")
	switch {
	case err != nil:
		return err
	case m.code != codeOK:
		return fmt.Errorf("%w to load its keys: %s", terminal.ErrRefused, codeText(m.code))
	}
	return nil
}

func (s *session) initialise(ctx context.Context) error {
	if err := s.ask(ctx, question{body: reqInit, again: true}); err != nil {
		return err
	}
	for n := 1; ; n++ {
		m, err := s.one(ctx, reqInitResult, answerWait, true, "1080")
		switch {
		case err == nil && m.code == codeInitOK:
			return nil
		case err == nil:
			return fmt.Errorf("%w: %s", terminal.ErrRefused, codeText(m.code))
		case n == initTries || ctx.Err() != nil:
			return err
		}
		if err := link.Pause(ctx, 5*time.Second); err != nil {
			return err
		}
		if err := s.connect(ctx); err != nil {
			return err
		}
	}
}

// receipt is a voucher as lines: it comes in rows of 40 characters without line ends.
func receipt(voucher string) terminal.Receipt {
	const width, most = 40, 200
	out := terminal.Receipt{Kind: terminal.CustomerReceipt}
	for text := voucher; text != "" && len(out.Lines) < most; {
		n := min(width, len(text))
		row := strings.TrimRight(words("." + text[:n])[1:], " ")
		out.Lines = append(out.Lines, terminal.Line{Text: terminal.MaskCardNumbers(row)})
		text = text[n:]
	}
	for len(out.Lines) > 0 && out.Lines[len(out.Lines)-1].Text == "" {
		out.Lines = out.Lines[:len(out.Lines)-1]
	}
	return out
}
