package bridge

import (
	"fmt"
	"time"

	"tillbridge/terminal"
)

// RefusalKind is why an order is not accepted.
type RefusalKind uint8

// The kinds of refusal.
const (
	UnknownTerminal RefusalKind = iota // no such terminal in the settings
	Reused                             // the uuid belongs to a payment with other content
	Busy                               // the terminal works on another payment
	Frozen                             // a payment on it is not known yet: the next sale would overwrite the evidence
	Unplugged                          // the terminal cannot be reached
	OverLimit                          // more than the shop or the terminal allows
	JournalFull                        // the journal takes no new payments
	Stopping                           // the bridge is stopping, or not ready yet
	Unfit                              // the sale cannot be given back, or not so much of it; never said to MGR
)

// Refusal says in a sentence for the clerk why an order was not accepted. Nothing durable has changed.
type Refusal struct {
	Kind     RefusalKind
	Sentence string
}

func (r *Refusal) Error() string { return r.Sentence }

// Refuse makes a refusal.
func Refuse(k RefusalKind, sentence string, args ...any) *Refusal {
	return &Refusal{Kind: k, Sentence: fmt.Sprintf(sentence, args...)}
}

// Acceptance says how an order was taken. MGR gets 202 for both.
type Acceptance uint8

// The acceptances.
const (
	New    Acceptance = iota // it is durable and will be carried out
	Repeat                   // it is known already: nothing is sold again; a final outcome is sent again
)

// Admit compares an order with the payment that its uuid already has. It returns a *Refusal of kind Reused
// when the content differs.
func Admit(known Payment, o Order) (Acceptance, error) {
	if known.State == None {
		return New, nil
	}
	if known.Digest() == o.Digest() {
		return Repeat, nil
	}
	return 0, Refuse(Reused, "Payment %s exists already with other content (%s on terminal %q).", o.UUID, known.Amount, known.Terminal)
}

// Wake says what a payment needs when the bridge starts: an event to apply first (false when none), given
// the time and how long an accepted payment may wait for its start. Payments that are received and young
// enough, or not known, go on by the effects of where they are; see Resume.
func Wake(p Payment, now time.Time, limit time.Duration) (Event, bool) {
	switch {
	case p.State == Received && (now.Sub(p.Received) > limit || now.Before(p.Received.Add(-limit))):
		return Event{Kind: Expire, At: now, Reason: "The bridge was not running in time; nothing was sent to the terminal."}, true
	case p.State.InFlight():
		return Event{Kind: Lose, At: now, Reason: "The bridge stopped during the payment."}, true
	}
	return Event{}, false
}

// Resume is the effect that a payment needs to go on; false when it waits for a person or owes nothing but a
// notice, which the journal holds.
func Resume(p Payment) (Effect, bool) {
	switch {
	case p.State == Received:
		return Start, true
	case p.State == Uncertain, p.State == Recovering:
		return Recover, true
	}
	return 0, false
}

// MarkAfter says what becomes of the terminal's mark by a transition: the new mark, and whether it changes at
// all. An empty mark that changes means: no longer known, to be read from the terminal before the next sale.
// It is made durable together with the transition.
func MarkAfter(t Transition) (mark terminal.Mark, changes bool) {
	switch t.Event.Kind {
	case Lose, Hold, Resolve:
		return "", true
	case Remark:
		return t.Event.Mark, true
	case Conclude, Find:
	case GiveUp:
		return "", t.After.State == Uncertain
	default:
		return "", false
	}
	switch {
	case t.After.State == Uncertain || t.After.State == Held:
		return "", true
	case t.Event.Result.Mark.Known():
		return t.Event.Result.Mark, true
	}
	return "", t.After.Outcome == terminal.Approved
}
