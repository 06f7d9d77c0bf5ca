package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"tillbridge/bridge/config"
)

func (p *program) checkVerb() *cobra.Command {
	var file string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "check", Short: "look at the settings file: every mistake with its place and what to do", Args: usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			s, err := config.Load(file, p.drivers, p.env)
			var wrong config.Errors
			if err != nil && !errors.As(err, &wrong) {
				return err
			}
			if asJSON {
				return p.checkJSON(s, wrong)
			}
			return p.checkText(file, s, wrong)
		},
	}
	configFlag(cmd, &file)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (p *program) checkText(file string, s *config.Settings, wrong config.Errors) error {
	if len(wrong) > 0 {
		fmt.Fprintln(p.err, wrong.Error())
		fmt.Fprintf(p.err, "%s\n", count(len(wrong), "mistake", "mistakes"))
		return errSaid
	}
	for _, w := range s.Warnings {
		fmt.Fprintln(p.err, "warning: "+w.Error())
	}
	fmt.Fprintf(p.out, "%s is right.\n\n%s\n\nIn MGR, one custom payment method for each terminal:\n", file, s)
	scheme := "http"
	if s.TLS != nil {
		scheme = "https"
	}
	for _, t := range s.Terminals {
		fmt.Fprintf(p.out, "  %-12s webhook URL %s://%s/mgr/%s\n", t.Name, scheme, s.Listen, t.Name)
	}
	fmt.Fprintf(p.out, "  passcode     as in %s\n", s.MGR.PasscodeFrom)
	return nil
}

// mistake is one mistake or warning as JSON.
type mistake struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Path    string `json:"path,omitempty"`
	Message string `json:"message"`
	Allowed string `json:"allowed,omitempty"`
}

func mistakes(list []*config.Error) []mistake {
	out := make([]mistake, 0, len(list))
	for _, e := range list {
		out = append(out, mistake{e.File, e.Line, e.Column, e.Path, e.Message, e.Allowed})
	}
	return out
}

func (p *program) checkJSON(s *config.Settings, wrong config.Errors) error {
	answer := struct {
		OK       bool      `json:"ok"`
		Mistakes []mistake `json:"mistakes"`
		Warnings []mistake `json:"warnings"`
	}{OK: len(wrong) == 0, Mistakes: mistakes(wrong), Warnings: []mistake{}}
	if s != nil {
		answer.Warnings = mistakes(s.Warnings)
	}
	if err := p.printJSON(answer); err != nil {
		return err
	}
	if len(wrong) > 0 {
		return errSaid
	}
	return nil
}

func (p *program) printJSON(v any) error {
	e := json.NewEncoder(p.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
