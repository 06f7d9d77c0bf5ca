package shop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"sync"
	"testing"

	"tillbridge/bridge"
	"tillbridge/bridge/notify"
	"tillbridge/bridge/till"
	"tillbridge/bridge/webhook"
	"tillbridge/terminal"
)

// planted is a mistake between two rooms, and how it must be found.
type planted struct {
	name   string
	wiring wiring
	found  string   // a pattern of the violation
	only   []memory // of the terminals; nil for all
}

// zoo are the planted mistakes.
func zoo() []planted {
	return []planted{
		{"MGR is told before the commit", wiring{journal: tellsFirst}, `^I8: .*MGR is told .* while the journal says`, nil},
		{"a result is acknowledged that was not stored", wiring{driver: sessions(forgetful, recovers)}, `^I8: .*its result was acknowledged, and the journal never had it`, nil},
		{"a repeated webhook is a new order", wiring{desk: sellsAgain}, `^I(1|11): `, nil},
		{"202 comes before the journal", wiring{desk: answersFirst}, `^I8: .*202 was answered and the journal does not have`, nil},
		{"a broken dialogue counts as refused", wiring{driver: sessions(pessimist, recovers)}, `^I2: .*MGR was told DENIED`, nil},
		{"a sale is sent again after silence", wiring{driver: sessions(stubborn, recovers)}, `^I1: .*captured 2 times`, nil},
		{"a terminal's memory is not asked", wiring{driver: sessions(pays, lazy)}, `^I16: .*although the evidence of (ecr17|pax|telium-uk|transbank|zvt)`, nil},
		{"a refusal in the dialogue is doubted", wiring{driver: sessions(doubtful, recovers)}, `^I16: .*although the evidence of (caisseap|telium-fr)`, []memory{remembersNothing}},
		{"a goroutine stays behind", wiring{stopped: leaves}, `^I12: .*(deadlock|blocked)`, nil},
	}
}

// TestZoo plays shops with a mistake in the wiring until it is found.
func TestZoo(t *testing.T) {
	dir := scratch(t)
	for _, z := range zoo() {
		t.Run(z.name, func(t *testing.T) {
			t.Parallel()
			z.find(t, dir, models(t), 25)
		})
	}
}

// TestZooOfEach plays shops with one kind of terminal only, and the same mistake in each one's driver: every ledger is read right.
func TestZooOfEach(t *testing.T) {
	dir := scratch(t)
	z := planted{"an approval is read as a refusal", wiring{driver: sessions(blind, recovers)}, `^I2: .*MGR was told DENIED`, nil}
	for _, m := range models(t) {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			z.find(t, dir, []model{m}, 6)
		})
	}
}

// find plays shops of so many payments at most until the mistake is found, 40 at most.
func (z planted) find(t *testing.T, dir string, all []model, most int) {
	if z.only != nil {
		all = slices.DeleteFunc(slices.Clone(all), func(m model) bool { return !slices.Contains(z.only, m.tells.memory) })
	}
	right := regexp.MustCompile(z.found)
	payments := 0
	for seed := uint64(1); seed <= 40; seed++ {
		o := playShop(t, dir, seed, all, most, z.wiring, false)
		payments += o.figures.Payments
		for _, v := range o.violations {
			if right.MatchString(v) {
				t.Logf("note: %s: found after %d payments: %s", z.name, payments, v[:min(len(v), 200)])
				return
			}
		}
	}
	t.Errorf("not found in %d payments", payments)
}

// journalThat is a journal whose Append goes wrong.
type journalThat struct {
	till.Journal
	first func(bridge.Transition)
}

func (j journalThat) Append(ctx context.Context, t bridge.Transition) error {
	j.first(t)
	return j.Journal.Append(ctx, t)
}

func tellsFirst(h *house, j till.Journal) till.Journal {
	return journalThat{j, func(t bridge.Transition) {
		n, owed := t.After.Notice()
		if !owed || !t.Has(bridge.Notify) || h.mains.isDead() {
			return
		}
		c := h.shop.network.client(fromMGR)
		defer c.CloseIdleConnections()
		r, err := http.NewRequest(http.MethodPost, "http://"+mgrAt+notifyPath, bytes.NewReader(notify.Body(n)))
		if err != nil {
			panic(err)
		}
		h.shop.sign(r)
		_, _ = do(c, r)
	}}
}

// deskThat takes orders wrongly.
type deskThat func(context.Context, bridge.Order) (bridge.Acceptance, error)

func (d deskThat) Accept(ctx context.Context, o bridge.Order) (bridge.Acceptance, error) {
	return d(ctx, o)
}

func sellsAgain(_ *house, d webhook.Desk) webhook.Desk {
	var mu sync.Mutex
	times := map[string]int{}
	return deskThat(func(ctx context.Context, o bridge.Order) (bridge.Acceptance, error) {
		mu.Lock()
		n := times[o.UUID]
		times[o.UUID]++
		mu.Unlock()
		if n > 0 {
			o.UUID += fmt.Sprint("-", n)
		}
		return d.Accept(ctx, o)
	})
}

func answersFirst(h *house, d webhook.Desk) webhook.Desk {
	return deskThat(func(ctx context.Context, o bridge.Order) (bridge.Acceptance, error) {
		h.tasks.Go(func() {
			wait(1)
			_, _ = d.Accept(context.WithoutCancel(ctx), o)
		})
		return bridge.New, nil
	})
}

func leaves(*house) { go func() { select {} }() }

type (
	payFunc     func(context.Context, terminal.Session, terminal.Request, terminal.Till) (terminal.Result, error)
	recoverFunc func(context.Context, terminal.Session, terminal.Attempt) (terminal.Result, error)
)

// session is a session whose Pay or Recover goes wrong.
type session struct {
	terminal.Session
	pay payFunc
	ask recoverFunc
}

func (s session) Pay(ctx context.Context, r terminal.Request, t terminal.Till) (terminal.Result, error) {
	return s.pay(ctx, s.Session, r, t)
}

func (s session) Recover(ctx context.Context, a terminal.Attempt) (terminal.Result, error) {
	return s.ask(ctx, s.Session, a)
}

// sessions puts a wrong Pay or Recover into a driver's sessions, which keep what else the till asks for.
func sessions(pay payFunc, ask recoverFunc) func(terminal.Driver) terminal.Driver {
	return func(d terminal.Driver) terminal.Driver {
		open := d.Open
		d.Open = func(ctx context.Context, e terminal.Env, options any) (terminal.Session, error) {
			s, err := open(ctx, e, options)
			if err != nil {
				return nil, err
			}
			return able(s, session{s, pay, ask}), nil
		}
		return d
	}
}

// pays and recovers are as they should be.
func pays(ctx context.Context, s terminal.Session, r terminal.Request, t terminal.Till) (terminal.Result, error) {
	return s.Pay(ctx, r, t)
}

func recovers(ctx context.Context, s terminal.Session, a terminal.Attempt) (terminal.Result, error) {
	return s.Recover(ctx, a)
}

// able gives a session the abilities of another.
func able(of, s terminal.Session) terminal.Session {
	m, marks := of.(terminal.Marker)
	i, tells := of.(terminal.Identifier)
	c, cancels := of.(terminal.Canceller)
	switch {
	case marks && tells && cancels:
		return struct {
			terminal.Session
			terminal.Marker
			terminal.Identifier
			terminal.Canceller
		}{s, m, i, c}
	case marks && tells:
		return struct {
			terminal.Session
			terminal.Marker
			terminal.Identifier
		}{s, m, i}
	}
	return s
}

// forgetfulTill says of a result that it is durable, and has not stored it.
type forgetfulTill struct{ terminal.Till }

func (forgetfulTill) Seen(terminal.Result) error { return nil }

func forgetful(ctx context.Context, s terminal.Session, r terminal.Request, t terminal.Till) (terminal.Result, error) {
	return s.Pay(ctx, r, forgetfulTill{t})
}

func pessimist(ctx context.Context, s terminal.Session, r terminal.Request, t terminal.Till) (terminal.Result, error) {
	// The result that was stated is forgotten as well, else the core would know better.
	out, err := s.Pay(ctx, r, forgetfulTill{t})
	if err != nil && !errors.Is(err, terminal.ErrNotSent) {
		return terminal.Result{Outcome: terminal.Declined, Proof: terminal.Refused, Text: "The terminal does not answer."}, nil
	}
	return out, err
}

func blind(ctx context.Context, s terminal.Session, r terminal.Request, t terminal.Till) (terminal.Result, error) {
	out, err := s.Pay(ctx, r, forgetfulTill{t})
	if err == nil && out.Outcome == terminal.Approved {
		out.Outcome, out.Proof = terminal.Declined, terminal.Refused
	}
	return out, err
}

func stubborn(ctx context.Context, s terminal.Session, r terminal.Request, t terminal.Till) (terminal.Result, error) {
	out, err := s.Pay(ctx, r, t)
	if err != nil && !errors.Is(err, terminal.ErrNotSent) && ctx.Err() == nil {
		return s.Pay(ctx, r, t)
	}
	return out, err
}

func lazy(context.Context, terminal.Session, terminal.Attempt) (terminal.Result, error) {
	return terminal.Result{Text: "The terminal was not asked."}, nil
}

func doubtful(ctx context.Context, s terminal.Session, r terminal.Request, t terminal.Till) (terminal.Result, error) {
	out, err := s.Pay(ctx, r, t)
	if err == nil && out.Outcome == terminal.Declined {
		return terminal.Result{}, errors.New("the terminal refused, and who knows")
	}
	return out, err
}
