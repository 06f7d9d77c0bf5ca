package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tillbridge/bridge"
	"tillbridge/bridge/config"
	"tillbridge/bridge/journal"
)

func (p *program) paymentsVerb() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "payments", Short: "look at the journal's payments, and settle one that is not known", Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	for _, c := range []*cobra.Command{p.listVerb(&file), p.showVerb(&file), p.resolveVerb(&file), p.pruneVerb(&file)} {
		configFlag(c, &file)
		cmd.AddCommand(c)
	}
	return cmd
}

// settings reads the settings, for whatever in them is whole: the journal must be readable when a terminal's
// block is wrong.
func (p *program) settings(file string) *config.Settings {
	if s, err := config.Load(file, p.drivers, p.env); err == nil {
		return s
	}
	return config.Rescue(file, p.env)
}

func (p *program) listVerb(file *string) *cobra.Command {
	var f journal.Filter
	var states []string
	var from, to string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list", Short: "list payments, newest first", Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, s := range states {
				state, err := bridge.ParseState(s)
				if err != nil || state == bridge.None {
					return usageError{fmt.Errorf("--state %s: want one of %s", s, stateWords())}
				}
				f.States = append(f.States, state)
			}
			var err error
			if f.From, err = day(from, "--from", 0); err != nil {
				return err
			}
			if f.To, err = day(to, "--to", 1); err != nil {
				return err
			}
			return p.list(cmd.Context(), p.settings(*file).Journal, f, asJSON)
		},
	}
	g := cmd.Flags()
	g.StringVar(&f.Text, "find", "", "only those with this in uuid, customer, reference or authorisation code")
	g.StringVar(&f.Terminal, "terminal", "", "only this terminal's")
	g.StringSliceVar(&states, "state", nil, "only those in these states")
	g.StringVar(&from, "from", "", "received on this day or later, as 2026-01-31")
	g.StringVar(&to, "to", "", "received on this day or earlier")
	g.IntVar(&f.Limit, "limit", 50, "the most that are listed, up to 1000")
	g.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func stateWords() string {
	var words []string
	for _, s := range bridge.States() {
		words = append(words, s.String())
	}
	return strings.Join(words, ", ")
}

// day reads a date in local time and adds days to it; the zero time for none.
func day(text, flag string, add int) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.ParseInLocation(time.DateOnly, text, time.Local)
	if err != nil {
		return t, usageError{fmt.Errorf("%s %s: want a day as 2026-01-31", flag, text)}
	}
	return t.AddDate(0, 0, add), nil
}

func (p *program) list(ctx context.Context, path string, f journal.Filter, asJSON bool) (err error) {
	r, err := journal.OpenReadOnly(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	list, err := r.List(ctx, f)
	if err != nil {
		return err
	}
	if asJSON {
		all := make([]bridge.Facts, 0, len(list))
		for _, l := range list {
			all = append(all, l.Facts())
		}
		return p.printJSON(all)
	}
	if len(list) == 0 {
		fmt.Fprintln(p.out, "No payment fits.")
		return nil
	}
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RECEIVED\tTERMINAL\tKIND\tAMOUNT\tSTATE\tOUTCOME\tAUTH CODE\tREFERENCE\tUUID")
	for _, l := range list {
		code, ref := l.Codes()
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", l.Received.Local().Format(time.DateTime), l.Terminal, l.Kind, l.Amount, l.State,
			outcomeText(l.Payment), dash(code), dash(ref), l.UUID)
	}
	return w.Flush()
}

func outcomeText(p bridge.Payment) string {
	if !p.Final() {
		return "not known"
	}
	return p.Outcome.String()
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func (p *program) showVerb(file *string) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "show UUID", Short: "show one payment with its story and receipts", Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.show(cmd.Context(), p.settings(*file).Journal, args[0], asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (p *program) show(ctx context.Context, path, uuid string, asJSON bool) (err error) {
	r, err := journal.OpenReadOnly(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	pay, found, err := r.Payment(ctx, uuid)
	if err == nil && !found {
		err = fmt.Errorf("there is no payment %s in %s", uuid, path)
	}
	if err != nil {
		return err
	}
	story, err := r.Story(ctx, uuid)
	if err != nil {
		return err
	}
	receipts, err := r.Receipts(ctx, uuid)
	if err != nil {
		return err
	}
	if asJSON {
		j := pay.Facts()
		for _, s := range story {
			j.Story = append(j.Story, bridge.StepOf(s.At, s.Event, s.State))
		}
		return p.printJSON(j)
	}
	code, ref := pay.Codes()
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	rows := [][2]string{
		{"payment", pay.UUID},
		{"kind", pay.Kind.String()},
		{"customer", dash(pay.Customer)},
		{"terminal", pay.Terminal},
		{"amount", pay.Amount.String()},
		{"state", pay.State.String()},
		{"outcome", outcomeText(pay)},
		{"proof", pay.Proof.String()},
		{"authorisation code", dash(code)},
		{"reference", dash(ref)},
		{"why", dash(pay.Reason)},
	}
	if pay.Kind != bridge.Sale {
		rows = append(rows, [2]string{"gives back", pay.Sale}, [2]string{"ordered by", pay.By})
	}
	for _, row := range rows {
		fmt.Fprintf(w, "%s\t%s\n", row[0], row[1])
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(p.out)
	for _, s := range story {
		fmt.Fprintf(p.out, "%s  %-12s  %s\n", s.At.Local().Format("2006-01-02 15:04:05.000"), s.State, s.Event.Words())
	}
	for _, rc := range receipts {
		fmt.Fprintf(p.out, "\n--- %s receipt ---\n", rc.Kind)
		for _, l := range rc.Lines {
			fmt.Fprintln(p.out, strings.Repeat(" ", max(0, min(l.Indent, 40)))+l.Text)
		}
	}
	return nil
}
