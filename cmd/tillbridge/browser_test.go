//go:build unix

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"
)

// TestBrowserDemo uses the built program's demo as a person does who tries it: in a browser, on its page and on
// the counter screen. It runs where TILLBRIDGE_BROWSER=1 asks for it.
func TestBrowserDemo(t *testing.T) {
	switch {
	case testing.Short():
		t.Skip("it drives a browser for a minute, which -short leaves out")
	case os.Getenv("TILLBRIDGE_BROWSER") != "1":
		t.Skip("it drives a browser, which is done where TILLBRIDGE_BROWSER=1 is set")
	}
	d := &demoVisit{browser: openBrowser(t)}
	d.open(startDemo(t))
	d.page = d.windows()[0]
	for _, act := range []struct {
		name string
		do   func()
	}{
		{"approved", d.approved},
		{"declined", d.declined},
		{"killed and recovered", d.killed},
		{"signed in", d.signIn},
		{"held and settled", d.settle},
		{"without JavaScript", d.withoutScript},
	} {
		began := time.Now()
		act.do()
		t.Logf("%s: %.1f s", act.name, time.Since(began).Seconds())
		if t.Failed() {
			t.FailNow()
		}
	}
}

// startDemo starts the demo and returns the address of its page. With the test it ends, and its bridge with it.
func startDemo(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "tillbridge-visit-")
	if err != nil {
		t.Fatal(err)
	}
	demo := spawn(t, "demo", "--listen", "127.0.0.1:0", "--dir", dir, "--option", "receipts=register")
	t.Cleanup(func() {
		_ = demo.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
		select {
		case <-demo.ended:
		case <-time.After(browserPatience):
			t.Error("the demo does not end when it is asked to")
		}
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(dir, "bridge.log"))
			t.Logf("the bridge's log:\n%s", log[max(0, len(log)-8000):])
		}
		endFamily(t, dir) // a demo that was killed leaves its bridge
		_ = os.RemoveAll(dir)
	})
	return demo.find(t, `^The demo is at (http://\S+/)`)[1]
}

// demoVisit is one visit to the demo.
type demoVisit struct {
	*browser
	page    string // window of the demo's page
	counter string // window of the counter screen
}

// charge asks for a payment and waits until the terminal does.
func (d *demoVisit) charge(amount string) {
	d.t.Helper()
	d.says("#b-state", `^Running$`)
	d.says("#b-text", `reached the terminal`)
	d.says("#display", `Willkommen`)
	d.fill("#amount", amount)
	d.click("#charge button")
	d.says("#p-amount", "^"+regexp.QuoteMeta(amount)+" EUR$")
}

// asked waits until the terminal asks for a card and the journal has it that the payment was sent.
func (d *demoVisit) asked() {
	d.t.Helper()
	d.says("#display", `Karte vorhalten\s+present your card`)
	d.says("#b-chain li:last-child", `^sent$`)
	d.says("#verdict", `A payment is under way`)
}

// told waits for what the popup says in the end and for the ledgers to agree, and returns the code in MGR's ledger.
func (d *demoVisit) told(popup, outcome string) string {
	d.t.Helper()
	d.says("#p-big", "^"+popup+"$")
	row := d.says("#l-mgr tr:first-child", `accepted\s+`+outcome+`(?:, code (\w+))?$`)
	d.says("#b-chain li:last-child", `^reported$`)
	d.says("#l-journal tr:first-child", `reported\s+`+outcome)
	d.says("#verdict", `^They agree: MGR, the bridge’s journal and the terminal’s own ledger say the same\.$`)
	d.says("#display", `Willkommen`)
	return row[1]
}

func (d *demoVisit) approved() {
	d.says("#verdict", `^No payment yet`)
	d.says("#b-text", `reached the terminal`)
	d.look("ready")
	d.charge("12.50")
	d.asked()
	d.look("present-card")
	d.click(`[data-press="tap"]`)
	code := d.told("Paid", "APPROVED")
	d.says("#p-text", "^Code "+code+", reference ")
	d.says("#l-terminal tr:first-child", `12\.50 EUR\s+`+code+`\s+taken`)
	d.look("approved")
}

func (d *demoVisit) declined() {
	d.charge("7.20")
	d.asked()
	d.click(`[data-press="decline"]`)
	d.told("Not paid", "DENIED")
	d.says("#l-terminal tr:first-child", `12\.50 EUR`) // and nothing newer
	d.look("declined")
}

// killed kills the bridge while the customer looks for the card. The customer pays nevertheless, with nobody
// there to hear of it; what that came to is for the bridge to find out.
func (d *demoVisit) killed() {
	d.charge("33.00")
	d.asked()
	d.click("#b-kill")
	d.says("#b-state", `^Killed$`)
	d.look("killed")
	d.click(`[data-press="tap"]`)
	d.says("#display", `Bitte warten|Zahlung erfolgt|Storno|Willkommen`)
	d.click("#b-start")
	d.says("#b-state", `^Running$`)
	d.look("recovering")
	d.says("#p-big", `^(Paid|Not paid)$`)
	popup, _ := d.text("#p-big")
	outcome := map[string]string{"Paid": "APPROVED", "Not paid": "DENIED"}[popup]
	d.told(popup, outcome)
	money := d.says("#l-terminal tr:first-child", `33\.00 EUR.*\s(taken|given back)$`)[1]
	if (money == "taken") != (popup == "Paid") {
		d.t.Errorf("MGR was told %s, and the money was %s", outcome, money)
	}
	d.t.Logf("the bridge came back and told %s", outcome)
	d.look("recovered")
}

// signIn opens the counter screen by its link and signs in with the password that the page shows.
func (d *demoVisit) signIn() {
	password := d.says("#b-password", `^\S+$`)[0]
	before := len(d.windows())
	d.click("#b-counter")
	d.until("window of the counter screen", func() (bool, error) { return len(d.windows()) == before+1, nil })
	for _, w := range d.windows() {
		if w != d.page {
			d.counter = w
		}
	}
	d.switchTo(d.counter)
	d.says("h1", `^Sign in to the counter screen$`)
	d.look("sign-in")
	d.fill("#name", "Anna Kasse")
	d.fill("#password", password)
	d.click("main button.main")
	d.says(".who .name", `^Anna Kasse$`)
	d.says(".card .state", `^Ready$`)
	d.look("counter-now")
	d.click(`nav a[href="/payments"]`)
	d.says("tbody tr:first-child", `33\.00 EUR`)
	d.says("tbody", `(?s)33\.00 EUR.*Declined.*7\.20 EUR.*Approved|33\.00 EUR.*7\.20 EUR.*Declined.*12\.50 EUR.*Approved`)
	d.look("counter-payments")
	d.click("tbody tr:first-child a")
	d.says("main h1", `^33\.00 EUR$`)
	d.says("#facts", `MGR was told\.`)
	d.says("#story", `What happened`)
	d.look("counter-payment")
	d.click(`nav a[href="/payments"]`)
	d.click("tbody tr:last-child a")
	d.says("main h1", `^12\.50 EUR$`)
	d.look("counter-approved")
	d.click("#story figcaption a")
	d.says("#print", `^Print$`)
	d.says("#lines", `12[.,]50`)
	d.look("counter-receipt")
}

// hold has the terminal approve another amount, which the bridge cannot decide, and opens the payment on the
// counter screen.
func (d *demoVisit) hold(amount string) {
	d.t.Helper()
	d.switchTo(d.page)
	d.choose("#script", "wrong-amount")
	d.says("#script-text", `^Approved and booked with another amount`)
	d.charge(amount)
	d.says("#p-big", `^Not known$`)
	d.says("#b-text", `A payment is on hold`)
	d.says("#l-mgr tr:first-child", `accepted\s+not told yet`)
}

func (d *demoVisit) settle() {
	d.hold("20.00")
	d.says("#verdict", `They agree on everything that is known\. One payment waits for a person`)
	d.look("held")
	code := d.says("#l-terminal tr:first-child", `20\.01 EUR\s+(\w+)\s+taken`)[1]
	d.switchTo(d.counter)
	d.click(`nav a[href="/"]`)
	d.says("article.unknown h2", `^20\.00 EUR On hold$`)
	d.look("counter-hold")
	d.click("article.unknown a.button")
	d.says("#settle h2", `^Settle it by hand$`)
	d.says("#settle", `The card was charged: the terminal booked 20\.01 EUR`)
	d.look("counter-settle")
	d.click(`#settle input[value="charged"]`)
	d.fill("#name", "Anna Kasse")
	d.fill("#evidence", "The merchant's receipt in the drawer shows 20.01, agreed with the customer.")
	d.fill("#auth_code", code)
	d.look("counter-settle-filled")
	d.click("#go-on")
	d.says("main .saying", `^Anna Kasse says that the card was charged 20\.01 EUR at terminal counter\.$`)
	d.says("main .banner.warn", `^The terminal booked 20\.01 EUR, and MGR takes 20\.00 EUR as paid`)
	for _, what := range []string{"The merchant's receipt in the drawer shows 20.01", "Authorisation code\\s+" + code, "This is kept for ever"} {
		d.says("main", what)
	}
	d.look("counter-confirm")
	d.click("main button.main")
	d.says(".banner.done", `^It is settled`)
	d.says("#facts", `MGR was told\.`)
	d.says("#facts", `Settled by\s+Anna Kasse`)
	d.look("counter-settled")
	d.switchTo(d.page)
	d.says("#p-big", `^Paid$`)
	d.says("#l-mgr tr:first-child", `accepted\s+APPROVED, code `+code+`$`)
	d.says("#l-journal tr:first-child", `reported\s+APPROVED, code `+code)
	d.look("settled")
}

// withoutScript does on the counter screen what a clerk does, in a browser that runs no scripts.
func (d *demoVisit) withoutScript() {
	d.hold("44.00")
	d.switchTo(d.counter)
	d.devtools(nil, "Emulation.setScriptExecutionDisabled", map[string]any{"value": true})
	d.click("form.who button")
	d.says("h1", `^Sign in to the counter screen$`)
	d.switchTo(d.page)
	password := d.says("#b-password", `^\S+$`)[0]
	d.switchTo(d.counter)
	d.fill("#name", "Bert")
	d.fill("#password", password)
	d.click("main button.main")
	d.says("article.unknown h2", `^44\.00 EUR On hold$`)
	d.says("footer noscript a", `^Load again$`) // a browser with scripts shows nothing of a noscript
	d.look("no-script-now")
	d.click(`nav a[href="/payments"]`)
	d.choose("#state", "unknown")
	d.click("form.filter button")
	d.says("form.filter .act a", `^Show all$`)
	d.says("tbody", `^\S+\s+44\.00 EUR\s+On hold\s+counter\s+\S+$`) // and no other
	d.look("no-script-payments")
	d.click(`nav a[href="/"]`)
	d.click("article.unknown a.button")
	d.click(`#settle input[value="not-charged"]`)
	d.fill("#name", "Bert")
	d.fill("#evidence", "The sale was taken back at the terminal.")
	d.click("#go-on")
	d.says("main .saying", `^Bert says that the card was not charged`)
	d.says("main .banner.warn", `^The terminal itself said approved, 44\.01 EUR, code \w+\. Go on only if`)
	d.look("no-script-confirm")
	d.click("main button.main")
	d.says(".banner.done", `^It is settled`)
	d.look("no-script-settled")
	d.switchTo(d.page)
	d.says("#p-big", `^Not paid$`)
	d.says("#l-mgr tr:first-child", `accepted\s+DENIED$`)
	d.devtools(nil, "Emulation.setScriptExecutionDisabled", map[string]any{"value": true})
	var address string
	if err := d.eval(&address, "return location.href"); err != nil {
		d.t.Fatal(err)
	}
	d.open(address)
	d.says("noscript", `^This page needs JavaScript`)
	if text, err := d.text("main"); err != nil || text != "" {
		d.t.Errorf("without JavaScript the page has controls that do nothing: %q %v", text, err)
	}
	d.look("no-script-demo")
}
