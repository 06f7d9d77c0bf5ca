package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tillbridge/bridge/config"
	"tillbridge/bridge/daemon"
	"tillbridge/bridge/health"
	"tillbridge/bridge/journal"
	"tillbridge/bridge/osservice"
)

// playedServices is a service manager that a test plays.
type playedServices struct {
	report  osservice.Report
	outcome osservice.Outcome
	st      osservice.State
	err     error
	spec    osservice.Spec
	calls   []string
}

func (s *playedServices) order(what string) (osservice.Outcome, error) {
	s.calls = append(s.calls, what)
	return s.outcome, s.err
}

func (s *playedServices) Install(_ context.Context, spec osservice.Spec) (osservice.Report, error) {
	s.spec = spec
	_, err := s.order("install")
	return s.report, err
}

func (s *playedServices) Uninstall(context.Context) (osservice.Outcome, error) {
	return s.order("uninstall")
}

func (s *playedServices) Start(context.Context) (osservice.Outcome, error) { return s.order("start") }

func (s *playedServices) Stop(context.Context) (osservice.Outcome, error) { return s.order("stop") }

func (s *playedServices) Restart(context.Context) (osservice.Outcome, error) {
	return s.order("restart")
}
func (s *playedServices) State(context.Context) (osservice.State, error) { return s.st, nil }

// giveServices carries out a verb against played services.
func giveServices(t *testing.T, find func() (services, error), args ...string) (out string, err error) {
	t.Helper()
	var o, e bytes.Buffer
	p := &program{in: strings.NewReader(""), out: &o, err: &e, env: config.SystemEnv()}
	root := p.root()
	for _, c := range root.Commands() {
		if name := c.Name(); name == "install" || name == "uninstall" || name == "start" || name == "stop" || name == "restart" {
			root.RemoveCommand(c)
		}
	}
	root.AddCommand(p.serviceVerbs(find)...)
	root.SetArgs(args)
	err = root.ExecuteContext(t.Context())
	return o.String() + e.String(), err
}

func TestServiceVerbs(t *testing.T) {
	running := osservice.State{Installed: true, Running: true, Automatic: true}
	for _, x := range []struct {
		args    string
		s       playedServices
		said    []string
		is      error
		notSaid string
	}{
		{
			"install --config config.yaml",
			playedServices{report: osservice.Report{Outcome: osservice.Done, User: "tillbridge", Notes: []string{"The user tillbridge was made for it."}}, st: osservice.State{Installed: true, Automatic: true}},
			[]string{"The service tillbridge is installed.", "stopped, starts with this computer", "User tillbridge", "was made for it", "cannot be used yet", "Start it: " + elevated("start")},
			nil, "again",
		},
		{"install --settings config.yaml", playedServices{report: osservice.Report{Outcome: osservice.Updated}, st: running}, []string{"brought up to date", "It runs as before until: " + elevated("restart")}, nil, "Start it"},
		{"install", playedServices{st: running}, []string{"installed already, as it should be", "Service running, starts with this computer"}, nil, "until"},
		{"install", playedServices{err: osservice.ErrRights}, nil, osservice.ErrRights, "installed"},
		{"uninstall", playedServices{outcome: osservice.Done}, []string{"is removed", "stay where they are"}, nil, "Service "},
		{"uninstall", playedServices{}, []string{"is not installed"}, nil, "removed"},
		{"uninstall", playedServices{outcome: osservice.Done, err: fmt.Errorf("%w, which removes it", osservice.ErrPackaged)}, []string{"belongs to a package", "apt remove tillbridge"}, nil, "is removed"},
		{"start", playedServices{outcome: osservice.Done, st: running}, []string{"is started", "Service running"}, nil, "already"},
		{"start", playedServices{st: running}, []string{"runs already"}, nil, "is started"},
		{"start", playedServices{err: osservice.ErrNotInstalled}, nil, osservice.ErrNotInstalled, "started"},
		{"stop", playedServices{outcome: osservice.Done, st: osservice.State{Installed: true}}, []string{"is stopped", "Service stopped, does not start with this computer"}, nil, ""},
		{"stop", playedServices{st: osservice.State{Installed: true}}, []string{"does not run"}, nil, "is stopped"},
		{"restart", playedServices{outcome: osservice.Done, st: running}, []string{"started anew", "Service running"}, nil, ""},
	} {
		s := x.s
		out, err := giveServices(t, func() (services, error) { return &s, nil }, strings.Fields(x.args)...)
		if !errors.Is(err, x.is) {
			t.Errorf("%s: %v", x.args, err)
		}
		for _, want := range x.said {
			if !strings.Contains(strings.Join(strings.Fields(out), " "), want) {
				t.Errorf("%s does not say %q:\n%s", x.args, want, out)
			}
		}
		if x.notSaid != "" && strings.Contains(out, x.notSaid) {
			t.Errorf("%s says %q:\n%s", x.args, x.notSaid, out)
		}
		if len(s.calls) != 1 || s.calls[0] != strings.Fields(x.args)[0] {
			t.Errorf("%s calls %q", x.args, s.calls)
		}
		if s.calls[0] == "install" && (!filepath.IsAbs(s.spec.Program) || !filepath.IsAbs(s.spec.Settings) || len(s.spec.Writable) == 0) {
			t.Errorf("%s registers %+v", x.args, s.spec)
		}
	}
	var usage usageError
	for _, args := range []string{"start now", "stop --user", "install FILE"} {
		if _, err := giveServices(t, func() (services, error) { t.Error("it was looked for"); return nil, nil }, strings.Fields(args)...); !errors.As(err, &usage) {
			t.Errorf("%s: %v", args, err)
		}
	}
	none := errors.New("no service manager")
	if _, err := giveServices(t, func() (services, error) { return nil, none }, "start"); !errors.Is(err, none) {
		t.Error(err)
	}
}

// TestServiceSpec registers where the settings put the journal.
func TestServiceSpec(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "config.yaml")
	text := fmt.Sprintf("journal: %s/here/journal.db\ncounter_password_file: %s/there/password\nmgr: {passcode: %q}\nterminals: {}\n", filepath.ToSlash(dir), filepath.ToSlash(dir), passcode)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	spec, _, err := (&program{env: config.SystemEnv()}).serviceSpec(file)
	if err != nil || len(spec.Writable) != 2 || filepath.Base(spec.Writable[0]) != "here" || filepath.Base(spec.Writable[1]) != "there" || spec.Settings != file {
		t.Errorf("%+v, %v", spec, err)
	}
}

func TestRunExit(t *testing.T) {
	held := &journal.HeldError{Path: "journal.db", PID: 812}
	wrong := config.Errors{{Message: "wrong"}}
	for want, all := range map[int][]error{
		osservice.ExitHeld: {held, fmt.Errorf("open: %w", held), errors.Join(wrong, held)},
		osservice.ExitPerson: {
			wrong, fmt.Errorf("no payment: %w", wrong), &journal.VersionError{}, &journal.ForeignError{}, &journal.DamagedError{Err: errors.New("x")},
		},
		exitFailed: {errors.New("the port is in use"), journal.ErrFull, journal.ErrDisk},
	} {
		for _, err := range all {
			if got := runExit(err); got != want {
				t.Errorf("%v: exit %d, want %d", err, got, want)
			}
		}
	}
	if runError(nil) != nil {
		t.Error("a good end is an error")
	}
	if held := runError(held); !strings.Contains(held.Error(), "in use by process 812; stop that one first") {
		t.Errorf("the holder is not named: %v", held)
	}
}

func TestLifeLine(t *testing.T) {
	of := func(states ...health.State) (f health.Facts) {
		for _, s := range states {
			f.Terminals = append(f.Terminals, health.Terminal{State: s})
		}
		return f
	}
	for want, f := range map[string]health.Facts{
		"2 terminals ready, 1 payment on hold":                                           of(health.Ready, health.Held, health.Ready),
		"1 terminal ready, 1 payment under way, 1 payment asked for":                     of(health.Paying, health.Asking, health.Ready),
		"1 terminal not reached yet, 2 terminals not reached, 1 terminal is another one": of(health.NotReached, health.Connecting, health.NotReached, health.OtherTerminal),
		"no terminal": of(),
		"the settings are wrong, no payment is taken; the counter screen at 127.0.0.1:8474 tells why": {SettingsError: "x", Counter: "127.0.0.1:8474"},
	} {
		if got := lifeLine(f); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// doorThat listens and does something with each connection; it gives its address.
func doorThat(t *testing.T, does func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		var open []net.Conn
		for {
			c, err := l.Accept()
			if err != nil {
				break
			}
			open = append(open, c)
			does(c)
		}
		for _, c := range open {
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-ended
	})
	return l.Addr().String()
}

// TestWitness asks bridges that live, hang, are overrun, and have no way to their health.
func TestWitness(t *testing.T) {
	t.Parallel()
	answer := func(c net.Conn) {
		_, _ = c.Write([]byte("HTTP/1.0 400 Bad Request\r\n\r\n"))
		_, _ = c.Read(make([]byte, 1024)) // the question, lest closing takes the answer back
		_ = c.Close()
	}
	silent := func(net.Conn) {}
	lives, hangs := doorThat(t, answer), doorThat(t, silent)
	for _, x := range []struct {
		name, counter, door string
		way                 string // where the file beside the journal leads
		alive               bool
	}{
		{"no way to its health", lives, "", "", true},
		{"the way of an earlier bridge", lives, "", lives, true},
		{"it does not come to answer", lives, lives, hangs, false},
		{"its counter screen is overrun", hangs, lives, hangs, true},
		{"nothing answers", hangs, hangs, "", false},
		{"the counter screen alone, and it hangs", hangs, "", "", false},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "journal.db")
			if x.way != "" {
				text := fmt.Sprintf(`{"pid": 1, "address": %q, "key": %q}`, x.way, strings.Repeat("ab", 32))
				if err := os.WriteFile(health.FileName(path), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			within := time.Minute
			switch answers := x.counter == lives || x.door == lives; {
			case !answers:
				within = 200 * time.Millisecond // nothing comes
			case x.way == hangs:
				within = 5 * time.Second // one that does not come, and one that does
			}
			w := &witness{at: daemon.Addresses{Counter: x.counter, Door: x.door}, journal: path, within: within}
			if status, err := w.alive(t.Context()); (err == nil) != x.alive {
				t.Errorf("%q, %v", status, err)
			}
		})
	}
}
