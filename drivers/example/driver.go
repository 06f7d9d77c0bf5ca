package example

import (
	"fmt"
	"time"

	"tillbridge/drivers/example/sim"
	"tillbridge/terminal"
)

// Driver is the driver. It is a value: nothing registers itself.
func Driver() terminal.Driver {
	return terminal.Driver{
		Name: "example", Title: "example, the blueprint of a driver",
		Evidence: terminal.C3, // declare what the paper promises after a broken dialogue, and no more
		Line:     terminal.LineDefaults{Baud: 19200, DataBits: 8, Parity: "none", StopBits: "1"},
		Options:  func() any { return NewOptions() },
		Kinds:    []terminal.Session{(*session)(nil)}, Known: "itself: it is made up",
		Open: open, Simulate: sim.New, Describe: describe,
		// I moves no money, but another protocol's terminal may read anything into a lone letter. A driver with a
		// question that only its own terminals take for one has Identify and Asks.
	}
}

// What a session can do beside paying is found by its methods. Say it here, so that the compiler sees a misspelt one.
var (
	_ terminal.Session    = (*session)(nil)
	_ terminal.Canceller  = (*session)(nil)
	_ terminal.Identifier = (*session)(nil)
)

// Options are the driver's own settings: each with a yaml tag, a default and a bound.
type Options struct {
	// PaymentTimeout is how long a terminal that works is waited for; the customer has some of it. Its end proves nothing.
	PaymentTimeout time.Duration `yaml:"payment_timeout"`
}

// NewOptions are the defaults.
func NewOptions() *Options { return &Options{PaymentTimeout: 3 * time.Minute} }

// Validate tells what is wrong, behind the key.
func (o *Options) Validate() error {
	if o.PaymentTimeout < time.Minute || o.PaymentTimeout > time.Hour {
		return fmt.Errorf("payment_timeout: %s is out of range; write 1m to 1h", o.PaymentTimeout)
	}
	return nil
}
