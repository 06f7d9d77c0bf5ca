package pax

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/link"
	"tillbridge/terminal/wire"
)

const (
	unheard  = 30 * time.Second // for anything at all after a money command
	afterEnd = 10 * time.Second // for a result after an EOT that came without one
)

// Pay is T00. An approval is a T01 with the code 000000 or 000002 that names our reference and an amount; it is recorded, then
// acknowledged. The codes 000001 and 000003, of which one list alone tells, leave it to the terminal's own record.
func (s *session) Pay(ctx context.Context, r terminal.Request, till terminal.Till) (terminal.Result, error) {
	ext := ""
	if s.o.AskTip {
		ext = "TIPREQ=1"
	}
	return s.transact(ctx, r, till, typeSale, money(s.o.Version, typeSale, r.Amount.Minor, r.Reference, "", ext))
}

// Refund is T00 of a return.
func (s *session) Refund(ctx context.Context, r terminal.Request, till terminal.Till) (terminal.Result, error) {
	return s.transact(ctx, r, till, typeReturn, money(s.o.Version, typeReturn, r.Amount.Minor, r.Reference, "", ""))
}

// Void is T00 of a void, which names the sale by the terminal's transaction number and the host's reference. It can be made until the
// batch is closed.
func (s *session) Void(ctx context.Context, r terminal.Request, sale terminal.Result, till terminal.Till) (terminal.Result, error) {
	m, _ := parseMark(sale.Mark)
	href := ""
	if sale.TxnRef != "" && sale.TxnRef != m.number && !strings.Contains(sale.TxnRef, "*") { // one that looks like a card number is masked
		href = "HREF=" + sale.TxnRef
	}
	if m.number == "" && href == "" {
		return terminal.Result{}, fmt.Errorf("%w: the sale has no number to name it by", terminal.ErrNotSent)
	}
	return s.transact(ctx, r, till, typeVoid, money(s.o.Version, typeVoid, 0, r.Reference, m.number, href))
}

// Cancel asks the terminal to give up the running payment (A14).
func (s *session) Cancel() {
	s.cancelled.Store(true)
	s.held.Do(func() {
		if s.line != nil {
			s.line.Poke()
		}
	})
}

// transact makes sure of the terminal and of the mark, hands a money command to the line once, and hears its result.
func (s *session) transact(ctx context.Context, r terminal.Request, till terminal.Till, kind string, cmd []byte) (terminal.Result, error) {
	s.cancelled.Store(false)
	if r.Amount.Minor <= 0 || r.Amount.Minor > terminal.MaxMinor || r.Amount.Currency.Digits != 2 || r.Reference == "" || clean(r.Reference) != r.Reference {
		return terminal.Result{}, fmt.Errorf("%w: %s under %q cannot be sent", terminal.ErrNotSent, r.Amount, r.Reference)
	}
	if err := s.prepare(ctx, till); err != nil {
		s.settle()
		return terminal.Result{}, fmt.Errorf("%w: %w", terminal.ErrNotSent, err)
	}
	s.held.Undecided(true)
	d := &dialogue{s: s, till: till, r: r, kind: kind, cmd: cmd}
	out, err := d.run(ctx)
	s.began = time.Now()
	if err != nil {
		s.loose = true
		s.drop()
	}
	s.held.Undecided(false)
	if out.Mark.Known() {
		s.last = out.Mark
	}
	s.settle()
	return out, err
}

// prepare asks whether the terminal is at rest and reads a record of its list, whose presence afterwards tells that no batch was closed.
func (s *session) prepare(ctx context.Context, till terminal.Till) (err error) {
	var fresh terminal.Mark
	for range 2 { // an idle line may have died
		if _, err = s.idle(ctx); err == nil {
			fresh, err = s.witness(ctx)
		}
		if err == nil || errors.Is(err, terminal.ErrBusy) || errors.Is(err, errOther) || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return err
	}
	if fresh != s.last {
		if err := till.Mark(fresh); err != nil {
			return fmt.Errorf("record what is in the terminal's list: %w", err)
		}
		s.last = fresh
	}
	if s.cancelled.Load() {
		return errors.New("it was cancelled before it was sent")
	}
	return errors.Join(s.connect(ctx), ctx.Err())
}

// dialogue is one money command.
type dialogue struct {
	s    *session
	till terminal.Till
	r    terminal.Request
	kind string
	cmd  []byte

	money     *link.Money
	packets   packets
	cancelled bool // A14 was sent
	stale     bool // another payment's result was acknowledged, and an EOT may follow
	ended     bool // the last thing heard was an EOT that follows no result
}

// run sends the command and hears the terminal.
func (d *dialogue) run(ctx context.Context) (out terminal.Result, err error) {
	d.money = &link.Money{
		Line: d.s.line, Body: d.cmd, NakPause: nakPause, Till: d.till, Quality: d.s.env.Quality, Patience: d.patience, Poked: d.giveUp,
		Hear: func(e wire.STXEvent) (over, alive bool, err error) {
			out, over, err = d.hear(ctx, e)
			d.ended = e.Kind == wire.STXEnd && !d.stale
			d.stale = d.stale && e.Kind != wire.STXEnd
			return over, true, err
		},
	}
	err = d.money.Run(ctx)
	return out, err
}

// giveUp asks for the end of the payment (A14), once, if somebody wants it.
func (d *dialogue) giveUp() error {
	if d.cancelled || !d.s.cancelled.Load() {
		return nil
	}
	d.cancelled = true
	return d.s.line.Send(command(d.s.o.Version, "A14", ""))
}

// patience is the longest silence from now on.
func (d *dialogue) patience() time.Duration {
	switch {
	case d.ended:
		return afterEnd
	case d.money.Taken:
		return d.s.o.PaymentTimeout
	}
	return unheard
}

// hear takes one thing that the terminal said; over means that it was the payment's result.
func (d *dialogue) hear(ctx context.Context, e wire.STXEvent) (out terminal.Result, over bool, err error) {
	if e.Kind == wire.STXAck && !d.money.Taken {
		d.money.Taken = true
		d.till.Progress(terminal.Progress{Stage: terminal.Started})
	}
	data, whole, err := d.s.take(&d.packets, e)
	if err != nil || !whole {
		return out, false, err
	}
	r, ok := readReply(data)
	t := r.payment()
	double := r.code == codeDuplicate || r.code == codeHostDouble // which has the data of the earlier one
	before, known := parseMark(d.s.last)
	others := t.ref != "" && t.ref != d.r.Reference || known && markOf(t).same(before)
	if !ok || r.cmd != "T01" || others && !double {
		d.s.log.Info("heard something else than the payment's result", "length", len(data))
		d.stale = ok && r.cmd == "T01"
		return out, false, d.s.line.Ack()
	}
	out = d.judge(r, t)
	out.TerminalID = d.s.serial
	if err := d.till.Seen(out); err != nil {
		return terminal.Result{}, false, fmt.Errorf("record the result: %w", err)
	}
	d.s.finish(ctx, e.Body)
	d.till.Progress(terminal.Progress{Stage: terminal.Acknowledged})
	return out, true, nil
}

// judge is a result in the engine's words. What is not proven has nothing in it that could be taken for the payment's.
func (d *dialogue) judge(r reply, t transaction) terminal.Result {
	out := t.result(r)
	doubt := func(text string) terminal.Result { return terminal.Result{Code: out.Code, Raw: out.Raw, Text: text} }
	switch r.code {
	case codeOK, codePartial:
		minor, _, named := t.captured()
		switch {
		case t.ref == "":
			return doubt("The terminal approved a payment and did not say which.")
		case t.kind != "" && t.kind != d.kind:
			return doubt("The terminal approved something else than was asked for.")
		case !named && d.kind != typeVoid:
			return doubt("The terminal approved the payment and did not say how much.")
		case r.code == codePartial && minor >= d.r.Amount.Minor:
			return doubt("The terminal speaks of a part of the amount and names all of it.")
		case named && d.kind == typeVoid && minor != 0 && minor != d.r.Amount.Minor:
			return doubt("The terminal reversed another amount than that of the sale.")
		}
		if d.kind == typeVoid && minor == 0 {
			out.CapturedMinor = nil
		}
		out.Outcome, out.Proof = terminal.Approved, terminal.Dialogue
		if r.code == codePartial {
			out.Text = r.sentence()
		}
		return out
	case codeDeclined, codeTimeout, codeAborted:
		if t.ref == "" && !d.money.Taken {
			return doubt("The terminal refused a payment and did not say which. " + r.sentence())
		}
		out = doubt(r.sentence())
		out.Outcome, out.Proof = terminal.Declined, terminal.Refused
		return out
	}
	return doubt(r.sentence())
}
