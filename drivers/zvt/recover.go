package zvt

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"tillbridge/terminal"
)

// longestPayment is how long after its start a payment can have been booked at the terminal.
const longestPayment = 15 * time.Minute

// Mark reads the terminal's last stored transaction: 06 20 with service byte 03, which prints nothing
// (PA00P015 ch. 2.9). A terminal that has none, or does not tell it, is ErrRefused: "nothing stored" and "not
// told" look alike, so that neither can serve as a mark.
func (s *session) Mark(ctx context.Context) (terminal.Mark, error) {
	if err := s.connect(ctx); err != nil {
		return "", err
	}
	r, _, err := s.lastRecord(ctx)
	if err != nil {
		return "", err
	}
	s.settle()
	s.last = markOf(r).String()
	if !s.last.Known() {
		return "", fmt.Errorf("%w: its last transaction has no number", terminal.ErrRefused)
	}
	return s.last, nil
}

// lastRecord asks for the last stored transaction. The error wraps ErrRefused where the terminal does not
// tell it, and ErrBusy too where it may do so later.
func (s *session) lastRecord(ctx context.Context) (StatusInformation, []byte, error) {
	service := byte(RepeatWithStatus | RepeatWithoutPrint)
	apdu, err := RepeatReceipt(s.o.Password, &service)
	if err != nil {
		return StatusInformation{}, nil, err
	}
	e, err := s.command(ctx, apdu, nil)
	if err != nil {
		return StatusInformation{}, nil, err
	}
	if err := s.refusal(e); err != nil {
		return StatusInformation{}, nil, err
	}
	if e.result == nil {
		return StatusInformation{}, nil, fmt.Errorf("%w: %w", terminal.ErrRefused, errNoRecord)
	}
	return *e.result, e.raw, nil
}

// enquiry is 05 01 (PA00P015 ch. 2.55).
func (s *session) enquiry(ctx context.Context) (StatusReply, error) {
	apdu, err := StatusEnquiry(&s.o.Password, nil)
	if err != nil {
		return StatusReply{}, err
	}
	e, err := s.command(ctx, apdu, nil)
	if err != nil {
		return StatusReply{}, err
	}
	if err := s.refusal(e); err != nil {
		return StatusReply{}, err
	}
	return ReadStatusReply(e.end.Data, s.charset), nil
}

// Recover asks first whether the terminal is ready, for then no payment is running any more, and next for its
// last stored transaction.
//
// Approved is a record that is the one stated in the dialogue; or, where nothing was stated, the very next
// after the mark, with the amount, at the time, at a terminal whose keys start no payment. Declined is such a
// record with another result than 00, or the unchanged mark of a terminal that is ready.
func (s *session) Recover(ctx context.Context, a terminal.Attempt) (terminal.Result, error) {
	if err := s.connect(ctx); err != nil {
		return terminal.Result{}, err
	}
	ready, state, err := s.ready(ctx)
	if err != nil {
		return terminal.Result{}, err
	}
	r, raw, err := s.lastRecord(ctx)
	switch {
	case errors.Is(err, terminal.ErrBusy):
		return terminal.Result{}, err
	case errors.Is(err, terminal.ErrRefused):
		s.settle()
		return terminal.Result{Text: "The terminal does not tell its last transaction. " + state}, nil
	case err != nil:
		return terminal.Result{}, err
	}
	s.settle()
	out, why := s.judge(a, r, raw, ready)
	if why != "" {
		out = terminal.Result{Text: why, Raw: support(raw)}
		if state != "" {
			out.Text += " " + state
		}
	}
	return out, nil
}

// ready tells whether the terminal says that nothing is running. An error that wraps ErrBusy means that
// something is. A terminal that does not know the enquiry is not ready, and may be asked further.
func (s *session) ready(ctx context.Context) (ready bool, state string, err error) {
	reply, err := s.enquiry(ctx)
	switch {
	case errors.Is(err, terminal.ErrBusy):
		return false, "", err
	case errors.Is(err, terminal.ErrRefused):
		return false, "It does not tell whether it is ready.", nil
	case err != nil:
		return false, "", err
	case !reply.HasStatus:
		return false, "It does not tell whether it is ready.", nil
	case reply.Status == 0:
		return true, "", nil
	}
	text, remedy := TerminalStatus(reply.Status)
	if remedy == RemedyWait {
		return false, "", fmt.Errorf("%w: %s", terminal.ErrBusy, text.In(s.o.Language))
	}
	return false, "It says: " + text.In(s.o.Language), nil
}

// judge compares the terminal's last record with the attempt. Why is empty where the record decides it.
func (s *session) judge(a terminal.Attempt, r StatusInformation, raw []byte, ready bool) (out terminal.Result, why string) {
	now := markOf(r)
	before, marked := parseMark(a.Mark)
	out = s.result(r, raw)
	if a.Seen != nil && a.Seen.Outcome == terminal.Approved {
		if seen, ok := parseMark(a.Seen.Mark); ok && seen.same(now) {
			return s.found(out, a.Seen)
		}
	}
	switch {
	case !marked:
		return out, "The terminal's last transaction before this payment is not known, so its records do not decide."
	case before.same(now) && ready:
		return terminal.Result{
			Outcome: terminal.Declined, Proof: terminal.UnchangedMark, Mark: a.Mark, Raw: out.Raw,
			Text: "The terminal is ready and booked nothing since.",
		}, ""
	case before.same(now):
		return out, "The terminal has booked nothing since, but it is not ready."
	case a.Seen != nil && a.Seen.Outcome == terminal.Approved:
		return out, "The terminal's last transaction is not the one that it stated in this payment."
	case !before.precedes(now):
		return out, "The terminal made other transactions since, or does not number them one after another."
	case !s.o.locked():
		return out, "A transaction was made at the terminal since, but it may have been started at its own keys."
	case now.amount != strconv.FormatInt(a.Amount.Minor, 10):
		return out, "The terminal's last transaction has another amount."
	case before.terminalID != "" && now.terminalID != "" && before.terminalID != now.terminalID:
		return out, "Another terminal answers than before."
	}
	at, ok := r.Clock(a.Armed)
	if !ok || at.Before(a.Armed.Add(-s.o.ClockSkew)) || at.After(a.Armed.Add(longestPayment+s.o.ClockSkew)) {
		return out, "The terminal's last transaction was made at another time."
	}
	return s.found(out, nil)
}

// found makes a proof of a matching record.
func (s *session) found(out terminal.Result, seen *terminal.Result) (terminal.Result, string) {
	switch {
	case out.Outcome == terminal.Unknown:
		return out, out.Text
	case out.AuthCode == "" && seen != nil: // the record may be shorter than what was stated
		out.AuthCode = seen.AuthCode
	}
	if out.CapturedMinor == nil && seen != nil {
		out.CapturedMinor, out.ExtraMinor = seen.CapturedMinor, seen.ExtraMinor
	}
	if seen != nil {
		out.Mark = seen.Mark
		if out.ExtraMinor == 0 {
			out.ExtraMinor = seen.ExtraMinor
		}
	}
	out.Proof = terminal.LastRecord
	return out, ""
}
