package zvt

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"tillbridge/terminal"
)

// Options are the driver's own settings. NewOptions fills in the defaults.
type Options struct {
	// Password is the terminal's password, six digits as the provider set it.
	Password Password `yaml:"password"`
	// ConfigByte is the configuration byte of the registration in hex, for terminals that need a certain one.
	// Empty lets the driver make it of Receipts and LockKeyboard.
	ConfigByte HexByte `yaml:"config_byte"`
	// ServiceByte is the service byte (BMP 03) of the registration in hex; empty leaves it out.
	ServiceByte HexByte `yaml:"service_byte"`
	// Register tells whether a session begins with a registration. A few bridges that play a terminal know none.
	Register bool `yaml:"register"`
	// Receipts says who prints: "terminal", or "register", which keeps them beside the payment.
	Receipts Receipts `yaml:"receipts"`
	// ReceiptWidth is the characters of a receipt line that we ask for; 0 leaves it to the terminal.
	ReceiptWidth int `yaml:"receipt_width"`
	// LockKeyboard forbids payments that are started at the terminal's own keys, so that no sale comes between
	// ours. Without it, a sale that nobody saw approved is never taken for ours from the terminal's records.
	LockKeyboard bool `yaml:"lock_keyboard"`
	// Charset is the character set of the terminal's texts.
	Charset Charset `yaml:"charset"`
	// Language is that of the sentences for the clerk, "en" or "de".
	Language Language `yaml:"language"`
	// CloseAfterCommand closes the line after each command, for terminals that close an idle connection or
	// take more than one register.
	CloseAfterCommand bool `yaml:"close_after_command"`
	// PaymentTimeout is the longest silence of the terminal within a payment (T4); at least 180 s.
	PaymentTimeout time.Duration `yaml:"payment_timeout"`
	// ClockSkew is how far the terminal's clock may be off from the PC's.
	ClockSkew time.Duration `yaml:"clock_skew"`
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

// HexByte is one byte of a setting, or none.
type HexByte struct {
	Value byte
	Set   bool
}

// UnmarshalText reads two hexadecimal digits; an empty text is none.
func (h *HexByte) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*h = HexByte{}
		return nil
	}
	n, err := strconv.ParseUint(string(b), 16, 8)
	if err != nil || len(b) != 2 {
		return fmt.Errorf("%q is no byte; write two hexadecimal digits in quotes, such as \"8E\"", b)
	}
	*h = HexByte{Value: byte(n), Set: true}
	return nil
}

// MarshalText writes what UnmarshalText reads.
func (h HexByte) MarshalText() ([]byte, error) {
	if !h.Set {
		return nil, nil
	}
	return fmt.Appendf(nil, "%02X", h.Value), nil
}

// UnmarshalText reads one to six digits. The error does not quote them.
func (p *Password) UnmarshalText(b []byte) error {
	parsed, err := ParsePassword(string(b))
	if err != nil {
		return err
	}
	*p = parsed
	return nil
}

// UnmarshalText reads a name that ParseCharset knows.
func (c *Charset) UnmarshalText(b []byte) (err error) {
	*c, err = ParseCharset(string(b))
	return err
}

// MarshalText writes what UnmarshalText reads.
func (c Charset) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

var languageWords = terminal.Choice[Language]{"en", "de"}

// UnmarshalText reads "en" or "de".
func (l *Language) UnmarshalText(b []byte) error { return languageWords.Read(l, b) }

// MarshalText writes what UnmarshalText reads.
func (l Language) MarshalText() ([]byte, error) { return languageWords.Write(l) }

// completionTimeout is T4 of PA00P015 ch. 1: the longest silence between two messages of the terminal in a
// payment. Terminals were seen to be silent for two minutes after they had announced one.
const completionTimeout = 180 * time.Second

// NewOptions are the defaults, which fit most terminals.
func NewOptions() *Options {
	return &Options{Register: true, LockKeyboard: true, PaymentTimeout: completionTimeout, ClockSkew: time.Minute}
}

// Validate tells everything that is wrong, each with its key.
func (o *Options) Validate() error {
	var wrong []error
	if o.PaymentTimeout < completionTimeout || o.PaymentTimeout > time.Hour {
		wrong = append(wrong, fmt.Errorf("payment_timeout: %s is out of range; write 180s to 1h, for a terminal may be silent for three minutes in a payment that goes well", o.PaymentTimeout))
	}
	if o.ClockSkew < 0 || o.ClockSkew > 10*time.Minute {
		wrong = append(wrong, fmt.Errorf("clock_skew: %s is out of range; write 0s to 10m", o.ClockSkew))
	}
	if o.ReceiptWidth != 0 && (o.ReceiptWidth < 16 || o.ReceiptWidth > 99) {
		wrong = append(wrong, fmt.Errorf("receipt_width: %d is out of range; write 16 to 99, or 0 for the terminal's own", o.ReceiptWidth))
	}
	if !o.Register && (o.ConfigByte.Set || o.ServiceByte.Set) {
		wrong = append(wrong, errors.New("register: config_byte and service_byte belong to a registration; set register to true or remove them"))
	}
	return errors.Join(wrong...)
}

// config is the configuration byte. Intermediate status is always asked for: without it the terminal's
// silence would run against the time-out (PA00P015 ch. 2.1).
func (o *Options) config() byte {
	if o.ConfigByte.Set {
		return o.ConfigByte.Value
	}
	c := byte(ConfigIntermediate)
	if o.Receipts == RegisterPrints {
		c |= ConfigPaymentReceipts | ConfigAdminReceipts | ConfigPrintCommands
	}
	if o.LockKeyboard {
		c |= ConfigLockPayment
	}
	return c
}

// locked tells whether no payment can be started at the terminal itself.
func (o *Options) locked() bool { return o.Register && o.config()&ConfigLockPayment != 0 }
