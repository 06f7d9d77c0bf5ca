//go:build linux && amd64

package main

import (
	"cmp"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// callKind is one kind of system calls.
type callKind struct {
	name       string
	numbers    []uint64
	path       map[uint64]int // which argument names the file, for calls that have no descriptor of it
	carriedOut bool           // an error is its result, and it is carried out all the same
	sockets    bool           // those of sockets are meant, and of nothing else
}

// callKinds are the calls that the bridge makes to its files, its line and its sockets. A close that fails has closed
// the descriptor all the same, on Linux (close(2)).
func callKinds() []callKind {
	return []callKind{
		{name: "write", numbers: []uint64{syscall.SYS_WRITE, syscall.SYS_WRITEV}},
		{name: "pwrite64", numbers: []uint64{syscall.SYS_PWRITE64}},
		{name: "fsync", numbers: []uint64{syscall.SYS_FSYNC}},
		{name: "fdatasync", numbers: []uint64{syscall.SYS_FDATASYNC}},
		{name: "openat", numbers: []uint64{syscall.SYS_OPENAT, syscall.SYS_OPEN}, path: map[uint64]int{syscall.SYS_OPENAT: 1, syscall.SYS_OPEN: 0}},
		{
			name: "rename", numbers: []uint64{syscall.SYS_RENAME, syscall.SYS_RENAMEAT, 316 /* renameat2 */},
			path: map[uint64]int{syscall.SYS_RENAME: 0, syscall.SYS_RENAMEAT: 1, 316: 1},
		},
		{name: "ftruncate", numbers: []uint64{syscall.SYS_FTRUNCATE}},
		{name: "ioctl", numbers: []uint64{syscall.SYS_IOCTL}},
		{name: "read", numbers: []uint64{syscall.SYS_READ, syscall.SYS_READV}},
		{name: "pread64", numbers: []uint64{syscall.SYS_PREAD64}},
		{name: "close", numbers: []uint64{syscall.SYS_CLOSE}, carriedOut: true},
		{name: "unlink", numbers: []uint64{syscall.SYS_UNLINK, syscall.SYS_UNLINKAT}, path: map[uint64]int{syscall.SYS_UNLINK: 0, syscall.SYS_UNLINKAT: 1}},
		{name: "socket-write", numbers: []uint64{syscall.SYS_WRITE}, sockets: true},
		{name: "socket-read", numbers: []uint64{syscall.SYS_READ}, sockets: true},
	}
}

// callWay is what happens to a call.
type callWay uint8

const (
	killBefore callWay = iota // the program is killed before it
	killAfter                 // the program is killed when it was carried out, before it goes on
	failsEIO                  // it is not carried out, and its result is EIO
	failsNoSpace
	callWays
)

var callWayWords = [callWays]string{"kill-before", "kill-after", "EIO", "ENOSPC"}

func (w callWay) String() string { return callWayWords[w] }

func (w callWay) kills() bool { return w <= killAfter }

// plays tells whether a way is played with a kind. At a first start those are left out that add least: a kill after a
// call is one before the next, and no system finds its disk full when it reads.
func (w callWay) plays(k callKind, first bool) bool {
	switch {
	case k.sockets && !w.kills(), first && w == killAfter:
		return false
	}
	return !(first && w == failsNoSpace && (k.carriedOut || k.name == "ioctl" || k.name == "read" || k.name == "pread64"))
}

func (w callWay) errno() syscall.Errno {
	if w == failsNoSpace {
		return syscall.ENOSPC
	}
	return syscall.EIO
}

// callFault is a call that goes wrong.
type callFault struct {
	first bool // at the first start of a bridge, which makes its journal; else one payment was settled before
	kind  callKind
	way   callWay
	n     int64 // which call of the kind, from the start of the program on; 0 for none
}

func (f callFault) String() string {
	start := "later"
	if f.first {
		start = "first"
	}
	return fmt.Sprintf("%s/%s/%s/%d", start, f.kind.name, f.way, f.n)
}

// insists tells whether MGR asks again where it had no answer.
func (f callFault) insists() bool {
	return f.way == killBefore && (!f.first || f.n%2 == 0) || !f.way.kills()
}

// sweep is all runs of one kind of call and one way, with n = 1, 2, 3 and so on.
type sweep struct {
	fault callFault
	next  int64 // of n
	end   int64 // the first n whose run had no such call; 0 while there is none
}

// TestTortureSyscalls lets the n-th system call of a kind that the built program makes to its files, its line or its
// sockets go wrong, for every kind, every n, and each way: SIGKILL before it, SIGKILL after it, EIO and ENOSPC in its
// place (sockets are only killed at). It is one payment each, counted from the first instruction of the program to its
// end, with a restart after it; and each is judged by three ledgers, as in TestTortureKills. All of it is done at a
// later start of a shop, which has settled a payment before, and at its first start, which makes the journal.
//
//	TILLBRIDGE_SYSCALLS  the test is skipped unless it is 1
//	TILLBRIDGE_SYSCALL   only that run, as a broken one is named: later/pwrite64/EIO/17; or only those that begin so
func TestTortureSyscalls(t *testing.T) {
	if os.Getenv("TILLBRIDGE_SYSCALLS") != "1" {
		t.Skip("skipped: TILLBRIDGE_SYSCALLS is not 1 (it takes some minutes)")
	}
	folder := *killsFolder
	if st, err := os.Stat("/dev/shm"); folder == "" && err == nil && st.IsDir() {
		folder = "/dev/shm"
	}
	q := newSweeps(os.Getenv("TILLBRIDGE_SYSCALL"))
	exe, began := shipped(t), time.Now()
	var all sync.WaitGroup
	for n := range max(1, *killsShops) {
		all.Go(func() { q.shop(t, n, exe, folder) })
	}
	all.Wait()
	if q.runs == 0 || q.met == 0 {
		t.Error("nothing went wrong: this test tests nothing")
	}
	t.Logf("note: syscalls: %s in %.0f s, journals in %s", q, time.Since(began).Seconds(), cmp.Or(folder, os.TempDir()))
}

// sweeps are all sweeps, shared by the shops.
type sweeps struct {
	mu     sync.Mutex
	all    []*sweep
	turn   int  // whose run is next
	single bool // one run is asked for
	chosen bool // some are
	tally  *killTally
	late   map[string]int

	runs, met, silent, broken int
}

func newSweeps(only string) *sweeps {
	q := &sweeps{tally: newKillTally(), late: map[string]int{}, chosen: only != ""}
	for _, first := range []bool{false, true} {
		for _, k := range callKinds() {
			for way := range callWays {
				f := callFault{first: first, kind: k, way: way}
				name := strings.TrimSuffix(f.String(), "0")
				n, found := strings.CutPrefix(only, name)
				_, err := fmt.Sscan(n, &f.n)
				switch {
				case !way.plays(k, first):
				case found && err == nil:
					q.all, q.single = append(q.all, &sweep{fault: f, next: f.n}), true
				case strings.HasPrefix(name, only):
					q.all = append(q.all, &sweep{fault: f, next: 1})
				}
			}
		}
	}
	return q
}

// take gives the next run; false when there is none.
func (q *sweeps) take() (*sweep, callFault, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.broken > 20 || q.single && q.runs > 0 {
		return nil, callFault{}, false
	}
	for range q.all {
		s := q.all[q.turn%len(q.all)]
		q.turn++
		if s.end == 0 {
			f := s.fault
			f.n = s.next
			s.next++
			q.runs++
			return s, f, true
		}
	}
	return nil, callFault{}, false
}

// done takes the run back.
func (q *sweeps) done(s *sweep, f callFault, r *sweepRun, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case err != nil:
		q.broken++
		return
	case !r.met && (s.end == 0 || f.n < s.end):
		s.end = f.n
	case r.met:
		q.met++
	}
	if r.silent {
		q.silent++
	}
	if r.late != "" {
		q.late[r.late]++
	}
}

// shop makes payments until there is nothing more to do. After one that is broken it begins anew.
func (q *sweeps) shop(t *testing.T, n int, exe, folder string) {
	var s *sweepShop
	defer func() {
		if s != nil {
			if err := s.close(); err != nil {
				t.Errorf("close shop %d: %v", n, err)
			}
		}
	}()
	for {
		w, f, ok := q.take()
		if !ok {
			return
		}
		var err error
		if s == nil {
			if s, err = openSweepShop(n, exe, folder, q.tally); err != nil {
				t.Errorf("open shop %d: %v", n, err)
				return
			}
		}
		var r *sweepRun
		if !f.first && !s.earlier {
			r, err = s.pay(callFault{})
		}
		if err == nil {
			r, err = s.pay(f)
		}
		q.done(w, f, r, err)
		if err == nil {
			switch {
			case q.single:
				t.Log(s.tale(r.plan))
			case q.chosen && r.late != "":
				t.Logf("%s: %s", f, r.late)
			}
			continue
		}
		t.Errorf("broken: %s: %v\n%s\nagain: TILLBRIDGE_SYSCALLS=1 TILLBRIDGE_SYSCALL=%s go test -count=1 -run '^TestTortureSyscalls$' -v ./cmd/tillbridge -kills-shops 1", f, err, s.tale(r.plan), f)
		if err := s.close(); err != nil {
			t.Errorf("close shop %d: %v", n, err)
		}
		s = nil
	}
}

func (q *sweeps) String() string {
	var b strings.Builder
	for i := 0; i < len(q.all); {
		f := q.all[i].fault
		fmt.Fprintf(&b, "%s: ", strings.Join(strings.Split(f.String(), "/")[:2], " "))
		for ; i < len(q.all) && q.all[i].fault.kind.name == f.kind.name && q.all[i].fault.first == f.first; i++ {
			fmt.Fprintf(&b, "%s %d, ", q.all[i].fault.way, max(0, q.all[i].end-1))
		}
	}
	return fmt.Sprintf("%d runs, the call came in %d of them (%sby kind and way); did not start and said why %d; after an error: %s; outcomes: %s; held because: %s; broken %d",
		q.runs, q.met, b.String(), q.silent, counts(q.late), counts(q.tally.outcomes), counts(q.tally.holds), q.broken)
}
