package osservice

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// usual is what packages install.
var usual = Spec{Program: unitProgram, Settings: unitSettings, Writable: []string{unitState}}

// settings of the unit, by key, in order.
func settings(t *testing.T, unit string) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for l := range strings.Lines(unit) {
		l = strings.TrimSpace(l)
		if l == "" || l[0] == '#' || l[0] == '[' {
			continue
		}
		key, value, ok := strings.Cut(l, "=")
		if !ok {
			t.Fatalf("no setting: %q", l)
		}
		all[key] = append(all[key], value)
	}
	return all
}

// TestUnit holds what would be lost silently: systemd ignores what it does not know.
func TestUnit(t *testing.T) {
	u := settings(t, Unit)
	for key, want := range map[string]string{
		"Type": "notify", "Restart": "always", "NoNewPrivileges": "yes", "ProtectSystem": "strict", "DevicePolicy": "closed", "PrivateDevices": "no",
		"User": Name, "Group": Name, "SupplementaryGroups": unitGroup, "StateDirectory": filepath.Base(unitState), "StateDirectoryMode": "0700", "LimitCORE": "0",
		"StartLimitIntervalSec": "0", "RestartMaxDelaySec": "60s", "WantedBy": "multi-user.target", "CapabilityBoundingSet": "",
		"RestartPreventExitStatus": fmt.Sprintf("%d %d", ExitHeld, ExitPerson),
	} {
		if got := u[key]; len(got) != 1 || got[0] != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if slices.Contains(strings.Fields(u["RestartPreventExitStatus"][0]), "2") {
		t.Error("a Go program that panics exits with 2 and must come back")
	}
	for _, d := range u["DeviceAllow"] {
		if !regexp.MustCompile(`^char-\d+ rw$`).MatchString(d) {
			t.Errorf("DeviceAllow=%s: a name is looked up once, before the terminal's driver is there", d)
		}
	}
	for _, major := range []int{4, 166, 188} {
		if !slices.Contains(u["DeviceAllow"], fmt.Sprintf("char-%d rw", major)) {
			t.Errorf("serial ports of major %d are closed", major)
		}
	}
	if strings.Contains(Unit, "{{") {
		t.Error("the library takes two braces for a template")
	}
}

func TestUnitFor(t *testing.T) {
	if got, err := unitFor(usual, unitGroup); err != nil || got != Unit {
		t.Errorf("the usual one is not the packages': %v\n%s", err, got)
	}
	got, err := unitFor(Spec{"/opt/till bridge/tillbridge", "/etc/till.yaml", []string{"/var/lib/tillbridge/x", "/srv/my till"}}, "uucp")
	if err != nil {
		t.Fatal(err)
	}
	u := settings(t, got)
	for key, want := range map[string]string{
		"ExecStart":           `"/opt/till bridge/tillbridge" run --service --config /etc/till.yaml`,
		"SupplementaryGroups": "uucp", "ReadWritePaths": `"-/srv/my till"`, "StateDirectory": Name,
	} {
		if len(u[key]) != 1 || u[key][0] != want {
			t.Errorf("%s is %q, want %q", key, u[key], want)
		}
	}
	got, err = unitFor(usual, "")
	if err != nil || len(settings(t, got)["SupplementaryGroups"]) != 0 {
		t.Errorf("a group that is not there would keep it from starting: %v", err)
	}
	for _, p := range []string{"/home/ann/tillbridge", "/root/x", "/tmp/x", `/opt/a"b`, "/opt/100%", "/opt/$x", "/opt/{{x}}", "/opt/a;b", `/opt/a\b`} {
		for _, s := range []Spec{{p, unitSettings, nil}, {unitProgram, p, nil}, {unitProgram, unitSettings, []string{p}}} {
			if _, err := unitFor(s, ""); err == nil {
				t.Errorf("%+v has a unit", s)
			}
			if _, err := scriptFor(sysVScript, s); err == nil {
				t.Errorf("%+v has a script", s)
			}
		}
	}
	if _, err := unitFor(Spec{"/homes/x", unitSettings, nil}, ""); err != nil {
		t.Error(err)
	}
}

func TestScripts(t *testing.T) {
	for name, template := range map[string]string{"openrc": openRCScript, "sysv": sysVScript} {
		s, err := scriptFor(template, usual)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(s, unitProgram) || !strings.Contains(s, "run --service --config "+unitSettings+" --log "+initLog) || strings.Contains(s, "@") || strings.Contains(s, "{{") {
			t.Errorf("%s:\n%s", name, s)
		}
		sh, err := exec.LookPath("sh")
		if err != nil {
			t.Skip("there is no shell to read the scripts")
		}
		cmd := exec.Command(sh, "-n")
		cmd.Stdin = strings.NewReader(s)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v %s", name, err, out)
		}
		if _, err := scriptFor(template, Spec{"/opt/a b", unitSettings, nil}); err == nil {
			t.Errorf("%s: a path with a space is two words there", name)
		}
	}
}

// TestUnitExposure lets systemd judge how much of the computer the unit leaves open.
func TestUnitExposure(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("there is no systemd-analyze, which judges units")
	}
	out, err := exec.Command(analyze, "security", "--offline=yes", "--no-pager", "systemd/tillbridge.service").CombinedOutput()
	m := regexp.MustCompile(`Overall exposure level for tillbridge.service: ([0-9.]+)`).FindSubmatch(out)
	if m == nil {
		t.Skipf("this systemd-analyze does not judge files: %v %s", err, out)
	}
	level, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil || level > 1.5 {
		t.Errorf("exposure is %v (%v), want 1.5 at most:\n%s", level, err, out)
	}
	t.Logf("note: systemd-analyze security: %.1f", level)
}
