package demo

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/standin"
	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// Ledgers are what the three sides know of the same payments, each by itself. The terminal's sales that were
// made by hand are no business of the other two.
type Ledgers struct {
	MGR        []standin.Payment
	Impossible []string         // what MGR's side was told and cannot be, a sentence each
	Journal    []bridge.Payment // in any order
	Alarms     []string         // that stand in the journal
	Terminal   []terminal.Entry
	Currency   terminal.Currency
}

// Verdict is what a comparison of ledgers has found, in sentences for people.
type Verdict struct {
	Differs []string `json:"differs"` // what cannot be true on all sides
	Open    []string `json:"open"`    // what is under way: not decided, or MGR not told yet
	Held    []string `json:"held"`    // what waits for a person, and why; MGR is told nothing of it meanwhile
}

// Agree tells whether all sides say the same and nothing is under way. What is held may be.
func (v Verdict) Agree() bool { return len(v.Differs) == 0 && len(v.Open) == 0 }

// Err is nil when the ledgers agree, and otherwise says what differs or is missing.
func (v Verdict) Err() error {
	if v.Agree() {
		return nil
	}
	return fmt.Errorf("the ledgers do not agree: %s", strings.Join(append(slices.Clone(v.Differs), v.Open...), " "))
}

// Compare holds the ledgers against each other. Every sale in the terminal's ledger whose money stayed must
// be one payment's that the journal has as approved, and the other way round; MGR must have been told exactly
// what the journal has as decided, with the same codes, and nothing of what is not. A sale that belongs to an
// undecided payment is no difference.
func Compare(l Ledgers) Verdict {
	c := comparison{Ledgers: l}
	for _, e := range l.Terminal {
		if e.Kind == simulate.Sale && e.Captured && !e.Manual {
			c.money = append(c.money, e)
		}
	}
	for _, p := range l.Journal {
		if p.Final() && p.Outcome == terminal.Approved && !c.take(p) {
			c.differ(p, "the journal has it as approved%s, and the terminal has no such money.", by(p))
		}
	}
	for _, p := range l.Journal {
		switch {
		case p.Final() && p.Person != nil && p.Outcome == terminal.Declined:
			if c.takeUndecided(p) {
				c.differ(p, "it was settled as not charged%s, and the terminal took money for it.", by(p))
			}
		case p.Final():
		case p.State == bridge.Held:
			c.takeUndecided(p)
			c.v.Held = append(c.v.Held, fmt.Sprintf("%s is held for a person: %s.", name(p.UUID, p.Amount.String()), strings.TrimSuffix(p.Reason, ".")))
		default:
			c.takeUndecided(p)
			c.v.Open = append(c.v.Open, fmt.Sprintf("%s is not decided yet.", name(p.UUID, p.Amount.String())))
		}
	}
	for _, e := range c.money {
		c.v.Differs = append(c.v.Differs, fmt.Sprintf("The terminal has taken %s (number %s, code %s), and the journal has no payment for it.", money(e, l.Currency), e.Sequence, e.AuthCode))
	}
	c.mgr()
	c.v.Differs = append(c.v.Differs, l.Impossible...)
	for _, a := range l.Alarms {
		c.v.Differs = append(c.v.Differs, "The journal has an alarm: "+a)
	}
	return c.v
}

type comparison struct {
	Ledgers
	v     Verdict
	money []terminal.Entry // captured sales that no payment accounts for yet
}

func name(uuid, amount string) string {
	if len(uuid) > 8 {
		uuid = uuid[:8] + "…"
	}
	return fmt.Sprintf("Payment %s of %s", uuid, amount)
}

func money(e terminal.Entry, c terminal.Currency) string {
	if e.Currency == c.Code {
		return terminal.Amount{Minor: e.Minor, Currency: c}.String()
	}
	return fmt.Sprintf("%d minor units of %s", e.Minor, e.Currency)
}

func (c *comparison) differ(p bridge.Payment, format string, args ...any) {
	c.v.Differs = append(c.v.Differs, name(p.UUID, p.Amount.String())+": "+fmt.Sprintf(format, args...))
}

// by names the person who settled a payment, where one did.
func by(p bridge.Payment) string {
	if p.Person == nil {
		return ""
	}
	return " by " + p.Person.Name
}

// take accounts for the money of an approved payment.
func (c *comparison) take(p bridge.Payment) bool {
	want, code := p.Amount, ""
	if p.Result != nil { // of a payment that a person settled it is what the terminal had said before
		want = p.Result.Captured(p.Amount)
	}
	if p.Person == nil && p.Result != nil {
		code = p.Result.AuthCode
	}
	return c.takeFirst(func(e terminal.Entry) bool {
		switch {
		case e.Currency != want.Currency.Code || e.Minor != want.Minor:
			return false
		case e.Reference != "":
			return refers(e, p)
		case code != "" && e.AuthCode != "" && p.Result.Person != "": // people type codes in groups and in capitals or not
			return strings.EqualFold(strings.Join(strings.Fields(code), ""), e.AuthCode)
		case code != "" && e.AuthCode != "":
			return e.AuthCode == code
		}
		return !before(e.At, p.Armed)
	})
}

// takeUndecided accounts for money that a payment may have moved.
func (c *comparison) takeUndecided(p bridge.Payment) bool {
	if p.Armed.IsZero() {
		return false
	}
	return c.takeFirst(func(e terminal.Entry) bool {
		if e.Reference != "" {
			return refers(e, p)
		}
		return !before(e.At, p.Armed)
	})
}

// refers tells whether an entry has a payment's reference, or its end where the protocol has no room for all of it.
func refers(e terminal.Entry, p bridge.Payment) bool {
	return strings.HasSuffix(p.Reference, e.Reference)
}

// before compares two clocks that may be read a little apart.
func before(a, b time.Time) bool { return a.Before(b.Add(-time.Second)) }

func (c *comparison) takeFirst(fits func(terminal.Entry) bool) bool {
	i := slices.IndexFunc(c.money, fits)
	if i < 0 {
		return false
	}
	c.money = slices.Delete(c.money, i, i+1)
	return true
}

// mgr compares the journal with what MGR asked for and was told.
func (c *comparison) mgr() {
	asked := map[string]standin.Payment{}
	for _, m := range c.MGR {
		asked[m.UUID] = m
	}
	for _, p := range c.Journal {
		m, there := asked[p.UUID]
		delete(asked, p.UUID)
		if !there || len(m.Asks) == 0 {
			c.differ(p, "it is in the journal, and MGR never asked for it.")
			continue
		}
		if !slices.ContainsFunc(m.Asks, func(a standin.Ask) bool { return c.sameAmount(a.Amount, p.Amount) }) {
			c.differ(p, "MGR asked for %s.", m.Asks[0].Amount)
		}
		c.told(p, m)
	}
	for _, m := range c.MGR {
		if _, left := asked[m.UUID]; left && m.Accepted() {
			c.v.Differs = append(c.v.Differs, name(m.UUID, m.Asks[0].Amount)+": MGR was told that it is accepted, and the journal does not have it.")
		}
	}
}

func (c *comparison) told(p bridge.Payment, m standin.Payment) {
	due, owed := p.Notice()
	got, told := m.Told()
	want := standin.Denied
	if due.Approved {
		want = standin.Approved
	}
	switch {
	case !owed && len(m.Notices) > 0:
		c.differ(p, "the journal has it as not decided, and MGR was told %s.", m.Notices[0].Outcome)
	case owed && !told && p.State == bridge.Reported:
		c.differ(p, "the journal has it as reported, and MGR was told nothing.")
	case owed && !told:
		c.v.Open = append(c.v.Open, name(p.UUID, p.Amount.String())+": MGR does not know the outcome yet.")
	case owed && (got.Outcome != want || got.AuthCode != due.AuthCode || got.TxnRef != due.TxnRef):
		c.differ(p, "the journal says %s, and MGR was told %s.", words(want, due.AuthCode, due.TxnRef), words(got.Outcome, got.AuthCode, got.TxnRef))
	}
}

func words(outcome, code, ref string) string {
	parts := []string{outcome}
	if code != "" {
		parts = append(parts, "code "+code)
	}
	if ref != "" {
		parts = append(parts, "reference "+ref)
	}
	return strings.Join(parts, ", ")
}

// sameAmount compares an amount as MGR sent it with one of the journal.
func (c *comparison) sameAmount(sent string, a terminal.Amount) bool {
	text := sent
	if strings.HasPrefix(sent, `"`) && json.Unmarshal([]byte(sent), &text) != nil {
		return false
	}
	parsed, err := terminal.ParseAmount(text, c.Currency)
	return err == nil && parsed == a
}

// ledgers gathers what the three sides of the demo say now.
func (w *world) ledgers(p pages) Ledgers {
	l := Ledgers{
		MGR: w.mgr.Payments(), Impossible: w.mgr.Contradicts(), Journal: p.payments, Terminal: w.sim.Face().Ledger, Currency: w.currency(),
	}
	for _, a := range p.alarms {
		l.Alarms = append(l.Alarms, a.Text)
	}
	return l
}
