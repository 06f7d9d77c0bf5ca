//go:build unix

package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/standin"
)

// TestBrowserCounter works at the counter screen as clerk and owner do, against the built program and a simulated terminal, and
// then as a stranger's page would. It runs where TILLBRIDGE_BROWSER=1 asks for it. Where TILLBRIDGE_AXE names axe-core's file, every
// view is judged by it too.
func TestBrowserCounter(t *testing.T) {
	switch {
	case testing.Short():
		t.Skip("it drives a browser for minutes, which -short leaves out")
	case os.Getenv("TILLBRIDGE_BROWSER") != "1":
		t.Skip("it drives a browser, which is done where TILLBRIDGE_BROWSER=1 is set")
	}
	v := &counterVisit{browser: openBrowser(t), rig: newRig(t, "pty")}
	v.axe(t)
	v.rig.settings = strings.Replace(v.rig.settings, "currency: EUR", "currency: EUR\n    options: {receipts: register}", 1)
	v.rig.bridge.kill()
	v.rig.write("config.yaml", v.rig.settings)
	v.rig.start()
	v.home = "http://" + v.rig.bridge.find(t, `msg=ready .*counter=(\S+)`)[1]
	v.signInAs("owner-password")
	for _, act := range []struct {
		name string
		do   func()
	}{
		{"a payment seen live", v.live},
		{"cancelled", v.cancelled},
		{"a hold settled as charged", v.heldCharged},
		{"a hold settled as not charged", v.heldNotCharged},
		{"a settlement put right", v.corrected},
		{"a refund", v.refund},
		{"a day end with a difference", v.dayEnd},
		{"every view in two languages, light and dark", v.views},
		{"by keyboard alone", v.keyboard},
		{"a day end missed and caught up", v.missed},
		{"a session that is over", v.over},
		{"wrong passwords", v.throttled},
		{"a stranger's page", v.attacked},
		{"a question of a terminal without a connection", v.asked},
	} {
		began := time.Now()
		act.do()
		t.Logf("note: %s: %.1f s", act.name, time.Since(began).Seconds())
		if t.Failed() {
			t.FailNow()
		}
	}
}

// counterVisit is one visit to the counter screen.
type counterVisit struct {
	*browser
	rig  *rig
	home string

	rules  string // axe-core's source; empty for none
	judged int
	sale   string // uuid of a payment that can be given back
}

// signInAs signs in with the password in a file beside the journal.
func (v *counterVisit) signInAs(file string) { v.signIn(v.home, v.rig.dir, file) }

// paid makes a payment that the terminal approves.
func (v *counterVisit) paid(amount string) string {
	v.t.Helper()
	id := v.rig.uuid()
	v.rig.charge(id, amount)
	v.rig.until("the terminal asks for a card", func() bool { return strings.Contains(v.rig.display(), "Karte") })
	v.rig.press("tap")
	if n := v.rig.outcome(id); n.Outcome != standin.Approved {
		v.t.Fatalf("MGR was told %+v", n)
	}
	return id
}

func (v *counterVisit) live() {
	v.says(".well", `^All is well`)
	v.view("now-well")
	id := v.rig.uuid()
	v.rig.charge(id, "1234.50")
	v.says(".card .run .amount", `^1,234\.50 EUR$`)
	v.says(".card .run", `At the terminal`)
	v.rig.until("the terminal asks for a card", func() bool { return strings.Contains(v.rig.display(), "Karte") })
	v.view("now-paying")
	v.rig.press("tap")
	v.says(".card .state", `^Ready$`)
	v.click(`nav a[href="/payments"]`)
	v.says("tbody tr:first-child", `(?s)1,234\.50 EUR.*Approved`)
	v.view("payments")
	v.click("tbody tr:first-child .id a")
	v.says("#facts", `(?s)The card was charged\. MGR was told\..*Authorisation code\s+\w+`)
	v.view("payment-approved")
	v.sale = id
}

func (v *counterVisit) cancelled() {
	v.click(`nav a[href="/"]`)
	id := v.rig.uuid()
	v.rig.charge(id, "7.20")
	v.says(".card .run .amount", `^7\.20 EUR$`)
	v.rig.until("the terminal asks for a card", func() bool { return strings.Contains(v.rig.display(), "Karte") })
	v.click("#cancel-0")
	v.says(".banner.done", `^The terminal was asked to cancel`)
	if n := v.rig.outcome(id); n.Outcome != standin.Denied {
		v.t.Errorf("MGR was told %+v of a payment that was cancelled", n)
	}
	v.says(".card .state", `^Ready$`)
}

// hold has the terminal book another amount than it was asked for, and opens the payment.
func (v *counterVisit) hold(amount string) string {
	v.t.Helper()
	v.rig.press("wrong-amount")
	id := v.rig.uuid()
	v.rig.charge(id, amount)
	v.rig.until("it is on hold", func() bool { p, err := v.rig.look(id); return err == nil && p.State == bridge.Held })
	v.rig.press("by-hand")
	v.open(v.home + "/")
	v.says("article.unknown", `The card may have been charged\. Do not take this payment again\.`)
	return id
}

func (v *counterVisit) settle(choice, evidence string) {
	v.t.Helper()
	v.click("article.unknown a.button")
	v.says("#settle h2", `Settle`)
	v.click(`#settle input[value="` + choice + `"]`)
	v.fill("#evidence", evidence)
	if choice == "charged" {
		v.fill("#auth_code", "651200")
	}
}

func (v *counterVisit) heldCharged() {
	id := v.hold("20.00")
	v.view("now-hold")
	v.settle("charged", "The merchant's receipt in the drawer shows 20.01, agreed with the customer.")
	v.view("settle")
	v.click("#go-on")
	v.says("main .saying", `the card was charged`)
	v.view("settle-confirm")
	v.click("main button.main")
	v.says(".banner.done", `^It is settled`)
	v.view("settled")
	if n := v.rig.outcome(id); n.Outcome != standin.Approved || n.AuthCode != "651200" {
		v.t.Errorf("MGR was told %+v", n)
	}
}

func (v *counterVisit) heldNotCharged() {
	id := v.hold("21.00")
	v.settle("not-charged", "The sale was taken back at the terminal.")
	v.click("#go-on")
	v.says("main .banner.warn", `The terminal itself said approved`)
	v.click("main button.main")
	v.says(".banner.done", `^It is settled`)
	if n := v.rig.outcome(id); n.Outcome != standin.Denied {
		v.t.Errorf("MGR was told %+v", n)
	}
}

// corrected puts right what was just settled as not charged; MGR keeps what it was told.
func (v *counterVisit) corrected() {
	v.says("#settle h2", `^Put the settlement right$`)
	v.click(`#settle input[value="charged"]`)
	v.fill("#evidence", "The bank's statement has it.")
	v.fill("#auth_code", "4712")
	v.view("put-right")
	v.click("#go-on")
	v.says("main", `MGR keeps what it was told`)
	v.view("put-right-confirm")
	v.click("main button.main")
	v.says(".banner.done", `^It is put right here`)
	v.says("#facts", `Anna Kasse has put this right: the money did move\.`)
	v.says("#story", `Anna Kasse corrected it to approved`)
	v.view("corrected")
	v.click(`nav a[href="/"]`)
	v.says(".alarm", `MGR has the first outcome; enter the right one there by hand\.`)
	v.view("now-alarm")
}

func (v *counterVisit) refund() {
	v.open(v.home + "/payment?uuid=" + url.QueryEscape(v.sale))
	v.says("#give", `Give`)
	v.view("give-back")
	v.fill("#amount", "34.50")
	v.click("#refund")
	v.says("main", `34\.50 EUR`)
	v.fill("#password", "wrong")
	v.click("#yes")
	v.says("#password-error", `\S`)
	v.complained()
	v.view("give-back-confirm")
	password, err := os.ReadFile(filepath.Join(v.rig.dir, "owner-password"))
	if err != nil {
		v.t.Fatal(err)
	}
	v.fill("#password", strings.TrimSpace(string(password)))
	v.click("#yes")
	v.rig.until("the terminal asks for a card", func() bool { return strings.Contains(v.rig.display(), "Karte") })
	v.rig.press("tap")
	v.says("#facts", `(?s)34\.50 EUR|paid back`)
	v.says("#story", `Olga|Anna Kasse`)
	v.until("the refund is done", func() (bool, error) {
		text, err := v.text("main")
		return strings.Contains(text, "paid back") || strings.Contains(text, "credited"), err
	})
	v.view("refunded")
	v.open(v.home + "/payment?uuid=" + url.QueryEscape(v.sale))
	v.says("#returns", `1,200\.00 EUR`)
	v.view("partly-given-back")
}

func (v *counterVisit) dayEnd() {
	run := func() {
		v.open(v.home + "/day-end")
		v.click("#run")
		v.says(".banner.done", `^The terminal was told to end its day`)
		v.says("tbody tr:first-child .state", `^Closed$`)
	}
	run() // what it closes nobody knows the beginning of
	v.says("tbody tr:first-child .on", `^1$`)
	v.paid("12.50")
	v.rig.press("manual-sale:500")
	run()
	v.view("day-end")
	v.click("tbody tr:first-child a")
	v.says(".differences", `The terminal has 5\.00 EUR more than the journal\.`)
	v.view("day-end-difference")
	v.click("#slip")
	v.says("#lines", `(?s)Card totals.*12\.50 EUR`)
	v.view("day-end-slip")
}

// complained reads away what the console says of an answer that is a refusal, as it had to be.
func (v *counterVisit) complained() {
	v.t.Helper()
	if err := v.call(http.MethodPost, "/se/log", map[string]string{"type": "browser"}, nil); err != nil {
		v.t.Fatalf("read the console: %v", err)
	}
}

// The keys of WebDriver.
const (
	keyTab   = "\ue004"
	keyEnter = "\ue007"
	keySpace = "\ue00d"
)

// keys types into whatever has the focus.
func (v *counterVisit) keys(text string) {
	v.t.Helper()
	var acts []map[string]string
	for _, r := range text {
		acts = append(acts, map[string]string{"type": "keyDown", "value": string(r)}, map[string]string{"type": "keyUp", "value": string(r)})
	}
	if err := v.call(http.MethodPost, "/actions", map[string]any{"actions": []any{map[string]any{"type": "key", "id": "keyboard", "actions": acts}}}, nil); err != nil {
		v.t.Fatalf("type: %v", err)
	}
}

// tabTo moves the focus by Tab alone to an element, which must then be seen to have it.
func (v *counterVisit) tabTo(css string) {
	v.t.Helper()
	for range 80 {
		var is, seen bool
		if err := v.eval(&is, "return document.activeElement.matches(arguments[0])", css); err != nil {
			v.t.Fatal(err)
		}
		if is {
			if err := v.eval(&seen, "const s = getComputedStyle(document.activeElement); return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0"); err != nil || !seen {
				v.t.Errorf("the focus on %s is not seen: %v", css, err)
			}
			return
		}
		v.keys(keyTab)
	}
	v.t.Fatalf("Tab does not lead to %s", css)
}

// keyboard settles a hold, changes the language and signs out and in without a mouse.
func (v *counterVisit) keyboard() {
	id := v.hold("23.00")
	v.tabTo("article.unknown a.button")
	v.keys(keyEnter)
	v.says("#settle h2", `Settle`)
	v.tabTo(`#settle input[name="choice"]`)
	v.keys(keySpace) // the first: it was charged
	v.tabTo("#evidence")
	v.keys("Seen on the receipt.")
	v.tabTo("#auth_code")
	v.keys("4711")
	v.tabTo("#go-on")
	v.keys(keyEnter)
	v.says("main .saying", `the card was charged`)
	v.tabTo("main button.main")
	v.keys(keyEnter)
	v.says(".banner.done", `^It is settled`)
	if n := v.rig.outcome(id); n.Outcome != standin.Approved || n.AuthCode != "4711" {
		v.t.Errorf("MGR was told %+v", n)
	}
	for _, page := range []struct{ path, css string }{
		{"/payments", "form.filter button"},
		{"/payments", "#csv"},
		{"/day-end", "#run"},
		{"/settings", `a[href="/passwords"]`},
		{"/passwords", "#change"},
		{"/payment?uuid=" + url.QueryEscape(v.sale), "#refund"},
		{"/", `.languages button[value="fr"]`},
	} {
		v.open(v.home + page.path)
		v.tabTo(page.css)
	}
	v.open(v.home + "/")
	v.tabTo("form.who button")
	v.keys(keyEnter)
	v.says("h1", `^Sign in to the counter screen$`)
	password, err := os.ReadFile(filepath.Join(v.rig.dir, "owner-password"))
	if err != nil {
		v.t.Fatal(err)
	}
	v.tabTo("#name")
	v.keys("Anna Kasse")
	v.tabTo("#password")
	v.keys(strings.TrimSpace(string(password)) + keyEnter)
	v.says(".who .name", `^Anna Kasse$`)
	if v.rules != "" {
		v.t.Logf("note: axe-core judged %d views", v.judged)
	}
}

// missed has an end of day come due while the bridge is off.
func (v *counterVisit) missed() {
	v.paid("3.00")
	v.rig.bridge.kill()
	due := time.Now().Add(time.Minute).Truncate(time.Minute)
	v.rig.write("config.yaml", strings.Replace(v.rig.settings, "currency: EUR", fmt.Sprintf("currency: EUR\n    day_end: %q", due.Format("15:04")), 1))
	v.rig.until("the time is past", func() bool { return time.Now().After(due.Add(time.Second)) })
	v.rig.start()
	v.home = "http://" + v.rig.bridge.find(v.t, `msg=ready .*counter=(\S+)`)[1]
	v.signInAs("owner-password")
	v.complained() // the page that was open found nobody
	v.click(`nav a[href="/day-end"]`)
	v.says("#open", `It runs by itself at `+due.Format("15:04"))
	v.says("tbody tr:first-child .state", `^Closed$`)
	v.click("tbody tr:first-child a")
	v.says("main", `(?s)Asked for by\s+the clock`)
	v.says(".differences", `The terminal has 22\.01 EUR more than the journal\.`) // somebody settled it as not charged
	v.says(".differences", `The payment of 22\.01 EUR from .* would explain it`)
}

// over ends the session while a page is open, which then leads to the sign-in page and not to a dead screen.
func (v *counterVisit) over() {
	v.open(v.home + "/")
	if err := v.call(http.MethodDelete, "/cookie/tillbridge_counter", nil, nil); err != nil {
		v.t.Fatal(err)
	}
	v.rig.charge(v.rig.uuid(), "1.00") // something changes
	v.says("h1", `^Sign in to the counter screen$`)
	v.complained() // an event stream without a session
	v.view("sign-in")
}

func (v *counterVisit) throttled() {
	for range 20 {
		v.fill("#name", "Mallory")
		v.fill("#password", "guess")
		v.click("main button.main")
		v.says("#sign-in-error", `\S`)
		if text, _ := v.text("#sign-in-error"); strings.HasPrefix(text, "Too many wrong passwords") {
			v.complained()
			v.view("throttled")
			return
		}
	}
	v.t.Error("twenty wrong passwords are not too many")
}

// attacked is a page of a stranger's, in a browser that is signed in at the counter screen.
func (v *counterVisit) attacked() {
	stranger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		if r.URL.Path == "/frame" {
			fmt.Fprintf(w, `<h1>Win</h1><iframe id="f" src=%q width="600" height="400"></iframe>`, v.home+"/")
			return
		}
		fmt.Fprintf(w, `<form id="f" method="post" action=%q><input name="terminal" value="counter"></form><script>document.getElementById("f").submit()</script>`, v.home+r.URL.Path)
	}))
	defer stranger.Close()
	before := len(v.rig.dayEnds())
	for _, path := range []string{"/day-end/run", "/terminal/cancel", "/sign-out", "/payment/settle", "/language"} {
		v.open(stranger.URL + path)
		v.says("body", `^This request came from another web site\. Nothing was done\.$`)
	}
	if after := len(v.rig.dayEnds()); after != before {
		v.t.Errorf("%d ends of day were run by a stranger's page", after-before)
	}
	v.open(stranger.URL + "/frame")
	v.says("h1", `^Win$`)
	v.until("the frame is refused", func() (bool, error) {
		var shown string
		err := v.eval(&shown, `const f = document.getElementById("f"); try { return f.contentDocument ? f.contentDocument.body.innerText : "refused" } catch { return "refused" }`)
		return shown == "refused" || shown == "", err
	})
	var entries []struct{ Message string }
	if err := v.call(http.MethodPost, "/se/log", map[string]string{"type": "browser"}, &entries); err != nil {
		v.t.Fatal(err)
	}
	if all := fmt.Sprint(entries); !strings.Contains(all, "frame-ancestors") && !strings.Contains(all, "X-Frame-Options") {
		v.t.Errorf("the browser says nothing of a frame that it refuses: %s", all)
	}
	v.open(strings.Replace(v.home, "127.0.0.1", "rebound.localhost", 1) + "/")
	v.says("body", `^The bridge does not answer to this name`)
	v.complained()
}
