package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unicode/utf16"

	"tillbridge/terminal"
)

// Texts that are not the YAML that settings are written in: each has one error, at the place named.
func TestNotSettings(t *testing.T) {
	deep := strings.Repeat("[", 60) + strings.Repeat("]", 60)
	for name, c := range map[string]struct{ text, want string }{
		"empty":               {"", "1:1: the file is empty; copy config.example.yaml and change it"},
		"only a mark":         {"\ufeff", "1:1: the file is empty; copy config.example.yaml and change it"},
		"only comments":       {"# nothing\n\n", "1:1: the file is empty; copy config.example.yaml and change it"},
		"null":                {"---\n~\n", "1:1: the file is empty; copy config.example.yaml and change it"},
		"a list":              {"- a\n- b\n", "1:1: a block of keys is needed here, but this is a list; write its keys below it, indented: listen, counter,"},
		"a word":              {"passcode=abc\n", "1:1: a block of keys is needed here, but this is text; write its keys"},
		"a tab":               {"mgr:\n  notify_url: https://a\n\tpasscode: x\n", "3:1: a tab is used for indentation; YAML indents with spaces only: replace the tab by spaces"},
		"a tab after spaces":  {"mgr:\n  basic_auth:\n  \tusername: x\n", "3:3: a tab is used for indentation; YAML indents with spaces only"},
		"a tab, far down":     {strings.Repeat("# x\n", 30) + "mgr:\n\ta: 1\n", "32:1: a tab is used for indentation"},
		"two colons":          {"a: 1\nlisten: b: c\n", "2:1: a colon stands where none can"},
		"deeper than before":  {"listen: 127.0.0.1:1\n  counter: 127.0.0.1:2\n", "2:3: a colon stands where none can"},
		"uneven":              {"terminals:\n  a:\n    driver: zvt\n   port: {tcp: a}\n", "4:4: the indentation does not fit"},
		"no colon":            {"listen: 127.0.0.1:1\ncounter\njournal: /a\n", "2:1: a key without its colon"},
		"backslash":           {"a: 1\njournal: \"C:\\ProgramData\\x.db\"\n", "2:1: a backslash in double quotes means a special character; write Windows paths without quotes"},
		"open double quote":   {"a: 1\nlisten: \"127.0.0.1\n\n", "a quotation mark is opened and never closed"},
		"open bracket":        {"a: 1\nallowed_hosts: [a, b\nlisten: 1\n", "a [ is opened and not closed"},
		"open brace":          {"a: 1\ntls: {cert: a\nlisten: 1\n", "a { is opened and not closed"},
		"bracket, far":        {"a: 1\nallowed_hosts: [a,\nb: 1\n", "a [ is opened and not closed"},
		"comma":               {"a: 1\nallowed_hosts: ]\n", "2:1: a value is missing where one must follow"},
		"question mark":       {"a: 1\nb: ? c\n", "2:1: a question mark stands where none can"},
		"bar":                 {"a: 1\nb: | c\n", "2:1: after | or > only a line break may follow"},
		"exclamation mark":    {"a: 1\nb: !S3cr3t!x y\n", "2:1: a value begins with !"},
		"unknown escape":      {"a: \"\\q\"\n", "1:1: a backslash in double quotes means a special character"},
		"after the end":       {with("") + "...\nx: 1\n", "4:1: text follows the end of the settings; remove it"},
		"at sign":             {"mgr:\n  passcode: @S3cr3tS3cr3tS3cr3t\n", "2:3: a value begins with a character that YAML keeps for itself (@ ` %)"},
		"star":                {"mgr:\n  passcode: *S3cr3tS3cr3tS3cr3t\n", "2:3: a value begins with *; put a text that begins with * in quotes"},
		"bare star":           {"mgr:\n  passcode: * S3cr3tS3cr3tS3cr3t\n", "2:3: a value begins with * or &"},
		"latin-1":             {"# caf\xe9\nlisten: 1\n", "1:6: this is not UTF-8 text; save the file with the encoding UTF-8"},
		"control character":   {"a: 1\nb: \x01\n", "2:4: an invisible control character (U+0001) is here; delete it"},
		"line separator":      {"a: 1\u2028b: 2\n", "1:5: an invisible control character (U+2028)"},
		"mark in the middle":  {"a: 1\n\ufeffb: 2\n", "2:1: an invisible control character (U+FEFF)"},
		"non-breaking space":  {"mgr:\n \u00a0passcode: x\n", "2:2: a non-breaking space is in the indentation"},
		"nested too deep":     {"terminals: " + deep, "terminals: blocks are nested too deep; at most 20 levels"},
		"nested beyond hope":  {strings.Repeat("[", 20000), "blocks are nested too deep; at most 20 levels"},
		"bad directive":       {"%FOO\n", "1:1: a line begins with %"},
		"two documents":       {with("") + "---\nlisten: 1\n", ":1: a second document begins here; settings are one document"},
		"an empty second one": {with("") + "---\n", ": a second document begins here"},
		"binary":              {"\x7fELF\x00\x00", "1:1: an invisible control character (U+007F)"},
		"a control key":       {with("") + `"a\x1b[31m": 1`, `"a�[31m": there is no such key here`},
	} {
		t.Run(name, func(t *testing.T) {
			got := parseErr(t, small(), c.text)
			if strings.Count(got, "\n") > 0 || !strings.Contains(got, c.want) {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if strings.Contains(got, "S3cr3t") {
				t.Errorf("the secret is shown: %s", got)
			}
		})
	}
}

// Texts that look odd and are right.
func TestTaken(t *testing.T) {
	for name, text := range map[string]string{
		"mark":              "\ufeff" + with("listen: 127.0.0.1:1"),
		"carriage returns":  strings.ReplaceAll(with("listen: 127.0.0.1:1"), "\n", "\r\n"),
		"document mark":     "---\n" + with("listen: 127.0.0.1:1") + "...\n",
		"JSON":              `{"listen": "127.0.0.1:1", "terminals": {"a": {"driver": "zvt", "port": {"tcp": "10.0.0.1"}, "currency": "EUR"}}}`,
		"UTF-16, little":    utf16Text(with("listen: 127.0.0.1:1"), false),
		"UTF-16, big":       utf16Text(with("listen: 127.0.0.1:1"), true),
		"a name of digits":  with("listen: 127.0.0.1:1\nterminals: {1: {driver: manual, currency: EUR}, null: {driver: manual, currency: EUR}}"),
		"empty options":     with("listen: 127.0.0.1:1\nterminals: {a: {driver: zvt, port: {tcp: a}, currency: EUR, options: }}"),
		"a comment at once": with("listen: 127.0.0.1:1 # é ü"),
	} {
		t.Run(name, func(t *testing.T) {
			if s := parseOK(t, small(), text); s.Listen != "127.0.0.1:1" {
				t.Errorf("listens on %s", s.Listen)
			}
		})
	}
}

func utf16Text(text string, big bool) string {
	var b bytes.Buffer
	for _, u := range append([]uint16{0xfeff}, utf16.Encode([]rune(text))...) {
		if big {
			b.Write([]byte{byte(u >> 8), byte(u)})
		} else {
			b.Write([]byte{byte(u), byte(u >> 8)})
		}
	}
	return b.String()
}

func TestAddresses(t *testing.T) {
	for text, want := range map[string]string{
		"127.0.0.1:8473": "127.0.0.1:8473", "127.0.0.1:0": "127.0.0.1:0", `"[::1]:80"`: "[::1]:80", "localhost:9": "localhost:9",
		"LOCALHOST:9": "localhost:9", `"[::ffff:127.0.0.2]:5"`: "127.0.0.2:5", "127.1.2.3:65535": "127.1.2.3:65535",
	} {
		if s := parseOK(t, small(), with("listen: "+text)); s.Listen != want || len(s.Exposed()) != 0 {
			t.Errorf("listen: %s is %s, exposed %v", text, s.Listen, s.Exposed())
		}
	}
	for text, want := range map[string]string{
		"127.0.0.1":             "is not host:port",
		"'127.0.0.1:'":          "is not a port number; allowed: 1 to 65535, or 0 for any free port",
		"127.0.0.1:65536":       "is not a port number",
		"127.0.0.1:080":         "is not a port number",
		"127.0.0.1:-1":          "is not a port number",
		"127.0.0.1:http":        "is not a port number",
		"::1:8473":              "an IPv6 address stands in brackets",
		"till.lan:8473":         "is not an IP address",
		"300.0.0.1:8473":        "is not an IP address",
		"http://127.0.0.1:8473": "is a web address",
		"192.168.1.10:8473":     "other machines can reach this address, and nothing encrypts it; use 127.0.0.1, or tls: {cert: …, key: …}, or accept the risk with insecure_lan: true",
		":8473":                 "other machines can reach this address",
		"'[::]:8473'":           "other machines can reach this address",
		"0.0.0.0:8473":          "other machines can reach this address",
	} {
		if got := parseErr(t, small(), with("listen: "+text)); !strings.HasPrefix(got, "1:9: listen: ") || !strings.Contains(got, want) || strings.Contains(got, "\n") {
			t.Errorf("listen: %s gives %s, want %s", text, got, want)
		}
	}
	s := parseOK(t, small(), with("insecure_lan: true\nlisten: 192.168.1.10:8473\ncounter: :8474"))
	if got := strings.Join(s.Exposed(), " "); got != "192.168.1.10:8473 0.0.0.0:8474" || len(s.Warnings) != 1 || s.Warnings[0].Line != 1 {
		t.Errorf("exposed %s, warnings %v", got, Errors(s.Warnings))
	}
	if s := parseOK(t, small(), with("insecure_lan: true")); len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0].Message, "no effect") {
		t.Errorf("warnings %v", Errors(s.Warnings))
	}
}

func TestClash(t *testing.T) {
	for pair, want := range map[[2]string]bool{
		{"127.0.0.1:1", "127.0.0.1:2"}: false, {"127.0.0.1:1", "127.0.0.1:1"}: true, {"127.0.0.1:0", "127.0.0.1:0"}: false,
		{"0.0.0.0:1", "127.0.0.1:1"}: true, {"127.0.0.1:1", "[::]:1"}: true, {"127.0.0.1:1", "[::1]:1"}: false,
		{"localhost:1", "127.0.0.1:1"}: true, {"[::1]:1", "localhost:1"}: true, {"localhost:1", "10.0.0.1:1"}: false,
		{"10.0.0.1:1", "10.0.0.2:1"}: false, {"0.0.0.0:1", "0.0.0.0:2"}: false,
	} {
		if got := clash(pair[0], pair[1]); got != want {
			t.Errorf("%v clash %v, want %v", pair, got, want)
		}
		if got := clash(pair[1], pair[0]); got != want {
			t.Errorf("%v the other way round clash %v, want %v", pair, got, want)
		}
	}
	if got := parseErr(t, small(), with("counter: 127.0.0.1:8473")); !strings.HasPrefix(got, "1:10: counter: this is the address of listen too") {
		t.Error(got)
	}
	if got := parseErr(t, small(), with("listen: 127.0.0.1:8474")); !strings.HasPrefix(got, "1:9: listen: this is the address of counter too") {
		t.Error(got)
	}
	if got := parseErr(t, small(), with("counter: 127.0.0.1:5\nlisten: 127.0.0.1:5")); !strings.HasPrefix(got, "2:9: listen: ") {
		t.Error(got)
	}
}

func TestPasscode(t *testing.T) {
	for name, c := range map[string]struct {
		w             world
		mgr           string
		want, from    string // want empty: refused
		warning, fail string
	}{
		"in the settings":        {mgr: `passcode: "` + goodPass + `"`, want: goodPass, from: "mgr.passcode"},
		"in a file":              {mgr: "passcode_file: /p", w: world{files: map[string]string{"/p": goodPass}}, want: goodPass, from: "passcode_file /p"},
		"line end":               {mgr: "passcode_file: /p", w: world{files: map[string]string{"/p": goodPass + "\n\n"}}, want: goodPass, from: "passcode_file /p"},
		"UTF-16 of PowerShell":   {mgr: "passcode_file: /p", w: world{files: map[string]string{"/p": utf16Text(goodPass+"\r\n", false)}}, want: goodPass, from: "passcode_file /p"},
		"relative":               {mgr: "passcode_file: sub/p", w: world{files: map[string]string{"/etc/tillbridge/sub/p": goodPass}}, want: goodPass, from: "passcode_file /etc/tillbridge/sub/p"},
		"readable by all":        {mgr: "passcode_file: /p", w: world{files: map[string]string{"/p": goodPass}, modes: map[string]fs.FileMode{"/p": 0o644}}, want: goodPass, from: "passcode_file /p", warning: "can be read by every user of this machine; chmod o-rwx /p"},
		"on Windows no mode":     {mgr: `passcode_file: C:\p`, w: world{os: "windows", files: map[string]string{`C:\p`: goodPass}, modes: map[string]fs.FileMode{`C:\p`: 0o666}}, want: goodPass, from: `passcode_file C:\p`},
		"from the environment":   {w: small(), want: goodPass, from: "TILLBRIDGE_PASSCODE"},
		"settings first":         {mgr: `passcode: "from-the-settings"`, w: small(), want: "from-the-settings", from: "mgr.passcode", warning: "TILLBRIDGE_PASSCODE is set too and is not used"},
		"credential":             {w: world{env: map[string]string{credentialsEnv: "/run/cred"}, files: map[string]string{"/run/cred/passcode": goodPass + "\n"}}, want: goodPass, from: "systemd credential passcode"},
		"environment first":      {w: world{env: map[string]string{passcodeEnv: goodPass, credentialsEnv: "/run/cred"}, files: map[string]string{"/run/cred/passcode": "another-one-entirely"}}, want: goodPass, from: "TILLBRIDGE_PASSCODE"},
		"no such credential":     {w: world{env: map[string]string{credentialsEnv: "/run/cred"}}, fail: "1:1: mgr.passcode: there is no passcode"},
		"unreadable credential":  {w: world{env: map[string]string{credentialsEnv: "/c/"}, files: map[string]string{"/c/passcode": "denied"}}, fail: "may not be read by this user"},
		"none":                   {mgr: "notify_url: https://a.example", fail: "1:1: mgr.passcode: there is no passcode: MGR and we know each other by it; write passcode_file:"},
		"empty environment":      {w: world{env: map[string]string{passcodeEnv: ""}}, fail: "there is no passcode"},
		"short":                  {mgr: `passcode: "12345678"`, want: "12345678", from: "mgr.passcode", warning: "the passcode is short"},
		"too short":              {mgr: `passcode: "S3cr3tS"`, fail: "mgr.passcode: the passcode is too short to be safe; at least 8 characters"},
		"too short, file":        {mgr: "passcode_file: /p", w: world{files: map[string]string{"/p": "S3cr3t"}}, fail: "1:22: mgr.passcode_file: the passcode is too short"},
		"too long":               {mgr: "passcode: " + strings.Repeat("S3cr3t", 50), fail: "cannot be sent as it is"},
		"a number":               {mgr: "passcode: 123456123456", fail: `mgr.passcode: a passcode is needed here, but without quotes this is a number to YAML, and may come out changed; write it in quotes: "…"`},
		"typographic quotes":     {mgr: "passcode: “S3cr3tS3cr3tS3cr3t”", fail: "cannot be sent as it is"},
		"blank at the end":       {mgr: `passcode: "S3cr3tS3cr3tS3cr3t "`, fail: "no space at either end"},
		"nothing":                {mgr: `passcode: ""`, fail: "a passcode is needed here, but this is empty"},
		"a block":                {mgr: "passcode: {S3cr3tS3cr3t: 1}", fail: "a passcode is needed here, but this is a block of keys"},
		"no file":                {mgr: "passcode_file: /p", fail: `1:22: mgr.passcode_file: there is no file "/p"; create it, or correct the path`},
		"the secret as the file": {mgr: "passcode_file: S3cr3tS3cr3tS3cr3t", fail: "there is no file of that name"},
		"not ours to read":       {mgr: "passcode_file: /p", w: world{files: map[string]string{"/p": "denied"}}, fail: "may not be read by this user; give the service's group the right"},
		"empty file":             {mgr: "passcode_file: /p", w: world{files: map[string]string{"/p": "\n"}}, fail: "is empty; write the secret into it"},
		"two lines":              {mgr: "passcode_file: /p", w: world{files: map[string]string{"/p": "S3cr3tS3cr3tS3cr3t\nx\n"}}, fail: "has more than one line"},
		"huge file":              {mgr: "passcode_file: /p", w: world{files: map[string]string{"/p": strings.Repeat("x", 5000)}}, fail: "is too large"},
		"bad environment":        {w: world{env: map[string]string{passcodeEnv: "S3cr3t\nS3cr3tS3cr3t"}}, fail: "cannot be sent as it is"},
	} {
		t.Run(name, func(t *testing.T) {
			text := with("")
			if c.mgr != "" {
				text = "mgr: {" + c.mgr + "}" + strings.Replace(with(""), "/dev/ttyUSB0", map[bool]string{true: "COM1", false: "/dev/ttyUSB0"}[c.w.os == "windows"], 1)
			}
			s, err := Parse("/etc/tillbridge/config.yaml", []byte(text), drivers(), c.w.Env())
			switch {
			case c.want == "":
				if err == nil || !strings.Contains(err.Error(), c.fail) || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "S3cr3t") {
					t.Errorf("got  %v\nwant %s", err, c.fail)
				}
			case err != nil:
				t.Error(err)
			case s.MGR.Passcode.Reveal() != c.want || s.MGR.PasscodeFrom != c.from:
				t.Errorf("%q from %s, want %q from %s", s.MGR.Passcode.Reveal(), s.MGR.PasscodeFrom, c.want, c.from)
			case (len(s.Warnings) > 0) != (c.warning != "") || !strings.Contains(Errors(s.Warnings).Error(), c.warning):
				t.Errorf("warnings %v, want %s", Errors(s.Warnings), c.warning)
			}
		})
	}
}

func TestNothingShowsASecret(t *testing.T) {
	const secret = "S3cr3tS3cr3tS3cr3t"
	s := parseOK(t, world{}, `
mgr: {passcode: `+secret+`, basic_auth: {username: shop, password: `+secret+`}}
terminals: {a: {driver: zvt, port: {tcp: a}, currency: EUR, options: {password: S3cr3t, host: {token: `+secret+`}}}}
`)
	var log bytes.Buffer
	for _, l := range []*slog.Logger{slog.New(slog.NewTextHandler(&log, nil)), slog.New(slog.NewJSONHandler(&log, nil))} {
		l.Info("settings", "s", s, "v", *s, "passcode", s.MGR.Passcode, "terminal", s.Terminals[0])
	}
	for _, verb := range []string{"%v", "%+v", "%s", "%q", "%d", "%x"} {
		fmt.Fprintf(&log, verb+verb+verb+verb, s, *s, s.Terminals, s.Terminals[0])
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%t"} {
		fmt.Fprintf(&log, verb+verb+verb, s.MGR.Passcode, *s.MGR.BasicAuth, s.MGR.Passcode.String())
	}
	if err := json.NewEncoder(&log).Encode(s); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(log.String(), "S3cr3t") || strings.Contains(log.String(), fmt.Sprintf("%x", "S3cr3t")) {
		t.Errorf("a secret is shown in:\n%s", log.String())
	}
	if !strings.Contains(log.String(), "[secret]") {
		t.Error("nothing was shown at all")
	}
}

func TestWindows(t *testing.T) {
	w := world{os: "windows", env: map[string]string{passcodeEnv: goodPass, "ProgramData": `D:\Data`}}
	s, err := Parse(`D:\Data\Tillbridge\config.yaml`, []byte("counter_password_file: pass.txt\nterminals: {a: {driver: zvt, port: {serial: com3}, currency: EUR}, b: {driver: zvt, port: {serial: '\\\\.\\COM12'}, currency: EUR}}"), drivers(), w.Env())
	if err != nil {
		t.Fatal(err)
	}
	if s.Journal != `D:\Data\Tillbridge\journal.db` || s.CounterPasswordFile != `D:\Data\Tillbridge\pass.txt` || s.Terminals[0].Port.Serial != "COM3" || s.Terminals[1].Port.Serial != "COM12" {
		t.Errorf("got\n%s", s)
	}
	if s := defaults("config.yaml", world{os: "windows"}.Env()); s.Journal != `C:\ProgramData\Tillbridge\journal.db` || s.CounterPasswordFile != `C:\ProgramData\Tillbridge\counter-password` {
		t.Errorf("by default %s, %s", s.Journal, s.CounterPasswordFile)
	}
	for line, want := range map[string]string{
		`journal: \\server\share\j.db`:                           "the journal is on a network share",
		`journal: '%ProgramData%\j.db'`:                          "holds a name that only a shell would replace",
		`journal: /var/lib/j.db`:                                 "does not name a drive",
		`journal: C:j.db`:                                        "does not name a drive",
		`journal: C:\till\`:                                      "is a folder",
		`journal: "C:\till.db"`:                                  "control character; in double quotes \\t is a tab",
		"counter_password_file: journal.db\njournal: journal.db": "counter_password_file: this is the journal",
		"counter_password_file: api-token\njournal: journal.db":  "counter_password_file: this is the API's token",
	} {
		got := parseErr(t, w, line+"\nterminals: {a: {driver: zvt, port: {serial: COM3}, currency: EUR}}")
		if !strings.Contains(got, want) || strings.Contains(got, "\n") {
			t.Errorf("%s gives %s, want %s", line, got, want)
		}
	}
	for port, want := range map[string]string{"/dev/ttyUSB0": "not a serial port of Windows", "COM0": "not a serial port", "COM3:": "not a serial port"} {
		if got := parseErr(t, w, "terminals: {a: {driver: zvt, port: {serial: '"+port+"'}, currency: EUR}}"); !strings.Contains(got, want) {
			t.Errorf("%s gives %s", port, got)
		}
	}
	if got := parseErr(t, w, "terminals: {a: {driver: zvt, port: {serial: COM3}, currency: EUR}, b: {driver: zvt, port: {serial: com3}, currency: EUR}}"); !strings.Contains(got, "terminals.b.port.serial: terminal a has this line already") {
		t.Error(got)
	}
}

func TestPathsOnUnix(t *testing.T) {
	for text, want := range map[string]string{
		`C:\till\j.db`: "is a path of Windows, and this is linux", "~/j.db": "only a shell", "$HOME/j.db": "only a shell", "/var/lib/": "is a folder",
		strings.Repeat("/x", 600): "too long", `"/a\tb"`: "control character",
	} {
		if got := parseErr(t, small(), with("journal: "+text)); !strings.HasPrefix(got, "1:10: journal: ") || !strings.Contains(got, want) {
			t.Errorf("journal: %s gives %s", text, got)
		}
	}
	if s := parseOK(t, small(), with("journal: ./j.db")); s.Journal != "/etc/tillbridge/j.db" || s.CounterPasswordFile != "/etc/tillbridge/counter-password" || s.APITokenFile != "/etc/tillbridge/api-token" {
		t.Errorf("the journal is %s, the password %s, the token %s", s.Journal, s.CounterPasswordFile, s.APITokenFile)
	}
}

func TestNotifyURL(t *testing.T) {
	for text, ok := range map[string]bool{
		"https://www.mygadgetrepairs.com/x": true, "http://127.0.0.1:9/x": true, "http://localhost/x": true, "http://[::1]:9/x": true, "https://a.example:8443/x?y=z": true,
		"http://www.mygadgetrepairs.com/x": false, "ftp://a.example": false, "https://": false, "https:///x": false, "//a.example/x": false, "a.example/x": false,
		"https://u:S3cr3t@a.example/x": false, "https://a.example/x#y": false, "https://a.example:0/x": false, "https://a.example:/x": false, "https://a b/x": false,
		"https:a.example": false, "http://127.0.0.1.evil.example/": false, "http://localhost.evil.example/": false, "https://300.1.1.1/": false,
	} {
		s, err := Parse("f", []byte(with("mgr: {notify_url: '"+text+"'}")), drivers(), small().Env())
		if (err == nil) != ok || ok && s.MGR.NotifyURL != text {
			t.Errorf("%s: %v", text, err)
		}
		if err != nil && (strings.Contains(err.Error(), "S3cr3t") || !strings.HasPrefix(err.Error(), "f:1:19: mgr.notify_url: ")) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestAmounts(t *testing.T) {
	for text, want := range map[string]string{"500": "500.00", "0.5": "0.50", `"2000.00"`: "2000.00"} {
		s := parseOK(t, small(), "terminals: {a: {driver: manual, currency: EUR, max_amount: "+text+"}}")
		if got := s.Terminals[0].MaxAmount.Decimal(); got != want {
			t.Errorf("max_amount: %s is %s", text, got)
		}
	}
	for _, text := range []string{"0", "-1", "1e3", "1_000", "010", "0x10", "12.345", `"1 000"`, `"1,50"`, "99999999999", ".inf", "[1]"} {
		if got := parseErr(t, small(), "terminals: {a: {driver: manual, currency: EUR, max_amount: "+text+"}}"); !strings.HasPrefix(got, "1:60: terminals.a.max_amount: ") {
			t.Errorf("max_amount: %s gives %s", text, got)
		}
	}
}

func TestBounds(t *testing.T) {
	var many strings.Builder
	many.WriteString("terminals:\n")
	for i := range 64 {
		fmt.Fprintf(&many, "  t%d: {driver: manual, currency: EUR}\n", i)
	}
	if s := parseOK(t, small(), many.String()); len(s.Terminals) != 64 {
		t.Errorf("%d terminals", len(s.Terminals))
	}
	if got := parseErr(t, small(), many.String()+"  t64: {driver: manual, currency: EUR}\n"); !strings.Contains(got, "there are 65 terminals; at most 64") {
		t.Error(got)
	}
	if got := parseErr(t, small(), "#"+strings.Repeat("x", 1<<20)); !strings.Contains(got, "too large") {
		t.Error(got)
	}
	got := parseErr(t, small(), func() string {
		var b strings.Builder
		for i := range 500 {
			fmt.Fprintf(&b, "key%d: 1\n", i)
		}
		return b.String()
	}())
	if n := strings.Count(got, "\n"); n != 100 || !strings.HasSuffix(got, "only the first 100 mistakes found are shown") {
		t.Errorf("%d lines, the last: %s", n+1, got[strings.LastIndex(got, "\n"):])
	}
	bomb := "a: &a [x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c < 'z'; c++ {
		bomb += fmt.Sprintf("%c: &%c [%s]\n", c, c, strings.Repeat(fmt.Sprintf("*%c, ", c-1), 9))
	}
	if got := parseErr(t, small(), bomb); !strings.Contains(got, "an alias (*) is not used in settings") {
		t.Error(got)
	}
	if got := parseErr(t, small(), with("allowed_hosts: ["+strings.Repeat("a, ", 33)+"]")); !strings.Contains(got, "the list has 33 items; at most 32") {
		t.Error(got)
	}
}

func TestDriversFaults(t *testing.T) {
	for name, options := range map[string]func() any{
		"no pointer": func() any { return zvtOptions{} },
		"nothing":    func() any { return nil },
		"nil":        func() any { return (*zvtOptions)(nil) },
		"a float":    func() any { return &struct{ X float64 }{} },
		"map of int": func() any { return &struct{ X map[int]string }{} },
	} {
		d := []terminal.Driver{{Name: "odd", Options: options}}
		_, err := Parse("f", []byte("terminals: {a: {driver: odd, currency: EUR, options: {x: {}}}}"), d, small().Env())
		if err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestLoad(t *testing.T) {
	w := small()
	w.files = map[string]string{"/c.yaml": with(""), "/denied.yaml": "denied", "/inline.yaml": with(`mgr: {passcode: "` + goodPass + `"}`)}
	w.modes = map[string]fs.FileMode{"/inline.yaml": 0o644}
	if s, err := Load("/c.yaml", drivers(), w.Env()); err != nil || s.File != "/c.yaml" {
		t.Errorf("%v, %v", s, err)
	}
	for path, want := range map[string]string{
		"/none.yaml":   "/none.yaml: there is no such settings file; copy config.example.yaml there and change it, or name another file with --config",
		"/denied.yaml": `/denied.yaml: the file "/denied.yaml" may not be read by this user; give the service's group the right to read it, or run this as the service's user`,
	} {
		s, err := Load(path, drivers(), w.Env())
		var all Errors
		if s != nil || !errors.As(err, &all) || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	delete(w.env, passcodeEnv)
	s, err := Load("/inline.yaml", drivers(), w.Env())
	if err != nil || len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0].Error(), "this file holds a secret and others may read it") {
		t.Errorf("%v, %v", s, err)
	}
}

func TestRescue(t *testing.T) {
	w := world{files: map[string]string{
		"/terminal.yaml": "counter: 127.0.0.1:9999\njournal: /srv/j.db\nterminals: {a: {driver: nope}}\nmgr: {passcode: x}\n",
		"/door.yaml":     "counter: 0.0.0.0:9999\njournal: /srv/j.db\n",
		"/syntax.yaml":   "counter: 127.0.0.1:9999\n\tx: 1\n",
		"/fine.yaml":     with("counter: 127.0.0.1:9999\nmgr: {passcode: \"" + goodPass + "\"}"),
	}}
	for path, want := range map[string][2]string{
		"/terminal.yaml": {"127.0.0.1:9999", "/srv/counter-password"},
		"/door.yaml":     {DefaultCounter, "/var/lib/tillbridge/counter-password"},
		"/syntax.yaml":   {DefaultCounter, "/var/lib/tillbridge/counter-password"},
		"/none.yaml":     {DefaultCounter, "/var/lib/tillbridge/counter-password"},
		"/fine.yaml":     {"127.0.0.1:9999", "/var/lib/tillbridge/counter-password"},
	} {
		s := Rescue(path, w.Env())
		if s.Counter != want[0] || s.CounterPasswordFile != want[1] || len(s.Terminals) > 0 || s.MGR.Passcode != "" {
			t.Errorf("%s: %s, %s, %d terminals, passcode %q", path, s.Counter, s.CounterPasswordFile, len(s.Terminals), s.MGR.Passcode.Reveal())
		}
	}
}

func TestSystemEnv(t *testing.T) {
	env := SystemEnv()
	dir := t.TempDir()
	file := filepath.Join(dir, "f")
	if err := os.WriteFile(file, []byte("12345"), 0o640); err != nil {
		t.Fatal(err)
	}
	data, mode, err := env.ReadFile(file, 5)
	if string(data) != "12345" || err != nil || runtime.GOOS != "windows" && mode.Perm() != 0o640 {
		t.Errorf("%q, %v, %v", data, mode, err)
	}
	if _, _, err := env.ReadFile(file, 4); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a file over the limit: %v", err)
	}
	if _, _, err := env.ReadFile(dir, 100); err == nil {
		t.Error("a folder was read")
	}
	if _, _, err := env.ReadFile(filepath.Join(dir, "none"), 100); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an absent file: %v", err)
	}
	t.Setenv(passcodeEnv, "x")
	if v, ok := env.LookupEnv(passcodeEnv); v != "x" || !ok || env.OS != runtime.GOOS {
		t.Error("the environment is not the machine's")
	}
	if _, err := Load(filepath.Join(dir, "none.yaml"), nil, env); err == nil {
		t.Error("an absent file was loaded")
	}
}
