package caisseap

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/link"
	"tillbridge/terminal/wire"
)

const (
	restQuiet = 10 * time.Millisecond // without a byte, for a line to be at rest
	maxText   = 64 << 10              // of all that comes on one connection
	lateMost  = 8                     // answers that nobody waited for, kept for Recover
)

// session is one conversation with one terminal. On TCP a connection lives for one payment; a serial line stays open, and
// somebody reads it at all times.
type session struct {
	o   *Options
	env terminal.Env
	log *slog.Logger

	held link.Held
	line *link.Exchange // of a serial line; nil while it is closed
	idle link.Watch     // between two methods
	late []answer       // that nobody waited for
}

// open starts a session. On TCP a connection is made and closed, the one harmless question whether the terminal is there
// (caisse-ap sheet 8); a serial terminal is not spoken to, since while it works it may not answer.
func open(ctx context.Context, e terminal.Env, options any) (terminal.Session, error) {
	o, ok := options.(*Options)
	if !ok {
		return nil, fmt.Errorf("options of type %T, want %T", options, o)
	}
	if err := o.Validate(); err != nil {
		return nil, err
	}
	s := &session{o: o, env: e, log: e.Log}
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	s.end()
	return s, nil
}

// begin makes sure of a line: a new connection, or the serial line at rest. The caller ends with end.
func (s *session) begin(ctx context.Context) error {
	s.idle.Stop()
	if s.held.Over() {
		return link.ErrOver
	}
	if s.line != nil {
		err := s.line.Drain(ctx, restQuiet)
		if err == nil || ctx.Err() != nil {
			return err
		}
		s.log.Debug("the idle line is gone, or not at rest", "error", err)
		s.drop()
	}
	if err := s.held.Open(ctx, s.env.Dial, nil); err != nil {
		return err
	}
	if s.env.Link == terminal.TCP {
		return nil
	}
	s.line = link.NewExchange(s.held.Port(), maxText, s.env.Quality)
	if err := s.line.Drain(ctx, restQuiet); err != nil {
		s.drop()
		return err
	}
	return nil
}

// end ends a method: a connection is closed, a serial line watched.
func (s *session) end() {
	switch {
	case s.line == nil:
		s.drop()
	case !s.held.Over():
		s.idle.Start(s.line, s.unasked)
	}
}

// drop closes the line.
func (s *session) drop() {
	s.line = nil
	if err := s.held.Drop(nil); err != nil {
		s.log.Debug("close line", "error", err)
	}
}

// Close ends the conversation for good. It may be called while another goroutine is inside a method, which then ends with
// an error.
func (s *session) Close() error {
	err := s.held.Close()
	s.idle.Stop()
	return err
}

// unasked takes what a serial terminal says while no payment waits for it.
func (s *session) unasked(body []byte) error {
	all, err := parse(body)
	if err != nil {
		s.log.Info("the terminal said something that cannot be read", "bytes", len(body))
	}
	for _, a := range all {
		s.keep(a)
	}
	return nil
}

// keep keeps an answer that nobody waited for.
func (s *session) keep(a answer) {
	s.log.Warn("the terminal told a result that nobody waited for", "reference", terminal.MaskCardNumbers(wire.OneLine(a.value("CF"))), "AE", code(a.value("AE"), a.reason()))
	if len(s.late) == lateMost {
		s.late = s.late[1:]
	}
	s.late = append(s.late, a)
}

// Probe connects and hangs up, or on a serial line asks for the line and gives it back.
func (s *session) Probe(ctx context.Context) (terminal.Health, error) {
	err := s.begin(ctx)
	defer s.end()
	if err != nil || s.line == nil {
		return terminal.Health{Ready: err == nil, Text: "The terminal takes connections."}, err
	}
	err = s.line.Alive(ctx, s.unasked)
	switch {
	case errors.Is(err, link.ErrNoAnswer):
		return terminal.Health{Busy: true, Text: "The terminal does not answer: it may be busy, or have its cash register connection switched off."}, nil
	case err != nil:
		s.drop()
		return terminal.Health{}, err
	}
	return terminal.Health{Ready: true, Text: "The terminal is there."}, nil
}
