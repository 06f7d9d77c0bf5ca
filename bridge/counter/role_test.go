package counter

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/access"
)

// ownersPlaces are all addresses that only the owner may use.
func ownersPlaces() (gets []string, posts map[string]url.Values) {
	return []string{"/payments/export.csv", "/payments/export.json?q=x", "/settings", "/passwords"}, map[string]url.Values{
		"/payment/give-back":         {"uuid": {"s"}, "kind": {"refund"}, "amount": {"5"}},
		"/payment/give-back/confirm": {"uuid": {"s"}, "token": {"x"}, "password": {ownerPassword}},
		"/passwords":                 {"role": {"clerk"}, "password": {ownerPassword}, "new": {"long enough as it is"}, "again": {"long enough as it is"}},
	}
}

// A clerk cannot do the owner's things by any address, whatever they send with it; they are told so and may sign in as the owner.
func TestClerkIsNotTheOwner(t *testing.T) {
	w, b := signedIn(t)
	w.sale("s")
	gets, posts := ownersPlaces()
	for _, path := range gets {
		page := b.page(b.get(path), http.StatusForbidden, "Only for the owner", "signed in as the clerk", "Sign in as the owner", "Anna")
		absent(t, page, "651200", `type="password"`)
	}
	for path, form := range posts {
		b.page(b.post(path, form), http.StatusForbidden, "Only for the owner", "Nothing was done", `href="/sign-in?next=%2F"`)
	}
	for _, path := range []string{"/Settings", "//settings", "/settings/", "/./settings", "/payments/../settings", "/settings%2f", "/payments/export.csv/", "/payments//export.csv"} {
		if r := b.get(path); r.Code != http.StatusNotFound || strings.Contains(r.Body.String(), "Change a password") {
			t.Errorf("GET %s gave %d", path, r.Code)
		}
	}
	if w.keys.Role(password) != access.Clerk || b.c.sessions.find(request(b)).proposed() != nil {
		t.Error("something was done")
	}
	for path, next := range map[string]string{"/settings": "%2Fsettings", "/payments/export.csv?kind=refund": "%2Fpayments%3Fkind%3Drefund", "/payments/export.json": "%2Fpayments"} {
		b.page(b.get(path), http.StatusForbidden, `href="/sign-in?next=`+next+`"`)
	}
	absent(t, b.page(b.get("/payments"), http.StatusOK, "The owner can export what is chosen.", `href="/sign-in?next=%2Fpayments"`), "export.csv", `href="/settings"`)
	b.page(b.get("/payment?uuid=s"), http.StatusOK, "Only the owner gives money back from here.", `href="/sign-in?next=%2Fpayment%3Fuuid%3Ds"`)
	absent(t, b.get("/payment?uuid=s").Body.String(), "give-back", "as the bridge made it")
}

// request is a request with a browser's cookie.
func request(b *browser) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.AddCookie(b.cookie)
	return r
}

// A clerk signs in as the owner where they are, under their name, and the clerk's session is over.
func TestClerkBecomesOwner(t *testing.T) {
	log, said := logged()
	w, b := newScreen(t, Config{Log: log})
	w.sale("s")
	b.signIn("Anna")
	b.page(b.get("/"), http.StatusOK, `<span class="name">Anna</span> <span class="role">Clerk</span>`)
	clerk := b.cookie
	b.page(b.get("/sign-in?next=%2Fsettings"), http.StatusOK, `name="name" value="Anna"`, `name="next" value="/settings"`)
	r := b.post("/sign-in", url.Values{"name": {"Anna"}, "password": {ownerPassword}, "next": {"/settings"}})
	b.goes(r, "/settings")
	b.page(b.get("/"), http.StatusOK, `<span class="name">Anna</span> <span class="role">Owner</span>`, `href="/settings"`)
	b.page(b.get("/payments"), http.StatusOK, `href="/payments/export.csv"`)
	b.cookie = clerk
	b.goes(b.get("/"), "/sign-in")
	if got := said.String(); !strings.Contains(got, "name=Anna role=clerk") || !strings.Contains(got, "name=Anna role=owner") {
		t.Errorf("the log says %s", got)
	}
	absent(t, said.String(), password, ownerPassword)
}

func TestNamesAreMasked(t *testing.T) {
	w, b := newWorld(t)
	b.signInAs("Olga 4111 1111 1111 1111", ownerPassword)
	w.sale("s")
	var by string
	w.back = func(o bridge.Order) error { by = o.By; return nil }
	token := b.proposeBack(url.Values{"uuid": {"s"}, "kind": {"refund"}, "amount": {"5"}})
	b.confirmBack("s", token, ownerPassword)
	if by != "Olga **** **** **** 1111" {
		t.Errorf("ordered by %q", by)
	}
	absent(t, b.get("/").Body.String(), "4111")
}

// Either password opens what the API does, and neither password is tried without count.
func TestAPITakesBothPasswords(t *testing.T) {
	w, b := newWorld(t)
	w.payment("u", bridge.Held)
	n := 0
	w.resolve = func(string, bool, bridge.Person) error { n++; return nil }
	for _, p := range []string{password, ownerPassword} {
		if r := b.api("u", p, settleJSON); r.Code != http.StatusNoContent {
			t.Errorf("%d %s", r.Code, r.Body)
		}
	}
	if n != 2 {
		t.Errorf("settled %d times", n)
	}
}

const chosen1 = "korrekt Pferd Batterie"

func change(role, present, next, again string) url.Values {
	return url.Values{"role": {role}, "password": {present}, "new": {next}, "again": {again}}
}

func TestChangePassword(t *testing.T) {
	log, said := logged()
	w, b := newScreen(t, Config{Log: log})
	b.signIn("Anna")
	anna := b.cookie
	b.cookie = nil
	b.signInAs("Otto", ownerPassword)
	otto := b.cookie
	b.cookie = nil
	b.signInAs("Olga", ownerPassword)
	olga := b.cookie
	signed := func(who string, c *http.Cookie, want bool) {
		t.Helper()
		b.cookie = c
		if got := b.get("/").Code == http.StatusOK; got != want {
			t.Errorf("%s is signed in: %v", who, got)
		}
		b.cookie = olga
	}
	b.page(b.get("/passwords"), http.StatusOK, "10 characters or more", `value="clerk" checked`)
	b.goes(b.post("/passwords", change("clerk", ownerPassword, chosen1, chosen1)), "/passwords?done=password")
	b.page(b.get("/passwords?done=password"), http.StatusOK, "The password is changed.")
	signed("Anna", anna, false)
	signed("Otto", otto, true)
	signed("Olga", olga, true)
	if w.keys.Role(chosen1) != access.Clerk || w.keys.Role(password) != access.Nobody {
		t.Error("the clerk's password is not changed")
	}
	b.goes(b.post("/passwords", change("owner", ownerPassword, "another one of mine", "another one of mine")), "/passwords?done=password")
	signed("Otto", otto, false)
	signed("Olga", olga, true)
	if got := said.String(); strings.Count(got, "password changed at the counter screen") != 2 || !strings.Contains(got, "for=clerk name=Olga role=owner source=127.0.0.1") {
		t.Errorf("the log says %s", got)
	}
	absent(t, said.String(), password, ownerPassword, chosen1, "another one of mine")
}

func TestChangePasswordIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		form   url.Values
		fail   error
		status int
		says   string
	}{
		"no role":         {change("", ownerPassword, chosen1, chosen1), nil, http.StatusUnprocessableEntity, "Choose one of the two."},
		"odd role":        {change("nobody", ownerPassword, chosen1, chosen1), nil, http.StatusUnprocessableEntity, "Choose one of the two."},
		"twice otherwise": {change("clerk", ownerPassword, chosen1, "korrekt Pferd batterie"), nil, http.StatusUnprocessableEntity, "The two are not the same."},
		"wrong":           {change("clerk", "guess-of-Eve", chosen1, chosen1), nil, http.StatusUnauthorized, "This is not the owner&#39;s password."},
		"the clerk's":     {change("owner", password, chosen1, chosen1), nil, http.StatusUnauthorized, "This is not the owner&#39;s password."},
		"short":           {change("clerk", ownerPassword, "short", "short"), access.ErrShort, http.StatusUnprocessableEntity, "A password needs 10 characters."},
		"long":            {change("clerk", ownerPassword, "much-too-long", "much-too-long"), access.ErrLong, http.StatusUnprocessableEntity, "This password is too long."},
		"the other's":     {change("clerk", ownerPassword, "other-role-has-it", "other-role-has-it"), access.ErrSame, http.StatusUnprocessableEntity, "the password of the other role"},
		"disk":            {change("clerk", ownerPassword, chosen1, chosen1), errors.New("keep the password: disk full"), http.StatusInternalServerError, "The password was not changed: <span lang=\"en\">Keep the password: disk full."},
	} {
		t.Run(name, func(t *testing.T) {
			log, said := logged()
			w, b := newScreen(t, Config{Log: log})
			b.signIn("Anna")
			anna := b.cookie
			b.cookie = nil
			b.signInAs("Olga", ownerPassword)
			w.keys.fail = c.fail
			page := b.page(b.post("/passwords", c.form), c.status, strings.ReplaceAll(c.says, `<span lang="en">`, ""))
			for _, secret := range []string{c.form.Get("password"), c.form.Get("new"), c.form.Get("again")} {
				absent(t, page+said.String(), secret)
			}
			if w.keys.Role(password) != access.Clerk || w.keys.Role(ownerPassword) != access.Owner {
				t.Error("a password is another one")
			}
			b.cookie = anna
			b.page(b.get("/"), http.StatusOK)
		})
	}
}

// Passwords that the owner types again are counted as those at the door are, and together with them.
func TestOwnersPasswordIsThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, b := asOwner(t)
		w.sale("s")
		w.back = func(bridge.Order) error { t.Error("given back"); return nil }
		token := b.proposeBack(url.Values{"uuid": {"s"}, "kind": {"refund"}, "amount": {"5"}})
		for range 4 {
			b.page(b.post("/passwords", change("clerk", "guess", chosen1, chosen1)), http.StatusUnauthorized)
		}
		for range 4 {
			if status, _ := b.confirmBack("s", token, "guess"); status != http.StatusUnauthorized {
				t.Errorf("a guess gave %d", status)
			}
		}
		if status, _ := b.confirmBack("s", token, password); status != http.StatusUnauthorized { // the clerk's
			t.Errorf("the clerk's gave %d", status)
		}
		b.page(b.post("/sign-in", url.Values{"name": {"Eve"}, "password": {"guess"}}), http.StatusUnauthorized)
		if status, page := b.confirmBack("s", token, ownerPassword); status != http.StatusTooManyRequests || !strings.Contains(page, "Wait 1 min 0 s") {
			t.Errorf("after ten wrong ones %d: %s", status, page)
		}
		b.page(b.post("/passwords", change("clerk", ownerPassword, chosen1, chosen1)), http.StatusTooManyRequests, "Too many wrong passwords.")
		if w.keys.Role(password) != access.Clerk {
			t.Error("the password was changed")
		}
		time.Sleep(wrongWindow)
		w.back = func(bridge.Order) error { return nil }
		if status, _ := b.confirmBack("s", token, ownerPassword); status != http.StatusSeeOther {
			t.Errorf("a minute later %d", status)
		}
	})
}

// A password that is being changed opens no session that would outlive it.
func TestNoSessionOutlivesItsPassword(t *testing.T) {
	w, b := asOwner(t)
	olga := b.cookie
	b.c.checking <- struct{}{} // both wait at the same door
	tried := make(chan *httptest.ResponseRecorder, 2)
	post := func(path string, form url.Values, cookie *http.Cookie) {
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
		r.Host, r.RemoteAddr = "localhost", "127.0.0.1:1"
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if cookie != nil {
			r.AddCookie(cookie)
		}
		answer := httptest.NewRecorder()
		b.c.ServeHTTP(answer, r)
		tried <- answer
	}
	go post("/sign-in", url.Values{"name": {"Anna"}, "password": {password}}, nil)
	go post("/passwords", change("clerk", ownerPassword, chosen1, chosen1), olga)
	<-b.c.checking
	<-tried
	<-tried
	if w.keys.Role(chosen1) != access.Clerk {
		t.Fatal("the password was not changed")
	}
	b.c.sessions.mu.Lock()
	defer b.c.sessions.mu.Unlock()
	for _, s := range b.c.sessions.byDigest {
		if s.role == access.Clerk {
			t.Errorf("%s is signed in with the old password", s.name)
		}
	}
}

func TestHintAtThePasswordThatWasMade(t *testing.T) {
	w, b := asOwner(t)
	absent(t, b.page(b.get("/"), http.StatusOK), "as the bridge made it")
	w.keys.made = true
	for _, path := range []string{"/", "/settings", "/passwords"} {
		b.page(b.get(path), http.StatusOK, "as the bridge made it", `href="/passwords"`)
	}
	b.signIn("Anna")
	absent(t, b.page(b.get("/"), http.StatusOK), "as the bridge made it")
}

func TestSettings(t *testing.T) {
	_, b := newScreen(t, Config{Version: "1.2.3", Settings: "mgr:\n  passcode: [secret] # " + evil, Journal: "/var/lib/t/journal.db", LogFile: "/var/log/t.log"})
	b.signInAs("Olga", ownerPassword)
	absent(t, b.page(b.get("/settings"), http.StatusOK, "mgr:\n  passcode: [secret]", "1.2.3", "/var/lib/t/journal.db", "/var/log/t.log", `href="/passwords"`), "<script>alert")
	_, b = asOwner(t)
	b.page(b.get("/settings"), http.StatusOK, "There is nothing to show.", "kept by the system")
}
