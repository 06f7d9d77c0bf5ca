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
	"errors"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// ErrStale is wrapped by Journal.Append when the payment has moved on since the transition was computed.
// Nothing was written.
var ErrStale = errors.New("the payment has moved on")

// ErrExists is wrapped by Journal.Append when the uuid of a new payment is taken. Nothing was written.
var ErrExists = errors.New("the payment exists already")

// Journal is what is durable. Append returns nil once the transition, its notice and the terminal's mark are
// on disk together; after an error none of them is, unless the disk itself lost track, which a later
// Payment tells.
type Journal interface {
	Append(ctx context.Context, t bridge.Transition) error
	Payment(ctx context.Context, uuid string) (bridge.Payment, bool, error)
	Unsettled(ctx context.Context) ([]bridge.Payment, error)
	Marks
	Outbox
}

// Marks keeps each terminal's last sequence, and lends space to receipts.
type Marks interface {
	Mark(ctx context.Context, name string) (mark terminal.Mark, terminalID string, err error)
	SetMark(ctx context.Context, name string, mark terminal.Mark, terminalID string) error
	SaveReceipt(ctx context.Context, uuid string, r terminal.Receipt) error
}

// Outbox is the part of the journal's outbox that payments touch, and its word on new payments.
type Outbox interface {
	// Renotify puts a final payment's notice back; nothing happens where it is still there.
	Renotify(ctx context.Context, uuid string) error
	// Forget removes the notice of a payment that is reported already.
	Forget(ctx context.Context, uuid string) error
	// Accepting is nil while new payments can be written; its error says why not.
	Accepting() error
}
