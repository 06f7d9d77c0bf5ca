package osservice

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

// fake is a service manager whose functions a test gives; one that it did not give fails the test.
type fake struct {
	t     *testing.T
	st    State
	calls []string
	fails map[string]error
}

func (f *fake) call(what string) error {
	f.calls = append(f.calls, what)
	return f.fails[what]
}

func (f *fake) install(context.Context, Spec) (Report, error) {
	return Report{Outcome: Done}, f.call("install")
}
func (f *fake) uninstall(context.Context) error      { return f.call("uninstall") }
func (f *fake) start(context.Context) error          { return f.call("start") }
func (f *fake) stop(context.Context) error           { return f.call("stop") }
func (f *fake) restart(context.Context) error        { return f.call("restart") }
func (f *fake) state(context.Context) (State, error) { return f.st, f.fails["state"] }

func absolute(t *testing.T, name string) string {
	t.Helper()
	p, err := filepath.Abs(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestOrders gives every order in every state.
func TestOrders(t *testing.T) {
	broken := errors.New("broken")
	orders := map[string]func(*Manager) (Outcome, error){
		"start":     func(m *Manager) (Outcome, error) { return m.Start(t.Context()) },
		"stop":      func(m *Manager) (Outcome, error) { return m.Stop(t.Context()) },
		"restart":   func(m *Manager) (Outcome, error) { return m.Restart(t.Context()) },
		"uninstall": func(m *Manager) (Outcome, error) { return m.Uninstall(t.Context()) },
	}
	running, stopped := State{Installed: true, Running: true}, State{Installed: true}
	for _, x := range []struct {
		name, order string
		st          State
		fails       map[string]error
		outcome     Outcome
		is          error
		says        string
		calls       string
	}{
		{"start", "start", stopped, nil, Done, nil, "", "start"},
		{"start again", "start", running, nil, Nothing, nil, "", ""},
		{"start nothing", "start", State{}, nil, Nothing, ErrNotInstalled, "tillbridge install", ""},
		{"start in vain", "start", stopped, map[string]error{"start": broken}, Done, broken, logHint, "start"},
		{"start a second bridge", "start", State{Installed: true, Exit: ExitHeld}, map[string]error{"start": broken}, Done, broken, "another tillbridge has the journal", "start"},
		{"start with bad settings", "start", State{Installed: true, Exit: ExitPerson}, map[string]error{"start": broken}, Done, broken, "tillbridge doctor", "start"},
		{"start without rights", "start", stopped, map[string]error{"start": ErrRights}, Done, ErrRights, rightsHint, "start"},
		{"start without a manager", "start", stopped, map[string]error{"state": broken}, Nothing, broken, "", ""},
		{"stop", "stop", running, nil, Done, nil, "", "stop"},
		{"stop again", "stop", stopped, nil, Nothing, nil, "", ""},
		{"stop one that is started over and over", "stop", State{Installed: true, Failed: true}, nil, Done, nil, "", "stop"},
		{"stop nothing", "stop", State{}, nil, Nothing, ErrNotInstalled, "", ""},
		{"restart", "restart", running, nil, Done, nil, "", "restart"},
		{"restart what is stopped", "restart", stopped, nil, Done, nil, "", "restart"},
		{"restart in vain", "restart", running, map[string]error{"restart": broken}, Done, broken, logHint, "restart"},
		{"uninstall", "uninstall", running, nil, Done, nil, "", "uninstall"},
		{"uninstall again", "uninstall", State{}, nil, Nothing, nil, "", ""},
		{"uninstall a package's", "uninstall", State{Installed: true, Packaged: true}, nil, Done, ErrPackaged, "", "uninstall"},
		{"uninstall in vain", "uninstall", running, map[string]error{"uninstall": broken}, Nothing, broken, "", "uninstall"},
	} {
		t.Run(x.name, func(t *testing.T) {
			f := &fake{t: t, st: x.st, fails: x.fails}
			outcome, err := orders[x.order](&Manager{sys: f, admin: func() error { return nil }})
			if outcome != x.outcome || !errors.Is(err, x.is) || err != nil && !strings.Contains(err.Error(), x.says) {
				t.Errorf("outcome %d, %v", outcome, err)
			}
			if calls := strings.Join(f.calls, " "); calls != x.calls {
				t.Errorf("it called %q, want %q", calls, x.calls)
			}
		})
	}
}

// Whoever has not the rights changes nothing, and is told what to do.
func TestNobodyWithoutRights(t *testing.T) {
	f := &fake{t: t, st: State{Installed: true, Running: true}}
	m := &Manager{sys: f, admin: func() error { return ErrRights }}
	_, install := m.Install(t.Context(), Spec{Program: absolute(t, "tillbridge"), Settings: absolute(t, "config.yaml")})
	_, uninstall := m.Uninstall(t.Context())
	_, start := m.Start(t.Context())
	_, stop := m.Stop(t.Context())
	_, restart := m.Restart(t.Context())
	for _, err := range []error{install, uninstall, start, stop, restart} {
		if !errors.Is(err, ErrRights) {
			t.Error(err)
		}
	}
	if len(f.calls) > 0 {
		t.Errorf("it called %q", f.calls)
	}
	if st, err := m.State(t.Context()); err != nil || !st.Running {
		t.Errorf("the state can be had by anybody: %v, %v", st, err)
	}
}

func TestInstallWantsWholePaths(t *testing.T) {
	f := &fake{t: t}
	m := &Manager{sys: f, admin: func() error { return nil }}
	good := absolute(t, "x")
	for _, s := range []Spec{{"tillbridge", good, nil}, {good, "config.yaml", nil}, {good, "", nil}, {good + "\n", good, nil}} {
		if _, err := m.Install(t.Context(), s); err == nil {
			t.Errorf("%+v was registered", s)
		}
	}
	if len(f.calls) > 0 {
		t.Errorf("it called %q", f.calls)
	}
	if r, err := m.Install(t.Context(), Spec{good, good, nil}); err != nil || r.Outcome != Done {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestStateInWords(t *testing.T) {
	for want, s := range map[string]State{
		"not installed":                                                                          {},
		"running, starts with this computer":                                                     {Installed: true, Running: true, Automatic: true},
		"stopped, does not start with this computer":                                             {Installed: true},
		"running (started again once), starts with this computer":                                {Installed: true, Running: true, Automatic: true, Restarts: 1},
		"does not come up (started again 12 times), starts with this computer":                   {Installed: true, Failed: true, Automatic: true, Restarts: 12, Exit: 1},
		"does not come up: another tillbridge has the journal, starts with this computer":        {Installed: true, Failed: true, Automatic: true, Exit: ExitHeld},
		"does not come up: settings or journal need a person, does not start with this computer": {Installed: true, Failed: true, Exit: ExitPerson},
	} {
		if got := s.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// The vector is known from every Windows: sc.exe showsid TrustedInstaller.
func TestServiceSID(t *testing.T) {
	if got, want := serviceSID("TrustedInstaller"), "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if serviceSID("tillbridge") != serviceSID("TILLBRIDGE") {
		t.Error("the case of a name counts")
	}
}
