package caisseap

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/wire"
)

func FuzzAnswer(f *testing.F) {
	for _, s := range []string{"CZ0040300AE00210CB0041250AC006123456CF003REF", "CZ0040300AE00201AF00204", "CZ0040300ZT008CK003100AK004AAAA", "", "CZ00"} {
		f.Add([]byte(s), true)
	}
	f.Fuzz(func(t *testing.T, b []byte, echoed bool) {
		all, err := parse(b)
		_ = describeText(b)
		o := NewOptions()
		o.ReferenceEchoed = echoed
		till := &drivertest.Book{}
		d := &dialogue{s: &session{o: o}, till: till, r: sale("REF", 1250), q: request{Action: "0"}}
		_ = d.conclude(all)
		for _, a := range all {
			if bytes.Contains(a.mask(), []byte("4111111111110043")) {
				t.Errorf("%q is masked as %q", b, a.mask())
			}
		}
		switch {
		case err != nil || d.result == nil || d.result.Outcome != terminal.Approved:
		case !bytes.Contains(b, []byte("AE")) || !bytes.Contains(b, []byte("CB")) || echoed && !bytes.Contains(b, []byte("CF")):
			t.Errorf("%q: %+v", b, d.result)
		}
	})
}

// FuzzTerminal lets a terminal say anything, piece by piece, on a connection that it closes then and on a serial line: an approval needs AE 10 and
// our reference.
func FuzzTerminal(f *testing.F) {
	frame := func(body string) string {
		return string(wire.STXFormat{Covers: wire.CoverBodyETX}.Append(nil, []byte(body)))
	}
	const ok, no = "CZ0040300AE00210CB0041250AC006123456CF003REF", "CZ0040300AE00201AF00204"
	drivertest.Fuzz(f, drivertest.FuzzOptions{
		Subject: subject(), Reference: "REF", Pause: 400 * time.Millisecond, HangsUp: true, States: states,
		Never:  []string{"tcp, when asked approved", "tcp, when asked declined"}, // a connection is the payment's own
		Pieces: func(_ terminal.LinkKind, b []byte) [][]byte { return bytes.Split(b, []byte("|")) },
		Seeds: []drivertest.FuzzSeed{
			{Pay: ok},
			{Pay: no + "|CF003REF"},
			{Pay: "\x06|\x06|\x05|" + frame(ok) + "|\x04"},
			{Pay: "\x06|\x15|\x06|\x05|" + frame(no+"CF003REF")},
			{Pay: "\x06|\x15|\x15|\x15"},
			{Pay: "\x06|\x06", After: "\x05|" + frame(ok) + "|\x04"},
			{Pay: "\x06|\x06", After: "\x05|" + frame(no+"CF003REF") + "|\x04"},
			{Pay: "\x05|" + frame(ok) + "|\x04|\x06|\x06"},
			{Pay: "CZ0040300AE00210CB004|1250CF003REF", After: ok},
		},
	})
}

// states looks for the fields of an outcome. On a serial line three NAKs refuse the request.
func states(k terminal.LinkKind, o terminal.Outcome, pay, after []byte) bool {
	said := string(pay) + string(after)
	if o == terminal.Approved {
		return strings.Contains(said, "AE00210") && strings.Contains(said, "CF003REF")
	}
	return strings.Contains(said, "AE00201") || k == terminal.Serial && bytes.Count(pay, []byte{wire.NAK}) >= 3
}
