package counter

import (
	"errors"
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/counter/language"
	"tillbridge/bridge/health"
	"tillbridge/terminal"
)

// choose chooses a language as the form at the foot of the page does.
func (b *browser) choose(tag string) {
	b.t.Helper()
	b.goes(b.post("/language", url.Values{"language": {tag}, "next": {"/"}}), "/")
}

func TestLanguageFollowsTheBrowserAndTheChoice(t *testing.T) {
	_, b := newWorld(t)
	says := func(tag, text string) {
		t.Helper()
		r := b.get("/sign-in")
		b.page(r, http.StatusOK, `<html lang="`+tag+`">`, text, `name="language" value="`+tag+`" lang="`+tag+`" aria-current="true"`)
		if got := r.Header().Get("Content-Language"); got != tag {
			t.Errorf("the header says %q, want %q", got, tag)
		}
	}
	says("en", "Your name")
	b.header.Set("Accept-Language", "it-CH,it;q=0.9,en;q=0.5")
	says("it", "Nome e cognome")
	b.choose("fr")
	says("fr", "Votre nom")
	b.choice.Value = "xx" // as a browser may keep it from a release with more languages
	says("it", "Nome e cognome")
	b.choose("en")
	says("en", "Your name")

	b.choose("de")
	b.signIn("Anna")
	b.page(b.get("/payments"), http.StatusOK, `<html lang="de">`, "Zahlungen", "Deutsch", "English", "Español", "Français", "Italiano")
	b.post("/sign-out", nil)
	says("de", "Ihr Name")
}

func TestChoiceOfLanguage(t *testing.T) {
	w, b := newWorld(t)
	for _, tag := range []string{"", "xx", "de-DE", "DE", "../de", evil} {
		absent(t, b.page(b.post("/language", url.Values{"language": {tag}}), http.StatusBadRequest, "no such language"), "<script>alert")
		if b.choice != nil {
			t.Fatalf("%q was kept", tag)
		}
	}
	b.goes(b.get("/language?language=de"), "/sign-in?next=%2Flanguage%3Flanguage%3Dde")
	if b.choice != nil {
		t.Error("a GET chose a language")
	}
	b.choose("de")
	if c := b.choice; c.Value != "de" || c.MaxAge != 365*24*60*60 || !c.HttpOnly || c.Secure || c.SameSite != http.SameSiteStrictMode || c.Path != "/" {
		t.Errorf("the cookie is %+v", c)
	}
	b.signIn("Anna")
	b.page(b.get("/language"), http.StatusMethodNotAllowed, "nichts getan")
	large := url.Values{"language": {"fr"}, "next": {strings.Repeat("x", maxBody)}}
	b.page(b.post("/language", large), http.StatusBadRequest, "nichts getan")

	w.payment("u/1", bridge.Held)
	for next, to := range map[string]string{
		"/payment?uuid=u%2F1": "/payment?uuid=u%2F1", "//evil.example": "/", "https://evil.example/": "/", "": "/", `/\evil`: "/",
	} {
		b.goes(b.post("/language", url.Values{"language": {"es"}, "next": {next}}), to)
	}
	b.header.Set("Origin", "https://evil.example")
	b.header.Set("Sec-Fetch-Site", "cross-site")
	b.page(b.post("/language", url.Values{"language": {"fr"}}), http.StatusForbidden, "otro sitio web")
	if b.choice.Value != "es" {
		t.Errorf("a stranger chose %s", b.choice.Value)
	}
}

var nextField = regexp.MustCompile(`action="/language"[^>]*>\s*<input type="hidden" name="next" value="([^"]*)"`)

// Who chooses a language comes back to the page where they were, or to the one that the form was on.
func TestChoiceComesBack(t *testing.T) {
	w, b := signedIn(t)
	w.manual(bridge.Sent, asked(false, ""))
	held := w.payment("h", bridge.Held)
	w.alarms = []Alarm{{ID: 7, Text: "look"}}
	w.receipts = []terminal.Receipt{{}}
	w.cancel = func(string) error { return errors.New("no") }
	w.ask = w.cancel
	back := func(page, want string) {
		t.Helper()
		m := nextField.FindStringSubmatch(page)
		if m == nil || html.UnescapeString(m[1]) != want {
			t.Errorf("leads back to %q, want %q", m, want)
		}
	}
	for _, path := range []string{
		"/", "/payments?q=12%2C50&state=unknown", "/payment?uuid=h", "/alarm?id=7", "/receipt?n=1&uuid=h", questionAt, "/sign-in?next=%2Fpayments", "/nowhere", "/?done=cancel",
	} {
		back(b.get(path).Body.String(), path)
	}
	form := charged()
	form.Set("uuid", held.UUID)
	back(b.post("/payment/settle", form).Body.String(), "/payment?uuid=h")
	form.Set("choice", "")
	back(b.post("/payment/settle", form).Body.String(), "/payment?uuid=h")
	back(b.post("/payment/ask", url.Values{"uuid": {"h"}}).Body.String(), "/payment?uuid=h")
	back(b.post("/terminal/cancel", url.Values{"terminal": {"a b"}}).Body.String(), "/")
	back(b.post("/terminal/answer", printed("charged", "", "")).Body.String(), "/terminal/question?terminal=a+b")
	back(b.post("/payments", nil).Body.String(), "/")
	back(b.post("/sign-in", url.Values{"name": {"A"}, "password": {"wrong"}, "next": {"/payments"}}).Body.String(), "/sign-in?next=%2Fpayments")
}

// shop is a screen on which there is something of everything.
func shop(t *testing.T) (*world, *browser) {
	t.Helper()
	w, b := newScreen(t, Config{
		Version: "1.2.3", Exposed: []string{"0.0.0.0:8474"}, SettingsError: "line 1 is bad",
		Warnings: []string{"/etc/t.yaml:3:5: mgr.passcode: the passcode is short; 16 characters or more are hard to guess; set the same in MGR"},
	})
	for i, s := range bridge.States() {
		for _, o := range []terminal.Outcome{terminal.Approved, terminal.Declined} {
			p := w.payment(fmt.Sprint("u-", i, "-", o), s)
			p.Outcome, p.Amount.Minor, p.Received = o, 123450, time.Date(2025, 3, 31, 14, 3, 5, 0, time.Local)
			p.Reason = "the terminal's answer does not say whether money moved (The terminal is busy.)"
			more := int64(123550)
			p.Result = &terminal.Result{Outcome: terminal.Approved, AuthCode: "651200", TxnRef: "163", CardName: "Maestro", CardLast4: "1229", CapturedMinor: &more, Person: "Berta"}
			if p.Final() {
				p.Person = &bridge.Person{Name: "Berta", Evidence: "it was 1234.50 EUR", TxnRef: "7"}
				p.Reason = p.Person.Evidence
			}
		}
	}
	amount := terminal.Amount{Minor: 123450, Currency: eur}
	for h := bridge.Connecting; h <= bridge.Gone; h++ {
		p := *w.payment("run-"+h.String(), bridge.Sent)
		w.terminals = append(w.terminals, bridge.TerminalStatus{
			Name: "t" + h.String()[:1], Driver: "terminal without a connection", Line: "COM3", Currency: eur, Health: h, Text: "The line was lost.", Since: time.Now(),
			Payment: &p, Progress: "Insert the card.", CanCancel: true,
			Question: &bridge.Question{ID: "Q", Question: terminal.Question{Amount: amount, Text: "Read the printout again and type it once more. Both must agree.", Again: h%2 == 0, Problem: "What was typed the second time is not what was typed the first time. Begin again, from the printout."}},
		})
	}
	b.c.config.Health = func() []health.Terminal {
		return []health.Terminal{
			{Name: "tr", State: health.Ready, LastError: "the line was lost", LastErrorAt: time.Now(), Quality: terminal.LineCounts{
				Opened: 3, Messages: 50, BadChecks: 9, RecentTrouble: 9, Recent: 59, Answer: time.Second, Slowest: 2500 * time.Millisecond,
			}},
			{Name: "tg", State: health.OtherTerminal},
		}
	}
	for i, kind := range []string{"contrary", "notice", "other terminal"} {
		w.alarms = append(w.alarms, Alarm{ID: int64(i + 1), At: time.Now(), Kind: kind, Terminal: "bar", UUID: "u", Text: "MGR did not answer."})
	}
	for i := range alarmLimit {
		w.alarms = append(w.alarms, Alarm{ID: int64(10 + i), Text: "MGR did not answer."})
	}
	w.owed = 3
	order := bridge.Order{Amount: amount}
	for i, k := range bridge.EventKinds() {
		w.story = append(w.story, Step{Seq: i + 1, At: time.Now(), Kind: k, State: bridge.States()[i%len(bridge.States())], Event: bridge.Event{
			Kind: k, Order: &order, Reason: "The bridge stopped during the payment.", Result: &terminal.Result{Text: "The payment was refused."}, Person: &bridge.Person{Name: "Anna", Evidence: "Beleg"}, Outcome: terminal.Approved,
		}})
	}
	w.receipts = []terminal.Receipt{{Kind: terminal.MerchantReceipt, Signature: true, Lines: []terminal.Line{{Text: "Card payment 12.50 EUR"}}}, {Kind: terminal.CustomerReceipt}, {Kind: terminal.AdministrationReceipt}, {}}
	w.cancel = func(string) error { return errors.New("this terminal can only be cancelled at its own keys") }
	w.ask = func(string) error {
		return errors.New("the terminal of this payment is not in the settings any more")
	}
	w.clear = func(int64, string) error { return errors.New("MGR did not answer") }
	w.answer = func(string, string, terminal.Answer) error {
		return errors.New("this was answered already, or is not asked any more")
	}
	return w, b
}

// everyPage is every page of a shop, once for each thing that it may say.
func everyPage(w *world, b *browser) map[string]string {
	pages := map[string]string{"sign in": b.get("/sign-in").Body.String()}
	post := func(name, path string, form url.Values) { pages[name] = b.post(path, form).Body.String() }
	post("no name", "/sign-in", nil)
	post("long name", "/sign-in", url.Values{"name": {strings.Repeat("x", 81)}})
	post("wrong password", "/sign-in", url.Values{"name": {"A"}, "password": {"x"}})
	b.signIn("Anna")
	for _, path := range []string{
		"/", "/payments", "/payments?q=none", "/alarm?id=1", "/alarm?id=2", "/alarm?id=3", "/alarm?id=99", "/nowhere", "/payment?uuid=none", "/receipt?uuid=none&n=1",
		"/terminal/question?terminal=tc", "/terminal/question?terminal=tr", "/?done=cancel", "/?done=ask", "/?done=settled", "/?done=cleared", "/payments?before=999",
		"/payments?state=odd", "/payments?from=x", "/payments?to=x", "/payments?from=2026-03-30&to=2026-03-29", "/payments?before=x", "/payments?q=" + strings.Repeat("x", 101),
	} {
		pages[path] = b.get(path).Body.String()
	}
	for _, r := range w.rows {
		pages["payment "+r.UUID] = b.get("/payment?" + query("uuid", r.UUID)).Body.String()
	}
	for n := range w.receipts {
		pages[fmt.Sprint("receipt ", n)] = b.get(receiptAddress(w.rows[0].UUID, n+1, "")).Body.String()
	}
	pages["paper"] = b.get(receiptAddress(w.rows[0].UUID, 1, "a0")).Body.String()
	held := slices.Index(bridge.States(), bridge.Held)
	form := func(changes ...string) url.Values {
		f := charged()
		f.Set("uuid", fmt.Sprint("u-", held, "-approved"))
		for i := 0; i < len(changes); i += 2 {
			f.Set(changes[i], changes[i+1])
		}
		return f
	}
	post("charged", "/payment/settle", form())
	post("not charged", "/payment/settle", form("choice", "not-charged"))
	post("nothing typed", "/payment/settle", form("choice", "", "name", "", "evidence", ""))
	post("too long", "/payment/settle", form("evidence", strings.Repeat("x", 501), "auth_code", strings.Repeat("x", 41)))
	post("no code", "/payment/settle", form("auth_code", "", "txn_ref", ""))
	post("decided", "/payment/settle", form("uuid", "u-8-approved"))
	post("no token", "/payment/confirm", url.Values{"uuid": {form().Get("uuid")}})
	post("cancel", "/terminal/cancel", url.Values{"terminal": {"tr"}})
	post("ask", "/payment/ask", url.Values{"uuid": {form().Get("uuid")}})
	post("clear", "/alarm/clear", url.Values{"id": {"1"}})
	post("odd post", "/payments", nil)
	for _, c := range [][3]string{{"charged", "651200", ""}, {"", "", ""}, {"charged", "", ""}, {"unsure", "7", ""}, {"charged", strings.Repeat("x", 41), ""}} {
		f := printed(c[0], c[1], c[2])
		f.Set("terminal", "tr")
		post(fmt.Sprint("answer ", c), "/terminal/answer", f)
	}
	for n, outcome := range []terminal.Outcome{terminal.Approved, terminal.Declined} {
		p := w.settledByHand(fmt.Sprint("corrected-", n))
		p.Person.Evidence = "Beleg"
		pages["to correct "+p.UUID] = b.get("/payment?" + query("uuid", p.UUID)).Body.String()
		f := charged()
		f.Set("uuid", p.UUID)
		f.Set("evidence", "Beleg")
		post("correct "+p.UUID, "/payment/settle", f)
		p.Corrected = &bridge.Correction{Outcome: outcome, Person: &bridge.Person{Name: "Bert", Evidence: "Beleg"}}
		pages["corrected "+p.UUID] = b.get("/payment?" + query("uuid", p.UUID) + "&done=corrected").Body.String()
		post("corrected already "+p.UUID, "/payment/settle", f)
	}
	maps.Copy(pages, dayPages(w, b))
	maps.Copy(pages, returnPages(w, b))
	maps.Copy(pages, ownerPages(w, b))
	return pages
}

// No page has an English sentence left in another language, nor an amount or a date in English marks.
func TestEveryPageInEveryLanguage(t *testing.T) {
	all, err := language.Load()
	if err != nil {
		t.Fatal(err)
	}
	english := regexp.MustCompile(`1[,.]?234\.50|\b31 Mar\b`)
	for _, l := range all.All() {
		if l == all.English() {
			continue
		}
		t.Run(l.Tag, func(t *testing.T) {
			w, b := shop(t)
			b.choose(l.Tag)
			pages := everyPage(w, b)
			if len(pages) < 80 {
				t.Fatalf("%d pages", len(pages))
			}
			for name, page := range pages {
				if !strings.Contains(page, `<html lang="`+l.Tag+`">`) {
					t.Errorf("%s is no page in %s:\n%s", name, l.Tag, page)
				}
				for _, left := range leftEnglish(l, page) {
					t.Errorf("%s still says %q", name, left)
				}
				page = strings.ReplaceAll(page, "it was 1234.50 EUR", "") // a person's own words
				page = strings.ReplaceAll(page, "It was 1234.50 EUR", "")
				for _, left := range english.FindAllString(page, -1) {
					t.Errorf("%s writes %q", name, left)
				}
			}
			amount := l.Amount(terminal.Amount{Minor: 123450, Currency: eur})
			for name, texts := range map[string][]string{
				"payment u-10-approved": {amount, "2025 14:03:05", "It was 1234.50 EUR."}, "receipt 0": {"Card payment 12.50 EUR"}, "charged": {l.Amount(terminal.Amount{Minor: 123550, Currency: eur})},
			} {
				for _, text := range texts {
					if !strings.Contains(html.UnescapeString(pages[name]), text) {
						t.Errorf("%s does not say %q:\n%s", name, text, pages[name])
					}
				}
			}
		})
	}
}

// leftEnglish are the English sentences in a page that the language has other words for, and what is marked as English.
func leftEnglish(l *language.Language, page string) (left []string) {
	text := strings.Join(strings.Fields(html.UnescapeString(tags.ReplaceAllString(page, " "))), " ")
	for key, translation := range l.Screen {
		bare := strings.ReplaceAll(key, "*", "")
		if len(bare) > 11 && translation != key && !strings.Contains(bare, "{") && strings.Contains(text, bare) {
			left = append(left, bare)
		}
	}
	return append(left, regexp.MustCompile(`<span lang="en">[^<]*`).FindAllString(page, -1)...)
}

// The running times are the page's words, in its language.
func TestScriptSaysThePagesWords(t *testing.T) {
	_, b := signedIn(t)
	b.page(b.get("/"), http.StatusOK, `data-seconds="{s} s" data-minutes="{m} min {s} s" data-hours="{h} h {m} min" data-days="{d} days"`)
	b.choose("de")
	b.page(b.get("/"), http.StatusOK, `data-days="{d} Tage"`)
	script, err := staticFiles.ReadFile("static/counter.js")
	if err != nil {
		t.Fatal(err)
	}
	absent(t, string(script), "days`", "Copied", "min ${", "h ${")
}

// An amount is looked for in the marks of the language or with a point; what stands in the form, in links and in exports is as before.
func TestSearchInTheLanguagesMarks(t *testing.T) {
	w, b := asOwner(t)
	w.payment("u", bridge.Reported)
	asked := func(path string) string {
		t.Helper()
		b.page(b.get(path), http.StatusOK)
		return w.asked[len(w.asked)-1].Text
	}
	b.choose("de")
	for typed, want := range map[string]string{"1.234,50": "1234.50", "12.50": "12.50", "651200": "651200"} {
		if got := asked("/payments?" + query("q", typed)); got != want {
			t.Errorf("%q is looked for as %q, want %q", typed, got, want)
		}
	}
	b.page(b.get("/payments?q=1.234%2C50"), http.StatusOK, `value="1.234,50"`, `href="/payments/export.csv?q=1.234%2C50"`)
	if got := asked("/payments/export.csv?q=1.234%2C50"); got != "1234.50" {
		t.Errorf("exported by %q", got)
	}
	csv := b.page(b.get("/payments/export.csv"), http.StatusOK, "received,terminal,amount", "12.50", "reported")
	absent(t, csv, "12,50", "gemeldet")
}

// Programs are told the same whatever the clerk reads.
func TestAPIStaysEnglish(t *testing.T) {
	w, b := newWorld(t)
	w.payment("u", bridge.Held).Reason = "The line was lost."
	w.terminals = []bridge.TerminalStatus{{Name: "counter", Text: "Ready for a payment."}}
	b.choose("de")
	b.header.Set("Accept-Language", "de")
	b.header.Set("Authorization", "Basic YW55b25lOmEgdGlsbCdzIHBhc3N3b3Jk") // anyone:a till's password
	for _, path := range []string{"/api/v1/status", "/api/v1/payments", "/api/v1/payments/u", "/metrics"} {
		absent(t, b.page(b.get(path), http.StatusOK), "Leitung", "ungekl", "Zahlung")
	}
	b.page(b.get("/api/v1/payments/u"), http.StatusOK, "The line was lost.", "held")
	b.page(b.get("/api/v1/payments/none"), http.StatusNotFound, "There is no payment")
}

func TestHostileTextsInOtherLanguages(t *testing.T) {
	for _, tag := range []string{"de", "fr", "it", "es"} {
		w, b := newWorld(t)
		b.choose(tag)
		b.signIn("Anna " + evil)
		p := w.payment("u", bridge.Held)
		p.Terminal, p.Amount.Currency.Code = evil, evil
		w.alarms = []Alarm{{ID: 7, Kind: evil, Terminal: evil, UUID: evil, Text: "MGR did not answer: " + evil + "."}}
		w.terminals = []bridge.TerminalStatus{{Name: evil, Text: "The card terminal cannot be reached: " + evil + " Nothing was charged.", Progress: evil}}
		w.story = []Step{{At: time.Now(), State: bridge.Held, Event: bridge.Event{Kind: bridge.Resolve, Person: &bridge.Person{Name: evil, Evidence: evil}, Outcome: terminal.Approved}}}
		for _, reason := range []string{evil, "The terminal's answer does not say whether money moved (" + evil + ")", "Given up: *" + evil + "* {name}"} {
			p.Reason = reason
			for _, path := range []string{"/", "/payment?uuid=u", "/alarm?id=7", "/payments"} {
				page := b.page(b.get(path), http.StatusOK, "&lt;script&gt;")
				absent(t, page, "<script>alert", `'&"`)
			}
		}
	}
}

// What a terminal says may be in any language; what the system says in the middle of ours is English.
func TestForeignWordsAreMarked(t *testing.T) {
	w, b := signedIn(t)
	b.choose("de")
	p := w.payment("u", bridge.Declined)
	p.Outcome, p.Reason, p.Result = terminal.Declined, "Karte gesperrt", &terminal.Result{Text: "Karte gesperrt"}
	b.page(b.get("/payment?uuid=u"), http.StatusOK, `<p class="says">Karte gesperrt.</p>`)
	p.Result.Text = "Insert the card."
	p.Reason = "The driver broke down: index out of range"
	b.page(b.get("/payment?uuid=u"), http.StatusOK, `Der Treiber ist abgestürzt: <span lang="en">index out of range.</span>`)
	w.failStory = errors.New("disk gone")
	b.page(b.get("/payment?uuid=u"), http.StatusServiceUnavailable, `<span lang="en">Disk gone.</span>`, "Laden Sie die Seite")
	r := b.request(http.MethodGet, "/", "", "")
	absent(t, r.Body.String(), `<span lang="en">`)
	b.header.Set("Host", "evil.example")
	b.page(b.get("/"), http.StatusMisdirectedRequest, "antwortet nicht unter diesem Namen")
}
