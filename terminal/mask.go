package terminal

import (
	"strings"
	"unicode"
)

// MaskCardNumbers replaces all but the last four digits of everything in the text that could be a card
// number: 13 to 19 digits in one run, single blanks, hyphens or points between them allowed. Longer runs of
// digits are masked in the same way, since a card number may hide in them.
func MaskCardNumbers(text string) string {
	var out []byte
	for i := 0; i < len(text); {
		end, count := digitRun(text, i)
		if count < 13 {
			if end == i {
				end++
			}
			if out != nil {
				out = append(out, text[i:end]...)
			}
			i = end
			continue
		}
		if out == nil {
			out = append(make([]byte, 0, len(text)), text[:i]...)
		}
		for _, c := range []byte(text[i:end]) {
			if isDigit(c) {
				if count > 4 {
					c = '*'
				}
				count--
			}
			out = append(out, c)
		}
		i = end
	}
	if out == nil {
		return text
	}
	return string(out)
}

// digitRun finds the run of digits that begins at i, with single separators inside, and counts its digits.
func digitRun(s string, i int) (end, count int) {
	end = i
	for j := i; j < len(s); j++ {
		switch {
		case isDigit(s[j]):
			count++
			end = j + 1
		case j == end && count > 0 && strings.IndexByte(" -.", s[j]) >= 0:
		default:
			return end, count
		}
	}
	return end, count
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// Tidy makes a text from outside fit for people and files: what cannot be printed becomes a blank or a mark, blanks around it go, card
// numbers are masked, and then it is cut to most bytes. A number that were cut first would not be known for one any more.
func Tidy(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	text = MaskCardNumbers(strings.TrimSpace(text))
	return strings.ToValidUTF8(text[:min(len(text), most)], "")
}
