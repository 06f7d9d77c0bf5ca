package caisseap

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/wire"
)

// row is a row of the table.
type row struct{ drivertest.Vector }

// rows are the rows of this protocol.
func rows(t *testing.T) (out []row) {
	t.Helper()
	for _, v := range drivertest.Vectors(t, 34, []string{"ecr.tsv"}, "caisse-ap", "telium-v3-serial") {
		out = append(out, row{v})
	}
	return out
}

// fact is KEY=value in a row's facts, of a field or of AE in another word.
func (r row) fact(key string) (string, bool) {
	for _, word := range strings.FieldsFunc(r.Facts, func(c rune) bool { return c == ' ' || c == ';' || c == ',' }) {
		if value, ok := strings.CutPrefix(word, key+"="); ok {
			return value, true
		}
	}
	return "", false
}

func TestVectors(t *testing.T) {
	odd := map[string]error{ // rows that are wrong on purpose, or not whole
		"fd-af-extended": errMore, "c-cut-inside": errMore, "px-fields": errText,
	}
	requests, answers, wrong := 0, 0, 0
	for _, r := range rows(t) {
		body := r.Raw
		if r.Protocol == "telium-v3-serial" {
			reader := wire.NewSTXReader(wire.STXFormat{Covers: wire.CoverBodyETX}, maxText)
			for _, b := range r.Raw {
				if e := reader.Feed(b); e.Kind == wire.STXFrame {
					body = e.Body
				}
			}
		}
		all, err := parse(body)
		if want, is := odd[r.ID]; is {
			if !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", r.ID, err, want)
			}
			wrong++
			continue
		}
		if err != nil || len(all) != 1 {
			t.Errorf("%s: %+v, %v", r.ID, all, err)
			continue
		}
		a := all[0]
		var again []byte
		for _, f := range a.fields {
			again = appendField(again, f.tag, f.value)
			if want, there := r.fact(f.tag); there && f.tag != "AA" && f.tag != "ZT" && f.tag != "AK" && strings.TrimLeft(want, "0") != strings.TrimLeft(f.value, "0") {
				t.Errorf("%s: %s is %q, the table says %q", r.ID, f.tag, f.value, want)
			}
		}
		if string(again) != string(body) {
			t.Errorf("%s: written again as %q", r.ID, again)
		}
		if r.Sent {
			requests++
			continue
		}
		answers++
		r.check(t, a)
	}
	t.Logf("note: test vectors: %d requests and %d answers read, %d rows that are not whole refused", requests, answers, wrong)
	if requests < 9 || answers < 20 || wrong != len(odd) {
		t.Errorf("%d requests, %d answers, %d not whole", requests, answers, wrong)
	}
}

// check judges an answer as if its own sum had been asked for.
func (r row) check(t *testing.T, a answer) {
	minor, _ := a.minor()
	asked := minor
	if r.ID == "c-partial" || r.ID == "c-leading0" {
		asked = 11245
	}
	o := NewOptions()
	o.ReferenceEchoed = false // it is another program's in every row
	d := &dialogue{s: &session{o: o}, q: request{Action: a.value("CD")}, r: terminal.Request{Reference: a.value("CF"), Amount: terminal.Amount{Minor: asked, Currency: euro}}}
	out := d.judge(a)
	want := map[string]terminal.Outcome{"10": terminal.Approved, "01": terminal.Declined}[a.value("AE")]
	switch r.ID {
	case "ak-nocj": // an approval with the reason "bad format"
		want = terminal.Unknown
	case "c-partial": // of another sum than asked for, and without our reference
		want = terminal.Unknown
	case "hp-zt":
		if got := tickets(a); len(got) != 1 || len(got[0].Lines) < 10 || got[0].Lines[0].Text == "" {
			t.Errorf("%s: tickets %+v", r.ID, got)
		}
	}
	if out.Outcome != want {
		t.Errorf("%s: %s (%s), want %s", r.ID, out.Outcome, out.Text, want)
	}
	if ac := a.value("AC"); want == terminal.Approved && out.AuthCode != ac || want != terminal.Approved && out.AuthCode != "" {
		t.Errorf("%s: authorisation code %q, the text has %q", r.ID, out.AuthCode, ac)
	}
	if cb, there := r.fact("CB"); there && want == terminal.Approved {
		if n, err := strconv.ParseInt(cb, 10, 64); err == nil && n != *out.CapturedMinor {
			t.Errorf("%s: captured %d, the table says %s", r.ID, *out.CapturedMinor, cb)
		}
	}
}

// The request of a terminal's counterpart that was observed is ours, byte for byte, but for the reference.
func TestVectorRequest(t *testing.T) {
	for _, r := range rows(t) {
		if r.ID != "ak-req" {
			continue
		}
		got, err := request{Version: "0300", Protocol: "012345678901", POS: 1, Minor: 11245, Currency: 978, Action: actionDebit}.encode()
		if err != nil || string(got) != string(r.Raw) {
			t.Errorf("%q, %v; the table says %q", got, err, r.Raw)
		}
		return
	}
	t.Error("there is no row ak-req")
}
