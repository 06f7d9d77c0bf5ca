package telium

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"tillbridge/terminal"
)

// Options are the driver's own settings. NewOptions fills in the defaults.
type Options struct {
	// Dialect is "fr" (Concert E and E+, France) or "uk" (EPOS with extended data, United Kingdom and Ireland). There is
	// no default: what is a card sale in the one is a mail order in the other. Take care: with "uk" the driver asks the
	// terminal for its state when the line opens, in a message that a French terminal may read as a sale of 0.01.
	Dialect Dialect `yaml:"dialect"`
	// Variant is "e+" or, for old French terminals, "e".
	Variant Variant `yaml:"variant"`
	// POSNumber is the number of this cash register, 1 to 99, for a French terminal that must be told a certain one. 0
	// gives each payment another number, so that a result that comes late is never taken for the next payment's; with a
	// fixed number nothing but the sum tells two payments apart.
	POSNumber int `yaml:"pos_number"`
	// ForceAuthorisation makes the terminal ask the bank for every payment. French E+ only.
	ForceAuthorisation bool `yaml:"force_authorisation"`
	// Answer is "full", with the report of 55 characters in which the card stands, or "short". French only.
	Answer Answer `yaml:"answer"`
	// PaymentTimeout is how long a payment is waited for; at least 180 s.
	PaymentTimeout time.Duration `yaml:"payment_timeout"`
}

// Dialect is what the terminal speaks.
type Dialect uint8

// The dialects.
const (
	NoDialect Dialect = iota
	France
	Britain
)

var dialectWords = terminal.Choice[Dialect]{"", "fr", "uk"}

// UnmarshalText reads "fr" or "uk".
func (d *Dialect) UnmarshalText(b []byte) error { return dialectWords.Read(d, b) }

// MarshalText writes what UnmarshalText reads.
func (d Dialect) MarshalText() ([]byte, error) { return dialectWords.Write(d) }

// Variant is a version of the French protocol.
type Variant uint8

// The variants.
const (
	EPlus Variant = iota
	E
)

var variantWords = terminal.Choice[Variant]{"e+", "e"}

// UnmarshalText reads "e+" or "e".
func (v *Variant) UnmarshalText(b []byte) error { return variantWords.Read(v, bytes.ToLower(b)) }

// MarshalText writes what UnmarshalText reads.
func (v Variant) MarshalText() ([]byte, error) { return variantWords.Write(v) }

// Answer is the form of a French answer.
type Answer uint8

// The forms.
const (
	FullAnswer Answer = iota
	ShortAnswer
)

var answerWords = terminal.Choice[Answer]{"full", "short"}

// UnmarshalText reads "full" or "short".
func (a *Answer) UnmarshalText(b []byte) error { return answerWords.Read(a, b) }

// MarshalText writes what UnmarshalText reads.
func (a Answer) MarshalText() ([]byte, error) { return answerWords.Write(a) }

// resultWait is how long a result may take (telium sheet 3).
const resultWait = 180 * time.Second

// NewOptions are the defaults. The dialect is to be filled in.
func NewOptions() *Options { return &Options{PaymentTimeout: resultWait} }

// Validate tells everything that is wrong, each with its key.
func (o *Options) Validate() error {
	var wrong []error
	if o.Dialect == NoDialect {
		wrong = append(wrong, errors.New("dialect: it is not said which dialect the terminal speaks, and the same message is a card sale in France and a mail order in the United Kingdom; write dialect: fr (France) or dialect: uk (United Kingdom, Ireland)"))
	}
	if o.POSNumber < 0 || o.POSNumber > 99 {
		wrong = append(wrong, fmt.Errorf("pos_number: %d is out of range; write 1 to 99, or 0 for another one with each payment", o.POSNumber))
	}
	if o.Dialect == Britain {
		french := func(key string, set bool) {
			if set {
				wrong = append(wrong, fmt.Errorf("%s: it belongs to the French dialect; remove it", key))
			}
		}
		french("pos_number", o.POSNumber != 0)
		french("variant", o.Variant != EPlus)
		french("answer", o.Answer != FullAnswer)
		french("force_authorisation", o.ForceAuthorisation)
	}
	if o.Variant == E && o.ForceAuthorisation {
		wrong = append(wrong, errors.New("force_authorisation: variant e has no room for it; use variant e+ or remove it"))
	}
	if o.PaymentTimeout < resultWait || o.PaymentTimeout > time.Hour {
		wrong = append(wrong, fmt.Errorf("payment_timeout: %s is out of range; write 180s to 1h", o.PaymentTimeout))
	}
	return errors.Join(wrong...)
}
