package counter

import (
	"html/template"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"tillbridge/bridge"
	"tillbridge/bridge/counter/language"
	"tillbridge/terminal"
)

// dayWords tells in a word how an end of day went.
func dayWords(l *language.Language, d bridge.DayEnd, running bool) (string, tone) {
	switch {
	case d.Closed:
		return l.Text("Closed"), toneGood
	case !d.Ended.IsZero():
		return l.Text("Not closed"), toneBad
	case running:
		return l.Text("Running"), toneWork
	}
	return l.Text("Broken off"), toneHold
}

// brandRow is a brand of cards in the terminal's sums and in the journal's.
type brandRow struct {
	Name         string
	Theirs, Ours bridge.BrandTally
	HasTheirs    bool
	Differs      bool
}

// brandRows puts both sides beside each other, by the name that the terminal gives a brand.
func brandRows(d bridge.DayEnd, t bridge.Tally) []brandRow {
	ours := map[string]bridge.BrandTally{}
	for _, b := range t.Brands {
		ours[strings.ToLower(b.Name)] = b
	}
	var rows []brandRow
	seen := map[string]bool{}
	for _, g := range d.Totals.Groups {
		key := strings.ToLower(g.Name)
		if g.Count == 0 && g.TotalMinor == 0 && ours[key].Count == 0 {
			continue // many terminals list what they did not have
		}
		r := brandRow{Name: g.Name, Theirs: bridge.BrandTally{Name: g.Name, Count: g.Count, Minor: g.TotalMinor}, Ours: ours[key], HasTheirs: true}
		r.Differs = r.Theirs.Count != r.Ours.Count || r.Theirs.Minor != r.Ours.Minor
		seen[key] = true
		rows = append(rows, r)
	}
	for _, b := range t.Brands {
		if !seen[strings.ToLower(b.Name)] {
			rows = append(rows, brandRow{Name: b.Name, Ours: b, Differs: len(d.Totals.Groups) > 0})
		}
	}
	return rows
}

// differenceLine is one difference, and what to do about it.
type differenceLine struct {
	What, Do template.HTML
	Address  string // of the payment that it is about; empty for none
}

// differenceWords tells one difference.
func differenceWords(l *language.Language, d bridge.DayEnd, t bridge.Tally, x bridge.Difference) differenceLine {
	amount := func(minor int64) string {
		return l.Amount(terminal.Amount{Minor: minor, Currency: d.Currency})
	}
	var one differenceLine
	var what, when string
	if x.Payment != nil {
		one.Address = "/payment?" + query("uuid", x.Payment.UUID)
		what, when = l.Amount(x.Payment.Captured()), l.Time(x.Payment.Received, time.Now())
	}
	switch x.Kind {
	case bridge.SumDiffers:
		one.What = l.HTML("The terminal has *{amount} more* than the journal.", "amount", amount(x.Minor))
		if x.Minor < 0 {
			one.What = l.HTML("The terminal has *{amount} less* than the journal.", "amount", amount(-x.Minor))
		}
		one.Do = l.HTML("Look for payments that were made or taken back at the terminal's own keys, and for those that were settled by hand.")
	case bridge.BrandDiffers:
		for _, r := range brandRows(d, t) {
			if r.Name == x.Brand {
				one.What = l.HTML("{brand}: {n} payments, {amount} at the terminal; {n2} payments, {amount2} in the journal.",
					"brand", brandName(l, r.Name), "n", r.Theirs.Count, "amount", amount(r.Theirs.Minor), "n2", r.Ours.Count, "amount2", amount(r.Ours.Minor))
			}
		}
		one.Do = l.HTML("Compare the terminal's receipt with the payments of this brand.")
	case bridge.MayBeMissing:
		one.What = l.HTML("The payment of {amount} from {time} would explain it: it is in no sum of the journal's.", "amount", what, "time", when)
		one.Do = l.HTML("Look for it on the terminal's receipt. If it is there, the customer paid: put it right in MGR or give the money back.")
	case bridge.MayBeTooMuch:
		one.What = l.HTML("The payment of {amount} from {time} would explain it: the terminal may not have it.", "amount", what, "time", when)
		one.Do = l.HTML("Look for it on the terminal's receipt. If it is not there, ask the terminal's provider.")
	case bridge.StillUnknown:
		one.What = l.HTML("The payment of {amount} from {time} is not known yet, and in no sum.", "amount", what, "time", when)
		one.Do = l.HTML("Settle it as soon as the terminal's receipt shows what became of it.")
	case bridge.NotDelivered:
		one.What = l.HTML("MGR does not know yet what became of the payment of {amount} from {time}.", "amount", what, "time", when)
		one.Do = l.HTML("The bridge keeps trying. Nothing is to be done while MGR or the line to it is down.")
	case bridge.NoStart:
		one.What = l.HTML("There was no end of day from here before, so that it is not known since when the terminal counts. Nothing was compared.")
		one.Do = l.HTML("From the next one on the sums are compared.")
	case bridge.NoSums:
		one.What = l.HTML("The terminal told no sums, so that nothing could be compared.")
		one.Do = l.HTML("Compare its receipt with the journal's sums by hand.")
	}
	return one
}

// brandName is a brand as it is shown.
func brandName(l *language.Language, name string) string {
	if name == "" {
		return l.Text("Other cards")
	}
	return name
}

// slipLines is the slip of a day: the totals by brand and nothing else.
func slipLines(l *language.Language, d *dayShown, columns int) []terminal.Line {
	now := time.Now()
	amount := func(minor int64) string {
		return l.Amount(terminal.Amount{Minor: minor, Currency: d.Currency})
	}
	lines := []terminal.Line{
		{Text: l.Text("Card totals"), Centred: true, Tall: true},
		{Text: d.Terminal, Centred: true},
	}
	lines = append(lines, terminal.Line{Text: spread(l.Text("From"), l.Time(d.From(), now), columns)})
	rule := terminal.Line{Text: strings.Repeat("-", columns)}
	lines = append(lines, terminal.Line{Text: spread(l.Text("To"), l.Time(d.Began, now), columns)}, rule)
	for _, b := range d.Tally.Brands {
		lines = append(lines, terminal.Line{Text: spread(strconv.Itoa(b.Count)+" × "+brandName(l, b.Name), amount(b.Minor), columns)})
	}
	lines = append(lines, rule, terminal.Line{Text: spread(l.Text("Sum"), amount(d.Tally.Minor), columns), Tall: true})
	if d.Told() && d.Totals.TotalMinor != d.Tally.Minor {
		lines = append(lines, terminal.Line{Text: spread(l.Text("Sum at the terminal"), amount(d.Totals.TotalMinor), columns)})
	}
	return lines
}

// spread puts one text at the left and one at the right end of a line, on two where they do not fit.
func spread(left, right string, columns int) string {
	gap := columns - utf8.RuneCountInString(left) - utf8.RuneCountInString(right)
	if gap < 1 {
		return left + "\n" + strings.Repeat(" ", max(columns-utf8.RuneCountInString(right), 0)) + right
	}
	return left + strings.Repeat(" ", gap) + right
}
