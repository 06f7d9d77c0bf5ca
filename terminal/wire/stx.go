package wire

// Covers says which bytes of STX body ETX the check byte is the exclusive or of; the body always is. Papers
// leave it open, and makers of terminals differ.
type Covers uint8

// The coverages.
const (
	CoverBody    Covers = iota // the body alone
	CoverBodyETX               // body and ETX, the usual one
	CoverSTXBody               // STX and body
	CoverAll                   // STX, body and ETX
)

var coverWords = [...]string{"body", "body+etx", "stx+body", "stx+body+etx"}

func (c Covers) String() string {
	if int(c) < len(coverWords) {
		return coverWords[c]
	}
	return "unknown"
}

// STXFormat is one way of framing text between STX and ETX with one check byte behind it. The zero value but
// for Covers is what most protocols have.
type STXFormat struct {
	Seed   byte   // of the check byte: 7F in ECR17, 0 elsewhere
	Covers Covers // what is sent

	// Accepts are further coverages that are taken when they come. Two coverages that differ by a constant let
	// through a frame in which one bit has turned, so a driver that knows its terminal's accepts that one alone.
	Accepts []Covers
	// LongAck says that ACK and NAK are followed by ETX and a check byte. What the check byte is is not looked at:
	// programs disagree about it (ecr17 sheet 2.1).
	LongAck bool
	// Progress is the number of characters between SOH and EOT of a message that has no check byte and is not
	// acknowledged; 0 where there is none.
	Progress int
}

func (f STXFormat) check(c Covers, body []byte) byte {
	sum := LRC(f.Seed, body)
	if c == CoverBodyETX || c == CoverAll {
		sum ^= ETX
	}
	if c == CoverSTXBody || c == CoverAll {
		sum ^= STX
	}
	return sum
}

// Append appends a frame. The body must hold neither STX nor ETX.
func (f STXFormat) Append(dst, body []byte) []byte {
	dst = append(dst, STX)
	dst = append(dst, body...)
	return append(dst, ETX, f.check(f.Covers, body))
}

// AppendAck appends ACK or NAK as the protocol writes them.
func (f STXFormat) AppendAck(dst []byte, b byte) []byte {
	dst = append(dst, b)
	if f.LongAck {
		dst = append(dst, ETX, f.Seed^b^ETX)
	}
	return dst
}

// STXKind says what a byte completed.
type STXKind uint8

// What a byte completed. After STXBadLRC and STXTooLong the receiver owes the sender a NAK.
const (
	STXNothing  STXKind = iota // the byte was taken, nothing is complete
	STXFrame                   // a frame whose check byte holds; Body is its body
	STXAck                     // ACK outside of a frame
	STXNak                     // NAK outside of a frame
	STXEnquiry                 // ENQ outside of a frame
	STXEnd                     // EOT outside of a frame
	STXProgress                // SOH text EOT; Body is the text
	STXBadLRC                  // a frame whose check byte does not hold, or with an STX inside
	STXTooLong                 // a frame longer than the limit
	STXGarbage                 // a byte outside of a frame that means nothing
)

var stxWords = [...]string{
	"nothing", "frame", "ack", "nak", "enquiry", "end", "progress", "bad check byte", "too long", "garbage",
}

func (k STXKind) String() string {
	if int(k) < len(stxWords) {
		return stxWords[k]
	}
	return "unknown"
}

// STXEvent is what Feed reports.
type STXEvent struct {
	Kind   STXKind
	Body   []byte // of an STXFrame or STXProgress; the caller's own
	Covers Covers // of an STXFrame: the coverage that held, the format's own where several do
	// Dirty tells that unexplained or damaged bytes came since the last whole frame or Reset. A NAK among
	// rubbish may be rubbish itself, which matters to who would repeat a money command on it.
	Dirty bool
}

type stxState uint8

const (
	stxIdle stxState = iota
	stxInside
	stxCheck    // the next byte is the check byte, whatever it is
	stxText     // inside SOH … EOT
	stxAckETX   // the next byte is the ETX of a long ACK or NAK
	stxAckCheck // the next byte is its check byte
)

// STXReader takes a line apart byte by byte into frames and control bytes. It is a state machine on the byte
// stream, so it does not matter how reads cut it. A check byte is the byte behind ETX, never one that looks like
// it: it may equal any control byte.
//
// Its memory is bounded by the limit. It knows no time: when the line falls silent while Partial is true for
// longer than the protocol allows between two bytes, the caller calls Reset.
type STXReader struct {
	format  STXFormat
	limit   int
	state   stxState
	body    []byte
	lost    STXKind // why the current frame is lost already, or STXNothing
	control STXKind
	dirty   bool
}

// NewSTXReader makes a reader of frames with bodies of at most limit bytes.
func NewSTXReader(f STXFormat, limit int) *STXReader { return &STXReader{format: f, limit: limit} }

// Partial tells whether something has begun and is not complete.
func (r *STXReader) Partial() bool { return r.state != stxIdle }

// Reset drops what is not complete and forgets rubbish. It tells whether there was something not complete.
func (r *STXReader) Reset() bool {
	was := r.Partial()
	r.state, r.body, r.lost, r.dirty = stxIdle, r.body[:0], STXNothing, false
	return was
}

// Feed takes the next byte of the line.
func (r *STXReader) Feed(b byte) STXEvent {
	switch r.state {
	case stxInside:
		return r.inside(b)
	case stxCheck:
		return r.finish(b)
	case stxText:
		return r.text(b)
	case stxAckETX:
		if b == ETX {
			r.state = stxAckCheck
			return STXEvent{}
		}
		r.dirty = true // a byte that only looked like an ACK or NAK
	case stxAckCheck:
		r.state = stxIdle
		return STXEvent{Kind: r.control, Dirty: r.dirty}
	}
	return r.outside(b)
}

func (r *STXReader) outside(b byte) STXEvent {
	r.state = stxIdle
	kind := STXGarbage
	switch {
	case b == STX:
		r.begin(stxInside)
		return STXEvent{}
	case b == SOH && r.format.Progress > 0:
		r.begin(stxText)
		return STXEvent{}
	case b == ACK:
		kind = STXAck
	case b == NAK:
		kind = STXNak
	case b == ENQ:
		kind = STXEnquiry
	case b == EOT:
		kind = STXEnd
	}
	switch {
	case kind == STXGarbage:
		r.dirty = true
	case r.format.LongAck && (kind == STXAck || kind == STXNak):
		r.state, r.control = stxAckETX, kind
		return STXEvent{}
	}
	return STXEvent{Kind: kind, Dirty: r.dirty}
}

func (r *STXReader) begin(s stxState) { r.state, r.body, r.lost = s, r.body[:0], STXNothing }

func (r *STXReader) inside(b byte) STXEvent {
	switch {
	case b == ETX:
		r.state = stxCheck
	case b == STX:
		// No new beginning: where a byte of the body has become STX on the line, one check byte in 256 would fit
		// what is left. The sender repeats what is not acknowledged.
		r.lost = STXBadLRC
	case len(r.body) >= r.limit:
		r.lost = STXTooLong
	default:
		r.body = append(r.body, b)
	}
	return STXEvent{}
}

func (r *STXReader) text(b byte) STXEvent {
	switch {
	case b == EOT && len(r.body) == r.format.Progress:
		r.state = stxIdle
		return STXEvent{Kind: STXProgress, Body: append([]byte(nil), r.body...), Dirty: r.dirty}
	case b == STX, len(r.body) >= r.format.Progress: // the end of the text was lost
		r.dirty = true
		return r.outside(b)
	}
	r.body = append(r.body, b)
	return STXEvent{}
}

func (r *STXReader) finish(b byte) STXEvent {
	r.state = stxIdle
	kind, covers := STXBadLRC, r.format.Covers
	switch {
	case r.lost != STXNothing:
		kind = r.lost
	case r.format.check(covers, r.body) == b:
		kind = STXFrame
	default:
		for _, c := range r.format.Accepts {
			if r.format.check(c, r.body) == b {
				kind, covers = STXFrame, c
				break
			}
		}
	}
	if kind != STXFrame {
		r.dirty = true
		return STXEvent{Kind: kind, Dirty: true}
	}
	e := STXEvent{Kind: STXFrame, Body: append([]byte(nil), r.body...), Covers: covers, Dirty: r.dirty}
	r.dirty = false
	return e
}
