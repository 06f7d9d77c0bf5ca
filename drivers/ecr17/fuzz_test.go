package ecr17

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"tillbridge/terminal"
)

// FuzzParsers: no bytes make the readers panic, and what they tell has no card number.
func FuzzParsers(f *testing.F) {
	f.Add([]byte(approved("000052", "00001250")))
	f.Add([]byte(refused("000052", "00001250", "CARTA 4111111111111111")))
	f.Add([]byte(statusAnswer))
	f.Add([]byte("170000010C000000000000012345000000000001234"))
	f.Add([]byte("170000010SNEGOZIO}\x7fIMPORTO}}}}}}\x1b"))
	f.Fuzz(func(t *testing.T, body []byte) {
		_ = describe(terminal.TCP, false, body)
		_ = describe(terminal.TCP, false, []byte(framed(string(body))))
		_ = describe(terminal.TCP, true, []byte(framed(string(body))))
		m, ok := parse(body)
		if ok != (len(body) >= 10) {
			t.Fatalf("%q", body)
		}
		_, _ = readStatus(m)
		_, _ = readSums(m)
		_, _ = identity(body)
		b := &till{}
		p := newPaper(b, 0)
		p.add(m)
		p.end()
		r, ok := readResult(m)
		if !ok {
			return
		}
		s := &session{o: NewOptions()}
		out := s.judge(r)
		if out.Outcome == terminal.Approved && string(body[10:12]) != "00" || out.Outcome == terminal.Declined && string(body[10:11]) != "0" {
			t.Fatalf("%q is %s", body, out.Outcome)
		}
		if len(out.CardLast4) > 4 || strings.Contains(out.Text, "\n") {
			t.Fatalf("%+v", out)
		}
		if mark, ok := parseMark(out.Mark); out.Mark.Known() && (!ok || !mark.same(mark)) {
			t.Fatalf("mark %q is not read back", out.Mark)
		}
	})
}

// FuzzTerminal lets arbitrary bytes play the terminal's side after the sale, and again when it is asked afterwards. Nothing is approved
// that the bytes do not hold, and nothing declined that they do not refuse.
func FuzzTerminal(f *testing.F) {
	for _, pay := range []string{
		ackBytes + framed(approved("000052", "00001250")), framed(approved(before, "00000990")) + ackBytes, nakBytes, nakBytes + nakBytes + ackBytes,
		ackBytes + framed(refused("000052", "00001250", "TRANSAZIONE RIFIUTATA")), ackBytes, "", "\x01INSERIRE CARTA      \x04" + framed("170000010E0"),
		ackBytes + framed(approved("000052", "00001250"))[:60], "\xff" + nakBytes,
	} {
		f.Add([]byte(pay), []byte(framed(statusAnswer)+framed(approved("000052", "00001250"))))
		f.Add([]byte(pay), []byte(framed(refused("000052", "00000000", "TRANSAZIONE ANNULLATA"))))
	}
	f.Fuzz(func(t *testing.T, pay, after []byte) {
		if len(pay) > 1<<11 || len(after) > 1<<11 {
			return
		}
		synctest.Test(t, func(t *testing.T) { fuzzPayment(t, pay, after) })
	})
}

// frames are all messages that begin at any place of bytes and whose check byte holds.
func frames(said []byte) (out []string) {
	for i, c := range said {
		if c != 0x02 {
			continue
		}
		lrc := byte(0x7F)
		for j := i; j < len(said)-1; j++ {
			lrc ^= said[j]
			if said[j] == 0x03 && lrc == said[j+1] {
				out = append(out, string(said[i+1:j]))
			}
		}
	}
	return out
}

// holds tells whether a message of bytes states a code.
func holds(said []byte, codes ...string) bool {
	for _, f := range frames(said) {
		for _, c := range codes {
			if len(f) >= 12 && (f[9] == 'E' || f[9] == 'V') && f[10:12] == c {
				return true
			}
		}
	}
	return false
}

func fuzzPayment(t *testing.T, pay, after []byte) {
	var tasks sync.WaitGroup
	defer tasks.Wait()
	fk := &fake{}
	asked, sales := false, 0
	plain := ordinary(approved(before, "00000990"), func(_ int, code byte, _ string) []string {
		if code == 'X' || code == 'P' {
			sales++
			return []string{string(pay)}
		}
		return nil
	})
	fk.script = func(line int, said string) []string {
		if asked && said != "ACK" && said != "NAK" {
			return []string{ackBytes + string(after)}
		}
		return plain(line, said)
	}
	opened, err := open(context.Background(), terminal.Env{Link: terminal.Serial, Currency: euros, Log: slog.New(slog.DiscardHandler), Dial: fk.dial(&tasks)}, NewOptions())
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	b, r := &till{}, sale(1250)
	mark, err := opened.(*session).Mark(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	got, err := opened.Pay(context.Background(), r, b)
	naks := strings.Count(string(pay), "\x15\x03")
	fk.mu.Lock()
	sent := sales
	fk.mu.Unlock()
	switch {
	case err != nil && got.Outcome != terminal.Unknown, errors.Is(err, terminal.ErrNotSent):
		t.Errorf("%s beside %v", got.Outcome, err)
	case got.Outcome == terminal.Approved && (!holds(pay, "00") || len(b.seen) == 0):
		t.Errorf("approved: %x", pay)
	case got.Outcome == terminal.Declined && !holds(pay, "01", "05", "09") && naks == 0:
		t.Errorf("declined: %x", pay)
	case sent > 1 && naks == 0, sent > 2*sendsMost:
		t.Errorf("the sale was sent %d times: %x", sent, pay)
	}
	if err == nil && got.Outcome != terminal.Unknown {
		return
	}
	fk.do(func() { asked = true })
	a := terminal.Attempt{Request: r, Mark: mark}
	if n := len(b.seen); n > 0 {
		a.Seen = &b.seen[n-1]
	}
	got, err = opened.Recover(context.Background(), a)
	fk.mu.Lock()
	defer fk.mu.Unlock()
	switch {
	case err != nil && got.Outcome != terminal.Unknown:
		t.Errorf("%s beside %v", got.Outcome, err)
	case got.Outcome == terminal.Approved && !holds(after, "00") && !holds(pay, "00"):
		t.Errorf("recovery: approved: %x", after)
	case got.Outcome == terminal.Declined && !holds(append(append([]byte{}, pay...), after...), "00", "01", "05", "09"):
		t.Errorf("recovery: declined by %s: %x", got.Proof, after)
	case sales != sent:
		t.Error("recovery: the sale was sent")
	}
}
