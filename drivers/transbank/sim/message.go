package sim

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"tillbridge/terminal/simulate"
)

// join puts a message together.
func join(fields ...string) []byte { return []byte(strings.Join(fields, "|")) }

// when is date and time of a record.
func when(r *simulate.Record) (date, clock string) {
	at := r.At.In(time.Local)
	return at.Format("02012006"), at.Format("150405")
}

// sale is 0210, 0271, 0260 or 0281 of a sale.
func (m *mouth) sale(fn string, r *simulate.Record, amount, voucher bool) []byte {
	minor, text := "", ""
	if amount {
		minor = strconv.FormatInt(r.Minor, 10)
	}
	date, clock := when(r)
	if voucher {
		for _, line := range m.receipt(r) {
			text += fmt.Sprintf("%-40s", line)
		}
	}
	data, _ := r.Data.(request)
	head := []string{fn, "00", Commerce, m.b.TerminalID(), r.Ref, r.AuthCode, minor}
	card := []string{"CR", "", m.opt.Account, "VI", date, clock}
	switch {
	case !m.auto:
		out := append(head, "0", "", simulate.CardLast4, r.Sequence())
		out = append(out, card...)
		out = append(out, "", strconv.FormatInt(r.Extra, 10), text)
		if fn == "0271" || fn == "0281" {
			out = append(out, "0", data.commerce)
		}
		return join(append(out, "")...)
	case fn == "0271":
		out := append(append(head, simulate.CardLast4, r.Sequence()), card...)
		return join(append(out, data.commerce, text, "", "", "", "")...)
	}
	out := append(append(head, simulate.CardLast4, strings.TrimLeft(r.Sequence(), "0")), card...)
	return join(append(out, text, "", "0", "", "")...)
}

// refusal is the result of a sale that did not come about. An Autoservicio tells the code only.
func (m *mouth) refusal(data request, code string, minor int64) []byte {
	if m.auto {
		return join(data.answer(), code)
	}
	amount := strconv.FormatInt(minor, 10)
	return join(append([]string{data.answer(), code, Commerce, m.b.TerminalID(), data.ticket, "      ", amount}, make([]string, 14)...)...)
}

// record is 0261 or 0291: a sale, or a void as its sale with a negative amount.
func (m *mouth) record(fn string, r *simulate.Record) []byte {
	of, minor := r, r.Minor
	if r.Kind == simulate.Void {
		if data, ok := r.Data.(request); ok && data.of != nil {
			of, minor = data.of, -data.of.Minor
		}
	}
	date, clock := when(of)
	return join(fn, "00", Commerce, m.b.TerminalID(), of.Ref, of.AuthCode, strconv.FormatInt(minor, 10), simulate.CardLast4, of.Sequence(),
		"CR", "", m.opt.Account, "VI", date, clock, "0", strconv.FormatInt(of.Extra, 10), "", "0", "")
}

// blank is the end of the list.
func (m *mouth) blank(fn string) []byte {
	return join(fn, "00", Commerce, m.b.TerminalID(), " ", " ", " ", " ", "", "", "", "", " ", "", " ", " ", " ", " ", " ", "")
}

// voided is 1210.
func (m *mouth) voided(code, auth, operation string) []byte {
	return join("1210", code, Commerce, m.b.TerminalID(), auth, operation)
}

// simple is 0510 or 0810.
func (m *mouth) simple(fn string) []byte { return join(fn, "00", Commerce, m.b.TerminalID()) }

// totals is 0710.
func (m *mouth) totals() []byte {
	count, minor := m.b.Totals()
	return join("0710", "00", strconv.Itoa(count), strconv.FormatInt(minor, 10), "")
}
