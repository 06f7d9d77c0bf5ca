package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// installers are those that packaging/windows/build makes.
type installers struct {
	source  string // a copy of the source
	work    string
	version string
	first   string // for amd64, of this commit, not signed
	arm     string // the same for arm64
	next    string // for amd64, of version 99.0, signed
	program string // what next was made of
}

// buildInstallers builds this commit's twice and compares them, and the next version's, which it has signed.
func buildInstallers(t *testing.T) *installers {
	t.Helper()
	work := t.TempDir()
	b := &installers{source: filepath.Join(work, "elsewhere"), work: work}
	// Others may work in this folder meanwhile.
	bash(t, "../..", `mkdir "$WORK/copy" && tar c --exclude=./dist . | tar x -C "$WORK/copy"`, "WORK="+work)
	bash(t, filepath.Join(work, "copy"), `bash packaging/windows/build "$WORK/1"`, "WORK="+work)
	if err := os.Rename(filepath.Join(work, "copy"), b.source); err != nil {
		t.Fatal(err)
	}
	bash(t, b.source, `umask 077; bash packaging/windows/build "$WORK/2"; diff -r "$WORK/1" "$WORK/2"; cd "$WORK/1"; sha256sum --quiet -c SHA256SUMS.windows`,
		"WORK="+work, "TZ=Pacific/Auckland", "LANG=de_DE.UTF-8")
	b.first, b.arm = b.only(t, "1/tillbridge-*-amd64.msi"), b.only(t, "1/tillbridge-*-arm64.msi")
	b.version = strings.TrimSuffix(strings.TrimPrefix(filepath.Base(b.first), "tillbridge-"), "-amd64.msi")
	b.certificate(t)
	bash(t, b.source, `bash packaging/windows/build "$WORK/next" amd64`, "WORK="+work, "TILLBRIDGE_VERSION=99.0",
		"TILLBRIDGE_SIGN_CERT="+filepath.Join(work, "cert.pem"), "TILLBRIDGE_SIGN_KEY="+filepath.Join(work, "cert.key"))
	b.next, b.program = b.only(t, "next/tillbridge-99.0-amd64.msi"), b.only(t, "next/tillbridge-99.0-amd64.exe")
	return b
}

func (b *installers) only(t *testing.T, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(b.work, pattern))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: %q %v", pattern, found, err)
	}
	return found[0]
}

// certificate makes one to be thrown away, for signing code, by an authority of its own.
func (b *installers) certificate(t *testing.T) {
	t.Helper()
	bash(t, b.work, `
		openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj "/CN=Test CA" \
			-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign
		openssl req -newkey rsa:2048 -nodes -keyout cert.key -out cert.csr -subj "/CN=Test Signing"
		printf 'basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=codeSigning\n' >cert.ext
		openssl x509 -req -in cert.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile cert.ext -out cert.pem`)
}

// verifies asks whether the signature of a file is good.
func (b *installers) verifies(t *testing.T, file string) bool {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "osslsigncode", "verify", "-CAfile", filepath.Join(b.work, "ca.pem"), "-in", file).CombinedOutput()
	return err == nil && bytes.Contains(out, []byte("Signature verification: ok"))
}

// signature looks at the program and the installer that are signed, and at both with one byte changed.
func (b *installers) signature(t *testing.T) {
	for _, file := range []string{b.program, b.next} {
		if !b.verifies(t, file) {
			t.Errorf("the signature of %s is not good", filepath.Base(file))
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text[len(text)/2] ^= 1
		bad := file + ".bad"
		if err := os.WriteFile(bad, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if b.verifies(t, bad) {
			t.Errorf("%s with a changed byte passes", filepath.Base(file))
		}
	}
	if b.verifies(t, b.first) {
		t.Error("an installer that is not signed passes")
	}
	bash(t, b.work, `msiextract -C unpacked "$NEXT" && cmp unpacked/Tillbridge/tillbridge.exe "$PROGRAM"`, "NEXT="+b.next, "PROGRAM="+b.program)
	t.Log("note: installer: signatures of program and installer verify, with a byte changed neither does; the installer holds the signed program")
}

// numbers are the versions as Windows Installer compares them.
func (b *installers) numbers(t *testing.T) {
	for _, x := range [][2]string{
		{"1.2.3", "1.2.300"},
		{"1.2.3+5.g0123456789ab", "1.2.305"},
		{"1.2.3+500.g0123456789ab+changes", "1.2.399"},
		{"1.2.4", "1.2.400"},
		{"1.3.0~rc.1", "1.3.0"},
		{"1.3", "1.3.0"},
		{"255.255.655+35.gx", "255.255.65535"},
		{"99.0", "99.0.0"},
	} {
		if got := strings.TrimSpace(bash(t, b.source, "bash packaging/windows/build number", "TILLBRIDGE_VERSION="+x[0])); got != x[1] {
			t.Errorf("%s is %s, want %s", x[0], got, x[1])
		}
	}
	for _, bad := range []string{"256.0.0", "1.256.0", "1.2.656", "next"} {
		bash(t, b.source, "! bash packaging/windows/build number", "TILLBRIDGE_VERSION="+bad)
	}
}

// table reads one, a row a line, in the order of its columns.
func table(t *testing.T, file, name string) (rows [][]string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "msiinfo", "export", file, name).Output()
	if err != nil {
		t.Fatalf("%s of %s: %v", name, filepath.Base(file), err)
	}
	lines := strings.Split(strings.TrimRight(strings.ReplaceAll(string(out), "\r", ""), "\n"), "\n")
	for _, l := range lines[3:] { // names, types, keys
		rows = append(rows, strings.Split(l, "\t"))
	}
	return rows
}

// wantRows are the rows that tables must have; those of Registry without their names, which are made up.
func wantRows() map[string][]string {
	const (
		source = `SYSTEM\CurrentControlSet\Services\EventLog\Application\tillbridge|`
		list   = `\LocalNetworkAccessAllowedForUrls|8473|https://www.mygadgetrepairs.com|ChromeAndEdge`
		fox    = `2|SOFTWARE\Policies\Mozilla\Firefox\LocalNetworkAccess`
		netsh  = `"[System64Folder]netsh.exe" advfirewall firewall `
		open   = "&FirewallRule=3 AND NOT !FirewallRule=3"
	)
	return map[string][]string{
		"ServiceInstall": {`Service|tillbridge|tillbridge|16|2|1|||NT SERVICE\tillbridge||run --service --config [CommonAppDataFolder]Tillbridge\config.yaml|Program|Joins MyGadgetRepairs to the card terminal on the counter.`},
		// Started at an installation (1), without waiting; stopped before one and before a removal (2, 32), and removed (128), with waiting.
		"ServiceControl": {"Begin|tillbridge|1||0|Program", "End|tillbridge|162||1|Program"},
		"Registry": {
			"2|" + source + `EventMessageFile|#%%SystemRoot%\System32\EventCreate.exe|Program`, "2|" + source + "TypesSupported|#7|Program", "2|" + source + "CustomSource|#1|Program",
			`2|SOFTWARE\Policies\Google\Chrome` + list, `2|SOFTWARE\Policies\Microsoft\Edge` + list, fox + "|Enabled|#1|Firefox", fox + `\SkipDomains|1|www.mygadgetrepairs.com|Firefox`,
			`2|SOFTWARE\tillbridge|BrowserPolicy|#1|ChromeAndEdge`, `2|SOFTWARE\tillbridge|Firewall|#1|Firewall`,
		},
		"Feature":           {"Bridge||The bridge||2|1||24", "BrowserPolicy||Browsers let MGR's page call the bridge||2|2||8", "FirewallRule||Other computers may call the bridge||2|2||8"},
		"FeatureComponents": {"Bridge|Program", "Bridge|Example", "Bridge|Licences", "Bridge|Bill", "Bridge|StartMenu", "BrowserPolicy|ChromeAndEdge", "BrowserPolicy|Firefox", "FirewallRule|Firewall"},
		"Condition":         {"BrowserPolicy|1|BROWSERPOLICY=1 OR (HADPOLICY AND NOT BROWSERPOLICY)", "FirewallRule|1|FIREWALL=1 OR (HADFIREWALL AND NOT FIREWALL)"},
		"Shortcut":          {`Doctor|ProgramMenuFolder|tillbridge doctor|StartMenu|[System64Folder]cmd.exe|/k ""[INSTALLDIR]tillbridge.exe" doctor"|Looks for what is wrong, and says what to do; run it as administrator|||||INSTALLDIR||||`},
		// 51 sets a property; 18 runs a file of the installation, 34 one of Windows; 1024 deferred, 256 at a rollback, 64 whatever comes of
		// it, 2048 as the system.
		"CustomAction": {
			`FirstSettings|51|SETTINGS|[INSTALLDIR]config.example.yaml|`,
			`Settle|3090|tillbridge.exe|install --config "[CommonAppDataFolder]Tillbridge\config.yaml" --first "[SETTINGS]"|`,
			"Stop|3154|tillbridge.exe|stop|",
			`FirewallOpen|3106|System64Folder|` + netsh + `add rule name=tillbridge dir=in action=allow protocol=TCP profile=private,domain program="[INSTALLDIR]tillbridge.exe"|`,
			`FirewallUndo|3426|System64Folder|` + netsh + "delete rule name=tillbridge|", `FirewallClose|3170|System64Folder|` + netsh + "delete rule name=tillbridge|",
		},
		"InstallExecuteSequence": {
			"AppSearch||50", "FirstSettings|NOT SETTINGS|1001", "InstallInitialize||1500", "RemoveExistingProducts||1501", "ProcessComponents||1600", `Stop|REMOVE~="ALL"|1899`, "StopServices|VersionNT|1900",
			"DeleteServices|VersionNT|2000", "FirewallClose|&FirewallRule=2|3400", "InstallFiles||4000", "InstallServices||5800", `Settle|NOT REMOVE~="ALL"|5801`,
			"FirewallUndo|" + open + "|5802", "FirewallOpen|" + open + "|5803", "StartServices|VersionNT|5900",
		},
		"AppSearch":  {"HADPOLICY|HadPolicy", "HADFIREWALL|HadFirewall"},
		"RegLocator": {`HadPolicy|2|SOFTWARE\tillbridge|BrowserPolicy|18`, `HadFirewall|2|SOFTWARE\tillbridge|Firewall|18`},
		"Property": {
			"ALLUSERS|1", "UpgradeCode|{09D25DB6-0D2C-4D9E-9A5B-0B6E60B1A2D7}", "SecureCustomProperties|SETTINGS;BROWSERPOLICY;FIREWALL;WIX_DOWNGRADE_DETECTED;WIX_UPGRADE_DETECTED",
		},
	}
}

// tables compares what the installers say, with what Wine ignores in it. A table that is not looked at row by row has no other rows.
func (b *installers) tables(t *testing.T) {
	rows, codes := 0, map[string]bool{}
	for _, x := range []struct{ file, platform, version string }{{b.first, "x64", b.version}, {b.arm, "Arm64", b.version}, {b.next, "x64", "99.0"}} {
		for name, want := range wantRows() {
			var got []string
			for _, r := range table(t, x.file, name) {
				if name == "Registry" {
					r = r[1:]
				}
				got = append(got, strings.Join(r, "|"))
			}
			for _, w := range want {
				if rows++; !slices.Contains(got, w) {
					t.Errorf("%s of %s lacks %q:\n%s", name, x.file, w, strings.Join(got, "\n"))
				}
			}
			if len(got) != len(want) && name != "InstallExecuteSequence" && name != "Property" {
				t.Errorf("%s of %s has %d rows, want %d:\n%s", name, x.file, len(got), len(want), strings.Join(got, "\n"))
			}
		}
		number := strings.TrimSpace(bash(t, b.source, "bash packaging/windows/build number", "TILLBRIDGE_VERSION="+x.version))
		properties := map[string]string{}
		for _, r := range table(t, x.file, "Property") {
			properties[r[0]] = r[1]
		}
		codes[properties["ProductCode"]] = true
		if properties["ProductVersion"] != number || properties["ARPCOMMENTS"] != "tillbridge "+x.version {
			t.Errorf("%s is of version %s, %s, want %s", x.file, properties["ProductVersion"], properties["ARPCOMMENTS"], number)
		}
		upgrade := table(t, x.file, "Upgrade")
		code := properties["UpgradeCode"]
		// All up to this version, it included (512), are replaced; a later one is only told (2).
		for _, w := range [][]string{{code, "", number, "", "512", "", "WIX_UPGRADE_DETECTED"}, {code, number, "", "", "2", "", "WIX_DOWNGRADE_DETECTED"}} {
			if !slices.ContainsFunc(upgrade, func(r []string) bool { return slices.Equal(r, w) }) {
				t.Errorf("Upgrade of %s lacks %q: %q", x.file, w, upgrade)
			}
		}
		if c := table(t, x.file, "LaunchCondition"); len(c) != 1 || c[0][0] != "NOT WIX_DOWNGRADE_DETECTED" {
			t.Errorf("%s may be installed where %q", x.file, c)
		}
		summary := bash(t, b.work, `msiinfo suminfo "$FILE"`, "FILE="+x.file)
		if !strings.Contains(summary, "Template: "+x.platform+";1033") || !strings.Contains(summary, "Subject: tillbridge "+x.version+"\n") {
			t.Errorf("the summary of %s:\n%s", x.file, summary)
		}
	}
	if len(codes) != 3 {
		t.Errorf("three installers have the product codes %v", codes)
	}
	b.sameAsLinux(t)
	t.Logf("note: installer: %d rows of tables compared", rows)
}

// sameAsLinux compares the policies with those of the packages for Linux.
func (b *installers) sameAsLinux(t *testing.T) {
	t.Helper()
	for _, name := range []string{"chrome.json", "edge.json"} {
		text, err := os.ReadFile(filepath.Join(b.source, "packaging/browser", name))
		var policy map[string][]string
		if err == nil {
			err = json.Unmarshal(text, &policy)
		}
		if got := policy["LocalNetworkAccessAllowedForUrls"]; err != nil || len(policy) != 1 || !slices.Equal(got, []string{"https://www.mygadgetrepairs.com"}) {
			t.Errorf("%s: %q %v", name, policy, err)
		}
	}
}
