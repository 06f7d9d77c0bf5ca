//go:build unix

package main

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/journal"
	"tillbridge/terminal"
)

// countedPayments are in the journal while the counter screen is measured.
const countedPayments = 100_000

// BenchmarkCounter is from the wish for a page of the counter screen until it can be used: it is parsed, its script has
// run and listens. A headless Chromium on the same computer asks a bridge whose journal holds 100,000 payments, over loopback.
// One iteration is one page.
func BenchmarkCounter(b *testing.B) {
	browser := openBrowser(b)
	dir := b.TempDir()
	newest := filledJournal(b, filepath.Join(dir, "journal.db"), countedPayments)
	settings := filepath.Join(dir, "config.yaml")
	text := fmt.Sprintf("listen: 127.0.0.1:0\ncounter: 127.0.0.1:0\njournal: %s/journal.db\nmgr: {passcode: %q}\nterminals:\n  counter: {driver: manual, currency: EUR}\n", dir, passcode)
	if err := os.WriteFile(settings, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	bridge := spawn(b, "run", "--config", settings)
	home := "http://" + bridge.find(b, `msg=ready .*counter=(\S+)`)[1]
	browser.signIn(home, dir, "owner-password")
	for _, page := range []struct{ name, path string }{
		{"now", "/"},
		{"list", "/payments"},
		{"search", "/payments?q=" + url.QueryEscape("12.77")},
		{"day", "/payments?from=" + time.Now().Format(time.DateOnly)},
		{"payment", "/payment?uuid=" + newest},
		{"day-end", "/day-end"},
	} {
		b.Run(page.name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				browser.open(home + page.path)
				var ms float64
				if err := browser.eval(&ms, `return performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd`); err != nil {
					b.Fatal(err)
				}
				if ms <= 0 {
					b.Fatal("the page does not tell when it could be used")
				}
				took = append(took, time.Duration(ms*float64(time.Millisecond)))
			}
			report(b, "usable-", took)
		})
	}
}

// signIn signs in at the counter screen with the password in a file of a folder.
func (b *browser) signIn(home, dir, file string) {
	b.t.Helper()
	password, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		b.t.Fatal(err)
	}
	b.open(home + "/sign-in")
	b.fill("#name", "Anna Kasse")
	b.fill("#password", strings.TrimSpace(string(password)))
	b.click("main button.main")
	b.says(".who .name", `Anna Kasse`)
}

// filledJournal makes a journal with so many payments, spread over a year, and returns the newest one's uuid. It is made in memory where
// there is such a folder, since nothing of it has to survive.
func filledJournal(t testing.TB, path string, n int) (newest string) {
	t.Helper()
	fast, err := os.MkdirTemp("/dev/shm", "tillbridge-bench-")
	if err != nil {
		fast = t.TempDir()
	}
	defer os.RemoveAll(fast)
	made := filepath.Join(fast, "journal.db")
	j, err := journal.Open(t.Context(), made, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	eur := terminal.Currency{Code: "EUR", Numeric: 978, Digits: 2}
	step := 365 * 24 * time.Hour / time.Duration(n)
	begin := time.Now().Add(-365 * 24 * time.Hour)
	for i := range n {
		newest = fmt.Sprintf("%08x-bench-%016x", i, uint64(i)*0x9e3779b97f4a7c15)
		amount := terminal.Amount{Minor: int64(100 + i%5000), Currency: eur}
		at := begin.Add(time.Duration(i) * step)
		r := &terminal.Result{Outcome: terminal.Approved, Proof: terminal.Dialogue, AuthCode: fmt.Sprintf("%06d", i), TxnRef: fmt.Sprint(i), CardName: "girocard", CardLast4: "7423"}
		var p bridge.Payment
		for k, e := range []bridge.Event{
			{Kind: bridge.Accept, Order: &bridge.Order{UUID: newest, Customer: fmt.Sprintf("customer-%d", i%997), Terminal: "counter", Amount: amount}, Reference: fmt.Sprintf("%010d", i)},
			{Kind: bridge.Arm, Driver: "manual", Evidence: terminal.C1},
			{Kind: bridge.Conclude, Result: r},
			{Kind: bridge.Report},
		} {
			e.At = at.Add(time.Duration(k) * time.Second)
			tr, err := bridge.Step(p, e)
			if err == nil {
				err = j.Append(t.Context(), tr)
			}
			if err != nil {
				t.Fatal(err)
			}
			p = tr.After
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(made)
	if err == nil {
		err = os.WriteFile(path, whole, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return newest
}
