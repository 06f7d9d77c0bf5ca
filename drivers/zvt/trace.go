package zvt

import (
	"fmt"
	"strings"

	"tillbridge/terminal"
)

// describeLine tells in one line what bytes on the line mean, for the wire trace: every whole message by Describe, in
// brackets, and of the rest how much it is. Nothing is rendered that cannot be taken apart.
func describeLine(k terminal.LinkKind, _ bool, b []byte) string {
	if k == terminal.TCP {
		return describeStream(b)
	}
	return NewSerialReader().Describe(b, bracketed)
}

func bracketed(apdu []byte) string { return "[" + Describe(apdu) + "]" }

// describeStream is describeLine of a TCP connection, where messages come without frames.
func describeStream(b []byte) string {
	if ForeignProtocol(b) && !fromRegister(b) {
		return fmt.Sprintf("no ZVT(%d)", len(b))
	}
	var split Splitter
	var parts []string
	for _, apdu := range split.Feed(b) {
		parts = append(parts, bracketed(apdu))
	}
	if n := split.Pending(); n > 0 {
		parts = append(parts, fmt.Sprintf("unfinished(%d)", n))
	}
	return strings.Join(parts, " ")
}

// fromRegister tells whether bytes begin with a command that a register sends.
func fromRegister(b []byte) bool {
	return len(b) >= 2 && commandNames[Command(b[0])<<8|Command(b[1])] != ""
}
