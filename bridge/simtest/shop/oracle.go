package shop

import (
	"context"
	"regexp"
	"slices"
	"strconv"
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
			case e.Reference != "" && e.Reference == x.Reference:
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
	if p.Amount.Minor != y.minor || p.Terminal != y.place.name || p.Customer != y.customer {
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
	if e.Currency != eur.Code || more < 0 {
		return false
	}
	return more == 0 || p.Result != nil && p.Result.ExtraMinor == more
}

// judgeAcknowledged checks that no result was acknowledged before it was durable: where the terminal keeps a sale only
// once its result was acknowledged, the journal has that result. Scripts that keep it all the same are left out.
func (s *Shop) judgeAcknowledged(h *house, p bridge.Payment, y *pay, t truth) {
	captured := t.captured(p.UUID)
	if !p.Evidence.Has(terminal.C4) || len(captured) == 0 || p.Seen != nil && p.Seen.AuthCode == captured[0].AuthCode {
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

// judgeHolds looks at every payment that was ever put on hold: was that right?
func (s *Shop) judgeHolds(h *house) {
	for _, p := range h.payments() {
		story, err := h.journal.Story(context.Background(), p.UUID)
		if err != nil {
			s.fail("I8", p.UUID, "%v", err)
			return
		}
		for _, step := range story {
			if step.State != bridge.Held {
				continue
			}
			why := s.undecidable(p, step.At)
			s.count(func(f *Figures) {
				f.Holds++
				f.why(why, 1)
			})
			s.say("%s was held: %s", p.UUID, why)
			if why == "" {
				s.fail("I16", p.UUID, "it was put on hold although the terminal's evidence decides it (mark %q, %s)", p.Mark, p.Reason)
			}
			break
		}
	}
}

// undecidable tells why nothing but a person can decide a payment whose dialogue was over at a time; empty where the
// evidence of its terminal's class decides it. The rules are those of bridge/simtest: C0 nothing. C1 the dialogue
// alone, unless it was disturbed. C3 the query by our reference. C2 the last record where it is ours and was stated to
// us, or where no other sale came between it and a mark that was known; an unchanged mark. In every class a sum that
// is not what was asked, unless a tip explains it that the terminal names. A terminal that reverses what was not
// acknowledged (C4) shows that in the record or the query.
func (s *Shop) undecidable(p bridge.Payment, at time.Time) string {
	place := s.place(p.Terminal)
	t := s.ledgerOf(place)
	var sale *terminal.Entry
	if c := t.captured(p.UUID); len(c) > 0 {
		sale = &c[0]
	}
	ours := sale != nil && p.Seen != nil && p.Seen.AuthCode == sale.AuthCode
	switch {
	case p.Driver == "":
		return ""
	case p.Evidence.Has(terminal.C0):
		return "nothing can be read"
	case sale != nil && (sale.Currency != eur.Code || sale.Minor < p.Amount.Minor):
		return "another sum or currency"
	case sale != nil && sale.Minor > p.Amount.Minor && (!ours || p.Seen.ExtraMinor != sale.Minor-p.Amount.Minor):
		return "a larger sum that nothing explains"
	case !p.Evidence.Has(terminal.C2) && !p.Evidence.Has(terminal.C3):
		if s.disturbed(place, p.Received.Add(-time.Minute), at) {
			return "only the dialogue tells, and it was disturbed"
		}
		return ""
	case p.Evidence.Has(terminal.C3):
		return ""
	}
	return unclearRecord(p, at, t.ledger, sale, ours)
}

// disturbed tells whether anything but a plain payment went on at a terminal.
func (s *Shop) disturbed(p *place, from, to time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return p.noise > 0 || slices.ContainsFunc(p.hurt, func(t time.Time) bool { return !t.Before(from) && !t.After(to) })
}

var digits = regexp.MustCompile(`[0-9A-Za-z]+`)

// unclearRecord tells why the one-slot record of the last transaction does not decide.
func unclearRecord(p bridge.Payment, at time.Time, ledger []terminal.Entry, sale *terminal.Entry, ours bool) string {
	fields := digits.FindAllString(string(p.Mark), -1)
	var last, marked *terminal.Entry
	foreign, before := false, false
	for i := range ledger {
		e := &ledger[i]
		if e.At.After(at) || !e.Captured {
			continue
		}
		last = e
		before = before || e.At.Before(p.Armed)
		if slices.Contains(fields, e.Sequence) {
			marked, foreign = e, false
			continue
		}
		foreign = foreign || e.Manual
	}
	switch {
	case sale != nil && ours && last != nil && last.Sequence == sale.Sequence:
		return ""
	case !p.Mark.Known() && !before:
		return "the terminal had no transaction before it"
	case !p.Mark.Known():
		return ""
	case marked == nil:
		return "the mark is not in the ledger any more"
	case foreign:
		return "another sale at the terminal"
	case sale != nil && !ours && !follows(marked.Sequence, sale.Sequence):
		return "the numbers do not follow each other, since payments that came to nothing used some up"
	}
	return ""
}

// follows tells whether b is the number after a.
func follows(a, b string) bool {
	x, errX := strconv.Atoi(a)
	y, errY := strconv.Atoi(b)
	return errX == nil && errY == nil && y == x+1
}
