package main

import (
	"archive/zip"
	"encoding/json"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"tillbridge/bridge"
	"tillbridge/bridge/osservice"
	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// call carries out a command line of the Windows program.
func (s *wineShop) call(args ...string) (code int, out, errOut string) {
	s.t.Helper()
	code, out, errOut = s.w.run(append([]string{"wine", `C:\tb\tillbridge.exe`}, args...)...)
	if strings.Contains(out+errOut, "panic: ") || strings.Contains(out+errOut, "goroutine ") {
		s.t.Errorf("tillbridge %s: a panic:\n%s%s", strings.Join(args, " "), out, errOut)
	}
	return code, out, errOut
}

// verbSays is a verb with what it must say, in either stream, and the code that it must end with.
type verbSays struct {
	args string
	code int
	want []string
}

func (s *wineShop) says(all ...verbSays) {
	s.t.Helper()
	for _, x := range all {
		code, out, errOut := s.call(strings.Fields(x.args)...)
		for _, want := range x.want {
			if code != x.code || !strings.Contains(out+errOut, want) {
				s.t.Errorf("tillbridge %s: exit %d, want %d, and %q in:\n%s%s", x.args, code, x.code, want, out, errOut)
			}
		}
	}
}

// parsed carries out a verb that prints JSON.
func (s *wineShop) parsed(into any, want int, args ...string) {
	s.t.Helper()
	code, out, errOut := s.call(args...)
	if err := json.Unmarshal([]byte(out), into); err != nil || code != want {
		s.t.Fatalf("tillbridge %s: exit %d, want %d, %v:\n%s%s", strings.Join(args, " "), code, want, err, out, errOut)
	}
}

const wineSettings = ` --config C:\tb\config.yaml`

// verbsAlone calls the verbs while no bridge runs.
func (s *wineShop) verbsAlone() {
	s.write("bad.yaml", strings.Replace(s.settings, "driver: zvt", "driver: zvtt", 1))
	s.says(
		verbSays{"version", exitDone, []string{"windows/amd64"}},
		verbSays{"drivers", exitDone, []string{"zvt", "C2+C4"}},
		verbSays{"frobnicate", exitUsage, []string{"unknown command"}},
		verbSays{"check" + wineSettings, exitDone, []string{`C:\tb\config.yaml is right`, "{serial: COM5,", `journal: C:\tb\journal.db`, "/mgr/counter"}},
		verbSays{`check --config C:\tb\bad.yaml`, exitFailed, []string{`C:\tb\bad.yaml:10:13: `, "did you mean zvt", "1 mistake"}},
		verbSays{`check --config C:\tb\none.yaml`, exitFailed, []string{"no such settings file"}},
		verbSays{"ports" + wineSettings, exitDone, []string{"COM5 ", "COM12 ", "counter"}},
		verbSays{"payments list" + wineSettings, exitFailed, []string{`C:\tb\journal.db`}},
		verbSays{"doctor" + wineSettings, exitFailed, []string{`good         Settings`, "FAULT        Service", "answers and is ready", "1 fault", "What to do"}},
	)
	s.ports()
	var f found
	s.parsed(&f, exitFailed, "doctor", "--config", `C:\tb\config.yaml`, "--json")
	s.finds(f, "fault", map[string]string{
		"settings": "good", "passcode": "good", "files": "not checked", "service": "fault", "instance": "good", "journal": "good", "disk": "good", "port": "good",
		"terminal": "good", "line": "good", "mgr-connection": "good", "mgr-answer": "good", "clock": "good", "notices": "not checked",
	})
	if f.Faults != 1 || !f.has("terminal", "good", "answers and is ready", "") || !f.has("port", "good", "COM5", "") || !f.has("service", "fault", "not installed", `C:\tb\config.yaml`) {
		s.t.Errorf("doctor says:\n%s", f)
	}
	s.bundle()
}

// ports compares the list of ports with what this Windows has.
func (s *wineShop) ports() {
	s.t.Helper()
	var p portsJSON
	s.parsed(&p, exitDone, "ports", "--json", "--config", `C:\tb\config.yaml`)
	var names []string
	for _, port := range p.Ports {
		names = append(names, port.Name)
		if mine := slices.Equal(port.Terminals, []string{"counter"}); mine != (port.Name == winePort) {
			s.t.Errorf("%s belongs to %q", port.Name, port.Terminals)
		}
	}
	names = slices.DeleteFunc(names, func(n string) bool { return n == "COM1" }) // the machine's, where it has one
	if !slices.Equal(names, []string{winePort, wineEchoPort, wineLongPort}) {
		s.t.Errorf("the ports are %q", names)
	}
	if len(p.Terminals) != 1 || p.Terminals[0].Port != winePort || p.Terminals[0].Problem != "" || p.Note != "" {
		s.t.Errorf("the terminals are %+v, note %q", p.Terminals, p.Note)
	}
}

// finds compares verdicts.
func (s *wineShop) finds(f found, worst string, want map[string]string) {
	s.t.Helper()
	if f.Verdict != worst {
		s.t.Errorf("the gravest verdict is %s, want %s", f.Verdict, worst)
	}
	for check, verdict := range want {
		if !f.has(check, verdict, "", "") {
			s.t.Errorf("%s is not %q:\n%s", check, verdict, f)
		}
	}
}

// bundle lets doctor write its bundle, which holds what it should, and not over what is there.
func (s *wineShop) bundle() {
	s.t.Helper()
	s.says(verbSays{`doctor --bundle C:\tb\bundle.zip` + wineSettings, exitFailed, []string{`The support bundle is C:\tb\bundle.zip`}})
	z, err := zip.OpenReader(filepath.Join(s.dir, "bundle.zip"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer z.Close()
	texts := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			s.t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			s.t.Fatal(err)
		}
		texts[f.Name] = string(b)
		if strings.Contains(texts[f.Name], passcode) {
			s.t.Errorf("%s has the passcode", f.Name)
		}
	}
	for name, want := range map[string]string{
		"CONTENTS.txt": "doctor.json", "doctor.txt": "What to do", "doctor.json": `"check": "terminal"`, "system.txt": "windows/amd64", "settings.yaml": "serial: COM5",
	} {
		if !strings.Contains(texts[name], want) {
			s.t.Errorf("%s has no %q:\n%s", name, want, texts[name])
		}
	}
	s.says(verbSays{`doctor --bundle C:\tb\bundle.zip` + wineSettings, exitUsage, []string{"it is there already"}})
}

// verbsBeside calls the verbs while a bridge runs, which they must not disturb.
func (s *wineShop) verbsBeside() {
	s.start()
	s.until("the terminal is ready", s.reached)
	s.ports()
	var f found
	s.parsed(&f, exitDone, "doctor", "--config", `C:\tb\config.yaml`, "--json")
	s.finds(f, "warning", map[string]string{
		"service": "warning", "instance": "good", "journal": "good", "notices": "good", "holds": "good", "mgr-answer": "good",
	})
	if !f.has("instance", "good", "tillbridge.exe (process", "") || !f.has("journal", "good", "It is whole", "") {
		s.t.Errorf("doctor says:\n%s", f)
	}
	first := s.done[0].id
	s.says(
		verbSays{"run" + wineSettings, osservice.ExitHeld, []string{`journal C:\tb\journal.db is in use by process`}},
		verbSays{"payments list" + wineSettings, exitDone, []string{first, "approved", "10.01 EUR"}},
		verbSays{"payments show " + first + wineSettings, exitDone, []string{"MGR asked for 10.01 EUR", "MGR has the outcome", "authorisation code"}},
	)
	var paid []bridge.Facts
	s.parsed(&paid, exitDone, "payments", "list", "--json", "--config", `C:\tb\config.yaml`)
	if len(paid) != len(s.done) {
		s.t.Errorf("%d payments are listed, %d were made", len(paid), len(s.done))
	}
	for _, p := range paid {
		i := slices.IndexFunc(s.done, func(d winePaid) bool { return d.id == p.UUID })
		if i < 0 || p.State != "reported" || (p.Outcome == "approved") != (s.done[i].captured == 1) {
			s.t.Errorf("payment %s is listed as %s, %s", p.UUID, p.State, p.Outcome)
		}
	}
	s.pay("approved", 1, terminal.Dialogue, "")
}

// line runs the test of COM ports that terminal/line has for Windows, with a port that echoes.
func (s *wineShop) line() {
	echo, err := simulate.PTY(filepath.Join(s.links, "echo"))
	if err != nil {
		s.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(echo, echo) // it ends with Close
	}()
	s.t.Cleanup(func() {
		if err := echo.Close(); err != nil {
			s.t.Error(err)
		}
		<-done
	})
	buildWindows(s.t, filepath.Join(s.dir, "line.test.exe"), "tillbridge/terminal/line", "test", "-c")
	code, out, errOut := s.w.run("env", "TILLBRIDGE_COM="+wineEchoPort, "wine", `C:\tb\line.test.exe`, "-test.v", "-test.run", "^TestCOMPort$", "-test.timeout", "3m")
	s.t.Logf("%s%s", out, errOut)
	if code != 0 || !strings.Contains(out, "--- PASS: TestCOMPort/echo_after_all") {
		s.t.Errorf("the test of COM ports: exit %d", code)
	}
}
