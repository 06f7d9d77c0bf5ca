package shop

import (
	"context"
	"slices"
	"strings"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/journal"
	"tillbridge/bridge/standin"
	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// nobody owns a sale that nobody asked for.
const nobody = "?"

// payments is the journal's book.
func (h *house) payments() []bridge.Payment {
	rows, err := h.journal.List(context.Background(), journal.Filter{Limit: 1000})
	if err != nil {
		return nil // the bridge has ended meanwhile
	}
	all := make([]bridge.Payment, 0, len(rows))
	for _, r := range slices.Backward(rows) {
		all = append(all, r.Payment)
	}
	return all
}

// ledgerOf tells whose each sale in a terminal's ledger is: by our reference where the terminal keeps it, else that of
// the newest payment of this sum that the bridge had accepted by then, else, where a terminal booked another sum, of
// the newest payment at all.
func (s *Shop) ledgerOf(p *place) truth {
	h := s.house.Load()
	t := truth{ledger: p.sim.Face().Ledger}
	t.owner = make([]string, len(t.ledger))
	if h == nil {
		return t
	}
	all := slices.DeleteFunc(h.payments(), func(x bridge.Payment) bool { return x.Terminal != p.name })
	for i, e := range t.ledger {
		if e.Manual {
			continue
		}
		t.owner[i] = nobody
		byAny, bySum := "", ""
		for _, x := range all {
			switch {
			case e.Reference != "" && strings.HasSuffix(x.Reference, e.Reference): // some have room for its end only
				t.owner[i] = x.UUID
			case x.Received.After(e.At):
			case x.Amount.Minor == e.Minor:
				bySum = x.UUID
				fallthrough
			default:
				byAny = x.UUID
			}
		}
		switch {
		case t.owner[i] != nobody:
		case bySum != "":
			t.owner[i] = bySum
		case byAny != "":
			t.owner[i] = byAny
		}
	}
	return t
}

// judge compares the three books when all is over.
func (s *Shop) judge(h *house) {
	all := h.payments()
	known := map[string]bridge.Payment{}
	for _, p := range all {
		known[p.UUID] = p
	}
	books := map[string]truth{}
	for _, p := range s.places {
		t := s.ledgerOf(p)
		books[p.name] = t
		for i, e := range t.ledger {
			if t.owner[i] == nobody {
				s.fail("I1", "", "%s has a sale that nobody asked for: %+v", p.name, e)
			}
		}
	}
	s.mu.Lock()
	pays := map[string]*pay{}
	for uuid, y := range s.pays {
		pays[uuid] = y
	}
	s.mu.Unlock()
	for uuid, y := range pays {
		p, there := known[uuid]
		m, _ := s.mgr.Payment(uuid)
		if !there {
			if m.Accepted() || len(m.Notices) > 0 {
				s.fail("I4", uuid, "the journal does not have it; accepted %v, told %d times", m.Accepted(), len(m.Notices))
			}
			continue
		}
		s.judgePayment(p, y, m, books[p.Terminal])
		s.judgeAcknowledged(h, p, y, books[p.Terminal])
	}
	for _, p := range all {
		if pays[p.UUID] == nil {
			s.fail("I11", p.UUID, "the journal has a payment that MGR never asked for")
		}
	}
	s.judgeJournal(h)
}

// judgePayment compares the books about one payment that the journal has.
func (s *Shop) judgePayment(p bridge.Payment, y *pay, m standin.Payment, t truth) {
	captured := t.captured(p.UUID)
	if len(captured) > 1 {
		s.fail("I1", p.UUID, "it is captured %d times: %+v", len(captured), captured)
	}
	if p.Amount != (terminal.Amount{Minor: y.minor, Currency: y.place.model.currency}) || p.Terminal != y.place.name || p.Customer != y.customer {
		s.fail("I6", p.UUID, "the journal has %s for %s at %s", p.Amount, p.Customer, p.Terminal)
	}
	told, any := m.Told()
	switch {
	case p.State != bridge.Reported && p.State != bridge.Held:
		s.fail("I16", p.UUID, "it is %s when all is over: %s", p.State, p.Reason)
	case p.State == bridge.Reported && !any:
		s.fail("I4", p.UUID, "the journal says reported, and MGR was told nothing")
	case p.State == bridge.Held && any:
		s.fail("I4", p.UUID, "it is on hold, and MGR was told %s", told.Outcome)
	case !m.Accepted() && !unanswered(m) && len(captured) > 0:
		s.fail("I4", p.UUID, "money moved, and every webhook was refused")
	}
	s.mu.Lock()
	wants := y.wants
	s.mu.Unlock()
	if !wants.IsZero() && !slices.ContainsFunc(m.Notices, func(n standin.Notice) bool { return n.Taken && !n.At.Before(wants) }) {
		s.fail("I4", p.UUID, "its webhook came again after it was final, and MGR was told nothing since")
	}
	if !any {
		return
	}
	s.count(func(f *Figures) {
		f.Accepted++
		f.Approved += btoi(told.Outcome == standin.Approved)
		f.Denied += btoi(told.Outcome == standin.Denied)
	})
	switch {
	case told.Outcome == standin.Denied && len(captured) > 0:
		s.fail("I2", p.UUID, "MGR was told DENIED (%s) and the money moved: %+v", p.Proof, captured[0])
	case told.Outcome == standin.Approved && len(captured) == 0:
		s.fail("I3", p.UUID, "MGR was told APPROVED (%s) and no money moved", p.Proof)
	case told.Outcome == standin.Approved && told.AuthCode != captured[0].AuthCode:
		s.fail("I3", p.UUID, "MGR was told code %q, the ledger has %q", told.AuthCode, captured[0].AuthCode)
	case told.Outcome == standin.Approved && p.Proof != terminal.Person && !explained(p, captured[0]):
		s.fail("I6", p.UUID, "MGR was told APPROVED, the ledger has %+v, the journal %+v", captured[0], p.Result)
	}
}

// unanswered tells whether a webhook got no answer, so that MGR does not know whether the payment was taken.
func unanswered(m standin.Payment) bool {
	return slices.ContainsFunc(m.Asks, func(a standin.Ask) bool { return a.Status == 0 })
}

// explained tells whether a sale may be reported as the payment's: its sum, or with a tip that the terminal names.
func explained(p bridge.Payment, e terminal.Entry) bool {
	more := e.Minor - p.Amount.Minor
	if e.Currency != p.Amount.Currency.Code || more < 0 {
		return false
	}
	return more == 0 || p.Result != nil && p.Result.ExtraMinor == more
}

// judgeAcknowledged checks that no result was acknowledged before it was durable: where the terminal keeps a sale only
// once its result was acknowledged, the journal has that result. Scripts that keep it all the same are left out.
func (s *Shop) judgeAcknowledged(h *house, p bridge.Payment, y *pay, t truth) {
	captured := t.captured(p.UUID)
	if !y.place.model.tells.votes || len(captured) == 0 || p.Seen != nil && p.Seen.AuthCode == captured[0].AuthCode {
		return
	}
	for _, script := range s.scriptsAt(y.place, captured[0].At) {
		if script == simulate.NoStatus || script == simulate.KeepOnLoss {
			return
		}
	}
	s.fail("I8", p.UUID, "the terminal keeps the sale, so its result was acknowledged, and the journal never had it")
}

// scriptsAt are the scripts that a payment may have been played by that was approved at a time.
func (s *Shop) scriptsAt(p *place, at time.Time) (all []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range p.scripted {
		if !x.at.After(at) {
			all = append(all, x.script)
		}
	}
	return all[max(0, len(all)-2):]
}

// judgeJournal checks the journal's own word.
func (s *Shop) judgeJournal(h *house) {
	ctx := context.Background()
	if problems, err := h.journal.Verify(ctx); err != nil || len(problems) > 0 {
		s.fail("I8", "", "the journal does not verify: %v %v", problems, err)
	}
	if n, err := h.journal.Owed(ctx); err != nil || n != 0 {
		s.fail("I4", "", "%d notices are owed when all is over (%v)", n, err)
	}
	alarms, err := h.journal.Alarms(ctx)
	if err != nil || len(alarms) > 0 {
		s.fail("I5", "", "alarms stand when all is over: %+v %v", alarms, err)
	}
}
