package wire

import (
	"fmt"
	"strings"
)

// teller puts the line of a trace together.
type teller struct {
	parts []string
	noise int // bytes that mean nothing, since the last part
}

func (t *teller) say(part string) {
	t.hush()
	t.parts = append(t.parts, part)
}

func (t *teller) hush() {
	if t.noise > 0 {
		t.parts = append(t.parts, fmt.Sprintf("noise(%d)", t.noise))
	}
	t.noise = 0
}

// damaged tells of so many bytes of a frame.
func (t *teller) damaged(kind fmt.Stringer, bytes int) {
	t.say(fmt.Sprintf("damaged(%s, %d)", kind, bytes))
}

// line is the whole. At its end there may be so many bytes of a frame that is not complete.
func (t *teller) line(partial bool, bytes int) string {
	if partial {
		t.say(fmt.Sprintf("unfinished(%d)", bytes))
	}
	t.hush()
	return strings.Join(t.parts, " ")
}

// Describe tells in one line what bytes on a line mean, for a trace. Frames and progress texts are told by tell, which must
// not give away a card number; acknowledgements by their names; of all else the number of bytes. The reader is used up.
func (r *STXReader) Describe(b []byte, tell func(STXEvent) string) string {
	var t teller
	begun := 0
	for i, c := range b {
		if !r.Partial() {
			begun = i
		}
		switch e := r.Feed(c); e.Kind {
		case STXNothing:
		case STXFrame, STXProgress:
			t.say(tell(e))
		case STXBadLRC, STXTooLong:
			t.damaged(e.Kind, i+1-begun)
		case STXGarbage:
			t.noise++
		default:
			t.say(map[STXKind]string{STXAck: "ACK", STXNak: "NAK", STXEnquiry: "ENQ", STXEnd: "EOT"}[e.Kind])
		}
	}
	return t.line(r.Partial(), len(b)-begun)
}

// Describe is STXReader.Describe of the DLE framing, whose frames have their contents told.
func (r *DLEReader) Describe(b []byte, tell func(content []byte) string) string {
	var t teller
	begun := 0
	for i, c := range b {
		if !r.Partial() {
			begun = i
		}
		switch e := r.Feed(c); e.Kind {
		case DLENothing:
		case DLEFrame:
			t.say(tell(e.Content))
		case DLEAck:
			t.say("ACK")
		case DLENak:
			t.say("NAK")
		case DLEGarbage:
			t.noise++
		default:
			t.damaged(e.Kind, i+1-begun)
			begun = i // a frame that began anew has begun here
		}
	}
	return t.line(r.Partial(), len(b)-begun)
}
