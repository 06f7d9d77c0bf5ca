package telium

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"tillbridge/terminal"
	"tillbridge/terminal/wire"
)

// maxMinor is the largest amount: eight digits (telium sheet 4.1).
const maxMinor = 99_999_999

// Modes and types of a request (telium sheet 4.1, 4.4, 6.2).
const (
	modeCardFR = '1' // and a mail order in the United Kingdom
	modeCardUK = '0'

	typeSale   = '0' // "debit"
	typeRefund = '1' // "credit"
)

// Status characters of an answer (telium sheet 4.5).
const (
	statusDone      = '0'
	statusReferral  = '2' // United Kingdom
	statusCancelled = '6' // United Kingdom
	statusRefused   = '7'
	statusTaken     = '9' // France: not verified; United Kingdom: received, a command was done
)

// request is what the till asks (telium sheet 4.1, 4.2, 6.2).
type request struct {
	Number   int // POS number 1 to 99, or reference 0 to 99
	Minor    int64
	Report   bool // the answer shall have its 55 characters
	Mode     byte
	Type     byte
	Currency int
	Private  string // ten characters; blank in France, extended announces extended data
	Short    bool   // E: without delay and authorisation
	Online   bool   // B011: force an authorisation by the bank
	Extended string // what follows in the British dialect
}

// extended is the private field that announces extended data, and noExtended is what stands there when there is none.
const (
	extended   = "EXT0100000"
	noExtended = "0000000000"
)

// encode writes the body of the request. An amount that does not fit is refused.
func (r request) encode() ([]byte, error) {
	switch {
	case r.Minor < 0 || r.Minor > maxMinor:
		return nil, fmt.Errorf("the amount of %d minor units does not fit: these terminals take at most %d", r.Minor, maxMinor)
	case r.Number < 0 || r.Number > 99:
		return nil, fmt.Errorf("the number %d has more than two digits", r.Number)
	case r.Currency < 1 || r.Currency > 999:
		return nil, fmt.Errorf("the currency %d is no ISO 4217 number", r.Currency)
	}
	report := byte('0')
	if r.Report {
		report = '1'
	}
	b := fmt.Appendf(nil, "%02d%08d%c%c%c%03d%-10.10s", r.Number, r.Minor, report, r.Mode, r.Type, r.Currency, r.Private)
	if r.Short {
		return b, nil
	}
	b = append(b, "A010B010"...)
	if r.Online {
		b[len(b)-1] = '1'
	}
	return append(b, r.Extended...), nil
}

// commandNumber is the reference in every command that is no payment. No payment of ours has it, so that an answer to a
// command is never taken for one's, whatever reference a terminal puts there.
const commandNumber = 1

// command is a British command that moves no money. The vendor's program sends this head with each and says that the
// terminal does not look at it (telium sheet 6.2).
func command(name string) []byte {
	b, err := request{
		Number: commandNumber, Minor: 1, Report: true, Mode: modeCardUK, Type: typeSale, Currency: 826, Private: extended,
		Extended: "CMD=" + name,
	}.encode()
	if err != nil { // constants all of them
		return nil
	}
	return b
}

// answer is what the terminal says of a request (telium sheet 4.3, 6.3).
type answer struct {
	Number   int
	Status   byte
	Minor    int64
	Mode     byte
	Full     bool   // it has a report
	Report   string // 55 characters
	Currency int    // 0 where it cannot be read
	Private  string
}

// Places in an answer: the short one has 25 characters, the full one 80.
const (
	headLength   = 12
	reportLength = 55
	shortLength  = headLength + 3 // without private
	fullLength   = shortLength + reportLength
	privateMost  = 10
)

// parseAnswer reads an answer. Its length tells which one it is, whatever was asked for. The private field may be missing
// or cut short, and a full answer may go on behind it.
func parseAnswer(body []byte) (answer, error) {
	n := len(body)
	if n < shortLength || n > shortLength+privateMost && n < fullLength {
		return answer{}, fmt.Errorf("an answer has 25 or 80 characters, this one has %d", n)
	}
	number, err := digits(body[:2])
	if err != nil {
		return answer{}, fmt.Errorf("number: %w", err)
	}
	minor, err := digits(body[3:11])
	if err != nil {
		return answer{}, fmt.Errorf("amount: %w", err)
	}
	a := answer{Number: int(number), Status: body[2], Minor: minor, Mode: body[11]}
	rest := body[headLength:]
	if n >= fullLength {
		a.Full, a.Report, rest = true, string(rest[:reportLength]), rest[reportLength:]
	}
	if c, err := digits(rest[:3]); err == nil {
		a.Currency = int(c)
	}
	a.Private = string(rest[3:])
	return a, nil
}

// digits reads digits and nothing else.
func digits(b []byte) (int64, error) {
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, fmt.Errorf("%q is not a number", terminal.MaskCardNumbers(string(b)))
		}
	}
	return strconv.ParseInt(string(b), 10, 64)
}

// private is the private field where it says something: neither blank nor zeros nor padding.
func (a answer) private() string {
	text := strings.TrimSpace(strings.Trim(a.Private, "\x00"))
	if strings.Trim(text, "0") == "" {
		return ""
	}
	return wire.OneLine(text)
}

// card is the card number's last four digits in a French report, where it begins with a card number, masked or not.
func (a answer) card() (last4 string) {
	if number, _ := cardNumber(a.Report); len(number) >= 8 {
		return wire.LastFour(number)
	}
	return ""
}

// cardNumber splits what looks like a card number, masked or not, from the beginning of a text.
func cardNumber(s string) (number, rest string) {
	i := 0
	for i < len(s) && strings.IndexByte("0123456789*#xX.", s[i]) >= 0 {
		i++
	}
	return s[:i], s[i:]
}

// maskBody is a body whose digits cannot be those of a card any more: in the first word of a French report all but the
// last four of the card number, and elsewhere every run that is long enough. The head of an answer holds none.
func maskBody(body []byte) []byte {
	if a, err := parseAnswer(body); err != nil {
		return []byte(terminal.MaskCardNumbers(string(body)))
	} else if !a.Full {
		return bytes.Clone(body)
	}
	out := bytes.Clone(body)
	first, _, _ := bytes.Cut(out[headLength:headLength+reportLength], []byte(" "))
	if number, _ := cardNumber(string(first)); len(number) >= 8 {
		for i := range first {
			if kept := i >= len(number)-4 && i < len(number); !kept && first[i] >= '0' && first[i] <= '9' {
				first[i] = '*'
			}
		}
	}
	return append(out[:headLength:headLength], terminal.MaskCardNumbers(string(out[headLength:]))...)
}

// tlv is the report of a British answer: a letter, a length, a value, one after another (telium sheet 6.3). Lengths are
// hexadecimal, and decimal in the answer to CMD=STATE. Of a letter that comes twice the first counts; what cannot be read
// ends it.
func (a answer) tlv(base int) map[byte]string {
	all := map[byte]string{}
	for s := a.Report; len(s) >= 3 && s[0] != ' ' && s[0] != 0; {
		n, err := strconv.ParseUint(s[1:3], base, 8)
		if err != nil || int(n) > len(s)-3 {
			break
		}
		if _, there := all[s[0]]; !there {
			all[s[0]] = s[3 : 3+n]
		}
		s = s[3+n:]
	}
	return all
}
