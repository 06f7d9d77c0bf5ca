package wire

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// The formats of the protocols that frame so.
var (
	plainSTX = STXFormat{Covers: CoverBodyETX} // Telium, Transbank, PAX
	ecr17STX = STXFormat{Seed: 0x7F, Covers: CoverAll, Accepts: []Covers{CoverBodyETX, CoverBody, CoverSTXBody}, LongAck: true, Progress: 20}
)

// stxStory feeds all bytes and writes down what was reported.
func stxStory(r *STXReader, line []byte) string {
	var out []string
	for _, b := range line {
		e := r.Feed(b)
		word := e.Kind.String()
		switch e.Kind {
		case STXNothing:
			continue
		case STXFrame:
			word = "frame " + string(e.Body)
			if e.Covers != r.format.Covers {
				word += " (" + e.Covers.String() + ")"
			}
		case STXProgress:
			word = "progress " + string(e.Body)
		case STXBadLRC, STXTooLong, STXGarbage:
			if !e.Dirty {
				word = "clean " + word
			}
			out = append(out, word)
			continue
		}
		if e.Dirty {
			word = "dirty " + word
		}
		out = append(out, word)
	}
	return strings.Join(out, ", ")
}

// Frames that papers print and other programs wrote (sheets telium, transbank, ecr17).
func TestSTXFrames(t *testing.T) {
	for _, c := range []struct {
		format STXFormat
		frame  string
		body   string
	}{
		{STXFormat{Covers: CoverBodyETX}, "02303130300302", "0100"},
		{STXFormat{Covers: CoverAll}, "02303130300300", "0100"},
		{ecr17STX, "0230303030303030303074033a", "000000000t"},                                                 // captured
		{ecr17STX, "02313233343536373830473030303030303031303030300300", "123456780G000000010000"},             // the check byte is NUL
		{ecr17STX, "0231323334353637383043303030303030303130303030303030300304", "123456780C0000000100000000"}, // EOT
		{ecr17STX, "02313233343536373830523130303030303030303030300315", "123456780R100000000000"},             // NAK
		{ecr17STX, "0231323334353637383045310332", "123456780E1"},                                              //
		{STXFormat{Seed: 0x7F, Covers: CoverAll}, "0241033f", "A"},                                             //
		{STXFormat{Seed: 0x7F, Covers: CoverBodyETX}, "0241033d", "A"},                                         //
		{STXFormat{Seed: 0x7F, Covers: CoverBody}, "0241033e", "A"},                                            //
		{STXFormat{Seed: 0x7F, Covers: CoverSTXBody}, "0241033c", "A"},                                         //
		{plainSTX, "0203" + "03", ""},                                                                          // nothing inside
	} {
		r := NewSTXReader(c.format, 64)
		if got := stxStory(r, unhex(t, c.frame)); got != "frame "+c.body || r.Partial() {
			t.Errorf("%s reads %q, partial %v; want frame %s", c.frame, got, r.Partial(), c.body)
		}
		if got := hex.EncodeToString(c.format.Append(nil, []byte(c.body))); got != c.frame {
			t.Errorf("%s is framed as %s, want %s", c.body, got, c.frame)
		}
	}
}

// An ACK is 06 03 7A and a NAK 15 03 69 in ECR17 (captured); elsewhere one byte.
func TestSTXAcks(t *testing.T) {
	for _, c := range []struct {
		format   STXFormat
		b        byte
		hex, say string
	}{
		{ecr17STX, ACK, "06037a", "ack"},
		{ecr17STX, NAK, "150369", "nak"},
		{plainSTX, ACK, "06", "ack"},
		{plainSTX, NAK, "15", "nak"},
	} {
		line := c.format.AppendAck(nil, c.b)
		if hex.EncodeToString(line) != c.hex {
			t.Errorf("%02x is written %x, want %s", c.b, line, c.hex)
		}
		if got := stxStory(NewSTXReader(c.format, 8), line); got != c.say {
			t.Errorf("%x reads %q, want %q", line, got, c.say)
		}
	}
}

func TestSTXLine(t *testing.T) {
	const frame, progress = "02303130300302", "01414220202020202020202020202020202020202004"
	long := STXFormat{Covers: CoverBodyETX, LongAck: true, Progress: 20}
	for _, c := range []struct {
		name   string
		format STXFormat
		line   string
		want   string
	}{
		{"ack glued to a frame", plainSTX, "06" + frame, "ack, frame 0100"},
		{"a whole exchange", plainSTX, "0506" + frame + "0604", "enquiry, ack, frame 0100, ack, end"},
		{"nothing", plainSTX, "", ""},
		{"rubbish first", plainSTX, "00ff" + frame + "15", "garbage, garbage, dirty frame 0100, nak"},
		{"rubbish, then nak", plainSTX, "ff15", "garbage, dirty nak"},
		{"rubbish, then enquiry", plainSTX, "ff0504", "garbage, dirty enquiry, dirty end"},
		{"a check byte that looks like a frame", plainSTX, "0231302d2d0302" + frame, "frame 10--, frame 0100"},
		{"a check byte that looks like an ack is none", plainSTX, "02303130300306", "bad check byte"},
		{"begun anew", plainSTX, "023031" + frame + frame, "bad check byte, dirty frame 0100"},
		{"stx inside, and a check byte that fits all of it", plainSTX, "0241020341" + "06", "bad check byte, dirty ack"},
		{"control bytes inside a frame are its body", plainSTX, "02" + "050604150103" + "10", "frame \x05\x06\x04\x15\x01"},
		{"too long", plainSTX, "02" + strings.Repeat("41", 33) + "0300" + "06", "too long, dirty ack"},
		{"no progress where there is none", plainSTX, "0141", "garbage, garbage"},
		{"progress", long, progress + frame, "progress AB                  , frame 0100"},
		{"progress glued to an ack", long, "06037a" + progress, "ack, progress AB                  "},
		{"progress too short", long, "014104" + frame, "dirty frame 0100"},
		{"progress without an end", long, "01" + strings.Repeat("41", 20) + "15" + "0369", "dirty nak"},
		{"progress without an end, then text", long, "01" + strings.Repeat("41", 21), "garbage"},
		{"ack with a wrong check byte", long, "060378" + "06037c", "ack, ack"},
		{"ack whose check byte looks like a frame", long, "060302" + frame, "ack, frame 0100"},
		{"half an ack, then a frame", long, "06" + frame, "dirty frame 0100"},
		{"half an ack, then a nak", long, "06150369", "dirty nak"},
		{"enquiry is one byte all the same", long, "05", "enquiry"},
		{"another coverage", ecr17STX, "0241033d0241033e0241033c0241033b", "frame A (body+etx), frame A (body), frame A (stx+body), bad check byte"},
	} {
		if got := stxStory(NewSTXReader(c.format, 32), unhex(t, c.line)); got != c.want {
			t.Errorf("%s: %s reads %q, want %q", c.name, c.line, got, c.want)
		}
	}
}

// A progress text that fits is told with what came before it.
func TestSTXDirtyProgress(t *testing.T) {
	r := NewSTXReader(STXFormat{Covers: CoverBodyETX, Progress: 2}, 8)
	if got := stxStory(r, unhex(t, "ff01414204")); got != "garbage, dirty progress AB" {
		t.Errorf("reads %q", got)
	}
}

func TestSTXLimitIsExact(t *testing.T) {
	line := plainSTX.Append(nil, bytes.Repeat([]byte{'A'}, 16))
	if got := stxStory(NewSTXReader(plainSTX, 16), line); got != "frame AAAAAAAAAAAAAAAA" {
		t.Errorf("16 bytes at a limit of 16 read %q", got)
	}
	r := NewSTXReader(plainSTX, 15)
	if got := stxStory(r, append(line, plainSTX.Append(nil, []byte("B"))...)); got != "too long, dirty frame B" {
		t.Errorf("16 bytes at a limit of 15 read %q", got)
	}
	stxStory(r, append([]byte{STX}, bytes.Repeat([]byte{'A'}, 100_000)...))
	if cap(r.body) > 64 {
		t.Errorf("the reader holds %d bytes at a limit of 15", cap(r.body))
	}
}

func TestSTXReset(t *testing.T) {
	r := NewSTXReader(ecr17STX, 16)
	if r.Reset() {
		t.Error("a new reader was partial")
	}
	for _, part := range []string{"02", "024141", "02414103", "014142", "06", "0603", "02" + strings.Repeat("41", 17)} {
		if got := stxStory(r, unhex(t, part)); got != "" || !r.Partial() {
			t.Errorf("%s reads %q, partial %v", part, got, r.Partial())
		}
		if !r.Reset() || r.Partial() {
			t.Errorf("%s: reset did not drop it", part)
		}
		if got := stxStory(r, unhex(t, "0241033f")); got != "frame A" {
			t.Errorf("after %s and a reset a frame reads %q", part, got)
		}
	}
	stxStory(r, []byte{0xFF})
	r.Reset()
	if got := stxStory(r, unhex(t, "150369")); got != "nak" {
		t.Errorf("rubbish before a reset is not forgotten: %q", got)
	}
}

// What is handed out is the caller's own.
func TestSTXBodyIsACopy(t *testing.T) {
	r := NewSTXReader(plainSTX, 16)
	var first []byte
	for _, b := range plainSTX.Append(nil, []byte("first")) {
		if e := r.Feed(b); e.Kind == STXFrame {
			first = e.Body
		}
	}
	stxStory(r, plainSTX.Append(nil, []byte("other")))
	if string(first) != "first" {
		t.Errorf("a body that was handed out became %q", first)
	}
}

func TestSTXWords(t *testing.T) {
	for k := STXNothing; k <= STXGarbage; k++ {
		if k.String() == "" || k.String() == "unknown" {
			t.Errorf("kind %d has no word", k)
		}
	}
	if got := (STXGarbage + 1).String() + " " + (CoverAll + 1).String(); got != "unknown unknown" {
		t.Errorf("reads %q", got)
	}
	if got := fmt.Sprint(CoverBody, CoverBodyETX, CoverSTXBody, CoverAll); got != "body body+etx stx+body stx+body+etx" {
		t.Errorf("reads %q", got)
	}
}

// Every body passes, and every flipped bit is noticed.
func TestSTXRandomBodies(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		body := make([]byte, rng.IntN(40))
		for i := range body {
			for body[i] = STX; body[i] == STX || body[i] == ETX; {
				body[i] = []byte{ACK, NAK, ENQ, EOT, SOH, byte(rng.Uint32())}[rng.IntN(6)]
			}
		}
		f := STXFormat{Seed: byte(rng.Uint32()), Covers: Covers(rng.IntN(4))}
		line := f.Append(nil, body)
		if got, want := stxStory(NewSTXReader(f, 64), line), "frame "+string(body); got != want {
			t.Fatalf("%x reads %q, want %q", line, got, want)
		}
		bit := rng.IntN(8 * len(line))
		line[bit/8] ^= 1 << (bit % 8)
		if line[bit/8] == ETX { // one check byte in 256 fits what comes before it; drivers know their lengths
			continue
		}
		r := NewSTXReader(f, 64)
		for _, b := range line {
			if e := r.Feed(b); e.Kind == STXFrame {
				t.Fatalf("with bit %d flipped %x still reads %q", bit, line, e.Body)
			}
		}
	}
}

func FuzzSTX(f *testing.F) {
	for _, s := range []string{"06037a0241033f", "02303130300302", "0506023031303003020604", "01414220202020202020202020202020202020202004", "020203"} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		const limit = 32
		r := NewSTXReader(ecr17STX, limit)
		for _, b := range line {
			e := r.Feed(b)
			if len(e.Body) > 0 && e.Kind != STXFrame && e.Kind != STXProgress {
				t.Fatalf("%s with body %x", e.Kind, e.Body)
			}
			if len(e.Body) > limit || len(r.body) > limit {
				t.Fatalf("more than %d bytes kept", limit)
			}
			if e.Kind == STXFrame {
				again := stxStory(NewSTXReader(ecr17STX, limit), ecr17STX.Append(nil, e.Body))
				if again != "frame "+string(e.Body) {
					t.Fatalf("%x framed anew reads %q", e.Body, again)
				}
			}
		}
		r.Reset()
		if got := stxStory(r, []byte{STX, 'A', ETX, 0x3F}); got != "frame A" {
			t.Fatalf("after %x and a reset a frame reads %q", line, got)
		}
	})
}
