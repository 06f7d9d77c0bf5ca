package till

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// lent is the Till that a driver gets for one payment. A driver that was left behind finds it closed: what
// it says afterwards changes nothing and is acknowledged nowhere.
type lent struct {
	w *worker

	mu     sync.Mutex
	p      bridge.Payment
	closed bool
}

// errClosed is what a driver gets that was left behind.
var errClosed = errors.New("this payment's dialogue is over")

// Seen makes the result durable.
func (l *lent) Seen(r terminal.Result) error {
	r = clean(r)
	return l.record(bridge.Event{Kind: bridge.See, Result: &r})
}

// Mark makes a newer mark durable.
func (l *lent) Mark(m terminal.Mark) error {
	return l.record(bridge.Event{Kind: bridge.Remark, Mark: m})
}

// Progress tells the clerk, and records the two steps that belong to the payment's life. That they are
// missing in the journal proves nothing, so a failure to record them does not disturb the dialogue.
func (l *lent) Progress(p terminal.Progress) {
	var err error
	switch p.Stage {
	case terminal.Sent:
		err = l.record(bridge.Event{Kind: bridge.Send})
	case terminal.Acknowledged:
		err = l.record(bridge.Event{Kind: bridge.Acknowledge})
	}
	if err != nil {
		l.w.log.Warn("record progress", "stage", p.Stage.String(), "error", err)
	}
	l.w.tell(p.Text)
}

// tell shows a text of the terminal's, where there is one.
func (w *worker) tell(text string) {
	if text == "" {
		return
	}
	w.mu.Lock()
	w.progress = terminal.MaskCardNumbers(text)
	w.mu.Unlock()
	w.desk.hooks.Changed()
}

// Receipt keeps a receipt beside the payment.
func (l *lent) Receipt(r terminal.Receipt) {
	l.mu.Lock()
	uuid, closed := l.p.UUID, l.closed
	l.mu.Unlock()
	if closed {
		return
	}
	if err := l.w.desk.journal.SaveReceipt(context.Background(), uuid, r); err != nil {
		l.w.log.Warn("keep receipt", "uuid", uuid, "error", err)
	}
}

func (l *lent) record(e bridge.Event) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return errClosed
	}
	e.At = time.Now()
	t, err := l.w.desk.apply(context.Background(), l.p, e)
	if err != nil {
		return fmt.Errorf("record %s: %w", e.Kind, err)
	}
	l.p = t.After
	l.w.hold(t.After)
	return nil
}

// close ends the loan and returns the payment as it is.
func (l *lent) close() bridge.Payment {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	return l.p
}

// clean cuts card numbers out of what a driver says of a payment: a second net under the driver's own.
func clean(r terminal.Result) terminal.Result {
	for _, s := range []*string{&r.Text, &r.Code, &r.CardName, &r.AuthCode, &r.TerminalID, &r.Person} {
		*s = terminal.MaskCardNumbers(*s)
	}
	if n := len(r.CardLast4); n > 4 {
		r.CardLast4 = r.CardLast4[n-4:]
	}
	return r
}
