package counter

import (
	"context"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/counter/language"
)

const (
	pageSize   = 50
	searchTime = 15 * time.Second // a search through very many payments ends after this
)

// group is a choice of states in the list.
type group struct {
	Key, Label string
	states     []bridge.State
	kinds      []bridge.Kind
}

func groups(l *language.Language) []group {
	return []group{
		{"", l.Text("All"), nil, nil},
		{"unknown", l.Text("Not known: on hold or being asked"), []bridge.State{bridge.Uncertain, bridge.Recovering, bridge.Held}, nil},
		{"running", l.Text("Under way"), []bridge.State{bridge.Received, bridge.Armed, bridge.Sent, bridge.Seen, bridge.Acknowledged}, nil},
		{"decided", l.Text("Decided, MGR still to be told"), []bridge.State{bridge.Approved, bridge.Declined, bridge.Expired, bridge.NotSent}, []bridge.Kind{bridge.Sale}},
		{"reported", l.Text("MGR was told"), []bridge.State{bridge.Reported}, nil},
		{"returned", l.Text("Refunds and reversals that are decided"), []bridge.State{bridge.Approved, bridge.Declined, bridge.Expired, bridge.NotSent}, []bridge.Kind{bridge.Refund, bridge.Void}},
	}
}

// kindChoices are the choices of a kind.
func kindChoices(l *language.Language) []group {
	return []group{
		{"", l.Text("All"), nil, nil},
		{bridge.Sale.String(), l.Text("Payments"), nil, []bridge.Kind{bridge.Sale}},
		{bridge.Refund.String(), l.Text("Refunds"), nil, []bridge.Kind{bridge.Refund}},
		{bridge.Void.String(), l.Text("Reversals"), nil, []bridge.Kind{bridge.Void}},
	}
}

// listView is the list of payments.
type listView struct {
	Text, State, Terminal string
	Kind                  string
	From, To              string // the first and the last day; empty where nothing bounds them
	Groups, Kinds         []group
	Terminals             []string
	Rows                  []paymentLine
	Older                 string // the address of the next page; empty on the last
	Newest                string // the address of the first page; empty on it
	CSV, JSON             string // the addresses that export what is chosen
	Here                  string // the address of the list that is chosen
}

// Chosen tells whether anything narrows the list.
func (v listView) Chosen() bool { return v.Text+v.State+v.Kind+v.Terminal+v.From+v.To != "" }

// chosen is the choice of a list's address.
func chosen(l *language.Language, q url.Values) listView {
	return listView{
		Text: tidy(q.Get("q")), State: q.Get("state"), Kind: q.Get("kind"), Terminal: q.Get("terminal"), From: q.Get("from"), To: q.Get("to"),
		Groups: groups(l), Kinds: kindChoices(l),
	}
}

func (c *Counter) payments(w http.ResponseWriter, r *http.Request, s *session) {
	q, l := r.URL.Query(), c.language(r)
	v := chosen(l, q)
	f, problem := v.filter(l, q.Get("before"))
	if problem != "" {
		c.problem(w, r, s, http.StatusBadRequest, problem)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), searchTime)
	defer cancel()
	rows, err := c.find(ctx, f)
	if err != nil {
		c.unreadable(w, r, s, err)
		return
	}
	for i, row := range rows {
		if i == pageSize {
			v.Older = v.address("/payments", rows[i-1].ID)
			break
		}
		v.Rows = append(v.Rows, line(l, row.Payment, row.ID))
	}
	if f.BeforeID > 0 {
		v.Newest = v.address("/payments", 0)
	}
	v.CSV, v.JSON, v.Here = v.address(exportCSVPath, 0), v.address(exportJSONPath, 0), v.address("/payments", 0)
	for _, t := range c.desk.Terminals() {
		v.Terminals = append(v.Terminals, t.Name)
	}
	page := c.frame(r, s, l.Text("Payments"), v)
	page.Section, page.Live = "payments", v.address("/payments", f.BeforeID)
	c.render(w, http.StatusOK, "payments", page)
}

// filter is the choice as the book takes it, or a sentence that says what is wrong with it. An amount may be
// written in the language's marks.
func (v listView) filter(l *language.Language, before string) (f Filter, problem template.HTML) {
	f = Filter{Text: l.Plain(v.Text), Terminal: v.Terminal, Limit: pageSize + 1}
	if len(v.Text) > maxSearch {
		return f, l.HTML("The search text is too long.")
	}
	state := slices.IndexFunc(v.Groups, func(g group) bool { return g.Key == v.State })
	kind := slices.IndexFunc(v.Kinds, func(g group) bool { return g.Key == v.Kind })
	if state < 0 || kind < 0 {
		return f, l.HTML("There is no such choice of states.")
	}
	f.States, f.Kinds = v.Groups[state].states, v.Kinds[kind].kinds
	if of := v.Groups[state].kinds; len(f.Kinds) == 0 {
		f.Kinds = of
	} else if len(of) > 0 && !slices.Contains(of, f.Kinds[0]) { // the two exclude each other
		f.none = true
	}
	var err error
	if v.From != "" {
		if f.From, err = time.ParseInLocation(time.DateOnly, v.From, time.Local); err != nil {
			return f, l.HTML("The first day is not a date such as 2026-03-31.")
		}
	}
	if v.To != "" {
		if f.To, err = time.ParseInLocation(time.DateOnly, v.To, time.Local); err != nil {
			return f, l.HTML("The last day is not a date such as 2026-03-31.")
		}
		f.To = f.To.AddDate(0, 0, 1)
	}
	if v.From != "" && v.To != "" && !f.From.Before(f.To) {
		return f, l.HTML("The last day lies before the first.")
	}
	if before != "" {
		if f.BeforeID, err = strconv.ParseInt(before, 10, 64); err != nil || f.BeforeID < 1 {
			return f, l.HTML("There is no such page of the list.")
		}
	}
	return f, ""
}

// find is what a filter chooses.
func (c *Counter) find(ctx context.Context, f Filter) ([]Row, error) {
	if f.none {
		return nil, nil
	}
	return c.book.Payments(ctx, f)
}

// address is a page with the same choice, from before a payment on; 0 for the newest.
func (v listView) address(page string, before int64) string {
	q := url.Values{}
	for _, p := range []struct{ name, value string }{{"q", v.Text}, {"state", v.State}, {"kind", v.Kind}, {"terminal", v.Terminal}, {"from", v.From}, {"to", v.To}} {
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
