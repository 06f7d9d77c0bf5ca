package terminal

import (
	"context"
	"time"
)

// SimulatorOptions choose how a simulated terminal behaves.
type SimulatorOptions struct {
	Currency Currency
	// Outcome is the script of every payment until Press changes it, one of the simulator's Outcomes;
	// empty waits for somebody to press.
	Outcome string
	// Think is how long the simulated customer and bank take for each step; 0 means at once.
	Think time.Duration
	// TerminalID is the terminal's own number, digits; empty for the simulator's default.
	TerminalID string
	// Options are the protocol's own, from the same settings block that the driver takes; nil for defaults.
	Options any
}

// Simulator is the terminal's side of a protocol: its display, its customer, its faults and its own ledger,
// which is the truth that tests compare with. Its methods may be called from any goroutine.
type Simulator interface {
	// Serve plays the terminal on one line until the line closes, a fault cuts it, or ctx ends. The ledger and
	// a payment in progress outlive it: a line that comes back meets the terminal as it is then.
	Serve(ctx context.Context, p Port, k LinkKind) error
	// Press does what a customer, a clerk or a saboteur would, one of Actions.
	Press(action string) error
	// Outcomes are the scripts of a payment that SimulatorOptions.Outcome and Press take.
	Outcomes() []string
	// Actions are what Press takes beside the outcomes: "tap", "decline", "cancel", "pull-cable", "plug-cable",
	// "cut-power", "restore-power" at least.
	Actions() []string
	// Face is what can be seen of the terminal now.
	Face() Face
	// Changed is closed at the next change of Face; ask anew after each.
	Changed() <-chan struct{}
}

// Face is a simulated terminal as a bystander sees it, with its ledger.
type Face struct {
	Display []string `json:"display"` // the display's lines
	Paying  bool     `json:"paying"`  // a payment is in progress
	Powered bool     `json:"powered"`
	Cabled  bool     `json:"cabled"`
	Receipt []string `json:"receipt,omitempty"` // the last receipt printed on the terminal's own printer
	Ledger  []Entry  `json:"ledger"`            // oldest first, at most the last 1000
}

// Entry is one line of a simulated terminal's ledger.
type Entry struct {
	Sequence  string    `json:"sequence"` // the terminal's own number
	Kind      string    `json:"kind"`     // "sale", "refund", "void"
	Minor     int64     `json:"minor"`
	Currency  string    `json:"currency"`
	AuthCode  string    `json:"auth_code,omitempty"`
	Reference string    `json:"reference,omitempty"` // ours, where the protocol carries one
	At        time.Time `json:"at"`
	// Captured tells whether the money moved and stayed: false once voided or reversed by the terminal.
	Captured bool `json:"captured"`
	// Manual marks a sale made at the terminal itself, without us.
	Manual bool `json:"manual,omitempty"`
}
