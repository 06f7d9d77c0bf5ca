package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"tillbridge/bridge"
	"tillbridge/bridge/config"
	"tillbridge/bridge/journal"
	"tillbridge/bridge/standin"
	"tillbridge/terminal"
)

const strongPasscode = "kV7/zQ2m+Rb9xT4cLw8pYd3fHs6jNg1A"

// clinic is a shop whose bridge does not run, to be looked at by the built program.
type clinic struct {
	t        *testing.T
	dir      string
	file     string // of the settings
	settings string
	env      []string
}

// newClinic makes a shop with a silent terminal and an MGR that answers as mgr does.
func newClinic(t *testing.T, mgr http.Handler) *clinic {
	t.Helper()
	c := &clinic{t: t, dir: t.TempDir(), file: "config.yaml"}
	server := httptest.NewServer(mgr)
	t.Cleanup(server.Close)
	c.settings = fmt.Sprintf("listen: %s\ncounter: %s\njournal: %s/journal.db\nmgr:\n  passcode_file: %s/passcode\n  notify_url: %s/notify\n"+
		"terminals:\n  till:\n    driver: zvt\n    port: {serial: /dev/tillbridge-none}\n    currency: EUR\n",
		"127.0.0.1:0", "127.0.0.1:0", c.dir, c.dir, server.URL)
	c.write("passcode", strongPasscode+"\n")
	return c
}

func (c *clinic) path(name string) string { return filepath.Join(c.dir, name) }

func (c *clinic) write(name, text string) {
	c.t.Helper()
	if err := os.WriteFile(c.path(name), []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

func (c *clinic) replace(old, new string) {
	c.t.Helper()
	if !strings.Contains(c.settings, old) {
		c.t.Fatalf("the settings have no %q", old)
	}
	c.settings = strings.Replace(c.settings, old, new, 1)
}

// journal makes a journal with what fill puts there.
func (c *clinic) journal(fill func(*journal.Journal)) {
	c.t.Helper()
	j, err := journal.Open(c.t.Context(), c.path("journal.db"), journal.Options{})
	if err != nil {
		c.t.Fatal(err)
	}
	fill(j)
	if err := j.Close(); err != nil {
		c.t.Fatal(err)
	}
}

// patch changes bytes of the journal's file.
func (c *clinic) patch(change func([]byte) []byte) {
	c.t.Helper()
	b, err := os.ReadFile(c.path("journal.db"))
	if err == nil {
		err = os.WriteFile(c.path("journal.db"), change(b), 0o600)
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

// systemd puts a systemctl first on the path that says of the service what it is told to.
func (c *clinic) systemd(show string) {
	c.t.Helper()
	dir := c.t.TempDir()
	script := "#!/bin/sh\ncase \"$1\" in\nshow) cat <<'END'\n" + show + "\nEND\n;;\nis-enabled) echo masked; exit 1;;\nesac\n"
	if err := os.WriteFile(filepath.Join(dir, "systemctl"), []byte(script), 0o755); err != nil {
		c.t.Fatal(err)
	}
	c.env = append(c.env, "PATH="+dir+":"+os.Getenv("PATH"))
}

// doctor runs the built program.
func (c *clinic) doctor(args ...string) (code int, out, errOut string) {
	c.t.Helper()
	if c.settings != "" {
		c.write(c.file, c.settings)
	}
	var o, e bytes.Buffer
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary(c.t), append([]string{"doctor", "--config", c.path(c.file)}, args...)...)
	cmd.Env = append(append(os.Environ(), "NO_PROXY=127.0.0.1"), c.env...)
	cmd.Stdout, cmd.Stderr = &o, &e
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		c.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), o.String(), e.String()
}

// found is what the program says as JSON.
type found struct {
	Verdict  string
	Faults   int
	Findings []struct {
		Check, About, Verdict, Text, Remedy string
		Commands                            []string
	}
}

func (c *clinic) findings() (found, int) {
	c.t.Helper()
	code, out, errOut := c.doctor("--json")
	var f found
	if err := json.Unmarshal([]byte(out), &f); err != nil {
		c.t.Fatalf("exit %d, %v:\n%s%s", code, err, out, errOut)
	}
	return f, code
}

func (f found) String() string {
	var b strings.Builder
	for _, x := range f.Findings {
		fmt.Fprintf(&b, "%s %s %q: %s -> %s %q\n", x.Check, x.Verdict, x.About, x.Text, x.Remedy, x.Commands)
	}
	return b.String()
}

// has tells whether a finding is among them.
func (f found) has(check, verdict, text, remedy string) bool {
	for _, x := range f.Findings {
		if x.Check == check && x.Verdict == verdict && strings.Contains(x.Text, text) && strings.Contains(x.Remedy+"\n"+strings.Join(x.Commands, "\n"), remedy) {
			return true
		}
	}
	return false
}

// well is MGR as it is.
func well(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Allow", http.MethodPost)
	w.WriteHeader(http.StatusMethodNotAllowed)
}

// certified serves MGR's address with a certificate of its own.
func (c *clinic) certified(from, until time.Time, name string) {
	c.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		c.t.Fatal(err)
	}
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: until, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	if ip := net.ParseIP(name); ip != nil {
		cert.IPAddresses = []net.IP{ip}
	} else {
		cert.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	if err != nil {
		c.t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(well))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	c.t.Cleanup(server.Close)
	c.write("roots.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	c.env = append(c.env, "SSL_CERT_FILE="+c.path("roots.pem"))
	before, _, _ := strings.Cut(c.settings, "  notify_url: ")
	_, after, _ := strings.Cut(c.settings, "/notify\n")
	c.settings = before + "  notify_url: " + server.URL + "/notify\n" + after
}

// accept puts a payment into a journal that goes as far as these events.
func accept(t *testing.T, j *journal.Journal, at time.Time, customer string, events ...bridge.Event) {
	t.Helper()
	eur, _ := config.Currency("EUR")
	order := bridge.Order{UUID: "5ca1ab1e-feed-cafe-beef-decadeabcdef", Customer: customer, Terminal: "till", Amount: terminal.Amount{Minor: 1250, Currency: eur}}
	var p bridge.Payment
	for _, e := range append([]bridge.Event{{Kind: bridge.Accept, Order: &order, Reference: "AB000C0001"}}, events...) {
		e.At = at
		step, err := bridge.Step(p, e)
		if err == nil {
			err = j.Append(t.Context(), step)
		}
		if err != nil {
			t.Fatal(err)
		}
		p = step.After
	}
}

func lost() []bridge.Event {
	return []bridge.Event{
		{Kind: bridge.Arm, Driver: "zvt", Evidence: terminal.C2}, {Kind: bridge.Send}, {Kind: bridge.Lose, Reason: "the line broke"},
	}
}

// silentTerminal takes connections and says nothing.
func silentTerminal(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		var all []net.Conn
		for {
			c, err := l.Accept()
			if err != nil {
				break
			}
			all = append(all, c)
		}
		for _, c := range all {
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-ended })
	return l.Addr().String()
}

// ailment is one fault that the built program must find.
type ailment struct {
	name                         string
	mgr                          http.HandlerFunc
	seed                         func(*testing.T, *clinic)
	check, verdict, text, remedy string
}

// outside are those of settings, terminal and network.
func outside() []ailment {
	return []ailment{
		{"settings missing", well, func(_ *testing.T, c *clinic) { c.settings = "" }, "settings", "fault", "no such settings file", "config.example.yaml"},
		{"wrong key", well, func(_ *testing.T, c *clinic) { c.replace("driver:", "drivr:") }, "settings", "fault", "line 9", "driver"},
		{"weak passcode", well, func(_ *testing.T, c *clinic) { c.write("passcode", "password1234") }, "passcode", "fault", "easily guessed", "urandom"},
		{"passcode world-readable", well, func(t *testing.T, c *clinic) {
			if err := os.Chmod(c.path("passcode"), 0o644); err != nil {
				t.Fatal(err)
			}
		}, "files", "warning", "every user", "sudo chmod o-rwx "},
		{"port missing", well, func(*testing.T, *clinic) {}, "port", "fault", "/dev/tillbridge-none", "tillbridge ports"},
		{"terminal silent", well, func(t *testing.T, c *clinic) {
			c.replace("{serial: /dev/tillbridge-none}", fmt.Sprintf("{tcp: %q}", silentTerminal(t)))
		}, "terminal", "fault", "could not be asked", "switched on"},
		{"notify 404", http.NotFound, func(*testing.T, *clinic) {}, "mgr-answer", "fault", "404", "/external/payments/custom/notify"},
		{"captive portal", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "<html><title>Hotel</title></html>")
		}, func(*testing.T, *clinic) {}, "mgr-answer", "fault", "Hotel", "sign in with the browser"},
		{"clock", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", time.Now().Add(5*time.Minute+time.Second).UTC().Format(http.TimeFormat))
			well(w, r)
		}, func(*testing.T, *clinic) {}, "clock", "fault", "behind", "timedatectl set-ntp true"},
		{"TLS expired", well, func(_ *testing.T, c *clinic) {
			c.certified(time.Now().Add(-48*time.Hour), time.Now().Add(-time.Hour), "127.0.0.1")
		}, "mgr-certificate", "fault", "has ended", "clock first"},
		{"TLS wrong name", well, func(_ *testing.T, c *clinic) {
			c.certified(time.Now().Add(-time.Hour), time.Now().Add(time.Hour), "portal.example")
		}, "mgr-certificate", "fault", "portal.example", "notify_url"},
	}
}

// inside are those of this computer, its journal and its service.
func inside() []ailment {
	return []ailment{
		{"address in use", well, func(t *testing.T, c *clinic) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = l.Close() })
			_, rest, _ := strings.Cut(c.settings, "\n")
			c.settings = "listen: " + l.Addr().String() + "\n" + rest
		}, "listen", "fault", fmt.Sprintf("(process %d)", os.Getpid()), fmt.Sprintf("kill %d", os.Getpid())},
		{"LAN without TLS", well, func(_ *testing.T, c *clinic) {
			c.replace("listen: 127.0.0.1", "insecure_lan: true\nlisten: 0.0.0.0")
		}, "lan", "warning", "without encryption", "tls:"},
		{"journal newer", well, func(_ *testing.T, c *clinic) {
			c.journal(func(*journal.Journal) {})
			c.patch(func(b []byte) []byte { b[60], b[61], b[62], b[63] = 0, 0, 0, 99; return b }) // PRAGMA user_version
		}, "journal", "fault", "newer tillbridge (version 99", "newer tillbridge again"},
		{"journal altered", well, func(t *testing.T, c *clinic) {
			c.journal(func(j *journal.Journal) { accept(t, j, time.Now(), "customer-tampered") })
			c.patch(func(b []byte) []byte {
				return bytes.ReplaceAll(b, []byte("customer-tampered"), []byte("customer-tempered"))
			})
		}, "journal", "fault", "altered", "last good copy"},
		{"journal read-only", well, func(t *testing.T, c *clinic) {
			c.journal(func(*journal.Journal) {})
			if err := os.Chmod(c.path("journal.db"), 0o400); err != nil {
				t.Fatal(err)
			}
		}, "disk", "fault", "read-only", "chmod u+w"},
		{"old hold", well, func(t *testing.T, c *clinic) {
			c.journal(func(j *journal.Journal) { accept(t, j, time.Now().Add(-30*time.Hour), "c", lost()...) })
		}, "holds", "fault", "older than a day", "payments show 5ca1ab1e"},
		{"service not running", well, func(_ *testing.T, c *clinic) {
			c.systemd("LoadState=loaded\nActiveState=inactive\nSubState=dead\nUnitFileState=enabled\nMainPID=0")
		}, "service", "fault", "does not run", "systemctl start tillbridge"},
		{"service not installed", well, func(_ *testing.T, c *clinic) {
			c.systemd("LoadState=not-found\nActiveState=inactive\nSubState=dead")
		}, "service", "fault", "not installed", "tillbridge install --config"},
		{"second instance", well, func(t *testing.T, c *clinic) {
			c.systemd("LoadState=loaded\nActiveState=activating\nSubState=auto-restart\nUnitFileState=enabled\nMainPID=0\nNRestarts=9")
			c.write("config.yaml", c.settings)
			spawn(t, "run", "--config", c.path("config.yaml")).find(t, `msg=ready`)
		}, "instance", "fault", "two bridges", "sudo kill "},
	}
}

// TestDoctorEndToEnd seeds faults into a shop and has the built program find them.
func TestDoctorEndToEnd(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds and runs the program, which -short leaves out")
	}
	binary(t)
	for _, x := range append(outside(), inside()...) {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			c := newClinic(t, x.mgr)
			x.seed(t, c)
			f, code := c.findings()
			wantCode := exitDone
			if f.Faults > 0 {
				wantCode = exitFailed
			}
			if !f.has(x.check, x.verdict, x.text, x.remedy) || code != wantCode {
				t.Errorf("exit %d, want %d; and %s %s with %q and %q in:", code, wantCode, x.check, x.verdict, x.text, x.remedy)
				t.Log(f)
			}
		})
	}
}

// TestDoctorLeavesTheBridgeAlone looks at a shop while the bridge runs, and after: it is not disturbed, the terminal is
// asked only when nobody holds it, and no byte of the shop's files is another.
func TestDoctorLeavesTheBridgeAlone(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds and runs the program, which -short leaves out")
	}
	r := newRig(t, "pty", "--outcome", "approved")
	r.until("the terminal is reached", r.ready)
	c := &clinic{t: t, dir: r.dir, file: "doctor.yaml", settings: r.settings}
	f, _ := c.findings()
	if !f.has("terminal", "good", "The bridge, which holds it, tells: ready since", "") || !f.has("line", "good", "Clean", "") || !f.has("port", "good", "in use by the bridge", "") ||
		!f.has("journal", "good", "whole", "") || !f.has("mgr-answer", "good", "204", "") || !f.has("instance", "good", fmt.Sprint(r.bridge.cmd.Process.Pid), "") {
		t.Errorf("while the bridge runs:\n%s", f)
	}
	id := r.uuid()
	r.charge(id, "10.01")
	r.agree(id, 1)
	if err := r.bridge.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	<-r.bridge.ended
	before := contents(t, r.dir)
	f, _ = c.findings()
	if !f.has("terminal", "good", "is ready", "") || !f.has("line", "good", "Clean", "") {
		t.Errorf("after it:\n%s", f)
	}
	for name, text := range contents(t, r.dir) {
		if old, there := before[name]; there && old != text {
			t.Errorf("doctor changed %s", name)
		} else if !there && len(text) > 0 && !strings.HasSuffix(name, "-shm") {
			t.Errorf("doctor made %s", name)
		}
	}
	r.start()
	r.until("the terminal is reached again", r.ready)
	id = r.uuid()
	r.charge(id, "10.02")
	r.agree(id, 1)
	if p, _ := r.mgr.Payment(id); len(p.Notices) == 0 || p.Notices[0].Outcome != standin.Approved {
		t.Errorf("MGR has %+v", p)
	}
	r.verify()
}

// contents is the regular files of a folder, but for SQLite's shared memory, which every reader uses.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || strings.HasSuffix(path, "-shm") {
			return err
		}
		b, err := os.ReadFile(path)
		all[path] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestDoctorsText looks at the report as a person does.
func TestDoctorsText(t *testing.T) {
	c := newClinic(t, http.HandlerFunc(http.NotFound))
	c.write("passcode", "blue7tree92")
	c.write("config.yaml", c.settings)
	code, out, _ := call(t, "doctor", "--config", c.path("config.yaml"))
	if code != exitFailed {
		t.Errorf("exit %d", code)
	}
	fault, warning := strings.Index(out, ". FAULT"), strings.Index(out, ". WARNING")
	if todo := strings.Index(out, "\nWhat to do\n"); todo < 0 || fault < todo || warning < fault {
		t.Errorf("faults do not come first at the end:\n%s", out)
	}
	for l := range strings.Lines(out) {
		// Commands, paths and addresses stay whole, to be copied.
		if n := utf8.RuneCountInString(strings.TrimRight(l, "\n")); n > portColumns && !strings.HasPrefix(l, "        ") {
			t.Errorf("%d columns: %s", n, l)
		}
	}
	for _, want := range []string{"FAULT        MGR's answer        ", "WARNING      Passcode            ", "good         Settings            ", "not checked  Reserved ports      "} {
		if !strings.Contains(out, want) {
			t.Errorf("no line begins %q:\n%s", want, out)
		}
	}
	if code, _, errOut := call(t, "doctor", "--bundle", c.path("config.yaml"), "--config", c.path("config.yaml")); code != exitUsage || !strings.Contains(errOut, "there already") {
		t.Errorf("a bundle over a file: exit %d: %s", code, errOut)
	}
	if code, _, _ := call(t, "doctor", "one"); code != exitUsage {
		t.Errorf("an argument: exit %d", code)
	}
}
