package simtest

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"tillbridge/terminal"
)

// struck is one operation, by its number in the story, and the fault that strikes it.
type struck struct {
	n     int
	fault Fault
}

// exactly strikes the operations that it lists, and notes what operations there are.
type exactly struct {
	list []struck
	ops  []Op
}

func (x *exactly) choose(_ *World, op Op, n int) Fault {
	x.ops = append(x.ops, op)
	for _, s := range x.list {
		if s.n == n {
			return s.fault
		}
	}
	return None
}

func (x *exactly) String() string {
	var b strings.Builder
	for i, s := range x.list {
		if i > 0 {
			b.WriteString(", then ")
		}
		if s.n < len(x.ops) {
			fmt.Fprintf(&b, "%s at operation %d (%s)", s.fault, s.n, x.ops[s.n])
		} else {
			fmt.Fprintf(&b, "%s at operation %d, which did not come", s.fault, s.n)
		}
	}
	return b.String()
}

// oneStory is one payment with exactly these faults. MGR asks again once where it got no 202.
func oneStory(class terminal.Evidence, d Decision, x *exactly, cells *Coverage) *story {
	s := &story{
		World: newWorld(7, class, x, cells), dice: &dice{seed: 7}, log: slog.New(slog.DiscardHandler), away: 2 * time.Second,
	}
	s.terminal.decide = func(int) Decision { return d }
	p := s.add(1250)
	s.at(time.Second, None, p, 0)
	s.at(20*time.Second, Repeated, p, 0)
	s.at(21*time.Second, AskedAgain, p, 0)
	return s
}
