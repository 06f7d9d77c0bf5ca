package daemon

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/access"
	"tillbridge/bridge/counter"
	"tillbridge/bridge/journal"
	"tillbridge/terminal"
)

var (
	confirmation = regexp.MustCompile(`name="token" value="([^"]+)"`)
	returnPage   = regexp.MustCompile(`^/payment\?uuid=((?:refund|reversal)-[^&]+)&done=back$`)
)

// giving is a terminal that approves at once, and gives back at once.
type giving struct {
	yes
	calls chan string
}

func (g giving) Refund(_ context.Context, r terminal.Request, _ terminal.Till) (terminal.Result, error) {
	g.calls <- fmt.Sprint("refund ", r.Amount)
	return terminal.Result{Outcome: terminal.Approved, Proof: terminal.Dialogue, AuthCode: "R1", TxnRef: "T2"}, nil
}

func (g giving) Void(_ context.Context, r terminal.Request, sale terminal.Result, _ terminal.Till) (terminal.Result, error) {
	g.calls <- fmt.Sprint("void ", sale.TxnRef, " ", r.Amount)
	return terminal.Result{Outcome: terminal.Approved, Proof: terminal.Dialogue, AuthCode: "V1", TxnRef: "T3"}, nil
}

// person is a browser of somebody's at the counter screen, which follows no redirection.
type person struct {
	t      *testing.T
	at     string
	client *http.Client
}

// person signs somebody in with the password in a file beside the journal.
func (s *shop) person(a Addresses, name, file string) *person {
	s.t.Helper()
	password, err := os.ReadFile(filepath.Join(s.dir, file))
	if err != nil {
		s.t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	p := &person{s.t, "http://" + a.Counter, &http.Client{Jar: jar, Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	if status, page, _ := p.post("/sign-in", url.Values{"name": {name}, "password": {strings.TrimSpace(string(password))}}); status != http.StatusSeeOther {
		s.t.Fatalf("signing in as %s gave %d: %s", name, status, page)
	}
	return p
}

func (p *person) post(path string, form url.Values) (status int, page, to string) {
	p.t.Helper()
	r, err := p.client.PostForm(p.at+path, form)
	return p.read(r, err)
}

func (p *person) get(path string) (status int, page string) {
	p.t.Helper()
	r, err := p.client.Get(p.at + path)
	status, page, _ = p.read(r, err)
	return status, page
}

func (p *person) read(r *http.Response, err error) (status int, page, to string) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }() // it was read
	b, err := io.ReadAll(r.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return r.StatusCode, string(b), r.Header.Get("Location")
}

// proposes gives the token of a return's confirmation.
func (p *person) proposes(form url.Values) string {
	p.t.Helper()
	status, page, _ := p.post("/payment/give-back", form)
	m := confirmation.FindStringSubmatch(page)
	if status != http.StatusOK || m == nil {
		p.t.Fatalf("proposing gave %d: %s", status, page)
	}
	return m[1]
}

// sees waits for a page that says something.
func (p *person) sees(path, text string) {
	p.t.Helper()
	var page string
	for late := time.Now().Add(patience); time.Now().Before(late); {
		if _, page = p.get(path); strings.Contains(page, text) {
			return
		}
	}
	p.t.Fatalf("%s does not say %q: %s", path, text, page)
}

func (s *shop) givesBack() chan string {
	calls := make(chan string, 10)
	d := yesDriver()
	d.Open = func(context.Context, terminal.Env, any) (terminal.Session, error) { return giving{calls: calls}, nil }
	s.drivers = []terminal.Driver{d}
	return calls
}

func (s *shop) secret(file string) string {
	s.t.Helper()
	b, err := os.ReadFile(filepath.Join(s.dir, file))
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// From MGR's sale over the owner's two pages to the terminal and the journal, with MGR told of the sale only.
func TestOwnerGivesBack(t *testing.T) {
	s := newShop(t)
	calls := s.givesBack()
	s.write(s.settings(""))
	a := s.start()
	s.pay(a, "sale")
	owner, again := s.secret("owner-password"), url.Values{"uuid": {"sale"}, "kind": {"refund"}, "amount": {"7.50"}}
	olga, otto := s.person(a, "Olga 4111111111111111", "owner-password"), s.person(a, "Otto", "owner-password")
	first, second := olga.proposes(again), otto.proposes(again)

	confirm := func(token string) url.Values {
		return url.Values{"uuid": {"sale"}, "token": {token}, "password": {owner}}
	}
	var to string
	for range 3 { // clicked thrice
		status, page, where := olga.post("/payment/give-back/confirm", confirm(first))
		if m := returnPage.FindStringSubmatch(where); status != http.StatusSeeOther || m == nil || to != "" && to != where {
			t.Fatalf("%d to %s: %s", status, where, page)
		}
		to = where
	}
	olga.sees(to, "The amount was paid back to the card.")
	if call := <-calls; call != "refund 7.50 EUR" {
		t.Errorf("the terminal was asked for %s", call)
	}

	// What the other saw is no longer so: 5.00 are left.
	status, page, _ := otto.post("/payment/give-back/confirm", confirm(second))
	if status != http.StatusConflict || !strings.Contains(page, "Nothing is given back. Only 5.00 EUR of this payment can still be given back.") {
		t.Errorf("more than is left: %d %s", status, page)
	}
	otto.sees("/payment?uuid=sale", "Can still be given back: <b>5.00 EUR</b>")
	if _, page := otto.get("/payment?uuid=sale"); strings.Contains(page, `value="void"`) || strings.Contains(page, "4111") {
		t.Errorf("the sale's page: %s", page)
	}
	s.end()
	if len(calls) != 0 {
		t.Errorf("the terminal was asked again: %s", <-calls)
	}
	uuid := returnPage.FindStringSubmatch(to)[1]
	if p := s.stored(uuid); p.Kind != bridge.Refund || p.Sale != "sale" || p.By != "Olga ************1111" || p.Amount.Minor != 750 || p.Outcome != terminal.Approved {
		t.Errorf("kept %+v", p)
	}
	if wrong := s.mgr.Contradicts(); len(wrong) > 0 {
		t.Error(wrong)
	}
	if p, told := s.mgr.Payment(uuid); told || len(s.mgr.Refusals()) > 0 {
		t.Errorf("MGR was told of the refund: %+v, %v", p, s.mgr.Refusals())
	}
}

func TestOwnerReversesASale(t *testing.T) {
	s := newShop(t)
	calls := s.givesBack()
	s.write(s.settings(""))
	a := s.start()
	s.pay(a, "sale")
	olga := s.person(a, "Olga", "owner-password")
	token := olga.proposes(url.Values{"uuid": {"sale"}, "kind": {"void"}})
	status, page, to := olga.post("/payment/give-back/confirm", url.Values{"uuid": {"sale"}, "token": {token}, "password": {s.secret("owner-password")}})
	if status != http.StatusSeeOther {
		t.Fatalf("%d %s", status, page)
	}
	olga.sees(to, "The sale was reversed")
	if call := <-calls; call != "void T1 12.50 EUR" {
		t.Errorf("the terminal was asked for %s", call)
	}
	olga.sees("/payment?uuid=sale", "Nothing is left to give back.")
	olga.sees("/payments?kind=void", ">Reversal</span> 12.50 EUR")
	s.end()
}

// The clerk sees, and the owner's things stay shut, also after the owner changed the clerk's password, which ends the clerk's session and
// stands in the file as a digest.
func TestOwnerChangesAPassword(t *testing.T) {
	s := newShop(t)
	s.write(s.settings(""))
	a := s.start()
	anna, olga := s.person(a, "Anna", "counter-password"), s.person(a, "Olga", "owner-password")
	for _, path := range []string{"/settings", "/passwords", "/payments/export.csv"} {
		if status, page := anna.get(path); status != http.StatusForbidden || !strings.Contains(page, "Only for the owner") {
			t.Errorf("the clerk at %s: %d %s", path, status, page)
		}
	}
	status, page := olga.get("/settings")
	if status != http.StatusOK || !strings.Contains(page, filepath.Join(s.dir, "journal.db")) || !strings.Contains(page, "currency: EUR") || strings.Contains(page, passcode) || !strings.Contains(page, "as the bridge made it") {
		t.Errorf("the settings: %d %s", status, page)
	}
	owner := s.secret("owner-password")
	const chosen = "korrekt Pferd Batterie"
	if status, page, _ := olga.post("/passwords", url.Values{"role": {"clerk"}, "password": {owner}, "new": {owner}, "again": {owner}}); status != http.StatusUnprocessableEntity || !strings.Contains(page, "the password of the other role") {
		t.Errorf("the owner's for the clerk: %d %s", status, page)
	}
	if status, page, to := olga.post("/passwords", url.Values{"role": {"clerk"}, "password": {owner}, "new": {chosen}, "again": {chosen}}); status != http.StatusSeeOther || to != "/passwords?done=password" {
		t.Errorf("changing: %d %s", status, page)
	}
	if status, _ := anna.get("/"); status != http.StatusSeeOther {
		t.Errorf("the clerk's session goes on: %d", status)
	}
	if status, _ := olga.get("/"); status != http.StatusOK {
		t.Errorf("the owner's session ended: %d", status)
	}
	if kept := s.secret("counter-password"); !access.Hidden(kept) {
		t.Errorf("the file holds %q", kept)
	}
	if status, page, _ := anna.post("/sign-in", url.Values{"name": {"Anna"}, "password": {chosen}}); status != http.StatusSeeOther {
		t.Errorf("with the new one: %d %s", status, page)
	}
	s.end()
}

// The journal lists a thousand at a time; a kind is found behind many others, page by page.
func TestKindsAreFoundBehindOthers(t *testing.T) {
	j, err := journal.Open(t.Context(), filepath.Join(t.TempDir(), "journal.db"), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	eur := terminal.Currency{Code: "EUR", Numeric: 978, Digits: 2}
	add := func(o bridge.Order) {
		t.Helper()
		o.Terminal, o.Customer, o.Amount = "counter", "c", terminal.Amount{Minor: 100, Currency: eur}
		tr, err := bridge.Step(bridge.Payment{}, bridge.Event{Kind: bridge.Accept, At: time.Now(), Order: &o, Reference: fmt.Sprintf("%010d", time.Now().UnixNano()%1e10)})
		if err == nil {
			err = j.Append(t.Context(), tr)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	back := func(uuid string) {
		add(bridge.Order{UUID: uuid, Kind: bridge.Refund, Sale: "s", By: "Olga"})
	}
	back("oldest")
	for i := range 60 + 5 {
		add(bridge.Order{UUID: fmt.Sprint("sale-", i)})
	}
	back("newest")
	find := func(f counter.Filter) (uuids []string) {
		t.Helper()
		rows, err := book{j}.Payments(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			uuids = append(uuids, r.UUID)
		}
		return uuids
	}
	refunds := []bridge.Kind{bridge.Refund}
	if got := find(counter.Filter{Kinds: refunds, Limit: 50}); !slices.Equal(got, []string{"newest", "oldest"}) {
		t.Errorf("found %q", got)
	}
	if got := find(counter.Filter{Kinds: refunds, Limit: 1}); !slices.Equal(got, []string{"newest"}) {
		t.Errorf("the first is %q", got)
	}
	if got := find(counter.Filter{Kinds: []bridge.Kind{bridge.Void}, Limit: 50}); len(got) != 0 {
		t.Errorf("found %q", got)
	}
	if got := find(counter.Filter{Kinds: []bridge.Kind{bridge.Sale}, Limit: 51}); len(got) != 51 || got[0] != fmt.Sprint("sale-", 60+4) {
		t.Errorf("%d sales, the first %q", len(got), got)
	}
	if got := find(counter.Filter{Limit: 3}); !slices.Equal(got, []string{"newest", fmt.Sprint("sale-", 60+4), fmt.Sprint("sale-", 60+3)}) {
		t.Errorf("of all kinds %q", got)
	}
}
