package osservice

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kardianos/service"
)

const initScript = "etc/init.d/" + Name // from the root

// initd is a system whose services are scripts in /etc/init.d.
type initd struct {
	root     string // "/"
	run      runner
	accounts accounts
	library  func(Spec, service.KeyValue) (library, error)

	manager string // "OpenRC" or "SysV"
	script  string // its template
	option  string // the library's name of that
	command string // "rc-service" or "service"
	enabled string // a pattern of the files, from the root, that make it start with the computer
}

func openRC() *initd {
	return &initd{manager: "OpenRC", script: openRCScript, option: "OpenRCScript", command: "rc-service", enabled: "etc/runlevels/*/" + Name}
}

func sysV() *initd {
	return &initd{manager: "SysV", script: sysVScript, option: "SysvScript", command: "service", enabled: "etc/rc[2-5].d/S[0-9][0-9]" + Name}
}

func (i *initd) own() string { return filepath.Join(i.root, initScript) }

func (i *initd) install(ctx context.Context, spec Spec) (Report, error) {
	r := Report{User: Name}
	script, err := scriptFor(i.script, spec)
	if err != nil {
		return r, err
	}
	serial := i.accounts.serialGroup()
	made, err := i.accounts.ensure(ctx, serial)
	if err != nil {
		return r, err
	}
	switch {
	case made:
		r.Notes = append(r.Notes, "The user tillbridge was made for it.")
	case serial != "":
		r.Notes = append(r.Notes, "The user tillbridge must be in the group "+serial+", to open serial ports.")
	}
	if note := i.accounts.unreadable(spec.Settings); note != "" {
		r.Notes = append(r.Notes, note)
	}
	if i.manager == "SysV" {
		r.Notes = append(r.Notes, "This system does not start a service again that has failed.")
	}
	old, err := os.ReadFile(i.own())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.Outcome = Done
		l, err := i.library(spec, service.KeyValue{i.option: script})
		if err == nil {
			err = l.Install()
		}
		if err != nil {
			return r, fmt.Errorf("register the service: %w", err)
		}
		return r, nil
	case err != nil || string(old) == script:
		return r, err
	}
	r.Outcome = Updated
	return r, replace(i.own(), script, 0o755)
}

func (i *initd) uninstall(ctx context.Context) error {
	if err := i.stop(ctx); err != nil {
		return err
	}
	l, err := i.library(Spec{}, nil)
	if err == nil {
		err = l.Uninstall()
	}
	if err != nil {
		return fmt.Errorf("remove the service: %w", err)
	}
	links, _ := filepath.Glob(filepath.Join(i.root, "etc/rc[0-6].d/[SK][0-9][0-9]"+Name)) // a right pattern
	for _, l := range links {
		err = errors.Join(err, os.Remove(l))
	}
	return err
}

func (i *initd) start(ctx context.Context) error { return i.run.must(ctx, i.command, Name, "start") }
func (i *initd) stop(ctx context.Context) error  { return i.run.must(ctx, i.command, Name, "stop") }

func (i *initd) restart(ctx context.Context) error {
	return i.run.must(ctx, i.command, Name, "restart")
}

func (i *initd) state(ctx context.Context) (State, error) {
	st := State{Manager: i.manager}
	if _, err := os.Stat(i.own()); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return st, err
	}
	st.Installed, st.File = true, "/"+initScript
	links, _ := filepath.Glob(filepath.Join(i.root, i.enabled)) // a right pattern
	st.Automatic = len(links) > 0
	_, code, err := i.run(ctx, i.command, Name, "status") // 0 is running, 3 stopped, others are failures
	if err != nil {
		return st, fmt.Errorf("ask for the service: %w", err)
	}
	st.Running, st.Failed = code == 0, i.manager == "OpenRC" && code == 32
	return st, nil
}
