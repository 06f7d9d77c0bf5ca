// Command tillbridge joins MyGadgetRepairs, a cloud point of sale, to the card terminal on the counter. It has
// a file for each verb, ties the rooms together and decides nothing itself.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/spf13/cobra"

	"tillbridge/bridge/config"
	"tillbridge/drivers"
	"tillbridge/terminal"
	"tillbridge/terminal/line"
)

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// program is what the verbs share.
type program struct {
	in       io.Reader
	out, err io.Writer
	drivers  []terminal.Driver
	env      config.Env
}

// usageError says that a verb was called wrongly.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// errSaid is what a verb returns that has told everything already.
var errSaid = errors.New("failed")

// run carries out one command line and returns the exit code.
func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	p := &program{in: in, out: out, err: errOut, drivers: drivers.All(), env: config.SystemEnv()}
	root := p.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	cmd, err := root.ExecuteContextC(ctx)
	var usage usageError
	var own exitError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &own) && errors.Is(err, errSaid):
		return own.code
	case errors.Is(err, errSaid):
		return exitFailed
	case errors.As(err, &usage):
		fmt.Fprintf(errOut, "tillbridge: %v\nTry: %s --help\n", err, cmd.CommandPath())
		return exitUsage
	}
	fmt.Fprintf(errOut, "tillbridge: %v\n", err)
	if own.code != 0 {
		return own.code
	}
	return exitFailed
}

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "tillbridge",
		Short: "joins MyGadgetRepairs to the card terminal on the counter",
		Long: "tillbridge joins MyGadgetRepairs (MGR) to the card terminal on the counter.\n\n" +
			"Try it without a terminal:  tillbridge demo\n" +
			"Set it up by questions:     tillbridge setup\n" +
			"Look at your settings:      tillbridge check --config FILE\n" +
			"Serve payments:             tillbridge run --config FILE",
		SilenceUsage: true, SilenceErrors: true, Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(p.runVerb(), p.checkVerb(), p.demoVerb(), p.detectVerb(systemDetectWorld()), p.doctorVerb(), p.driverVerb(), p.driversVerb(), p.paymentsVerb(), p.portsVerb(line.Ports), p.setupVerb(systemSetupWorld()), p.simulateVerb(), p.statusVerb(), p.versionVerb())
	root.AddCommand(p.serviceVerbs(systemServices)...)
	return root
}

// usageArgs makes a mistake in the arguments one of usage.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError{err}
		}
		return nil
	}
}

// configFlag adds --config.
func configFlag(cmd *cobra.Command, file *string) {
	usual := "/etc/tillbridge/config.yaml"
	if runtime.GOOS == "windows" {
		usual = `C:\ProgramData\Tillbridge\config.yaml`
	}
	cmd.Flags().StringVar(file, "config", usual, "the settings file")
}
