package example

import (
	"slices"
	"strings"
	"testing"

	"tillbridge/terminal"
)

// The bytes here are worked out from the paper by hand, check bytes too, and not by our own encoder: a mistake that encoder and
// decoder share passes every round trip.

func TestSale(t *testing.T) {
	r := terminal.Request{Reference: "0ABCDEF123", Amount: terminal.Amount{Minor: 1250, Currency: euro}}
	if got := string(sale(r)); got != "P|0ABCDEF123|1250|978" {
		t.Errorf("%q", got)
	}
	// 49 ^ 03 = 4A
	if got := format().Append(nil, []byte("I")); !slices.Equal(got, []byte{0x02, 0x49, 0x03, 0x4A}) {
		t.Errorf("% x", got)
	}
	yen := terminal.Request{Reference: "R", Amount: terminal.Amount{Minor: 7, Currency: terminal.Currency{Code: "ALL", Numeric: 8}}}
	if got := string(sale(yen)); got != "P|R|7|008" {
		t.Errorf("a currency has three digits: %q", got)
	}
}

func TestResult(t *testing.T) {
	for body, want := range map[string]string{
		"R|REF|00|1250|978|651200|000052|0043":            "approved by dialogue 1250 in 978 code 651200 number 000052 card 0043",
		"R|REF|00|1250|978|651200|000052|0043|new|fields": "approved by dialogue 1250 in 978 code 651200 number 000052 card 0043",
		"R|REF|00|1250":                        "approved by dialogue 1250 in 0 code  number  card ",
		"R|REF|00||978|651200|000052|0043":     "unknown by none -1 in 978 code  number  card 0043",
		"R|REF|00|-5|978|651200":               "unknown by none -1 in 978 code  number  card ",
		"R|REF|00|12.50|978|651200":            "unknown by none -1 in 978 code  number  card ",
		"R|REF|00|9999999999999|978|651200":    "unknown by none -1 in 978 code  number  card ",
		"R|REF|51|1250|978|||4111111111111111": "declined by refused -1 in 978 code  number  card ",
		"R|REF|51":                             "declined by refused -1 in 0 code  number  card ",
		"R|REF|52|1250|978":                    "unknown by none -1 in 978 code  number  card ",
		"R|REF":                                "unknown by none -1 in 0 code  number  card ",
		"R|REF|0|1250|978|651200":              "unknown by none -1 in 978 code  number  card ",
		"":                                     "unknown by none -1 in 0 code  number  card ",
	} {
		if got := words(parse([]byte(body)).result()); got != want {
			t.Errorf("%q is %q, want %q", body, got, want)
		}
	}
}

func TestDescribe(t *testing.T) {
	for in, want := range map[string]string{
		"\x02I\x03\x4a":                      "[I]",
		"\x06\x02I\x03\x4a\x15":              "ACK [I] NAK",
		"\x02I\x03\x00":                      "damaged(bad check byte, 4)",
		"xyz\x02I":                           "noise(3) unfinished(2)",
		"\x02R|4111111111111111\x03\x2c\xff": "",
	} {
		got := describe(terminal.Serial, false, []byte(in))
		if want != "" && got != want || strings.Contains(got, "411111111111") {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

func TestOptions(t *testing.T) {
	o := NewOptions()
	if err := o.Validate(); err != nil {
		t.Error(err)
	}
	o.PaymentTimeout = 1
	if err := o.Validate(); err == nil || !strings.HasPrefix(err.Error(), "payment_timeout: ") {
		t.Error(err)
	}
}
