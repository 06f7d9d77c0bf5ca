package drivertest

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"tillbridge/terminal"
)

// fuzzedToy is the toy driver for the fuzzer.
func fuzzedToy(b bug) FuzzOptions {
	says := func(kind, outcome string) string {
		return string(toyFrame(kind, "0000000001", outcome, 1, 1250, 0, 978, "A1", "card", "1111"))
	}
	reply, refusal, record := says("RES", "approved"), says("RES", "declined"), says("REC", "approved")
	return FuzzOptions{
		Subject: toy(terminal.C3, b, terminal.Serial, terminal.TCP),
		Orderly: func(_ terminal.LinkKind, written []byte) []byte {
			if bytes.HasPrefix(written, []byte("HELLO")) {
				return toyFrame("HI", "T1")
			}
			return nil
		},
		Asks: func(_ terminal.LinkKind, written []byte) bool { return bytes.HasPrefix(written, []byte("FIND")) },
		States: func(_ terminal.LinkKind, o terminal.Outcome, pay, after []byte) bool {
			return slices.ContainsFunc(append(toyFrames(false, pay), toyFrames(false, after)...), func(s string) bool {
				return strings.HasPrefix(s, "RE") && strings.Contains(s, o.String()) || o == terminal.Declined && after != nil && strings.HasPrefix(s, "REC none")
			})
		},
		NAKs: func(_ terminal.LinkKind, said []byte) int { return bytes.Count(said, []byte("NAK")) },
		Seeds: []FuzzSeed{
			{reply, ""},
			{refusal, ""},
			{string(toyFrame("OK", "0000000001")) + reply, ""},
			{"NAK", record},
			{string(toyFrame("NAK")) + reply, ""},
			{"approved\n", string(toyFrame("REC", "none"))},
			{"", string(toyFrame("NAK"))},
			{"", record},
			{strings.Replace(reply, "declined", "approved", 1)[:40], reply},
			{refusal[:len(refusal)-3] + "\n", ""},
		},
	}
}

// FuzzTerminal plays the toy driver with a terminal that says anything.
func FuzzTerminal(f *testing.F) { Fuzz(f, fuzzedToy("")) }

// TestFuzzFindsBugs plants mistakes into the toy driver: some seed brings each to light, for the right reason.
func TestFuzzFindsBugs(t *testing.T) {
	for bug, says := range map[bug]string{
		"": "", "approves garbage": "approved (), and the terminal did not say so", "takes damaged frames": "declined (), and the terminal did not say so",
		"time-out means declined": "the terminal did not say so", "repeats on silence": "the money command was written 2 times",
		"a broken line was never written to": "is called not sent", "asks by paying": "was written while asking",
	} {
		o, all := fuzzedToy(bug), ""
		for _, s := range o.Seeds {
			for _, k := range o.Links {
				all += strings.Join(o.played(t, k, []byte(s.Pay), []byte(s.After)).wrong, "\n")
			}
		}
		if says == "" && all != "" || !strings.Contains(all, says) {
			t.Errorf("%q: want %q: %s", bug, says, all)
		}
	}
}

// TestFuzzPieces has bytes said piece by piece, from the begin of the payment on, and a driver that approves what is none of them.
func TestFuzzPieces(t *testing.T) {
	for bug, says := range map[bug]string{"": "", "approves garbage": "did not say so"} {
		o := fuzzedToy(bug)
		o.HangsUp, o.Pause = true, time.Second
		o.Pieces = func(_ terminal.LinkKind, b []byte) [][]byte { return bytes.Split(b, []byte("|")) }
		for _, k := range o.Links {
			reply := o.Seeds[0].Pay
			for _, pay := range []string{"|" + reply, reply[:10] + "|" + reply[10:] + "|x", "OK|\n"} {
				wrong := strings.Join(o.played(t, k, []byte(pay), []byte(o.Seeds[3].After)).wrong, "\n")
				if garbage := strings.HasPrefix(pay, "OK"); garbage && says != "" && !strings.Contains(wrong, says) || (!garbage || says == "") && wrong != "" {
					t.Errorf("%q, %q: %s", bug, pay, wrong)
				}
			}
		}
	}
}
