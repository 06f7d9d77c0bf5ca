//go:build unix

package main

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/standin"
)

var (
	killsFolder = flag.String("kills-folder", "", "where TestTortureKills keeps its journals: /dev/shm, or a folder on a disk; empty for /dev/shm where there is one")
	killsShops  = flag.Int("kills-shops", 32, "how many shops TestTortureKills has open at a time")
)

// killsAShop is how many payments a shop makes before its journal is verified and another opens.
const killsAShop = 10

// TestTortureKills kills the built program with SIGKILL in every payment, at labelled moments and at random
// microseconds, in recovery again, and compares three ledgers after each: MGR's, the journal's and the terminal's.
//
//	TILLBRIDGE_KILLS  payments with a kill at least in each; the test is skipped without it
//	TILLBRIDGE_SEED   what the plans are made of; of the clock where it is not set
//	TILLBRIDGE_SHOP   only that shop, to see a broken payment again
func TestTortureKills(t *testing.T) {
	cycles := fromEnv(t, "TILLBRIDGE_KILLS", 0)
	if cycles == 0 {
		t.Skip("skipped: TILLBRIDGE_KILLS does not say how many payments to kill in (2000 take some minutes)")
	}
	if runtime.GOOS != "linux" {
		t.Skip("skipped: pseudo-terminals are made on Linux only, this is " + runtime.GOOS)
	}
	seed := uint64(fromEnv(t, "TILLBRIDGE_SEED", int(time.Now().UnixNano()>>10&0xFFFFFF)))
	folder := *killsFolder
	if st, err := os.Stat("/dev/shm"); folder == "" && err == nil && st.IsDir() {
		folder = "/dev/shm"
	}
	run := &killRun{t: t, exe: binary(t), seed: seed, folder: folder, tally: newKillTally()}
	first, last := 0, (cycles+killsAShop-1)/killsAShop
	if only := fromEnv(t, "TILLBRIDGE_SHOP", -1); only >= 0 {
		first, last = only, only+1
		cycles = min(cycles, last*killsAShop)
	}
	next := atomic.Int64{}
	next.Store(int64(first))
	began := time.Now()
	var all sync.WaitGroup
	for range max(1, *killsShops) {
		all.Go(func() {
			for n := int(next.Add(1)) - 1; n < last; n = int(next.Add(1)) - 1 {
				run.shop(n, min(killsAShop, cycles-n*killsAShop))
			}
		})
	}
	all.Wait()
	t.Logf("note: kills: seed %d, %s in %.0f s, journals in %s", seed, run.tally, time.Since(began).Seconds(), cmp.Or(folder, os.TempDir()))
}

func fromEnv(t *testing.T, name string, none int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return none
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		t.Fatalf("%s=%s: want a number", name, text)
	}
	return n
}

// killRun is one run of the test.
type killRun struct {
	t           *testing.T
	exe, folder string
	seed        uint64
	tally       *killTally
}

// shop opens one shop and makes its payments. The first that is broken is its last.
func (r *killRun) shop(n, payments int) {
	s, err := openKillShop(n, r.exe, r.folder, planShop(killDice(r.seed, n, 0)), r.tally)
	if err != nil {
		r.broken(n, 0, err, "the shop could not be opened")
		return
	}
	defer func() {
		if err := s.close(); err != nil {
			r.t.Errorf("close shop %d: %v", n, err)
		}
	}()
	var p plan
	for i := 1; i <= payments; i++ {
		if r.tally.lost() > 5 {
			return
		}
		p = planPayment(killDice(r.seed, n, i), s.premises)
		if err := s.cycle(i, p); err != nil {
			r.broken(n, i, err, s.tale(p))
			return
		}
	}
	if err := s.verify(); err != nil {
		r.broken(n, payments, err, s.tale(p))
	}
}

func (r *killRun) broken(shop, payment int, err error, tale string) {
	r.tally.broke()
	r.t.Errorf("broken: seed %d, shop %d, payment %d: %v\n%s\nagain: TILLBRIDGE_KILLS=%d TILLBRIDGE_SEED=%d TILLBRIDGE_SHOP=%d go test -count=1 -run '^TestTortureKills$' -v ./cmd/tillbridge -kills-folder %s -kills-shops 1",
		r.seed, shop, payment, err, tale, shop*killsAShop+max(1, payment), r.seed, shop, cmp.Or(r.folder, os.TempDir()))
}

// killTally counts what happened. Its methods may be called from any goroutine.
type killTally struct {
	mu       sync.Mutex
	payments int
	kills    int
	bad      int
	nth      [4]int // kills by how many there had been in the payment; 0 for those of a person's settlement
	states   map[bridge.State]int
	outcomes map[string]int
	holds    map[string]int
}

func newKillTally() *killTally {
	return &killTally{states: map[bridge.State]int{}, outcomes: map[string]int{}, holds: map[string]int{}}
}

func (k *killTally) kill(nth int, _ moment, s bridge.State) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.kills++
	k.nth[min(nth, len(k.nth)-1)]++
	k.states[s]++
}

// outcome counts a payment that is settled without a person.
func (k *killTally) outcome(v verdictOn) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.payments++
	told, known := v.mgr.Told()
	switch {
	case v.payment == nil:
		k.outcomes["never taken"]++
	case known && told.Outcome == standin.Approved:
		k.outcomes["APPROVED"]++
	case known:
		k.outcomes["DENIED"]++
	}
}

// held counts a payment that waits for a person, and why it is right that it does.
func (k *killTally) held(v verdictOn) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.payments++
	k.outcomes["held"]++
	k.holds[v.undecidable()]++
}

func (k *killTally) broke() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.bad++
}

func (k *killTally) lost() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.bad
}

func (k *killTally) String() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	var states []string
	for s := bridge.None; s <= bridge.Reported; s++ {
		states = append(states, fmt.Sprintf("%s %d", s, k.states[s]))
	}
	return fmt.Sprintf("%d payments, %d kills (%d first, %d second, %d later, %d while a person settled), by the state they left: %s; outcomes: %s; held because: %s; broken %d",
		k.payments, k.kills, k.nth[1], k.nth[2], k.nth[3], k.nth[0], strings.Join(states, ", "), counts(k.outcomes), counts(k.holds), k.bad)
}

func counts(m map[string]int) string {
	var all []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		all = append(all, fmt.Sprintf("%s %d", k, m[k]))
	}
	return strings.Join(all, ", ")
}
