package ecr17

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/link"
)

const (
	// restAfter is how long after its start a payment may still be running at a terminal that has nothing new in its memory.
	restAfter = 180 * time.Second
	// askPause is between two questions of that time.
	askPause = 5 * time.Second
)

// Mark reads the terminal's last stored result, G, which prints nothing. A terminal that has none, does not tell it, or tells one
// without a number, is ErrRefused: none of these can be told from one another, nor from the next.
func (s *session) Mark(ctx context.Context) (terminal.Mark, error) {
	if err := s.connect(ctx); err != nil {
		return "", err
	}
	r, err := s.lastResult(ctx)
	if errors.Is(err, terminal.ErrSilent) && ctx.Err() == nil {
		// Deaf for a moment, or to this command?
		if err = s.connect(ctx); err != nil {
			return "", err
		}
		if _, _, err = s.status(ctx); err != nil {
			return "", err
		}
		if err = s.anotherLine(ctx); err != nil {
			return "", err
		}
		if r, err = s.lastResult(ctx); errors.Is(err, terminal.ErrSilent) {
			s.mute = true
			return "", errMute
		}
	}
	if err != nil {
		return "", err
	}
	s.settle()
	if s.last = r.mark(); !s.last.Known() {
		return "", fmt.Errorf("%w: its last result has no number", terminal.ErrRefused)
	}
	return s.last, nil
}

// anotherLine is a line for the next of several commands.
func (s *session) anotherLine(ctx context.Context) error {
	s.settle()
	return s.connect(ctx)
}

// Recover asks first for the status, since a terminal that answers is at rest, and next for the last stored result (sheet 6).
//
// A result that was recorded and is still stored decides. Else a stored result that is not the marked one is this payment's if no
// other payment can have made it: see decide. The marked one still stored means that nothing was paid once the terminal is
// ready and no payment of ours can run any more; before, the error wraps ErrBusy.
func (s *session) Recover(ctx context.Context, a terminal.Attempt) (terminal.Result, error) {
	if err := s.connect(ctx); err != nil {
		return terminal.Result{}, err
	}
	ready, state := false, "It does not tell whether it is ready."
	st, _, err := s.status(ctx)
	switch {
	case err == nil:
		ready, state = st.state == stateReady, stateText(st.state)
	case !errors.Is(err, terminal.ErrRefused):
		return terminal.Result{}, err
	}
	if err := s.anotherLine(ctx); err != nil {
		return terminal.Result{}, err
	}
	r, err := s.lastResult(ctx)
	switch {
	case errors.Is(err, terminal.ErrRefused) && s.young(a):
		return terminal.Result{}, s.later(ctx)
	case errors.Is(err, terminal.ErrRefused):
		s.settle()
		return terminal.Result{Text: "The terminal does not tell its last result. " + state}, nil
	case err != nil:
		return terminal.Result{}, err
	}
	s.settle()
	out, why := s.decide(a, r, ready)
	switch {
	case why == askLater:
		return terminal.Result{}, s.later(ctx)
	case why != "":
		out = terminal.Result{Text: why, Raw: r.raw()}
		if !ready {
			out.Text += " " + state
		}
	}
	if out.Mark.Known() {
		s.last = out.Mark
	}
	return out, nil
}

// young tells whether a payment may still be running. The PC's clock may have been put forward since, so the time that this session
// has seen itself must have passed as well.
func (s *session) young(a terminal.Attempt) bool {
	most := max(restAfter, s.o.PaymentTimeout)
	return time.Since(a.Armed) < most || time.Since(s.began) < most
}

// askLater is why a stored result does not decide yet.
const askLater = "later"

// later makes the engine ask again, not too soon.
func (s *session) later(ctx context.Context) error {
	if err := link.Pause(ctx, askPause); err != nil {
		return err
	}
	return fmt.Errorf("%w: it has stored no new result, and the payment may still be running", terminal.ErrBusy)
}

// decide compares the terminal's stored result with the attempt. Why is empty where that decides.
func (s *session) decide(a terminal.Attempt, r result, ready bool) (out terminal.Result, why string) {
	now := fingerprintOf(r)
	before, marked := parseMark(a.Mark)
	if a.Seen != nil {
		f, ok := parseMark(a.Seen.Mark)
		if ok && r.numbered() && f.same(now) || !ok && a.Seen.Raw != "" && a.Seen.Raw == r.raw() {
			return s.found(r, a.Seen)
		}
	}
	seenApproved := a.Seen != nil && a.Seen.Outcome == terminal.Approved
	unchanged := marked && r.numbered() && before.same(now)
	switch {
	case !marked:
		return out, "The terminal's last result before this payment is not known, so its memory does not decide."
	case seenApproved:
		return out, "The terminal's last result is not the one that it stated in this payment."
	case (unchanged || !r.numbered()) && s.young(a):
		return out, askLater
	case !r.numbered():
		return out, "The terminal's last result has no number, so that it cannot be told whose it is."
	case unchanged && !ready:
		return out, "The terminal has stored no new result, but it is not ready."
	case unchanged:
		return terminal.Result{
			Outcome: terminal.Declined, Proof: terminal.UnchangedMark, Mark: a.Mark, Raw: r.raw(),
			Text: "The terminal is ready and has made no payment since.",
		}, ""
	case before.terminalID != now.terminalID:
		return out, "Another terminal answers than before."
	}
	if why := s.foreign(a, r, before.precedes(now)); why != "" {
		return out, why
	}
	return s.found(r, nil)
}

// foreign says why a new result may not be of the attempt; empty where it must be. Without sales at the terminal's own keys it is
// ours unless it says otherwise. With them it must have the very next number and name our amount. An approval must be of the
// time, too. A refusal without the amount may be of a sale that somebody typed after ours.
func (s *session) foreign(a terminal.Attempt, r result, next bool) string {
	switch {
	case !r.sale || !r.ok() && !r.refused() || r.torn():
		return "The terminal's last result is not that of a sale, or cannot be read."
	case r.ok() && r.hasAmount && r.minor == 0:
		return "The terminal's last result names no amount, as that of a reversal."
	case r.hasAmount && r.minor != a.Amount.Minor && (r.ok() || r.minor != 0):
		return "The terminal's last result has another amount."
	case r.ok() && !r.within(a.Armed, s.o.ClockSkew) && (s.o.Standalone || r.clocked()):
		return "The terminal's last result is of another time."
	case !s.o.Standalone:
		return ""
	case !next:
		return "The terminal made other transactions since."
	case !r.hasAmount || r.minor == 0:
		return "The terminal's last result does not name its amount, and may be of a sale that was typed at the terminal."
	}
	return ""
}

// found makes a proof of a stored result.
func (s *session) found(r result, seen *terminal.Result) (terminal.Result, string) {
	out := s.judge(r)
	if out.Outcome == terminal.Unknown {
		return out, out.Text
	}
	if seen != nil {
		out.Mark = seen.Mark
		out.AuthCode, out.CapturedMinor = cmp.Or(out.AuthCode, seen.AuthCode), cmp.Or(out.CapturedMinor, seen.CapturedMinor)
	}
	out.Proof = terminal.LastRecord
	return out, ""
}
