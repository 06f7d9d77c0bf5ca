package drivertest

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"sync"

	"tillbridge/terminal"
)

var (
	errDisk   = errors.New("the disk is full")
	errClosed = errors.New("this payment's dialogue is over")
)

// till is what the engine lends for one payment. It checks what the driver does with it.
type till struct {
	p    *play
	pay  *payment
	base int // entries in the ledger when the payment began
	main bool

	mu     sync.Mutex
	closed bool
	failed bool // an error was returned: nothing may be acknowledged or sent any more
}

// enter checks a call; the error is what the engine returns to a driver that was left behind.
func (t *till) enter(what string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.p.line.isDead():
		return errDead
	case t.closed:
		t.p.blame("Till.%s is called after Pay has returned", what)
		return errClosed
	}
	return nil
}

func (t *till) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
}

// fail remembers that an error was returned.
func (t *till) fail() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failed = true
	return errDisk
}

func (t *till) hasFailed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failed
}

// Seen makes a result durable.
func (t *till) Seen(r terminal.Result) error {
	if err := t.enter("Seen"); err != nil {
		return err
	}
	p := t.p
	p.sawResult("Till.Seen", r, nil)
	if t.hasFailed() {
		p.blame("Till.Seen is called again after an error")
	}
	first := t.pay.seen == nil || t.pay.seen.Outcome != terminal.Approved
	if first && r.Outcome == terminal.Approved && p.s.Driver.Evidence.Has(terminal.C4) && len(captured(p.ours(t.base))) > 0 {
		p.blame("the result was acknowledged before Till.Seen: the ledger holds the money already")
	}
	if t.main && p.plan.plain() && r.Outcome == terminal.Approved && p.line.answered() {
		p.blame("the result was acknowledged before Till.Seen: something was written since the last byte that the terminal said")
	}
	if p.plan.seenFails && t.main {
		p.line.bar()
		return t.fail()
	}
	t.pay.seen = &r
	p.line.seen()
	return nil
}

// Mark makes a newer mark durable.
func (t *till) Mark(m terminal.Mark) error {
	if err := t.enter("Mark"); err != nil {
		return err
	}
	p := t.p
	p.story.add("Till.Mark %q", m)
	if p.line.sent() {
		p.blame("Till.Mark is called after the money command was handed over")
	}
	if t.main { // a following payment may find another mark as well
		p.marked.Store(true)
		if p.plan.markFails {
			return t.fail()
		}
	}
	t.pay.mark = m
	return nil
}

// Progress tells how far the dialogue is.
func (t *till) Progress(g terminal.Progress) {
	if t.enter("Progress") != nil {
		return
	}
	t.p.saw("Till.Progress "+g.Stage.String(), g.Text)
	if g.Stage == terminal.Acknowledged && (t.hasFailed() || t.pay.seen == nil) {
		t.p.blame("a result is acknowledged that was not recorded")
	}
}

// Receipt hands over a receipt.
func (t *till) Receipt(r terminal.Receipt) {
	if t.enter("Receipt") != nil {
		return
	}
	var text []string
	for _, l := range r.Lines {
		text = append(text, l.Text)
	}
	t.p.saw("Till.Receipt "+r.Kind.String(), strings.Join(text, " | "))
}

// saw notes a text of the driver and looks for card numbers in it.
func (p *play) saw(what, text string) {
	p.story.add("   %s %s", what, text)
	if n := cardDigits(text, p.s.Cards); n != "" {
		p.blame("%s has %q of a card number", what, n)
	}
}

// sawResult notes a result or an error, and looks for card numbers in them.
func (p *play) sawResult(what string, r terminal.Result, err error) {
	text := ""
	if b, e := json.Marshal(r); e == nil {
		text = string(b)
	} else {
		p.blame("%s: the result cannot be written: %v", what, e)
	}
	if err != nil {
		text += " error: " + err.Error()
	}
	p.saw(what, text)
	if len(r.CardLast4) > 4 {
		p.blame("%s: CardLast4 is %q", what, r.CardLast4)
	}
	if len(r.Raw) > 2048 {
		p.blame("%s: Raw has %d characters, at most 2048 are meant", what, len(r.Raw))
	}
	if raw, e := hex.DecodeString(r.Raw); e == nil {
		if n := cardDigits(string(raw), p.s.Cards); n != "" {
			p.blame("%s: Raw holds %q of a card number", what, n)
		}
	}
	r.Raw = ""
	for _, s := range []string{r.Text, r.Code, r.CardName, r.AuthCode, r.TerminalID} { // as the engine cleans them
		if terminal.MaskCardNumbers(s) != s {
			p.blame("%s: %q reads as a card number", what, s)
		}
	}
}

// cardDigits is a piece of one of the cards' numbers that a text holds and that is more than its last four digits; empty for
// none. Blanks and dashes between digits do not hide it, and in hex a digit may stand as its character.
func cardDigits(text string, cards []string) string {
	if len(cards) == 0 || text == "" {
		return ""
	}
	const most = 4
	bare := unseparated(text)
	for _, c := range cards {
		codes := hex.EncodeToString([]byte(c))
		for i := 0; i+most+1 <= len(c); i++ {
			part := c[i : i+most+1]
			if strings.Trim(part, part[:1]) == "" { // 00000 stands in any number
				continue
			}
			if strings.Contains(bare, part) || strings.Contains(text, codes[2*i:2*(i+most+1)]) {
				return part
			}
		}
	}
	return ""
}

// unseparated is a text without the single blanks and dashes behind digits.
func unseparated(text string) string {
	var b strings.Builder
	b.Grow(len(text))
	for i := range len(text) {
		if c := text[i]; i == 0 || c != ' ' && c != '-' || text[i-1] < '0' || text[i-1] > '9' {
			b.WriteByte(c)
		}
	}
	return b.String()
}
