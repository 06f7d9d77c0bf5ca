package example

import (
	"fmt"
	"strings"

	"tillbridge/terminal"
	"tillbridge/terminal/wire"
)

// Encoding and decoding are pure: bytes in, values out, no line and no clock. So they can be tested against bytes that were
// worked out from the paper by hand, and fuzzed.

// format is the frame: the check byte is over body and ETX.
func format() wire.STXFormat { return wire.STXFormat{Covers: wire.CoverBodyETX} }

// bodyLimit bounds what a terminal can make us keep.
const bodyLimit = 256

// sale is P. Amounts are whole minor units everywhere: no float ever holds money.
func sale(r terminal.Request) []byte {
	return fmt.Appendf(nil, "P|%s|%d|%03d", r.Reference, r.Amount.Minor, r.Amount.Currency.Numeric)
}

// message is what the terminal says. Fields that are missing are empty, and further ones are passed over: a terminal may be
// newer than the paper.
type message struct {
	kind, ref, code string
	fields          []string
}

func parse(body []byte) message {
	f := strings.Split(string(body), "|")
	m := message{kind: f[0], fields: f}
	m.ref, m.code = m.field(1), m.field(2)
	return m
}

func (m message) field(n int) string {
	if n < len(m.fields) {
		return m.fields[n]
	}
	return ""
}

// number is a field of digits only; false for anything else, a sign or a blank too.
func (m message) number(n int) (int64, bool) {
	return wire.Number(m.field(n), 12)
}

// refusals are the codes with which the paper says that no money moved. A code that is not here is no refusal.
var refusals = map[string]string{
	"02": "The bank wants to be called by telephone; nothing was charged.",
	"17": "The payment was given up at the terminal.",
	"51": "The bank declined.",
	"68": "Nobody presented a card in time.",
	"95": "The terminal is busy with something else; nothing was charged.",
	"96": "The terminal wants its end of day first; nothing was charged.",
	"97": "The terminal's printer has no paper; nothing was charged.",
}

// result reads R and S. What it cannot read is Unknown, which is also what a forgotten case would be.
func (m message) result() terminal.Result {
	out := terminal.Result{Code: tidy(m.code), Text: "The terminal's answer says nothing that is known."}
	if n, ok := m.number(4); ok {
		out.CurrencyNumeric = int(n)
	}
	if last4 := m.field(7); len(last4) == 4 && wire.IsDigits(last4) {
		out.CardLast4 = last4 // and never more: whatever else stands there is not kept
	}
	minor, stated := m.number(3)
	why, refused := refusals[m.code]
	switch {
	case refused:
		out.Outcome, out.Proof, out.Text = terminal.Declined, terminal.Refused, why
	case m.code == "00" && !stated:
		// An authorisation code alone is no approval of this sum.
		out.Text = "The terminal approved and did not say how much."
	case m.code == "00":
		// The engine compares the sum with what was asked for. Hand it over as it stands.
		out.Outcome, out.Proof, out.Text, out.CapturedMinor = terminal.Approved, terminal.Dialogue, "Approved.", &minor
		out.AuthCode, out.TxnRef = tidy(m.field(5)), tidy(m.field(6))
	}
	return out
}

// tidy is a field as people and files may have it.
func tidy(field string) string { return terminal.Tidy(field, 20) }

// describe tells in one line what bytes on the line mean, for the wire trace. Nothing of a card goes there.
func describe(_ terminal.LinkKind, _ bool, b []byte) string {
	return wire.NewSTXReader(format(), bodyLimit).Describe(b, func(e wire.STXEvent) string {
		m := parse(e.Body)
		return "[" + strings.TrimSpace(tidy(m.kind)+" "+tidy(m.ref)+" "+tidy(m.code)) + "]"
	})
}
