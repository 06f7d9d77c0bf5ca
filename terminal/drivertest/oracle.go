package drivertest

import (
	"fmt"
	"slices"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// verify compares the payment with the ledger, as both are now.
func (p *play) verify() {
	mine := p.ours(p.base)
	p.compare("the payment", p.pay, mine)
	money := captured(mine)
	e := p.s.Driver.Evidence
	recorded := p.pay.seen != nil && p.pay.seen.Outcome == terminal.Approved
	switch {
	case e.Has(terminal.C4) && len(money) > 0 && !recorded && !p.plan.unvoted:
		p.blameOnce("the terminal has booked, and the driver never recorded the result: it was acknowledged without Till.Seen, or after its error")
	case p.plan.markFails && p.marked.Load() && (p.pay.end != notSent || p.handed):
		p.blameOnce("Till.Mark returned an error, and the payment went on")
	case p.plan.want != open && p.pay.end != p.plan.want:
		p.blameOnce("it ended %s, and must end %s: %s", p.pay.end, p.plan.want, p.pay.why)
	case p.plan.want != open && p.asked && !p.plan.forget:
		p.blameOnce("nothing went wrong, and the dialogue did not decide: the terminal had to be asked")
	case p.pay.end == approved && p.pay.result.ExtraMinor != 0 && p.plan.script != simulate.Tip:
		p.blameOnce("the driver explains %d by a tip that nobody gave", p.pay.result.ExtraMinor)
	case p.pay.end == held:
		p.mayHold(money)
	}
	if p.foreign != nil {
		for _, x := range p.foreign.Face().Ledger {
			if !x.Manual && x.Captured && x.Minor != laterMinor {
				p.blameOnce("the money went to another terminal: %+v", x)
			}
		}
	}
}

// mayHold judges a held ending.
func (p *play) mayHold(money []terminal.Entry) {
	for _, e := range money {
		if e.Minor != p.pay.req.Amount.Minor || e.Currency != p.s.Currency.Code {
			if p.plan.script != simulate.Tip {
				return // what was booked is not what was asked for: no class decides that
			}
		}
	}
	_, may := p.sc.MayHold(p.s.Driver.Evidence)
	switch {
	case !may:
		p.blameOnce("held, and evidence of %s decides it: %s", p.s.Driver.Evidence, p.pay.why)
	case !p.handed && !p.died:
		p.blameOnce("held, and nothing was ever sent: %s", p.pay.why)
	case p.plan.sweep != idle && !p.line.happened():
		p.blameOnce("held, and nothing went wrong: %s", p.pay.why)
	}
}

// compare compares a payment's end with its entries in the ledger.
func (p *play) compare(name string, pay *payment, entries []terminal.Entry) {
	money := captured(entries)
	if len(money) > 1 {
		p.blameOnce("%s was booked %d times", name, len(money))
	}
	switch pay.end {
	case declined, notSent:
		if len(money) > 0 {
			p.blameOnce("%s ended %s by %s, and the ledger holds the money", name, pay.end, pay.result.Proof)
		}
	case approved:
		if len(money) == 0 {
			p.blameOnce("%s ended approved by %s, and the ledger does not hold the money", name, pay.result.Proof)
			return
		}
		e, got := money[0], pay.result.Captured(pay.req.Amount)
		switch {
		case got.Minor != e.Minor:
			p.blameOnce("%s is reported with %d, and the ledger says %d", name, got.Minor, e.Minor)
		case e.Currency != p.s.Currency.Code:
			p.blameOnce("%s is reported as approved, and the ledger says %s", name, e.Currency)
		case pay.result.AuthCode != e.AuthCode:
			p.blameOnce("%s has the authorisation code %q, and the ledger says %q", name, pay.result.AuthCode, e.AuthCode)
		}
	}
}

// followers are the following payment's entries since a place.
func (p *play) followers(base int) (theirs []terminal.Entry) {
	for _, e := range p.ledger()[base:] {
		if !e.Manual && e.Kind == simulate.Sale && e.Minor == laterMinor {
			theirs = append(theirs, e)
		}
	}
	return theirs
}

// blameOnce blames, unless the same was said already.
func (p *play) blameOnce(format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	p.mu.Lock()
	known := slices.Contains(p.wrong, what)
	p.mu.Unlock()
	if !known {
		p.blame("%s", what)
	}
}

// handSale is the press that sells at the terminal's own keys.
func handSale(minor int64) string { return fmt.Sprintf("%s:%d", simulate.PressManualSale, minor) }
