package simulate

import (
	"fmt"
	"strconv"

	"tillbridge/terminal"
)

// CustomerChoices are what a customer may press.
func CustomerChoices() []string { return []string{PressTap, PressDecline, PressCancel, WrongPIN} }

// Pressed is the outcome that a customer's choice comes to; what is none is an outcome already.
func Pressed(choice string) (outcome string) {
	switch choice {
	case PressTap:
		return Approved
	case PressDecline:
		return Declined
	case PressCancel:
		return Cancelled
	}
	return choice
}

// Distorted is what the bank approves in the place of a sum that it was asked for, as a script wants that: the sum, the tip in it, and the currency.
func Distorted(script string, asked int64, c terminal.Currency) (minor, tip int64, booked terminal.Currency) {
	minor, booked = asked, c
	switch script {
	case Partial:
		minor = max(1, asked/2)
	case Tip:
		if more := max(1, asked/10); asked <= terminal.MaxMinor-more {
			minor, tip = asked+more, more
		}
	case WrongAmount:
		if minor++; minor > terminal.MaxMinor {
			minor = 1
		}
	case OtherCurrency:
		booked = terminal.Currency{Code: "CHF", Numeric: 756, Digits: 2}
		if c.Numeric == booked.Numeric {
			booked = terminal.Currency{Code: "EUR", Numeric: 978, Digits: 2}
		}
	}
	return minor, tip, booked
}

// MinorUnits reads what stands behind an action and a colon, such as the 1250 of "manual-sale:1250".
func MinorUnits(action, text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 || n > terminal.MaxMinor {
		return 0, fmt.Errorf("press %s: %q is no amount in minor units", action, text)
	}
	return n, nil
}
