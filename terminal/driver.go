package terminal

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"
)

// ErrNotSent is wrapped by an error of Pay when no byte of the money command was ever handed to the line.
// Handing over has begun when Port.Write was called, whatever it returned.
var ErrNotSent = errors.New("nothing was sent to the terminal")

// ErrBusy is wrapped by an error of Recover or of an auxiliary command while the terminal is still working
// on something; asking again later is right.
var ErrBusy = errors.New("the terminal is busy")

// ErrRefused is wrapped by the error of an auxiliary command (not of Pay or Recover) that the terminal
// refused.
var ErrRefused = errors.New("the terminal refused")

// LinkKind says what joins us to a terminal, which decides the framing in many protocols.
type LinkKind uint8

// The kinds of link.
const (
	Serial LinkKind = iota
	TCP
)

func (k LinkKind) String() string {
	if k == TCP {
		return "tcp"
	}
	return "serial"
}

// Port is an open byte line to a terminal.
//
// Read blocks until at least one byte has come, the read deadline has passed (an error that wraps
// os.ErrDeadlineExceeded), or the line is gone (any other error). It never returns 0, nil for a non-empty
// buffer. Write hands over all bytes or returns an error; after an error any number of them may have left.
// Close may be called from another goroutine, more than once, and ends a blocked Read.
type Port interface {
	io.ReadWriteCloser
	SetReadDeadline(t time.Time) error
}

// Env is what the engine lends a driver for the life of a session.
type Env struct {
	// Dial opens the line. The session closes what it opened. A driver may dial again after the line broke,
	// for Recover or the next payment, never to repeat a money command.
	Dial     func(ctx context.Context) (Port, error)
	Link     LinkKind
	Currency Currency
	Log      *slog.Logger // never nil; card numbers, passcodes and passwords do not go there
	Quality  *Quality     // told of what goes wrong on the line and is put right; may be nil, which its methods take
	Ask      Ask          // asks the person at the till; nil where nobody can be asked, as in a search for terminals
}

// LineDefaults are the line settings that a protocol's terminals have from the factory.
type LineDefaults struct {
	Baud     int // 0 where the protocol has no serial form; with TCPPort 0 too the driver uses no line
	DataBits int
	Parity   string // "none", "even" or "odd"
	StopBits string // "1", "1.5" or "2"
	TCPPort  int    // 0 where the protocol has no TCP form
	Listens  bool   // the till listens on TCPPort, and the terminal dials it
}

// None tells whether the driver uses no line.
func (l LineDefaults) None() bool { return l.Baud == 0 && l.TCPPort == 0 }

// Driver is one protocol, as a value: no registration, no package state.
type Driver struct {
	Name     string // as written in the settings, "zvt"
	Title    string // for people
	Evidence Evidence
	Line     LineDefaults
	// Options returns a pointer to a new options struct with yaml tags and its defaults filled in. If it has
	// a method Validate() error, the settings call it after decoding.
	Options func() any
	// Open starts a session: it dials, greets and, where the protocol has it, registers. It moves no money.
	// An error means that there is no session, the line is closed and nothing is owed.
	Open func(ctx context.Context, e Env, options any) (Session, error)
	// Simulate makes the terminal's side, which shares no code with the driver above the frame bricks. Nil where
	// there is nothing to simulate: a program of somebody else's.
	Simulate func(SimulatorOptions) (Simulator, error)

	// Kinds is a session of each kind that Open gives, with no terminal behind it, so that Abilities tells what the driver can do
	// without one; nil where that is not the driver's to say.
	Kinds []Session
	// Known tells what the driver's knowledge of the protocol rests on, in a few words for people; empty where there is no protocol.
	Known string

	// Currency is the ISO 4217 code that most of the protocol's terminals take, for a demonstration; empty means EUR.
	Currency string
	// Demo are options with which driver and simulator understand each other, key and value as in the settings, for a driver
	// whose options have no default. The simulator takes them as a map[string]string.
	Demo map[string]string

	// USB are devices that are known to be terminals which may speak the protocol. An id tells the model, not
	// the protocol that it is set to.
	USB []USBID
	// Identify finds out whether a terminal that speaks the protocol is on the line, for the search for one. Nil
	// where no message of the protocol is fit for that.
	//
	// It dials once and closes the line. It listens first, as Overhear does, and sends nothing into a line on
	// which something is under way. It writes nothing but what Asks lists, each in one Write, and ends within
	// some seconds of silence. A nil error is a proof: something on the line said what only this protocol says. It
	// acknowledges no result of a payment, and leaves the terminal's settings as they were.
	Identify func(ctx context.Context, e Env) (Identity, error)
	// Asks is everything that Identify may write. None of it moves money, and none of it does when a terminal of
	// another protocol reads it. Whoever calls Identify holds it to that.
	Asks []Message
	// Bauds are further speeds that terminals are often set to, tried after that of Line.
	Bauds []int
	// Describe tells in one line what bytes on the line mean, for the wire trace: names of messages and their fields,
	// without card data, passwords and tokens. The bytes went one way without a pause; they may be a part of a
	// message, several, or noise, and what cannot be taken apart is counted and not rendered. It may be called from
	// any goroutine. Nil where there is none; then the trace tells how many bytes there were.
	Describe func(k LinkKind, sent bool, b []byte) string
}

// With is the driver as it is with these options: what they have a method Evidence() Evidence for is what they declare, for a
// driver whose evidence is the settings' to say.
func (d Driver) With(options any) Driver {
	if o, ok := options.(interface{ Evidence() Evidence }); ok {
		d.Evidence = o.Evidence()
	}
	return d
}

// Session is one conversation with one terminal. Its methods are called by one goroutine at a time, Cancel
// excepted.
type Session interface {
	// Pay sends the sale and blocks until the outcome is known or can no longer be learnt.
	//
	// It is called once for a request, ever. A nil error with Approved or Declined and its proof is final. An
	// error that wraps ErrNotSent proves that no money moved. Any other error, and Unknown, mean that Recover
	// must ask. Cancelling ctx ends the waiting, not the payment.
	Pay(ctx context.Context, r Request, till Till) (Result, error)
	// Recover asks what became of an attempt. It never moves money, and may be repeated at will.
	//
	// A nil error with Approved or Declined and its proof settles the payment. A nil error with Unknown means
	// that the terminal was asked and its evidence does not decide; Text says why. An error means that it
	// could not be asked: not reachable, busy, the dialogue broke. Asking again later is right.
	Recover(ctx context.Context, a Attempt) (Result, error)
	// Close ends the conversation and closes the line. It may be called more than once.
	Close() error
}

// Till is what the engine lends a driver during a payment.
type Till interface {
	// Seen makes a result durable and must return nil before the driver acknowledges that result to the
	// terminal. After an error the driver acknowledges nothing and gives up. It may be called again when the
	// terminal states another result in the same dialogue: the last one counts.
	Seen(Result) error
	// Mark makes the terminal's last transaction durable where the driver has read it anew before the money
	// command and found another one than the engine had; not known is told too. After an error the driver sends
	// nothing and returns ErrNotSent.
	Mark(Mark) error
	// Progress tells how far the dialogue has come. It does not block and cannot fail.
	Progress(Progress)
	// Receipt hands over a receipt. It does not block; a receipt is never worth a payment.
	Receipt(Receipt)
}

// The abilities below are optional: a session has them or not, found once when it is opened.
type (
	// Marker reads the terminal's last sequence, silently and without a ticket. It moves no money.
	Marker interface {
		Mark(ctx context.Context) (Mark, error)
	}
	// Canceller asks the terminal to give up the running payment. Cancel does not block, may be called from
	// any goroutine and at any time, and proves nothing: the result decides.
	Canceller interface {
		Cancel()
	}
	// Identifier tells which terminal answered when the session was opened; empty where it does not say.
	Identifier interface {
		TerminalID() string
	}
	// Refunder pays money back to a card as a payment of its own kind, under the same rules as Pay.
	Refunder interface {
		Refund(ctx context.Context, r Request, till Till) (Result, error)
	}
	// Voider reverses an earlier sale, named by the result it had. The rules of Pay hold.
	Voider interface {
		Void(ctx context.Context, r Request, sale Result, till Till) (Result, error)
	}
	// Settler runs the terminal's end of day.
	Settler interface {
		Settle(ctx context.Context, till Till) (Totals, error)
	}
	// Totaller reads the terminal's totals since its last end of day. It moves no money.
	Totaller interface {
		Totals(ctx context.Context) (Totals, error)
	}
	// Prober asks how the terminal is. It moves no money.
	Prober interface {
		Probe(ctx context.Context) (Health, error)
	}
	// Reprinter asks for the last receipt again. It moves no money.
	Reprinter interface {
		Reprint(ctx context.Context, till Till) error
	}
	// Diagnoser runs the terminal's own diagnosis with its host. It moves no money.
	Diagnoser interface {
		Diagnose(ctx context.Context, till Till) error
	}
)

// Totals are a terminal's sums since its last end of day.
type Totals struct {
	Groups     []TotalsGroup
	TotalMinor int64
	Text       string // what the terminal said beside the numbers
	Mark       Mark   // the terminal's last transaction after it; zero where the answer does not tell
}

// TotalsGroup is one line of Totals.
type TotalsGroup struct {
	Name       string // card brand
	Count      int
	TotalMinor int64
}

// Health is what a terminal says of itself.
type Health struct {
	Ready      bool
	Busy       bool   // works on something, by itself or for us
	Code       string // the terminal's status code
	Text       string // what it means and what to do
	TerminalID string
	Software   string
}
