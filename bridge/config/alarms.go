package config

import (
	"net/netip"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Bounds of the block of alarms.
const (
	maxShop       = 60  // characters
	maxRecipients = 10  // of an e-mail
	maxMailbox    = 254 // characters of an address (RFC 5321, 4.5.3.1.3)
)

// alarms reads who is told of alarms; nobody where the block is absent.
func (r *reader) alarms(top *block, s *Settings) {
	b, ok := top.open("alarms", []string{"shop", "webhook", "email"})
	if !ok {
		return
	}
	a := &Alarms{}
	if b.has("shop") {
		a.Shop = b.shop("shop")
	}
	if !b.has("webhook") && !b.has("email") {
		b.missing("email", "write webhook: or email:, or remove alarms: nobody would be told")
	}
	if w, ok := b.open("webhook", []string{"url", "token", "token_file"}); ok {
		a.Webhook = r.alarmWebhook(w)
	}
	if m, ok := b.open("email", []string{"smtp", "tls", "from", "to", "username", "password", "password_file"}); ok {
		a.Email = r.alarmEmail(m)
	}
	s.Alarms = a
}

// shop reads the name of this till in the messages, which is shown as it is.
func (b *block) shop(key string) string {
	text, ok := b.text(key, "a name")
	if ok && (utf8.RuneCountInString(text) > maxShop || strings.TrimSpace(text) != text || strings.ContainsFunc(text, unprintable)) {
		b.fail(key, b.show(key, text)+" cannot be used as a name", "at most 60 characters on one line, no space at either end")
		return ""
	}
	return text
}

func (r *reader) alarmWebhook(b *block) *AlarmWebhook {
	b.hide = true // many such addresses are secrets themselves
	w := &AlarmWebhook{}
	if !b.has("url") {
		b.missing("url", "write the address that alarms are to be posted to, https://…")
	}
	text, _ := b.webAddress("url", callee{
		example: "https://alarms.example.com/till", local: "http://127.0.0.1:9000/alarms", sent: "amounts", instead: "name a token in token_file",
	})
	w.URL = Secret(text)
	w.Token, _, _ = b.secret("token")
	return w
}

func (r *reader) alarmEmail(b *block) *AlarmEmail {
	m := &AlarmEmail{}
	m.SMTP, m.TLS = b.mailServer()
	if !b.has("from") {
		b.missing("from", "write the address that the messages come from, such as till@example.com")
	}
	m.From = b.mailbox("from")
	if !b.has("to") {
		b.missing("to", "write who is told, such as [owner@example.com]")
	}
	m.To = b.mailboxes("to")
	password, _, found := b.secret("password")
	switch {
	case !b.has("username") && !found:
		return m
	case !b.has("username"):
		b.missing("username", "write the user name for the mail server, or remove the password")
		return m
	case !found:
		b.missing("password_file", "name the file with the password, or write password: \"…\", or remove username")
	case m.TLS == NoTLS:
		b.fail("username", "the password would be sent unencrypted", "write tls: starttls, or remove username and password")
	}
	name, ok := b.text("username", "a user name")
	if ok && (len(name) > maxSecret || !printable(name)) {
		b.fail("username", "this user name cannot be sent to a mail server", "at most 256 printable ASCII characters")
		return m
	}
	m.Username, m.Password = name, password
	return m
}

// mailServer reads where the mail server is, and how the connection is encrypted.
func (b *block) mailServer() (address string, way MailTLS) {
	const form = "write host:port, such as mail.example.com:587"
	way = StartTLS
	word, chosen := b.choice("tls", string(StartTLS), string(ImplicitTLS), string(NoTLS))
	if chosen {
		way = MailTLS(word)
	}
	if !b.has("smtp") {
		b.missing("smtp", form)
		return "", way
	}
	text, ok := b.word("smtp", "a mail server")
	if !ok {
		return "", way
	}
	host, port, hasPort := splitHostPort(text)
	number, portOK := portNumber(port, 1)
	host = strings.ToLower(host)
	switch {
	case !hasPort || strings.Contains(text, "://") || !validHost(host):
		b.fail("smtp", show(text)+" is not host:port", form)
		return "", way
	case !portOK:
		b.fail("smtp", show(port)+" is not a port number", "allowed: 1 to 65535; mail servers use 587, or 465 with tls: implicit")
		return "", way
	case number == 465 && !b.has("tls"):
		way = ImplicitTLS // the port says so (RFC 8314, 3.3)
	case number == 465 && way != ImplicitTLS:
		b.fail("tls", "port 465 is encrypted from the first byte", "write tls: implicit, or use port 587")
	case number == 587 && way == ImplicitTLS:
		b.fail("tls", "port 587 begins unencrypted", "write tls: starttls, or use port 465")
	case way == NoTLS && !loopback(host):
		b.fail("tls", "the messages would be sent unencrypted", "write tls: starttls; none is allowed to this machine only, such as 127.0.0.1:25")
	}
	return joinHostPort(host, number), way
}

// mailboxes reads a list of e-mail addresses.
func (b *block) mailboxes(key string) (all []string) {
	items, ok := b.list(key, "owner@example.com", maxRecipients)
	if !ok {
		return nil
	}
	if len(items.keys) == 0 {
		b.fail(key, "the list is empty", "write who is told, such as [owner@example.com]")
	}
	seen := map[string]bool{}
	for _, i := range items.keys {
		text := items.mailbox(i)
		if text != "" && seen[strings.ToLower(text)] {
			items.fail(i, show(text)+" stands in the list twice", "keep one")
		}
		seen[strings.ToLower(text)] = true
		all = append(all, text)
	}
	return all
}

// localPart is what stands before the @ of the addresses that are taken: dots and words without quotes (RFC 5322, 3.2.3).
var localPart = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$")

// mailbox reads one e-mail address; empty where it is absent or wrong.
func (b *block) mailbox(key string) string {
	text, ok := b.text(key, "an e-mail address")
	if !ok {
		return ""
	}
	local, host, _ := strings.Cut(text, "@")
	_, err := netip.ParseAddr(host)
	if len(text) > maxMailbox || len(local) > 64 || !localPart.MatchString(local) || err == nil || !validHost(strings.ToLower(host)) || strings.HasSuffix(host, ".") {
		b.fail(key, show(text)+" is not an e-mail address", "write the address alone, such as owner@example.com: no name beside it, ASCII characters only")
		return ""
	}
	return text
}
