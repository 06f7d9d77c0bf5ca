package counter

import (
	"context"
	"time"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// Book is what the screen reads. Its methods are called from many goroutines.
type Book interface {
	// Payments is what a filter chooses, newest first.
	Payments(ctx context.Context, f Filter) ([]Row, error)
	// Payment is the payment with a uuid; false when there is none.
	Payment(ctx context.Context, uuid string) (bridge.Payment, bool, error)
	// Story is everything that happened to a payment, oldest first.
	Story(ctx context.Context, uuid string) ([]Step, error)
	// Receipts are a payment's receipts in the order in which they came.
	Receipts(ctx context.Context, uuid string) ([]terminal.Receipt, error)
	// Returns are the refunds and reversals of a sale, oldest first.
	Returns(ctx context.Context, sale string) ([]bridge.Payment, error)
	// Alarms are the alarms that stand, newest first.
	Alarms(ctx context.Context) ([]Alarm, error)
	// Owed is how many outcomes MGR has not been told yet.
	Owed(ctx context.Context) (int, error)
	Days
}

// Days is what the screen reads of the ends of day.
type Days interface {
	// DayEnds are a terminal's ends of day, newest first.
	DayEnds(ctx context.Context, terminal string) ([]bridge.DayEnd, error)
	// Armed are the payments that reached a terminal after a moment and not after another, oldest first, at most limit.
	Armed(ctx context.Context, terminal string, from, to time.Time, limit int) ([]bridge.Payment, error)
}

// Filter chooses payments. Zero fields choose all.
type Filter struct {
	Text     string // contained in the uuid, the customer, a reference or an authorisation code, or the whole amount
	Terminal string
	States   []bridge.State
	Kinds    []bridge.Kind
	From, To time.Time // received at or after From, before To
	Limit    int       // the most that are returned
	BeforeID int64     // only payments older than the one with this ID

	none bool // two choices exclude each other, so that it chooses nothing; the book is not asked
}

// Row is a payment in a list.
type Row struct {
	bridge.Payment
	ID int64 // rises with acceptance
}

// Step is one thing that happened to a payment.
type Step struct {
	Seq   int // 1 for the first
	At    time.Time
	Kind  bridge.EventKind
	State bridge.State // the payment's state after it
	Event bridge.Event
}

// Alarm is something that the shop must know of until somebody clears it.
type Alarm struct {
	ID       int64
	At       time.Time
	Kind     string
	Terminal string // empty where it concerns none
	UUID     string // the payment; empty where it concerns none
	Text     string
}

// Desk is what the screen does. An error that wraps *bridge.RefusedError is the user's to mend, and nothing
// has changed; the text of any other error is shown to the clerk as a sentence.
type Desk interface {
	// Terminals is the state of every terminal, by name; empty while there are no usable settings.
	Terminals() []bridge.TerminalStatus
	// Resolve settles a payment that is not known by a person's word.
	Resolve(ctx context.Context, uuid string, approved bool, who bridge.Person) error
	// Correct puts right, by a person's word, what a person had settled. MGR is not told.
	Correct(ctx context.Context, uuid string, approved bool, who bridge.Person) error
	// AskAgain makes the terminal of a held payment be asked once more. It moves no money.
	AskAgain(ctx context.Context, uuid string) error
	// Cancel asks a terminal to give up its running payment. It proves nothing.
	Cancel(terminalName string) error
	// Answer gives a terminal's driver a person's answer to the question with that ID, once.
	Answer(terminalName, id string, a terminal.Answer) error
	// EndDay makes a terminal run its end of day, in the name of who wants it.
	EndDay(ctx context.Context, terminalName, who string) error
	// Return orders that a sale is given back. It returns once the order is durable, or with a *bridge.Refusal, after which nothing
	// has changed; after any other error the same order may be given again. One that is known already is not carried out twice.
	Return(ctx context.Context, o bridge.Order) error
	// ClearAlarm takes an alarm off the screen, in the name of who does it.
	ClearAlarm(ctx context.Context, id int64, who string) error
}
