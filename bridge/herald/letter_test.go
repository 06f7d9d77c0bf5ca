package herald

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

const mailPassword = "S3cr3t-w0rd"

// example is a message with a hold that began and a terminal that is back.
func example() message {
	at := time.Date(2026, 3, 1, 14, 3, 0, 0, time.FixedZone("", 3600))
	return message{Shop: "Main Street", Events: []Event{
		{
			Kind: Hold, State: Raised, At: at, Terminal: "counter", UUID: "5f0c2a8e-9b1d-4c37-a1c2d3e4f5060718", Minor: 1250, Currency: "EUR",
			Text: "It is not known whether the payment of 12.50 EUR at terminal counter was charged: The terminal did not answer.",
			Do:   "Do not charge the card again. Look at the receipt or at the terminal's own list, and say on the counter screen, under Now, whether it was paid.",
		},
		{Kind: TerminalGone, State: Over, At: at.Add(30 * time.Second), Terminal: "workshop", Text: "Terminal workshop is reached again."},
	}}
}

// newMail starts a mail server and is a way to it, and what the server refused beside a reader that it took.
func newMail(t *testing.T, s *mailServer, e Email) (l *letter, noted *[]error) {
	t.Helper()
	cert, roots := authority(t, "mail.example.com")
	s.cert, noted = cert, &[]error{}
	if e.From == "" {
		e.From = "till@example.com"
	}
	if e.To == nil {
		e.To = []string{"owner@example.com"}
	}
	e.SMTP = s.listen(t)
	l, err := newLetter(e, roots, func(err error) { *noted = append(*noted, err) })
	if err != nil {
		t.Fatal(err)
	}
	return l, noted
}

// sent sends the example with a deadline that no good conversation needs.
func sent(t *testing.T, l *letter, m message) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return l.send(ctx, m)
}

func TestMail(t *testing.T) {
	for name, c := range map[string]struct {
		server *mailServer
		email  Email
		want   string // in what the server heard
		never  string
	}{
		"STARTTLS, PLAIN": {&mailServer{starts: true, auth: "CRAM-MD5 PLAIN LOGIN", password: mailPassword}, Email{TLS: StartTLS, Username: "till", Password: mailPassword}, "tls AUTH PLAIN", "clear MAIL"},
		"STARTTLS, LOGIN": {&mailServer{starts: true, auth: "login", password: mailPassword}, Email{TLS: StartTLS, Username: "till", Password: mailPassword}, "tls AUTH LOGIN", "clear MAIL"},
		"TLS":             {&mailServer{implicit: true, auth: "PLAIN", password: mailPassword}, Email{TLS: ImplicitTLS, Username: "till", Password: mailPassword}, "tls EHLO", "clear"},
		"no sign-in":      {&mailServer{starts: true, auth: "PLAIN"}, Email{TLS: StartTLS}, "tls MAIL FROM:<till@example.com>", "AUTH"},
		"in the clear":    {&mailServer{}, Email{TLS: NoTLS}, "clear MAIL FROM:<till@example.com>", "tls"},
	} {
		t.Run(name, func(t *testing.T) {
			s := c.server
			c.email.To = []string{"owner@example.com", "second@example.com"}
			l, noted := newMail(t, s, c.email)
			if err := sent(t, l, example()); err != nil || len(*noted) > 0 {
				t.Fatalf("%v, noted %v", err, *noted)
			}
			heard := s.all()
			if len(s.mails) != 1 || !strings.Contains(heard, c.want) || strings.Contains(heard, c.never) || !strings.Contains(heard, "EHLO [127.0.0.1]") || strings.Count(heard, "RCPT TO:") != 2 {
				t.Errorf("%d messages; heard\n%s", len(s.mails), heard)
			}
		})
	}
}

// Where something is wrong nothing is sent, no password crosses in the clear, and the error says what.
func TestMailThatFails(t *testing.T) {
	signedIn := Email{TLS: StartTLS, Username: "till", Password: mailPassword}
	for name, c := range map[string]struct {
		server *mailServer
		email  Email
		want   string
	}{
		"no STARTTLS":            {&mailServer{auth: "PLAIN"}, signedIn, "does not offer STARTTLS"},
		"wrong password":         {&mailServer{starts: true, auth: "PLAIN", password: "another"}, signedIn, "sign in to the mail server: 535"},
		"wrong password, LOGIN":  {&mailServer{starts: true, auth: "LOGIN", password: "another"}, signedIn, "sign in to the mail server: 535"},
		"other ways only":        {&mailServer{starts: true, auth: "CRAM-MD5 XOAUTH2"}, signedIn, "neither PLAIN nor LOGIN"},
		"no sign-in offered":     {&mailServer{starts: true}, signedIn, "neither PLAIN nor LOGIN"},
		"LOGIN without an end":   {&mailServer{starts: true, auth: "LOGIN", answers: map[string]string{"AUTH": "334 YQ==\r\n334 YQ==\r\n334 YQ=="}}, signedIn, "more than user name and password"},
		"greeted with no":        {&mailServer{starts: true, answers: map[string]string{"EHLO": "421 not now", "HELO": "421 not now"}}, signedIn, "greet the mail server"},
		"STARTTLS refused":       {&mailServer{starts: true, answers: map[string]string{"STARTTLS": "454 not now"}}, signedIn, "encrypt the connection"},
		"sender refused":         {&mailServer{starts: true, answers: map[string]string{"MAIL": "550 who are you"}}, Email{TLS: StartTLS}, "refuses the sender: 550"},
		"readers refused":        {&mailServer{starts: true, refuses: []string{"owner"}}, Email{TLS: StartTLS}, "refuses whom it is for: 550"},
		"message refused":        {&mailServer{starts: true, answers: map[string]string{"DATA": "554 no"}}, Email{TLS: StartTLS}, "hand over the message: 554"},
		"not a TLS server":       {&mailServer{}, Email{TLS: ImplicitTLS}, "encrypt the connection"},
		"endless line":           {&mailServer{starts: true, answers: map[string]string{"EHLO": strings.Repeat("x", 2*maxSaid)}}, signedIn, "says more than"},
		"endless answer":         {&mailServer{starts: true, answers: map[string]string{"EHLO": strings.Repeat("250-x\r\n", maxSaid/4)}}, signedIn, "says more than"},
		"endless in encryption":  {&mailServer{starts: true, auth: "PLAIN", answers: map[string]string{"MAIL": strings.Repeat("250-x\r\n", maxSaid/4)}}, Email{TLS: StartTLS}, "says more than"},
		"answers not to be read": {&mailServer{starts: true, answers: map[string]string{"EHLO": "\x00\xff", "HELO": "250"}}, signedIn, "greet the mail server"},
	} {
		t.Run(name, func(t *testing.T) {
			s := c.server
			l, _ := newMail(t, s, c.email)
			err := sent(t, l, example())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
			if len(s.mails) > 0 || strings.Contains(s.all(), "clear AUTH") || strings.Contains(s.all(), "clear MAIL") {
				t.Errorf("%d messages; heard\n%s", len(s.mails), s.all())
			}
		})
	}
}

// A certificate of another name, or that nobody trusts, ends the conversation before anything is said.
func TestMailServerThatIsAnother(t *testing.T) {
	for _, way := range []TLS{StartTLS, ImplicitTLS} {
		server := func() *mailServer {
			return &mailServer{starts: true, implicit: way == ImplicitTLS, auth: "PLAIN", password: mailPassword}
		}
		s := server()
		l, _ := newMail(t, s, Email{TLS: way, Username: "till", Password: mailPassword})
		l.roots = nil
		if err := sent(t, l, example()); err == nil || !strings.Contains(err.Error(), "certificate") || strings.Contains(s.all(), "AUTH") {
			t.Errorf("%s: %v, heard %s", way, err, s.all())
		}
		s = server()
		l, _ = newMail(t, s, Email{TLS: way, Username: "till", Password: mailPassword})
		l.host = "other.example.com"
		if err := sent(t, l, example()); err == nil || !strings.Contains(err.Error(), "other.example.com") || strings.Contains(s.all(), "AUTH") {
			t.Errorf("%s: %v, heard %s", way, err, s.all())
		}
	}
}

// Of several readers those who can be reached get it, once, and who could not is noted.
func TestSomeReadersAreRefused(t *testing.T) {
	s := &mailServer{starts: true, refuses: []string{"gone@"}}
	l, noted := newMail(t, s, Email{TLS: StartTLS, To: []string{"gone@example.com", "owner@example.com"}})
	if err := sent(t, l, example()); err != nil || len(s.mails) != 1 || len(*noted) != 1 || !strings.Contains((*noted)[0].Error(), "no such user") {
		t.Errorf("%v, %d messages, noted %v", err, len(s.mails), *noted)
	}
}

// A server that says nothing is left when the try is over, and at a stop at once.
func TestSlowMailServer(t *testing.T) {
	for name, greeting := range map[string]string{"silent": "", "slow": "220 mail.example.com\r\n"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, err := newLetter(Email{SMTP: "127.0.0.1:25", TLS: NoTLS, From: "a@example.com", To: []string{"b@example.com"}}, nil, nil)
				if err != nil {
					t.Fatal(err)
				}
				l.dial = func(context.Context, string, string) (net.Conn, error) {
					near, far := net.Pipe()
					go func() {
						defer far.Close()
						_, _ = io.WriteString(far, greeting)
						for in := bufio.NewReader(far); ; { // it reads, and never answers
							if _, err := in.ReadString('\n'); err != nil {
								return
							}
						}
					}()
					return near, nil
				}
				ctx, cancel := context.WithTimeout(t.Context(), tryWithin)
				defer cancel()
				begin := time.Now()
				if err := l.send(ctx, example()); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != tryWithin {
					t.Errorf("after %s: %v", time.Since(begin), err)
				}
				stopped, stop := context.WithCancel(t.Context())
				time.AfterFunc(time.Second, stop)
				begin = time.Now()
				if err := l.send(stopped, example()); !errors.Is(err, context.Canceled) || time.Since(begin) != time.Second {
					t.Errorf("stopped after %s: %v", time.Since(begin), err)
				}
			})
		})
	}
}

// parsed reads a message as a mail program does.
func parsed(t *testing.T, raw []byte) (header mail.Header, body string) {
	t.Helper()
	for line := range strings.Lines(string(raw)) {
		if !strings.HasSuffix(line, "\r\n") || len(line) > 200 {
			t.Errorf("a line of %d bytes: %q", len(line), line)
		}
		for _, c := range []byte(strings.TrimSuffix(line, "\r\n")) {
			if c < ' ' || c > '~' {
				t.Errorf("byte %#x in %q", c, line)
				break
			}
		}
	}
	m, err := mail.ReadMessage(strings.NewReader(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		t.Fatal(err)
	}
	return m.Header, strings.ReplaceAll(string(b), "\r\n", "\n")
}

// The header has the fields that it needs and no other, whatever the shop is called and the terminals say.
func TestComposed(t *testing.T) {
	h, err := New(newShop(t).config())
	if err != nil {
		t.Fatal(err)
	}
	hostile := "Ä\r\nBcc: evil@example.com\r\n\r\n.\r\nQUIT\r\n=?utf-8?q?x?= \u202eüñ"
	thing := Thing{Kind: hostile, Terminal: hostile, UUID: hostile, Text: hostile, Do: hostile}
	many := []string{}
	for range 10 {
		many = append(many, strings.Repeat("o", 60)+"@example.com")
	}
	l, err := newLetter(Email{SMTP: "mail.example.com:587", TLS: StartTLS, From: "till@example.com", To: many}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	m := message{Shop: h.clean(hostile, maxWord), LeftOut: 3, Events: []Event{h.raised(thing, time.Now()), h.raised(thing, time.Now())}}
	raw := l.compose(m)
	header, body := parsed(t, raw)
	var names []string
	for name := range header {
		names = append(names, name)
	}
	slices.Sort(names)
	if want := []string{"Auto-Submitted", "Content-Transfer-Encoding", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Subject", "To"}; !slices.Equal(names, want) {
		t.Errorf("the header has %q", names)
	}
	from, err := header.AddressList("From")
	if err != nil || len(from) != 1 || from[0].Address != "till@example.com" || !strings.HasPrefix(from[0].Name, "tillbridge, Ä Bcc: evil") {
		t.Errorf("from %v, %v", from, err)
	}
	to, err := header.AddressList("To")
	if err != nil || len(to) != 10 {
		t.Errorf("to %v, %v", to, err)
	}
	about, err := new(mime.WordDecoder).DecodeHeader(header.Get("Subject"))
	if err != nil || !strings.HasPrefix(about, "Ä Bcc: evil@example.com") || !strings.HasSuffix(about, ", and 1 more") {
		t.Errorf("about %q, %v", about, err)
	}
	if _, err := header.Date(); err != nil {
		t.Error(err)
	}
	if !strings.Contains(body, "3 of them were given up") || strings.Contains(body, "\nBcc") || strings.Contains(body, "\n.\n") || !strings.Contains(body, "üñ") {
		t.Errorf("body:\n%s", body)
	}
	if _, again := parsed(t, l.compose(m)); again != body {
		t.Error("the same message has another text")
	}
	if id := header.Get("Message-Id"); id != mustHeader(t, l.compose(m), "Message-Id") || id == mustHeader(t, l.compose(example()), "Message-Id") {
		t.Errorf("the Message-ID %s does not stand for the message", id)
	}
}

func mustHeader(t *testing.T, raw []byte, name string) string {
	t.Helper()
	header, _ := parsed(t, raw)
	return header.Get(name)
}

// golden compares with a file, and looks for its content in docs/alarms.md, which shows it.
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
		t.Errorf("%s differs (go test ./bridge/herald -update writes it anew):\n%s", file, d)
	}
	docs, err := os.ReadFile("../../docs/alarms.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(docs), "\n"+strings.TrimSuffix(got, "\n")+"\n```\n") {
		t.Errorf("docs/alarms.md does not show %s", file)
	}
}

func TestLetterAsDocumented(t *testing.T) {
	l, _ := newMail(t, &mailServer{}, Email{TLS: StartTLS})
	header, body := parsed(t, l.compose(example()))
	golden(t, "testdata/letter.txt", "From: "+header.Get("From")+"\nTo: "+header.Get("To")+"\nSubject: "+header.Get("Subject")+"\n\n"+body)
}
