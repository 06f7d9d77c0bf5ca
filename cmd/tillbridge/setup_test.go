package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"unicode/utf8"

	"tillbridge/bridge/config"
	"tillbridge/bridge/demo"
	"tillbridge/bridge/doctor"
	"tillbridge/bridge/osservice"
	"tillbridge/drivers"
	"tillbridge/terminal/detect"
	"tillbridge/terminal/line"
)

var setupUpdate = flag.Bool("setup-update", false, "write the pinned texts of setup anew")

const freshPasscode = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

// startedServices run once they are started.
type startedServices struct{ playedServices }

func (s *startedServices) Start(ctx context.Context) (osservice.Outcome, error) {
	o, err := s.playedServices.Start(ctx)
	s.st.Running = err == nil
	return o, err
}

// setupRig is a computer on which setup runs.
type setupRig struct {
	t        *testing.T
	dir      string
	street   *street
	services startedServices
	none     error // there is no service manager
	screen   bool
	findings []doctor.Finding
	payErr   error
	paid     []demo.Options
	handed   []string
}

// newSetupRig makes one with an empty folder whose name is always as long, so that what is printed is folded alike.
func newSetupRig(t *testing.T) *setupRig {
	t.Helper()
	dir := t.TempDir()
	if pad := 118 - len(dir); pad > 0 {
		dir = filepath.Join(dir, strings.Repeat("x", pad))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return &setupRig{
		t: t, dir: dir, street: &street{person: true}, screen: true,
		services: startedServices{playedServices{
			report: osservice.Report{Outcome: osservice.Done, User: "tillbridge"}, outcome: osservice.Done,
			st: osservice.State{Installed: true, Automatic: true},
		}},
		findings: []doctor.Finding{
			{Check: "settings", Title: "Settings", Verdict: doctor.Good, Text: "They are right."},
			{Check: "sleep", Title: "Sleep", Verdict: doctor.Warning, Text: "A desktop may put this computer to sleep.", Remedy: "Let it never sleep:", Commands: []string{"sudo systemctl mask sleep.target"}},
			{Check: "mgr", Title: "MGR", Verdict: doctor.NotChecked, Text: "It was left out."},
		},
	}
}

func (r *setupRig) file() string { return filepath.Join(r.dir, "shop", "config.yaml") }

// put writes a file of the rig.
func (r *setupRig) put(name, text string) string {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	return path
}

// read is the text of a file of the rig; empty where there is none.
func (r *setupRig) read(name string) string {
	data, err := os.ReadFile(filepath.Join(r.dir, name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		r.t.Fatal(err)
	}
	return string(data)
}

// keyboard gives what is typed line by line, and shows it as a terminal does.
type keyboard struct {
	lines []string
	shown io.Writer
}

func (k *keyboard) Read(b []byte) (int, error) {
	if len(k.lines) == 0 || k.lines[0] == "" {
		return 0, io.EOF
	}
	n := copy(b, k.lines[0])
	k.lines = k.lines[1:]
	return k.shown.Write(b[:n])
}

// run is setup with what a person types. The text has DIR for the rig's folder.
func (r *setupRig) run(typed string, args ...string) (out string, err error) {
	r.t.Helper()
	var o, e bytes.Buffer
	p := &program{in: &keyboard{strings.SplitAfter(typed, "\n"), &o}, out: &o, err: &e, drivers: drivers.All(), env: config.SystemEnv()}
	p.env.LookupEnv = func(string) (string, bool) { return "", false }
	cmd := p.setupVerb(setupWorld{
		detect: detectWorld{
			ports: func(context.Context) ([]line.PortInfo, error) { return r.street.ports, nil }, dial: r.street.dial,
			person: func(io.Reader) bool { return r.street.person }, finder: detect.Finder{Quiet: detect.Quiet, Pause: detect.Pause},
		},
		services: func() (services, error) { return &r.services, r.none },
		screen:   func(io.Writer) bool { return r.screen },
		passcode: func() string { return freshPasscode },
		pay: func(_ context.Context, o demo.Options) error {
			r.paid = append(r.paid, o)
			fmt.Fprint(o.Out, "     0.001 s  MGR  asks\n\nWhat MGR knows:\n  28d2a854: told APPROVED\nThey agree.\n")
			return r.payErr
		},
		examine: func(context.Context, *examination) []doctor.Finding { return r.findings },
		hand:    func(path, user string) error { r.handed = append(r.handed, user+" "+filepath.Base(path)); return nil },
	})
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	cmd.SetArgs(append(args, "--config", r.file()))
	err = cmd.ExecuteContext(r.t.Context())
	r.street.empty()
	if e.Len() > 0 && err == nil {
		r.t.Errorf("told beside: %s", e.String())
	}
	return strings.ReplaceAll(o.String(), r.dir, "DIR"), err
}

// answers is setup with an answers file.
func (r *setupRig) answers(text string) (out string, err error) {
	r.t.Helper()
	r.street.person = false
	return r.run("", "--answers", r.put("answers.yaml", text))
}

// pinned compares a text with a file of testdata.
func pinned(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *setupUpdate {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("it is not what %s has (write it anew by -setup-update):\n%s", file, got)
	}
}

// counterStreet has a ZVT terminal at one port and a printer at the other.
func counterStreet(t *testing.T) *street {
	d, _ := (&program{drivers: drivers.All()}).driver("zvt")
	_, play := simulated(t, d)
	return &street{
		person: true,
		ports: []line.PortInfo{
			{Name: "/dev/ttyUSB0", USB: "0403:6001", SerialNumber: "FT1", Manufacturer: "FTDI", Product: "FT232R", USBPath: "1-3:1.0", Use: line.Free, Access: line.Allowed},
			{Name: "/dev/ttyUSB1", USB: "0a5f:0001", SerialNumber: "Z1", Manufacturer: "Zebra", Product: "label printer", USBPath: "1-4:1.0", Use: line.Free, Access: line.Allowed},
		},
		devices: map[string]*device{"/dev/ttyUSB0": {play: play, baud: d.Line.Baud}, "/dev/ttyUSB1": {play: deaf}},
	}
}

func onLinuxNames(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the pinned texts and the made-up ports have Linux' names")
	}
}

// typedRun is what a person types from the first question to the last, with two mistakes.
var typedRun = []string{
	"Counter 1", "counter", // a name that is none
	"", "y", "n", // search; ask the first port, not the printer
	"", "abc", "123456", // the driver; a password that is none
	"", "", "127.0.0.1:8473", "127.0.0.1:8476", // currency, listen, the counter at the same address, and at another
	"y", // write
	"y", "",
}

// typedBeforeWriting is how many of those come before anything is written.
const typedBeforeWriting = 13

func TestSetupInteractive(t *testing.T) {
	onLinuxNames(t)
	synctest.Test(t, func(t *testing.T) {
		r := newSetupRig(t)
		r.street = counterStreet(t)
		out, err := r.run(strings.Join(typedRun, "\n") + "\n")
		if err != nil {
			t.Fatalf("%v:\n%s", err, out)
		}
		pinned(t, "setup_interactive.txt", out)
		pinned(t, "setup_config.yaml.txt", strings.ReplaceAll(r.read("shop/config.yaml"), r.dir, "DIR"))
		if n := strings.Count(out, freshPasscode); n != 1 || strings.Count(out, "123456") != 1 { // which is typed
			t.Errorf("the passcode is shown %d times, or the terminal's password is", n)
		}
		if printer := r.street.devices["/dev/ttyUSB1"]; printer.opened != 0 {
			t.Error("the printer was opened")
		}
		s, err := config.Load(r.file(), drivers.All(), config.SystemEnv())
		if err != nil || len(s.Warnings) > 0 || string(s.MGR.Passcode) != freshPasscode || s.Terminals[0].Port.SerialNumber != "FT1" || s.Counter != "127.0.0.1:8476" {
			t.Errorf("%v %v", err, s)
		}
		for _, name := range []string{"passcode", "config.yaml"} {
			info, err := os.Stat(filepath.Join(r.dir, "shop", name))
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v %v", name, info.Mode(), err)
			}
		}
		if got := strings.Join(r.services.calls, " "); got != "install install start" || strings.Join(r.handed, ", ") != "tillbridge config.yaml, tillbridge passcode" {
			t.Errorf("%s; %s", got, r.handed)
		}
		if len(r.paid) != 1 || r.paid[0].Driver.Name != "zvt" || r.paid[0].Once.Amount != "1.00" {
			t.Errorf("%+v", r.paid)
		}
		for text := range strings.SplitSeq(out, "\n") {
			if n := utf8.RuneCountInString(text); n > statusColumns && strings.Contains(strings.TrimSpace(text), " ") && !strings.Contains(text, "DIR") {
				t.Errorf("a line has %d columns: %s", n, text)
			}
		}
	})
}

// TestSetupInputEnds ends the input after each of the answers.
func TestSetupInputEnds(t *testing.T) {
	onLinuxNames(t)
	for n := range typedRun {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newSetupRig(t)
				r.street = counterStreet(t)
				out, err := r.run(strings.Join(append(typedRun[:n:n], ""), "\n"))
				there, globErr := filepath.Glob(filepath.Join(r.dir, "*"))
				switch {
				case globErr != nil:
					t.Fatal(globErr)
				case n < typedBeforeWriting && (!errors.Is(err, errInputEnded) || !strings.Contains(err.Error(), "nothing was written") || len(there) != 0):
					t.Errorf("%v, %s:\n%s", err, there, out)
				case n >= typedBeforeWriting && (err != nil || r.read("shop/passcode") != freshPasscode+"\n" || !strings.Contains(out, "Passcode     "+freshPasscode)):
					t.Errorf("%v:\n%s", err, out)
				case n == typedBeforeWriting && len(r.services.calls) != 0:
					t.Error("a service was installed without a word")
				}
			})
		})
	}
}

// TestSetupStopped ends it by Ctrl-C in a question, and in the checks.
func TestSetupStopped(t *testing.T) {
	for _, inChecks := range []bool{false, true} {
		ctx, stop := context.WithCancel(t.Context())
		r := newSetupRig(t)
		w := &wizard{program: &program{in: &keyboard{nil, io.Discard}, out: io.Discard, drivers: drivers.All(), env: config.SystemEnv()}}
		w.draft.file = r.file()
		w.world.examine = func(context.Context, *examination) []doctor.Finding { stop(); return nil }
		w.world.passcode = func() string { return freshPasscode }
		if inChecks {
			w.given = map[string]string{"port": "none", "service": "no"}
		} else {
			stop()
		}
		w.typed = newAnswers(w.in)
		err := w.run(ctx)
		w.typed.close()
		stop()
		written := r.read("shop/config.yaml") != ""
		if !errors.Is(err, errSetupStopped) || written != inChecks || strings.Contains(err.Error(), "nothing was written") == inChecks {
			t.Errorf("in the checks %t: %v, written %t", inChecks, err, written)
		}
	}
}

func TestSetupAnswers(t *testing.T) {
	onLinuxNames(t)
	synctest.Test(t, func(t *testing.T) {
		r := newSetupRig(t)
		r.street = counterStreet(t)
		answers := "port: /dev/ttyUSB0\nprobe: true\noptions: {password: \"123456\"}\n"
		out, err := r.answers(answers)
		if err != nil {
			t.Fatalf("%v:\n%s", err, out)
		}
		pinned(t, "setup_answers.txt", out)
		if strings.Contains(out, freshPasscode) || strings.Contains(out, "123456") {
			t.Errorf("a secret is shown:\n%s", out)
		}
		if r.street.devices["/dev/ttyUSB1"].opened != 0 {
			t.Error("the printer was opened")
		}
		before := r.read("shop/config.yaml")
		if out, err = r.answers(answers); err != nil || !strings.Contains(out, "stay as they are") || r.read("shop/config.yaml") != before {
			t.Errorf("again: %v:\n%s", err, out)
		}
	})
}

// TestSetupAsksNoPort runs without the word that ports may be asked.
func TestSetupAsksNoPort(t *testing.T) {
	onLinuxNames(t)
	for _, answers := range []string{"driver: zvt\nport: /dev/ttyUSB0\n", "driver: zvt\nport: search\n", "driver: zvt\nprobe: true\n"} {
		r := newSetupRig(t)
		r.street = counterStreet(t)
		out, err := r.answers(answers)
		if named := strings.Contains(answers, "ttyUSB0"); named != (err == nil) {
			t.Errorf("%s: %v:\n%s", answers, err, out)
		}
		for name, d := range r.street.devices {
			if d.opened != 0 {
				t.Errorf("%s: %s was opened", answers, name)
			}
		}
	}
}

// TestSetupRefuses has answers that cannot be used; nothing is written.
func TestSetupRefuses(t *testing.T) {
	onLinuxNames(t)
	for answers, want := range map[string]string{
		"port: 10.0.0.9\ncurency: EUR\n":   `answers.yaml:2:1: curency: there is no such key here; did you mean currency?`,
		"port: 10.0.0.9\nservice: maybe\n": `answers.yaml:2:10: service: true or false is needed`,
		"port: 10.0.0.9\n  driver: zvt\n":  `answers.yaml:2:`,
		"port: 10.0.0.9\nport: 10.0.0.8\n": `port`,
		"":                                 `port: no terminal was found`,
		"port: 10.0.0.9\n":                 `answers.yaml: driver is missing and has no default; one of caisseap, ecr17, pax, telium, zvt`,
		"port: none\ndriver: zvt\n":        `driver: "zvt" is no driver for such a line; one of manual, process`,
		"port: keep\n":                     `port: there is nothing to keep`,
		"port: http://terminal\n":          `port: "http://terminal" is a web address`,
		"port: 10.0.0.9\ndriver: telium\n": `options.dialect is missing and has no default; write dialect: fr`,
		"port: 10.0.0.9\ndriver: telium\noptions: {dialect: de}\n":                 `options.dialect: "de" is not allowed; "de" is not known; write fr or uk`,
		"port: 10.0.0.9\ndriver: zvt\noptions: {pasword: \"1\"}\n":                 `options.pasword: there is no such key here; did you mean password`,
		"port: none\noptions: {x: y}\n":                                            `options.x: there is no such key`,
		"port: 10.0.0.9\ndriver: zvt\ncurrency: EURO\n":                            `currency: "EURO" is not an ISO 4217 code`,
		"port: 10.0.0.9\ndriver: zvt\nlisten: 0.0.0.0:8473\n":                      `listen: other machines can reach this address, and nothing encrypts it`,
		"port: 10.0.0.9\ndriver: zvt\ncounter: 127.0.0.1:8473\n":                   `counter: this is the address of listen too`,
		"port: 10.0.0.9\ndriver: zvt\nterminal: Counter_1\n":                       `is not a name for a terminal`,
		"port: none\ndriver: process\noptions: {command: acme}\n":                  `options.evidence is missing and has no default`,
		"port: 10.0.0.9\ndriver: zvt\njournal: /\n":                                `is a folder`,
		"port: 10.0.0.9\ndriver: zvt\noptions: {password: \"x1\"}\nprobe: false\n": `options.password: this value is not allowed`,
	} {
		r := newSetupRig(t)
		out, err := r.answers(answers)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q\n%s", answers, err, want, out)
		}
		if _, err := os.Stat(filepath.Dir(r.file())); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%q: something was written: %v", answers, err)
		}
		if len(r.services.calls) != 0 {
			t.Errorf("%q: %s", answers, r.services.calls)
		}
	}
}

// TestSetupAsksThreeTimes gives up then.
func TestSetupAsksThreeTimes(t *testing.T) {
	r := newSetupRig(t)
	out, err := r.run("A\nB\nC\ncounter\n")
	if err == nil || !strings.Contains(err.Error(), "no answer of 3") || strings.Count(out, "is not a name") != 3 {
		t.Errorf("%v:\n%s", err, out)
	}
	r.street.person = false
	var usage usageError
	if _, err := r.run("counter\n"); !errors.As(err, &usage) || !strings.Contains(err.Error(), "--answers") {
		t.Errorf("without a person: %v", err)
	}
}

// TestSetupService is about what becomes of the service.
func TestSetupService(t *testing.T) {
	onLinuxNames(t)
	const answers = "port: none\n"
	for _, x := range []struct {
		name    string
		change  func(*setupRig)
		answers string
		calls   string
		said    []string
		fails   bool
	}{
		{"installed", func(*setupRig) {}, "", "install install start", []string{"It runs as tillbridge", "It is started", "The payment came through"}, false},
		{"nothing to test against", func(r *setupRig) { r.payErr = errors.New("it was made") }, "service: false\nport: none\ndriver: process\noptions: {command: acme, evidence: C1}\n", "", []string{"Left out: there is no simulated terminal for the driver process"}, false},
		{"it runs", func(r *setupRig) { r.services.st.Running = true }, "", "install install restart", []string{"It is started: running"}, false},
		{"no rights", func(r *setupRig) { r.services.err = fmt.Errorf("install: %w", osservice.ErrRights) }, "", "install", []string{"may not install services", elevated("install") + " --config DIR", elevated("start"), "Webhook URL"}, false},
		{"it fails", func(r *setupRig) { r.services.err = errors.New("the disk is gone") }, "", "install", []string{"It failed: the disk is gone", "Webhook URL"}, true},
		{"no manager", func(r *setupRig) { r.none = errors.New("no service manager is known here") }, "", "", []string{"no service manager is known here", "tillbridge run --config DIR"}, true},
		{"not wanted", func(*setupRig) {}, "service: false\n", "", []string{"Left out. To do it:", elevated("start")}, false},
		{"the test fails", func(r *setupRig) { r.payErr = errors.New("they do not agree") }, "service: false\nport: 10.0.0.9\ndriver: pax\n", "", []string{"It failed: they do not agree", "Webhook URL"}, true},
		{"no test", func(r *setupRig) { r.payErr = errors.New("it was made") }, "service: false\nport: 10.0.0.9\ndriver: pax\ntest: none\n", "", []string{"test: none"}, false},
	} {
		r := newSetupRig(t)
		x.change(r)
		given := x.answers
		if !strings.Contains(given, "port:") {
			given += answers
		}
		out, err := r.answers(given)
		if (err != nil) != x.fails || x.fails && !errors.Is(err, errSaid) || strings.Join(r.services.calls, " ") != x.calls {
			t.Errorf("%s: %v, calls %s:\n%s", x.name, err, r.services.calls, out)
		}
		for _, want := range x.said {
			if !strings.Contains(out, want) {
				t.Errorf("%s does not say %q:\n%s", x.name, want, out)
			}
		}
		if r.read("shop/passcode") == "" || strings.Contains(out, freshPasscode) {
			t.Errorf("%s: the passcode is not there, or shown:\n%s", x.name, out)
		}
	}
}

// TestSetupShowsThePasscodeOnAScreenOnly pipes the output.
func TestSetupShowsThePasscodeOnAScreenOnly(t *testing.T) {
	onLinuxNames(t)
	for _, screen := range []bool{true, false} {
		r := newSetupRig(t)
		r.screen = screen
		out, err := r.run("\nnone\n\n\n\n\ny\nn\n")
		if err != nil || strings.Contains(out, freshPasscode) != screen || r.read("shop/passcode") != freshPasscode+"\n" {
			t.Errorf("screen %t: %v:\n%s", screen, err, out)
		}
	}
	real := systemSetupWorld()
	a, b := real.passcode(), real.passcode()
	if !regexp.MustCompile(`^[A-Z2-7]{26,}$`).MatchString(a) || a == b || real.screen(&bytes.Buffer{}) {
		t.Errorf("%q %q", a, b)
	}
}
