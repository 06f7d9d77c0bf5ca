package drivertest

import "time"

// way is the direction in which bytes pass.
type way uint8

const (
	out way = iota // from the till to the terminal
	in             // from the terminal to the till
)

func (w way) String() string {
	if w == in {
		return "in"
	}
	return "out"
}

// stage is what the engine is doing.
type stage uint8

const (
	idle    stage = iota
	opening       // Open and Mark
	paying        // Pay
	asking        // Recover, on whatever session
)

func (s stage) String() string { return [...]string{"idle", "opening", "paying", "asking"}[s] }

// phase is a part of the undisturbed payment, each direction for itself.
type phase uint8

const (
	before   phase = iota // Pay has begun, the money command is not yet written
	command               // the money command itself
	dialogue              // after it, to the moment of the last Till.Seen, or to the end where there is none
	ending                // after that
	whole                 // all of the stage
)

func (p phase) String() string {
	return [...]string{"before", "command", "dialogue", "ending", "whole"}[p]
}

// trouble is a kind of fault.
type trouble uint8

const (
	none trouble = iota
	// At a byte.
	cut    // the line is lost, and nothing can be opened for a time
	hangup // the terminal's side closes the connection in good order
	mute   // nothing passes any more, and nobody notices: a serial line for a time, a connection for ever
	die    // the till dies; what was durable is kept, and it starts again
	stop   // the till is stopped in good order (or wakes from a sleep), and starts again
	reboot // the terminal loses its power for a time
	pull   // the simulator's own cable is pulled for a time
	cancel // somebody at the till wants the payment given up
	flip   // a bit of the byte is inverted
	gap    // a pause before the byte
	// At a write.
	lose      // it does not arrive
	twice     // it arrives twice
	late      // it arrives late, and so does what follows
	rubbish   // noise arrives before it
	fragment  // its first half arrives, and then all of it
	astray    // the network holds it up, and gives the connection up a second later
	spoil     // the last byte of this and of every later write is inverted
	gather    // every write waits for the next beat of a clock, so that those between two beats arrive together
	singly    // every byte is read by itself
	staleAll  // what the terminal said in the payment before lies unread on the line when this one begins
	staleLast // the last message of that lies there
	refuse    // behind the write the terminal says that it could not read a frame
	strange   // every result that the terminal states has a code that nobody knows, for a time
)

var troubleWords = [...]string{
	"none", "cut", "hang-up", "mute", "die", "stop", "reboot", "pull", "cancel", "flip", "gap", "lose", "twice", "late", "rubbish",
	"fragment", "astray", "spoil", "gather", "singly", "stale-all", "stale-last", "refuse", "strange",
}

func (t trouble) String() string { return troubleWords[t] }

// atByte tells whether its position is a byte; else it is a write, or nothing.
func (t trouble) atByte() bool { return t >= cut && t <= gap }

// fires tells whether it is something that happens at a byte, and not to what passes.
func (t trouble) fires() bool { return t >= cut && t <= cancel }

// losesLine tells whether nothing passes after it.
func (t trouble) losesLine() bool { return t >= cut && t <= die }

// everywhere tells whether it has no position.
func (t trouble) everywhere() bool { return t >= gather && t != refuse }

// fault is trouble at a place.
type fault struct {
	kind trouble
	way  way
	at   int           // which byte or which write, counted from 0 since the stage began
	for_ time.Duration // how long it lasts or delays
	says []byte        // of refuse
}

// piece is a part of a write on its way.
type piece struct {
	data  []byte
	delay time.Duration
}

// noise is what lies on a disturbed serial line; none of it is a control character of a known protocol.
var noise = []byte{0x00, 0xFF, 0xE0, 0x80, 0x00, 0x7C, 0xFF, 0xFE}

// change makes the pieces of a write that begins at a byte and has a number, and tells whether they are others than they were.
func (f fault) change(b []byte, start, number int) (pieces []piece, changed bool) {
	n := f.at - start // place in this write
	here := n >= 0 && n < len(b)
	switch {
	case f.kind == flip && here:
		c := append([]byte(nil), b...)
		c[n] ^= 1 << (f.at % 7)
		return []piece{{c, 0}}, true
	case f.kind == gap && here:
		return []piece{{b[:n], 0}, {b[n:], f.for_}}, true
	case f.kind == spoil && number >= f.at && len(b) > 1:
		c := append([]byte(nil), b...)
		c[len(c)-1] ^= 1
		return []piece{{c, 0}}, true
	case f.kind == gather:
		return []piece{{b, 0}}, true
	case number != f.at:
		return []piece{{b, 0}}, false
	}
	switch f.kind {
	case lose:
		return nil, true
	case twice:
		return []piece{{b, 0}, {b, f.for_}}, true
	case late, astray:
		return []piece{{b, f.for_}}, true
	case rubbish:
		return []piece{{noise, 0}, {b, f.for_}}, true
	case refuse:
		return []piece{{b, 0}, {f.says, f.for_}}, true
	case fragment:
		return []piece{{b[:(len(b)+1)/2], 0}, {b, f.for_}}, true
	}
	return []piece{{b, 0}}, false
}
