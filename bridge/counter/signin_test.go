package counter

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/bridge/access"
)

func TestNewRefusesWhatCannotWork(t *testing.T) {
	w := &world{t: t}
	k := newKeys()
	for name, make := range map[string]func() (*Counter, error){
		"no passwords": func() (*Counter, error) { return New(Config{}, w, w) },
		"no book":      func() (*Counter, error) { return New(Config{Access: k}, nil, w) },
		"no desk":      func() (*Counter, error) { return New(Config{Access: k}, w, nil) },
		"empty host":   func() (*Counter, error) { return New(Config{Access: k, Hosts: []string{""}}, w, w) },
	} {
		if c, err := make(); err == nil || c != nil {
			t.Errorf("%s: was accepted", name)
		}
	}
}

func TestSignIn(t *testing.T) {
	_, b := newWorld(t)
	b.page(b.get("/sign-in"), http.StatusOK, `type="password"`, "Your name")
	r := b.post("/sign-in", url.Values{"name": {" Anna\x00 "}, "password": {password}, "next": {"/payments?q=x"}})
	b.goes(r, "/payments?q=x")
	c := b.cookie
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Secure || c.Path != "/" || c.MaxAge != 12*60*60 || len(c.Value) != 43 {
		t.Errorf("cookie %+v", c)
	}
	b.page(b.get("/"), http.StatusOK, "Anna", "tillbridge 1.2.3")

	old := b.cookie
	b.signIn("Berta") // in the same browser: the earlier session ends
	berta := b.cookie
	b.cookie = old
	b.goes(b.get("/"), "/sign-in")
	b.cookie, old = berta, berta
	b.goes(b.post("/sign-out", nil), "/sign-in")
	if b.cookie.MaxAge >= 0 {
		t.Errorf("the cookie stays: %+v", b.cookie)
	}
	b.cookie = old
	b.goes(b.get("/"), "/sign-in")
}

func TestCookieIsSecureWithTLS(t *testing.T) {
	_, b := newWorld(t)
	r := httptest.NewRequest(http.MethodPost, "https://localhost/sign-in", strings.NewReader(url.Values{"name": {"A"}, "password": {password}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.TLS = &tls.ConnectionState{}
	w := httptest.NewRecorder()
	b.c.ServeHTTP(w, r)
	if cookies := w.Result().Cookies(); len(cookies) != 1 || !cookies[0].Secure {
		t.Errorf("cookies %v", cookies)
	}
}

func TestSignInRefused(t *testing.T) {
	log, said := logged()
	_, b := newScreen(t, Config{Log: log, SettingsError: "secret of the settings"})
	for name, c := range map[string]struct {
		form   url.Values
		status int
		says   string
	}{
		"wrong password": {url.Values{"name": {"Anna"}, "password": {"guess"}}, http.StatusUnauthorized, "not the password"},
		"no password":    {url.Values{"name": {"Anna"}}, http.StatusUnauthorized, "not the password"},
		"no name":        {url.Values{"name": {" "}, "password": {password}}, http.StatusUnprocessableEntity, "Enter your name"},
		"long name":      {url.Values{"name": {strings.Repeat("x", 81)}, "password": {password}}, http.StatusUnprocessableEntity, "too long"},
		"large":          {url.Values{"name": {"Anna"}, "password": {strings.Repeat("x", 17<<10)}}, http.StatusBadRequest, "too large"},
	} {
		t.Run(name, func(t *testing.T) {
			body := b.page(b.post("/sign-in", c.form), c.status, c.says)
			absent(t, body, "secret of the settings", `value="guess"`)
			if b.cookie != nil {
				t.Error("a cookie was given")
			}
		})
	}
	absent(t, said.String(), "guess", password)
}

func TestNextStaysHere(t *testing.T) {
	for asked, want := range map[string]string{
		"": "/", "/payments": "/payments", "/payment?uuid=a%2Fb": "/payment?uuid=a%2Fb",
		"https://evil.example/": "/", "//evil.example/": "/", `/\evil.example`: "/", "javascript:alert(1)": "/",
		"payments": "/", "/a\nb": "/", "%zz": "/",
	} {
		if got := localPath(asked); got != want {
			t.Errorf("%q leads to %q, want %q", asked, got, want)
		}
	}
	_, b := newWorld(t)
	b.goes(b.get("/payments?q=a&state=unknown"), "/sign-in?next=%2Fpayments%3Fq%3Da%26state%3Dunknown")
	b.page(b.get("/sign-in?next=//evil.example"), http.StatusOK, `name="next" value="/"`)
}

func TestEverythingNeedsASession(t *testing.T) {
	_, b := newWorld(t)
	for _, path := range []string{"/", "/payments", "/payment?uuid=u", "/alarm?id=1", "/settings", "/passwords", "/payments/export.csv", "/payments/export.json", "/nowhere"} {
		if r := b.get(path); r.Code != http.StatusSeeOther {
			t.Errorf("GET %s gave %d", path, r.Code)
		}
	}
	for _, path := range []string{"/sign-out", "/terminal/cancel", "/alarm/clear", "/payment/ask", "/payment/settle", "/payment/confirm", "/payment/give-back", "/payment/give-back/confirm", "/passwords", "/"} {
		b.goes(b.post(path, url.Values{"uuid": {"u"}, "id": {"1"}}), "/sign-in")
	}
	if r := b.get("/events"); r.Code != http.StatusUnauthorized {
		t.Errorf("GET /events gave %d", r.Code)
	}
	b.cookie = &http.Cookie{Name: sessionCookie, Value: "invented"}
	b.goes(b.get("/"), "/sign-in")
}

func TestThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, b := newWorld(t)
		wrong := url.Values{"name": {"Anna"}, "password": {"guess"}}
		right := url.Values{"name": {"Anna"}, "password": {password}}
		for range 9 {
			b.page(b.post("/sign-in", wrong), http.StatusUnauthorized)
		}
		for range 5 { // right ones do not count
			b.page(b.post("/sign-in", right), http.StatusSeeOther)
		}
		time.Sleep(20 * time.Second)
		b.page(b.post("/sign-in", wrong), http.StatusUnauthorized)
		r := b.post("/sign-in", right)
		b.page(r, http.StatusTooManyRequests, "Wait 40 s")
		if r.Header().Get("Retry-After") != "40" {
			t.Errorf("Retry-After is %q", r.Header().Get("Retry-After"))
		}
		if r := b.api("u", password, `{}`); r.Code != http.StatusTooManyRequests || r.Header().Get("Retry-After") != "40" {
			t.Errorf("the API gave %d, Retry-After %q", r.Code, r.Header().Get("Retry-After"))
		}

		// Another source is not locked out, and neither is the first one when its minute is over.
		b.source = "192.0.2.7:50000"
		b.page(b.post("/sign-in", right), http.StatusSeeOther)
		b.source = "127.0.0.1:50000"
		time.Sleep(40 * time.Second)
		b.page(b.post("/sign-in", right), http.StatusSeeOther)
	})
}

func TestThrottleIsBounded(t *testing.T) {
	now := time.Now()
	th := &throttle{wrong: map[string][]wrongTry{}}
	for i := range 3 * wrongSources {
		th.count(strconv.Itoa(i), now.Add(time.Duration(i)*time.Millisecond))
		if len(th.wrong) > wrongSources {
			t.Fatalf("%d sources are remembered", len(th.wrong))
		}
	}
	if _, there := th.wrong[strconv.Itoa(3*wrongSources-1)]; !there {
		t.Error("the newest source was forgotten")
	}
	th.count("later", now.Add(time.Hour))
	if len(th.wrong) != 1 {
		t.Errorf("%d old sources are remembered", len(th.wrong)-1)
	}
	for range 50 {
		th.count("later", now.Add(time.Hour))
	}
	if n := len(th.wrong["later"]); n != wrongTries {
		t.Errorf("%d tries of one source are remembered", n)
	}
}

func TestSource(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.7:1": "192.0.2.7", "[::ffff:192.0.2.7]:1": "192.0.2.7",
		"[2001:db8:1:2:3:4:5:6]:1": "2001:db8:1:2::/64", "[fe80::1%eth0]:1": "fe80::/64", "pipe": "pipe",
	} {
		if got := source(&http.Request{RemoteAddr: remote}); got != want {
			t.Errorf("%s is %q, want %q", remote, got, want)
		}
	}
}

func TestPasswordsAreCheckedOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inside, release := make(chan struct{}, 3), make(chan struct{})
		w, b := newWorld(t)
		w.keys.trial = func() {
			inside <- struct{}{}
			<-release
		}
		r := httptest.NewRequest(http.MethodPost, "/sign-in", nil)
		got := make(chan verdict, 3)
		for range 3 {
			go func() { got <- b.c.tryPassword(r.WithContext(t.Context()), password, nil) }()
		}
		synctest.Wait() // one of them is inside
		gone, cancel := context.WithCancel(t.Context())
		defer cancel()
		given := make(chan verdict, 1)
		go func() { given <- b.c.tryPassword(r.WithContext(gone), password, nil) }()
		synctest.Wait()
		if n := len(inside); n != 1 {
			close(release)
			t.Fatalf("%d passwords are checked at once", n)
		}
		cancel()
		if v := <-given; v.right {
			t.Error("the password of a client that has gone was checked beside another")
		}
		close(release)
		for range 3 {
			if v := <-got; !v.right {
				t.Error("a right password was refused")
			}
		}
	})
}

func TestSessionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, b := signedIn(t)
		time.Sleep(sessionLife - time.Second)
		b.page(b.get("/"), http.StatusOK)
		time.Sleep(time.Second)
		b.goes(b.get("/"), "/sign-in")
		if n := len(b.c.sessions.byDigest); n != 0 {
			t.Errorf("%d sessions are kept", n)
		}
	})
}

func TestSessionsAreBounded(t *testing.T) {
	_, b := newWorld(t)
	var tokens []string
	for i := range sessionLimit + 1 {
		token, _ := b.c.sessions.begin("Anna", access.Clerk, time.Now().Add(time.Duration(i)*time.Second))
		tokens = append(tokens, token)
	}
	if n := len(b.c.sessions.byDigest); n != sessionLimit {
		t.Errorf("%d sessions", n)
	}
	for i, signedIn := range map[int]bool{0: false, 1: true, sessionLimit: true} {
		b.cookie = &http.Cookie{Name: sessionCookie, Value: tokens[i]}
		if r := b.get("/"); (r.Code == http.StatusOK) != signedIn {
			t.Errorf("session %d gives %d", i, r.Code)
		}
	}
}
