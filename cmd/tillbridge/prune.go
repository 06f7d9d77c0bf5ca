package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tillbridge/bridge/journal"
)

func (p *program) pruneVerb(file *string) *cobra.Command {
	var before string
	cmd := &cobra.Command{
		Use: "prune", Short: "remove payments that are older than a day, which must be 13 months ago or more", Args: usageArgs(cobra.NoArgs),
		Long: "Removes payments that were received before a day, with their stories and receipts. Only those go whose outcome\n" +
			"MGR has and that no alarm concerns. Stop the bridge first: it alone may write its journal while it runs.",
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			day, err := day(before, "--before", 0)
			switch {
			case err != nil:
				return err
			case day.IsZero():
				return usageError{errors.New("--before DAY is needed, as 2026-01-31")}
			}
			j, err := journal.Open(cmd.Context(), p.settings(*file).Journal, journal.Options{})
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, j.Close()) }()
			n, err := j.Prune(cmd.Context(), day, time.Now())
			if err == nil || n > 0 {
				fmt.Fprintf(p.out, "Removed %s received before %s.\n", count(n, "payment", "payments"), day.Format(time.DateOnly))
			}
			return err
		},
	}
	cmd.Flags().StringVar(&before, "before", "", "the day, as 2026-01-31")
	return cmd
}
