package counter

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/health"
	"tillbridge/terminal"
)

// evil is what a hostile or broken neighbour could put into any text.
const evil = `"><script>alert(1)</script>{{.}}'&`

func TestNowShowsEveryHealth(t *testing.T) {
	w, b := signedIn(t)
	for h := bridge.Connecting; h <= bridge.Gone; h++ {
		p := bridge.Payment{Order: bridge.Order{UUID: "u " + h.String(), Amount: terminal.Amount{Minor: 1250, Currency: eur}}, State: bridge.Sent, Received: time.Now()}
		w.terminals = append(w.terminals, bridge.TerminalStatus{
			Name: "t" + h.String(), Driver: "ZVT", Line: "COM3", Currency: eur, Health: h, Text: "it says " + h.String(), Since: time.Now(),
			Payment: &p, Progress: "insert card " + h.String(), CanCancel: h == bridge.Working,
		})
	}
	w.terminals = append(w.terminals, bridge.TerminalStatus{Name: "idle"})
	page := b.page(b.get("/"), http.StatusOK)
	for word, tone := range map[string]string{
		"Connecting": "idle", "Ready": "good", "Working": "work", "Asking": "hold", "On hold": "hold", "Not reached": "down",
	} {
		at := strings.Index(page, "</svg>"+word+"<")
		if at < 0 || !strings.Contains(page[max(0, at-400):at], `class="state `+tone+`"`) {
			t.Errorf("%s is not shown with a sign and as %s", word, tone)
		}
	}
	for _, text := range []string{"It says ready.", "insert card working", "12.50 EUR", "ZVT · COM3 · EUR", `href="/payment?uuid=u&#43;on&#43;hold"`} {
		if !strings.Contains(page, text) {
			t.Errorf("the page does not say %q", text)
		}
	}
	if n := strings.Count(page, `action="/terminal/cancel"`); n != 1 {
		t.Errorf("%d terminals can be cancelled", n)
	}
	if !strings.Contains(page, `<noscript><meta http-equiv="refresh" content="10; url=/">`) {
		t.Error("no reload without JavaScript")
	}
}

func TestNowPutsHoldsFirst(t *testing.T) {
	w, b := signedIn(t)
	w.payment("u-held", bridge.Held).Reason = "the records do not show it"
	w.payment("u-asked", bridge.Recovering)
	w.payment("u-paid", bridge.Approved)
	w.alarms = []Alarm{{ID: 7, At: time.Now(), Kind: "contrary", Terminal: "bar", UUID: "u-paid", Text: "evidence against it"}, {ID: 8, Text: "the disk is full"}}
	w.owed = 3
	w.terminals = []bridge.TerminalStatus{{Name: "counter", Text: "all is well"}}
	page := b.page(b.get("/"), http.StatusOK, "<title>(2 not known) Now", "The records do not show it.", "evidence against it",
		"the disk is full", "3 outcomes are", `href="/alarm?id=7"`, `href="/payment?uuid=u-held"`)
	if n := strings.Count(page, "The card may have been charged. Do not take this payment again."); n != 2 {
		t.Errorf("%d holds", n)
	}
	if hold, card := strings.Index(page, "u-held"), strings.Index(page, "All is well."); hold > card {
		t.Error("the hold stands below the terminals")
	}
	absent(t, page, "uuid=u-paid\">Look")
	if f := w.asked[0]; fmt.Sprint(f.States) != "[uncertain recovering held]" || f.Limit <= 0 {
		t.Errorf("asked the book for %+v", f)
	}
	w.rows[0].Armed = time.Now().Add(-90 * time.Second)
	w.terminals[0].Payment = &w.rows[0].Payment
	for i := range alarmLimit {
		w.alarms = append(w.alarms, Alarm{ID: int64(100 + i), Text: "old alarm"})
	}
	absent(t, b.page(b.get("/"), http.StatusOK, "2 older alarms stand", "1 min 3", `href="/alarm?id=117"`), "id=118")
	w.owed = 1
	b.page(b.get("/"), http.StatusOK, "One outcome is")
}

// All well is one line, and anything that is not takes it away.
func TestNowSaysThatAllIsWell(t *testing.T) {
	const well = "All is well: the terminal is there, and nothing waits."
	for name, c := range map[string]struct {
		change func(w *world, h *health.Terminal)
		want   []string
	}{
		"hold":  {func(w *world, _ *health.Terminal) { w.payment("u-held", bridge.Held) }, nil},
		"alarm": {func(w *world, _ *health.Terminal) { w.alarms = []Alarm{{ID: 7, Text: "look"}} }, nil},
		"owed":  {func(w *world, _ *health.Terminal) { w.owed = 1 }, nil},
		"book":  {func(w *world, _ *health.Terminal) { w.failAlarms = errors.New("no") }, nil},
		"gone": {func(w *world, h *health.Terminal) { w.terminals[0].Health, h.State = bridge.Gone, health.NotReached }, []string{
			"Not reached", "switched on and plugged in", "tillbridge doctor",
		}},
		"other": {func(w *world, h *health.Terminal) { w.terminals[0].Health, h.State = bridge.Gone, health.OtherTerminal }, []string{"</svg>Other terminal<", "Look at the alarm"}},
		"none":  {func(w *world, _ *health.Terminal) { w.terminals = nil }, []string{"There is no terminal to show."}},
		"noise": {func(_ *world, h *health.Terminal) {
			h.Quality = terminal.LineCounts{Messages: 50, BadChecks: 9, RecentTrouble: 9, Recent: 59, Answer: time.Second, Slowest: 2 * time.Second}
		}, []string{"The line is not clean.", "shielded cable", "9 of the last 59 messages", "9 damaged messages", "answers in 1.0 s"}},
	} {
		t.Run(name, func(t *testing.T) {
			w, b := signedIn(t)
			w.terminals = []bridge.TerminalStatus{{Name: "counter", Health: bridge.Ready, Text: "Ready for a payment.", Currency: eur}}
			h := health.Terminal{Name: "counter", State: health.Ready, Quality: terminal.LineCounts{Opened: 1, Messages: 10, Slowest: 1}}
			b.c.config.Health = func() []health.Terminal { return []health.Terminal{h} }
			absent(t, b.page(b.get("/"), http.StatusOK, well), "Line ", "Last error")
			c.change(w, &h)
			absent(t, b.page(b.get("/"), http.StatusOK, c.want...), "All is well")
		})
	}
}

// What went wrong and is over is small print, for half a day.
func TestNowShowsALineThatWasBad(t *testing.T) {
	w, b := signedIn(t)
	w.terminals = []bridge.TerminalStatus{{Name: "counter", Health: bridge.Ready, Text: "Ready for a payment.", Currency: eur}, {Name: "bar", Health: bridge.Working}}
	h := health.Terminal{
		Name: "counter", State: health.Ready, LastError: "the line was lost", LastErrorAt: time.Now(),
		Quality: terminal.LineCounts{Opened: 3, Messages: 900, SentAgain: 1, Recent: 200, RecentTrouble: 1},
	}
	b.c.config.Health = func() []health.Terminal { return []health.Terminal{h} }
	b.page(b.get("/"), http.StatusOK, "All is well: every terminal is there", "Last error, ", "The line was lost.", "Line good, 900 messages came; 1 was sent again · line opened again 2 times.")
	h.LastErrorAt = time.Now().Add(-recently)
	absent(t, b.page(b.get("/"), http.StatusOK), "Last error")
}

// What is for the tools on this computer has a guard of its own: no session opens it, and none is asked for.
func TestLocalDoor(t *testing.T) {
	_, b := signedIn(t)
	if got := b.get(health.Prefix + "health"); got.Code != http.StatusNotFound {
		t.Errorf("without a door: %d", got.Code)
	}
	b.c.config.Local = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	b.c.router = b.c.routes()
	b.cookie = nil
	if got := b.get(health.Prefix + "health"); got.Code != http.StatusTeapot {
		t.Errorf("with a door: %d", got.Code)
	}
}

func TestNowWithoutTheBook(t *testing.T) {
	for name, fail := range map[string]func(*world){
		"payments": func(w *world) { w.failPayments = errors.New("disk gone") },
		"alarms":   func(w *world) { w.failAlarms = errors.New("disk gone") },
	} {
		t.Run(name, func(t *testing.T) {
			w, b := signedIn(t)
			w.terminals = []bridge.TerminalStatus{{Name: "counter", Text: "all is well"}}
			fail(w)
			b.page(b.get("/"), http.StatusOK, "may be missing here", "Disk gone.", "All is well.")
		})
	}
}

func TestBanners(t *testing.T) {
	_, b := newScreen(t, Config{
		Exposed: []string{"MGR's door " + evil}, SettingsError: "line 1: " + evil + "\nline 2", Warnings: []string{"careful " + evil},
	})
	absent(t, b.page(b.get("/sign-in"), http.StatusOK, "without encryption", "takes no payments", "Sign in to see why"), "line 2", "careful", "<script>alert")
	b.signIn(evil)
	absent(t, b.page(b.get("/"), http.StatusOK, "without encryption", "takes no payments", "\nline 2", "careful", "no terminal to show"), "<script>alert")
}

func TestPaymentInEveryState(t *testing.T) {
	for _, s := range bridge.States() {
		for _, o := range []terminal.Outcome{terminal.Unknown, terminal.Approved, terminal.Declined} {
			w, b := signedIn(t)
			p := w.payment("u", s)
			p.Outcome = o
			page := b.page(b.get("/payment?uuid=u"), http.StatusOK, "12.50 EUR", "0ABCDEF123")
			short, long, tone := stateWords(b.c.languages.English(), *p)
			if short == "" || !strings.Contains(page, short) || !strings.Contains(page, long) || !strings.Contains(page, `class="state `+string(tone)) {
				t.Errorf("%s/%s is not told:\n%s", s, o, page)
			}
			settle := strings.Contains(page, `action="/payment/settle"`)
			if settle != s.NotKnown() || settle != strings.Contains(page, "Do not take this payment again") {
				t.Errorf("%s: settle form %v", s, settle)
			}
			if settle == strings.Contains(page, "http-equiv=\"refresh\"") {
				t.Errorf("%s: reloads by itself %v", s, !settle)
			}
			if ask := strings.Contains(page, `action="/payment/ask"`); ask != (s == bridge.Held) {
				t.Errorf("%s: ask again %v", s, ask)
			}
		}
	}
}

func TestPaymentTellsAll(t *testing.T) {
	w, b := signedIn(t)
	p := w.payment("u", bridge.Reported)
	more := int64(1350)
	p.Outcome, p.Reason = terminal.Approved, "it was a tip"
	p.Seen = &terminal.Result{AuthCode: "seen-code"}
	p.Result = &terminal.Result{AuthCode: "651200", TxnRef: "163", CardName: "Maestro", CardLast4: "41111234", CapturedMinor: &more}
	w.story = []Step{
		{Seq: 1, At: time.Now(), Kind: bridge.Accept, State: bridge.Received, Event: bridge.Event{Kind: bridge.Accept, Order: &p.Order}},
		{Seq: 2, At: time.Now(), Kind: bridge.GiveUp, State: bridge.NotSent, Event: bridge.Event{Kind: bridge.GiveUp, Reason: evil}},
	}
	w.receipts = []terminal.Receipt{
		{Kind: terminal.MerchantReceipt, Signature: true, Lines: []terminal.Line{{Text: "SHOP", Centred: true, Wide: true, Tall: true}, {Text: "Total", Indent: 3}, {Text: evil, Indent: -1}}},
		{Kind: terminal.CustomerReceipt},
		{Kind: terminal.AdministrationReceipt},
		{},
	}
	page := b.page(b.get("/payment?uuid=u"), http.StatusOK, "651200", "163", "Maestro …1234", "booked <b>13.50 EUR</b>", "It was a tip.", "MGR was told",
		"MGR asked for 12.50 EUR; accepted.", "not sent", "Given up: ", "Merchant&#39;s copy, to be signed", "Customer&#39;s copy", "Administration", "Receipt",
		"<pre class=\"centred wide tall\">SHOP\n", "   Total\n")
	absent(t, page, "4111", "seen-code", "<script>alert")

	p.Result = nil
	b.page(b.get("/payment?uuid=u"), http.StatusOK, "seen-code")
	p.Person = &bridge.Person{Name: "Berta", AuthCode: "typed-code"}
	absent(t, b.page(b.get("/payment?uuid=u"), http.StatusOK, "Berta", "typed-code"), "seen-code")
}

func TestPaymentThatCannotBeShown(t *testing.T) {
	for name, c := range map[string]struct {
		fail   func(*world)
		status int
		says   string
	}{
		"none":     {func(w *world) { w.rows = nil }, http.StatusNotFound, "no payment"},
		"book":     {func(w *world) { w.failPayment = errors.New("disk gone") }, http.StatusServiceUnavailable, "Disk gone."},
		"story":    {func(w *world) { w.failStory = errors.New("disk gone") }, http.StatusServiceUnavailable, "Disk gone."},
		"receipts": {func(w *world) { w.failReceipts = errors.New("disk gone") }, http.StatusServiceUnavailable, "Disk gone."},
	} {
		t.Run(name, func(t *testing.T) {
			w, b := signedIn(t)
			w.payment("u", bridge.Held)
			c.fail(w)
			b.page(b.get("/payment?uuid=u"), c.status, c.says)
		})
	}
}

func TestHostileTextsAreEscapedEverywhere(t *testing.T) {
	w, b := newWorld(t)
	b.signIn("Anna " + evil)
	for _, s := range bridge.States() {
		p := w.payment(evil+s.String(), s)
		p.Customer, p.Terminal, p.Reason, p.Reference = evil, evil, evil, evil
		p.Amount.Currency.Code = evil
		p.Result = &terminal.Result{AuthCode: evil, TxnRef: evil, CardName: evil, CardLast4: evil, Text: evil}
		p.Person = &bridge.Person{Name: evil, Evidence: evil, AuthCode: evil, TxnRef: evil}
		w.terminals = append(w.terminals, bridge.TerminalStatus{Name: evil, Driver: evil, Line: evil, Text: evil, Progress: evil, Payment: p, CanCancel: true})
	}
	w.alarms = []Alarm{{ID: 7, Kind: evil, Terminal: evil, UUID: evil, Text: evil}}
	w.cancel = func(name string) error { return errors.New(name) }
	w.ask = w.cancel
	held := evil + bridge.Held.String()
	pages := map[string]string{
		"now": b.get("/").Body.String(), "list": b.get("/payments?" + query("q", evil)).Body.String(), "alarm": b.get("/alarm?id=7").Body.String(),
		"cancel": b.post("/terminal/cancel", url.Values{"terminal": {evil}}).Body.String(),
		"ask":    b.post("/payment/ask", url.Values{"uuid": {held}}).Body.String(),
		"form": b.post("/payment/settle", url.Values{
			"uuid": {held}, "choice": {evil}, "name": {evil}, "evidence": {evil}, "auth_code": {evil}, "txn_ref": {evil},
		}).Body.String(),
		"confirm": b.post("/payment/settle", url.Values{"uuid": {held}, "choice": {"charged"}, "name": {evil}, "evidence": {evil}, "txn_ref": {evil}}).Body.String(),
		"done":    b.get("/?" + query("done", evil)).Body.String(), "next": b.get("/sign-in?" + query("next", "/"+evil)).Body.String(),
	}
	for _, s := range bridge.States() {
		pages[s.String()] = b.get("/payment?" + query("uuid", evil+s.String())).Body.String()
	}
	for name, page := range pages {
		if !strings.Contains(page, "&lt;script&gt;") || strings.Contains(page, "<script>alert") || strings.Contains(page, `'&"`) {
			t.Errorf("%s is not escaped:\n%s", name, page)
		}
	}
}

func TestPaymentsList(t *testing.T) {
	w, b := signedIn(t)
	b.page(b.get("/payments"), http.StatusOK, "no payments yet")
	for i := range 2*pageSize + 1 {
		w.payment(fmt.Sprintf("u-%03d", i), bridge.Reported).Outcome = terminal.Approved
	}
	w.terminals = []bridge.TerminalStatus{{Name: "counter"}}
	page := b.page(b.get("/payments"), http.StatusOK, "u-000", "u-049", `href="/payments?before=951"`, "Approved")
	absent(t, page, "u-050", "Newest", "Show all")
	page = b.page(b.get("/payments?before=951"), http.StatusOK, "u-050", "u-099", "Newest", `href="/payments?before=901"`)
	absent(t, page, "u-049", "u-100")
	absent(t, b.page(b.get("/payments?before=901"), http.StatusOK, "u-100"), "Older")

	q := "/payments?q=651200&state=unknown&terminal=counter&from=2026-03-29&to=2026-03-29"
	b.page(b.get(q), http.StatusOK, "No payment fits", `value="651200"`, `value="unknown" selected`, "<option selected>counter", `value="2026-03-29"`, "Show all",
		`data-page="/payments?from=2026-03-29&amp;q=651200&amp;state=unknown&amp;terminal=counter&amp;to=2026-03-29"`)
	f := w.asked[len(w.asked)-1]
	day := time.Date(2026, 3, 29, 0, 0, 0, 0, time.Local)
	if f.Text != "651200" || f.Terminal != "counter" || fmt.Sprint(f.States) != "[uncertain recovering held]" || f.Limit != pageSize+1 ||
		!f.From.Equal(day) || !f.To.Equal(time.Date(2026, 3, 30, 0, 0, 0, 0, time.Local)) {
		t.Errorf("asked for %+v", f)
	}
	for path, says := range map[string]string{
		"?state=odd": "no such choice", "?from=29.3.2026": "first day is not a date", "?to=x": "last day is not a date", "?from=2026-03-30&to=2026-03-29": "lies before the first", "?before=x": "no such page", "?before=-1": "no such page",
		"?q=" + strings.Repeat("x", 101): "too long",
	} {
		b.page(b.get("/payments"+path), http.StatusBadRequest, says)
	}
	w.failPayments = errors.New("disk gone")
	b.page(b.get("/payments"), http.StatusServiceUnavailable, "Disk gone.")
}

func TestEveryStateIsInOneGroup(t *testing.T) {
	count := map[string]int{}
	kinds := []bridge.Kind{bridge.Sale, bridge.Refund, bridge.Void}
	for _, g := range groups(english(t)) {
		of := g.kinds
		if of == nil {
			of = kinds
		}
		for _, s := range g.states {
			for _, k := range of {
				count[k.String()+" "+s.String()]++
			}
		}
	}
	for _, s := range bridge.States() {
		for _, k := range kinds {
			if n := count[k.String()+" "+s.String()]; n != 1 {
				t.Errorf("a %s that is %s is in %d groups", k, s, n)
			}
		}
	}
}

func TestCancelAndAskAgain(t *testing.T) {
	w, b := signedIn(t)
	w.payment("u/1", bridge.Held)
	var did []string
	w.cancel = func(name string) error { did = append(did, "cancel "+name); return nil }
	w.ask = func(uuid string) error { did = append(did, "ask "+uuid); return nil }
	b.goes(b.post("/terminal/cancel", url.Values{"terminal": {"counter"}}), "/?done=cancel")
	b.page(b.get("/?done=cancel"), http.StatusOK, "Its answer decides")
	b.goes(b.post("/payment/ask", url.Values{"uuid": {"u/1"}}), "/payment?uuid=u%2F1&done=ask")
	b.page(b.get("/payment?uuid=u%2F1&done=ask"), http.StatusOK, "being asked again")
	if fmt.Sprint(did) != "[cancel counter ask u/1]" {
		t.Errorf("did %q", did)
	}
	w.cancel = func(string) error { return errors.New("this terminal can only be cancelled at its own keys") }
	w.ask = func(string) error { return errors.New("the terminal is busy") }
	b.page(b.post("/terminal/cancel", url.Values{"terminal": {"counter"}}), http.StatusConflict, "was not cancelled. This terminal can only", `data-page="/"`)
	b.page(b.post("/payment/ask", url.Values{"uuid": {"u/1"}}), http.StatusConflict, "was not asked. The terminal is busy.", `data-page="/payment?uuid=u%2F1"`)
}

func TestClearAlarm(t *testing.T) {
	w, b := signedIn(t)
	w.alarms = []Alarm{{ID: 7, Text: "the disk is full"}, {ID: 8, Text: "other"}}
	page := b.page(b.get("/alarm?id=7"), http.StatusOK, "the disk is full", "<b>Anna</b> cleared it", `name="id" value="7"`)
	absent(t, page, "other")
	var did string
	w.clear = func(id int64, who string) error { did = fmt.Sprint(id, " ", who); return nil }
	b.goes(b.post("/alarm/clear", url.Values{"id": {"7"}}), "/?done=cleared")
	if did != "7 Anna" {
		t.Errorf("did %q", did)
	}
	w.clear = func(int64, string) error { return errors.New("alarm 7 does not stand") }
	b.page(b.post("/alarm/clear", url.Values{"id": {"7"}}), http.StatusConflict, "was not cleared. Alarm 7 does not stand.")
	w.clear = nil
	b.page(b.post("/alarm/clear", url.Values{"id": {"x"}}), http.StatusConflict, "was not cleared")
	for _, id := range []string{"9", "", "x"} {
		b.page(b.get("/alarm?id="+id), http.StatusNotFound, "does not stand any more")
	}
	w.failAlarms = errors.New("disk gone")
	b.page(b.get("/alarm?id=7"), http.StatusServiceUnavailable, "Disk gone.")
}

func TestWords(t *testing.T) {
	now := time.Date(2026, 3, 31, 12, 0, 0, 0, time.Local)
	for want, at := range map[string]time.Time{
		"unknown": {}, "11:59:58": now.Add(-2 * time.Second), "30 Mar 12:00:00": now.AddDate(0, 0, -1), "31 Mar 2025 12:00:00": now.AddDate(-1, 0, 0),
	} {
		if got := english(t).Time(at, now); got != want {
			t.Errorf("%s is %q, want %q", at, got, want)
		}
	}
	for want, d := range map[string]time.Duration{
		"0 s": -time.Second, "59 s": 59999 * time.Millisecond, "1 min 0 s": time.Minute, "59 min 59 s": time.Hour - time.Second,
		"1 h 0 min": time.Hour, "47 h 59 min": 48*time.Hour - time.Second, "2 days": 48 * time.Hour,
	} {
		if got := english(t).Span(d); got != want {
			t.Errorf("%s is %q, want %q", d, got, want)
		}
	}
	for text, want := range map[string]string{
		"": "No reason was given.", "is it plugged in?": "Is it plugged in?", " a b ": "A b.", "über 3.": "über 3.", "card 4111111111111111": "Card ************1111.",
	} {
		if got := asSentence(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
	if short, long, _ := stateWords(english(t), bridge.Payment{State: bridge.Approved}); short != "approved" || long != "" {
		t.Errorf("a state without an outcome is told as %q, %q", short, long)
	}
}

func TestCannotBeUsedLikeThat(t *testing.T) {
	_, b := signedIn(t)
	b.page(b.get("/nowhere"), http.StatusNotFound, "no such page")
	b.page(b.post("/payments", nil), http.StatusMethodNotAllowed, "Nothing was done")
}
