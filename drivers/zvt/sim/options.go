package sim

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Options are the simulated terminal's own settings. Zero values mean the defaults that are named.
type Options struct {
	// Password is the six digits that commands must carry; default 000000.
	Password string `yaml:"password"`
	// NoRepeatReceipt answers 06 20 with the bare completion, as some terminals do.
	NoRepeatReceipt bool `yaml:"no_repeat_receipt"`
	// LongTrace sends 0B = 000000 and the number in tag 1F2B, 8 digits.
	LongTrace bool `yaml:"long_trace"`
	// Charset of texts until the registration negotiates one: "latin1" (default) or "cp437".
	Charset string `yaml:"charset"`
	// Card is "maestro" (default), "visa" or "mastercard".
	Card string `yaml:"card"`
	// ClearCard sends whole card numbers, as terminals do whose masking is not set up.
	ClearCard bool `yaml:"clear_card"`
	// CloseIdle closes a TCP connection on which nothing happened for so long; 0 never.
	CloseIdle time.Duration `yaml:"close_idle"`
	// IntermediateDelay passes after each intermediate status (04 FF).
	IntermediateDelay time.Duration `yaml:"intermediate_delay"`
	// KeepOnLoss keeps a sale whose result the till did not answer, against ch. 2.2.9, as some vendors do.
	// An explicit refusal (84 xx) still reverses it.
	KeepOnLoss bool `yaml:"keep_on_loss"`
	// RequireRegistration refuses payments with 6B until a registration.
	RequireRegistration bool `yaml:"require_registration"`
	// CardTimeout is how long an unscripted payment waits for its customer; default 60 s.
	CardTimeout time.Duration `yaml:"card_timeout"`
	// T2 is the wait for ACK on a serial line, T3 for the till's answer; default 5 s each.
	T2 time.Duration `yaml:"t2"`
	T3 time.Duration `yaml:"t3"`
	// BootTime is how long a reboot takes; default 2 s.
	BootTime time.Duration `yaml:"boot_time"`
	// RestoreAfter restores power and cable so long after a script of a payment took them; 0 leaves it to
	// somebody who presses restore-power or plug-cable.
	RestoreAfter time.Duration `yaml:"restore_after"`
}

// Validate tells everything that is wrong.
func (o Options) Validate() error {
	var wrong []error
	if o.Password != "" && (len(o.Password) != 6 || !allDigits(o.Password)) {
		wrong = append(wrong, errors.New("password: want six digits"))
	}
	if o.Charset != "" && o.Charset != "latin1" && o.Charset != "cp437" {
		wrong = append(wrong, fmt.Errorf("charset %q: want latin1 or cp437", o.Charset))
	}
	if !slices.ContainsFunc(cards(), func(c card) bool { return o.Card == "" || c.option == o.Card }) {
		wrong = append(wrong, fmt.Errorf("card %q: want maestro, visa or mastercard", o.Card))
	}
	for _, d := range []time.Duration{o.CloseIdle, o.IntermediateDelay, o.CardTimeout, o.T2, o.T3, o.BootTime, o.RestoreAfter} {
		if d < 0 {
			wrong = append(wrong, fmt.Errorf("duration %s: less than nothing", d))
		}
	}
	return errors.Join(wrong...)
}

func (o Options) withDefaults() Options {
	o.Password, o.Charset, o.Card = cmp.Or(o.Password, "000000"), cmp.Or(o.Charset, "latin1"), cmp.Or(o.Card, "maestro")
	o.T2, o.T3 = cmp.Or(o.T2, 5*time.Second), cmp.Or(o.T3, 5*time.Second)
	o.CardTimeout, o.BootTime = cmp.Or(o.CardTimeout, 60*time.Second), cmp.Or(o.BootTime, 2*time.Second)
	return o
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
