package bridge

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tillbridge/terminal"
)

// DayEnd is one end of day of a terminal. It moves no customer's money; what was sold since the one before goes to the bank with
// it, at most terminals.
type DayEnd struct {
	ID       int64
	Terminal string
	Currency terminal.Currency
	By       string    // who ordered it; empty for the clock
	Since    time.Time // when the last one that was closed began; zero for none, and then it is not known since when the terminal counts
	Began    time.Time
	Ended    time.Time // zero while it runs, and where it is not known whether it ended
	Closed   bool      // the terminal said that it is done
	Why      string    // why it is not closed; empty while it runs
	Totals   terminal.Totals
	Receipts []terminal.Receipt
}

// From is since when the journal's payments are added up: since the one before, or where there was none since the midnight before it.
func (d DayEnd) From() time.Time {
	if !d.Since.IsZero() {
		return d.Since
	}
	return ClockTime{}.DueAt(d.Began)
}

// Told tells whether the terminal told sums.
func (d DayEnd) Told() bool {
	return d.Closed && (d.Totals.TotalMinor != 0 || len(d.Totals.Groups) > 0)
}

// Tally is what the journal has of a terminal between two moments.
type Tally struct {
	Brands  []BrandTally // by name
	Sales   int          // approved sales
	Returns int          // refunds and reversals that were carried out
	Minor   int64        // what was sold less what was given back

	Unknown     []Payment // on hold or being asked about: in no sum
	Undelivered []Payment // decided, and MGR does not have it yet
	ByPerson    []Payment // decided by a person's word
	Left        []Payment // declined or never sent: in no sum, though they reached the terminal
	Counted     []Payment // in the sums
}

// BrandTally is the part of one brand of cards.
type BrandTally struct {
	Name  string // as the terminal names it; empty where it did not
	Count int
	Minor int64
}

// Count adds up payments of one terminal and one currency.
func Count(payments []Payment) Tally {
	var t Tally
	brands := map[string]*BrandTally{}
	for _, p := range payments {
		switch {
		case p.State.NotKnown() || p.State.InFlight():
			t.Unknown = append(t.Unknown, p)
		case !p.Moved():
			t.Left = append(t.Left, p)
		default:
			t.add(p, brands)
		}
		if !p.Done() && p.Final() {
			t.Undelivered = append(t.Undelivered, p)
		}
		if p.Proof == terminal.Person {
			t.ByPerson = append(t.ByPerson, p)
		}
	}
	for _, b := range brands {
		t.Brands = append(t.Brands, *b)
	}
	slices.SortFunc(t.Brands, func(a, b BrandTally) int { return strings.Compare(a.Name, b.Name) })
	return t
}

// add counts an approved payment.
func (t *Tally) add(p Payment, brands map[string]*BrandTally) {
	t.Counted = append(t.Counted, p)
	minor, name := p.Signed(), ""
	if p.Result != nil {
		name = p.Result.CardName
	}
	t.Minor += minor
	if p.Kind == Sale {
		t.Sales++
	} else {
		t.Returns++
	}
	key := strings.ToLower(name)
	if brands[key] == nil {
		brands[key] = &BrandTally{Name: name}
	}
	brands[key].Count++
	brands[key].Minor += minor
}

// Signed is what a payment that was carried out brings the shop, in minor units: less than zero where it gave back.
func (p Payment) Signed() int64 {
	if p.Kind == Sale {
		return p.Captured().Minor
	}
	return -p.Captured().Minor
}

// DifferenceKind is in what the terminal's sums and the journal's may differ, or why they may.
type DifferenceKind uint8

// The kinds of difference.
const (
	SumDiffers   DifferenceKind = iota // the terminal's sum of everything
	BrandDiffers                       // of one brand, by sum or number
	MayBeMissing                       // a payment that is in no sum of the journal's and would explain the difference
	MayBeTooMuch                       // a payment that is in the journal's sum and would explain the difference
	StillUnknown                       // a payment that is not known yet
	NotDelivered                       // an outcome that MGR does not have yet
	NoSums                             // the terminal told no sums, so that nothing was compared
	NoStart                            // it is not known since when the terminal counts, so that nothing was compared
)

func (k DifferenceKind) String() string {
	words := [...]string{"sum", "brand", "may-be-missing", "may-be-too-much", "not-known", "not-delivered", "no-sums", "no-start"}
	if int(k) < len(words) {
		return words[k]
	}
	return fmt.Sprintf("difference(%d)", uint8(k))
}

// Difference is one thing that does not agree, or that keeps sums from agreeing.
type Difference struct {
	Kind    DifferenceKind
	Brand   string
	Count   int   // the terminal's less the journal's
	Minor   int64 // the terminal's less the journal's
	Payment *Payment
}

// Compare names everything in which a terminal's sums and the journal's do not agree. Where the sums of everything do not, brands are
// compared, if the terminal has them; names that only one of them has are told too.
func Compare(d DayEnd, t Tally) []Difference {
	var all []Difference
	switch {
	case d.Told() && d.Since.IsZero():
		all = append(all, Difference{Kind: NoStart})
	case d.Told():
		all = append(all, sums(d.Totals, t)...)
	case d.Closed && t.Sales+t.Returns > 0:
		all = append(all, Difference{Kind: NoSums})
	}
	for i := range t.Unknown {
		all = append(all, Difference{Kind: StillUnknown, Payment: &t.Unknown[i]})
	}
	for i := range t.Undelivered {
		all = append(all, Difference{Kind: NotDelivered, Payment: &t.Undelivered[i]})
	}
	return all
}

// sums compares the sums, and looks for a payment that explains what they differ by.
func sums(totals terminal.Totals, t Tally) []Difference {
	var all []Difference
	more, count := totals.TotalMinor-t.Minor, -len(t.Counted)
	for _, g := range totals.Groups {
		count += g.Count
	}
	if more == 0 && (count == 0 || len(totals.Groups) == 0) {
		return nil // a brand that goes by another name is no difference
	}
	if more != 0 {
		all = append(all, Difference{Kind: SumDiffers, Minor: more})
	}
	ours := map[string]BrandTally{}
	for _, b := range t.Brands {
		ours[strings.ToLower(b.Name)] = b
	}
	differ := func(name string, count int, minor int64) {
		if count != 0 || minor != 0 {
			all = append(all, Difference{Kind: BrandDiffers, Brand: name, Count: count, Minor: minor})
		}
	}
	for _, g := range totals.Groups {
		key := strings.ToLower(g.Name)
		differ(g.Name, g.Count-ours[key].Count, g.TotalMinor-ours[key].Minor)
		delete(ours, key)
	}
	if len(totals.Groups) > 0 {
		for _, b := range t.Brands {
			if left, there := ours[strings.ToLower(b.Name)]; there {
				differ(left.Name, -left.Count, -left.Minor)
			}
		}
	}
	if more == 0 {
		return all
	}
	explain := func(k DifferenceKind, payments []Payment, sign int64) {
		for i := range payments {
			if sign*payments[i].Signed() == more {
				all = append(all, Difference{Kind: k, Payment: &payments[i]})
			}
		}
	}
	explain(MayBeMissing, append(slices.Clone(t.Unknown), t.Left...), 1)
	explain(MayBeTooMuch, t.Counted, -1)
	return all
}

// ClockTime is a time of day by the computer's clock.
type ClockTime struct{ Hour, Minute int }

func (c ClockTime) String() string { return fmt.Sprintf("%02d:%02d", c.Hour, c.Minute) }

// DueAt is the last moment at or before now at which it was this time of day.
func (c ClockTime) DueAt(now time.Time) time.Time {
	at := time.Date(now.Year(), now.Month(), now.Day(), c.Hour, c.Minute, 0, 0, now.Location())
	if at.After(now) {
		at = time.Date(now.Year(), now.Month(), now.Day()-1, c.Hour, c.Minute, 0, 0, now.Location())
	}
	return at
}
