package bridge

import (
	"errors"
	"fmt"
	"strings"

	"tillbridge/terminal"
)

// rule is what an event does to a payment in one state. It changes the payment and returns the effects, or
// says why the event is refused.
type rule func(p *Payment, e Event) ([]Effect, error)

// table is the whole life of a payment: what is not in it is refused. The words beside each rule are the
// states that it can lead to, in the order of States; the picture of the states is drawn from them.
var table = map[State]map[EventKind]struct {
	to []State
	do rule
}{
	None: {
		Accept: {[]State{Received}, accept},
	},
	Received: {
		Expire: {[]State{Expired}, close1(Expired)},
		Arm:    {[]State{Armed}, arm},
		GiveUp: {[]State{NotSent}, close1(NotSent)},
	},
	Armed: {
		Remark:   {[]State{Armed}, remark},
		Send:     {[]State{Sent}, move(Sent)},
		See:      {[]State{Seen}, see},
		GiveUp:   {[]State{NotSent}, close1(NotSent)},
		Conclude: {[]State{Uncertain, Held, Approved, Declined}, conclude},
		Lose:     {[]State{Uncertain}, lose},
	},
	Sent: {
		See:      {[]State{Seen}, see},
		GiveUp:   {[]State{Uncertain}, lose},
		Conclude: {[]State{Uncertain, Held, Approved, Declined}, conclude},
		Lose:     {[]State{Uncertain}, lose},
	},
	Seen: {
		See:         {[]State{Seen}, see},
		Acknowledge: {[]State{Acknowledged}, move(Acknowledged)},
		GiveUp:      {[]State{Uncertain}, lose},
		Conclude:    {[]State{Uncertain, Held, Approved, Declined}, conclude},
		Lose:        {[]State{Uncertain}, lose},
	},
	Acknowledged: {
		See:      {[]State{Seen}, see},
		GiveUp:   {[]State{Uncertain}, lose},
		Conclude: {[]State{Uncertain, Held, Approved, Declined}, conclude},
		Lose:     {[]State{Uncertain}, lose},
	},
	Uncertain: {
		Ask:     {[]State{Recovering}, move(Recovering)},
		Find:    {[]State{Held, Approved, Declined}, find},
		Hold:    {[]State{Held}, hold},
		Resolve: {[]State{Approved, Declined}, resolve},
	},
	Recovering: {
		Find:    {[]State{Held, Approved, Declined}, find},
		Hold:    {[]State{Held}, hold},
		Resolve: {[]State{Approved, Declined}, resolve},
	},
	Held: {
		Find:    {[]State{Held, Approved, Declined}, find},
		Resolve: {[]State{Approved, Declined}, resolve},
	},
	Approved: {Report: {[]State{Reported}, report}, Late: {[]State{Approved}, late}, Correct: {[]State{Approved}, correct}},
	Declined: {Report: {[]State{Reported}, report}, Late: {[]State{Declined}, late}, Correct: {[]State{Declined}, correct}},
	Expired:  {Report: {[]State{Reported}, report}, Late: {[]State{Expired}, late}},
	NotSent:  {Report: {[]State{Reported}, report}, Late: {[]State{NotSent}, late}},
	Reported: {Late: {[]State{Reported}, late}, Correct: {[]State{Reported}, correct}},
}

// Step is the one function that changes a payment. It is pure: the same payment and event give the same
// transition. A *RefusedError means that nothing happened.
func Step(p Payment, e Event) (Transition, error) {
	r, ok := table[p.State][e.Kind]
	if !ok {
		return Transition{}, &RefusedError{State: p.State, Event: e.Kind}
	}
	after := p
	effects, err := r.do(&after, e)
	if err != nil {
		return Transition{}, &RefusedError{State: p.State, Event: e.Kind, Why: err.Error()}
	}
	after.Updated = e.At
	after.Entries++
	return Transition{Before: p, After: after, Event: e, Effects: effects}, nil
}

// Replay folds the events of one payment, as a journal holds them, into the payment.
func Replay(events []Event) (Payment, error) {
	var p Payment
	for i, e := range events {
		t, err := Step(p, e)
		if err != nil {
			return p, fmt.Errorf("entry %d: %w", i+1, err)
		}
		p = t.After
	}
	return p, nil
}

func accept(p *Payment, e Event) ([]Effect, error) {
	if e.Order == nil || e.Reference == "" {
		return nil, fmt.Errorf("it needs an order and a reference")
	}
	if err := errors.Join(e.Order.Amount.Validate(), e.Order.checked()); err != nil {
		return nil, err
	}
	*p = Payment{Order: *e.Order, Reference: e.Reference, State: Received, Received: e.At}
	return []Effect{Start}, nil
}

func arm(p *Payment, e Event) ([]Effect, error) {
	if e.Driver == "" {
		return nil, fmt.Errorf("it needs the driver's name")
	}
	p.State, p.Driver, p.Evidence, p.Mark, p.Armed = Armed, e.Driver, e.Evidence, e.Mark, e.At
	return nil, nil
}

// remark takes a newer mark: the payment is compared with it from now on.
func remark(p *Payment, e Event) ([]Effect, error) {
	p.Mark = e.Mark
	return nil, nil
}

func move(to State) rule {
	return func(p *Payment, _ Event) ([]Effect, error) {
		p.State = to
		return nil, nil
	}
}

// close1 ends a payment whose command was never handed to a line.
func close1(to State) rule {
	return func(p *Payment, e Event) ([]Effect, error) {
		p.State, p.Outcome, p.Proof, p.Reason = to, terminal.Declined, terminal.NothingSent, e.Reason
		return p.owed(), nil
	}
}

// owed is what is due when a payment is decided: MGR is told of what it ordered.
func (p *Payment) owed() []Effect {
	if p.Kind != Sale {
		return nil
	}
	return []Effect{Notify}
}

func report(p *Payment, _ Event) ([]Effect, error) {
	if p.Kind != Sale {
		return nil, fmt.Errorf("MGR is told nothing of a %s", p.Kind.Noun())
	}
	p.State = Reported
	return nil, nil
}

func see(p *Payment, e Event) ([]Effect, error) {
	if e.Result == nil {
		return nil, fmt.Errorf("it needs a result")
	}
	p.State, p.Seen = Seen, e.Result
	return nil, nil
}

func lose(p *Payment, e Event) ([]Effect, error) {
	p.State, p.Reason = Uncertain, e.Reason
	return []Effect{Recover}, nil
}

func hold(p *Payment, e Event) ([]Effect, error) {
	p.State, p.Reason = Held, e.Reason
	if e.Result != nil {
		p.Result = e.Result
	}
	return nil, nil
}

// conclude judges the result that ended the dialogue.
func conclude(p *Payment, e Event) ([]Effect, error) {
	if e.Result == nil {
		return nil, fmt.Errorf("it needs a result")
	}
	r := *e.Result
	seenApproved := p.Seen != nil && p.Seen.Outcome == terminal.Approved
	switch {
	case r.Outcome == terminal.Approved && r.Proof == terminal.Dialogue && p.Evidence.Has(terminal.C4) && !seenApproved:
		return doubt(p, r, "the terminal reported success without stating the result first")
	case r.Outcome == terminal.Approved && r.Proof == terminal.Dialogue:
		return settle(p, r)
	case r.Outcome == terminal.Declined && r.Proof == terminal.Refused && seenApproved:
		return doubt(p, r, "the terminal stated an approval and then ended the payment as failed")
	case r.Outcome == terminal.Declined && (r.Proof == terminal.Refused || r.Proof == terminal.Voided):
		return settle(p, r)
	case testimony(*p, r):
		return settle(p, r)
	}
	return doubt(p, r, "the terminal's answer does not say whether money moved")
}

// testimony tells whether the result is the word of a named person, at a terminal that has no connection to say anything
// itself. An approval needs what the terminal printed, as it does where a person settles a payment on hold.
func testimony(p Payment, r terminal.Result) bool {
	if r.Proof != terminal.Person || p.Evidence != terminal.C0 || strings.TrimSpace(r.Person) == "" {
		return false
	}
	return r.Outcome == terminal.Declined || r.Outcome == terminal.Approved && (r.AuthCode != "" || r.TxnRef != "")
}

func doubt(p *Payment, r terminal.Result, why string) ([]Effect, error) {
	if r.Text != "" {
		why += " (" + r.Text + ")"
	}
	p.State, p.Reason = Uncertain, why
	return []Effect{Recover}, nil
}

// find judges a result that was learnt by asking after the dialogue.
func find(p *Payment, e Event) ([]Effect, error) {
	if e.Result == nil {
		return nil, fmt.Errorf("it needs a result")
	}
	if p.Kind != Sale {
		return nil, fmt.Errorf("a terminal's records are asked about sales only")
	}
	r := *e.Result
	if decides(*p, r) {
		return settle(p, r)
	}
	if p.State == Held {
		return nil, fmt.Errorf("the evidence does not decide it")
	}
	why := r.Text
	if why == "" {
		why = "the terminal's records do not show what became of the payment"
	}
	p.State, p.Result, p.Reason = Held, &r, why
	return nil, nil
}

// decides tells whether a result that was learnt afterwards is proof, given what the driver can prove.
func decides(p Payment, r terminal.Result) bool {
	byMark := p.Evidence.Has(terminal.C2) && p.Mark.Known()
	// The record is the very one that the terminal stated in the payment's own dialogue.
	bySeen := p.Evidence.Has(terminal.C2) && p.Seen != nil && p.Seen.Mark.Known() && p.Seen.Mark == r.Mark
	byReference := p.Evidence.Has(terminal.C3)
	switch r.Outcome {
	case terminal.Approved:
		return r.Proof == terminal.Query && byReference || r.Proof == terminal.LastRecord && (byMark || bySeen)
	case terminal.Declined:
		switch r.Proof {
		case terminal.Query, terminal.NotFound:
			return byReference
		case terminal.LastRecord:
			return byMark || bySeen
		case terminal.UnchangedMark:
			return byMark
		case terminal.Voided:
			return true
		}
	}
	return false
}

// settle makes a proven result final, unless its amount or currency is not what was asked.
func settle(p *Payment, r terminal.Result) ([]Effect, error) {
	p.Result = &r
	if r.Outcome == terminal.Approved {
		if why := amountDoubt(*p, r); why != "" {
			p.State, p.Reason = Held, why
			return nil, nil
		}
		p.State = Approved
	} else {
		p.State = Declined
	}
	p.Outcome, p.Proof, p.Reason = r.Outcome, r.Proof, r.Text
	return p.owed(), nil
}

// amountDoubt says why the captured sum cannot be reported as this payment; empty when it can.
func amountDoubt(p Payment, r terminal.Result) string {
	if r.CurrencyNumeric != 0 && r.CurrencyNumeric != p.Amount.Currency.Numeric {
		return fmt.Sprintf("the terminal booked in currency %03d instead of %03d (%s)",
			r.CurrencyNumeric, p.Amount.Currency.Numeric, p.Amount.Currency.Code)
	}
	got := r.Captured(p.Amount)
	more := got.Minor - p.Amount.Minor
	if more == 0 || more > 0 && r.ExtraMinor == more {
		return ""
	}
	return fmt.Sprintf("the terminal booked %s instead of %s", got, p.Amount)
}

func resolve(p *Payment, e Event) ([]Effect, error) {
	if err := e.checkWord(); err != nil {
		return nil, err
	}
	p.State = Declined
	if e.Outcome == terminal.Approved {
		p.State = Approved
	}
	p.Outcome, p.Proof, p.Person = e.Outcome, terminal.Person, e.Person
	p.Reason = e.Person.Evidence
	return p.owed(), nil
}

// correct puts a person's settlement right. The outcome stays, for MGR may have it; the shop is told that it is another one.
func correct(p *Payment, e Event) ([]Effect, error) {
	switch {
	case p.Proof != terminal.Person:
		return nil, fmt.Errorf("only what a person settled can be corrected; this was decided by the terminal")
	case e.Outcome == p.Outcome && p.Corrected == nil, p.Corrected != nil && e.Outcome == p.Corrected.Outcome:
		return nil, fmt.Errorf("it says so already")
	}
	if err := e.checkWord(); err != nil {
		return nil, err
	}
	p.Corrected = &Correction{Outcome: e.Outcome, Person: e.Person}
	return []Effect{Alarm}, nil
}

// checkWord says what is missing in a person's word on an outcome.
func (e Event) checkWord() error {
	who := e.Person
	switch {
	case who == nil || strings.TrimSpace(who.Name) == "":
		return fmt.Errorf("it needs the name of who settles it")
	case strings.TrimSpace(who.Evidence) == "":
		return fmt.Errorf("it needs how it was checked")
	case e.Outcome == terminal.Approved && strings.TrimSpace(who.AuthCode) == "" && strings.TrimSpace(who.TxnRef) == "":
		return fmt.Errorf("an approval needs the authorisation code or the reference from the receipt")
	case e.Outcome != terminal.Approved && e.Outcome != terminal.Declined:
		return fmt.Errorf("it needs an outcome, approved or declined")
	}
	return nil
}

func late(p *Payment, e Event) ([]Effect, error) {
	if e.Result == nil || !Contradicts(*p, *e.Result) {
		return nil, fmt.Errorf("it changes nothing")
	}
	return []Effect{Alarm}, nil
}

// Contradicts tells whether a result speaks against a final outcome: the other outcome with a proof, or a
// second approval under another reference.
func Contradicts(p Payment, r terminal.Result) bool {
	if !p.Final() || r.Proof == terminal.NoProof || r.Outcome == terminal.Unknown {
		return false
	}
	if r.Outcome != p.Outcome {
		return true
	}
	return r.Outcome == terminal.Approved && p.Result != nil && p.Proof != terminal.Person &&
		r.TxnRef != "" && p.Result.TxnRef != "" && r.TxnRef != p.Result.TxnRef
}
