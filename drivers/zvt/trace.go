package zvt

import (
	"fmt"
	"strings"

	"tillbridge/terminal"
	"tillbridge/terminal/wire"
)

// describeLine tells in one line what bytes on the line mean, for the wire trace: every whole message by Describe, in
// brackets, and of the rest how much it is. Nothing is rendered that cannot be taken apart.
func describeLine(k terminal.LinkKind, _ bool, b []byte) string {
	if k == terminal.TCP {
		return describeStream(b)
	}
	var parts []string
	reader, rubbish := NewSerialReader(), 0
	add := func(part string) {
		if rubbish > 0 {
			parts = append(parts, fmt.Sprintf("noise(%d)", rubbish))
		}
		parts, rubbish = append(parts, part), 0
	}
	begun := 0
	for i, c := range b {
		outside := !reader.Partial()
		if outside {
			begun = i
		}
		switch e := reader.Feed(c); e.Kind {
		case wire.DLEFrame:
			add("[" + Describe(e.Content) + "]")
		case wire.DLEAck:
			add("ACK")
		case wire.DLENak:
			add("NAK")
		case wire.DLEBadCRC, wire.DLEMalformed, wire.DLETooLong, wire.DLERestart:
			add(fmt.Sprintf("damaged(%s, %d)", e.Kind, i+1-begun))
			begun = i
		case wire.DLEGarbage:
			rubbish++
		}
	}
	switch {
	case reader.Partial():
		add(fmt.Sprintf("unfinished(%d)", len(b)-begun))
	case rubbish > 0:
		parts = append(parts, fmt.Sprintf("noise(%d)", rubbish))
	}
	return strings.Join(parts, " ")
}

// describeStream is describeLine of a TCP connection, where messages come without frames.
func describeStream(b []byte) string {
	if ForeignProtocol(b) && !fromRegister(b) {
		return fmt.Sprintf("no ZVT(%d)", len(b))
	}
	var split Splitter
	var parts []string
	for _, apdu := range split.Feed(b) {
		parts = append(parts, "["+Describe(apdu)+"]")
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
