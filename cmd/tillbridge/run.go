package main

import (
	"fmt"
	"log/slog"
	"os"
	"os/signal"

	"github.com/spf13/cobra"

	"tillbridge/bridge/daemon"
	"tillbridge/terminal/line"
)

func (p *program) runVerb() *cobra.Command {
	var file, trace string
	cmd := &cobra.Command{
		Use: "run", Short: "serve payments until stopped", Args: usageArgs(cobra.NoArgs),
		Long: "Serves payments until it is stopped. SIGHUP reads the settings again; a file with mistakes is not taken.\n" +
			"With a settings file that is wrong it serves the counter screen only, which shows the mistakes.\n\n" +
			"What passed over each terminal's line last is kept in memory, for tillbridge doctor --bundle. --trace FILE writes\n" +
			"all of it to a file too, a line for each message, and --trace - to the standard output. Card numbers and passwords\n" +
			"are masked before anything is kept or written. A file is added to; at 8 MiB it becomes FILE.1, in place of an\n" +
			"earlier one, and another is begun. On a full disk lines are missing, and payments go on.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			level := &slog.LevelVar{}
			reload, stop := hangups()
			defer stop()
			o := daemon.Options{
				ConfigFile: file, Drivers: p.drivers, Env: p.env, Level: level, Version: versionText(),
				Log: slog.New(slog.NewTextHandler(p.err, &slog.HandlerOptions{Level: level})), Reload: reload,
			}
			lines, err := p.openTrace(trace, o.Log)
			if err != nil {
				return err
			}
			if lines != nil {
				o.Trace = lines
				defer func() { _ = lines.Close() }() // lines that nobody takes are not worth a bad end
			}
			return daemon.Run(cmd.Context(), o)
		},
	}
	configFlag(cmd, &file)
	cmd.Flags().StringVar(&trace, "trace", "", "write what passes over the terminals' lines, masked, to this file (- for the standard output)")
	return cmd
}

// openTrace opens what --trace names; nil for none.
func (p *program) openTrace(name string, log *slog.Logger) (*line.TraceFile, error) {
	switch name {
	case "":
		return nil, nil
	case "-":
		return line.NewTraceWriter(p.out, log), nil
	}
	f, err := line.OpenTraceFile(name, 0, log)
	if err != nil {
		return nil, fmt.Errorf("--trace: %w", err)
	}
	return f, nil
}

// hangups is told of each SIGHUP until stop. Systems without that signal never tell.
func hangups() (reload <-chan struct{}, stop func()) {
	signals, told, over := make(chan os.Signal, 1), make(chan struct{}), make(chan struct{})
	if s := reloadSignals(); len(s) > 0 {
		signal.Notify(signals, s...)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-over:
				return
			case <-signals:
			}
			select {
			case <-over:
				return
			case told <- struct{}{}:
			}
		}
	}()
	return told, func() {
		signal.Stop(signals)
		close(over)
		<-ended
	}
}
