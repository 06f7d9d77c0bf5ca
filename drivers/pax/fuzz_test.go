package pax

import (
	"strings"
	"testing"

	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/link"
)

var approvedReply = body("0/T01/1.43/000000/OK/00,APPROVAL,123456,30012345,,7/01/1250,0,0,0,0/0043,4,1228,,,,01/15,0000000009,20261122101530////HREF=30012345")

// FuzzParsers: no bytes make the readers panic, and what they tell has no card number.
func FuzzParsers(f *testing.F) {
	for _, s := range []string{
		approvedReply, body("0/R03/1.35/000000/OK/1/0/00,,123456/01/01//1250/0043/15,REF,20261122101530"), body("0/T01/1.43/100002/ABORTED"),
		body("0/B01/1.43/000000/OK/00/2,0/690,0"), "", "0", "0\x1c", body("0/A01/1.43/000000/OK/53041234/A920"),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		text := describe(terminal.TCP, false, b) + describe(terminal.TCP, true, b) + describe(terminal.TCP, false, []byte(framed(string(b)))) + describe(terminal.TCP, true, []byte(framed(string(b))))
		if strings.Contains(text, "\n") {
			t.Fatalf("%q", text)
		}
		r, _ := readReply(string(b))
		p := r.payment()
		q, _ := r.record()
		_, _ = sum(r.group(2))
		d := &dialogue{kind: typeSale, money: &link.Money{Taken: true}, r: terminal.Request{Reference: "REF", Amount: terminal.Amount{Minor: 1250, Currency: dollar}}}
		out := d.judge(r, p)
		if out.Outcome == terminal.Approved && (r.code != codeOK && r.code != codePartial || p.ref == "" || out.CapturedMinor == nil) {
			t.Fatalf("%q is %+v", b, out)
		}
		if out.Outcome == terminal.Declined && r.code != codeDeclined && r.code != codeTimeout && r.code != codeAborted {
			t.Fatalf("%q is %+v", b, out)
		}
		for _, one := range []terminal.Result{out, p.result(r), q.result(r)} {
			if len(one.CardLast4) > 4 || terminal.MaskCardNumbers(one.Text+" | "+one.TxnRef+" | "+one.AuthCode) != one.Text+" | "+one.TxnRef+" | "+one.AuthCode || len(one.Raw) > 4096 {
				t.Fatalf("%q is %+v", b, one)
			}
		}
	})
}

// FuzzTerminal lets a terminal say anything to the sale, and when it is asked afterwards. Its list was empty before, so "not found" proves
// nothing.
func FuzzTerminal(f *testing.F) {
	asks := func(_ terminal.LinkKind, b []byte) bool { return strings.HasPrefix(string(b), "\x02R02") }
	o := drivertest.FuzzOptions{
		Subject: subject(), Reference: "0000000009", States: states, Asks: asks, Never: []string{"serial, when asked declined", "tcp, when asked declined"},
		Orderly: func(k terminal.LinkKind, b []byte) []byte {
			switch {
			case strings.HasPrefix(string(b), "\x02A00"):
				return []byte(present)
			case asks(k, b):
				return []byte(notFound)
			}
			return nil
		},
	}
	for _, pay := range []string{
		"\x06" + framed(approvedReply) + "\x04", framed(approvedReply), "\x15", "\x15\x15\x06", "\x06", "", "\x06\x04", "\x06" + framed(body("0/T01/1.43/100002/ABORTED")) + "\x04",
		"\x06" + framed(body("0/T01/1.43/100011/DUP")), "\x06" + framed("1\x1c"+approvedReply[2:30]) + framed("0\x1c"+approvedReply[30:]) + "\x04", "\x06\x02A\x03A",
	} {
		o.Seeds = append(
			o.Seeds, drivertest.FuzzSeed{Pay: pay, After: notFound},
			drivertest.FuzzSeed{Pay: pay, After: "\x06" + framed(body("0/R03/1.43/000000/OK/1/0/00,,123456/01/01//1250/0043/15,0000000009,20261122101530")) + "\x04"},
		)
	}
	drivertest.Fuzz(f, o)
}

// What a terminal with an empty list says.
var (
	present  = "\x06" + framed(body("0/A01/1.43/000000/OK/1")) + "\x04"
	notFound = "\x06" + framed(body("0/R03/1.43/100023/NO")) + "\x04"
)

// states tells whether the words of an outcome stand in the bytes; they may be cut between packets.
func states(_ terminal.LinkKind, o terminal.Outcome, pay, after []byte) bool {
	said := string(pay) + string(after)
	for _, b := range bodies([]byte(said)) {
		if len(b) > 2 {
			said += b[2:]
		}
	}
	if o == terminal.Approved {
		return strings.Contains(said, "0000000009") && strings.Contains(said, "00000") && (strings.Contains(said, "T01") || strings.Contains(said, "R03"))
	}
	return strings.Contains(said, "000100") || strings.Contains(said, "10000")
}
