package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"tillbridge/bridge/config"
	"tillbridge/bridge/demo"
	"tillbridge/bridge/doctor"
)

// setupWorld is what the verb setup needs of the world beside files and settings.
type setupWorld struct {
	detect   detectWorld
	services func() (services, error)
	// screen tells whether somebody reads the output on a screen, where a passcode may be shown.
	screen   func(io.Writer) bool
	passcode func() string
	pay      func(context.Context, demo.Options) error
	examine  func(context.Context, *examination) []doctor.Finding
	// hand lets the service's user read a file that only root can read.
	hand func(path, user string) error
}

func systemSetupWorld() setupWorld {
	return setupWorld{
		detect: systemDetectWorld(), services: systemServices, screen: isScreen, passcode: rand.Text, pay: demo.Run, hand: handOver,
		examine: func(ctx context.Context, e *examination) []doctor.Finding {
			return doctor.Examine(ctx, e.shop, e.system, doctor.Checks())
		},
	}
}

func (p *program) setupVerb(world setupWorld) *cobra.Command {
	var file, answersFile string
	var example bool
	cmd := &cobra.Command{
		Use: "setup", Short: "set the bridge up by answering questions", Args: usageArgs(cobra.NoArgs),
		Long: "Asks for what the bridge needs and sets it up: finds the terminal, makes the passcode, writes the settings,\n" +
			"installs and starts the service, has everything checked, makes a payment against a simulated terminal, and prints\n" +
			"what to enter in MGR. Enter takes what stands in brackets. Nothing is written before you have said so. Settings\n" +
			"that are there are kept; what would change in them is shown first. No port is sent anything without your word.\n\n" +
			"With --answers FILE it asks nothing and shows no passcode; --print-answers writes such a file with every key.\n\n" +
			"It moves no money: a payment that MGR did not ask for would be reported to MGR, which does not know it. The first\n" +
			"real one is taken in MGR, as it says at the end.\n\n" +
			"It needs the right to write the settings; for the service root (sudo), or on Windows an administrator's command\n" +
			"prompt. Exit 0: set up, and what needs a person is told; 1: failed, or part of it; 2: wrong usage.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if example {
				_, err := io.WriteString(p.out, answersExample())
				return err
			}
			w := &wizard{program: p, world: world, typed: newAnswers(p.in), options: map[string]string{}}
			w.usualFile = file == cmd.Flags().Lookup("config").DefValue
			path, err := filepath.Abs(file)
			if err != nil {
				return fmt.Errorf("find the settings: %w", err)
			}
			w.draft.file = path
			switch {
			case answersFile != "":
				if w.given, w.options, err = readAnswers(p.env, answersFile); err != nil {
					return err
				}
				w.answersFile = answersFile
			case !world.detect.person(p.in):
				return usageError{errors.New("nobody can answer here: use --answers FILE; --print-answers writes one to start from")}
			}
			defer w.typed.close()
			return w.run(cmd.Context())
		},
	}
	configFlag(cmd, &file)
	cmd.Flags().StringVar(&answersFile, "answers", "", "take the answers from this file and ask nothing")
	cmd.Flags().BoolVar(&example, "print-answers", false, "print a file for --answers with every key, its default and a sentence, and do nothing")
	return cmd
}

// errSetupStopped says that the user ended it.
var errSetupStopped = errors.New("it was ended")

// wizard is one run of the verb.
type wizard struct {
	*program
	world       setupWorld
	usualFile   bool              // the settings are in the system's place
	answersFile string            // empty where a person is asked
	given       map[string]string // its answers; nil where a person is asked
	typed       *answers
	ended       bool // the person's input is at its end

	options map[string]string // the driver's, of the answers file
	draft   draft
	old     []byte           // the settings file as it is; nil where there is none
	was     *config.Settings // what it says; nil where there is none or it has mistakes
	mended  bool             // it has mistakes, and is written anew
	first   bool             // it names no terminal yet, as a package brings it
	written bool
	fresh   string // the passcode that was made in this run
	now     *config.Settings
	failed  bool // a part was told to have failed
}

// run goes through the steps. What fails before the settings are written leaves nothing behind.
func (w *wizard) run(ctx context.Context) error {
	for _, step := range []func(context.Context) error{w.begin, w.askTerminal, w.askOptions, w.askMoney, w.askDoors, w.askPasscode, w.write} {
		if err := step(ctx); err != nil {
			if ctx.Err() != nil {
				err = errSetupStopped
			}
			return fmt.Errorf("%w; nothing was written", err)
		}
	}
	for _, step := range []func(context.Context) error{w.load, w.serve, w.examineAll, w.tryOut, w.tell} {
		if err := step(ctx); ctx.Err() != nil {
			return fmt.Errorf("%w; the settings are written, and what comes after them is left out", errSetupStopped)
		} else if err != nil {
			return err
		}
	}
	if w.failed {
		return errSaid
	}
	return nil
}
