package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"tillbridge/bridge/journal"
	"tillbridge/bridge/standin"
	"tillbridge/terminal"
)

// Where the installer puts things.
const (
	installedProgram = `C:\Program Files\Tillbridge\tillbridge.exe`
	serviceKey       = `HKLM\System\CurrentControlSet\Services\tillbridge`
	eventKey         = `HKLM\System\CurrentControlSet\Services\EventLog\Application\tillbridge`
	policiesKey      = `HKLM\SOFTWARE\Policies`
	optionsKey       = `HKLM\SOFTWARE\tillbridge`
	refused          = 1603 & 0xff // of ERROR_INSTALL_FAILURE Linux has the last byte
)

// installShop is a shop whose bridge is put on a Windows by the installer, and runs as its service.
type installShop struct {
	*wineShop
	first, next string // the installers, as Windows names them
	served      int    // how often the service has begun to serve
}

// TestInstaller builds the Windows installers and installs, upgrades and removes one under Wine, with payments in between. MGR's
// ledger, the journal and the terminal's ledger must agree.
//
// It needs TILLBRIDGE_WINE, the folder with Wine's Linux that .ci/wine makes, root, wixl, msitools, osslsigncode and openssl.
func TestInstaller(t *testing.T) {
	folder := os.Getenv("TILLBRIDGE_WINE")
	if folder == "" {
		t.Skip("skipped: TILLBRIDGE_WINE does not name the folder of Wine's Linux; .ci/wine makes one and runs this test")
	}
	began := time.Now()
	b := buildInstallers(t)
	t.Logf("note: installer: built twice from two folders, with another umask and time zone, bit-identical before signing; %.0f s in all", time.Since(began).Seconds())
	t.Run("numbers", b.numbers)
	t.Run("tables", b.tables)
	t.Run("signature", b.signature)
	began = time.Now()
	s := openInstallShop(t, folder, b)
	for _, part := range []struct {
		name string
		run  func()
	}{
		{"without properties", s.plain},
		{"with properties", s.asked},
		{"service", s.service},
		{"upgrade", s.upgrade},
		{"downgrade", s.downgrade},
		{"uninstall", s.remove},
		{"again", s.again},
	} {
		t.Run(part.name, func(t *testing.T) {
			defer func(whole testing.TB) { s.t, s.w.t = whole, whole }(s.t)
			s.t, s.w.t = t, t
			part.run()
		})
		if t.Failed() {
			return // what follows stands on it
		}
	}
	t.Logf("note: installer: %d payments by the service under Wine, before and after an upgrade; %.0f s", len(s.done), time.Since(began).Seconds())
}

func openInstallShop(t *testing.T, folder string, b *installers) *installShop {
	t.Helper()
	links := t.TempDir()
	tty := filepath.Join(links, "tty")
	w := openWine(t, folder, map[string]string{winePort: tty})
	s := &installShop{
		wineShop: &wineShop{rig: &rig{t: t, dir: w.c("ProgramData", "Tillbridge")}, w: w, links: links},
		first:    windowsPath(b.first), next: windowsPath(b.next),
	}
	s.notify = httptest.NewServer(http.HandlerFunc(s.answer))
	t.Cleanup(s.notify.Close)
	s.plugIn(tty)
	s.settings = fmt.Sprintf(`
listen: 127.0.0.1:0
counter: 127.0.0.1:0
mgr:
  passcode_file: passcode
  notify_url: %s/notify
terminals:
  counter:
    driver: zvt
    port: {serial: %s}
    currency: EUR
`, s.notify.URL, winePort)
	if err := os.WriteFile(filepath.Join(links, "shop.yaml"), []byte(s.settings), 0o600); err != nil {
		t.Fatal(err)
	}
	// Windows starts no service while it starts its own.
	s.until("Windows has started its services", func() bool {
		_, out, errOut := w.run("wine", "net", "start", "winebus")
		return strings.Contains(out+errOut, "already")
	})
	return s
}

// windowsPath is a path of this machine as the Windows names it.
func windowsPath(path string) string { return "Z:" + strings.ReplaceAll(path, "/", `\`) }

// msiexec runs Windows Installer. What it prints goes into a file, which the programs that it starts may keep open.
func (s *installShop) msiexec(want int, args ...string) {
	s.t.Helper()
	said, err := os.CreateTemp(s.t.TempDir(), "said")
	if err != nil {
		s.t.Fatal(err)
	}
	defer said.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	began := time.Now()
	cmd := s.w.command(ctx, append(append([]string{"wine", "msiexec"}, args...), "/qn")...)
	cmd.Stdout, cmd.Stderr = said, said
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || cmd.ProcessState.ExitCode() != want {
		text, _ := os.ReadFile(said.Name()) // it helps where it can be read
		s.t.Fatalf("msiexec %q: %v, want exit %d\n%s", args, err, want, text)
	}
	s.t.Logf("note: installer: msiexec %s took %.1f s", args[0], time.Since(began).Seconds())
}

// installed carries out a command line of the installed program.
func (s *installShop) installed(want int, args ...string) string {
	s.t.Helper()
	code, out, errOut := s.w.run(append([]string{"wine", installedProgram}, args...)...)
	if code != want {
		s.t.Errorf("tillbridge %s: exit %d, want %d\n%s%s", strings.Join(args, " "), code, want, out, errOut)
	}
	return strings.Join(strings.Fields(out+errOut), " ")
}

// registry is what is below a key, or nothing where it is not there.
func (s *installShop) registry(key string) string {
	s.t.Helper()
	code, out, _ := s.w.run("wine", "reg", "query", key, "/s")
	if code != 0 {
		return ""
	}
	return strings.Join(strings.Fields(out), " ")
}

// has looks for values below a key; with none, that the key is not there.
func (s *installShop) has(key string, values ...string) {
	s.t.Helper()
	got := s.registry(key)
	if len(values) == 0 && got != "" {
		s.t.Errorf("%s is there: %s", key, got)
	}
	for _, want := range values {
		if !strings.Contains(got+" ", want+" ") {
			s.t.Errorf("%s has no %q:\n%s", key, want, got)
		}
	}
}

// read gives a file of the data folder.
func (s *installShop) read(name string) string {
	s.t.Helper()
	b, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(b)
}

// files are the names of files of the program on drive C:, beside its data.
func (s *installShop) files() (names []string) {
	s.t.Helper()
	err := filepath.WalkDir(s.w.c(), func(path string, _ os.DirEntry, err error) error {
		if path == s.dir {
			return filepath.SkipDir
		}
		if name := filepath.Base(path); strings.Contains(strings.ToLower(path), "tillbridge") && filepath.Ext(name) != "" {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return names
}

// registered looks at all that an installation leaves in the registry, whatever was asked for.
func (s *installShop) registered() {
	s.t.Helper()
	s.has(serviceKey, `ImagePath REG_SZ "`+installedProgram+`" run --service --config C:\ProgramData\Tillbridge\config.yaml`,
		`ObjectName REG_SZ NT SERVICE\tillbridge`, "Start REG_DWORD 0x2", "DelayedAutoStart REG_DWORD 0x1", "Type REG_DWORD 0x10")
	s.has(eventKey, `EventMessageFile REG_EXPAND_SZ %SystemRoot%\System32\EventCreate.exe`, "TypesSupported REG_DWORD 0x7", "CustomSource REG_DWORD 0x1")
}

func (s *installShop) policies() {
	s.t.Helper()
	const list, origin = `LocalNetworkAccessAllowedForUrls 8473 REG_SZ `, "https://www.mygadgetrepairs.com"
	s.has(policiesKey, `Google\Chrome\`+list+origin, `Microsoft\Edge\`+list+origin, `LocalNetworkAccess\SkipDomains 1 REG_SZ www.mygadgetrepairs.com`, "Enabled REG_DWORD 0x1")
}

var madePasscode = regexp.MustCompile(`^[A-Z2-7]{26}\n$`)

// plain installs without a property and removes that again: fresh settings that name no terminal, a passcode, no policy.
func (s *installShop) plain() {
	s.msiexec(0, "/i", s.first)
	s.registered()
	s.has(policiesKey)
	s.has(optionsKey)
	example, err := os.ReadFile(s.w.c("Program Files", "Tillbridge", "config.example.yaml"))
	settings := s.read("config.yaml")
	if err != nil || settings != string(example) || !strings.Contains(settings, "\r\n  passcode_file: C:\\ProgramData\\Tillbridge\\passcode\r\n") {
		s.t.Errorf("the fresh settings are not the example's: %v\n%s", err, settings)
	}
	if !madePasscode.MatchString(s.read("passcode")) {
		s.t.Error("no passcode of 26 characters was made")
	}
	if said := s.installed(exitFailed, "check"); !strings.Contains(said, "name at least one terminal") || !strings.Contains(said, "1 mistake") {
		s.t.Errorf("check says of the fresh settings: %s", said)
	}
	found := strings.Join(s.files(), " ")
	for _, want := range []string{"tillbridge.exe", "third-party-licences.txt", "bom.cdx.json", "tillbridge counter.url", "tillbridge doctor.lnk"} {
		if !strings.Contains(found, want) {
			s.t.Errorf("%s is not there: %s", want, found)
		}
	}
	s.shortcuts()
	kept := s.read("config.yaml") + s.read("passcode")
	// It may not have come up: the ports of fresh settings may be in use on this machine.
	_, _, _ = s.w.run("wine", "net", "stop", "tillbridge")
	s.until("its process has ended", func() bool { return !s.runs() })
	s.msiexec(0, "/x", s.first)
	s.gone()
	if s.read("config.yaml")+s.read("passcode") != kept {
		s.t.Error("uninstalling changed settings or passcode")
	}
	if err := os.RemoveAll(s.dir); err != nil {
		s.t.Fatal(err)
	}
}

// shortcuts looks into the entries of the start menu.
func (s *installShop) shortcuts() {
	s.t.Helper()
	for name, want := range map[string]string{"tillbridge counter.url": "URL=http://127.0.0.1:8474/\r\n", "tillbridge doctor.lnk": `/k ""` + installedProgram + `" doctor"`} {
		found, err := filepath.Glob(s.w.c("users", "*", "AppData", "Roaming", "Microsoft", "Windows", "Start Menu", "Programs", name))
		if err != nil || len(found) != 1 {
			s.t.Errorf("%s is in %q of the start menu, %v", name, found, err)
			continue
		}
		b, err := os.ReadFile(found[0])
		if text := string(bytes.ReplaceAll(b, []byte{0}, nil)); err != nil || !strings.Contains(text, want) { // a link has 16 bits a character
			s.t.Errorf("%s does not lead to %q: %v", name, want, err)
		}
	}
}

// runs tells whether a process of the installed program is there.
func (s *installShop) runs() bool {
	s.t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		s.t.Fatal(err)
	}
	for _, name := range all {
		line, _ := os.ReadFile(name) // it may end meanwhile
		surroundings, _ := os.ReadFile(filepath.Join(filepath.Dir(name), "environ"))
		if bytes.HasPrefix(line, []byte(installedProgram)) && bytes.Contains(surroundings, []byte("WINEPREFIX="+s.w.prefix+"\x00")) {
			return true
		}
	}
	return false
}

// gone tells whether an uninstallation left something beside the data folder.
func (s *installShop) gone() {
	s.t.Helper()
	for _, key := range []string{serviceKey, eventKey, policiesKey, optionsKey} {
		s.has(key)
	}
	if left := s.files(); len(left) > 0 || s.runs() {
		s.t.Errorf("uninstalling leaves %q; the program runs: %v", left, s.runs())
	}
}

// asked installs with all properties: the settings of the shop, with a passcode that is made, and both options.
func (s *installShop) asked() {
	s.msiexec(0, "/i", s.first, "SETTINGS="+windowsPath(filepath.Join(s.links, "shop.yaml")), "BROWSERPOLICY=1", "FIREWALL=1")
	s.registered()
	s.policies()
	s.has(optionsKey, "BrowserPolicy REG_DWORD 0x1", "Firewall REG_DWORD 0x1")
	if s.read("config.yaml") != s.settings {
		s.t.Errorf("the settings are not those of SETTINGS:\n%s", s.read("config.yaml"))
	}
	made := s.read("passcode")
	if !madePasscode.MatchString(made) {
		s.t.Fatal("no passcode of 26 characters was made")
	}
	s.mgr = standin.New(standin.Options{Passcode: strings.TrimSpace(made)})
	s.t.Cleanup(s.mgr.Close)
	s.serves()
	s.pay("approved", 1, terminal.Dialogue, "")
	s.pay("declined", 0, terminal.Refused, "")
}

var readyLine = regexp.MustCompile(`msg=ready door=(\S+)`)

// serves waits until the service has begun to serve once more than before, as its log tells.
func (s *installShop) serves() {
	s.t.Helper()
	s.served++
	s.until("the service serves", func() bool {
		log, err := os.ReadFile(filepath.Join(s.dir, "logs", "tillbridge.log"))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			s.t.Fatal(err)
		}
		all := readyLine.FindAllStringSubmatch(string(log), -1)
		if len(all) < s.served {
			return false
		}
		s.door = "http://" + all[len(all)-1][1] + "/mgr/counter"
		return true
	})
	s.state("RUNNING")
}

// state waits until Windows has the service in a state.
func (s *installShop) state(want string) {
	s.t.Helper()
	s.until("the service is "+want, func() bool {
		_, out, _ := s.w.run("wine", "sc", "query", "tillbridge")
		return strings.Contains(out, " "+want)
	})
}

// service stops and starts it, by Windows' own means and by the program's.
func (s *installShop) service() {
	s.w.must("wine", "net", "stop", "tillbridge")
	s.state("STOPPED")
	s.w.must("wine", "net", "start", "tillbridge")
	s.serves()
	if said := s.installed(exitDone, "stop"); !strings.Contains(said, "The service is stopped") {
		s.t.Errorf("stop says: %s", said)
	}
	s.state("STOPPED")
	if said := s.installed(exitDone, "start"); !strings.Contains(said, "The service is started") {
		s.t.Errorf("start says: %s", said)
	}
	s.serves()
	s.pay("approved", 1, terminal.Dialogue, "")
	if said := s.installed(exitDone, "status"); !strings.Contains(said, "Service running, starts with this computer") {
		s.t.Errorf("status says: %s", said)
	}
}

// lists looks for every payment in what the installed program lists.
func (s *installShop) lists() {
	s.t.Helper()
	said := s.installed(exitDone, "payments", "list")
	for _, p := range s.done {
		if !strings.Contains(said, p.id) {
			s.t.Errorf("payment %s is not listed: %s", p.id, said)
		}
	}
}

// upgrade brings the next version while the service runs. What was asked for stays but for the firewall, which is no longer wanted.
func (s *installShop) upgrade() {
	kept := s.read("config.yaml") + s.read("passcode") + s.read("counter-password")
	s.msiexec(0, "/i", s.next, "FIREWALL=0")
	s.serves()
	s.registered()
	s.policies()
	s.has(optionsKey, "BrowserPolicy REG_DWORD 0x1")
	if got := s.registry(optionsKey); strings.Contains(got, "Firewall") {
		s.t.Errorf("the firewall is still open: %s", got)
	}
	if s.read("config.yaml")+s.read("passcode")+s.read("counter-password") != kept {
		s.t.Error("the upgrade changed settings, passcode or the counter screen's password")
	}
	if said := s.installed(exitDone, "version"); !strings.HasPrefix(said, "tillbridge 99.0 ") {
		s.t.Errorf("after the upgrade: %s", said)
	}
	if _, out, errOut := s.w.run("wine", "uninstaller", "--list"); strings.Count(out+errOut, "|tillbridge") != 1 {
		s.t.Errorf("installed are: %s%s", out, errOut)
	}
	s.lists()
	s.pay("approved", 1, terminal.Dialogue, "")
}

// downgrade is refused and touches nothing.
func (s *installShop) downgrade() {
	s.msiexec(refused, "/i", s.first)
	if said := s.installed(exitDone, "version"); !strings.HasPrefix(said, "tillbridge 99.0 ") {
		s.t.Errorf("after a refused downgrade: %s", said)
	}
	s.state("RUNNING")
	s.pay("approved", 1, terminal.Dialogue, "")
}

// remove uninstalls while the service runs. The journal stays, and is whole.
func (s *installShop) remove() {
	kept := s.read("config.yaml") + s.read("passcode") + s.read("counter-password")
	s.msiexec(0, "/x", s.next)
	s.gone()
	if s.read("config.yaml")+s.read("passcode")+s.read("counter-password") != kept {
		s.t.Error("uninstalling changed settings, passcode or the counter screen's password")
	}
	s.whole()
}

// whole compares the ledgers, of all payments, while no bridge runs.
func (s *installShop) whole() {
	s.t.Helper()
	j, err := journal.Open(context.Background(), filepath.Join(s.dir, "journal.db"), journal.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	problems, err := j.Verify(context.Background())
	if err = errors.Join(err, j.Close()); err != nil || len(problems) > 0 {
		s.t.Errorf("the journal is not whole: %v %v", problems, err)
	}
	for _, p := range s.done {
		s.agree(p.id, p.captured)
	}
}

// again installs where an earlier installation has left its data.
func (s *installShop) again() {
	s.msiexec(0, "/i", s.next, "SETTINGS="+windowsPath(filepath.Join(s.links, "none.yaml")))
	s.serves()
	s.has(policiesKey)
	s.lists()
	s.pay("approved", 1, terminal.Dialogue, "")
	s.installed(exitDone, "stop")
	s.whole()
}

// bash runs a command of a folder, with more of an environment.
func bash(t testing.TB, folder, command string, env ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", command)
	cmd.Dir, cmd.Env = folder, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return string(out)
}
