package zvt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
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
	begin := time.Now()
	r, _, err := s.lastRecord(ctx)
	if err != nil {
		return "", err
	}
	s.slow = time.Since(begin) > quickMark
	s.settle()
	s.last, s.known = markOf(r).String(), time.Now()
	if !s.last.Known() {
		return "", fmt.Errorf("%w: its last transaction has no number", terminal.ErrRefused)
	}
	return s.last, nil
}

const (
	// freshMark is how old the mark may be when a payment begins: nobody makes or reverses a sale at the
	// terminal's keys and gives the terminal back in less.
	freshMark = 5 * time.Second
	// quickMark is how long a terminal may take to tell its last transaction for it to be asked while a customer
	// waits.
	quickMark = time.Second
)

// prepare makes sure of the line before a money command, and of the mark: it is read again where something may
// have been done at the terminal's own keys since. Without that a sale or a reversal by hand could later be taken
// for ours from the terminal's records, which hold little more than an amount and a clock that may be wrong.
func (s *session) prepare(ctx context.Context, till terminal.Till) error {
	err := s.connect(ctx)
	if err != nil && ctx.Err() == nil && !errors.Is(err, terminal.ErrRefused) {
		err = s.connect(ctx) // something of the last dialogue may have been on the line
	}
	if err != nil {
		return err
	}
	if !s.last.Known() || s.slow || s.o.locked() && time.Since(s.known) < freshMark {
		return nil
	}
	r, _, err := s.lastRecord(ctx)
	if err != nil && !errors.Is(err, terminal.ErrRefused) {
		// The idle line had died, as it does at terminals that close it.
		if err := s.connect(ctx); err != nil {
			return err
		}
		r, _, err = s.lastRecord(ctx)
	}
	var fresh terminal.Mark // stays unknown where the terminal told one before and tells none now
	switch {
	case errors.Is(err, terminal.ErrBusy), err != nil && !errors.Is(err, terminal.ErrRefused):
		return err
	case err == nil:
		fresh = markOf(r).String()
	}
	s.known = time.Now()
	last, _ := parseMark(s.last)
	if now, ok := parseMark(fresh); fresh == s.last || ok && last.same(now) {
		return nil
	}
	s.last = fresh
	s.log.Info("a transaction was made at the terminal itself")
	if err := till.Mark(fresh); err != nil {
		return fmt.Errorf("record the terminal's last transaction: %w", err)
	}
	return nil
}

// travel is how long a command may be on its way to the terminal in a network, held up by whatever lies between,
// after its connection was given up. Our own system sends nothing of it any more then.
const travel = 15 * time.Second

// onItsWay tells whether a money command of ours may still arrive at the terminal, so that what it has not
// booked proves nothing.
func (s *session) onItsWay() bool {
	return s.env.Link == terminal.TCP && time.Since(s.doubt) < travel
}

// lastRecord asks for the last stored transaction. The error wraps ErrRefused where the terminal does not
// tell it, and ErrBusy too where it may do so later.
func (s *session) lastRecord(ctx context.Context) (StatusInformation, []byte, error) {
	e, err := s.command(ctx, RepeatReceipt(s.o.Password, RepeatWithStatus|RepeatWithoutPrint), nil)
	if err == nil {
		err = s.refusal(e)
	}
	if err == nil && e.result == nil {
		err = fmt.Errorf("%w: the terminal does not tell its last transaction", terminal.ErrRefused)
	}
	if err != nil {
		return StatusInformation{}, nil, err
	}
	return *e.result, e.raw, nil
}

// enquiry is 05 01 (PA00P015 ch. 2.55). It is asked a second time where what came is no answer to it: the end of
// an earlier command, sent once more.
func (s *session) enquiry(ctx context.Context) (reply StatusReply, err error) {
	for range 2 {
		e, err := s.command(ctx, StatusEnquiry(&s.o.Password), nil)
		if err == nil {
			err = s.refusal(e)
		}
		if err != nil {
			return StatusReply{}, err
		}
		if reply = ReadStatusReply(e.end.Data, s.charset); !reply.Unread {
			break
		}
	}
	return reply, nil
}

// Recover asks first whether the terminal is ready, for then no payment is running any more, and next for its
// last stored transaction.
//
// Approved is a record that is the one stated in the dialogue; or, where nothing was stated, the very next
// after the mark, with the amount, at the time, at a terminal whose keys start no payment. Declined is such a
// record with a refusal's code (one of no list decides nothing), or the unchanged mark of a terminal that is ready and that no command of
// ours can reach any more. A record that may be of a reversal, a refund or an end of day decides nothing.
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
	if out.Proof == terminal.UnchangedMark && s.onItsWay() {
		return terminal.Result{}, fmt.Errorf("%w: the command may still be on its way in the network", terminal.ErrBusy)
	}
	if out.Mark.Known() {
		s.last, s.known = out.Mark, time.Now()
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
	text, passes := TerminalStatus(reply.Status)
	if passes {
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
	case !isSale(r):
		return out, "The terminal's last transaction is not a sale: a reversal, or an end of day."
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

// isSale tells whether a record reads as a sale's. A reversal names the trace number of what it took back
// (BMP 37), an end of day has sums (BMP 60) or, at some terminals, just no card.
func isSale(r StatusInformation) bool {
	card := r.HasCardType || r.CardName != "" || r.CardLast4 != "" || r.ApprovalCode != "" || r.AID != ""
	return strings.Trim(r.OriginalTrace, "0") == "" && r.Totals == nil && card
}

// found makes a proof of a matching record.
func (s *session) found(out terminal.Result, seen *terminal.Result) (terminal.Result, string) {
	if out.Outcome == terminal.Unknown {
		return out, out.Text
	}
	if seen != nil { // the record may be shorter than what was stated
		out.Mark, out.AuthCode = seen.Mark, cmp.Or(out.AuthCode, seen.AuthCode)
		out.CapturedMinor, out.ExtraMinor = cmp.Or(out.CapturedMinor, seen.CapturedMinor), cmp.Or(out.ExtraMinor, seen.ExtraMinor)
	}
	out.Proof = terminal.LastRecord
	return out, ""
}
