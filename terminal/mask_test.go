package terminal

import (
	"strings"
	"testing"
)

func TestTidy(t *testing.T) {
	for in, want := range map[string]string{
		"":                      "",
		" one\n\ttwo\x00 ":      "one  two",
		"\xff\xfegut ü":         "\uFFFDgut ü",
		"card 4111111111111111": "card ************111",
		"üüüüüüüüüüüüü":         "üüüüüüüüüü",
	} {
		if got := Tidy(in, 20); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
	// Wherever a text is cut, no more than four digits of a card number are left.
	for most := range 40 {
		got := Tidy("the card 4111 1111-1111.1111 was refused", most)
		digits := len(got) - len(strings.NewReplacer("0", "", "1", "", "4", "").Replace(got))
		if digits > 4 || len(got) > most {
			t.Errorf("cut to %d: %q", most, got)
		}
	}
}
