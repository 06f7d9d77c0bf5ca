package doctor

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

// The secrets that are put everywhere.
const (
	seedPasscode = `h"orse<battery&21`
	seedPassword = "basic pass/9"
	seedPIN      = "483921"
	seedUnknown  = "nobodyToldOfThis7"
	seedKeyLine  = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgXyzAbcdEfghIjklM"
	seedKeyShort = "nOpQrStUvWx1234Zz=="
	seedCard     = "4929123456781234"
)

func forms(secret string) []string {
	return []string{
		secret, strings.ToUpper(secret), base64.StdEncoding.EncodeToString([]byte(secret)), hex.EncodeToString([]byte(secret)),
	}
}

// seedCards is the card number in the ways in which it is written.
func seedCards() string {
	var b strings.Builder
	for _, gap := range []string{"", " ", "-", ".", "  ", " - ", "/", "\n", "\r\n", "\t", "\u00a0", "_"} {
		b.WriteString("card " + seedCard[:4] + gap + seedCard[4:8] + gap + seedCard[8:12] + gap + seedCard[12:] + " paid\n")
	}
	return b.String() + "raw 49 29 12 34 56 78 12 34 and " + hex.EncodeToString([]byte(seedCard)) + "\n;" + seedCard + "=30121010000012300000?\n"
}

// seedText is a text with everything in it that must not get out.
func seedText() string {
	var b strings.Builder
	for _, s := range []string{seedPasscode, seedPassword} {
		for _, f := range forms(s) {
			b.WriteString("somebody typed " + f + " here\n")
		}
	}
	b.WriteString("time=2026-06-01T12:00:00Z level=INFO msg=x terminal password " + seedPIN + ", code=" + seedPIN + "\n")
	b.WriteString("X-MGR-PASSCODE: " + seedUnknown + "\nAuthorization: Basic " + base64.StdEncoding.EncodeToString([]byte("shop:"+seedUnknown)) + "\n")
	b.WriteString("headers map[X-Mgr-Passcode:[" + seedUnknown + "]]\n")
	b.WriteString(`{"password": "` + seedUnknown + `", "api_key":"` + seedUnknown + "\"}\n")
	b.WriteString("POST https://shop:" + seedUnknown + "@mgr.example/notify?key=" + seedUnknown + "\n")
	b.WriteString("-----BEGIN EC PRIVATE KEY-----\n" + seedKeyLine + "\n" + seedKeyShort + "\n-----END EC PRIVATE KEY-----\n")
	b.WriteString("the key goes on:\n" + seedKeyLine + "\n")
	b.WriteString(seedCards())
	return b.String()
}

// leaks finds what got out.
func leaks(text string) (found []string) {
	list := []string{seedUnknown, seedKeyLine, seedKeyShort, seedPIN, hex.EncodeToString([]byte(seedCard)), base64.StdEncoding.EncodeToString([]byte("shop:" + seedUnknown))}
	for _, s := range []string{seedPasscode, seedPassword} {
		list = append(list, forms(s)...)
	}
	for _, s := range list {
		if strings.Contains(text, s) {
			found = append(found, s)
		}
	}
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, text)
	for _, part := range []string{seedCard, seedCard[:8], seedCard[4:12]} {
		if strings.Contains(digits, part) {
			found = append(found, "digits "+part)
		}
	}
	return found
}

func TestBundleTellsNoSecret(t *testing.T) {
	if len(leaks(seedText())) < 14 {
		t.Fatalf("the search finds only %q", leaks(seedText()))
	}
	settings := `# passcode was ` + seedUnknown + ` until ` + seedCard + `
listen: 127.0.0.1:8473 # ` + seedUnknown + `
mgr:
  passcode: '` + seedPasscode + `'
  pascode: ` + seedUnknown + `
  basic_auth: {username: ` + seedUnknown + `, password: "` + seedPassword + `"}
  passcode_file: /etc/tillbridge/passcode
  notify_url: https://mgr.example/notify?token=` + seedUnknown + `
  allowed_origins: [https://www.mgr.example, ` + seedUnknown + `]
alarms:
  webhook: {url: "https://hooks.example/` + seedUnknown + `", token_file: /etc/tillbridge/alarm-token}
  email:
    smtp: mail.example.com:587
    tls: starttls
    to: [` + seedUnknown + `@example.com]
    username: ` + seedUnknown + `
    password: ` + seedUnknown + `
terminals:
  counter:
    driver: zvt
    options: {password: "` + seedPIN + `", receipts: register}
    note: |
      ` + seedUnknown + `
      ` + seedCard + `
    port: {serial: /dev/ttyUSB0, baud: 9600}
` + seedUnknown + "\n"
	inside, files := SecretsIn(settings)
	if len(files) != 2 || files[0] != "/etc/tillbridge/passcode" || files[1] != "/etc/tillbridge/alarm-token" {
		t.Errorf("files with secrets: %q", files)
	}
	if !slices.Contains(inside, "https://hooks.example/"+seedUnknown) || slices.Contains(inside, "https://mgr.example/notify?token="+seedUnknown) {
		t.Errorf("secrets inside: %q", inside)
	}
	r := NewRedactor(append(inside, seedPasscode, seedPassword, seedKeyLine, seedKeyShort)...)
	parts := []Part{
		{Name: "settings.yaml", What: "settings " + seedUnknown[:0] + seedCard, Text: settings, Settings: true},
		{Name: "seeded.txt", What: "everything", Text: seedText()},
		{Name: "seeded.json", What: "as JSON", Text: JSON(map[string]any{"text": seedText(), "pass": seedPasscode, "n": []string{seedCard}})},
		{Name: "cards.json", What: "cards as JSON", Text: JSON(map[string]any{"text": seedCards(), "n": []string{seedCard}})},
		{Name: "long.txt", What: "cut", Text: strings.Repeat("x", partMost-200) + "\n" + seedText() + strings.Repeat("y", 300) + "\n"},
		{Name: "gone.txt", What: "none", Missing: "no access with " + seedPasscode},
	}
	var raw bytes.Buffer
	if err := WriteBundle(&raw, time.Unix(1_780_000_000, 0), "Bundle", parts, r); err != nil {
		t.Fatal(err)
	}
	if l := leaks(raw.String()); len(l) > 0 {
		t.Errorf("the raw file has %q", l)
	}
	texts := unzip(t, raw.Bytes())
	for name, text := range texts {
		if l := leaks(name + text); len(l) > 0 {
			t.Errorf("%s has %q:\n%s", name, l, text)
		}
	}
	for name, want := range map[string]string{
		"CONTENTS.txt": "missing: no access with", "settings.yaml": "    driver: zvt\n", "seeded.txt": "somebody typed [left out] here", "long.txt": "[the beginning is left out]",
	} {
		if !strings.Contains(texts[name], want) {
			t.Errorf("%s does not have %q:\n%s", name, want, texts[name])
		}
	}
	for _, want := range []string{
		"listen: 127.0.0.1:8473", "passcode_file: /etc/tillbridge/passcode", "{serial: /dev/ttyUSB0, baud: 9600}", "receipts: register", "notify_url: https://mgr.example/notify", "https://www.mgr.example",
		"{url: [left out], token_file: /etc/tillbridge/alarm-token}", "    smtp: mail.example.com:587\n    tls: starttls\n",
	} {
		if !strings.Contains(texts["settings.yaml"], want) {
			t.Errorf("support would miss %q:\n%s", want, texts["settings.yaml"])
		}
	}
	if !strings.Contains(texts["seeded.txt"], "1234 paid") || !strings.Contains(texts["seeded.txt"], "time=2026-06-01T12:00:00Z") {
		t.Errorf("too much is left out:\n%s", texts["seeded.txt"])
	}
}

// unzip is the texts of a bundle, which begins with its table of contents.
func unzip(t *testing.T, raw []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for i, f := range z.File {
		rc, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(rc)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 && f.Name != "CONTENTS.txt" {
			t.Errorf("the first file is %s", f.Name)
		}
		texts[f.Name] = f.Comment + string(b)
	}
	return texts
}

func FuzzRedactor(f *testing.F) {
	f.Add("4929 1234 5678 1234", "")
	f.Add("x", "# passcode: 'a'\n")
	f.Fuzz(func(t *testing.T, before, after string) {
		r := NewRedactor(seedPasscode, seedPIN)
		for _, text := range []string{r.Text(before + " " + seedPasscode + " card: " + seedCard + " . " + after), r.Settings(before + "\npasscode: " + seedPasscode + " #" + seedCard + "\n" + after)} {
			if strings.Contains(text, seedPasscode) || strings.Contains(text, seedCard) {
				t.Errorf("it got out: %q", text)
			}
		}
	})
}
