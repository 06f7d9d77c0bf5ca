package pax

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/link"
	"tillbridge/terminal/wire"
)

// framed puts a body into a frame, worked out here.
func framed(body string) string {
	lrc := byte(3)
	for _, c := range []byte(body) {
		lrc ^= c
	}
	return "\x02" + body + "\x03" + string([]byte{lrc})
}

// bodies are the bodies of the frames whose check byte holds.
func bodies(b []byte) (all []string) {
	r := wire.NewSTXReader(format(), bodyLimit)
	for _, c := range b {
		if e := r.Feed(c); e.Kind == wire.STXFrame {
			all = append(all, string(e.Body))
		}
	}
	return all
}

// TestCommands: bodies worked out by hand from sheet 2, 5 and 6; "/" stands for FS and "," for US.
func TestCommands(t *testing.T) {
	o := NewOptions()
	for want, got := range map[string][]byte{
		"A00/1.35/":                                 command(o.Version, "A00", ""),
		"T00/1.35/01/1250//00AB12CD34/////":         money(o.Version, typeSale, 1250, "00AB12CD34", "", ""),
		"T00/1.35/01/1250//00AB12CD34/////TIPREQ=1": money(o.Version, typeSale, 1250, "00AB12CD34", "", "TIPREQ=1"),
		"T00/1.35/02/1//R/////":                     money(o.Version, typeReturn, 1, "R", "", ""),
		"T00/1.35/16///R,,,42/////HREF=30012345":    money(o.Version, typeVoid, 0, "R", "42", "HREF=30012345"),
		"T00/1.43/01/999999999999//0000000001/////": money("1.43", typeSale, terminal.MaxMinor, "0000000001", "", ""),
		"R02/1.35/00//////0000000001/":              query{ref: "0000000001"}.encode(o.Version),
		"R02/1.35/00///0////":                       query{record: "0"}.encode(o.Version),
		"R02/1.35/00////15///":                      query{number: "15"}.encode(o.Version),
	} {
		if want = strings.NewReplacer("/", "\x1c", ",", "\x1f").Replace(want); string(got) != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// body makes a reply's data of a text in which "/" is FS and "," is US.
func body(s string) string { return strings.NewReplacer("/", "\x1c", ",", "\x1f").Replace(s) }

func TestJudge(t *testing.T) {
	const card, trace = "1111,4,1228,,,,01,DOE JOHN", "15,REF,20261122101530"
	for name, c := range map[string]struct {
		data  string
		kind  string
		taken bool
		want  terminal.Outcome
		minor int64 // 0 is none
		extra int64
	}{
		"approved":                   {"T01/1.43/000000/OK/00,APPROVAL,123456,30012345,42,7/01/1250,0,0,0,0,0/" + card + "/" + trace, typeSale, true, terminal.Approved, 1250, 0},
		"approved, the ACK was lost": {"T01/1.43/000000/OK/00,,123456/01/1250/" + card + "/" + trace, typeSale, false, terminal.Approved, 1250, 0},
		"approved, no type":          {"T01/1.43/000000/OK/00,,123456//1250//" + trace, typeSale, true, terminal.Approved, 1250, 0},
		"with a tip":                 {"T01/1.43/000000/OK/00/01/1400,0,150/" + card + "/" + trace, typeSale, true, terminal.Approved, 1400, 150},
		"another sum":                {"T01/1.43/000000/OK/00/01/1251/" + card + "/" + trace, typeSale, true, terminal.Approved, 1251, 0},
		"a part":                     {"T01/1.43/000002/PARTIAL/00/01/700,550/" + card + "/" + trace, typeSale, true, terminal.Approved, 700, 0},
		"a part that is all":         {"T01/1.43/000002/PARTIAL/00/01/1250,0/" + card + "/" + trace, typeSale, true, terminal.Unknown, 0, 0},
		"no sum":                     {"T01/1.43/000000/OK/00/01//" + card + "/" + trace, typeSale, true, terminal.Unknown, 0, 0},
		"no reference":               {"T01/1.43/000000/OK/00/01/1250/" + card + "/15", typeSale, true, terminal.Unknown, 0, 0},
		"another type":               {"T01/1.43/000000/OK/00/02/1250/" + card + "/" + trace, typeSale, true, terminal.Unknown, 0, 0},
		"a return":                   {"T01/1.43/000000/OK/00/02/1250/" + card + "/" + trace, typeReturn, true, terminal.Approved, 1250, 0},
		"a void without a sum":       {"T01/1.43/000000/OK/00/16//" + card + "/" + trace, typeVoid, true, terminal.Approved, 0, 0},
		"a void of another sum":      {"T01/1.43/000000/OK/00/16/99/" + card + "/" + trace, typeVoid, true, terminal.Unknown, 0, 0},
		"approved off-line":          {"T01/1.43/000001/OK/00/01/1250/" + card + "/" + trace, typeSale, true, terminal.Unknown, 0, 0},
		"approved, no surcharge":     {"T01/1.43/000003/OK/00/01/1250/" + card + "/" + trace, typeSale, true, terminal.Unknown, 0, 0},
		"declined":                   {"T01/1.43/000100/DECLINE/05/01/1250/" + card + "/,REF", typeSale, false, terminal.Declined, 0, 0},
		"declined, no reference":     {"T01/1.43/000100/DECLINE", typeSale, true, terminal.Declined, 0, 0},
		"declined, whoever":          {"T01/1.43/000100/DECLINE", typeSale, false, terminal.Unknown, 0, 0},
		"aborted":                    {"T01/1.43/100002/ABORTED", typeSale, true, terminal.Declined, 0, 0},
		"timed out":                  {"T01/1.43/100001/TIMEOUT", typeSale, true, terminal.Declined, 0, 0},
		"duplicate at the terminal":  {"T01/1.43/100011/DUP/00,,123456/01/1250/" + card + "/14,OTHER", typeSale, true, terminal.Unknown, 0, 0},
		"duplicate at the host":      {"T01/1.43/103000/DUP", typeSale, true, terminal.Unknown, 0, 0},
		"an error":                   {"T01/1.43/100003/ERROR", typeSale, true, terminal.Unknown, 0, 0},
		"a code of nobody's":         {"T01/1.43/999999/??", typeSale, true, terminal.Unknown, 0, 0},
		"no code":                    {"T01/1.43/", typeSale, true, terminal.Unknown, 0, 0},
	} {
		r, ok := readReply(body(c.data))
		d := &dialogue{kind: c.kind, money: &link.Money{Taken: c.taken}, r: terminal.Request{Reference: "REF", Amount: terminal.Amount{Minor: 1250, Currency: dollar}}}
		got := d.judge(r, r.payment())
		minor := int64(0)
		if got.CapturedMinor != nil {
			minor = *got.CapturedMinor
		}
		if !ok || got.Outcome != c.want || minor != c.minor || got.ExtraMinor != c.extra {
			t.Errorf("%s: %t, %+v (%d)", name, ok, got, minor)
		}
		if got.Outcome != terminal.Approved && got.AuthCode+got.TxnRef+string(got.Mark) != "" {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// Card data stay out of what is kept.
func TestMask(t *testing.T) {
	r, ok := readReply(body("T01/1.43/000000/4111111111110043/00,OK 4111111111110043,123456,4111111111110043/01/1250/4111111111110043,4,1228,,,,02,DOE JOHN" +
		"/15,REF,20261122101530,4111111111110043////HREF,HREF=4111 1111 1111 0043,CARDBIN=411111,CARDBIN,TOKEN=4111111111110043"))
	p := r.payment()
	out := p.result(r)
	raw, err := hex.DecodeString(out.Raw)
	if !ok || err != nil || out.CardLast4 != "0043" || out.CardName != "MasterCard" || out.TxnRef != "************0043" {
		t.Errorf("%+v, %v", out, err)
	}
	for _, secret := range []string{"41111", "1228", "DOE", "1111"} {
		if all := string(raw) + out.Text + out.TxnRef + string(out.Mark) + describe(terminal.TCP, false, []byte(framed("0\x1c"+body("T01/1.43/000000/4111111111110043")))); strings.Contains(all, secret) {
			t.Errorf("%q is in %q", secret, all)
		}
	}
	if want := time.Date(2026, 11, 22, 10, 15, 30, 0, time.Local); !out.TerminalTime.Equal(want) || out.Mark != "15|20261122101530|123456|REF" {
		t.Errorf("%+v", out)
	}
}

// Both orders of R03 are read, and keys may repeat or come without "=".
func TestRecord(t *testing.T) {
	const rest = "/01/01//1250,0,0,0,0/0043,4,,,,,01/15,REF,20261122101530////SIGNSTATUS,HREF=1,HREF=2"
	for name, data := range map[string]string{
		"total first": "R03/1.35/000000/OK/3/0/00,APPROVAL,123456,,,7" + rest, "host first": "R03/1.35/000000/OK/00,APPROVAL,123456,,,7/3/0" + rest,
	} {
		r, _ := readReply(body(data))
		p, total := r.record()
		minor, _, ok := p.captured()
		if p.auth != "123456" || p.hostRef != "1" || p.number != "15" || p.ref != "REF" || p.batch != "7" || p.kind != "01" || minor != 1250 || !ok || total != "3" || p.last4 != "0043" {
			t.Errorf("%s: %+v of %q", name, p, total)
		}
	}
}

func TestOptions(t *testing.T) {
	if err := NewOptions().Validate(); err != nil {
		t.Error(err)
	}
	err := (&Options{Version: "2"}).Validate()
	for _, key := range []string{"version:", "payment_timeout:"} {
		if err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s is not told of: %v", key, err)
		}
	}
}

func TestVectors(t *testing.T) {
	all := map[string][]byte{}
	for _, v := range drivertest.Vectors(t, 22, []string{"official.tsv"}, "pax") {
		all[v.ID] = v.Raw
	}
	made := map[string][]byte{
		"a00-initialize": command("1.35", "A00", ""), "a14-cancel": command("1.35", "A14", ""), "t00-void-php-run": money("1.35", typeVoid, 0, "1", "", "HREF=30012345"),
		"r02-by-ecrref-composed": query{ref: "1"}.encode("1.35"), "r02-last-record-composed": query{record: "0"}.encode("1.35"),
	}
	for id, got := range made {
		if want := string(all[id]); string(format().Append(nil, got)) != want {
			t.Errorf("%s: %x, the table says %x", id, got, want)
		}
	}
	// Ours has neither the flag that lets a duplicate pass nor purchase data.
	for id, got := range map[string]string{
		"t00-sale-php-run":          strings.Replace(string(money("1.35", typeSale, 1000, "1", "", "TIPREQ=1")), "1000\x1c\x1c", "1000\x1c\x1f\x1f\x1f\x1f\x1f1\x1c", 1),
		"t00-sale-level2-commented": strings.Replace(string(money("1.35", typeSale, 1000, "1", "", "")), "1\x1c\x1c\x1c\x1c\x1c", "1\x1c\x1c\x1c123456789\x1c\x1c", 1),
		"t00-sale-tax-commented":    strings.NewReplacer("1100", "1100\x1f\x1f\x1f\x1f122", "1\x1c\x1c\x1c\x1c\x1c", "1\x1c\x1c\x1c\x1f123456789\x1c\x1c").Replace(string(money("1.35", typeSale, 1100, "1", "", ""))),
		"http-base64-buggy-sample":  string(all["http-base64-buggy-sample"][1 : len(all["http-base64-buggy-sample"])-2]),
	} {
		if want := string(all[id]); framed(got) != want {
			t.Errorf("%s: %q, the table says %q", id, got, want)
		}
	}
	whole := 0
	for id, raw := range all {
		b := bodies(raw)
		if len(b) != 1 {
			t.Errorf("%s: %q", id, b)
			continue
		}
		whole++
		if _, ok := readReply(b[0][2:]); ok != (id == "t01-approved-composed" || id == "r03-notfound-composed") {
			t.Errorf("%s is a reply: %t", id, ok)
		}
	}
	r, _ := readReply(bodies(all["t01-approved-composed"])[0][2:])
	p := r.payment()
	minor, extra, ok := p.captured()
	if p.kind != typeSale || p.auth != "123456" || p.hostRef != "30012345" || p.batch != "7" || minor != 1000 || extra != 0 || !ok || p.last4 != "1111" || p.card != "Visa" ||
		p.number != "15" || p.ref != "1" || p.time != "20261122101530" || r.code != codeOK {
		t.Errorf("t01-approved-composed: %+v, %+v", r, p)
	}
	if r, _ := readReply(bodies(all["r03-notfound-composed"])[0][2:]); r.cmd != "R03" || r.code != codeNotFound || r.text != "NOT FOUND" {
		t.Errorf("r03-notfound-composed: %+v", r)
	}
	t.Logf("note: test vectors: %d rows read whole, %d commands made byte for byte, 3 more but for what we never send; the groups of http-base64-buggy-sample "+
		"are separated by 15 hex, as the table says: it is no request of ours", whole, len(made))
}

// Nothing is decided by a field with anything in it that is not of the protocol, whatever it looks like once it is cleaned.
func TestDamagedFields(t *testing.T) {
	good := "T01/1.43/000000/OK/00,APPROVAL,123456,30012345,,7/01/1250,0,0,0,0/0043,4,1228,,,,01/15,REF,20261122101530////HREF=30012345"
	judge := func(data string) terminal.Result {
		r, _ := readReply(data)
		d := &dialogue{kind: typeSale, money: &link.Money{Taken: true}, r: terminal.Request{Reference: "REF", Amount: terminal.Amount{Minor: 1250, Currency: dollar}}}
		return d.judge(r, r.payment())
	}
	if out := judge(body(good)); out.Outcome != terminal.Approved {
		t.Fatalf("the whole one is %+v", out)
	}
	for _, damage := range [][2]string{
		{"15,REF", "15,R\xd5EF"},
		{"15,REF", "15,\x01REF"},
		{"15,REF", "15,REF\xff"},
		{"1250,", "1\x00250,"},
		{"1250,", "1250\xfe,"},
		{"/000000/", "/00\xf00000/"},
		{"/01/1250", "/01\xd5/1250"},
	} {
		if out := judge(strings.Replace(body(good), body(damage[0]), body(damage[1]), 1)); out.Outcome != terminal.Unknown {
			t.Errorf("%q in place of %q is %s by %s", damage[1], damage[0], out.Outcome, out.Proof)
		}
	}
}
