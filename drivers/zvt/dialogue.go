package zvt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"tillbridge/terminal"
)

// expectation says which results a command may bring. What is not expected is not acknowledged: an
// acknowledgement may be what makes a sale final, and nobody recorded that sale.
type expectation uint8

const (
	nothing         expectation = iota // ends with 80 00
	nothingApproved                    // a 04 0F with 27 = 00 and an amount belongs to somebody else's payment
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
	silence  time.Duration
}

// grace is how long a payment that was given up may take to its end.
const grace = 30 * time.Second

var (
	errNotOurs = errors.New("the terminal states the result of a payment that nobody asked for; it is not acknowledged")
	errNoEnd   = errors.New("the terminal fell silent before the end")
)

// run sends the command and follows the dialogue to its end. An error means that the end is not known.
func (d *dialogue) run(ctx context.Context, apdu []byte) (ending, error) {
	d.silence = completionTimeout
	if d.expects == payment {
		d.silence = max(completionTimeout, d.s.o.PaymentTimeout)
	}
	sent, err := d.s.link.send(ctx, apdu, d.kind, d.sent())
	d.e.again = sent.times > 1
	if err != nil {
		return d.e, err
	}
	until, gaveUp := time.Now().Add(answerWait), false
	for {
		apdu, err := d.s.link.next(ctx, until, d.expects == payment)
		switch {
		case errors.Is(err, errPoked):
			d.abort(ctx)
			continue
		case errors.Is(err, errSilent) && d.answered && !gaveUp && d.expects == payment:
			// T4: the payment is given up, and its end still counts.
			gaveUp, until = true, time.Now().Add(grace)
			d.s.cancel.Store(true)
			d.abort(ctx)
			continue
		case errors.Is(err, errSilent) && d.answered:
			return d.e, errNoEnd
		case err != nil:
			return d.e, err
		}
		aborting := d.aborting
		done, err := d.hear(ctx, apdu)
		if done || err != nil {
			return d.e, err
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
	apdu, err := AbortRequest()
	if err == nil {
		d.aborting = true
		_, err = d.s.link.send(ctx, apdu, command, nil)
	}
	if err != nil {
		d.s.log.Warn("abort request", "error", err)
	}
}

// hear takes one message of the terminal and answers it. It returns true at the end of the command.
func (d *dialogue) hear(ctx context.Context, raw []byte) (done bool, err error) {
	a, err := ParseAPDU(raw)
	if err != nil { // cannot be delimited on the line, or not be cut out of the stream
		return false, fmt.Errorf("a message of the terminal makes no sense: %w", err)
	}
	if reply, ok := ReadAnswer(a); ok {
		return d.hearAnswer(a, reply), nil
	}
	switch a.Command {
	case CmdStatusInformation:
		return false, d.hearResult(ctx, a, raw)
	case CmdCompletion, CmdAbort:
		if !d.answered && d.kind == money {
			return false, fmt.Errorf("the terminal ended (%s) before it took the command", a.Command)
		}
		d.hearEnd(a)
		// What the end says is decided whether our answer arrives or not.
		if _, err := d.s.link.send(ctx, ReplyTo(a.Command), farewell, nil); err != nil {
			d.s.log.Debug("answer the end", "error", err)
			d.s.broken = true
		}
		return true, nil
	case CmdIntermediateStatus:
		d.hearProgress(a)
	case CmdPrintLine:
		d.print(d.roll.Add(ReadPrintLine(a.Data, d.s.charset))...)
	case CmdPrintTextBlock:
		d.print(d.roll.Add(ReadPrintBlock(a.Data, d.s.charset))...)
	}
	return false, d.reply(ctx, a.Command)
}

// hearAnswer takes 80 00 or 84 xx: the answer to the command, or to the abort request.
func (d *dialogue) hearAnswer(a APDU, reply Answer) (done bool) {
	switch {
	case d.answered && d.aborting:
		d.aborting = false
		return false
	case d.answered:
		d.s.log.Debug("an answer to nothing", "answer", a.Command.String())
		return false
	}
	d.answered, d.e.end = true, a
	if !reply.Accepted {
		d.e.refused, d.e.code, d.e.hasCode = true, reply.Code, true
		return true
	}
	if d.kind == money {
		d.progress(terminal.Started, "")
	}
	return d.expects == nothing
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
	case d.expects == nothingApproved && r.HasResult && r.Result == 0 && r.HasAmount && r.AmountMinor > 0:
		return errNotOurs
	}
	d.e.result, d.e.raw = &r, raw
	if r.TerminalID != "" {
		d.s.terminalID = r.TerminalID
	}
	if d.expects == payment {
		return d.acknowledge(ctx, a.Command)
	}
	return d.reply(ctx, a.Command)
}

func (d *dialogue) acknowledge(ctx context.Context, c Command) error {
	if err := d.reply(ctx, c); err != nil {
		return err
	}
	d.progress(terminal.Acknowledged, "")
	return nil
}

func (d *dialogue) reply(ctx context.Context, c Command) error {
	_, err := d.s.link.send(ctx, ReplyTo(c), answer, nil)
	return err
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

func (d *dialogue) hearProgress(a APDU) {
	i := ReadIntermediate(a.Data, d.s.charset)
	if d.expects == payment {
		d.silence = max(completionTimeout, d.s.o.PaymentTimeout, i.Timeout)
	}
	d.progress(stages[i.Phase()], i.Text(d.s.o.Language))
}

// stages are the phases of an intermediate status in the engine's words.
var stages = map[Phase]terminal.Stage{
	PhaseWaitsForCard: terminal.CardWait, PhaseCardRead: terminal.CardRead, PhaseHost: terminal.HostWait,
	PhaseReversing: terminal.Working, PhaseAttention: terminal.Attention, PhaseDeclined: terminal.Working,
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
		out := terminal.Receipt{Kind: receiptKinds[r.Kind], Signature: r.Info&ReceiptSignature != 0}
		for _, l := range r.Lines {
			out.Lines = append(out.Lines, terminal.Line{Text: l.Text, Centred: l.Centred, Wide: l.Wide, Tall: l.Tall, Indent: l.Indent})
		}
		d.till.Receipt(out)
	}
}

var receiptKinds = map[byte]terminal.ReceiptKind{
	ReceiptMerchant: terminal.MerchantReceipt, ReceiptCustomer: terminal.CustomerReceipt,
	ReceiptAdministration: terminal.AdministrationReceipt,
}
