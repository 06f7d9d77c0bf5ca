package language

import (
	"html/template"
	"testing"
	"time"

	"tillbridge/terminal"
)

func TestOrderAndNames(t *testing.T) {
	var got []string
	for _, l := range load(t).All() {
		got = append(got, l.Tag+" "+l.Name)
	}
	want := []string{"de Deutsch", "en English", "es Español", "fr Français", "it Italiano"}
	for i := range want {
		if i >= len(got) || got[i] != want[i] {
			t.Fatalf("the languages are %q, want %q", got, want)
		}
	}
}

func TestAccept(t *testing.T) {
	s := load(t)
	for header, want := range map[string]string{
		"": "en", "de": "de", "de-CH, en;q=0.9": "de", "en-GB,en;q=0.9,de;q=0.8": "en", "ja, fr;q=0.5, it;q=0.7": "it", "FR-ca": "fr",
		"pt-BR,pt;q=0.9": "en", "*": "en", "de;q=0, fr;q=0.1": "fr", "de;q=0": "en", "de;q=x, es": "es", "de;q=NaN, es;q=0.1": "es", "de;q=2, es": "es", "de;level=1, it": "it", " es ; q=0.3 ": "es",
		",,;;q=,-,de-": "de",
	} {
		if got := s.Accept(header); got.Tag != want {
			t.Errorf("%q gives %s, want %s", header, got.Tag, want)
		}
	}
	far := ""
	for range mostAccepted {
		far += "xx,"
	}
	if got := s.Accept(far + "de"); got.Tag != "en" {
		t.Errorf("a header without end gives %s", got.Tag)
	}
	if s.Find("xx") != nil || s.Find("") != nil || s.Find("de-DE") != nil {
		t.Error("found what is not there")
	}
}

// What stands in a value is never read as ours, whatever it holds.
func TestValuesArePutInOnce(t *testing.T) {
	l := &Language{Tag: "xx", file: file{Decimal: ",", Group: ".", Screen: map[string]string{
		"*{name}* paid {amount} & went": "{amount} & *{name}* <zahlt>",
	}}}
	const key = "*{name}* paid {amount} & went"
	evil := `<b>{amount}*"'&`
	want := "12,50 EUR &amp; <b>&lt;b&gt;{amount}*&#34;&#39;&amp;</b> &lt;zahlt&gt;"
	eur := terminal.Amount{Minor: 1250, Currency: terminal.Currency{Code: "EUR", Digits: 2}}
	if got := l.HTML(key, "name", evil, "amount", eur); string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := l.HTML(key, "name", template.HTML("<i>A</i>"), "amount", &eur); got != "12,50 EUR &amp; <b><i>A</i></b> &lt;zahlt&gt;" {
		t.Errorf("got %s", got)
	}
	if got := l.Text(key, "name", evil, "amount", 7); got != "7 & "+evil+" <zahlt>" {
		t.Errorf("got %s", got)
	}
	if got := l.Text("No {key} {such", "key"); got != "No {key} {such" {
		t.Errorf("got %s", got)
	}
	if got := Placeholders("{a} {B} {} {c1}{d"); len(got) != 2 || got[0] != "a" || got[1] != "c1" {
		t.Errorf("got %q", got)
	}
}

func TestTimes(t *testing.T) {
	now := time.Date(2026, 11, 30, 23, 0, 0, 0, time.Local)
	at := time.Date(2026, 11, 30, 14, 3, 5, 0, time.Local)
	for tag, want := range map[string][3]string{
		"en": {"30 Nov 14:03:05", "1 Mar 2025 00:00:00", "unknown"},
		"de": {"30. Nov. 14:03:05", "1. März 2025 00:00:00", "unbekannt"},
		"fr": {"30 nov. 14:03:05", "1 mars 2025 00:00:00", "inconnu"},
		"it": {"30 nov 14:03:05", "1 mar 2025 00:00:00", "sconosciuto"},
		"es": {"30 nov 14:03:05", "1 mar 2025 00:00:00", "desconocido"},
	} {
		l := load(t).Find(tag)
		got := [3]string{l.Time(at, now.AddDate(0, 0, 1)), l.Time(time.Date(2025, 3, 1, 0, 0, 0, 0, time.Local), now), l.Time(time.Time{}, now)}
		if got != want {
			t.Errorf("%s writes %q, want %q", tag, got, want)
		}
		if got := l.Time(at, now); got != "14:03:05" {
			t.Errorf("%s writes today as %q", tag, got)
		}
	}
}

func TestSpans(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0 s": -time.Second, "59 s": 59999 * time.Millisecond, "1 min 0 s": time.Minute, "1 h 0 min": time.Hour, "47 h 59 min": 48*time.Hour - time.Second, "2 Tage": 48 * time.Hour,
	} {
		if got := load(t).Find("de").Span(d); got != want {
			t.Errorf("%s is %q, want %q", d, got, want)
		}
	}
}

func TestAmounts(t *testing.T) {
	money := func(minor int64, code string, digits int) terminal.Amount {
		return terminal.Amount{Minor: minor, Currency: terminal.Currency{Code: code, Digits: digits}}
	}
	for tag, want := range map[string][6]string{
		"en": {"12.50 EUR", "0.05 EUR", "-1,234.50 EUR", "9,999,999,999.99 EUR", "1,250 JPY", "1,234.567 KWD"},
		"de": {"12,50 EUR", "0,05 EUR", "-1.234,50 EUR", "9.999.999.999,99 EUR", "1.250 JPY", "1.234,567 KWD"},
		"fr": {"12,50 EUR", "0,05 EUR", "-1\u202f234,50 EUR", "9\u202f999\u202f999\u202f999,99 EUR", "1\u202f250 JPY", "1\u202f234,567 KWD"},
		"it": {"12,50 EUR", "0,05 EUR", "-1.234,50 EUR", "9.999.999.999,99 EUR", "1.250 JPY", "1.234,567 KWD"},
		"es": {"12,50 EUR", "0,05 EUR", "-1.234,50 EUR", "9.999.999.999,99 EUR", "1.250 JPY", "1.234,567 KWD"},
	} {
		l := load(t).Find(tag)
		for i, a := range []terminal.Amount{
			money(1250, "EUR", 2), money(5, "EUR", 2), money(-123450, "EUR", 2), money(999999999999, "EUR", 2), money(1250, "JPY", 0), money(1234567, "KWD", 3),
		} {
			if got := l.Amount(a); got != want[i] {
				t.Errorf("%s writes %s as %q, want %q", tag, a, got, want[i])
			}
		}
	}
}

// What is no amount, or may be another one, is looked for as it was typed.
func TestPlain(t *testing.T) {
	for tag, all := range map[string]map[string]string{
		"de": {
			"12,50": "12.50", "12.50": "12.50", "1.234,50": "1234.50", "1.234.567": "1234567", "1.234": "1.234", "12,50 EUR": "12.50", "12.50 EUR": "12.50", "1.234,50 EUR": "1234.50", "1234": "1234", " 7,5 ": "7.5",
			"": "", "Anna": "Anna", "1,2,3": "1,2,3", "12,": "12,", ",50": ",50", "1.23,50": "1.23,50", "12.3456": "12.3456", "12,3456": "12,3456", "-12,50": "-12,50", "651200-A,50": "651200-A,50", "1..234,50": "1..234,50", "0651 EUR": "0651",
		},
		"en": {"12.50": "12.50", "1,234.50": "1234.50", "1,234,567": "1234567", "12,50": "12,50", "1,234": "1,234", "12.50 EUR": "12.50", "12.3456": "12.3456"},
		"fr": {
			"12,50": "12.50", "12.50": "12.50", "1\u202f234,50 EUR": "1234.50", "1\u00a0234,50": "1234.50", "1 234,50\u00a0EUR": "1234.50", "1 234": "1234", "12 34": "12 34", "a b": "a b", "1234,5": "1234.5",
		},
		"it": {"1.234,50": "1234.50"}, "es": {"1.234,50": "1234.50"},
	} {
		l := load(t).Find(tag)
		for typed, want := range all {
			if got := l.Plain(typed); got != want {
				t.Errorf("%s: %q is looked for as %q, want %q", tag, typed, got, want)
			}
		}
	}
}
