package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tillbridge/terminal/simulate"
	"tillbridge/terminal/wire"
)

// Character sets as tag 14 names them, PA00P015 ch. 7.
const (
	charsetLatin1 = 0x01
	charsetUTF8   = 0xFE
	charsetCP437  = 0xFF
)

// card is what the customer holds.
type card struct {
	option string
	name   string // BMP 8B
	id     byte   // BMP 8A
	group  int    // of the totals, BMP 60
	aid    string // tag 43, hex
	number string // BMP 22: masked digits E, padding F
	expiry string // BMP 0E, empty where the card tells none
}

func cards() []card {
	return []card{
		{"maestro", "MAESTRO", 46, 0, "A0000000043060", "EEEEEEEEEEEEEEE1229F", ""},
		{"visa", "VISA", 10, 4, "A0000000031010", "EEEEEEEEEEEE4242", "EEEE"},
		{"mastercard", "Mastercard", 6, 2, "A0000000041010", "EEEEEEEEEEEE8074", "EEEE"},
	}
}

// clearDigits stand in the place of masked ones where numbers are sent whole.
const clearDigits = "678923517648239"

func (s *Simulator) card() card {
	all := cards()
	out := all[max(0, slices.IndexFunc(all, func(c card) bool { return c.option == s.opt.Card }))]
	if s.opt.ClearCard {
		masked := strings.Count(out.number, "E")
		out.number = clearDigits[:masked] + out.number[masked:]
	}
	return out
}

// record is a transaction that the bank approved.
type record struct {
	kind     string // simulate.Sale and so on
	minor    int64
	tip      int64
	numeric  int // currency
	code     string
	trace    int
	receipt  int
	turnover int
	auth     string
	at       time.Time
	card     card
	pin      bool
	manual   bool
	reversed bool
	noAmount bool    // its status information names no amount
	of       *record // what a reversal reverses
}

// sequence is the terminal's own number of a transaction: the trace number, which is never used for two.
func (r *record) sequence() string { return fmt.Sprintf("%06d", r.trace) }

// apdu puts the header before the data: short form up to 254 bytes, else FF and the length, low byte first.
func apdu(class, instr byte, data []byte) []byte {
	n := len(data)
	out := []byte{class, instr, byte(n)}
	if n >= 0xFF {
		out = []byte{class, instr, 0xFF, byte(n), byte(n >> 8)}
	}
	return append(out, data...)
}

func positive() []byte { return []byte{0x80, 0x00, 0x00} }

func finished() []byte { return []byte{0x06, 0x0F, 0x00} }

func negative(code byte) []byte { return []byte{0x84, code, 0x00} }

func aborted(code byte) []byte { return []byte{0x06, 0x1E, 0x01, code} }

func isAnswer(apdu []byte) bool { return len(apdu) >= 2 && (apdu[0] == 0x80 || apdu[0] == 0x84) }

// must unwraps what a brick can refuse only for values that are never made here.
func must(b []byte, err error) []byte {
	if err != nil {
		panic("zvt simulator: " + err.Error())
	}
	return b
}

func bcd(bmp byte, n int64, size int) []byte {
	return must(wire.AppendBCD([]byte{bmp}, n, size))
}

func digits(bmp byte, text string, size int) []byte {
	return must(wire.AppendDigits([]byte{bmp}, text, size))
}

func llvar(bmp byte, value []byte) []byte { return must(wire.AppendLLVAR([]byte{bmp}, value)) }

func lllvar(bmp byte, value []byte) []byte { return must(wire.AppendLLLVAR([]byte{bmp}, value)) }

func tlv(tag wire.Tag, value ...[]byte) []byte { return must(wire.AppendTLV(nil, tag, join(value...))) }

// container is BMP 06 with the objects in it.
func container(objects ...[]byte) []byte {
	inside := join(objects...)
	return append(must(wire.AppendLength([]byte{0x06}, len(inside))), inside...)
}

func join(parts ...[]byte) []byte {
	var out []byte
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// clock is BMP 0C and 0D.
func clock(at time.Time) []byte {
	return join(digits(0x0C, at.Format("150405"), 3), digits(0x0D, at.Format("0102"), 2))
}

// status is the status information (04 0F) of an approved transaction, its fields in the order in which
// real terminals send them.
func (s *Simulator) status(r *record) []byte {
	b := []byte{0x27, 0x00}
	if !r.noAmount {
		b = append(b, bcd(0x04, r.minor, 6)...)
	}
	if s.opt.LongTrace {
		b = append(b, digits(0x0B, "0", 3)...)
	} else {
		b = append(b, bcd(0x0B, int64(r.trace), 3)...)
	}
	b = append(b, clock(r.at)...)
	if r.card.expiry != "" {
		b = append(b, must(wire.AppendNibbles([]byte{0x0E}, r.card.expiry))...)
	}
	b = append(b, 0x17, 0x00, 0x01, 0x19, 0x70)
	b = append(b, llvar(0x22, must(wire.AppendNibbles(nil, r.card.number)))...)
	b = append(b, digits(0x29, s.tid, 4)...)
	b = append(b, 0x2A)
	b = append(b, fmt.Sprintf("%-15s", contractNumber)...)
	if r.of != nil {
		b = append(b, bcd(0x37, int64(r.of.trace), 3)...)
	}
	b = append(b, 0x3B)
	b = append(b, r.auth+strings.Repeat("\x00", 8-len(r.auth))...)
	b = append(b, lllvar(0x3C, s.text(authText(r)))...)
	b = append(b, bcd(0x49, int64(r.numeric), 2)...)
	b = append(b, bcd(0x87, int64(r.receipt), 2)...)
	b = append(b, bcd(0x88, int64(r.turnover), 3)...)
	b = append(b, 0x8A, r.card.id)
	b = append(b, llvar(0x8B, []byte(r.card.name+"\x00"))...)
	return apdu(0x04, 0x0F, append(b, s.statusContainer(r)...))
}

// contractNumber is BMP 2A, the merchant's contract with the acquirer.
const contractNumber = "100764992"

func authText(r *record) string { return "GEN.NR.:" + r.auth }

func (s *Simulator) statusContainer(r *record) []byte {
	verification, technology := byte(0x00), byte(0x02)
	if r.pin {
		verification, technology = 0x03, 0x01
	}
	emv := fmt.Appendf(nil, "%s %016X", r.card.aid, uint64(r.trace)*0x9E3779B97F4A7C15)
	objects := [][]byte{
		tlv(0x24, tlv(0x07, s.text(authText(r)))),
		tlv(0x43, must(wire.AppendNibbles(nil, r.card.aid))),
		tlv(0x46, emv), tlv(0x47, emv),
		tlv(0x1F10, []byte{verification}), tlv(0x1F12, []byte{technology}),
	}
	if s.opt.LongTrace {
		objects = append(objects, tlv(0x1F2B, must(wire.AppendBCD(nil, longTrace(r), 4))))
	}
	if r.tip > 0 {
		objects = append(objects, tlv(0x1F36, must(wire.AppendBCD(nil, r.tip, 6))))
	}
	return container(objects...)
}

func longTrace(r *record) int64 { return 10_000_000 + int64(r.trace) }

// refusal is the status information of a payment that did not come about.
func (s *Simulator) refusal(code byte, text string, withCard bool) []byte {
	b := join([]byte{0x27, code}, digits(0x29, s.tid, 4), lllvar(0x3C, s.text(text)))
	if withCard {
		b = append(b, 0x8A, s.card().id)
	}
	return apdu(0x04, 0x0F, append(b, container(tlv(0x24, tlv(0x07, s.text(text))))...))
}

// intermediate is 04 FF. With a text it carries the time-out in minutes that a container wants before it.
func (s *Simulator) intermediate(code byte, text string) []byte {
	if text == "" {
		return apdu(0x04, 0xFF, []byte{code})
	}
	return apdu(0x04, 0xFF, join([]byte{code, 0x01}, container(tlv(0x24, tlv(0x07, s.text(text))))))
}

func (s *Simulator) defaultCharset() byte {
	if s.opt.Charset == "cp437" {
		return charsetCP437
	}
	return charsetLatin1
}

// text writes a text in the character set that holds. What the set lacks becomes a question mark.
func (s *Simulator) text(t string) []byte {
	if s.reg.charset == charsetUTF8 {
		return []byte(t)
	}
	cp437 := map[rune]byte{'ä': 0x84, 'ö': 0x94, 'ü': 0x81, 'ß': 0xE1, 'Ä': 0x8E, 'Ö': 0x99, 'Ü': 0x9A}
	out := make([]byte, 0, len(t))
	for _, r := range t {
		c, known := cp437[r]
		switch {
		case r < 0x80:
			c = byte(r)
		case s.reg.charset == charsetLatin1 && r <= 0xFF:
			c = byte(r)
		case s.reg.charset != charsetCP437 || !known:
			c = '?'
		}
		out = append(out, c)
	}
	return out
}

// totals are the sums since the last end of day, in the groups of BMP 60.
type totals struct {
	first, last int // receipt numbers; first is 0 while there is none
	count       [7]int
	minor       [7]int64
}

func (d *totals) reset(lastReceipt int) { *d = totals{last: lastReceipt} }

// add counts a booked transaction. Refunds and reversals lower the sum, not below nothing, for BCD has no
// sign; a reversal takes its sale out of the count too.
func (d *totals) add(r *record) {
	if d.first == 0 {
		d.first = r.receipt
	}
	d.last = r.receipt
	g := r.card.group
	switch r.kind {
	case simulate.Void:
		d.count[g] = max(0, d.count[g]-1)
		d.minor[g] = max(0, d.minor[g]-r.minor)
	case simulate.Refund:
		d.count[g]++
		d.minor[g] = max(0, d.minor[g]-r.minor)
	default:
		d.count[g]++
		d.minor[g] += r.minor
	}
}

func (d *totals) sum() (minor int64) {
	for _, m := range d.minor {
		minor += m
	}
	return min(minor, 999_999_999_999)
}

// totalsStatus is the status information of an end of day and of the totals.
func (s *Simulator) totalsStatus(at time.Time) []byte {
	d := &s.day
	first, last := d.first, d.last
	if first == 0 {
		last = 0
	}
	groups := join(bcd(0, int64(first), 2)[1:], bcd(0, int64(last), 2)[1:])
	for i := range d.count {
		groups = append(groups, byte(min(d.count[i], 0xFF)))
		groups = append(groups, bcd(0, min(d.minor[i], 999_999_999_999), 6)[1:]...)
	}
	return apdu(0x04, 0x0F, join([]byte{0x27, 0x00}, bcd(0x04, d.sum(), 6), clock(at), lllvar(0x60, groups)))
}
