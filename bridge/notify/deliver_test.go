package notify

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/bridge"
)

// newNotifier makes one that does not run.
func newNotifier(t *testing.T, w *world, change ...func(*Config)) *Notifier {
	t.Helper()
	c := Config{URL: notifyTo, Passcode: passcode, Transport: w.mgr, Log: slog.New(slog.NewTextHandler(w.log, nil))}
	for _, f := range change {
		f(&c)
	}
	n, err := New(c, w.box)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestBody(t *testing.T) {
	for want, n := range map[string]bridge.Notice{
		`{"payment_uuid":"u-1","status":"DENIED"}`:                                                     {UUID: "u-1"},
		`{"payment_uuid":"u-2","status":"DENIED"}`:                                                     {UUID: "u-2", AuthCode: "never", TxnRef: "never"},
		`{"payment_uuid":"u-3","status":"APPROVED","auth_code":"651200","txn_ref":"163"}`:              {UUID: "u-3", Approved: true, AuthCode: "651200", TxnRef: "163"},
		`{"payment_uuid":"u-4","status":"APPROVED","auth_code":"","txn_ref":""}`:                       {UUID: "u-4", Approved: true},
		`{"payment_uuid":"\"}","status":"APPROVED","auth_code":"a\\b","txn_ref":"\u003c\u0000\ufffd"}`: {UUID: `"}`, Approved: true, AuthCode: `a\b`, TxnRef: "<\x00\xff"},
	} {
		if got := string(Body(n)); got != want || !json.Valid([]byte(got)) {
			t.Errorf("body is %s, want %s", got, want)
		}
	}
}

func TestRequest(t *testing.T) {
	for name, basic := range map[string]*BasicAuth{"passcode": nil, "with Basic": {Username: "shop", Password: "word"}} {
		t.Run(name, func(t *testing.T) {
			w := &world{box: newBox(), mgr: &mgr{}, log: &logBuffer{}}
			n := newNotifier(t, w, func(c *Config) { c.Basic = basic })
			notice := bridge.Notice{UUID: "u-1", Approved: true, AuthCode: "651200", TxnRef: "163"}
			for range 2 {
				if a, text := n.send(t.Context(), notice); a.Status != 200 || a.Err != nil || text != "" {
					t.Fatalf("answer %+v %q", a, text)
				}
			}
			for _, p := range w.mgr.posts {
				h := p.r.Header
				if p.r.Method != "POST" || p.r.URL.String() != notifyTo || p.r.Host != "mgr.example" || p.body != string(Body(notice)) || p.r.ContentLength != int64(len(p.body)) {
					t.Errorf("%s %s %s", p.r.Method, p.r.URL, p.body)
				}
				if h.Get("X-MGR-PASSCODE") != passcode || h.Get("Content-Type") != "application/json" || h.Get("User-Agent") != "tillbridge" {
					t.Errorf("headers %v", h)
				}
				user, word, ok := p.r.BasicAuth()
				if ok != (basic != nil) || ok && (user != "shop" || word != "word") {
					t.Errorf("Basic %q %q %v", user, word, ok)
				}
				again, err := p.r.GetBody()
				if err != nil {
					t.Fatal(err)
				}
				if body, _ := io.ReadAll(again); string(body) != p.body {
					t.Errorf("the body again is %s", body)
				}
			}
		})
	}
}

// What MGR writes is shown without our secrets and card numbers, on one line and cut.
func TestAnswersAreCleaned(t *testing.T) {
	w := &world{box: newBox(), mgr: &mgr{}, log: &logBuffer{}}
	n := newNotifier(t, w, func(c *Config) { c.Basic = &BasicAuth{Username: "shop", Password: "sesame&open"} })
	for wrote, want := range map[string]string{
		"plain":                          "plain",
		"":                               "",
		"bad passcode " + passcode + "!": "bad passcode (secret)!",
		"correct &lt;horse&gt; battery":  "(secret)",
		"correct+%3Chorse%3E+battery":    "(secret)",
		"sesame&amp;open, c2hvcDpzZXNhbWUmb3Blbg==": "(secret), (secret)",
		"card 4111 1111 1111 1111":                  "card **** **** **** 1111",
		"card 4111\n1111\r\n\t1111\u00a01111":       "card **** **** **** 1111",
		"card 41111111\u200b11111111":               "card ******** ****1111",
		"a\x00b\x1b[31m\xff\xfe c":                  "a b [31m c",
		strings.Repeat("é", 300):                    strings.Repeat("é", 100) + "…",
		"x" + strings.Repeat("é", 300):              "x" + strings.Repeat("é", 99) + "…",
		strings.Repeat("4", 190) + passcode:         strings.Repeat("*", 186) + "4444(secret)",
	} {
		w.mgr.set(func(post) (*http.Response, error) { return says(400, wrote), nil })
		if _, got := n.send(t.Context(), bridge.Notice{UUID: "u-1"}); !strings.HasPrefix(got, want) && got != want || len(got) > maxShown+3 {
			t.Errorf("%q is shown as %q, want %q", wrote, got, want)
		}
	}
}

// Nothing secret reaches log, journal or hooks, by an answer or by an error.
func TestNothingSecretIsTold(t *testing.T) {
	b := newBox("u-1", "u-2", "u-3")
	secret := "got " + passcode + " and 4111111111111111"
	simulate(t, b, func(p post) (*http.Response, error) {
		switch p.uuid {
		case "u-1":
			return says(404, secret), nil
		case "u-2":
			return says(302, "", "Location", "https://x.example/?p="+passcode+"&c=4111111111111111"), nil
		}
		return nil, errors.New(secret)
	}, func(t *testing.T, w *world) {
		sleep(time.Minute)
		told := w.log.String() + strings.Join(w.refused, "\n")
		for _, h := range b.notices {
			if told += h.why; h.why == "" {
				t.Errorf("%s has no reason", h.UUID)
			}
		}
		if strings.Contains(told, "horse") || strings.Contains(told, "411111") || !strings.Contains(told, "(secret)") {
			t.Error(told)
		}
	})
}

// slowBody is a body that never ends before its request does.
type slowBody struct{ ctx context.Context }

func (s slowBody) Read([]byte) (int, error) { <-s.ctx.Done(); return 0, s.ctx.Err() }
func (s slowBody) Close() error             { return nil }

// An answer whose body does not end is decided by its status after a short while.
func TestTricklingAnswer(t *testing.T) {
	simulate(t, newBox("u-1"), func(p post) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: slowBody{p.r.Context()}}, nil
	}, func(t *testing.T, w *world) {
		if sleep(bodyWithin); w.box.left() != 0 || len(w.mgr.of("")) != 1 {
			t.Errorf("%d left, %d posts", w.box.left(), len(w.mgr.of("")))
		}
	})
}

// Over a real connection: it is kept, and repaired when it was lost; redirects are not followed; nothing is on the wire
// that should not be.
func TestOwnTransport(t *testing.T) {
	var conns, calls, elsewhere atomic.Int64
	seen := make(chan http.Header, 16)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/notify" {
			elsewhere.Add(1)
			return
		}
		seen <- r.Header
		switch calls.Add(1) {
		case 3:
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		case 4:
			w.WriteHeader(500)
			_, _ = io.WriteString(w, strings.Repeat("x", 1<<20))
		}
	}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			conns.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	w := &world{box: newBox(), mgr: &mgr{}, log: &logBuffer{}}
	n := newNotifier(t, w, func(c *Config) { c.URL, c.Transport = server.URL+"/notify", nil })
	for i, want := range []int{200, 200, 307, 500, 200} {
		a, text := n.send(t.Context(), bridge.Notice{UUID: "u-1"})
		if a.Err != nil || a.Status != want || len(text) > maxShown+3 {
			t.Fatalf("call %d: %+v %q", i, a, text)
		}
		h := <-seen
		if _, there := h["X-Idempotency-Key"]; there || h.Get("X-MGR-PASSCODE") != passcode {
			t.Errorf("headers %v", h)
		}
		if i == 1 && conns.Load() != 1 {
			t.Errorf("%d connections for two calls", conns.Load())
		}
	}
	server.CloseClientConnections()
	if a, _ := n.send(t.Context(), bridge.Notice{UUID: "u-1"}); a.Status != 200 {
		t.Errorf("after a lost connection: %+v", a)
	}
	if elsewhere.Load() != 0 {
		t.Error("a redirect was followed")
	}
	server.Close()
	if a, _ := n.send(t.Context(), bridge.Notice{UUID: "u-1"}); a.Err == nil {
		t.Errorf("a server that is gone: %+v", a)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	n.Run(ctx)
}

// The certificate of the other side is checked.
func TestOwnTransportVerifies(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("was called") }))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	defer server.Close()
	w := &world{box: newBox(), mgr: &mgr{}, log: &logBuffer{}}
	n := newNotifier(t, w, func(c *Config) { c.URL, c.Transport = server.URL, nil })
	if a, _ := n.send(t.Context(), bridge.Notice{UUID: "u-1"}); a.Err == nil || !strings.Contains(a.Err.Error(), "certificate") {
		t.Errorf("answer %+v", a)
	}
}

func TestOwnTransportBounds(t *testing.T) {
	tr := newTransport()
	if tr.Proxy == nil || tr.TLSClientConfig != nil || tr.ResponseHeaderTimeout != 20*time.Second || tr.Protocols.HTTP2() || tr.DisableKeepAlives {
		t.Errorf("transport %+v", tr)
	}
	if a, b := interfaces(), interfaces(); a == "" || a != b {
		t.Errorf("interfaces are %q, then %q", a, b)
	}
}

func TestNewRefuses(t *testing.T) {
	ok := Config{URL: notifyTo, Passcode: passcode, Log: slog.New(slog.DiscardHandler)}
	for name, change := range map[string]func(*Config){
		"no log":         func(c *Config) { c.Log = nil },
		"no URL":         func(c *Config) { c.URL = "" },
		"not a URL":      func(c *Config) { c.URL = "https://x\x7fsecret" },
		"another scheme": func(c *Config) { c.URL = "ftp://mgr.example/" },
		"no host":        func(c *Config) { c.URL = "https:///notify" },
		"user in URL":    func(c *Config) { c.URL = "https://shop:secret@mgr.example/" },
		"no passcode":    func(c *Config) { c.Passcode = "" },
	} {
		c := ok
		change(&c)
		if _, err := New(c, newBox()); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := New(ok, nil); err == nil {
		t.Error("no outbox was accepted")
	}
	if _, err := New(ok, newBox()); err != nil {
		t.Error(err)
	}
}

// Hooks are optional.
func TestNobodyListens(t *testing.T) {
	b := newBox("u-1", "u-2")
	simulate(t, b, func(p post) (*http.Response, error) {
		if p.uuid == "u-1" {
			return says(404, ""), nil
		}
		return says(200, ""), nil
	}, func(t *testing.T, w *world) {
		if synctest.Wait(); b.left() != 1 || len(w.mgr.of("")) != 2 {
			t.Errorf("%d left", b.left())
		}
	}, func(c *Config) { c.Hooks = Hooks{} })
}

// The share of chance in a wait can be given.
func TestJitterAsConfigured(t *testing.T) {
	for jitter, want := range map[float64]time.Duration{0: 800 * time.Millisecond, 0.5: time.Second, 1: 1200 * time.Millisecond} {
		simulate(t, newBox("u-1"), unreachable, func(t *testing.T, w *world) {
			sleep(want)
			tries := w.mgr.of("u-1")
			if len(tries) != 2 || tries[1].at.Sub(w.start) != want {
				t.Errorf("jitter %v: tried %d times, want a second time after %s", jitter, len(tries), want)
			}
		}, func(c *Config) { c.Jitter = func() float64 { return jitter } })
	}
}
