package caisseap

import (
	"context"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"tillbridge/terminal"
	"tillbridge/terminal/link"
	"tillbridge/terminal/wire"
)

// reasons are the meanings of AF (caisse-ap sheet 6).
var reasons = map[string]string{
	"00": "The terminal gives no reason.",
	"01": "Authorised.",
	"02": "The bank wants to be called by telephone; nothing was charged.",
	"03": "Forced.",
	"04": "The bank refused.",
	"05": "The card is not allowed.",
	"06": "The payment was given up at the terminal.",
	"07": "The payment was not completed.",
	"08": "Nobody presented a card or entered the PIN in time.",
	"09": "The terminal could not read the request; check the settings version and protocol_id.",
	"10": "The choice at the terminal was not valid.",
	"11": "The payment was given up.",
	"12": "The terminal does not know this operation.",
	"13": "The terminal does not take this currency.",
}

// reasonOf is the sentence for an answer's AF, with the terminal's own words behind it.
func reasonOf(a answer) string {
	code := a.reason()
	text, known := reasons[code]
	switch {
	case !known && code == "":
		text = "The terminal gives no reason."
	case !known:
		text = "The terminal gives the reason " + wire.OneLine(code) + "."
	}
	if af := a.value("AF"); len(af) > 2 {
		text += " (" + terminal.MaskCardNumbers(wire.OneLine(af[2:])) + ")"
	}
	return text
}

// judge reads an answer: AE alone decides, and what speaks against it makes it unknown (caisse-ap sheet 4).
func (d *dialogue) judge(a answer) terminal.Result {
	ae, _, twice := a.get("AE")
	reason := a.reason()
	out := terminal.Result{
		TxnRef: txnRef(a, d.r.Reference), CardName: applications[a.value("CC")], CardLast4: a.last4(), Code: code(ae, reason), Raw: wire.Excerpt(a.mask()),
	}
	if n, err := strconv.Atoi(a.value("CE")); err == nil && n > 0 {
		out.CurrencyNumeric = n
	}
	captured, stated := a.minor()
	if stated {
		out.CapturedMinor = &captured
	}
	unknown := func(why string) terminal.Result {
		out.Text = why
		return out
	}
	switch {
	case twice:
		return unknown("The terminal's answer states two results.")
	case ae == "01" && reason == "07":
		return unknown("The terminal says that the payment was not completed, which does not say whether it was made.")
	case ae == "01":
		out.Outcome, out.Proof, out.Text = terminal.Declined, terminal.Refused, reasonOf(a)
		return out
	case ae == "11":
		return unknown("The terminal has begun the payment and does not say how it ended.")
	case ae != "10":
		return unknown("The terminal's answer has a result that is not known: " + wire.OneLine(ae) + ".")
	case a.has("AF") && reason != "00" && reason != "01" && reason != "03" && a.value("AF") != "":
		return unknown("The terminal states an approval and a reason against it: " + reasonOf(a))
	case !stated:
		return unknown("The terminal states an approval without a sum that can be read.")
	case a.has("CD") && a.value("CD") != d.q.Action:
		return unknown("The terminal states an approval of another operation.")
	case !a.has("CF") && captured != d.r.Amount.Minor:
		return unknown("The terminal states an approval of another sum, and does not name this payment.")
	}
	out.Outcome, out.Proof, out.AuthCode, out.Text = terminal.Approved, terminal.Dialogue, wire.OneLine(a.value("AC")), "Approved."
	return out
}

// code is AE and AF, as "01/04".
func code(ae, reason string) string {
	if reason == "" {
		return wire.OneLine(ae)
	}
	return wire.OneLine(ae) + "/" + wire.OneLine(reason)
}

// txnRef is our reference, and the contract where the terminal tells it. There is no number of the terminal's own.
func txnRef(a answer, reference string) string {
	if cg := wire.OneLine(a.value("CG")); cg != "" && len(cg) <= 12 {
		return reference + "/" + cg
	}
	return reference
}

// ticketLines is the most that is kept of a ticket.
const ticketLines = 200

// tickets are the tickets in an answer: AK, by itself or in the container ZT, as text in base64.
func tickets(a answer) (out []terminal.Receipt) {
	fields := a.fields
	for _, f := range a.fields {
		if inner, err := parse([]byte(f.value)); f.tag == "ZT" && err == nil {
			for _, i := range inner {
				fields = append(fields[:len(fields):len(fields)], i.fields...)
			}
		}
	}
	for _, f := range fields {
		text, err := base64.StdEncoding.DecodeString(strings.TrimSpace(f.value))
		if f.tag != "AK" || err != nil {
			continue
		}
		r := terminal.Receipt{Kind: terminal.CustomerReceipt}
		for _, line := range strings.Split(strings.TrimRight(string(text), "\r\n "), "\n") {
			if len(r.Lines) < ticketLines {
				r.Lines = append(r.Lines, terminal.Line{Text: terminal.MaskCardNumbers(latin(strings.TrimRight(line, "\r ")))})
			}
		}
		out = append(out, r)
	}
	return out
}

// latin is a text as UTF-8: as it is where it is that, else read as ISO 8859-1. Control characters become blanks.
func latin(s string) string {
	if !utf8.ValidString(s) {
		s = wire.Latin1(s)
	}
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7F {
			return ' '
		}
		return c
	}, s)
}

// applications are the names of CC (caisse-ap sheet 5).
var applications = map[string]string{
	"001": "CB", "00B": "CB contactless", "002": "American Express", "00D": "American Express contactless", "00C": "cheque", "003": "CB Enseigne",
	"004": "Cetelem", "005": "Cofinoga", "006": "Diners", "007": "Pass", "008": "Franfinance", "009": "JCB", "00A": "Banque Accord", "00E": "Conecs",
	"10E": "Conecs contactless", "00F": "CB DCC", "00I": "CPEI", "00S": "Sofinco", "00U": "UPI",
}

// Recover tells what is known, for the protocol has no question about an earlier payment (caisse-ap sheet 9). On a serial
// line the terminal may still bring its result by itself, so there it is listened for.
func (s *session) Recover(ctx context.Context, a terminal.Attempt) (terminal.Result, error) {
	if out, decides := link.Recorded(a); decides {
		return out, nil
	}
	nothing := terminal.Result{Text: "The terminal did not tell how the payment of " + a.Amount.String() + " ended, and it cannot be asked. " +
		"Print its last ticket at the terminal (menu, \"duplicata\") or look at its journal, and compare sum and time; do not charge again before."}
	if s.env.Link == terminal.TCP {
		return nothing, nil
	}
	err := s.begin(ctx)
	defer s.end()
	if err != nil {
		return terminal.Result{}, err
	}
	until := link.LateUntil(a.Armed, s.o.PaymentTimeout)
	for {
		for _, late := range s.late {
			if late.value("CF") == a.Reference && late.has("AE") {
				d := &dialogue{s: s, r: a.Request, q: request{Action: late.value("CD")}}
				out := d.judge(late)
				out.Text = "The terminal told the result late: " + out.Text
				return out, nil
			}
		}
		_, err := s.line.Receive(ctx, until, false, s.unasked)
		switch {
		case errors.Is(err, terminal.ErrSilent):
			return nothing, nil
		case err != nil:
			s.drop()
			return terminal.Result{}, err
		}
	}
}
