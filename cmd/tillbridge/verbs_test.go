package main

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"tillbridge/bridge"
	"tillbridge/bridge/standin"
)

// call carries out one command line in this process.
func call(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), args, strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

func TestExitCodes(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none.yaml")
	for _, x := range []struct {
		args string
		code int
		said string // in either stream
	}{
		{"version", exitDone, runtime.GOARCH},
		{"version --json", exitDone, `"os"`},
		{"drivers", exitDone, "C2+C4"},
		{"drivers --json", exitDone, `"tcp_port": 20007`},
		{"demo --list", exitDone, "lost-reply"},
		{"", exitDone, "tillbridge demo"},
		{"payments", exitDone, "resolve"},
		{"frobnicate", exitUsage, "unknown command"},
		{"check --frobnicate", exitUsage, "unknown flag"},
		{"check one", exitUsage, "--help"},
		{"check --config " + missing, exitFailed, "no such settings file"},
		{"demo --outcome declined", exitUsage, "--once"},
		{"demo --once 12.345", exitFailed, "decimals"},
		{"demo --once 1 --outcome nonsense", exitFailed, "lost-reply"},
		{"demo --driver nonsense", exitUsage, "tillbridge drivers"},
		{"demo --driver manual --list", exitDone, "its printer has no paper"},
		{"demo --driver manual --tcp", exitUsage, "uses no line"},
		{"simulate manual --tcp 127.0.0.1:0", exitUsage, "tillbridge demo --driver manual"},
		{"simulate manual", exitUsage, "has no line"},
		{"simulate process --tcp 127.0.0.1:0", exitUsage, "has no simulated terminal"},
		{"simulate zvt", exitUsage, "--pty"},
		{"simulate nonsense --tcp 127.0.0.1:0", exitUsage, "tillbridge drivers"},
		{"simulate zvt --tcp 127.0.0.1:0 --currency EURO", exitUsage, "ISO 4217"},
		{"simulate zvt --tcp 127.0.0.1:0 --outcome nonsense", exitUsage, "approved"},
		{"simulate zvt --tcp 127.0.0.1:0 --press nonsense", exitUsage, "not known"},
		{"simulate zvt --tcp 127.0.0.1:0 --control 0.0.0.0:0", exitUsage, "this machine only"},
		{"payments list --state nonsense", exitUsage, "held"},
		{"payments list --from yesterday", exitUsage, "2026-01-31"},
		{"payments show", exitUsage, "--help"},
		{"payments resolve x", exitUsage, "--approved or --declined"},
		{"payments resolve x --approved", exitUsage, "--evidence"},
		{"payments prune", exitUsage, "--before"},
	} {
		code, out, errOut := call(t, strings.Fields(x.args)...)
		if code != x.code || !strings.Contains(out+errOut, x.said) {
			t.Errorf("tillbridge %s: exit %d, want %d, and %q in:\n%s%s", x.args, code, x.code, x.said, out, errOut)
		}
	}
}

func TestCheckTellsEveryMistake(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bad.yaml")
	text := `listen: 127.0.0.1:99999
mgr:
  passcode: abc
  notify_ur: https://x.example/
terminals:
  Counter_1:
    driver: zvtt
    port: {serial: /dev/ttyUSB0, baud: fast}
    currency: EURO
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, errOut := call(t, "check", "--config", file)
	if code != exitFailed || !strings.Contains(errOut, "7 mistakes") {
		t.Errorf("exit %d:\n%s", code, errOut)
	}
	for _, want := range []string{":1:9: listen", ":3:13: mgr.passcode", "did you mean notify_url", ":6:3: terminals.Counter_1", "did you mean zvt", ":8:", "write an ISO 4217 code"} {
		if !strings.Contains(errOut, want) {
			t.Errorf("%q is not told:\n%s", want, errOut)
		}
	}
	code, out, _ := call(t, "check", "--json", "--config", file)
	var answer struct {
		OK       bool
		Mistakes []struct {
			Line, Column     int
			Message, Allowed string
		}
	}
	if err := json.Unmarshal([]byte(out), &answer); err != nil || code != exitFailed || answer.OK || len(answer.Mistakes) != 7 {
		t.Errorf("exit %d, %v:\n%s", code, err, out)
	}
}

// TestSettleByCommand settles held payments by the command line, with the bridge running and without.
func TestSettleByCommand(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds and runs the program, which -short leaves out")
	}
	r := newRig(t, "tcp")
	config := filepath.Join(r.dir, "config.yaml")
	for _, running := range []bool{true, false} {
		r.bridge.kill()
		r.write("config.yaml", strings.Replace(r.settings, "counter: 127.0.0.1:0", "counter: "+freeAddress(t), 1))
		r.start()
		r.press("wrong-amount")
		id := r.uuid()
		r.charge(id, amountOf(r.n))
		r.until("the payment is held", func() bool { return r.payment(id).State == bridge.Held })
		if !running {
			r.bridge.kill()
		}
		code, out, _ := call(t, "payments", "list", "--state", "held", "--config", config)
		if code != exitDone || !strings.Contains(out, id) || !strings.Contains(out, "not known") {
			t.Errorf("list: exit %d:\n%s", code, out)
		}
		code, _, errOut := call(t, "payments", "resolve", id, "--approved", "--name", "Ann", "--evidence", "receipt", "--config", config)
		if code != exitFailed || !strings.Contains(errOut, "authorisation code") {
			t.Errorf("an approval without its code: exit %d: %s", code, errOut)
		}
		code, out, errOut = call(t, "payments", "resolve", id, "--approved", "--name", "Ann", "--evidence", "receipt", "--auth-code", "4711", "--config", config)
		if code != exitDone {
			t.Fatalf("resolve: exit %d: %s%s", code, out, errOut)
		}
		if !running {
			r.start()
		}
		if n := r.outcome(id); n.Outcome != standin.Approved || n.AuthCode != "4711" {
			t.Errorf("MGR was told %+v", n)
		}
		code, out, _ = call(t, "payments", "show", id, "--config", config)
		if code != exitDone || !strings.Contains(out, "Ann settled it") {
			t.Errorf("show: exit %d:\n%s", code, out)
		}
		code, out, _ = call(t, "payments", "show", id, "--json", "--config", config)
		var shown bridge.Facts
		if err := json.Unmarshal([]byte(out), &shown); err != nil || code != exitDone || shown.AuthCode != "4711" || len(shown.Story) < 5 {
			t.Errorf("show --json: exit %d, %v:\n%s", code, err, out)
		}
	}
	r.bridge.kill()
	if code, out, errOut := call(t, "payments", "prune", "--before", "2020-01-01", "--config", config); code != exitDone || !strings.Contains(out, "Removed 0 payments") {
		t.Errorf("prune: exit %d: %s%s", code, out, errOut)
	}
	if code, _, errOut := call(t, "payments", "prune", "--before", "2099-01-01", "--config", config); code != exitFailed || !strings.Contains(errOut, "13 months") {
		t.Errorf("prune of what must be kept: exit %d: %s", code, errOut)
	}
}

// freeAddress is an address on this machine that nobody uses now.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
