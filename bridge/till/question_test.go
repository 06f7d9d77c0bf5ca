package till

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// asking is a driver that asks a person; what it gets goes to answers.
func asking() (*script, chan terminal.Answer, *terminal.Ask) {
	answers, ask := make(chan terminal.Answer, 4), new(terminal.Ask)
	s := &script{open: func(_ context.Context, e terminal.Env) error { *ask = e.Ask; return nil }}
	s.pay = func(ctx context.Context, r terminal.Request, _ terminal.Till) (terminal.Result, error) {
		a, err := (*ask)(ctx, terminal.Question{Amount: r.Amount, Text: "what did it print?"})
		if err != nil {
			return terminal.Result{}, err
		}
		answers <- a
		return approval(), nil
	}
	return s, answers, ask
}

func TestAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, answers, ask := asking()
		b := start(t, newMemory(), s)
		ready(t, b)
		if _, err := (*ask)(t.Context(), terminal.Question{}); err == nil {
			t.Error("a person is asked while nobody pays")
		}
		if _, err := b.Accept(t.Context(), order(1)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		q := b.Terminals()[0].Question
		if q == nil || q.Amount != order(1).Amount || q.ID == "" {
			t.Fatalf("the question is %+v", q)
		}
		if _, err := (*ask)(t.Context(), terminal.Question{}); err == nil {
			t.Error("two questions stand at once")
		}
		yes := terminal.Answer{Name: "Anna\n", Outcome: terminal.Approved, AuthCode: " 4111111111111111 "}
		for _, wrong := range []error{
			b.Answer("elsewhere", q.ID, yes), b.Answer("counter", "another", yes), b.Answer("counter", "", yes), b.Answer("counter", q.ID, terminal.Answer{}),
		} {
			if wrong == nil {
				t.Error("a wrong answer is taken")
			}
		}
		if err := b.Answer("counter", q.ID, yes); err != nil {
			t.Fatal(err)
		}
		if err := b.Answer("counter", q.ID, yes); err == nil {
			t.Error("a question is answered twice")
		}
		<-b.notify
		want := terminal.Answer{Name: "Anna", Outcome: terminal.Approved, AuthCode: "************1111"}
		if got := <-answers; got != want {
			t.Errorf("the driver got %+v, want %+v", got, want)
		}
		if q := b.Terminals()[0].Question; q != nil {
			t.Errorf("%+v stands after it", q)
		}
	})
}

// A bridge that stops takes the question back, and the payment is not decided by that.
func TestQuestionAtTheStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, _ := asking()
		b := start(t, newMemory(), s)
		ready(t, b)
		if _, err := b.Accept(t.Context(), order(1)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		q := b.Terminals()[0].Question
		b.stop()
		if p := b.journal.get("p1"); p.State != bridge.Uncertain {
			t.Errorf("payment is %s", p.State)
		}
		if err := b.Answer("counter", q.ID, terminal.Answer{Name: "Anna"}); err == nil {
			t.Error("an answer is taken after the stop")
		}
	})
}

// A question that nobody answers ends with the payment's time and decides nothing.
func TestNobodyAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, _ := asking()
		b := start(t, newMemory(), s)
		ready(t, b)
		if _, err := b.Accept(t.Context(), order(1)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(payLimit + time.Minute)
		synctest.Wait()
		if p := b.journal.get("p1"); p.State != bridge.Held || b.Terminals()[0].Question != nil {
			t.Errorf("payment is %s: %s", p.State, p.Reason)
		}
	})
}
