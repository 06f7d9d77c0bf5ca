package till

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// calls is what a terminal was told to give back.
type calls struct {
	mu  sync.Mutex
	all []string
}

func (c *calls) add(s string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, s)
}

func (c *calls) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.all, ", ")
}

// giving is a scripted terminal that gives sales back.
type giving struct {
	scripted
	calls *calls
	back  func(context.Context, terminal.Till) (terminal.Result, error)
}

func (g giving) Refund(ctx context.Context, r terminal.Request, till terminal.Till) (terminal.Result, error) {
	g.calls.add(fmt.Sprintf("refund %d", r.Amount.Minor))
	return g.back(ctx, till)
}

func (g giving) Void(ctx context.Context, r terminal.Request, sale terminal.Result, till terminal.Till) (terminal.Result, error) {
	g.calls.add(fmt.Sprintf("void %s %d", sale.TxnRef, r.Amount.Minor))
	return g.back(ctx, till)
}

// givingBack makes the terminal one that gives back, and its answers what back says; nil approves.
func givingBack(s *script, told *calls, back func(context.Context, terminal.Till) (terminal.Result, error)) func(*Terminal) {
	if back == nil {
		back = func(context.Context, terminal.Till) (terminal.Result, error) { return approval(), nil }
	}
	return func(t *Terminal) {
		open := t.Driver.Open
		t.Driver.Open = func(ctx context.Context, e terminal.Env, o any) (terminal.Session, error) {
			if _, err := open(ctx, e, o); err != nil {
				return nil, err
			}
			return giving{scripted{s}, told, back}, nil
		}
	}
}

// sold is a desk with a sale, p1, that MGR knows of.
func sold(t *testing.T, s *script, change ...func(*Terminal)) *bench {
	t.Helper()
	b := start(t, newMemory(), s, change...)
	ready(t, b)
	if _, err := b.Accept(t.Context(), order(1)); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	if err := b.Reported(t.Context(), "p1"); err != nil {
		t.Fatal(err)
	}
	return b
}

func back(n int, k bridge.Kind, minor int64) bridge.Order {
	o := order(n)
	o.Kind, o.Sale, o.By, o.Amount.Minor = k, "p1", "Olga", minor
	return o
}

func TestRefund(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told calls
		s := &script{}
		b := sold(t, s, givingBack(s, &told, nil))
		for range 2 { // the second time it is known
			if err := b.Return(t.Context(), back(2, bridge.Refund, 500)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if p := b.journal.get("p2"); p.State != bridge.Approved || p.By != "Olga" || b.journal.notices("p2") != 0 || told.String() != "refund 500" {
			t.Errorf("it is %s, %d notices, the terminal was told %q", p.State, b.journal.notices("p2"), &told)
		}
		other := back(2, bridge.Refund, 600)
		if err := b.Return(t.Context(), other); !refusedAs(err, bridge.Reused) {
			t.Errorf("other content: %v", err)
		}
		if err := b.Return(t.Context(), back(3, bridge.Refund, 751)); !refusedAs(err, bridge.Unfit) || !strings.Contains(err.Error(), "7.50 EUR") {
			t.Errorf("more than is left: %v", err)
		}
		if err := b.Return(t.Context(), back(4, bridge.Void, 1250)); !refusedAs(err, bridge.Unfit) {
			t.Errorf("a reversal after a refund: %v", err)
		}
		if err := b.Return(t.Context(), back(5, bridge.Refund, 750)); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if err := b.Return(t.Context(), back(6, bridge.Refund, 1)); !refusedAs(err, bridge.Unfit) {
			t.Errorf("when all is back: %v", err)
		}
		if err := b.Return(t.Context(), order(7)); err == nil {
			t.Error("a sale was ordered in the shop")
		}
		if told.String() != "refund 500, refund 750" || s.paid() != 1 {
			t.Errorf("the terminal was told %q and sold %d times", &told, s.paid())
		}
	})
}

func TestVoidNamesItsSale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told calls
		s := &script{}
		b := sold(t, s, givingBack(s, &told, nil))
		if err := b.Return(t.Context(), back(2, bridge.Void, 1000)); !refusedAs(err, bridge.Unfit) {
			t.Errorf("a part of it: %v", err)
		}
		if err := b.Return(t.Context(), back(2, bridge.Void, 1250)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if told.String() != "void T1 1250" || b.journal.get("p2").State != bridge.Approved {
			t.Errorf("the terminal was told %q, it is %s", &told, b.journal.get("p2").State)
		}
	})
}

// Who cannot give back is not asked to, and nothing is left behind.
func TestReturnRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := sold(t, &script{})
		for name, o := range map[string]bridge.Order{"refund": back(2, bridge.Refund, 1), "void": back(3, bridge.Void, 1250)} {
			if err := b.Return(t.Context(), o); !refusedAs(err, bridge.Unfit) || b.journal.get(o.UUID).State != bridge.None {
				t.Errorf("%s at a terminal without: %v", name, err)
			}
		}
	})
	synctest.Test(t, func(t *testing.T) {
		var told calls
		s := &script{}
		b := sold(t, s, givingBack(s, &told, nil))
		for name, change := range map[string]func(*bridge.Order){
			"no such sale":     func(o *bridge.Order) { o.Sale = "p9" },
			"another currency": func(o *bridge.Order) { o.Amount.Currency.Code = "CHF" },
		} {
			o := back(2, bridge.Refund, 1)
			change(&o)
			if err := b.Return(t.Context(), o); !refusedAs(err, bridge.Unfit) {
				t.Errorf("%s: %v", name, err)
			}
		}
		o := back(2, bridge.Refund, 1)
		o.Terminal = "bar"
		if err := b.Return(t.Context(), o); !refusedAs(err, bridge.UnknownTerminal) {
			t.Errorf("another terminal: %v", err)
		}
		b.journal.setFail(failing(false, "returns"))
		if err := b.Return(t.Context(), back(2, bridge.Refund, 1)); !errors.Is(err, errDisk) {
			t.Errorf("a journal that cannot be read: %v", err)
		}
		b.journal.setFail(nil)
		if told.String() != "" || b.journal.get("p2").State != bridge.None {
			t.Errorf("the terminal was told %q", &told)
		}
	})
}

// A refund whose conversation breaks off is on hold at once: no record of a sale decides it. What it may have given counts.
func TestRefundThatBreaksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told calls
		s := &script{recover: func(context.Context, terminal.Attempt) (terminal.Result, error) {
			t.Error("the driver is asked about a refund")
			return terminal.Result{}, nil
		}}
		b := sold(t, s, givingBack(s, &told, func(_ context.Context, till terminal.Till) (terminal.Result, error) {
			till.Progress(terminal.Progress{Stage: terminal.Sent})
			return terminal.Result{}, errors.New("the line is lost")
		}))
		if err := b.Return(t.Context(), back(2, bridge.Refund, 1000)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if p := b.journal.get("p2"); p.State != bridge.Held || !strings.Contains(p.Reason, "The line is lost.") {
			t.Fatalf("it is %s: %s", p.State, p.Reason)
		}
		if _, err := b.Accept(t.Context(), order(3)); !refusedAs(err, bridge.Frozen) || !strings.Contains(err.Error(), "refund of 10.00 EUR") {
			t.Errorf("a sale meanwhile: %v", err)
		}
		if err := b.AskAgain(t.Context(), "p2"); err == nil {
			t.Error("the terminal is asked again about a refund")
		}
		if err := b.Resolve(t.Context(), "p2", false, bridge.Person{Name: "Olga", Evidence: "no receipt"}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if p := b.journal.get("p2"); p.State != bridge.Declined || b.journal.notices("p2") != 0 {
			t.Errorf("it is %s, %d notices", p.State, b.journal.notices("p2"))
		}
		ready(t, b)
	})
}

// A bridge that dies after a refund was armed holds it; one that dies before begins it where it is young enough.
func TestRefundAfterARestart(t *testing.T) {
	for state, want := range map[bridge.State]bridge.State{bridge.Received: bridge.Approved, bridge.Armed: bridge.Held} {
		synctest.Test(t, func(t *testing.T) {
			var told calls
			s := &script{}
			b := sold(t, s, givingBack(s, &told, nil))
			j := b.journal
			o := back(2, bridge.Refund, 1000)
			b.stop()
			p := bridge.Payment{}
			for _, e := range []bridge.Event{
				{Kind: bridge.Accept, At: j.get("p1").Updated, Order: &o, Reference: "R000000002"},
				{Kind: bridge.Arm, At: j.get("p1").Updated, Driver: "script", Evidence: terminal.C2, Mark: "2"},
			} {
				tr, err := bridge.Step(p, e)
				if err != nil {
					t.Fatal(err)
				}
				if err := j.Append(t.Context(), tr); err != nil {
					t.Fatal(err)
				}
				if p = tr.After; p.State == state {
					break
				}
			}
			start(t, j, s, givingBack(s, &told, nil))
			synctest.Wait()
			if got := j.get("p2").State; got != want || told.String() != map[bridge.State]string{bridge.Received: "refund 1000"}[state] {
				t.Errorf("died as %s: it is %s, the terminal was told %q", state, got, &told)
			}
		})
	}
}

// A correction is recorded beside the first word, and MGR is not told again.
func TestCorrect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{pay: func(context.Context, terminal.Request, terminal.Till) (terminal.Result, error) {
			return terminal.Result{}, errors.New("the line is lost")
		}}
		b := start(t, newMemory(), s)
		ready(t, b)
		if _, err := b.Accept(t.Context(), order(1)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		who := bridge.Person{Name: "Anna", Evidence: "no receipt"}
		var refused *bridge.RefusedError
		if err := b.Correct(t.Context(), "p1", true, who); !errors.As(err, &refused) {
			t.Errorf("a hold is corrected: %v", err)
		}
		if err := b.Resolve(t.Context(), "p1", false, who); err != nil {
			t.Fatal(err)
		}
		if err := b.Reported(t.Context(), "p1"); err != nil {
			t.Fatal(err)
		}
		later := bridge.Person{Name: " Bert 4111111111111111", Evidence: "the bank's statement", AuthCode: "1"}
		if err := b.Correct(t.Context(), "p1", true, later); err != nil {
			t.Fatal(err)
		}
		p := b.journal.get("p1")
		if p.State != bridge.Reported || p.Outcome != terminal.Declined || !p.Moved() || strings.Contains(p.Corrected.Person.Name, "4111111") || b.journal.notices("p1") != 0 {
			t.Errorf("it is %+v, %d notices", p, b.journal.notices("p1"))
		}
		if err := b.Correct(t.Context(), "none", true, later); err == nil {
			t.Error("a payment that there is not is corrected")
		}
	})
}
