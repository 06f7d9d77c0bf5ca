package manual

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"tillbridge/terminal"
)

// clerk answers from a list, and notes what was asked.
type clerk struct {
	answers []terminal.Answer
	asked   []string
	charged int // how often they were told to charge the card
}

func (c *clerk) ask(ctx context.Context, q terminal.Question) (terminal.Answer, error) {
	c.asked = append(c.asked, fmt.Sprintf("%s again=%t problem=%t", q.Amount, q.Again, q.Problem != ""))
	if strings.Contains(q.Text, "Charge exactly this amount") {
		c.charged++
	}
	if len(c.answers) == 0 {
		return terminal.Answer{}, context.Canceled
	}
	a := c.answers[0]
	c.answers = c.answers[1:]
	return a, ctx.Err()
}

// till notes the stages.
type till struct{ stages []terminal.Stage }

func (t *till) Seen(terminal.Result) error   { return nil }
func (t *till) Mark(terminal.Mark) error     { return nil }
func (t *till) Receipt(terminal.Receipt)     {}
func (t *till) Progress(p terminal.Progress) { t.stages = append(t.stages, p.Stage) }

func yes(code, ref string) terminal.Answer {
	return terminal.Answer{Name: "Anna", Outcome: terminal.Approved, AuthCode: code, TxnRef: ref}
}

func pay(t *testing.T, ctx context.Context, ask terminal.Ask) (terminal.Result, *till, error) {
	t.Helper()
	s, err := Driver().Open(t.Context(), terminal.Env{Ask: ask}, Driver().Options())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(s.Close(), s.Close()); err != nil {
			t.Error(err)
		}
	}()
	lent := &till{}
	r, err := s.Pay(ctx, terminal.Request{Reference: "TB00000001", Amount: terminal.Amount{Minor: 1250, Currency: euro}}, lent)
	return r, lent, err
}

func TestPay(t *testing.T) {
	no, unsure := terminal.Answer{Name: "Ben", Outcome: terminal.Declined}, terminal.Answer{Name: "Ben"}
	for name, c := range map[string]struct {
		answers []terminal.Answer
		want    terminal.Outcome
		code    string
		asked   int
	}{
		"typed twice":                    {[]terminal.Answer{yes("651200", ""), yes("651200", "")}, terminal.Approved, "651200", 2},
		"in another way":                 {[]terminal.Answer{yes("A65 1200", "r1"), yes("a651200", " R1 ")}, terminal.Approved, "A65 1200", 2},
		"another code":                   {[]terminal.Answer{yes("651200", ""), yes("651201", ""), yes("651201", ""), yes("651201", "")}, terminal.Approved, "651201", 4},
		"another reference":              {[]terminal.Answer{yes("651200", "1"), yes("651200", "2"), no}, terminal.Declined, "", 3},
		"the other field":                {[]terminal.Answer{yes("651200", ""), yes("", "651200"), unsure}, terminal.Unknown, "", 3},
		"approved and then not":          {[]terminal.Answer{yes("651200", ""), no, no}, terminal.Declined, "", 3},
		"approved and then cannot tell":  {[]terminal.Answer{yes("651200", ""), unsure, unsure}, terminal.Unknown, "", 3},
		"approved without a code":        {[]terminal.Answer{yes(" ", ""), no}, terminal.Declined, "", 2},
		"not paid":                       {[]terminal.Answer{no}, terminal.Declined, "", 1},
		"cannot tell":                    {[]terminal.Answer{unsure}, terminal.Unknown, "", 1},
		"an outcome that does not exist": {[]terminal.Answer{{Name: "Ben", Outcome: 9}}, terminal.Unknown, "", 1},
		"never the same thing, ten times": {func() (all []terminal.Answer) {
			for i := range 2 * mostTypings {
				all = append(all, yes(fmt.Sprint(i), ""))
			}
			return all
		}(), terminal.Unknown, "", 2 * mostTypings},
	} {
		t.Run(name, func(t *testing.T) {
			k := &clerk{answers: c.answers}
			r, lent, err := pay(t, t.Context(), k.ask)
			if err != nil || r.Outcome != c.want || r.AuthCode != c.code || len(k.asked) != c.asked {
				t.Errorf("%+v, %v after %q", r, err, k.asked)
			}
			if k.charged != 1 {
				t.Errorf("the clerk is told %d times to charge the card", k.charged)
			}
			if known := r.Outcome != terminal.Unknown; known != (r.Proof == terminal.Person) || known != (r.Person != "") || r.Text == "" {
				t.Errorf("%+v", r)
			}
			if lent.stages[0] != terminal.Sent || !strings.HasPrefix(k.asked[0], "12.50 EUR again=false problem=false") {
				t.Errorf("stages %v, asked %q", lent.stages, k.asked)
			}
		})
	}
}

func TestPayEnds(t *testing.T) {
	if _, lent, err := pay(t, t.Context(), nil); !errors.Is(err, terminal.ErrNotSent) || len(lent.stages) > 0 {
		t.Errorf("nobody to ask: %v, %v", err, lent.stages)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	k := &clerk{answers: []terminal.Answer{yes("651200", "")}}
	if _, _, err := pay(t, over, k.ask); !errors.Is(err, terminal.ErrNotSent) || len(k.asked) > 0 {
		t.Errorf("stopped before: %v, asked %q", err, k.asked)
	}
	for _, answers := range [][]terminal.Answer{nil, {yes("651200", "")}} { // nobody answers, or nobody the second time
		if r, _, err := pay(t, t.Context(), (&clerk{answers: answers}).ask); err == nil || errors.Is(err, terminal.ErrNotSent) || r.Outcome != terminal.Unknown {
			t.Errorf("after %d answers: %+v, %v", len(answers), r, err)
		}
	}
}

func TestRecover(t *testing.T) {
	s := &session{}
	r, err := s.Recover(t.Context(), terminal.Attempt{Seen: &terminal.Result{Outcome: terminal.Approved}})
	if err != nil || r.Outcome != terminal.Unknown || r.Text == "" {
		t.Errorf("%+v, %v", r, err)
	}
}
