package bridge

import (
	"slices"
	"strings"
	"testing"

	"tillbridge/terminal"
)

// The words stand in journals and may never change.
func TestKindsArePinned(t *testing.T) {
	for k, want := range map[Kind]string{Sale: "sale", Refund: "refund", Void: "void"} {
		b, err := k.MarshalText()
		var back Kind
		if err != nil || string(b) != want || back.UnmarshalText(b) != nil || back != k {
			t.Errorf("%s is written %q and read back as %s, %v", k, b, back, err)
		}
	}
	if _, err := ParseKind("gift"); err == nil || !strings.Contains(err.Error(), "gift") {
		t.Errorf("an unknown word: %v", err)
	}
	if s := kindCount.String(); s != "kind(3)" {
		t.Errorf("a kind that there is not is called %q", s)
	}
	if b, err := kindCount.MarshalText(); err == nil {
		t.Errorf("a kind that there is not is written %q", b)
	}
}

func TestAnOrderOfAKind(t *testing.T) {
	back := order
	back.Kind, back.Sale, back.By = Refund, "u-0", "Olga"
	for name, c := range map[string]struct {
		change func(*Order)
		good   bool
	}{
		"a sale":                      {func(o *Order) { *o = order }, true},
		"a refund":                    {func(*Order) {}, true},
		"a void":                      {func(o *Order) { o.Kind = Void }, true},
		"a sale that gives back":      {func(o *Order) { o.Kind = Sale }, false},
		"a refund of nothing":         {func(o *Order) { o.Sale = "" }, false},
		"a refund that nobody wants":  {func(o *Order) { o.By = "" }, false},
		"something that there is not": {func(o *Order) { o.Kind = kindCount }, false},
		"a refund of no money":        {func(o *Order) { o.Amount.Minor = 0 }, false},
	} {
		o := back
		c.change(&o)
		tr, err := Step(Payment{}, Event{Kind: Accept, At: noon, Order: &o, Reference: "0000000001"})
		if (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && tr.After.Order != o {
			t.Errorf("%s became %+v", name, tr.After.Order)
		}
	}
}

// What goes back lives as a sale does, but MGR is owed nothing, and no record of the terminal's decides it.
func TestReturnsLiveLikeSales(t *testing.T) {
	for s := Received; s < Reported; s++ {
		for _, k := range EventKinds() {
			want := strings.Fields(legal[s][k])
			if k == Report || k == Find {
				want = nil
			}
			before := inState(s)
			before.Kind, before.Sale, before.By = Refund, "u-0", "Olga"
			var reached []string
			for _, e := range variants(k) {
				tr, err := Step(before, e)
				if err != nil {
					continue
				}
				reached = append(reached, tr.After.State.String())
				if tr.Has(Notify) {
					t.Errorf("%s on %s makes MGR be told", k, s)
				}
				if _, owed := tr.After.Notice(); owed {
					t.Errorf("%s on %s owes MGR a notice", k, s)
				}
				if tr.After.Done() != tr.After.Final() {
					t.Errorf("%s on %s: final is %v and done is %v", k, s, tr.After.Final(), tr.After.Done())
				}
			}
			for _, w := range want {
				if !slices.Contains(reached, w) {
					t.Errorf("%s on %s never led to %s", k, s, w)
				}
			}
			for _, r := range reached {
				if !slices.Contains(want, r) {
					t.Errorf("%s on %s led to %s", k, s, r)
				}
			}
		}
	}
}

func TestReturnable(t *testing.T) {
	sale := inState(Approved)
	sale.State, sale.Outcome = Reported, terminal.Approved
	part := func(k Kind, minor int64, s State) Payment {
		p := inState(s)
		p.Kind, p.Sale, p.Amount.Minor = k, sale.UUID, minor
		return p
	}
	denied, byHand, tipped, other := sale, sale, sale, part(Refund, 500, Approved)
	denied.Outcome = terminal.Declined
	byHand.Result, byHand.Person = nil, anna
	tipped.Result = &terminal.Result{Outcome: terminal.Approved, CapturedMinor: minor(1400), ExtraMinor: 150, TxnRef: "163"}
	other.Sale = "u-9"
	for name, c := range map[string]struct {
		sale    Payment
		returns []Payment
		left    int64
		whole   bool
	}{
		"untouched":               {sale, nil, 1250, true},
		"declined":                {denied, nil, 0, false},
		"a refund is no sale":     {part(Refund, 1250, Approved), nil, 0, false},
		"settled by hand":         {byHand, nil, 1250, false},
		"with a tip":              {tipped, nil, 1400, true},
		"a part is back":          {sale, []Payment{part(Refund, 500, Approved)}, 750, false},
		"of another sale":         {sale, []Payment{other}, 1250, true},
		"a refusal leaves all":    {sale, []Payment{part(Refund, 500, Declined), part(Void, 1250, NotSent)}, 1250, true},
		"a refusal before a part": {sale, []Payment{part(Refund, 500, Declined), part(Refund, 250, Approved)}, 1000, false},
		"a part is on hold":       {sale, []Payment{part(Refund, 500, Held)}, 750, false},
		"a part is under way":     {sale, []Payment{part(Refund, 500, Sent)}, 750, false},
		"all is back":             {sale, []Payment{part(Refund, 500, Approved), part(Refund, 750, Received)}, 0, false},
		"reversed":                {sale, []Payment{part(Void, 1250, Approved)}, 0, false},
		"a reversal is not known": {tipped, []Payment{part(Void, 1250, Held)}, 0, false},
	} {
		if left, whole := Returnable(c.sale, c.returns); left != c.left || whole != c.whole {
			t.Errorf("%s: %d, whole %v; want %d, %v", name, left, whole, c.left, c.whole)
		}
	}
}

// A correction stands beside the first word: the outcome and what MGR was told stay, and the shop is alarmed.
func TestCorrect(t *testing.T) {
	settled := inState(Reported)
	settled.Proof, settled.Person = terminal.Person, anna
	bert := &Person{Name: "Bert", Evidence: "the bank's statement", AuthCode: "1"}
	step := func(p Payment, o terminal.Outcome, who *Person) (Transition, error) {
		return Step(p, Event{Kind: Correct, At: noon, Outcome: o, Person: who})
	}
	tr, err := step(settled, terminal.Approved, bert)
	if err != nil {
		t.Fatal(err)
	}
	p := tr.After
	if p.State != Reported || p.Outcome != terminal.Declined || p.Person != anna || p.Corrected.Person != bert || !p.Moved() || settled.Moved() || !tr.Has(Alarm) || tr.Has(Notify) {
		t.Errorf("corrected to %+v, effects %v", p, tr.Effects)
	}
	if n, owed := p.Notice(); !owed || n.Approved {
		t.Errorf("MGR would be told %+v", n)
	}
	if left, _ := Returnable(p, nil); left != 1250 {
		t.Errorf("%d can be given back", left)
	}
	if f := p.Facts(); f.Outcome != "declined" || f.Correction != "approved" || f.CorrectedBy != "Bert" || f.Settled != "Anna" {
		t.Errorf("the facts are %+v", f)
	}
	if again, err := step(p, terminal.Declined, anna); err != nil || again.After.Moved() || again.After.Corrected.Person != anna {
		t.Errorf("corrected once more: %+v, %v", again.After.Corrected, err)
	}
	typed := settled // at a terminal without a connection
	typed.Person = nil
	if tr, err := step(typed, terminal.Approved, bert); err != nil || !tr.After.Moved() {
		t.Errorf("what a clerk typed: %+v, %v", tr.After.Corrected, err)
	}
	byTerminal := inState(Approved)
	for name, c := range map[string]struct {
		p   Payment
		o   terminal.Outcome
		who *Person
	}{
		"what the terminal decided": {byTerminal, terminal.Declined, bert},
		"what is on hold":           {inState(Held), terminal.Declined, bert},
		"what it says already":      {settled, terminal.Declined, bert},
		"what it was corrected to":  {p, terminal.Approved, bert},
		"by nobody":                 {settled, terminal.Approved, nil},
		"without a word why":        {settled, terminal.Approved, &Person{Name: "Bert", AuthCode: "1"}},
		"without a code":            {settled, terminal.Approved, &Person{Name: "Bert", Evidence: "x"}},
		"to no outcome":             {settled, terminal.Unknown, bert},
	} {
		if tr, err := step(c.p, c.o, c.who); err == nil {
			t.Errorf("%s was corrected to %+v", name, tr.After)
		}
	}
	for _, s := range []State{Approved, Declined} {
		owed := settled
		owed.State = s
		if tr, err := step(owed, terminal.Approved, bert); err != nil || tr.After.State != s {
			t.Errorf("while MGR is still to be told: %s, %v", tr.After.State, err)
		}
	}
}
