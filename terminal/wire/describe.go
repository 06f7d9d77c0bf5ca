package wire

import (
	"fmt"
	"strings"
)

// Describe tells in one line what bytes on a line mean, for a trace. Frames and progress texts are told by tell, which must
// not give away a card number; acknowledgements by their names; of all else the number of bytes. The reader is used up.
func (r *STXReader) Describe(b []byte, tell func(STXEvent) string) string {
	var parts []string
	noise, begun := 0, 0
	hush := func() {
		if noise > 0 {
			parts = append(parts, fmt.Sprintf("noise(%d)", noise))
		}
		noise = 0
	}
	say := func(part string) {
		hush()
		parts = append(parts, part)
	}
	for i, c := range b {
		if !r.Partial() {
			begun = i
		}
		switch e := r.Feed(c); e.Kind {
		case STXNothing:
		case STXFrame, STXProgress:
			say(tell(e))
		case STXBadLRC, STXTooLong:
			say(fmt.Sprintf("damaged(%s, %d)", e.Kind, i+1-begun))
		case STXGarbage:
			noise++
		default:
			say(map[STXKind]string{STXAck: "ACK", STXNak: "NAK", STXEnquiry: "ENQ", STXEnd: "EOT"}[e.Kind])
		}
	}
	if r.Partial() {
		say(fmt.Sprintf("unfinished(%d)", len(b)-begun))
	}
	hush()
	return strings.Join(parts, " ")
}
