package telium

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"tillbridge/terminal"
	"tillbridge/terminal/wire"
)

// row is one line of a table of test bytes.
type row struct {
	protocol, id, origin string
	fromTill             bool
	raw                  []byte
	facts                map[string]string
}

// rows reads the rows of a protocol, or skips the test where there is no table.
func rows(t testing.TB, file, protocol string, want int) (out []row) {
	t.Helper()
	dir := os.Getenv("TILLBRIDGE_VECTORS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "vectors")
	}
	table, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Skipf("no test vectors in %s: set TILLBRIDGE_VECTORS to their folder", dir)
	}
	for line := range strings.Lines(string(table)) {
		c := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if c[0] != protocol {
			continue
		}
		r := row{protocol: c[0], id: c[1], facts: map[string]string{}}
		column, facts := 5, ""
		if file == "ecr.tsv" {
			r.origin, r.fromTill, facts = c[2], c[4] == "ECR>TPE", strings.ReplaceAll(c[7], " ", ";")
		} else {
			column, r.origin, r.fromTill, facts = 4, c[6], c[3] == "ecr>pos", c[5]
		}
		if r.raw, err = hex.DecodeString(c[column]); err != nil {
			t.Fatalf("%s: %v", r.id, err)
		}
		for _, f := range strings.Split(facts, ";") {
			key, value, _ := strings.Cut(f, "=")
			if _, there := r.facts[key]; !there {
				r.facts[key] = value
			}
		}
		out = append(out, r)
	}
	if len(out) < want {
		t.Fatalf("%d rows of %s, want %d or more", len(out), protocol, want)
	}
	return out
}

// body is the body of a row's frame, or of its message with a length; false for a single control byte.
func (r row) body(t *testing.T) ([]byte, wire.STXKind) {
	if r.raw[0] == wire.STX {
		reader := wire.NewSTXReader(wire.STXFormat{Covers: wire.CoverBodyETX}, maxBody)
		for i, b := range r.raw {
			if e := reader.Feed(b); e.Kind != wire.STXNothing {
				if i != len(r.raw)-1 {
					t.Errorf("%s: %s after %d of %d bytes", r.id, e.Kind, i+1, len(r.raw))
				}
				return e.Body, e.Kind
			}
		}
		t.Errorf("%s: no end", r.id)
	}
	if len(r.raw) > 2 && int(r.raw[0])<<8+int(r.raw[1]) == len(r.raw)-2 {
		return r.raw[2:], wire.STXFrame
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
			t.Errorf("%s: %v", r.id, err)
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
		t.Errorf("%s: %s is %q, the table says %q", r.id, key, got, want)
	}
}

func TestVectors(t *testing.T) {
	requests, answers, control := 0, 0, 0
	all := append(rows(t, "ecr.tsv", "telium-fr", 27), rows(t, "ecr.tsv", "telium-uk", 20)...)
	all = append(all, rows(t, "official.tsv", "ingenico-gp", 42)...)
	for _, r := range all {
		body, kind := r.body(t)
		switch {
		case r.id == "fr-badlrc":
			if kind != wire.STXBadLRC {
				t.Errorf("%s is %s: its check byte is wrong on purpose", r.id, kind)
			}
		case body == nil:
			if len(r.raw) != 1 || !strings.ContainsRune("\x04\x05\x06\x15", rune(r.raw[0])) {
				t.Errorf("%s: %x is no control byte", r.id, r.raw)
			}
			control++
		case r.id == "tcp-keepalive-answer":
			if got := keepAlive([]byte(`<?xml version="1.0"?><TID CODE="12345678"/>`)); !bytes.Equal(got, body) {
				t.Errorf("%s: %q, the table says %q", r.id, got, body)
			}
			answers++
		case r.id == "tcp-broadcast":
			if p, ok := broadcast(body); !ok || p.Stage != terminal.CardWait {
				t.Errorf("%s: %+v, %t", r.id, p, ok)
			}
			answers++
		case r.fromTill:
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
	if r.id == "fr-immediate" { // an answer at once says nothing of the payment, so the driver never asks for it
		body = bytes.Replace(body, []byte("A011"), []byte("A010"), 1)
	}
	if got, err := q.encode(); err != nil || !bytes.Equal(got, body) {
		t.Errorf("%s: %q, %v; the table says %q", r.id, got, err, body)
	}
	for _, key := range []string{"pos", "ref"} {
		r.is(t, key, strconv.Itoa(q.Number))
	}
	if a := r.facts["amount"]; a != "" && minor(t, a) != q.Minor {
		t.Errorf("%s: amount %d, the table says %s", r.id, q.Minor, a)
	}
	r.is(t, "mode", string(q.Mode))
	r.is(t, "type", string(q.Type))
	r.is(t, "currency", strconv.Itoa(q.Currency))
	if name, ok := strings.CutPrefix(q.Extended, "CMD="); ok && !strings.HasPrefix(name, "ID") && !strings.HasPrefix(name, "REV") {
		if got := command(name); !bytes.Equal(got, body) {
			t.Errorf("%s: command %q, the table says %q", r.id, got, body)
		}
	}
}

func (r row) checkAnswer(t *testing.T, body []byte) {
	a, err := parseAnswer(body)
	if err != nil {
		t.Errorf("%s: %v", r.id, err)
		return
	}
	for _, key := range []string{"pos", "ref"} {
		r.is(t, key, strconv.Itoa(a.Number))
	}
	if s := r.facts["amount"]; s != "" && minor(t, s) != a.Minor {
		t.Errorf("%s: amount %d, the table says %s", r.id, a.Minor, s)
	}
	r.is(t, "status", code(a.Status))
	r.is(t, "currency", strconv.Itoa(a.Currency))
	base := 16
	if strings.HasPrefix(r.id, "rsp-state") {
		base = 10
	}
	told := a.tlv(base)
	for key, tag := range map[string]byte{"authcode": 'C', "method": 'P', "rep.C": 'C', "rep.P": 'P', "rep.M": 'M', "tid": 'T', "handset": 'H', "version": 'V'} {
		if r.facts[key] != "" {
			r.is(t, key, told[tag])
		}
	}
	if s := r.facts["final"]; s != "" && minor(t, s) != minor(t, told['M']) {
		t.Errorf("%s: final sum %q, the table says %s", r.id, told['M'], s)
	}
	if p := r.facts["private"]; p != "" && p != a.Private {
		t.Errorf("%s: private %q, the table says %q", r.id, a.Private, p)
	}
	if strings.Contains(string(maskBody(body)), "4111111111111111"[:6]) {
		t.Errorf("%s: the card number is not masked: %q", r.id, maskBody(body))
	}
}
