package ecr17

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/link"
	"tillbridge/terminal/wire"
)

const (
	// unheard is how long a terminal that acknowledges is waited for where it has said nothing at all to a money command.
	unheard = 30 * time.Second
	// ticketWait is how long a receipt may come after the result.
	ticketWait = 3 * time.Second
	// damagedMost is how many damaged messages are asked for again in one payment.
	damagedMost = 9
)

// Pay is X, or P where the terminal does not know X. An approval is a result 00 that was not heard before, recorded, then
// acknowledged.
//
// Which of both the terminal knows cannot be found out by a harmless message. It says NAK to the one that it does not know; a NAK is
// its refusal of the frame, so that nothing runs, and is believed only after three of them, each to one frame and with nothing
// else heard, and an answer to the status request, which a terminal gives that is at rest.
func (s *session) Pay(ctx context.Context, r terminal.Request, till terminal.Till) (terminal.Result, error) {
	if err := payable(r.Amount); err != nil {
		return terminal.Result{}, fmt.Errorf("%w: %w", terminal.ErrNotSent, err)
	}
	code, text := byte(codeExtended), ""
	if s.basic || s.o.Extended == ExtendedNo {
		code = codePayment
	}
	if s.o.PrintReference {
		text = r.Reference
	}
	if err := s.prepare(ctx, till, nil); err != nil {
		return terminal.Result{}, fmt.Errorf("%w: %w", terminal.ErrNotSent, err)
	}
	out, err := s.transact(ctx, s.send.sale(code, r.Amount.Minor, text), till)
	unknown := errors.Is(err, errNak) && code == codeExtended && s.o.Extended == ExtendedAuto && !s.extended
	switch {
	case err == nil && code == codeExtended:
		s.extended = true
	case unknown && s.moneyLine(ctx) == nil:
		s.log.Info("the terminal does not know X; the sale is sent as P")
		out, err = s.transact(ctx, s.send.sale(codePayment, r.Amount.Minor, text), till)
		s.basic = err == nil
	}
	return s.conclude(out, err)
}

// Void is S: it reverses the last payment, whose card has to be read again. Any other is ErrNotSent.
func (s *session) Void(ctx context.Context, r terminal.Request, sale terminal.Result, till terminal.Till) (terminal.Result, error) {
	f, ok := parseMark(sale.Mark)
	if !ok {
		return terminal.Result{}, fmt.Errorf("%w: the sale has no STAN to name it by", terminal.ErrNotSent)
	}
	if err := payable(r.Amount); err != nil {
		return terminal.Result{}, fmt.Errorf("%w: %w", terminal.ErrNotSent, err)
	}
	if err := s.prepare(ctx, till, &f); err != nil {
		return terminal.Result{}, fmt.Errorf("%w: %w", terminal.ErrNotSent, err)
	}
	out, err := s.transact(ctx, s.send.reversal(f.stan), till)
	if err == nil && out.Outcome == terminal.Approved && out.Captured(r.Amount).Minor != r.Amount.Minor {
		out.Outcome, out.Proof, out.Text = terminal.Unknown, terminal.NoProof, "The terminal reversed another amount than that of the sale."
	}
	return s.conclude(out, err)
}

// payable tells whether the protocol can carry the amount.
func payable(a terminal.Amount) error {
	if err := euro(a.Currency); err != nil {
		return err
	}
	if a.Minor <= 0 || a.Minor > maxMinor {
		return fmt.Errorf("%s cannot be sent: the protocol takes 0.01 to 999999.99 EUR", a)
	}
	return nil
}

// conclude ends a money command: three NAKs are a refusal, and after an error the line is closed.
func (s *session) conclude(out terminal.Result, err error) (terminal.Result, error) {
	s.began = time.Now()
	if errors.Is(err, errNak) {
		out, err = terminal.Result{
			Outcome: terminal.Declined, Proof: terminal.Refused, Code: "NAK",
			Text: "The terminal did not take the command, so nothing was charged. If this stays so, check terminal_id, lrc and extended in the settings.",
		}, nil
	}
	if err != nil {
		s.drop()
		s.held.Undecided(false)
		return terminal.Result{}, err
	}
	s.held.Undecided(false)
	if out.Mark.Known() {
		s.last = out.Mark
	}
	s.settle()
	return out, nil
}

// prepare makes sure of the line and reads the terminal's last result anew, since the payment will be compared with it: a
// terminal that answers is at rest, too. For a reversal the last result must be of the sale.
func (s *session) prepare(ctx context.Context, till terminal.Till, sale *fingerprint) (err error) {
	var fresh result
	for n := range 2 { // an idle line may have died
		if err = s.connect(ctx); err != nil {
			continue
		}
		if time.Since(s.toldAt) < repeatsFor { // is it still waiting for our acknowledgement?
			if _, _, err = s.status(ctx); err == nil && s.env.Link == terminal.TCP {
				err = s.anotherLine(ctx)
			}
		}
		if err == nil {
			fresh, err = s.lastResult(ctx)
		}
		if err == nil || n > 0 || errors.Is(err, terminal.ErrRefused) || errors.Is(err, terminal.ErrSilent) || ctx.Err() != nil {
			break
		}
	}
	if err != nil && (s.last.Known() || !errors.Is(err, terminal.ErrRefused)) {
		return err // it told its last result before, so it does not lack that, and the line may be damaged
	}
	mark := fresh.mark()
	if f, ok := parseMark(mark); sale != nil && !(ok && f.same(*sale)) {
		return errors.New("another transaction was made since, and the terminal reverses its last one only")
	}
	if mark != s.last {
		if err := till.Mark(mark); err != nil {
			return fmt.Errorf("record the terminal's last transaction: %w", err)
		}
		s.last = mark
	}
	if !mark.Known() {
		// What an earlier life of ours did not acknowledge is still repeated, and could not be told from this payment's result.
		if err := link.Pause(ctx, repeatsFor-time.Since(s.began)); err != nil {
			return err
		}
	}
	return s.moneyLine(ctx)
}

// moneyLine makes a line for a money command after the questions before it: over TCP another one, since terminals close a
// connection after each answer.
func (s *session) moneyLine(ctx context.Context) error {
	if s.env.Link == terminal.TCP || s.loose {
		s.settle()
		if err := s.connect(ctx); err != nil {
			return err
		}
	}
	if err := s.receiptsToUs(ctx); err != nil {
		return err
	}
	return ctx.Err()
}

// receiptsToUs asks for the receipts of the next procedure, E. A terminal that refuses prints them itself.
func (s *session) receiptsToUs(ctx context.Context) error {
	if s.o.Receipts != RegisterPrints {
		return nil
	}
	_, err := s.ask(ctx, question{body: s.send.receipts()})
	if errors.Is(err, terminal.ErrRefused) {
		s.log.Info("the terminal does not give its receipts to the till")
		return nil
	}
	return err
}

// transact hands a money command to the line and hears the terminal to its result. An error that is errNak means that the terminal
// took none of the three frames and is at rest; any other error means that the outcome is not known.
func (s *session) transact(ctx context.Context, body []byte, till terminal.Till) (terminal.Result, error) {
	d := &dialogue{s: s, till: till, paper: newPaper(till, terminal.OtherReceipt), void: body[9] == codeReversal}
	s.held.Undecided(true)
	out, err := d.run(ctx, body)
	d.paper.end()
	if !errors.Is(err, errNak) {
		return out, err
	}
	if err := s.atRest(ctx); err != nil {
		return out, fmt.Errorf("the terminal refused the command (NAK): %w", err)
	}
	return out, errNak
}

// atRest makes sure that the terminal is ready, and so that nothing runs at it.
func (s *session) atRest(ctx context.Context) error {
	st, _, err := s.status(ctx)
	if err != nil && ctx.Err() == nil {
		if err = s.connect(ctx); err == nil {
			st, _, err = s.status(ctx)
		}
	}
	if err != nil {
		return fmt.Errorf("it does not tell whether it is at rest: %v", err) // not to be taken for the money command's NAK
	}
	if st.state != stateReady {
		return errors.New(stateText(st.state))
	}
	return nil
}

// dialogue is one money command.
type dialogue struct {
	s     *session
	till  terminal.Till
	paper *paper
	void  bool // it is a reversal

	money   *link.Money
	damaged int
}

// run sends the command and hears the terminal; what it does not answer is waited for. The error is errNak as transact says.
func (d *dialogue) run(ctx context.Context, body []byte) (out terminal.Result, err error) {
	d.money = &link.Money{
		Line: d.s.line, Body: body, NakPause: nakPause, Till: d.till, Quality: d.s.env.Quality, Patience: d.patience,
		Hear: func(e wire.STXEvent) (over, alive bool, err error) {
			out, over, err = d.hear(ctx, e)
			return over, e.Kind == wire.STXAck || e.Kind == wire.STXProgress || e.Kind == wire.STXFrame, err
		},
	}
	if err = d.money.Run(ctx); errors.Is(err, link.ErrNak) {
		err = errNak
	}
	return out, err
}

// patience is the longest silence from now on.
func (d *dialogue) patience() time.Duration {
	if d.s.acks && !d.money.Taken {
		return unheard
	}
	return d.s.o.PaymentTimeout
}

// hear takes one thing that the terminal said; over means that it was the payment's end.
func (d *dialogue) hear(ctx context.Context, e wire.STXEvent) (out terminal.Result, over bool, err error) {
	switch e.Kind {
	case wire.STXAck:
		d.take("")
		d.s.acks = true
	case wire.STXProgress:
		text := words(string(e.Body))
		d.take(text)
		d.till.Progress(terminal.Progress{Stage: stageOf(text), Text: terminal.MaskCardNumbers(text)})
	case wire.STXBadLRC, wire.STXTooLong:
		d.s.env.Quality.BadCheck()
		if d.damaged++; d.damaged <= damagedMost {
			err = d.s.line.Nak()
		}
	case wire.STXFrame:
		d.s.env.Quality.Message()
		return d.frame(ctx, e.Body)
	}
	return terminal.Result{}, false, err
}

func (d *dialogue) take(text string) {
	if !d.money.Taken && text == "" {
		d.till.Progress(terminal.Progress{Stage: terminal.Started})
	}
	d.money.Taken = true
}

// frame takes a message. Receipts and what else moves no money are acknowledged, and so is a result that was heard before.
func (d *dialogue) frame(ctx context.Context, body []byte) (out terminal.Result, over bool, err error) {
	m, _ := parse(body)
	r, ok := readResult(m)
	switch {
	case m.code == codeTicket:
		d.take(" ")
		d.paper.add(m)
		return out, false, d.s.line.Ack()
	case !ok:
		d.s.log.Info("heard something else than a result", "length", len(body))
		return out, false, d.s.line.Ack()
	case d.s.stale(r):
		d.s.log.Info("heard an earlier result once more")
		d.s.env.Quality.CameAgain()
		d.s.hear(r)
		return out, false, d.s.line.Ack()
	}
	out = d.s.judge(r)
	if d.void && r.minor == 0 { // the result of a reversal has zeros there
		out.CapturedMinor = nil
	}
	if err := d.till.Seen(out); err != nil {
		return out, false, fmt.Errorf("record the result: %w", err)
	}
	d.s.hear(r)
	if err := d.s.line.Ack(); err != nil {
		d.s.log.Warn("acknowledge the result", "error", err) // it is recorded, and the terminal has booked it
		d.s.loose = true
		return out, true, nil
	}
	d.till.Progress(terminal.Progress{Stage: terminal.Acknowledged})
	if d.s.o.Receipts == RegisterPrints {
		d.linger(ctx)
	}
	return out, true, nil
}

// linger hears the receipts that come after the result. Whatever goes wrong with them changes nothing.
func (d *dialogue) linger(ctx context.Context) {
	for until := time.Now().Add(ticketWait); ; {
		e, err := d.s.line.Next(ctx, until, false)
		if err != nil {
			d.s.loose = d.s.loose || !errors.Is(err, terminal.ErrSilent)
			return
		}
		if e.Kind != wire.STXFrame {
			continue
		}
		m, _ := parse(e.Body)
		r, ok := readResult(m)
		switch {
		case m.code == codeTicket:
			d.paper.add(m)
			until = time.Now().Add(ticketWait)
		case ok && !d.s.stale(r):
			d.s.log.Warn("heard another result after the payment's")
			continue
		}
		if err := d.s.line.Ack(); err != nil {
			return
		}
	}
}

// judge is a result in the engine's words.
func (s *session) judge(r result) terminal.Result {
	out := terminal.Result{
		AuthCode: r.auth, TxnRef: txnRef(r), TerminalID: s.terminalID, CardName: cardName(r.cardType), CardLast4: r.last4,
		Code: r.code, Raw: r.raw(), Mark: r.mark(), TerminalTime: r.clock(time.Now()),
	}
	if wire.IsDigits(r.terminalID) {
		out.TerminalID = r.terminalID
	}
	if r.hasAmount && r.ok() {
		minor := r.minor
		out.CapturedMinor = &minor
	}
	switch {
	case !r.sale || !r.ok() && !r.refused() || r.torn():
		out.Text = "The terminal's result cannot be read."
	case r.refused():
		out.Outcome, out.Proof, out.Text = terminal.Declined, terminal.Refused, refusalText(r)
	default:
		out.Outcome, out.Proof = terminal.Approved, terminal.Dialogue
		if r.message.code == codeDCC {
			out.Text = dccText(r)
		}
	}
	return out
}
