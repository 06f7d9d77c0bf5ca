package bridge

import (
	"strings"
	"testing"

	"tillbridge/terminal"
)

// Doubt says why it doubts and quotes what the terminal said.
func TestReasonsOfDoubt(t *testing.T) {
	const silent = "the terminal's answer does not say whether money moved"
	c4 := inState(Sent)
	c4.Evidence |= terminal.C4
	for _, c := range []struct {
		p      Payment
		e      Event
		state  State
		reason string
	}{
		{inState(Sent), Event{Kind: Conclude, Result: &terminal.Result{}}, Uncertain, silent},
		{inState(Sent), Event{Kind: Conclude, Result: &terminal.Result{Text: "Printer busy."}}, Uncertain, silent + " (Printer busy.)"},
		// What is not even an approval by its dialogue is no success without a result.
		{c4, Event{Kind: Conclude, Result: &terminal.Result{Outcome: terminal.Approved}}, Uncertain, silent},
		{c4, Event{Kind: Conclude, Result: &terminal.Result{Outcome: terminal.Declined, Proof: terminal.Dialogue}}, Uncertain, silent},
		{c4, Event{Kind: Conclude, Result: &terminal.Result{Outcome: terminal.Approved, Proof: terminal.Dialogue}}, Uncertain, "the terminal reported success without stating the result first"},
		{inState(Recovering), Event{Kind: Find, Result: &terminal.Result{}}, Held, "the terminal's records do not show what became of the payment"},
		{inState(Recovering), Event{Kind: Find, Result: &terminal.Result{Text: "Another amount."}}, Held, "Another amount."},
		{inState(Recovering), Event{Kind: Hold, Reason: "It cannot tell."}, Held, "It cannot tell."},
	} {
		c.e.At = noon
		tr, err := Step(c.p, c.e)
		if err != nil || tr.After.State != c.state || tr.After.Reason != c.reason {
			t.Errorf("%s of %+v: %s because %q, %v; want %q", c.e.Kind, c.e.Result, tr.After.State, tr.After.Reason, err, c.reason)
		}
	}
}

// A hold keeps the last result that is known of the payment, its own before an older one.
func TestHoldKeepsTheResult(t *testing.T) {
	old, own := &terminal.Result{Text: "old"}, &terminal.Result{Text: "own"}
	for _, c := range []struct{ before, event, want *terminal.Result }{{nil, nil, nil}, {old, nil, old}, {nil, own, own}, {old, own, own}} {
		p := inState(Recovering)
		p.Result = c.before
		tr, err := Step(p, Event{Kind: Hold, At: noon, Reason: "why", Result: c.event})
		if err != nil || tr.After.Result != c.want {
			t.Errorf("held with %+v after %+v: %+v, %v", c.event, c.before, tr.After.Result, err)
		}
	}
}

// A terminal's last record proves a decline by the mark from before the payment, or by being the record that
// the terminal stated in it; one of the two is enough, and neither is not.
func TestLastRecordNeedsOneLink(t *testing.T) {
	r := &terminal.Result{Outcome: terminal.Declined, Proof: terminal.LastRecord, Mark: "163"}
	for _, c := range []struct {
		mark, seen terminal.Mark
		want       State
	}{{"162", "", Declined}, {"", "163", Declined}, {"162", "163", Declined}, {"", "", Held}, {"", "164", Held}} {
		p := inState(Recovering)
		p.Evidence, p.Mark = terminal.C2, c.mark
		if c.seen != "" {
			p.Seen = &terminal.Result{Mark: c.seen}
		}
		tr, err := Step(p, Event{Kind: Find, At: noon, Result: r})
		if err != nil || tr.After.State != c.want {
			t.Errorf("mark %q, seen %q: %s, %v; want %s", c.mark, c.seen, tr.After.State, err, c.want)
		}
	}
}

// Whoever settles a payment gives their name and how they know, and for an approval what the receipt says; a
// decline has no receipt.
func TestResolveAsksForWhatIsKnown(t *testing.T) {
	for _, c := range []struct {
		who     *Person
		outcome terminal.Outcome
		refusal string
	}{
		{nil, terminal.Declined, "the name of who settles it"},
		{&Person{Name: " ", Evidence: "looked"}, terminal.Declined, "the name of who settles it"},
		{&Person{Name: "Anna", Evidence: " "}, terminal.Declined, "how it was checked"},
		{&Person{Name: "Anna", Evidence: "looked"}, terminal.Approved, "the authorisation code or the reference"},
		{&Person{Name: "Anna", Evidence: "looked", AuthCode: " ", TxnRef: " "}, terminal.Approved, "the authorisation code or the reference"},
		{&Person{Name: "Anna", Evidence: "looked"}, terminal.Unknown, "an outcome, approved or declined"},
		{&Person{Name: "Anna", Evidence: "looked", AuthCode: "651200"}, terminal.Approved, ""},
		{&Person{Name: "Anna", Evidence: "looked", TxnRef: "163"}, terminal.Approved, ""},
		{&Person{Name: "Anna", Evidence: "looked"}, terminal.Declined, ""},
	} {
		tr, err := Step(inState(Held), Event{Kind: Resolve, At: noon, Outcome: c.outcome, Person: c.who})
		switch {
		case c.refusal == "" && (err != nil || tr.After.Outcome != c.outcome || tr.After.Person != c.who || tr.After.Reason != "looked"):
			t.Errorf("%s by %+v: %s, %v", c.outcome, c.who, tr.After.State, err)
		case c.refusal != "" && (err == nil || !strings.Contains(err.Error(), c.refusal)):
			t.Errorf("%s by %+v: %v, want %q", c.outcome, c.who, err, c.refusal)
		}
	}
}

// A decline told twice, under whatever references, is no contradiction; two approvals are two sales.
func TestSecondReferences(t *testing.T) {
	for outcome, contradicts := range map[terminal.Outcome]bool{terminal.Approved: true, terminal.Declined: false} {
		p := inState(Approved)
		p.Outcome, p.Result = outcome, &terminal.Result{Outcome: outcome, Proof: terminal.Query, TxnRef: "163"}
		if outcome == terminal.Declined {
			p.State = Declined
		}
		again := terminal.Result{Outcome: outcome, Proof: terminal.Query, TxnRef: "164"}
		if got := Contradicts(p, again); got != contradicts {
			t.Errorf("%s under two references: contradicts %t", outcome, got)
		}
	}
	if (Payment{State: stateCount}).Final() {
		t.Error("a state that nobody knows is final")
	}
}

func TestAcceptNeedsOrderAndReference(t *testing.T) {
	for _, e := range []Event{{Kind: Accept}, {Kind: Accept, Order: &order}, {Kind: Accept, Reference: "0000000001"}} {
		if _, err := Step(Payment{}, e); err == nil || !strings.Contains(err.Error(), "it needs an order and a reference") {
			t.Errorf("accepted %+v: %v", e, err)
		}
	}
}
