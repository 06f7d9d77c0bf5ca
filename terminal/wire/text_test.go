package wire

import (
	"strings"
	"testing"
)

func TestNumber(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "00001250": 1250, "999999999999": 999_999_999_999, "": -1, "1250000000000": -1, "-1": -1, "+1": -1, " 1": -1, "1e3": -1, "12.5": -1, "١": -1,
	} {
		n, ok := Number(text, 12)
		if ok != (want >= 0) || ok && n != want || !ok && n != 0 {
			t.Errorf("%q is %d, %t; want %d", text, n, ok, want)
		}
		if digits := IsDigits(text); digits != (ok || len(text) > 12) {
			t.Errorf("%q is digits: %t", text, digits)
		}
	}
	if n, ok := Number("99999999999999999999", 20); ok || n != 0 {
		t.Errorf("twenty digits are %d, %t", n, ok)
	}
}

func TestTexts(t *testing.T) {
	for in, want := range map[string]string{"": "", "043": "", "0043": "0043", "************0043": "0043", "1234567890123456": "3456", "123456789012345X": "", "00 43": ""} {
		if got := LastFour(in); got != want {
			t.Errorf("the last four of %q are %q", in, got)
		}
	}
	if got := Latin1("Gru\xDF, M\xFCller"); got != "Gruß, Müller" {
		t.Errorf("Latin-1 is %q", got)
	}
	for in, want := range map[string]string{"": "", "  a\r\n\tb\x00 c\x7f": "a b c", "a\xffb": "a b", "é": "é"} {
		if got := OneLine(in); got != want {
			t.Errorf("%q in one line is %q", in, got)
		}
	}
	if got := Excerpt([]byte(strings.Repeat("\x0a", 2000))); got != strings.Repeat("0a", 1024) {
		t.Errorf("an excerpt of %d characters", len(got))
	}
	if got := Excerpt([]byte{0x02, 0xFF}); got != "02ff" {
		t.Errorf("%q", got)
	}
}
