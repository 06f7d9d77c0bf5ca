package telium

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/link"
	"tillbridge/terminal/wire"
)

const (
	restQuiet = 10 * time.Millisecond // without a byte, for a line to be at rest
	lateMost  = 8                     // results that nobody waited for, kept for Recover
)

// session is one conversation with one terminal, what both dialects share.
//
// The terminal speaks whenever it wants to. So somebody reads at all times: the method that is under way, or the watch
// between two of them.
type session struct {
	o   *Options
	env terminal.Env
	log *slog.Logger

	held link.Held
	line carrier // on the port that is held, guarded by it against Cancel; nil while it is closed

	idle   link.Watch  // between two methods
	cancel atomic.Bool // somebody wants the running payment given up

	told  string    // the last answer of a payment that the terminal gave, masked
	late  []stray   // answers of payments that nobody waited for
	doubt time.Time // when a money command was under way last, or this session began, for all we know
}

// stray is an answer that nobody waited for.
type stray struct {
	answer
	raw []byte // masked
}

// begin makes sure of a line that is at rest. The caller ends with watch.
func (s *session) begin(ctx context.Context) error {
	_, err := s.connect(ctx)
	return err
}

// connect is begin, and tells whether the line was opened anew.
func (s *session) connect(ctx context.Context) (anew bool, err error) {
	s.idle.Stop()
	switch {
	case s.held.Over():
		return false, link.ErrOver
	case s.line != nil:
		err := s.line.Drain(ctx, restQuiet)
		if err == nil || ctx.Err() != nil {
			return false, err
		}
		s.log.Debug("the idle line is gone, or not at rest", "error", err)
		s.drop()
	}
	err = s.held.Open(ctx, s.env.Dial, func(p terminal.Port) {
		s.line = newStream(p, s.env.Quality)
		if s.env.Link == terminal.Serial {
			s.line = link.NewExchange(p, maxBody, s.env.Quality)
		}
	})
	if err != nil {
		return false, err
	}
	if err := s.line.Drain(ctx, restQuiet); err != nil {
		s.drop()
		return false, err
	}
	return true, nil
}

// watch reads until the next begin: it answers the terminal's ENQ and keep-alives, and keeps results that come late.
func (s *session) watch() {
	if s.line != nil && !s.held.Over() {
		s.idle.Start(s.line, s.unasked)
	}
}

// unasked takes what the terminal says while no payment waits for it. A result is kept for Recover.
func (s *session) unasked(body []byte) error {
	if isXML(body) {
		return nil
	}
	a, err := parseAnswer(body)
	if err != nil {
		s.log.Info("the terminal said something that cannot be read", "error", terminal.MaskCardNumbers(err.Error()))
		return nil
	}
	s.keep(stray{a, maskBody(body)})
	return nil
}

// keep keeps an answer that nobody waited for, unless it was told before.
func (s *session) keep(a stray) {
	if string(a.raw) == s.told {
		return
	}
	s.log.Warn("the terminal told a result that nobody waited for", "number", a.Number, "status", wire.OneLine(string(a.Status)), "minor", a.Minor)
	if len(s.late) == lateMost {
		s.late = s.late[1:]
	}
	s.late = append(s.late, a)
}

// lateAnswer finds the newest answer of a payment among those that nobody waited for.
func (s *session) lateAnswer(number int, r terminal.Request) (stray, bool) {
	for i := len(s.late) - 1; i >= 0; i-- {
		if a := s.late[i]; a.Number == number && a.Minor == r.Amount.Minor && a.Status != statusTaken {
			return a, true
		}
	}
	return stray{}, false
}

// drop closes the line, since where the dialogue on it stands is not known.
func (s *session) drop() {
	if err := s.held.Drop(func() { s.line = nil }); err != nil {
		s.log.Debug("close line", "error", err)
	}
}

// Close ends the conversation for good. It may be called while another goroutine is inside a method, which then ends
// with an error.
func (s *session) Close() error {
	err := s.held.Close()
	s.idle.Stop()
	return err
}

// name is the transaction's reference for people and for MGR: the number that the terminal echoes, the sum and the time. The
// terminal's own is taken where it tells one (telium sheet 4.7). It has no run of digits that looks like a card number.
func name(a answer, r terminal.Request) string {
	if p := a.private(); p != "" && p != duplicDone {
		return p
	}
	return fmt.Sprintf("%02d/%d/%s", a.Number, a.Minor, r.Armed.UTC().Format("20060102T150405Z"))
}

// code is a status as its paper writes it.
func code(status byte) string {
	if status > ' ' && status < 0x7F {
		return string(rune(status))
	}
	return "0x" + strings.ToUpper(strconv.FormatInt(int64(status), 16))
}

// seed makes a number of a payment's reference. References that follow one another give numbers that do.
func seed(reference string) uint64 {
	n := uint64(0)
	for _, c := range []byte(reference) {
		switch {
		case c >= '0' && c <= '9':
			n = n*36 + uint64(c-'0')
		case c >= 'A' && c <= 'Z':
			n = n*36 + uint64(c-'A') + 10
		default:
			n = n*36 + uint64(c)
		}
	}
	return n
}
