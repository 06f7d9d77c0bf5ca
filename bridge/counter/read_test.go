package counter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/gorilla/mux"

	"tillbridge/bridge"
	"tillbridge/bridge/health"
	"tillbridge/terminal"
)

const apiToken = "the-token-of-the-API"

// newShop is a counter screen with something of everything in its book.
func newShop(t *testing.T) (*world, *browser) {
	t.Helper()
	w, b := newScreen(t, Config{
		Token: apiToken, Version: "1.2.3",
		Health: func() []health.Terminal {
			return []health.Terminal{{
				Name: "counter", Driver: "ZVT", Line: "usb", State: health.Paying, Text: "Insert card.", Since: time.Now(), LastError: "It was silent.", LastErrorAt: time.Now(),
				Quality: terminal.LineCounts{Opened: 2, Messages: 31, BadChecks: 1, Answer: 40 * time.Millisecond, Slowest: time.Second, LastTrouble: time.Now()},
			}}
		},
	})
	captured := int64(1250)
	w.payment("held", bridge.Held).Reason = "It cannot be known."
	paid := w.payment("p/1", bridge.Reported)
	paid.Outcome, paid.Proof = terminal.Approved, terminal.Dialogue
	paid.Result = &terminal.Result{Outcome: terminal.Approved, CapturedMinor: &captured, AuthCode: "651200", TxnRef: "163", CardName: "Maestro", CardLast4: "1111"}
	person := w.payment("by hand", bridge.Declined)
	person.Outcome, person.Proof, person.Person = terminal.Declined, terminal.Person, &bridge.Person{Name: "Anna", Evidence: "Looked."}
	running := w.payment("running", bridge.Sent)
	w.alarms = []Alarm{{ID: 7, At: time.Now(), Kind: "contrary", Terminal: "counter", UUID: "p/1", Text: "Look."}, {ID: 6, At: time.Now(), Kind: "clock", Text: "Set it."}}
	w.owed = 1
	w.terminals = []bridge.TerminalStatus{{Name: "counter", Driver: "ZVT", Health: bridge.Working, Payment: running, Progress: "Insert card.", Question: asked(true, "They differ."), Closing: true}}
	w.story = []Step{{Seq: 1, At: time.Now(), Kind: bridge.Accept, State: bridge.Received, Event: bridge.Event{Kind: bridge.Accept}}}
	w.receipts = []terminal.Receipt{{Kind: terminal.CustomerReceipt, Lines: []terminal.Line{{Text: "SHOP", Centred: true, Indent: 9}, {Text: "12.50", Indent: 3}}}}
	return w, b
}

// ask asks the API with a header for the authorisation.
func (b *browser) ask(method, path, authorization, body string) *httptest.ResponseRecorder {
	b.t.Helper()
	kind := ""
	if body != "" {
		kind = "application/json"
	}
	b.header.Del("Authorization")
	if authorization != "" {
		b.header.Set("Authorization", authorization)
	}
	return b.request(method, path, kind, body)
}

// call is one request of the walk, and the status that it must give.
type call struct {
	path   string
	body   string
	who    string // the token unless it says otherwise
	status int
	before func(*world)
}

const (
	nobody   = "nobody"
	stranger = "stranger"
	clerk    = "clerk"
)

// calls are what is asked for each route, so that every answer that the document names comes.
func calls() map[string][]call {
	broken := errors.New("the disk failed")
	held := func(w *world) { w.resolve = func(string, bool, bridge.Person) error { return nil } }
	says := func(err error) func(*world) {
		return func(w *world) { w.resolve = func(string, bool, bridge.Person) error { return err } }
	}
	all := map[string][]call{
		"GET /api/v1/openapi.json": {{path: "/api/v1/openapi.json", who: nobody, status: 200}},
		"GET /api/v1/status": {
			{path: "/api/v1/status", status: 200},
			{path: "/api/v1/status", status: 200, before: func(w *world) { w.failAlarms = broken }},
			{path: "/api/v1/status", who: clerk, status: 200},
		},
		"GET /api/v1/day-ends": {
			{path: "/api/v1/day-ends?terminal=counter", status: 200, before: func(w *world) { w.closedDay() }},
			{path: "/api/v1/day-ends", status: 200},
			{path: "/api/v1/day-ends?terminal=counter", status: 503, before: func(w *world) { w.failDays = broken }},
			{path: "/api/v1/day-ends?terminal=counter", status: 503, before: func(w *world) { w.closedDay(); w.failDays, w.failArmed = nil, broken }},
		},
		"GET /api/v1/alarms": {
			{path: "/api/v1/alarms", status: 200},
			{path: "/api/v1/alarms", status: 503, before: func(w *world) { w.failAlarms = broken }},
		},
		"GET /api/v1/payments": {
			{path: "/api/v1/payments", status: 200},
			{path: "/api/v1/payments?limit=2&state=held&state=reported&terminal=counter&q=x&from=2026-03-31&to=2026-04-01T00:00:00Z&before=1000", status: 200},
			{path: "/api/v1/payments", status: 503, before: func(w *world) { w.failPayments = broken }},
		},
		"GET /api/v1/payments/{uuid}": {
			{path: "/api/v1/payments/p%2F1", status: 200},
			{path: "/api/v1/payments/held", status: 200},
			{path: "/api/v1/payments/by%20hand", status: 200},
			{path: "/api/v1/payments/p", status: 404},
			{path: "/api/v1/payments/held", status: 503, before: func(w *world) { w.failPayment = broken }},
			{path: "/api/v1/payments/held", status: 503, before: func(w *world) { w.failStory = broken }},
			{path: "/api/v1/payments/held", status: 503, before: func(w *world) { w.failReceipts = broken }},
		},
		"GET /metrics": {
			{path: "/metrics", status: 200},
			{path: "/metrics", status: 200, before: func(w *world) { w.failPayments = broken }},
		},
		"POST /api/v1/payments/{uuid}/resolve": {
			{path: "/api/v1/payments/held/resolve", body: settleJSON, status: 204, before: held},
			{path: "/api/v1/payments/held/resolve", body: `{}{}`, status: 400},
			{path: "/api/v1/payments/none/resolve", body: settleJSON, status: 404},
			{path: "/api/v1/payments/p%2F1/resolve", body: settleJSON, status: 409, before: says(refused(bridge.Reported, ""))},
			{path: "/api/v1/payments/held/resolve", body: `{"name": "` + strings.Repeat("x", maxBody) + `"}`, status: 413},
			{path: "/api/v1/payments/held/resolve", status: 415},
			{path: "/api/v1/payments/held/resolve", body: `{"outcome": "both"}`, status: 422},
			{path: "/api/v1/payments/held/resolve", body: settleJSON, status: 500, before: says(broken)},
			{path: "/api/v1/payments/held/resolve", body: settleJSON, status: 503, before: func(w *world) { w.failPayment = broken }},
		},
	}
	for _, query := range []string{"status=held", "limit=0", "limit=1000", "limit=x", "before=0", "from=today", "to=1", "state=paid", "limit=1&limit=2", "q=" + strings.Repeat("x", 101), "%zz"} {
		all["GET /api/v1/payments"] = append(all["GET /api/v1/payments"], call{path: "/api/v1/payments?" + query, status: 400})
	}
	for route, list := range all {
		if list[0].who == nobody {
			continue
		}
		for _, who := range []string{nobody, stranger} {
			list = append(list, call{path: list[0].path, body: list[0].body, who: who, status: 401})
		}
		all[route] = append(list, call{path: list[0].path, body: list[0].body, who: stranger, status: 429})
	}
	return all
}

// TestOpenAPI walks the routes: the document is valid, it names each of them and no other, each gives every answer that
// is named and only such, and what comes is what the document says.
func TestOpenAPI(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(openAPI)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(context.Background()); err != nil {
		t.Fatal(err)
	}
	routes, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	var documented, served []string
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			documented = append(documented, method+" "+path)
		}
	}
	_, b := newShop(t)
	err = b.c.router.Walk(func(r *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		path, _ := r.GetPathTemplate()
		methods, _ := r.GetMethods()
		if strings.HasPrefix(path, "/api/") || path == "/metrics" {
			served = append(served, methods[0]+" "+path)
		}
		return nil
	})
	slices.Sort(documented)
	slices.Sort(served)
	if err != nil || !slices.Equal(documented, served) {
		t.Fatalf("the document has\n%s\nand these are served:\n%s\n%v", strings.Join(documented, "\n"), strings.Join(served, "\n"), err)
	}
	all := calls()
	for _, route := range documented {
		t.Run(route, func(t *testing.T) { walk(t, doc, routes, route, all[route]) })
	}
}

func walk(t *testing.T, doc *openapi3.T, routes routers.Router, route string, list []call) {
	method, path, _ := strings.Cut(route, " ")
	came := map[string]bool{}
	for _, c := range list {
		w, b := newShop(t)
		if c.before != nil {
			c.before(w)
		}
		who := "Bearer " + apiToken
		switch {
		case c.who == nobody:
			who = ""
		case c.who == stranger:
			who = "Bearer wrong"
		case c.who == clerk || method == http.MethodPost:
			r, _ := http.NewRequest(method, "/", nil)
			r.SetBasicAuth("", password)
			who = r.Header.Get("Authorization")
		}
		if c.status == 429 {
			who = strings.Replace(who, "Bearer wrong", "Basic Ondyb25n", 1)
			for range wrongTries {
				b.ask(method, c.path, who, c.body)
			}
		}
		got := b.ask(method, c.path, who, c.body)
		if got.Code != c.status {
			t.Errorf("%s: %d, want %d: %s", c.path, got.Code, c.status, got.Body)
			continue
		}
		came[fmt.Sprint(got.Code)] = true
		if err := agrees(routes, method, c.path, got); err != nil {
			t.Errorf("%s: %d: %v\n%s", c.path, got.Code, err, got.Body)
		}
	}
	for status := range doc.Paths.Value(path).GetOperation(method).Responses.Map() {
		if !came[status] {
			t.Errorf("the document names an answer %s, which never came", status)
		}
	}
}

// agrees compares an answer with the document. A status that it does not name is none.
func agrees(routes routers.Router, method, path string, got *httptest.ResponseRecorder) error {
	bare, _, _ := strings.Cut(path, "?") // a query that cannot be read is none of the router's
	r, err := http.NewRequest(method, bare, nil)
	if err != nil {
		return err
	}
	route, params, err := routes.FindRoute(r)
	if err != nil {
		return err
	}
	in := &openapi3filter.RequestValidationInput{Request: r, Route: route, PathParams: params}
	return openapi3filter.ValidateResponse(r.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: got.Code, Header: got.Header(), Body: io.NopCloser(strings.NewReader(got.Body.String())),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	})
}

// The token opens nothing that acts, nor a page, and none opens anything where there is none.
func TestTokenOnlyReads(t *testing.T) {
	_, b := newShop(t)
	if r := b.ask(http.MethodPost, "/api/v1/payments/held/resolve", "Bearer "+apiToken, settleJSON); r.Code != http.StatusUnauthorized {
		t.Errorf("settling with the token: %d %s", r.Code, r.Body)
	}
	b.goes(b.ask(http.MethodGet, "/", "Bearer "+apiToken, ""), "/sign-in")
	_, b = newWorld(t)
	for _, who := range []string{"Bearer ", "Bearer", "bearer " + apiToken} {
		if r := b.ask(http.MethodGet, "/api/v1/status", who, ""); r.Code != http.StatusUnauthorized {
			t.Errorf("%q where there is no token: %d", who, r.Code)
		}
	}
	b.header.Set("Sec-Fetch-Site", "cross-site") // a page reads nothing without the header, which it cannot send
	if r := b.ask(http.MethodGet, "/api/v1/status", "", ""); r.Code != http.StatusUnauthorized || r.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("a stranger's page: %d %v", r.Code, r.Header())
	}
}

// One page follows the other, none is left out and none comes twice.
func TestAPIPages(t *testing.T) {
	w, b := newShop(t)
	for i := range 7 {
		w.payment(fmt.Sprint("more ", i), bridge.Reported)
	}
	var got []string
	for path := "/api/v1/payments?limit=4"; path != ""; {
		r := b.ask(http.MethodGet, path, "Bearer "+apiToken, "")
		var page struct {
			Payments []bridge.Facts `json:"payments"`
			Next     int64          `json:"next"`
		}
		if err := json.Unmarshal(r.Body.Bytes(), &page); err != nil || len(page.Payments) > 4 {
			t.Fatalf("%s: %v %s", path, err, r.Body)
		}
		for _, p := range page.Payments {
			got = append(got, p.UUID)
		}
		path = ""
		if page.Next > 0 {
			path = fmt.Sprintf("/api/v1/payments?limit=4&before=%d", page.Next)
		}
	}
	var want []string
	for _, r := range w.rows {
		want = append(want, r.UUID)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What cannot be read is a gap and not nothing.
func TestMetrics(t *testing.T) {
	w, b := newShop(t)
	told := b.ask(http.MethodGet, "/metrics", "Bearer "+apiToken, "").Body.String()
	for _, want := range []string{
		`tillbridge_build_info{version="1.2.3"} 1`, "tillbridge_well 0", "tillbridge_settings_usable 1", "tillbridge_journal_readable 1",
		"tillbridge_payments_not_known 1", "tillbridge_alarms 2", "tillbridge_notices_undelivered 1",
		`tillbridge_terminal_state{terminal="counter",state="paying"} 1`, `tillbridge_terminal_state{terminal="counter",state="ready"} 0`,
		`tillbridge_line_opened_total{terminal="counter"} 2`, `tillbridge_line_trouble_total{terminal="counter",kind="bad_check"} 1`,
		`tillbridge_line_answer_seconds{terminal="counter"} 0.04`,
	} {
		if !strings.Contains(told, want+"\n") {
			t.Errorf("there is no %s in\n%s", want, told)
		}
	}
	w.failPayments = errors.New("the disk failed")
	told = b.ask(http.MethodGet, "/metrics", "Bearer "+apiToken, "").Body.String()
	absent(t, told, "payments_not_known", "tillbridge_alarms", "undelivered")
	if !strings.Contains(told, "tillbridge_journal_readable 0\n") {
		t.Error(told)
	}
}
