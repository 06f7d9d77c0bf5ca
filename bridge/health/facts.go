package health

import (
	"time"

	"tillbridge/terminal"
)

// Facts is what a running bridge tells of itself. There is no secret and no card number in it.
type Facts struct {
	PID      int       `json:"pid"`
	Version  string    `json:"version"`
	Started  time.Time `json:"started"`
	Settings string    `json:"settings"` // the file
	Journal  string    `json:"journal"`
	Door     string    `json:"door,omitempty"` // MGR's, host:port; empty while the settings are wrong
	Counter  string    `json:"counter"`        // the counter screen's, host:port
	TLS      bool      `json:"tls"`            // both are encrypted

	SettingsError string     `json:"settings_error,omitempty"` // why no payment is taken
	Exposed       []string   `json:"exposed,omitempty"`        // doors that the network reaches unencrypted, in words
	Terminals     []Terminal `json:"terminals"`
}

// Terminal is a terminal and its line.
type Terminal struct {
	Name   string    `json:"name"`
	Driver string    `json:"driver"` // its title
	Line   string    `json:"line"`   // the port, in the words of the settings
	State  State     `json:"state"`
	Text   string    `json:"text"`  // one sentence: what it does, or what is wrong and what to do
	Since  time.Time `json:"since"` // since when State is what it is

	LastError   string    `json:"last_error,omitempty"` // why it could not be reached last, or its line was lost
	LastErrorAt time.Time `json:"last_error_at,omitzero"`

	Quality terminal.LineCounts `json:"quality"` // since the bridge started or took new settings
}

// State is a terminal's state in a word.
type State string

// The states.
const (
	Connecting    State = "connecting" // not reached yet since the start
	Ready         State = "ready"
	Paying        State = "paying"
	Asking        State = "asking"         // asking the terminal what became of a payment
	Held          State = "held"           // a payment is not known; no sale until it is settled
	NotReached    State = "not reached"    // it cannot be reached
	OtherTerminal State = "other terminal" // another terminal answers than the one of before
)

// States are all of them.
func States() []State {
	return []State{Connecting, Ready, Paying, Asking, Held, NotReached, OtherTerminal}
}

// Well tells whether nobody has to do anything about a state.
func (s State) Well() bool {
	return s == Ready || s == Paying || s == Connecting || s == Asking
}
