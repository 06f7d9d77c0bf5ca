package main

import (
	"context"
	"net/http"
	"sync"
	"testing"

	"tillbridge/bridge"
	"tillbridge/bridge/standin"
	"tillbridge/terminal"
)

// TestEndToEnd runs the built program with a settings file against a simulated terminal in a process of its
// own, and compares three ledgers: MGR's, the journal's and the terminal's.
func TestEndToEnd(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it builds and runs the program, which -short leaves out")
	}
	for _, link := range []string{"pty", "tcp"} {
		t.Run(link, func(t *testing.T) {
			t.Parallel()
			t.Run("outcomes", func(t *testing.T) { t.Parallel(); outcomes(t, link) })
			t.Run("webhooks", func(t *testing.T) { t.Parallel(); webhooks(t, link) })
			t.Run("MGR down", func(t *testing.T) { t.Parallel(); mgrDown(t, link) })
			t.Run("restarts", func(t *testing.T) { t.Parallel(); restarts(t, link) })
		})
	}
}

// outcomes lets a payment end in each of the ways that a customer and a cable know.
func outcomes(t *testing.T, link string) {
	r := newRig(t, link)
	for _, x := range []struct {
		script   string
		captured int
		proof    terminal.Proof
		after    string // pressed once the payment has come to it
	}{
		{"approved", 1, terminal.Dialogue, ""},
		{"declined", 0, terminal.Refused, ""},
		{"cancelled", 0, terminal.Refused, ""},
		{"lost-reply", 1, terminal.LastRecord, "plug-cable"},
		{"approved", 1, terminal.Dialogue, ""},
	} {
		r.press(x.script)
		id := r.uuid()
		r.charge(id, amountOf(r.n))
		if x.after != "" {
			r.until("the line breaks", func() bool { return r.payment(id).State > bridge.Acknowledged })
			r.press(x.after)
		}
		r.agree(id, x.captured)
		if p := r.payment(id); p.Proof != x.proof {
			t.Errorf("%s: proof is %s, want %s", x.script, p.Proof, x.proof)
		}
	}
	r.verify()
}

// amountOf gives each payment of a rig an amount of its own, by which the ledgers can be told apart.
func amountOf(n int) string {
	return []string{"", "10.01", "10.02", "10.03", "10.04", "10.05", "10.06", "10.07", "10.08", "10.09", "10.10"}[n]
}

// webhooks sends the same webhook again and many times at once, and another one while the terminal is busy.
func webhooks(t *testing.T, link string) {
	r := newRig(t, link)
	r.press("by-hand")
	id := r.uuid()
	r.charge(id, "10.01")
	r.until("the terminal waits for the card", func() bool { return r.payment(id).State == bridge.Sent })
	status, problem, err := r.mgr.Charge(context.Background(), r.door, standin.Charge{Amount: "5", Customer: "customer", UUID: "another"})
	if err != nil || status != http.StatusConflict || problem == "" {
		t.Errorf("while busy: %d %q %v, want 409 and a sentence", status, problem, err)
	}
	status, _, err = r.mgr.Charge(context.Background(), r.door, standin.Charge{Amount: "10.02", Customer: "customer", UUID: id})
	if err != nil || status != http.StatusConflict {
		t.Errorf("same uuid, other amount: %d %v, want 409", status, err)
	}
	r.charge(id, `"10.01"`) // the same, as text
	r.until("the terminal takes a card", func() bool { return r.display() != "" })
	r.press("tap")
	r.agree(id, 1)

	r.press("approved")
	many := r.uuid()
	var all sync.WaitGroup
	var mu sync.Mutex
	told := map[int]int{}
	for range 1000 {
		all.Go(func() {
			status, problem, err := r.mgr.Charge(context.Background(), r.door, standin.Charge{Amount: "10.03", Customer: "customer", UUID: many})
			mu.Lock()
			defer mu.Unlock()
			if told[status]++; err != nil || status != http.StatusAccepted {
				t.Logf("webhook: %d %s %v", status, problem, err)
			}
		})
	}
	all.Wait()
	if told[http.StatusAccepted] != 1000 {
		t.Errorf("1,000 equal webhooks at once were answered %v, want 202 for each", told)
	}
	t.Logf("note: %s: 1,000 equal webhooks at once were answered %v", link, told)
	r.agree(many, 1)
	before, _ := r.mgr.Payment(many)
	r.charge(many, "10.03") // its popup is open again, so that it wants to be told again
	r.until("MGR is told again", func() bool {
		p, _ := r.mgr.Payment(many)
		return len(p.Notices) > len(before.Notices)
	})
	r.agree(many, 1)
	r.verify()
}

// mgrDown lets MGR answer with errors and not at all before it takes the outcome.
func mgrDown(t *testing.T, link string) {
	r := newRig(t, link, "--outcome", "approved")
	for _, down := range []standin.Answer{{Status: http.StatusServiceUnavailable}, {HangUp: true}} {
		r.mgr.Fail(func(int) standin.Answer { return down })
		id := r.uuid()
		r.charge(id, amountOf(r.n))
		r.until("MGR refused a notice", func() bool {
			p, _ := r.mgr.Payment(id)
			return len(p.Notices) > 0
		})
		if p := r.payment(id); p.State != bridge.Approved {
			t.Errorf("while MGR is down the payment is %s", p.State)
		}
		r.mgr.Fail(nil)
		r.agree(id, 1)
	}
	r.verify()
}

// captured is how often the terminal took the money of a payment, once MGR was told of it.
func (r *rig) captured(id string) int {
	r.t.Helper()
	r.outcome(id)
	n, p := 0, r.payment(id)
	for _, e := range r.ledger() {
		if e.Captured && e.Minor == p.Amount.Minor {
			n++
		}
	}
	return min(n, 1)
}
