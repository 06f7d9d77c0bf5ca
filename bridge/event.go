package bridge

import (
	"errors"
	"fmt"
	"time"

	"tillbridge/terminal"
)

// EventKind is what happened to a payment. The words stand in the journal and never change.
type EventKind uint8

// The events.
const (
	Accept      EventKind = iota // MGR's order was accepted
	Expire                       // nobody started it in time: never sent
	Arm                          // about to call the driver
	GiveUp                       // the driver proved that nothing was sent, or it could not be called
	Send                         // the money command was handed to the line
	See                          // the terminal stated a result
	Acknowledge                  // that result was acknowledged to the terminal
	Conclude                     // the dialogue ended with a result
	Lose                         // the dialogue ended without one, or the bridge died in it
	Ask                          // recovery begins
	Find                         // recovery, or a later look, brought a result
	Hold                         // recovery asked and could not decide
	Resolve                      // a person settled it
	Report                       // MGR answered the notice with a 2xx
	Late                         // a result turned up after the outcome was final
	Remark                       // the terminal's last transaction was read anew before anything was sent
	Correct                      // a person's settlement is put right by a person
	eventCount
)

var eventWords = [eventCount]string{
	"accept", "expire", "arm", "give-up", "send", "see", "acknowledge", "conclude", "lose", "ask", "find",
	"hold", "resolve", "report", "late", "remark", "correct",
}

func (k EventKind) String() string {
	if k < eventCount {
		return eventWords[k]
	}
	return fmt.Sprintf("event(%d)", uint8(k))
}

// ParseEventKind reads the word of an event.
func ParseEventKind(word string) (EventKind, error) {
	for i, w := range eventWords {
		if w == word {
			return EventKind(i), nil
		}
	}
	return 0, fmt.Errorf("event %q is not known", word)
}

// EventKinds lists every event.
func EventKinds() []EventKind {
	all := make([]EventKind, eventCount)
	for i := range all {
		all[i] = EventKind(i)
	}
	return all
}

// Event is one thing that happened to a payment, with what was learnt. Fields that do not belong to the kind
// are zero; they are the journal's entry, as JSON without Kind and At, which have columns of their own.
type Event struct {
	Kind EventKind `json:"-"`
	At   time.Time `json:"-"`

	Order     *Order            `json:"order,omitempty"`     // Accept
	Reference string            `json:"reference,omitempty"` // Accept
	Driver    string            `json:"driver,omitempty"`    // Arm
	Evidence  terminal.Evidence `json:"evidence,omitempty"`  // Arm
	Mark      terminal.Mark     `json:"mark,omitempty"`      // Arm, Remark
	Result    *terminal.Result  `json:"result,omitempty"`    // See, Conclude, Find, Hold, Late
	Reason    string            `json:"reason,omitempty"`    // Expire, GiveUp, Lose, Hold
	Outcome   terminal.Outcome  `json:"outcome,omitzero"`    // Resolve, Correct
	Person    *Person           `json:"person,omitempty"`    // Resolve, Correct
}

// Effect is something that is due once a transition is durable.
type Effect uint8

// The effects.
const (
	Start   Effect = iota // begin the payment: arm it and call the driver
	Recover               // ask the terminal what became of it
	Notify                // tell MGR the outcome; the notice is durable with the transition
	Alarm                 // tell the shop: evidence, or a correction, contradicts a final outcome; stays until a person clears it
)

func (e Effect) String() string {
	return [...]string{"start", "recover", "notify", "alarm"}[e]
}

// Transition is one step of a payment's life.
type Transition struct {
	Before, After Payment
	Event         Event
	Effects       []Effect
}

// Has tells whether the effect is due.
func (t Transition) Has(e Effect) bool {
	for _, x := range t.Effects {
		if x == e {
			return true
		}
	}
	return false
}

// RefusedError says that an event cannot happen to a payment where it is. Nothing has changed.
type RefusedError struct {
	State State
	Event EventKind
	Why   string
}

func (e *RefusedError) Error() string {
	s := fmt.Sprintf("%s cannot happen to a payment that is %s", e.Event, e.State)
	if e.Why != "" {
		s += ": " + e.Why
	}
	return s
}

// Errors of whoever keeps payments durable.
var (
	// ErrStale: the payment has moved on since the transition was computed. Nothing was written.
	ErrStale = errors.New("the payment has moved on")
	// ErrExists: the uuid of a new payment is taken. Nothing was written.
	ErrExists = errors.New("the payment exists already")
)
