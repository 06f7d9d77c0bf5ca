//go:build unix

package main

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"tillbridge/bridge/standin"
)

// axe reads axe-core.
func (v *counterVisit) axe(t *testing.T) {
	path := os.Getenv("TILLBRIDGE_AXE")
	if path == "" {
		t.Log("TILLBRIDGE_AXE names no axe.min.js: accessibility is not judged by axe-core")
		return
	}
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	v.rules = string(source)
}

// view looks at a page at the sizes of a desktop, a till and a telephone, and has axe-core judge it.
func (v *counterVisit) view(name string) {
	v.t.Helper()
	v.look(name)
	if v.rules == "" {
		return
	}
	if err := v.eval(nil, v.rules+"; return null"); err != nil {
		v.t.Fatalf("load axe-core: %v", err)
	}
	var found []struct {
		ID, Impact, Help string
		Nodes            []struct{ HTML string }
	}
	err := v.call(http.MethodPost, "/execute/async", map[string]any{"args": []any{}, "script": `const done = arguments[0];
		axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }).then((r) => done(r.violations.map((x) => (
			{ ID: x.id, Impact: x.impact, Help: x.help, Nodes: x.nodes.map((n) => ({ HTML: n.html.slice(0, 200) })) }))), (e) => done([{ ID: String(e), Impact: "critical" }]))`}, &found)
	if err != nil {
		v.t.Fatalf("axe-core: %v", err)
	}
	v.judged++
	for _, f := range found {
		v.t.Errorf("%s: axe-core finds %s (%s): %s %+v", name, f.ID, f.Impact, f.Help, f.Nodes)
	}
}

// views looks at each view in German and French, and in the dark.
func (v *counterVisit) views() {
	v.hold("22.00")
	v.inEveryLook(func(name string) {
		for _, page := range []struct{ name, path string }{
			{"now", "/"},
			{"payments", "/payments"},
			{"payment", "/payment?uuid=" + url.QueryEscape(v.sale)},
			{"day-end", "/day-end"},
			{"settings", "/settings"},
			{"passwords", "/passwords"},
			{"not-found", "/nowhere"},
		} {
			v.open(v.home + page.path)
			if page.path == "/nowhere" {
				v.complained()
			}
			v.view(page.name + name)
		}
		v.ways(name)
	})
	v.open(v.home + "/")
	v.click(".alarm a.button")
	v.says("h1", `^Clear this alarm\?$`)
	v.click("main button.main")
	v.says(".banner.done", `^The alarm is cleared`)
	v.settle("not-charged", "The sale was taken back at the terminal.")
	v.click("#go-on")
	v.click("main button.main")
	v.says(".banner.done", `^It is settled`)
}

// ways goes the ways on which one page follows from another, to the last question and back.
func (v *counterVisit) ways(name string) {
	v.open(v.home + "/")
	v.click("article.unknown a.button")
	v.view("hold" + name)
	v.click(`#settle input[value="not-charged"]`)
	v.fill("#evidence", "Beleg")
	v.click("#go-on")
	v.view("settle-confirm" + name)
	v.open(v.home + "/")
	v.click(".alarm a.button")
	v.view("alarm" + name)
	v.open(v.home + "/payment?uuid=" + url.QueryEscape(v.sale))
	v.click("#refund")
	v.view("give-back-confirm" + name)
	v.open(v.home + "/payment?uuid=" + url.QueryEscape(v.sale))
	v.click("#story figcaption a")
	v.view("receipt" + name)
	v.open(v.home + "/day-end")
	v.click("tbody tr:first-child a")
	v.view("day-end-show" + name)
	v.click("#slip")
	v.view("day-end-slip" + name)
	v.open(v.home + "/sign-in")
	v.view("sign-in" + name)
	v.signInAs("counter-password")
	v.open(v.home + "/settings")
	v.complained()
	v.view("owner-only" + name)
	v.signInAs("owner-password")
}

// asked looks at what a terminal without a connection asks the clerk, at a bridge of its own.
func (v *counterVisit) asked() {
	dir := v.t.TempDir()
	settings := filepath.Join(dir, "config.yaml")
	text := fmt.Sprintf("listen: 127.0.0.1:0\ncounter: 127.0.0.1:0\njournal: %s/journal.db\nmgr: {passcode: %q, notify_url: %s/notify}\nterminals:\n  counter: {driver: manual, currency: EUR}\n",
		dir, passcode, v.rig.notify.URL)
	if err := os.WriteFile(settings, []byte(text), 0o600); err != nil {
		v.t.Fatal(err)
	}
	b := spawn(v.t, "run", "--config", settings)
	ready := b.find(v.t, `msg=ready door=(\S+) counter=(\S+)`)
	v.signIn("http://"+ready[2], dir, "counter-password")
	v.says(".card .state", `^Ready$`)
	status, problem, err := v.rig.mgr.Charge(v.t.Context(), "http://"+ready[1]+"/mgr/counter", standin.Charge{Amount: "12.50", Customer: "c", UUID: "by-hand"})
	if err != nil || status != http.StatusAccepted {
		v.t.Fatalf("charge: %d %s %v", status, problem, err)
	}
	v.click("#say-0")
	v.says("h1", `12\.50 EUR`)
	v.inEveryLook(func(name string) { v.view("question" + name) })
}

// inEveryLook does something in German and French, in light and dark, and goes back to English.
func (v *counterVisit) inEveryLook(do func(name string)) {
	defer v.devtools(nil, "Emulation.setEmulatedMedia", map[string]any{"features": []any{}})
	for _, scheme := range []string{"light", "dark"} {
		v.devtools(nil, "Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}})
		for _, tag := range []string{"de", "fr"} {
			v.speak(tag)
			do("-" + tag + "-" + scheme)
		}
	}
	v.speak("en")
}

// speak chooses a language by its button.
func (v *counterVisit) speak(tag string) {
	v.t.Helper()
	v.click(`.languages button[value="` + tag + `"]`)
	v.until("page in "+tag, func() (bool, error) {
		var is string
		err := v.eval(&is, "return document.documentElement.lang")
		return is == tag, err
	})
}
