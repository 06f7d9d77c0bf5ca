package wire

// AppendDLE appends content as one frame of the DLE transparency framing of PA00P016 ch. 2:
//
//	10 02 content 10 03 CRClow CRChigh
//
// Every 10 inside the content is doubled. The CRC-16/KERMIT covers the undoubled content and one 03. Its two
// bytes follow as they are: one that happens to be 10 is not doubled.
func AppendDLE(dst, content []byte) []byte {
	dst = append(dst, DLE, STX)
	for _, b := range content {
		if b == DLE {
			dst = append(dst, DLE)
		}
		dst = append(dst, b)
	}
	crc := Kermit(Kermit(0, content), []byte{ETX})
	return append(dst, DLE, ETX, byte(crc), byte(crc>>8))
}

// DLEKind says what a byte completed.
type DLEKind uint8

// What a byte completed. After BadCRC, Malformed and TooLong the receiver owes the sender a NAK.
const (
	DLENothing   DLEKind = iota // the byte was taken, nothing is complete
	DLEFrame                    // a frame whose CRC holds; Content is its content
	DLEAck                      // ACK outside of a frame
	DLENak                      // NAK outside of a frame
	DLEBadCRC                   // a frame whose CRC does not hold
	DLEMalformed                // a frame with a 10 that nothing explains
	DLETooLong                  // a frame longer than the limit
	DLERestart                  // 10 02 inside a frame: the sender began anew, the bytes before are dropped
	DLEGarbage                  // a byte outside of a frame that means nothing
)

var dleWords = [...]string{"nothing", "frame", "ack", "nak", "bad crc", "malformed", "too long", "restart", "garbage"}

func (k DLEKind) String() string {
	if int(k) < len(dleWords) {
		return dleWords[k]
	}
	return "unknown"
}

// DLEEvent is what Feed reports.
type DLEEvent struct {
	Kind    DLEKind
	Content []byte // of a DLEFrame, undoubled; the caller's own
	// Dirty tells that unexplained or damaged bytes came since the last whole frame or Reset. A NAK among
	// rubbish may be rubbish itself, which matters to who would repeat a money command on it.
	Dirty bool
}

type dleState uint8

const (
	dleIdle dleState = iota
	dleIdleEscape
	dleInside
	dleInsideEscape
	dleCRCLow
	dleCRCHigh
)

// DLEReader takes a line apart byte by byte into frames, ACKs and NAKs. It is a state machine on the byte
// stream, so it does not matter how reads cut it: an ACK glued to the next frame is two events.
//
// Its memory is bounded by the limit. It knows no time: when the line falls silent while Partial is true
// for longer than the protocol allows between two bytes, the caller calls Reset.
type DLEReader struct {
	limit   int
	state   dleState
	content []byte
	crcLow  byte
	broken  DLEKind // why the current frame is lost already, or DLENothing
	dirty   bool
}

// NewDLEReader makes a reader of frames with at most limit bytes of content.
func NewDLEReader(limit int) *DLEReader { return &DLEReader{limit: limit} }

// Partial tells whether a frame has begun and is not complete.
func (r *DLEReader) Partial() bool { return r.state != dleIdle }

// Reset drops a partial frame and forgets rubbish. It tells whether there was a partial frame.
func (r *DLEReader) Reset() bool {
	was := r.Partial()
	r.state, r.content, r.broken, r.dirty = dleIdle, r.content[:0], DLENothing, false
	return was
}

// Feed takes the next byte of the line.
//
// A damaged frame is reported at its end, not in its middle, so that none of its bytes is taken for an ACK
// or a NAK; when its end never comes, Reset is the way out.
func (r *DLEReader) Feed(b byte) DLEEvent {
	switch r.state {
	case dleInside:
		if b == DLE {
			r.state = dleInsideEscape
		} else {
			r.keep(b)
		}
		return DLEEvent{}
	case dleInsideEscape:
		return r.escaped(b)
	case dleCRCLow:
		r.crcLow, r.state = b, dleCRCHigh
		return DLEEvent{}
	case dleCRCHigh:
		return r.finish(uint16(r.crcLow) | uint16(b)<<8)
	case dleIdleEscape:
		if b == STX {
			r.begin()
			return DLEEvent{}
		}
		r.dirty = true // the 10 before meant nothing
	}
	return r.outside(b)
}

func (r *DLEReader) outside(b byte) DLEEvent {
	r.state = dleIdle
	switch b {
	case DLE:
		r.state = dleIdleEscape
		return DLEEvent{}
	case ACK:
		return DLEEvent{Kind: DLEAck, Dirty: r.dirty}
	case NAK:
		return DLEEvent{Kind: DLENak, Dirty: r.dirty}
	}
	r.dirty = true
	return DLEEvent{Kind: DLEGarbage, Dirty: true}
}

func (r *DLEReader) escaped(b byte) DLEEvent {
	r.state = dleInside
	switch b {
	case DLE:
		r.keep(b)
	case ETX:
		r.state = dleCRCLow
	case STX:
		r.begin()
		r.dirty = true
		return DLEEvent{Kind: DLERestart, Dirty: true}
	default:
		r.broken = DLEMalformed
	}
	return DLEEvent{}
}

func (r *DLEReader) begin() {
	r.state, r.content, r.broken = dleInside, r.content[:0], DLENothing
}

func (r *DLEReader) keep(b byte) {
	if len(r.content) >= r.limit {
		if r.broken == DLENothing {
			r.broken = DLETooLong
		}
		return
	}
	r.content = append(r.content, b)
}

func (r *DLEReader) finish(crc uint16) DLEEvent {
	r.state = dleIdle
	kind := r.broken
	if kind == DLENothing && Kermit(Kermit(0, r.content), []byte{ETX}) != crc {
		kind = DLEBadCRC
	}
	if kind != DLENothing {
		r.dirty = true
		return DLEEvent{Kind: kind, Dirty: true}
	}
	e := DLEEvent{Kind: DLEFrame, Content: append([]byte(nil), r.content...), Dirty: r.dirty}
	r.dirty = false
	return e
}
