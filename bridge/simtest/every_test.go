package simtest

import (
	"flag"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/terminal"
)

var depth = flag.Int("depth", 1, "how many faults TestEveryFault combines: 1, 2 or 3")

// combination is a class of terminal and what the customer does.
type combination struct {
	class    terminal.Evidence
	decision Decision
}

// search plays every story with at most so many faults from one beginning.
type search struct {
	t     *testing.T
	comb  combination
	cells *Coverage
	runs  [4]int
	bad   int
}

// play tells one story and returns the operations that it had.
func (e *search) play(list []struck, tracing bool) (x *exactly, violations []string, story string) {
	x = &exactly{list: list}
	synctest.Test(e.t, func(*testing.T) {
		s := oneStory(e.comb.class, e.comb.decision, x, e.cells)
		s.tracing = tracing
		s.play()
		violations, story = s.violations, s.Story()
	})
	return x, violations, story
}

// from plays the story of these faults, then of each further fault at each later operation.
func (e *search) from(list []struck, first int, more int) {
	x, violations, _ := e.play(list, false)
	e.runs[len(list)]++
	if len(violations) > 0 {
		e.bad++
		if e.bad <= 2 {
			_, _, story := e.play(list, true)
			e.t.Errorf("%s, %s, %s: %v\n%s", e.comb.class, e.comb.decision, x, violations, story)
		} else if e.bad < 30 {
			e.t.Errorf("%s, %s, %s: %v", e.comb.class, e.comb.decision, x, violations)
		}
		return
	}
	if more == 0 {
		return
	}
	for n := first; n < len(x.ops); n++ {
		for _, f := range slices.Compact(slices.Clone(menus[x.ops[n]])) {
			e.from(append(list[:len(list):len(list)], struck{n, f}), n+1, more-1)
		}
	}
}

// TestEveryFault plays every single fault at every operation of a payment, for every class of terminal and every end
// that the customer may bring about; with -depth 2 every pair and with -depth 3 every triple for the plain approval.
func TestEveryFault(t *testing.T) {
	begun := time.Now()
	work := make(chan combination, len(classes)*int(decisionCount))
	for _, d := range []Decision{Approve, Decline, Tipped, Short, OddMoney, Walkout} {
		if testing.Short() && d != Approve {
			continue
		}
		for _, c := range classes {
			work <- combination{c, d}
		}
	}
	close(work)
	var mu sync.Mutex
	var runs [4]int
	t.Run("classes", func(t *testing.T) {
		for range runtime.GOMAXPROCS(0) {
			t.Run("bridge", func(t *testing.T) {
				t.Parallel()
				for comb := range work {
					e := &search{t: t, comb: comb, cells: NewCoverage()}
					most := *depth
					if comb.decision != Approve {
						most = min(most, 2)
					}
					e.from(nil, 0, most)
					mu.Lock()
					for i, n := range e.runs {
						runs[i] += n
					}
					mu.Unlock()
				}
			})
		}
	})
	t.Logf("note: every fault: %d singles, %d pairs, %d triples, %d classes, %d ends, %.1f s",
		runs[1], runs[2], runs[3], len(classes), int(decisionCount), time.Since(begun).Seconds())
}
