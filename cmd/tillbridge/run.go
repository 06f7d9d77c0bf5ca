package main

import (
	"fmt"
	"log/slog"
	"os"
	"os/signal"

	"github.com/spf13/cobra"

	"tillbridge/bridge/daemon"
	"tillbridge/bridge/osservice"
	"tillbridge/terminal/line"
)

func (p *program) runVerb() *cobra.Command {
	var file, trace, logFile string
	var service bool
	cmd := &cobra.Command{
		Use: "run", Short: "serve payments until stopped", Args: usageArgs(cobra.NoArgs),
		Long: "Serves payments until it is stopped. SIGHUP reads the settings again; a file with mistakes is not taken.\n" +
			"With a settings file that is wrong it serves the counter screen only, which shows the mistakes.\n\n" +
			"What passed over each terminal's line last is kept in memory, for tillbridge doctor --bundle. --trace FILE writes\n" +
			"all of it to a file too, a line for each message, and --trace - to the standard output. Card numbers and passwords\n" +
			"are masked before anything is kept or written. A file is added to; at 8 MiB it becomes FILE.1, in place of an\n" +
			"earlier one, and another is begun. On a full disk lines are missing, and payments go on.\n\n" + runExits,
		RunE: func(cmd *cobra.Command, _ []string) error {
			level := &slog.LevelVar{}
			log, end, err := p.openLog(service, logFile, level)
			if err != nil {
				return err
			}
			defer end()
			reload, stop := hangups()
			defer stop()
			o := daemon.Options{
				ConfigFile: file, Drivers: p.drivers, Env: p.env, Level: level, Version: versionText(),
				Log: log, LogFile: logFile, Reload: reload,
			}
			lines, err := p.openTrace(trace, o.Log)
			if err != nil {
				return err
			}
			if lines != nil {
				o.Trace = lines
				defer func() { _ = lines.Close() }() // lines that nobody takes are not worth a bad end
			}
			return p.serve(cmd.Context(), o, service)
		},
	}
	configFlag(cmd, &file)
	cmd.Flags().BoolVar(&service, "service", false, "run as the system's service manager expects it, which is what tillbridge install registers")
	cmd.Flags().StringVar(&logFile, "log", "", "write the log to this file instead, at most five of 5 MiB: FILE, FILE.1 …")
	cmd.Flags().StringVar(&trace, "trace", "", "write what passes over the terminals' lines, masked, to this file (- for the standard output)")
	return cmd
}

// openLog opens the log of a bridge.
func (p *program) openLog(service bool, file string, level slog.Leveler) (log *slog.Logger, end func(), err error) {
	end = func() {}
	log, closer, err := osservice.Log{Service: service, Level: level, Stderr: p.err, File: file}.Open()
	if err != nil {
		return nil, nil, fmt.Errorf("--log: %w", err)
	}
	if closer != nil {
		end = func() { _ = closer.Close() } // lines that nobody takes are not worth a bad end
	}
	return log, end, nil
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
