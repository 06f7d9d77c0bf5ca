package drivertest

import (
	"slices"
	"strings"

	"tillbridge/terminal"
)

// Scenario is one thing that happens to a payment.
type Scenario struct {
	// Name is the subtest's: words joined by blanks.
	Name string
	// What happens, in a sentence.
	What string
	// Needs are what simulator and driver must have: outcomes and actions of simulate.Menu, and the abilities Canceller,
	// Identity, Recorded, Line and StrangeCode.
	Needs []string
	// Links are the links on which it can happen; nil means every one.
	Links []terminal.LinkKind
	// Checked tells that it damages bytes, and so needs frames with a check value.
	Checked bool
	// Refused tells that the terminal says NAK in it, and so needs a protocol that has one on the link.
	Refused bool
	// Held are the classes of evidence that may leave the payment held, each with the reason. Where none allows
	// it, the payment must be decided.
	Held []Hold

	plan plan
}

// Hold allows a held ending to drivers of some classes.
type Hold struct {
	Classes terminal.Evidence // compared with Class
	Why     string
}

// Class is the strongest of a driver's classes by which it can learn of a payment afterwards: C3, C2, C1 or C0. C4
// says what the terminal does and adds nothing to what can be asked.
func Class(e terminal.Evidence) terminal.Evidence {
	for _, c := range []terminal.Evidence{terminal.C3, terminal.C2, terminal.C1} {
		if e.Has(c) {
			return c
		}
	}
	return terminal.C0
}

// MayHold tells whether a driver with that evidence may leave the payment held, and why.
func (s Scenario) MayHold(e terminal.Evidence) (why string, may bool) {
	for _, h := range s.Held {
		if h.Classes.Has(Class(e)) {
			return h.Why, true
		}
	}
	return "", false
}

// on tells whether the scenario can happen on a link.
func (s Scenario) on(k terminal.LinkKind, checked, refuses bool) bool {
	return (s.Links == nil || slices.Contains(s.Links, k)) && (checked || !s.Checked) && (refuses || !s.Refused)
}

// Scenarios are all scenarios, in the order in which they are played.
func Scenarios() []Scenario {
	all := slices.Concat(scripts(), customers(), forgotten(), sweeps(), openings(), recoveries(), specials(), noises())
	for i := range all {
		all[i].Name = strings.Join(strings.Fields(all[i].Name), " ")
	}
	return all
}

// needs is everything that some scenario needs.
func needs() []string {
	var out []string
	for _, s := range Scenarios() {
		out = append(out, s.Needs...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

var (
	serialOnly = []terminal.LinkKind{terminal.Serial}
	tcpOnly    = []terminal.LinkKind{terminal.TCP}
)

const everyClass = terminal.C0 | terminal.C1 | terminal.C2 | terminal.C3

// Reasons for holding.
var (
	// deaf: nothing is told after the dialogue.
	deaf = Hold{terminal.C0 | terminal.C1, "the dialogue was disturbed, and afterwards the terminal tells nothing"}
	// otherSum: the sum is nobody's to decide.
	otherSum = Hold{everyClass, "what the terminal booked is not what was asked for"}
	// overwritten: one slot, and another transaction is in it.
	overwritten = Hold{terminal.C2, "another transaction is in the terminal's only record"}
	// unnamedTip: a record holds a sum and not what it is made of.
	unnamedTip = Hold{terminal.C2 | terminal.C3, "a record does not say that the difference is a tip"}
	// emptied: some terminals answer a query by our reference until their end of day (POSLINK).
	emptied = Hold{terminal.C3, "the terminal's list is gone with its end of day"}
	// unreadable: whoever cannot read the answer may wait for a better one, or leave it to a person.
	unreadable = Hold{everyClass, "the terminal's answer has a code that nobody knows"}
	// unmarked: a record cannot be told to be new.
	unmarked = Hold{terminal.C2, "the terminal's last transaction before the payment is not known"}
)
