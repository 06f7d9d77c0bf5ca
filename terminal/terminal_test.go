package terminal

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

var (
	eur = Currency{Code: "EUR", Numeric: 978, Digits: 2}
	jpy = Currency{Code: "JPY", Numeric: 392}
	kwd = Currency{Code: "KWD", Numeric: 414, Digits: 3}
)

func TestParseAmount(t *testing.T) {
	for _, c := range []struct {
		text string
		in   Currency
		want int64 // 0: refused
	}{
		{"12.5", eur, 1250},
		{"12.50", eur, 1250},
		{"12", eur, 1200},
		{"0.01", eur, 1},
		{"0.10", eur, 10},
		{"1200", jpy, 1200},
		{"1.234", kwd, 1234},
		{"0.001", kwd, 1},
		{"9999999999.99", eur, MaxMinor},
		{"4.35", eur, 435},
		{"1.15", eur, 115},
		{"8.2", eur, 820}, // wrong in binary floats times 100
		{"", eur, 0},
		{".", eur, 0},
		{".5", eur, 0},
		{"5.", eur, 0},
		{"0", eur, 0},
		{"0.00", eur, 0},
		{"-1", eur, 0},
		{"+1", eur, 0},
		{"1e3", eur, 0},
		{"1,5", eur, 0},
		{" 1", eur, 0},
		{"1 000", eur, 0},
		{"1.005", eur, 0},
		{"1.500", eur, 0},
		{"1.0", jpy, 0},
		{"01", eur, 0},
		{"1.2.3", eur, 0},
		{"NaN", eur, 0},
		{"10000000000.00", eur, 0},
		{strings.Repeat("9", 400), eur, 0},
		{"١", eur, 0},
		{"0x10", eur, 0},
	} {
		got, err := ParseAmount(c.text, c.in)
		if got.Minor != c.want || (err != nil) != (c.want == 0) {
			t.Errorf("ParseAmount(%q, %s) = %d, %v; want %d", c.text, c.in.Code, got.Minor, err, c.want)
		}
		var ae *AmountError
		if err != nil && !errors.As(err, &ae) {
			t.Errorf("ParseAmount(%q): error is %T", c.text, err)
		}
	}
}

func TestParseMinor(t *testing.T) {
	for text, want := range map[string]int64{"1250": 1250, "1": 1, "0": 0, "": 0, "12.5": 0, "-3": 0, "1000000000000": 0} {
		got, err := ParseMinor(text, "", eur)
		if got.Minor != want || (err != nil) != (want == 0) {
			t.Errorf("ParseMinor(%q) = %d, %v; want %d", text, got.Minor, err, want)
		}
	}
}

func TestAmountText(t *testing.T) {
	for want, a := range map[string]Amount{
		"12.50 EUR": {1250, eur}, "0.01 EUR": {1, eur}, "1200 JPY": {1200, jpy}, "0.001 KWD": {1, kwd}, "-0.05 EUR": {-5, eur},
	} {
		if a.String() != want {
			t.Errorf("%+v reads %q, want %q", a, a.String(), want)
		}
	}
}

func TestMaskCardNumbers(t *testing.T) {
	for in, want := range map[string]string{
		"":                                 "",
		"Betrag 12,50":                     "Betrag 12,50",
		"PAN 4111111111111111 ok":          "PAN ************1111 ok",
		"4111 1111 1111 1111":              "**** **** **** 1111",
		"4111-1111-1111-1111":              "****-****-****-1111",
		"123456789012":                     "123456789012",
		"1234567890123":                    "*********0123",
		"a1234567890123b1234567890123":     "a*********0123b*********0123",
		"12345678901234567890123456789012": strings.Repeat("*", 28) + "9012",
		"1  2345678901234":                 "1  *********1234",
	} {
		if got := MaskCardNumbers(in); got != want {
			t.Errorf("MaskCardNumbers(%q) = %q, want %q", in, got, want)
		}
	}
}

// The words stand in journals and may never change.
func TestWordsArePinned(t *testing.T) {
	var outcomes, proofs []string
	for o := Unknown; o <= Declined; o++ {
		outcomes = append(outcomes, o.String())
	}
	for p := NoProof; p <= Person; p++ {
		proofs = append(proofs, p.String())
	}
	if got, want := strings.Join(outcomes, " "), "unknown approved declined"; got != want {
		t.Errorf("outcomes are %q, want %q", got, want)
	}
	want := "none dialogue refused nothing-sent query not-found last-record unchanged-mark voided person"
	if got := strings.Join(proofs, " "); got != want {
		t.Errorf("proofs are %q, want %q", got, want)
	}
	var r Result
	if r.Outcome != Unknown || r.Proof != NoProof {
		t.Error("the zero result proves something")
	}
	if err := json.Unmarshal([]byte(`{"outcome":"captured"}`), &r); err == nil || r.Outcome != Unknown {
		t.Errorf("an unmapped word read as %s, %v", r.Outcome, err)
	}
	if _, err := json.Marshal(Result{Outcome: 9}); err == nil {
		t.Error("an outcome without a word was written")
	}
	if (C2|C4).String() != "C2+C4" || Evidence(0).String() != "none" {
		t.Errorf("evidence reads %s, %s", C2|C4, Evidence(0))
	}
}

// able is a session that can some things.
type able struct {
	Session
	Canceller
	Voider
	Diagnoser
}

func TestAbilities(t *testing.T) {
	if got := strings.Join(Abilities(able{}), ", "); got != "cancel, void, diagnosis" {
		t.Error(got)
	}
	if got := Abilities(struct{ Session }{}); got != nil {
		t.Errorf("a session that only pays: %q", got)
	}
}
