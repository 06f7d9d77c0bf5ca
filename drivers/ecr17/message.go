package ecr17

import (
	"fmt"
	"strconv"
	"strings"

	"tillbridge/terminal"
	"tillbridge/terminal/wire"
)

// Codes of messages, position 10 (Nexi Group, Traditional POS, "messages").
const (
	codeStatus   = 's' // both ways
	codePayment  = 'P' // from the register
	codeExtended = 'X' // payment with the extended result
	codeReversal = 'S' // from the register; a part of a receipt from the terminal
	codeTicket   = 'S'
	codeClose    = 'C'
	codeTotals   = 'T'
	codeLast     = 'G' // last stored result
	codeReceipts = 'E' // from the register: where receipts go
	codeReprint  = 'R'
	codeResult   = 'E' // from the terminal: the result of a payment or a reversal
	codeDCC      = 'V' // the result of a payment in the card's own currency
)

// maxMinor is the largest amount: eight digits of euro cents.
const maxMinor = 99_999_999

// bodyLimit is longer than any message of the terminal (1,050 characters, K).
const bodyLimit = 2048

// coverages are the four ways in which check bytes are made (sheet 2.1), the official one first.
func coverages() []wire.Covers {
	return []wire.Covers{wire.CoverAll, wire.CoverBodyETX, wire.CoverBody, wire.CoverSTXBody}
}

// format is how frames are made: with one coverage, or where the terminal's is not known yet with all of them.
func format(c wire.Covers, known bool) wire.STXFormat {
	f := wire.STXFormat{Seed: 0x7F, Covers: c, LongAck: true, Progress: 20}
	if !known {
		f.Accepts = coverages()
	}
	return f
}

// register makes the register's messages. Both numbers have eight digits.
type register struct {
	terminalID, cashRegister string
}

func (r register) head(code byte) string { return r.terminalID + "0" + string(code) }

// status is s, 10 characters.
func (r register) status() []byte { return []byte(r.head(codeStatus)) }

// sale is P or X, 167 characters. The amount has to be checked before; the text is for the receipt.
func (r register) sale(code byte, minor int64, text string) []byte {
	return fmt.Appendf(nil, "%s%s0"+"00"+"0"+"0"+"%08d%128s%s", r.head(code), r.cashRegister, minor, printable(text, 128), "00000000")
}

// reversal is S, 26 characters: of the last payment, which must have that STAN (six digits).
func (r register) reversal(stan string) []byte {
	return []byte(r.head(codeReversal) + r.cashRegister + stan + "00")
}

// closing is C, 26 characters.
func (r register) closing() []byte { return []byte(r.head(codeClose) + r.cashRegister + "00000000") }

// totals is T, 26 characters.
func (r register) totals() []byte { return []byte(r.head(codeTotals) + r.cashRegister + "00000000") }

// last is G, 22 characters.
func (r register) last() []byte { return []byte(r.head(codeLast) + r.cashRegister + "0000") }

// receipts is E, 11 characters: receipts of the next procedure go to the register. The terminal answers by ACK only.
func (r register) receipts() []byte { return []byte(r.head(codeReceipts) + "1") }

// reprint is R, 22 characters: the last financial receipt once more, to the register or on the terminal's paper.
func (r register) reprint(toRegister bool) []byte {
	where := "0"
	if toRegister {
		where = "1"
	}
	return []byte(r.head(codeReprint) + where + "0" + "0000000000")
}

// printable is a text in the characters that the protocol has, cut to a length.
func printable(s string, most int) string {
	out := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '.'
		}
		return r
	}, s)
	return out[:min(len(out), most)]
}

// message is one of the terminal's, taken apart as far as all have the same head.
type message struct {
	terminalID string // as the terminal says it, eight characters
	code       byte
	body       string
}

// parse takes a message apart; false where there is no head.
func parse(body []byte) (message, bool) {
	if len(body) < 10 {
		return message{}, false
	}
	return message{terminalID: printable(string(body[:8]), 8), code: body[9], body: string(body)}, true
}

// field is what stands at a position, counted from 1 as the papers do. A message may be shorter.
func (m message) field(position, length int) string {
	from := min(position-1, len(m.body))
	return m.body[from:min(from+length, len(m.body))]
}

// holds tells whether the message is long enough for a field.
func (m message) holds(position, length int) bool { return len(m.body) >= position-1+length }

// result is the end of a payment or of a reversal, or the terminal's memory of one: E and V (sheet 4.1, 4.2), and as far as they
// have the same fields the results of pre-authorisations.
type result struct {
	message
	code      string // "00", "01", "05", "09"; shorter where the message ends before
	last4     string
	auth      string
	time      string // DDDHHMM
	cardType  string
	acquirer  string
	stan      string
	online    string // online id
	action    string // action code
	text      string // of a refusal, the terminal's own words
	minor     int64
	hasAmount bool
	sale      bool // the message has the layout of a sale's or a reversal's result
}

func (r result) ok() bool { return r.code == "00" }

// refused tells whether the code is one of those that say that nothing was paid.
func (r result) refused() bool { return r.code == "01" || r.code == "05" || r.code == "09" }

// torn tells whether the code contradicts what stands behind it: words where a success has the card number, or a card number
// where a refusal has its reason. One byte of exclusive or does not see every pair of damaged bits.
func (r result) torn() bool {
	letters := 0
	for _, c := range []byte(r.field(13, 19)) {
		if c >= 'A' && c <= 'Z' && c != 'X' {
			letters++
		}
	}
	return r.ok() && letters >= 3 || r.refused() && letters == 0 && strings.Contains(r.field(13, 19), "****")
}

// numbered tells whether the terminal gave the transaction a number, which tells it from every other and from an answer that is
// no transaction at all.
func (r result) numbered() bool {
	return len(r.stan) == 6 && wire.IsDigits(r.stan) && r.stan != "000000"
}

// readResult reads a result leniently; what is missing is empty. False where the message is none.
func readResult(m message) (result, bool) {
	r := result{message: m, code: m.field(11, 2)}
	stan := map[byte]int{codeResult: 60, codeDCC: 60, 'c': 60, 'v': 60, 'e': 83, 'i': 52}[m.code]
	if stan == 0 {
		return result{}, false
	}
	r.stan, r.online = m.field(stan, 6), m.field(stan+6, 6)
	r.sale = m.code == codeResult || m.code == codeDCC
	if !r.ok() {
		r.text = wire.OneLine(terminal.MaskCardNumbers(printable(m.field(13, 24), 24)))
	}
	if m.code == 'e' || m.code == 'i' {
		return r, true
	}
	r.cardType, r.acquirer = m.field(48, 1), words(m.field(49, 11))
	if r.ok() {
		r.last4, r.auth, r.time = last4(m.field(13, 19)), words(m.field(35, 6)), m.field(41, 7)
	}
	r.action = words(m.field(72, 3))
	if r.sale && m.holds(75, 8) {
		r.minor, r.hasAmount = wire.Number(m.field(75, 8), 8)
	}
	return r, true
}

// raw is the message in hex for support, at most four digits of the card number in it: positions 13 to 31 of a success, or
// whatever looks like one in the text of a refusal (13 to 36).
func (r result) raw() string {
	b := []byte(r.body)
	if pan := b[min(12, len(b)):min(31, len(b))]; r.ok() {
		for i := range max(0, len(pan)-4) {
			if pan[i] >= '0' && pan[i] <= '9' {
				pan[i] = '*'
			}
		}
	}
	text := b[min(12, len(b)):min(36, len(b))]
	copy(text, terminal.MaskCardNumbers(string(text)))
	return wire.Excerpt(b)
}

// last4 are the last four characters of a card number if they are digits and not all that the terminal made up.
func last4(pan string) string {
	if strings.Trim(pan, "0 ") == "" {
		return ""
	}
	return wire.LastFour(strings.TrimRight(pan, " "))
}

// status is the answer to s.
type status struct {
	message
	clock   string // DDMMYYhhmm
	state   string // one digit
	release string
}

// readStatus reads the answer to s; false where the message is none. Some terminals answer with a short text instead.
func readStatus(m message) (status, bool) {
	if m.code != codeStatus {
		return status{}, false
	}
	if !wire.IsDigits(m.field(11, 20)) {
		text := words(m.field(11, 40))
		s := status{message: m, release: text}
		if rest, ok := strings.CutPrefix(text, "OPERATIVE"); ok {
			s.state, s.release = "2", strings.TrimSpace(rest)
		}
		return s, true
	}
	return status{message: m, clock: m.field(21, 10), state: m.field(31, 1), release: words(m.field(32, 80))}, true
}

// sums is the answer to C and T.
type sums struct {
	message
	code           string
	terminal, host int64
	hasHost        bool
	text           string // of a refusal
}

// readSums reads the answer to C or T; false where the message is none of them, or its sum cannot be read.
func readSums(m message) (sums, bool) {
	if m.code != codeClose && m.code != codeTotals {
		return sums{}, false
	}
	s := sums{message: m, code: m.field(11, 2)}
	if s.code != "00" {
		s.text = words(m.field(13, 19))
		return s, true
	}
	var err error
	if s.terminal, err = strconv.ParseInt(m.field(13, 16), 10, 64); err != nil {
		return sums{}, false
	}
	if m.code == codeClose && wire.IsDigits(m.field(29, 16)) {
		s.host, err = strconv.ParseInt(m.field(29, 16), 10, 64)
		s.hasHost = err == nil
	}
	return s, true
}

// words is a text of the terminal without what cannot be printed and without the blanks around it.
func words(s string) string { return strings.TrimSpace(printable(s, len(s))) }
