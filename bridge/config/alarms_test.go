package config

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// alarmWorld has the files that settings of alarms name.
func alarmWorld() world {
	w := small()
	w.files = map[string]string{"/token": "t0ken-t0ken\n", "/pw": "S3cr3t word\r\n", "/two": "a\nb\n"}
	w.modes = map[string]fs.FileMode{"/token": 0o640, "/pw": 0o600}
	return w
}

func TestAlarms(t *testing.T) {
	hook, mail := &AlarmWebhook{URL: "https://a.example/x", Token: "t0ken-t0ken"}, &AlarmEmail{SMTP: "mail.example.com:587", TLS: StartTLS, From: "till@example.com", To: []string{"o@example.com"}}
	server := func(smtp string, way MailTLS) *Alarms {
		m := *mail
		m.SMTP, m.TLS = smtp, way
		return &Alarms{Email: &m}
	}
	signedIn := *mail
	signedIn.Username, signedIn.Password = "till", "S3cr3t word"
	const people = "from: till@example.com, to: [o@example.com]"
	for text, want := range map[string]*Alarms{
		"": nil,
		"alarms: {webhook: {url: https://a.example/x, token_file: /token}}":                                        {Webhook: hook},
		"alarms: {webhook: {url: https://a.example/x, token: t0ken-t0ken}}":                                        {Webhook: hook},
		"alarms: {shop: Späti Nº 2, webhook: {url: http://127.0.0.1:9/a}}":                                         {Shop: "Späti Nº 2", Webhook: &AlarmWebhook{URL: "http://127.0.0.1:9/a"}},
		"alarms: {email: {smtp: mail.example.com:587, " + people + "}}":                                            {Email: mail},
		"alarms: {email: {smtp: MAIL.example.com:587, tls: starttls, " + people + "}}":                             {Email: mail},
		"alarms: {email: {smtp: mail.example.com:587, username: till, password_file: /pw, " + people + "}}":        {Email: &signedIn},
		"alarms: {email: {smtp: mail.example.com:587, username: till, password: \"S3cr3t word\", " + people + "}}": {Email: &signedIn},
		"alarms: {email: {smtp: mail.example.com:465, " + people + "}}":                                            server("mail.example.com:465", ImplicitTLS),
		"alarms: {email: {smtp: 'mail.example.com:2525', tls: implicit, " + people + "}}":                          server("mail.example.com:2525", ImplicitTLS),
		"alarms: {email: {smtp: '[::1]:25', tls: none, " + people + "}}":                                           server("[::1]:25", NoTLS),
		"alarms: {email: {smtp: 'localhost:25', tls: none, " + people + "}}":                                       server("localhost:25", NoTLS),
	} {
		s := parseOK(t, alarmWorld(), with(text))
		got := s.Alarms
		if d := cmp.Diff(bare(want), bare(got)); d != "" {
			t.Errorf("%s: %s", text, d)
		}
		for _, secret := range []string{"t0ken", "S3cr3t", "/x"} {
			if strings.Contains(s.String(), secret) {
				t.Errorf("%s: %q is shown:\n%s", text, secret, s)
			}
		}
	}
}

// bare is the settings of alarms in a form that shows its secrets.
func bare(a *Alarms) any {
	if a == nil {
		return nil
	}
	all := []any{a.Shop}
	if w := a.Webhook; w != nil {
		all = append(all, w.URL.Reveal(), w.Token.Reveal())
	}
	if m := a.Email; m != nil {
		all = append(all, m.SMTP, m.TLS, m.From, m.To, m.Username, m.Password.Reveal())
	}
	return all
}

func TestAlarmsRefused(t *testing.T) {
	const people = "from: a@example.com, to: [b@example.com]"
	const good = "smtp: mail.example.com:587, "
	for text, want := range map[string]string{
		"{}":              "1:1: alarms.email: this key is missing; write webhook: or email:, or remove alarms: nobody would be told",
		"{shop: x}":       "1:1: alarms.email: this key is missing",
		"yes":             "1:9: alarms: a block of keys is needed here, but this is text; write its keys below it, indented: shop, webhook, email",
		"{mail: {}}":      "alarms.mail: there is no such key here",
		"{webhok: {}}":    "alarms.webhok: there is no such key here; did you mean webhook?",
		"{url: S3cr3t}":   "alarms.url: there is no such key here; it belongs in alarms.webhook",
		"{smtp: mail:25}": "alarms.smtp: there is no such key here; it belongs in alarms.email",
		`{shop: "a\nb", ` + "webhook: {url: https://a.example}}":                     `1:16: alarms.shop: "a�b" cannot be used as a name; at most 60 characters on one line, no space at either end`,
		"{shop: 12, webhook: {url: https://a.example}}":                              `alarms.shop: a name is needed here, but without quotes this is a number to YAML`,
		"{shop: " + strings.Repeat("x", 61) + ", webhook: {url: https://a.example}}": "cannot be used as a name",

		"{webhook: {}}": "1:10: alarms.webhook.url: this key is missing; write the address that alarms are to be posted to, https://…",
		"{webhook: {url: http://S3cr3t.example/S3cr3t}}":                    "1:25: alarms.webhook.url: http would send amounts unencrypted; write https://; http is allowed to this machine only, such as http://127.0.0.1:9000/alarms",
		"{webhook: {url: ftp://S3cr3t.example/}}":                           "alarms.webhook.url: this value is not a scheme that can be used; write the whole address, such as https://alarms.example.com/till",
		"{webhook: {url: S3cr3t}}":                                          "alarms.webhook.url: this value is not a web address; write the whole address",
		"{webhook: {url: 'https://S3cr3t:x@a.example/'}}":                   "alarms.webhook.url: the address holds a user name or password; remove it: name a token in token_file",
		"{webhook: {url: 'https://a.example/#S3cr3t'}}":                     "alarms.webhook.url: the address has a part after #",
		"{webhook: {url: [S3cr3t]}}":                                        "alarms.webhook.url: a web address is needed here, but this is a list",
		"{webhook: {url: https://a.example, token: S3cr3tü}}":               "alarms.webhook.token: this secret cannot be sent as it is",
		"{webhook: {url: https://a.example, token: x, token_file: /token}}": "alarms.webhook.token_file: token and token_file are both given; keep one of them",
		"{webhook: {url: https://a.example, token_file: /none}}":            `alarms.webhook.token_file: there is no file "/none"; create it, or correct the path`,
		"{webhook: {url: https://a.example, token_file: /two}}":             `alarms.webhook.token_file: the file "/two" has more than one line`,
		"{webhook: {url: https://a.example, secret: S3cr3t}}":               "alarms.webhook.secret: there is no such key here",

		"{email: {" + people + "}}":                                                               "1:10: alarms.email.smtp: this key is missing; write host:port, such as mail.example.com:587",
		"{email: {" + good + "to: [b@example.com]}}":                                              "1:10: alarms.email.from: this key is missing; write the address that the messages come from",
		"{email: {" + good + "from: a@example.com}}":                                              "1:10: alarms.email.to: this key is missing; write who is told",
		"{email: {" + good + "from: a@example.com, to: []}}":                                      "alarms.email.to: the list is empty; write who is told",
		"{email: {" + good + "from: a@example.com, to: b@example.com}}":                           "alarms.email.to: a list is needed here, but this is text; write [owner@example.com]",
		"{email: {" + good + "from: a@example.com, to: [b@example.com, B@example.com]}}":          `alarms.email.to.2: "B@example.com" stands in the list twice; keep one`,
		"{email: {" + good + "from: a@example.com, to: [" + strings.Repeat("b, ", 10) + "b]}}":    "alarms.email.to: the list has 11 items; at most 10",
		"{email: {smtp: mail.example.com, " + people + "}}":                                       `alarms.email.smtp: "mail.example.com" is not host:port; write host:port, such as mail.example.com:587`,
		"{email: {smtp: 'smtp://mail.example.com:587', " + people + "}}":                          "is not host:port",
		"{email: {smtp: 'mail example:587', " + people + "}}":                                     "is not host:port",
		"{email: {smtp: mail.example.com:0, " + people + "}}":                                     `alarms.email.smtp: "0" is not a port number; allowed: 1 to 65535; mail servers use 587, or 465 with tls: implicit`,
		"{email: {" + good + "tls: ssl, " + people + "}}":                                         `alarms.email.tls: "ssl" is not known here; allowed: starttls, implicit, none`,
		"{email: {" + good + "tls: implicit, " + people + "}}":                                    "alarms.email.tls: port 587 begins unencrypted; write tls: starttls, or use port 465",
		"{email: {smtp: mail.example.com:465, tls: starttls, " + people + "}}":                    "alarms.email.tls: port 465 is encrypted from the first byte; write tls: implicit, or use port 587",
		"{email: {" + good + "tls: none, " + people + "}}":                                        "alarms.email.tls: the messages would be sent unencrypted; write tls: starttls; none is allowed to this machine only",
		"{email: {smtp: 127.0.0.1:25, tls: none, username: u, password: S3cr3t, " + people + "}}": "alarms.email.username: the password would be sent unencrypted",
		"{email: {" + good + "username: u, " + people + "}}":                                      "alarms.email.password_file: this key is missing; name the file with the password",
		"{email: {" + good + "password: S3cr3t, " + people + "}}":                                 "alarms.email.username: this key is missing; write the user name for the mail server, or remove the password",
		"{email: {" + good + "username: ü, password: S3cr3t, " + people + "}}":                    "alarms.email.username: this user name cannot be sent to a mail server",
		"{email: {" + good + "username: u, password: 0123, " + people + "}}":                      `alarms.email.password: a password is needed here, but without quotes this is a number to YAML, and may come out changed; write it in quotes: "…"`,
	} {
		if got := parseErr(t, alarmWorld(), with("alarms: "+text)); !strings.Contains(got, want) || strings.Contains(got, "S3cr3t") || strings.Contains(got, "0123") {
			t.Errorf("alarms: %s\ngives %s\nwant  %s", text, got, want)
		}
	}
}

func TestMailboxes(t *testing.T) {
	for _, text := range []string{
		"owner", "'@example.com'", "owner@", "owner@example.com.", "owner@127.0.0.1", "o@b@example.com", "'Owner <owner@example.com>'", `"a\r\nBcc: x@example.com"`,
		"'a b@example.com'", "ö@example.com", "a@exämple.com", ".a@example.com", "a..b@example.com", `'"a"@example.com'`, strings.Repeat("a", 65) + "@example.com",
	} {
		got := parseErr(t, small(), with("alarms: {email: {smtp: mail.example.com:587, to: [b@example.com], from: "+text+"}}"))
		if !strings.Contains(got, "alarms.email.from: ") || !strings.Contains(got, "is not an e-mail address; write the address alone") || strings.Contains(got, "\n") {
			t.Errorf("%s gives %s", text, got)
		}
	}
}

// A daemon whose alarms alone are wrong still shows its counter screen where the file says.
func TestRescueWithWrongAlarms(t *testing.T) {
	w := small()
	w.files = map[string]string{"/etc/t.yaml": with("counter: 127.0.0.1:99\nalarms: {webhook: {url: x}, email: {}}")}
	if s := Rescue("/etc/t.yaml", w.Env()); s.Counter != "127.0.0.1:99" || s.Alarms != nil {
		t.Errorf("counter %s, alarms %v", s.Counter, s.Alarms)
	}
}

// The block of alarms in the example is right when the number signs are taken away.
func TestExampleOfAlarms(t *testing.T) {
	_, block, found := strings.Cut(string(Example()), "\n#alarms:\n")
	if !found {
		t.Fatal("the example has no block of alarms")
	}
	text := "alarms:\n"
	for line := range strings.Lines(block) {
		bare, commented := strings.CutPrefix(line, "#")
		if !commented {
			break
		}
		text += bare
	}
	w := small()
	w.files = map[string]string{"/etc/tillbridge/alarm-token": "token", "/etc/tillbridge/mail-password": "password"}
	w.modes = map[string]fs.FileMode{"/etc/tillbridge/alarm-token": 0o640, "/etc/tillbridge/mail-password": 0o640}
	s := parseOK(t, w, with(text))
	if s.Alarms == nil || s.Alarms.Webhook == nil || s.Alarms.Webhook.Token == "" || s.Alarms.Email == nil || s.Alarms.Email.Password == "" || s.Alarms.Shop == "" || len(s.Warnings) > 0 {
		t.Errorf("%+v, %v", s.Alarms, Errors(s.Warnings))
	}
}
