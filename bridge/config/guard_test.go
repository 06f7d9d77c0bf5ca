package config

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"tillbridge/terminal"
)

func TestTLS(t *testing.T) {
	cert, key := pemPair(t)
	_, other := pemPair(t)
	w := small()
	w.files = map[string]string{"/cert": cert, "/key": key, "/other": other, "/not-pem": "x", "/closed": "denied"}
	w.modes = map[string]fs.FileMode{"/key": 0o600, "/other": 0o644, "/closed": 0o600}
	s := parseOK(t, w, with("listen: 0.0.0.0:1\ntls: {cert: /cert, key: /key}"))
	if s.TLS == nil || *s.TLS != (TLS{"/cert", "/key"}) || len(s.Exposed()) != 0 || len(s.Warnings) != 0 {
		t.Errorf("%+v, exposed %v, %v", s.TLS, s.Exposed(), Errors(s.Warnings))
	}
	s = parseOK(t, w, with("insecure_lan: true\nlisten: 0.0.0.0:1\ntls: {cert: /cert, key: /key}"))
	if len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0].Message, "no effect, since tls is set") {
		t.Errorf("%v", Errors(s.Warnings))
	}
	for tls, want := range map[string]string{
		"{cert: /cert, key: /other}":   "1:13: tls.cert: certificate and key are not a pair",
		"{cert: /not-pem, key: /key}":  "1:13: tls.cert: certificate and key are not a pair",
		"{cert: /none, key: /key}":     `1:13: tls.cert: there is no file "/none"`,
		"{cert: /cert, key: /closed}":  `1:25: tls.key: the file "/closed" may not be read by this user`,
		"{cert: /cert}":                "1:1: tls.key: this key is missing; name the PEM file of the certificate's key",
		"{cert: /cert, key: /key, ca}": "1:31: tls.ca: there is no such key here",
		"/cert":                        "1:6: tls: a block of keys is needed here, but this is text",
		"true":                         "1:6: tls: a block of keys is needed here, but this is a truth value",
		"":                             "1:1: tls: a block of keys is needed here, but this is empty",
	} {
		if got := parseErr(t, w, with("tls: "+tls)); !strings.HasPrefix(got, want) || strings.Contains(got, "\n") {
			t.Errorf("tls: %s gives %s, want %s", tls, got, want)
		}
	}
}

func TestBasicAuth(t *testing.T) {
	w := small()
	w.files = map[string]string{"/p": "pass word\n"}
	s := parseOK(t, w, with("mgr: {basic_auth: {username: shop, password_file: /p}}"))
	if a := s.MGR.BasicAuth; a == nil || a.Username != "shop" || a.Password.Reveal() != "pass word" {
		t.Error("user name and password are not what was set")
	}
	for auth, want := range map[string]string{
		"{password: x}":                        "1:7: mgr.basic_auth.username: this key is missing",
		"{username: a}":                        "1:7: mgr.basic_auth.password_file: this key is missing",
		"{username: 12, password: x}":          `1:30: mgr.basic_auth.username: a user name is needed here, but without quotes this is a number to YAML, and may come out changed; write it in quotes: "12"`,
		"{username: 'ä', password: x}":         "1:30: mgr.basic_auth.username: this user name cannot be sent",
		"{username: a, password: ''}":          "1:43: mgr.basic_auth.password: a password is needed here, but this is empty",
		"{username: a, password: 0123}":        `write it in quotes: "…"`,
		"{username: [S3cr3t], password: a}":    "1:30: mgr.basic_auth.username: a user name is needed here, but this is a list",
		"{username: a, passwort: S3cr3t}":      "did you mean password?",
		"{user: a, name: b, password: S3cr3t}": "mgr.basic_auth.user: there is no such key here",
	} {
		if got := parseErr(t, w, with("mgr: {basic_auth: "+auth+"}")); !strings.Contains(got, want) || strings.Contains(got, "S3cr3t") || strings.Contains(got, "0123") {
			t.Errorf("basic_auth: %s gives %s, want %s", auth, got, want)
		}
	}
}

// Wrong values of options with a secret's name are not quoted, whatever their type, and card numbers never
// are.
func TestErrorsShowNoSecret(t *testing.T) {
	type common struct {
		Speed int `yaml:"speed"`
	}
	type options struct {
		common       `yaml:"-"`
		Common       common `yaml:",inline"`
		PIN          int    `yaml:"pin"`
		Tokens       []string
		Key          time.Duration
		Secret       charset
		Passwords    map[string]int
		NotRead      string `yaml:"-"`
		Credential   *struct{ User, Name string }
		Text, Number charset
	}
	d := []terminal.Driver{{Name: "odd", Options: func() any { return &options{} }}}
	for text, want := range map[string]string{
		"pin: 99887766554433221100":                 "options.pin: this value is out of range; allowed: -9223372036854775808 to 9223372036854775807",
		"pin: S3cr3t":                               "options.pin: a whole number is needed here, but this is text",
		"pin: 0998877":                              "options.pin: this value can be read as more than one number",
		"tokens: [0998877]":                         "options.tokens.1: a text is needed here",
		"key: S3cr3t":                               "options.key: this value is not a time span",
		"key: 998877h":                              "options.key: this value is out of range; allowed: 0s to 24h0m0s",
		"secret: S3cr3t":                            "options.secret: this value is not allowed",
		"passwords: {a: S3cr3t}":                    "options.passwords.a: a whole number is needed here",
		"credential: {user: 0998877, name: a}":      "options.credential.user: a text is needed here",
		"notread: S3cr3t":                           "options.notread: there is no such key here; allowed: speed, pin, tokens,",
		"speed: x":                                  `options.speed: a whole number is needed here, but this is the text "x"`,
		"text: 4111 1111 1111 1111":                 `options.text: "**** **** **** 1111" is not allowed`,
		"text: a4111111111111111b4111111111111111c": `"a************1111b************1111c"`,
		"number: 4111111111111111":                  `options.number: "************1111" is not allowed`,
		"4111111111111111: 1":                       `options."************1111": there is no such key here`,
	} {
		_, err := Parse("f", []byte("terminals: {a: {driver: odd, currency: EUR, options: {"+text+"}}}"), d, small().Env())
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "S3cr3t") || strings.Contains(err.Error(), "998877") || strings.Contains(err.Error(), "411111") {
			t.Errorf("%s gives %v, want %s", text, err, want)
		}
	}
	var all Errors
	if _, err := Parse("f", []byte("terminals: {a: {driver: odd, currency: EUR, options: {speed: 5, key: 5s, passwords: {a: 1}, credential: {user: u}}}}"), d, small().Env()); errors.As(err, &all) {
		t.Error(err)
	}
}
