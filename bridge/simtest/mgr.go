package simtest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// MGR is the cloud point of sale, with a memory of its own.
type MGR struct {
	w         *World
	awayUntil time.Time
}

// Told is one notice that reached MGR.
type Told struct {
	At                       time.Time
	Status, AuthCode, TxnRef string
}

// excuse drops the wish for a second notice: the wish is not durable.
func (p *pay) excuse() {
	if len(p.told) > 0 {
		p.wants = time.Time{}
	}
}

// webhook asks for a payment, as MGR does. It may be called from several goroutines.
func (w *World) webhook(p *pay, a actor, changed bool) {
	w.mu.Lock()
	l := w.life
	if l == nil || !l.up {
		w.say("MGR asks for %s and reaches nobody", p.order.UUID)
		w.mu.Unlock()
		return
	}
	w.current = p.order.UUID
	known := w.disk.payments[p.order.UUID].State
	p.pending++
	o := p.order
	if changed {
		o.Amount.Minor++
		w.say("MGR asks for %s again, with another amount", o.UUID)
	} else {
		w.say("MGR asks for %s, %s", o.UUID, o.Amount)
	}
	w.mu.Unlock()
	sent := time.Now()
	ctx := context.WithValue(l.ctx, firstReadKey{}, &firstRead{actor: int(a)})
	_, err := l.desk.Accept(ctx, o)
	w.mu.Lock()
	defer w.mu.Unlock()
	p.pending--
	var refusal *bridge.Refusal
	switch {
	case l.dead:
		p.lost, p.refusedIn = true, nil
	case err == nil && changed && known != bridge.None:
		w.fail(p, "I4", "an order with other content was accepted under the same uuid")
	case err == nil:
		w.answer(p, l, sent)
	case errors.As(err, &refusal):
		w.say("refused: %s", err)
		w.refused(p, l, false, refusal.Kind, changed)
	default:
		w.say("refused, for the journal fails: %s", err)
		w.refused(p, l, true, 0, changed || known != bridge.None)
	}
}

// forget makes MGR lose what it was told, and ask again a moment later.
func (w *World) forget(p *pay, uuid string) {
	w.strikes(Forgets, uuid)
	p.hurried = true
	after := time.Duration(w.roll(opPost, 1500)) * time.Millisecond
	w.hurry.Go(func() {
		a := actorForgets + actor(p.n)
		wait(time.Until(a.after(time.Now().Add(after))))
		w.webhook(p, a, false)
		w.mu.Lock()
		defer w.mu.Unlock()
		p.hurried = false
	})
}

func (w *World) refused(p *pay, l *life, unclear bool, k bridge.RefusalKind, changed bool) {
	if !changed && len(p.accepted) == 0 && !p.lost {
		p.refusedIn, p.unclear = l, unclear || p.unclear
	}
	if !unclear {
		w.point([...]string{
			"refused: unknown terminal", "refused: other content", "refused: busy", "refused: frozen", "refused: unplugged", "refused: over the limit",
			"refused: journal full", "refused: stopping", "refused: nothing to give back",
		}[k])
	}
}

// answer gives MGR its 202.
func (w *World) answer(p *pay, l *life, sent time.Time) {
	err := l.do(op202, p.order.UUID, "", func(f Fault) error {
		stored := w.disk.payments[p.order.UUID]
		if stored.State == bridge.None {
			w.fail(p, "I8", "202 is answered for a payment that the journal does not have")
		}
		if f == Answer202Lost {
			p.lost, p.refusedIn = true, nil
			return nil
		}
		if stored.Final() {
			w.point("a final outcome was asked for again")
		}
		p.accepted = append(p.accepted, time.Now())
		p.wants, p.refusedIn = sent, nil
		return nil
	})
	if err != nil {
		p.lost, p.refusedIn = true, nil
		p.excuse() // a 202 that it just got is followed by a death
	}
}

// way carries notices to MGR.
type way struct{ life *life }

func (v *way) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var n struct {
		UUID     string `json:"payment_uuid"`
		Status   string `json:"status"`
		AuthCode string `json:"auth_code"`
		TxnRef   string `json:"txn_ref"`
	}
	if err := json.Unmarshal(body, &n); err != nil {
		return nil, err
	}
	w := v.life.w
	a := w.noticeActor(n.UUID)
	a.pass(w)
	if strings.Contains(string(body), "41111111") {
		w.mu.Lock()
		w.fail(w.byUUID[n.UUID], "I10", "a card number is in the notice")
		w.mu.Unlock()
	}
	status, after, slow, err := v.arrive(Told{Status: n.Status, AuthCode: n.AuthCode, TxnRef: n.TxnRef}, n.UUID)
	if slow > 0 {
		if err := v.life.until(r.Context(), a.after(time.Now().Add(slow)), nil); err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, err
	}
	h := http.Header{}
	if after != "" {
		h.Set("Retry-After", after)
	}
	return &http.Response{StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: h, Body: http.NoBody, Request: r}, nil
}

// arrive is a notice on its way to MGR, and the answer.
func (v *way) arrive(told Told, uuid string) (status int, after string, slow time.Duration, err error) {
	w := v.life.w
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.byUUID[uuid]
	err = v.life.do(opPost, uuid, told.Status, func(f Fault) error {
		stored := w.disk.payments[uuid]
		if !stored.Final() || (told.Status == "APPROVED") != (stored.Outcome == terminal.Approved) {
			w.fail(p, "I8", "MGR is told %s while the journal says %s", told.Status, stored.State)
		}
		if time.Now().Before(w.mgr.awayUntil) {
			return errors.New("no route to host")
		}
		switch f {
		case PostReset:
			return errors.New("connection reset by peer")
		case Post500, Post503, Post429, Post404, Post302:
			status = map[Fault]int{Post500: 500, Post503: 503, Post429: 429, Post404: 404, Post302: 302}[f]
			if f == Post503 || f == Post429 {
				after = "45"
			}
			return nil
		case PostSlow:
			slow = time.Duration(1+w.roll(opPost, 60)) * time.Second
		}
		told.At = time.Now()
		w.tell(p, told)
		if !w.calm && w.chance && !p.hurried && w.roll(opPost, 12) == 0 {
			w.forget(p, uuid)
		}
		if f == PostUnheard {
			return errors.New("connection reset by peer")
		}
		status = http.StatusOK
		return nil
	})
	return status, after, slow, err
}
