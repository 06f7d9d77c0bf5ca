package drivertest

import (
	"errors"
	"fmt"

	"tillbridge/terminal"
)

// end is how a payment ended, or where it is.
type end uint8

const (
	open     end = iota // under way, or to be asked about
	notSent             // nothing was sent: it counts as declined
	approved            // the money moved
	declined            // it did not
	held                // a person has to look
)

func (e end) String() string {
	return [...]string{"open", "not sent", "approved", "declined", "held"}[e]
}

// payment is one payment as the engine has it: what the bridge's journal would hold.
type payment struct {
	req      terminal.Request
	evidence terminal.Evidence
	mark     terminal.Mark
	seen     *terminal.Result
	result   terminal.Result // what settled it, or put it on hold
	end      end
	why      string
}

func (p *payment) attempt() terminal.Attempt {
	return terminal.Attempt{Request: p.req, Mark: p.mark, Seen: p.seen}
}

// conclude judges how Pay ended, by the rules of the core. It leaves the payment open where the terminal must be asked.
func (p *payment) conclude(r terminal.Result, err error) {
	seenApproved := p.seen != nil && p.seen.Outcome == terminal.Approved
	switch {
	case errors.Is(err, terminal.ErrNotSent):
		p.end, p.why = notSent, err.Error()
	case err != nil:
		p.why = err.Error()
	case r.Outcome == terminal.Approved && r.Proof == terminal.Dialogue && p.evidence.Has(terminal.C4) && !seenApproved:
		p.why = "approved without a recorded result (" + r.Text + ")"
	case r.Outcome == terminal.Approved && r.Proof == terminal.Dialogue:
		p.settle(r)
	case r.Outcome == terminal.Declined && r.Proof == terminal.Refused && seenApproved:
		p.why = "an approval was stated, and then the payment ended as failed (" + r.Text + ")"
	case r.Outcome == terminal.Declined && (r.Proof == terminal.Refused || r.Proof == terminal.Voided):
		p.settle(r)
	case r.Proof == terminal.Person && p.evidence == terminal.C0 && r.Person != "" &&
		(r.Outcome == terminal.Declined || r.Outcome == terminal.Approved && r.AuthCode+r.TxnRef != ""):
		p.settle(r)
	default:
		p.why = fmt.Sprintf("%s by %s decides nothing (%s)", r.Outcome, r.Proof, r.Text)
	}
}

// find judges what Recover told.
func (p *payment) find(r terminal.Result) {
	if p.decides(r) {
		p.settle(r)
		return
	}
	p.end, p.result, p.why = held, r, fmt.Sprintf("%s by %s: %s", r.Outcome, r.Proof, r.Text)
}

func (p *payment) decides(r terminal.Result) bool {
	byMark := p.evidence.Has(terminal.C2) && p.mark.Known()
	bySeen := p.evidence.Has(terminal.C2) && p.seen != nil && p.seen.Mark.Known() && p.seen.Mark == r.Mark
	byReference := p.evidence.Has(terminal.C3)
	switch {
	case r.Outcome == terminal.Approved && r.Proof == terminal.Query:
		return byReference
	case r.Outcome == terminal.Approved && r.Proof == terminal.LastRecord:
		return byMark || bySeen
	case r.Outcome != terminal.Declined:
		return false
	}
	switch r.Proof {
	case terminal.Query, terminal.NotFound:
		return byReference
	case terminal.LastRecord:
		return byMark || bySeen
	case terminal.UnchangedMark:
		return byMark
	}
	return r.Proof == terminal.Voided
}

// settle makes a proven result final, unless the sum or the currency is not what was asked for.
func (p *payment) settle(r terminal.Result) {
	p.result, p.why = r, r.Text
	if r.Outcome == terminal.Declined {
		p.end = declined
		return
	}
	got := r.Captured(p.req.Amount)
	more := got.Minor - p.req.Amount.Minor
	switch {
	case r.CurrencyNumeric != 0 && r.CurrencyNumeric != p.req.Amount.Currency.Numeric:
		p.end, p.why = held, fmt.Sprintf("booked in currency %03d", r.CurrencyNumeric)
	case more == 0 || more > 0 && r.ExtraMinor == more:
		p.end = approved
	default:
		p.end, p.why = held, fmt.Sprintf("booked %s instead of %s", got, p.req.Amount)
	}
}
