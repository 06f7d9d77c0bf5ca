package counter

import (
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/access"
)

func TestStrangersPageChangesNothing(t *testing.T) {
	acts := []struct{ path, body string }{
		{"/sign-in", "name=A&password=guess"},
		{"/sign-out", ""},
		{"/language", "language=de"},
		{"/terminal/cancel", "terminal=counter"},
		{"/alarm/clear", "id=7"},
		{"/payment/ask", "uuid=u"},
		{"/payment/settle", "uuid=u&choice=charged&name=Eve&evidence=none&auth_code=1"},
		{"/payment/confirm", "uuid=u&token=1"},
		{"/payment/give-back", "uuid=u&kind=refund&amount=5"},
		{"/payment/give-back/confirm", "uuid=u&token=1&password=guess"},
		{"/passwords", "role=clerk&password=guess&new=long+enough+as+it+is&again=long+enough+as+it+is"},
		{"/api/v1/payments/u/resolve", `{"outcome":"approved","name":"Eve","evidence":"none","auth_code":"1"}`},
	}
	from := map[string]map[string]string{
		"another site":              {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
		"another port of this host": {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:3000"},
		"an old browser":            {"Origin": "https://evil.example"},
		"a sandboxed frame":         {"Origin": "null"},
		"a name bound to us":        {"Host": "evil.example:8474", "Sec-Fetch-Site": "same-origin", "Origin": "http://evil.example:8474"},
	}
	for name, header := range from {
		t.Run(name, func(t *testing.T) {
			w, b := asOwner(t)
			w.payment("u", bridge.Held)
			w.cancel = func(string) error { t.Error("cancelled"); return nil }
			w.ask = func(string) error { t.Error("asked"); return nil }
			for k, v := range header {
				b.header.Set(k, v)
			}
			for _, act := range acts {
				for _, kind := range []string{"application/x-www-form-urlencoded", "text/plain", "application/json", ""} {
					r := b.request(http.MethodPost, act.path, kind, act.body)
					if r.Code != http.StatusForbidden && r.Code != http.StatusMisdirectedRequest {
						t.Errorf("%s as %q gave %d", act.path, kind, r.Code)
					}
				}
			}
			for k := range header {
				b.header.Del(k)
			}
			b.page(b.get("/"), http.StatusOK) // still signed in, and no try was used up
			if n := len(b.c.throttle.wrong); n != 0 {
				t.Errorf("tries were counted: %v", b.c.throttle.wrong)
			}
		})
	}
}

func TestOwnFormsWorkWhereBrowsersSayLittle(t *testing.T) {
	for name, header := range map[string]map[string]string{
		"same origin":               {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost:8474"},
		"plain HTTP over a network": {"Host": "till.lan:8474", "Origin": "http://till.lan:8474"},
		"nothing said":              {},
	} {
		t.Run(name, func(t *testing.T) {
			_, b := newScreen(t, Config{Hosts: []string{"Till.lan."}})
			for k, v := range header {
				b.header.Set(k, v)
			}
			b.signIn("Anna")
		})
	}
}

func TestNoGetChangesAnything(t *testing.T) {
	w, b := asOwner(t)
	w.payment("u", bridge.Held)
	w.sale("s")
	token := b.proposeBack(refund("5"))
	w.alarms = []Alarm{{ID: 7, Text: "x"}}
	w.cancel = func(string) error { t.Error("cancelled"); return nil }
	w.ask = func(string) error { t.Error("asked"); return nil }
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete, http.MethodOptions} {
		for _, path := range []string{
			"/sign-out", "/terminal/cancel?terminal=counter", "/alarm/clear?id=7", "/payment/ask?uuid=u",
			"/payment/settle?uuid=u&choice=charged&name=Eve&evidence=none&auth_code=1", "/payment/confirm?uuid=u&token=",
			"/api/v1/payments/u/resolve", "/payment/give-back?uuid=s&kind=refund&amount=5", "/payment/give-back/confirm?uuid=s&token=" + token + "&" + query("password", ownerPassword),
		} {
			if r := b.request(method, path, "", ""); r.Code != http.StatusMethodNotAllowed {
				t.Errorf("%s %s gave %d", method, path, r.Code)
			}
		}
	}
	b.page(b.get("/"), http.StatusOK, "Olga")
	b.page(b.get("/passwords?role=clerk&new=long+enough+as+it+is&again=long+enough+as+it+is&"+query("password", ownerPassword)), http.StatusOK)
	if w.keys.Role(password) != access.Clerk {
		t.Error("a GET changed a password")
	}
	if b.c.sessions.find(request(b)).waiting(token, time.Now()) == nil {
		t.Error("a GET used the token up")
	}
}

// What stands in the address is no part of a form: it gives nothing back, and changes no password.
func TestFormsAreNotReadFromTheAddress(t *testing.T) {
	w, b := asOwner(t)
	w.sale("s")
	token := b.proposeBack(refund("5"))
	b.page(b.post("/payment/give-back/confirm?"+url.Values{"uuid": {"s"}, "token": {token}, "password": {ownerPassword}}.Encode(), nil), http.StatusNotFound)
	b.page(b.post("/passwords?"+change("clerk", ownerPassword, chosen1, chosen1).Encode(), nil), http.StatusUnprocessableEntity)
	if w.keys.Role(password) != access.Clerk {
		t.Error("the password was changed")
	}
}

func TestHosts(t *testing.T) {
	_, b := newScreen(t, Config{Hosts: []string{"till.example.lan", "2001:db8::5"}})
	for host, allowed := range map[string]bool{
		"localhost": true, "LOCALHOST:8474": true, "127.0.0.1:8474": true, "[::1]:8474": true, "[::1]": true,
		"till.example.lan:8474": true, "TILL.example.lan.": true, "[2001:db8::5]:8474": true,
		"evil.example": false, "localhost.evil.example:8474": false, "till.example.lan.evil.example": false,
		"127.0.0.1.nip.io": false, "192.0.2.1": false, "evil.example:localhost": false,
	} {
		b.header.Set("Host", host)
		r := b.get("/sign-in")
		if (r.Code == http.StatusOK) != allowed {
			t.Errorf("%s gave %d", host, r.Code)
		}
		if !allowed && r.Code != http.StatusMisdirectedRequest {
			t.Errorf("%s gave %d", host, r.Code)
		}
	}
}

func TestEveryAnswerIsGuarded(t *testing.T) {
	_, b := signedIn(t)
	b.header.Set("Host", "evil.example")
	answers := map[string]http.Header{"refused host": b.get("/").Header()}
	b.header.Del("Host")
	for _, path := range []string{"/", "/payments", "/nowhere", "/static/counter.js", "/static/none", "/sign-in", "/api/v1/payments/u/resolve"} {
		answers[path] = b.get(path).Header()
	}
	b.header.Set("Sec-Fetch-Site", "cross-site")
	answers["refused origin"] = b.post("/sign-out", nil).Header()
	for name, h := range answers {
		for key, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
			"X-Content-Type-Options":  "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin", "Cache-Control": "no-store",
			"Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := h.Get(key); got != want {
				t.Errorf("%s: %s is %q", name, key, got)
			}
		}
	}
}

func TestBodyIsBounded(t *testing.T) {
	w, b := asOwner(t)
	w.payment("u", bridge.Held)
	w.cancel = func(string) error { t.Error("cancelled"); return nil }
	w.ask = func(string) error { t.Error("asked"); return nil }
	large := url.Values{"uuid": {"u"}, "terminal": {"counter"}, "id": {"7"}, "evidence": {strings.Repeat("x", 16<<10)}}
	for _, path := range []string{"/terminal/cancel", "/alarm/clear", "/payment/ask", "/payment/settle", "/payment/confirm", "/payment/give-back", "/payment/give-back/confirm", "/passwords"} {
		b.page(b.post(path, large), http.StatusBadRequest, "Nothing was done")
	}
}

func TestStatic(t *testing.T) {
	_, b := newWorld(t)
	for path, kind := range map[string]string{
		"counter.css": "text/css; charset=utf-8", "counter.js": "text/javascript; charset=utf-8", "icon.svg": "image/svg+xml",
	} {
		r := b.get("/static/" + path)
		if r.Code != http.StatusOK || r.Header().Get("Content-Type") != kind || r.Body.Len() == 0 {
			t.Errorf("%s: %d, %s, %d bytes", path, r.Code, r.Header().Get("Content-Type"), r.Body.Len())
		}
	}
	for _, path := range []string{"other.css", "..", "%2e%2e", "..%2fcounter.go", "%2e%2e%2fpages%2fbase.html"} {
		if r := b.get("/static/" + path); r.Code != http.StatusNotFound {
			t.Errorf("%s gave %d", path, r.Code)
		}
	}
}

func TestNothingFromElsewhereInTheFiles(t *testing.T) {
	for _, dir := range []string{"pages", "static"} {
		files, err := pageFiles.ReadDir("pages")
		read := pageFiles.ReadFile
		if dir == "static" {
			files, err = staticFiles.ReadDir("static")
			read = staticFiles.ReadFile
		}
		if err != nil || len(files) == 0 {
			t.Fatal(len(files), err)
		}
		for _, f := range files {
			text, err := read(dir + "/" + f.Name())
			if err != nil {
				t.Fatal(err)
			}
			got := strings.ReplaceAll(string(text), "http://www.w3.org/2000/svg", "")
			for _, bad := range []string{"http:", "https:", "@import", "url(", " style=", "<script>", "onclick", "javascript:"} {
				if strings.Contains(got, bad) {
					t.Errorf("%s has %q", f.Name(), bad)
				}
			}
		}
	}
}

func TestABrokenPageIsNotHalfShown(t *testing.T) {
	log, said := logged()
	_, b := newScreen(t, Config{Log: log})
	b.c.pages["en"] = template.Must(template.New("sign-in").Parse(`<p>half{{.View.Missing}}`))
	body := b.page(b.get("/sign-in"), http.StatusInternalServerError, "could not be made")
	absent(t, body, "half")
	if !strings.Contains(said.String(), "make page") {
		t.Errorf("the log says %q", said)
	}
}
