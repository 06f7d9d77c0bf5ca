package counter

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

var tokenField = regexp.MustCompile(`name="token" value="([^"]+)"`)

func charged() url.Values {
	return url.Values{
		"uuid": {"u"}, "choice": {"charged"}, "name": {"Berta"}, "evidence": {"receipt <i>in</i> the drawer\r\ncard 4111111111111111"},
		"auth_code": {"651200"}, "txn_ref": {"163"},
	}
}

// propose sends the form and gives the token of the confirmation.
func (b *browser) propose(form url.Values) string {
	b.t.Helper()
	page := b.page(b.post("/payment/settle", form), http.StatusOK)
	m := tokenField.FindStringSubmatch(page)
	if m == nil {
		b.t.Fatalf("no token: %s", page)
	}
	return m[1]
}

func (b *browser) confirm(token string) (status int, page string) {
	b.t.Helper()
	r := b.post("/payment/confirm", url.Values{"uuid": {"u"}, "token": {token}})
	return r.Code, r.Body.String()
}

func TestSettleTakesTwoPages(t *testing.T) {
	for name, c := range map[string]struct {
		state  bridge.State
		choice string
		says   []string
		want   string
	}{
		"charged": {
			bridge.Held, "charged",
			[]string{"Berta", "was charged 12.50 EUR", "APPROVED", "receipt &lt;i&gt;in&lt;/i&gt; the drawer", "651200", "163", "************1111"},
			fmt.Sprint("u", true, bridge.Person{Name: "Berta", Evidence: "receipt <i>in</i> the drawer  card ************1111", AuthCode: "651200", TxnRef: "163"}),
		},
		"not charged": {
			bridge.Held, "not-charged",
			[]string{"Berta", "was not charged", "DENIED", "twice"},
			fmt.Sprint("u", false, bridge.Person{Name: "Berta", Evidence: "receipt <i>in</i> the drawer  card ************1111"}),
		},
		"uncertain":  {bridge.Uncertain, "not-charged", nil, fmt.Sprint("u", false, bridge.Person{Name: "Berta", Evidence: "receipt <i>in</i> the drawer  card ************1111"})},
		"recovering": {bridge.Recovering, "not-charged", nil, fmt.Sprint("u", false, bridge.Person{Name: "Berta", Evidence: "receipt <i>in</i> the drawer  card ************1111"})},
	} {
		t.Run(name, func(t *testing.T) {
			w, b := signedIn(t)
			w.payment("u", c.state)
			form := charged()
			form.Set("choice", c.choice)
			page := b.page(b.post("/payment/settle", form), http.StatusOK, c.says...)
			absent(t, page, "4111111111111111", "<i>")
			token := tokenField.FindStringSubmatch(page)[1]

			var got []string
			w.resolve = func(uuid string, approved bool, who bridge.Person) error {
				got = append(got, fmt.Sprint(uuid, approved, who))
				return nil
			}
			r := b.post("/payment/confirm", url.Values{"uuid": {"u"}, "token": {token}})
			b.goes(r, "/payment?uuid=u&done=settled")
			if status, page := b.confirm(token); status != http.StatusConflict || !strings.Contains(page, "Nothing more was done") {
				t.Errorf("the second confirmation gave %d: %s", status, page)
			}
			if len(got) != 1 || got[0] != c.want {
				t.Errorf("settled %q, want %q", got, c.want)
			}
			b.page(b.get("/payment?uuid=u&done=settled"), http.StatusOK, "It is settled.")
		})
	}
}

func TestSettleFormIsChecked(t *testing.T) {
	for name, c := range map[string]struct {
		state  bridge.State
		change url.Values
		says   string
	}{
		"no choice":     {bridge.Held, url.Values{"choice": {""}}, "Choose one"},
		"odd choice":    {bridge.Held, url.Values{"choice": {"approved"}}, "Choose one"},
		"no name":       {bridge.Held, url.Values{"name": {"  "}}, "Enter your name"},
		"long name":     {bridge.Held, url.Values{"name": {strings.Repeat("x", 81)}}, "name is too long"},
		"no evidence":   {bridge.Held, url.Values{"evidence": {""}}, "Say how you know"},
		"long evidence": {bridge.Held, url.Values{"evidence": {strings.Repeat("x", 501)}}, "too long"},
		"no code":       {bridge.Held, url.Values{"auth_code": {""}, "txn_ref": {" "}}, "copy the authorisation code"},
		"long code":     {bridge.Held, url.Values{"auth_code": {strings.Repeat("x", 41)}}, "longer than any code"},
		"under way":     {bridge.Sent, nil, "under way"},
		"decided":       {bridge.Approved, nil, "decided already"},
	} {
		t.Run(name, func(t *testing.T) {
			w, b := signedIn(t)
			w.payment("u", c.state)
			form := charged()
			for k, v := range c.change {
				form[k] = v
			}
			page := b.page(b.post("/payment/settle", form), http.StatusUnprocessableEntity, c.says)
			if c.state == bridge.Held { // what was typed is still there
				for _, field := range []string{"name", "txn_ref"} {
					if v := strings.TrimSpace(form.Get(field)); v != "" && !strings.Contains(page, `value="`+v+`"`) {
						t.Errorf("%s is lost:\n%s", field, page)
					}
				}
			}
			if tokenField.MatchString(page) {
				t.Error("it may be confirmed")
			}
		})
	}
	w, b := signedIn(t)
	b.page(b.post("/payment/settle", charged()), http.StatusNotFound, "no payment")
	w.failPayment = errors.New("disk gone")
	b.page(b.post("/payment/settle", charged()), http.StatusServiceUnavailable, "Disk gone.")
}

func TestConfirmationIsForWhatWasShown(t *testing.T) {
	w, b := signedIn(t)
	p := w.payment("u", bridge.Held)
	w.payment("other", bridge.Held)

	for _, token := range []string{"", "invented"} {
		if status, _ := b.confirm(token); status != http.StatusConflict {
			t.Errorf("token %q gave %d", token, status)
		}
	}
	first := b.propose(charged())
	second := b.propose(charged())
	if status, _ := b.confirm(first); status != http.StatusConflict {
		t.Errorf("a replaced confirmation gave %d", status)
	}
	anna := b.cookie
	b.cookie = nil
	b.signIn("Berta")
	if status, _ := b.confirm(second); status != http.StatusConflict {
		t.Errorf("another session's confirmation gave %d", status)
	}
	b.cookie = anna
	r := b.post("/payment/confirm", url.Values{"uuid": {"other"}, "token": {second}})
	b.page(r, http.StatusConflict)

	// Something happened to the payment between the two pages.
	token := b.propose(charged())
	p.Entries++
	if status, page := b.confirm(token); status != http.StatusConflict || !strings.Contains(page, "something new was learnt") || !strings.Contains(page, `value="651200"`) {
		t.Errorf("after a change %d: %s", status, page)
	}
	token = b.propose(charged())
	w.failPayment = errors.New("disk gone")
	if status, _ := b.confirm(token); status != http.StatusServiceUnavailable {
		t.Errorf("without a book %d", status)
	}
}

func TestConfirmationGetsOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, b := signedIn(t)
		w.payment("u", bridge.Held)
		token := b.propose(charged())
		time.Sleep(proposalLife + time.Second)
		if status, page := b.confirm(token); status != http.StatusConflict || !strings.Contains(page, "too old") {
			t.Errorf("%d: %s", status, page)
		}
	})
}

func TestGoingBackKeepsWhatWasTyped(t *testing.T) {
	w, b := signedIn(t)
	w.payment("u", bridge.Held)
	w.payment("other", bridge.Held)
	b.propose(charged())
	page := b.page(b.get("/payment?uuid=u"), http.StatusOK, `value="Berta"`, `value="651200"`, "in the drawer")
	if !regexp.MustCompile(`value="charged" checked`).MatchString(page) {
		t.Error("the choice is lost")
	}
	form := charged()
	form.Set("choice", "not-charged")
	b.propose(form)
	b.page(b.get("/payment?uuid=u"), http.StatusOK, `value="not-charged" checked`)
	absent(t, b.page(b.get("/payment?uuid=other"), http.StatusOK, `value="Anna"`), "Berta", `" checked`)
}

func TestDeskRefusesTheSettlement(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		status int
		says   string
	}{
		"to be mended": {refused(bridge.Held, "it needs how it was checked"), http.StatusUnprocessableEntity, "It needs how it was checked."},
		"decided":      {refused(bridge.Approved, ""), http.StatusUnprocessableEntity, "decided already"},
		"disk":         {errors.New("disk full"), http.StatusInternalServerError, "not certain that this was recorded: Disk full."},
	} {
		t.Run(name, func(t *testing.T) {
			w, b := signedIn(t)
			w.payment("u", bridge.Held)
			token := b.propose(charged())
			w.resolve = func(string, bool, bridge.Person) error { return c.err }
			if status, page := b.confirm(token); status != c.status || !strings.Contains(page, c.says) || !strings.Contains(page, `value="651200"`) {
				t.Errorf("%d: %s", status, page)
			}
		})
	}
}

// settledByHand is a payment that Anna settled as not charged, and that MGR has.
func (w *world) settledByHand(uuid string) *bridge.Payment {
	p := w.payment(uuid, bridge.Reported)
	p.Outcome, p.Proof, p.Person = terminal.Declined, terminal.Person, &bridge.Person{Name: "Anna", Evidence: "no receipt"}
	return p
}

// How to look at this very model stands where somebody has to.
func TestLookAtTheTerminal(t *testing.T) {
	w, b := signedIn(t)
	w.payment("u", bridge.Held)
	w.terminals = []bridge.TerminalStatus{{Name: "counter", Look: "Press <Menu>, 3."}}
	b.page(b.get("/payment?uuid=u"), http.StatusOK, "At this terminal: Press &lt;Menu&gt;, 3.")
	w.terminals[0].Look = ""
	absent(t, b.get("/payment?uuid=u").Body.String(), "At this terminal")
}

// What a person settled can be put right by a second word, which is confirmed like the first and recorded beside it.
func TestCorrection(t *testing.T) {
	w, b := signedIn(t)
	p := w.settledByHand("u")
	page := b.page(b.get("/payment?uuid=u"), http.StatusOK, "Put the settlement right", "both words are kept")
	absent(t, page, "Do not take this payment again", "Settle it by hand", " checked>")
	form := charged()
	form.Set("uuid", "u")
	confirm := b.page(b.post("/payment/settle", form), http.StatusOK, "Put the settlement of 12.50 EUR right", "MGR keeps what it was told", "This is kept for ever.")
	absent(t, confirm, "MGR is told")
	var got string
	w.correct = func(uuid string, approved bool, who bridge.Person) error {
		got = fmt.Sprint(uuid, " ", approved, " ", who.Name, " ", who.AuthCode)
		return nil
	}
	yes := url.Values{"uuid": {"u"}, "token": {tokenField.FindStringSubmatch(confirm)[1]}}
	b.goes(b.post("/payment/confirm", yes), "/payment?uuid=u&done=corrected")
	if want := "u true " + form.Get("name") + " " + form.Get("auth_code"); got != want {
		t.Errorf("corrected: %q, want %q", got, want)
	}
	w.correct = nil // a token is good once
	b.page(b.post("/payment/confirm", yes), http.StatusConflict, "Nothing more was done")
	p.Corrected = &bridge.Correction{Outcome: terminal.Approved, Person: &bridge.Person{Name: "Bert <b>", Evidence: "the bank's statement"}}
	b.page(b.get("/payment?uuid=u&done=corrected"), http.StatusOK, "<b>Bert &lt;b&gt;</b> has put this right: the money <b>did</b> move.", "Enter the right outcome in MGR too")
	b.page(b.post("/payment/settle", form), http.StatusUnprocessableEntity, "It says so already.")
	p.Corrected.Outcome = terminal.Declined
	b.page(b.get("/payment?uuid=u"), http.StatusOK, "<b>no</b> money moved")
	byTerminal := w.payment("v", bridge.Reported)
	byTerminal.Outcome, byTerminal.Proof = terminal.Declined, terminal.Refused
	absent(t, b.get("/payment?uuid=v").Body.String(), "Put the settlement right")
	form.Set("uuid", "v")
	b.page(b.post("/payment/settle", form), http.StatusUnprocessableEntity, "Nothing was settled.")
}
