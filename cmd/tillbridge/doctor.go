package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"tillbridge/bridge/config"
	"tillbridge/bridge/daemon"
	"tillbridge/bridge/doctor"
)

func (p *program) doctorVerb() *cobra.Command {
	var file, bundle string
	var logs []string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "doctor", Short: "check everything from the settings to MGR, and say what to do", Args: usageArgs(cobra.NoArgs),
		Long: "Checks everything that a support call would ask: settings, passcode, file rights, service, addresses, journal, disk,\n" +
			"port, terminal, line, the way to MGR, clock, power saving and the browser's policy. Each gets a verdict: good,\n" +
			"warning, fault, or not checked with the reason. What is to be done comes at the end.\n\n" +
			"It moves no money and changes nothing. A bridge that runs is not disturbed: its terminals are not asked then.\n" +
			"With sudo it sees more. Exit 0: well, or warnings only; 1: a fault; 2: wrong usage.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if bundle != "" {
				if _, err := os.Lstat(bundle); !errors.Is(err, fs.ErrNotExist) {
					return usageError{fmt.Errorf("--bundle %s: it is there already; name a new file", bundle)}
				}
			}
			e := p.examination(file)
			e.logs = logs
			e.findings = doctor.Examine(cmd.Context(), e.shop, e.system, doctor.Checks())
			if bundle != "" {
				if err := p.writeBundle(cmd.Context(), e, bundle); err != nil {
					return err
				}
				fmt.Fprintf(p.err, "The support bundle is %s. Secrets and card numbers are left out; look through it before you send it.\n", bundle)
			}
			if err := p.printDoctor(e, asJSON); err != nil {
				return err
			}
			if doctor.Worst(e.findings) == doctor.Fault {
				return errSaid
			}
			return nil
		},
	}
	configFlag(cmd, &file)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().StringVar(&bundle, "bundle", "", "write a support bundle, a zip without secrets and card numbers, to this new file")
	cmd.Flags().StringArrayVar(&logs, "log", nil, "a log file for the bundle, beside those that are found; may be repeated")
	return cmd
}

// examination is one run of doctor.
type examination struct {
	at       time.Time
	shop     doctor.Shop
	system   doctor.System
	trace    *wireLog
	logs     []string
	findings []doctor.Finding
}

// examination prepares one of the settings in a file, of which whatever is whole is used.
func (p *program) examination(file string) *examination {
	e := &examination{at: time.Now(), trace: &wireLog{}, shop: doctor.Shop{File: file, Line: daemon.LineOf, Drivers: p.drivers}}
	e.shop.Settings, e.shop.Wrong = config.Load(file, p.drivers, p.env)
	if e.shop.Wrong != nil {
		e.shop.Settings = config.Rescue(file, p.env)
	}
	e.shop.Redactor = doctor.NewRedactor(p.secrets(e)...)
	e.system = doctor.ThisSystem(doctor.Prober{Drivers: p.drivers, Line: daemon.LineOf, Trace: e.trace}.Probe)
	return e
}

// doctorJSON is what is printed as JSON. Its fields stay as they are.
type doctorJSON struct {
	Version    string           `json:"version"`
	At         time.Time        `json:"at"`
	Settings   string           `json:"settings"`
	Verdict    doctor.Verdict   `json:"verdict"` // the gravest
	Faults     int              `json:"faults"`
	Warnings   int              `json:"warnings"`
	NotChecked int              `json:"not_checked"`
	Findings   []doctor.Finding `json:"findings"`
}

func (e *examination) json() doctorJSON {
	return doctorJSON{
		Version: versionText(), At: e.at, Settings: e.shop.File, Verdict: doctor.Worst(e.findings), Findings: e.findings,
		Faults: doctor.Count(e.findings, doctor.Fault), Warnings: doctor.Count(e.findings, doctor.Warning), NotChecked: doctor.Count(e.findings, doctor.NotChecked),
	}
}

func (p *program) printDoctor(e *examination, asJSON bool) error {
	if asJSON {
		return p.printJSON(e.json())
	}
	_, err := fmt.Fprint(p.out, e.text())
	return err
}

// ended tells that the user ended the examination.
func ended(ctx context.Context) error {
	if ctx.Err() != nil {
		return errors.New("it was ended before the bundle was whole, so that none was kept")
	}
	return nil
}
