package transbank

import (
	"errors"
	"fmt"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/wire"
)

// Options are the driver's own settings. NewOptions fills in the defaults.
type Options struct {
	// Model is the kind of terminal: "integrado", with a clerk, or "autoservicio", unattended. They differ in their messages and
	// in how the terminal makes its check bytes.
	Model Model `yaml:"model"`
	// Commerce is the code of the merchant whom sales are for, on a terminal that several merchants share (multicode); empty for
	// a terminal of one merchant.
	Commerce string `yaml:"commerce"`
	// Voucher asks the terminal for the text of the receipt, which is kept beside the payment.
	Voucher bool `yaml:"voucher"`
	// CloseAtTerminal tells that a close (cierre) can be made at the terminal itself, or comes by itself, so that an empty list
	// may have held a sale. False lets more payments be decided, and is right where the close is made from here only.
	CloseAtTerminal bool `yaml:"close_at_terminal"`
	// PaymentTimeout is the longest silence of the terminal within a payment.
	PaymentTimeout time.Duration `yaml:"payment_timeout"`
}

// Model is a kind of terminal.
type Model uint8

// The kinds of terminal.
const (
	Integrado Model = iota
	Autoservicio
)

var modelWords = terminal.Choice[Model]{"integrado", "autoservicio"}

// UnmarshalText reads "integrado" or "autoservicio".
func (m *Model) UnmarshalText(b []byte) error { return modelWords.Read(m, b) }

// MarshalText writes what UnmarshalText reads.
func (m Model) MarshalText() ([]byte, error) { return modelWords.Write(m) }

func (m Model) String() string { return modelWords[m] }

// NewOptions are the defaults, which fit most terminals.
func NewOptions() *Options { return &Options{CloseAtTerminal: true, PaymentTimeout: 180 * time.Second} }

// Validate tells everything that is wrong, each with its key.
func (o *Options) Validate() error {
	var wrong []error
	if o.Commerce != "" && (len(o.Commerce) > 12 || !wire.IsDigits(o.Commerce)) {
		wrong = append(wrong, fmt.Errorf("commerce: %q is no commerce code; write up to twelve digits in quotes, such as \"597029414300\"", o.Commerce))
	}
	if o.PaymentTimeout < time.Minute || o.PaymentTimeout > time.Hour {
		wrong = append(wrong, fmt.Errorf("payment_timeout: %s is out of range; write 60s to 1h", o.PaymentTimeout))
	}
	return errors.Join(wrong...)
}
