package caisseap

import (
	"errors"
	"strings"
	"testing"
	"time"

	"tillbridge/terminal"
)

func TestEncode(t *testing.T) {
	for name, c := range map[string]struct {
		q    request
		want string // worked out from caisse-ap sheet 2 and 3 by hand
	}{
		"a sale": {
			request{Version: "0300", Protocol: "012345678901", POS: 1, Minor: 1250, Currency: 978, Action: "0", Reference: "00AB12CD34"},
			"CZ0040300CJ012012345678901CA00201CE003978BA0010CD0010CB0041250CF01000AB12CD34",
		},
		"a cent, online, with a ticket": {
			request{Version: "0320", Protocol: "323540032810", POS: 12, Minor: 1, Currency: 978, Action: "1", Reference: "A", Online: true, Ticket: true},
			"CZ0040320CJ012323540032810CA00212CE003978BA0010CD0011CB00201CF001ABB0011CK003100",
		},
	} {
		if got, err := c.q.encode(); err != nil || string(got) != c.want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for name, q := range map[string]request{"nothing": {Currency: 978}, "less": {Minor: -1, Currency: 978}, "too much": {Minor: 1e12, Currency: 978}, "no currency": {Minor: 1}} {
		if got, err := q.encode(); err == nil {
			t.Errorf("%s: written as %q", name, got)
		}
	}
}

func TestParse(t *testing.T) {
	for text, want := range map[string]error{
		"": nil, "CZ0040300AE00210": nil, "CZ0040300AE00210\r\n": nil, "CZ0040300\r\nAE00210 ": nil, "CZ": errMore, "CZ004": errMore, "CZ004030": errMore,
		"CZ0040300A": errMore, "HTTP/1.1 400": errText, "CZ00x0300": errText, "cz0040300": errText,
	} {
		if _, err := parse([]byte(text)); !errors.Is(err, want) || err != nil && want == nil {
			t.Errorf("%q: %v, want %v", text, err, want)
		}
	}
	all, err := parse([]byte("CZ0040300AE00210CZ0040300AE00201AF00204"))
	if err != nil || len(all) != 2 || all[0].value("AE") != "10" || all[1].reason() != "04" {
		t.Errorf("two texts: %+v, %v", all, err)
	}
	all, _ = parse([]byte("AE00210AE00201"))
	if _, there, twice := all[0].get("AE"); !there || !twice {
		t.Errorf("a field that comes twice: %+v", all)
	}
}

func TestMask(t *testing.T) {
	all, err := parse([]byte("CZ0040300AA0164111111111110043AB0042708ZT011CK003100xyzAI014A0000000421010CF0010"))
	if err == nil || len(all) == 0 {
		all, err = parse([]byte("CZ0040300AA0164111111111110043AB0042708ZT008CK003100AI014A0000000421010CF0010"))
	}
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(all[0].mask()), "CZ0040300AA016************0043AB004****ZT003(8)AI014A*********1010CF0010"; got != want && got != strings.Replace(want, "A*********1010", "A0000000421010", 1) {
		t.Errorf("%q, want %q", got, want)
	}
	for pan, want := range map[string]string{"411111######0043": "0043", "****************": "", "1234567": "", "": ""} {
		if got := (answer{[]field{{"AA", pan}}}).last4(); got != want {
			t.Errorf("card %q: %q, want %q", pan, got, want)
		}
	}
}

// answers makes a dialogue for a sale of 12.50 under the reference REF, and an answer of fields in one text.
func judged(t *testing.T, text string, o *Options, k terminal.LinkKind) (*dialogue, answer) {
	t.Helper()
	all, err := parse([]byte(text))
	if err != nil || len(all) != 1 {
		t.Fatalf("%q: %+v, %v", text, all, err)
	}
	r := terminal.Request{Reference: "REF", Amount: terminal.Amount{Minor: 1250, Currency: euro}, Armed: time.Now()}
	return &dialogue{s: &session{o: o, env: terminal.Env{Link: k}}, r: r, q: request{Action: "0"}}, all[0]
}

func TestJudge(t *testing.T) {
	for name, c := range map[string]struct {
		text     string
		want     terminal.Outcome
		auth     string
		captured int64 // 0 is none
	}{
		"approved":                      {"CZ0040300AE00210CB0041250CF003REFAC006123456", terminal.Approved, "123456", 1250},
		"approved, leading zeros":       {"AE00210CB00800001250CF003REF", terminal.Approved, "", 1250},
		"approved with AF 00":           {"AE00210AF00200CB0041250CF003REF", terminal.Approved, "", 1250},
		"approved with AF 01":           {"AE00210AF00201CB0041250CF003REF", terminal.Approved, "", 1250},
		"approved with AF 03":           {"AE00210AF00203CB0041250CF003REF", terminal.Approved, "", 1250},
		"approved with blank AF":        {"AE00210AF002  CB0041250CF003REF", terminal.Approved, "", 1250},
		"a part":                        {"AE00210CB0041000CF003REF", terminal.Approved, "", 1000},
		"approved against a reason":     {"AE00210AF00209CB0041250CF003REFAC006123456", terminal.Unknown, "", 1250},
		"approved, not completed":       {"AE00210AF00207CB0041250CF003REF", terminal.Unknown, "", 1250},
		"approved without a sum":        {"AE00210CF003REF", terminal.Unknown, "", 0},
		"approved, the sum unreadable":  {"AE00210CB00412x0CF003REF", terminal.Unknown, "", 0},
		"approved, two sums":            {"AE00210CB0041250CB0041251CF003REF", terminal.Unknown, "", 0},
		"approved, another operation":   {"AE00210CD0011CB0041250CF003REF", terminal.Unknown, "", 1250},
		"another sum without reference": {"AE00210CB0041251", terminal.Unknown, "", 1251},
		"refused":                       {"AE00201AF00204CF003REF", terminal.Declined, "", 0},
		"refused with an authorisation": {"AE00201AF00204AC006184118", terminal.Declined, "", 0},
		"refused without a reason":      {"AE00201", terminal.Declined, "", 0},
		"refused for its format":        {"AE00201AF00209", terminal.Declined, "", 0},
		"refused, a reason of nobody's": {"AE00201AF00299", terminal.Declined, "", 0},
		"not completed":                 {"AE00201AF00207", terminal.Unknown, "", 0},
		"taken into account":            {"AE00211CB0041250", terminal.Unknown, "", 1250},
		"a result of nobody's":          {"AE00212CB0041250", terminal.Unknown, "", 1250},
		"two results":                   {"AE00210AE00201CB0041250", terminal.Unknown, "", 1250},
		"no result":                     {"CB0041250", terminal.Unknown, "", 1250},
	} {
		d, a := judged(t, c.text, NewOptions(), terminal.TCP)
		out := d.judge(a)
		captured := int64(0)
		if out.CapturedMinor != nil {
			captured = *out.CapturedMinor
		}
		if out.Outcome != c.want || out.AuthCode != c.auth || captured != c.captured || out.Text == "" || (out.Proof == terminal.NoProof) != (out.Outcome == terminal.Unknown) {
			t.Errorf("%s: %+v captured %d", name, out, captured)
		}
	}
	for code := range reasons {
		d, a := judged(t, "AE00201AF002"+code, NewOptions(), terminal.TCP)
		if out := d.judge(a); out.Code != "01/"+code || out.Text == "" {
			t.Errorf("reason %s: %+v", code, out)
		}
	}
	d, a := judged(t, "AE00201AF02204HOLDER 4111111111110", NewOptions(), terminal.TCP)
	if out := d.judge(a); !strings.Contains(out.Text, "HOLDER") || strings.Contains(out.Text, "41111") {
		t.Errorf("the terminal's own words: %q", out.Text)
	}
}

func TestOptions(t *testing.T) {
	for key, f := range map[string]func(*Options){
		"pos_number": func(o *Options) { o.POSNumber = 0 }, "version": func(o *Options) { o.Version = "300" },
		"protocol_id": func(o *Options) { o.ProtocolID = "12345" }, "payment_timeout": func(o *Options) { o.PaymentTimeout = time.Minute },
	} {
		o := NewOptions()
		if err := o.Validate(); err != nil {
			t.Error(err)
		}
		f(o)
		if err := o.Validate(); err == nil || !strings.HasPrefix(err.Error(), key+": ") {
			t.Errorf("%s: %v", key, err)
		}
	}
}

func TestDescribe(t *testing.T) {
	for _, c := range []struct {
		k         terminal.LinkKind
		raw, want string
	}{
		{terminal.TCP, "CZ0040300AA0164111111111110043AE00210CF003REF", "[CZ=0300 AA(16) AE=10 CF=REF]"},
		{terminal.TCP, "CZ0040300AE002", "[CZ=0300] unreadable(14)"},
		{terminal.Serial, "\x05\x06\xff\x02AE00210\x03\x34\x02AE", "ENQ ACK noise(1) [AE=10] unfinished(3)"},
		{terminal.Serial, "\x02AE00210\x03\x00\xff", "damaged(bad check byte, 10) noise(1)"},
	} {
		if got := describe(c.k, false, []byte(c.raw)); got != c.want {
			t.Errorf("%q: %q, want %q", c.raw, got, c.want)
		}
	}
}
