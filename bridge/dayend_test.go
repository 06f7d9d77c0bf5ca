package bridge

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tillbridge/terminal"
)

// sold is an approved payment of a brand, which MGR has.
func sold(uuid, brand string, minor int64) Payment {
	p := inState(Reported)
	p.UUID, p.Outcome, p.Proof, p.Amount.Minor = uuid, terminal.Approved, terminal.Dialogue, minor
	p.Result = &terminal.Result{Outcome: terminal.Approved, Proof: terminal.Dialogue, CardName: brand}
	return p
}

func changed(p Payment, change func(*Payment)) Payment {
	change(&p)
	return p
}

func TestTally(t *testing.T) {
	tip := int64(1100)
	tally := Count([]Payment{
		sold("a", "Visa", 1000),
		changed(sold("b", "visa", 1000), func(p *Payment) { p.Result.CapturedMinor = &tip }),
		sold("c", "girocard", 500),
		changed(sold("d", "", 200), func(p *Payment) { p.Result, p.Person, p.Proof = nil, anna, terminal.Person }),
		changed(sold("e", "Visa", 300), func(p *Payment) { p.Kind, p.Sale, p.State = Refund, "a", Approved }),
		changed(sold("f", "Visa", 1), func(p *Payment) { p.State = Approved }),
		changed(inState(Held), func(p *Payment) { p.UUID = "g" }),
		changed(inState(Sent), func(p *Payment) { p.UUID = "h" }),
		changed(inState(Declined), func(p *Payment) { p.UUID = "i" }),
		changed(inState(Reported), func(p *Payment) { p.UUID = "j" }),
	})
	told := fmt.Sprintf("%+v %d+%d %d; unknown %s; undelivered %s; by hand %s; left %s; counted %s", tally.Brands, tally.Sales, tally.Returns, tally.Minor,
		uuids(tally.Unknown), uuids(tally.Undelivered), uuids(tally.ByPerson), uuids(tally.Left), uuids(tally.Counted))
	const want = "[{Name: Count:1 Minor:200} {Name:Visa Count:4 Minor:1801} {Name:girocard Count:1 Minor:500}] 5+1 2501; " +
		"unknown g h; undelivered f i; by hand d; left i j; counted a b c d e f"
	if told != want {
		t.Errorf("the tally is\n%s, want\n%s", told, want)
	}
}

func uuids(all []Payment) string {
	var s []string
	for _, p := range all {
		s = append(s, p.UUID)
	}
	return strings.Join(s, " ")
}

func TestCompare(t *testing.T) {
	lost := changed(inState(Reported), func(p *Payment) { p.UUID, p.Amount.Minor = "lost", 700 })
	day := []Payment{sold("a", "Visa", 1000), sold("b", "girocard", 500), lost}
	for name, c := range map[string]struct {
		totals terminal.Totals
		more   []Payment
		failed bool
		want   string
	}{
		"all agrees": {
			terminal.Totals{TotalMinor: 1500, Groups: []terminal.TotalsGroup{{Name: "VISA", Count: 1, TotalMinor: 1000}, {Name: "girocard", Count: 1, TotalMinor: 500}}},
			nil, false, "",
		},
		"only a sum, and it agrees": {terminal.Totals{TotalMinor: 1500}, nil, false, ""},
		"the terminal has a sale more": {
			terminal.Totals{TotalMinor: 2200, Groups: []terminal.TotalsGroup{{Name: "Visa", Count: 2, TotalMinor: 1700}, {Name: "girocard", Count: 1, TotalMinor: 500}}},
			nil, false, "sum +700, Visa 1 +700, perhaps missing lost",
		},
		"the terminal has a sale less": {
			terminal.Totals{TotalMinor: 1000, Groups: []terminal.TotalsGroup{{Name: "Visa", Count: 1, TotalMinor: 1000}}},
			nil, false, "sum -500, girocard -1 -500, perhaps too much b",
		},
		"another brand's name": {
			terminal.Totals{TotalMinor: 1500, Groups: []terminal.TotalsGroup{{Name: "V PAY", Count: 1, TotalMinor: 1000}, {Name: "girocard", Count: 1, TotalMinor: 500}}},
			nil, false, "",
		},
		"the same sum of fewer payments": {
			terminal.Totals{TotalMinor: 1500, Groups: []terminal.TotalsGroup{{Name: "Visa", Count: 1, TotalMinor: 1500}}},
			nil, false, "Visa 0 +500, girocard -1 -500",
		},
		"no sums": {terminal.Totals{Text: "done"}, nil, false, "no sums"},
		"no sums, and a sale that was given back": {
			terminal.Totals{Text: "done"}, []Payment{
				changed(sold("r", "Visa", 1000), func(p *Payment) { p.Kind, p.Sale = Refund, "a" }), changed(sold("q", "girocard", 500), func(p *Payment) { p.Kind, p.Sale = Refund, "b" }),
			}, false, "no sums",
		},
		"a hold explains it": {
			terminal.Totals{TotalMinor: 1750},
			[]Payment{changed(inState(Held), func(p *Payment) { p.UUID, p.Amount.Minor = "held", 250 })},
			false,
			"sum +250, perhaps missing held, unknown held",
		},
		"not delivered": {
			terminal.Totals{TotalMinor: 1501}, []Payment{changed(sold("late", "Visa", 1), func(p *Payment) { p.State = Approved })}, false, "not delivered late",
		},
		"not closed": {terminal.Totals{}, nil, true, ""},
	} {
		d := DayEnd{Closed: !c.failed, Totals: c.totals, Since: noon, Began: noon.Add(time.Hour)}
		var told []string
		for _, x := range Compare(d, Count(append(append([]Payment(nil), day...), c.more...))) {
			switch x.Kind {
			case SumDiffers:
				told = append(told, fmt.Sprintf("sum %+d", x.Minor))
			case BrandDiffers:
				told = append(told, fmt.Sprintf("%s %d %+d", x.Brand, x.Count, x.Minor))
			case NoSums:
				told = append(told, "no sums")
			default:
				told = append(told, map[DifferenceKind]string{
					MayBeMissing: "perhaps missing ", MayBeTooMuch: "perhaps too much ", StillUnknown: "unknown ", NotDelivered: "not delivered ",
				}[x.Kind]+x.Payment.UUID)
			}
		}
		if got := strings.Join(told, ", "); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// The first end of day closes what nobody knows the beginning of: nothing is compared, and the journal's sums are those of the day.
func TestFirstDayEnd(t *testing.T) {
	d := DayEnd{Closed: true, Totals: terminal.Totals{TotalMinor: 5}, Began: time.Date(2026, 3, 1, 20, 0, 0, 0, time.Local)}
	got := Compare(d, Count([]Payment{sold("a", "Visa", 1000)}))
	if len(got) != 1 || got[0].Kind != NoStart {
		t.Errorf("compared: %+v", got)
	}
	if want := time.Date(2026, 3, 1, 0, 0, 0, 0, time.Local); !d.From().Equal(want) {
		t.Errorf("it adds up since %s, want %s", d.From(), want)
	}
	if got := Compare(DayEnd{Closed: true, Since: noon, Began: noon}, Tally{}); len(got) != 0 {
		t.Errorf("a day without a payment is compared: %+v", got)
	}
	if d.Since = noon; !d.From().Equal(noon) {
		t.Errorf("it adds up since %s, want %s", d.From(), noon)
	}
}

func TestDueAt(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("this system has no time zones: ", err)
	}
	at := func(s string) time.Time {
		when, err := time.ParseInLocation("2006-01-02 15:04", s, berlin)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	for now, want := range map[string]string{
		"2026-06-02 23:30": "2026-06-02 23:30",
		"2026-06-02 23:29": "2026-06-01 23:30",
		"2026-06-03 08:00": "2026-06-02 23:30",
		"2026-03-01 08:00": "2026-02-28 23:30",
		"2026-03-29 12:00": "2026-03-28 23:30", // the night when the clock goes forward
		"2026-10-25 12:00": "2026-10-24 23:30", // and back
	} {
		if got := (ClockTime{23, 30}).DueAt(at(now)); !got.Equal(at(want)) {
			t.Errorf("at %s it was due last at %s, want %s", now, got, want)
		}
	}
}

// What other programs read keeps its words.
func TestDayWords(t *testing.T) {
	var words []string
	for k := SumDiffers; k <= NoStart+1; k++ {
		words = append(words, k.String())
	}
	const want = "sum brand may-be-missing may-be-too-much not-known not-delivered no-sums no-start difference(8)"
	if got := strings.Join(words, " "); got != want {
		t.Errorf("the words are %q", got)
	}
	if got := (ClockTime{7, 5}).String(); got != "07:05" {
		t.Errorf("a time of day is %q", got)
	}
	if got := Sale.Noun() + " " + Refund.Noun() + " " + Void.Noun(); got != "payment refund reversal" {
		t.Errorf("the kinds are called %q", got)
	}
}
