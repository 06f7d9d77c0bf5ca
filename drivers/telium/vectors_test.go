package telium

import (
	"bytes"
	"strconv"
	"strings"
	"testing"

	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/wire"
)

// row is a row of a table, with its facts taken apart.
type row struct {
	drivertest.Vector
	facts map[string]string
}

// rows are the rows of a protocol.
func rows(t *testing.T, table, protocol string, least int) (out []row) {
	t.Helper()
	for _, v := range drivertest.Vectors(t, least, []string{table}, protocol) {
		r, facts := row{v, map[string]string{}}, v.Facts
		if table == "ecr.tsv" {
			facts = strings.ReplaceAll(facts, " ", ";")
		}
		for f := range strings.SplitSeq(facts, ";") {
			key, value, _ := strings.Cut(f, "=")
			if _, there := r.facts[key]; !there {
				r.facts[key] = value
			}
		}
		out = append(out, r)
	}
	return out
}

// body is the body of a row's frame, or of its message with a length; false for a single control byte.
func (r row) body(t *testing.T) ([]byte, wire.STXKind) {
	if r.Raw[0] == wire.STX {
		reader := wire.NewSTXReader(wire.STXFormat{Covers: wire.CoverBodyETX}, maxBody)
		for i, b := range r.Raw {
			if e := reader.Feed(b); e.Kind != wire.STXNothing {
				if i != len(r.Raw)-1 {
					t.Errorf("%s: %s after %d of %d bytes", r.ID, e.Kind, i+1, len(r.Raw))
				}
				return e.Body, e.Kind
			}
		}
		t.Errorf("%s: no end", r.ID)
	}
	if len(r.Raw) > 2 && int(r.Raw[0])<<8+int(r.Raw[1]) == len(r.Raw)-2 {
		return r.Raw[2:], wire.STXFrame
	}
	return nil, wire.STXNothing
}

// request takes a request apart by its places, apart from the driver's own code.
func (r row) request(t *testing.T, body []byte) request {
	t.Helper()
	text := string(body)
	n := func(from, to int) int64 {
		v, err := strconv.ParseInt(text[from:to], 10, 64)
		if err != nil {
			t.Errorf("%s: %v", r.ID, err)
		}
		return v
	}
	q := request{
		Number: int(n(0, 2)), Minor: n(2, 10), Report: text[10] == '1', Mode: text[11], Type: text[12], Currency: int(n(13, 16)), Private: text[16:26],
		Short: len(text) == 26,
	}
	if !q.Short {
		q.Online, q.Extended = text[30:34] == "B011", text[34:]
	}
	return q
}

// minor is an amount of the facts in minor units: "618" or "6.18".
func minor(t *testing.T, text string) int64 {
	t.Helper()
	whole, frac, point := strings.Cut(text, ".")
	if point && len(frac) != 2 {
		t.Fatalf("amount %q", text)
	}
	n, err := strconv.ParseInt(whole+frac, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// is compares a fact with what was read, by its first word.
func (r row) is(t *testing.T, key, got string) {
	t.Helper()
	want, there := r.facts[key]
	want, _, _ = strings.Cut(want, " ")
	if there && strings.TrimLeft(want, "0") != strings.TrimLeft(got, "0") {
		t.Errorf("%s: %s is %q, the table says %q", r.ID, key, got, want)
	}
}

func TestVectors(t *testing.T) {
	requests, answers, control := 0, 0, 0
	all := append(rows(t, "ecr.tsv", "telium-fr", 27), rows(t, "ecr.tsv", "telium-uk", 20)...)
	all = append(all, rows(t, "official.tsv", "ingenico-gp", 42)...)
	for _, r := range all {
		body, kind := r.body(t)
		switch {
		case r.ID == "fr-badlrc":
			if kind != wire.STXBadLRC {
				t.Errorf("%s is %s: its check byte is wrong on purpose", r.ID, kind)
			}
		case body == nil:
			if len(r.Raw) != 1 || !strings.ContainsRune("\x04\x05\x06\x15", rune(r.Raw[0])) {
				t.Errorf("%s: %x is no control byte", r.ID, r.Raw)
			}
			control++
		case r.ID == "tcp-keepalive-answer":
			if got := keepAlive([]byte(`<?xml version="1.0"?><TID CODE="12345678"/>`)); !bytes.Equal(got, body) {
				t.Errorf("%s: %q, the table says %q", r.ID, got, body)
			}
			answers++
		case r.ID == "tcp-broadcast":
			if p, ok := broadcast(body); !ok || p.Stage != terminal.CardWait {
				t.Errorf("%s: %+v, %t", r.ID, p, ok)
			}
			answers++
		case r.Sent:
			r.checkRequest(t, body)
			requests++
		default:
			r.checkAnswer(t, body)
			answers++
		}
	}
	t.Logf("note: test vectors: %d rows: %d requests written, %d answers read, %d control bytes, 1 wrong check byte refused", len(all), requests, answers, control)
	if requests+answers+control+1 != len(all) {
		t.Errorf("%d rows were left out", len(all)-requests-answers-control-1)
	}
}

func (r row) checkRequest(t *testing.T, body []byte) {
	q := r.request(t, body)
	if r.ID == "fr-immediate" { // an answer at once says nothing of the payment, so the driver never asks for it
		body = bytes.Replace(body, []byte("A011"), []byte("A010"), 1)
	}
	if got, err := q.encode(); err != nil || !bytes.Equal(got, body) {
		t.Errorf("%s: %q, %v; the table says %q", r.ID, got, err, body)
	}
	for _, key := range []string{"pos", "ref"} {
		r.is(t, key, strconv.Itoa(q.Number))
	}
	if a := r.facts["amount"]; a != "" && minor(t, a) != q.Minor {
		t.Errorf("%s: amount %d, the table says %s", r.ID, q.Minor, a)
	}
	r.is(t, "mode", string(q.Mode))
	r.is(t, "type", string(q.Type))
	r.is(t, "currency", strconv.Itoa(q.Currency))
	if name, ok := strings.CutPrefix(q.Extended, "CMD="); ok && !strings.HasPrefix(name, "ID") && !strings.HasPrefix(name, "REV") {
		if got := command(name); !bytes.Equal(got, body) {
			t.Errorf("%s: command %q, the table says %q", r.ID, got, body)
		}
	}
}

func (r row) checkAnswer(t *testing.T, body []byte) {
	a, err := parseAnswer(body)
	if err != nil {
		t.Errorf("%s: %v", r.ID, err)
		return
	}
	for _, key := range []string{"pos", "ref"} {
		r.is(t, key, strconv.Itoa(a.Number))
	}
	if s := r.facts["amount"]; s != "" && minor(t, s) != a.Minor {
		t.Errorf("%s: amount %d, the table says %s", r.ID, a.Minor, s)
	}
	r.is(t, "status", code(a.Status))
	r.is(t, "currency", strconv.Itoa(a.Currency))
	base := 16
	if strings.HasPrefix(r.ID, "rsp-state") {
		base = 10
	}
	told := a.tlv(base)
	for key, tag := range map[string]byte{"authcode": 'C', "method": 'P', "rep.C": 'C', "rep.P": 'P', "rep.M": 'M', "tid": 'T', "handset": 'H', "version": 'V'} {
		if r.facts[key] != "" {
			r.is(t, key, told[tag])
		}
	}
	if s := r.facts["final"]; s != "" && minor(t, s) != minor(t, told['M']) {
		t.Errorf("%s: final sum %q, the table says %s", r.ID, told['M'], s)
	}
	if p := r.facts["private"]; p != "" && p != a.Private {
		t.Errorf("%s: private %q, the table says %q", r.ID, a.Private, p)
	}
	if strings.Contains(string(maskBody(body)), "4111111111111111"[:6]) {
		t.Errorf("%s: the card number is not masked: %q", r.ID, maskBody(body))
	}
}
