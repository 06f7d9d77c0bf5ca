package standin

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

// Outcomes of a notice, as they are sent.
const (
	Approved = "APPROVED"
	Denied   = "DENIED"
)

// Payment is what MGR knows of one payment.
type Payment struct {
	UUID    string   `json:"uuid"`
	Asks    []Ask    `json:"asks"`    // oldest first; empty when nobody asked for it
	Notices []Notice `json:"notices"` // all that arrived, whether taken or not, oldest first
	// Differing are the notices whose content is not that of the first; the first ten.
	Differing []Notice `json:"differing,omitempty"`
}

// Ask is one charge that was posted.
type Ask struct {
	At       time.Time `json:"at"`
	Amount   string    `json:"amount"` // JSON, as it was sent
	Customer string    `json:"customer"`
	Answered time.Time `json:"answered,omitzero"` // zero while the answer is outstanding
	Status   int       `json:"status,omitempty"`  // 0 when no answer came
	Problem  string    `json:"problem,omitempty"` // the sentence of a refusal, or why no answer came
}

// Notice is an outcome as the notify address was told it.
type Notice struct {
	At          time.Time `json:"at"`
	UUID        string    `json:"uuid"`
	Outcome     string    `json:"outcome"`
	AuthCode    string    `json:"auth_code,omitempty"`
	TxnRef      string    `json:"txn_ref,omitempty"`
	HasAuthCode bool      `json:"-"` // the field was there, though it may be empty
	HasTxnRef   bool      `json:"-"`
	Taken       bool      `json:"taken"`            // MGR has it, though its answer may have been lost
	Status      int       `json:"status,omitempty"` // of our answer, 0 for none
}

// Same tells whether two notices say the same.
func (n Notice) Same(o Notice) bool {
	n.At, n.Taken, n.Status = o.At, o.Taken, o.Status
	return n == o
}

// Refusal is a request to the notify address that broke the contract.
type Refusal struct {
	At     time.Time `json:"at"`
	Status int       `json:"status"`
	Why    string    `json:"why"`
}

// Told is the first notice that was taken: the payment's outcome for MGR.
func (p Payment) Told() (Notice, bool) {
	for _, n := range p.Notices {
		if n.Taken {
			return n, true
		}
	}
	return Notice{}, false
}

// Accepted tells whether a charge of the payment was answered with 202.
func (p Payment) Accepted() bool {
	return slices.ContainsFunc(p.Asks, func(a Ask) bool { return a.Status == http.StatusAccepted })
}

// refused tells whether every charge was answered with something else, so that MGR has given the payment up.
func (p Payment) refused() bool {
	return len(p.Asks) > 0 && !slices.ContainsFunc(p.Asks, func(a Ask) bool {
		return a.Status == http.StatusAccepted || a.Status == 0
	})
}

// contents keeps a notice that says something else than the first.
func (p *Payment) contents(n Notice) {
	if first := p.Notices[0]; !first.Same(n) && len(p.Differing) < 10 {
		p.Differing = append(p.Differing, n)
	}
}

func (p Payment) contradictions() (wrong []string) {
	say := func(format string, args ...any) {
		wrong = append(wrong, fmt.Sprintf("payment %s: ", p.UUID)+fmt.Sprintf(format, args...))
	}
	if len(p.Notices) == 0 {
		return nil
	}
	first := p.Notices[0]
	if len(p.Asks) == 0 {
		say("was told %s and never asked for", first.Outcome)
	}
	if p.refused() && slices.ContainsFunc(p.Notices, func(n Notice) bool { return n.Outcome == Approved }) {
		say("was told %s after the charge was answered %d", Approved, p.Asks[0].Status)
	}
	for _, n := range p.Differing {
		say("was told %s %s %s and then %s %s %s", first.Outcome, first.AuthCode, first.TxnRef, n.Outcome, n.AuthCode, n.TxnRef)
	}
	switch both := first.HasAuthCode && first.HasTxnRef; {
	case first.Outcome == Approved && !both:
		say("was told APPROVED without both auth_code and txn_ref")
	case first.Outcome == Denied && (first.HasAuthCode || first.HasTxnRef):
		say("was told DENIED with an auth_code or a txn_ref")
	}
	return wrong
}

// Payments are all payments, in the order in which they were asked for or, where nobody asked, told.
func (m *MGR) Payments() []Payment {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]Payment, 0, len(m.order))
	for _, r := range m.order {
		all = append(all, r.copied())
	}
	return all
}

// Payment is one payment; false when it was neither asked for nor told.
func (m *MGR) Payment(uuid string) (Payment, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.byUUID[uuid]
	if r == nil {
		return Payment{}, false
	}
	return r.copied(), true
}

func (p Payment) copied() Payment {
	p.Asks, p.Notices, p.Differing = slices.Clone(p.Asks), slices.Clone(p.Notices), slices.Clone(p.Differing)
	return p
}

// Refusals are the requests that broke the contract, oldest first, at most 1000.
func (m *MGR) Refusals() []Refusal {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.refusals)
}

// Contradicts is everything in the ledger that cannot be right, a sentence each: notices of one payment that
// differ, a notice of a payment that nobody asked for, an APPROVED of one that MGR was refused, an APPROVED
// without both codes' fields, a DENIED with one of them. A request that broke the contract is there too.
func (m *MGR) Contradicts() (wrong []string) {
	for _, p := range m.Payments() {
		wrong = append(wrong, p.contradictions()...)
	}
	for _, r := range m.Refusals() {
		wrong = append(wrong, fmt.Sprintf("a notice was refused with %d: %s", r.Status, r.Why))
	}
	return wrong
}
