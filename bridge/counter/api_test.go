package counter

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tillbridge/bridge"
)

// api asks as the command line does.
func (b *browser) api(uuid, password, body string) *httptest.ResponseRecorder {
	b.t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/api/v1/payments/"+uuid+"/resolve", strings.NewReader(body))
	r.Host, r.RemoteAddr = "localhost:8474", b.source
	r.Header.Set("Content-Type", "application/json")
	if password != "" {
		r.SetBasicAuth("anyone", password)
	}
	w := httptest.NewRecorder()
	b.c.ServeHTTP(w, r)
	return w
}

const settleJSON = `{"outcome":"approved","name":" Anna ","evidence":"receipt of 4111 1111 1111 1111","auth_code":"651200","txn_ref":"163"}`

func TestAPISettles(t *testing.T) {
	for uuid, path := range map[string]string{"u-1": "u-1", "..": "%2e%2e", "a/b%?": "a%2Fb%25%3F"} {
		w, b := newWorld(t)
		w.payment(uuid, bridge.Held)
		var got string
		w.resolve = func(uuid string, approved bool, who bridge.Person) error {
			got = fmt.Sprint(uuid, approved, who)
			return nil
		}
		if r := b.api(path, password, settleJSON); r.Code != http.StatusNoContent || r.Body.Len() != 0 {
			t.Errorf("%s: %d %s", uuid, r.Code, r.Body)
		}
		if want := fmt.Sprint(uuid, true, bridge.Person{Name: "Anna", Evidence: "receipt of **** **** **** 1111", AuthCode: "651200", TxnRef: "163"}); got != want {
			t.Errorf("settled %s, want %s", got, want)
		}
	}
}

func TestAPIRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		state    bridge.State
		uuid     string
		password string
		body     string
		desk     error
		fail     error
		status   int
		says     string
	}{
		"no password":      {state: bridge.Held, body: settleJSON, status: 401, password: "-", says: "needs the password"},
		"wrong password":   {state: bridge.Held, body: settleJSON, status: 401, password: "guess", says: "needs the password"},
		"no such payment":  {state: bridge.Held, uuid: "other", body: settleJSON, status: 404, says: "no payment"},
		"not JSON":         {state: bridge.Held, body: "outcome=approved", status: 400, says: "not a JSON object"},
		"an array":         {state: bridge.Held, body: "[]", status: 400, says: "not a JSON object"},
		"cut off":          {state: bridge.Held, body: `{"outcome":"approved"`, status: 400, says: "Read the body"},
		"cut in a value":   {state: bridge.Held, body: `{"outcome":`, status: 400, says: "Read the body"},
		"bad key":          {state: bridge.Held, body: `{outcome:1}`, status: 400, says: "Read the body"},
		"trailing":         {state: bridge.Held, body: settleJSON + "{}", status: 400, says: "follows"},
		"trailing rubbish": {state: bridge.Held, body: settleJSON + "x", status: 400, says: "follows"},
		"twice":            {state: bridge.Held, body: `{"outcome":"declined","outcome":"approved"}`, status: 400, says: "comes twice"},
		"wrong case":       {state: bridge.Held, body: `{"Outcome":"approved"}`, status: 400, says: "not known"},
		"not a text":       {state: bridge.Held, body: `{"outcome":1}`, status: 400, says: "not a text"},
		"nested":           {state: bridge.Held, body: `{"name":{"outcome":"approved"}}`, status: 400, says: "not a text"},
		"no outcome":       {state: bridge.Held, body: `{"name":"Anna"}`, status: 422, says: "outcome must be"},
		"odd outcome":      {state: bridge.Held, body: `{"outcome":"APPROVED"}`, status: 422, says: "outcome must be"},
		"long":             {state: bridge.Held, body: `{"outcome":"declined","name":"` + strings.Repeat("x", 81) + `"}`, status: 422, says: "Too long"},
		"large":            {state: bridge.Held, body: `{"name":"` + strings.Repeat("x", 17<<10) + `"}`, status: 413, says: "too large"},
		"missing":          {state: bridge.Held, body: settleJSON, desk: refused(bridge.Held, "it needs how it was checked"), status: 422, says: "It needs how"},
		"decided":          {state: bridge.Approved, body: settleJSON, desk: refused(bridge.Approved, ""), status: 409, says: "decided already"},
		"under way":        {state: bridge.Sent, body: settleJSON, desk: refused(bridge.Sent, ""), status: 409, says: "under way"},
		"disk":             {state: bridge.Held, body: settleJSON, desk: errors.New("disk full"), status: 500, says: "not certain"},
		"unreadable":       {state: bridge.Held, body: settleJSON, fail: errors.New("disk gone"), status: 503, says: "could not be read"},
	} {
		t.Run(name, func(t *testing.T) {
			w, b := newWorld(t)
			w.payment("u", c.state)
			w.failPayment = c.fail
			if c.desk != nil {
				w.resolve = func(string, bool, bridge.Person) error { return c.desk }
			}
			pass := password
			if c.password != "" {
				pass = strings.TrimPrefix(c.password, "-")
			}
			uuid := "u"
			if c.uuid != "" {
				uuid = c.uuid
			}
			r := b.api(uuid, pass, c.body)
			var answer struct{ Error string }
			if err := json.Unmarshal(r.Body.Bytes(), &answer); err != nil {
				t.Errorf("%v: %s", err, r.Body)
			}
			if r.Code != c.status || !strings.Contains(answer.Error, c.says) || r.Header().Get("Content-Type") != "application/json" {
				t.Errorf("got %d %q, want %d %q", r.Code, answer.Error, c.status, c.says)
			}
			if (r.Code == 401) != (r.Header().Get("WWW-Authenticate") != "") {
				t.Errorf("WWW-Authenticate with %d is %q", r.Code, r.Header().Get("WWW-Authenticate"))
			}
		})
	}
}

func TestAPINeedsItsOwnPassword(t *testing.T) {
	w, b := signedIn(t)
	w.payment("u", bridge.Held)
	// The session of a browser is not enough.
	if r := b.request(http.MethodPost, "/api/v1/payments/u/resolve", "application/json", settleJSON); r.Code != http.StatusUnauthorized {
		t.Errorf("with a cookie: %d", r.Code)
	}
	b.header.Set("Authorization", "Basic YW55b25lOmEgdGlsbCdzIHBhc3N3b3Jk") // anyone:a till's password
	for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "/"} {
		if r := b.request(http.MethodPost, "/api/v1/payments/u/resolve", kind, settleJSON); r.Code != http.StatusUnsupportedMediaType {
			t.Errorf("as %q: %d", kind, r.Code)
		}
	}
}
