package simtest

import (
	"cmp"
	"flag"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var (
	payments = flag.Int("payments", 20000, "number of payments to simulate")
	first    = flag.Uint64("first", 1, "the first seed")
	stop     = flag.Bool("stop", false, "stop at the first broken story")
	plan     = flag.Bool("plan", false, "tell what is planned for the first seed, and play nothing")
	table    = flag.Bool("table", false, "tell how often each cell and point was reached, as reach_test.go has it")
	traces   = flag.Int("traces", 1000, "number of seeds that must give the same trace twice")
)

// outcome is what a story came to.
type outcome struct {
	seed       uint64
	payments   int
	faults     int
	holds      int
	hash       uint64
	violations []string
	story      string
}

// playSeed plays the story of a seed in a bubble of its own.
func playSeed(t *testing.T, seed uint64, cells *Coverage, tracing bool) (o outcome) {
	defer func() {
		if r := recover(); r != nil { // as when the bubble finds that something waits for ever
			o = outcome{seed: seed, payments: 1, violations: []string{fmt.Sprintf("I12: the story broke down: %v", r)}}
		}
	}()
	synctest.Test(t, func(*testing.T) {
		s := newStory(seed, cells)
		s.tracing = tracing
		s.say("seed %d: a terminal of class %s", seed, s.class)
		s.play()
		o = outcome{seed, len(s.pays), s.faults, s.holds, s.hash, s.violations, s.Story()}
	})
	return o
}

// most is how many broken stories are told.
const most = 3

// tally is what the stories of one run came to.
type tally struct {
	mu     sync.Mutex
	total  outcome
	broken []outcome
	cells  *Coverage
}

// add takes in a story; false where the run has seen enough.
func (y *tally) add(t *testing.T, o outcome) bool {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.total.payments += o.payments
	y.total.faults += o.faults
	y.total.holds += o.holds
	if o.story != "" {
		t.Log("\n" + o.story)
	}
	if len(o.violations) > 0 {
		y.broken = append(y.broken, o)
		if *stop && len(y.broken) == 1 {
			t.Errorf("caught after %d payments: %v", y.total.payments, o.violations)
		}
	}
	return len(y.broken) < 1000 && !(*stop && len(y.broken) > 0)
}

// TestSimulation plays stories of payments under faults, each from a seed, until so many payments were made.
func TestSimulation(t *testing.T) {
	if *plan {
		synctest.Test(t, func(t *testing.T) { t.Log("\n" + newStory(*first, NewCoverage()).planned()) })
		return
	}
	wanted := *payments
	if testing.Short() {
		wanted = min(wanted, 1000)
	}
	begun := time.Now()
	var next, made atomic.Uint64
	next.Store(*first)
	y := &tally{cells: NewCoverage()}
	t.Run("stories", func(t *testing.T) {
		for range runtime.GOMAXPROCS(0) {
			t.Run("bridge", func(t *testing.T) {
				t.Parallel()
				cells := NewCoverage()
				for made.Load() < uint64(wanted) {
					o := playSeed(t, next.Add(1)-1, cells, wanted == 1)
					made.Add(uint64(o.payments))
					if !y.add(t, o) {
						break
					}
				}
				y.mu.Lock()
				defer y.mu.Unlock()
				y.cells.Add(cells)
			})
		}
	})
	slices.SortFunc(y.broken, func(a, b outcome) int { return cmp.Compare(a.seed, b.seed) })
	for i, o := range y.broken[:min(len(y.broken), 60)] {
		if i < most {
			o.story = playSeed(t, o.seed, NewCoverage(), true).story
		}
		t.Errorf("seed %d: %v\n%s\nagain: go test ./bridge/simtest -run TestSimulation -first %d -payments 1 -v", o.seed, o.violations, o.story, o.seed)
	}
	missing, cells, ofCells, points, ofPoints := y.cells.reached(reachable, y.total.payments)
	for _, m := range missing {
		if len(y.broken) == 0 {
			t.Errorf("never reached: %s", m)
		}
	}
	if *table {
		t.Log("\n" + y.cells.table())
	}
	t.Logf("note: simulation: %d payments, %d faults, %.1f faults a payment, %d violations, %d holds, %.0f payments/s, cells %d/%d, points %d/%d",
		y.total.payments, y.total.faults, float64(y.total.faults)/float64(y.total.payments), len(y.broken), y.total.holds,
		float64(y.total.payments)/time.Since(begun).Seconds(), cells, ofCells, points, ofPoints)
}

// TestSameSeedSameStory plays seeds twice.
func TestSameSeedSameStory(t *testing.T) {
	seeds := *traces
	if testing.Short() {
		seeds = min(seeds, 200)
	}
	var next atomic.Uint64
	next.Store(*first)
	var differ atomic.Int64
	t.Run("seeds", func(t *testing.T) {
		for range runtime.GOMAXPROCS(0) {
			t.Run("bridge", func(t *testing.T) {
				t.Parallel()
				cells := NewCoverage()
				for {
					seed := next.Add(1) - 1
					if seed >= *first+uint64(seeds) {
						return
					}
					a, b := playSeed(t, seed, cells, false), playSeed(t, seed, cells, false)
					if a.hash != b.hash {
						differ.Add(1)
						if differ.Load() < 20 {
							t.Errorf("seed %d tells two stories: %s", seed, difference(t, seed))
						}
					}
				}
			})
		}
	})
	t.Logf("note: %d seeds played twice, %d differ", seeds, differ.Load())
}

// difference tells the first lines in which two tellings of a seed differ; the telling itself may have been lucky.
func difference(t *testing.T, seed uint64) string {
	for range 300 {
		a := strings.Split(playSeed(t, seed, NewCoverage(), true).story, "\n")
		b := strings.Split(playSeed(t, seed, NewCoverage(), true).story, "\n")
		for i := range min(len(a), len(b)) {
			if a[i] != b[i] {
				return "\n" + strings.Join(a[max(0, i-4):min(i+3, len(a))], "\n") + "\nor\n" + strings.Join(b[i:min(i+3, len(b))], "\n")
			}
		}
	}
	return "not seen again"
}
