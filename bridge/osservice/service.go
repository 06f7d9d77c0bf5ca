package osservice

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strings"
	"unicode"
)

// Name is the service's name on every system, and the name of its user where it has one of its own.
const Name = "tillbridge"

const (
	displayName = "tillbridge"
	description = "Joins MyGadgetRepairs to the card terminal on the counter."
)

// Exit codes of the hosted program by which the service managers tell what a restart cannot help. They must not be 2:
// a Go program that panics ends with that, and has to come back.
const (
	ExitHeld   = 3 // another process has the journal
	ExitPerson = 4 // the settings or the journal need a person
)

// Errors that callers tell apart.
var (
	// ErrNotInstalled says that there is no service to start, stop or remove.
	ErrNotInstalled = errors.New("the service is not installed")
	// ErrRights is wrapped where the user may not do this to services. Its text says what to do.
	ErrRights = errors.New(rightsHint)
	// ErrPackaged is wrapped by Uninstall where the service belongs to a package of the system. It was stopped and
	// does not start any more.
	ErrPackaged = errors.New("the service belongs to a package")
)

// Spec is what is registered.
type Spec struct {
	Program  string   // the absolute path of the program
	Settings string   // the absolute path of the settings file
	Writable []string // absolute paths of folders that it writes into beside its own, such as a journal's elsewhere
}

// arguments are what the service is started with.
func (s Spec) arguments() []string { return []string{"run", "--service", "--config", s.Settings} }

// check refuses what would be registered and could not run.
func (s Spec) check() error {
	for what, p := range map[string]string{"program": s.Program, "settings file": s.Settings} {
		switch {
		case !filepath.IsAbs(p):
			return fmt.Errorf("the %s needs its whole path, not %q", what, p)
		case strings.ContainsFunc(p, unicode.IsControl):
			return fmt.Errorf("the path of the %s, %q, holds a control character", what, p)
		}
	}
	return nil
}

// State is how the service stands with the system's service manager.
type State struct {
	Manager   string `json:"manager"` // "systemd", "Windows", "OpenRC", "SysV"
	Installed bool   `json:"installed"`
	Running   bool   `json:"running"`
	Failed    bool   `json:"failed"`    // it was started and does not come up
	Automatic bool   `json:"automatic"` // it starts with the computer
	Packaged  bool   `json:"packaged"`  // it belongs to a package of the system
	File      string `json:"file,omitempty"`
	PID       int    `json:"pid,omitempty"`
	Restarts  int    `json:"restarts,omitempty"`
	Exit      int    `json:"exit,omitempty"` // exit code of the last run, where the system tells
}

// String is the state in a line: "running, starts with this computer".
func (s State) String() string {
	if !s.Installed {
		return "not installed"
	}
	words := "stopped"
	switch {
	case s.Failed && s.Exit == ExitHeld:
		words = "does not come up: another tillbridge has the journal"
	case s.Failed && s.Exit == ExitPerson:
		words = "does not come up: settings or journal need a person"
	case s.Failed:
		words = "does not come up"
	case s.Running:
		words = "running"
	}
	if s.Restarts > 0 {
		words += fmt.Sprintf(" (started again %s)", times(s.Restarts))
	}
	if s.Automatic {
		return words + ", starts with this computer"
	}
	return words + ", does not start with this computer"
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// Outcome is what an action changed.
type Outcome uint8

// The outcomes.
const (
	Nothing Outcome = iota // it was so already
	Done
	Updated // it was installed otherwise before
)

// Report is what an installation did.
type Report struct {
	Outcome Outcome
	User    string   // who the service runs as
	Notes   []string // what a person should know or do, in sentences
}

// system is a service manager.
type system interface {
	install(context.Context, Spec) (Report, error)
	uninstall(context.Context) error
	start(context.Context) error
	stop(context.Context) error
	restart(context.Context) error
	state(context.Context) (State, error)
}

// Manager registers, starts and stops the service. Everything may be repeated safely.
type Manager struct {
	sys   system
	admin func() error // wraps ErrRights; nil where the system itself tells
}

// New finds the service manager of this system.
func New() (*Manager, error) {
	sys, err := thisSystem()
	if err != nil {
		return nil, err
	}
	return &Manager{sys: sys, admin: isAdmin}, nil
}

// Install registers the service so that it starts with the computer and comes back after a failure. One that is there
// is brought up to date; one that runs goes on as it is until it is restarted. It is not started.
func (m *Manager) Install(ctx context.Context, s Spec) (Report, error) {
	if err := errors.Join(s.check(), m.admin()); err != nil {
		return Report{}, err
	}
	return m.sys.install(ctx, s)
}

// Uninstall stops the service and removes it. Settings, journal and logs stay. The error wraps ErrPackaged where
// removing it is the package manager's.
func (m *Manager) Uninstall(ctx context.Context) (Outcome, error) {
	if err := m.admin(); err != nil {
		return Nothing, err
	}
	st, err := m.sys.state(ctx)
	if err != nil || !st.Installed {
		return Nothing, err
	}
	if err := m.sys.uninstall(ctx); err != nil {
		return Nothing, err
	}
	if st.Packaged {
		return Done, fmt.Errorf("%w, which removes it", ErrPackaged)
	}
	return Done, nil
}

// Start starts the service and waits until it serves, or has failed.
func (m *Manager) Start(ctx context.Context) (Outcome, error) {
	st, err := m.installed(ctx)
	if err != nil || st.Running {
		return Nothing, err
	}
	return Done, m.came(ctx, m.sys.start(ctx))
}

// Stop stops the service and waits until it has ended, which takes seconds. A payment that is under way goes on at the
// terminal, and is asked for at the next start.
func (m *Manager) Stop(ctx context.Context) (Outcome, error) {
	st, err := m.installed(ctx)
	if err != nil || !st.Running && !st.Failed {
		return Nothing, err
	}
	return Done, m.sys.stop(ctx)
}

// Restart is Stop and Start; a service that does not run is started.
func (m *Manager) Restart(ctx context.Context) (Outcome, error) {
	if _, err := m.installed(ctx); err != nil {
		return Nothing, err
	}
	return Done, m.came(ctx, m.sys.restart(ctx))
}

// State is how the service stands. It needs no special rights.
func (m *Manager) State(ctx context.Context) (State, error) { return m.sys.state(ctx) }

// installed gives the state of a service that is there, to somebody who may change it.
func (m *Manager) installed(ctx context.Context) (State, error) {
	if err := m.admin(); err != nil {
		return State{}, err
	}
	st, err := m.sys.state(ctx)
	if err == nil && !st.Installed {
		err = fmt.Errorf("%w; install it: tillbridge install", ErrNotInstalled)
	}
	return st, err
}

// came tells why a service did not come up.
func (m *Manager) came(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, ErrRights) {
		return err
	}
	why := "see what it said last: " + logHint
	if st, stateErr := m.sys.state(ctx); stateErr == nil {
		switch st.Exit {
		case ExitHeld:
			why = "another tillbridge has the journal, perhaps one that was started by hand: tillbridge status tells its process; stop that one first"
		case ExitPerson:
			why = "its settings or its journal need a person: tillbridge doctor tells what to do"
		}
	}
	return fmt.Errorf("the service did not come up (%w); %s", err, why)
}

// within tells whether a slash-separated path is a folder or below it.
func within(name, folder string) bool {
	name = path.Clean(name)
	return name == folder || strings.HasPrefix(name, folder+"/")
}
