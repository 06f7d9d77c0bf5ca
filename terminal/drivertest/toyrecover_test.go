package drivertest

import (
	"context"
	"errors"
	"strconv"
	"time"

	"tillbridge/terminal"
)

func (s *toySession) Recover(ctx context.Context, a terminal.Attempt) (out terminal.Result, err error) {
	defer func() {
		if err != nil && !errors.Is(err, terminal.ErrBusy) {
			_ = s.hangUp()
		}
	}()
	switch {
	case s.bug == "never answers":
		return out, errors.New("it does not answer")
	case s.bug == "holds everything":
		return terminal.Result{Text: "who knows"}, nil
	}
	if err := s.connect(ctx); err != nil {
		return out, err
	}
	switch {
	case s.bug == "asks by paying":
		return s.dialogue(ctx, a.Request, lenient{})
	case s.class.Has(terminal.C3):
		return s.find(ctx, a)
	case s.class.Has(terminal.C2):
		return s.last(ctx, a)
	}
	return terminal.Result{Text: "it tells nothing"}, nil
}

// lenient is a till that takes everything.
type lenient struct{}

func (lenient) Seen(terminal.Result) error { return nil }
func (lenient) Mark(terminal.Mark) error   { return nil }
func (lenient) Progress(terminal.Progress) {}
func (lenient) Receipt(terminal.Receipt)   {}

// onItsWay tells whether the command may still arrive.
func (s *toySession) onItsWay() bool {
	return s.env.Link == terminal.TCP && time.Since(s.began) < 15*time.Second && s.bug != "forgets the network"
}

func (s *toySession) find(ctx context.Context, a terminal.Attempt) (terminal.Result, error) {
	r, err := s.ask(ctx, "REC", "FIND", a.Reference)
	switch {
	case err != nil:
		return terminal.Result{}, err
	case r[1] == "busy" && s.bug != "does not wait":
		return terminal.Result{}, terminal.ErrBusy
	case r[1] == "none" || r[1] == "busy":
		if s.onItsWay() {
			return terminal.Result{}, terminal.ErrBusy
		}
		return terminal.Result{Outcome: terminal.Declined, Proof: terminal.NotFound}, nil
	}
	out := s.judge(toyResult(r))
	if out.Outcome == terminal.Unknown && s.bug == "takes any record for an approval" {
		out.Outcome = terminal.Approved
	}
	out.Proof = terminal.Query
	return out, nil
}

func (s *toySession) last(ctx context.Context, a terminal.Attempt) (terminal.Result, error) {
	r, err := s.ask(ctx, "REC", "LAST")
	switch {
	case err != nil:
		return terminal.Result{}, err
	case r[1] == "busy" && s.bug != "does not wait":
		return terminal.Result{}, terminal.ErrBusy
	case r[1] == "busy":
		return terminal.Result{Outcome: terminal.Declined, Proof: terminal.UnchangedMark}, nil
	case r[1] == "none":
		return terminal.Result{Text: "it has no record"}, nil
	}
	out := s.judge(toyResult(r))
	seq, _ := strconv.Atoi(string(out.Mark))
	mark, _ := strconv.Atoi(string(a.Mark))
	out.Proof = terminal.LastRecord
	switch {
	case a.Seen != nil && a.Seen.Mark.Known() && a.Seen.Mark == out.Mark:
		out.ExtraMinor = a.Seen.ExtraMinor
		return out, nil
	case !a.Mark.Known():
		return terminal.Result{Text: "no mark"}, nil
	case s.bug == "takes any record":
		minor := a.Amount.Minor
		out.CapturedMinor = &minor
		return out, nil
	case out.Mark == a.Mark && s.onItsWay():
		return terminal.Result{}, terminal.ErrBusy
	case out.Mark == a.Mark:
		return terminal.Result{Outcome: terminal.Declined, Proof: terminal.UnchangedMark, Mark: a.Mark}, nil
	case seq == mark+1 && out.CapturedMinor != nil && *out.CapturedMinor == a.Amount.Minor:
		return out, nil
	}
	return terminal.Result{Text: "another sale came between"}, nil
}
