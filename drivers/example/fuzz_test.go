package example

import (
	"fmt"
	"strings"
	"testing"

	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/wire"
)

const ref = "0ABCDEF123"

func words(r terminal.Result) string {
	minor := int64(-1)
	if r.CapturedMinor != nil {
		minor = *r.CapturedMinor
	}
	return fmt.Sprintf("%s by %s %d in %d code %s number %s card %s", r.Outcome, r.Proof, minor, r.CurrencyNumeric, r.AuthCode, r.TxnRef, r.CardLast4)
}

// framed is a body with its frame, made here and not by the driver.
func framed(body string) string {
	lrc := byte(0x03)
	for i := range len(body) {
		lrc ^= body[i]
	}
	return "\x02" + body + "\x03" + string([]byte{lrc})
}

// FuzzParsers: no bytes make the readers panic, and nothing of a card comes through.
func FuzzParsers(f *testing.F) {
	f.Add([]byte("R|REF|00|1250|978|651200|000052|0043"))
	f.Add([]byte("S|REF|N"))
	f.Add([]byte(framed("T|REF|CARD") + "\x06\x15\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_ = describe(terminal.Serial, false, b)
		m := parse(b)
		r := m.result()
		if (r.Outcome == terminal.Approved) != (m.code == "00" && r.CapturedMinor != nil) || len(r.CardLast4) > 4 || r.Text == "" {
			t.Fatalf("%q is %+v", b, r)
		}
	})
}

// FuzzTerminal lets a terminal say anything to P, and when it is asked afterwards. Nothing is approved or declined that it does not say
// of this very payment, in a frame whose check byte holds.
func FuzzTerminal(f *testing.F) {
	approved, hello := framed("R|"+ref+"|00|1250|978|651200|52|0043"), framed("I|11000001")
	o := drivertest.FuzzOptions{
		Subject: subject(), Reference: ref, States: states,
		Orderly: func(_ terminal.LinkKind, b []byte) []byte {
			if strings.HasPrefix(string(b), "\x02I") {
				return []byte(hello)
			}
			return nil
		},
		Asks: func(_ terminal.LinkKind, b []byte) bool { return b[0] == wire.STX },
	}
	for _, said := range []string{
		approved, "\x06" + approved, framed("R|ANOTHER|00|1250|978|1|1|1") + "\x06", "\x15\x15\x15", "\x15\xff\x15", approved[:20], framed("R|" + ref + "|51"),
		"\x06" + framed("T|"+ref+"|CARD"), framed("S|" + ref + "|N"), hello + framed("S|"+ref+"|00|1250|978|651200|52|0043"), "",
	} {
		o.Seeds = append(o.Seeds, drivertest.FuzzSeed{Pay: said, After: hello + framed("S|"+ref+"|N")}, drivertest.FuzzSeed{Pay: said, After: said})
	}
	drivertest.Fuzz(f, o)
}

// states looks for R in what was said in the payment, and for S in what was said when it was asked.
func states(_ terminal.LinkKind, o terminal.Outcome, pay, after []byte) bool {
	said, begins := pay, "R|"+ref+"|"
	if after != nil {
		said, begins = after, "S|"+ref+"|"
	}
	for _, body := range drivertest.STXFrames(said, wire.STXFormat{Covers: wire.CoverBodyETX}) {
		rest, ours := strings.CutPrefix(body, begins)
		code, _, _ := strings.Cut(rest, "|")
		_, refused := refusals[code]
		if ours && (o == terminal.Approved && code == "00" || o == terminal.Declined && (refused || after != nil && code == "N")) {
			return true
		}
	}
	return false
}
