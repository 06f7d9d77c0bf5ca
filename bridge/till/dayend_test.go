package till

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// closer is a scripted terminal that has an end of day.
type closer struct {
	scripted
	settle func(context.Context, terminal.Till) (terminal.Totals, error)
}

func (c closer) Settle(ctx context.Context, till terminal.Till) (terminal.Totals, error) {
	return c.settle(ctx, till)
}

func closing(s *script, settle func(context.Context, terminal.Till) (terminal.Totals, error), at *bridge.ClockTime) func(*Terminal) {
	return func(t *Terminal) {
		t.ClosesAt = at
		open := t.Driver.Open
		t.Driver.Open = func(ctx context.Context, e terminal.Env, o any) (terminal.Session, error) {
			if _, err := open(ctx, e, o); err != nil {
				return nil, err
			}
			return closer{scripted{s}, settle}, nil
		}
	}
}

func (m *memory) dayEnds() []bridge.DayEnd {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]bridge.DayEnd(nil), m.days...)
}

// While the terminal closes its day no payment is taken; afterwards one is, with a mark that was read anew.
func TestEndOfDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		var marks atomic.Int64
		s := &script{mark: func() (terminal.Mark, error) {
			return terminal.Mark(fmt.Sprint(marks.Add(1))), nil
		}}
		b := start(t, newMemory(), s, closing(s, func(_ context.Context, till terminal.Till) (terminal.Totals, error) {
			till.Progress(terminal.Progress{Text: "Closing, card 4111111111111111"})
			till.Receipt(terminal.Receipt{Lines: []terminal.Line{{Text: "SUM"}}})
			if till.Seen(approval()) == nil || till.Mark("7") != nil {
				t.Error("an end of day has a result that is recorded")
			}
			<-gate
			return terminal.Totals{TotalMinor: 1250}, nil
		}, nil))
		ready(t, b)
		if err := b.EndDay(t.Context(), "counter", "Olga"); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Accept(t.Context(), order(1)); !refusedAs(err, bridge.Busy) {
			t.Errorf("a payment at once: %v", err)
		}
		synctest.Wait()
		if st := b.Terminals()[0]; !st.Closing || !st.CanClose || st.Health != bridge.Working || strings.Contains(st.Progress, "4111111") || b.Idle() {
			t.Errorf("it says %+v", st)
		}
		if _, err := b.Accept(t.Context(), order(1)); !refusedAs(err, bridge.Busy) {
			t.Errorf("a payment meanwhile: %v", err)
		}
		if err := b.EndDay(t.Context(), "counter", "Olga"); !refusedAs(err, bridge.Busy) {
			t.Errorf("a second one meanwhile: %v", err)
		}
		close(gate)
		ready(t, b)
		days := b.journal.dayEnds()
		if len(days) != 1 || !days[0].Closed || days[0].By != "Olga" || days[0].Totals.TotalMinor != 1250 || len(days[0].Receipts) != 1 || days[0].Currency != eur {
			t.Errorf("kept is %+v", days)
		}
		if _, err := b.Accept(t.Context(), order(1)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if p := b.journal.get("p1"); p.State != bridge.Approved || p.Mark != "2" {
			t.Errorf("the payment after it is %s with mark %q", p.State, p.Mark)
		}
	})
}

func TestEndOfDayRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, newMemory(), &script{})
		ready(t, b)
		if err := b.EndDay(t.Context(), "counter", "Olga"); !refusedAs(err, bridge.Unfit) {
			t.Errorf("a terminal without: %v", err)
		}
		if err := b.EndDay(t.Context(), "bar", "Olga"); !refusedAs(err, bridge.UnknownTerminal) {
			t.Errorf("no terminal: %v", err)
		}
		if err := b.EndDay(t.Context(), "counter", " "); err == nil {
			t.Error("nobody wants it and it is run")
		}
	})
	synctest.Test(t, func(t *testing.T) {
		s := &script{pay: func(context.Context, terminal.Request, terminal.Till) (terminal.Result, error) {
			return terminal.Result{}, errors.New("the line is lost")
		}}
		b := start(t, newMemory(), s, closing(s, func(context.Context, terminal.Till) (terminal.Totals, error) {
			t.Error("the day is closed over a payment that is not known")
			return terminal.Totals{}, nil
		}, nil))
		ready(t, b)
		if _, err := b.Accept(t.Context(), order(1)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := b.EndDay(t.Context(), "counter", "Olga"); !refusedAs(err, bridge.Frozen) {
			t.Errorf("with a hold: %v", err)
		}
	})
	synctest.Test(t, func(t *testing.T) { // a hold that frees its terminal is forgotten with the day all the same
		s := &script{pay: func(context.Context, terminal.Request, terminal.Till) (terminal.Result, error) {
			return terminal.Result{}, errors.New("the line is lost")
		}}
		at := time.Now().Add(time.Hour)
		b := start(t, newMemory(), s, closing(s, func(context.Context, terminal.Till) (terminal.Totals, error) {
			t.Error("the day is closed over a hold")
			return terminal.Totals{}, nil
		}, &bridge.ClockTime{Hour: at.Hour(), Minute: at.Minute()}), func(t *Terminal) { t.Driver.Evidence = terminal.C3 })
		ready(t, b)
		if _, err := b.Accept(t.Context(), order(1)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Hour) // by the clock it is due by then
		ready(t, b)
		if p := b.journal.get("p1"); p.State != bridge.Held || p.Frozen() {
			t.Fatalf("it is %s, and binds its terminal: %v", p.State, p.Frozen())
		}
		if err := b.EndDay(t.Context(), "counter", "Olga"); !refusedAs(err, bridge.Frozen) {
			t.Errorf("with a hold that frees its terminal: %v", err)
		}
		b.journal.setFail(failing(false, "unsettled"))
		if err := b.EndDay(t.Context(), "counter", "Olga"); !errors.Is(err, errDisk) {
			t.Errorf("with a journal that cannot be read: %v", err)
		}
		b.journal.setFail(nil)
	})
	synctest.Test(t, func(t *testing.T) {
		s := &script{open: func(context.Context, terminal.Env) error { return errors.New("no such port") }}
		b := start(t, newMemory(), s, closing(s, nil, nil))
		synctest.Wait()
		if err := b.EndDay(t.Context(), "counter", "Olga"); !refusedAs(err, bridge.Unplugged) {
			t.Errorf("a terminal that is away: %v", err)
		}
	})
}

// One that the terminal refuses is over; one that breaks off may have closed the day, and says so. Neither is run again by itself.
func TestEndOfDayThatFails(t *testing.T) {
	for what, c := range map[string]struct {
		err  error
		want string
	}{
		"refused":    {fmt.Errorf("%w: not now", terminal.ErrRefused), "not now."},
		"broken off": {errors.New("the line is lost"), "is not known"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var runs atomic.Int64
			s := &script{}
			b := start(t, newMemory(), s, closing(s, func(context.Context, terminal.Till) (terminal.Totals, error) {
				runs.Add(1)
				return terminal.Totals{}, c.err
			}, nil))
			ready(t, b)
			if err := b.EndDay(t.Context(), "counter", "Olga"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
			ready(t, b)
			days := b.journal.dayEnds()
			if runs.Load() != 1 || len(days) != 1 || days[0].Closed || days[0].Ended.IsZero() || !strings.Contains(days[0].Why, c.want) {
				t.Errorf("%s: run %d times, kept is %+v", what, runs.Load(), days)
			}
		})
	}
}

// What cannot be recorded is not begun.
func TestEndOfDayIsRecordedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		b := start(t, newMemory(), s, closing(s, func(context.Context, terminal.Till) (terminal.Totals, error) {
			t.Error("it is run")
			return terminal.Totals{}, nil
		}, nil))
		ready(t, b)
		b.journal.setFail(failing(false, "begin day end"))
		if err := b.EndDay(t.Context(), "counter", "Olga"); err != nil {
			t.Fatal(err)
		}
		ready(t, b)
		b.journal.setFail(nil)
		if days := b.journal.dayEnds(); len(days) != 0 {
			t.Errorf("kept is %+v", days)
		}
	})
}

// A terminal that goes away before it was told is not told hours later.
func TestEndOfDayOfATerminalThatWentAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		b := start(t, newMemory(), s, closing(s, func(context.Context, terminal.Till) (terminal.Totals, error) {
			t.Error("it is run")
			return terminal.Totals{}, nil
		}, nil))
		ready(t, b)
		s.setOpen(func(context.Context, terminal.Env) error { return errors.New("no such port") })
		w := b.workers["counter"]
		w.mu.Lock()
		w.stale = true // the line is opened anew before anything else
		w.mu.Unlock()
		if err := b.EndDay(t.Context(), "counter", "Olga"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		days := b.journal.dayEnds()
		if len(days) != 1 || days[0].Closed || !strings.Contains(days[0].Why, "No such port.") {
			t.Errorf("kept is %+v", days)
		}
		s.setOpen(nil)
		time.Sleep(time.Minute)
		ready(t, b)
	})
}

// The clock runs it once a day where something was paid; what was missed while the computer was off is caught up.
func TestEndOfDayByTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // it begins at midnight UTC
		s := &script{}
		var runs atomic.Int64
		settle := func(context.Context, terminal.Till) (terminal.Totals, error) {
			runs.Add(1)
			return terminal.Totals{}, nil
		}
		now := time.Now()
		at := &bridge.ClockTime{Hour: now.Add(2 * time.Hour).Hour(), Minute: now.Minute()}
		j := newMemory()
		b := start(t, j, s, closing(s, settle, at))
		check := func(when string, want int) {
			t.Helper()
			ready(t, b)
			if runs.Load() != int64(want) {
				t.Errorf("%s it has run %d times, want %d", when, runs.Load(), want)
			}
		}
		time.Sleep(26 * time.Hour)
		check("without a payment", 0)
		if _, err := b.Accept(t.Context(), order(1)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		check("after the first payment", 0)
		time.Sleep(23 * time.Hour)
		check("a day later", 1)
		if d := j.dayEnds()[0]; d.By != "" || d.Began.Sub(now)%(24*time.Hour) > 2*time.Hour+2*clockEvery {
			t.Errorf("it was run by %q at %s", d.By, d.Began)
		}
		time.Sleep(48 * time.Hour)
		check("with nothing new", 1)
		if _, err := b.Accept(t.Context(), order(2)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		b.stop() // and is off when it is due
		time.Sleep(30 * time.Hour)
		b = start(t, j, s, closing(s, settle, at))
		check("after the computer was off", 2)
		time.Sleep(72 * time.Hour)
		check("three days later", 2)
		j.setFail(failing(false, "day ends"))
		if _, err := b.Accept(t.Context(), order(3)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(25 * time.Hour)
		check("while the journal cannot be read", 2)
		j.setFail(nil)
		time.Sleep(time.Hour)
		check("when it can be read again", 3)
	})
}
