// Package till runs payments: it carries out the effects of the core against the drivers, one worker a
// terminal, and keeps the order that the money law asks for. Every transition is durable in the journal
// before anything outside is done because of it; the driver is called to pay once for a payment, ever; a
// dialogue that broke is asked about and never repeated.
//
// The journal is the arbiter between goroutines: a transition that was computed from an outdated payment is
// refused by it, and is then computed anew.
package till

import (
	"context"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// Journal is what is durable. Append returns nil once the transition, its notice and the terminal's mark are
// on disk together. It fails with bridge.ErrStale or bridge.ErrExists where it knows better than the
// transition. After an error nothing of it is there, unless the disk itself lost track, which a later Payment
// tells.
type Journal interface {
	Append(ctx context.Context, t bridge.Transition) error
	Payment(ctx context.Context, uuid string) (bridge.Payment, bool, error)
	Unsettled(ctx context.Context) ([]bridge.Payment, error)
	// Returns are the refunds and voids of a sale.
	Returns(ctx context.Context, sale string) ([]bridge.Payment, error)
	Marks
	Outbox
	DayEnds
}

// Marks keeps each terminal's last sequence as it was read, and lends space to receipts.
type Marks interface {
	SetMark(ctx context.Context, name string, mark terminal.Mark, terminalID string) error
	SaveReceipt(ctx context.Context, uuid string, r terminal.Receipt) error
}

// Outbox is the part of the journal's outbox that payments touch, and its word on new payments.
type Outbox interface {
	// Renotify puts a final payment's notice back, due at once. It tells true where the notice was still there.
	Renotify(ctx context.Context, uuid string) (bool, error)
	// Forget removes the notice of a payment that is reported already.
	Forget(ctx context.Context, uuid string) error
	// Accepting is nil while new payments can be written; its error says why not.
	Accepting() error
}
