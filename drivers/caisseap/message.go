package caisseap

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"tillbridge/terminal"
	"tillbridge/terminal/wire"
)

// field is one field of a text: two characters of tag, three digits of length, the value (caisse-ap sheet 2).
type field struct{ tag, value string }

// appendField writes a field; an empty value is left out altogether.
func appendField(b []byte, tag, value string) []byte {
	if value == "" {
		return b
	}
	return fmt.Appendf(b, "%s%03d%s", tag, len(value), value)
}

// Actions (field CD).
const (
	actionDebit  = "0"
	actionCredit = "1"
)

// request is what the till asks for (caisse-ap sheet 3).
type request struct {
	Version   string // CZ
	Protocol  string // CJ
	POS       int    // CA
	Minor     int64  // CB
	Currency  int    // CE
	Action    string // CD
	Reference string // CF
	Online    bool   // BB
	Ticket    bool   // CK
}

// encode writes the request, CZ first. BF, partial payments, is never sent: new terminals fail on it (sheet 3).
func (r request) encode() ([]byte, error) {
	switch {
	case r.Minor <= 0 || r.Minor > terminal.MaxMinor:
		return nil, fmt.Errorf("the amount of %d minor units does not fit into twelve digits", r.Minor)
	case r.Currency < 1 || r.Currency > 999:
		return nil, fmt.Errorf("the currency %d is no ISO 4217 number", r.Currency)
	}
	b := appendField(nil, "CZ", r.Version)
	b = appendField(b, "CJ", r.Protocol)
	b = appendField(b, "CA", fmt.Sprintf("%02d", r.POS))
	b = appendField(b, "CE", fmt.Sprintf("%03d", r.Currency))
	b = appendField(b, "BA", "0")
	b = appendField(b, "CD", r.Action)
	b = appendField(b, "CB", fmt.Sprintf("%02d", r.Minor))
	b = appendField(b, "CF", r.Reference)
	if r.Online {
		b = appendField(b, "BB", "1")
	}
	if r.Ticket {
		b = appendField(b, "CK", "100")
	}
	return b, nil
}

// answer is one text of the terminal.
type answer struct {
	fields []field
}

var (
	errMore = errors.New("the text is not complete")
	errText = errors.New("this is no text of tagged fields")
)

// parse takes texts apart. A text begins with CZ, so that two that came one after another are two. Line ends and blanks
// around fields are passed over. What was read before an error is returned too: errMore says that more bytes are to come,
// any other error that none would help.
func parse(b []byte) (all []answer, err error) {
	for {
		b = bytes.TrimLeft(b, "\r\n \x00")
		if len(b) == 0 {
			return all, nil
		}
		if len(b) < 5 {
			return all, errMore
		}
		tag := string(b[:2])
		n, ok := wire.Number(string(b[2:5]), 3)
		switch {
		case !ok || strings.Trim(tag, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "":
			return all, errText
		case len(b) < 5+int(n):
			return all, errMore
		}
		if tag == "CZ" || len(all) == 0 {
			all = append(all, answer{})
		}
		last := &all[len(all)-1]
		last.fields = append(last.fields, field{tag, string(b[5 : 5+n])})
		b = b[5+n:]
	}
}

// get is a field's value, without blanks around it. Of a tag that comes twice with different values nothing is known:
// twice is told then.
func (a answer) get(tag string) (value string, there, twice bool) {
	for _, f := range a.fields {
		if v := strings.TrimSpace(f.value); f.tag == tag {
			twice = twice || there && v != value
			value, there = v, true
		}
	}
	return value, there, twice
}

func (a answer) value(tag string) string {
	v, _, _ := a.get(tag)
	return v
}

func (a answer) has(tag string) bool {
	_, there, _ := a.get(tag)
	return there
}

// reason is the first two characters of AF (caisse-ap sheet 6).
func (a answer) reason() string {
	af := a.value("AF")
	return af[:min(2, len(af))]
}

// minor is CB, what was really paid.
func (a answer) minor() (int64, bool) {
	text, _, twice := a.get("CB")
	n, ok := wire.Number(text, 18)
	return n, ok && !twice
}

// last4 is the card number's last four digits.
func (a answer) last4() string {
	if pan := a.value("AA"); len(pan) >= 8 {
		return wire.LastFour(pan)
	}
	return ""
}

// mask is the text with neither card number nor expiry nor ticket.
func (a answer) mask() []byte {
	var b []byte
	for _, f := range a.fields {
		v := f.value
		switch f.tag {
		case "AA":
			v = strings.Repeat("*", max(0, len(v)-len(a.last4()))) + a.last4()
		case "AB":
			v = strings.Repeat("*", len(v))
		case "ZT", "AK":
			v = fmt.Sprintf("(%d)", len(v))
		default:
			v = terminal.MaskCardNumbers(v)
		}
		b = appendField(b, f.tag, v)
	}
	return b
}
