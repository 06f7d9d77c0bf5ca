package drivertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"tillbridge/terminal"
)

// bug is a mistake that is planted in the toy driver.
type bug string

// toyDriver is the till's side of the toy protocol, with a bug or none.
func toyDriver(class terminal.Evidence, b bug) terminal.Driver {
	return terminal.Driver{
		Name: "toy", Title: "toy terminal", Evidence: class,
		Line:    terminal.LineDefaults{Baud: 19200, DataBits: 8, Parity: "none", StopBits: "1"},
		Options: func() any { return nil },
		Open: func(ctx context.Context, e terminal.Env, _ any) (terminal.Session, error) {
			s := &toySession{env: e, class: class, bug: b, began: time.Now()}
			if b == "forgets the network" {
				s.began = time.Time{}
			}
			if err := s.connect(ctx); err != nil {
				return nil, err
			}
			if b == "leaks a goroutine" {
				go func() { select {} }()
			}
			if class.Has(terminal.C2) {
				return toyMarker{s}, nil
			}
			return s, nil
		},
		Simulate: func(o terminal.SimulatorOptions) (terminal.Simulator, error) { return newToySim(class, o) },
	}
}

type toySession struct {
	env   terminal.Env
	class terminal.Evidence
	bug   bug

	mu      sync.Mutex
	port    terminal.Port
	pending []byte
	sent    []byte // the last frame
	again   int    // how often it was sent again
	taken   bool   // the terminal works on it
	joined  bool   // the running payment's result is waited for
	tid     string
	began   time.Time // when a money command was under way last, for all we know
	cancel  atomic.Bool
}

type toyMarker struct{ *toySession }

var errToySilent = errors.New("silence")

func (s *toySession) TerminalID() string { return s.tid }

func (s *toySession) Close() error {
	if s.bug == "leaves the line open" {
		return nil
	}
	return s.hangUp()
}

func (s *toySession) hangUp() error {
	s.mu.Lock()
	p := s.port
	s.port = nil
	s.mu.Unlock()
	if p == nil {
		return nil
	}
	if a, ok := p.(interface{ Abort() error }); ok && s.bug != "closes what waits" {
		return a.Abort()
	}
	return p.Close()
}

// Cancel asks at the next message.
func (s *toySession) Cancel() {
	if s.bug == "never gives up" {
		return
	}
	s.cancel.Store(true)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.port != nil {
		_ = s.port.SetReadDeadline(time.Unix(1, 0))
	}
}

// connect makes sure of a line at rest with a terminal that greets.
func (s *toySession) connect(ctx context.Context) error {
	if s.port != nil && s.bug != "takes a stale answer" {
		for {
			words, err := s.hear(ctx, time.Millisecond)
			if errors.Is(err, errToySilent) && len(s.pending) == 0 {
				return nil
			}
			if err != nil {
				_ = s.hangUp()
				break
			}
			_ = words
		}
	}
	if s.port != nil {
		return nil
	}
	p, err := s.env.Dial(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.port = p
	s.mu.Unlock()
	s.pending = nil
	words, err := s.ask(ctx, "HI", "HELLO")
	if err == nil && s.tid != "" && words[1] != s.tid && s.bug != "asks another terminal" {
		err = errors.New("another terminal")
	}
	if err != nil {
		_ = s.hangUp()
		return err
	}
	s.tid = words[1]
	return nil
}

// ask sends a question until its answer comes.
func (s *toySession) ask(ctx context.Context, answer string, words ...any) ([]string, error) {
	for range 3 {
		if err := s.say(words...); err != nil {
			return nil, err
		}
		for until := time.Now().Add(3 * time.Second); time.Now().Before(until); {
			got, err := s.hear(ctx, time.Until(until))
			switch {
			case errors.Is(err, errToySilent):
			case err != nil:
				return nil, err
			case got[0] == answer && len(got) > 1:
				return got, nil
			}
		}
	}
	return nil, errToySilent
}

func (s *toySession) say(words ...any) error {
	s.sent, s.again, s.taken = toyFrame(words...), 0, false
	if s.port == nil {
		return errors.New("no line")
	}
	_, err := s.port.Write(s.sent)
	return err
}

// hear is the next message. A damaged one is asked for again; what the terminal did not get is sent again.
func (s *toySession) hear(ctx context.Context, wait time.Duration) ([]string, error) {
	until := time.Now().Add(wait)
	for {
		if i := bytes.IndexByte(s.pending, '\n'); i >= 0 {
			line := s.pending[:i+1]
			s.pending = s.pending[i+1:]
			if s.bug == "drops what is glued" {
				s.pending = nil
			}
			words, ok := toyLine(line)
			switch {
			case !ok && s.bug == "panics at damage":
				panic("damage")
			case !ok && s.bug == "approves garbage":
				return []string{"GARBAGE", ""}, nil
			case !ok && s.bug == "takes damaged frames":
				if words = bytesFields(line); len(words) > 0 {
					return words, nil
				}
			case !ok || len(words) == 0:
				if err := s.say("AGAIN"); err != nil {
					return nil, err
				}
			case words[0] == "NAK" && s.taken && s.bug != "heeds a late NAK": // it is of something else
			case words[0] == "NAK":
				if s.again++; s.again > 5 {
					return nil, errors.New("it reads nothing of what is sent")
				}
				for n := 1; n == 1 || s.bug == "sends ten times" && n < 10; n++ {
					if _, err := s.port.Write(s.sent); err != nil {
						return nil, err
					}
				}
			default:
				return words, nil
			}
			continue
		}
		if err := s.fill(ctx, until); err != nil {
			return nil, err
		}
	}
}

func bytesFields(line []byte) (words []string) {
	body, _, _ := bytes.Cut(line, []byte("*"))
	for _, f := range bytes.Fields(body) {
		words = append(words, string(f))
	}
	return words
}

func (s *toySession) fill(ctx context.Context, until time.Time) error {
	p := s.port
	if p == nil {
		return errors.New("no line")
	}
	if err := p.SetReadDeadline(until); err != nil {
		return err
	}
	if s.bug != "ignores its context" {
		defer context.AfterFunc(ctx, func() { _ = p.SetReadDeadline(time.Unix(1, 0)) })()
	}
	buf := make([]byte, 256)
	n, err := p.Read(buf)
	if s.bug == "wants whole reads" && n > 0 && buf[n-1] != '\n' {
		n = 0
	}
	s.pending = append(s.pending, buf[:n]...)
	switch {
	case n > 0 || err == nil:
		return nil
	case !errors.Is(err, os.ErrDeadlineExceeded):
		return err
	case ctx.Err() != nil && s.bug != "ignores its context":
		return ctx.Err()
	case s.cancel.Swap(false):
		return s.say("STOP")
	case !time.Now().Before(until):
		return errToySilent
	}
	return nil
}

func (m toyMarker) Mark(ctx context.Context) (terminal.Mark, error) {
	if err := m.connect(ctx); err != nil {
		return "", err
	}
	r, err := m.ask(ctx, "REC", "LAST")
	switch {
	case err != nil:
		_ = m.hangUp()
		return "", err
	case r[1] == "busy":
		return "", terminal.ErrBusy
	case r[1] == "none":
		return "", terminal.ErrRefused
	}
	return terminal.Mark(toyResult(r).Mark), nil
}

// toyResult reads RES or REC: ref outcome seq minor extra cur auth; a manual sale has no ref.
func toyResult(w []string) (r terminal.Result) {
	for len(w) < 10 {
		w = append(w[:1:1], append([]string{""}, w[1:]...)...)
	}
	minor, _ := strconv.ParseInt(w[4], 10, 64)
	r.ExtraMinor, _ = strconv.ParseInt(w[5], 10, 64)
	r.CurrencyNumeric, _ = strconv.Atoi(w[6])
	r.CapturedMinor, r.AuthCode, r.TxnRef, r.Mark, r.CardLast4 = &minor, w[7], w[3], terminal.Mark(w[3]), w[9]
	switch w[2] {
	case "approved":
		r.Outcome, r.Proof = terminal.Approved, terminal.Dialogue
	case "declined", "stopped":
		r.Outcome, r.Proof, r.Mark, r.AuthCode = terminal.Declined, terminal.Refused, "", ""
	}
	return r
}

func (s *toySession) Pay(ctx context.Context, r terminal.Request, till terminal.Till) (terminal.Result, error) {
	if err := s.prepare(ctx, till); err != nil {
		return terminal.Result{}, fmt.Errorf("%w: %w", terminal.ErrNotSent, err)
	}
	s.cancel.Store(false)
	out, err := s.dialogue(ctx, r, till)
	s.began = time.Now()
	if err != nil && s.bug != "leaves the line open" {
		_ = s.hangUp()
	}
	switch {
	case err == nil:
	case errors.Is(err, errToySilent) && s.bug == "time-out means declined":
		return terminal.Result{Outcome: terminal.Declined, Proof: terminal.Refused}, nil
	case s.bug == "a broken line was never written to":
		return terminal.Result{}, fmt.Errorf("%w: %w", terminal.ErrNotSent, err)
	}
	return out, err
}

// prepare makes sure of the line, and reads the mark anew.
func (s *toySession) prepare(ctx context.Context, till terminal.Till) error {
	err := s.connect(ctx)
	if err != nil || !s.class.Has(terminal.C2) {
		return err
	}
	m, err := toyMarker{s}.Mark(ctx)
	if errors.Is(err, terminal.ErrRefused) {
		return nil
	}
	if err == nil {
		if err = till.Mark(m); s.bug == "pays without the mark" {
			err = nil
		}
	}
	return err
}

func (s *toySession) dialogue(ctx context.Context, r terminal.Request, till terminal.Till) (out terminal.Result, err error) {
	pay := []any{"PAY", r.Reference, r.Amount.Minor}
	if err := s.say(pay...); err != nil {
		return out, err
	}
	resent := false
	for {
		w, err := s.hear(ctx, 40*time.Second)
		if errors.Is(err, errToySilent) && s.bug == "repeats on silence" && !resent {
			resent = true
			err = s.say(pay...)
			if err == nil {
				continue
			}
		}
		if errors.Is(err, errToySilent) { // it gives the customer 50 seconds
			w, err = s.hear(ctx, 40*time.Second)
		}
		if err != nil {
			return out, err
		}
		if w[0] == "GARBAGE" {
			return terminal.Result{Outcome: terminal.Approved, Proof: terminal.Dialogue}, nil
		}
		if len(w) < 2 || w[1] != r.Reference && s.bug != "takes a stale answer" && !s.joined {
			continue
		}
		switch w[0] {
		case "OK":
			s.taken = true
			till.Progress(terminal.Progress{Stage: terminal.Started})
		case "NO":
			if s.bug == "joins the running payment" {
				s.joined = true
				continue
			}
			return out, errors.New("it does not take the payment")
		case "RES":
			out = s.judge(toyResult(w))
			switch {
			case s.joined:
				out.CapturedMinor = nil
			case out.Outcome == terminal.Unknown && s.bug == "takes any code for a refusal":
				out.Outcome, out.Proof = terminal.Declined, terminal.Refused
			}
			switch {
			case !s.class.Has(terminal.C4):
				return out, nil
			case out.Outcome == terminal.Unknown:
				return out, errors.New("its result cannot be read")
			}
			if err := s.vote(r, till, out); err != nil {
				return out, err
			}
		case "DONE":
			return out, nil
		}
	}
}

// judge spoils a result as the bug wants.
func (s *toySession) judge(out terminal.Result) terminal.Result {
	switch s.bug {
	case "trusts any sum":
		out.CapturedMinor = nil
	case "calls every difference a tip":
		if out.CapturedMinor != nil {
			out.ExtraMinor = max(0, *out.CapturedMinor-minor)
		}
	case "trusts any currency":
		out.CurrencyNumeric = 0
	case "tells the card number":
		out.Text = "card " + toyCard[:8]
	case "logs the card number":
		s.env.Log.Debug("result", "pan", toyCard)
	case "makes up the code":
		if out.Outcome == terminal.Approved {
			out.AuthCode = "000000"
		}
	}
	return out
}

// vote records the result and acknowledges it.
func (s *toySession) vote(r terminal.Request, till terminal.Till, out terminal.Result) error {
	ack := func() error { return s.say("ACK", r.Reference) }
	if s.bug == "acknowledges just before" || s.bug == "acknowledges first" {
		if err := ack(); err != nil {
			return err
		}
		if s.bug == "acknowledges just before" {
			return till.Seen(out)
		}
		t := time.NewTimer(50 * time.Millisecond)
		<-t.C
		return till.Seen(out)
	}
	if err := till.Seen(out); err != nil && s.bug != "acknowledges what is not recorded" {
		return err
	}
	return ack()
}
