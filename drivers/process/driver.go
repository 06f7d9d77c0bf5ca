package process

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"tillbridge/terminal"
)

// Driver is the driver. What it can prove is said in the options.
func Driver() terminal.Driver {
	return terminal.Driver{
		Name: "process", Title: "another program, JSON lines on its standard input and output",
		Options: func() any { return NewOptions() },
		Open: func(ctx context.Context, e terminal.Env, options any) (terminal.Session, error) {
			return open(ctx, e, options, run)
		},
	}
}

// Options are the driver's own settings. NewOptions fills in the defaults.
type Options struct {
	// Command is the program and its arguments; no shell reads them.
	Command []string `yaml:"command"`
	// Declared is what the terminal can prove after a broken conversation: C0 to C4.
	Declared []string `yaml:"evidence"`
	// Settings are handed to the program as they stand.
	Settings map[string]string `yaml:"settings"`
	// StartTimeout is how long the program may take to reach its terminal and greet.
	StartTimeout time.Duration `yaml:"start_timeout"`
	// PaymentTimeout is how long a payment is waited for. Its end proves nothing.
	PaymentTimeout time.Duration `yaml:"payment_timeout"`
}

// NewOptions are the defaults.
func NewOptions() *Options {
	return &Options{StartTimeout: 20 * time.Second, PaymentTimeout: 15 * time.Minute}
}

// Validate tells everything that is wrong, each with its key.
func (o *Options) Validate() error {
	var wrong []error
	say := func(bad bool, text string) {
		if bad {
			wrong = append(wrong, errors.New(text))
		}
	}
	say(len(o.Command) == 0 || o.Command[0] == "", "command: name the program and its arguments, such as [/usr/bin/python3, /opt/till/acme.py]")
	if len(o.Command) > 0 {
		say(strings.ContainsAny(o.Command[0], `/\`) && !filepath.IsAbs(o.Command[0]), "command: write the program's whole path, or a name that is found in PATH")
	}
	_, err := evidence(o.Declared)
	say(err != nil || len(o.Declared) == 0, "evidence: say what the terminal can prove after a broken conversation, one or more of C0, C1, C2, C3, C4, as the program's author tells it")
	say(o.StartTimeout < time.Second || o.StartTimeout > 25*time.Second, fmt.Sprintf("start_timeout: %s is out of range; write 1s to 25s", o.StartTimeout))
	say(o.PaymentTimeout < time.Minute || o.PaymentTimeout > time.Hour, fmt.Sprintf("payment_timeout: %s is out of range; write 1m to 1h", o.PaymentTimeout))
	return errors.Join(wrong...)
}

// Evidence is what the settings declare, for terminal.Driver.With.
func (o *Options) Evidence() terminal.Evidence {
	e, _ := evidence(o.Declared) // which Validate has looked at
	return e
}

// evidence reads words like "C2".
func evidence(words []string) (e terminal.Evidence, err error) {
	for _, w := range words {
		n := strings.Index("C0C1C2C3C4", w)
		if len(w) != 2 || n < 0 || n%2 != 0 {
			return 0, fmt.Errorf("%q is no class of evidence", w)
		}
		e |= 1 << (n / 2)
	}
	return e, nil
}

// evidenceWords writes them.
func evidenceWords(e terminal.Evidence) (words []string) {
	for i := range 5 {
		if e.Has(1 << i) {
			words = append(words, fmt.Sprintf("C%d", i))
		}
	}
	return words
}
