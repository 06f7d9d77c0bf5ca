package link_test

import (
	"context"
	"errors"
	"testing"

	"tillbridge/terminal"
	"tillbridge/terminal/link"
	"tillbridge/terminal/simulate"
)

// counted is a port that tells how it was given up.
type counted struct {
	terminal.Port
	closed, aborted int
}

func (c *counted) Close() error { c.closed++; return c.Port.Close() }
func (c *counted) Abort() error { c.aborted++; return c.Port.Close() }

func newCounted(t *testing.T) *counted {
	t.Helper()
	near, far := simulate.Pipe()
	t.Cleanup(func() { _ = far.Close() })
	return &counted{Port: near}
}

func TestHeld(t *testing.T) {
	var h link.Held
	p := newCounted(t)
	dial := func(context.Context) (terminal.Port, error) { return p, nil }
	if err := errors.Join(h.Drop(nil), h.Open(t.Context(), dial, nil)); err != nil || h.Port() != terminal.Port(p) {
		t.Fatalf("open: %v, holds %v", err, h.Port())
	}
	gone := false
	if err := h.Drop(func() { gone = true }); err != nil || !gone || h.Port() != nil || p.closed != 1 || p.aborted != 0 {
		t.Errorf("dropped: %v, %+v", err, p)
	}
	vain := errors.New("nothing is there")
	if err := h.Open(t.Context(), func(context.Context) (terminal.Port, error) { return nil, vain }, nil); !errors.Is(err, vain) {
		t.Errorf("a dial in vain: %v", err)
	}
}

// What may hold a money command is aborted, by Drop and by Close, until it is decided.
func TestHeldUndecided(t *testing.T) {
	for name, give := range map[string]func(*link.Held) error{
		"drop": func(h *link.Held) error { return h.Drop(nil) }, "close": (*link.Held).Close,
	} {
		for _, undecided := range []bool{true, false} {
			var h link.Held
			p := newCounted(t)
			var used terminal.Port
			err := h.Open(t.Context(), func(context.Context) (terminal.Port, error) { return p, nil }, func(q terminal.Port) { used = q })
			h.Undecided(true)
			h.Undecided(undecided)
			err = errors.Join(err, give(&h))
			if err != nil || used != terminal.Port(p) || (p.aborted == 1) != undecided || p.aborted+p.closed != 1 {
				t.Errorf("%s, undecided %t: %v, %+v", name, undecided, err, p)
			}
		}
	}
}

func TestHeldOver(t *testing.T) {
	var h link.Held
	p, late := newCounted(t), newCounted(t)
	err := h.Open(t.Context(), func(context.Context) (terminal.Port, error) { return p, nil }, nil)
	if err = errors.Join(err, h.Close(), h.Close()); err != nil || !h.Over() || h.Port() != terminal.Port(p) {
		t.Errorf("closed twice: %v", err)
	}
	if err := h.Open(t.Context(), func(context.Context) (terminal.Port, error) { t.Error("dialled"); return late, nil }, nil); !errors.Is(err, link.ErrOver) {
		t.Errorf("open after the end: %v", err)
	}
	var other link.Held // closed while it dials
	err = other.Open(t.Context(), func(context.Context) (terminal.Port, error) { return late, other.Close() }, func(terminal.Port) { t.Error("used") })
	if !errors.Is(err, link.ErrOver) || late.closed != 1 || other.Port() != nil {
		t.Errorf("closed in the middle: %v, %+v", err, late)
	}
	other.Do(func() {})
}
