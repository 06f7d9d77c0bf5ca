package transbank

import (
	"regexp"
	"strings"
	"testing"

	"tillbridge/drivers/transbank/sim"
	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
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

// FuzzTerminal lets a terminal say anything to the sale, and when it is asked afterwards.
func FuzzTerminal(f *testing.F) {
	frame := func(body string) string { return framed(body, false) }
	o := drivertest.FuzzOptions{
		Subject: subject(func(*Options) {}, sim.Options{}, nil), Reference: reference, States: states,
		Orderly: func(_ terminal.LinkKind, b []byte) []byte {
			switch said := string(b); {
			case strings.HasPrefix(said, "\x020100"):
				return []byte(ack)
			case strings.HasPrefix(said, "\x020260|1"):
				return []byte(ack + frame(oldRecord) + frame(blankRecord))
			case strings.HasPrefix(said, "\x020250"):
				return []byte(ack + frame(noLast))
			}
			return nil
		},
		Asks: func(_ terminal.LinkKind, b []byte) bool {
			return strings.HasPrefix(string(b), "\x020260") || strings.HasPrefix(string(b), "\x020250")
		},
	}
	for _, pay := range []string{
		ack + frame(okReply), frame(oldReply) + ack, nak, nak + nak + ack, ack + frame(badReply), ack, "", ack + frame("0210|07"), ack + frame("0900|78") + frame(okReply)[:60], "\xff" + nak,
	} {
		o.Seeds = append(
			o.Seeds, drivertest.FuzzSeed{Pay: pay, After: ack + frame(oldRecord) + frame(okRecord) + frame(blankRecord)},
			drivertest.FuzzSeed{Pay: pay, After: ack + frame(oldRecord) + frame(blankRecord)},
		)
	}
	drivertest.Fuzz(f, o)
}

// states tells whether bytes hold an answer to the sale with such a code, or a record: where the newest one is that of before, nothing
// was booked since.
func states(_ terminal.LinkKind, o terminal.Outcome, pay, after []byte) bool {
	switch {
	case after != nil:
		return holds(after, "0261 0291 0260 0281", isOK)
	case o == terminal.Approved:
		return holds(pay, "0210 0271", isOK)
	}
	return holds(pay, "0210 0271", refuses)
}

// holds tells whether a frame that begins at any place of bytes has one of the function codes and a code.
func holds(said []byte, fns string, codes func(string) bool) bool {
	for _, body := range drivertest.STXFrames(said, theirs(Integrado)) {
		if m, ok := parse([]byte(body)); ok && strings.Contains(fns, m.fn) && codes(m.code) {
			return true
		}
	}
	return false
}

func isOK(c string) bool { return c == "00" }

func refuses(c string) bool {
	k, ok := codeOf(c)
	return ok && k.refuses
}
