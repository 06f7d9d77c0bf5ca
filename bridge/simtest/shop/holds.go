package shop

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/counter"
	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// judgeHolds looks at every payment that was ever put on hold: was that right?
func (s *Shop) judgeHolds(h *house) {
	for _, p := range h.payments() {
		story, err := book{h.journal}.Story(context.Background(), p.UUID)
		if err != nil {
			s.fail("I8", p.UUID, "%v", err)
			return
		}
		broke, at, was := holdOf(story)
		if !was {
			continue
		}
		q := s.newInquiry(p, broke, at)
		why := q.undecidable()
		s.count(func(f *Figures) {
			f.Holds++
			plus(&f.Why, q.place.model.name+": "+why, 1)
		})
		s.say("%s was held: %s", p.UUID, why)
		if why == "" {
			s.fail("I16", p.UUID, "it was put on hold although the evidence of %s decides it (mark %q, %s)", q.place.model.name, p.Mark, p.Reason)
		}
	}
}

// holdOf tells when a payment's dialogue was over and when it was put on hold first.
func holdOf(story []counter.Step) (broke, at time.Time, was bool) {
	for _, step := range story {
		switch {
		case step.State == bridge.Uncertain && broke.IsZero():
			broke = step.At
		case step.State == bridge.Held:
			if broke.IsZero() {
				broke = step.At
			}
			return broke, step.At, true
		}
	}
	return broke, at, false
}

// inquiry is what the judge knows of a payment that was put on hold.
type inquiry struct {
	bridge.Payment
	place  *place
	tells  evidence
	broke  time.Time        // its dialogue was over
	at     time.Time        // it was put on hold
	ledger []terminal.Entry // what had been booked by then and stayed
	sale   *terminal.Entry  // the payment's own; nil for none
	seen   bool             // the terminal had stated the sale, and that was recorded

	scripts []string // that the terminal may have played it by
	harms   []harm   // of its dialogue
	closes  []time.Time
}

func (s *Shop) newInquiry(p bridge.Payment, broke, at time.Time) inquiry {
	q := inquiry{Payment: p, place: s.place(p.Terminal), broke: broke, at: at}
	q.tells = q.place.model.tells
	t := s.ledgerOf(q.place)
	for _, e := range t.ledger {
		if e.Captured && !e.At.After(at) {
			q.ledger = append(q.ledger, e)
		}
	}
	if c := t.captured(p.UUID); len(c) > 0 {
		q.sale = &c[0]
		q.seen = p.Seen != nil && p.Seen.AuthCode == c[0].AuthCode
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	q.closes = slices.Clone(q.place.closes)
	for _, x := range q.place.scripted { // the last one before it was armed, and those that came while it may have begun
		switch {
		case !x.at.After(p.Armed):
			q.scripts = []string{x.script}
		case x.at.Before(p.Armed.Add(beginLimit)) && x.at.Before(broke):
			q.scripts = append(q.scripts, x.script)
		}
	}
	for _, x := range q.place.harms {
		if !x.to.Before(p.Armed) && !x.from.Truncate(journalTick).After(broke) {
			q.harms = append(q.harms, x)
		}
	}
	return q
}

// journalTick is how fine the journal's times are.
const journalTick = time.Microsecond

// beginLimit is how long after it was armed a payment may begin at the terminal.
const beginLimit = 30 * time.Second

// undecidable tells why nothing but a person can decide a payment; empty where the evidence of its terminal decides it.
// The rules are those of bridge/simtest and of the battery (terminal/drivertest), in words:
//
// In every class a sum or currency that is not what was asked for, unless a tip explains it that the terminal names: in the
// result that was recorded, or in its record where that has a place for it.
//
// Only the dialogue (C1): undecidable where it was disturbed; see broken. The last transaction (C2): decidable where it is the
// payment's own and was stated to us; else undecidable where there was none before, or another sale came between it and the
// mark, or where only the numbers tell and others came between. A list by our own name (C2, C3): undecidable where the day
// was closed, or may have been closed without a trace since the list was empty before. A terminal that reverses what was not
// acknowledged (C4) shows that in its record.
func (q inquiry) undecidable() string {
	if q.Driver == "" {
		return ""
	}
	if q.sale != nil {
		more := q.sale.Minor - q.Amount.Minor
		named := q.seen && q.Seen.ExtraMinor == more || !q.tells.plain && slices.Contains(q.scripts, simulate.Tip) && more == q.Amount.Minor/10
		switch {
		case q.sale.Currency != q.Amount.Currency.Code || more < 0:
			return "another sum or currency"
		case more > 0 && !named:
			return "a larger sum that nothing explains"
		}
	}
	switch q.tells.memory {
	case remembersNothing:
		return q.broken()
	case remembersDay, remembersBatch:
		return q.unlisted()
	}
	return q.unclearRecord()
}

// breaking are scripts after which the dialogue alone does not tell the outcome: no result comes, or one that
// says nothing.
func breaking() []string {
	return []string{
		simulate.RebootBefore, simulate.LostReply, simulate.CablePulled, simulate.PowerCut, simulate.PowerCutBefore, simulate.Contradiction, simulate.NoAmount,
	}
}

// broken tells what disturbed a dialogue. A sale or an end of day at the terminal itself, a script that the dialogue shows, and
// noise that met no byte of it disturb none.
func (q inquiry) broken() string {
	const only = "only the dialogue tells, and it was disturbed: "
	if len(q.harms) > 0 {
		return only + q.harms[0].what
	}
	for _, script := range q.scripts {
		if slices.Contains(breaking(), script) {
			return only + script
		}
	}
	return ""
}

// closed tells whether the day was closed at the terminal since a time, before the payment was put on hold.
func (q inquiry) closed(since time.Time) bool {
	return slices.ContainsFunc(q.closes, func(t time.Time) bool { return !t.Before(since) && !t.After(q.at) })
}

// unlisted tells why a list of sales since the last close does not decide.
func (q inquiry) unlisted() string {
	begin := time.Time{} // of the list before the payment
	for _, t := range q.closes {
		if t.Before(q.Armed) {
			begin = t
		}
	}
	before := slices.ContainsFunc(q.ledger, func(e terminal.Entry) bool { return !e.At.Before(begin) && e.At.Before(q.Armed) })
	after := slices.ContainsFunc(q.ledger, func(e terminal.Entry) bool { return e.Manual && !e.At.Before(q.Armed) })
	lastTold := q.tells.memory == remembersDay && !after
	switch {
	case q.sale != nil && q.closed(q.sale.At) && !lastTold:
		return "the day was closed since, and the list is gone"
	case q.sale != nil:
		return ""
	case !before:
		return "the list was empty before it, so that a close would leave no trace"
	case q.closed(q.Armed) && !lastTold:
		return "the day was closed since, and the list is gone"
	}
	return ""
}

var words = regexp.MustCompile(`[0-9A-Za-z]+`)

// markAge is how old a mark may be that is not of a sale in the ledger, since of a refusal, when the payment is armed.
const markAge = 6 * time.Second

// unclearRecord tells why the one-slot record of the last transaction does not decide.
func (q inquiry) unclearRecord() string {
	fields := words.FindAllString(string(q.Mark), -1)
	var last, marked *terminal.Entry
	foreign, before := false, false
	for i := range q.ledger {
		e := &q.ledger[i]
		last = e
		before = before || e.At.Before(q.Armed)
		if slices.Contains(fields, e.Sequence) || slices.Contains(fields, e.AuthCode) {
			marked, foreign = e, false
			continue
		}
		foreign = foreign || e.Manual && (marked != nil || e.At.After(q.Armed.Add(-markAge)))
	}
	switch {
	case q.seen && last != nil && last.Sequence == q.sale.Sequence:
		return ""
	case !q.Mark.Known() && !before:
		return "the terminal had no transaction before it"
	case !q.Mark.Known():
		return ""
	case foreign:
		return "another sale at the terminal"
	case q.sale != nil && !q.seen && q.tells.counts && (marked == nil || !follows(marked.Sequence, q.sale.Sequence)):
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
