package zvt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"tillbridge/terminal"
)

// expectation says which results a command may bring. What is not expected is not acknowledged: an
// acknowledgement may be what makes a sale final, and nobody recorded that sale.
type expectation uint8

const (
	nothingApproved expectation = iota // a 04 0F that may be an approval, with an amount, belongs to somebody else's payment
	anything                           // sums, or the last transaction once more
	payment                            // each is recorded before it is acknowledged
)

// dialogue is one command and what the terminal says until its end (PA00P015 ch. 1): the terminal is the
// master, each of its messages gets one answer, and nothing else is sent, an abort request excepted.
type dialogue struct {
	s       *session
	kind    kind
	expects expectation
	till    terminal.Till // may be nil
	// record makes a stated result durable; what it refuses is not acknowledged.
	record func(r StatusInformation, raw []byte) error
	// stale tells that a stated result is that of an earlier payment.
	stale func(r StatusInformation) bool

	roll     ReceiptRoll
	e        ending
	answered bool // 80 00 has come
	aborting bool // an abort request waits for its answer
	live     bool // the terminal went on after our answer to one of its messages
	proven   bool // the line acknowledged our command before anything else came
	ended    bool // the end has come; it is still to be believed
	began    time.Time
	silence  time.Duration
	restarts int
}

// grace is how long a payment that was given up may take to its end.
const grace = 30 * time.Second

// restartsMost is how often a command that moves no money is sent anew after an earlier dialogue's end.
const restartsMost = 3

var (
	errNotOurs = errors.New("the terminal states the result of a payment that nobody asked for; it is not acknowledged")
	errNoEnd   = errors.New("the terminal fell silent before the end")
	errWentOn  = errors.New("the terminal went on after it had ended the payment")
	errRefused = errors.New("the terminal refused the command after it had taken it")
	errOldEnd  = errors.New("the end of an earlier dialogue")
)

// run sends the command and follows the dialogue to its end. An error means that the end is not known.
func (d *dialogue) run(ctx context.Context, apdu []byte) (ending, error) {
	d.silence = completionTimeout
	if d.expects == payment {
		d.silence = max(completionTimeout, d.s.o.PaymentTimeout)
	}
	if err := d.start(ctx, apdu); err != nil {
		return d.e, err
	}
	until, gaveUp := time.Now().Add(answerWait), false
	for {
		next, err := d.s.line.next(ctx, until, d.expects == payment)
		switch {
		case errors.Is(err, terminal.ErrPoked):
			d.abort(ctx)
			continue
		case d.over(err):
			return d.e, nil
		case errors.Is(err, terminal.ErrSilent) && d.answered && !gaveUp && d.expects == payment:
			// T4: the payment is given up, and its end still counts.
			gaveUp, until = true, time.Now().Add(grace)
			d.s.cancel.Store(true)
			d.abort(ctx)
			continue
		case errors.Is(err, terminal.ErrSilent) && d.answered:
			return d.e, errNoEnd
		case err != nil:
			return d.e, err
		}
		aborting := d.aborting
		done, err := d.hear(ctx, next)
		switch {
		case errors.Is(err, errOldEnd) && d.restarts < restartsMost:
			d.restarts++
			if err := d.start(ctx, apdu); err != nil {
				return d.e, err
			}
			until = time.Now().Add(answerWait)
			continue
		case err != nil || done && !d.doubted():
			return d.e, err
		case done:
			d.ended, until = true, d.began.Add(answerWait)
			continue
		}
		// That a terminal took an abort request is no sign of a payment that goes on: it may have forgotten it.
		if d.answered && aborting == d.aborting {
			until, gaveUp = time.Now().Add(d.silence), false
		}
		if d.answered && d.s.cancel.Load() {
			d.abort(ctx)
		}
	}
}

// start hands the command to the line.
func (d *dialogue) start(ctx context.Context, apdu []byte) error {
	d.s.line.forget()
	sent, err := d.s.line.send(ctx, apdu, d.kind, d.sent())
	d.e.again = d.e.again || sent.times > 1 || d.restarts > 0
	d.proven = sent.ack && d.s.line.proved
	d.began = time.Now()
	return err
}

// doubted tells whether an end that says "no money moved" may belong to an earlier command, since it came before
// anything showed that the terminal was about this one: an ACK of our command on a line that had come to rest,
// or a message of the terminal that we answered and that it followed. Half duplex leaves no room for more than
// that: a terminal that is behind sends one message and waits. Such an end is believed once the time has passed in
// which the terminal must answer a command (T3) and nothing else has come; whatever came would be the true answer.
func (d *dialogue) doubted() bool {
	return d.kind == money && (d.e.refused || d.e.aborted) && !d.proven && !d.live && !d.ended
}

// over tells whether a doubted end is believed, given how the wait for another message ended. A terminal that
// closes its connection has nothing more to say on it.
func (d *dialogue) over(err error) bool {
	return d.ended && (errors.Is(err, terminal.ErrSilent) || errors.Is(err, io.EOF))
}

// sent reports that the money command has been handed to the line.
func (d *dialogue) sent() func() {
	if d.kind != money || d.till == nil {
		return nil
	}
	return func() { d.till.Progress(terminal.Progress{Stage: terminal.Sent}) }
}

// abort sends an abort request (06 B0) between two messages. It proves nothing: what it leads to is told by
// the payment's own end.
func (d *dialogue) abort(ctx context.Context) {
	if !d.answered || d.aborting || !d.s.cancel.Swap(false) {
		return
	}
	d.aborting = true
	if _, err := d.s.line.send(ctx, AbortRequest(), interjection, nil); err != nil {
		d.s.log.Warn("abort request", "error", err)
	}
}

// hear takes one message of the terminal and answers it. It returns true at the end of the command.
func (d *dialogue) hear(ctx context.Context, raw []byte) (done bool, err error) {
	a, err := ParseAPDU(raw)
	if err != nil { // cannot be delimited on the line, or not be cut out of the stream
		return false, fmt.Errorf("a message of the terminal makes no sense: %w", err)
	}
	if err := d.reopen(); err != nil {
		return false, err
	}
	if reply, ok := ReadAnswer(a); ok {
		return d.hearAnswer(a, reply)
	}
	switch a.Command {
	case CmdStatusInformation:
		return false, d.hearResult(ctx, a, raw)
	case CmdCompletion, CmdAbort:
		return d.finish(ctx, a)
	case CmdIntermediateStatus:
		if !d.answered && d.expects != payment {
			// Of a payment that nobody listens to any more. An answer too many would be taken for that to its result.
			d.s.log.Debug("the terminal tells how far somebody else's payment is")
			return false, nil
		}
		d.hearProgress(a)
	case CmdPrintLine, CmdPrintTextBlock:
		if !d.answered {
			// Somebody else's receipt: that it was taken may be what makes that sale final.
			d.s.log.Warn("the terminal sent a receipt that nobody asked for")
			return false, nil
		}
		d.hearPrint(a)
	}
	return false, d.reply(ctx, a.Command)
}

// reopen takes a doubted end back, since the terminal goes on: a refusal was another command's. After an end
// that we have answered it is not known any more who speaks of what.
func (d *dialogue) reopen() error {
	switch {
	case !d.ended:
		return nil
	case d.e.aborted:
		return errWentOn
	}
	d.s.log.Warn("a refusal was not the answer to our command, and is passed over")
	d.ended, d.answered, d.e = false, false, ending{again: d.e.again}
	return nil
}

// finish takes the end and answers it. What it says is decided whether our answer arrives or not, but where it
// may not have, the line is opened anew before the next command.
func (d *dialogue) finish(ctx context.Context, a APDU) (done bool, err error) {
	ours := d.answered
	switch {
	case !ours && d.kind == money:
		return false, fmt.Errorf("the terminal ended (%s) before it took the command", a.Command)
	case ours:
		d.hearEnd(a)
	}
	s, err := d.s.line.send(ctx, ReplyTo(a.Command), farewell, nil)
	switch {
	case err != nil && !ours:
		return false, err
	case !ours:
		// The terminal repeats it because our answer was lost, and hears no command until it has one. No vote
		// lies in that answer.
		d.s.log.Debug("answered the end of an earlier dialogue", "message", a.Command.String())
		return false, errOldEnd
	case err != nil:
		d.s.log.Debug("answer the end", "error", err)
	}
	d.s.line.proved = true
	// The answer to an abort request may still come, and would be taken for that to the next command.
	d.s.broken = err != nil || d.s.line.serial != nil && !s.ack || d.aborting
	return true, nil
}

// hearAnswer takes 80 00 or 84 xx: the answer to the command, or to the abort request.
func (d *dialogue) hearAnswer(a APDU, reply Answer) (done bool, err error) {
	switch {
	case d.answered && d.aborting:
		d.aborting = false
		return false, nil
	case d.answered && !reply.Accepted && d.kind == money && !d.e.again:
		// One of the two answers was another command's, and it is not known which.
		return false, errRefused
	case d.answered:
		d.s.log.Debug("an answer to nothing", "answer", a.Command.String())
		return false, nil
	}
	d.answered, d.e.end = true, a
	if !reply.Accepted {
		d.e.refused, d.e.code, d.e.hasCode = true, reply.Code, true
		return true, nil
	}
	if d.kind == money {
		d.progress(terminal.Started, "")
	}
	return false, nil
}

// hearResult takes a status information. It is acknowledged only when it is recorded, or known already.
func (d *dialogue) hearResult(ctx context.Context, a APDU, raw []byte) error {
	r := ReadStatusInformation(a.Data, d.s.charset)
	switch {
	case d.expects == payment && d.stale(r):
		d.s.log.Warn("the terminal stated an earlier payment again", "result", CodeText(r.Result))
		return d.reply(ctx, a.Command)
	case !d.answered:
		// The command was not taken yet, so this is somebody else's. Silence leaves that one as the terminal
		// decides.
		return errNotOurs
	case d.expects == payment && bytes.Equal(raw, d.e.raw): // our answer was lost; it is recorded already
		return d.acknowledge(ctx, a.Command)
	case d.expects == payment:
		if err := d.record(r, raw); err != nil {
			return fmt.Errorf("the result could not be recorded and is not acknowledged: %w", err)
		}
	case d.expects == nothingApproved && r.HasResult && mayBeApproval(r) && r.HasAmount && r.AmountMinor > 0:
		return errNotOurs
	}
	d.e.result, d.e.raw = &r, raw
	d.e.maybe = d.e.maybe || mayBeApproval(r)
	if d.expects == payment {
		return d.acknowledge(ctx, a.Command)
	}
	return d.reply(ctx, a.Command)
}

func (d *dialogue) acknowledge(ctx context.Context, c Command) error {
	sent, err := d.answer(ctx, c)
	if err == nil && sent {
		d.progress(terminal.Acknowledged, "")
	}
	return err
}

func (d *dialogue) reply(ctx context.Context, c Command) error {
	_, err := d.answer(ctx, c)
	return err
}

// answer answers the message that was taken last, unless the terminal has gone on without the answer.
func (d *dialogue) answer(ctx context.Context, c Command) (sent bool, err error) {
	gone, err := d.s.line.overtaken(ctx)
	switch {
	case err != nil:
		return false, err
	case gone:
		d.s.log.Warn("the terminal did not wait for an answer", "message", c.String())
		return false, nil
	}
	k := courtesy
	if d.expects == payment {
		k = answer
	}
	_, err = d.s.line.send(ctx, ReplyTo(c), k, nil)
	d.live = d.live || err == nil && d.answered
	return err == nil, err
}

func (d *dialogue) hearEnd(a APDU) {
	d.e.end = a
	if a.Command == CmdAbort {
		abort := ReadAbort(a.Data, d.s.charset)
		d.e.aborted, d.e.code, d.e.hasCode, d.e.text = true, abort.Result, abort.HasResult, abort.Text
	}
	if open, ok := d.roll.Flush(); ok {
		d.print(open)
	}
}

func (d *dialogue) hearPrint(a APDU) {
	if a.Command == CmdPrintLine {
		d.print(d.roll.Add(ReadPrintLine(a.Data, d.s.charset))...)
		return
	}
	d.print(d.roll.Add(ReadPrintBlock(a.Data, d.s.charset))...)
}

func (d *dialogue) hearProgress(a APDU) {
	i := ReadIntermediate(a.Data, d.s.charset)
	if d.expects == payment {
		d.silence = max(completionTimeout, d.s.o.PaymentTimeout, i.Timeout)
	}
	d.progress(i.Stage(), i.Text(d.s.o.Language))
}

func (d *dialogue) progress(stage terminal.Stage, text string) {
	if d.till != nil {
		d.till.Progress(terminal.Progress{Stage: stage, Text: text})
	}
}

// print hands receipts to the till.
func (d *dialogue) print(receipts ...ReceiptText) {
	if d.till == nil {
		return
	}
	for _, r := range receipts {
		d.till.Receipt(terminal.Receipt{Kind: receiptKinds[r.Kind], Signature: r.Info&ReceiptSignature != 0, Lines: r.Lines})
	}
}

var receiptKinds = map[byte]terminal.ReceiptKind{
	ReceiptMerchant: terminal.MerchantReceipt, ReceiptCustomer: terminal.CustomerReceipt,
	ReceiptAdministration: terminal.AdministrationReceipt,
}
