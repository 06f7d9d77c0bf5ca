package wire

import (
	"encoding/hex"
	"strconv"
	"strings"
)

// IsDigits tells whether a text is decimal digits and nothing else; the empty one is not.
func IsDigits(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

// Number reads a text of digits only, so many at most, 18 of which always fit. False for anything else, a sign or a blank too.
func Number(text string, most int) (n int64, ok bool) {
	if len(text) > most || !IsDigits(text) {
		return 0, false
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, true
	}
	return 0, false
}

// LastFour is the end of a card number, masked or not: its last four characters if they are digits, else nothing.
func LastFour(number string) string {
	if end := number[max(0, len(number)-4):]; len(end) == 4 && IsDigits(end) {
		return end
	}
	return ""
}

// Latin1 reads a text in ISO 8859-1.
func Latin1(text string) string {
	runes := make([]rune, len(text))
	for i := range len(text) {
		runes[i] = rune(text[i])
	}
	return string(runes)
}

// OneLine is a text in one line, with single blanks: without control characters, and without what stands for bytes that are no text.
func OneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(c rune) bool { return c <= ' ' || c == 0x7F || c == 0xFFFD }), " ")
}

// excerptMost is how many bytes of a message are kept.
const excerptMost = 1024

// Excerpt is the beginning of a message in hex, which a result keeps for whoever looks into a dispute. Card data must have been masked before.
func Excerpt(masked []byte) string { return hex.EncodeToString(masked[:min(len(masked), excerptMost)]) }
