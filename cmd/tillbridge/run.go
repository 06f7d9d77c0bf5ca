package main

import (
	"log/slog"
	"os"
	"os/signal"

	"github.com/spf13/cobra"

	"tillbridge/bridge/daemon"
)

func (p *program) runVerb() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "run", Short: "serve payments until stopped", Args: usageArgs(cobra.NoArgs),
		Long: "Serves payments until it is stopped. SIGHUP reads the settings again; a file with mistakes is not taken.\n" +
			"With a settings file that is wrong it serves the counter screen only, which shows the mistakes.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			level := &slog.LevelVar{}
			reload, stop := hangups()
			defer stop()
			return daemon.Run(cmd.Context(), daemon.Options{
				ConfigFile: file, Drivers: p.drivers, Env: p.env, Level: level, Version: versionText(),
				Log: slog.New(slog.NewTextHandler(p.err, &slog.HandlerOptions{Level: level})), Reload: reload,
			})
		},
	}
	configFlag(cmd, &file)
	return cmd
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
