package counter

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/access"
	"tillbridge/bridge/counter/language"
	"tillbridge/terminal"
)

var eur = terminal.Currency{Code: "EUR", Numeric: 978, Digits: 2}

// world is a Book and a Desk made of functions and a few values. What a test does not expect fails it.
type world struct {
	t    *testing.T
	keys *keys

	mu        sync.Mutex
	rows      []*Row
	alarms    []Alarm
	owed      int
	terminals []bridge.TerminalStatus
	story     []Step
	receipts  []terminal.Receipt
	asked     []Filter

	days  []bridge.DayEnd  // newest first
	armed []bridge.Payment // oldest first

	failDays, failArmed, failReturns error

	failPayments, failPayment, failStory, failReceipts, failAlarms error
	failLater                                                      error // of every page of payments but the first

	resolve func(uuid string, approved bool, who bridge.Person) error
	ask     func(uuid string) error
	cancel  func(name string) error
	clear   func(id int64, who string) error
	correct func(uuid string, approved bool, who bridge.Person) error
	endDay  func(name, who string) error
	back    func(o bridge.Order) error

	ordering context.Context // of the last return
	answer   func(name, id string, a terminal.Answer) error
}

func (w *world) Payments(_ context.Context, f Filter) ([]Row, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, f)
	var chosen []Row
	for _, r := range w.rows {
		fits := len(f.States) == 0
		for _, s := range f.States {
			fits = fits || s == r.State
		}
		fits = fits && (len(f.Kinds) == 0 || slices.Contains(f.Kinds, r.Kind))
		if fits && (f.BeforeID == 0 || r.ID < f.BeforeID) && len(chosen) < f.Limit {
			chosen = append(chosen, *r)
		}
	}
	if f.BeforeID > 0 && w.failLater != nil {
		return nil, w.failLater
	}
	return chosen, w.failPayments
}

func (w *world) Payment(_ context.Context, uuid string) (bridge.Payment, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.rows {
		if r.UUID == uuid {
			return r.Payment, true, w.failPayment
		}
	}
	return bridge.Payment{}, false, w.failPayment
}

func (w *world) Returns(_ context.Context, sale string) ([]bridge.Payment, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []bridge.Payment
	for _, r := range w.rows {
		if r.Sale == sale {
			all = append(all, r.Payment)
		}
	}
	return all, w.failReturns
}

func (w *world) Return(ctx context.Context, o bridge.Order) error {
	w.mu.Lock()
	w.ordering = ctx
	w.mu.Unlock()
	if w.back == nil {
		w.t.Errorf("ordered: %+v", o)
		return nil
	}
	return w.back(o)
}

func (w *world) Story(context.Context, string) ([]Step, error) { return w.story, w.failStory }

func (w *world) DayEnds(_ context.Context, name string) (all []bridge.DayEnd, err error) {
	for _, d := range w.days {
		if d.Terminal == name {
			all = append(all, d)
		}
	}
	return all, w.failDays
}

func (w *world) Armed(_ context.Context, name string, from, to time.Time, limit int) (all []bridge.Payment, err error) {
	for _, p := range w.armed {
		if p.Terminal == name && p.Armed.After(from) && !p.Armed.After(to) && len(all) < limit {
			all = append(all, p)
		}
	}
	return all, w.failArmed
}

func (w *world) EndDay(_ context.Context, name, who string) error {
	if w.endDay == nil {
		w.t.Errorf("the day of %s is ended for %s", name, who)
		return nil
	}
	return w.endDay(name, who)
}

func (w *world) Receipts(context.Context, string) ([]terminal.Receipt, error) {
	return w.receipts, w.failReceipts
}
func (w *world) Alarms(context.Context) ([]Alarm, error)    { return w.alarms, w.failAlarms }
func (w *world) Owed(context.Context) (int, error)          { return w.owed, nil }
func (w *world) Terminals() []bridge.TerminalStatus         { return w.terminals }
func (w *world) AskAgain(_ context.Context, u string) error { return w.ask(u) }
func (w *world) Cancel(name string) error                   { return w.cancel(name) }

func (w *world) Resolve(_ context.Context, uuid string, approved bool, who bridge.Person) error {
	if w.resolve == nil {
		w.t.Errorf("payment %s was settled (approved %v) by %+v", uuid, approved, who)
		return nil
	}
	return w.resolve(uuid, approved, who)
}

func (w *world) Correct(_ context.Context, uuid string, approved bool, who bridge.Person) error {
	if w.correct == nil {
		w.t.Errorf("payment %s was corrected (approved %v) by %+v", uuid, approved, who)
		return nil
	}
	return w.correct(uuid, approved, who)
}

func (w *world) ClearAlarm(_ context.Context, id int64, who string) error {
	if w.clear == nil {
		w.t.Errorf("alarm %d was cleared by %s", id, who)
		return nil
	}
	return w.clear(id, who)
}

func (w *world) Answer(name, id string, a terminal.Answer) error {
	if w.answer == nil {
		w.t.Errorf("question %s of %s was answered: %+v", id, name, a)
		return nil
	}
	return w.answer(name, id, a)
}

// payment puts a payment of 12.50 EUR into the book.
func (w *world) payment(uuid string, s bridge.State) *bridge.Payment {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := bridge.Payment{
		Order:     bridge.Order{UUID: uuid, Customer: "c-1", Terminal: "counter", Amount: terminal.Amount{Minor: 1250, Currency: eur}},
		Reference: "0ABCDEF123", State: s, Received: time.Now().Add(-time.Minute), Updated: time.Now(), Entries: 5,
	}
	r := &Row{Payment: p, ID: int64(1000 - len(w.rows))}
	w.rows = append(w.rows, r)
	return &r.Payment
}

// browser is a client with the cookie that it was given.
type browser struct {
	t      *testing.T
	c      *Counter
	cookie *http.Cookie // of the session
	choice *http.Cookie // of the language
	source string
	header http.Header
	ctx    context.Context // of its requests; nil for the test's
}

const (
	password      = "a till's password" // the clerk's
	ownerPassword = "the owner's password"
)

// keys are passwords in memory, one of each role.
type keys struct {
	mu    sync.Mutex
	kept  map[access.Role]string
	made  bool   // the owner's is the one that the bridge made
	fail  error  // of every change
	trial func() // called while a password is looked at; nil for nothing
}

func newKeys() *keys {
	return &keys{kept: map[access.Role]string{access.Clerk: password, access.Owner: ownerPassword}}
}

func (k *keys) Role(password string) access.Role {
	if k.trial != nil {
		k.trial()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for role, kept := range k.kept {
		if kept == password {
			return role
		}
	}
	return access.Nobody
}

func (k *keys) Change(r access.Role, password string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fail == nil {
		k.kept[r] = password
	}
	return k.fail
}

func (k *keys) Plain(r access.Role) bool { return k.made && r == access.Owner }

func newWorld(t *testing.T) (*world, *browser) {
	return newScreen(t, Config{Version: "1.2.3"})
}

func newScreen(t *testing.T, config Config) (*world, *browser) {
	t.Helper()
	w := &world{t: t, keys: newKeys()}
	if config.Access == nil {
		config.Access = w.keys
	}
	c, err := New(config, w, w)
	if err != nil {
		t.Fatal(err)
	}
	return w, &browser{t: t, c: c, source: "127.0.0.1:50000", header: http.Header{}}
}

// asOwner is a browser in which Olga is signed in as the owner.
func asOwner(t *testing.T) (*world, *browser) {
	t.Helper()
	w, b := newWorld(t)
	b.signInAs("Olga", ownerPassword)
	return w, b
}

// signedIn is a browser in which Anna is signed in as the clerk.
func signedIn(t *testing.T) (*world, *browser) {
	t.Helper()
	w, b := newWorld(t)
	b.signIn("Anna")
	return w, b
}

func (b *browser) signIn(name string) {
	b.t.Helper()
	b.signInAs(name, password)
}

func (b *browser) signInAs(name, password string) {
	b.t.Helper()
	r := b.post("/sign-in", url.Values{"name": {name}, "password": {password}})
	if r.Code != http.StatusSeeOther || b.cookie == nil {
		b.t.Fatalf("signing in gave %d: %s", r.Code, r.Body)
	}
}

func (b *browser) request(method, path, kind, body string) *httptest.ResponseRecorder {
	b.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host, r.RemoteAddr = "localhost:8474", b.source
	if b.ctx != nil {
		r = r.WithContext(b.ctx)
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	for name, values := range b.header {
		r.Header[name] = values
	}
	if h := b.header.Get("Host"); h != "" {
		r.Host = h
	}
	for _, c := range []*http.Cookie{b.cookie, b.choice} {
		if c != nil {
			r.AddCookie(c)
		}
	}
	w := httptest.NewRecorder()
	b.c.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if c.Name == languageCookie {
			b.choice = c
		} else {
			b.cookie = c
		}
	}
	return w
}

func (b *browser) get(path string) *httptest.ResponseRecorder {
	b.t.Helper()
	return b.request(http.MethodGet, path, "", "")
}

func (b *browser) post(path string, form url.Values) *httptest.ResponseRecorder {
	b.t.Helper()
	return b.request(http.MethodPost, path, "application/x-www-form-urlencoded", form.Encode())
}

// page wants a page with a status and texts in it, and gives it.
func (b *browser) page(r *httptest.ResponseRecorder, status int, texts ...string) string {
	b.t.Helper()
	body := r.Body.String()
	if r.Code != status {
		b.t.Errorf("status %d, want %d: %s", r.Code, status, body)
	}
	for _, text := range texts {
		if !strings.Contains(body, text) {
			b.t.Errorf("the page does not say %q:\n%s", text, body)
		}
	}
	return body
}

// goes wants a redirection.
func (b *browser) goes(r *httptest.ResponseRecorder, to string) {
	b.t.Helper()
	if r.Code != http.StatusSeeOther || r.Header().Get("Location") != to {
		b.t.Errorf("got %d to %q, want %q: %s", r.Code, r.Header().Get("Location"), to, r.Body)
	}
}

func absent(t *testing.T, page string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(page, text) {
			t.Errorf("the page says %q:\n%s", text, page)
		}
	}
}

// logged is a log that a test can read.
func logged() (*slog.Logger, *bytes.Buffer) {
	var b bytes.Buffer
	return slog.New(slog.NewTextHandler(&b, nil)), &b
}

func english(t *testing.T) *language.Language {
	t.Helper()
	all, err := language.Load()
	if err != nil {
		t.Fatal(err)
	}
	return all.English()
}

// refused is an error as the desk gives it.
func refused(s bridge.State, why string) error {
	return fmt.Errorf("payment u: %w", &bridge.RefusedError{State: s, Event: bridge.Resolve, Why: why})
}
