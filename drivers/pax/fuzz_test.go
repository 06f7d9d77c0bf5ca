package pax

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
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
		d := &dialogue{kind: typeSale, taken: true, r: terminal.Request{Reference: "REF", Amount: terminal.Amount{Minor: 1250, Currency: dollar}}}
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

// parrot is a terminal that is at rest, has an empty list, and answers T00, and afterwards R02 by reference, with given bytes.
type parrot struct{ pay, after []byte }

func (p parrot) serve(far terminal.Port, paid *bool) {
	buf := make([]byte, 4096)
	for {
		n, err := far.Read(buf)
		if err != nil {
			return
		}
		var say []byte
		for _, b := range bodies(buf[:n]) {
			switch {
			case strings.HasPrefix(b, "A00"):
				say = append(say, "\x06"+framed(body("0/A01/1.43/000000/OK/1"))+"\x04"...)
			case strings.HasPrefix(b, "T00") && !*paid:
				*paid = true
				say = append(say, p.pay...)
			case strings.HasPrefix(b, "R02") && *paid:
				say = append(say, p.after...)
			case strings.HasPrefix(b, "R02"):
				say = append(say, "\x06"+framed(body("0/R03/1.43/100023/NO"))+"\x04"...)
			}
		}
		if len(say) > 0 {
			if _, err := far.Write(say); err != nil {
				return
			}
		}
	}
}

// FuzzTerminal lets arbitrary bytes play the terminal's side after the sale, and again when it is asked afterwards. Nothing is approved
// that the bytes do not hold, and nothing declined that they do not refuse: the list was empty, so "not found" proves nothing.
func FuzzTerminal(f *testing.F) {
	for _, pay := range []string{
		"\x06" + framed(approvedReply) + "\x04", framed(approvedReply), "\x15", "\x15\x15\x06", "\x06", "", "\x06\x04", "\x06" + framed(body("0/T01/1.43/100002/ABORTED")) + "\x04",
		"\x06" + framed(body("0/T01/1.43/100011/DUP")), "\x06" + framed("1\x1c"+approvedReply[2:30]) + framed("0\x1c"+approvedReply[30:]) + "\x04", "\x06\x02A\x03A",
	} {
		f.Add([]byte(pay), []byte("\x06"+framed(body("0/R03/1.43/100023/NO"))+"\x04"))
		f.Add([]byte(pay), []byte("\x06"+framed(body("0/R03/1.43/000000/OK/1/0/00,,123456/01/01//1250/0043/15,0000000009,20261122101530"))+"\x04"))
	}
	f.Fuzz(func(t *testing.T, pay, after []byte) {
		if len(pay) > 1<<11 || len(after) > 1<<11 {
			return
		}
		synctest.Test(t, func(t *testing.T) { fuzzPayment(t, parrot{pay, after}) })
	})
}

func fuzzPayment(t *testing.T, p parrot) {
	var serving sync.WaitGroup
	defer serving.Wait()
	paid := false
	s, err := open(t.Context(), terminal.Env{
		Link: terminal.Serial, Log: slog.New(slog.DiscardHandler), Currency: dollar,
		Dial: func(context.Context) (terminal.Port, error) {
			near, far := simulate.Pipe()
			serving.Go(func() { p.serve(far, &paid) })
			return near, nil
		},
	}, NewOptions())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r, b := sale("0000000009", 1250), &book{}
	got, err := s.Pay(t.Context(), r, b)
	said := string(p.pay)
	for n := 0; n < 10 && (err != nil || got.Outcome == terminal.Unknown); n++ {
		said += string(p.after)
		got, err = s.Recover(t.Context(), b.attempt(r, ""))
		if err != nil && !errors.Is(err, terminal.ErrBusy) {
			s.(*session).drop()
		}
	}
	for _, b := range bodies([]byte(said)) { // words may be cut between packets
		if len(b) > 2 {
			said += b[2:]
		}
	}
	switch {
	case err != nil:
	case got.Outcome == terminal.Approved && (!strings.Contains(said, r.Reference) || !strings.Contains(said, "00000") || !strings.Contains(said, "T01") && !strings.Contains(said, "R03")):
		t.Fatalf("%q is approved: %+v", said, got)
	case got.Outcome == terminal.Declined && !strings.Contains(said, "000100") && !strings.Contains(said, "10000"):
		t.Fatalf("%q is declined: %+v", said, got)
	}
}
