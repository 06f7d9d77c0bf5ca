package till

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// A disk that keeps the record of a delivery which it said it lost must not make the bridge take out the notice
// that a repeated webhook puts back in its place.
func TestRepeatWhileTheDeliveryIsNotRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, newMemory(), &script{})
		ready(t, b)
		if _, err := b.Accept(t.Context(), order(1)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for _, op := range []string{"append report", "forget"} {
			b.journal.setFail(failing(true, op))
			if err := b.Reported(t.Context(), "p1"); err == nil {
				t.Fatalf("%s did not fail", op)
			}
			b.journal.setFail(nil)
			if _, err := b.Accept(t.Context(), order(1)); err != nil {
				t.Fatal(err)
			}
			// The notifier tries to record the first delivery again.
			if err := b.Reported(t.Context(), "p1"); err != nil || b.journal.notices("p1") != 1 {
				t.Errorf("after %s: %d notices owed to MGR that asked again (%v)", op, b.journal.notices("p1"), err)
			}
		}
		if err := b.Reported(t.Context(), "p1"); err != nil || b.journal.notices("p1") != 0 {
			t.Errorf("%d notices owed in the end (%v)", b.journal.notices("p1"), err)
		}
	})
}

// Where a step was kept by a disk that said it lost it, the mark that the step brought is not known: the next
// payment must not be armed with the old one.
func TestMarkAfterAStepThatWasKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		marks := []terminal.Mark{"1", "2", "3"}
		s := &script{}
		s.mark = func() (terminal.Mark, error) {
			m := marks[0]
			marks = marks[1:]
			return m, nil
		}
		b := start(t, newMemory(), s)
		ready(t, b)
		b.journal.setFail(failing(true, "append conclude"))
		if _, err := b.Accept(t.Context(), order(1)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		b.journal.setFail(nil)
		if p := b.journal.get("p1"); p.State != bridge.Approved {
			t.Fatalf("the payment is %s", p.State)
		}
		ready(t, b)
		if _, err := b.Accept(t.Context(), order(2)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if p := b.journal.get("p2"); p.Mark != "2" {
			t.Errorf("armed with mark %q, want the one that the terminal tells now", p.Mark)
		}
	})
}

// A person's word that a disk kept although it said that it lost it must not leave the terminal bound.
func TestSettledThoughTheDiskFailed(t *testing.T) {
	for _, unread := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := &script{pay: func(context.Context, terminal.Request, terminal.Till) (terminal.Result, error) {
				return terminal.Result{}, errors.New("the line broke")
			}}
			b := start(t, newMemory(), s)
			ready(t, b)
			if _, err := b.Accept(t.Context(), order(1)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			resolved := false
			b.journal.setFail(func(op string) (error, bool) {
				switch {
				case op == "append resolve":
					resolved = true
					return errDisk, true
				case unread && resolved && op == "read":
					return errDisk, false
				}
				return nil, false
			})
			err := b.Resolve(t.Context(), "p1", true, bridge.Person{Name: "Anna", Evidence: "receipt", AuthCode: "A1"})
			if unread != (err != nil) {
				t.Errorf("unread %v: %v", unread, err)
			}
			b.journal.setFail(nil)
			time.Sleep(time.Minute)
			var refused *bridge.RefusedError
			err = b.Resolve(t.Context(), "p1", false, bridge.Person{Name: "Anna", Evidence: "receipt", AuthCode: "A1"})
			if !errors.As(err, &refused) {
				t.Errorf("a settled payment was settled again: %v", err)
			}
			if p := b.journal.get("p1"); p.State != bridge.Approved {
				t.Fatalf("the payment is %s", p.State)
			}
			if got := b.Terminals()[0]; got.Health != bridge.Ready {
				t.Errorf("unread %v: the terminal is %s: %s", unread, got.Health, got.Text)
			}
		})
	}
}

// lockedBuffer is a log that a goroutine which was left behind may still write to.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// What a driver says when it breaks down, or why it cannot reach its terminal, is logged without card numbers.
func TestNoCardNumberInTheLog(t *testing.T) {
	const card = "4111111111111111"
	for name, open := range map[string]func(context.Context, terminal.Env) error{
		"panic": func(context.Context, terminal.Env) error { panic("odd track data " + card) },
		"error": func(context.Context, terminal.Env) error { return errors.New("odd track data " + card) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := &lockedBuffer{}
				s := &script{open: open}
				d, err := New(Config{
					Terminals: []Terminal{{
						Name: "counter", Driver: s.driver(), Currency: eur,
						Dial: func(context.Context) (terminal.Port, error) { return nil, errors.New("no line") },
					}},
					QueueLimit: time.Minute, Log: slog.New(slog.NewTextHandler(log, nil)),
					Hooks: Hooks{Changed: func() {}, Alarm: func() {}, Notify: func() {}},
				}, newMemory())
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- d.Run(ctx, nil) }()
				time.Sleep(time.Minute)
				text := d.Terminals()[0].Text
				cancel()
				if err := <-ended; err != nil {
					t.Error(err)
				}
				if !strings.Contains(log.String(), "odd track data") || strings.Contains(log.String()+text, card) {
					t.Errorf("the screen shows %q, the log is\n%s", text, log.String())
				}
			})
		})
	}
}

// Two orders may stand in the journal at a start: one that a failing disk kept and that MGR was not told of, and one
// that came after it. The first is given up, the second is carried out.
func TestOrderBesideAnotherAtTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newMemory()
		for n := range 2 {
			o := order(n)
			tr, err := bridge.Step(bridge.Payment{Order: o}, bridge.Event{Kind: bridge.Accept, At: time.Now(), Order: &o, Reference: o.UUID})
			if err != nil {
				t.Fatal(err)
			}
			if err := j.Append(t.Context(), tr); err != nil {
				t.Fatal(err)
			}
		}
		s := &script{}
		start(t, j, s)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if p := j.get("p0"); p.State != bridge.NotSent {
			t.Errorf("the first order is %s", p.State)
		}
		if p := j.get("p1"); p.State != bridge.Approved || s.paid() != 1 {
			t.Errorf("the second order is %s, the driver was called %d times", p.State, s.paid())
		}
	})
}

// A bridge that is stopped just when a payment is armed sends nothing to the terminal any more.
func TestStopWhenArmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, s := newMemory(), &script{}
		b := start(t, j, s)
		ready(t, b)
		stopped := make(chan struct{})
		j.setFail(func(op string) (error, bool) {
			if op == "append arm" {
				go func() {
					defer close(stopped)
					b.stop()
				}()
				time.Sleep(time.Second)
			}
			return nil, false
		})
		if _, err := b.Accept(t.Context(), order(1)); err != nil {
			t.Fatal(err)
		}
		<-stopped
		if p := j.get("p1"); p.State != bridge.NotSent || s.paid() != 0 {
			t.Errorf("the payment is %s, the driver was called %d times", p.State, s.paid())
		}
	})
}

// slowReader lets something happen after the first time that a payment was looked for and not found.
type slowReader struct {
	*memory
	meanwhile func()
}

func (r *slowReader) Payment(ctx context.Context, uuid string) (bridge.Payment, bool, error) {
	p, there, err := r.memory.Payment(ctx, uuid)
	if f := r.meanwhile; f != nil && !there {
		r.meanwhile = nil
		f()
	}
	return p, there, err
}

// A webhook that is overtaken by an equal one, whose payment is over by then, is a repeat and not refused, whatever
// the terminal does now.
func TestOvertakenWebhookIsARepeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		busy := make(chan struct{})
		s.pay = func(ctx context.Context, r terminal.Request, _ terminal.Till) (terminal.Result, error) {
			if s.paid() > 1 {
				<-busy
			}
			return approval(), nil
		}
		b := start(t, newMemory(), s)
		ready(t, b)
		b.Desk.journal = &slowReader{b.journal, func() {
			for n := range 2 { // the equal webhook, and when its payment is over another payment
				if _, err := b.Accept(t.Context(), order(n+1)); err != nil {
					t.Error(err)
				}
				synctest.Wait()
			}
		}}
		if a, err := b.Accept(t.Context(), order(1)); err != nil || a != bridge.Repeat {
			t.Errorf("the overtaken webhook: %v, %v; its payment is %s", a, err, b.journal.get("p1").State)
		}
		close(busy)
		synctest.Wait()
	})
}
