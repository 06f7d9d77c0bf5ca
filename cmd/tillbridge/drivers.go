package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"tillbridge/terminal"
)

func (p *program) driversVerb() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "drivers", Short: "list the protocols that card terminals may speak", Args: usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			if asJSON {
				return p.driversJSON()
			}
			return p.listDrivers()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (p *program) listDrivers() error {
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "DRIVER\tEVIDENCE\tSERIAL\tTCP PORT\tSIMULATED\tWHAT IT CAN BESIDE PAYING")
	for _, d := range p.drivers {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", d.Name, evidenceText(d), orDash(serialText(d.Line)), orNone(d.Line.TCPPort), yesNo(d.Simulate != nil), abilitiesText(d))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(p.out, "\nWhich terminals they are, and what is known of the protocol:")
	for _, d := range p.drivers {
		text := d.Title + "."
		if d.Known != "" {
			text += " Known from: " + d.Known + "."
		}
		indent := strings.Repeat(" ", 13)
		fmt.Fprintf(p.out, "  %-11s%s", d.Name, strings.TrimPrefix(foldAt(statusColumns, indent, text), indent))
	}
	fmt.Fprint(p.out, "\nEvidence says what a terminal can prove of a payment whose conversation broke off:\n"+
		"  C0 nothing   C1 only in the conversation   C2 its last transaction   C3 a payment by our own reference\n"+
		"  C4 it takes a sale back whose result was not acknowledged\n"+
		"With C0 and C1 a payment that breaks off is held for a person. With C2 and C3 the terminal is asked; with C2 no other sale is\n"+
		"made before that one is known.\n"+
		"Abilities with a * are those of some of the driver's terminals.\n")
	return nil
}

// abilities are what a driver's sessions can do, in the order of the first that can; some marks what not all of them can.
func abilities(d terminal.Driver) (all []string, some map[string]bool) {
	count := map[string]int{}
	for _, k := range d.Kinds {
		for _, a := range terminal.Abilities(k) {
			if count[a]++; count[a] == 1 {
				all = append(all, a)
			}
		}
	}
	some = map[string]bool{}
	for a, n := range count {
		some[a] = n < len(d.Kinds)
	}
	return all, some
}

func abilitiesText(d terminal.Driver) string {
	if d.Kinds == nil {
		return "the program's own"
	}
	all, some := abilities(d)
	for i, a := range all {
		if some[a] {
			all[i] += "*"
		}
	}
	return orDash(strings.Join(all, ", "))
}

func (p *program) driversJSON() error {
	type one struct {
		Name     string `json:"name"`
		Title    string `json:"title"`
		Evidence string `json:"evidence"`
		Serial   string `json:"serial,omitempty"`
		TCPPort  int    `json:"tcp_port,omitempty"`
		// Simulated tells whether tillbridge demo plays its terminal, and tillbridge simulate too where it has a line.
		Simulated bool `json:"simulated"`
		// Abilities are what all of its terminals can do beside paying, Some what some of them can.
		Abilities []string `json:"abilities"`
		Some      []string `json:"some_abilities,omitempty"`
		Known     string   `json:"known_from,omitempty"`
	}
	all := make([]one, 0, len(p.drivers))
	for _, d := range p.drivers {
		o := one{d.Name, d.Title, evidenceText(d), serialText(d.Line), d.Line.TCPPort, d.Simulate != nil, []string{}, nil, d.Known}
		can, some := abilities(d)
		for _, a := range can {
			if some[a] {
				o.Some = append(o.Some, a)
			} else {
				o.Abilities = append(o.Abilities, a)
			}
		}
		all = append(all, o)
	}
	return p.printJSON(all)
}

// evidenceText is what a driver can prove.
func evidenceText(d terminal.Driver) string {
	if d.Evidence == 0 {
		return "as set" // in the driver's options
	}
	return d.Evidence.String()
}

// serialText is the line settings as people write them, "9600 8N2".
func serialText(l terminal.LineDefaults) string {
	if l.Baud == 0 {
		return ""
	}
	parity := map[string]string{"none": "N", "even": "E", "odd": "O"}[l.Parity]
	return fmt.Sprintf("%d %d%s%s", l.Baud, l.DataBits, parity, l.StopBits)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func orNone(n int) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n)
}
