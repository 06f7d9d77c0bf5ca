package transbank

import (
	"context"
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"tillbridge/terminal"
)

// longNumber is what may be a card number.
var longNumber = regexp.MustCompile(`[0-9]{13,}`)

// FuzzParsers: no bytes make the readers panic, and what they tell has no card number.
func FuzzParsers(f *testing.F) {
	for _, body := range []string{okReply, badReply, okRecord, blankRecord, okLast, noLast, autoOK, "0210|07", "0900|78", "1210|00|c|t|794981|123", "0710|00|2|26500|", "0210|0||00\xb700|||||0"} {
		f.Add([]byte(body), false)
		f.Add([]byte(body), true)
	}
	f.Fuzz(func(t *testing.T, body []byte, auto bool) {
		_ = describe(terminal.Serial, false, body)
		texts := describe(terminal.Serial, auto, []byte(framed(string(body), auto)))
		o := NewOptions()
		if auto {
			o.Model = Autoservicio
		}
		m, ok := parse(body)
		if !ok {
			return
		}
		s := &session{o: o}
		void := s.judgeVoid(m, "000123", true)
		if void.Outcome == terminal.Approved && m.code != "00" {
			t.Fatalf("%q voids", body)
		}
		r, ok := o.readSale(m)
		if !ok {
			return
		}
		out := s.judge(r, 1250)
		switch k, _ := codeOf(m.code); {
		case out.Outcome == terminal.Approved && m.code != "00", out.Outcome == terminal.Declined && !k.refuses:
			t.Fatalf("%q is %s", body, out.Outcome)
		case len(out.CardLast4) > 4 || strings.Contains(out.Text, "\n"):
			t.Fatalf("%+v", out)
		}
		if mark, ok := parseMark(out.Mark); out.Mark.Known() && (!ok || !mark.is(r)) {
			t.Fatalf("mark %q is not that of %q", out.Mark, body)
		}
		for _, line := range receipt(r.voucher).Lines {
			texts += "\n" + line.Text
		}
		texts = strings.Join([]string{texts, out.AuthCode, out.TxnRef, out.TerminalID, out.CardName, out.Code, out.Text, string(out.Mark), void.AuthCode, void.TxnRef, void.Text}, "\n")
		if found := longNumber.FindString(texts); found != "" {
			t.Fatalf("%q tells %s", body, found)
		}
	})
}

// FuzzTerminal lets arbitrary bytes play the terminal's side after the sale, and again when it is asked afterwards. Nothing is approved
// that the bytes do not hold, and nothing declined that they do not refuse.
func FuzzTerminal(f *testing.F) {
	for _, pay := range []string{
		ack + framed(okReply, false), framed(oldReply, false) + ack, nak, nak + nak + ack, ack + framed(badReply, false), ack, "", ack + framed("0210|07", false),
		ack + framed("0900|78", false) + framed(okReply, false)[:60], "\xff" + nak,
	} {
		f.Add([]byte(pay), []byte(framed(oldRecord, false)+framed(okRecord, false)+framed(blankRecord, false)))
		f.Add([]byte(pay), []byte(framed(oldRecord, false)+framed(blankRecord, false)))
	}
	f.Fuzz(func(t *testing.T, pay, after []byte) {
		if len(pay) > 1<<11 || len(after) > 1<<11 {
			return
		}
		synctest.Test(t, func(t *testing.T) { fuzzPayment(t, pay, after) })
	})
}

// holds tells whether some frame of bytes, begun at any place, has a whole check byte, one of the function codes and a code.
func holds(said []byte, fns string, codes func(string) bool) bool {
	for i, c := range said {
		if c != 0x02 {
			continue
		}
		lrc := byte(0)
		for j := i + 1; j < len(said)-1; j++ {
			lrc ^= said[j]
			if said[j] != 0x03 || lrc != said[j+1] {
				continue
			}
			if m, ok := parse(said[i+1 : j]); ok && strings.Contains(fns, m.fn) && codes(m.code) {
				return true
			}
		}
	}
	return false
}

func isOK(c string) bool { return c == "00" }

func refuses(c string) bool {
	k, ok := codeOf(c)
	return ok && k.refuses
}

func fuzzPayment(t *testing.T, pay, after []byte) {
	var tasks sync.WaitGroup
	defer tasks.Wait()
	fk := &fake{}
	asked := false
	plain := ordinary([]string{oldRecord, blankRecord}, noLast, sells(string(pay)))
	fk.script = func(said string) []string {
		if asked && (strings.HasPrefix(said, "0260") || strings.HasPrefix(said, "0250")) {
			return []string{ack + string(after)}
		}
		return plain(said)
	}
	opened, err := open(context.Background(), terminal.Env{Currency: peso, Log: slog.New(slog.DiscardHandler), Dial: fk.dial(&tasks)}, NewOptions())
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	b, r := &till{}, request(1250)
	got, err := opened.Pay(context.Background(), r, b)
	sent := fk.count("0200")
	switch {
	case err != nil && got.Outcome != terminal.Unknown, errors.Is(err, terminal.ErrNotSent):
		t.Errorf("%s beside %v", got.Outcome, err)
	case got.Outcome == terminal.Approved && (!holds(pay, "0210 0271", isOK) || len(b.seen) == 0):
		t.Errorf("approved: %x", pay)
	case got.Outcome == terminal.Declined && !holds(pay, "0210 0271", refuses):
		t.Errorf("declined: %x", pay)
	case sent > 1 && !strings.Contains(string(pay), nak), sent > sendsMost:
		t.Errorf("the sale was sent %d times: %x", sent, pay)
	}
	if err == nil && got.Outcome != terminal.Unknown {
		return
	}
	fk.mu.Lock()
	asked = true
	fk.mu.Unlock()
	got, err = opened.Recover(context.Background(), terminal.Attempt{Request: r, Mark: oldMark})
	switch {
	case err != nil && got.Outcome != terminal.Unknown:
		t.Errorf("%s beside %v", got.Outcome, err)
	case got.Outcome == terminal.Approved && !holds(after, "0261 0291 0260 0281", isOK):
		t.Errorf("recovery: approved: %x", after)
	case got.Outcome == terminal.Declined && !holds(after, "0261 0291 0260 0281", isOK):
		t.Errorf("recovery: declined by %s: %x", got.Proof, after)
	case fk.count("0200") != sent:
		t.Error("recovery: the sale was sent")
	}
}
