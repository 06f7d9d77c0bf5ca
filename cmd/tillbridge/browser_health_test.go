//go:build unix

package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tillbridge/bridge/standin"
)

// TestBrowserHealth looks at the counter screen's first page while all is well, with a noisy line, with an outcome that
// MGR refuses, and with the cable out. It runs where TILLBRIDGE_BROWSER=1 asks for it.
func TestBrowserHealth(t *testing.T) {
	switch {
	case testing.Short():
		t.Skip("it drives a browser, which -short leaves out")
	case os.Getenv("TILLBRIDGE_BROWSER") != "1":
		t.Skip("it drives a browser, which is done where TILLBRIDGE_BROWSER=1 is set")
	}
	b := openBrowser(t)
	r := newRig(t, "pty", "--outcome", "approved")
	password, err := os.ReadFile(filepath.Join(r.dir, "counter-password"))
	if err != nil {
		t.Fatal(err)
	}
	b.open("http://" + r.bridge.find(t, `msg=ready .*counter=(\S+)`)[1] + "/")
	b.fill("#name", "Anna Kasse")
	b.fill("#password", strings.TrimSpace(string(password)))
	b.click("main button.main")
	b.says(".well", `^All is well: the terminal is there, and nothing waits\.$`)
	b.look("health-well")

	r.press("bad-crc-once")
	for n := range 6 {
		id := r.uuid()
		r.charge(id, fmt.Sprintf("12.5%d", n))
		r.agree(id, 1)
	}
	b.says(".card .banner.warn", `^The line is not clean\. Payments stay right`)
	b.says(".card .facts", `Line noisy: \d+ of the last \d+ messages were in trouble\..*6 damaged messages came`)
	b.look("health-noise")

	r.press("approved")
	r.mgr.Fail(standin.Always(standin.Answer{Status: http.StatusBadRequest}))
	r.charge(r.uuid(), "7.20")
	b.says(".alarm", `MGR refuses to take the outcome of this payment: it answers 400 Bad Request\.`)
	b.says(".banner.warn", `One outcome is still to be delivered`)
	r.press("pull-cable")
	b.says(".card .state", `^Not reached$`)
	b.says(".card", `switched on and plugged in`)
	b.look("health-trouble")
	b.click(".alarm a.button")
	b.says("h1", `^Clear this alarm\?$`)
	b.look("health-alarm")
}
