package till

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// ready waits until the terminal takes payments.
func ready(t *testing.T, b *bench) {
	t.Helper()
	synctest.Wait()
	if s := b.Terminals()[0]; s.Health != bridge.Ready {
		t.Fatalf("the terminal is %s: %s", s.Health, s.Text)
	}
}

func refusedAs(err error, k bridge.RefusalKind) bool {
	var r *bridge.Refusal
	return errors.As(err, &r) && r.Kind == k
}

func TestApproved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, newMemory(), &script{})
		ready(t, b)
		if a, err := b.Accept(t.Context(), order(1)); err != nil || a != bridge.New {
			t.Fatal(a, err)
		}
		<-b.notify
		synctest.Wait()
		if p := b.journal.get("p1"); p.State != bridge.Approved || p.Mark != "1" {
			t.Errorf("payment is %s with mark %q", p.State, p.Mark)
		}
		if err := b.Reported(t.Context(), "p1"); err != nil {
			t.Error(err)
		}
		if p := b.journal.get("p1"); p.State != bridge.Reported || b.journal.notices("p1") != 0 {
			t.Errorf("payment is %s, %d notices owed", p.State, b.journal.notices("p1"))
		}
	})
}

func TestEqualWebhooksAtOnceAreOneSale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		b := start(t, newMemory(), s)
		ready(t, b)
		var all sync.WaitGroup
		var mu sync.Mutex
		told := map[bridge.Acceptance]int{}
		for range 1000 {
			all.Go(func() {
				a, err := b.Accept(t.Context(), order(1))
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				told[a]++
				mu.Unlock()
			})
		}
		all.Wait()
		synctest.Wait()
		if told[bridge.New] != 1 || told[bridge.Repeat] != 999 || s.paid() != 1 {
			t.Errorf("told %v, %d sales", told, s.paid())
		}
	})
}

func TestOtherContentUnderTheSameUUID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, newMemory(), &script{})
		ready(t, b)
		if _, err := b.Accept(t.Context(), order(1)); err != nil {
			t.Fatal(err)
		}
		other := order(1)
		other.Amount.Minor++
		if _, err := b.Accept(t.Context(), other); !refusedAs(err, bridge.Reused) {
			t.Errorf("other amount: %v", err)
		}
	})
}

// An order whose commit failed and was kept all the same is accepted, since it is there.
func TestWrittenThoughTheDiskFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		b := start(t, newMemory(), s)
		ready(t, b)
		b.journal.setFail(failing(true, "append accept"))
		if _, err := b.Accept(t.Context(), order(1)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if p := b.journal.get("p1"); p.State != bridge.Approved || s.paid() != 1 {
			t.Errorf("payment is %s after %d sales", p.State, s.paid())
		}
	})
}

// An order that MGR was refused because the journal could not be read is never begun, and MGR is told.
func TestRefusedOrderIsGivenUp(t *testing.T) {
	for _, again := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := &script{}
			b := start(t, newMemory(), s)
			ready(t, b)
			b.journal.setFail(func(op string) (error, bool) {
				switch {
				case op == "append accept", op == "unsettled":
					return errDisk, true
				case op == "read" && b.journal.events[len(b.journal.events)-2] == "append accept":
					return errDisk, false
				}
				return nil, false
			})
			if _, err := b.Accept(t.Context(), order(1)); !errors.Is(err, errDisk) {
				t.Fatalf("accepted on a broken disk: %v", err)
			}
			synctest.Wait()
			if again {
				if a, err := b.Accept(t.Context(), order(1)); err != nil || a != bridge.Repeat {
					t.Fatal(a, err)
				}
			}
			b.journal.setFail(nil)
			time.Sleep(10 * time.Second)
			synctest.Wait()
			want, sales := bridge.NotSent, 0
			if again {
				want, sales = bridge.Approved, 1
			}
			if p := b.journal.get("p1"); p.State != want || s.paid() != sales {
				t.Errorf("asked again %t: payment is %s after %d sales, want %s after %d", again, p.State, s.paid(), want, sales)
			}
		})
	}
}

// A repeated webhook is answered 202 while the disk fails, and the outcome is sent again once it works.
func TestRepeatWhileTheDiskFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, newMemory(), &script{})
		ready(t, b)
		if _, err := b.Accept(t.Context(), order(1)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := b.Reported(t.Context(), "p1"); err != nil {
			t.Fatal(err)
		}
		b.journal.setFail(failing(false, "renotify"))
		if a, err := b.Accept(t.Context(), order(1)); err != nil || a != bridge.Repeat {
			t.Fatal(a, err)
		}
		time.Sleep(time.Minute)
		b.journal.setFail(nil)
		time.Sleep(time.Minute)
		if b.journal.notices("p1") != 1 {
			t.Errorf("%d notices owed after the disk works again", b.journal.notices("p1"))
		}
		if err := b.Reported(t.Context(), "p1"); err != nil || b.journal.notices("p1") != 0 {
			t.Errorf("%d notices owed after it was sent again (%v)", b.journal.notices("p1"), err)
		}
	})
}

// A webhook that comes again while the notice is being delivered is told anew.
func TestRepeatWhileTheNoticeIsOnItsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, newMemory(), &script{})
		ready(t, b)
		for range 2 {
			if _, err := b.Accept(t.Context(), order(1)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		for _, owed := range []int{1, 0} {
			if err := b.Reported(t.Context(), "p1"); err != nil || b.journal.notices("p1") != owed {
				t.Errorf("%d notices owed, want %d (%v)", b.journal.notices("p1"), owed, err)
			}
		}
	})
}

// A driver that hangs while it opens does not keep a payment beyond the queue limit, and what it does later
// reaches no line.
func TestHungOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		envs := make(chan terminal.Env, 8)
		hang := make(chan struct{})
		s.pay = func(context.Context, terminal.Request, terminal.Till) (terminal.Result, error) {
			return terminal.Result{}, terminal.ErrNotSent
		}
		b := start(t, newMemory(), s)
		ready(t, b)
		s.setOpen(func(_ context.Context, e terminal.Env) error {
			envs <- e
			<-hang
			return nil
		})
		if _, err := b.Accept(t.Context(), order(1)); err != nil { // ends the session
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		b.journal.setFail(nil)
		time.Sleep(10 * time.Minute)
		if st := b.Terminals()[0]; st.Health != bridge.Gone || s.opened() != 2 {
			t.Errorf("the terminal is %s after %d openings", st.Health, s.opened())
		}
		if _, err := b.Accept(t.Context(), order(2)); !refusedAs(err, bridge.Unplugged) {
			t.Errorf("a payment was taken for a terminal that hangs: %v", err)
		}
		late := <-envs
		if _, err := late.Dial(t.Context()); !errors.Is(err, errEnded) {
			t.Errorf("a driver that was left behind could dial: %v", err)
		}
		close(hang)
		s.setOpen(nil)
		time.Sleep(time.Minute)
		if st := b.Terminals()[0]; st.Health != bridge.Ready {
			t.Errorf("the terminal is %s after the driver came back", st.Health)
		}
	})
}

// The queue limit holds while a driver hangs in the opening that a payment needs.
func TestHungOpenWithAPaymentWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		j := newMemory()
		o := order(1)
		p, err := bridge.Step(bridge.Payment{}, bridge.Event{Kind: bridge.Accept, At: time.Now(), Order: &o, Reference: "R"})
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Append(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		hang := make(chan struct{})
		s.open = func(context.Context, terminal.Env) error {
			<-hang
			return nil
		}
		start(t, j, s)
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		if p := j.get("p1"); p.State != bridge.Expired || s.paid() != 0 {
			t.Errorf("payment is %s after %d sales", p.State, s.paid())
		}
		close(hang)
	})
}

// Evidence against a person's word is kept however long the disk fails.
func TestContraryEvidenceOutlivesAFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		asked, answer := make(chan struct{}, 1), make(chan struct{})
		s.pay = func(context.Context, terminal.Request, terminal.Till) (terminal.Result, error) {
			return terminal.Result{}, errors.New("the line broke")
		}
		s.recover = func(context.Context, terminal.Attempt) (terminal.Result, error) {
			asked <- struct{}{}
			<-answer
			return terminal.Result{Outcome: terminal.Approved, Proof: terminal.LastRecord, TxnRef: "T9", Mark: "2"}, nil
		}
		b := start(t, newMemory(), s)
		ready(t, b)
		if _, err := b.Accept(t.Context(), order(1)); err != nil {
			t.Fatal(err)
		}
		<-asked
		if err := b.Resolve(t.Context(), "p1", false, bridge.Person{Name: "Ann", Evidence: "the receipt says so"}); err != nil {
			t.Fatal(err)
		}
		b.journal.setFail(failing(false, "read", "append late"))
		close(answer)
		time.Sleep(time.Minute)
		b.journal.setFail(nil)
		before := len(b.journal.did())
		time.Sleep(time.Minute)
		synctest.Wait()
		if p := b.journal.get("p1"); p.State != bridge.Declined || !slices.Contains(b.journal.did()[before:], "append late") {
			t.Errorf("payment is %s; operations since the disk works: %q", p.State, b.journal.did()[before:])
		}
	})
}

func TestPanickingDriverIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		s.pay = func(context.Context, terminal.Request, terminal.Till) (terminal.Result, error) {
			panic("4111111111111111")
		}
		b := start(t, newMemory(), s)
		ready(t, b)
		if _, err := b.Accept(t.Context(), order(1)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if p := b.journal.get("p1"); p.State != bridge.Held || !p.Frozen() {
			t.Errorf("payment is %s", p.State)
		}
		if _, err := b.Accept(t.Context(), order(2)); !refusedAs(err, bridge.Frozen) {
			t.Errorf("another payment: %v", err)
		}
		if err := b.AskAgain(t.Context(), "p1"); err != nil {
			t.Error(err)
		}
		if err := b.Cancel("counter"); err == nil {
			t.Error("a held payment could be cancelled")
		}
		if err := b.Resolve(t.Context(), "p1", true, bridge.Person{Name: "Ann", Evidence: "receipt", AuthCode: "77"}); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if _, err := b.Accept(t.Context(), order(3)); err != nil {
			t.Errorf("after the hold was settled: %v", err)
		}
	})
}

// A driver that was left behind can make nothing durable.
func TestLeftBehindDriver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		late := make(chan error, 1)
		proceed := make(chan struct{})
		s.pay = func(_ context.Context, _ terminal.Request, till terminal.Till) (terminal.Result, error) {
			<-proceed
			late <- till.Seen(approval())
			return approval(), nil
		}
		b := start(t, newMemory(), s)
		ready(t, b)
		if _, err := b.Accept(t.Context(), order(1)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * payLimit)
		close(proceed)
		if err := <-late; !errors.Is(err, errClosed) {
			t.Errorf("a driver that was left behind could record: %v", err)
		}
		time.Sleep(time.Minute)
		if p := b.journal.get("p1"); p.Seen != nil || p.State != bridge.Held {
			t.Errorf("payment is %s", p.State)
		}
	})
}

// A mark that the driver read anew is what the payment, and after a refusal the next one, is compared with.
func TestMarkReadAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		s.pay = func(_ context.Context, r terminal.Request, till terminal.Till) (terminal.Result, error) {
			if s.paid() == 1 {
				if err := till.Mark("7"); err != nil {
					t.Error(err)
				}
			}
			till.Progress(terminal.Progress{Stage: terminal.Sent})
			return terminal.Result{Outcome: terminal.Declined, Proof: terminal.Refused}, nil
		}
		b := start(t, newMemory(), s)
		ready(t, b)
		for n := range 2 {
			if _, err := b.Accept(t.Context(), order(n)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if p := b.journal.get(order(n).UUID); p.State != bridge.Declined || p.Mark != "7" {
				t.Errorf("payment %d is %s with mark %q", n, p.State, p.Mark)
			}
		}
	})
}

func TestStoppingRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, newMemory(), &script{})
		ready(t, b)
		b.stop()
		if _, err := b.Accept(context.Background(), order(1)); !refusedAs(err, bridge.Stopping) {
			t.Errorf("a payment was taken at the stop: %v", err)
		}
	})
}
