package config

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"tillbridge/terminal"
)

type putOptions struct {
	Password string        `yaml:"password"`
	Wait     time.Duration `yaml:"wait"`
}

// putDrivers are drivers that a test writes settings for.
func putDrivers() []terminal.Driver {
	return []terminal.Driver{
		{Name: "zvt", Line: terminal.LineDefaults{Baud: 9600, DataBits: 8, Parity: "none", StopBits: "2", TCPPort: 20007}, Options: func() any { return &putOptions{} }},
		{Name: "other", Line: terminal.LineDefaults{Baud: 1200, DataBits: 7, Parity: "even", StopBits: "1"}},
	}
}

const putHead = "mgr: {passcode: correct-horse-battery}\n"

var byUSB = Port{USB: "0b00:0054", SerialNumber: "4711"}

func TestPutKeepsEverythingElse(t *testing.T) {
	for name, c := range map[string]struct {
		before, after string
		entry         Entry
		replaced      bool
	}{
		"no terminals yet": {
			before: putHead + "# the end, without a line's end",
			after:  putHead + "# the end, without a line's end\nterminals:\n  counter:\n    driver: zvt\n    port: {usb: \"0b00:0054\", serial_number: \"4711\"}\n    currency: EUR\n",
		},
		"the key alone": {
			before: "terminals: # here\n" + putHead,
			after:  "terminals: # here\n  counter:\n    driver: zvt\n    port: {usb: \"0b00:0054\", serial_number: \"4711\"}\n    currency: EUR\n" + putHead,
		},
		"a second one, before the comments of what follows": {
			before: "terminals:\n    lane: # the lane\n        driver: zvt\n        port: {tcp: till-1}\n        currency: EUR\n        options:\n            password: \"1\"\n            #wait: 1s\n\n    # another:\n# of mgr\n" + putHead,
			entry:  Entry{Port: Port{Serial: "/dev/ttyUSB0", Baud: 115200}},
			after:  "terminals:\n    lane: # the lane\n        driver: zvt\n        port: {tcp: till-1}\n        currency: EUR\n        options:\n            password: \"1\"\n            #wait: 1s\n    counter:\n      driver: zvt\n      port: {serial: /dev/ttyUSB0, baud: 115200}\n      currency: EUR\n\n    # another:\n# of mgr\n" + putHead,
		},
		"in braces": {
			before: putHead + "terminals: {lane: {driver: zvt, port: {tcp: till-1}, currency: EUR}} # all\n",
			after:  putHead + "terminals: {counter: {driver: zvt, port: {usb: \"0b00:0054\", serial_number: \"4711\"}, currency: EUR}, lane: {driver: zvt, port: {tcp: till-1}, currency: EUR}} # all\n",
		},
		"in the place of one, in a block": {
			before:   putHead + "terminals:\n  counter:\n    currency: EUR # of the shop\n    port: # where\n      # the adapter\n      serial: '/dev/it''s #1' # under the desk\n\n      baud: 115200\n    driver: \"zvt\" # yes\n    options: {password: \"12\"} # secret\n  lane: {driver: zvt, port: {tcp: till-1}, currency: EUR}\n",
			after:    putHead + "terminals:\n  counter:\n    currency: EUR # of the shop\n    port: {usb: \"0b00:0054\", serial_number: \"4711\"} # where\n      # the adapter\n      # under the desk\n\n    driver: zvt # yes\n    options: {password: \"12\"} # secret\n  lane: {driver: zvt, port: {tcp: till-1}, currency: EUR}\n",
			replaced: true,
		},
		"in the place of one, in braces": {
			before:   putHead + "terminals:\n  counter: {currency: EUR, port: {serial: \"/dev/a}b\",\n    baud: 1200}, driver: zvt} # ä\n",
			after:    putHead + "terminals:\n  counter: {currency: EUR, port: {tcp: \"till-2:20007\"}, driver: zvt} # ä\n",
			entry:    Entry{Port: Port{TCP: "till-2:20007"}},
			replaced: true,
		},
		"with another driver": {
			before:   putHead + "terminals:\n  counter:\n    driver: zvt\n    port: {tcp: till-1}\n    currency: EUR",
			after:    putHead + "terminals:\n  counter:\n    driver: other\n    port: {usb: \"0b00:0054\", serial_number: \"4711\"}\n    currency: EUR",
			entry:    Entry{Driver: "other"},
			replaced: true,
		},
		"without its driver and port before": {
			before:   putHead + "terminals:\n  counter:\n    # money\n    currency: EUR\n",
			after:    putHead + "terminals:\n  counter:\n    # money\n    driver: zvt\n    port: {usb: \"0b00:0054\", serial_number: \"4711\"}\n    currency: EUR\n",
			replaced: true,
		},
	} {
		for _, encoding := range []string{"utf-8", "bom", "utf-16", "crlf"} {
			t.Run(name+" "+encoding, func(t *testing.T) {
				e := c.entry
				e.Name, e.Currency = "counter", "EUR"
				if e.Driver == "" {
					e.Driver = "zvt"
				}
				if e.Port == (Port{}) {
					e.Port = byUSB
				}
				file := filepath.Join(t.TempDir(), "config.yaml")
				if err := os.WriteFile(file, encoded(c.before, encoding), 0o640); err != nil {
					t.Fatal(err)
				}
				replaced, err := PutTerminal(file, e, putDrivers(), world{}.SystemLike())
				if err != nil {
					t.Fatal(err)
				}
				got, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if want := encoded(c.after, encoding); string(got) != string(want) || replaced != c.replaced {
					t.Errorf("replaced %t, and the file is\n%s\nwant\n%s", replaced, got, want)
				}
				if info, err := os.Stat(file); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o640 {
					t.Errorf("%v %v", info.Mode(), err)
				}
				alone(t, file)
			})
		}
	}
}

// SystemLike reads real files, on a system that takes the paths of Linux.
func (w world) SystemLike() Env {
	env := w.Env()
	env.ReadFile = readFile
	return env
}

func encoded(text, encoding string) []byte {
	switch encoding {
	case "bom":
		return append([]byte("\xef\xbb\xbf"), text...)
	case "crlf":
		return []byte(strings.ReplaceAll(text, "\n", "\r\n"))
	case "utf-16":
		out := []byte("\xff\xfe")
		for _, c := range text { // the tests write nothing beyond the first plane
			out = append(out, byte(c), byte(c>>8))
		}
		return out
	}
	return []byte(text)
}

// alone makes sure that nothing was left beside the file.
func alone(t *testing.T, file string) {
	t.Helper()
	all, err := os.ReadDir(filepath.Dir(file))
	if err != nil || len(all) != 1 {
		t.Errorf("beside the settings there are %v %v", all, err)
	}
}

func TestPutRefuses(t *testing.T) {
	lane := "terminals:\n  lane: {driver: zvt, port: {tcp: till-1}, currency: EUR}\n"
	for name, c := range map[string]struct {
		before, want string
		entry        Entry
	}{
		"no passcode":             {lane, "mgr.passcode", Entry{}},
		"a mistake elsewhere":     {putHead + lane + "lisen: 1\n", "did you mean listen", Entry{}},
		"the line of another":     {putHead + lane, "terminal lane has this line already", Entry{Port: Port{TCP: "till-1:20007"}}},
		"no such driver":          {putHead + lane, "there is no driver", Entry{Driver: "zvtt"}},
		"no name":                 {putHead + lane, "not a name for a terminal", Entry{Name: "Counter_1"}},
		"a name that is YAML":     {putHead + lane, "was not changed", Entry{Name: "x: {}\n  y"}},
		"options of the old one":  {putHead + "terminals:\n  counter: {driver: zvt, port: {tcp: a}, currency: EUR, options: {password: \"1\"}}\n", "options for another driver", Entry{Driver: "other"}},
		"all in braces":           {"{mgr: {passcode: correct-horse-battery}, terminals: {}}\n", "by hand", Entry{}},
		"a comment inside braces": {putHead + "terminals:\n  counter: {driver: zvt, currency: EUR, port: {tcp: a, # here\n    }}\n", "comment inside of braces", Entry{}},
		"a list":                  {putHead + "terminals: []\n", "by hand", Entry{}},
		"no YAML":                 {putHead + "terminals: {\n", "by hand", Entry{}},
		"the end marked":          {putHead + "...\n", "was not changed", Entry{}},
	} {
		t.Run(name, func(t *testing.T) {
			e := Entry{Name: "counter", Driver: "zvt", Port: byUSB, Currency: "EUR"}
			if c.entry.Name != "" {
				e.Name = c.entry.Name
			}
			if c.entry.Driver != "" {
				e.Driver = c.entry.Driver
			}
			if c.entry.Port != (Port{}) {
				e.Port = c.entry.Port
			}
			file := filepath.Join(t.TempDir(), "config.yaml")
			if err := os.WriteFile(file, []byte(c.before), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := PutTerminal(file, e, putDrivers(), world{}.SystemLike())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if got, err := os.ReadFile(file); err != nil || string(got) != c.before {
				t.Errorf("the file was changed: %v\n%s", err, got)
			}
			alone(t, file)
		})
	}
	if _, err := PutTerminal(filepath.Join(t.TempDir(), "none"), Entry{}, putDrivers(), world{}.SystemLike()); !errors.As(err, new(Errors)) {
		t.Error(err)
	}
}

// A file that somebody changes while we write is left as that one left it.
func TestPutLeavesAChangedFileAlone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.yaml")
	env := world{}.SystemLike()
	env.ReadFile = func(path string, limit int64) ([]byte, os.FileMode, error) {
		return []byte(putHead), 0o600, nil // what stood there before
	}
	if err := os.WriteFile(file, []byte(putHead+"# somebody\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := PutTerminal(file, Entry{Name: "counter", Driver: "zvt", Port: byUSB, Currency: "EUR"}, putDrivers(), env); err == nil || !strings.Contains(err.Error(), "somebody else") {
		t.Error(err)
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != putHead+"# somebody\n" {
		t.Errorf("%s %v", got, err)
	}
	alone(t, file)
}

func TestPutKeepsALink(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "real.yaml"), filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte(putHead), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Skip("this system makes no links here: ", err)
	}
	if _, err := PutTerminal(link, Entry{Name: "counter", Driver: "zvt", Port: byUSB, Currency: "EUR"}, putDrivers(), world{}.SystemLike()); err != nil {
		t.Fatal(err)
	}
	to, err := os.Readlink(link)
	got, readErr := os.ReadFile(file)
	if err != nil || to != file || readErr != nil || !strings.Contains(string(got), "counter:") {
		t.Errorf("%s %v %v\n%s", to, err, readErr, got)
	}
	alone(t, file)
}

// The example file is what most shops start from: its terminal is replaced, or another one comes beside it.
func TestPutIntoTheExample(t *testing.T) {
	text := strings.Replace(string(Example()), "passcode_file: /etc/tillbridge/passcode", "passcode: correct-horse-battery", 1)
	for _, name := range []string{"counter", "counter-2"} {
		file := filepath.Join(t.TempDir(), "config.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		replaced, err := PutTerminal(file, Entry{Name: name, Driver: "zvt", Port: byUSB, Currency: "EUR"}, putDrivers(), world{}.SystemLike())
		if err != nil || replaced != (name == "counter") {
			t.Fatalf("%s: replaced %t, %v", name, replaced, err)
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		old := strings.Split(text, "\n")
		kept := 0
		for line := range strings.SplitSeq(string(got), "\n") {
			if kept < len(old) && line == old[kept] || kept+1 < len(old) && replaced && strings.HasPrefix(line, "    port: {usb") {
				kept++
			}
		}
		if kept != len(old) {
			t.Errorf("%s: of %d lines %d were kept:\n%s", name, len(old), kept, got)
		}
		s, err := Load(file, putDrivers(), world{}.SystemLike())
		if err != nil {
			t.Fatal(err)
		}
		if one, ok := s.Terminal(name); !ok || one.Port.USB != "0b00:0054" {
			t.Errorf("%+v", s.Terminals)
		}
	}
}
