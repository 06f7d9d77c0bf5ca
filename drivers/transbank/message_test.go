package transbank

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"tillbridge/terminal"
)

// TestRequests compares with bytes that were put together by the sheet's table.
func TestRequests(t *testing.T) {
	o := NewOptions()
	for want, got := range map[string]string{
		"0200|1500|ABC123|||1|": o.reqSale(1500, "ABC123"), "0250|": o.reqLast(false), "0500||": o.reqClose(),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	o.Voucher = true
	if got := o.reqSale(1500, "ABC123"); got != "0200|1500|ABC123||1|1|" {
		t.Error(got)
	}
	if got := hex.EncodeToString(ours().Append(nil, []byte("0500||"))); got != "02303530307c7c0306" {
		t.Error(got)
	}
}

func TestTicket(t *testing.T) {
	for ref, want := range map[string]string{"TB00000001": "000001", "1Y2P0IJ32E": "0IJ32E", "ABC": "ABC"} {
		if got, ok := ticketOf(ref); !ok || got != want {
			t.Errorf("%s: %q", ref, got)
		}
	}
	for _, ref := range []string{"", "1234567|90", "abcdefghij", "ABCDEFGHÑ"} {
		if got, ok := ticketOf(ref); ok {
			t.Errorf("%q was taken as %q", ref, got)
		}
	}
}

func TestHas(t *testing.T) {
	for _, c := range []struct {
		kept, sent string
		want       bool
	}{{"1A00Z7", "1A00Z7", true}, {"1a00z7", "1A00Z7", true}, {"1", "000001", true}, {"000000", "000000", true}, {"", "000000", false}, {"1A00Z", "1A00Z7", false}} {
		if got := (sale{ticket: c.kept}).has(c.sent); got != c.want {
			t.Errorf("%+v: %t", c, got)
		}
	}
}

func TestReadSale(t *testing.T) {
	o := NewOptions()
	for body, want := range map[string]sale{
		"0210":                        {},
		"0210|07":                     {},
		"0210|0|c|T1|A|B|-5":          {terminalID: "T1", ticket: "A", auth: "B", minor: -5, hasAmount: true},
		"0210|00||||  |9999999999999": {},
		"0210|00||||  |12a|||123":     {},
	} {
		m, ok := parse([]byte(body))
		r, isSale := o.readSale(m)
		if !ok || !isSale || r.terminalID != want.terminalID || r.ticket != want.ticket || r.auth != want.auth || r.minor != want.minor || r.hasAmount != want.hasAmount || r.last4 != "" {
			t.Errorf("%q: %+v", body, r)
		}
	}
	for _, body := range []string{"", "|", "02A0|00", "210|00", "\xff\xff"} {
		if m, ok := parse([]byte(body)); ok {
			t.Errorf("%q: %+v", body, m)
		}
	}
	if m, _ := parse([]byte("0210|7")); m.code != "07" {
		t.Errorf("one digit: %q", m.code)
	}
	m, _ := parse([]byte("0210|00|c|T1|A|\xe9|5|||||||||31122025|235959"))
	r, _ := o.readSale(m)
	if r.auth != "é" || !r.time().Equal(time.Date(2025, time.December, 31, 23, 59, 59, 0, time.Local)) {
		t.Errorf("%+v, %s", r, r.time())
	}
}

// Card numbers and accounts are told nowhere whole.
func TestRaw(t *testing.T) {
	const pan = "4111111111110043"
	body := "0210|00|597029414300|75001637|1A00Z7|252985|1250|0||" + pan + "|000123|CR||" + "123456789" + "|VI|26072023|113748|0|0|VOUCHER " + pan + "|" + pan
	m, _ := parse([]byte(body))
	o := NewOptions()
	r, _ := o.readSale(m)
	raw, err := hex.DecodeString(r.raw())
	want := "0210|00|597029414300|75001637|1A00Z7|252985|1250|0||0043|000123|CR||*********|VI|26072023|113748|0|0||************0043"
	if err != nil || string(raw) != want || r.last4 != "0043" {
		t.Errorf("%q", raw)
	}
	got := receipt(strings.Repeat("A", 40) + "  CARD " + pan + strings.Repeat(" ", 100))
	if len(got.Lines) != 2 || got.Lines[1].Text != "  CARD ************0043" {
		t.Errorf("%+v", got)
	}
}

func TestCodes(t *testing.T) {
	for _, c := range []string{"00", "02", "03", "22", "16", "65", "94", "95", "11", "90", "91"} {
		if k, ok := codeOf(c); !ok || k.refuses || k.text == "" || k.spanish == "" {
			t.Errorf("%s: %+v", c, k)
		}
	}
	for _, c := range strings.Fields("01 04 05 06 07 08 09 10 12 13 14 15 17 18 19 20 21 24 25 26 27 54 60 61 62 67 68 70 71 72 73 74 75 76 77 92 93") {
		if k, ok := codeOf(c); !ok || !k.refuses || k.text == "" || k.spanish == "" {
			t.Errorf("%s: %+v", c, k)
		}
	}
	if _, ok := codeOf("42"); ok || !strings.Contains(codeText("42"), "42") || codeText("") == "" {
		t.Error("a code that the paper does not have")
	}
	for n := 78; n <= 89; n++ {
		if p := progressOf(string([]byte{byte('0' + n/10), byte('0' + n%10)})); p.Text == "" || p.Stage == terminal.Working {
			t.Errorf("%d: %+v", n, p)
		}
	}
	if p := progressOf("99"); p.Stage != terminal.Working {
		t.Errorf("%+v", p)
	}
}

func TestMark(t *testing.T) {
	m, ok := parseMark(oldMark)
	if !ok || m.none() || m.text() != oldMark {
		t.Errorf("%+v", m)
	}
	if n, ok := parseMark(noneMark); !ok || !n.none() {
		t.Errorf("%+v", n)
	}
	if m := markOf(sale{operation: "000000"}); m.none() {
		t.Error("a sale with the number 0 is not no sale")
	}
	for _, bad := range []terminal.Mark{"", "transbank", "ecr17|a|b|c", "transbank|a|b|c|d"} {
		if _, ok := parseMark(bad); ok {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestOptions(t *testing.T) {
	if err := NewOptions().Validate(); err != nil {
		t.Error(err)
	}
	for _, m := range []Model{Integrado, Autoservicio} {
		var back Model
		text, err := m.MarshalText()
		if err != nil || back.UnmarshalText(text) != nil || back != m {
			t.Errorf("%s", m)
		}
	}
	bad := NewOptions()
	bad.Commerce, bad.PaymentTimeout = "12345678901234", time.Second
	if err := bad.Validate(); err == nil || !strings.Contains(err.Error(), "commerce") || !strings.Contains(err.Error(), "payment_timeout") {
		t.Errorf("%v", err)
	}
	if err := new(Model).UnmarshalText([]byte("x")); err == nil || !strings.Contains(err.Error(), "integrado or autoservicio") {
		t.Errorf("%v", err)
	}
}

func TestDescribe(t *testing.T) {
	for _, c := range []struct {
		sent  bool
		bytes string
		want  string
	}{
		{true, framed("0100", false), "[0100 poll]"},
		{true, framed("0200|1250|1A00Z7|||1|", false), "[0200 sale amount=1250 ticket=1A00Z7]"},
		{true, framed("0260|1|", false), "[0260 sales list]"},
		{true, framed("1200|123|", false), "[1200 void operation=123]"},
		{false, ack + framed("0900|78", false) + framed(okReply, false), "ACK [0900 progress status=78] [0210 sale result code=00 terminal=75001637 ticket=1A00Z7 auth=252985 amount=1250 operation=000123 card=0461]"},
		{false, framed(autoOK, true), "[0210 sale result code=00 terminal=75001637 ticket=1A00Z7 auth=252985 amount=1250 operation=123 card=6590]"},
		{false, framed("0710|00|2|26500|", false), "[0710 totals code=00 count=2 total=26500]"},
		{false, framed("1210|00|c|t|794981|123", false), "[1210 void result code=00 auth=794981 operation=123]"},
		{false, framed("0260|11", false), "[0260 last sale code=11]"},
		{false, "\xff\xff" + nak + "\x0201", "noise(2) NAK unfinished(3)"},
		{false, "\x020100\x03\x77", "damaged(bad check byte, 7)"},
		{false, framed("hello", false) + "\xff", "[message(5)] noise(1)"},
	} {
		if got := describe(terminal.Serial, c.sent, []byte(c.bytes)); got != c.want {
			t.Errorf("%q\n got %s\nwant %s", c.bytes, got, c.want)
		}
	}
}
