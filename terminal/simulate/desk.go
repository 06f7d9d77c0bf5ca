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

// ErrNobodyPays is wrapped by Press when a customer's action comes while no payment is in progress.
var ErrNobodyPays = errors.New("no payment is in progress")

// pressLimit is how many presses wait for a payment that has not come to its customer yet.
const pressLimit = 8

// Desk is the counter that a simulated terminal stands on, the same for every protocol: the display, the
// customer who decides, the script that decides in his place, cable and power, and the ledger. It runs no
// goroutine and knows no protocol. Its methods may be called from any goroutine.
type Desk struct {
	think    time.Duration
	outcomes []string
	choices  []string
	ledger   *Ledger

	mu       sync.Mutex
	changed  chan struct{}
	script   string
	display  []string
	receipt  []string
	paying   bool
	unplug   bool
	off      bool
	presses  []string
	customer func(choice string) // who waits for the next press
}

// NewDesk makes a desk with cable and power on. The outcomes are what its simulator can play; the choices
// are what a customer may press while a payment waits for him, such as PressTap. The options' Outcome must be
// one of the outcomes or empty.
func NewDesk(o terminal.SimulatorOptions, outcomes, choices []string) (*Desk, error) {
	if o.Outcome != "" && !slices.Contains(outcomes, o.Outcome) {
		return nil, fmt.Errorf("outcome %q is not known; known are %s", o.Outcome, strings.Join(outcomes, ", "))
	}
	if o.Think < 0 {
		return nil, fmt.Errorf("think %s: less than nothing", o.Think)
	}
	d := &Desk{
		think: o.Think, outcomes: slices.Clone(outcomes), choices: slices.Clone(choices),
		changed: make(chan struct{}), script: o.Outcome,
	}
	d.ledger = NewLedger(d.change)
	return d, nil
}

// Think is how long customer and bank take for each step.
func (d *Desk) Think() time.Duration { return d.think }

// Ledger is the desk's ledger.
func (d *Desk) Ledger() *Ledger { return d.ledger }

// Outcomes are the scripts that Press takes.
func (d *Desk) Outcomes() []string { return slices.Clone(d.outcomes) }

// Face is what can be seen now. A terminal without power shows nothing.
func (d *Desk) Face() terminal.Face {
	ledger := d.ledger.Entries()
	d.mu.Lock()
	defer d.mu.Unlock()
	f := terminal.Face{Paying: d.paying, Powered: !d.off, Cabled: !d.unplug, Receipt: slices.Clone(d.receipt), Ledger: ledger}
	if !d.off {
		f.Display = slices.Clone(d.display)
	}
	return f
}

// Changed is closed at the next change of Face.
func (d *Desk) Changed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.changed
}

// Show puts lines on the display.
func (d *Desk) Show(lines ...string) {
	d.set(func() { d.display = lines })
}

// Print prints a receipt on the terminal's own printer.
func (d *Desk) Print(lines []string) {
	d.set(func() { d.receipt = lines })
}

// Begin opens a payment and returns its script; empty means that its customer is to be asked.
func (d *Desk) Begin() (script string) {
	d.set(func() { d.paying, d.presses, script = true, nil, d.script })
	return script
}

// End closes the payment. It may be repeated.
func (d *Desk) End() {
	d.set(func() { d.paying, d.presses, d.customer = false, nil, nil })
}

// Ask waits for the customer. What he pressed since Begin and nobody asked for yet is returned at once, with
// true. Otherwise answer is called once, without a lock, with his next press: a choice or an outcome. A
// second Ask replaces the first; Dismiss takes it back, and an answer that comes all the same is to be ignored.
func (d *Desk) Ask(answer func(choice string)) (choice string, pressed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.presses) == 0 {
		d.customer = answer
		return "", false
	}
	choice = d.presses[0]
	d.presses = d.presses[1:]
	return choice, true
}

// Dismiss takes the question back.
func (d *Desk) Dismiss() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.customer = nil
}

// Press takes a customer's choice, an outcome, or PressByHand.
//
// A choice belongs to the payment in progress and is kept until its customer is asked; without a payment
// it is an error that wraps ErrNobodyPays. An outcome becomes the script of every payment from now on, also
// of the one that waits for its customer. A name that is both is a choice while somebody waits.
func (d *Desk) Press(name string) error {
	d.mu.Lock()
	isOutcome := slices.Contains(d.outcomes, name)
	isChoice := slices.Contains(d.choices, name) && (!isOutcome || d.customer != nil)
	switch {
	case name == PressByHand:
		d.script = ""
	case isOutcome && !isChoice:
		d.script = name
	case !isChoice:
		d.mu.Unlock()
		return fmt.Errorf("press %q: not known", name)
	case !d.paying:
		d.mu.Unlock()
		return fmt.Errorf("press %q: %w", name, ErrNobodyPays)
	case d.customer == nil && len(d.presses) < pressLimit:
		d.presses = append(d.presses, name)
	}
	var answer func(string)
	if name != PressByHand {
		answer, d.customer = d.customer, nil
	}
	d.broadcast()
	d.mu.Unlock()
	if answer != nil {
		answer(name)
	}
	return nil
}

// SetCabled plugs the cable in or pulls it.
func (d *Desk) SetCabled(on bool) { d.set(func() { d.unplug = !on }) }

// SetPowered switches the power. Without it the display is empty and no payment is in progress.
func (d *Desk) SetPowered(on bool) {
	d.set(func() {
		d.off = !on
		if d.off {
			d.display, d.paying, d.presses, d.customer = nil, false, nil, nil
		}
	})
}

// Cabled tells whether the cable is plugged in.
func (d *Desk) Cabled() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.unplug
}

// Powered tells whether there is power.
func (d *Desk) Powered() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.off
}

func (d *Desk) set(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
	d.broadcast()
}

func (d *Desk) change() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.broadcast()
}

func (d *Desk) broadcast() {
	close(d.changed)
	d.changed = make(chan struct{})
}
