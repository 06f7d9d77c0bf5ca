package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"tillbridge/drivers"
	"tillbridge/terminal"
)

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Fresh settings name no terminal, and differ from the example in nothing else.
func TestSettings(t *testing.T) {
	example := read(t, "../../config.example.yaml")
	got, err := settings(example)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(got, unsetNotice)
	if !found {
		t.Fatal("nothing tells that there is no terminal yet")
	}
	setting := regexp.MustCompile(`^ *[a-z]`)
	for line := range strings.Lines(rest) {
		if setting.MatchString(line) {
			t.Errorf("this is still a setting of the example's terminal: %s", line)
		}
	}
	// What the notice tells to do gives the example back.
	var back strings.Builder
	back.WriteString(before)
	shown := map[string]int{}
	for line := range strings.Lines(example) {
		shown[line]++
	}
	for line := range strings.Lines(rest) {
		if plain, commented := strings.CutPrefix(line, "#"); commented && shown[line] == 0 && shown[plain] > 0 {
			line = plain
		}
		back.WriteString(line)
	}
	if back.String() != example {
		t.Errorf("with the # removed it is not the example:\n%s", back.String())
	}
	if !strings.Contains(before, "\n  passcode_file: /etc/tillbridge/passcode\n") {
		t.Error("the example does not name the passcode that the packages make")
	}
	if _, err := settings("mgr: {}\n"); err == nil {
		t.Error("an example without terminals is taken")
	}
}

// The rule names each USB id of each driver, once.
func TestUdev(t *testing.T) {
	rules, err := udev(drivers.All())
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, d := range drivers.All() {
		for _, id := range d.USB {
			ids[id.ID] = true
			vendor, product, _ := strings.Cut(id.ID, ":")
			line := `ATTR{idVendor}=="` + vendor + `", ATTR{idProduct}=="` + product + `", ENV{ID_MM_DEVICE_IGNORE}="1"` + "\n"
			if n := strings.Count(rules, line); n != 1 {
				t.Errorf("%s, %s: %d rules", d.Name, id.ID, n)
			}
		}
	}
	if n := strings.Count(rules, "ID_MM_DEVICE_IGNORE"); n != len(ids) || n < 10 {
		t.Errorf("%d rules for %d ids", n, len(ids))
	}
	if strings.Count(rules, `GOTO="tillbridge_end"`) != 3 || !strings.HasSuffix(rules, "\nLABEL=\"tillbridge_end\"\n") {
		t.Errorf("the jumps do not end at the end:\n%s", rules)
	}
	for _, bad := range []terminal.USBID{{ID: "0B00:0054"}, {ID: `0b00:0054"`}, {ID: "0b00:0054", Name: "two\nlines"}} {
		if _, err := udev([]terminal.Driver{{Name: "bad", USB: []terminal.USBID{bad}}}); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	if _, err := udev(nil); err == nil {
		t.Error("no driver is taken")
	}
}

// program builds the real one.
func program(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "tillbridge.exe") // Windows runs nothing without
	if out, err := exec.Command("go", "build", "-o", name, "../../cmd/tillbridge").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return name
}

// complete is what the program offers a shell behind some words.
func complete(t *testing.T, program string, words ...string) (offered []string) {
	t.Helper()
	out, err := exec.Command(program, append([]string{"__complete"}, words...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		word, _, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if word != "" && !strings.HasPrefix(word, ":") {
			offered = append(offered, word)
		}
	}
	return offered
}

// The man page has every verb and option that the shells are offered; and the bill of materials and the licences, everything that
// is linked.
func TestOfTheProgram(t *testing.T) {
	built := program(t)
	page, err := part(t.Context(), []string{"man", "../linux/tillbridge.1", built, "1796065883"})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(page, "\n.Dd November 30, 2026\n") || strings.Contains(page, "@") {
		t.Error("the page's frame is not filled in")
	}
	sections := map[string]string{}
	for _, s := range strings.Split(page, "\n.Ss ")[1:] {
		head, body, _ := strings.Cut(s, "\n")
		var verb []string
		for _, word := range strings.Fields(head) {
			if !regexp.MustCompile(`^[a-z-]+$`).MatchString(word) {
				break
			}
			verb = append(verb, word)
		}
		sections[strings.Join(verb, " ")] = body
	}
	verbs := 0
	var walk func(verb []string)
	walk = func(verb []string) {
		for _, v := range complete(t, built, append(slices.Clone(verb), "")...) {
			if v == "completion" || v == "help" || len(verb) > 0 && verb[0] != "payments" {
				continue
			}
			below := append(slices.Clone(verb), v)
			body, found := sections[strings.Join(below, " ")]
			if !found {
				t.Errorf("the man page lacks %s", below)
				continue
			}
			verbs++
			for _, f := range complete(t, built, append(slices.Clone(below), "--")...) {
				if f != "--help" && !strings.Contains(body, "Fl -"+strings.TrimPrefix(f, "--")) {
					t.Errorf("the man page lacks %s %s", below, f)
				}
			}
			walk(below)
		}
	}
	walk(nil)
	if verbs < 20 {
		t.Errorf("%d verbs only were looked for", verbs)
	}
	linkedIn(t, built)
}

func linkedIn(t *testing.T, built string) {
	t.Helper()
	said, err := exec.Command("go", "version", "-m", built).Output()
	if err != nil {
		t.Fatal(err)
	}
	texts, err := part(t.Context(), []string{"licences", built})
	if err != nil {
		t.Fatal(err)
	}
	bill, err := part(t.Context(), []string{"bom", built, "1.2.3+4.g0", "1796065883"})
	if err != nil {
		t.Fatal(err)
	}
	var d document
	if err := json.Unmarshal([]byte(bill), &d); err != nil {
		t.Fatal(err)
	}
	if d.Metadata.Timestamp != "2026-11-30T19:11:23Z" || d.Metadata.Component.PURL != "pkg:golang/tillbridge@1.2.3%2B4.g0?goarch="+runtime.GOARCH+"&goos="+runtime.GOOS || len(d.Dependencies[0].DependsOn) != len(d.Components) {
		t.Errorf("the bill's head is %+v", d.Metadata)
	}
	deps := 1 // Go's own
	for _, m := range regexp.MustCompile(`(?m)^\tdep\t(\S+)\t(\S+)\t(\S+)$`).FindAllStringSubmatch(string(said), -1) {
		deps++
		if !strings.Contains(texts, "\n"+m[1]+" "+m[2]+": ") {
			t.Errorf("there is no licence of %s", m[1])
		}
		if !slices.ContainsFunc(d.Components, func(c component) bool {
			return c.Name == m[1] && c.Version == m[2] && c.Properties[0].Value == m[3] && c.Licenses[0].Expression != ""
		}) {
			t.Errorf("the bill lacks %s", m[1])
		}
	}
	if deps != len(d.Components) || deps < 10 || d.Components[0].Name != std {
		t.Errorf("%d things are linked, %d are in the bill", deps, len(d.Components))
	}
	if !strings.Contains(texts, "SQLite Is Public Domain") {
		t.Error("SQLite's own dedication is missing")
	}
}

func TestLicenceIDs(t *testing.T) {
	bsd := "Redistribution and use in source and binary forms, with or\nwithout modification, are permitted provided"
	for _, x := range []struct {
		text string
		want []string
	}{
		{bsd, []string{"BSD-2-Clause"}},
		{bsd + " … may be used to endorse or promote\n products derived from", []string{"BSD-3-Clause"}},
		{"Apache License\n   Version 2.0, January 2004", []string{"Apache-2.0"}},
		{"All rights reserved.", nil},
	} {
		if got := licenceIDs(x.text); !slices.Equal(got, x.want) {
			t.Errorf("%q: %q, want %q", x.text, got, x.want)
		}
	}
	m := module{path: "example.com/none"}
	if err := m.read(t.TempDir()); err == nil {
		t.Error("a module without a licence is taken")
	}
}

// A help that is not understood ends the build, rather than leave something out of the page.
func TestParse(t *testing.T) {
	p, err := parse("Does it.\n\n  literal\n\nUsage:\n  tillbridge x [flags]\n  tillbridge x [command]\n\nAvailable Commands:\n  one   the first\n\n" +
		"Flags:\n  -a, --all string   all\n                     of it\n  -h, --help         help for x\n")
	if err != nil {
		t.Fatal(err)
	}
	if p.usage != "tillbridge x [flags]" || !slices.Equal(p.verbs, []string{"one"}) || len(p.flags) != 2 || p.flags[0] != (flag{"a", "all", "string", "all of it"}) {
		t.Errorf("%+v", p)
	}
	for _, bad := range []string{"", "Usage:\n  x\nFlags:\nnonsense\n", "Usage:\n  x\nAvailable Commands:\nnonsense\n"} {
		if _, err := parse(bad); err == nil {
			t.Errorf("%q is understood", bad)
		}
	}
	if _, err := manual("no marks", time.Time{}, nil); err == nil {
		t.Error("a template without marks is taken")
	}
}

// The browser policies are for MGR's origin and no other.
func TestBrowserPolicies(t *testing.T) {
	const origin = "https://www.mygadgetrepairs.com"
	for _, name := range []string{"chrome", "edge"} {
		var p map[string][]string
		if err := json.Unmarshal([]byte(read(t, "../browser/"+name+".json")), &p); err != nil {
			t.Fatal(err)
		}
		if len(p) != 1 || !slices.Equal(p["LocalNetworkAccessAllowedForUrls"], []string{origin}) {
			t.Errorf("%s: %v", name, p)
		}
	}
	var p struct {
		Policies struct {
			LocalNetworkAccess struct{ SkipDomains []string }
		}
	}
	if err := json.Unmarshal([]byte(read(t, "../browser/firefox.json")), &p); err != nil {
		t.Fatal(err)
	}
	if got := p.Policies.LocalNetworkAccess.SkipDomains; !slices.Equal(got, []string{strings.TrimPrefix(origin, "https://")}) {
		t.Errorf("firefox: %v", got)
	}
}

// The copyright file says that the project has no licence. Whoever adds one has to say so there and in nfpm.yaml.
func TestOwnLicence(t *testing.T) {
	found, err := filepath.Glob("../../LICEN*")
	if err != nil {
		t.Fatal(err)
	}
	if none := strings.Contains(read(t, "../linux/copyright"), "states no licence"); none == (len(found) > 0) {
		t.Errorf("the project's licence is %q, and packaging/linux/copyright says otherwise", found)
	}
}
