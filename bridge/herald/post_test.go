package herald

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// newHook is a way to a web server of a test.
func newHook(t *testing.T, handler http.HandlerFunc) *post {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	p, err := newPost(Webhook{URL: server.URL + "/hook?k=1", Token: "t0ken"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func posted(t *testing.T, p *post) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return p.send(ctx, example())
}

func TestPost(t *testing.T) {
	var got []byte
	p := newHook(t, func(w http.ResponseWriter, r *http.Request) {
		got, _ = io.ReadAll(r.Body)
		if r.Method != http.MethodPost || r.URL.String() != "/hook?k=1" || r.Header.Get("Authorization") != "Bearer t0ken" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
		}
		w.WriteHeader(http.StatusNoContent)
	})
	if err := posted(t, p); err != nil {
		t.Fatal(err)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, got, "", "  "); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/webhook.json", indented.String()+"\n")
}

func TestPostOverTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Header["Authorization"] != nil {
			t.Errorf("a token nobody set: %v", r.Header)
		}
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // that the client does not trust it is meant
	server.StartTLS()
	defer server.Close()
	for _, trusted := range []bool{true, false} {
		roots := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
		if !trusted {
			roots = nil
		}
		p, err := newPost(Webhook{URL: server.URL}, roots)
		if err != nil {
			t.Fatal(err)
		}
		if err := posted(t, p); (err == nil) != trusted || err != nil && !strings.Contains(err.Error(), "certificate") {
			t.Errorf("trusted %t: %v", trusted, err)
		}
	}
}

// Anything but a 2xx is no delivery; a redirect is not followed, and an answer without an end is not read.
func TestPostThatFails(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/hook" {
				t.Errorf("the redirect was followed to %s", r.URL)
			}
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, "answered 307 Temporary Redirect"},
		"refused":      {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, "answered 403 Forbidden"},
		"broken":       {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, "answered 502"},
		"an odd code":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(299) }, ""},
		"endless body": {endless, ""},
		"endless header": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 1<<20))
			w.WriteHeader(http.StatusOK)
		}, "reach the web address"},
		"hangs up": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "reach the web address"},
	} {
		t.Run(name, func(t *testing.T) {
			err := posted(t, newHook(t, c.answer))
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
		})
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	p, err := newPost(Webhook{URL: "http://" + address + "/S3cr3t"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := posted(t, p); err == nil || strings.Contains(err.Error(), "S3cr3t") {
		t.Errorf("nobody there: %v", err)
	}
}

// endless answers for as long as anybody reads.
func endless(w http.ResponseWriter, r *http.Request) {
	w.WriteHeader(http.StatusOK)
	for r.Context().Err() == nil {
		if _, err := w.Write(make([]byte, 64<<10)); err != nil {
			return
		}
	}
}

// A server that says nothing is left when the try is over, or before its end where it does not even encrypt.
func TestSlowPost(t *testing.T) {
	for name, c := range map[string]struct {
		url   string
		after time.Duration
	}{
		"unencrypted": {"http://127.0.0.1:9/", tryWithin},
		"encrypted":   {"https://alarms.example/", connectWithin},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, err := newPost(Webhook{URL: c.url}, nil)
				if err != nil {
					t.Fatal(err)
				}
				p.transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
					near, far := net.Pipe()
					go func() {
						defer far.Close()
						_, _ = io.Copy(io.Discard, far)
					}()
					return near, nil
				}
				ctx, cancel := context.WithTimeout(t.Context(), tryWithin)
				defer cancel()
				begin := time.Now()
				err = p.send(ctx, example())
				if took := time.Since(begin); err == nil || took != c.after || took == tryWithin && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("after %s: %v", took, err)
				}
			})
		})
	}
}
