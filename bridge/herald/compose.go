package herald

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"time"
)

// compose writes a message as an e-mail: one part of plain text. The same message gives the same Message-ID, so that one
// that comes twice can be told. Everything in it was cleaned, and nothing that a terminal said is in its header.
func (l *letter) compose(m message) []byte {
	text := plainText(m)
	sum := sha256.Sum256([]byte(m.Shop + "\n" + text))
	_, domain, _ := strings.Cut(l.email.From, "@")
	from := mail.Address{Name: "tillbridge, " + m.Shop, Address: l.email.From}
	to := make([]string, len(l.email.To))
	for i, a := range l.email.To {
		to[i] = (&mail.Address{Address: a}).String()
	}
	var b bytes.Buffer
	for _, field := range [][2]string{
		{"From", from.String()},
		{"To", strings.Join(to, ",\r\n ")},
		{"Subject", folded(mime.QEncoding.Encode("utf-8", subject(m)))},
		{"Date", time.Now().Format("Mon, 02 Jan 2006 15:04:05 -0700")},
		{"Message-ID", "<" + hex.EncodeToString(sum[:16]) + "@" + domain + ">"},
		{"Auto-Submitted", "auto-generated"},
		{"MIME-Version", "1.0"},
		{"Content-Type", "text/plain; charset=utf-8"},
		{"Content-Transfer-Encoding", "quoted-printable"},
	} {
		fmt.Fprintf(&b, "%s: %s\r\n", field[0], field[1])
	}
	b.WriteString("\r\n")
	w := quotedprintable.NewWriter(&b)
	_, _ = w.Write([]byte(text)) // to memory: it cannot fail, as Close cannot
	_ = w.Close()
	return b.Bytes()
}

// folded puts each encoded word of a header on a line of its own (RFC 2047, 2).
func folded(text string) string { return strings.ReplaceAll(text, "?= =?", "?=\r\n =?") }

// subject is what a message is about, on one line.
func subject(m message) string {
	text := fmt.Sprintf("%s: %s", m.Shop, m.Events[0].title())
	if more := len(m.Events) - 1; more > 0 {
		text += fmt.Sprintf(", and %d more", more)
	}
	return text
}

// title names an event in a few words.
func (e Event) title() string {
	words, known := map[string]string{
		Hold: "a payment is on hold", Undelivered: "MGR does not have all outcomes", TerminalGone: "a terminal is not reached",
		"contrary": "the terminal contradicts an outcome", "notice": "MGR refuses an outcome", "other terminal": "another terminal answers",
		"clock": "the clock is wrong", "passcode": "wrong passcodes came",
	}[e.Kind]
	if !known {
		words = "alarm: " + e.Kind
	}
	if e.State == Over {
		return "over: " + words
	}
	return words
}

// plainText is a message in words.
func plainText(m message) string {
	var b strings.Builder
	fmt.Fprintf(&b, "This is tillbridge at %s.\n", m.Shop)
	if m.LeftOut > 0 {
		fmt.Fprintf(&b, "\nBefore this, messages could not be sent, and %d of them were given up. Look at the counter screen: it shows everything that stands.\n", m.LeftOut)
	}
	for _, e := range m.Events {
		b.WriteString("\n" + strings.ToUpper(e.title()[:1]) + e.title()[1:] + "\n" + e.Text + "\n")
		if e.Do != "" {
			b.WriteString("What to do: " + e.Do + "\n")
		}
		if e.Terminal != "" {
			b.WriteString("Terminal: " + e.Terminal + "\n")
		}
		if e.UUID != "" {
			b.WriteString("Payment: " + e.UUID + "\n")
		}
		when := "Since: "
		if e.State == Over {
			when = "Over at: "
		}
		b.WriteString(when + e.At.Format("2 January 2006, 15:04 (UTC-07:00)") + "\n")
	}
	b.WriteString("\nThe counter screen of this till shows everything that stands. Nobody reads answers to this message.\n")
	return b.String()
}
