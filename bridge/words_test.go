package bridge

import (
	"strings"
	"testing"

	"tillbridge/terminal"
)

// Every event is a sentence for people that says what is particular to it.
func TestWords(t *testing.T) {
	r := &terminal.Result{Outcome: terminal.Approved, AuthCode: "651200", TxnRef: "163", CardName: "Maestro", CardLast4: "1229", Code: "00 (0)", Text: "Thank you."}
	for _, c := range []struct {
		e    Event
		want string
	}{
		{Event{Kind: Accept, Order: &order}, "MGR asked for 12.50 EUR; accepted."},
		{Event{Kind: Accept}, "MGR asked for a payment; accepted."},
		{Event{Kind: Expire, Reason: "It took too long."}, "Not started in time: It took too long."},
		{Event{Kind: Arm, Mark: "162"}, "its last transaction is known"},
		{Event{Kind: Arm}, "it does not tell its last transaction"},
		{Event{Kind: Remark, Mark: "163"}, "another one by now"},
		{Event{Kind: GiveUp, Reason: "No line."}, "Given up: No line."},
		{Event{Kind: Send}, "was sent to the terminal"},
		{Event{Kind: See, Result: r}, "The terminal says: approved, code 651200, reference 163, Maestro …1229, result 00 (0). Thank you. Recorded before it is acknowledged."},
		{Event{Kind: Acknowledge}, "acknowledged to the terminal"},
		{Event{Kind: Conclude, Result: &terminal.Result{Outcome: terminal.Declined}}, "The terminal ended the payment: declined."},
		{Event{Kind: Lose, Reason: "The cable is out."}, "The cable is out. Whether money moved is not known; nothing is sent again."},
		{Event{Kind: Ask}, "is asked what became of it"},
		{Event{Kind: Find, Result: &terminal.Result{Text: "Another amount"}}, "The terminal's records: not decided. Another amount."},
		{Event{Kind: Find}, "The terminal's records: nothing."},
		{Event{Kind: Hold, Reason: "It cannot tell."}, "On hold for a person: It cannot tell."},
		{Event{Kind: Resolve, Person: anna, Outcome: terminal.Approved}, "Anna settled it as approved: receipt 0163 in the drawer"},
		{Event{Kind: Resolve, Outcome: terminal.Declined}, "Settled by hand as declined."},
		{Event{Kind: Accept, Order: &Order{Kind: Refund, By: "Olga", Amount: order.Amount}}, "Olga ordered a refund of 12.50 EUR; accepted."},
		{Event{Kind: Accept, Order: &Order{Kind: Void, By: "Olga", Amount: order.Amount}}, "Olga ordered a reversal of 12.50 EUR; accepted."},
		{Event{Kind: Correct, Person: anna, Outcome: terminal.Approved}, "Anna corrected it to approved: receipt 0163 in the drawer"},
		{Event{Kind: Correct, Outcome: terminal.Declined}, "Corrected by hand to declined."},
		{Event{Kind: Report}, "MGR has the outcome."},
		{Event{Kind: Late, Result: r}, "Contrary evidence came after the outcome was final: approved"},
		{Event{Kind: eventCount}, "event(17)"},
	} {
		if got := c.e.Words(); !strings.Contains(got, c.want) {
			t.Errorf("%s: %q does not say %q", c.e.Kind, got, c.want)
		}
	}
}

func TestNames(t *testing.T) {
	for got, want := range map[string]string{
		State(200).String(): "state(200)", stateCount.String(): "state(14)", EventKind(200).String(): "event(200)", Recover.String(): "recover",
		Gone.String(): "gone", OnHold.String(): "on hold",
		(&RefusedError{State: Held, Event: Arm}).Error():                  "arm cannot happen to a payment that is held",
		(&RefusedError{State: Held, Event: Resolve, Why: "x"}).Error():    "resolve cannot happen to a payment that is held: x",
		Refuse(Busy, "The terminal is busy with %d.", 7).Error():          "The terminal is busy with 7.",
		(&Refusal{Kind: Frozen, Sentence: "Settle it first."}).Error():    "Settle it first.",
		strings.Join([]string{Start.String(), Notify.String()}, " "):      "start notify",
		strings.Join([]string{Alarm.String(), Connecting.String()}, "; "): "alarm; connecting",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for _, s := range append(States(), None) {
		if back, err := ParseState(s.String()); err != nil || back != s {
			t.Errorf("%s reads back as %s, %v", s, back, err)
		}
	}
	for _, k := range EventKinds() {
		if back, err := ParseEventKind(k.String()); err != nil || back != k {
			t.Errorf("%s reads back as %s, %v", k, back, err)
		}
	}
	if _, err := ParseState("nowhere"); err == nil {
		t.Error("an unknown state was read")
	}
	if _, err := ParseEventKind("nothing"); err == nil {
		t.Error("an unknown event was read")
	}
}

// What a payment is good for follows from its state and evidence alone.
func TestStandings(t *testing.T) {
	open := []State{Received, Armed, Sent, Seen, Acknowledged, Uncertain, Recovering, Held}
	for _, s := range append(States(), None) {
		isOpen := false
		for _, o := range open {
			isOpen = isOpen || s == o
		}
		notKnown := s == Uncertain || s == Recovering || s == Held
		if s.Open() != isOpen || s.NotKnown() != notKnown || s.InFlight() != (s == Armed || s == Sent || s == Seen || s == Acknowledged) {
			t.Errorf("%s: open %t, not known %t, in flight %t", s, s.Open(), s.NotKnown(), s.InFlight())
		}
		for _, e := range []terminal.Evidence{terminal.C0, terminal.C2 | terminal.C4, terminal.C3, terminal.C3 | terminal.C4} {
			p := Payment{State: s, Evidence: e}
			if p.Frozen() != (s == Held && e&terminal.C3 == 0) {
				t.Errorf("%s with %s: frozen %t", s, e, p.Frozen())
			}
		}
	}
	p := inState(Sent)
	p.Seen = &terminal.Result{TxnRef: "163"}
	if a := p.Attempt(); a.Reference != p.Reference || a.Amount != p.Amount || !a.Armed.Equal(p.Armed) || a.Mark != p.Mark || a.Seen != p.Seen {
		t.Errorf("the attempt is %+v", a)
	}
}

func TestAcceptWantsAnAmount(t *testing.T) {
	o := order
	o.Amount.Minor = 0
	if _, err := Step(Payment{}, Event{Kind: Accept, Order: &o, Reference: "R"}); err == nil || !strings.Contains(err.Error(), "more than zero") {
		t.Errorf("nothing to charge was accepted: %v", err)
	}
}
