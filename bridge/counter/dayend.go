package counter

import (
	"context"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/counter/language"
	"tillbridge/terminal"
)

const (
	dayMost    = 50_000 // payments of one day that are added up
	daysListed = 14     // ends of day of a terminal that are shown
)

// dayView is the page of a terminal's ends of day.
type dayView struct {
	bridge.TerminalStatus
	Others []dayChoice // the terminals, where there are several
	Due    time.Time   // since when one is due that has not run; zero for none
	Since  time.Time   // the last one that was closed; zero for none
	Open   *dayTally   // what came since
	Ends   []dayLine
}

// dayChoice is a terminal that can be looked at.
type dayChoice struct {
	Name, Address string
	Chosen        bool
}

// dayLine is an end of day in the list.
type dayLine struct {
	bridge.DayEnd
	Short       string
	Tone        tone
	Sum         string // the terminal's
	Differences int
	Address     string
}

// dayTally is the journal's sums of a day, as they are shown.
type dayTally struct {
	bridge.Tally
	Currency terminal.Currency
	TooMany  bool // there are more payments than are added up
}

// Sum is what was sold less what was given back.
func (d dayTally) Sum() terminal.Amount {
	return terminal.Amount{Minor: d.Minor, Currency: d.Currency}
}

// tally adds up what reached a terminal between two moments.
func (c *Counter) tally(ctx context.Context, name string, currency terminal.Currency, from, to time.Time) (*dayTally, error) {
	all, err := c.book.Armed(ctx, name, from, to, dayMost)
	if err != nil {
		return nil, err
	}
	return &dayTally{Tally: bridge.Count(all), Currency: currency, TooMany: len(all) == dayMost}, nil
}

// dayTerminal is the terminal that a page is about: the one that is named, else the first.
func (c *Counter) dayTerminal(name string) (bridge.TerminalStatus, []dayChoice, bool) {
	all := c.desk.Terminals()
	var found bridge.TerminalStatus
	ok := false
	var choices []dayChoice
	for i, t := range all {
		chosen := t.Name == name || name == "" && i == 0
		if chosen {
			found, ok = t, true
		}
		choices = append(choices, dayChoice{Name: t.Name, Address: "/day-end?" + query("terminal", t.Name), Chosen: chosen})
	}
	if len(all) < 2 {
		choices = nil
	}
	return found, choices, ok
}

func (c *Counter) dayEnd(w http.ResponseWriter, r *http.Request, s *session) {
	c.showDays(w, r, s, r.URL.Query().Get("terminal"), http.StatusOK, "")
}

func (c *Counter) showDays(w http.ResponseWriter, r *http.Request, s *session, name string, status int, problem template.HTML) {
	l := c.language(r)
	t, choices, ok := c.dayTerminal(name)
	if !ok {
		c.problem(w, r, s, http.StatusNotFound, l.HTML("There is no terminal to show."))
		return
	}
	v := dayView{TerminalStatus: t, Others: choices}
	if err := c.readDays(r.Context(), l, &v); err != nil {
		c.unreadable(w, r, s, err)
		return
	}
	f := c.frame(r, s, l.Text("Day end"), &v)
	f.Section, f.Live, f.Refresh, f.Problem = "day", "/day-end?"+query("terminal", t.Name), 10, problem
	c.render(w, status, "day-end", f)
}

// readDays fills in what the journal has.
func (c *Counter) readDays(ctx context.Context, l *language.Language, v *dayView) error {
	ends, err := c.book.DayEnds(ctx, v.Name)
	if err != nil {
		return err
	}
	for _, d := range ends {
		if d.Closed {
			v.Since = d.Began
			break
		}
	}
	now := time.Now()
	open := bridge.DayEnd{Since: v.Since, Began: now}
	if v.Open, err = c.tally(ctx, v.Name, v.Currency, open.From(), now); err != nil {
		return err
	}
	if v.Due, err = c.overdue(ctx, v.TerminalStatus, ends, now); err != nil {
		return err
	}
	for _, d := range ends[:min(len(ends), daysListed)] {
		one := dayLine{DayEnd: d, Address: dayAddress("/day-end/show", d, "")}
		one.Short, one.Tone = dayWords(l, d, v.Closing)
		if d.Told() {
			one.Sum = l.Amount(terminal.Amount{Minor: d.Totals.TotalMinor, Currency: d.Currency})
		}
		if d.Closed {
			t, err := c.tally(ctx, d.Terminal, d.Currency, d.From(), d.Began)
			if err != nil {
				return err
			}
			one.Differences = len(bridge.Compare(d, t.Tally))
		}
		v.Ends = append(v.Ends, one)
	}
	return nil
}

// overdue is since when an end of day by the clock has not run; zero where none is due. The terminal runs it by itself as soon as it
// can.
func (c *Counter) overdue(ctx context.Context, t bridge.TerminalStatus, ends []bridge.DayEnd, now time.Time) (time.Time, error) {
	if t.ClosesAt == nil || t.Closing {
		return time.Time{}, nil
	}
	due, last := t.ClosesAt.DueAt(now), time.Time{}
	if len(ends) > 0 {
		last = ends[0].Began
	}
	if !last.Before(due) || now.Sub(due) < 2*time.Minute { // it is about to
		return time.Time{}, nil
	}
	paid, err := c.book.Armed(ctx, t.Name, last, due, 1)
	if err != nil || len(paid) == 0 {
		return time.Time{}, err
	}
	return due, nil
}

// dayAddress is a page about an end of day.
func dayAddress(page string, d bridge.DayEnd, paper string) string {
	q := url.Values{"terminal": {d.Terminal}, "id": {strconv.FormatInt(d.ID, 10)}}
	if paper != "" {
		q.Set("paper", paper)
	}
	return page + "?" + q.Encode()
}

// runDayEnd has a terminal end its day.
func (c *Counter) runDayEnd(w http.ResponseWriter, r *http.Request, s *session) {
	if !c.form(w, r, s) {
		return
	}
	name := r.PostForm.Get("terminal")
	if err := c.desk.EndDay(r.Context(), name, s.name); err != nil {
		c.showDays(w, r, s, name, http.StatusConflict, c.language(r).HTML("The end of day was not begun. {why}", "why", said(c.language(r), err)))
		return
	}
	c.log.Info("end of day asked for at the counter screen", "terminal", name, "name", s.name)
	http.Redirect(w, r, "/day-end?"+query("terminal", name)+"&done=day", http.StatusSeeOther)
}

// dayShown is the page of one end of day.
type dayShown struct {
	bridge.DayEnd
	Short       string
	Tone        tone
	Tally       *dayTally
	Brands      []brandRow
	Differences []differenceLine
	Paper       string // the address of the slip
}

// Total is the terminal's own sum.
func (d dayShown) Total() terminal.Amount {
	return terminal.Amount{Minor: d.Totals.TotalMinor, Currency: d.Currency}
}

// Of is an amount in the day's currency.
func (d dayShown) Of(minor int64) terminal.Amount {
	return terminal.Amount{Minor: minor, Currency: d.Currency}
}

// day finds the end of day that a page is about; nil where it was answered already.
func (c *Counter) day(w http.ResponseWriter, r *http.Request, s *session) *dayShown {
	q := r.URL.Query()
	id, _ := strconv.ParseInt(q.Get("id"), 10, 64)
	ends, err := c.book.DayEnds(r.Context(), q.Get("terminal"))
	if err != nil {
		c.unreadable(w, r, s, err)
		return nil
	}
	for _, d := range ends {
		if d.ID != id {
			continue
		}
		l := c.language(r)
		v := &dayShown{DayEnd: d, Paper: dayAddress("/day-end/slip", d, "")}
		if v.Tally, err = c.tally(r.Context(), d.Terminal, d.Currency, d.From(), d.Began); err != nil {
			c.unreadable(w, r, s, err)
			return nil
		}
		v.Short, v.Tone = dayWords(l, d, c.closing(d.Terminal))
		v.Brands = brandRows(d, v.Tally.Tally)
		for _, x := range bridge.Compare(d, v.Tally.Tally) {
			v.Differences = append(v.Differences, differenceWords(l, d, v.Tally.Tally, x))
		}
		return v
	}
	c.problem(w, r, s, http.StatusNotFound, c.language(r).HTML("There is no such end of day."))
	return nil
}

// closing tells whether a terminal runs its end of day now.
func (c *Counter) closing(name string) bool {
	for _, t := range c.desk.Terminals() {
		if t.Name == name {
			return t.Closing
		}
	}
	return false
}

func (c *Counter) showDayEnd(w http.ResponseWriter, r *http.Request, s *session) {
	v := c.day(w, r, s)
	if v == nil {
		return
	}
	f := c.frame(r, s, c.language(r).Text("Day end"), v)
	f.Section, f.Live = "day", dayAddress("/day-end/show", v.DayEnd, "")
	c.render(w, http.StatusOK, "day-end-show", f)
}

// slipView is the slip of a day, to print.
type slipView struct {
	*dayShown
	Lines  []terminal.Line
	Paper  string
	Papers []paper
	Back   string
}

// daySlip shows the card totals of a day as wide as the paper that they are to be printed on.
func (c *Counter) daySlip(w http.ResponseWriter, r *http.Request, s *session) {
	d := c.day(w, r, s)
	if d == nil {
		return
	}
	l := c.language(r)
	v := slipView{dayShown: d, Back: dayAddress("/day-end/show", d.DayEnd, "")}
	v.Papers, v.Paper = papers(r.URL.Query().Get("paper"), func(paper string) string { return dayAddress("/day-end/slip", d.DayEnd, paper) })
	if v.Paper == "" {
		c.problem(w, r, s, http.StatusNotFound, l.HTML("There is no such paper."))
		return
	}
	// As many characters as stand in a line of the paper, in the size of its style.
	v.Lines = slipLines(l, d, map[string]int{"w58": 26, "w80": 30, "a4": 42}[v.Paper])
	f := c.frame(r, s, l.Text("Card totals"), v)
	f.Section = "day"
	c.render(w, http.StatusOK, "day-end-slip", f)
}
