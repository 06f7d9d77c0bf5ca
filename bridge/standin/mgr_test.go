package standin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

const passcode = "a-passcode-of-the-shop"

func served(t *testing.T, o Options) (*MGR, *httptest.Server) {
	t.Helper()
	m := New(o)
	s := httptest.NewServer(m)
	t.Cleanup(func() { s.Close(); m.Close() })
	return m, s
}

// tell posts a notice; status 0 means that no answer came.
func tell(t *testing.T, url, body string, change ...func(*http.Request)) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-MGR-PASSCODE", passcode)
	for _, f := range change {
		f(req)
	}
	c := &http.Client{
		// A connection that was used before makes the client repeat a request by itself.
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := c.Do(req)
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

const approvedP1 = `{"payment_uuid":"p1","status":"APPROVED","auth_code":"123456","txn_ref":"0053"}`

func TestChargePostsWhatMGRPosts(t *testing.T) {
	m, _ := served(t, Options{Passcode: passcode, BasicUser: "shop", BasicPassword: "secret"})
	var got struct {
		header http.Header
		body   map[string]json.RawMessage
		method string
	}
	door := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got.header, got.method = r.Header, r.Method
		b, _ := io.ReadAll(r.Body)
		json.Unmarshal(b, &got.body)
		w.WriteHeader(http.StatusAccepted)
	}))
	defer door.Close()
	status, problem, err := m.Charge(t.Context(), door.URL+"/mgr/counter", Charge{Amount: `"12.50"`, Customer: "c1", UUID: "p1"})
	if status != http.StatusAccepted || problem != "" || err != nil {
		t.Fatalf("Charge = %d, %q, %v", status, problem, err)
	}
	user, password, _ := (&http.Request{Header: got.header}).BasicAuth()
	if got.method != http.MethodPost || got.header.Get("X-MGR-PASSCODE") != passcode || user != "shop" || password != "secret" ||
		got.header.Get("Content-Type") != "application/json" {
		t.Errorf("request was %s %v", got.method, got.header)
	}
	if string(got.body["amount"]) != `"12.50"` || string(got.body["customer_uuid"]) != `"c1"` || string(got.body["payment_uuid"]) != `"p1"` || len(got.body) != 3 {
		t.Errorf("body was %v", got.body)
	}
	p, there := m.Payment("p1")
	if !there || !p.Accepted() || p.Asks[0].Amount != `"12.50"` || p.Asks[0].Answered.IsZero() {
		t.Errorf("ledger has %+v", p)
	}
	if _, _, err := m.Charge(t.Context(), door.URL, Charge{Amount: "12,50", UUID: "p2"}); err == nil {
		t.Error("an amount that is no JSON was posted")
	}
}

func TestChargeTellsProblemsAndSilence(t *testing.T) {
	m, _ := served(t, Options{Passcode: passcode})
	door := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/busy":
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusConflict)
			io.WriteString(w, `{"title":"Busy","detail":"The terminal is in a payment."}`)
		case "/redirect":
			http.Redirect(w, r, "/busy", http.StatusFound)
		default:
			panic(http.ErrAbortHandler)
		}
	}))
	defer door.Close()
	if status, problem, err := m.Charge(t.Context(), door.URL+"/busy", Charge{Amount: "1", UUID: "p1"}); status != 409 || problem != "The terminal is in a payment." || err != nil {
		t.Errorf("busy: %d, %q, %v", status, problem, err)
	}
	if status, _, err := m.Charge(t.Context(), door.URL+"/redirect", Charge{Amount: "1", UUID: "p2"}); status != 302 || err != nil {
		t.Errorf("redirect: %d, %v", status, err)
	}
	if status, _, err := m.Charge(t.Context(), door.URL+"/gone", Charge{Amount: "1", UUID: "p3"}); status != 0 || err == nil {
		t.Errorf("no answer: %d, %v", status, err)
	}
	if p, _ := m.Payment("p3"); len(p.Asks) != 1 || p.Asks[0].Status != 0 || p.Asks[0].Problem == "" || p.Accepted() {
		t.Errorf("ledger has %+v", p)
	}
}

func TestNotifyTakesOnlyWhatWasAgreed(t *testing.T) {
	for name, c := range map[string]struct {
		body   string
		change func(*http.Request)
		want   int
	}{
		"approved":           {approvedP1, nil, 200},
		"denied":             {`{"status":"DENIED","payment_uuid":"p1"}`, nil, 200},
		"charset":            {approvedP1, func(r *http.Request) { r.Header.Set("Content-Type", "application/json; charset=utf-8") }, 200},
		"get":                {"", func(r *http.Request) { r.Method = http.MethodGet }, 405},
		"no passcode":        {approvedP1, func(r *http.Request) { r.Header.Del("X-MGR-PASSCODE") }, 401},
		"wrong passcode":     {approvedP1, func(r *http.Request) { r.Header.Set("X-MGR-PASSCODE", "other") }, 401},
		"text":               {approvedP1, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 415},
		"other status":       {`{"payment_uuid":"p1","status":"approved"}`, nil, 400},
		"no uuid":            {`{"status":"DENIED"}`, nil, 400},
		"a field twice":      {`{"payment_uuid":"p1","status":"DENIED","status":"APPROVED"}`, nil, 400},
		"a field too many":   {`{"payment_uuid":"p1","status":"DENIED","amount":"1"}`, nil, 400},
		"a number":           {`{"payment_uuid":"p1","status":"APPROVED","auth_code":123456,"txn_ref":"1"}`, nil, 400},
		"an object":          {`{"payment_uuid":"p1","status":"APPROVED","auth_code":{},"txn_ref":"1"}`, nil, 400},
		"wrong casing":       {`{"Payment_UUID":"p1","status":"DENIED"}`, nil, 400},
		"two objects":        {approvedP1 + approvedP1, nil, 400},
		"cut":                {approvedP1[:30], nil, 400},
		"an array":           {`[` + approvedP1 + `]`, nil, 400},
		"more than 16 KiB":   {strings.Repeat(" ", bodyLimit) + approvedP1, nil, 400},
		"nothing whatsoever": {"", nil, 400},
	} {
		t.Run(name, func(t *testing.T) {
			m, s := served(t, Options{Passcode: passcode})
			if c.change == nil {
				c.change = func(*http.Request) {}
			}
			if got := tell(t, s.URL, c.body, c.change); got != c.want {
				t.Errorf("answered %d, want %d", got, c.want)
			}
			_, told := m.Payment("p1")
			if told != (c.want == 200) || (len(m.Refusals()) == 1) != (c.want != 200) {
				t.Errorf("told %v, refusals %v", told, m.Refusals())
			}
		})
	}
}

// Who only asks whether the address is there makes no mistake, and tells nothing.
func TestQuestionsAreNoNotices(t *testing.T) {
	m, s := served(t, Options{Passcode: passcode})
	for method, want := range map[string]int{http.MethodOptions: 204, http.MethodHead: 405} {
		if got := tell(t, s.URL, approvedP1, func(r *http.Request) { r.Method = method; r.Header.Del("X-MGR-PASSCODE") }); got != want {
			t.Errorf("%s answered %d, want %d", method, got, want)
		}
	}
	if _, told := m.Payment("p1"); told || len(m.Refusals()) != 0 || len(m.Contradicts()) != 0 {
		t.Errorf("told %v, refusals %v", told, m.Refusals())
	}
}

func TestModes(t *testing.T) {
	type want struct {
		status int
		taken  bool
	}
	wants := map[string]want{
		"well": {200, true}, "down": {503, false}, "refuses": {400, false}, "redirects": {302, false}, "hangs-up": {0, false},
		"slow": {200, true}, "forgets": {0, true},
	}
	for _, mode := range Modes() {
		t.Run(mode.Name, func(t *testing.T) {
			t.Parallel()
			m, s := served(t, Options{Passcode: passcode})
			m.Fail(Always(mode.Answer))
			if got := tell(t, s.URL, approvedP1); got != wants[mode.Name].status {
				t.Errorf("answered %d, want %+v", got, wants[mode.Name])
			}
			p, _ := m.Payment("p1")
			if _, told := p.Told(); told != wants[mode.Name].taken || len(p.Notices) != 1 {
				t.Errorf("ledger has %+v, want %+v", p, wants[mode.Name])
			}
			if mode.What == "" {
				t.Error("no sentence")
			}
		})
	}
	if len(wants) != len(Modes()) {
		t.Errorf("%d modes, %d expectations", len(Modes()), len(wants))
	}
}

func TestFailCountsNotices(t *testing.T) {
	m, s := served(t, Options{Passcode: passcode})
	m.Fail(First(2, Answer{Status: 429, RetryAfter: 7 * time.Second}))
	for i, want := range []int{429, 429, 200} {
		if got := tell(t, s.URL, approvedP1); got != want {
			t.Errorf("notice %d answered %d, want %d", i+1, got, want)
		}
	}
	m.Fail(nil)
	if got := tell(t, s.URL, approvedP1); got != 200 {
		t.Errorf("answered %d", got)
	}
	if p, _ := m.Payment("p1"); len(p.Notices) != 4 || p.Notices[1].Taken || !p.Notices[2].Taken {
		t.Errorf("ledger has %+v", p)
	}
}

func TestContradictions(t *testing.T) {
	for name, c := range map[string]struct {
		status  int // of the charge; 0 for no charge
		notices []string
		want    string // contained in the one contradiction; empty for none
	}{
		"approved twice alike": {202, []string{approvedP1, approvedP1}, ""},
		"denied":               {202, []string{`{"payment_uuid":"p1","status":"DENIED"}`}, ""},
		"empty codes":          {202, []string{`{"payment_uuid":"p1","status":"APPROVED","auth_code":"","txn_ref":""}`}, ""},
		"nothing told":         {409, nil, ""},
		"both outcomes":        {202, []string{approvedP1, `{"payment_uuid":"p1","status":"DENIED"}`}, "and then DENIED"},
		"another code":         {202, []string{approvedP1, strings.Replace(approvedP1, "123456", "654321", 1)}, "654321"},
		"never asked":          {0, []string{approvedP1}, "never asked"},
		"refused and told":     {409, []string{approvedP1}, "answered 409"},
		"refused and denied":   {503, []string{`{"payment_uuid":"p1","status":"DENIED"}`}, ""},
		"no codes":             {202, []string{`{"payment_uuid":"p1","status":"APPROVED"}`}, "without both"},
		"one code":             {202, []string{`{"payment_uuid":"p1","status":"APPROVED","auth_code":"1"}`}, "without both"},
		"denied with a code":   {202, []string{`{"payment_uuid":"p1","status":"DENIED","txn_ref":""}`}, "DENIED with"},
		"broken contract":      {202, []string{`{`}, "refused with 400"},
	} {
		t.Run(name, func(t *testing.T) {
			m, s := served(t, Options{Passcode: passcode})
			if c.status != 0 {
				answered, err := m.Expect(Charge{Amount: "1", UUID: "p1"})
				if err != nil {
					t.Fatal(err)
				}
				answered(c.status, "")
			}
			for _, n := range c.notices {
				tell(t, s.URL, n)
			}
			got := m.Contradicts()
			switch {
			case c.want == "" && len(got) != 0, c.want != "" && len(got) != 1:
				t.Errorf("contradictions %q, want %q", got, c.want)
			case c.want != "" && !strings.Contains(got[0], c.want):
				t.Errorf("contradiction %q, want %q", got[0], c.want)
			}
		})
	}
}

// A notice that MGR answered with 503 and another that it took say the same, or it is a contradiction: the
// content of a notice must not depend on its delivery.
func TestNoticesThatWereNotTakenCount(t *testing.T) {
	m, s := served(t, Options{Passcode: passcode})
	m.Expect(Charge{Amount: "1", UUID: "p1"})
	m.Fail(First(1, Answer{Status: 503}))
	tell(t, s.URL, `{"payment_uuid":"p1","status":"DENIED"}`)
	tell(t, s.URL, approvedP1)
	if got := m.Contradicts(); len(got) != 1 {
		t.Errorf("contradictions %q, want one", got)
	}
}

func TestWait(t *testing.T) {
	m, s := served(t, Options{Passcode: passcode})
	if _, err := m.Wait(t.Context(), "p1"); !errors.Is(err, ErrNotAsked) {
		t.Errorf("a payment that nobody asked for: %v", err)
	}
	m.Expect(Charge{Amount: "1", UUID: "p1"})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Wait(gone, "p1"); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
	changed := m.Changed()
	type waited struct {
		n   Notice
		err error
	}
	c := make(chan waited, 1)
	go func() {
		n, err := m.Wait(t.Context(), "p1")
		c <- waited{n, err}
	}()
	m.Fail(First(1, Answer{HangUp: true}))
	tell(t, s.URL, approvedP1)
	select {
	case w := <-c:
		t.Fatalf("a notice that was not taken ended the wait: %+v", w)
	case <-changed:
	}
	tell(t, s.URL, approvedP1)
	if w := <-c; w.err != nil || w.n.Outcome != Approved || w.n.AuthCode != "123456" || w.n.TxnRef != "0053" {
		t.Errorf("waited for %+v", w)
	}
}

func TestLedgerIsBounded(t *testing.T) {
	m, s := served(t, Options{Passcode: passcode})
	for range perPayment {
		if _, err := m.Expect(Charge{Amount: "1", UUID: "p1"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := m.Expect(Charge{Amount: "1", UUID: "p1"}); !errors.Is(err, ErrFull) {
		t.Errorf("one charge too many: %v", err)
	}
	for range paymentLimit {
		m.order = append(m.order, &record{})
	}
	if got := tell(t, s.URL, strings.Replace(approvedP1, "p1", "p2", 1)); got != http.StatusInsufficientStorage {
		t.Errorf("a payment too many was answered %d", got)
	}
	if got := tell(t, s.URL, approvedP1); got != http.StatusOK {
		t.Errorf("a known payment was answered %d", got)
	}
}
