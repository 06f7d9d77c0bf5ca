package drivertest

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// storyLines is how many of its newest lines a failure shows.
const storyLines = 40

// story is what happened, newest last.
type story struct {
	mu     sync.Mutex
	begin  time.Time
	events []event
	cards  []string // numbers that no line may hold
	leaks  []string
}

// event is a line of the story: a text, or bytes that passed.
type event struct {
	at   time.Duration
	text string
	way  way
	data []byte
}

// runMost is how many bytes that pass one after another stand in one line.
const runMost = 96

func newStory(cards []string) *story { return &story{begin: time.Now(), cards: cards} }

// add writes a line.
func (s *story) add(format string, args ...any) {
	s.put(event{text: fmt.Sprintf(format, args...)})
}

// bytes writes what passes.
func (s *story) bytes(w way, b []byte, remark string) {
	s.mu.Lock()
	if n := len(s.events) - 1; w == in && n >= 0 {
		if last := &s.events[n]; last.way == in && last.data != nil && len(last.data)+len(b) <= runMost {
			last.data = append(last.data, b...)
			s.mu.Unlock()
			return
		}
	}
	s.mu.Unlock()
	s.put(event{text: remark, way: w, data: append([]byte(nil), b...)})
}

func (s *story) put(e event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.at = time.Since(s.begin)
	if len(s.events) >= 4*storyLines {
		s.events = append(s.events[:0], s.events[len(s.events)-storyLines:]...)
	}
	s.events = append(s.events, e)
}

func (s *story) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, e := range s.events[max(0, len(s.events)-storyLines):] {
		fmt.Fprintf(&b, "%12.6f  ", e.at.Seconds())
		switch {
		case e.data == nil:
			b.WriteString(e.text)
		case e.way == in:
			fmt.Fprintf(&b, "<- % x%s", e.data, e.text)
		default:
			fmt.Fprintf(&b, "-> % x%s", e.data, e.text)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// leaked tells the card numbers that were found in the log.
func (s *story) leaked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.leaks
}

// logger is the driver's log, which becomes a part of the story and is looked through for card numbers.
func (s *story) logger() *slog.Logger { return slog.New(&storyHandler{story: s}) }

type storyHandler struct {
	story *story
	with  string
}

// Enabled takes everything: a card number is as wrong in a debug line.
func (h *storyHandler) Enabled(context.Context, slog.Level) bool { return true }

// Handle writes the record into the story.
func (h *storyHandler) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	b.WriteString(r.Message + h.with)
	r.Attrs(func(a slog.Attr) bool {
		fmt.Fprintf(&b, " %s=%v", a.Key, a.Value)
		return true
	})
	text := b.String()
	if n := cardDigits(text, h.story.cards); n != "" {
		h.story.mu.Lock()
		h.story.leaks = append(h.story.leaks, fmt.Sprintf("the log has %q of a card number: %s", n, text))
		h.story.mu.Unlock()
	}
	h.story.add("log %s: %s", r.Level, text)
	return nil
}

// WithAttrs adds attributes to every record.
func (h *storyHandler) WithAttrs(as []slog.Attr) slog.Handler {
	with := h.with
	for _, a := range as {
		with += fmt.Sprintf(" %s=%v", a.Key, a.Value)
	}
	return &storyHandler{story: h.story, with: with}
}

// WithGroup leaves groups out: names do not matter here.
func (h *storyHandler) WithGroup(string) slog.Handler { return h }
