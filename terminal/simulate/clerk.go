package simulate

import (
	"context"
	"time"

	"tillbridge/terminal"
)

// Clerk is the person who works a simulated terminal that no till has a line to; its simulator is one. They know what they are
// asked, and what the terminal shows and prints: nothing of its ledger, and nothing of what a driver knows.
type Clerk interface {
	// Answer keys the amount in, waits for the end, and reads the printout; what is put Again, or with a Problem, is read from the same
	// printout once more. It is a terminal.Ask.
	Answer(ctx context.Context, q terminal.Question) (terminal.Answer, error)
	// Look reads in the terminal's own journal what became of an amount that may have been keyed in since a time: Approved with its
	// codes, Declined where nothing was sold since, Unknown where something else was. An error means that the terminal is not idle
	// now.
	Look(a terminal.Amount, since time.Time) (terminal.Answer, error)
}
