package counter

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// proposeBack sends the form and gives the token of the confirmation.
func (b *browser) proposeBack(form url.Values) string {
	b.t.Helper()
	page := b.page(b.post("/payment/give-back", form), http.StatusOK)
	m := tokenField.FindStringSubmatch(page)
	if m == nil {
		b.t.Fatalf("no token: %s", page)
	}
	return m[1]
}

func (b *browser) confirmBack(sale, token, password string) (status int, page string) {
	b.t.Helper()
	r := b.post("/payment/give-back/confirm", url.Values{"uuid": {sale}, "token": {token}, "password": {password}})
	return r.Code, r.Body.String()
}

func refund(amount string) url.Values {
	return url.Values{"uuid": {"s"}, "kind": {"refund"}, "amount": {amount}}
}

// orders are what the desk was given.
type orders struct {
	mu  sync.Mutex
	all []bridge.Order
}

func (o *orders) take(one bridge.Order) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all = append(o.all, one)
	return nil
}

func TestGiveBack(t *testing.T) {
	for name, c := range map[string]struct {
		form url.Values
		says []string
		want bridge.Order
	}{
		"a part": {refund("7.25"), []string{"Give 7.25 EUR back: is this right?", "<b>7.25 EUR</b> go back to the customer's card at terminal <b>counter</b>, of the 12.50 EUR that were paid."}, bridge.Order{
			Customer: "c-1", Terminal: "counter", Amount: terminal.Amount{Minor: 725, Currency: eur}, Kind: bridge.Refund, Sale: "s", By: "Olga",
		}},
		"the whole sale": {url.Values{"uuid": {"s"}, "kind": {"void"}, "amount": {"1"}}, []string{"The whole sale of <b>12.50 EUR</b> is taken back"}, bridge.Order{
			Customer: "c-1", Terminal: "counter", Amount: terminal.Amount{Minor: 1250, Currency: eur}, Kind: bridge.Void, Sale: "s", By: "Olga",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			log, said := logged()
			w, b := newScreen(t, Config{Log: log})
			b.signInAs("Olga", ownerPassword)
			w.sale("s")
			b.page(b.get("/payment?uuid=s"), http.StatusOK, `name="amount" value="12.50"`, `value="refund"`, `value="void"`)
			page := b.page(b.post("/payment/give-back", c.form), http.StatusOK, append(c.says, "MGR is not told: enter it in MGR too.", `type="password"`)...)
			token := tokenField.FindStringSubmatch(page)[1]
			var o orders
			w.back = o.take
			r := b.post("/payment/give-back/confirm", url.Values{"uuid": {"s"}, "token": {token}, "password": {ownerPassword}})
			if len(o.all) != 1 {
				t.Fatalf("ordered %+v, answered %d %s", o.all, r.Code, r.Body)
			}
			got := o.all[0]
			uuid := got.UUID
			got.UUID = ""
			if got != c.want || len(uuid) > 64 || len(uuid) < 50 || !strings.HasPrefix(uuid, c.want.Kind.Noun()+"-") {
				t.Errorf("ordered %+v as %q", got, uuid)
			}
			b.goes(r, "/payment?"+query("uuid", uuid)+"&done=back")
			w.goesBack(uuid, "s", c.want.Kind, bridge.Sent, terminal.Unknown)
			page = b.page(b.get(r.Header().Get("Location")), http.StatusOK, "The terminal is told to give it back.", `data-page="/payment?`+query("uuid", uuid)+`"`, "At the terminal")
			absent(t, page, saleWords...)
			if !strings.Contains(said.String(), "return ordered at the counter screen") || !strings.Contains(said.String(), "name=Olga role=owner") {
				t.Errorf("the log says %s", said)
			}
			absent(t, said.String(), ownerPassword, token)
		})
	}
}

// However often a confirmation comes, one order goes to the desk, and each answer leads to its page.
func TestDoubleClickIsOneReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, b := asOwner(t)
		w.sale("s")
		token := b.proposeBack(refund("5"))
		var o orders
		w.back = func(one bridge.Order) error {
			time.Sleep(time.Second) // the second click comes while the first is not answered
			return o.take(one)
		}
		answers := make(chan string, 3)
		for range 3 {
			go func() {
				r := b.post("/payment/give-back/confirm", url.Values{"uuid": {"s"}, "token": {token}, "password": {ownerPassword}})
				answers <- fmt.Sprint(r.Code, " ", r.Header().Get("Location"))
			}()
		}
		first := <-answers
		if second, third := <-answers, <-answers; first != second || second != third || !strings.HasPrefix(first, "303 /payment?uuid=refund-") {
			t.Errorf("answered %q, %q, %q", first, second, third)
		}
		if len(o.all) != 1 {
			t.Errorf("ordered %+v", o.all)
		}
	})
}

// A journal that failed leaves the confirmation as it was: sent again it is the same order, which the desk knows.
func TestReturnThatMayBeRecorded(t *testing.T) {
	w, b := asOwner(t)
	w.sale("s")
	token := b.proposeBack(refund("5"))
	var tries []string
	w.back = func(o bridge.Order) error {
		tries = append(tries, o.UUID)
		return errors.New("disk gone")
	}
	for range 2 {
		if status, page := b.confirmBack("s", token, ownerPassword); status != http.StatusInternalServerError ||
			!strings.Contains(page, "It is not certain that this was recorded: Disk gone.") || !strings.Contains(page, `value="`+token+`"`) {
			t.Errorf("%d: %s", status, page)
		}
	}
	w.back = func(o bridge.Order) error {
		tries = append(tries, o.UUID)
		return nil
	}
	if status, page := b.confirmBack("s", token, ownerPassword); status != http.StatusSeeOther {
		t.Errorf("%d: %s", status, page)
	}
	if len(tries) != 3 || tries[0] != tries[1] || tries[1] != tries[2] {
		t.Errorf("tried as %q", tries)
	}
}

// A browser that goes away while the order is being recorded does not end that.
func TestReturnOutlivesTheBrowser(t *testing.T) {
	w, b := asOwner(t)
	w.sale("s")
	token := b.proposeBack(refund("5"))
	ctx, goAway := context.WithCancel(t.Context())
	b.ctx = ctx
	w.back = func(bridge.Order) error {
		goAway()
		if err := w.ordering.Err(); err != nil {
			t.Errorf("the desk's context ended with the browser's: %v", err)
		}
		if _, bounded := w.ordering.Deadline(); !bounded {
			t.Error("the desk may take for ever")
		}
		return nil
	}
	if status, _ := b.confirmBack("s", token, ownerPassword); status != http.StatusSeeOther {
		t.Errorf("%d", status)
	}
}

func TestReturnTokenIsForItsOwnProposal(t *testing.T) {
	w, b := asOwner(t)
	w.sale("s")
	w.sale("other")
	w.payment("u", bridge.Held)
	refused := func(what, sale, token string) {
		t.Helper()
		if status, page := b.confirmBack(sale, token, ownerPassword); status != http.StatusConflict || !strings.Contains(page, "Nothing more was done") {
			t.Errorf("%s gave %d: %s", what, status, page)
		}
	}
	refused("no token", "s", "")
	refused("an invented token", "s", "invented")
	token := b.proposeBack(refund("5"))
	refused("another sale", "other", token)
	newer := b.proposeBack(refund("6"))
	refused("what was replaced", "s", token)
	olga := b.cookie
	b.cookie = nil
	b.signInAs("Otto", ownerPassword)
	refused("another session", "s", newer)
	b.cookie = olga

	// A settlement's token gives nothing back, and a return's settles nothing.
	settlement := b.propose(charged())
	refused("a settlement's token", "u", settlement)
	token = b.proposeBack(url.Values{"uuid": {"s"}, "kind": {"void"}})
	for _, uuid := range []string{"s", "u"} {
		if r := b.post("/payment/confirm", url.Values{"uuid": {uuid}, "token": {token}}); r.Code != http.StatusConflict {
			t.Errorf("a return's token settled with %d", r.Code)
		}
	}

	var o orders
	w.back = o.take
	token = b.proposeBack(refund("5"))
	for range 3 {
		if status, _ := b.confirmBack("s", token, ownerPassword); status != http.StatusSeeOther {
			t.Errorf("%d", status)
		}
	}
	if len(o.all) != 1 || b.c.sessions.find(request(b)).proposed() != nil {
		t.Errorf("one token ordered %d times", len(o.all))
	}
}

func TestReturnProposalGetsOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, b := asOwner(t)
		w.sale("s")
		token := b.proposeBack(refund("5"))
		time.Sleep(proposalLife + time.Second)
		if status, page := b.confirmBack("s", token, ownerPassword); status != http.StatusConflict || !strings.Contains(page, "too old") {
			t.Errorf("%d: %s", status, page)
		}
	})
}

// What the desk refuses is said, the token is used up, and what was typed is still there.
func TestDeskRefusesTheReturn(t *testing.T) {
	w, b := asOwner(t)
	w.sale("s")
	token := b.proposeBack(refund("7.25"))
	w.back = func(bridge.Order) error {
		return bridge.Refuse(bridge.Unfit, "Only %s of this payment can still be given back.", terminal.Amount{Minor: 250, Currency: eur})
	}
	status, page := b.confirmBack("s", token, ownerPassword)
	if status != http.StatusConflict || !strings.Contains(page, "Nothing is given back. Only 2.50 EUR of this payment can still be given back.") || !strings.Contains(page, `name="amount" value="7.25"`) {
		t.Errorf("%d: %s", status, page)
	}
	w.back = nil
	if status, _ := b.confirmBack("s", token, ownerPassword); status != http.StatusConflict {
		t.Errorf("the token again: %d", status)
	}
}

func TestGiveBackFormIsChecked(t *testing.T) {
	for name, c := range map[string]struct {
		form   url.Values
		change func(w *world)
		says   string
	}{
		"more than is left":  {refund("12.51"), nil, "This is more than can still be given back: 12.50 EUR."},
		"zero":               {refund("0"), nil, "This is not an amount such as 12.50."},
		"negative":           {refund("-5"), nil, "This is not an amount"},
		"exponent":           {refund("1e1"), nil, "This is not an amount"},
		"too fine":           {refund("5.001"), nil, "This is not an amount"},
		"another currency":   {refund("5.00 USD"), nil, "This is not an amount"},
		"groups misplaced":   {refund("1,2.50"), nil, "This is not an amount"},
		"a comma in English": {refund("5,50"), nil, "This is not an amount"},
		"words":              {refund("all"), nil, "This is not an amount"},
		"huge":               {refund("99999999999999999999"), nil, "This is not an amount"},
		"a sale":             {url.Values{"uuid": {"s"}, "kind": {"sale"}, "amount": {"5"}}, nil, "choose what is to go back"},
		"no kind":            {url.Values{"uuid": {"s"}, "amount": {"5"}}, nil, "choose what is to go back"},
		"cannot refund":      {refund("5"), func(w *world) { w.terminals[0].CanRefund = false }, "This cannot be done from here now"},
		"cannot reverse":     {url.Values{"uuid": {"s"}, "kind": {"void"}}, func(w *world) { w.terminals[0].CanVoid = false }, "This cannot be done from here now"},
		"no terminal":        {refund("5"), func(w *world) { w.terminals = nil }, "This cannot be done from here now"},
		"reverse the rest":   {url.Values{"uuid": {"s"}, "kind": {"void"}}, func(w *world) { w.goesBack("r", "s", bridge.Refund, bridge.Approved, terminal.Approved) }, "This cannot be done from here now"},
		"not approved":       {refund("5"), func(w *world) { w.rows[0].Outcome = terminal.Declined }, "Nothing of this payment can be given back."},
		"a refund of one":    {refund("5"), func(w *world) { w.rows[0].Kind = bridge.Refund }, "Nothing of this payment can be given back."},
		"all given back":     {refund("5"), func(w *world) { w.goesBack("r", "s", bridge.Void, bridge.Held, terminal.Unknown) }, "Nothing of this payment can be given back."},
	} {
		t.Run(name, func(t *testing.T) {
			w, b := asOwner(t)
			w.sale("s")
			if c.change != nil {
				c.change(w)
			}
			page := b.page(b.post("/payment/give-back", c.form), http.StatusUnprocessableEntity, c.says, "Nothing")
			if tokenField.MatchString(page) || b.c.sessions.find(request(b)).proposed() != nil {
				t.Error("it may be confirmed")
			}
		})
	}
	w, b := asOwner(t)
	b.page(b.post("/payment/give-back", refund("5")), http.StatusNotFound, "no payment")
	w.sale("s")
	w.failReturns = errors.New("disk gone")
	b.page(b.post("/payment/give-back", refund("5")), http.StatusServiceUnavailable, "Disk gone.")
	b.page(b.get("/payment?uuid=s"), http.StatusServiceUnavailable, "Disk gone.")
	w.failReturns = nil
	token := b.proposeBack(refund("5"))
	w.failPayment = errors.New("disk gone")
	if status, _ := b.confirmBack("s", token, ownerPassword); status != http.StatusServiceUnavailable {
		t.Errorf("without a book %d", status)
	}
}

// Amounts are read in the marks of the language or with a point, exactly, in every currency.
func TestAmountsAreReadExactly(t *testing.T) {
	all := english(t)
	w, b := asOwner(t)
	w.sale("s").Amount.Minor = 200_000_00
	w.rows[0].Result.CapturedMinor = nil
	jpy, kwd := terminal.Currency{Code: "JPY", Numeric: 392}, terminal.Currency{Code: "KWD", Numeric: 414, Digits: 3}
	for _, c := range []struct {
		tag, text string
		currency  terminal.Currency
		want      int64
	}{
		{"en", "12.50", eur, 1250},
		{"en", "12.5", eur, 1250},
		{"en", " 12 ", eur, 1200},
		{"en", "1,234.50", eur, 123450},
		{"en", "12.50 EUR", eur, 1250},
		{"en", "0.29", eur, 29},
		{"en", "4.35", eur, 435},
		{"de", "12,50", eur, 1250},
		{"de", "12.50", eur, 1250},
		{"de", "1.234,50", eur, 123450},
		{"de", "1.115", eur, 0},
		{"de", "12,5", eur, 1250},
		{"fr", "1 234,50", eur, 123450},
		{"fr", "1234.5", eur, 123450},
		{"it", "0,07", eur, 7},
		{"es", "19,99", eur, 1999},
		{"de", "1234", jpy, 1234},
		{"en", "12.5", jpy, 0},
		{"de", "1,234", kwd, 1234},
		{"en", "1.234", kwd, 1234},
		{"en", "012", eur, 0},
	} {
		l := b.c.languages.Find(c.tag)
		got, ok := readTyped(l, c.text, c.currency)
		if ok != (c.want > 0) || got.Minor != c.want {
			t.Errorf("%q in %s is read as %d %v, want %d", c.text, c.tag, got.Minor, ok, c.want)
		}
	}
	for _, l := range b.c.languages.All() {
		for _, a := range []terminal.Amount{{Minor: 1, Currency: eur}, {Minor: 123456789, Currency: eur}, {Minor: 1234567, Currency: jpy}, {Minor: 1234, Currency: kwd}, {Minor: terminal.MaxMinor, Currency: eur}} {
			if got, ok := readTyped(l, typed(l, a), a.Currency); !ok || got != a {
				t.Errorf("%s: %s comes back as %s, %v", l.Tag, a, got, ok)
			}
		}
	}
	if all.Tag != "en" {
		t.Fatal(all.Tag)
	}
	b.choose("de")
	b.page(b.post("/payment/give-back", refund("1.234,50")), http.StatusOK, "1.234,50 EUR")
	b.page(b.get("/payment?uuid=s"), http.StatusOK, `name="amount" value="1234,50"`) // back from the confirmation
}

// The form is there only where its terminal can, and something is left.
func TestGiveBackFormIsThereOnlyWhereItCanBe(t *testing.T) {
	for name, c := range map[string]struct {
		change       func(w *world)
		refund, void bool
	}{
		"both":        {func(*world) {}, true, true},
		"refund":      {func(w *world) { w.terminals[0].CanVoid = false }, true, false},
		"reversal":    {func(w *world) { w.terminals[0].CanRefund = false }, false, true},
		"neither":     {func(w *world) { w.terminals[0].CanRefund, w.terminals[0].CanVoid = false, false }, false, false},
		"no number":   {func(w *world) { w.rows[0].Result.TxnRef = "" }, true, false},
		"elsewhere":   {func(w *world) { w.rows[0].Terminal = "bar" }, false, false},
		"part":        {func(w *world) { w.goesBack("r", "s", bridge.Refund, bridge.Held, terminal.Unknown) }, true, false},
		"declined":    {func(w *world) { w.rows[0].Outcome = terminal.Declined }, false, false},
		"on hold":     {func(w *world) { w.rows[0].State, w.rows[0].Outcome = bridge.Held, terminal.Unknown }, false, false},
		"all of it":   {func(w *world) { w.goesBack("r", "s", bridge.Void, bridge.Approved, terminal.Approved) }, false, false},
		"is a refund": {func(w *world) { w.rows[0].Kind = bridge.Refund }, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			w, b := asOwner(t)
			w.sale("s")
			c.change(w)
			page := b.page(b.get("/payment?uuid=s"), http.StatusOK)
			if got := strings.Contains(page, `value="refund"`); got != c.refund {
				t.Errorf("refund %v:\n%s", got, page)
			}
			if got := strings.Contains(page, `value="void"`); got != c.void {
				t.Errorf("reversal %v", got)
			}
			if form := c.refund || c.void; form == strings.Contains(page, `http-equiv="refresh"`) && w.rows[0].State != bridge.Held {
				t.Error("a page with a form loads itself")
			}
		})
	}
}

// ownerPages is every page of the owner's, for the test of all languages. The clerk is signed in before.
func ownerPages(w *world, b *browser) map[string]string {
	pages := map[string]string{}
	post := func(name, path string, form url.Values) { pages[name] = b.post(path, form).Body.String() }
	w.rows, w.story = nil, nil
	w.sale("s").Amount.Minor = 123450
	pages["clerk at a sale"], pages["clerk at the list"] = b.get("/payment?uuid=s").Body.String(), b.get("/payments").Body.String()
	pages["clerk at the settings"] = b.get("/settings").Body.String()
	w.keys.made = true
	b.signInAs("Olga", ownerPassword)
	for _, path := range []string{"/payment?uuid=s", "/payments", "/settings", "/passwords"} {
		pages["owner "+path] = b.get(path).Body.String()
	}
	for name, form := range map[string]url.Values{
		"refund": refund("5"), "no amount": refund("x"), "too much": refund("9999"), "no kind": {"uuid": {"s"}}, "reversal": {"uuid": {"s"}, "kind": {"void"}},
	} {
		post(name, "/payment/give-back", form)
	}
	form := url.Values{"uuid": {"s"}, "token": {b.proposeBack(refund("5"))}, "password": {"guess"}}
	post("wrong owner", "/payment/give-back/confirm", form)
	form.Set("password", ownerPassword)
	w.back = func(bridge.Order) error { return errors.New("MGR did not answer") }
	post("uncertain", "/payment/give-back/confirm", form)
	w.back = func(bridge.Order) error {
		return bridge.Refuse(bridge.Unfit, "This terminal gives nothing back at the till's wish: do it at its own keys.")
	}
	post("refused", "/payment/give-back/confirm", form)
	post("used", "/payment/give-back/confirm", form)
	w.terminals[0].CanRefund, w.terminals[0].CanVoid = false, false
	pages["cannot give back"] = b.get("/payment?uuid=s").Body.String()
	post("cannot", "/payment/give-back", refund("5"))
	w.goesBack("r", "s", bridge.Void, bridge.Approved, terminal.Approved)
	pages["nothing left"] = b.get("/payment?uuid=s").Body.String()
	post("nothing to give back", "/payment/give-back", refund("5"))
	for name, form := range map[string]url.Values{
		"no role": change("", ownerPassword, chosen1, chosen1), "not twice": change("clerk", ownerPassword, chosen1, "x"), "old is wrong": change("clerk", "guess", chosen1, chosen1),
	} {
		post(name, "/passwords", form)
	}
	return pages
}
