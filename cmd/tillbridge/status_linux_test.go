package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"tillbridge/bridge/health"
	"tillbridge/bridge/journal"
	"tillbridge/bridge/standin"
)

// statusOf runs status, as a person and as a program do, and checks the form of what it prints.
func statusOf(t *testing.T, file string) (j statusJSON, text string, code int) {
	t.Helper()
	code, text, errOut := call(t, "status", "--config", file)
	again, out, _ := call(t, "status", "--config", file, "--json")
	if err := json.Unmarshal([]byte(out), &j); err != nil || errOut != "" {
		t.Fatalf("%v, %q:\n%s", err, errOut, out)
	}
	if again != code || j.Well != (code == exitDone) || (len(j.Needs) == 0) != j.Well {
		t.Errorf("exit %d and %d, well %v, needs %v", code, again, j.Well, j.Needs)
	}
	for l := range strings.Lines(text) {
		l = strings.TrimRight(l, "\n")
		// A path stays whole, to be copied.
		if n := utf8.RuneCountInString(l); n > statusColumns && strings.Contains(strings.TrimSpace(l), " ") && !strings.Contains(l, filepath.Dir(file)) {
			t.Errorf("%d columns: %s", n, l)
		}
	}
	return j, text, code
}

// toldOf is what a program reads, while things change.
func toldOf(t *testing.T, file string) (j statusJSON) {
	t.Helper()
	_, out, errOut := call(t, "status", "--config", file, "--json")
	if err := json.Unmarshal([]byte(out), &j); err != nil || errOut != "" {
		t.Fatalf("%v, %q:\n%s", err, errOut, out)
	}
	return j
}

func wantTexts(t *testing.T, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(strings.Join(strings.Fields(text), " "), want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
}

// TestStatus looks at a shop whose terminal damages a message in each payment: while all is well, when MGR is away,
// when the cable is out, and when the bridge is dead.
func TestStatus(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it builds and runs the program, which -short leaves out")
	}
	r := newRig(t, "pty", "--outcome", "bad-crc-once")
	file := filepath.Join(r.dir, "config.yaml")
	r.until("the terminal is reached", r.ready)
	id := r.uuid()
	r.charge(id, "10.01")
	r.agree(id, 1)
	r.until("the terminal is ready again", func() bool {
		f, err := health.Ask(t.Context(), filepath.Join(r.dir, "journal.db"))
		return err == nil && f.Terminals[0].State == health.Ready
	})
	j, text, code := statusOf(t, file)
	wantTexts(t, text, fmt.Sprintf("runs as process %d since", r.bridge.cmd.Process.Pid), "counter ready since", "1 damaged message came", "answers in",
		"Payments none is unknown", "MGR has every outcome", "Alarms none", "for the counter screen", "All is well.")
	if code != exitDone || j.Bridge == nil || j.PID != r.bridge.cmd.Process.Pid || len(j.Bridge.Terminals) != 1 || j.Bridge.Terminals[0].Quality.BadChecks != 1 ||
		j.Bridge.Terminals[0].Quality.Answer <= 0 || j.Journal.Bytes == 0 {
		t.Errorf("exit %d, %+v", code, j)
	}
	if other := strings.Replace(r.bridge.find(t, `msg=ready .*counter=(\S+)`)[1], "127.0.0.1", "http://127.0.0.1", 1); get(t, other+health.Prefix+"trace") != http.StatusForbidden {
		t.Error("the trace can be had without the key")
	}

	r.mgr.Fail(standin.Always(standin.Answer{Status: http.StatusServiceUnavailable}))
	r.press("approved")
	id = r.uuid()
	r.charge(id, "10.02")
	r.until("MGR was tried", func() bool { return toldOf(t, file).Tried > 0 })
	_, text, code = statusOf(t, file)
	wantTexts(t, text, "1 OUTCOME WAITS", "What needs a person", "sent by themselves")
	if code != exitFailed {
		t.Errorf("with an outcome that MGR does not take: exit %d", code)
	}
	r.mgr.Fail(nil)
	r.agree(id, 1)

	r.press("pull-cable")
	r.until("the bridge misses the terminal", func() bool { return toldOf(t, file).Bridge.Terminals[0].State == health.NotReached })
	j, text, code = statusOf(t, file)
	wantTexts(t, text, "NOT REACHED since", "counter is not reached", "tillbridge doctor")
	if code != exitFailed || j.Bridge.Terminals[0].LastError == "" {
		t.Errorf("without the cable: exit %d, %+v", code, j.Bridge.Terminals[0])
	}
	r.press("plug-cable")
	r.until("the terminal is back", func() bool { j = toldOf(t, file); return j.Bridge.Terminals[0].State == health.Ready })
	if q := j.Bridge.Terminals[0].Quality; q.Opened < 2 {
		t.Errorf("the line was opened %d times", q.Opened)
	}

	r.bridge.kill()
	j, text, code = statusOf(t, file)
	wantTexts(t, text, "tillbridge does not run. This is what its journal has:", "Payments none is unknown", "no payment can be taken")
	if code != exitFailed || j.Running || j.Bridge != nil {
		t.Errorf("without a bridge: exit %d, %+v", code, j)
	}
	if _, err := health.Ask(t.Context(), filepath.Join(r.dir, "journal.db")); !errors.Is(err, health.ErrSilent) {
		t.Errorf("the dead bridge: %v", err) // it left its file
	}
	r.verify()
}

// TestStatusOfASilentBridge tells one that lives and does not answer from one that is dead.
func TestStatusOfASilentBridge(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds and runs the program, which -short leaves out")
	}
	r := newRig(t, "tcp")
	file := filepath.Join(r.dir, "config.yaml")
	if err := os.Remove(health.FileName(filepath.Join(r.dir, "journal.db"))); err != nil {
		t.Fatal(err)
	}
	j, text, code := statusOf(t, file)
	wantTexts(t, text, fmt.Sprintf("tillbridge runs as process %d, and has not told how it is", r.bridge.cmd.Process.Pid), "The bridge runs and does not say how it is.")
	if code != exitFailed || !j.Running || j.Bridge != nil || j.NotTold == "" {
		t.Errorf("exit %d, %+v", code, j)
	}
	// Its settings are broken while it runs: it goes on with those of before.
	r.bridge.kill()
	r.start()
	r.write("config.yaml", strings.Replace(r.settings, "driver: zvt", "driver: zvtt", 1))
	_, text, code = statusOf(t, file)
	wantTexts(t, text, "goes on with those of before", "tillbridge check")
	if code != exitFailed {
		t.Errorf("with broken settings: exit %d", code)
	}
	r.bridge.kill()
	r.bridge = spawn(t, "run", "--config", file)
	r.bridge.find(t, `msg=ready`)
	r.until("the rescued bridge tells", func() bool { return toldOf(t, file).Bridge != nil })
	j, text, code = statusOf(t, file)
	wantTexts(t, text, "takes no payment: its settings cannot be used", "CLOSED for MGR")
	if code != exitFailed || j.Bridge.SettingsError == "" {
		t.Errorf("with settings that were never good: exit %d, %+v", code, j)
	}
}

// TestStatusOfADeadShop reads a journal that nobody has: a payment that is not known, an alarm, a notice.
func TestStatusOfADeadShop(t *testing.T) {
	c := newClinic(t, http.HandlerFunc(http.NotFound))
	c.write("config.yaml", c.settings)
	_, text, code := statusOf(t, c.path("config.yaml"))
	wantTexts(t, text, "journal.db, not there yet", "Payments not known")
	if code != exitFailed {
		t.Errorf("without a journal: exit %d", code)
	}
	c.journal(func(j *journal.Journal) {
		accept(t, j, time.Now(), "c", lost()...)
		for i := range 5 {
			if err := j.RaiseAlarm(t.Context(), journal.Alarm{At: time.Now(), Kind: "test", Text: fmt.Sprintf("Look at number %d.", i)}); err != nil {
				t.Fatal(err)
			}
		}
	})
	j, text, code := statusOf(t, c.path("config.yaml"))
	wantTexts(t, text, "1 IS NOT KNOWN", "5 ALARMS STAND", "whether the money moved in a payment of 12.50 EUR on till", "Look at number 4.", "2 alarms stand more.", "settle it on the counter screen")
	if code != exitFailed || len(j.Held) != 1 || len(j.Alarms) != 5 || j.Held[0].State != "uncertain" {
		t.Errorf("exit %d, %+v", code, j)
	}
	if code, _, _ := call(t, "status", "now"); code != exitUsage {
		t.Errorf("an argument: exit %d", code)
	}
	c.patch(func(b []byte) []byte { return append([]byte("no SQLite at all"), b[16:]...) })
	_, text, code = statusOf(t, c.path("config.yaml"))
	wantTexts(t, text, "The journal cannot be read", "tillbridge doctor")
	if code != exitFailed {
		t.Errorf("with a broken journal: exit %d", code)
	}
}

// chatter is a terminal that registers whoever comes, and then shows a card's number unasked.
func chatter(t *testing.T, card []byte) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				b := make([]byte, 1024)
				if _, err := c.Read(b); err != nil {
					return
				}
				_, _ = c.Write([]byte{0x80, 0, 0, 0x06, 0x0F, 0})
				if _, err := c.Read(b); err != nil {
					return
				}
				// Status information with a card number in BMP 22 and one in a text, then a text of rubbish.
				status := append([]byte{0x04, 0x0F, 0, 0x27, 0, 0x22, 0xF0, 0xF8}, card...)
				text := []byte("CARD 4929123456781234")
				status = append(append(status, 0x3C, 0xF0, 0xF2, 0xF1), text...)
				status[2] = byte(len(status) - 3)
				_, _ = c.Write(append(status, []byte("4929123456781234")...))
				_, _ = io.Copy(io.Discard, c)
			}()
		}
	}()
	return l.Addr().String()
}

// TestBundleOfARunningBridge has the bridge's facts and its wire trace in the bundle, and in the file of --trace, and
// nothing secret in either.
func TestBundleOfARunningBridge(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds and runs the program, which -short leaves out")
	}
	const pin = "483921"
	card := []byte{0x49, 0x29, 0x12, 0x34, 0x56, 0x78, 0x12, 0x34}
	c := newClinic(t, http.HandlerFunc(well))
	c.replace("{serial: /dev/tillbridge-none}", "{tcp: \""+chatter(t, card)+"\"}")
	c.replace("    currency: EUR\n", "    currency: EUR\n    options: {password: \""+pin+"\"}\n")
	c.write("config.yaml", c.settings)
	bridge := spawn(t, "run", "--config", c.path("config.yaml"), "--trace", c.path("wire.txt"))
	bridge.find(t, `msg=ready`)
	r := &rig{t: t}
	r.until("the terminal has chattered, and the trace is written", func() bool {
		b, _ := os.ReadFile(c.path("wire.txt"))
		return strings.Contains(string(b), "*1234")
	})
	bundle := c.path("bundle.zip")
	_, report, _ := call(t, "doctor", "--config", c.path("config.yaml"), "--bundle", bundle)
	raw, err := os.ReadFile(bundle)
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(c.path("wire.txt"))
	if err != nil {
		t.Fatal(err)
	}
	_, status, _ := call(t, "status", "--config", c.path("config.yaml"), "--json")
	texts := map[string]string{"the raw file": string(raw), "the report": report, "the trace": string(file), "status": status}
	for _, f := range z.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		texts[f.Name] = string(b)
	}
	key := health.Key(c.path("journal.db"))
	for name, text := range texts {
		for _, secret := range []string{pin, "48 39 21", key, strongPasscode, "4929123456781234", "49 29 12", "492912345", "56781234", "56 78 12 34"} {
			if secret == "" || strings.Contains(text, secret) {
				t.Errorf("%s has %q:\n%s", name, secret, text)
			}
		}
	}
	for name, want := range map[string]string{
		"bridge.json": `"state"`, "wire/till.txt": "06 00 registration password=[left out]", "CONTENTS.txt": "wire/till.txt", "the trace": "till sent",
	} {
		if !strings.Contains(texts[name], want) {
			t.Errorf("%s has no %q:\n%s", name, want, texts[name])
		}
	}
	if !strings.Contains(texts["wire/till.txt"], "*1234") {
		t.Errorf("the wire trace does not show the end of the card's number:\n%s", texts["wire/till.txt"])
	}
	if info, err := os.Stat(c.path("wire.txt")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the trace is %v, %v", info, err)
	}
	if code, _, errOut := call(t, "run", "--config", c.path("config.yaml"), "--trace", c.path("none/wire.txt")); code != exitFailed || !strings.Contains(errOut, "--trace") {
		t.Errorf("a trace that cannot be: exit %d, %s", code, errOut)
	}
}

func get(t *testing.T, url string) int {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode
}
