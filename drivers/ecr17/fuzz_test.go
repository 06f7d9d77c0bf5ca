package ecr17

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"tillbridge/drivers/ecr17/sim"
	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/wire"
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
		b := &drivertest.Book{}
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

// FuzzTerminal lets a terminal say anything to the sale, and when it is asked afterwards.
func FuzzTerminal(f *testing.F) {
	o := drivertest.FuzzOptions{
		Subject: subject(func(o *Options) { o.Standalone = true }, sim.Options{}), Sends: 6, States: states,
		Orderly: func(_ terminal.LinkKind, b []byte) []byte {
			if len(b) < 11 {
				return nil
			}
			switch b[10] {
			case 's':
				return []byte(ackBytes + framed(statusAnswer))
			case 'G':
				return []byte(ackBytes + framed(approved(before, "00000990")))
			}
			return nil
		},
		Asks: func(_ terminal.LinkKind, b []byte) bool { return b[0] == wire.STX },
		NAKs: func(_ terminal.LinkKind, said []byte) int { return bytes.Count(said, []byte{0x15, 0x03}) },
	}
	for _, pay := range []string{
		ackBytes + framed(approved("000052", "00001250")), framed(approved(before, "00000990")) + ackBytes, nakBytes, nakBytes + nakBytes + ackBytes,
		ackBytes + framed(refused("000052", "00001250", "TRANSAZIONE RIFIUTATA")), ackBytes, "", "\x01INSERIRE CARTA      \x04" + framed("170000010E0"),
		ackBytes + framed(approved("000052", "00001250"))[:60], "\xff" + nakBytes,
	} {
		o.Seeds = append(
			o.Seeds, drivertest.FuzzSeed{Pay: pay, After: ackBytes + framed(statusAnswer) + framed(approved("000052", "00001250"))},
			drivertest.FuzzSeed{Pay: pay, After: ackBytes + framed(refused("000052", "00000000", "TRANSAZIONE ANNULLATA"))},
			drivertest.FuzzSeed{Pay: pay, After: ackBytes + framed(statusAnswer) + framed(approved(before, "00000990"))},
		)
	}
	drivertest.Fuzz(f, o)
}

// states tells whether bytes hold a result with a code that says so. An older approval tells that nothing was booked since, and three
// NAKs to the sale that it was not taken.
func states(_ terminal.LinkKind, o terminal.Outcome, pay, after []byte) bool {
	switch asked := after != nil; {
	case o == terminal.Approved:
		return holds(pay, "00") || holds(after, "00")
	case asked:
		return holds(pay, "00", "01", "05", "09") || holds(after, "00", "01", "05", "09")
	}
	return holds(pay, "01", "05", "09") || bytes.Contains(pay, []byte{0x15, 0x03})
}

// holds tells whether a message that begins at any place of bytes states a code.
func holds(said []byte, codes ...string) bool {
	for _, f := range drivertest.STXFrames(said, format(wire.CoverAll, true)) {
		if len(f) >= 12 && (f[9] == 'E' || f[9] == 'V') && slices.Contains(codes, f[10:12]) {
			return true
		}
	}
	return false
}
