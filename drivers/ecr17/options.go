package ecr17

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/wire"
)

// Options are the driver's own settings. NewOptions fills in the defaults.
type Options struct {
	// TerminalID is the terminal's number, eight digits; 00000000 is taken by terminals that do not compare it.
	TerminalID string `yaml:"terminal_id"`
	// CashRegister is the number of this till, eight digits.
	CashRegister string `yaml:"cash_register"`
	// Extended says whether sales are sent as X, whose stored result names the amount: "yes", "no" (P), or "auto", which sends P
	// after the terminal has refused an X three times.
	Extended Extended `yaml:"extended"`
	// LRC says which characters the check byte covers; "auto" finds out by asking for the status.
	LRC LRC `yaml:"lrc"`
	// Receipts says who prints: "terminal", or "register", which keeps them beside the payment. With the latter a payment
	// ends some seconds later, since a receipt may come after the result.
	Receipts Receipts `yaml:"receipts"`
	// Standalone tells that sales can be typed at the terminal too (Nexi: "ECR + standalone"), so that a result in its memory
	// may be of one of those. False (Nexi: "ECR only") lets more payments be decided from its memory.
	Standalone bool `yaml:"standalone"`
	// PrintReference puts our reference of a payment on its receipt.
	PrintReference bool `yaml:"print_reference"`
	// PaymentTimeout is the longest silence of the terminal within a payment.
	PaymentTimeout time.Duration `yaml:"payment_timeout"`
	// ClockSkew is how far the terminal's clock may be off from the PC's.
	ClockSkew time.Duration `yaml:"clock_skew"`
}

// Extended says whether sales are sent as X.
type Extended uint8

// How sales are sent.
const (
	ExtendedAuto Extended = iota
	ExtendedYes
	ExtendedNo
)

var extendedWords = terminal.Choice[Extended]{"auto", "yes", "no"}

// UnmarshalText reads "auto", "yes" or "no"; YAML's true and false are yes and no.
func (x *Extended) UnmarshalText(b []byte) error {
	switch string(b) {
	case "true":
		b = []byte("yes")
	case "false":
		b = []byte("no")
	}
	return extendedWords.Read(x, b)
}

// MarshalText writes what UnmarshalText reads.
func (x Extended) MarshalText() ([]byte, error) { return extendedWords.Write(x) }

// LRC is the coverage of the check byte, or none yet.
type LRC struct {
	Covers wire.Covers
	Known  bool
}

// lrcOf are the values of lrcWords.
var lrcOf = [...]LRC{{Covers: wire.CoverAll}, {wire.CoverAll, true}, {wire.CoverBodyETX, true}, {wire.CoverSTXBody, true}, {wire.CoverBody, true}}

var lrcWords = terminal.Choice[uint8]{"auto", "full", "no-stx", "no-etx", "text"}

// UnmarshalText reads "auto", "full" (STX to ETX), "no-stx", "no-etx" or "text" (neither).
func (l *LRC) UnmarshalText(b []byte) error {
	n := uint8(0)
	if err := lrcWords.Read(&n, b); err != nil {
		return err
	}
	*l = lrcOf[n]
	return nil
}

// MarshalText writes what UnmarshalText reads.
func (l LRC) MarshalText() ([]byte, error) {
	return lrcWords.Write(uint8(max(0, slices.Index(lrcOf[:], l))))
}

// Receipts says who prints a payment's receipts.
type Receipts uint8

// Who prints.
const (
	TerminalPrints Receipts = iota
	RegisterPrints
)

var receiptsWords = terminal.Choice[Receipts]{"terminal", "register"}

// UnmarshalText reads "terminal" or "register".
func (r *Receipts) UnmarshalText(b []byte) error { return receiptsWords.Read(r, b) }

// MarshalText writes what UnmarshalText reads.
func (r Receipts) MarshalText() ([]byte, error) { return receiptsWords.Write(r) }

// NewOptions are the defaults, which fit most terminals.
func NewOptions() *Options {
	return &Options{
		TerminalID: "00000000", CashRegister: "00000001", LRC: LRC{Covers: wire.CoverAll}, Standalone: true,
		PaymentTimeout: 180 * time.Second, ClockSkew: 5 * time.Minute,
	}
}

// Validate tells everything that is wrong, each with its key.
func (o *Options) Validate() error {
	var wrong []error
	for _, f := range []struct{ key, value string }{{"terminal_id", o.TerminalID}, {"cash_register", o.CashRegister}} {
		if len(f.value) != 8 || !wire.IsDigits(f.value) {
			wrong = append(wrong, fmt.Errorf("%s: %q is no number of the protocol; write eight digits in quotes, such as \"00000001\"", f.key, f.value))
		}
	}
	if o.PaymentTimeout < time.Minute || o.PaymentTimeout > time.Hour {
		wrong = append(wrong, fmt.Errorf("payment_timeout: %s is out of range; write 60s to 1h", o.PaymentTimeout))
	}
	if o.ClockSkew < 0 || o.ClockSkew > time.Hour {
		wrong = append(wrong, fmt.Errorf("clock_skew: %s is out of range; write 0s to 1h", o.ClockSkew))
	}
	return errors.Join(wrong...)
}
