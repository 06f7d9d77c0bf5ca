package simulate

import (
	"slices"
	"testing"

	"tillbridge/terminal"
)

func TestDistorted(t *testing.T) {
	euro := terminal.Currency{Code: "EUR", Numeric: 978, Digits: 2}
	franc := terminal.Currency{Code: "CHF", Numeric: 756, Digits: 2}
	for _, c := range []struct {
		script     string
		asked      int64
		minor, tip int64
		in, booked terminal.Currency
	}{
		{Approved, 1250, 1250, 0, euro, euro},
		{Partial, 1250, 625, 0, euro, euro},
		{Partial, 1, 1, 0, euro, euro},
		{Tip, 1250, 1375, 125, euro, euro},
		{Tip, 1, 2, 1, euro, euro},
		{Tip, terminal.MaxMinor, terminal.MaxMinor, 0, euro, euro},
		{WrongAmount, 1250, 1251, 0, euro, euro},
		{WrongAmount, terminal.MaxMinor, 1, 0, euro, euro},
		{OtherCurrency, 1250, 1250, 0, euro, franc},
		{OtherCurrency, 1250, 1250, 0, franc, euro},
	} {
		if minor, tip, booked := Distorted(c.script, c.asked, c.in); minor != c.minor || tip != c.tip || booked != c.booked {
			t.Errorf("%s of %d %s: %d with a tip of %d in %s", c.script, c.asked, c.in.Code, minor, tip, booked.Code)
		}
	}
}

func TestCustomer(t *testing.T) {
	want := map[string]string{PressTap: Approved, PressDecline: Declined, PressCancel: Cancelled, WrongPIN: WrongPIN}
	for _, choice := range CustomerChoices() {
		if got := Pressed(choice); got != want[choice] || got == "" {
			t.Errorf("%s comes to %q", choice, got)
		}
	}
	if len(CustomerChoices()) != len(want) || Pressed(Tip) != Tip || slices.Contains(CustomerChoices(), Tip) {
		t.Errorf("%q", CustomerChoices())
	}
	for text, want := range map[string]int64{"1250": 1250, "999999999999": terminal.MaxMinor, "1000000000000": 0, "0": 0, "-1": 0, "": 0, "12.50": 0} {
		if got, err := MinorUnits(PressManualSale, text); got != want || (err == nil) != (want > 0) {
			t.Errorf("%q is %d, %v", text, got, err)
		}
	}
}
