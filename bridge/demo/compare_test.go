package demo

import (
	"strings"
	"testing"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/standin"
	"tillbridge/terminal"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// one is a payment of 12.50 that was approved, and everybody knows it.
func one() Ledgers {
	captured := int64(1250)
	return Ledgers{
		Currency: euro,
		MGR: []standin.Payment{{
			UUID:    "p1",
			Asks:    []standin.Ask{{At: noon, Amount: "12.5", Answered: noon, Status: 202}},
			Notices: []standin.Notice{{At: noon.Add(3 * time.Second), UUID: "p1", Outcome: standin.Approved, AuthCode: "123456", TxnRef: "163", Taken: true, Status: 200}},
		}},
		Journal: []bridge.Payment{{
			Order: bridge.Order{UUID: "p1", Terminal: "counter", Amount: terminal.Amount{Minor: 1250, Currency: euro}},
			State: bridge.Reported, Outcome: terminal.Approved, Reference: "R1", Armed: noon.Add(time.Second),
			Result: &terminal.Result{Outcome: terminal.Approved, AuthCode: "123456", TxnRef: "163", CapturedMinor: &captured},
		}},
		Terminal: []terminal.Entry{
			{Sequence: "000162", Kind: "sale", Minor: 1250, Currency: "EUR", AuthCode: "999999", At: noon.Add(-time.Minute), Captured: true, Manual: true},
			{Sequence: "000163", Kind: "sale", Minor: 1250, Currency: "EUR", AuthCode: "123456", At: noon.Add(2 * time.Second), Captured: true},
		},
	}
}

// undecided makes the payment of one undecided.
func undecided(l *Ledgers, s bridge.State) {
	p := &l.Journal[0]
	p.State, p.Outcome, p.Result, p.Reason = s, terminal.Unknown, nil, "The records do not decide."
	l.MGR[0].Notices = nil
}

func denied(l *Ledgers) {
	l.Journal[0].Outcome, l.Journal[0].Result = terminal.Declined, nil
	l.MGR[0].Notices = []standin.Notice{{Outcome: standin.Denied, Taken: true}}
	l.Terminal[1].Captured = false
}

// euro is the currency of these tests.
var euro = terminal.Currency{Code: "EUR", Numeric: 978, Digits: 2}

func TestCompare(t *testing.T) {
	for name, c := range map[string]struct {
		change                func(*Ledgers)
		differs, open, isHeld string // contained in the only sentence of that kind; empty for none
	}{
		"all the same":              {func(*Ledgers) {}, "", "", ""},
		"nothing at all":            {func(l *Ledgers) { *l = Ledgers{Currency: euro} }, "", "", ""},
		"denied, and reversed":      {denied, "", "", ""},
		"amount as text":            {func(l *Ledgers) { l.MGR[0].Asks[0].Amount = `"12.50"` }, "", "", ""},
		"our own reference decides": {func(l *Ledgers) { l.Terminal[1].Reference, l.Terminal[1].AuthCode = "R1", "" }, "", "", ""},
		"held, with money":          {func(l *Ledgers) { undecided(l, bridge.Held) }, "", "", "do not decide"},
		"held, without money":       {func(l *Ledgers) { undecided(l, bridge.Held); l.Terminal = nil }, "", "", "do not decide"},
		"under way, with money":     {func(l *Ledgers) { undecided(l, bridge.Sent) }, "", "not decided", ""},
		"MGR not told yet":          {func(l *Ledgers) { l.MGR[0].Notices, l.Journal[0].State = nil, bridge.Approved }, "", "does not know", ""},
		"a person approved it": {func(l *Ledgers) {
			l.Journal[0].Person, l.Journal[0].Result = &bridge.Person{AuthCode: "77", TxnRef: "8"}, nil
			l.MGR[0].Notices[0].AuthCode, l.MGR[0].Notices[0].TxnRef = "77", "8"
		}, "", "", ""},
		"a person approved another amount": {func(l *Ledgers) {
			more := int64(1251)
			l.Terminal[1].Minor = more
			l.Journal[0].Person, l.Journal[0].Result = &bridge.Person{AuthCode: "123456", TxnRef: "163"}, &terminal.Result{CapturedMinor: &more}
		}, "", "", ""},
		"a person denied it wrongly": {func(l *Ledgers) {
			denied(l)
			l.Journal[0].Person, l.Terminal[1].Captured = &bridge.Person{Name: "Ann"}, true
		}, "not charged by Ann", "", ""},
		"a person denied it": {func(l *Ledgers) {
			denied(l)
			l.Journal[0].Person = &bridge.Person{Name: "Ann"}
		}, "", "", ""},
		"refused by the bridge": {func(l *Ledgers) {
			l.MGR = append(l.MGR, standin.Payment{UUID: "p2", Asks: []standin.Ask{{Amount: "1", Status: 409}}})
		}, "", "", ""},

		"a person typed the code in groups": {func(l *Ledgers) {
			l.Journal[0].Result.Person, l.Journal[0].Result.AuthCode, l.MGR[0].Notices[0].AuthCode, l.Terminal[1].AuthCode = "Ann", "12b 456", "12b 456", "12B456"
		}, "", "", ""},

		"no money":                {func(l *Ledgers) { l.Terminal = l.Terminal[:1] }, "no such money", "", ""},
		"money taken back":        {func(l *Ledgers) { l.Terminal[1].Captured = false }, "no such money", "", ""},
		"another amount taken":    {func(l *Ledgers) { denied(l); l.Terminal[1].Captured, l.Terminal[1].Minor = true, 99 }, "has taken 0.99 EUR", "", ""},
		"denied, with money":      {func(l *Ledgers) { denied(l); l.Terminal[1].Captured = true }, "has taken 12.50 EUR", "", ""},
		"charged twice":           {func(l *Ledgers) { l.Terminal = append(l.Terminal, l.Terminal[1]) }, "has taken 12.50 EUR", "", ""},
		"held, charged twice":     {func(l *Ledgers) { undecided(l, bridge.Held); l.Terminal = append(l.Terminal, l.Terminal[1]) }, "has taken", "", "do not decide"},
		"money before it was due": {func(l *Ledgers) { undecided(l, bridge.Held); l.Terminal[1].At = noon.Add(-time.Hour) }, "has taken", "", "do not decide"},
		"MGR told otherwise":      {func(l *Ledgers) { l.MGR[0].Notices[0].Outcome = standin.Denied }, "MGR was told DENIED", "", ""},
		"MGR told another code":   {func(l *Ledgers) { l.MGR[0].Notices[0].AuthCode = "0" }, "MGR was told APPROVED, code 0", "", ""},
		"held, and MGR told": {func(l *Ledgers) {
			notices := l.MGR[0].Notices
			undecided(l, bridge.Held)
			l.MGR[0].Notices = notices
		}, "not decided, and MGR was told", "", "do not decide"},
		"reported, and not told": {func(l *Ledgers) { l.MGR[0].Notices[0].Taken = false }, "MGR was told nothing", "", ""},
		"never asked for":        {func(l *Ledgers) { l.MGR = nil }, "never asked", "", ""},
		"asked for less":         {func(l *Ledgers) { l.MGR[0].Asks[0].Amount = "1.25" }, "MGR asked for 1.25", "", ""},
		"accepted and lost": {func(l *Ledgers) {
			l.MGR = append(l.MGR, standin.Payment{UUID: "p2", Asks: []standin.Ask{{Amount: "1", Status: 202}}})
		}, "journal does not have it", "", ""},
		"an alarm":               {func(l *Ledgers) { l.Alarms = []string{"contrary evidence"} }, "contrary evidence", "", ""},
		"a contradiction at MGR": {func(l *Ledgers) { l.Impossible = []string{"told both"} }, "told both", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			l := one()
			c.change(&l)
			v := Compare(l)
			for _, x := range []struct {
				kind, want string
				got        []string
			}{{"differs", c.differs, v.Differs}, {"open", c.open, v.Open}, {"held", c.isHeld, v.Held}} {
				switch {
				case x.want == "" && len(x.got) > 0, x.want != "" && (len(x.got) != 1 || !strings.Contains(x.got[0], x.want)):
					t.Errorf("%s: %q, want %q", x.kind, x.got, x.want)
				}
			}
			if agree := c.differs == "" && c.open == ""; v.Agree() != agree || (v.Err() == nil) != agree {
				t.Errorf("agree %v, err %v", v.Agree(), v.Err())
			}
		})
	}
}

// A protocol that has no room for all of a reference carries its end.
func TestRefers(t *testing.T) {
	for ref, want := range map[string]bool{"1Y2P0IJ32E": true, "0IJ32E": true, "0IJ32F": false, "1Y2P0": false} {
		if got := refers(terminal.Entry{Reference: ref}, bridge.Payment{Reference: "1Y2P0IJ32E"}); got != want {
			t.Errorf("%s: %t", ref, got)
		}
	}
}
