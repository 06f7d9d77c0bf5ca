package main

import (
	"bytes"
	"os"
	"os/user"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"tillbridge/bridge/config"
	"tillbridge/drivers"
)

// shopSettings are settings that a person has changed.
const shopSettings = `# Our shop. Do not touch the limits!
mgr: {passcode: correct-horse-battery} # secret
listen: 127.0.0.1:8473   # MGR
#counter: 127.0.0.1:8474
queue_limit: 30s
terminals:
  # the big one
  counter:
    driver: zvt
    port: {tcp: "10.0.0.9:20007"}  # by the door
    currency: EUR # since 2002
    max_amount: "500.00"
    options:
      # from the provider
      password: "111111"
      language: de

  workshop: {driver: pax, port: {tcp: 10.0.0.7}, currency: USD}

# the end
journal: JOURNAL
`

// changed are the lines in which two texts differ, those that went with - before them, those that came with +.
func changed(old, text string) string {
	var out []string
	have := map[string]int{}
	for l := range strings.Lines(text) {
		have[l]++
	}
	for l := range strings.Lines(old) {
		if have[l] > 0 {
			have[l]--
			continue
		}
		out = append(out, "-"+strings.TrimRight(l, "\r\n"))
	}
	for l := range strings.Lines(text) {
		if have[l] > 0 {
			have[l]--
			out = append(out, "+"+strings.TrimRight(l, "\r\n"))
		}
	}
	return strings.Join(out, "\n")
}

// TestSetupAgain changes settings that are there.
func TestSetupAgain(t *testing.T) {
	onLinuxNames(t)
	const zvt = "driver: zvt\n"
	for _, x := range []struct{ name, answers, want string }{
		{"nothing", "", ""},
		{"the same", "port: 10.0.0.9\ndriver: zvt\ncurrency: EUR\nlisten: 127.0.0.1:8473\n", ""},
		{"a door", "listen: 127.0.0.1:9000\n", "-listen: 127.0.0.1:8473   # MGR\n+listen: 127.0.0.1:9000   # MGR"},
		{"a door that was by default", "counter: 127.0.0.1:9001\n", "-#counter: 127.0.0.1:8474\n+counter: 127.0.0.1:9001"},
		{"the line", "port: 10.0.0.8:20008\n" + zvt, "-    port: {tcp: \"10.0.0.9:20007\"}  # by the door\n+    port: {tcp: \"10.0.0.8:20008\"}  # by the door"},
		{"the currency", "currency: CHF\n", "-    currency: EUR # since 2002\n+    currency: CHF # since 2002"},
		{"an option", "options: {password: \"222222\"}\n", "-      password: \"111111\"\n+      password: \"222222\""},
		{"one more option", "options: {receipts: register}\n", "+      receipts: \"register\""},
		{"another protocol", "port: 10.0.0.8\ndriver: telium\noptions: {dialect: uk}\n", "-    driver: zvt\n-    port: {tcp: \"10.0.0.9:20007\"}  # by the door\n-      # from the provider\n-      password: \"111111\"\n-      language: de\n+    driver: telium\n+    port: {tcp: \"10.0.0.8:18101\"}  # by the door\n+      dialect: \"uk\""},
		{"no line any more", "port: none\ndriver: manual\n", "-    driver: zvt\n-    port: {tcp: \"10.0.0.9:20007\"}  # by the door\n-    options:\n-      # from the provider\n-      password: \"111111\"\n-      language: de\n+    driver: manual"},
		{"a new terminal", "terminal: bar\nport: 10.0.0.6\ndriver: zvt\n", "+    driver: zvt\n+    options:\n+  bar:\n+    port: {tcp: \"10.0.0.6:20007\"}\n+    currency: EUR\n+      password: \"000000\""},
	} {
		for _, end := range []string{"\n", "\r\n"} {
			r := newSetupRig(t)
			old := strings.ReplaceAll(strings.Replace(shopSettings, "JOURNAL", filepath.Join(r.dir, "journal.db"), 1), "\n", end)
			r.put("shop/config.yaml", old)
			if err := os.Chmod(r.file(), 0o640); err != nil {
				t.Fatal(err)
			}
			out, err := r.answers("service: false\n" + x.answers)
			if (err != nil) != (x.want != "") || err != nil && !strings.Contains(err.Error(), "change_settings") || r.read("shop/config.yaml") != old {
				t.Errorf("%s, without leave: %v:\n%s", x.name, err, out)
			}
			out, err = r.answers("service: false\nchange_settings: true\n" + x.answers)
			if got := changed(old, r.read("shop/config.yaml")); err != nil || got != x.want {
				t.Errorf("%s: %v:\n%s\n%s", x.name, err, got, out)
			}
			if strings.Contains(out, "222222") || strings.Contains(out, "111111") || strings.Contains(out, "correct-horse") {
				t.Errorf("%s: a secret is shown:\n%s", x.name, out)
			}
			if text := r.read("shop/config.yaml"); end == "\r\n" && strings.Count(text, "\n") != strings.Count(text, end) {
				t.Errorf("%s: line ends differ:\n%q", x.name, text)
			}
			if info, err := os.Stat(r.file()); err != nil || info.Mode().Perm() != 0o640 {
				t.Errorf("%s: %v %v", x.name, info.Mode(), err)
			}
			if _, err := os.Stat(filepath.Join(r.dir, "shop", "passcode")); err == nil {
				t.Errorf("%s: a passcode was made that nobody asked for", x.name)
			}
		}
	}
}

// TestSetupAgainByHand keeps everything by Enter, and shows what would change.
func TestSetupAgainByHand(t *testing.T) {
	onLinuxNames(t)
	r := newSetupRig(t)
	old := strings.Replace(shopSettings, "JOURNAL", filepath.Join(r.dir, "journal.db"), 1)
	r.put("shop/config.yaml", old)
	out, err := r.run("\n\n\n\n\n\nn\nnone\n")
	if err != nil || r.read("shop/config.yaml") != old || !strings.Contains(out, "keep            as it is: zvt, tcp 10.0.0.9:20007") || !strings.Contains(out, "stay as they are") {
		t.Errorf("%v:\n%s", err, out)
	}
	// Enter does not change what is there.
	change := "\n\n\n\n127.0.0.1:9000\n\n"
	out, err = r.run(change + "\n")
	if err == nil || !strings.Contains(err.Error(), "nothing was written") || r.read("shop/config.yaml") != old || !strings.Contains(out, "  - listen: 127.0.0.1:8473   # MGR\n  + listen: 127.0.0.1:9000   # MGR\n") {
		t.Errorf("%v:\n%s", err, out)
	}
	if out, err = r.run(change + "yes\nn\nnone\n"); err != nil || !strings.Contains(r.read("shop/config.yaml"), "listen: 127.0.0.1:9000   # MGR") {
		t.Errorf("%v:\n%s", err, out)
	}
}

// TestSetupNamesTheLine names an address after a search that found nothing, and has nobody asked there.
func TestSetupNamesTheLine(t *testing.T) {
	onLinuxNames(t)
	r := newSetupRig(t)
	out, err := r.run("\n\n10.0.0.9\nn\ntelium\nfr\n\n\n\ny\nn\n\n")
	if err != nil || !strings.Contains(out, "No terminal was found. Name the port") || !strings.Contains(out, "dialect the terminal speaks") {
		t.Fatalf("%v:\n%s", err, out)
	}
	s, err := config.Load(r.file(), drivers.All(), config.SystemEnv())
	if err != nil || s.Terminals[0].Port.TCP != "10.0.0.9:18101" || len(r.paid) != 1 || r.paid[0].Settings["dialect"] != "fr" {
		t.Errorf("%v %v %+v", err, s, r.paid)
	}
}

// TestSetupSeesAnotherChange has the settings changed by somebody else before they are written.
func TestSetupSeesAnotherChange(t *testing.T) {
	r := newSetupRig(t)
	path := r.put("shop/config.yaml", "theirs\n")
	passcode := filepath.Join(r.dir, "shop", "passcode")
	for _, old := range [][]byte{nil, []byte("ours\n")} {
		p := &program{out: &bytes.Buffer{}, env: config.SystemEnv()}
		w := &wizard{program: p, old: old, fresh: freshPasscode, draft: draft{file: path, passcodeFile: passcode}}
		if err := w.writeFiles("new\n", true); err == nil || r.read("shop/config.yaml") != "theirs\n" || r.read("shop/passcode") != "" {
			t.Errorf("%v: %q, %q", err, r.read("shop/config.yaml"), r.read("shop/passcode"))
		}
	}
}

// TestSetupLeavesForeignForms does not change what it does not understand.
func TestSetupLeavesForeignForms(t *testing.T) {
	onLinuxNames(t)
	for _, text := range []string{
		"mgr: {passcode: correct-horse-battery}\nterminals: {counter: {driver: zvt, port: {tcp: 10.0.0.9}, currency: EUR}}\n",
		"mgr: {passcode: correct-horse-battery}\nterminals:\n  counter: {driver: zvt, port: {tcp: 10.0.0.9}, currency: EUR}\n",
		"mgr: {passcode: correct-horse-battery}\nterminals:\n  counter:\n    driver: zvt\n    currency: \"EUR\"\n    port:\n      tcp: 10.0.0.9\n",
		"mgr: {passcode: correct-horse-battery}\nterminals:\n  \"counter\":\n    driver: zvt\n    currency: EUR\n    port: {tcp: 10.0.0.9}\n",
	} {
		r := newSetupRig(t)
		r.put("shop/config.yaml", text)
		out, err := r.answers("port: 10.0.0.8\ndriver: zvt\nchange_settings: true\nservice: false\n")
		if err == nil || !strings.Contains(err.Error(), "by hand") || r.read("shop/config.yaml") != text {
			t.Errorf("%s%v:\n%s", text, err, out)
		}
	}
}

// TestSetupMends writes settings with mistakes anew, if that is wanted, and keeps the old ones.
func TestSetupMends(t *testing.T) {
	onLinuxNames(t)
	const bad = "mgr: {passcode: correct-horse-battery}\nterminals: {counter: {driver: zvtt}}\n"
	r := newSetupRig(t)
	r.put("shop/config.yaml", bad)
	if out, err := r.answers("port: none\nservice: false\n"); err == nil || r.read("shop/config.yaml") != bad || !strings.Contains(out, "did you mean zvt") {
		t.Errorf("without leave: %v:\n%s", err, out)
	}
	out, err := r.answers("port: none\nservice: false\nchange_settings: true\n")
	if err != nil || r.read("shop/config.yaml.old") != bad || !strings.Contains(r.read("shop/config.yaml"), "driver: manual") || strings.Contains(out, "correct-horse") {
		t.Errorf("%v:\n%s", err, out)
	}
	// A new passcode beside settings that stay.
	before := r.read("shop/config.yaml")
	r.put("shop/passcode", "an-older-passcode-of-ours\n")
	if out, err := r.answers("service: false\n"); err != nil || r.read("shop/passcode") != "an-older-passcode-of-ours\n" || !strings.Contains(out, "Passcode     as in passcode_file DIR") {
		t.Errorf("%v:\n%s", err, out)
	}
	if out, err := r.answers("service: false\nnew_passcode: true\n"); err != nil || r.read("shop/passcode") != freshPasscode+"\n" || r.read("shop/config.yaml") != before {
		t.Errorf("%v:\n%s", err, out)
	}
}

// TestSetupTakesThePackagesPasscode finds a passcode file without settings.
func TestSetupTakesThePackagesPasscode(t *testing.T) {
	onLinuxNames(t)
	r := newSetupRig(t)
	r.put("secrets/passcode", "made-by-the-package-of-ours\n")
	out, err := r.answers("port: none\nservice: false\npasscode_file: ../secrets/passcode\n")
	if err != nil || r.read("secrets/passcode") != "made-by-the-package-of-ours\n" || !strings.Contains(r.read("shop/config.yaml"), "secrets/passcode") {
		t.Errorf("%v:\n%s", err, out)
	}
}

// TestPrintAnswers puts each line of the example in force.
func TestPrintAnswers(t *testing.T) {
	r := newSetupRig(t)
	r.street.person = false
	example, err := r.run("", "--print-answers")
	if err != nil {
		t.Fatal(err)
	}
	env := config.SystemEnv()
	given, options, err := readAnswers(env, r.put("a.yaml", example))
	if err != nil || len(given)+len(options) != 0 {
		t.Errorf("%v %v %v", given, options, err)
	}
	keys := map[string]bool{}
	inForce := regexp.MustCompile(`(?m)^#([a-z_]+: )`).ReplaceAllStringFunc(example, func(l string) string {
		keys[strings.Trim(l, "#: ")] = true
		return l[1:]
	})
	given, options, err = readAnswers(env, r.put("b.yaml", "\ufeff"+strings.ReplaceAll(inForce, "\n", "\r\n")))
	if err != nil || options["password"] != "000000" || given["listen"] != config.DefaultListen || given["probe"] != "no" || given["service"] != "yes" {
		t.Errorf("%v %v %v", given, options, err)
	}
	all := reflect.TypeFor[setupAnswers]()
	for i := range all.NumField() {
		if key := all.Field(i).Tag.Get("yaml"); !keys[key] || key != "options" && given[key] == "" {
			t.Errorf("%s is not in the example", key)
		}
	}
	if len(keys) != all.NumField() {
		t.Errorf("%v", keys)
	}
}

// TestNeeded pins what setup asks for with each driver.
func TestNeeded(t *testing.T) {
	want := map[string]string{"telium": "dialect", "zvt": "password", "process": "command evidence"}
	for _, d := range drivers.All() {
		if got := strings.Join(needed(d), " "); got != want[d.Name] {
			t.Errorf("%s: %q, want %q", d.Name, got, want[d.Name])
		}
	}
	process, _ := (&program{drivers: drivers.All()}).driver("process")
	for answer, want := range map[string]string{"/usr/bin/python3 /opt/x.py": `["/usr/bin/python3", "/opt/x.py"]`} {
		if got := optionYAML(process, "command", answer); got != want {
			t.Errorf("%s", got)
		}
	}
}

// TestEditTop puts a key of the top level where it belongs.
func TestEditTop(t *testing.T) {
	for old, want := range map[string]string{
		"a: 1\nlisten: x\n":             "a: 1\nlisten: y\n",
		"listen: 'x: #'  # ours\na: 1":  "listen: y  # ours\na: 1",
		"# listen to MGR\n#listen: x\n": "# listen to MGR\nlisten: y\n",
		"a: 1\n":                        "a: 1\nlisten: y\n",
		"a: 1":                          "a: 1\nlisten: y\n",
		"a: 1\r\nb: 2\r\n":              "a: 1\r\nb: 2\r\nlisten: y\r\n",
		"listen:\n  x\n":                "",
		"listen: &x y\n":                "",
	} {
		e := newEdit(old)
		if ok := e.top("listen", "y"); ok != (want != "") || ok && e.text() != want {
			t.Errorf("%q: %t %q, want %q", old, ok, e.text(), want)
		}
	}
}

func TestMasked(t *testing.T) {
	for text, want := range map[string]string{
		`password: "000000"`:           `password: [secret]`,
		`mgr: {passcode: abc, x: y}`:   `mgr: {passcode: [secret]`,
		`"passcode": abc`:              `"passcode": [secret]`,
		`passcode_file: /etc/passcode`: `passcode_file: /etc/passcode`,
		`tls: {cert: a, key: b}`:       `tls: {cert: a, key: [secret]`,
		`listen: 127.0.0.1:8473`:       `listen: 127.0.0.1:8473`,
	} {
		if got := masked("", text); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if got := masked("options.password", "123456"); got != "[secret]" {
		t.Error(got)
	}
	if got := masked("currency", "EUR"); got != "EUR" {
		t.Error(got)
	}
	if got := difference("a\nb\npassword: x\n", "a\nc\npassword: y\n"); got != "  - b\n  - password: [secret]\n  + c\n  + password: [secret]\n" {
		t.Errorf("%q", got)
	}
}

func TestNarrow(t *testing.T) {
	var b strings.Builder
	wrap(&b, "  ", strings.Repeat("word ", 50))
	b.WriteString("    deeper\n")
	var out bytes.Buffer
	if _, err := (narrow{&out}).Write([]byte(b.String() + "Ask it? [y/N] ")); err != nil {
		t.Fatal(err)
	}
	full := "  " + strings.TrimSpace(strings.Repeat("word ", 15)) + "\n"
	if want := full + full + full + "  " + strings.TrimSpace(strings.Repeat("word ", 5)) + "\n    deeper\nAsk it? [y/N] "; out.String() != want {
		t.Errorf("%s", out.String())
	}
}

// TestHandOver lets a group read what only root could.
func TestHandOver(t *testing.T) {
	if runtime.GOOS == "windows" || os.Geteuid() != 0 {
		t.Skip("it takes root to give a file away")
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Skip("there is no user nobody")
	}
	file := filepath.Join(t.TempDir(), "passcode")
	for mode, want := range map[os.FileMode]os.FileMode{0o600: 0o640, 0o644: 0o644} {
		if err := os.WriteFile(file, []byte("x"), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		if err := handOver(file, nobody.Username); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != want {
			t.Errorf("%o: %v %v", mode, info.Mode(), err)
		}
	}
}

// TestSetupFirstTerminal puts the first terminal into settings that name none, as a package brings them: nothing in them is a
// mistake to be told, and nothing else in them changes.
func TestSetupFirstTerminal(t *testing.T) {
	onLinuxNames(t)
	const block = "terminals:\n  counter:\n    driver: zvt\n    port: {tcp: \"10.0.0.8:20007\"}\n    currency: EUR\n    options:\n      password: \"000000\"\n\n"
	for name, x := range map[string]struct{ old, want string }{
		"before the example":     {"# Ours.\nmgr:\n  passcode_file: PASS\n\n#terminals:\n#  counter:\n\n#listen: 127.0.0.1:8473\n", "# Ours.\nmgr:\n  passcode_file: PASS\n\n" + block + "#terminals:\n#  counter:\n\n#listen: 127.0.0.1:8473\n"},
		"at the end":             {"mgr:\n  passcode_file: PASS\n", "mgr:\n  passcode_file: PASS\n" + block},
		"an end that is missing": {"mgr:\n  passcode_file: PASS", "mgr:\n  passcode_file: PASS\n" + block},
	} {
		for _, end := range []string{"\n", "\r\n"} {
			r := newSetupRig(t)
			r.put("shop/passcode", "a-passcode-of-the-shop\n")
			form := func(text string) string {
				return strings.ReplaceAll(strings.ReplaceAll(text, "PASS", filepath.Join(r.dir, "shop", "passcode")), "\n", end)
			}
			r.put("shop/config.yaml", form(x.old))
			out, err := r.answers("port: 10.0.0.8\ndriver: zvt\nservice: false\n")
			if got := r.read("shop/config.yaml"); err != nil || got != form(x.want) {
				t.Errorf("%s: %v:\n%s\ngot\n%s", name, err, out, got)
			}
			if !strings.Contains(out, "name no terminal yet") || strings.Contains(out, "mistake") {
				t.Errorf("%s: it says:\n%s", name, out)
			}
			if got := r.read("shop/passcode"); got != "a-passcode-of-the-shop\n" {
				t.Errorf("%s: the passcode became %q", name, got)
			}
		}
	}
	r := newSetupRig(t)
	r.put("shop/config.yaml", "listen: nowhere\n") // more is amiss
	if out, err := r.answers("port: 10.0.0.8\ndriver: zvt\nservice: false\n"); err == nil || !strings.Contains(out, "have mistakes") || r.read("shop/config.yaml") != "listen: nowhere\n" {
		t.Errorf("%v\n%s", err, out)
	}
}
