package config

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"tillbridge/terminal"
)

// The table is ISO 4217's own; go-money must say the same of each code, and nothing of any other.
func TestCurrencies(t *testing.T) {
	table, err := os.ReadFile("testdata/iso4217.tsv")
	if err != nil {
		t.Fatal(err)
	}
	iso := map[string]terminal.Currency{}
	for line := range strings.Lines(string(table)) {
		var c terminal.Currency
		if strings.HasPrefix(line, "#") {
			continue
		}
		if _, err := fmt.Sscanf(line, "%s %d %d", &c.Code, &c.Numeric, &c.Digits); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		iso[c.Code] = c
	}
	if len(iso) < 150 {
		t.Fatalf("the table has only %d currencies", len(iso))
	}
	code := []byte("AAA")
	for n := range 26 * 26 * 26 {
		code[0], code[1], code[2] = byte('A'+n/676), byte('A'+n/26%26), byte('A'+n%26)
		got, ok := Currency(string(code))
		want, listed := iso[string(code)]
		if ok != listed || got != want {
			t.Errorf("%s is %+v %v, ISO 4217 says %+v %v", code, got, ok, want, listed)
		}
	}
	for _, not := range []string{"", "eur", "Eur", "EU", "EURO", "978", "€", "EUR "} {
		if c, ok := Currency(not); ok {
			t.Errorf("%q is %+v", not, c)
		}
	}
}

func TestSuggest(t *testing.T) {
	words := []string{"listen", "counter", "passcode", "passcode_file", "notify_url", "baud", "none"}
	for word, want := range map[string]string{
		"lissen": "listen", "Listen": "listen", "passcod": "passcode", "pascode": "passcode", "passcode-file": "passcode_file",
		"notifyUrl": "notify_url", "buad": "baud", "x": "", "": "", "terminals": "", strings.Repeat("listen", 20): "", "conuter": "counter",
	} {
		if got := suggest(word, words); got != want {
			t.Errorf("suggest(%q) = %q, want %q", word, got, want)
		}
	}
}
