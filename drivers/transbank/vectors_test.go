package transbank

import (
	"strconv"
	"strings"
	"testing"

	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/wire"
)

// vector is a row of the tables.
type vector struct{ drivertest.Vector }

func (v vector) auto() bool { return strings.Contains(v.Facts, "lrc_covers=stx+data+etx") }

// body is the message without its frame.
func (v vector) body() string { return string(v.Raw[1 : len(v.Raw)-2]) }

// fact is a value of the row; a remark behind it is left out, and so are blanks that are told by their number.
func (v vector) fact(key string) (string, bool) {
	for f := range strings.SplitSeq(v.Facts, ";") {
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

// vectors are the rows of transbank.
func vectors(t *testing.T) (all []vector) {
	t.Helper()
	for _, v := range drivertest.Vectors(t, 86, []string{"official.tsv", "ecr.tsv"}, "transbank") {
		all = append(all, vector{v})
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
		for _, b := range v.Raw {
			if e := r.Feed(b); e.Kind != wire.STXNothing {
				es = append(es, e)
			}
		}
		if strings.Contains(v.Facts, "lrc_covers=NONE") {
			if len(es) != 1 || es[0].Kind != wire.STXBadLRC {
				t.Errorf("%s has a wrong check byte, and is read as %v", v.ID, es)
			}
			wrong++
			continue
		}
		if len(es) != 1 || es[0].Kind != wire.STXFrame || string(es[0].Body) != v.body() {
			t.Errorf("%s is read as %v", v.ID, es)
			continue
		}
		if v.Sent {
			if body, ok := requests[v.ID]; ok {
				made++
				if string(ours().Append(nil, []byte(body))) != string(v.Raw) {
					t.Errorf("%s: the driver makes %q, the row is %q", v.ID, body, v.body())
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
		t.Errorf("%s is not read", v.ID)
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
		if !ok || v.ID == "c-rsp-sale-fixture" {
			continue
		}
		if key == "count" {
			n, _ := number(want)
			want = strconv.FormatInt(n, 10)
		}
		if compared++; strings.TrimSpace(want) != value {
			t.Errorf("%s: %s is %q, the row says %q", v.ID, key, value, want)
		}
	}
	blank := strings.HasPrefix(v.ID, "rsp-detail-end")
	if compared == 0 && !blank && v.ID != "c-rsp-sale-fixture" {
		t.Errorf("%s: nothing was compared", v.ID)
	}
	if isSale && m.is("0261") && r.blank() != blank {
		t.Errorf("%s: end of the list: %t", v.ID, r.blank())
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
		t.Errorf("%s is %s, want %s: %s", v.ID, out.Outcome, want, out.Text)
	}
}
