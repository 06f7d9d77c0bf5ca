package till

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// Another terminal than the one of before is neither asked nor paid, and taken once somebody says that it is right.
func TestAnotherTerminalAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var known atomic.Value
		known.Store("52500001")
		s := &script{id: "52500002"}
		s.recover = func(context.Context, terminal.Attempt) (terminal.Result, error) {
			t.Error("another terminal was asked")
			return terminal.Result{}, nil
		}
		s.mark = func() (terminal.Mark, error) {
			if known.Load() != "52500002" {
				t.Error("another terminal's mark was read")
			}
			return "1", nil
		}
		b := start(t, newMemory(), s, func(one *Terminal) {
			one.Identify = func(_ context.Context, id string) error {
				if id != known.Load() {
					return errors.New("another terminal answers than before")
				}
				return nil
			}
		})
		time.Sleep(time.Minute)
		synctest.Wait()
		if st := b.Terminals()[0]; st.Health != bridge.Gone || !strings.Contains(st.Text, "Another terminal answers") {
			t.Errorf("the terminal is %s: %s", st.Health, st.Text)
		}
		if _, err := b.Accept(t.Context(), order(1)); !refusedAs(err, bridge.Unplugged) {
			t.Errorf("accepted: %v", err)
		}
		known.Store("52500002")
		time.Sleep(5 * time.Second)
		synctest.Wait()
		ready(t, b)
		if _, err := b.Accept(t.Context(), order(1)); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if p := b.journal.get("p1"); p.State != bridge.Approved || s.paid() != 1 {
			t.Errorf("payment is %s", p.State)
		}
	})
}

// A line that comes back is opened then, not at the next attempt; and each watch ends.
func TestLineReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		back := make(chan struct{})
		var watches, stopped atomic.Int32
		s := &script{}
		s.setOpen(func(context.Context, terminal.Env) error { return fs.ErrNotExist })
		b := start(t, newMemory(), s, func(one *Terminal) {
			one.Watch = func(context.Context) (<-chan struct{}, func()) {
				watches.Add(1)
				return back, func() { stopped.Add(1) }
			}
		})
		time.Sleep(time.Minute)
		synctest.Wait()
		if watches.Load() == 0 {
			t.Fatal("nobody watches the line")
		}
		s.setOpen(nil)
		close(back)
		synctest.Wait() // no time passes
		ready(t, b)
		b.stop()
		if watches.Load() != stopped.Load() {
			t.Errorf("%d watches began, %d ended", watches.Load(), stopped.Load())
		}
	})
}

// After a sleep, or a jump of the clock, an idle line is opened anew.
func TestResumedWhileIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		b := start(t, newMemory(), s)
		ready(t, b)
		before := s.opened()
		b.Resumed(false)
		synctest.Wait()
		ready(t, b)
		if s.opened() != before+1 {
			t.Errorf("opened %d times", s.opened()-before)
		}
		if _, err := b.Accept(t.Context(), order(1)); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if p := b.journal.get("p1"); p.State != bridge.Approved || s.opened() != before+1 {
			t.Errorf("payment is %s, opened %d times", p.State, s.opened()-before)
		}
	})
}

// A sleep in a payment ends the dialogue, in a new one the terminal is asked what became of it, and nothing is sent
// twice. A sleep in that asking is no harm either.
func TestSleepInAPayment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		s := &script{}
		s.pay = func(ctx context.Context, _ terminal.Request, _ terminal.Till) (terminal.Result, error) {
			<-ctx.Done() // the line is dead and nobody says so
			return terminal.Result{}, ctx.Err()
		}
		s.recover = func(ctx context.Context, _ terminal.Attempt) (terminal.Result, error) {
			if asked++; asked == 1 {
				<-ctx.Done()
				return terminal.Result{}, ctx.Err()
			}
			return terminal.Result{Outcome: terminal.Approved, Proof: terminal.LastRecord, TxnRef: "T9", Mark: "2"}, nil
		}
		b := start(t, newMemory(), s)
		ready(t, b)
		if _, err := b.Accept(t.Context(), order(1)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if p := b.journal.get("p1"); p.State != bridge.Armed {
			t.Fatalf("payment is %s", p.State)
		}
		b.Resumed(true)
		synctest.Wait()
		if p := b.journal.get("p1"); p.State != bridge.Recovering {
			t.Fatalf("payment is %s", p.State)
		}
		b.Resumed(true)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if p := b.journal.get("p1"); p.State != bridge.Approved || s.paid() != 1 || asked != 2 || b.journal.notices("p1") != 1 {
			t.Errorf("payment is %s, %d sales, asked %d times", p.State, s.paid(), asked)
		}
	})
}

// A clock that jumps in a payment is none of its business; the line is opened anew afterwards.
func TestClockJumpsInAPayment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		done := make(chan struct{})
		s.pay = func(ctx context.Context, _ terminal.Request, _ terminal.Till) (terminal.Result, error) {
			select {
			case <-ctx.Done():
				return terminal.Result{}, ctx.Err()
			case <-done:
				return approval(), nil
			}
		}
		b := start(t, newMemory(), s)
		ready(t, b)
		before := s.opened()
		if _, err := b.Accept(t.Context(), order(1)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		b.Resumed(false)
		synctest.Wait()
		close(done)
		synctest.Wait()
		if p := b.journal.get("p1"); p.State != bridge.Approved || s.opened() != before+1 {
			t.Errorf("payment is %s, opened %d times more", p.State, s.opened()-before)
		}
	})
}

// A sleep while the terminal is being looked for is no harm.
func TestSleepWhileOpening(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		s.setOpen(func(ctx context.Context, _ terminal.Env) error { <-ctx.Done(); return ctx.Err() })
		b := start(t, newMemory(), s)
		synctest.Wait()
		s.setOpen(nil)
		b.Resumed(true)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		ready(t, b)
	})
}

func TestSentence(t *testing.T) {
	for from, want := range map[string]string{
		"": "It does not answer.", "no line": "No line.", "Done.": "Done.", "is it switched on?": "Is it switched on?", "card 4111111111111111": "Card ************1111.",
	} {
		if got := sentence(errors.New(from)); got != want {
			t.Errorf("%q became %q, want %q", from, got, want)
		}
	}
}
