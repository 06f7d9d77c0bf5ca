package config

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/big"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tillbridge/terminal"
)

var update = flag.Bool("update", false, "write the golden files and config.example.yaml anew")

// world is an Env that a test makes up.
type world struct {
	os    string
	env   map[string]string
	files map[string]string
	modes map[string]fs.FileMode
}

func (w world) Env() Env {
	if w.os == "" {
		w.os = "linux"
	}
	return Env{
		OS:        w.os,
		LookupEnv: func(name string) (string, bool) { v, ok := w.env[name]; return v, ok },
		ReadFile: func(path string, limit int64) ([]byte, fs.FileMode, error) {
			text, ok := w.files[path]
			switch {
			case !ok:
				return nil, 0, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
			case text == "denied":
				return nil, 0, &fs.PathError{Op: "open", Path: path, Err: fs.ErrPermission}
			case int64(len(text)) > limit:
				return nil, 0, fmt.Errorf("%s: %w", path, ErrTooLarge)
			}
			return []byte(text), w.modes[path], nil
		},
	}
}

// zvtOptions stands in for a driver's options and has one field of each kind.
type zvtOptions struct {
	Password          string        `yaml:"password"`
	ConfigByte        uint8         `yaml:"config_byte"`
	ServiceByte       *uint8        `yaml:"service_byte"`
	CharacterSet      charset       `yaml:"character_set"`
	Receipts          bool          `yaml:"receipts"`
	CloseAfterCommand bool          `yaml:"close_after_command"`
	Wait              time.Duration `yaml:"wait"`
	Host              struct {
		Address netip.Addr `yaml:"address"`
		Token   string     `yaml:"token"`
	} `yaml:"host"`
	Width int8              `yaml:"width"`
	Cards []string          `yaml:"cards"`
	Texts map[string]string `yaml:"texts"`
}

type charset string

func (c *charset) UnmarshalText(b []byte) error {
	if s := string(b); s != "auto" && s != "cp437" && s != "latin1" && s != "utf8" {
		return errors.New("allowed: auto, cp437, latin1, utf8")
	}
	*c = charset(b)
	return nil
}

func (o *zvtOptions) Validate() error {
	var all []error
	if len(o.Password) != 6 {
		all = append(all, errors.New("password: the password must have six digits; ask the provider"))
	}
	if o.Width != 0 && o.Width < 16 {
		all = append(all, errors.New("width: too narrow; 16 or more"))
	}
	return errors.Join(all...)
}

// plain is a session that can only pay.
type plain struct{ terminal.Session }

func drivers() []terminal.Driver {
	serial := terminal.LineDefaults{Baud: 9600, DataBits: 8, Parity: "none", StopBits: "2", TCPPort: 20007}
	return []terminal.Driver{
		{Name: "zvt", Line: serial, Options: func() any {
			return &zvtOptions{Password: "000000", ConfigByte: 0xBE, CharacterSet: "cp437", Receipts: true}
		}},
		{Name: "manual"},
		{Name: "plain", Kinds: []terminal.Session{plain{}}},
		{Name: "telium", Line: terminal.LineDefaults{Baud: 9600, DataBits: 7, Parity: "even", StopBits: "1"}},
		{Name: "linkly", Line: terminal.LineDefaults{TCPPort: 2011}},
	}
}

// pemPair makes a certificate and its key.
func pemPair(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
}

const goodPass = "correct-horse-battery"

// small is a world with a passcode, so that a test's file can be about something else.
func small() world { return world{env: map[string]string{passcodeEnv: goodPass}} }

// with is a file that is right but for the lines given; a line "terminals:" among them replaces the usual one.
func with(lines string) string {
	if !strings.Contains(lines, "terminals:") {
		lines += "\nterminals: {counter: {driver: zvt, port: {serial: /dev/ttyUSB0}, currency: EUR}}\n"
	}
	return lines
}

func parseOK(t *testing.T, w world, text string) *Settings {
	t.Helper()
	s, err := Parse("/etc/tillbridge/config.yaml", []byte(text), drivers(), w.Env())
	if err != nil {
		t.Fatalf("refused:\n%v\nthe file:\n%s", err, text)
	}
	return s
}

// parseErr gives the errors of a text without the file's name.
func parseErr(t *testing.T, w world, text string) string {
	t.Helper()
	s, err := Parse("f", []byte(text), drivers(), w.Env())
	if err == nil {
		t.Fatalf("taken:\n%s", text)
	}
	var all Errors
	if s != nil || !errors.As(err, &all) {
		t.Fatalf("settings %v and an error of type %T", s, err)
	}
	return strings.ReplaceAll("\n"+err.Error(), "\nf:", "\n")[1:]
}

func TestDefaults(t *testing.T) {
	got := parseOK(t, small(), with(""))
	eur := terminal.Currency{Code: "EUR", Numeric: 978, Digits: 2}
	want := &Settings{
		File: "/etc/tillbridge/config.yaml", Listen: "127.0.0.1:8473", Counter: "127.0.0.1:8474",
		Journal: "/var/lib/tillbridge/journal.db", CounterPasswordFile: "/var/lib/tillbridge/counter-password",
		OwnerPasswordFile: "/var/lib/tillbridge/owner-password", APITokenFile: "/var/lib/tillbridge/api-token",
		QueueLimit: time.Minute,
		MGR: MGR{
			Passcode: goodPass, PasscodeFrom: "TILLBRIDGE_PASSCODE",
			NotifyURL:      "https://www.mygadgetrepairs.com/external/payments/custom/notify",
			AllowedOrigins: []string{"https://www.mygadgetrepairs.com"},
		},
		Terminals: []Terminal{{
			Name: "counter", Driver: "zvt", Currency: eur, MaxAmount: terminal.Amount{Currency: eur},
			Port:    Port{Serial: "/dev/ttyUSB0", Baud: 9600, DataBits: 8, Parity: "none", StopBits: "2"},
			Options: &zvtOptions{Password: "000000", ConfigByte: 0xBE, CharacterSet: "cp437", Receipts: true},
		}},
	}
	if d := cmp.Diff(reveal(want), reveal(got), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
		t.Error(d)
	}
	if got.MGR.Passcode.Reveal() != goodPass {
		t.Error("the passcode is not what was set")
	}
}

// reveal gives the settings in a form whose difference is readable.
func reveal(s *Settings) any {
	type plain Settings
	return plain(*s)
}

func TestEverythingSet(t *testing.T) {
	cert, key := pemPair(t)
	w := world{
		files: map[string]string{"/etc/tillbridge/pass": "\ufeff" + goodPass + "\r\n", "/etc/tillbridge/cert.pem": cert, "/etc/tillbridge/key.pem": key},
		modes: map[string]fs.FileMode{"/etc/tillbridge/pass": 0o640, "/etc/tillbridge/key.pem": 0o600},
	}
	text, err := os.ReadFile("testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s := parseOK(t, w, string(text))
	if len(s.Warnings) != 0 {
		t.Errorf("warnings:\n%v", Errors(s.Warnings))
	}
	golden(t, "testdata/full.txt", s.String())
	seven := uint8(7)
	want := &zvtOptions{
		Password: "123456", ConfigByte: 0x8e, ServiceByte: &seven, CharacterSet: "latin1", CloseAfterCommand: true,
		Wait: 90 * time.Second, Width: 24, Cards: []string{"girocard", "Visa"}, Texts: map[string]string{"thanks": "Danke"},
	}
	want.Host.Address, want.Host.Token = netip.MustParseAddr("10.0.0.1"), "sesame"
	counter, _ := s.Terminal("counter")
	if d := cmp.Diff(want, counter.Options, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
		t.Error(d)
	}
	if counter.MaxAmount.Minor != 50000 || counter.AmountUnit != Minor {
		t.Errorf("the most is %v in %v units", counter.MaxAmount, counter.AmountUnit)
	}
	if _, ok := s.Terminal("attic"); ok {
		t.Error("a terminal that is not there was found")
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s differs (go test ./bridge/config -update writes it anew):\n%s", file, d)
	}
}

// Each case folder holds a settings file and, beside it, the errors and warnings that it gives.
func TestGoldenErrors(t *testing.T) {
	files, err := filepath.Glob("testdata/errors/*.yaml")
	if err != nil || len(files) < 5 {
		t.Fatalf("cases are missing: %d, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, errs := parse(filepath.Base(file), text, 0, drivers(), world{}.Env())
			golden(t, strings.TrimSuffix(file, ".yaml")+".txt", errs.Error()+"\n")
		})
	}
}

func TestSixMistakesAreAllReported(t *testing.T) {
	text, err := os.ReadFile("testdata/errors/six.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, got := Parse("six.yaml", text, drivers(), small().Env())
	var all Errors
	if !errors.As(got, &all) || len(all) != 6 {
		t.Fatalf("%d mistakes are reported instead of 6:\n%v", len(all), got)
	}
	for i, line := range []int{3, 5, 12, 13, 14, 16} {
		if e := all[i]; e.Line != line || e.Column < 1 || e.Path == "" || e.Message == "" || e.Allowed == "" {
			t.Errorf("mistake %d is not whole or not in line %d: %v", i+1, line, e)
		}
	}
}

// What the example says is checked against the real drivers in cmd/tillbridge.
func TestExample(t *testing.T) {
	if *update {
		if err := os.WriteFile("../../config.example.yaml", Example(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	top, err := os.ReadFile("../../config.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(top, Example()) {
		t.Fatal("config.example.yaml and bridge/config/example.yaml differ; go test ./bridge/config -update copies the latter")
	}
}

func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/*.yaml", "testdata/errors/*.yaml", "../../config.example.yaml"} {
		files, _ := filepath.Glob(pattern)
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	f.Add([]byte("a: &a [*a, *a]\nb: *a"))
	f.Add([]byte("\xff\xfea\x00:\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		const secret = "S3cr3tS3cr3tS3cr3t"
		w := world{env: map[string]string{passcodeEnv: secret}}
		s, err := Parse("f", text, drivers(), w.Env())
		if (s == nil) == (err == nil) {
			t.Fatalf("settings %v with error %v", s, err)
		}
		if err == nil {
			if len(s.Terminals) == 0 || s.MGR.Passcode == "" || strings.Contains(s.String(), secret) {
				t.Fatalf("taken without what it needs, or a secret is shown:\n%s", s)
			}
			return
		}
		lines := bytes.Count(decodeText(text), []byte("\n")) + bytes.Count(decodeText(text), []byte("\r")) + 1
		last := 0
		for _, e := range err.(Errors) {
			if e.Line < last || e.Line > lines || e.Line > 0 && e.Column < 1 || e.Message == "" {
				t.Fatalf("error %+v is out of place; the file has %d lines", e, lines)
			}
			last = e.Line
			if strings.ContainsAny(e.Error(), "\n\r\x00\x1b") {
				t.Fatalf("error %q is not one line", e)
			}
		}
	})
}
