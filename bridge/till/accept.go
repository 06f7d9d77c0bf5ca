package till

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"tillbridge/bridge"
)

// Accept takes an order from MGR. It returns once the payment is durable, or with a *bridge.Refusal, after
// which nothing has changed; any other error means that the journal failed.
func (d *Desk) Accept(ctx context.Context, o bridge.Order) (bridge.Acceptance, error) {
	w := d.workers[o.Terminal]
	if w == nil {
		return 0, bridge.Refuse(bridge.UnknownTerminal, "There is no terminal %q in the settings of the bridge.", o.Terminal)
	}
	known, _, err := d.journal.Payment(ctx, o.UUID)
	if err != nil {
		return 0, fmt.Errorf("look for payment: %w", err)
	}
	if a, err := bridge.Admit(known, o); err != nil || a == bridge.Repeat {
		return a, d.repeat(ctx, known, err)
	}
	return d.acceptNew(ctx, w, o)
}

// acceptNew takes an order that the journal did not have. Another webhook with its uuid may have been faster, and its
// payment may be over by now, so that the terminal's refusal is not about this order.
func (d *Desk) acceptNew(ctx context.Context, w *worker, o bridge.Order) (bridge.Acceptance, error) {
	cause := w.accept(ctx, o)
	var refusal *bridge.Refusal
	if !errors.Is(cause, bridge.ErrExists) && !errors.As(cause, &refusal) {
		return bridge.New, cause
	}
	known, there, err := d.journal.Payment(ctx, o.UUID)
	switch {
	case err != nil && refusal == nil:
		return 0, fmt.Errorf("look for payment: %w", err)
	case err != nil || !there:
		return 0, cause
	}
	a, err := bridge.Admit(known, o)
	return a, d.repeat(ctx, known, err)
}

// repeat answers a webhook that came again: a final outcome is sent again, nothing is sold again.
func (d *Desk) repeat(ctx context.Context, known bridge.Payment, refusal error) error {
	switch {
	case refusal != nil:
		return refusal
	case known.State == bridge.Received:
		return d.workers[known.Terminal].repeated(known)
	case !known.Final() || known.Kind != bridge.Sale:
		return nil
	}
	// MGR may be answering a notice of it this very moment, which says nothing of this webhook; and a disk that
	// fails is no reason to refuse a payment that is known. So it is owed until the journal has it anew.
	d.owe(known.UUID, 1)
	onTheWay, err := d.journal.Renotify(ctx, known.UUID)
	switch {
	case err != nil:
		d.log.Error("send the outcome again", "uuid", known.UUID, "error", err)
		d.prodOwing()
	case !onTheWay && !d.isTaking(known.UUID):
		d.owe(known.UUID, -1)
	}
	d.hooks.Notify()
	return nil
}

// againMost bounds the outcomes that wait in memory to be sent once more.
const againMost = 1024

// owe changes how often MGR asked for an outcome that may be on its way to it already.
func (d *Desk) owe(uuid string, n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.again[uuid] + n
	switch {
	case now <= 0:
		delete(d.again, uuid)
	case len(d.again) < againMost || d.again[uuid] > 0:
		d.again[uuid] = now
	}
}

// owed tells whether MGR wants an outcome once more, and forgets it.
func (d *Desk) owed(uuid string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	was := d.again[uuid] > 0
	delete(d.again, uuid)
	return was
}

// take notes that the notice of a payment is being taken out of the journal. While that has not succeeded the
// notice may be out already, since a disk may keep what it says it lost; the one that a repeated webhook then puts
// back would be taken out in its place.
func (d *Desk) take(uuid string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.taking) < againMost {
		d.taking[uuid] = true
	}
}

func (d *Desk) taken(uuid string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.taking, uuid)
}

func (d *Desk) isTaking(uuid string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.taking[uuid]
}

func (d *Desk) prodOwing() {
	select {
	case d.owing <- struct{}{}:
	default:
	}
}

// owingEvery is how often the journal is tried again with outcomes that are to be sent once more.
const owingEvery = 2 * time.Second

// payOwing notes in the journal what it could not take when MGR asked, until ctx ends.
func (d *Desk) payOwing(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.owing:
		}
		t := time.NewTimer(owingEvery)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
		d.mu.Lock()
		waiting := slices.Sorted(maps.Keys(d.again))
		d.mu.Unlock()
		for _, uuid := range waiting {
			there, err := d.journal.Renotify(ctx, uuid)
			if err != nil {
				d.prodOwing()
				break
			}
			if !there && !d.isTaking(uuid) {
				d.owed(uuid)
			}
		}
		d.hooks.Notify()
	}
}
