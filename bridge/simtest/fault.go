package simtest

import "fmt"

// Op is a kind of operation by which a bridge touches the world. Each can be struck by the faults of its menu.
type Op uint8

// The operations.
const (
	opAccept  Op = iota // the journal's write of a new payment
	opAppend            // the journal's write of any other step
	opRead              // the journal's read of a payment
	opOpen              // the journal's list of what is open, at the start
	opNote              // the journal's other writes: the mark, a notice put back, put off or taken out
	opDue               // the journal's list of notices that are due
	opSpace             // the journal's word on new payments
	opDial              // the opening of a line
	opGreet             // the greeting to the terminal
	opPay               // the money command
	opAck               // the acknowledgement of a result
	opQuery             // a question about the past: the last transaction, or one by our reference
	opHear              // a message from the terminal
	opMark              // a question for the mark, as the terminal takes it
	opPost              // a notice to MGR
	op202               // the answer to MGR's webhook
	opActions           // not an operation: what people and things do by themselves
	opSettle            // the command to close the day
	opCount
)

var opWords = [opCount]string{
	"write of the order", "write of a step", "read of a payment", "read of what is open", "write of a note", "read of what is due",
	"question for space", "dial", "greeting", "money command", "acknowledgement", "question about the past", "message", "question for the mark", "notice", "202", "", "end of day",
}

func (o Op) String() string { return opWords[o] }

// Fault is what strikes an operation, or what happens beside the payment.
type Fault uint8

// The faults.
const (
	None Fault = iota
	DieBefore
	DieAfter
	WriteLost  // the disk is full or refuses: an error, and nothing is there
	WriteKept  // the write fails and is there all the same
	WriteGhost // the write fails, is not there, and may be there after a restart: unsynced and torn
	ReadFails
	SaysFull
	Unreachable
	SendFails  // an error, and nothing arrived
	SendCut    // an error, and it arrived
	SendLost   // no error, and nothing arrived
	SendTwice  // it arrives twice
	CutBefore  // the line breaks before the message
	CutAfter   // the line breaks right after it
	HearLost   // the message is lost
	HearGarble // its check bytes are wrong
	HearTwice
	HearDelayed // by some seconds
	HearLate    // it comes at the start of the next conversation
	HearOdd     // a field that nobody knows, or an odd message before it
	Panic       // in the driver
	Hang        // of the driver
	MarkRefused // the terminal does not tell its last transaction now
	PowerCut    // of the terminal
	PostReset   // nothing arrives at MGR
	PostUnheard // MGR has it, its answer is lost
	Post500
	Post503 // with Retry-After
	Post429
	Post404
	Post302
	PostSlow
	Answer202Lost // MGR does not get our answer

	// What people and things do; see act.
	ManualSale
	ManualBusy // somebody sells at the terminal just now
	DayEnd
	Unplug
	CleanRestart
	ClockForward
	ClockBack
	MGRAway
	DiskBroken // for a while
	Repeated   // MGR sends its webhook again
	Conflicting
	AtOnce // two webhooks at one time
	Forgets
	Cancelled
	AskedAgain
	Settled      // by an operator who looks at the terminal's records
	SettledWrong // by one who does not
	Suspended    // the PC sleeps
	Returned     // the owner gives a sale back
	Closed       // the owner closes the terminal's day from the till
	faultCount
)

var faultWords = [faultCount]string{
	"none", "die before", "die after", "write lost", "write kept", "write as a ghost", "read fails", "says full", "unreachable",
	"send fails", "send cut", "send lost", "send twice", "cut before", "cut after", "message lost", "message garbled", "message twice",
	"message delayed", "message late", "message odd", "driver panics", "driver hangs", "mark refused", "terminal loses power",
	"post reset", "post unheard", "500", "503", "429", "404", "302", "post slow", "202 lost",
	"manual sale", "terminal in use", "day end", "unplugged", "clean restart", "clock forward", "clock back", "MGR away", "disk broken",
	"webhook again", "webhook with other content", "two webhooks at once", "MGR forgets", "cancelled", "asked again", "settled", "settled wrongly", "suspended", "given back", "day closed",
}

func (f Fault) String() string {
	if f < faultCount {
		return faultWords[f]
	}
	return fmt.Sprintf("fault(%d)", uint8(f))
}

// menus are the faults that can strike each operation. A step that the disk kept without saying so stands there twice:
// what it leads to takes two more things to go wrong.
var menus = [opCount][]Fault{
	opAccept: {DieBefore, DieAfter, WriteLost, WriteKept, WriteGhost},
	opAppend: {DieBefore, DieAfter, WriteLost, WriteKept, WriteKept, WriteGhost},
	opRead:   {DieBefore, DieAfter, ReadFails},
	opOpen:   {DieBefore, DieAfter, ReadFails},
	opNote:   {DieBefore, DieAfter, WriteLost, WriteKept},
	opDue:    {DieBefore, DieAfter, ReadFails},
	opSpace:  {SaysFull},
	opDial:   {DieBefore, DieAfter, Unreachable, ManualSale, DayEnd},
	opGreet:  {DieBefore, DieAfter, SendFails, SendCut, SendLost, SendTwice},
	opPay:    {DieBefore, DieAfter, SendFails, SendCut, SendLost, SendTwice, Panic},
	opAck:    {DieBefore, DieAfter, SendFails, SendCut, SendLost, SendTwice, Panic},
	opQuery:  {DieBefore, DieAfter, SendFails, SendCut, SendLost, SendTwice, Panic},
	opHear: {
		DieBefore, DieAfter, CutBefore, CutAfter, HearLost, HearGarble, HearTwice, HearDelayed, HearLate, HearOdd, Panic, Hang, PowerCut,
	},
	opMark: {MarkRefused},
	opPost: {DieBefore, DieAfter, PostReset, PostUnheard, Post500, Post503, Post429, Post404, Post302, PostSlow},
	op202:  {DieBefore, DieAfter, Answer202Lost},

	opSettle: {DieBefore, DieAfter, SendFails, SendCut, SendLost, Panic},
}

// harms tells a fault from what people do in the course of a day, which is not counted as one.
func (f Fault) harms() bool {
	switch f {
	case Repeated, Cancelled, AskedAgain, Settled, Returned, Closed:
		return false
	}
	return f != None
}

// lethal faults are thrown again in nine of ten cases, or nobody would ever get far.
func lethal(f Fault) bool { return f == DieBefore || f == DieAfter || f == Hang }
