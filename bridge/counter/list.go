package counter

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"tillbridge/bridge"
)

const (
	pageSize   = 50
	searchTime = 15 * time.Second // a search through very many payments ends after this
)

// group is a choice of states in the list.
type group struct {
	Key, Label string
	states     []bridge.State
}

func groups() []group {
	return []group{
		{"", "All", nil},
		{"unknown", "Not known: on hold or being asked", []bridge.State{bridge.Uncertain, bridge.Recovering, bridge.Held}},
		{"running", "Under way", []bridge.State{bridge.Received, bridge.Armed, bridge.Sent, bridge.Seen, bridge.Acknowledged}},
		{"decided", "Decided, MGR still to be told", []bridge.State{bridge.Approved, bridge.Declined, bridge.Expired, bridge.NotSent}},
		{"reported", "MGR was told", []bridge.State{bridge.Reported}},
	}
}

// listView is the list of payments.
type listView struct {
	Text, State, Terminal string
	From, To              string // the first and the last day; empty where nothing bounds them
	Groups                []group
	Terminals             []string
	Rows                  []paymentLine
	Older                 string // the address of the next page; empty on the last
	Newest                string // the address of the first page; empty on it
	CSV, JSON             string // the addresses that export what is chosen
}

// Chosen tells whether anything narrows the list.
func (v listView) Chosen() bool { return v.Text+v.State+v.Terminal+v.From+v.To != "" }

// chosen is the choice of a list's address.
func chosen(q url.Values) listView {
	return listView{
		Text: tidy(q.Get("q")), State: q.Get("state"), Terminal: q.Get("terminal"), From: q.Get("from"), To: q.Get("to"), Groups: groups(),
	}
}

func (c *Counter) payments(w http.ResponseWriter, r *http.Request, s *session) {
	q := r.URL.Query()
	v := chosen(q)
	f, problem := v.filter(q.Get("before"))
	if problem != "" {
		c.problem(w, r, s, http.StatusBadRequest, problem)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), searchTime)
	defer cancel()
	rows, err := c.book.Payments(ctx, f)
	if err != nil {
		c.unreadable(w, r, s, err)
		return
	}
	for i, row := range rows {
		if i == pageSize {
			v.Older = v.address("/payments", rows[i-1].ID)
			break
		}
		v.Rows = append(v.Rows, line(row.Payment, row.ID))
	}
	if f.BeforeID > 0 {
		v.Newest = v.address("/payments", 0)
	}
	v.CSV, v.JSON = v.address("/payments/export.csv", 0), v.address("/payments/export.json", 0)
	for _, t := range c.desk.Terminals() {
		v.Terminals = append(v.Terminals, t.Name)
	}
	page := c.frame(r, s, "Payments", v)
	page.Section, page.Live = "payments", v.address("/payments", f.BeforeID)
	c.render(w, http.StatusOK, "payments", page)
}

// filter is the choice as the book takes it, or a sentence that says what is wrong with it.
func (v listView) filter(before string) (Filter, string) {
	f := Filter{Text: v.Text, Terminal: v.Terminal, Limit: pageSize + 1}
	if len(v.Text) > maxSearch {
		return f, "The search text is too long."
	}
	known := false
	for _, g := range v.Groups {
		if g.Key == v.State {
			f.States, known = g.states, true
		}
	}
	if !known {
		return f, "There is no such choice of states."
	}
	var err error
	if v.From != "" {
		if f.From, err = time.ParseInLocation(time.DateOnly, v.From, time.Local); err != nil {
			return f, "The first day is not a date such as 2026-03-31."
		}
	}
	if v.To != "" {
		if f.To, err = time.ParseInLocation(time.DateOnly, v.To, time.Local); err != nil {
			return f, "The last day is not a date such as 2026-03-31."
		}
		f.To = f.To.AddDate(0, 0, 1)
	}
	if v.From != "" && v.To != "" && !f.From.Before(f.To) {
		return f, "The last day lies before the first."
	}
	if before != "" {
		if f.BeforeID, err = strconv.ParseInt(before, 10, 64); err != nil || f.BeforeID < 1 {
			return f, "There is no such page of the list."
		}
	}
	return f, ""
}

// address is a page with the same choice, from before a payment on; 0 for the newest.
func (v listView) address(page string, before int64) string {
	q := url.Values{}
	for _, p := range []struct{ name, value string }{{"q", v.Text}, {"state", v.State}, {"terminal", v.Terminal}, {"from", v.From}, {"to", v.To}} {
		if p.value != "" {
			q.Set(p.name, p.value)
		}
	}
	if before > 0 {
		q.Set("before", strconv.FormatInt(before, 10))
	}
	if len(q) == 0 {
		return page
	}
	return page + "?" + q.Encode()
}
