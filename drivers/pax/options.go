package pax

import (
	"errors"
	"fmt"
	"regexp"
	"time"
)

// Options are the driver's own settings. NewOptions fills in the defaults.
type Options struct {
	// Version is the version of the protocol that commands name, "1.35"; terminals take others too.
	Version string `yaml:"version"`
	// AskTip lets the terminal ask the customer for a tip (TIPREQ).
	AskTip bool `yaml:"ask_tip"`
	// StoreAndForward tells that the terminal may approve off-line. What it approved so may stand in another list than the one that is
	// asked, so that "not found" proves nothing then.
	StoreAndForward bool `yaml:"store_and_forward"`
	// PaymentTimeout is the longest silence of the terminal within a payment that it has taken.
	PaymentTimeout time.Duration `yaml:"payment_timeout"`
}

// NewOptions are the defaults, which fit most terminals.
func NewOptions() *Options { return &Options{Version: "1.35", PaymentTimeout: 180 * time.Second} }

var versionForm = regexp.MustCompile(`^[0-9]\.[0-9]{2}$`)

// Validate tells everything that is wrong, each with its key.
func (o *Options) Validate() error {
	var wrong []error
	if !versionForm.MatchString(o.Version) {
		wrong = append(wrong, fmt.Errorf("version: %q is no version of the protocol; write one such as \"1.35\", in quotes", o.Version))
	}
	if o.PaymentTimeout < time.Minute || o.PaymentTimeout > time.Hour {
		wrong = append(wrong, fmt.Errorf("payment_timeout: %s is out of range; write 60s to 1h", o.PaymentTimeout))
	}
	return errors.Join(wrong...)
}
