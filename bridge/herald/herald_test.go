package herald

import (
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/terminal"
)

// Each kind is told once when it has stood for as long as it must, and once when it is over; what ends before is not told.
func TestRaisedAndOver(t *testing.T) {
	for name, c := range map[string]struct {
		thing Thing
		after time.Duration
		want  string
	}{
		"an alarm": {Thing{Key: "a", Kind: "clock"}, 0, "clock"},
		"a hold":   {hold("u1"), 5 * time.Minute, "hold u1"},
		"notices":  {Thing{Key: "undelivered", Kind: Undelivered}, 15 * time.Minute, "undelivered"},
		"terminal": {gone("till"), 10 * time.Minute, "terminal till"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			synctest.Test(t, func(t *testing.T) {
				b := &box{}
				defer s.start(t, s.config(), b)()
				if c.after > 0 {
					s.stand(c.thing)
					pass(c.after - time.Second)
					s.end(c.thing.Key)
					pass(time.Hour)
					if got := b.told(); got != "" {
						t.Errorf("it was over in time, and told: %s", got)
					}
				}
				s.stand(c.thing)
				if pass(c.after); c.after > 0 && b.messages() > 0 {
					t.Errorf("told too early: %s", b.told())
				}
				pass(lookEvery)
				if got := b.told(); got != "raised "+c.want {
					t.Errorf("told %q", got)
				}
				pass(48 * time.Hour)
				if got := b.told(); got != "" {
					t.Errorf("told again while it stands: %s", got)
				}
				s.end(c.thing.Key)
				pass(lookEvery)
				if got := b.told(); got != "over "+c.want {
					t.Errorf("told %q", got)
				}
				s.stand(c.thing)
				pass(c.after + between + lookEvery)
				if got := b.told(); got != "raised "+c.want {
					t.Errorf("when it comes again: told %q", got)
				}
			})
		})
	}
}

// A thing's own beginning counts where it is before the first look that found it, and a clock that was set back keeps
// nothing from being told.
func TestBeginning(t *testing.T) {
	s := newShop(t)
	synctest.Test(t, func(t *testing.T) {
		b := &box{}
		early, late := hold("early"), hold("late")
		early.Since, late.Since = time.Now().Add(-4*time.Minute), time.Now().Add(time.Hour)
		ahead := alarm(1)
		ahead.Since = time.Now().AddDate(1, 0, 0)
		s.stand(early, late, ahead)
		began := time.Now()
		defer s.start(t, s.config(), b)()
		pass(time.Second)
		if got := b.told(); got != "raised contrary p1" {
			t.Errorf("at once: %q", got)
		}
		pass(time.Minute + lookEvery)
		b.mu.Lock()
		at := b.came[0].m.Events[0].At
		b.mu.Unlock()
		if got := b.told(); got != "raised hold early" || !at.Equal(began.Add(-4*time.Minute)) {
			t.Errorf("after a minute: %q since %s", got, at)
		}
		pass(4 * time.Minute)
		if got := b.told(); got != "raised hold late" {
			t.Errorf("after five minutes: %q", got)
		}
	})
}

// Several things are one message, and there is one a minute at the most, whatever comes and goes.
func TestOneMessageAMinute(t *testing.T) {
	s := newShop(t)
	synctest.Test(t, func(t *testing.T) {
		b := &box{}
		s.stand(alarm(1), alarm(2))
		defer s.start(t, s.config(), b)()
		pass(time.Second)
		if n := b.messages(); n != 1 {
			t.Fatalf("%d messages for two alarms at once", n)
		}
		start := time.Now()
		for id := 3; id < 300; id++ {
			s.stand(alarm(id))
			pass(lookEvery)
			s.end(alarm(id).Key)
			pass(lookEvery)
		}
		minutes := int(time.Since(start)/time.Minute) + 2
		b.mu.Lock()
		var last time.Time
		events := 0
		for _, d := range b.came {
			if !last.IsZero() && d.at.Sub(last) < between {
				t.Errorf("a message %s after the last", d.at.Sub(last))
			}
			last = d.at
			events += len(d.m.Events)
		}
		n := len(b.came)
		b.mu.Unlock()
		if n > minutes || n < minutes-3 || events < 2+2*290 {
			t.Errorf("%d messages with %d events in %d minutes", n, events, minutes)
		}
	})
}

// After a restart nothing that stands is told again, and what ended meanwhile is over.
func TestRestart(t *testing.T) {
	s := newShop(t)
	synctest.Test(t, func(t *testing.T) {
		b := &box{}
		s.stand(alarm(1), hold("u1"), hold("u2"))
		stop := s.start(t, s.config(), b)
		pass(10 * time.Minute)
		if got := b.told(); got != "raised contrary p1, raised hold u1, raised hold u2" {
			t.Fatalf("told %q", got)
		}
		stop()
		s.end("hold:u1")
		pass(time.Hour)
		stop = s.start(t, s.config(), b)
		pass(30 * time.Hour)
		if got := b.told(); got != "over hold u1" {
			t.Errorf("after a restart: %q", got)
		}
		stop()
		if err := os.WriteFile(s.file, []byte(`{"version":`), 0o600); err != nil {
			t.Fatal(err)
		}
		stop = s.start(t, s.config(), b)
		pass(10 * time.Minute)
		if got := b.told(); got != "raised contrary p1, raised hold u2" || !strings.Contains(s.log.String(), "is not known") {
			t.Errorf("with a broken file: %q, log %s", got, &s.log)
		}
		stop()
		if info, err := os.Stat(s.file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the file: %v, %v", info, err)
		}
	})
}

// What could not be told before a stop is told after it, with what came since.
func TestQueueOutlivesARestart(t *testing.T) {
	s := newShop(t)
	synctest.Test(t, func(t *testing.T) {
		b := &box{answer: errDown}
		s.stand(alarm(1))
		stop := s.start(t, s.config(), b)
		pass(time.Minute)
		s.end("alarm:1")
		pass(time.Minute)
		stop()
		b.set(nil)
		defer s.start(t, s.config(), b)()
		pass(time.Second)
		if got, n := b.told(), b.messages(); got != "raised contrary p1, over contrary p1" || n != 0 {
			t.Errorf("told %q", got)
		}
	})
}

// A way that came into the settings hears of all that stands; the other hears nothing twice.
func TestAnotherWay(t *testing.T) {
	s := newShop(t)
	synctest.Test(t, func(t *testing.T) {
		hook, mail := &box{}, &box{}
		s.stand(alarm(1))
		stop := s.start(t, s.config(), hook)
		pass(time.Minute)
		stop()
		c := s.config()
		c.Email = &Email{SMTP: "mail.example.com:587", TLS: StartTLS, From: "a@example.com", To: []string{"b@example.com"}}
		stop = s.start(t, c, hook, mail)
		pass(time.Minute)
		if h, m := hook.told(), mail.told(); h != "raised contrary p1" || m != "raised contrary p1" {
			t.Errorf("the hook was told %q, the mail %q", h, m)
		}
		s.end("alarm:1")
		pass(time.Minute)
		if h, m := hook.told(), mail.told(); h != "over contrary p1" || m != "over contrary p1" {
			t.Errorf("the hook was told %q, the mail %q", h, m)
		}
		stop()
	})
}

// A look that fails says nothing of what stands: nothing is over, and the log tells of it seldom.
func TestLooksThatFail(t *testing.T) {
	s := newShop(t)
	synctest.Test(t, func(t *testing.T) {
		b := &box{}
		s.stand(alarm(1))
		defer s.start(t, s.config(), b)()
		pass(time.Minute)
		b.told()
		s.end("alarm:1")
		s.broken(errors.New("disk I/O error"))
		pass(time.Hour)
		if n := strings.Count(s.log.String(), "disk I/O error"); b.messages() != 0 || n < 5 || n > 7 {
			t.Errorf("told %q, %d lines", b.told(), n)
		}
		s.broken(nil)
		pass(lookEvery)
		if got := b.told(); got != "over contrary p1" {
			t.Errorf("told %q", got)
		}
	})
}

// Nothing goes out that is a secret, a card number, or steers a reader.
func TestTextsAreCleaned(t *testing.T) {
	s := newShop(t)
	synctest.Test(t, func(t *testing.T) {
		b := &box{}
		c := s.config()
		c.Secrets, c.Webhook.Token = []string{"correct horse", ""}, "t0ken-t0ken"
		c.Shop = "Main\r\nStreet"
		s.stand(Thing{
			Key: "x", Kind: "contrary", Terminal: "till\r\nBcc: evil@example.com", UUID: "u\x00\u202e1", Amount: terminal.Amount{Minor: 5, Currency: eur},
			Text: "It says correct horse,\r\n\r\n4111 1111\r\n1111 1111 with t0ken-t0ken and dDBrZW4tdDBrZW4= at https://alarms.example/till \xff " + strings.Repeat("ü", maxText),
			Do:   "a\tb\u2028c",
		})
		defer s.start(t, c, b)()
		pass(time.Second)
		if b.messages() != 1 {
			t.Fatal("nothing came")
		}
		m := b.came[0].m
		e := m.Events[0]
		if m.Shop != "Main Street" || e.Terminal != "till Bcc: evil@example.com" || e.UUID != "u 1" || e.Do != "a b c" || e.Minor != 5 || e.Currency != "EUR" {
			t.Errorf("%+v", m)
		}
		if !strings.HasPrefix(e.Text, "It says (secret), **** **** **** 1111 with (secret) and (secret) at (secret) ü") || len(e.Text) > maxText {
			t.Errorf("%d bytes: %s", len(e.Text), e.Text)
		}
	})
}

func TestNewRefuses(t *testing.T) {
	s := newShop(t)
	mail := Email{SMTP: "mail.example.com:587", TLS: StartTLS, From: "a@example.com", To: []string{"b@example.com"}}
	for name, change := range map[string]func(*Config){
		"no file":        func(c *Config) { c.File = "" },
		"nobody":         func(c *Config) { c.Webhook = nil },
		"http":           func(c *Config) { c.Webhook.URL = "http://alarms.example/S3cr3t" },
		"no host":        func(c *Config) { c.Webhook.URL = "https:///S3cr3t" },
		"not an address": func(c *Config) { c.Webhook.URL = "https://S3cr3t\x00" },
		"user":           func(c *Config) { c.Webhook.URL = "https://a:S3cr3t@alarms.example/" },
		"no port":        func(c *Config) { m := mail; m.SMTP = "mail.example.com"; c.Email = &m },
		"no TLS":         func(c *Config) { m := mail; m.TLS = ""; c.Email = &m },
		"in the clear":   func(c *Config) { m := mail; m.TLS = NoTLS; c.Email = &m },
		"password in the clear": func(c *Config) {
			m := mail
			m.SMTP, m.TLS, m.Username, m.Password = "127.0.0.1:25", NoTLS, "u", "S3cr3t"
			c.Email = &m
		},
		"no password":  func(c *Config) { m := mail; m.Username = "u"; c.Email = &m },
		"no reader":    func(c *Config) { m := mail; m.To = nil; c.Email = &m },
		"two lines":    func(c *Config) { m := mail; m.From = "a@example.com\r\nBcc: x@example.com"; c.Email = &m },
		"a named one":  func(c *Config) { m := mail; m.To = []string{"Owner <b@example.com>"}; c.Email = &m },
		"not a reader": func(c *Config) { m := mail; m.To = []string{"b@example.com", "x"}; c.Email = &m },
	} {
		c := s.config()
		change(&c)
		if _, err := New(c); err == nil || strings.Contains(err.Error(), "S3cr3t") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
