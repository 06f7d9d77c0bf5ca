package config

import (
	"strconv"

	money "github.com/Rhymond/go-money"

	"tillbridge/terminal"
)

// Currency finds a currency by its ISO 4217 code, three capital letters: those that people pay with, and none
// that is withdrawn.
//
// The table is that of go-money, whose digits and numbers agree with list one of ISO 4217. What it lacks is
// added here; what it lists and ISO does not, or is no money to pay with, is left out.
func Currency(code string) (terminal.Currency, bool) {
	switch code {
	case "ZWG": // Zimbabwe Gold, since 2024
		return terminal.Currency{Code: code, Numeric: 924, Digits: 2}, true
	case "VED": // Bolívar Soberano, the second number, since 2021
		return terminal.Currency{Code: code, Numeric: 926, Digits: 2}, true
	case "XAG", "XAU", "XDR": // silver, gold, drawing rights: no minor unit in ISO 4217
		return terminal.Currency{}, false
	}
	if _, gone := successor(code); gone {
		return terminal.Currency{}, false
	}
	// GetCurrency takes lower case too; ISO 4217 does not.
	c := money.GetCurrency(code)
	if c == nil || c.Code != code {
		return terminal.Currency{}, false
	}
	numeric, err := strconv.Atoi(c.NumericCode)
	if err != nil || numeric <= 0 {
		return terminal.Currency{}, false
	}
	return terminal.Currency{Code: c.Code, Numeric: numeric, Digits: c.Fraction}, true
}

// successor is the currency that replaced a withdrawn one (ISO 4217, list three).
func successor(code string) (now string, gone bool) {
	switch code {
	case "BGN", "EEK", "HRK", "LTL", "LVL", "SKK":
		return "EUR", true
	case "GGP", "IMP", "JEP": // never in ISO 4217
		return "GBP", true
	case "ANG":
		return "XCG", true
	case "BYR":
		return "BYN", true
	case "CUC":
		return "CUP", true
	case "GHC":
		return "GHS", true
	case "RUR":
		return "RUB", true
	case "SLL":
		return "SLE", true
	case "STD":
		return "STN", true
	case "TRL":
		return "TRY", true
	case "VEF":
		return "VES", true
	case "ZWD", "ZWL":
		return "ZWG", true
	}
	return "", false
}
