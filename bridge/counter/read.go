package counter

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"tillbridge/bridge"
	"tillbridge/bridge/health"
	"tillbridge/terminal"
)

// openAPI describes the API below /api/v1 and /metrics (OpenAPI 3.0).
//
//go:embed openapi.json
var openAPI []byte

const (
	apiPage = 100  // payments in an answer where no limit is asked for
	apiMost = 1000 // at most
)

// apiReader serves a program that shows the API's token, or a password of the counter screen. What it serves only reads.
func (c *Counter) apiReader(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		kind, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(kind, "Bearer") {
			if c.apiAdmit(w, r) {
				next(w, r)
			}
			return
		}
		got := c.try(r.Context(), r, "token for the API", func() bool { return c.isToken(strings.TrimSpace(token)) })
		if c.apiVerdict(w, got, `Bearer realm="tillbridge API"`, "This is not the token of the API. It stands in the file api-token beside the journal.") {
			next(w, r)
		}
	}
}

func serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(openAPI) // a client that has gone needs no answer
}

// apiTell answers with JSON.
func (c *Counter) apiTell(w http.ResponseWriter, answer any) {
	b, err := json.Marshal(answer)
	if err != nil { // nothing here is made of what cannot be written
		c.log.Error("make the API's answer", "error", err)
		apiError(w, http.StatusInternalServerError, "The answer could not be made; the bridge's log says why.")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(b, '\n')) // a client that has gone needs no answer
}

// apiUnread answers when the book could not be read.
func (c *Counter) apiUnread(w http.ResponseWriter, err error) {
	c.log.Error("read for the API", "error", err)
	apiError(w, http.StatusServiceUnavailable, "The journal could not be read: "+sentence(err))
}

// statusFacts is how everything is.
type statusFacts struct {
	Version       string         `json:"version"`
	Well          bool           `json:"well"` // nobody has to do anything
	SettingsError string         `json:"settings_error,omitempty"`
	JournalError  string         `json:"journal_error,omitempty"` // why not_known, alarms and undelivered may miss something
	NotKnown      []bridge.Facts `json:"not_known"`
	Alarms        []alarmFacts   `json:"alarms"`
	Undelivered   int            `json:"undelivered"`
	Terminals     []lineFacts    `json:"terminals"`
}

// lineFacts is a terminal, with the payment in hand.
type lineFacts struct {
	health.Terminal
	Payment  string         `json:"payment_uuid,omitempty"`
	Progress string         `json:"progress,omitempty"`
	Closing  bool           `json:"closing,omitempty"` // its end of day is under way
	Question *questionFacts `json:"question,omitempty"`
}

// questionFacts is what a terminal's driver asks a person, who answers on the screen.
type questionFacts struct {
	Text    string `json:"text"`
	Again   bool   `json:"again,omitempty"` // it is asked a second time, to be sure
	Problem string `json:"problem,omitempty"`
}

type alarmFacts struct {
	ID       int64     `json:"id"`
	At       time.Time `json:"at"`
	Kind     string    `json:"kind"`
	Terminal string    `json:"terminal,omitempty"`
	UUID     string    `json:"payment_uuid,omitempty"`
	Text     string    `json:"text"`
}

func alarmsOf(list []Alarm) []alarmFacts {
	all := make([]alarmFacts, len(list))
	for i, a := range list {
		all[i] = alarmFacts(a)
	}
	return all
}

func (c *Counter) apiStatus(w http.ResponseWriter, r *http.Request) {
	v := c.look(r.Context(), c.languages.English())
	s := statusFacts{
		Version: c.config.Version, Well: v.Well, SettingsError: c.config.SettingsError, JournalError: v.Unread,
		NotKnown: []bridge.Facts{}, Alarms: alarmsOf(v.Alarms), Undelivered: v.Owed, Terminals: []lineFacts{},
	}
	for _, h := range v.Holds {
		s.NotKnown = append(s.NotKnown, h.Facts())
	}
	hands := map[string]bridge.TerminalStatus{}
	for _, t := range c.desk.Terminals() {
		hands[t.Name] = t
	}
	for _, l := range c.lines() {
		one := lineFacts{Terminal: l, Progress: hands[l.Name].Progress, Closing: hands[l.Name].Closing}
		if q := hands[l.Name].Question; q != nil {
			one.Question = &questionFacts{Text: q.Text, Again: q.Again, Problem: q.Problem}
		}
		if p := hands[l.Name].Payment; p != nil {
			one.Payment = p.UUID
		}
		s.Terminals = append(s.Terminals, one)
	}
	c.apiTell(w, s)
}

func (c *Counter) apiAlarms(w http.ResponseWriter, r *http.Request) {
	list, err := c.book.Alarms(r.Context())
	if err != nil {
		c.apiUnread(w, err)
		return
	}
	c.apiTell(w, map[string]any{"alarms": alarmsOf(list)})
}

// listedFacts is a payment of the list.
type listedFacts struct {
	ID int64 `json:"id"` // rises with acceptance
	bridge.Facts
}

func (c *Counter) apiPayments(w http.ResponseWriter, r *http.Request) {
	f, err := apiFilter(r.URL.RawQuery)
	if err != nil {
		apiError(w, http.StatusBadRequest, sentence(err))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), searchTime)
	defer cancel()
	limit := f.Limit
	f.Limit++ // the one more tells whether there are more
	rows, err := c.book.Payments(ctx, f)
	if err != nil {
		c.apiUnread(w, err)
		return
	}
	answer := struct {
		Payments []listedFacts `json:"payments"`
		Next     int64         `json:"next,omitempty"` // what before must be for the page that follows; absent on the last
	}{Payments: []listedFacts{}}
	for i, row := range rows {
		if i == limit {
			answer.Next = rows[i-1].ID
			break
		}
		answer.Payments = append(answer.Payments, listedFacts{row.ID, row.Facts()})
	}
	c.apiTell(w, answer)
}

// apiFilter reads the choice of payments. A parameter that is not known is refused: a choice that is not made would
// be taken for one that is.
func apiFilter(raw string) (Filter, error) {
	f := Filter{Limit: apiPage}
	q, err := url.ParseQuery(raw)
	if err != nil {
		return f, fmt.Errorf("the address: %w", err)
	}
	for name, values := range q {
		v := values[0]
		var err error
		switch name {
		case "q":
			if f.Text = tidy(v); len(v) > maxSearch {
				err = fmt.Errorf("at most %d bytes", maxSearch)
			}
		case "terminal":
			f.Terminal = v
		case "state":
			for _, word := range values {
				var s bridge.State
				if s, err = bridge.ParseState(word); err != nil {
					break
				}
				f.States = append(f.States, s)
			}
		case "kind":
			for _, word := range values {
				var k bridge.Kind
				if k, err = bridge.ParseKind(word); err != nil {
					break
				}
				f.Kinds = append(f.Kinds, k)
			}
		case "from":
			f.From, err = apiTime(v)
		case "to":
			f.To, err = apiTime(v)
		case "limit":
			if f.Limit, err = strconv.Atoi(v); err != nil || f.Limit < 1 || f.Limit >= apiMost {
				err = fmt.Errorf("%q is no number from 1 to %d", clip(v), apiMost-1)
			}
		case "before":
			if f.BeforeID, err = strconv.ParseInt(v, 10, 64); err != nil || f.BeforeID < 1 {
				err = fmt.Errorf("%q is none that next gave", clip(v))
			}
		default:
			err = fmt.Errorf("there is no such parameter; there are q, state, kind, terminal, from, to, limit and before")
		}
		if err == nil && len(values) > 1 && name != "state" && name != "kind" {
			err = fmt.Errorf("it comes twice")
		}
		if err != nil {
			return f, fmt.Errorf("%s: %w", clip(name), err)
		}
	}
	return f, nil
}

// apiTime is a moment, or the beginning of a day of this computer.
func apiTime(v string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, v); err == nil {
		return t, nil
	}
	t, err := time.ParseInLocation(time.DateOnly, v, time.Local)
	if err != nil {
		return t, fmt.Errorf("%q is neither a moment such as 2026-03-31T18:00:00+02:00 nor a day such as 2026-03-31", clip(v))
	}
	return t, nil
}

// receiptFacts is a receipt as text.
type receiptFacts struct {
	Kind      string `json:"kind"`
	Signature bool   `json:"signature"` // the customer must sign this copy
	Text      string `json:"text"`
}

func (c *Counter) apiPayment(w http.ResponseWriter, r *http.Request) {
	uuid, err := url.PathUnescape(mux.Vars(r)["uuid"])
	if err != nil {
		apiError(w, http.StatusNotFound, "There is no payment with this number.")
		return
	}
	p, ok, err := c.book.Payment(r.Context(), uuid)
	switch {
	case err != nil:
		c.apiUnread(w, err)
		return
	case !ok:
		apiError(w, http.StatusNotFound, "There is no payment with this number.")
		return
	}
	story, err := c.book.Story(r.Context(), uuid)
	var receipts []terminal.Receipt
	if err == nil {
		receipts, err = c.book.Receipts(r.Context(), uuid)
	}
	if err != nil {
		c.apiUnread(w, err)
		return
	}
	answer := struct {
		bridge.Facts
		Receipts []receiptFacts `json:"receipts"`
	}{p.Facts(), []receiptFacts{}}
	for _, s := range story {
		answer.Story = append(answer.Story, bridge.StepOf(s.At, s.Event, s.State))
	}
	for _, one := range receipts {
		answer.Receipts = append(answer.Receipts, receiptFacts{one.Kind.String(), one.Signature, receiptText(one)})
	}
	c.apiTell(w, answer)
}

// receiptText is a receipt as plain text. Centring is lost, since the paper's width is not known.
func receiptText(r terminal.Receipt) string {
	var b strings.Builder
	for _, l := range r.Lines {
		if !l.Centred {
			b.WriteString(strings.Repeat(" ", min(max(l.Indent, 0), 80)))
		}
		b.WriteString(l.Text + "\n")
	}
	return b.String()
}
