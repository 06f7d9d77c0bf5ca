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
	"tillbridge/terminal"
)

// closedDay is a world with a terminal whose day was closed with 5.00 EUR more than the journal has: a payment of 5.00 was
// denied, and one that was settled by hand is owed to MGR.
func (w *world) closedDay() bridge.DayEnd {
	evening := time.Now().Add(-2 * time.Hour)
	w.terminals = []bridge.TerminalStatus{{Name: "counter", Currency: eur, Health: bridge.Ready, CanClose: true, ClosesAt: &bridge.ClockTime{Hour: 23, Minute: 30}}}
	add := func(uuid, brand string, minor int64, s bridge.State, o terminal.Outcome, at time.Time) *bridge.Payment {
		p := bridge.Payment{
			Order: bridge.Order{UUID: uuid, Terminal: "counter", Amount: terminal.Amount{Minor: minor, Currency: eur}}, State: s, Outcome: o, Armed: at, Received: at,
		}
		if o == terminal.Approved {
			p.Result = &terminal.Result{Outcome: o, CardName: brand}
		}
		w.armed = append(w.armed, p)
		return &w.armed[len(w.armed)-1]
	}
	add("visa", "Visa", 123456, bridge.Reported, terminal.Approved, evening.Add(-5*time.Hour))
	add("denied", "", 500, bridge.Reported, terminal.Declined, evening.Add(-4*time.Hour))
	add("owed", "girocard", 1000, bridge.Approved, terminal.Approved, evening.Add(-3*time.Hour))
	add("hold", "", 700, bridge.Held, terminal.Unknown, evening.Add(-2*time.Hour))
	add("after", "girocard", 999, bridge.Reported, terminal.Approved, evening.Add(time.Hour))
	d := bridge.DayEnd{
		ID: 7, Terminal: "counter", Currency: eur, By: "Olga", Since: evening.Add(-24 * time.Hour), Began: evening, Ended: evening.Add(time.Minute), Closed: true,
		Totals:   terminal.Totals{TotalMinor: 124956, Groups: []terminal.TotalsGroup{{Name: "VISA", Count: 1, TotalMinor: 123456}, {Name: "Maestro", Count: 1, TotalMinor: 1500}}},
		Receipts: []terminal.Receipt{{Lines: []terminal.Line{{Text: "SUM <b>1249.56</b>"}}}},
	}
	w.days = []bridge.DayEnd{d}
	return d
}

// dayPages is every page about ends of day, for the test of all languages.
func dayPages(w *world, b *browser) map[string]string {
	pages := map[string]string{}
	w.days, w.armed = nil, nil
	w.terminals = []bridge.TerminalStatus{{Name: "tc", Currency: eur}, {Name: "tr", Currency: eur}}
	pages["no day"], pages["no terminal"] = b.get("/day-end").Body.String(), b.get("/day-end?terminal=t9").Body.String()
	w.closedDay()
	show := func(what string) {
		for _, page := range []string{"/day-end", "/day-end/show", "/day-end/slip"} {
			pages[what+" "+page] = b.get(page + "?terminal=counter&id=7").Body.String()
		}
	}
	show("closed")
	w.armed = append(w.armed, w.armed[0])
	w.armed[0].Kind, w.armed[0].Sale = bridge.Refund, "other"
	w.days[0].Totals = terminal.Totals{TotalMinor: 1, Text: "OK"}
	show("less")
	w.days[0].Totals = terminal.Totals{}
	show("no sums")
	w.days[0].Since, w.days[0].Totals.TotalMinor = time.Time{}, 1
	show("the first")
	w.days[0].Closed, w.days[0].Why, w.days[0].By = false, "The line was lost. Whether the terminal closed the day is not known: look at its last receipt, or run it again.", ""
	show("not closed")
	w.days[0].Ended = time.Time{}
	at := time.Now().Add(-time.Hour)
	w.terminals[0].ClosesAt = &bridge.ClockTime{Hour: at.Hour(), Minute: at.Minute()}
	w.armed[4].Armed = w.days[0].Began.Add(time.Minute)
	show("broken off, and overdue")
	w.terminals[0].Closing = true
	show("running")
	w.endDay = func(string, string) error { return errors.New("it needs the name of who wants it") }
	pages["not begun"] = b.post("/day-end/run", url.Values{"terminal": {"counter"}}).Body.String()
	pages["begun"] = b.get("/day-end?done=day").Body.String()
	return pages
}

func TestDayEndPage(t *testing.T) {
	w, b := signedIn(t)
	w.closedDay()
	page := b.page(b.get("/day-end"), http.StatusOK, "Since the last end of day", "9.99 EUR", "It runs by itself at 23:30.", "Run the end of day now",
		`href="/day-end/show?id=7&amp;terminal=counter"`, "1,249.56 EUR", "<b>6</b>", `aria-current="page">Day end`)
	absent(t, page, "Today", "aria-label=\"Terminals\"")
	w.terminals[0].Closing, w.terminals[0].Progress = true, "Sending <b>"
	absent(t, b.page(b.get("/day-end"), http.StatusOK, "No payment is taken until it is done", "Sending &lt;b&gt;"), "Run the end of day now")
	w.terminals = append(w.terminals, bridge.TerminalStatus{Name: "bar", Currency: eur})
	b.page(b.get("/day-end?terminal=bar"), http.StatusOK, "Today", "None was run from here yet.", "at its own keys", `href="/day-end?terminal=counter"`)
	b.page(b.get("/day-end?terminal=none"), http.StatusNotFound, "There is no terminal to show.")
	w.failDays = errors.New("disk I/O error")
	b.page(b.get("/day-end"), http.StatusServiceUnavailable, "The journal could not be read")
	w.failDays, w.failArmed = nil, errors.New("disk I/O error")
	b.page(b.get("/day-end"), http.StatusServiceUnavailable, "The journal could not be read")
	b.page(b.get("/day-end/show?terminal=counter&id=7"), http.StatusServiceUnavailable, "The journal could not be read")
}

// Each difference is named, with what to do and the payment that it is about.
func TestDifferences(t *testing.T) {
	w, b := signedIn(t)
	w.closedDay()
	page := b.page(b.get("/day-end/show?terminal=counter&id=7"), http.StatusOK, "Closed", "Olga",
		"The terminal has <b>5.00 EUR more</b> than the journal.",
		"Maestro: 1 payments, 15.00 EUR at the terminal; 0 payments, 0.00 EUR in the journal.",
		"girocard: 0 payments, 0.00 EUR at the terminal; 1 payments, 10.00 EUR in the journal.",
		`would explain it: it is in no sum of the journal's. <a href="/payment?uuid=denied">`,
		`is not known yet, and in no sum. <a href="/payment?uuid=hold">`,
		`MGR does not know yet what became of the payment of 10.00 EUR`, `href="/payment?uuid=owed"`,
		"1 · 1,234.56 EUR", "SUM &lt;b&gt;1249.56&lt;/b&gt;", `href="/day-end/slip?id=7&amp;terminal=counter"`)
	absent(t, page, "uuid=after", "agree, and MGR has every outcome")
	if n := strings.Count(page, "<li><p>"); n != 6 {
		t.Errorf("%d differences are named, want 6", n)
	}
	w.armed, w.days[0].Totals = w.armed[:1], terminal.Totals{TotalMinor: 123456}
	b.page(b.get("/day-end/show?terminal=counter&id=7"), http.StatusOK, "The terminal and the journal agree, and MGR has every outcome.")
	w.days[0].Totals = terminal.Totals{}
	b.page(b.get("/day-end/show?terminal=counter&id=7"), http.StatusOK, "The terminal told no sums")
	first := w.days[0]
	w.days[0].Since, w.days[0].Totals = time.Time{}, terminal.Totals{TotalMinor: 1}
	absent(t, b.page(b.get("/day-end/show?terminal=counter&id=7"), http.StatusOK, "There was no end of day from here before"), " more than", " less than")
	w.days[0] = first
	w.armed = append(w.armed, w.armed[0])
	w.days[0].Totals = terminal.Totals{TotalMinor: 123456}
	b.page(b.get("/day-end/show?terminal=counter&id=7"), http.StatusOK, "1,234.56 EUR less", "the terminal may not have it")
	for name, address := range map[string]string{"no such": "?terminal=counter&id=8", "of another terminal": "?terminal=bar&id=7", "no number": "?terminal=counter&id=x"} {
		for _, page := range []string{"/day-end/show", "/day-end/slip"} {
			if got := b.get(page + address).Code; got != http.StatusNotFound {
				t.Errorf("%s of %s: %d", page, name, got)
			}
		}
	}
}

// Other programs are told the same.
func TestDayEndFacts(t *testing.T) {
	w, _ := newWorld(t)
	d := w.closedDay()
	f := dayFactsOf(d, bridge.Count(w.armed[:4]))
	told := ""
	for _, x := range f.Differences {
		told += fmt.Sprintf("%s %s %d %d %s\n", x.Kind, x.Name, x.Count, x.Minor, x.UUID)
	}
	const want = "sum  0 500 \nbrand Maestro 1 1500 \nbrand girocard -1 -1000 \nmay-be-missing  0 0 denied\nnot-known  0 0 hold\nnot-delivered  0 0 owed\n"
	if told != want || *f.TerminalMinor != 124956 || f.JournalMinor != 124456 || len(f.JournalCards) != 2 || len(f.TerminalCards) != 2 || f.Since == nil || f.Ended == nil {
		t.Errorf("told are %+v with\n%s, want\n%s", f, told, want)
	}
	if f := dayFactsOf(bridge.DayEnd{}, bridge.Tally{}); f.TerminalMinor != nil || f.Since != nil || f.Ended != nil || f.Differences == nil || f.JournalCards == nil {
		t.Errorf("of nothing: %+v", f)
	}
}

func TestDayEndThatDidNotClose(t *testing.T) {
	w, b := signedIn(t)
	w.closedDay()
	w.days[0].Closed, w.days[0].Why = false, "The line is lost. Whether the terminal closed the day is not known: look at its last receipt, or run it again."
	absent(t, b.page(b.get("/day-end/show?terminal=counter&id=7"), http.StatusOK, "Not closed", "The line is lost."), "Differences")
	b.page(b.get("/day-end"), http.StatusOK, "Not closed")
	w.days[0].Ended, w.days[0].Why = time.Time{}, ""
	b.page(b.get("/day-end/show?terminal=counter&id=7"), http.StatusOK, "Broken off", "at worst it closes an empty day")
	w.terminals[0].Closing = true
	absent(t, b.page(b.get("/day-end/show?terminal=counter&id=7"), http.StatusOK, "Running"), "Broken off", "at worst")
}

func TestRunDayEnd(t *testing.T) {
	w, b := signedIn(t)
	w.closedDay()
	form := url.Values{"terminal": {"counter"}}
	var who string
	w.endDay = func(name, by string) error { who = name + " " + by; return nil }
	b.goes(b.post("/day-end/run", form), "/day-end?terminal=counter&done=day")
	if who != "counter Anna" {
		t.Errorf("it is run for %q", who)
	}
	b.page(b.get("/day-end?terminal=counter&done=day"), http.StatusOK, "The terminal was told to end its day.")
	w.endDay = func(string, string) error {
		return bridge.Refuse(bridge.Frozen, "A %s of %s is not known yet, and the end of day would wipe out what the terminal still knows of it. Settle it first.", "payment", "7.00 EUR")
	}
	b.page(b.post("/day-end/run", form), http.StatusConflict, "The end of day was not begun.", "Settle it first.")
	w.endDay = nil
	for _, address := range []string{"/day-end/run?terminal=counter", "/day-end?terminal=counter&run=1"} {
		b.get(address) // a GET runs nothing: the world fails the test where it does
	}
	b.header = http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}}
	if got := b.post("/day-end/run", form).Code; got != http.StatusForbidden {
		t.Errorf("from another site: %d", got)
	}
	b.header, b.cookie = nil, nil
	b.goes(b.post("/day-end/run", form), "/sign-in")
}

// One that the clock wanted and that did not run is shown until it has run.
func TestOverdueDay(t *testing.T) {
	w, b := signedIn(t)
	d := w.closedDay()
	at := time.Now().Add(-time.Hour)
	w.terminals[0].ClosesAt = &bridge.ClockTime{Hour: at.Hour(), Minute: at.Minute()}
	w.armed[4].Armed = d.Began.Add(time.Minute) // before it was due
	const late = "has not run yet"
	b.page(b.get("/day-end"), http.StatusOK, late)
	w.terminals[0].Closing = true
	absent(t, b.get("/day-end").Body.String(), late)
	w.terminals[0].Closing = false
	w.armed[4].Armed = at.Add(30 * time.Minute)
	absent(t, b.get("/day-end").Body.String(), late) // nothing was to be closed by then
	w.armed[4].Armed = d.Began.Add(time.Minute)
	w.days[0].Began = at.Add(time.Minute)
	absent(t, b.get("/day-end").Body.String(), late)
}

func TestDaySlip(t *testing.T) {
	w, b := signedIn(t)
	d := w.closedDay()
	page := b.page(b.get("/day-end/slip?terminal=counter&id=7"), http.StatusOK, "Card totals", `class="paper w80"`, `href="/day-end/slip?id=7&amp;paper=w58&amp;terminal=counter"`,
		"1 × Visa", "1,234.56 EUR", "Sum at the terminal", "data-print")
	absent(t, page, "uuid=", "Differences")
	b.page(b.get("/day-end/slip?terminal=counter&id=7&paper=w58"), http.StatusOK, `class="paper w58"`)
	b.page(b.get("/day-end/slip?terminal=counter&id=7&paper=parchment"), http.StatusNotFound, "There is no such paper.")
	v := &dayShown{DayEnd: d, Tally: &dayTally{Tally: bridge.Count(w.armed[:4]), Currency: eur}}
	for _, columns := range []int{26, 30, 42} {
		for _, one := range slipLines(b.c.languages.English(), v, columns) {
			for l := range strings.Lines(one.Text) {
				if n := len([]rune(strings.TrimRight(l, "\n"))); n > columns {
					t.Errorf("%d columns: %q has %d", columns, l, n)
				}
			}
		}
	}
	if got := spread("a very long name", "12.50 EUR", 20); got != "a very long name\n           12.50 EUR" {
		t.Errorf("%q", got)
	}
}
