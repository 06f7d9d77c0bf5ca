package transbank

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
	// unheard is how long a terminal is waited for that has said nothing at all to a money command.
	unheard = 30 * time.Second
	// damagedMost is how many damaged messages are asked for again in one payment.
	damagedMost = 9
)

// Pay is 0200, or 0270 for one of several merchants. An approval is a result 00 with our ticket, recorded, then acknowledged.
func (s *session) Pay(ctx context.Context, r terminal.Request, till terminal.Till) (terminal.Result, error) {
	ticket, ok := ticketOf(r.Reference)
	if !ok {
		return terminal.Result{}, fmt.Errorf("%w: the reference %q makes no ticket; want digits and capitals", terminal.ErrNotSent, tidy(r.Reference))
	}
	if err := payable(r.Amount); err != nil {
		return terminal.Result{}, fmt.Errorf("%w: %w", terminal.ErrNotSent, err)
	}
	if err := s.prepare(ctx, till, ""); err != nil {
		return terminal.Result{}, fmt.Errorf("%w: %w", terminal.ErrNotSent, err)
	}
	d := &dialogue{s: s, till: till, body: s.o.reqSale(r.Amount.Minor, ticket), ticket: ticket, minor: r.Amount.Minor}
	return s.transact(ctx, d)
}

// Void is 1200: it reverses a credit sale since the last close, by its operation number. On an Autoservicio it is the last sale, or
// ErrNotSent.
func (s *session) Void(ctx context.Context, r terminal.Request, of terminal.Result, till terminal.Till) (terminal.Result, error) {
	operation := strings.TrimSpace(of.TxnRef)
	if !wire.IsDigits(operation) || len(operation) > 6 {
		return terminal.Result{}, fmt.Errorf("%w: the sale has no operation number to name it by", terminal.ErrNotSent)
	}
	if err := payable(r.Amount); err != nil {
		return terminal.Result{}, fmt.Errorf("%w: %w", terminal.ErrNotSent, err)
	}
	if err := s.prepare(ctx, till, operation); err != nil {
		return terminal.Result{}, fmt.Errorf("%w: %w", terminal.ErrNotSent, err)
	}
	return s.transact(ctx, &dialogue{s: s, till: till, body: s.o.reqVoid(operation), void: operation})
}

// payable tells whether the protocol can carry the amount.
func payable(a terminal.Amount) error {
	if err := pesos(a.Currency); err != nil {
		return err
	}
	if a.Minor < minMinor || a.Minor > maxMinor {
		return fmt.Errorf("%s cannot be sent: the terminal takes %d to %d CLP", a, minMinor, maxMinor)
	}
	return nil
}

// prepare makes sure of the line and of an idle terminal. What it has sold is asked anew where the line was opened again, since another
// terminal may be at its end, and always of an Autoservicio, which keeps one sale only, with which the payment will be compared; for
// a void it must be the sale that is to be voided.
func (s *session) prepare(ctx context.Context, till terminal.Till, void string) (err error) {
	for n := range 2 { // an idle line may have died
		err = s.ready(ctx)
		if err == nil || n > 0 || errors.Is(err, terminal.ErrBusy) || errors.Is(err, terminal.ErrRefused) || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return err
	}
	if s.o.Model == Autoservicio || s.unmet && !s.noList {
		if err := s.reread(ctx, till, void); err != nil {
			return err
		}
	}
	s.fresh = false
	return ctx.Err()
}

// reread reads the mark anew.
func (s *session) reread(ctx context.Context, till terminal.Till, void string) error {
	now, err := s.readMark(ctx)
	switch {
	case err != nil && (s.last.Known() || void != "" && s.o.Model == Autoservicio || !errors.Is(err, terminal.ErrRefused)):
		return err // it told its last sale before, so it does not lack that, and the line may be damaged
	case void != "" && s.o.Model == Autoservicio:
		if m, _ := parseMark(now); m.operation != shortNumber(void) {
			return errors.New("another sale was made since, and the terminal voids its last one only")
		}
	case void == "" && now != s.last:
		if err := till.Mark(now); err != nil {
			return fmt.Errorf("record the terminal's last sale: %w", err)
		}
		s.last = now
	}
	return nil
}

// transact hands a money command to the line and hears the terminal to its result. After an error the line is closed.
func (s *session) transact(ctx context.Context, d *dialogue) (terminal.Result, error) {
	s.held.Undecided(true)
	defer s.held.Undecided(false)
	out, err := d.run(ctx)
	if err != nil {
		s.drop()
		return terminal.Result{}, err
	}
	if out.Mark.Known() {
		s.last = out.Mark
	}
	return out, nil
}

// dialogue is one money command.
type dialogue struct {
	s      *session
	till   terminal.Till
	body   string
	ticket string
	minor  int64
	void   string // operation number of the sale that it voids; empty for a sale

	money   *link.Money
	acked   bool // the terminal has acknowledged the command
	damaged int  // messages
	row     int  // of them since a whole one
}

// run sends the command and hears the terminal; what it does not answer is waited for.
func (d *dialogue) run(ctx context.Context) (out terminal.Result, err error) {
	d.money = &link.Money{
		Line: d.s.line, Body: []byte(d.body), NakPause: nakPause, Till: d.till, Quality: d.s.env.Quality, Patience: d.patience,
		Hear: func(e wire.STXEvent) (over, alive bool, err error) {
			out, over, err = d.hear(e)
			return over, e.Kind == wire.STXAck || e.Kind == wire.STXFrame, err
		},
	}
	err = d.money.Run(ctx)
	return out, err
}

// patience is the longest silence from now on.
func (d *dialogue) patience() time.Duration {
	if !d.money.Taken {
		return unheard
	}
	return d.s.o.PaymentTimeout
}

// hear takes one thing that the terminal said; over means that it was the payment's end.
func (d *dialogue) hear(e wire.STXEvent) (out terminal.Result, over bool, err error) {
	switch e.Kind {
	case wire.STXAck:
		if !d.money.Taken {
			d.till.Progress(terminal.Progress{Stage: terminal.Started})
		}
		d.money.Taken, d.acked = true, d.acked || !e.Dirty
	case wire.STXBadLRC, wire.STXTooLong:
		d.s.env.Quality.BadCheck()
		d.damaged++
		if d.row++; d.row < link.SendsMost && d.damaged <= damagedMost {
			err = d.s.line.Nak()
		}
	case wire.STXFrame:
		d.s.env.Quality.Message()
		d.row = 0
		return d.frame(e.Body)
	}
	return terminal.Result{}, false, err
}

// frame takes a message.
func (d *dialogue) frame(body []byte) (out terminal.Result, over bool, err error) {
	m, ok := parse(body)
	switch {
	case ok && m.is(fnProgress):
		d.money.Taken = true
		d.till.Progress(progressOf(m.code))
		return out, false, d.s.line.Ack()
	case d.void != "" && m.is("1210"):
		return d.end(m, d.s.judgeVoid(m, d.void, d.acked))
	case d.void == "" && m.is("0210", "0271"):
		return d.result(m)
	}
	return out, false, d.s.aside(body)
}

// result takes a result. One of another ticket is of an earlier payment, which is decided; one without a ticket, as some refusals are,
// is this payment's if the terminal has acknowledged our command, since it says nothing old after that.
func (d *dialogue) result(m message) (out terminal.Result, over bool, err error) {
	r, _ := d.s.o.readSale(m)
	switch {
	case r.ticket != "" && !r.has(d.ticket), m.body == d.s.told && !d.acked:
		d.s.log.Info("heard an earlier result once more")
		d.s.env.Quality.CameAgain()
		return out, false, d.s.line.Ack()
	}
	out = d.s.judge(r, d.minor)
	if other := d.s.known(r.terminalID); other != nil {
		out = unclear(out, "Another terminal answers than before.")
	}
	if r.ticket == "" && (m.code == codeOK || !d.acked) {
		out = unclear(out, "The terminal's result does not say which payment it is of.")
	}
	if r.voucher != "" {
		d.till.Receipt(receipt(r.voucher))
	}
	return d.end(m, out)
}

// end records a result and acknowledges it.
func (d *dialogue) end(m message, out terminal.Result) (terminal.Result, bool, error) {
	if err := d.till.Seen(out); err != nil {
		return out, false, fmt.Errorf("record the result: %w", err)
	}
	d.s.told = m.body
	if err := d.s.line.Ack(); err != nil {
		d.s.log.Warn("acknowledge the result", "error", err) // it is recorded, and the terminal has booked it
		d.s.loose = true
		return out, true, nil
	}
	d.till.Progress(terminal.Progress{Stage: terminal.Acknowledged})
	return out, true, nil
}

// unclear takes the outcome from a result.
func unclear(out terminal.Result, why string) terminal.Result {
	out.Outcome, out.Proof, out.Mark, out.Text = terminal.Unknown, terminal.NoProof, "", why
	return out
}

// judge is a sale in the engine's words, for a request of that many pesos.
func (s *session) judge(r sale, requested int64) terminal.Result {
	out := terminal.Result{
		AuthCode: tidy(r.auth), TxnRef: tidy(r.operation), TerminalID: s.terminalID, CardName: brandOf(r), CardLast4: r.last4,
		Code: terminal.Tidy(r.code, 8), Raw: r.raw(), TerminalTime: r.time(),
	}
	if r.terminalID != "" {
		out.TerminalID = tidy(r.terminalID)
	}
	k, known := codeOf(r.code)
	switch {
	case !known, r.torn():
		out.Text = codeText(r.code)
	case r.code == codeOK:
		out.Outcome, out.Proof = terminal.Approved, terminal.Dialogue
		if r.operation != "" {
			out.Mark = s.markOf(r).text()
		}
		if r.hasAmount {
			captured := r.minor
			out.CapturedMinor = &captured
			if r.tip > 0 && r.minor-r.tip == requested {
				out.ExtraMinor = r.tip
			}
		}
	case k.refuses:
		out.Outcome, out.Proof, out.Text = terminal.Declined, terminal.Refused, codeText(r.code)
	default:
		out.Text = codeText(r.code)
	}
	return out
}

// judgeVoid is the result of a void in the engine's words. It names no amount, and no ticket.
func (s *session) judgeVoid(m message, operation string, acked bool) terminal.Result {
	r := sale{message: m, terminalID: m.at(3), auth: terminal.MaskCardNumbers(m.at(4)), operation: m.at(5)}
	named := shortNumber(r.operation) == shortNumber(operation)
	out := terminal.Result{
		AuthCode: tidy(r.auth), TxnRef: tidy(r.operation), TerminalID: s.terminalID,
		Code: terminal.Tidy(m.code, 8), Raw: r.raw(), Text: codeText(m.code),
	}
	switch k, _ := codeOf(m.code); {
	case !acked, r.operation != "" && !named:
		out.Text = "The terminal's result does not say which void it is of."
	case m.code == codeOK && named:
		out.Outcome, out.Proof, out.Text = terminal.Approved, terminal.Dialogue, ""
	case k.refuses:
		out.Outcome, out.Proof = terminal.Declined, terminal.Refused
	}
	return out
}
