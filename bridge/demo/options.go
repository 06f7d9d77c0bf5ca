package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// Options are what the demo is made of.
type Options struct {
	// Dir holds settings, journal and line of this demo, and whatever the bridge puts beside its settings. It
	// is made where it is missing and left as it is at the end. Empty means a folder of its own, which is
	// removed at the end.
	Dir string
	// Listen is the page's address on the loopback, host:port; empty or port 0 takes a free one.
	Listen string
	// Out is told what a person at the terminal window should know; nil for nobody.
	Out io.Writer
	// Log is for what goes wrong inside the demo; nil for nobody.
	Log *slog.Logger
	// Driver is the protocol of the simulated terminal; its name stands in the settings.
	Driver terminal.Driver
	// Currency is what is charged; the zero value means euros.
	Currency terminal.Currency
	// Settings are driver options, key and value as in the settings file, beside those of Driver.Demo or instead of them.
	Settings map[string]string
	// Through is the program, and its arguments, through which the bridge reaches the terminal by the driver process, with the line
	// as the settings name it: key "serial" or "tcp". Nil where the bridge speaks the protocol itself.
	Through func(key, address string) []string
	// Start starts the bridge with a settings file. It is called again after the bridge was killed.
	Start func(configFile string) (Daemon, error)
	// Once makes one payment without a page.
	Once *Once
	// TCP joins terminal and bridge by TCP where a pseudo-terminal could be used.
	TCP bool

	mendWait time.Duration // until Once mends what a script broke; 0 for mendAfter
}

// Once is one payment that runs by itself.
type Once struct {
	Amount  string // in the demo's currency, "12.50"
	Outcome string // one of Outcomes; empty for approved
}

// Daemon is a running bridge. Its methods may be called from any goroutine.
type Daemon interface {
	Kill() error        // ends it at once, as kill -9 does
	Stop() error        // asks it to end in good order, without waiting for that
	Done() <-chan error // delivers how it ended, once, or is closed then
}

// Outcomes of the demo's own, beside those of the simulated terminal.
const (
	bridgeKilled = "bridge-killed"
	mgrDown      = "mgr-down"
	mgrForgets   = "mgr-forgets"
)

func ownOutcomes() []simulate.Choice {
	return []simulate.Choice{
		{Name: bridgeKilled, What: "the bridge is killed while the terminal works, and started again"},
		{Name: mgrDown, What: "approved, and MGR answers the first three notices with an error"},
		{Name: mgrForgets, What: "approved, and MGR's answer to the first two notices is lost"},
	}
}

// Outcomes are the scripts that Once takes, each with its sentence: those of the driver's simulator, and those
// of the demo itself.
func (o Options) Outcomes() ([]simulate.Choice, error) {
	sim, err := o.simulator(0)
	if err != nil {
		return nil, err
	}
	return append(simulate.Choices(sim, sim.Outcomes()), ownOutcomes()...), nil
}

// currency is the demo's currency.
func (o Options) currency() terminal.Currency {
	if o.Currency == (terminal.Currency{}) {
		return terminal.Currency{Code: "EUR", Numeric: 978, Digits: 2}
	}
	return o.Currency
}

// settings are the driver options of the settings file.
func (o Options) settings() map[string]string {
	all := maps.Clone(o.Driver.Demo)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, o.Settings)
	return all
}

// simulator makes the terminal. Of the options it takes those that the driver says are its simulator's too.
func (o Options) simulator(think time.Duration) (terminal.Simulator, error) {
	s := terminal.SimulatorOptions{Currency: o.currency(), Think: think}
	if o.Driver.Demo != nil {
		own := map[string]string{}
		for key, value := range o.settings() {
			if _, is := o.Driver.Demo[key]; is {
				own[key] = value
			}
		}
		s.Options = own
	}
	return o.Driver.Simulate(s)
}

// plain tells whether a text can stand in a line of the settings.
func plain(s string) bool { return s != "" && !strings.ContainsFunc(s, unicode.IsControl) }

// ready fills in defaults and refuses what cannot be run.
func (o Options) ready() (Options, error) {
	if o.Start == nil || o.Driver.Simulate == nil {
		return o, errors.New("demo: there is no bridge to start or no terminal to simulate")
	}
	if o.Out == nil {
		o.Out = io.Discard
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.mendWait == 0 {
		o.mendWait = mendAfter
	}
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	for key, value := range o.Settings {
		if !plain(key) || !plain(value) {
			return o, fmt.Errorf("option %q: want a key and a value of one line, as in the settings", key)
		}
	}
	if o.Once == nil {
		return o, nil
	}
	once := *o.Once
	if once.Outcome == "" {
		once.Outcome = simulate.Approved
	}
	o.Once = &once
	if _, err := terminal.ParseAmount(once.Amount, o.currency()); err != nil {
		return o, err
	}
	known, err := o.Outcomes()
	if err != nil {
		return o, err
	}
	if !slices.ContainsFunc(known, func(c simulate.Choice) bool { return c.Name == once.Outcome }) {
		var names []string
		for _, c := range known {
			names = append(names, c.Name)
		}
		return o, fmt.Errorf("outcome %q is not known; known are %s", once.Outcome, strings.Join(names, ", "))
	}
	return o, nil
}

// Run serves the demo's page until ctx ends, and returns nil then. With Once it is RunOnce.
func Run(ctx context.Context, o Options) error {
	if o.Once != nil {
		return RunOnce(ctx, o)
	}
	return o.within(ctx, (*world).servePage)
}

// within builds the demo's world, does something in it, and takes it down again.
func (o Options) within(ctx context.Context, do func(*world, context.Context) error) error {
	o, err := o.ready()
	if err != nil {
		return err
	}
	if o.Dir == "" {
		if o.Dir, err = os.MkdirTemp("", "tillbridge-demo-"); err != nil {
			return fmt.Errorf("make a folder for the demo: %w", err)
		}
		defer func() { _ = os.RemoveAll(o.Dir) }() // what cannot be removed lies among the system's temporary files
	}
	w, err := newWorld(ctx, o)
	if err != nil {
		return err
	}
	return errors.Join(do(w, ctx), w.close())
}
