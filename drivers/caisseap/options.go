package caisseap

import (
	"errors"
	"fmt"
	"time"

	"tillbridge/terminal/wire"
)

// Options are the driver's own settings. NewOptions fills in the defaults.
type Options struct {
	// POSNumber is the number of this cash register, 1 to 99.
	POSNumber int `yaml:"pos_number"`
	// Version is the version of the protocol that requests name: "0300", "0310" or "0320".
	Version string `yaml:"version"`
	// ProtocolID is the identifier of the cash register's software (CJ), twelve digits that the Association du Paiement or
	// the terminal's provider gives.
	ProtocolID string `yaml:"protocol_id"`
	// ReferenceEchoed says that the terminal names the reference of our payment (CF) in its answer. Without it nothing but
	// the connection and the sum ties an answer to its payment, so false is for terminals only that never do.
	ReferenceEchoed bool `yaml:"reference_echoed"`
	// ForceAuthorisation makes the terminal ask the bank for every payment.
	ForceAuthorisation bool `yaml:"force_authorisation"`
	// Ticket asks for the customer's ticket as text, which is kept beside the payment.
	Ticket bool `yaml:"ticket"`
	// AppendCRLF ends requests with carriage return and line feed, for terminals that refuse every request without.
	AppendCRLF bool `yaml:"append_crlf"`
	// PaymentTimeout is how long a payment is waited for; at least 180 s.
	PaymentTimeout time.Duration `yaml:"payment_timeout"`
}

// resultWait is the shortest wait for a payment (caisse-ap sheet 7).
const resultWait = 180 * time.Second

// NewOptions are the defaults.
func NewOptions() *Options {
	return &Options{POSNumber: 1, Version: "0300", ProtocolID: "012345678901", ReferenceEchoed: true, PaymentTimeout: 5 * time.Minute}
}

// Validate tells everything that is wrong, each with its key.
func (o *Options) Validate() error {
	var wrong []error
	if o.POSNumber < 1 || o.POSNumber > 99 {
		wrong = append(wrong, fmt.Errorf("pos_number: %d is out of range; write 1 to 99", o.POSNumber))
	}
	if o.Version != "0300" && o.Version != "0310" && o.Version != "0320" {
		wrong = append(wrong, fmt.Errorf("version: %q is not known; write \"0300\", \"0310\" or \"0320\" in quotes", o.Version))
	}
	if len(o.ProtocolID) != 12 || !wire.IsDigits(o.ProtocolID) {
		wrong = append(wrong, errors.New("protocol_id: it has twelve digits; write them in quotes, such as \"012345678901\""))
	}
	if o.PaymentTimeout < resultWait || o.PaymentTimeout > time.Hour {
		wrong = append(wrong, fmt.Errorf("payment_timeout: %s is out of range; write 180s to 1h", o.PaymentTimeout))
	}
	return errors.Join(wrong...)
}
