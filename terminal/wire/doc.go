// Package wire holds the framing bricks that several terminal protocols share: check sums, packed BCD,
// BER-style tags and lengths, the LLVAR lengths of the German interface, DLE transparency framing, framing
// between STX and ETX with one check byte, and the texts and numbers in fields.
//
// Everything here is pure: no I/O, no clock, no state beyond the values themselves. Readers are lenient
// about content and strict about bounds; no input makes them panic. A driver and the simulated terminal
// that tests it may both stand on these bricks, and share nothing above them.
package wire

import "errors"

// The control bytes that the serial protocols share.
const (
	SOH = 0x01 // start of heading
	STX = 0x02 // start of text
	ETX = 0x03 // end of text
	EOT = 0x04 // end of transmission
	ENQ = 0x05 // enquiry
	ACK = 0x06 // acknowledged
	DLE = 0x10 // data link escape
	NAK = 0x15 // not acknowledged
)

// ErrTruncated is wrapped by an error that more bytes would cure.
var ErrTruncated = errors.New("truncated")
