package wire

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// story feeds all bytes and writes down what was reported.
func story(r *DLEReader, line []byte) string {
	var out []string
	for _, b := range line {
		switch e := r.Feed(b); {
		case e.Kind == DLENothing:
		case e.Kind == DLEFrame && e.Dirty:
			out = append(out, fmt.Sprintf("dirty frame %x", e.Content))
		case e.Kind == DLEFrame:
			out = append(out, fmt.Sprintf("frame %x", e.Content))
		case e.Dirty && (e.Kind == DLEAck || e.Kind == DLENak):
			out = append(out, "dirty "+e.Kind.String())
		default:
			out = append(out, e.Kind.String())
		}
	}
	return strings.Join(out, ", ")
}

// Frames of real terminals and registers, and computed ones whose CRC holds a 10.
func TestDLEFrames(t *testing.T) {
	for frame, content := range map[string]string{
		"10020601070400000000019010037657":                                     "06010704000000000190",
		"1002060006123456ba0978100324c3":                                       "060006123456ba0978",
		"100206010a04000000011010004909781003f2ff":                             "06010a04000000011000490978",
		"10028000001003f51f":                                                   "800000",
		"1002849c001003c341":                                                   "849c00",
		"1002060f0a19002929001010064909781003ef72":                             "060f0a19002929001006490978",
		"100206010c04000000001010101049097806001003bfbd":                       "06010c040000000010104909780600",
		"100204ff01101010031415":                                               "04ff0110",
		"1002040f12270004000000001010101087101010100b10101010":                 "",
		"1002040f12270004000000001010101087101010100b1010101010108a051003d527": "040f122700040000000010108710100b1010108a05",
		"10020601070400000000005910031810":                                     "06010704000000000059", // the high CRC byte is 10
		"10020601070400000000012710031020":                                     "06010704000000000127", // the low CRC byte is 10
		"1002060107040000000003151003ba10":                                     "06010704000000000315",
		"100206010704000000000322100310eb":                                     "06010704000000000322",
		"10020601070400000000038410033f10":                                     "06010704000000000384",
		"1002060107040000000004041003f610":                                     "06010704000000000404",
	} {
		if content == "" { // not whole: nothing may be reported
			r := NewDLEReader(1000)
			if got := story(r, unhex(t, frame)); got != "" || !r.Partial() {
				t.Errorf("%s reads %q, partial %v", frame, got, r.Partial())
			}
			continue
		}
		if got, want := story(NewDLEReader(1000), unhex(t, frame)), "frame "+content; got != want {
			t.Errorf("%s reads %q, want %q", frame, got, want)
		}
		if got := hex.EncodeToString(AppendDLE(nil, unhex(t, content))); got != frame {
			t.Errorf("%s is framed as %s, want %s", content, got, frame)
		}
	}
}

// An amount of 10.03 puts 10 03 in the data: doubled it reads 10 10 03, which holds 10 03 and is no end.
func TestDLEDoubledThenETX(t *testing.T) {
	line := AppendDLE(nil, unhex(t, "06010704000000001003"))
	if !bytes.Contains(line, unhex(t, "101003")) {
		t.Fatalf("the frame %x does not hold what this test is about", line)
	}
	if got, want := story(NewDLEReader(100), line), "frame 06010704000000001003"; got != want {
		t.Errorf("reads %q, want %q", got, want)
	}
}

func TestDLELine(t *testing.T) {
	const ack, frame = "06", "10028000001003f51f"
	for _, c := range []struct{ name, line, want string }{
		{"ack glued to a frame", ack + frame, "ack, frame 800000"},
		{"frames and acks in one read", frame + ack + frame + "15", "frame 800000, ack, frame 800000, nak"},
		{"nothing", "", ""},
		{"rubbish first", "00ff" + frame, "garbage, garbage, dirty frame 800000"},
		{"rubbish, then nak", "ff15", "garbage, dirty nak"},
		{"a frame makes it clean again", "ff" + frame + "15", "garbage, dirty frame 800000, nak"},
		{"lone escape, then ack", "1006", "dirty ack"},
		{"escape twice, then frame", "10" + frame, "dirty frame 800000"},
		{"resync on 10 02", "10028000" + frame, "restart, dirty frame 800000"},
		{"begun three times", "1002100210028000001003f51f", "restart, restart, dirty frame 800000"},
		{"wrong crc", "10028000001003f51e", "bad crc"},
		{"wrong crc, then good", "10028000001003f51e" + frame, "bad crc, dirty frame 800000"},
		{"unexplained escape, told at the end", "100280100600001003f51f", "malformed"},
		{"no ack or nak inside a damaged frame", "1002801044061506151003f51f" + ack, "malformed, dirty ack"},
		{"too long", "1002" + strings.Repeat("41", 17) + "10030000" + frame, "too long, dirty frame 800000"},
		{"crc bytes that look like a start", "10028000001003" + "1002", "bad crc"},
		{"crc bytes that look like ack and nak", "10028000001003" + "0615" + ack, "bad crc, dirty ack"},
		{"empty content", "10021003" + "1bb2", "bad crc"},
	} {
		if got := story(NewDLEReader(16), unhex(t, c.line)); got != c.want {
			t.Errorf("%s: %s reads %q, want %q", c.name, c.line, got, c.want)
		}
	}
}

func TestDLELimitIsExact(t *testing.T) {
	content := bytes.Repeat([]byte{DLE}, 16)
	if got := story(NewDLEReader(16), AppendDLE(nil, content)); got != "frame "+hex.EncodeToString(content) {
		t.Errorf("16 bytes at a limit of 16 read %q", got)
	}
	r := NewDLEReader(15)
	if got := story(r, AppendDLE(nil, content)); got != "too long" {
		t.Errorf("16 bytes at a limit of 15 read %q", got)
	}
	for range 100_000 { // a sender that never ends its frame
		story(r, []byte{DLE, STX, 0x41, 0x41})
		story(r, bytes.Repeat([]byte{0x41}, 40))
	}
	if cap(r.content) > 64 {
		t.Errorf("the reader holds %d bytes at a limit of 15", cap(r.content))
	}
}

func TestDLEReset(t *testing.T) {
	r := NewDLEReader(16)
	if r.Reset() {
		t.Error("a new reader was partial")
	}
	for _, part := range []string{"10", "1002", "10028000", "1002800010", "10028000001003", "10028000001003f5"} {
		if got := story(r, unhex(t, part)); got != "" || !r.Partial() {
			t.Errorf("%s reads %q, partial %v", part, got, r.Partial())
		}
		if !r.Reset() || r.Partial() {
			t.Errorf("%s: reset did not drop it", part)
		}
		if got := story(r, unhex(t, "10028000001003f51f")); got != "frame 800000" {
			t.Errorf("after %s and a reset a frame reads %q", part, got)
		}
	}
}

// Every content passes, however its bytes fall, and every flipped bit is noticed.
func TestDLERandomContents(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		content := make([]byte, rng.IntN(40))
		for i := range content {
			content[i] = []byte{DLE, ETX, STX, ACK, NAK, byte(rng.Uint32())}[rng.IntN(6)]
		}
		line := AppendDLE(nil, content)
		if got, want := story(NewDLEReader(64), line), "frame "+hex.EncodeToString(content); got != want {
			t.Fatalf("%x reads %q, want %q", line, got, want)
		}
		bit := rng.IntN(8 * len(line))
		line[bit/8] ^= 1 << (bit % 8)
		if got := story(NewDLEReader(64), line); got == "frame "+hex.EncodeToString(content) || strings.HasPrefix(got, "frame ") {
			t.Fatalf("with bit %d flipped %x still reads %q", bit, line, got)
		}
	}
}

func FuzzDLE(f *testing.F) {
	for _, s := range []string{"10028000001003f51f", "0610028000001003f51f15", "1002801044061506151003f51f", "10020601070400000000005910031810", "101010"} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		const limit = 32
		r := NewDLEReader(limit)
		for _, b := range line {
			e := r.Feed(b)
			if (e.Kind == DLEFrame) != (e.Content != nil) && !(e.Kind == DLEFrame && len(e.Content) == 0) {
				t.Fatalf("%s with content %x", e.Kind, e.Content)
			}
			if len(e.Content) > limit || len(r.content) > limit {
				t.Fatalf("more than %d bytes kept", limit)
			}
			if e.Kind == DLEFrame {
				again := story(NewDLEReader(limit), AppendDLE(nil, e.Content))
				if again != "frame "+hex.EncodeToString(e.Content) {
					t.Fatalf("%x framed anew reads %q", e.Content, again)
				}
			}
		}
		r.Reset()
		if got := story(r, []byte{DLE, STX, 0x80, 0, 0, DLE, ETX, 0xF5, 0x1F}); got != "frame 800000" {
			t.Fatalf("after %x and a reset a frame reads %q", line, got)
		}
	})
}
