package zvt

import (
	"bytes"
	"strings"

	"tillbridge/terminal"
	"tillbridge/terminal/wire"
)

// maskText blanks card numbers in a text, all but their last four digits. EMV application ids, which
// receipts must show and which are long runs of digits too, stay: A000000… and the girocard's D276000025….
func maskText(text string) string {
	var out strings.Builder
	for {
		start, end := findAID(text)
		out.WriteString(terminal.MaskCardNumbers(text[:start]))
		out.WriteString(text[start:end])
		if end == len(text) {
			return out.String()
		}
		text = text[end:]
	}
}

// findAID finds the first application id: a registered prefix with at most 32 hexadecimal digits in all,
// standing alone. Without one both results are the text's length.
func findAID(text string) (start, end int) {
	for i := range len(text) {
		if !strings.HasPrefix(text[i:], "A000000") && !strings.HasPrefix(text[i:], "D276000025") || i > 0 && isHex(text[i-1]) {
			continue
		}
		end = i
		for end < len(text) && isHex(text[end]) {
			end++
		}
		if end-i >= 10 && end-i <= 32 {
			return i, end
		}
	}
	return len(text), len(text)
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c >= 'A' && c <= 'F' }

// lastFour is the end of a card number as a terminal sends it: nibbles with E for masked digits, F for
// padding, D before what is not the number. It is shorter than four, or empty, where the digits before are
// masked, and it is all of the number that is ever kept.
func lastFour(nibbles string) string {
	number, _, _ := strings.Cut(nibbles, "D")
	number = strings.TrimRight(number, "F")
	start := len(number)
	for start > 0 && len(number)-start < 4 && number[start-1] >= '0' && number[start-1] <= '9' {
		start--
	}
	if start == 0 {
		return "" // four digits or fewer are no card number to tell the end of
	}
	return number[start:]
}

// Mask is a copy of an APDU's bytes that may be stored and shown: of the same length and structure, with the
// card data, tokens and passwords in it overwritten. Of the card number in BMP 22 and 23 the last four digits stay.
//
// It takes any bytes. What it cannot take apart, it searches for runs of thirteen digits and more, as text
// and as BCD.
func Mask(apdu []byte) []byte {
	out := bytes.Clone(apdu)
	n, length, ok := header(out)
	if !ok {
		maskOpaque(out)
		return out
	}
	data := out[n:]
	if len(data) > length {
		maskOpaque(data[length:])
		data = data[:length]
	}
	m := TakeApart(APDU{Command: Command(out[0])<<8 | Command(out[1]), Data: data})
	for _, f := range m.Fixed {
		switch {
		case f.Secret:
			fill(f.Value, 0xEE)
		case f.Text:
			maskASCII(f.Value)
		}
	}
	for _, b := range m.Fields {
		maskBMP(b)
	}
	for _, b := range m.Again {
		maskBMP(b)
	}
	maskOpaque(m.Rest)
	return out
}

func maskBMP(b BMP) {
	switch b.ID {
	case bmpPAN, bmpTrack2:
		maskPAN(b.Value)
	case bmpTrack3, 0x3A, 0x3D, 0xA7:
		fill(b.Value, 0xEE)
	case bmpTrack1, 0x2E, 0x92, 0x9A, 0xAF, 0xBA, 0xD1:
		fill(b.Value, '*')
	case bmpTLV:
		maskNodes(ParseTLV(b.Value))
	default:
		if isTextBMP(b.ID) {
			maskASCII(b.Value)
		}
	}
}

// isTextBMP tells the fields that people read: the additional text, the card's name, and the lines of a dialogue.
func isTextBMP(id byte) bool {
	return id == bmpText || id == bmpCardName || id >= 0xE1 && id <= 0xE8 || id >= 0xF1 && id <= 0xF8
}

// maskPAN masks the nibbles of a card number or track 2, the number's last four digits, the separator and the
// padding excepted.
func maskPAN(value []byte) {
	nibbles := wire.Nibbles(value)
	number, tail, separated := strings.Cut(nibbles, "D")
	masked := []byte(strings.Repeat("E", len(number)))
	keep := lastFour(nibbles)
	end := len(strings.TrimRight(number, "F"))
	copy(masked[end-len(keep):], keep)
	copy(masked[end:], number[end:])
	text := string(masked)
	if separated {
		text += "D" + strings.Repeat("E", len(tail))
	}
	if packed, err := wire.AppendNibbles(nil, text); err == nil {
		copy(value, packed)
	}
}

// maskNodes overwrites card data in TLV objects: track data, tokens, card ids, the long password, and the
// EMV tags of card number and track 2. Tags that are not known may hold anything.
func maskNodes(nodes Nodes) {
	for _, o := range nodes {
		switch {
		case o.Tag == 0:
			maskOpaque(o.Value)
		case isCardTag(o.Tag):
			fill(o.Value, 0xEE)
		case len(o.Children) > 0:
			maskNodes(o.Children)
		case tagNames[o.Tag] == "" || o.Opaque:
			maskOpaque(o.Value)
		default:
			maskASCII(o.Value)
		}
	}
}

func isCardTag(t wire.Tag) bool {
	switch t {
	case 0x1F08, 0x1F09, 0x1F0A, 0x1F0B, 0x1F14, 0x1F45, 0x1F74, 0x4C, 0x4D, 0x57, 0x5A, 0x5F20:
		return true
	}
	return false
}

// maskOpaque overwrites what could be a card number in bytes of unknown meaning, read as text and as BCD at
// either nibble.
func maskOpaque(p []byte) {
	maskASCII(p)
	nibbles := []byte(wire.Nibbles(p))
	for start := 0; start < len(nibbles); {
		end := start
		for end < len(nibbles) && nibbles[end] <= '9' {
			end++
		}
		if end-start >= 13 {
			for i := start; i < end; i++ {
				nibbles[i] = 'E'
			}
		}
		start = end + 1
	}
	if packed, err := wire.AppendNibbles(nil, string(nibbles)); err == nil {
		copy(p, packed)
	}
}

// maskASCII overwrites card numbers in a text, byte for byte.
func maskASCII(p []byte) {
	runes := make([]rune, len(p)) // one a byte, so that the result has the text's length
	for i, b := range p {
		runes[i] = rune(b)
	}
	for i, r := range []rune(maskText(string(runes))) {
		if r == '*' {
			p[i] = '*'
		}
	}
}

func fill(p []byte, b byte) {
	for i := range p {
		p[i] = b
	}
}
