package zvt

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Charset is the character set of a terminal's texts. The zero value guesses.
type Charset uint8

// The character sets. ISO 8859-3 to -14 and -16, which tag 14 can name too, are not here: no ZVT terminal was
// seen with them. Their letters beyond ASCII show as a replacement character.
const (
	CharsetAuto   Charset = iota
	CharsetCP437          // the default of PA00P015
	CharsetLatin1         // ISO 8859-1
	CharsetLatin2         // ISO 8859-2
	CharsetLatin9         // ISO 8859-15
	CharsetUTF8
	CharsetGerman7 // the old 7-bit set: umlauts in the place of brackets and braces
	CharsetASCII
)

var charsetWords = [...]string{"auto", "cp437", "latin1", "latin2", "latin9", "utf8", "german7", "ascii"}

func (c Charset) String() string {
	if int(c) < len(charsetWords) {
		return charsetWords[c]
	}
	return fmt.Sprintf("charset(%d)", uint8(c))
}

// ParseCharset reads a name as String writes it, or the usual name "iso8859-1", "iso8859-2", "iso8859-15",
// "utf-8".
func ParseCharset(name string) (Charset, error) {
	switch lower := strings.ToLower(name); lower {
	case "iso8859-1", "iso-8859-1":
		return CharsetLatin1, nil
	case "iso8859-2", "iso-8859-2":
		return CharsetLatin2, nil
	case "iso8859-15", "iso-8859-15":
		return CharsetLatin9, nil
	case "utf-8":
		return CharsetUTF8, nil
	default:
		for i, word := range charsetWords {
			if word == lower {
				return Charset(i), nil
			}
		}
	}
	return CharsetAuto, fmt.Errorf("character set %q: want one of %s", name, strings.Join(charsetWords[:], ", "))
}

// charsetTags are the values of TLV tag 14 (PA00P015 ch. 9.4).
var charsetTags = map[byte]Charset{
	0x00: CharsetASCII, 0x01: CharsetLatin1, 0x02: CharsetLatin2, 0x0F: CharsetLatin9, 0xFE: CharsetUTF8, 0xFF: CharsetCP437,
}

// CharsetOfTag reads the value of TLV tag 14. ok is false for what is not known here.
func CharsetOfTag(value []byte) (c Charset, ok bool) {
	if len(value) == 1 {
		c, ok = charsetTags[value[0]]
	}
	return c, ok
}

// TagValue is the value of tag 14 that names the character set; ok is false for those without one.
func (c Charset) TagValue() (value byte, ok bool) {
	for value, named := range charsetTags {
		if named == c {
			return value, true
		}
	}
	return 0, false
}

// Decode turns a text of the terminal into Unicode. Trailing zero bytes are cut, which terminals pad with;
// other control characters than line feed and carriage return become blanks.
func (c Charset) Decode(p []byte) string {
	for len(p) > 0 && p[len(p)-1] == 0 {
		p = p[:len(p)-1]
	}
	if c == CharsetAuto {
		c = guess(p)
	}
	if c == CharsetUTF8 {
		return strings.Map(printable, strings.ToValidUTF8(string(p), string(utf8.RuneError)))
	}
	var out strings.Builder
	for _, b := range p {
		out.WriteRune(printable(c.letter(b)))
	}
	return out.String()
}

func printable(r rune) rune {
	if r < 0x20 && r != '\n' && r != '\r' || r >= 0x7F && r < 0xA0 {
		return ' '
	}
	return r
}

func (c Charset) letter(b byte) rune {
	switch {
	case c == CharsetGerman7:
		if i := strings.IndexByte("[\\]{|}~", b); i >= 0 {
			return [...]rune{'Ä', 'Ö', 'Ü', 'ä', 'ö', 'ü', 'ß'}[i]
		}
		fallthrough
	case c == CharsetASCII:
		if b >= 0x80 {
			return utf8.RuneError
		}
		return rune(b)
	case b < 0x80:
		return rune(b)
	case c == CharsetCP437:
		return nth(cp437, int(b)-0x80)
	case b >= 0xA0 && c == CharsetLatin2:
		return nth(latin2, int(b)-0xA0)
	case b >= 0xA0 && c == CharsetLatin9:
		return nth(latin9, int(b)-0xA0)
	}
	return rune(b)
}

func nth(letters string, n int) rune {
	for _, r := range letters {
		if n == 0 {
			return r
		}
		n--
	}
	return utf8.RuneError
}

// guess tells the character sets in use apart by the German umlauts: at most terminals either CP437 or
// Latin-1, whatever was negotiated. A text that is UTF-8 with letters beyond ASCII is hardly ever anything
// else.
func guess(p []byte) Charset {
	high, dos, latin := false, 0, 0
	for _, b := range p {
		high = high || b >= 0x80
		switch b {
		case 0x84, 0x94, 0x81, 0xE1, 0x8E, 0x99, 0x9A:
			dos++
		case 0xE4, 0xF6, 0xFC, 0xDF, 0xC4, 0xD6, 0xDC:
			latin++
		}
	}
	switch {
	case !high:
		return CharsetLatin1
	case utf8.Valid(p):
		return CharsetUTF8
	case latin > 0 && latin >= dos:
		return CharsetLatin1
	}
	return CharsetCP437
}

// trimmed is a fixed-length text without the blanks and zeros that pad it.
func trimmed(c Charset, p []byte) string {
	return strings.TrimRight(strings.TrimLeft(c.Decode(p), " \x00"), " \x00")
}

// The upper halves of the character sets, CP437 from 80 on, the others from A0 on.
const (
	cp437 = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒ" +
		"áíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐" +
		"└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀" +
		"αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0"
	latin2 = "\u00a0Ą˘Ł¤ĽŚ§¨ŠŞŤŹ\u00adŽŻ°ą˛ł´ľśˇ¸šşťź˝žż" +
		"ŔÁÂĂÄĹĆÇČÉĘËĚÍÎĎĐŃŇÓÔŐÖ×ŘŮÚŰÜÝŢß" +
		"ŕáâăäĺćçčéęëěíîďđńňóôőö÷řůúűüýţ˙"
	latin9 = "\u00a0¡¢£€¥Š§š©ª«¬\u00ad®¯°±²³Žµ¶·ž¹º»ŒœŸ¿" +
		"ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞß" +
		"àáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿ"
)
