package main

import (
	"fmt"
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
			w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "DRIVER\tTITLE\tEVIDENCE\tSERIAL\tTCP PORT\tSIMULATED")
			for _, d := range p.drivers {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", d.Name, d.Title, evidenceText(d), orDash(serialText(d.Line)), orNone(d.Line.TCPPort), yesNo(d.Simulate != nil))
			}
			if err := w.Flush(); err != nil {
				return err
			}
			fmt.Fprint(p.out, "\nEvidence says what a terminal can prove of a payment whose conversation broke off:\n"+
				"  C0 nothing   C1 only in the conversation   C2 its last transaction   C3 a payment by our own reference\n"+
				"  C4 it takes a sale back whose result was not acknowledged\n")
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (p *program) driversJSON() error {
	type one struct {
		Name     string `json:"name"`
		Title    string `json:"title"`
		Evidence string `json:"evidence"`
		Serial   string `json:"serial,omitempty"`
		TCPPort  int    `json:"tcp_port,omitempty"`
		// Simulated tells whether tillbridge simulate and tillbridge demo play its terminal.
		Simulated bool `json:"simulated"`
	}
	all := make([]one, 0, len(p.drivers))
	for _, d := range p.drivers {
		all = append(all, one{d.Name, d.Title, evidenceText(d), serialText(d.Line), d.Line.TCPPort, d.Simulate != nil})
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
