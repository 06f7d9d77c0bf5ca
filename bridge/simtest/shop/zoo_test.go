package shop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
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
	found  string // a pattern of the violation
}

// zoo are the planted mistakes.
func zoo() []planted {
	return []planted{
		{"MGR is told before the commit", wiring{journal: tellsFirst}, `^I8: .*MGR is told .* while the journal says`},
		{"a result is acknowledged that was not stored", wiring{driver: sessions(forgetful)}, `^I8: .*its result was acknowledged, and the journal never had it`},
		{"a repeated webhook is a new order", wiring{desk: sellsAgain}, `^I(1|11): `},
		{"202 comes before the journal", wiring{desk: answersFirst}, `^I8: .*202 was answered and the journal does not have`},
		{"a broken dialogue counts as refused", wiring{driver: sessions(pessimist)}, `^I2: .*MGR was told DENIED`},
		{"a sale is sent again after silence", wiring{driver: sessions(stubborn)}, `^I1: .*captured 2 times`},
		{"a goroutine stays behind", wiring{stopped: leaves}, `^I12: .*(deadlock|blocked)`},
	}
}

// TestZoo plays shops with a mistake in the wiring until it is found.
func TestZoo(t *testing.T) {
	dir := scratch(t)
	for _, z := range zoo() {
		t.Run(z.name, func(t *testing.T) {
			right := regexp.MustCompile(z.found)
			payments := 0
			for seed := uint64(1); seed <= 40; seed++ {
				o := playShop(t, dir, seed, 25, z.wiring, false)
				payments += o.figures.Payments
				for _, v := range o.violations {
					if right.MatchString(v) {
						t.Logf("note: %s: found after %d payments: %s", z.name, payments, v[:min(len(v), 200)])
						return
					}
				}
			}
			t.Errorf("not found in %d payments", payments)
		})
	}
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

// session is a session whose Pay goes wrong.
type session struct {
	terminal.Session
	terminal.Marker
	terminal.Canceller
	terminal.Identifier
	pay func(context.Context, terminal.Session, terminal.Request, terminal.Till) (terminal.Result, error)
}

func (s session) Pay(ctx context.Context, r terminal.Request, t terminal.Till) (terminal.Result, error) {
	return s.pay(ctx, s.Session, r, t)
}

// sessions puts a wrong Pay into a driver's sessions, those of a driver that has what the till asks for.
func sessions(pay func(context.Context, terminal.Session, terminal.Request, terminal.Till) (terminal.Result, error)) func(terminal.Driver) terminal.Driver {
	return func(d terminal.Driver) terminal.Driver {
		open := d.Open
		d.Open = func(ctx context.Context, e terminal.Env, options any) (terminal.Session, error) {
			s, err := open(ctx, e, options)
			m, marks := s.(terminal.Marker)
			c, cancels := s.(terminal.Canceller)
			i, tells := s.(terminal.Identifier)
			if err != nil || !marks || !cancels || !tells {
				return s, err
			}
			return session{s, m, c, i, pay}, nil
		}
		return d
	}
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

func stubborn(ctx context.Context, s terminal.Session, r terminal.Request, t terminal.Till) (terminal.Result, error) {
	out, err := s.Pay(ctx, r, t)
	if err != nil && !errors.Is(err, terminal.ErrNotSent) && ctx.Err() == nil {
		return s.Pay(ctx, r, t)
	}
	return out, err
}
