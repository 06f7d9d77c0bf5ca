package main

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"tillbridge/bridge/journal"
	"tillbridge/terminal"
)

// TestDoctorsBundle seeds secrets and card numbers everywhere and finds none of them in the bundle.
func TestDoctorsBundle(t *testing.T) {
	const card, pin, password, hook = "4929123456781234", "483921", "basic-Pass/word9", "hook-secret-77"
	spaced := "4929 1234 5678 1234"
	seed := "passcode is " + strongPasscode + ", password " + password + ", card " + card + " or " + spaced + " or 4929-1234-5678-1234\n" +
		"X-MGR-PASSCODE: " + strongPasscode + "\nAuthorization: Basic c2hvcDpiYXNpYy1QYXNzL3dvcmQ5\nterminal password=" + pin + "\n"
	c := newClinic(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, seed)
	}))
	c.replace("mgr:\n", "# "+strings.ReplaceAll(seed, "\n", "\n# ")+"\nmgr:\n  basic_auth: {username: shop, password: "+password+"} # "+card+"\n")
	c.replace("/notify\n", "/notify?key="+hook+"\n")
	c.replace("    currency: EUR\n", "    currency: EUR\n    options: {password: \""+pin+"\"}\n")
	c.write("config.yaml", c.settings)
	c.write("counter-password", "count-abcd-efgh\n")
	c.write("bridge.log", strings.Repeat("time=2026-06-01T12:00:00Z level=INFO msg=started\n", 10)+seed+"counter password count-abcd-efgh\n")
	c.write("named.log", seed)
	c.journal(func(j *journal.Journal) {
		accept(t, j, time.Now(), spaced, lost()...)
		r := terminal.Receipt{Kind: terminal.CustomerReceipt, Lines: []terminal.Line{{Text: "Card " + spaced}, {Text: "passcode " + strongPasscode}, {Text: "TOTAL 12.50"}}}
		err := errors.Join(j.SaveReceipt(t.Context(), "5ca1ab1e-feed-cafe-beef-decadeabcdef", r),
			j.RaiseAlarm(t.Context(), journal.Alarm{At: time.Now(), Kind: "test", Text: "it said " + seed}))
		if err != nil {
			t.Fatal(err)
		}
	})
	bundle := c.path("bundle.zip")
	code, out, errOut := call(t, "doctor", "--config", c.path("config.yaml"), "--bundle", bundle, "--log", c.path("named.log"), "--json")
	raw, err := os.ReadFile(bundle)
	if err != nil || code != exitFailed {
		t.Fatalf("exit %d, %v: %s", code, err, errOut)
	}
	if info, err := os.Stat(bundle); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the bundle is %v, %v", info, err)
	}
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{"the raw file": string(raw), "the report": out}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		texts[f.Name] = string(b)
	}
	for name, text := range texts {
		for _, secret := range []string{strongPasscode, password, pin, hook, "count-abcd-efgh", card, spaced, "4929-1234", "c2hvcDpiYXNpYy1QYXNzL3dvcmQ5", "12345678"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s has %q:\n%s", name, secret, text)
			}
		}
	}
	for name, want := range map[string]string{
		"CONTENTS.txt": "payments.json", "doctor.txt": "What to do", "doctor.json": `"verdict": "fault"`, "system.txt": "tillbridge", "settings.yaml": "driver: zvt",
		"settings-in-effect.yaml": "data_bits: 8", "payments.json": "TOTAL 12.50", "alarms.json": "it said", "log/1.txt": "password [left out]", "log/2.txt": "msg=started",
	} {
		if !strings.Contains(texts[name], want) {
			t.Errorf("%s has no %q:\n%s", name, want, texts[name])
		}
	}
}
