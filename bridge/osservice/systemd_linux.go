package osservice

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/kardianos/service"
)

const (
	unitName = Name + ".service"
	ownUnit  = "etc/systemd/system/" + unitName // from the root
	logHint  = "sudo journalctl -u tillbridge -n 50"
)

// systemd is systemd(1), by its systemctl.
type systemd struct {
	root     string // "/"
	run      runner
	accounts accounts
	library  func(Spec, service.KeyValue) (library, error)
}

func (s *systemd) own() string { return filepath.Join(s.root, ownUnit) }

func (s *systemd) install(ctx context.Context, spec Spec) (Report, error) {
	st, err := s.state(ctx)
	if err != nil {
		return Report{}, err
	}
	if st.Packaged {
		return s.adopt(ctx, spec, st)
	}
	serial := s.accounts.serialGroup()
	unit, err := unitFor(spec, serial)
	if err != nil {
		return Report{}, err
	}
	r := Report{User: Name}
	if serial == "" {
		r.Notes = append(r.Notes, "There is neither a group dialout nor uucp on this system: let the user tillbridge open the serial port.")
	}
	made, err := s.accounts.ensure(ctx, serial)
	if err != nil {
		return Report{}, err
	}
	if made {
		r.Notes = append(r.Notes, "The user tillbridge was made for it.")
	}
	if note := s.accounts.unreadable(spec.Settings); note != "" {
		r.Notes = append(r.Notes, note)
	}
	old, err := os.ReadFile(s.own())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.Outcome = Done
		return r, s.create(spec, unit)
	case err != nil:
		return r, err
	case string(old) == unit && st.Automatic:
		return r, nil
	}
	r.Outcome = Updated
	if err := replace(s.own(), unit, 0o644); err != nil {
		return r, err
	}
	return r, errors.Join(s.run.must(ctx, "systemctl", "daemon-reload"), s.run.must(ctx, "systemctl", "enable", unitName))
}

// create lets the library write a unit that is not there yet, and leaves no half of one.
func (s *systemd) create(spec Spec, unit string) error {
	l, err := s.library(spec, service.KeyValue{"SystemdScript": unit})
	if err == nil {
		err = l.Install()
	}
	if err == nil {
		return nil
	}
	if gone := os.Remove(s.own()); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return fmt.Errorf("register the service: %w", err)
}

// adopt lets a package's service start with the computer. Its unit stays as the package has it.
func (s *systemd) adopt(ctx context.Context, spec Spec, st State) (Report, error) {
	r := Report{User: Name}
	unit, err := os.ReadFile(filepath.Join(s.root, st.File))
	if err != nil {
		return r, err
	}
	if want := "ExecStart=" + strings.Join(append([]string{spec.Program}, spec.arguments()...), " "); !hasLine(string(unit), want) {
		return r, fmt.Errorf("the service belongs to a package of this system, whose unit %s starts another program or other settings. "+
			"Remove the package, or use its settings file %s, or change the unit's ExecStart by: sudo systemctl edit tillbridge", st.File, unitSettings)
	}
	if note := s.accounts.unreadable(spec.Settings); note != "" {
		r.Notes = append(r.Notes, note)
	}
	r.Notes = append(r.Notes, "The service belongs to a package of this system, which keeps it up to date.")
	if st.Automatic {
		return r, nil
	}
	r.Outcome = Updated
	return r, s.run.must(ctx, "systemctl", "enable", unitName)
}

func hasLine(text, line string) bool {
	for l := range strings.Lines(text) {
		if strings.TrimSpace(l) == line {
			return true
		}
	}
	return false
}

func (s *systemd) uninstall(ctx context.Context) error {
	if err := s.stop(ctx); err != nil {
		return err
	}
	if _, err := os.Stat(s.own()); errors.Is(err, fs.ErrNotExist) {
		return s.run.must(ctx, "systemctl", "disable", unitName)
	}
	l, err := s.library(Spec{}, nil)
	if err == nil {
		err = l.Uninstall()
	}
	if err != nil {
		return fmt.Errorf("remove the service: %w", err)
	}
	// What is left of one that failed would be shown as a service that is not there. There may be nothing left.
	_, _, _ = s.run(ctx, "systemctl", "reset-failed", unitName)
	return nil
}

func (s *systemd) start(ctx context.Context) error   { return s.systemctl(ctx, "start") }
func (s *systemd) stop(ctx context.Context) error    { return s.systemctl(ctx, "stop") }
func (s *systemd) restart(ctx context.Context) error { return s.systemctl(ctx, "restart") }

// systemctl gives an order and waits until it is carried out. The library's way would lose what systemctl says.
func (s *systemd) systemctl(ctx context.Context, order string) error {
	return s.run.must(ctx, "systemctl", order, unitName)
}

func (s *systemd) state(ctx context.Context) (State, error) {
	out, code, err := s.run(ctx, "systemctl", "show", unitName,
		"--property=LoadState,ActiveState,SubState,UnitFileState,FragmentPath,MainPID,NRestarts,ExecMainCode,ExecMainStatus")
	if err != nil {
		return State{}, fmt.Errorf("ask for the service: %w", err)
	}
	v := map[string]string{}
	for l := range strings.Lines(out) {
		if key, value, found := strings.Cut(strings.TrimSpace(l), "="); found {
			v[key] = value
		}
	}
	if code != 0 || v["LoadState"] == "" {
		return State{}, fmt.Errorf("systemctl does not tell of the service: %s", strings.Join(strings.Fields(out), " "))
	}
	st := State{
		Manager: "systemd", Installed: v["LoadState"] != "not-found", Automatic: strings.HasPrefix(v["UnitFileState"], "enabled"), File: v["FragmentPath"],
		Running: v["ActiveState"] == "active" || v["ActiveState"] == "reloading",
		Failed:  v["ActiveState"] == "failed" || v["SubState"] == "auto-restart",
	}
	st.Packaged = st.Installed && st.File != "" && st.File != "/"+ownUnit
	st.PID, _ = strconv.Atoi(v["MainPID"]) // what is missing is 0
	st.Restarts, _ = strconv.Atoi(v["NRestarts"])
	if v["ExecMainCode"] == "1" { // CLD_EXITED; else the status is a signal
		st.Exit, _ = strconv.Atoi(v["ExecMainStatus"])
	}
	return st, nil
}

// replace writes a file aside and takes the old one's place by it.
func replace(name, text string, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
