package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"tillbridge/bridge/config"
	"tillbridge/bridge/daemon"
	"tillbridge/drivers/process"
	"tillbridge/terminal"
	"tillbridge/terminal/line"
)

// driverVerb makes a built-in driver a program as the driver process runs them.
func (p *program) driverVerb() *cobra.Command {
	var serial, tcp, currency string
	var options []string
	cmd := &cobra.Command{
		Use: "driver DRIVER", Short: "make a driver of this program a program of its own, for the driver process", Args: usageArgs(cobra.ExactArgs(1)),
		Long: "Speaks on its standard input and output what the driver process speaks with another program (drivers/process/PROTOCOL.md),\n" +
			"and drives the terminal with a driver of this program: an example of such a program, and a way to run a driver in a\n" +
			"process of its own. It ends when its input does. Its log goes to the standard error.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if (serial == "") == (tcp == "") {
				return usageError{errors.New("say where the terminal is: either --serial PORT or --tcp HOST:PORT")}
			}
			t, d, err := p.behind(args[0], serial, tcp, currency, options)
			if err != nil {
				return usageError{err}
			}
			return serveDriver(cmd.Context(), t, d, p.in, p.out, p.err)
		},
	}
	f := cmd.Flags()
	f.StringVar(&serial, "serial", "", "the serial port, as in the settings")
	f.StringVar(&tcp, "tcp", "", "the terminal's address in the network")
	f.StringVar(&currency, "currency", "", "what the terminal takes; the protocol's usual one if empty")
	f.StringArrayVar(&options, "option", nil, "an option of the driver, as in the settings: dialect=uk; may be repeated")
	return cmd
}

// behind reads what is said of the terminal as settings are read, so that mistakes are told as theirs.
func (p *program) behind(name, serial, tcp, currency string, options []string) (config.Terminal, terminal.Driver, error) {
	d, ok := p.driver(name)
	if !ok || name == "process" {
		return config.Terminal{}, d, fmt.Errorf("there is no driver %q to be run so; see tillbridge drivers", name)
	}
	if currency == "" {
		currency = d.Currency
	}
	key, address := "serial", serial
	if tcp != "" {
		key, address = "tcp", tcp
	}
	text := fmt.Sprintf("mgr: {passcode: not-of-this-program}\nterminals:\n  terminal:\n    driver: %s\n    port: {%s: '%s'}\n    currency: %s\n",
		name, key, strings.ReplaceAll(address, "'", "''"), currency)
	if len(options) > 0 {
		text += "    options:\n"
	}
	for _, o := range options {
		k, v, ok := strings.Cut(o, "=")
		if !ok || strings.ContainsAny(o, "\r\n") {
			return config.Terminal{}, d, fmt.Errorf("--option %q: want key=value, as dialect=uk", o)
		}
		text += "      " + k + ": " + v + "\n"
	}
	s, err := config.Parse("the command line", []byte(text), p.drivers, p.env)
	if err != nil {
		return config.Terminal{}, d, err
	}
	return s.Terminals[0], d, nil
}

func serveDriver(ctx context.Context, t config.Terminal, d terminal.Driver, in io.Reader, out, log io.Writer) error {
	c := daemon.LineOf(t.Port)
	opener := line.NewOpener(c)
	return process.Serve(ctx, d.With(t.Options), terminal.Env{
		Dial: opener.Open, Link: c.Kind(), Log: slog.New(slog.NewTextHandler(log, nil)),
	}, t.Options, in, out)
}
