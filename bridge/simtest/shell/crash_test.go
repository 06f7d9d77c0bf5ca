package shell

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

var eur = terminal.Currency{Code: "EUR", Numeric: 978, Digits: 2}

// classes are the evidence classes and their combinations that a protocol can have.
var classes = []terminal.Evidence{
	terminal.C0, terminal.C1, terminal.C1 | terminal.C4, terminal.C2, terminal.C2 | terminal.C4, terminal.C3, terminal.C3 | terminal.C4,
}

// plan is one run: what the terminal does, and where the bridge dies, once or twice.
type plan struct {
	class    terminal.Evidence
	decision Decision
	at       int // operation of the first life at which it dies; negative for none
	after    bool
	again    int           // operation of the second life at which that dies; negative for none
	repeat   bool          // MGR asks again after the restart where it got no 202
	away     time.Duration // how long the bridge stays dead
}

func (p plan) String() string {
	s := fmt.Sprintf("%s, %s, dies at operation %d", p.class, []string{"approve", "decline", "short", "tipped", "walkout"}[p.decision], p.at)
	if p.after {
		s += " (after it)"
	}
	if p.again >= 0 {
		s += fmt.Sprintf(", and in recovery at %d", p.again)
	}
	if p.repeat {
		s += ", MGR asks again"
	}
	return s
}

// scratch is a folder for journals, in memory where the system has one: what is tested here is the order of
// things and not the disk.
func scratch(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "tillbridge-crash-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// run plays one plan inside a bubble and checks the money law. It tells whether the fuse of each life blew.
func run(t *testing.T, dir string, p plan) (first, second bool) {
	synctest.Test(t, func(t *testing.T) {
		m := NewModel(p.class)
		m.Decide = func(int) Decision { return p.decision }
		w := NewWorld(dir, eur, Till{Driver: ModelDriver(p.class), Serve: m.Serve, Watch: WatchModel})
		order := bridge.Order{UUID: "pay-1", Customer: "cust-1", Terminal: "counter", Amount: terminal.Amount{Minor: 1250, Currency: eur}}
		var log Story
		got202 := false

		life := func(f *Fuse, asks bool) *Bridge {
			b, err := w.Start(context.Background(), f, &log)
			if err != nil {
				if dead, _ := f.Blown(); !dead {
					t.Fatalf("%s: start: %v\n%s", p, err, log.String())
				}
				return nil
			}
			untilIdle(b)
			if asks {
				err := b.Charge(context.Background(), order)
				got202 = got202 || err == nil
				var refused *bridge.Refusal
				if dead, _ := f.Blown(); err != nil && !dead && !errors.As(err, &refused) {
					t.Fatalf("%s: charge: %v\n%s", p, err, log.String())
				}
			}
			untilSettled(b, order.UUID)
			return b
		}

		f := NewFuse(p.at, p.after)
		b := life(f, true)
		first, _ = f.Blown()
		if first {
			stop(b)
			wait(p.away)
			f = NewFuse(p.again, p.after)
			b = life(f, p.repeat && !got202)
			if second, _ = f.Blown(); second {
				stop(b)
				wait(p.away)
				f = NewFuse(-1, false)
				b = life(f, p.repeat && !got202)
			}
		}
		m.Wait()
		check(t, p, w, m, b, order, got202, log.String())
		stop(b)
		w.Settle()
		m.Wait()
	})
	return first, second
}

func stop(b *Bridge) {
	if b != nil {
		b.Stop()
	}
}

// untilIdle waits until the terminal is ready, or something is in hand, or the bridge is dead.
func untilIdle(b *Bridge) {
	for range 600 {
		dead, _ := b.Fuse.Blown()
		s := b.Desk.Terminals()[0]
		if dead || s.Health == bridge.Ready || s.Payment != nil {
			return
		}
		wait(100 * time.Millisecond)
	}
}

// untilSettled waits at most five minutes until MGR has the outcome, or the payment is on hold, or the bridge
// is dead.
func untilSettled(b *Bridge, uuid string) {
	for range 300 {
		if dead, _ := b.Fuse.Blown(); dead {
			return
		}
		p, ok, err := b.Journal.Payment(context.Background(), uuid)
		if err == nil && (!ok || p.State == bridge.Held || p.State == bridge.Reported) {
			return
		}
		wait(time.Second)
	}
}

// check compares what MGR was told and what the journal says with the terminal's ledger.
func check(t *testing.T, p plan, w *World, m *Model, b *Bridge, o bridge.Order, got202 bool, log string) {
	t.Helper()
	wrong := func(format string, args ...any) {
		t.Helper()
		t.Errorf("%s: %s\nledger %+v\nMGR %+v\n%s", p, fmt.Sprintf(format, args...), m.Ledger(), w.Told(o.UUID), log)
	}
	for _, v := range w.Violations() {
		wrong("%s", v)
	}
	pay, known, err := b.Journal.Payment(context.Background(), o.UUID)
	if err != nil {
		wrong("read payment: %v", err)
		return
	}
	told := w.Told(o.UUID)
	if !known {
		if got202 || len(told) > 0 || len(m.Ledger()) > 0 {
			wrong("I4: the payment is not in the journal (202: %v)", got202)
		}
		return
	}
	minor, captures := m.Captured(pay.Reference)
	commands, overlaps := m.Asked(pay.Reference)
	if captures > 1 || len(m.Ledger()) > 1 {
		wrong("I1: captured %d times, ledger has %d lines", captures, len(m.Ledger()))
	}
	if commands > 1 || overlaps > 0 {
		wrong("I9: %d financial commands, %d overlapping dialogues", commands, overlaps)
	}
	for _, x := range told {
		switch {
		case x != told[0] && (x.Status != told[0].Status || x.AuthCode != told[0].AuthCode || x.TxnRef != told[0].TxnRef):
			wrong("I5: MGR was told two things")
		case x.Status == "DENIED" && captures > 0:
			wrong("I2: MGR was told DENIED and the money moved")
		case x.Status == "DENIED" && (x.AuthCode != "" || x.TxnRef != ""):
			wrong("a denial carries an approval's references")
		case x.Status == "APPROVED" && captures == 0:
			wrong("I3: MGR was told APPROVED and no money moved")
		case x.Status == "APPROVED" && (x.AuthCode != m.Ledger()[0].Auth || x.TxnRef != fmt.Sprint(m.Ledger()[0].Seq)):
			wrong("I3: MGR was told other references than the ledger's")
		}
	}
	if captures > 0 && pay.Outcome == terminal.Approved && pay.Result.Captured(pay.Amount).Minor != minor {
		wrong("I6: the journal says %s, the ledger %d", pay.Result.Captured(pay.Amount), minor)
	}
	switch {
	case pay.State == bridge.Reported && len(told) == 0:
		wrong("I4: the journal says reported and MGR was told nothing")
	case pay.State == bridge.Held && len(told) > 0:
		wrong("I4: on hold, and MGR was told")
	case pay.State != bridge.Reported && pay.State != bridge.Held:
		wrong("I16: %s five minutes after the faults stopped (%s)", pay.State, pay.Reason)
	case pay.State == bridge.Held && !mayHold(p, pay):
		wrong("I16: on hold although the terminal's evidence decides it (%s)", pay.Reason)
	}
	chain(t, p, b, wrong)
	secrets(p, w, log, wrong)
}

// mayHold tells whether nothing but a person can decide the payment: nothing can be read from this class of
// terminal once the dialogue broke, or the sum differs without an explanation.
func mayHold(p plan, pay bridge.Payment) bool {
	switch {
	case p.class.Has(terminal.C0):
		return pay.Driver != ""
	case p.decision == Short:
		return pay.Driver != ""
	case p.class.Has(terminal.C2) && p.decision == Tipped:
		// The record shows a larger sum and does not name the tip; it decides only with the result that was seen.
		return pay.Seen == nil && pay.Driver != ""
	case p.class.Has(terminal.C3) && p.decision == Tipped:
		return pay.Seen == nil && pay.Driver != ""
	case p.class.Has(terminal.C2) || p.class.Has(terminal.C3):
		return false
	}
	return p.at >= 0 && pay.Driver != ""
}

// chain checks the journal's own word: the entries are linked, and replay to what is there.
func chain(t *testing.T, p plan, b *Bridge, wrong func(string, ...any)) {
	t.Helper()
	problems, err := b.Journal.Verify(context.Background())
	if err != nil || len(problems) > 0 {
		wrong("the journal does not verify: %v %v", problems, err)
	}
}

// secrets looks for the card number that the model terminal lets slip, everywhere that something is kept.
func secrets(p plan, w *World, log string, wrong func(string, ...any)) {
	const card = "4111111111111111"
	if strings.Contains(log, card) {
		wrong("I10: a card number is in the log")
	}
	files, _ := filepath.Glob(w.Folder + "/*")
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil || bytes.Contains(b, []byte(card)) {
			wrong("I10: a card number is in %s (%v)", filepath.Base(f), err)
		}
	}
}

// TestCrashAtEveryOperation kills the bridge before and after each journal write, line write, line read,
// dial, 202 and notice of a payment, with terminals of every evidence class, and restarts it.
func TestCrashAtEveryOperation(t *testing.T) {
	thorough := os.Getenv("TILLBRIDGE_THOROUGH") != ""
	points, runs := make(chan int, 1000), make(chan int, 1000)
	t.Run("classes", func(t *testing.T) {
		for _, class := range classes {
			t.Run(class.String(), func(t *testing.T) {
				t.Parallel()
				dir := scratch(t)
				for _, d := range []Decision{Approve, Decline, Short, Tipped} {
					n, r := everyPoint(t, dir, class, d, thorough)
					points <- n
					runs <- r
				}
			})
		}
	})
	close(points)
	close(runs)
	total, all := 0, 0
	for n := range points {
		total += n
	}
	for n := range runs {
		all += n
	}
	t.Logf("note: crash points: %d single, %d runs with those in recovery, %d classes", total, all, len(classes))
	sampled(t)
}

// stride is how many operations on the next crash is. By themselves the tests take every third one, with -short, which
// is for the race detector, every nineteenth, and with TILLBRIDGE_CRASHES or TILLBRIDGE_THOROUGH each one.
func stride() int {
	switch {
	case testing.Short():
		return 19
	case os.Getenv("TILLBRIDGE_CRASHES")+os.Getenv("TILLBRIDGE_THOROUGH") != "":
		return 1
	}
	return 3
}

// sampled says so where not every operation is played.
func sampled(t *testing.T) {
	if n := stride(); n > 1 {
		t.Logf("note: the bridge died at one operation in %d; TILLBRIDGE_CRASHES=1 takes each one", n)
	}
}

func everyPoint(t *testing.T, dir string, class terminal.Evidence, d Decision, thorough bool) (points, runs int) {
	play := func(p plan) (bool, bool) {
		runs++
		folder, err := os.MkdirTemp(dir, "run-")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(folder)
		return run(t, folder, p)
	}
	base := plan{class: class, decision: d, again: -1, away: time.Second}
	for at := 0; ; at += stride() {
		blew := false
		for _, after := range []bool{false, true} {
			p := base
			p.at, p.after, p.repeat = at, after, at%2 == 0
			first, _ := play(p)
			blew = blew || first
			if first {
				points++
			}
			if !first || t.Failed() {
				continue
			}
			step := 7
			switch {
			case !thorough && at%4 > 0:
				continue
			case thorough:
				step = 1
				far := p
				far.away, far.repeat = 5*time.Minute, !p.repeat
				play(far)
			}
			for again := at % step; ; again += step {
				q := p
				q.again = again
				if _, second := play(q); !second || t.Failed() {
					break
				}
			}
		}
		if !blew || t.Failed() {
			return points, runs
		}
	}
}
