package till

import (
	"context"
	"errors"
	"fmt"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// Return takes the shop's own order to give a sale back, a part of it (bridge.Refund) or the whole (bridge.Void), at the terminal
// that made it. It returns once the order is durable, or with a *bridge.Refusal, after which nothing has changed; any other
// error means that the journal failed, and the same order may be given again. An order that is known already is not carried out
// a second time.
//
// What becomes of it is recorded as of a payment. Where its conversation breaks off it is held for a person at once: the
// drivers ask a terminal about sales only.
func (d *Desk) Return(ctx context.Context, o bridge.Order) error {
	if o.Kind == bridge.Sale {
		return errors.New("a sale is ordered by MGR")
	}
	_, err := d.Accept(ctx, o)
	return err
}

// returnable says why a terminal cannot give a sale back as ordered; nil where it can, and for a sale. The caller holds mu, so that
// no two orders are measured against the same rest.
func (w *worker) returnable(ctx context.Context, o bridge.Order) error {
	if o.Kind == bridge.Sale {
		return nil
	}
	if !w.can(o.Kind) {
		return bridge.Refuse(bridge.Unfit, "This terminal gives nothing back at the till's wish: do it at its own keys.")
	}
	sale, there, err := w.desk.journal.Payment(ctx, o.Sale)
	if err != nil {
		return fmt.Errorf("look for the sale: %w", err)
	}
	returns, err := w.desk.journal.Returns(ctx, o.Sale)
	if err != nil {
		return fmt.Errorf("look for what was given back: %w", err)
	}
	left, whole := bridge.Returnable(sale, returns)
	switch {
	case !there || left == 0:
		return bridge.Refuse(bridge.Unfit, "Nothing of this payment can be given back: it was not approved, or all of it was given back, or something on the way back is not known yet.")
	case sale.Terminal != o.Terminal || sale.Driver != w.Driver.Name || sale.Amount.Currency != o.Amount.Currency:
		return bridge.Refuse(bridge.Unfit, "This payment was made at another terminal, or the terminal was set up anew since. Give it back at the terminal itself.")
	case o.Kind == bridge.Void && (!whole || o.Amount.Minor != left):
		return bridge.Refuse(bridge.Unfit, "A sale can be reversed only as a whole, once, and where its number at the terminal is known.")
	case o.Amount.Minor > left:
		return bridge.Refuse(bridge.Unfit, "Only %s of this payment can still be given back.", terminal.Amount{Minor: left, Currency: o.Amount.Currency})
	}
	return nil
}

// can tells whether the terminal does what an order of a kind needs. The caller holds mu.
func (w *worker) can(k bridge.Kind) (can bool) {
	switch k {
	case bridge.Sale:
		return true
	case bridge.Refund:
		_, can = w.session.(terminal.Refunder)
	case bridge.Void:
		_, can = w.session.(terminal.Voider)
	}
	return can
}

// command is the driver's call that carries a payment out. An error means that nothing was sent.
func (w *worker) command(ctx context.Context, p bridge.Payment, till terminal.Till) (func(context.Context) (terminal.Result, error), error) {
	session, request := w.session, p.Request()
	switch p.Kind {
	case bridge.Refund:
		if s, ok := session.(terminal.Refunder); ok {
			return func(ctx context.Context) (terminal.Result, error) { return s.Refund(ctx, request, till) }, nil
		}
	case bridge.Void:
		sale, there, err := w.desk.journal.Payment(context.WithoutCancel(ctx), p.Sale)
		if s, ok := session.(terminal.Voider); ok && err == nil && there && sale.Result != nil {
			return func(ctx context.Context) (terminal.Result, error) { return s.Void(ctx, request, *sale.Result, till) }, nil
		}
		if err != nil {
			return nil, fmt.Errorf("look for the sale: %w", err)
		}
	default:
		return func(ctx context.Context) (terminal.Result, error) { return session.Pay(ctx, request, till) }, nil
	}
	return nil, errors.New("the terminal does not do this any more")
}
