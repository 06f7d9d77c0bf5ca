package simulate

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"tillbridge/terminal"
)

// Body is a simulated terminal without its protocol, for protocols in which the terminal alone decides: cable,
// power, customer, bank, books and ledger, and the scripts of a payment. A sale is booked as soon as the bank has
// approved it, whether the till hears of it or not. It is a terminal.Simulator; the protocol is a Mouth.
//
// One lock guards all of it. A Mouth and its Talks are called under it and do no waiting of their own.
type Body struct {
	name   string
	mouth  Mouth
	desk   *Desk
	cur    terminal.Currency
	tid    string
	words  Words
	timing BodyOptions
	noAuth bool
	alone  bool

	mu      sync.Mutex
	lines   []*Line
	serial  *Line // the newest serial line
	off     bool
	life    int // counts power cuts, so that a timer of an earlier life is known
	pay     *payment
	restore func() // takes back the timer that repairs what a script took
	stored  []*Record
	seq     int
	day     int
}

// Mouth is what a protocol adds to a Body. Everything is called under the body's lock.
type Mouth interface {
	// Attach begins the conversation on a new line.
	Attach(l *Line) Talk
	// Progress tells how far a payment has come, where the protocol has messages for it. The line is nil where it
	// is gone.
	Progress(l *Line, s terminal.Stage)
	// State tells a result to the till, and calls done once it has said all of it or has given up: only then is
	// the terminal idle again. A terminal that is Alone prints it.
	State(r Result, done func())
}

// Talk is the conversation on one line. Everything is called under the body's lock.
type Talk interface {
	// Hear takes bytes as they come, cut anywhere. They are the callee's own.
	Hear(p []byte)
	// Lost tells that the line is gone.
	Lost()
}

// BodyOptions are the settings that every simulated terminal on a Body takes. Zero values mean the defaults.
type BodyOptions struct {
	// CardTimeout is how long an unscripted payment waits for its customer; default 60 s.
	CardTimeout time.Duration `yaml:"card_timeout"`
	// BootTime is how long a reboot takes; default 2 s.
	BootTime time.Duration `yaml:"boot_time"`
	// RestoreAfter restores power and cable so long after a script of a payment took them; 0 leaves it to
	// somebody who presses restore-power or plug-cable.
	RestoreAfter time.Duration `yaml:"restore_after"`
}

// Words are what the display shows, in the language of the terminals.
type Words struct {
	Idle, Payment, Refund, Void, Wait, Card, PIN, WrongPIN, Approved, Declined, Cancelled, Timeout string
	NoBank, NoPaper                                                                                string // of a terminal that is Alone
}

// Protocol is what a simulator of one protocol is made of.
type Protocol struct {
	Name       string            // for errors, "ecr17"
	Mouth      Mouth             //
	Currency   terminal.Currency // where the options name none
	TerminalID string            // where the options name none; theirs is filled with zeros on the left to its length, or refused if longer
	Outcomes   []string          // scripts that the protocol plays beside BasicOutcomes
	Words      Words
	Timing     BodyOptions
	NoAuthCode bool // nothing in the protocol tells an authorisation code, so the books have none
	// Alone is a terminal that no till has a line to. Sales are keyed in at it (PressKey). Its cable is the one to its bank: where
	// it is out, nothing is booked, and the Result's End is CablePulled. LostReply is a printer without paper.
	Alone bool
}

// BasicOutcomes are the scripts that every Body plays by itself, but SplitFrames where it is Alone. Of the others (Menu) a Mouth plays what its protocol can have, as
// Result.Script tells it in State, and Protocol.Outcomes lists those.
func BasicOutcomes() []string {
	return []string{
		Approved, Declined, Cancelled, Timeout, WrongPIN, Busy, RebootBefore, LostReply, SplitFrames, CablePulled, PowerCut,
		PowerCutBefore,
	}
}

// NewBody makes a terminal that is idle, plugged in and empty.
func NewBody(o terminal.SimulatorOptions, p Protocol) (*Body, error) {
	if o.Currency == (terminal.Currency{}) {
		o.Currency = p.Currency
	}
	if o.TerminalID == "" {
		o.TerminalID = p.TerminalID
	}
	if len(o.TerminalID) > len(p.TerminalID) || strings.Trim(o.TerminalID, "0123456789") != "" {
		return nil, fmt.Errorf("%s simulator: terminal id %q: want at most %d digits", p.Name, o.TerminalID, len(p.TerminalID))
	}
	for _, d := range []time.Duration{p.Timing.CardTimeout, p.Timing.BootTime, p.Timing.RestoreAfter} {
		if d < 0 {
			return nil, fmt.Errorf("%s simulator: duration %s: less than nothing", p.Name, d)
		}
	}
	if p.Timing.CardTimeout == 0 {
		p.Timing.CardTimeout = 60 * time.Second
	}
	if p.Timing.BootTime == 0 {
		p.Timing.BootTime = 2 * time.Second
	}
	outcomes := slices.Concat(BasicOutcomes(), p.Outcomes)
	if p.Alone {
		outcomes = slices.DeleteFunc(outcomes, func(name string) bool { return name == SplitFrames })
	}
	desk, err := NewDesk(o, outcomes, CustomerChoices())
	if err != nil {
		return nil, fmt.Errorf("%s simulator: %w", p.Name, err)
	}
	b := &Body{
		name: p.Name, mouth: p.Mouth, desk: desk, cur: o.Currency, words: p.Words, timing: p.Timing, noAuth: p.NoAuthCode, alone: p.Alone, seq: 51,
		tid: strings.Repeat("0", len(p.TerminalID)-len(o.TerminalID)) + o.TerminalID, restore: func() {},
	}
	b.idle()
	return b, nil
}

// TerminalID is the terminal's own number.
func (b *Body) TerminalID() string { return b.tid }

// Currency is the terminal's currency.
func (b *Body) Currency() terminal.Currency { return b.cur }

// Outcomes are the scripts of a payment.
func (b *Body) Outcomes() []string { return b.desk.Outcomes() }

// Actions are what Press takes beside the outcomes.
func (b *Body) Actions() []string {
	all := append(CustomerChoices(), PressByHand, PressPullCable, PressPlugCable, PressCutPower, PressRestorePower, PressManualSale)
	if b.alone {
		return append(all, PressKey)
	}
	return append(all, PressEndOfDay)
}

// Face is what can be seen now.
func (b *Body) Face() terminal.Face { return b.desk.Face() }

// Changed is closed at the next change of Face.
func (b *Body) Changed() <-chan struct{} { return b.desk.Changed() }

// errNotIdle is why something at the terminal itself cannot be done now.
var errNotIdle = errors.New("the terminal is not idle")

// manualMinor is the amount of a manual sale that names none.
const manualMinor = 1000

// Press takes one of Actions or Outcomes, see Menu. What is done at the terminal's own keys wants an idle terminal with
// power. "manual-sale:1250" names the minor units, and so does "key:1250".
func (b *Body) Press(action string) error {
	name, arg, _ := strings.Cut(action, ":")
	act, own := map[string]func() error{
		PressPullCable:    func() error { b.pullCable(); return nil },
		PressPlugCable:    func() error { b.desk.SetCabled(true); return nil },
		PressCutPower:     func() error { b.cutPower(); return nil },
		PressRestorePower: func() error { b.restorePower(); return nil },
		PressManualSale:   func() error { return b.manualSale(arg) },
		PressEndOfDay:     b.manualEndOfDay,
		PressKey:          func() error { return b.key(arg) },
	}[name]
	if !own || b.alone && name == PressEndOfDay || !b.alone && name == PressKey {
		return b.desk.Press(action)
	}
	if arg != "" && name != PressManualSale && name != PressKey {
		return fmt.Errorf("press %q: takes nothing behind a colon", action)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return act()
}

func (b *Body) manualSale(arg string) error {
	minor := int64(manualMinor)
	if arg != "" {
		n, err := MinorUnits(PressManualSale, arg)
		if err != nil {
			return err
		}
		minor = n
	}
	if b.off || b.pay != nil {
		return fmt.Errorf("press manual-sale: %w", errNotIdle)
	}
	r := b.newRecord(Sale, minor)
	r.Manual = true
	b.book(r)
	return nil
}

// key begins the sale that somebody keys in at the terminal.
func (b *Body) key(arg string) error {
	minor, err := MinorUnits(PressKey, arg)
	if err != nil {
		return err
	}
	if !b.Begin(nil, Order{Kind: Sale, Minor: minor}) {
		return fmt.Errorf("press %s: %w", PressKey, errNotIdle)
	}
	return nil
}

func (b *Body) manualEndOfDay() error {
	if b.off || b.pay != nil {
		return fmt.Errorf("press end-of-day: %w", errNotIdle)
	}
	b.Settle()
	return nil
}

// pullCable cuts every line. What the terminal is working on goes on.
func (b *Body) pullCable() {
	b.restore()
	b.desk.SetCabled(false)
	for _, l := range b.lines {
		l.Cut("the cable was pulled")
	}
}

// cutPower loses all that is not booked.
func (b *Body) cutPower() {
	b.restore()
	if b.off {
		return
	}
	b.off = true
	b.life++
	if b.pay != nil {
		b.pay.takeBack()
		b.pay = nil
	}
	for _, l := range b.lines {
		if l.Kind == terminal.TCP {
			l.Cut("the terminal lost its power")
			continue
		}
		l.talk.Lost() // what it had heard and said is forgotten
		l.talk = b.mouth.Attach(l)
	}
	b.desk.SetPowered(false)
}

func (b *Body) restorePower() {
	b.restore()
	if !b.off {
		return
	}
	b.off = false
	b.desk.SetPowered(true)
	b.idle()
}

// reboot cuts the power for the time of a start.
func (b *Body) reboot() {
	b.cutPower()
	b.later(b.timing.BootTime)
}

// mendLater restores what a script took, if the options want that.
func (b *Body) mendLater() {
	if b.timing.RestoreAfter > 0 {
		b.later(b.timing.RestoreAfter)
	}
}

func (b *Body) later(d time.Duration) {
	b.restore()
	stopped := false
	t := time.AfterFunc(d, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if !stopped {
			b.desk.SetCabled(true)
			b.restorePower()
		}
	})
	b.restore = func() { stopped = true; t.Stop() }
}

// After calls f under the lock after a time, unless the power fails before; at once where there is no time to
// wait. It returns a function that takes the call back.
func (b *Body) After(d time.Duration, f func()) (stop func()) {
	if d <= 0 {
		f()
		return func() {}
	}
	life, stopped := b.life, false
	t := time.AfterFunc(d, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if !stopped && life == b.life && !b.off {
			f()
		}
	})
	return func() { stopped = true; t.Stop() }
}

// Idle tells whether the terminal has power and nothing to do.
func (b *Body) Idle() bool { return !b.off && b.pay == nil }

func (b *Body) idle() { b.desk.Show(b.words.Idle, b.tid) }

// Print prints a receipt on the terminal's own printer.
func (b *Body) Print(lines []string) { b.desk.Print(lines) }
