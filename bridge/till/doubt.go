package till

import (
	"context"
	"errors"
	"time"

	"tillbridge/bridge"
)

// adopt takes an open payment of an earlier run in hand, before run; they come oldest first. A frozen or busy
// terminal takes no other, so there is one that binds it; but an order that MGR was not told we have may stand in
// the journal beside one that came after it. It is given up.
func (w *worker) adopt(p bridge.Payment) {
	if p.State == bridge.Held && !p.Frozen() {
		return
	}
	if w.hand != nil {
		w.doubt = true
		if p.State == bridge.Received && w.hand.State != bridge.Received {
			return
		}
	}
	w.hand = &p
}

// written looks whether an order stands in the journal although it could not be told that it does: a disk that
// fails in the very commit may have kept it. Where the journal cannot be read either, MGR is told that the
// order is not taken, and it is given up as soon as it can be read. The caller holds mu.
func (w *worker) written(ctx context.Context, o bridge.Order, cause error) error {
	if errors.Is(cause, bridge.ErrExists) {
		return cause
	}
	p, there, err := w.desk.journal.Payment(context.WithoutCancel(ctx), o.UUID)
	switch {
	case err != nil:
		w.doubt = true
		w.prod()
		return errors.Join(cause, err)
	case there && p.State == bridge.Received && p.Digest() == o.Digest():
		w.take(p)
		return nil
	}
	return cause
}

// repeated answers a webhook that came again for an order that nobody has begun. One that MGR was not told we
// have is taken now.
func (w *worker) repeated(known bridge.Payment) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.hand != nil && w.hand.UUID == known.UUID, !w.doubt:
		return nil
	case w.hand != nil || w.desk.refusing():
		return w.refusal(known.Order)
	}
	w.take(known)
	return nil
}

// giveUpDoubtful ends the orders in the journal that MGR was not told we have; nothing was sent for them.
func (w *worker) giveUpDoubtful(ctx context.Context) error {
	open, err := w.desk.journal.Unsettled(ctx)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range open {
		if p.Terminal != w.Name || p.State != bridge.Received || w.hand != nil && w.hand.UUID == p.UUID {
			continue
		}
		_, err := w.desk.apply(ctx, p, bridge.Event{
			Kind: bridge.GiveUp, At: time.Now(), Reason: "The bridge could not tell MGR that it had the payment, so nothing was sent to the terminal.",
		})
		if err != nil {
			return err
		}
	}
	w.doubt = false
	return nil
}

// doubtEvery is how often the journal is asked again for an order that was not answered.
const doubtEvery = 2 * time.Second
