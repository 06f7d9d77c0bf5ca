package counter

import (
	"net/http"
	"time"

	"tillbridge/bridge"
)

// dayEndFacts is an end of day as other programs are told of it.
type dayEndFacts struct {
	ID       int64      `json:"id"`
	Terminal string     `json:"terminal"`
	By       string     `json:"ordered_by,omitempty"` // empty for the clock
	Since    *time.Time `json:"since,omitempty"`      // when the one before began
	Began    time.Time  `json:"began"`
	Ended    *time.Time `json:"ended,omitempty"`
	Closed   bool       `json:"closed"`
	Why      string     `json:"why,omitempty"` // why not
	Currency string     `json:"currency"`

	TerminalMinor *int64       `json:"terminal_minor,omitempty"` // the terminal's sum, where it told one
	TerminalCards []cardsFacts `json:"terminal_cards,omitempty"`
	JournalMinor  int64        `json:"journal_minor"`
	JournalCards  []cardsFacts `json:"journal_cards"`

	Differences []differenceFacts `json:"differences"`
}

// cardsFacts is the part of one brand of cards.
type cardsFacts struct {
	Name  string `json:"name"` // as the terminal names it; empty where it did not
	Count int    `json:"count"`
	Minor int64  `json:"minor"`
}

// differenceFacts is one thing that does not agree; counts and sums are the terminal's less the journal's.
type differenceFacts struct {
	Kind  string `json:"kind"`
	Name  string `json:"name,omitempty"` // of the cards
	Count int    `json:"count,omitempty"`
	Minor int64  `json:"minor,omitempty"`
	UUID  string `json:"payment_uuid,omitempty"`
}

// apiDayEnds tells the last ends of day, of one terminal or of all.
func (c *Counter) apiDayEnds(w http.ResponseWriter, r *http.Request) {
	ends, err := c.book.DayEnds(r.Context(), r.URL.Query().Get("terminal"))
	if err != nil {
		c.apiUnread(w, err)
		return
	}
	all := []dayEndFacts{}
	for _, d := range ends[:min(len(ends), daysListed)] {
		t, err := c.tally(r.Context(), d.Terminal, d.Currency, d.From(), d.Began)
		if err != nil {
			c.apiUnread(w, err)
			return
		}
		all = append(all, dayFactsOf(d, t.Tally))
	}
	c.apiTell(w, map[string]any{"day_ends": all})
}

func dayFactsOf(d bridge.DayEnd, t bridge.Tally) dayEndFacts {
	f := dayEndFacts{
		ID: d.ID, Terminal: d.Terminal, By: d.By, Began: d.Began, Closed: d.Closed, Why: d.Why, Currency: d.Currency.Code,
		JournalMinor: t.Minor, JournalCards: []cardsFacts{}, Differences: []differenceFacts{},
	}
	if !d.Since.IsZero() {
		f.Since = &d.Since
	}
	if !d.Ended.IsZero() {
		f.Ended = &d.Ended
	}
	if d.Told() {
		f.TerminalMinor = &d.Totals.TotalMinor
	}
	for _, g := range d.Totals.Groups {
		f.TerminalCards = append(f.TerminalCards, cardsFacts{g.Name, g.Count, g.TotalMinor})
	}
	for _, b := range t.Brands {
		f.JournalCards = append(f.JournalCards, cardsFacts(b))
	}
	for _, x := range bridge.Compare(d, t) {
		one := differenceFacts{Kind: x.Kind.String(), Name: x.Brand, Count: x.Count, Minor: x.Minor}
		if x.Payment != nil {
			one.UUID = x.Payment.UUID
		}
		f.Differences = append(f.Differences, one)
	}
	return f
}
