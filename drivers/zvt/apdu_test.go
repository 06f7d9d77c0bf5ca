package zvt

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"tillbridge/terminal/wire"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatalf("bad hex %q: %v", s, err)
	}
	return b
}

func TestParseAPDU(t *testing.T) {
	for in, want := range map[string]struct {
		command Command
		data    string
	}{
		"800000":                {CmdAccepted, ""},
		"060f0227e0":            {CmdCompletion, "27e0"},
		"040fff01006c":          {CmdStatusInformation, "6c"}, // extended length of a short APDU
		"06010704 000000005050": {CmdAuthorisation, "04000000005050"},
	} {
		a, err := ParseAPDU(unhex(t, in))
		if err != nil || a.Command != want.command || hex.EncodeToString(a.Data) != want.data {
			t.Errorf("%s reads %s %x, %v", in, a.Command, a.Data, err)
		}
	}
	for in, incomplete := range map[string]bool{
		"": true, "04": true, "040f": true, "1e01ff": true, "1e01ff00": true, "040fff00016c": true, "040f0600010203": true,
		"06010c0400000000010049097819440606 1f7303000001": false, "80000000": false,
	} {
		if _, err := ParseAPDU(unhex(t, in)); err == nil || errors.Is(err, ErrIncomplete) != incomplete {
			t.Errorf("%s gave %v", in, err)
		}
	}
}

// Lengths at the border of the short form; the extended one is little-endian: 1213 is BD 04.
func TestAPDULengths(t *testing.T) {
	for n, head := range map[int]string{0: "06d300", 253: "06d3fd", 254: "06d3fe", 255: "06d3ffff00", 256: "06d3ff0001", 1213: "06d3ffbd04", 65535: "06d3ffffff"} {
		p, err := APDU{Command: CmdPrintTextBlock, Data: make([]byte, n)}.Append(nil)
		if err != nil || hex.EncodeToString(p[:len(p)-n]) != head {
			t.Errorf("%d bytes have the header %x, %v; want %s", n, p[:min(5, len(p))], err, head)
		}
		if a, err := ParseAPDU(p); err != nil || len(a.Data) != n {
			t.Errorf("%d bytes read as %d, %v", n, len(a.Data), err)
		}
	}
	if out, err := (APDU{Data: make([]byte, 65536)}).Append([]byte{1}); err == nil || len(out) != 1 {
		t.Errorf("65536 bytes were taken: %v", err)
	}
}

func TestSplitter(t *testing.T) {
	long, err := APDU{Command: CmdPrintTextBlock, Data: bytes.Repeat([]byte{0x06, 0xD3}, 2000)}.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	stream := slicesConcat(unhex(t, "800000 04ff0117"), long, unhex(t, "040f0227 00 060f00"))
	want := []string{"800000", "04ff0117", hex.EncodeToString(long), "040f022700", "060f00"}
	rng := rand.New(rand.NewPCG(5, 6))
	for _, most := range []int{1, 2, 7, 1024, 1 << 20} {
		var s Splitter
		var got []string
		for rest := stream; len(rest) > 0; {
			n := min(1+rng.IntN(most), len(rest))
			for _, a := range s.Feed(rest[:n]) {
				got = append(got, hex.EncodeToString(a))
			}
			if s.Pending() > MaxAPDU {
				t.Fatalf("%d bytes pending", s.Pending())
			}
			rest = rest[n:]
		}
		if strings.Join(got, " ") != strings.Join(want, " ") || s.Pending() != 0 {
			t.Errorf("in pieces of up to %d bytes: %d APDUs, %d bytes left", most, len(got), s.Pending())
		}
	}
}

// What Feed returned must not change when more is read.
func TestSplitterOwnsWhatItReturns(t *testing.T) {
	var s Splitter
	buffer := unhex(t, "040f022700 06")
	got := s.Feed(buffer)
	copy(buffer, bytes.Repeat([]byte{0xAA}, len(buffer)))
	s.Feed(unhex(t, "0f00 ffffff"))
	if len(got) != 1 || hex.EncodeToString(got[0]) != "040f022700" {
		t.Errorf("the first APDU became %x", got)
	}
}

func slicesConcat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestForeignProtocol(t *testing.T) {
	for in, want := range map[string]bool{
		"": false, "80": false, "8000": false, "84": false, "849c00": false, "040f": false, "04ff01": false, "060f00": false, "061e": false,
		"06d1": false, "06d3": false, "06d8": false, "06dd": false, "06e4": false, "040d": false, "0401": false,
		"15": true, "150369": true, "0000003e": true, "4854": true, "0601": true, "06df": true, "0410": true, "8001": true,
	} {
		if got := ForeignProtocol(unhex(t, in)); got != want {
			t.Errorf("ForeignProtocol(%s) = %v", in, got)
		}
	}
}

// paidSale is the result of an approved sale of 12.50 EUR, put together after PA00P015 ch. 2.2.1.
const paidSale = "040f3f2700040000000012500b0001230c1430050d1124870012292900100622f1f0eeeeeeeeeeeeeeee12348bf0f74d61657374726f3b3335373039360000490978"

// A refusal of a status information makes the terminal reverse a paid sale.
func TestReplyToNeverRefusesAResult(t *testing.T) {
	for c, want := range map[Command]string{
		CmdStatusInformation: "800000", CmdIntermediateStatus: "800000", CmdCompletion: "800000", CmdAbort: "800000", CmdPrintLine: "800000",
		CmdPrintTextBlock: "800000", CmdSetClock: "800000", CmdInputRequest: "848300", CmdMenuRequest: "848300", CmdDialUp: "848300",
		CmdBlockedListQuery: "848300", 0x0FA1: "848300",
	} {
		if got := hex.EncodeToString(ReplyTo(c)); got != want {
			t.Errorf("%s %s is answered %s, want %s", c, c.Name(), got, want)
		}
	}
}

func FuzzFrame(f *testing.F) {
	for _, v := range vectorsForFuzz(f) {
		f.Add(v)
	}
	for _, s := range []string{"0610028000001003f51f", "1002060f0a19002929001010064909781003ef72", "10020601070400000000005910031810", "1002801044061506151003f51f"} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		serial := NewSerialReader()
		var split Splitter
		total := 0
		for _, b := range line {
			e := serial.Feed(b)
			if e.Kind == wire.DLEFrame {
				if _, err := ParseAPDU(e.Content); err == nil {
					Describe(e.Content)
				}
				again := NewSerialReader()
				var last wire.DLEEvent
				for _, b := range SerialFrame(e.Content) {
					last = again.Feed(b)
				}
				if last.Kind != wire.DLEFrame || !bytes.Equal(last.Content, e.Content) {
					t.Fatalf("%x framed again is %s %x", e.Content, last.Kind, last.Content)
				}
			}
			for _, a := range split.Feed([]byte{b}) {
				total += len(a)
				if _, err := ParseAPDU(a); err != nil {
					t.Fatalf("%x came out of the stream and is no APDU: %v", a, err)
				}
			}
		}
		if total+split.Pending() != len(line) {
			t.Fatalf("%d bytes in, %d out and %d pending", len(line), total, split.Pending())
		}
		var once Splitter
		for _, a := range once.Feed(line) {
			total -= len(a)
		}
		if total != 0 {
			t.Fatalf("read at once, %d bytes differ", total)
		}
	})
}

func FuzzAPDU(f *testing.F) {
	for _, v := range vectorsForFuzz(f) {
		f.Add(v)
	}
	for _, s := range []string{paidSale, "061e046c 22f0f8 ", "06d3 0a 0608 25 06 0901ff 0701 41", "04ff091706061f7303000002", "060f03060600"} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		masked := Mask(p)
		if len(masked) != len(p) || !bytes.Equal(Mask(masked), masked) {
			t.Fatalf("masking %x gave %x, and again %x", p, masked, Mask(masked))
		}
		if line := Describe(p); len(line) > maxDescription+8 {
			t.Fatalf("a trace line of %d bytes", len(line))
		}
		a, err := ParseAPDU(p)
		if err != nil {
			a = APDU{Command: CmdStatusInformation, Data: p}
		} else if back, err := a.Append(nil); err != nil || len(back) > len(p) {
			t.Fatalf("%x written again: %x, %v", p, back, err)
		}
		s := ReadStatusInformation(a.Data, CharsetAuto)
		if len(s.CardLast4) > 4 || s.AmountMinor < 0 || s.AmountMinor > 999_999_999_999 || s.HasAmount && bytes.IndexByte(s.Unreadable, bmpAmount) >= 0 {
			t.Fatalf("%x reads %+v", p, s)
		}
		var roll ReceiptRoll
		for _, c := range []Charset{CharsetAuto, CharsetCP437, CharsetUTF8, CharsetGerman7} {
			roll.Add(ReadPrintLine(a.Data, c))
			roll.Add(ReadPrintBlock(a.Data, c))
			ReadIntermediate(a.Data, c).Text(German)
			ReadCompletion(a.Data)
			ReadStatusReply(a.Data, c)
			ReadAbort(a.Data, c)
		}
		roll.Flush()
		ReadAnswer(a)
		TakeApart(a)
	})
}

// vectorsForFuzz are some of the shared test bytes as seeds, where they are there.
func vectorsForFuzz(f *testing.F) (out [][]byte) {
	for i, v := range vectorRows() {
		if i%5 == 0 || v.layer == "serial-frame" {
			out = append(out, v.raw)
		}
	}
	return out
}
