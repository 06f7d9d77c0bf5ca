package sim

import (
	"strings"
	"testing"

	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/simulate"
)

// converse says bytes to a terminal, each reply acknowledged with the digit 6 as one program does, and returns what it says and its
// ledger.
func converse(t *testing.T, say ...[]byte) (heard string, ledger []terminal.Entry) {
	t.Helper()
	answer := func(heard string) string { return strings.Repeat("6", min(1, strings.Count(heard, "\x03"))) }
	heard, face := drivertest.Converse(t, func() (terminal.Simulator, error) {
		return New(terminal.SimulatorOptions{Outcome: simulate.Approved})
	}, terminal.Serial, nil, answer, say...)
	return heard, face.Ledger
}

func TestVectors(t *testing.T) {
	all := map[string][]byte{}
	for _, v := range drivertest.Vectors(t, 22, []string{"official.tsv"}, "pax") {
		all[v.ID] = v.Raw
	}
	const ack, nak, eot = "\x06", "\x15", "\x04"
	said := 0
	for id, c := range map[string]struct {
		want  string // what the terminal says, begins with
		books int64
		ref   string
	}{
		"a00-initialize": {want: ack + "\x020\x1cA01\x1c1.43\x1c000000\x1cOK\x1c53041234\x1cA920"}, "a14-cancel": {},
		"a16-reset": {want: nak}, "a08-get-signature": {want: nak}, "a26-reboot": {want: nak}, "a04-set-variable": {want: nak}, "a54-set-saf": {want: nak},
		"t02-debit-sale-dup-commented": {want: nak}, "t02-debit-refund-commented": {want: nak}, "t04-ebt-cash-sale-commented": {want: nak},
		"t04-ebt-cashback-commented": {want: nak}, "t06-gift-invoice-commented": {want: nak}, "t06-gift-balance-commented": {want: nak},
		"t00-sale-level2-commented": {ack + "\x020\x1cT01\x1c1.43\x1c000000", 1000, "1"}, "t00-sale-tax-commented": {ack + "\x020\x1cT01\x1c1.43\x1c000000", 1100, "1"},
		"t00-sale-php-run": {ack + "\x020\x1cT01\x1c1.43\x1c000000", 1000, "1"}, "t00-void-php-run": {want: ack + "\x020\x1cT01\x1c1.43\x1c100003"},
		"http-base64-buggy-sample": {want: ack + "\x020\x1cT01\x1c1.43\x1c100003"},
		"r02-by-ecrref-composed":   {want: ack + string(all["r03-notfound-composed"][:6])}, "r02-last-record-composed": {want: ack + string(all["r03-notfound-composed"][:6])},
	} {
		raw, ok := all[id]
		if !ok {
			t.Errorf("the table has no row %s", id)
			continue
		}
		said++
		heard, ledger := converse(t, raw)
		booked, ref := int64(0), ""
		for _, e := range ledger {
			booked, ref = booked+e.Minor, e.Reference
		}
		if !strings.HasPrefix(heard, c.want) || c.want == "" && heard != "" || booked != c.books || ref != c.ref {
			t.Errorf("%s: %q, %+v", id, heard, ledger)
		}
		if strings.Contains(heard, "\x03") && !strings.HasSuffix(heard, eot) {
			t.Errorf("%s: the exchange has no end: %q", id, heard)
		}
	}
	// What it says has the layout of the rows.
	groups := func(frame string) []string {
		return strings.Split(frame[strings.IndexByte(frame, 2)+1:strings.IndexByte(frame, 3)], "\x1c")
	}
	heard, _ := converse(t, all["t00-sale-php-run"])
	got, want := groups(heard), groups(string(all["t01-approved-composed"]))
	if len(got) != len(want) {
		t.Fatalf("%q, want the groups of %q", got, want)
	}
	for place, n := range map[string]int{"host": 5, "amount": 7, "account": 8, "trace": 9} {
		if g, w := strings.Split(got[n], "\x1f"), strings.Split(want[n], "\x1f"); len(g) < 3 || len(w) < 3 || g[0] == "" {
			t.Errorf("%s: %q, want as %q", place, g, w)
		}
	}
	for _, n := range []int{0, 1, 3, 6} {
		if got[n] != want[n] {
			t.Errorf("group %d: %q, want %q", n, got[n], want[n])
		}
	}
	if heard, _ := converse(t, all["r02-by-ecrref-composed"]); strings.Join(groups(heard), "") != strings.Replace(strings.Join(groups(string(all["r03-notfound-composed"])), ""), "1.35", "1.43", 1) {
		t.Errorf("%q", heard)
	}
	t.Logf("note: test vectors: %d requests said to the terminal, 2 replies compared", said)
}
