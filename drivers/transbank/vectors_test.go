package transbank

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"tillbridge/terminal"
	"tillbridge/terminal/wire"
)

// vector is a row of the tables.
type vector struct {
	id, direction, facts string
	raw                  []byte
}

func (v vector) auto() bool { return strings.Contains(v.facts, "lrc_covers=stx+data+etx") }

// body is the message without its frame.
func (v vector) body() string { return string(v.raw[1 : len(v.raw)-2]) }

// fact is a value of the row; a remark behind it is left out, and so are blanks that are told by their number.
func (v vector) fact(key string) (string, bool) {
	for f := range strings.SplitSeq(v.facts, ";") {
		name, value, ok := strings.Cut(f, "=")
		if !ok || name != key {
			continue
		}
		value, _, _ = strings.Cut(value, " (")
		value = strings.TrimSuffix(value, "+space")
		if strings.HasSuffix(value, " spaces") {
			value = ""
		}
		return value, true
	}
	return "", false
}

// vectors reads the rows of transbank, or skips the test where there is no table.
func vectors(t *testing.T) (all []vector) {
	t.Helper()
	dir := os.Getenv("TILLBRIDGE_VECTORS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "vectors")
	}
	for _, table := range []struct {
		name                               string
		columns, id, direction, raw, facts int
	}{{"official.tsv", 7, 1, 3, 4, 5}, {"ecr.tsv", 8, 1, 4, 5, 7}} {
		file := filepath.Join(dir, table.name)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Skipf("no test vectors in %s: set TILLBRIDGE_VECTORS to their folder", file)
		}
		for line := range strings.Lines(string(text)) {
			c := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
			if c[0] != "transbank" {
				continue
			}
			if len(c) != table.columns {
				t.Fatalf("%s: %d columns in %q", table.name, len(c), line)
			}
			raw, err := hex.DecodeString(c[table.raw])
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, vector{c[table.id], strings.ToLower(c[table.direction]), c[table.facts], raw})
		}
	}
	return all
}

// TestVectors reads every row, and compares the requests that the driver makes too.
func TestVectors(t *testing.T) {
	all, wrong, made, read := vectors(t), 0, 0, 0
	requests := produced()
	for _, v := range all {
		f := wire.STXFormat{Covers: wire.CoverBodyETX}
		if v.auto() {
			f = theirs(Autoservicio)
		}
		var es []wire.STXEvent
		r := wire.NewSTXReader(f, bodyLimit)
		for _, b := range v.raw {
			if e := r.Feed(b); e.Kind != wire.STXNothing {
				es = append(es, e)
			}
		}
		if strings.Contains(v.facts, "lrc_covers=NONE") {
			if len(es) != 1 || es[0].Kind != wire.STXBadLRC {
				t.Errorf("%s has a wrong check byte, and is read as %v", v.id, es)
			}
			wrong++
			continue
		}
		if len(es) != 1 || es[0].Kind != wire.STXFrame || string(es[0].Body) != v.body() {
			t.Errorf("%s is read as %v", v.id, es)
			continue
		}
		if strings.HasSuffix(v.direction, "ecr>pos") || strings.HasPrefix(v.direction, "ecr>") {
			if body, ok := requests[v.id]; ok {
				made++
				if string(ours().Append(nil, []byte(body))) != string(v.raw) {
					t.Errorf("%s: the driver makes %q, the row is %q", v.id, body, v.body())
				}
			}
			continue
		}
		read++
		checkAnswer(t, v)
	}
	if made != len(requests) {
		t.Errorf("%d rows were compared with requests of the driver, want %d", made, len(requests))
	}
	t.Logf("note: %d rows of transbank; %d answers read, %d requests made as stated, %d have a wrong check byte on purpose; the other requests are forms that "+
		"the driver does not use, and the simulator takes them", len(all), read, made, wrong)
}

// produced are the requests as the driver makes them, by the row that has them. Where a row wants no progress the driver's 1 is made 0.
func produced() map[string]string {
	multi, auto := NewOptions(), autoOptions()
	multi.Commerce = "597029414303"
	several := autoOptions()
	several.Commerce, several.Voucher = multi.Commerce, true
	voucher := autoOptions()
	voucher.Voucher = true
	plain := NewOptions()
	noProgress := func(body, with, without string) string { return strings.Replace(body, with, without, 1) }
	return map[string]string{
		"req-poll": reqPoll, "req-loadkeys": reqKeys, "req-lastsale": plain.reqLast(true), "req-detail-to-ecr": plain.reqLists()[0],
		"req-close": plain.reqClose(), "req-totals": reqTotals, "req-refund-10": plain.reqVoid("10"), "req-refund-143": plain.reqVoid("143"),
		"req-refund-c3": plain.reqVoid("000010"), "req-sale-dotnet4": plain.reqSale(25000, "001230"),
		"req-multicode-java3":    noProgress(multi.reqSale(8000, "ABC123"), "||1|", "||0|"),
		"req-multicode-lastsale": multi.reqLast(true), "req-multicode-detail-python": multi.reqLists()[0],
		"auto-req-sale":      noProgress(voucher.reqSale(1000, "123456"), "|1|1", "|1|0"),
		"auto-req-multicode": noProgress(several.reqSale(1000, "123456"), "|1|1|", "|1|0|"),
		"auto-req-lastsale":  auto.reqLast(true), "auto-req-close": voucher.reqClose(), "auto-req-init": reqInit, "auto-req-init-result": reqInitResult,
		"auto-req-refund": auto.reqVoid("000062"),
	}
}

// checkAnswer compares an answer of a terminal with the row's facts.
func checkAnswer(t *testing.T, v vector) {
	t.Helper()
	m, ok := parse([]byte(v.body()))
	if !ok {
		t.Errorf("%s is not read", v.id)
		return
	}
	o := NewOptions()
	if v.auto() {
		o.Model = Autoservicio
	}
	r, isSale := o.readSale(m)
	amount := ""
	if r.hasAmount {
		amount = strconv.FormatInt(r.minor, 10)
	}
	got := map[string]string{
		"func": m.fn, "code": m.code, "status": m.code, "commerce": m.at(2), "terminal": m.at(3), "ticket": r.ticket, "auth": r.auth, "amount": amount,
		"last4": r.last4, "operation": r.operation, "cardtype": r.kind, "type": r.kind, "brand": r.brand, "date": m.at(r.lay.date),
		"time": m.at(r.lay.clock), "tip": strconv.FormatInt(r.tip, 10),
	}
	switch m.fn {
	case "0710":
		count, _ := number(m.at(2))
		got["count"], got["total"] = strconv.FormatInt(count, 10), m.at(3)
	case "1080":
		got["date"], got["time"] = m.at(2), m.at(3)
	case "1210":
		got["auth"], got["operation"] = m.at(4), m.at(5)
	}
	compared := 0
	for key, value := range got {
		want, ok := v.fact(key)
		if !ok || v.id == "c-rsp-sale-fixture" {
			continue
		}
		if key == "count" {
			n, _ := number(want)
			want = strconv.FormatInt(n, 10)
		}
		if compared++; strings.TrimSpace(want) != value {
			t.Errorf("%s: %s is %q, the row says %q", v.id, key, value, want)
		}
	}
	blank := strings.HasPrefix(v.id, "rsp-detail-end")
	if compared == 0 && !blank && v.id != "c-rsp-sale-fixture" {
		t.Errorf("%s: nothing was compared", v.id)
	}
	if isSale && m.is("0261") && r.blank() != blank {
		t.Errorf("%s: end of the list: %t", v.id, r.blank())
	}
	judged(t, v, o, m, r)
}

// judged looks at what a result of a sale is taken for.
func judged(t *testing.T, v vector, o *Options, m message, r sale) {
	t.Helper()
	if !m.is("0210", "0271") {
		return
	}
	out := (&session{o: o}).judge(r, r.minor)
	want := terminal.Unknown
	switch {
	case m.code == "00":
		want = terminal.Approved
	case m.code == "07":
		want = terminal.Declined
	}
	if out.Outcome != want {
		t.Errorf("%s is %s, want %s: %s", v.id, out.Outcome, want, out.Text)
	}
}
