package shop

import "tillbridge/terminal"

// model is a kind of terminal that a shop may have.
type model struct {
	name      string
	driver    terminal.Driver
	options   any // of the driver
	simulator any // of the driver's simulator, as SimulatorOptions have them; nil for nothing
	links     []terminal.LinkKind
	currency  terminal.Currency
	tells     evidence
	spared    []string // scripts that are not played, since the driver is known to break a law with them
}

// evidence is what a terminal can tell of a payment, by the paper of its protocol. It is the judge's own, who does not ask the
// driver what it can prove.
type evidence struct {
	memory memory
	// votes: the terminal reverses a sale by itself whose result was not acknowledged (C4).
	votes bool
	// counts: nothing in the record is of our own making, so that a sale which nobody saw approved must have the very next
	// number after the mark.
	counts bool
	// plain: the record has a sum and does not say how much of it is a tip.
	plain bool
}

// memory is what can be asked of a terminal after the dialogue.
type memory uint8

// The memories, as the evidence classes of terminal have them.
const (
	// remembersNothing: the dialogue alone (C1).
	remembersNothing memory = iota
	// remembersLast: the last transaction (C2).
	remembersLast
	// remembersDay: each sale since the last close under a name of ours, and after a close the last one (C2, and more).
	remembersDay
	// remembersBatch: each sale since the last close under our reference, and nothing after a close (C3).
	remembersBatch
)
