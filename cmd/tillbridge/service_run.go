package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"tillbridge/bridge/config"
	"tillbridge/bridge/daemon"
	"tillbridge/bridge/health"
	"tillbridge/bridge/journal"
	"tillbridge/bridge/osservice"
)

const runExits = "Exit 0: stopped as asked; 1: failed, starting again may help; 2: wrong usage; 3: another tillbridge has the journal,\n" +
	"whose process is told; 4: the settings or the journal need a person, starting again does not help."

// exitError is a failure with an exit code of its own.
type exitError struct {
	error
	code int
}

func (e exitError) Unwrap() error { return e.error }

// runError gives an error of the daemon its exit code, by which a service manager tells what a restart cannot help.
func runError(err error) error {
	if err == nil {
		return nil
	}
	return exitError{err, runExit(err)}
}

func runExit(err error) int {
	var held *journal.HeldError
	var wrong config.Errors
	var version *journal.VersionError
	var foreign *journal.ForeignError
	var damaged *journal.DamagedError
	switch {
	case errors.As(err, &held):
		return osservice.ExitHeld
	case errors.As(err, &wrong), errors.As(err, &version), errors.As(err, &foreign), errors.As(err, &damaged):
		return osservice.ExitPerson
	}
	return exitFailed
}

// serve runs the bridge, as a service where it was started as one.
func (p *program) serve(ctx context.Context, o daemon.Options, service bool) error {
	if !service {
		return runError(daemon.Run(ctx, o))
	}
	w := &witness{p: p, file: o.ConfigFile, within: 5 * time.Second}
	wished := o.Reload
	var logged error // it is told where a service's errors are looked for, and not a second time
	err := osservice.Host(ctx, osservice.Hosted{
		Run: func(ctx context.Context, up osservice.Up) error {
			o.Reload = up.Reload
			o.Ready = func(a daemon.Addresses) {
				w.serves(a)
				up.Ready()
			}
			if logged = daemon.Run(ctx, o); logged != nil {
				o.Log.Error("the bridge ended", "error", logged)
			}
			return logged
		},
		Alive: w.alive, Reload: wished, ExitCode: runExit, Log: o.Log,
	})
	if logged != nil {
		return exitError{errSaid, runExit(logged)}
	}
	return runError(err)
}

// witness asks the bridge of this process how it is, through its own doors.
type witness struct {
	p      *program
	file   string
	within time.Duration // for each answer

	mu      sync.Mutex
	at      daemon.Addresses
	journal string
}

// serves keeps where the bridge serves now.
func (w *witness) serves(a daemon.Addresses) {
	s, err := config.Load(w.file, w.p.drivers, w.p.env)
	if err != nil {
		s = config.Rescue(w.file, w.p.env)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at, w.journal = a, s.Journal
}

// alive gives the bridge's state in a line. A bridge that answers at its counter screen and does not come to say how its
// terminals are does not live: something in it stands still. One whose counter screen is overrun lives as long as MGR's
// door answers. Where the way to its health is not kept, or an earlier bridge's, as on a full disk, any answer will do.
func (w *witness) alive(ctx context.Context) (string, error) {
	w.mu.Lock()
	at, path := w.at, w.journal
	w.mu.Unlock()
	question, cancel := context.WithTimeout(ctx, w.within)
	defer cancel()
	f, err := health.Ask(question, path)
	if err == nil && f.PID == os.Getpid() {
		return lifeLine(f), nil
	}
	hangs := errors.Is(err, context.DeadlineExceeded)
	counter := w.replies(ctx, at.Counter)
	switch {
	case hangs && counter == nil:
		return "", err
	case counter == nil:
		return "serving", nil
	case at.Door == "":
		return "", counter
	}
	if door := w.replies(ctx, at.Door); door != nil {
		return "", errors.Join(counter, door)
	}
	return "serving", nil
}

// replies asks a door for anything; an encrypted one answers too, that it is encrypted.
func (w *witness) replies(ctx context.Context, address string) error {
	var d net.Dialer
	ctx, cancel := context.WithTimeout(ctx, w.within)
	defer cancel()
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })() // it ends what waits
	_, err = io.WriteString(c, "GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
	if err == nil {
		_, err = io.ReadFull(c, make([]byte, 1))
	}
	if err != nil {
		return fmt.Errorf("%s does not answer: %w", address, err)
	}
	return nil
}

// lifeLine is how the bridge is: "2 terminals ready, 1 payment on hold".
func lifeLine(f health.Facts) string {
	if f.SettingsError != "" {
		return "the settings are wrong, no payment is taken; the counter screen at " + f.Counter + " tells why"
	}
	n := map[health.State]int{}
	for _, t := range f.Terminals {
		n[t.State]++
	}
	var words []string
	for _, w := range []struct {
		state     health.State
		one, many string
	}{
		{health.Ready, "terminal ready", "terminals ready"},
		{health.Paying, "payment under way", "payments under way"},
		{health.Asking, "payment asked for", "payments asked for"},
		{health.Held, "payment on hold", "payments on hold"},
		{health.Connecting, "terminal not reached yet", "terminals not reached yet"},
		{health.NotReached, "terminal not reached", "terminals not reached"},
		{health.OtherTerminal, "terminal is another one", "terminals are others"},
	} {
		if n[w.state] > 0 {
			words = append(words, count(n[w.state], w.one, w.many))
		}
	}
	if len(words) == 0 {
		return "no terminal"
	}
	return strings.Join(words, ", ")
}
