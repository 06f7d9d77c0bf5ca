package telium

import (
	"strings"
	"testing"
	"time"

	"tillbridge/terminal"
)

func TestEncode(t *testing.T) {
	for name, c := range map[string]struct {
		q    request
		want string // worked out from telium sheet 4.1, 4.2 and 6.2 by hand
	}{
		"a sale in France":             {request{Number: 7, Minor: 1250, Report: true, Mode: '1', Type: '0', Currency: 978}, "0700001250110978          A010B010"},
		"online":                       {request{Number: 7, Minor: 1250, Report: true, Mode: '1', Type: '0', Currency: 978, Online: true}, "0700001250110978          A010B011"},
		"a credit, short":              {request{Number: 99, Minor: maxMinor, Mode: '1', Type: '1', Currency: 978, Short: true}, "9999999999011978          "},
		"a sale in the United Kingdom": {request{Number: 2, Minor: 1, Report: true, Mode: '0', Type: '0', Currency: 826, Private: extended, Extended: noExtended}, "0200000001100826EXT0100000A010B0100000000000"},
	} {
		if got, err := c.q.encode(); err != nil || string(got) != c.want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for name, q := range map[string]request{
		"too much":    {Number: 1, Minor: maxMinor + 1, Currency: 978},
		"less":        {Number: 1, Minor: -1, Currency: 978},
		"number":      {Number: 100, Minor: 1, Currency: 978},
		"no currency": {Number: 1, Minor: 1},
	} {
		if got, err := q.encode(); err == nil {
			t.Errorf("%s: written as %q", name, got)
		}
	}
}

// french and british answers, worked out from telium sheet 4.3 and 6.3 by hand.
const (
	shortAnswer = "01" + "0" + "00001250" + "1" + "978" + "AUTH123456"
	reportTail  = "  2512 000" // ten characters
)

func fullFrench(report string) string {
	return "01" + "0" + "00001250" + "1" + report + strings.Repeat(" ", 55-len(report)) + "978" + "          "
}

func TestParseAnswer(t *testing.T) {
	a, err := parseAnswer([]byte(shortAnswer))
	if err != nil || a.Number != 1 || a.Status != '0' || a.Minor != 1250 || a.Mode != '1' || a.Full || a.Currency != 978 || a.private() != "AUTH123456" {
		t.Errorf("short: %+v, %v", a, err)
	}
	for report, want := range map[string]string{
		"4111111111110043" + reportTail: "0043", "411111######0043": "0043", "************0043 ": "0043", "": "", "4111": "", "411111######": "",
		"4111111111110043=25121010000": "0043",
	} {
		a, err := parseAnswer([]byte(fullFrench(report)))
		if err != nil || !a.Full || a.card() != want || a.Currency != 978 || a.private() != "" {
			t.Errorf("report %q: card %q, %+v, %v", report, a.card(), a, err)
		}
	}
	for _, n := range []int{15, 24, 25, 70, 75, 79, 80} {
		if a, err := parseAnswer([]byte((fullFrench("") + "x")[:n])); n <= 25 != !a.Full || err != nil && n > 25 {
			t.Errorf("%d characters: %+v, %v", n, a, err)
		}
	}
	if a, err := parseAnswer([]byte(fullFrench("") + " and more")); err != nil || !a.Full {
		t.Errorf("a longer answer: %+v, %v", a, err)
	}
	for _, bad := range []string{"", "01", "0100000125", fullFrench("")[:26], fullFrench("")[:69], "x100000125019780000000000", "0100000x125019780000000000"[:25]} {
		if a, err := parseAnswer([]byte(bad)); err == nil {
			t.Errorf("%q is read as %+v", bad, a)
		}
	}
}

func TestMaskBody(t *testing.T) {
	for report, want := range map[string]string{
		"4111111111110043" + reportTail:  "************0043" + reportTail,
		"4111111111110043=2512101000099": "************0043=*************",
		"411111######0043":               "******######0043",
		"C06123456P013M03618":            "C06123456P013M03618",
	} {
		got := string(maskBody([]byte(fullFrench(report))))
		if !strings.HasPrefix(got, "010000012501"+want) {
			t.Errorf("%q is masked as %q", report, got)
		}
		if len(got) != 80 {
			t.Errorf("%q is masked to %d characters", report, len(got))
		}
	}
	if got := string(maskBody([]byte(shortAnswer))); got != shortAnswer {
		t.Errorf("short: %q", got)
	}
	if got := string(maskBody([]byte("<X>4111111111110043</X>"))); strings.Contains(got, "41111") {
		t.Errorf("text: %q", got)
	}
}

func TestTLV(t *testing.T) {
	read := func(report string, base int) map[byte]string { return answer{Report: report}.tlv(base) }
	got := read("C06CM1234P013M0A0000000618   ", 16) // a value that holds the letters of others
	if got['C'] != "CM1234" || got['P'] != "3" || got['M'] != "0000000618" {
		t.Errorf("hexadecimal lengths: %q", got)
	}
	if got := read("S18100000000000000000T0812345678", 10); got['T'] != "12345678" || len(got['S']) != 18 {
		t.Errorf("decimal lengths: %q", got)
	}
	for _, bad := range []string{"", "C", "C0", "CFF1", "Cxx12", "   C06123456"} {
		if got := read(bad, 16); len(got) != 0 {
			t.Errorf("%q: %q", bad, got)
		}
	}
	if got := read("C02AAC02BB", 16); got['C'] != "AA" {
		t.Errorf("twice: %q", got)
	}
}

func british80(number, status, amount, report string) []byte {
	return []byte(number + status + amount + "0" + report + strings.Repeat(" ", 55-len(report)) + "826" + "0000000000")
}

func TestJudge(t *testing.T) {
	armed := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	r := terminal.Request{Reference: "0000000001", Amount: terminal.Amount{Minor: 1250, Currency: pound}, Armed: armed}
	for name, c := range map[string]struct {
		status, amount, report string
		want                   terminal.Outcome
		captured, extra        int64
	}{
		"approved":             {"0", "00001250", "C06123456M041250", terminal.Approved, 1250, 0},
		"with a tip":           {"0", "00001250", "C06123456M041375Y03125", terminal.Approved, 1375, 125},
		"with cashback":        {"0", "00001250", "C06123456M041550Z03300", terminal.Approved, 1550, 300},
		"no report":            {"0", "00001250", "", terminal.Approved, 1250, 0},
		"final unreadable":     {"0", "00001250", "M0412x0", terminal.Unknown, 1250, 0},
		"referral":             {"2", "00001250", "", terminal.Declined, 1250, 0},
		"cancelled":            {"6", "00001250", "", terminal.Declined, 1250, 0},
		"failed":               {"7", "00001250", "C06123456", terminal.Declined, 1250, 0},
		"received":             {"9", "00001250", "", terminal.Unknown, 1250, 0},
		"a status of nobody's": {"5", "00001250", "", terminal.Unknown, 1250, 0},
	} {
		a, err := parseAnswer(british80("42", c.status, c.amount, c.report))
		if err != nil {
			t.Fatal(err)
		}
		out := judgeBritish(a, nil, r)
		if out.Outcome != c.want || *out.CapturedMinor != c.captured || out.ExtraMinor != c.extra || out.Text == "" || (out.Outcome != terminal.Approved && out.AuthCode != "" && c.status == "7") {
			t.Errorf("%s: %+v captured %d", name, out, *out.CapturedMinor)
		}
		if out.TxnRef != "42/1250/20260301T120000Z" {
			t.Errorf("%s: reference %q", name, out.TxnRef)
		}
	}
	for status, want := range map[string]terminal.Outcome{"0": terminal.Approved, "7": terminal.Declined, "9": terminal.Unknown, "1": terminal.Unknown, "3": terminal.Unknown, "4": terminal.Unknown, "5": terminal.Unknown, "8": terminal.Unknown, "2": terminal.Unknown, "6": terminal.Unknown} {
		a, err := parseAnswer([]byte("01" + status + "00001250" + "1" + "978" + "AUTH123456"))
		if err != nil {
			t.Fatal(err)
		}
		if out := judgeFrench(a, nil, r); out.Outcome != want || out.TxnRef != "AUTH123456" {
			t.Errorf("French status %s: %+v", status, out)
		}
	}
	if out := judgeFrench(answer{Status: '0', Minor: 1250}, nil, r); out.Outcome != terminal.Unknown {
		t.Errorf("an approval without a currency: %+v", out)
	}
}

// References that follow one another give other numbers, and none that commands or sales by hand have.
func TestReference(t *testing.T) {
	seen := map[int]bool{}
	last := -1
	for i := range 200 {
		n := reference("00000000"+string("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[i/36])+string("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[i%36]), "")
		if n < 2 || n > 99 || n == last {
			t.Fatalf("number %d after %d", n, last)
		}
		last, seen[n] = n, true
	}
	if len(seen) != 98 {
		t.Errorf("%d numbers are used, want 98", len(seen))
	}
	for _, ref := range []string{"0000000001", "ZZZZZZZZZZ", "", "lower case"} {
		n := reference(ref, "")
		before := markOf(answer{Number: n, Status: '0', Minor: 1})
		if again := reference(ref, before); again == n || again < 2 || again > 99 {
			t.Errorf("%q: number %d, and %d after one of that number", ref, n, again)
		}
	}
}

func TestReceipt(t *testing.T) {
	r := receipt([]byte(`<?xml version="1.0" encoding="ISO-8859-1"?><CREDIT_CARD_RECEIPT><PAN>4111111111110043</PAN><TOTAL>` + "\xa3" + `12.50</TOTAL></CREDIT_CARD_RECEIPT>`))
	if len(r.Lines) != 2 || r.Lines[0].Text != "PAN: ************0043" || r.Lines[1].Text != "TOTAL: £12.50" {
		t.Errorf("%+v", r)
	}
}

func TestDescribe(t *testing.T) {
	for _, c := range []struct {
		k    terminal.LinkKind
		sent bool
		raw  string
		want string
	}{
		{terminal.Serial, true, "\x05", "ENQ"},
		{terminal.Serial, false, "\xff\x06\x15\x04", "noise(1) ACK NAK EOT"},
		{terminal.Serial, false, "\x0201000001250", "unfinished(12)"},
		{terminal.Serial, true, "\x020100001250110978          A010B010\x03\x01", "[request number=01 amount=00001250 mode=1 type=0 currency=978]"},
		{terminal.Serial, true, "\x020100000001100826EXT0100000A010B010CMD=DUPLIC\x03\x05", "[CMD=DUPLIC]"},
		{terminal.Serial, false, "\x0201000001250\x03\x7f", "damaged(bad check byte, 14)"},
		{terminal.TCP, false, "\x00\x19" + shortAnswer + "\x00", "[answer number=01 status=0 amount=1250 mode=1 currency=978] unfinished(1)"},
	} {
		if got := describe(c.k, c.sent, []byte(c.raw)); got != c.want {
			t.Errorf("%q: %q, want %q", c.raw, got, c.want)
		}
	}
	full := fullFrench("4111111111110043")
	if got := describe(terminal.TCP, false, append([]byte{0, 80}, full...)); strings.Contains(got, "0043") {
		t.Errorf("the report is told: %q", got)
	}
}

func TestOptions(t *testing.T) {
	ok := func(f func(*Options)) error {
		o := NewOptions()
		o.Dialect = France
		f(o)
		return o.Validate()
	}
	if err := ok(func(*Options) {}); err != nil {
		t.Error(err)
	}
	for key, f := range map[string]func(*Options){
		"dialect":             func(o *Options) { o.Dialect = NoDialect },
		"pos_number":          func(o *Options) { o.POSNumber = 100 },
		"variant":             func(o *Options) { o.Dialect, o.Variant = Britain, E },
		"answer":              func(o *Options) { o.Dialect, o.Answer = Britain, ShortAnswer },
		"force_authorisation": func(o *Options) { o.Variant, o.ForceAuthorisation = E, true },
		"payment_timeout":     func(o *Options) { o.PaymentTimeout = time.Minute },
	} {
		if err := ok(f); err == nil || !strings.HasPrefix(err.Error(), key+": ") {
			t.Errorf("%s: %v", key, err)
		}
	}
	var d Dialect
	var v Variant
	var a Answer
	if d.UnmarshalText([]byte("us")) == nil || v.UnmarshalText([]byte("e++")) == nil || a.UnmarshalText([]byte("long")) == nil {
		t.Error("a word that is not known is taken")
	}
	if d.UnmarshalText([]byte("uk")) != nil || v.UnmarshalText([]byte("e")) != nil || a.UnmarshalText([]byte("short")) != nil || d != Britain || v != E || a != ShortAnswer {
		t.Error("a word that is known is not taken")
	}
}
