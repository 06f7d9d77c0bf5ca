package zvt

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/wire"
)

// spoken is what a fuzzed terminal said on one line, byte by byte.
type spoken struct {
	link terminal.LinkKind
	line []byte
}

// apdus are all the messages that can be seen in the bytes, whatever place one begins to read at: more than any
// reader finds, and never less. It is written apart from the driver's readers.
func (s spoken) apdus() (out [][]byte) {
	for i := range s.line {
		apdu := s.line[i:]
		if s.link == terminal.Serial {
			apdu = unframed(apdu)
		}
		if len(apdu) < 3 {
			continue
		}
		begin, size := 3, int(apdu[2])
		if size == 0xFF {
			if len(apdu) < 5 {
				continue
			}
			begin, size = 5, int(apdu[3])+256*int(apdu[4])
		}
		if s.link == terminal.Serial && len(apdu) != begin+size || len(apdu) < begin+size {
			continue
		}
		out = append(out, append(append([]byte{}, apdu[:2]...), apdu[begin:begin+size]...))
	}
	return out
}

// unframed is the content of the frame that p begins with, nil where there is none with a right CRC.
func unframed(p []byte) (content []byte) {
	if len(p) < 6 || p[0] != 0x10 || p[1] != 0x02 {
		return nil
	}
	for i := 2; i+1 < len(p); i++ {
		switch {
		case p[i] != 0x10:
			content = append(content, p[i])
		case p[i+1] == 0x10:
			content = append(content, 0x10)
			i++
		case p[i+1] == 0x03 && i+3 < len(p):
			crc := 0
			for _, b := range append(append([]byte{}, content...), 0x03) {
				for bit := range 8 {
					out := crc&1 ^ int(b)>>bit&1
					crc = crc>>1 ^ 0x8408*out
				}
			}
			if int(p[i+2])+256*int(p[i+3]) == crc {
				return content
			}
			return nil
		default:
			return nil
		}
	}
	return nil
}

// has tells whether a message of one kind comes before one of another kind.
func (s spoken) has(is ...func([]byte) bool) bool {
	at := 0
	for _, apdu := range s.apdus() {
		if at < len(is) && is[at](apdu) {
			at++
		}
	}
	return at == len(is)
}

func begins(head ...byte) func([]byte) bool {
	return func(apdu []byte) bool { return bytes.HasPrefix(apdu, head) }
}

// statesApproval tells whether a message is 04 0F whose first bitmap 27 is 00. The lengths are those of the
// paper's table.
func statesApproval(apdu []byte) bool {
	if !begins(0x04, 0x0F)(apdu) {
		return false
	}
	sizes := map[byte]int{
		0x01: 1, 0x02: 1, 0x03: 1, 0x04: 6, 0x05: 1, 0x0B: 3, 0x0C: 3, 0x0D: 2, 0x0E: 2, 0x17: 2, 0x19: 1, 0x27: 1, 0x29: 4, 0x2A: 15, 0x37: 3,
		0x3A: 2, 0x3B: 8, 0x3D: 3, 0x49: 2, 0x70: 4, 0x71: 4, 0x72: 1, 0x73: 1, 0x74: 1, 0x75: 1, 0x76: 1, 0x87: 2, 0x88: 3, 0x8A: 1, 0x8C: 1,
		0xA0: 1, 0xAA: 3, 0xBA: 5, 0xD0: 1, 0xD2: 1, 0xD3: 1, 0xE0: 1, 0xE9: 1, 0xEA: 1, 0xEB: 8, 0xF0: 1, 0xF9: 1, 0xFA: 1, 0xFB: 1, 0xFC: 1, 0xFD: 1,
	}
	for p := apdu[2:]; len(p) > 1; {
		if p[0] == 0x27 {
			return p[1] == 0
		}
		size, known := sizes[p[0]]
		places := 0
		switch b := p[0]; {
		case b == 0x06 && p[1] < 0x80:
			size = 1 + int(p[1])
		case b == 0x06 && p[1] == 0x81 && len(p) > 2:
			size = 2 + int(p[2])
		case b == 0x06 && p[1] == 0x82 && len(p) > 3:
			size = 3 + 256*int(p[2]) + int(p[3])
		case known:
		case b == 0x22 || b == 0x23 || b == 0x2D || b == 0x4C || b == 0x8B || b == 0xA7 || b == 0xD1 || b >= 0xE1 && b <= 0xE8 || b >= 0xF1 && b <= 0xF8:
			places = 2
		case b == 0x24 || b == 0x2E || b == 0x3C || b == 0x60 || b == 0x92 || b == 0x9A || b == 0xAF:
			places = 3
		default:
			return false
		}
		if len(p) < 1+places {
			return false
		}
		length := 0
		for _, digit := range p[1 : 1+places] {
			length = length*10 + int(digit&0x0F)
		}
		p = p[min(len(p), 1+places+size*min(1, 1-min(1, places))+length):]
	}
	return false
}

// fuzzPieces takes a program apart. A piece is a byte with its length and two flags, and its bytes: 40 puts an ACK before it, 80 puts it
// into a frame.
func fuzzPieces(k terminal.LinkKind, program []byte) (pieces [][]byte) {
	for len(program) > 0 {
		head := program[0]
		size := min(int(head&0x3F), len(program)-1)
		piece := program[1 : 1+size]
		program = program[1+size:]
		if k == terminal.Serial && head&0x80 != 0 {
			piece = wire.AppendDLE(nil, piece)
		}
		if k == terminal.Serial && head&0x40 != 0 {
			piece = append([]byte{wire.ACK}, piece...)
		}
		pieces = append(pieces, piece)
	}
	return pieces
}

// fuzzProgram writes a dialogue as a program of fuzzedTerminal.
func fuzzProgram(messages ...string) (out []byte) {
	for _, m := range messages {
		apdu, err := hex.DecodeString(m)
		if err != nil || len(apdu) > 0x3F {
			panic("a seed is no short message: " + m)
		}
		out = append(append(out, 0xC0|byte(len(apdu))), apdu...)
	}
	return out
}

// hexBefore is the record of the sale before the payment.
const hexBefore = "040f152700040000000009900b0001618700522952500001"

// FuzzTerminal lets a terminal say anything in a payment, and when it is asked afterwards.
func FuzzTerminal(f *testing.F) {
	ask := string(fuzzProgram(hexAccepted, "060f0100", hexAccepted, hexApproved, hexDone))
	same := string(fuzzProgram(hexAccepted, "060f0100", hexAccepted, hexBefore, hexDone))
	o := drivertest.FuzzOptions{
		Subject: subject(TerminalPrints, terminal.Serial, terminal.TCP), Mark: "zvt1/0052/000161////990/52500001",
		Pieces: fuzzPieces, Pause: time.Second, States: states, More: tooMany,
	}
	o.Options = func(terminal.LinkKind) any {
		out := NewOptions()
		out.Register = false
		return out
	}
	// On a serial line the terminal acknowledges what the register answers: an ACK stands before what comes next, or alone. The first
	// message behind 80 00 00, which needs no answer, has none.
	serial := func(record string) drivertest.FuzzSeed {
		pay, after := fuzzProgram(hexAccepted, hexApproved), fuzzProgram(hexAccepted, "060f0100", "", hexAccepted, record, hexDone, "")
		for _, head := range []*byte{&pay[4], &after[4], &after[14]} {
			*head &^= 0x40
		}
		return drivertest.FuzzSeed{Pay: string(pay), After: string(after)}
	}
	o.Seeds = append(o.Seeds, serial(hexApproved), serial(hexBefore))
	for _, pay := range [][]string{
		{hexAccepted, hexWaiting, hexApproved, hexDone},
		{hexAccepted, hexDeclined, hexAborted},
		{hexBusy},
		{hexAccepted, hexApproved, hexAborted},
		{hexAccepted, "06d103004142", hexApproved, hexApproved, "06d30006", hexDone},
		{hexAccepted, "040f0427002705", hexDone},
		{hexAccepted, hexDone},
		{hexApproved, hexDone},
		{"15", hexAccepted, "04ff00"},
	} {
		whole, cut := string(fuzzProgram(pay...)), string(fuzzProgram(pay[:len(pay)-1]...))
		o.Seeds = append(o.Seeds, drivertest.FuzzSeed{Pay: whole, After: ask}, drivertest.FuzzSeed{Pay: whole, After: same}, drivertest.FuzzSeed{Pay: cut, After: ask})
	}
	drivertest.Fuzz(f, o)
}

// states tells whether the messages of an outcome came in their order. When it was asked a terminal that is idle and states any record
// may prove that nothing was booked.
func states(k terminal.LinkKind, o terminal.Outcome, pay, after []byte) bool {
	done, record := begins(0x06, 0x0F), begins(0x04, 0x0F)
	switch said, told := (spoken{k, pay}), (spoken{k, after}); {
	case after != nil && o == terminal.Approved:
		return told.has(statesApproval, done)
	case after != nil:
		return told.has(done, record, done)
	case o == terminal.Approved:
		return said.has(begins(0x80, 0x00), statesApproval, done) || said.has(begins(0x84, 0x00), statesApproval, done)
	default:
		return said.has(begins(0x84)) || said.has(begins(0x06, 0x1E))
	}
}

// tooMany finds more answers on a serial line than there are messages.
func tooMany(k terminal.LinkKind, said, written []byte) []string {
	answers := bytes.Count(written, SerialFrame([]byte{0x80, 0, 0})) + bytes.Count(written, SerialFrame([]byte{0x84, 0x83, 0}))
	if most := len(spoken{k, said}.apdus()) + bytes.Count(said, []byte{wire.NAK}); k == terminal.Serial && answers > most {
		return []string{fmt.Sprintf("%d answers to at most %d messages", answers, most)}
	}
	return nil
}

// FuzzStream: a stream is cut the same way however it comes, its messages are written back as they were, and their
// results are what another reader makes of them.
func FuzzStream(f *testing.F) {
	for _, v := range vectorRows() {
		f.Add(v.raw)
	}
	for _, m := range []string{"", "80", hexAccepted, hexApproved, hexDeclined, "060fff010000", "06d3ffbd04", "04ff03010600", "060f03060600"} {
		seed, err := hex.DecodeString(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		var whole, single Splitter
		together := whole.Feed(p)
		var apart [][]byte
		for _, b := range p {
			apart = append(apart, single.Feed([]byte{b})...)
		}
		if len(apart) != len(together) || whole.Pending() != single.Pending() || whole.Pending() > MaxAPDU {
			t.Fatalf("%d messages and %d bytes in one piece, %d and %d byte by byte", len(together), whole.Pending(), len(apart), single.Pending())
		}
		rest := p
		for i, m := range together {
			if !bytes.Equal(m, apart[i]) || !bytes.HasPrefix(rest, m) {
				t.Fatalf("message %d is %x in one piece, %x byte by byte", i, m, apart[i])
			}
			rest = rest[len(m):]
			a, err := ParseAPDU(m)
			if err != nil {
				t.Fatalf("a whole message is not read: %x: %v", m, err)
			}
			back, err := a.Append(nil)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := ParseAPDU(back); err != nil || again.Command != a.Command || !bytes.Equal(again.Data, a.Data) {
				t.Fatalf("%x is written as %x", m, back)
			}
			if r := ReadStatusInformation(a.Data, CharsetAuto); a.Command == CmdStatusInformation && (r.HasResult && r.Result == 0) != statesApproval(append(append([]byte{}, m[:2]...), a.Data...)) {
				t.Fatalf("%x: result %02X (there: %t)", m, r.Result, r.HasResult)
			}
		}
		if _, err := ParseAPDU(p); err == nil && (len(together) != 1 || len(rest) != 0) {
			t.Fatalf("%x is one message and %d", p, len(together))
		}
	})
}

// FuzzSerialFrame: what is framed is read back whatever came before it, and what is read has a right CRC.
func FuzzSerialFrame(f *testing.F) {
	for _, v := range vectorRows() {
		if v.layer == "serial-frame" {
			f.Add(v.raw, []byte{})
		}
	}
	f.Add([]byte{0x10, 0x02, 0x10, 0x10, 0x10, 0x03}, []byte{0x80, 0, 0})
	f.Add([]byte{0x10}, []byte{0x10, 0x03, 0x10, 0x02})
	f.Fuzz(func(t *testing.T, noise, content []byte) {
		if len(content) > MaxAPDU {
			return
		}
		r := NewSerialReader()
		line := noise
		for _, b := range noise {
			if e := r.Feed(b); e.Kind == wire.DLEFrame && !(spoken{terminal.Serial, line}).holds(e.Content) {
				t.Fatalf("%x was read from %x", e.Content, line)
			}
		}
		r.Reset()
		var got [][]byte
		for _, b := range SerialFrame(content) {
			if e := r.Feed(b); e.Kind == wire.DLEFrame {
				got = append(got, e.Content)
			} else if e.Kind != wire.DLENothing {
				t.Fatalf("%x: %s inside its frame", content, e.Kind)
			}
		}
		if len(got) != 1 || !bytes.Equal(got[0], content) || r.Partial() {
			t.Fatalf("%x comes back as %x", content, got)
		}
		if back := unframed(SerialFrame(content)); !bytes.Equal(back, content) {
			t.Fatalf("%x is framed so that another reader has %x", content, back)
		}
	})
}

// holds tells whether a frame with the content begins anywhere in the bytes.
func (s spoken) holds(content []byte) bool {
	for i := range s.line {
		if bytes.HasPrefix(s.line[i:], []byte{0x10, 0x02}) && bytes.Equal(unframed(s.line[i:]), content) {
			return true
		}
	}
	return false
}
