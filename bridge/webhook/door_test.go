package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

const (
	passcode = "correct horse battery"
	origin   = "https://www.mygadgetrepairs.com"
	good     = `{"amount": 12.5, "customer_uuid": "c-1", "payment_uuid": "u-1"}`
)

var eur = terminal.Currency{Code: "EUR", Numeric: 978, Digits: 2}

// deskFunc is a desk that is one function.
type deskFunc func(context.Context, bridge.Order) (bridge.Acceptance, error)

func (f deskFunc) Accept(ctx context.Context, o bridge.Order) (bridge.Acceptance, error) {
	return f(ctx, o)
}

// bench is a door with everything around it that a test looks at.
type bench struct {
	*Door
	mu     sync.Mutex
	orders []bridge.Order
	calls  []Call
	log    syncBuffer
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// newBench makes a door with one terminal "counter"; change may alter the settings, answer is what the desk says.
func newBench(t *testing.T, answer func(bridge.Order) (bridge.Acceptance, error), change ...func(*Config)) *bench {
	t.Helper()
	b := &bench{}
	c := Config{
		Passcode: passcode, Origins: []string{origin}, Hosts: []string{"till.shop.example", "192.168.1.9"},
		Terminals: map[string]Terminal{"counter": {Currency: eur}},
		Log:       slog.New(slog.NewTextHandler(&b.log, nil)),
		Seen: func(c Call) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.calls = append(b.calls, c)
		},
	}
	for _, f := range change {
		f(&c)
	}
	var err error
	b.Door, err = New(c, deskFunc(func(_ context.Context, o bridge.Order) (bridge.Acceptance, error) {
		b.mu.Lock()
		b.orders = append(b.orders, o)
		b.mu.Unlock()
		if answer == nil {
			return bridge.New, nil
		}
		return answer(o)
	}))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// request is MGR's call as it should be; each change alters it.
func request(body string, change ...func(*http.Request)) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:8473/mgr/counter", strings.NewReader(body))
	r.RemoteAddr = "127.0.0.1:50000"
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(passcodeHeader, passcode)
	for _, f := range change {
		f(r)
	}
	return r
}

func header(name string, values ...string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Del(name)
		for _, v := range values {
			r.Header.Add(name, v)
		}
	}
}

func path(p string) func(*http.Request) { return func(r *http.Request) { r.URL.Path = p } }

func method(m string) func(*http.Request) { return func(r *http.Request) { r.Method = m } }

func host(h string) func(*http.Request) { return func(r *http.Request) { r.Host = h } }

func remote(a string) func(*http.Request) { return func(r *http.Request) { r.RemoteAddr = a } }

func wrong(r *http.Request) { r.Header.Set(passcodeHeader, "guess") }

func (b *bench) do(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	return w
}

// problemOf checks the form of an answer that is not 202 and returns its sentences.
func problemOf(t *testing.T, w *httptest.ResponseRecorder, status int) string {
	t.Helper()
	var p struct {
		Title, Detail string
		Status        int
	}
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatalf("answer %d %q: %v", w.Code, w.Body, err)
	}
	if w.Code != status || p.Status != status || p.Title != http.StatusText(status) || p.Detail == "" || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Fatalf("answered %d %s %s, want %d", w.Code, w.Header(), w.Body, status)
	}
	return p.Detail
}

func TestAccepted(t *testing.T) {
	for name, c := range map[string]struct {
		url    string
		answer bridge.Acceptance
		want   string
	}{
		"new":             {"/mgr/counter", bridge.New, `{"payment_uuid":"u-1","accepted":"new"}`},
		"repeat":          {"/mgr/counter", bridge.Repeat, `{"payment_uuid":"u-1","accepted":"repeat"}`},
		"the only one":    {"/mgr", bridge.New, `{"payment_uuid":"u-1","accepted":"new"}`},
		"charset is said": {"/mgr/counter", bridge.New, `{"payment_uuid":"u-1","accepted":"new"}`},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(bridge.Order) (bridge.Acceptance, error) { return c.answer, nil })
			w := b.do(request(good, path(c.url), func(r *http.Request) {
				if name == "charset is said" {
					r.Header.Set("Content-Type", `Application/JSON; charset="UTF-8"`)
				}
			}))
			if w.Code != http.StatusAccepted || strings.TrimSpace(w.Body.String()) != c.want || w.Header().Get("Content-Type") != "application/json" {
				t.Fatalf("answered %d %s", w.Code, w.Body)
			}
			h := w.Header()
			if h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
				t.Errorf("headers are %v", h)
			}
			want := bridge.Order{UUID: "u-1", Customer: "c-1", Terminal: "counter", Amount: terminal.Amount{Minor: 1250, Currency: eur}}
			if len(b.orders) != 1 || b.orders[0] != want {
				t.Errorf("the desk got %+v", b.orders)
			}
			if len(b.calls) != 1 || b.calls[0].Browser || b.calls[0].Terminal != "counter" || b.calls[0].Status != 202 || b.calls[0].Source != "127.0.0.0/8" {
				t.Errorf("seen: %+v", b.calls)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		status int
		retry  string
	}{
		"unknown terminal": {bridge.Refuse(bridge.UnknownTerminal, "Sentence."), 404, ""},
		"reused":           {bridge.Refuse(bridge.Reused, "Sentence."), 409, ""},
		"busy":             {bridge.Refuse(bridge.Busy, "Sentence."), 409, "10"},
		"frozen":           {bridge.Refuse(bridge.Frozen, "Sentence."), 409, ""},
		"unplugged":        {bridge.Refuse(bridge.Unplugged, "Sentence."), 503, ""},
		"over the limit":   {bridge.Refuse(bridge.OverLimit, "Sentence."), 400, ""},
		"journal full":     {bridge.Refuse(bridge.JournalFull, "Sentence."), 503, ""},
		"stopping":         {fmt.Errorf("wrapped: %w", bridge.Refuse(bridge.Stopping, "Sentence.")), 503, "60"},
		"journal fault":    {errors.New("disk I/O error at 4111111111111111"), 503, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(bridge.Order) (bridge.Acceptance, error) { return 0, c.err })
			w := b.do(request(good))
			detail := problemOf(t, w, c.status)
			if w.Header().Get("Retry-After") != c.retry {
				t.Errorf("Retry-After %q, want %q", w.Header().Get("Retry-After"), c.retry)
			}
			fault := name == "journal fault"
			if !fault && detail != "Sentence." || fault && (strings.Contains(detail, "disk") || strings.Contains(detail, "Nothing was charged")) {
				t.Errorf("detail is %q", detail)
			}
			if len(b.calls) != 1 || b.calls[0].Status != c.status {
				t.Errorf("seen: %+v", b.calls)
			}
			if l := b.log.String(); strings.Contains(l, "4111111111111111") || fault != strings.Contains(l, "disk I/O error") {
				t.Errorf("log: %s", l)
			}
		})
	}
}

func TestProblemsHideCardNumbers(t *testing.T) {
	b := newBench(t, func(bridge.Order) (bridge.Acceptance, error) {
		return 0, bridge.Refuse(bridge.Unplugged, "The terminal says 4111 1111 1111 1111.")
	})
	if d := problemOf(t, b.do(request(good)), 503); strings.Contains(d, "4111 1111") || !strings.Contains(d, "1111.") {
		t.Errorf("detail is %q", d)
	}
}

// The desk gets at most five seconds to make the payment durable.
func TestDeskHasADeadline(t *testing.T) {
	d, err := New(Config{Passcode: passcode, Terminals: map[string]Terminal{"counter": {Currency: eur}}, Log: slog.New(slog.DiscardHandler)},
		deskFunc(func(ctx context.Context, _ bridge.Order) (bridge.Acceptance, error) {
			if at, ok := ctx.Deadline(); !ok || time.Until(at) > 5*time.Second || ctx.Err() != nil {
				t.Errorf("deadline %v %v, %v", at, ok, ctx.Err())
			}
			return bridge.New, nil
		}))
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	if d.ServeHTTP(w, request(good)); w.Code != 202 {
		t.Errorf("answered %d", w.Code)
	}
}

func TestPathsAndMethods(t *testing.T) {
	two := func(c *Config) { c.Terminals = map[string]Terminal{"counter": {Currency: eur}, "bar": {Currency: eur}} }
	for name, c := range map[string]struct {
		change []func(*http.Request)
		many   bool
		status int
		words  string
	}{
		"several terminals, none named": {[]func(*http.Request){path("/mgr")}, true, 404, "There are several terminals, so that the webhook URL must name one. Make one payment method a terminal in MGR, with URLs that end in: /mgr/bar, /mgr/counter."},
		"an unknown terminal":           {[]func(*http.Request){path("/mgr/" + passcode)}, true, 404, "There is no terminal of this name. MGR's webhook URL must end in: /mgr/bar, /mgr/counter."},
		"an unknown path":               {[]func(*http.Request){path("/")}, false, 404, "/mgr/"},
		"a slash too many":              {[]func(*http.Request){path("//mgr/counter")}, false, 404, "/mgr/"},
		"GET":                           {[]func(*http.Request){method("GET")}, false, 405, "POST"},
		"PUT without a passcode":        {[]func(*http.Request){method("PUT"), wrong}, false, 405, "POST"},
	} {
		t.Run(name, func(t *testing.T) {
			var change []func(*Config)
			if c.many {
				change = append(change, two)
			}
			b := newBench(t, nil, change...)
			w := b.do(request(good, c.change...))
			if d := problemOf(t, w, c.status); !strings.Contains(d, c.words) || strings.Contains(d, passcode) {
				t.Errorf("detail is %q", d)
			}
			if (c.status == 405) != (w.Header().Get("Allow") == "POST, OPTIONS") {
				t.Errorf("Allow is %q", w.Header().Get("Allow"))
			}
			if len(b.orders)+len(b.calls) != 0 || strings.Contains(b.log.String(), passcode) {
				t.Errorf("orders %v, calls %v, log %s", b.orders, b.calls, &b.log)
			}
		})
	}
}

func TestHosts(t *testing.T) {
	arrivedAt := func(a net.Addr) func(*http.Request) {
		return func(r *http.Request) {
			*r = *r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, a))
		}
	}
	lan := &net.TCPAddr{IP: net.ParseIP("10.0.0.7"), Port: 8473}
	for name, c := range map[string]struct {
		change []func(*http.Request)
		status int
	}{
		"localhost":                     {[]func(*http.Request){host("LocalHost:8473")}, 202},
		"localhost, final point":        {[]func(*http.Request){host("localhost.")}, 202},
		"below localhost":               {[]func(*http.Request){host("till.localhost:8473")}, 202},
		"127.0.0.2":                     {[]func(*http.Request){host("127.0.0.2")}, 202},
		"::1":                           {[]func(*http.Request){host("[::1]:8473")}, 202},
		"::1 without port":              {[]func(*http.Request){host("[::1]")}, 202},
		"IPv4 in IPv6":                  {[]func(*http.Request){host("[::ffff:127.0.0.1]:8473")}, 202},
		"configured name":               {[]func(*http.Request){host("Till.Shop.example:443")}, 202},
		"configured address":            {[]func(*http.Request){host("192.168.1.9:8473")}, 202},
		"configured address, in IPv6":   {[]func(*http.Request){host("[::ffff:192.168.1.9]")}, 202},
		"where the call arrived":        {[]func(*http.Request){host("10.0.0.7:8473"), arrivedAt(lan)}, 202},
		"not where the call arrived":    {[]func(*http.Request){host("10.0.0.8:8473"), arrivedAt(lan)}, 421},
		"arrived somewhere without one": {[]func(*http.Request){host("10.0.0.7"), arrivedAt(&net.UnixAddr{Name: "x", Net: "unix"})}, 421},
		"another address":               {[]func(*http.Request){host("10.0.0.7")}, 421},
		"rebound name":                  {[]func(*http.Request){host("evil.example:8473"), arrivedAt(lan)}, 421},
		"name around ours":              {[]func(*http.Request){host("till.shop.example.evil.example")}, 421},
		"none":                          {[]func(*http.Request){host("")}, 421},
		"rebound, wrong passcode":       {[]func(*http.Request){host("evil.example"), wrong}, 421},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			w := b.do(request(good, c.change...))
			if w.Code != c.status || (len(b.orders) == 1) != (c.status == 202) {
				t.Fatalf("answered %d %s, want %d", w.Code, w.Body, c.status)
			}
			if c.status != 202 {
				problemOf(t, w, c.status)
			}
		})
	}
}

func TestOrigins(t *testing.T) {
	for name, c := range map[string]struct {
		change  []func(*http.Request)
		status  int
		browser bool
	}{
		"MGR's page":                 {[]func(*http.Request){header("Origin", origin), header("Sec-Fetch-Site", "cross-site")}, 202, true},
		"MGR's server":               {nil, 202, false},
		"another page":               {[]func(*http.Request){header("Origin", "https://evil.example")}, 403, true},
		"another scheme":             {[]func(*http.Request){header("Origin", "http://www.mygadgetrepairs.com")}, 403, true},
		"a name that begins so":      {[]func(*http.Request){header("Origin", origin+".evil.example")}, 403, true},
		"other capitals":             {[]func(*http.Request){header("Origin", strings.ToUpper(origin))}, 403, true},
		"null":                       {[]func(*http.Request){header("Origin", "null")}, 403, true},
		"empty":                      {[]func(*http.Request){header("Origin", "")}, 403, true},
		"two":                        {[]func(*http.Request){header("Origin", origin, origin)}, 403, true},
		"the door's own":             {[]func(*http.Request){header("Origin", "http://127.0.0.1:8473")}, 403, true},
		"a page that hides it":       {[]func(*http.Request){header("Sec-Fetch-Site", "cross-site")}, 403, true},
		"another page, wrong secret": {[]func(*http.Request){header("Origin", "https://evil.example"), wrong}, 403, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			w := b.do(request(good, c.change...))
			allow := w.Header().Get("Access-Control-Allow-Origin")
			if w.Code != c.status || !strings.Contains(w.Header().Get("Vary"), "Origin") || (allow == origin) != (c.status == 202 && c.browser) {
				t.Fatalf("answered %d %v", w.Code, w.Header())
			}
			if c.status != 202 {
				problemOf(t, w, c.status)
				if allow != "" || len(b.orders)+len(b.calls) != 0 {
					t.Errorf("allows %q, orders %v", allow, b.orders)
				}
				return
			}
			if len(b.calls) != 1 || b.calls[0].Browser != c.browser || (b.calls[0].Origin == origin) != c.browser {
				t.Errorf("seen: %+v", b.calls)
			}
		})
	}
}

// A page of MGR can read why its call was refused.
func TestProblemsAreReadableByThePage(t *testing.T) {
	b := newBench(t, nil)
	w := b.do(request("[]", header("Origin", origin)))
	problemOf(t, w, 400)
	if w.Header().Get("Access-Control-Allow-Origin") != origin {
		t.Errorf("headers %v", w.Header())
	}
}

func TestPreflight(t *testing.T) {
	ask := []func(*http.Request){
		method("OPTIONS"), header(passcodeHeader), header("Content-Type"), header("Origin", origin),
		header("Access-Control-Request-Method", "POST"), header("Access-Control-Request-Headers", "content-type,x-mgr-passcode"),
	}
	b := newBench(t, nil)
	for name, c := range map[string]struct {
		change  []func(*http.Request)
		status  int
		methods string
		private string
	}{
		"cross origin":       {nil, 204, "POST", ""},
		"into our network":   {[]func(*http.Request){header("Access-Control-Request-Private-Network", "true")}, 204, "POST", "true"},
		"an unknown one":     {[]func(*http.Request){path("/mgr/nowhere")}, 204, "POST", ""},
		"/mgr":               {[]func(*http.Request){path("/mgr")}, 204, "POST", ""},
		"another origin":     {[]func(*http.Request){header("Origin", "https://evil.example"), header("Access-Control-Request-Private-Network", "true")}, 403, "", ""},
		"a foreign host":     {[]func(*http.Request){host("evil.example"), header("Access-Control-Request-Private-Network", "true")}, 421, "", ""},
		"no browser":         {[]func(*http.Request){header("Origin")}, 204, "", ""},
		"nothing is asked":   {[]func(*http.Request){header("Access-Control-Request-Method")}, 204, "", ""},
		"outside of our URL": {[]func(*http.Request){path("/other")}, 404, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := b.do(request("", append(append([]func(*http.Request){}, ask...), c.change...)...))
			h := w.Header()
			if w.Code != c.status || h.Get("Access-Control-Allow-Methods") != c.methods || h.Get("Access-Control-Allow-Private-Network") != c.private {
				t.Fatalf("answered %d %v", w.Code, h)
			}
			if c.methods == "" {
				return
			}
			if h.Get("Access-Control-Allow-Origin") != origin || h.Get("Access-Control-Allow-Headers") != "X-MGR-PASSCODE, Content-Type, Authorization" ||
				!strings.Contains(h.Get("Vary"), "Origin") || h.Get("Access-Control-Max-Age") != "600" || h.Get("Allow") != "POST, OPTIONS" {
				t.Errorf("headers %v", h)
			}
		})
	}
	if len(b.orders)+len(b.calls) != 0 {
		t.Errorf("orders %v, calls %v", b.orders, b.calls)
	}
}

func TestNewRefuses(t *testing.T) {
	desk := deskFunc(nil)
	ok := Config{Passcode: passcode, Terminals: map[string]Terminal{"counter": {Currency: eur}}, Log: slog.New(slog.DiscardHandler)}
	for name, change := range map[string]func(*Config){
		"no log":                 func(c *Config) { c.Log = nil },
		"no passcode":            func(c *Config) { c.Passcode = "" },
		"Basic without password": func(c *Config) { c.Basic = &BasicAuth{Username: "shop"} },
		"no terminal":            func(c *Config) { c.Terminals = nil },
		"a terminal with slash":  func(c *Config) { c.Terminals = map[string]Terminal{"a/b": {Currency: eur}} },
		"no currency":            func(c *Config) { c.Terminals = map[string]Terminal{"counter": {}} },
		"a currency without code": func(c *Config) {
			c.Terminals = map[string]Terminal{"counter": {Currency: terminal.Currency{Numeric: 978}}}
		},
		"a currency without number": func(c *Config) {
			c.Terminals = map[string]Terminal{"counter": {Currency: terminal.Currency{Code: "EUR"}}}
		},
		"every origin":        func(c *Config) { c.Origins = []string{"*"} },
		"the null origin":     func(c *Config) { c.Origins = []string{"null"} },
		"an origin with path": func(c *Config) { c.Origins = []string{origin + "/x"} },
		"a URL as host":       func(c *Config) { c.Hosts = []string{"https://x"} },
		"an empty host":       func(c *Config) { c.Hosts = []string{""} },
	} {
		t.Run(name, func(t *testing.T) {
			c := ok
			change(&c)
			if _, err := New(c, desk); err == nil {
				t.Error("was accepted")
			} else if strings.Contains(err.Error(), passcode) {
				t.Errorf("tells the passcode: %v", err)
			}
		})
	}
	if _, err := New(ok, nil); err == nil {
		t.Error("no desk was accepted")
	}
	if d, err := New(ok, desk); err != nil || d == nil {
		t.Errorf("good settings: %v", err)
	}
}

func TestNobodyNeedsToWatch(t *testing.T) {
	b := newBench(t, nil, func(c *Config) { c.Seen = nil })
	if w := b.do(request(good)); w.Code != 202 {
		t.Errorf("answered %d", w.Code)
	}
}
