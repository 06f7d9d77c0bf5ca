package bridge

import (
	"time"

	"tillbridge/terminal"
)

// TerminalStatus is a terminal as a person at the till would describe it.
type TerminalStatus struct {
	Name     string
	Driver   string // the driver's title
	Line     string // the port in the words of the settings
	Currency terminal.Currency
	Health   TerminalHealth
	Text     string    // one sentence: what it does, or what is wrong and what to do
	Since    time.Time // since when Health is what it is

	Payment   *Payment // the payment in hand, nil when there is none
	Progress  string   // the terminal's last text in that payment
	CanCancel bool
	Look      string     // how this model shows its last payment, in the shop's own words; empty where nobody wrote it down
	ClosesAt  *ClockTime // when its end of day runs by itself; nil for never
	Closing   bool       // its end of day is under way, or about to be

	CanClose, CanRefund, CanVoid bool // what it does at the till's wish, as far as it is reached

	Question *Question // what the terminal's driver asks a person; nil while it asks nothing
}

// Question is a question of a terminal's driver that waits for a person's answer.
type Question struct {
	ID string // by which an answer finds its question; never used twice
	terminal.Question
}

// TerminalHealth is a terminal's state in a word.
type TerminalHealth uint8

// The health words.
const (
	Connecting TerminalHealth = iota // not yet reached since the start
	Ready                            // can take a payment
	Working                          // in a payment
	Asking                           // asking the terminal what became of a payment
	OnHold                           // a payment is not known; no sale until it is settled
	Gone                             // cannot be reached
)

func (h TerminalHealth) String() string {
	return [...]string{"connecting", "ready", "working", "asking", "on hold", "gone"}[h]
}
