package shell

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"tillbridge/terminal"
)

// ModelDriver is the till's side of the model protocol, with the given evidence.
func ModelDriver(e terminal.Evidence) terminal.Driver {
	return terminal.Driver{
		Name: "model", Title: "model terminal " + e.String(), Evidence: e,
		Options: func() any { return new(struct{}) },
		Open: func(ctx context.Context, env terminal.Env, _ any) (terminal.Session, error) {
			s := &session{env: env, evidence: e}
			if err := s.connect(ctx); err != nil {
				return nil, err
			}
			if e.Has(terminal.C2) {
				return &marking{s}, nil
			}
			return s, nil
		},
	}
}

// Timeouts of the model protocol.
const (
	answerWait = 5 * time.Second
	resultWait = 3 * time.Minute
	clockSkew  = 2 * time.Second // how far the terminal's clock may be off
)

var errAnswer = errors.New("the terminal's answer makes no sense")

type session struct {
	env      terminal.Env
	evidence terminal.Evidence
	port     terminal.Port
	buf      []byte
	id       string
}

// marking is a session whose terminal tells its last transaction.
type marking struct{ *session }

func (s *session) connect(ctx context.Context) error {
	if s.port != nil {
		return nil
	}
	p, err := s.env.Dial(ctx)
	if err != nil {
		return err
	}
	s.port, s.buf = p, nil
	f, err := s.ask(ctx, "HELLO")
	if err == nil && (len(f) != 2 || f[0] != "HI") {
		err = errAnswer
	}
	if err != nil {
		_ = s.Close()
		return err
	}
	s.id = f[1]
	return nil
}

func (s *session) Close() error {
	if s.port == nil {
		return nil
	}
	err := s.port.Close()
	s.port = nil
	return err
}

func (s *session) TerminalID() string { return s.id }

func (s *session) ask(ctx context.Context, line string) ([]string, error) {
	if err := s.send(line); err != nil {
		return nil, err
	}
	return s.next(ctx, answerWait)
}

func (s *session) send(line string) error {
	_, err := s.port.Write([]byte(line + "\n"))
	return err
}

// next reads one line of words.
func (s *session) next(ctx context.Context, within time.Duration) ([]string, error) {
	port := s.port
	if err := port.SetReadDeadline(time.Now().Add(within)); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = port.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	for {
		if line, rest, ok := bytes.Cut(s.buf, []byte("\n")); ok {
			s.buf = rest
			return strings.Fields(string(line)), nil
		}
		var b [256]byte
		n, err := port.Read(b[:])
		s.buf = append(s.buf, b[:n]...)
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, err
		}
	}
}

func (s *session) Pay(ctx context.Context, r terminal.Request, till terminal.Till) (terminal.Result, error) {
	if err := s.connect(ctx); err != nil {
		return terminal.Result{}, fmt.Errorf("%w: %w", terminal.ErrNotSent, err)
	}
	if err := s.send(fmt.Sprintf("PAY %s %d", r.Reference, r.Amount.Minor)); err != nil {
		return terminal.Result{}, err
	}
	till.Progress(terminal.Progress{Stage: terminal.Sent})
	var seen terminal.Result
	for {
		f, err := s.next(ctx, resultWait)
		switch {
		case err != nil:
			return terminal.Result{}, err
		case len(f) == 0 || f[0] == "TAKEN":
			continue
		case f[0] == "BUSY":
			return terminal.Result{Outcome: terminal.Declined, Proof: terminal.Refused, Text: "The terminal is busy."}, nil
		case f[0] == "END":
			return terminal.Result{Text: "The terminal does not say how the payment ended."}, nil
		case len(f) < 2 || f[1] != r.Reference:
			continue // of another payment
		case f[0] == "DONE":
			return seen, nil
		case f[0] != "RES" || len(f) != 7:
			return terminal.Result{}, errAnswer
		}
		if seen, err = result(f); err != nil {
			return terminal.Result{}, err
		}
		if err := till.Seen(seen); err != nil {
			return terminal.Result{}, err
		}
		if !s.evidence.Has(terminal.C4) || seen.Outcome == terminal.Declined {
			return seen, nil
		}
		if err := s.send("ACK " + r.Reference); err != nil {
			return terminal.Result{}, err
		}
		till.Progress(terminal.Progress{Stage: terminal.Acknowledged})
	}
}

// result reads RES ref outcome minor tip auth seq.
func result(f []string) (terminal.Result, error) {
	if f[2] == "declined" {
		return terminal.Result{Outcome: terminal.Declined, Proof: terminal.Refused, Text: "Declined by the bank."}, nil
	}
	minor, err := strconv.ParseInt(f[3], 10, 64)
	tip, err2 := strconv.ParseInt(f[4], 10, 64)
	if f[2] != "approved" || err != nil || err2 != nil {
		return terminal.Result{}, errAnswer
	}
	return terminal.Result{
		Outcome: terminal.Approved, Proof: terminal.Dialogue, CapturedMinor: &minor, ExtraMinor: tip,
		AuthCode: f[5], TxnRef: f[6], Mark: terminal.Mark(f[6]), Text: "Approved, card 4111111111111111.",
	}, nil
}

func (s *session) Recover(ctx context.Context, a terminal.Attempt) (terminal.Result, error) {
	if err := s.connect(ctx); err != nil {
		return terminal.Result{}, err
	}
	switch {
	case s.evidence.Has(terminal.C3):
		f, err := s.ask(ctx, "QUERY "+a.Reference)
		switch {
		case err != nil:
			return terminal.Result{}, err
		case f[0] == "BUSY":
			return terminal.Result{}, terminal.ErrBusy
		case f[0] == "NONE":
			return terminal.Result{Outcome: terminal.Declined, Proof: terminal.NotFound, Text: "The terminal has no such payment."}, nil
		case f[0] == "FOUND" && len(f) == 4:
			return found(terminal.Query, f[1], f[2], f[3], a)
		}
		return terminal.Result{}, errAnswer
	case s.evidence.Has(terminal.C2):
		f, err := s.ask(ctx, "LAST")
		switch {
		case err != nil:
			return terminal.Result{}, err
		case f[0] == "BUSY":
			return terminal.Result{}, terminal.ErrBusy
		case f[0] != "LAST" || len(f) != 5:
			return terminal.Result{}, errAnswer
		case terminal.Mark(f[1]) == a.Mark:
			return terminal.Result{Outcome: terminal.Declined, Proof: terminal.UnchangedMark, Mark: a.Mark, Text: "The terminal booked nothing."}, nil
		}
		before, err := strconv.Atoi(string(a.Mark))
		now, err2 := strconv.Atoi(f[1])
		at, err3 := strconv.ParseInt(f[4], 10, 64)
		switch {
		case err != nil || err2 != nil || err3 != nil || now != before+1:
			return terminal.Result{Text: "Other sales were made at the terminal since."}, nil
		case time.Unix(at, 0).Before(a.Armed.Add(-clockSkew)):
			return terminal.Result{Text: "The terminal's last sale was made before this payment."}, nil
		}
		return found(terminal.LastRecord, f[2], f[3], f[1], a)
	}
	return terminal.Result{Text: "This terminal cannot be asked."}, nil
}

func found(p terminal.Proof, amount, auth, seq string, a terminal.Attempt) (terminal.Result, error) {
	minor, err := strconv.ParseInt(amount, 10, 64)
	if err != nil {
		return terminal.Result{}, errAnswer
	}
	if p == terminal.LastRecord && minor != a.Amount.Minor && (a.Seen == nil || string(a.Seen.Mark) != seq) {
		return terminal.Result{Text: "The terminal's last sale has another amount."}, nil
	}
	r := terminal.Result{Outcome: terminal.Approved, Proof: p, CapturedMinor: &minor, AuthCode: auth, TxnRef: seq, Mark: terminal.Mark(seq)}
	if a.Seen != nil {
		r.ExtraMinor = a.Seen.ExtraMinor
	}
	return r, nil
}

func (m *marking) Mark(ctx context.Context) (terminal.Mark, error) {
	if err := m.connect(ctx); err != nil {
		return "", err
	}
	f, err := m.ask(ctx, "LAST")
	switch {
	case err != nil:
		return "", err
	case f[0] == "BUSY":
		return "", terminal.ErrBusy
	case f[0] != "LAST" || len(f) != 5:
		return "", errAnswer
	}
	return terminal.Mark(f[1]), nil
}

// WatchModel checks rows 2 and 3 of the durability table for the model protocol: what a written money command or
// acknowledgement asks for must be on disk already.
func WatchModel(b *Bridge, line []byte) {
	text := string(line)
	command, rest, _ := strings.Cut(strings.TrimSpace(text), " ")
	if command != "PAY" && command != "ACK" {
		return
	}
	ref, _, _ := strings.Cut(rest, " ")
	p, ok := b.byReference(ref)
	switch {
	case !ok:
		b.world.violate("I8: %s %s was written for a payment that the journal does not have", command, ref)
	case command == "PAY" && !p.State.InFlight():
		b.world.violate("I8: PAY was written while the journal said %s", p.State)
	case command == "ACK" && p.Seen == nil:
		b.world.violate("I8: ACK was written before its result was durable")
	}
}
