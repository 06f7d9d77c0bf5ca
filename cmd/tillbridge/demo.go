package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"tillbridge/bridge/config"
	"tillbridge/bridge/demo"
	"tillbridge/terminal"
)

func (p *program) demoVerb() *cobra.Command {
	o := demo.Options{Out: p.out}
	var once, outcome, name, currency string
	var options []string
	var list, verbose bool
	cmd := &cobra.Command{
		Use: "demo", Short: "try the whole thing with a simulated terminal and a stand-in for MGR", Args: usageArgs(cobra.NoArgs),
		Long: "Starts the real bridge with a journal of its own, a simulated card terminal and a stand-in for MGR's payment\n" +
			"page, and opens a page to use and to sabotage all of them. With --once it makes one payment by itself,\n" +
			"prints each step, and ends with 0 only if MGR, the journal and the terminal's ledger agree.\n\n" +
			"With --driver manual the terminal has no connection: on the page you are the clerk, who keys in at the terminal and\n" +
			"types on the counter screen what it printed; with --once a simulated clerk does it.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			played := name
			if name == "process" { // a program needs a protocol to speak
				played = "zvt"
			}
			d, ok := p.driver(played)
			if !ok {
				return usageError{fmt.Errorf("there is no driver %q; see tillbridge drivers", name)}
			}
			if err := playable(d); err != nil {
				return err
			}
			o.Driver = d
			if err := demoOptions(&o, currency, options); err != nil {
				return usageError{err}
			}
			if list {
				return p.listOutcomes(o)
			}
			if cmd.Flags().Changed("outcome") && once == "" {
				return usageError{errors.New("--outcome goes with --once AMOUNT; on the page it is chosen there")}
			}
			if once != "" {
				o.Once = &demo.Once{Amount: once, Outcome: outcome}
			}
			if verbose {
				o.Log = slog.New(slog.NewTextHandler(p.err, &slog.HandlerOptions{Level: slog.LevelDebug}))
			}
			if played != name {
				self, err := os.Executable()
				if err != nil {
					return fmt.Errorf("find this program: %w", err)
				}
				o.Through = func(key, address string) []string {
					return []string{self, "driver", played, "--" + key, address, "--currency", cmp.Or(o.Currency.Code, "EUR")}
				}
			}
			o.Start = starter(p.err, verbose)
			return demo.Run(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&once, "once", "", "make one payment of this amount in the demo's currency, unattended")
	f.StringVar(&outcome, "outcome", "", "what becomes of it; --list shows what there is")
	f.BoolVar(&list, "list", false, "list the outcomes")
	f.StringVar(&name, "driver", "zvt", "the protocol of the simulated terminal; process joins a ZVT terminal by a program of its own")
	f.StringVar(&currency, "currency", "", "what is charged; the driver's usual one if empty")
	f.StringArrayVar(&options, "option", nil, "an option of the driver, as in the settings: dialect=uk; may be repeated")
	f.StringVar(&o.Listen, "listen", "127.0.0.1:8475", "the page's address on this machine")
	f.BoolVar(&o.TCP, "tcp", false, "join terminal and bridge by TCP instead of a serial line")
	f.StringVar(&o.Dir, "dir", "", "keep settings and journal in this folder")
	f.BoolVar(&verbose, "verbose", false, "print the bridge's own log too")
	return cmd
}

// demoOptions fills in the currency and the driver's options, and refuses what does not fit the driver.
func demoOptions(o *demo.Options, currency string, options []string) error {
	if o.TCP && o.Driver.Line.None() {
		return fmt.Errorf("--tcp: the driver %s uses no line", o.Driver.Name)
	}
	if currency == "" {
		currency = o.Driver.Currency
	}
	if currency != "" {
		c, ok := config.Currency(currency)
		if !ok {
			return fmt.Errorf("--currency %s: want an ISO 4217 code such as EUR", currency)
		}
		o.Currency = c
	}
	for _, option := range options {
		key, value, ok := strings.Cut(option, "=")
		if !ok {
			return fmt.Errorf("--option %s: want key=value, as dialect=uk", option)
		}
		if o.Settings == nil {
			o.Settings = map[string]string{}
		}
		o.Settings[key] = value
	}
	return nil
}

func (p *program) listOutcomes(o demo.Options) error {
	choices, err := o.Outcomes()
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	for _, c := range choices {
		fmt.Fprintf(w, "%s\t%s\n", c.Name, c.What)
	}
	return w.Flush()
}

func (p *program) driver(name string) (terminal.Driver, bool) {
	for _, d := range p.drivers {
		if d.Name == name {
			return d, true
		}
	}
	return terminal.Driver{}, false
}

// starter starts this very program as the bridge. Its log goes to a file beside the settings, and to errOut
// too where verbose.
func starter(errOut io.Writer, verbose bool) func(string) (demo.Daemon, error) {
	return func(configFile string) (demo.Daemon, error) {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("find this program: %w", err)
		}
		log, err := os.OpenFile(filepath.Join(filepath.Dir(configFile), "bridge.log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return nil, fmt.Errorf("keep the bridge's log: %w", err)
		}
		child := exec.Command(self, "run", "--config", configFile)
		child.Stdout, child.Stderr = log, io.Writer(log)
		if verbose {
			child.Stderr = io.MultiWriter(log, errOut)
		}
		detach(child) // an interrupt at the keyboard is ours to pass on
		if err := child.Start(); err != nil {
			return nil, errors.Join(fmt.Errorf("start the bridge: %w", err), log.Close())
		}
		done := make(chan error, 1)
		go func() { done <- errors.Join(child.Wait(), log.Close()) }()
		return bridgeProcess{child.Process, done}, nil
	}
}

// bridgeProcess is the bridge as a child.
type bridgeProcess struct {
	*os.Process
	done chan error
}

func (p bridgeProcess) Kill() error { return gone(p.Process.Kill()) }

func (p bridgeProcess) Stop() error {
	err := p.Signal(syscall.SIGTERM)
	if errors.Is(err, errors.ErrUnsupported) {
		return p.Kill()
	}
	return gone(err)
}

func (p bridgeProcess) Done() <-chan error { return p.done }

// gone passes over that a process has ended already.
func gone(err error) error {
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}
