package zvt

import (
	"errors"
	"fmt"

	"tillbridge/terminal/wire"
)

// MaxAPDU is the longest APDU that the extended length can announce, header included.
const MaxAPDU = 5 + 0xFFFF

// ErrIncomplete is wrapped by the error of an APDU that has not come whole yet.
var ErrIncomplete = errors.New("APDU incomplete")

// LengthError says that an APDU's length byte and its data do not agree.
type LengthError struct {
	Command  Command
	Declared int // data bytes announced
	Have     int // data bytes there
}

func (e *LengthError) Error() string {
	return fmt.Sprintf("APDU %s announces %d data bytes, %d are there", e.Command, e.Declared, e.Have)
}

// Unwrap makes a LengthError of an APDU that is too short an ErrIncomplete.
func (e *LengthError) Unwrap() error {
	if e.Have < e.Declared {
		return ErrIncomplete
	}
	return nil
}

// APDU is one message: class and instruction, and its data (PA00P015 ch. 2).
type APDU struct {
	Command Command
	Data    []byte
}

// header reads class, instruction and length at the start of p: its own length and that of the data. The
// extended length FF lo hi is little-endian, other than the lengths inside TLV containers; it is taken for
// small values too. ok is false while the header is not whole.
func header(p []byte) (n, data int, ok bool) {
	switch {
	case len(p) < 3:
		return 0, 0, false
	case p[2] != 0xFF:
		return 3, int(p[2]), true
	case len(p) < 5:
		return 0, 0, false
	}
	return 5, int(p[3]) | int(p[4])<<8, true
}

// ParseAPDU reads p as exactly one APDU. What is too short, in its header or its data, is ErrIncomplete;
// what is too long is a *LengthError. The data share p's memory.
func ParseAPDU(p []byte) (APDU, error) {
	n, length, ok := header(p)
	if !ok {
		return APDU{}, fmt.Errorf("%w: %d bytes are no header", ErrIncomplete, len(p))
	}
	a := APDU{Command: Command(p[0])<<8 | Command(p[1]), Data: p[n:]}
	if len(a.Data) != length {
		return APDU{}, &LengthError{Command: a.Command, Declared: length, Have: len(a.Data)}
	}
	return a, nil
}

// Append appends the bytes of the APDU, with the short length up to 254 data bytes. More than 65535 data
// bytes are refused.
func (a APDU) Append(dst []byte) ([]byte, error) {
	if len(a.Data) > 0xFFFF {
		return dst, fmt.Errorf("APDU %s: %d data bytes, at most 65535 fit", a.Command, len(a.Data))
	}
	dst = append(dst, byte(a.Command>>8), byte(a.Command))
	if n := len(a.Data); n < 0xFF {
		dst = append(dst, byte(n))
	} else {
		dst = append(dst, 0xFF, byte(n), byte(n>>8))
	}
	return append(dst, a.Data...), nil
}

// Splitter cuts a TCP stream into APDUs: one over many segments, or several in one (PA00P016, TCP/IP). Its
// zero value is ready. It holds at most one unfinished APDU, which is at most MaxAPDU long.
type Splitter struct {
	pending []byte
}

// Feed takes what was read and returns every APDU that is whole now, each in memory of its own.
func (s *Splitter) Feed(p []byte) [][]byte {
	s.pending = append(s.pending, p...)
	var out [][]byte
	rest := s.pending
	for {
		n, length, ok := header(rest)
		if !ok || len(rest) < n+length {
			break
		}
		out = append(out, append([]byte(nil), rest[:n+length]...))
		rest = rest[n+length:]
	}
	if len(out) > 0 {
		s.pending = append(make([]byte, 0, len(rest)), rest...)
	}
	return out
}

// Pending is the number of bytes of an unfinished APDU.
func (s *Splitter) Pending() int { return len(s.pending) }

// ForeignProtocol tells from the first bytes that came over TCP whether something else than a ZVT terminal
// speaks there. It says false while the bytes do not decide.
func ForeignProtocol(first []byte) bool {
	switch {
	case len(first) == 0:
		return false
	case len(first) == 1:
		return first[0] != 0x80 && first[0] != 0x84 && first[0] != 0x04 && first[0] != 0x06
	}
	c := Command(first[0])<<8 | Command(first[1])
	switch {
	case first[0] == 0x84, c == CmdAccepted, c >= CmdDialUp && c <= CmdTransparent:
		return false
	}
	switch c {
	case CmdSetClock, CmdFileRequest, CmdInputRequest, CmdMenuRequest, CmdStatusInformation, CmdIntermediateStatus,
		CmdCompletion, CmdAbort, CmdPrintLine, CmdPrintTextBlock, CmdBlockedListQuery:
		return false
	}
	return true
}

// NewSerialReader makes the reader of a serial line; see wire.DLEReader for what its caller owes the line.
func NewSerialReader() *wire.DLEReader { return wire.NewDLEReader(MaxAPDU) }

// SerialFrame is an APDU as it goes on a serial line (PA00P016, RS-232).
func SerialFrame(apdu []byte) []byte {
	return wire.AppendDLE(make([]byte, 0, len(apdu)+len(apdu)/8+6), apdu)
}
