package language

import (
	"regexp"
	"strings"

	"tillbridge/terminal"
)

// Amount is an amount in the language's marks, with the currency's code: "1.234,50 EUR".
func (l *Language) Amount(a terminal.Amount) string {
	return l.decimal(a.Decimal()) + " " + a.Currency.Code
}

// decimal writes a number of the engine's, such as -1234.50, in the language's marks.
func (l *Language) decimal(number string) string {
	number, negative := strings.CutPrefix(number, "-")
	whole, fraction, hasFraction := strings.Cut(number, ".")
	for at := len(whole) - 3; at > 0; at -= 3 {
		whole = whole[:at] + l.Group + whole[at:]
	}
	if negative {
		whole = "-" + whole
	}
	if hasFraction {
		whole += l.Decimal + fraction
	}
	return whole
}

// spaces are those that people type or copy where a language groups digits by a space.
const spaces = " \u00a0\u202f"

// Plain writes an amount that somebody typed in the language's marks as the engine does, 1234.50; a text that is no
// amount, and one that may be meant with a decimal point, stays as it is.
func (l *Language) Plain(text string) string {
	number := currencyAfter.ReplaceAllString(strings.Trim(text, spaces), "")
	whole, fraction, hasFraction := strings.Cut(number, l.Decimal)
	group := l.Group
	if strings.Contains(spaces, group) {
		group = " "
		whole = strings.NewReplacer("\u00a0", " ", "\u202f", " ").Replace(whole)
	}
	parts := strings.Split(whole, group)
	for i, part := range parts {
		if strings.Trim(part, "0123456789") != "" || part == "" || len(parts) > 1 && (len(part) > 3 || i > 0 && len(part) < 3) {
			return l.pointed(number, text)
		}
	}
	switch {
	case hasFraction && (fraction == "" || len(fraction) > 3 || strings.Trim(fraction, "0123456789") != ""):
		return text
	case hasFraction:
		return strings.Join(parts, "") + "." + fraction
	case len(parts) == 2 && group != " ":
		return number // 1.234 may be meant with a decimal point
	}
	return strings.Join(parts, "")
}

// pointed is a number with a decimal point, without its currency; otherwise the text as it was.
func (l *Language) pointed(number, text string) string {
	if pointNumber.MatchString(number) {
		return number
	}
	return text
}

var (
	currencyAfter = regexp.MustCompile(`[ \x{a0}\x{202f}][A-Z]{3}$`)
	pointNumber   = regexp.MustCompile(`^[0-9]+\.[0-9]{1,3}$`)
)
