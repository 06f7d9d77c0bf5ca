package transbank

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/wire"
)

// Amounts in whole pesos that the protocol takes (sheet 4).
const (
	minMinor = 50
	maxMinor = 999_999_999
)

// bodyLimit is longer than any message; an Autoservicio's with a voucher exceeds 1 kB.
const bodyLimit = 8192

// ours is how the register frames, whatever the model.
func ours() wire.STXFormat { return wire.STXFormat{Covers: wire.CoverBodyETX} }

// theirs is how a terminal frames. The two rules differ by one bit, so that the wrong one lets a damaged frame through: only the
// model's own is taken (sheet 2).
func theirs(m Model) wire.STXFormat {
	if m == Autoservicio {
		return wire.STXFormat{Covers: wire.CoverAll}
	}
	return ours()
}

// Function codes that have no other form.
const (
	reqPoll       = "0100"
	reqKeys       = "0800"
	reqInit       = "0070" // Autoservicio
	reqInitResult = "0080" // Autoservicio
	reqTotals     = "0700||"
	fnProgress    = "0900"
)

// reqSale is 0200, or 0270 for one of several merchants, with progress messages wanted. The amount and ticket have to be checked
// before. The Integrado's has the form with a separator at the end, the most used one (sheet 4).
func (o *Options) reqSale(minor int64, ticket string) string {
	fn, tail := "0200", ""
	if o.Commerce != "" {
		fn, tail = "0270", "|"+o.Commerce
	}
	if o.Model == Autoservicio {
		return fmt.Sprintf("%s|%d|%s|%s|1%s", fn, minor, ticket, bit(o.Voucher), tail)
	}
	voucher := ""
	if o.Voucher {
		voucher = "1"
	}
	return fmt.Sprintf("%s|%d|%s||%s|1%s|", fn, minor, ticket, voucher, tail)
}

// reqLast is the question for the last sale. An Integrado prints a duplicate of its receipt.
func (o *Options) reqLast(voucher bool) string {
	switch {
	case o.Model == Autoservicio:
		return "0250|" + bit(voucher)
	case o.Commerce != "":
		return "0280|" + bit(voucher)
	}
	return "0250|"
}

// reqLists are the questions for the list of sales, the first one that the terminal knows counts. Programs ask terminals of
// several merchants by 0290 as well as by 0260.
func (o *Options) reqLists() []string {
	if o.Commerce != "" {
		return []string{"0290|1|", "0260|1|"}
	}
	return []string{"0260|1|"}
}

// reqClose is 0500, the close: sums go to the host and the list is emptied.
func (o *Options) reqClose() string {
	if o.Model == Autoservicio {
		return "0500|" + bit(o.Voucher)
	}
	return "0500||"
}

// reqVoid is 1200: an operation of an Integrado, the last sale of an Autoservicio.
func (o *Options) reqVoid(operation string) string {
	if o.Model == Autoservicio {
		return "1200"
	}
	return "1200|" + operation + "|"
}

func bit(on bool) string {
	if on {
		return "1"
	}
	return "0"
}

// message is one of the terminal's, taken apart at its separators.
type message struct {
	fn     string // function code
	code   string // response code, two digits
	fields []string
	body   string
}

// parse takes a message apart; false where it does not begin with a function code.
func parse(body []byte) (message, bool) {
	m := message{body: string(body)}
	m.fields = strings.Split(m.body, "|")
	if m.fn = m.fields[0]; len(m.fn) != 4 || !wire.IsDigits(m.fn) {
		return message{}, false
	}
	if m.code = m.at(1); len(m.code) == 1 && wire.IsDigits(m.code) {
		m.code = "0" + m.code
	}
	return m, true
}

// at is a field without the blanks around it; empty where there is none. Field 0 is the function code.
func (m message) at(i int) string {
	if i <= 0 || i >= len(m.fields) {
		return ""
	}
	return words(m.fields[i])
}

// is tells whether the message has one of some function codes.
func (m message) is(fns ...string) bool { return slices.Contains(fns, m.fn) }

// moves tells whether the message states what became of money that a command of ours was to move.
func (m message) moves() bool { return m.is("0210", "0271", "1210") }

// layout says where a sale's fields stand in one kind of message (sheet 5); 0 where there is none. Fields 2 to 6 are the same in all.
type layout struct {
	last4, operation, kind, account, brand, date, clock, tip, voucher int
}

func (o *Options) layout(fn string) (layout, bool) {
	switch fn {
	case "0210", "0260", "0271", "0281":
		switch {
		case o.Model == Integrado:
			return layout{last4: 9, operation: 10, kind: 11, account: 13, brand: 14, date: 15, clock: 16, tip: 18, voucher: 19}, true
		case fn == "0271" || fn == "0281":
			return layout{last4: 7, operation: 8, kind: 9, account: 11, brand: 12, date: 13, clock: 14, voucher: 16}, true
		}
		return layout{last4: 7, operation: 8, kind: 9, account: 11, brand: 12, date: 13, clock: 14, voucher: 15}, true
	case "0261", "0291":
		return layout{last4: 7, operation: 8, kind: 9, account: 11, brand: 12, date: 13, clock: 14, tip: 16}, true
	}
	return layout{}, false
}

// sale is a sale as the terminal tells it: its result, the last one, or a record of the list.
type sale struct {
	message
	lay                                        layout
	terminalID, ticket, auth, operation, last4 string
	kind, brand, voucher                       string
	minor, tip                                 int64
	hasAmount                                  bool
}

// readSale reads a sale leniently; what is missing is empty. False where the message is none.
func (o *Options) readSale(m message) (sale, bool) {
	lay, ok := o.layout(m.fn)
	if !ok {
		return sale{}, false
	}
	r := sale{
		message: m, lay: lay, terminalID: m.at(3), ticket: m.at(4), auth: terminal.MaskCardNumbers(m.at(5)), operation: m.at(lay.operation),
		last4: wire.LastFour(m.at(lay.last4)), kind: m.at(lay.kind), brand: m.at(lay.brand),
	}
	if lay.voucher < len(m.fields) && lay.voucher > 0 {
		r.voucher = m.fields[lay.voucher]
	}
	r.minor, r.hasAmount = number(m.at(6))
	r.tip, _ = number(m.at(lay.tip))
	return r, true
}

// blank tells whether a record is the end of the list: it has no authorisation and no amount.
func (r sale) blank() bool { return r.auth == "" && (!r.hasAmount || r.minor == 0) }

// has tells whether the sale has a ticket of ours. Terminals were seen to keep it as it was sent; zeros before it and the case do
// not matter all the same.
func (r sale) has(ticket string) bool {
	return r.ticket != "" && strings.EqualFold(shortNumber(r.ticket), shortNumber(ticket))
}

// torn tells whether the code contradicts the rest: an approval without authorisation and operation number, or a refusal with both.
// One byte of exclusive or does not see every pair of damaged bits.
func (r sale) torn() bool {
	if r.code == codeOK {
		return r.auth == "" && r.operation == ""
	}
	return r.auth != "" && wire.IsDigits(r.operation)
}

// time is the terminal's clock of the sale; zero where it tells none.
func (r sale) time() time.Time {
	t, err := time.ParseInLocation("02012006150405", r.message.at(r.lay.date)+r.message.at(r.lay.clock), time.Local)
	if err != nil {
		return time.Time{}
	}
	return t
}

// raw is the message in hex for support: the account number blanked, of the card number at most four digits, without the receipt.
func (r sale) raw() string {
	fields := append([]string(nil), r.fields...)
	for i := range fields {
		switch {
		case i == 0:
		case i == r.lay.account:
			fields[i] = strings.Repeat("*", len(fields[i]))
		case i == r.lay.last4:
			fields[i] = r.last4
		case i == r.lay.voucher:
			fields[i] = ""
		default:
			fields[i] = terminal.MaskCardNumbers(fields[i])
		}
	}
	return wire.Excerpt([]byte(strings.Join(fields, "|")))
}

// number reads whole pesos; a void in the list is less than nothing.
func number(s string) (n int64, ok bool) {
	digits, negative := strings.CutPrefix(s, "-")
	if n, ok = wire.Number(digits, 12); negative {
		n = -n
	}
	return n, ok
}

// words is a text of the terminal, which is ISO 8859-1, without control characters and the blanks around it.
func words(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7F && r < 0xA0 {
			return '.'
		}
		return r
	}, wire.Latin1(s)))
}

// ticketOf is our name of a payment in six characters: the last six of our reference. The engine's references count microseconds
// in base 36, so two that share them are a multiple of 36 minutes and 17 seconds apart, to the microsecond: neighbours never do, and
// of two others one pair in two thousand million. That suffices, since a record must also have our amount and stand behind the
// mark, where nothing of ours but this payment can be. False where a character is none of the protocol's.
func ticketOf(reference string) (string, bool) {
	t := reference[max(0, len(reference)-6):]
	return t, t != "" && strings.Trim(t, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}
