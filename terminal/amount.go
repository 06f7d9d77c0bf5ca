package terminal

import (
	"errors"
	"fmt"
	"strings"
)

// Currency is an ISO 4217 currency. Its zero value means "not stated".
type Currency struct {
	Code    string // alphabetic code, "EUR"
	Numeric int    // numeric code, 978
	Digits  int    // decimals of the minor unit, 2 for EUR, 0 for JPY, 3 for KWD
}

// Amount is an exact sum of money in minor units (cents). It is never a float.
type Amount struct {
	Minor    int64
	Currency Currency
}

// MaxMinor is the largest amount that any supported protocol carries: twelve decimal digits.
const MaxMinor = 999_999_999_999

// AmountError says why a text is not an amount that can be charged.
type AmountError struct {
	Text   string // the text as it came, cut to 40 bytes
	Reason string // what is wrong and what is meant
}

func (e *AmountError) Error() string { return fmt.Sprintf("amount %q: %s", e.Text, e.Reason) }

// ParseAmount reads decimal text ("12.5", "12.50", "12") in major units as an exact amount.
//
// Signs, exponents, blanks, grouping marks, a leading zero before another digit, more decimals than the
// currency has, zero, and more than MaxMinor are refused with an *AmountError.
func ParseAmount(text string, c Currency) (Amount, error) {
	whole, frac, hasPoint := strings.Cut(text, ".")
	refuse := func(reason string, args ...any) (Amount, error) {
		return Amount{}, &AmountError{Text: clip(text, 40), Reason: fmt.Sprintf(reason, args...)}
	}
	switch {
	case whole == "" || hasPoint && frac == "":
		return refuse("want digits with at most one decimal point between them, such as 12.50")
	case !digits(whole) || !digits(frac):
		return refuse("want digits with at most one decimal point, such as 12.50; no sign, exponent or blank")
	case len(whole) > 1 && whole[0] == '0':
		return refuse("a leading zero is ambiguous")
	case len(frac) > c.Digits:
		return refuse("%s has %d decimals, no more", c.Code, c.Digits)
	}
	return ParseMinor(strings.TrimLeft(whole+frac+strings.Repeat("0", c.Digits-len(frac)), "0"), text, c)
}

// ParseMinor reads digits as minor units ("1250" is 12.50 EUR). The text given as shown is the one that
// an error quotes; empty means the digits themselves. It refuses what ParseAmount refuses.
func ParseMinor(number, shown string, c Currency) (Amount, error) {
	if shown == "" {
		shown = number
	}
	fail := func(reason string) (Amount, error) {
		return Amount{}, &AmountError{Text: clip(shown, 40), Reason: reason}
	}
	if !digits(number) {
		return fail("want a whole number of minor units, digits only")
	}
	number = strings.TrimLeft(number, "0")
	switch {
	case number == "":
		return fail("nothing to charge: the amount must be more than zero")
	case len(number) > 12:
		return fail("larger than any terminal can take")
	}
	var minor int64
	for _, d := range []byte(number) {
		minor = minor*10 + int64(d-'0')
	}
	return Amount{Minor: minor, Currency: c}, nil
}

// Decimal is the amount in major units without the currency: "12.50".
func (a Amount) Decimal() string {
	sign, minor := "", a.Minor
	if minor < 0 {
		sign, minor = "-", -minor
	}
	s := fmt.Sprintf("%0*d", a.Currency.Digits+1, minor)
	if a.Currency.Digits == 0 {
		return sign + s
	}
	cut := len(s) - a.Currency.Digits
	return sign + s[:cut] + "." + s[cut:]
}

// String is the amount in major units with its currency code: "12.50 EUR".
func (a Amount) String() string { return a.Decimal() + " " + a.Currency.Code }

// Validate says whether the amount can be charged: positive, at most MaxMinor, in a stated currency.
func (a Amount) Validate() error {
	switch {
	case a.Minor <= 0:
		return errors.New("amount must be more than zero")
	case a.Minor > MaxMinor:
		return errors.New("amount is larger than any terminal can take")
	case a.Currency.Code == "" || a.Currency.Numeric <= 0:
		return errors.New("amount has no currency")
	}
	return nil
}

func digits(s string) bool {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n] + "…"
}
