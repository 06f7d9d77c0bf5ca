package bridge

import "fmt"

// State is where a payment is in its life. The words stand in the journal and never change.
type State uint8

// The states.
const (
	None         State = iota // not yet accepted
	Received                  // accepted, nothing done; MGR has its 202
	Armed                     // the driver may be called at any moment: from here on nothing is resent
	Sent                      // the money command was handed to the line
	Seen                      // the terminal's result is durable and not yet acknowledged
	Acknowledged              // the result was acknowledged; the protocol's completion is outstanding
	Uncertain                 // the dialogue broke: the terminal must be asked
	Recovering                // the terminal is being asked
	Held                      // cannot be known from the terminal's evidence: a person is needed
	Approved                  // the money moved; MGR is owed APPROVED
	Declined                  // proven that no money moved; MGR is owed DENIED
	Expired                   // too old when the bridge came back, never sent; MGR is owed DENIED
	NotSent                   // nothing was handed to the line; MGR is owed DENIED
	Reported                  // MGR has the outcome
	stateCount
)

var stateWords = [stateCount]string{
	"none", "received", "armed", "sent", "seen", "acknowledged", "uncertain", "recovering", "held",
	"approved", "declined", "expired", "not_sent", "reported",
}

func (s State) String() string {
	if s < stateCount {
		return stateWords[s]
	}
	return fmt.Sprintf("state(%d)", uint8(s))
}

// ParseState reads the word of a state.
func ParseState(word string) (State, error) {
	for i, w := range stateWords {
		if w == word {
			return State(i), nil
		}
	}
	return None, fmt.Errorf("state %q is not known", word)
}

// States lists every state a payment can be in, in the order of its life.
func States() []State {
	all := make([]State, 0, stateCount-1)
	for s := Received; s < stateCount; s++ {
		all = append(all, s)
	}
	return all
}

// InFlight tells whether the terminal may be moving money for the payment right now.
func (s State) InFlight() bool { return s >= Armed && s <= Acknowledged }

// Open tells whether the payment is still undecided.
func (s State) Open() bool { return s >= Received && s <= Held }

// NotKnown tells whether the payment's money may or may not have moved, and its dialogue is over.
func (s State) NotKnown() bool { return s >= Uncertain && s <= Held }

func (s State) final() bool { return s >= Approved && s < stateCount }
