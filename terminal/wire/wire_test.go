package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatalf("bad hex %q: %v", s, err)
	}
	return b
}

func TestKermit(t *testing.T) {
	if got := Kermit(0, []byte("123456789")); got != 0x2189 {
		t.Errorf("check value is %04X, want 2189", got)
	}
	if got := Kermit(Kermit(0, []byte("1234")), []byte("56789")); got != 0x2189 {
		t.Errorf("continued check value is %04X, want 2189", got)
	}
}

func TestLRC(t *testing.T) {
	for _, c := range []struct {
		seed byte
		in   string
		want byte
	}{{0, "", 0}, {0x7F, "", 0x7F}, {0, "010203", 0}, {0, "0410", 0x14}, {0x7F, "80", 0xFF}} {
		if got := LRC(c.seed, unhex(t, c.in)); got != c.want {
			t.Errorf("LRC(%02X, %s) = %02X, want %02X", c.seed, c.in, got, c.want)
		}
	}
}

func TestBCD(t *testing.T) {
	for in, want := range map[string]int64{
		"": 0, "00": 0, "000000005050": 5050, "999999999999": 999999999999, "0978": 978, "999999999999999999": 999999999999999999,
	} {
		if got, err := BCD(unhex(t, in)); err != nil || got != want {
			t.Errorf("BCD(%s) = %d, %v; want %d", in, got, err, want)
		}
		digits, err := Digits(unhex(t, in))
		if err != nil || digits != in {
			t.Errorf("Digits(%s) = %q, %v", in, digits, err)
		}
		if in == "" {
			continue
		}
		back, err := AppendBCD([]byte{0xAA}, want, len(in)/2)
		if err != nil || hex.EncodeToString(back) != "aa"+in {
			t.Errorf("AppendBCD(%d) = %x, %v; want aa%s", want, back, err, in)
		}
	}
	var be *BCDError
	if _, err := BCD(unhex(t, "00000000e000")); !errors.As(err, &be) || be.Offset != 8 || be.Nibble != 0xE {
		t.Errorf("a masked nibble gave %v", err)
	}
	if _, err := Digits(unhex(t, "123f")); !errors.As(err, &be) || be.Offset != 3 || be.Nibble != 0xF {
		t.Errorf("a padding nibble gave %v", err)
	}
	for at := range 6 { // the error names the nibble, wherever it is
		in := []byte("000000")
		in[at] = 'a'
		_, err := BCD(unhex(t, string(in)))
		_, derr := Digits(unhex(t, string(in)))
		for _, err := range []error{err, derr} {
			if !errors.As(err, &be) || be.Offset != at || be.Nibble != 0xA {
				t.Errorf("nibble %d of %s: %v", at, in, err)
			}
		}
	}
	if _, err := BCD(make([]byte, 10)); err == nil {
		t.Error("a number of ten bytes was taken")
	}
	for _, n := range []int64{-1, 1000000, 1 << 62} {
		if out, err := AppendBCD(nil, n, 3); err == nil || len(out) != 0 {
			t.Errorf("AppendBCD(%d, 3) = %x, %v", n, out, err)
		}
	}
	for _, s := range []string{"12a", "1234567", "-1", "１"} {
		if out, err := AppendDigits(nil, s, 3); err == nil || len(out) != 0 {
			t.Errorf("AppendDigits(%q, 3) = %x, %v", s, out, err)
		}
	}
	if out, err := AppendDigits(nil, "123", 3); err != nil || hex.EncodeToString(out) != "000123" {
		t.Errorf("AppendDigits(123) = %x, %v", out, err)
	}
}

func TestNibbles(t *testing.T) {
	if got := Nibbles(unhex(t, "eeeeeeeeeeeeeee4281f")); got != "EEEEEEEEEEEEEEE4281F" {
		t.Errorf("masked number reads %q", got)
	}
	if got := Nibbles(nil); got != "" {
		t.Errorf("nothing reads %q", got)
	}
	for text, want := range map[string]string{"": "", "EEE4281": "eee4281f", "59d2": "59d2", "1": "1f"} {
		if got, err := AppendNibbles(nil, text); err != nil || hex.EncodeToString(got) != want {
			t.Errorf("AppendNibbles(%q) = %x, %v; want %s", text, got, err, want)
		}
	}
	for c := range 256 { // sixteen characters, the letters in both cases, and no other
		want, bad := strconv.ParseUint(string([]byte{byte(c)}), 16, 8)
		got, err := AppendNibbles(nil, string([]byte{byte(c), '0'}))
		if (err == nil) != (bad == nil) || err == nil && (len(got) != 1 || got[0] != byte(want<<4)) {
			t.Errorf("AppendNibbles(%q) = %x, %v", []byte{byte(c), '0'}, got, err)
		}
	}
	if got, err := AppendNibbles([]byte{1}, "12x4"); err == nil || len(got) != 1 {
		t.Errorf("a letter was taken: %x, %v", got, err)
	}
}

func TestTags(t *testing.T) {
	for in, want := range map[string]struct {
		tag         string
		n           int
		constructed bool
	}{
		"07": {"07", 1, false}, "25ff": {"25", 1, true}, "1f07": {"1F07", 2, false}, "1f1003": {"1F10", 2, false}, "1f800001": {"1F8000", 3, false},
		"ff4003": {"FF40", 2, true}, "3f2105": {"3F21", 2, true}, "fe0c": {"FE", 1, true}, "de00": {"DE", 1, false}, "00": {"00", 1, false},
	} {
		tag, n, err := ReadTag(unhex(t, in))
		if err != nil || tag.String() != want.tag || n != want.n || tag.Constructed() != want.constructed {
			t.Errorf("ReadTag(%s) = %s, %d, %v, constructed %v", in, tag, n, err, tag.Constructed())
		}
		if back := AppendTag(nil, tag); !bytes.HasPrefix(unhex(t, in), back) || len(back) != n {
			t.Errorf("AppendTag(%s) = %x", tag, back)
		}
	}
	for tag, want := range map[Tag]string{0: "00", 0xFF: "ff", 0x1F00: "1f00", 0xFFFF: "ffff", 0x1F8000: "1f8000"} {
		if got := AppendTag(nil, tag); hex.EncodeToString(got) != want || tag.String() != strings.ToUpper(want) {
			t.Errorf("AppendTag(%s) = %x, want %s", tag, got, want)
		}
	}
	for in, truncated := range map[string]bool{"": true, "1f": true, "1f80": true, "1f808000": false} {
		if _, _, err := ReadTag(unhex(t, in)); err == nil || errors.Is(err, ErrTruncated) != truncated {
			t.Errorf("ReadTag(%s) gave %v", in, err)
		}
	}
}

func TestLengths(t *testing.T) {
	for in, want := range map[string][2]int{"00": {0, 1}, "7f": {127, 1}, "8180": {128, 2}, "8105": {5, 2}, "82028a": {650, 3}, "82ffff": {65535, 3}} {
		if l, n, err := ReadLength(unhex(t, in)); err != nil || l != want[0] || n != want[1] {
			t.Errorf("ReadLength(%s) = %d, %d, %v", in, l, n, err)
		}
	}
	for in, truncated := range map[string]bool{"": true, "81": true, "8201": true, "80": false, "83000001": false, "ff": false} {
		if _, _, err := ReadLength(unhex(t, in)); err == nil || errors.Is(err, ErrTruncated) != truncated {
			t.Errorf("ReadLength(%s) gave %v", in, err)
		}
	}
	for l, want := range map[int]string{0: "00", 127: "7f", 128: "8180", 255: "81ff", 256: "820100", 650: "82028a", 65535: "82ffff"} {
		if got, err := AppendLength(nil, l); err != nil || hex.EncodeToString(got) != want {
			t.Errorf("AppendLength(%d) = %x, %v", l, got, err)
		}
	}
	for _, l := range []int{-1, 65536} {
		if _, err := AppendLength(nil, l); err == nil {
			t.Errorf("AppendLength(%d) was taken", l)
		}
	}
	if out, err := AppendTLV([]byte{9}, 0x1C, make([]byte, 70000)); err == nil || len(out) != 1 {
		t.Errorf("an object too long was appended: %d bytes, %v", len(out), err)
	}
}

func TestTLVs(t *testing.T) {
	// Tag 2F of the status information of a real terminal: CVM 00, technology 02.
	objects, rest, err := ReadTLVs(unhex(t, "2f081f1201021f100100"))
	if err != nil || len(rest) != 0 || len(objects) != 1 || objects[0].Tag != 0x2F {
		t.Fatalf("got %v, %x, %v", objects, rest, err)
	}
	inner, rest, err := ReadTLVs(objects[0].Value)
	if err != nil || len(rest) != 0 || len(inner) != 2 || inner[0].Tag != 0x1F12 || inner[1].Tag != 0x1F10 || !bytes.Equal(inner[0].Value, []byte{2}) {
		t.Fatalf("inside: %v, %x, %v", inner, rest, err)
	}
	objects, rest, err = ReadTLVs(unhex(t, "070141 09"))
	if !errors.Is(err, ErrTruncated) || len(objects) != 1 || hex.EncodeToString(rest) != "09" {
		t.Errorf("a cut object: %v, %x, %v", objects, rest, err)
	}
	objects, rest, err = ReadTLVs(unhex(t, "0705414243"))
	if !errors.Is(err, ErrTruncated) || len(objects) != 0 || hex.EncodeToString(rest) != "0705414243" {
		t.Errorf("a cut value: %v, %x, %v", objects, rest, err)
	}
	if err == nil || err.Error() != "tag 07: 5 bytes announced, 3 there: "+ErrTruncated.Error() {
		t.Errorf("a cut value reads %v", err)
	}
	back, err := AppendTLV(nil, 0x1F10, []byte{3})
	if err != nil || hex.EncodeToString(back) != "1f100103" {
		t.Errorf("AppendTLV = %x, %v", back, err)
	}
}

func TestVariableLengths(t *testing.T) {
	// The first four are the examples of PA00P015; high nibbles do not count.
	for _, c := range []struct{ in, value, rest string }{
		{"f1f2012345678901234567890123", "012345678901234567890123", ""},
		{"f0f3012345", "012345", ""},
		{"0002abcd01", "abcd", "01"},
		{"f0f9010203040506070809", "010203040506070809", ""},
		{"f0f0", "", ""},
	} {
		v, rest, err := ReadLLVAR(unhex(t, c.in))
		if err != nil || hex.EncodeToString(v) != c.value || hex.EncodeToString(rest) != c.rest {
			t.Errorf("ReadLLVAR(%s) = %x, %x, %v", c.in, v, rest, err)
		}
	}
	for _, c := range []struct{ in, value, rest string }{
		{"f0f1f2012345678901234567890123", "012345678901234567890123", ""},
		{"f0f0f3012345", "012345", ""},
		{"f0f0f11234", "12", "34"},
		{"f0f0f0", "", ""},
	} {
		v, rest, err := ReadLLLVAR(unhex(t, c.in))
		if err != nil || hex.EncodeToString(v) != c.value || hex.EncodeToString(rest) != c.rest {
			t.Errorf("ReadLLLVAR(%s) = %x, %x, %v", c.in, v, rest, err)
		}
	}
	for in, truncated := range map[string]bool{"": true, "f0": true, "f0f0": true, "f0f7f341532d5449": true, "f0faf0": false, "fff0f0": false} {
		if _, rest, err := ReadLLLVAR(unhex(t, in)); err == nil || errors.Is(err, ErrTruncated) != truncated || hex.EncodeToString(rest) != in {
			t.Errorf("ReadLLLVAR(%s) gave %x, %v", in, rest, err)
		}
	}
	if _, _, err := ReadLLLVAR(unhex(t, "f0f7f341532d5449")); err == nil || err.Error() != "variable length: 73 bytes announced, 5 there: "+ErrTruncated.Error() {
		t.Errorf("a cut value reads %v", err)
	}
	if got, err := AppendLLVAR(nil, make([]byte, 99)); err != nil || hex.EncodeToString(got[:2]) != "f9f9" || len(got) != 101 {
		t.Errorf("AppendLLVAR of 99 bytes: %d bytes, %v", len(got), err)
	}
	if got, err := AppendLLLVAR(nil, make([]byte, 999)); err != nil || hex.EncodeToString(got[:3]) != "f9f9f9" || len(got) != 1002 {
		t.Errorf("AppendLLLVAR of 999 bytes: %d bytes, %v", len(got), err)
	}
	if got, err := AppendLLVAR(nil, make([]byte, 18)); err != nil || hex.EncodeToString(got[:2]) != "f1f8" {
		t.Errorf("AppendLLVAR of 18 bytes = %x, %v", got, err)
	}
	if got, err := AppendLLLVAR(nil, make([]byte, 189)); err != nil || hex.EncodeToString(got[:3]) != "f1f8f9" || len(got) != 192 {
		t.Errorf("AppendLLLVAR of 189 bytes = %x, %v", got, err)
	}
	if _, err := AppendLLVAR(nil, make([]byte, 100)); err == nil {
		t.Error("LLVAR of 100 bytes was taken")
	}
	if _, err := AppendLLLVAR(nil, make([]byte, 1000)); err == nil {
		t.Error("LLLVAR of 1000 bytes was taken")
	}
}

// FuzzTLV: any bytes are read without a panic and without a byte lost or made up, and what was read is written so
// that it reads the same.
func FuzzTLV(f *testing.F) {
	for _, s := range []string{"", "1f100103", "2606 0a0206d3 0a00", "25820102", "1f8000010a", "1fff7f00", "078100", "0780", "07830000010a", "1f"} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		objects, rest, err := ReadTLVs(p)
		if (err == nil) != (len(rest) == 0) || !bytes.HasSuffix(p, rest) {
			t.Fatalf("%x: %d bytes left, %v", p, len(rest), err)
		}
		var back []byte
		values := 0
		for _, o := range objects {
			var wrote error
			if back, wrote = AppendTLV(back, o.Tag, o.Value); wrote != nil {
				t.Fatalf("%s with %d bytes cannot be written: %v", o.Tag, len(o.Value), wrote)
			}
			values += len(o.Value)
		}
		if read := len(p) - len(rest); len(back) > read || values > read {
			t.Fatalf("%x: %d bytes read, %d written, %d of values", p, read, len(back), values)
		}
		again, left, err := ReadTLVs(back)
		if err != nil || len(left) > 0 || len(again) != len(objects) {
			t.Fatalf("%x is written as %x, which reads %v, %v", p, back, again, err)
		}
		for i, o := range again {
			if o.Tag != objects[i].Tag || !bytes.Equal(o.Value, objects[i].Value) {
				t.Fatalf("object %d of %x is %s %x when written again", i, p, o.Tag, o.Value)
			}
		}
		if length, n, err := ReadLength(p); err == nil {
			if short, wrote := AppendLength(nil, length); wrote != nil || len(short) > n {
				t.Fatalf("length %d of %d bytes is written as %x, %v", length, n, short, wrote)
			}
		}
	})
}

func TestWireWords(t *testing.T) {
	if got := (&BCDError{Offset: 3, Nibble: 0xB}).Error(); got != "nibble 3 is B, not a decimal digit" {
		t.Errorf("a bad nibble reads %q", got)
	}
	if got := DLEAck.String() + " " + DLEGarbage.String() + " " + (DLEGarbage + 1).String(); got != "ack garbage unknown" {
		t.Errorf("kinds read %q", got)
	}
}
