//go:build unix

package main

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/standin"
	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// verdictOn is a payment as the three sides have it, to be judged by the terminal's ledger. It shares nothing with
// the bridge but the words.
type verdictOn struct {
	script  string
	minor   int64
	payment *bridge.Payment // the journal's; nil where it has none
	mgr     standin.Payment
	entries []terminal.Entry // the terminal's, since the payment was asked for
	before  *terminal.Entry  // the terminal's last booked sale before; nil for none
	mute    bool             // the terminal tells no last transaction
	again   bool             // the terminal sent a message again: it may have taken a late answer for that to its result
	keeps   bool             // the terminal keeps a sale whose result nobody acknowledged
}

// captured is the money that moved and stayed.
func (v verdictOn) captured() (money []terminal.Entry) {
	for _, e := range v.entries {
		if e.Captured && e.Kind == simulate.Sale {
			money = append(money, e)
		}
	}
	return money
}

// explained tells whether what was captured is what was asked for, a tip that the terminal names included.
func (v verdictOn) explained(e terminal.Entry) bool {
	tip := int64(0)
	if v.script == simulate.Tip {
		tip = max(1, v.minor/10)
	}
	return e.Currency == "EUR" && e.Minor == v.minor+tip
}

// wrong is everything that breaks the money law, a sentence each.
func (v verdictOn) wrong() (all []string) {
	say := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	money := v.captured()
	if len(money) > 1 {
		say("captured %d times", len(money))
	}
	if v.payment == nil {
		if v.mgr.Accepted() {
			say("answered 202, and the journal does not have it")
		}
		if len(v.entries) > 0 || len(v.mgr.Notices) > 0 {
			say("the terminal or MGR has heard of it, and the journal does not have it")
		}
		return all
	}
	if len(v.entries) > 0 && v.payment.Armed.IsZero() {
		say("the terminal was asked before the payment was armed")
	}
	if len(money) == 1 && v.voted() && !v.saw(money[0]) {
		say("the terminal booked it, as it does when its result is acknowledged, and the journal has no such result")
	}
	told, known := v.mgr.Told()
	switch {
	case !known && v.payment.State != bridge.Held:
		say("ended as %s, and MGR was told nothing", v.payment.State)
	case known && v.payment.State == bridge.Held:
		say("held, and MGR was told %s", told.Outcome)
	case known && told.Outcome == standin.Denied && len(money) > 0:
		say("MGR was told DENIED, and the terminal has the money")
	case known && told.Outcome == standin.Approved && len(money) == 0:
		say("MGR was told APPROVED, and the terminal has no money")
	case known && told.Outcome == standin.Approved && v.payment.Person == nil:
		all = append(all, v.wrongApproval(told, money[0])...)
	case known && told.Outcome == standin.Approved && (told.AuthCode != money[0].AuthCode || told.TxnRef != money[0].Sequence):
		say("MGR was told codes %q %q, which are not the person's", told.AuthCode, told.TxnRef)
	}
	if v.payment.State == bridge.Held && v.undecidable() == "" {
		say("held (%s), and it could have been decided", v.payment.Reason)
	}
	return all
}

// wrongApproval compares an approval that no person gave with the money.
func (v verdictOn) wrongApproval(told standin.Notice, e terminal.Entry) (all []string) {
	if !v.explained(e) {
		all = append(all, fmt.Sprintf("MGR was told APPROVED, and the terminal took %d %s of %d EUR", e.Minor, e.Currency, v.minor))
	}
	if told.AuthCode != e.AuthCode || !strings.HasSuffix(told.TxnRef, e.Sequence) {
		all = append(all, fmt.Sprintf("MGR was told codes %q %q, the terminal has %q %q", told.AuthCode, told.TxnRef, e.AuthCode, e.Sequence))
	}
	return all
}

// voted tells whether this terminal books only what was acknowledged, and can have mistaken no other answer for that.
// One that sends a message again has waited longer than it wants to: the answers have no numbers, and the one to the
// message before may come when it waits for that to its result (PA00P016 has it wait for five seconds).
func (v verdictOn) voted() bool {
	return !v.keeps && !v.again && v.script != simulate.KeepOnLoss && v.script != simulate.NoStatus
}

// saw tells whether the journal has the terminal's statement of a sale.
func (v verdictOn) saw(e terminal.Entry) bool {
	s := v.payment.Seen
	return s != nil && s.AuthCode == e.AuthCode && strings.HasSuffix(s.TxnRef, e.Sequence)
}

// undecidable says why nobody but a person can know what became of a payment, by what is true and what the
// terminal could be asked; empty where it could have been decided.
func (v verdictOn) undecidable() string {
	money := v.captured()
	stated := len(money) == 1 && v.saw(money[0])
	switch {
	case len(money) > 1:
		return ""
	case len(money) == 1 && money[0].Currency != "EUR":
		return "booked in another currency"
	case len(money) == 1 && !v.explained(money[0]):
		return "booked another amount"
	case v.mute:
		return "the terminal does not tell its last transaction"
	case stated:
		return ""
	case v.before == nil:
		return "the terminal had no transaction to compare with"
	case len(money) == 1 && v.script == simulate.Tip:
		return "booked with a tip, and no result was recorded: the amount is not the one asked for"
	case len(money) == 1 && v.script == simulate.NoAmount:
		return "booked without a stated amount, and no result was recorded"
	case len(money) == 1 && !follows(*v.before, money[0]):
		return "booked under a number that does not follow the last one: the terminal asked its bank in between and booked nothing"
	}
	return ""
}

// follows tells whether one sale has the very next number after another.
func follows(a, b terminal.Entry) bool {
	x, err1 := strconv.Atoi(a.Sequence)
	y, err2 := strconv.Atoi(b.Sequence)
	return err1 == nil && err2 == nil && y == x+1
}

// TestTortureJudge shows the judge of TestTortureKills what it must not let pass.
func TestTortureJudge(t *testing.T) {
	sale := terminal.Entry{Sequence: "000163", Kind: simulate.Sale, Minor: 1000, Currency: "EUR", AuthCode: "100421", Captured: true}
	seen := &terminal.Result{Outcome: terminal.Approved, AuthCode: sale.AuthCode, TxnRef: "52500001-0053-000163"}
	asked := standin.Payment{Asks: []standin.Ask{{Status: 202}}}
	told := func(n standin.Notice) standin.Payment {
		n.Taken = true
		return standin.Payment{Asks: asked.Asks, Notices: []standin.Notice{n}}
	}
	approved := told(standin.Notice{Outcome: standin.Approved, AuthCode: sale.AuthCode, TxnRef: seen.TxnRef})
	denied := told(standin.Notice{Outcome: standin.Denied})
	armed := func(s bridge.State, seen *terminal.Result) *bridge.Payment {
		return &bridge.Payment{State: s, Armed: time.Unix(1, 0), Seen: seen}
	}
	before := &terminal.Entry{Sequence: "000162", Captured: true}
	other, back, late := sale, sale, sale
	other.Minor, back.Captured, late.Sequence = 999, false, "000164"
	for _, x := range []struct {
		name string
		v    verdictOn
		want string // of what is wrong; empty for nothing
	}{
		{"approved", verdictOn{payment: armed(bridge.Reported, seen), mgr: approved, entries: []terminal.Entry{sale}}, ""},
		{"taken back", verdictOn{payment: armed(bridge.Reported, nil), mgr: denied, entries: []terminal.Entry{back}}, ""},
		{"twice", verdictOn{payment: armed(bridge.Reported, seen), mgr: approved, entries: []terminal.Entry{sale, sale}}, "captured 2 times"},
		{"denied with money", verdictOn{payment: armed(bridge.Reported, seen), mgr: denied, entries: []terminal.Entry{sale}}, "DENIED, and the terminal has the money"},
		{"approved without", verdictOn{payment: armed(bridge.Reported, seen), mgr: approved, entries: []terminal.Entry{back}}, "APPROVED, and the terminal has no money"},
		{"another amount", verdictOn{payment: armed(bridge.Reported, seen), mgr: approved, entries: []terminal.Entry{other}}, "took 999 EUR of 1000"},
		{"other codes", verdictOn{payment: armed(bridge.Reported, nil), script: simulate.NoStatus, mgr: approved, entries: []terminal.Entry{late}}, "MGR was told codes"},
		{"acknowledged and not recorded", verdictOn{payment: armed(bridge.Reported, nil), mgr: approved, entries: []terminal.Entry{sale}}, "the journal has no such result"},
		{"not armed", verdictOn{payment: &bridge.Payment{State: bridge.Reported, Seen: seen}, mgr: approved, entries: []terminal.Entry{sale}}, "before the payment was armed"},
		{"lost", verdictOn{mgr: asked}, "the journal does not have it"},
		{"silent", verdictOn{payment: armed(bridge.Approved, seen), mgr: asked, entries: []terminal.Entry{sale}}, "MGR was told nothing"},
		{"held and told", verdictOn{payment: armed(bridge.Held, nil), mgr: denied, mute: true}, "held, and MGR was told"},
		{"held for nothing", verdictOn{payment: armed(bridge.Held, nil), mgr: asked}, "could have been decided"},
		{"held though booked next", verdictOn{payment: armed(bridge.Held, nil), keeps: true, mgr: asked, entries: []terminal.Entry{sale}}, "could have been decided"},
		{"held, number left out", verdictOn{payment: armed(bridge.Held, nil), keeps: true, mgr: asked, entries: []terminal.Entry{late}}, ""},
		{"held, other amount", verdictOn{payment: armed(bridge.Held, seen), mgr: asked, entries: []terminal.Entry{other}}, ""},
	} {
		x.v.minor, x.v.before = 1000, before
		got := strings.Join(x.v.wrong(), "; ")
		if x.want == "" && got != "" || !strings.Contains(got, x.want) {
			t.Errorf("%s: judged %q, want %q", x.name, got, x.want)
		}
	}
}
