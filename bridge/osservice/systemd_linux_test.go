package osservice

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kardianos/service"
)

// desk is a Linux whose service manager, users and library a test plays.
type desk struct {
	t      *testing.T
	root   string
	users  map[string]bool
	groups map[string]bool
	lacks  map[string]bool    // commands that are not there
	says   map[string]string  // what a command prints, by its first two words
	codes  map[string]int     // its code
	show   map[string]string  // systemctl show
	calls  []string           // commands
	script string             // where the library writes
	breaks error              // the library's error, once it has written half
	wrote  []service.KeyValue // what the library was given
	specs  []Spec
}

func newDesk(t *testing.T) *desk {
	d := &desk{t: t, root: t.TempDir(), users: map[string]bool{}, groups: map[string]bool{"dialout": true}, lacks: map[string]bool{}, says: map[string]string{}, codes: map[string]int{}}
	d.show = map[string]string{"LoadState": "not-found", "ActiveState": "inactive"}
	for _, dir := range []string{"etc/systemd/system", "etc/init.d", "etc/rc2.d", "etc/rc0.d", "etc/runlevels/default", "usr/lib/systemd/system"} {
		if err := os.MkdirAll(filepath.Join(d.root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	d.script = filepath.Join(d.root, ownUnit)
	return d
}

func (d *desk) run(_ context.Context, name string, args ...string) (string, int, error) {
	line := strings.Join(append([]string{name}, args...), " ")
	if d.lacks[name] {
		return "", -1, fmt.Errorf("%s: %w", name, exec.ErrNotFound)
	}
	if strings.HasPrefix(line, "systemctl show") {
		var b strings.Builder
		for k, v := range d.show {
			fmt.Fprintf(&b, "%s=%s\n", k, v)
		}
		return b.String(), 0, nil
	}
	d.calls = append(d.calls, line)
	switch name {
	case "useradd", "adduser":
		d.users[Name] = d.codes[name] == 0
	case "systemctl":
		if args[0] == "enable" {
			d.show["UnitFileState"] = "enabled"
		}
	}
	key := name
	if len(args) > 0 && d.codes[name] == 0 {
		key = name + " " + args[len(args)-1]
		if _, ok := d.codes[key]; !ok {
			key = name + " " + args[0]
		}
	}
	return d.says[key], d.codes[key], nil
}

func (d *desk) accounts() accounts {
	return accounts{
		run: d.run,
		user: func(name string) (*user.User, error) {
			if d.users[name] {
				return &user.User{Uid: "64123", Gid: "64123", Username: name}, nil
			}
			return nil, user.UnknownUserError(name)
		},
		group: func(name string) (*user.Group, error) {
			if d.groups[name] {
				return &user.Group{Name: name}, nil
			}
			return nil, user.UnknownGroupError(name)
		},
	}
}

// playedLibrary writes and removes the script as the library does.
type playedLibrary struct {
	*desk
	text string
}

func (d *desk) library(s Spec, o service.KeyValue) (library, error) {
	d.specs, d.wrote = append(d.specs, s), append(d.wrote, o)
	text := ""
	for _, v := range o {
		text, _ = v.(string)
	}
	return playedLibrary{d, text}, nil
}

func (l playedLibrary) Install() error {
	if _, err := os.Stat(l.script); err == nil {
		return errors.New("Init already exists")
	}
	if err := os.WriteFile(l.script, []byte(l.text), 0o644); err != nil {
		return err
	}
	if l.breaks == nil {
		l.show["LoadState"], l.show["UnitFileState"], l.show["FragmentPath"] = "loaded", "enabled", "/"+ownUnit
	}
	return l.breaks
}

func (l playedLibrary) Uninstall() error {
	l.show["LoadState"] = "not-found"
	return os.Remove(l.script)
}

func (l playedLibrary) unwanted() error {
	l.t.Error("the library's order loses what the system says")
	return nil
}

func (l playedLibrary) Start() error   { return l.unwanted() }
func (l playedLibrary) Stop() error    { return l.unwanted() }
func (l playedLibrary) Restart() error { return l.unwanted() }

func (d *desk) systemd() *Manager {
	return &Manager{sys: &systemd{root: d.root, run: d.run, accounts: d.accounts(), library: d.library}, admin: func() error { return nil }}
}

func (d *desk) read(name string) string {
	d.t.Helper()
	b, err := os.ReadFile(filepath.Join(d.root, name))
	if err != nil {
		d.t.Fatal(err)
	}
	return string(b)
}

func (d *desk) called(want ...string) {
	d.t.Helper()
	if got := strings.Join(d.calls, "\n"); got != strings.Join(want, "\n") {
		d.t.Errorf("it ran\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	d.calls = nil
}

func TestSystemdInstall(t *testing.T) {
	d := newDesk(t)
	m := d.systemd()
	r, err := m.Install(t.Context(), usual)
	if err != nil || r.Outcome != Done || r.User != Name || !strings.Contains(strings.Join(r.Notes, " "), "was made") {
		t.Fatalf("%+v, %v", r, err)
	}
	if d.read(ownUnit) != Unit {
		t.Error("the unit is another than the packages'")
	}
	d.called("useradd --system --user-group --home-dir /var/lib/tillbridge --no-create-home --shell /usr/sbin/nologin --comment tillbridge service --groups dialout tillbridge")

	if r, err = m.Install(t.Context(), usual); err != nil || r.Outcome != Nothing || len(d.wrote) != 1 {
		t.Errorf("again: %+v, %v", r, err)
	}
	d.called()

	other := usual
	other.Settings = "/etc/other.yaml"
	if r, err = m.Install(t.Context(), other); err != nil || r.Outcome != Updated || len(d.wrote) != 1 {
		t.Errorf("with other settings: %+v, %v", r, err)
	}
	d.called("systemctl daemon-reload", "systemctl enable tillbridge.service")
	if !strings.Contains(d.read(ownUnit), "--config /etc/other.yaml\n") {
		t.Error("the settings are the old ones")
	}
	if info, err := os.Stat(filepath.Join(d.root, ownUnit)); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("%v %v", info, err)
	}

	d.show["UnitFileState"] = "disabled"
	if r, err = m.Install(t.Context(), other); err != nil || r.Outcome != Updated {
		t.Errorf("one that does not start with the computer: %+v, %v", r, err)
	}
	d.called("systemctl daemon-reload", "systemctl enable tillbridge.service")

	d.show["ActiveState"] = "active"
	if o, err := m.Uninstall(t.Context()); err != nil || o != Done {
		t.Error(o, err)
	}
	d.called("systemctl stop tillbridge.service", "systemctl reset-failed tillbridge.service")
	if o, err := m.Uninstall(t.Context()); err != nil || o != Nothing {
		t.Error(o, err)
	}
	d.called()
}

func TestSystemdInstallFails(t *testing.T) {
	for name, x := range map[string]struct {
		spoil func(*desk)
		spec  Spec
		says  string
	}{
		"the library":       {func(d *desk) { d.breaks = errors.New("systemctl broke") }, usual, "register the service: systemctl broke"},
		"the user":          {func(d *desk) { d.codes["useradd"], d.says["useradd"] = 1, "cannot lock\n /etc/passwd" }, usual, "cannot lock /etc/passwd; make it by hand"},
		"no way to users":   {func(d *desk) { d.lacks["useradd"], d.lacks["addgroup"] = true, true }, usual, "make it by hand"},
		"a hidden program":  {func(*desk) {}, Spec{Program: "/home/ann/tillbridge", Settings: unitSettings}, "/usr/local/bin"},
		"no answer of it":   {func(d *desk) { d.show = map[string]string{} }, usual, "does not tell"},
		"a script in place": {func(d *desk) { _ = os.Mkdir(d.script, 0o755) }, usual, "is a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			x.spoil(d)
			if _, err := d.systemd().Install(t.Context(), x.spec); err == nil || !strings.Contains(err.Error(), x.says) {
				t.Errorf("%v, want %q", err, x.says)
			}
			if b, err := os.ReadFile(d.script); err == nil {
				t.Errorf("half a service is left: %s", b)
			}
		})
	}
}

// TestSystemdPackaged takes over a package's unit, and writes none beside it.
func TestSystemdPackaged(t *testing.T) {
	d := newDesk(t)
	const file = "/usr/lib/systemd/system/tillbridge.service"
	if err := os.WriteFile(filepath.Join(d.root, file), []byte(Unit), 0o644); err != nil {
		t.Fatal(err)
	}
	d.show = map[string]string{"LoadState": "loaded", "FragmentPath": file, "UnitFileState": "disabled"}
	d.users[Name] = true
	m := d.systemd()
	r, err := m.Install(t.Context(), usual)
	if err != nil || r.Outcome != Updated || !strings.Contains(strings.Join(r.Notes, " "), "package") {
		t.Errorf("%+v, %v", r, err)
	}
	d.called("systemctl enable tillbridge.service")
	if r, err = m.Install(t.Context(), usual); err != nil || r.Outcome != Nothing {
		t.Errorf("again: %+v, %v", r, err)
	}
	if _, err := m.Install(t.Context(), Spec{Program: unitProgram, Settings: "/etc/other.yaml"}); err == nil || !strings.Contains(err.Error(), "systemctl edit") {
		t.Errorf("other settings: %v", err)
	}
	d.called()
	if o, err := m.Uninstall(t.Context()); o != Done || !errors.Is(err, ErrPackaged) {
		t.Error(o, err)
	}
	d.called("systemctl stop tillbridge.service", "systemctl disable tillbridge.service")
	if _, err := os.Stat(d.script); !errors.Is(err, fs.ErrNotExist) || len(d.wrote) > 0 {
		t.Errorf("a unit was written beside the package's: %v", err)
	}
}

func TestSystemdState(t *testing.T) {
	for want, show := range map[string]map[string]string{
		"not installed":                                                                   {"LoadState": "not-found"},
		"running, starts with this computer":                                              {"LoadState": "loaded", "ActiveState": "active", "SubState": "running", "UnitFileState": "enabled", "MainPID": "7"},
		"stopped, does not start with this computer":                                      {"LoadState": "loaded", "ActiveState": "inactive", "UnitFileState": "disabled"},
		"does not come up (started again 3 times), starts with this computer":             {"LoadState": "loaded", "ActiveState": "activating", "SubState": "auto-restart", "UnitFileState": "enabled", "NRestarts": "3", "ExecMainCode": "1", "ExecMainStatus": "1"},
		"does not come up: another tillbridge has the journal, starts with this computer": {"LoadState": "loaded", "ActiveState": "failed", "UnitFileState": "enabled", "ExecMainCode": "1", "ExecMainStatus": "3"},
		"does not come up, starts with this computer":                                     {"LoadState": "loaded", "ActiveState": "failed", "UnitFileState": "enabled", "ExecMainCode": "2", "ExecMainStatus": "3"},
	} {
		d := newDesk(t)
		d.show = show
		st, err := d.systemd().State(t.Context())
		if err != nil || st.String() != want || st.Manager != "systemd" {
			t.Errorf("%v: %q, %v, want %q", show, st, err, want)
		}
	}
}

// An order that systemd refuses is told with its own words.
func TestSystemdRefuses(t *testing.T) {
	d := newDesk(t)
	d.show = map[string]string{"LoadState": "loaded", "ActiveState": "failed", "ExecMainCode": "1", "ExecMainStatus": "3"}
	d.codes["systemctl start"], d.says["systemctl start"] = 1, "Job failed.\nSee it."
	_, err := d.systemd().Start(t.Context())
	if err == nil || !strings.Contains(err.Error(), "Job failed. See it.") || !strings.Contains(err.Error(), "another tillbridge") {
		t.Error(err)
	}
}

func TestAccountOnBusybox(t *testing.T) {
	d := newDesk(t)
	d.lacks["useradd"] = true
	if made, err := d.accounts().ensure(t.Context(), "dialout"); !made || err != nil {
		t.Error(made, err)
	}
	d.called("addgroup -S tillbridge", "adduser -S -D -H -h /var/lib/tillbridge -s /sbin/nologin -G tillbridge tillbridge", "addgroup tillbridge dialout")
	if made, err := d.accounts().ensure(t.Context(), "dialout"); made || err != nil {
		t.Error("made again", made, err)
	}
	d.called()
	d.groups = map[string]bool{"uucp": true}
	if g := d.accounts().serialGroup(); g != "uucp" {
		t.Error(g)
	}
	d.groups = nil
	if g := d.accounts().serialGroup(); g != "" {
		t.Error(g)
	}
}

func TestUnreadableSettings(t *testing.T) {
	d := newDesk(t)
	dir := filepath.Join(t.TempDir(), "tillbridge")
	file := filepath.Join(dir, "config.yaml")
	if err := errors.Join(os.Mkdir(dir, 0o755), os.WriteFile(file, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	for up := filepath.Dir(dir); up != os.TempDir() && len(up) > 1; up = filepath.Dir(up) {
		if err := os.Chmod(up, 0o755); err != nil {
			t.Skip("the folder of the test cannot be opened to others: ", err)
		}
	}
	a := d.accounts()
	if says := a.unreadable(file); says != "" {
		t.Errorf("without the user nothing can be told: %s", says)
	}
	d.users[Name] = true
	for _, x := range []struct {
		dir, file fs.FileMode
		says      string
	}{
		{0o755, 0o600, "chmod 640"}, {0o755, 0o640, "chmod 640"}, {0o755, 0o644, ""}, {0o700, 0o644, "cannot enter"},
	} {
		if err := errors.Join(os.Chmod(dir, x.dir), os.Chmod(file, x.file)); err != nil {
			t.Fatal(err)
		}
		if says := a.unreadable(file); (says == "") != (x.says == "") || !strings.Contains(says, x.says) {
			t.Errorf("%o/%o: %q, want %q", x.dir, x.file, says, x.says)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Error(err)
	}
	if says := a.unreadable(filepath.Join(dir, "none.yaml")); says != "" {
		t.Errorf("a missing file is the program's to tell: %s", says)
	}
}

// TestInitd installs on systems without systemd.
func TestInitd(t *testing.T) {
	for _, i := range []*initd{openRC(), sysV()} {
		t.Run(i.manager, func(t *testing.T) {
			d := newDesk(t)
			d.script = filepath.Join(d.root, initScript)
			i.root, i.run, i.accounts, i.library = d.root, d.run, d.accounts(), d.library
			m := &Manager{sys: i, admin: func() error { return nil }}
			if st, err := m.State(t.Context()); err != nil || st.Installed || st.Manager != i.manager {
				t.Errorf("%+v, %v", st, err)
			}
			r, err := m.Install(t.Context(), usual)
			if err != nil || r.Outcome != Done {
				t.Fatalf("%+v, %v", r, err)
			}
			want, err := scriptFor(i.script, usual)
			if err != nil || d.read(initScript) != want || d.wrote[0][i.option] != want {
				t.Errorf("%v: %s", err, d.read(initScript))
			}
			if r, err = m.Install(t.Context(), usual); err != nil || r.Outcome != Nothing {
				t.Errorf("again: %+v, %v", r, err)
			}
			if r, err = m.Install(t.Context(), Spec{Program: "/usr/local/bin/tillbridge", Settings: unitSettings}); err != nil || r.Outcome != Updated || !strings.Contains(d.read(initScript), "/usr/local/bin/tillbridge") {
				t.Errorf("another program: %+v, %v", r, err)
			}
			links := []string{"etc/rc2.d/S50tillbridge", "etc/rc0.d/K02tillbridge", "etc/runlevels/default/tillbridge"}
			for _, l := range links {
				if err := os.Symlink("/"+initScript, filepath.Join(d.root, l)); err != nil {
					t.Fatal(err)
				}
			}
			st, err := m.State(t.Context())
			if err != nil || !st.Installed || !st.Running || !st.Automatic {
				t.Errorf("%+v, %v", st, err)
			}
			d.codes[i.command+" status"] = 3
			d.calls = nil
			if o, err := m.Start(t.Context()); err != nil || o != Done {
				t.Error(o, err)
			}
			d.called(i.command+" tillbridge status", i.command+" tillbridge start")
			if o, err := m.Uninstall(t.Context()); err != nil || o != Done {
				t.Error(o, err)
			}
			for _, name := range append(links[:2], initScript) {
				if _, err := os.Lstat(filepath.Join(d.root, name)); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%s is left: %v", name, err)
				}
			}
		})
	}
}

func TestRunCommand(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("there is no shell to run")
	}
	if out, code, err := runCommand(t.Context(), "sh", "-c", "echo said; echo more >&2; exit 3"); !strings.Contains(out, "said") || !strings.Contains(out, "more") || code != 3 || err != nil {
		t.Errorf("%q %d %v", out, code, err)
	}
	if _, _, err := runCommand(t.Context(), "no-such-command-at-all"); !errors.Is(err, exec.ErrNotFound) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := runner(runCommand).must(ctx, "sh", "-c", "exit 0"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
