package telium

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/wire"
)

func FuzzAnswer(f *testing.F) {
	for _, s := range []string{shortAnswer, fullFrench("4111111111110043"), string(british80("42", "0", "00001250", "C06123456M041250")), "<TID CODE=\"1\"/>", ""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r := terminal.Request{Amount: terminal.Amount{Minor: 1250, Currency: euro}}
		masked := maskBody(body)
		if a, err := parseAnswer(body); bytes.Contains(masked, []byte("4111111111110043")) && (err != nil || a.Full && !bytes.Contains(masked[:headLength+6], []byte("4111"))) {
			t.Errorf("%q is masked as %q", body, masked)
		}
		_, _, _ = keepAlive(body), receipt(body), describeBody(true, body)
		if a, err := parseAnswer(body); err == nil {
			for _, out := range []terminal.Result{judgeFrench(a, masked, r), judgeBritish(a, masked, r)} {
				if out.Outcome == terminal.Approved && (body[2] != '0' || out.CurrencyNumeric == 0) || len(out.CardLast4) > 4 {
					t.Errorf("%q: %+v", body, out)
				}
			}
		}
	})
}

// FuzzTerminal lets a French terminal say anything, from the first ENQ on. Zero bytes are pauses.
func FuzzTerminal(f *testing.F) {
	frame := func(body string) string {
		return string(wire.STXFormat{Covers: wire.CoverBodyETX}.Append(nil, []byte(body)))
	}
	ours := frame("02" + "0" + "00001250" + "1" + "978" + "0000000000") // POS number 2 is that of reference 0000000001
	refused := frame("02" + "7" + "00001250" + "1" + "978" + "0000000000")
	drivertest.Fuzz(f, drivertest.FuzzOptions{
		Subject: inFrance(), Pause: 200 * time.Millisecond, States: states("02"),
		Pieces: func(_ terminal.LinkKind, b []byte) [][]byte { return bytes.Split(b, []byte{0}) },
		Seeds: []drivertest.FuzzSeed{
			{Pay: "\x06\x00\x06\x00\x05\x00" + ours + "\x00\x04"},
			{Pay: "\x06\x00\x15\x00\x06\x00\x05\x00" + ours},
			{Pay: "\x05\x00" + ours},
			{Pay: "\x06\x00\x15\x00\x15\x00\x15\x00"},
			{Pay: "\x06\x00\x06\x00\x05\x00" + refused},
			{Pay: "\x06\x00\x06", After: "\x05\x00" + ours + "\x00\x04"},
			{Pay: "\x06\x00\x06", After: "\x05\x00" + refused + "\x00\x04"},
		},
	})
}

// states tells whether an answer with the payment's own number and a status stands in the bytes. Three NAKs to the command refuse it,
// and so does a British terminal that states another result as its last one.
func states(number string) func(terminal.LinkKind, terminal.Outcome, []byte, []byte) bool {
	return func(k terminal.LinkKind, o terminal.Outcome, pay, after []byte) bool {
		said := string(pay) + string(after)
		if o == terminal.Approved {
			return strings.Contains(said, number+"0")
		}
		refused := k == terminal.Serial && bytes.Count(pay, []byte{wire.NAK}) >= 3 || bytes.Contains(after, []byte(duplicDone))
		return refused || strings.Contains(said, number+"7") || strings.Contains(said, number+"6") || strings.Contains(said, number+"2")
	}
}

// FuzzBritain lets a British terminal in a network say anything to the sale, and when it is asked for its last result.
func FuzzBritain(f *testing.F) {
	ready, older := british80("01", "0", "00000000", "S1810E0B0C8F000F0A001V0501.02T0852500001"), british80("77", "0", "00000990", "C06111111M03990")
	copy(older[len(older)-10:], duplicDone)
	asks := func(_ terminal.LinkKind, b []byte) bool { return bytes.Contains(b, []byte("CMD=DUPLIC")) }
	s := inBritain()
	s.Links = []terminal.LinkKind{terminal.TCP}
	number := fmt.Sprintf("%02d", reference("0000000001", "uk1/77/0/990/826/111111"))
	answer := func(status string) string {
		return string(withLength(british80(number, status, "00001250", "C06123456M041250")))
	}
	last := func(status string) string {
		b := british80(number, status, "00001250", "C06123456M041250")
		copy(b[len(b)-10:], duplicDone)
		return string(withLength(b))
	}
	o := drivertest.FuzzOptions{
		Subject: s, States: states(number), Asks: asks,
		Orderly: func(k terminal.LinkKind, b []byte) []byte {
			switch {
			case asks(k, b):
				return withLength(older)
			case bytes.Contains(b, []byte("CMD=STATE")):
				return withLength(ready)
			}
			return nil
		},
	}
	for _, pay := range []string{answer("0"), answer("7"), answer("0")[:40], "", string(withLength([]byte("<TID CODE=\"1\"/>"))) + answer("9"), string(withLength(older))} {
		o.Seeds = append(o.Seeds, drivertest.FuzzSeed{Pay: pay, After: last("0")}, drivertest.FuzzSeed{Pay: pay, After: last("7")}, drivertest.FuzzSeed{Pay: pay, After: string(withLength(older))})
	}
	drivertest.Fuzz(f, o)
}
