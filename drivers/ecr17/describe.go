package ecr17

import (
	"fmt"

	"tillbridge/terminal"
	"tillbridge/terminal/wire"
)

// describe tells in one line what bytes on the line mean, for the wire trace. Of a message only fields that are known are told, and no
// card number.
func describe(_ terminal.LinkKind, sent bool, b []byte) string {
	return wire.NewSTXReader(format(wire.CoverAll, false), bodyLimit).Describe(b, func(e wire.STXEvent) string {
		m, ok := parse(e.Body)
		switch {
		case e.Kind == wire.STXProgress:
			return fmt.Sprintf("progress %q", terminal.MaskCardNumbers(words(string(e.Body))))
		case !ok:
			return fmt.Sprintf("message(%d)", len(e.Body))
		case sent:
			return "[" + describeCommand(m) + "]"
		}
		return "[" + describeAnswer(m) + "]"
	})
}

func describeCommand(m message) string {
	name := map[byte]string{
		codeStatus: "status", codePayment: "payment", codeExtended: "payment, extended", codeReversal: "reversal", codeClose: "close session",
		codeTotals: "totals", codeLast: "last result", codeReceipts: "receipts", codeReprint: "reprint",
	}[m.code]
	if name == "" {
		return fmt.Sprintf("command %q(%d)", printable(string(m.code), 1), len(m.body))
	}
	out := fmt.Sprintf("%c %s id=%s", m.code, name, m.terminalID)
	switch m.code {
	case codePayment, codeExtended:
		out += " amount=" + printable(m.field(24, 8), 8)
	case codeReversal:
		out += " stan=" + printable(m.field(19, 6), 6)
	case codeReceipts, codeReprint:
		out += " to=" + printable(m.field(11, 1), 1)
	}
	return out
}

func describeAnswer(m message) string {
	if m.code == codeTicket {
		return fmt.Sprintf("S receipt(%d)", len(m.field(11, len(m.body))))
	}
	if st, ok := readStatus(m); ok {
		return fmt.Sprintf("s status id=%s state=%s release=%q", m.terminalID, printable(st.state, 1), terminal.MaskCardNumbers(st.release))
	}
	if s, ok := readSums(m); ok {
		return fmt.Sprintf("%c sums result=%s terminal=%d host=%d text=%q", m.code, printable(s.code, 2), s.terminal, s.host, terminal.MaskCardNumbers(s.text))
	}
	r, ok := readResult(m)
	if !ok {
		return fmt.Sprintf("message %q(%d)", printable(string(m.code), 1), len(m.body))
	}
	out := fmt.Sprintf("%c result=%s id=%s stan=%s online=%s", m.code, printable(r.code, 2), m.terminalID, printable(r.stan, 6), printable(r.online, 6))
	switch {
	case !r.ok():
		out += fmt.Sprintf(" text=%q", r.text)
	default:
		out += fmt.Sprintf(" auth=%s time=%s card=*%s", terminal.MaskCardNumbers(r.auth), printable(r.time, 7), r.last4)
	}
	if r.hasAmount {
		out += fmt.Sprintf(" amount=%d", r.minor)
	}
	return out
}
