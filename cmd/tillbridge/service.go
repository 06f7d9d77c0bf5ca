package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tillbridge/bridge/config"
	"tillbridge/bridge/osservice"
)

// services is the system's service manager.
type services interface {
	Install(context.Context, osservice.Spec) (osservice.Report, error)
	Uninstall(context.Context) (osservice.Outcome, error)
	Start(context.Context) (osservice.Outcome, error)
	Stop(context.Context) (osservice.Outcome, error)
	Restart(context.Context) (osservice.Outcome, error)
	State(context.Context) (osservice.State, error)
}

// systemServices is that of this computer.
func systemServices() (services, error) {
	m, err := osservice.New()
	if err != nil {
		return nil, err
	}
	return m, nil
}

const serviceExits = "Exit 0: done, or it was so already; 1: failed, and may be repeated; 2: wrong usage."

// serviceVerbs are the verbs about the service.
func (p *program) serviceVerbs(find func() (services, error)) []*cobra.Command {
	return []*cobra.Command{
		p.installVerb(find),
		p.orderVerb(find, order{
			use: "uninstall", short: "stop the service and remove it",
			long:  "Stops the service and removes it. Settings, journal and logs stay where they are, and the service's user too.\nA service that belongs to a package of the system is stopped and does not start any more; the package removes it.",
			give:  services.Uninstall,
			done:  "The service is removed. Settings, journal and logs stay where they are.",
			no:    "The service is not installed.",
			quiet: true,
		}),
		p.orderVerb(find, order{
			use: "start", short: "start the service",
			long: "Starts the service and waits until it serves.",
			give: services.Start, done: "The service is started.", no: "The service runs already.",
		}),
		p.orderVerb(find, order{
			use: "stop", short: "stop the service",
			long: "Stops the service, which takes seconds: it does not wait for a customer. A payment that is under way goes on at the\nterminal, and is asked for at the next start. Until then no payment can be taken.",
			give: services.Stop, done: "The service is stopped. No payment can be taken until it is started.", no: "The service does not run.",
		}),
		p.orderVerb(find, order{
			use: "restart", short: "stop the service and start it",
			long: "Stops the service, if it runs, and starts it. It does not wait for a customer: a payment that is under way goes on at\nthe terminal, and is asked for when the service is back. New settings need no restart on Linux: systemctl reload.",
			give: services.Restart, done: "The service is started anew.",
		}),
	}
}

func (p *program) installVerb(find func() (services, error)) *cobra.Command {
	var file, first string
	cmd := &cobra.Command{
		Use: "install", Short: "make the bridge a service that starts with this computer", Args: usageArgs(cobra.NoArgs),
		Long: "Registers this program as a service that starts with this computer and comes back after a failure, for the settings\n" +
			"in --config. It does not start it: tillbridge start. A service that is there already is brought up to date; if it\n" +
			"runs, it goes on as it is until it is restarted.\n\n" +
			"On Linux it runs as the user tillbridge, which is made if it is missing, and sees little of this computer. On\n" +
			`Windows it runs as NT SERVICE\tillbridge, and ProgramData\Tillbridge is closed to other users.` + "\n\n" +
			"With --first FILE, which installers use, FILE becomes the settings where there are none yet, and a new passcode is made\n" +
			"beside them where they lack theirs. Settings and passcode that are there stay.\n\n" +
			"It needs root (sudo), or on Windows an administrator's command prompt.\n" + serviceExits,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := find()
			if err != nil {
				return err
			}
			spec, notes, err := p.serviceSpec(file)
			if err != nil {
				return err
			}
			r, err := s.Install(cmd.Context(), spec)
			if err != nil {
				return err
			}
			if first != "" { // only now, as the folder is closed to others
				if err := p.firstSettings(spec.Settings, first, r.User); err != nil {
					return err
				}
				if spec, notes, err = p.serviceSpec(file); err != nil {
					return err
				}
			}
			r.Notes = append(r.Notes, notes...)
			st, err := s.State(cmd.Context())
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(p.out, installedText(spec, r, st))
			if first != "" { // an installer may have nowhere to write to
				return nil
			}
			return err
		},
	}
	configFlag(cmd, &file)
	cmd.Flags().StringVar(&file, "settings", file, "the same as --config")
	cmd.Flags().StringVar(&first, "first", "", "begin with the settings in this file where there are none, and with a new passcode")
	return cmd
}

// serviceSpec is what is registered for the settings in a file, and what a person should know of them.
func (p *program) serviceSpec(file string) (spec osservice.Spec, notes []string, err error) {
	if spec.Program, err = os.Executable(); err != nil {
		return spec, nil, fmt.Errorf("find this program's own file: %w", err)
	}
	if spec.Settings, err = filepath.Abs(file); err != nil {
		return spec, nil, fmt.Errorf("find the settings: %w", err)
	}
	s, wrong := config.Load(spec.Settings, p.drivers, p.env)
	if wrong != nil {
		notes = append(notes, "The settings in "+spec.Settings+" cannot be used yet. The service shows their mistakes on the counter screen and takes no payment. They are listed by: tillbridge check --config "+spec.Settings)
		s = config.Rescue(spec.Settings, p.env)
	}
	for _, f := range []string{s.Journal, s.CounterPasswordFile} {
		if folder := filepath.Dir(f); !slices.Contains(spec.Writable, folder) {
			spec.Writable = append(spec.Writable, folder)
		}
	}
	return spec, notes, nil
}

func installedText(spec osservice.Spec, r osservice.Report, st osservice.State) string {
	var b strings.Builder
	b.WriteString(foldAt(statusColumns, "", map[osservice.Outcome]string{
		osservice.Nothing: "The service tillbridge is installed already, as it should be.",
		osservice.Done:    "The service tillbridge is installed.",
		osservice.Updated: "The service tillbridge was installed already, and is brought up to date.",
	}[r.Outcome]))
	row(&b, "Service", st.String())
	row(&b, "Program", spec.Program)
	row(&b, "Settings", spec.Settings)
	row(&b, "User", r.User)
	for _, n := range r.Notes {
		row(&b, "Note", n)
	}
	switch {
	case !st.Running:
		b.WriteString("\nStart it: " + elevated("start") + "\n")
	case r.Outcome == osservice.Updated:
		b.WriteString("\nIt runs as before until: " + elevated("restart") + "\n")
	}
	return b.String()
}

// elevated is a command of this program for somebody with the rights to it.
func elevated(verb string) string {
	if runtime.GOOS == "windows" {
		return "tillbridge " + verb
	}
	return "sudo tillbridge " + verb
}

// order is a verb that changes how the service stands.
type order struct {
	use, short, long string
	give             func(services, context.Context) (osservice.Outcome, error)
	done, no         string // what is said of it
	quiet            bool   // the state afterwards says no more
}

func (p *program) orderVerb(find func() (services, error), o order) *cobra.Command {
	return &cobra.Command{
		Use: o.use, Short: o.short, Args: usageArgs(cobra.NoArgs),
		Long: o.long + "\n\nIt needs root (sudo), or on Windows an administrator's command prompt.\n" + serviceExits,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := find()
			if err != nil {
				return err
			}
			outcome, err := o.give(s, cmd.Context())
			said := o.done
			switch {
			case errors.Is(err, osservice.ErrPackaged):
				said = "The service is stopped and does not start with this computer any more. It belongs to a package of this system, which removes it, for example: sudo apt remove tillbridge"
			case err != nil:
				return err
			case outcome == osservice.Nothing:
				said = o.no
			}
			var b strings.Builder
			b.WriteString(foldAt(statusColumns, "", said))
			if !o.quiet {
				line, err := serviceLine(cmd.Context(), s)
				if err != nil {
					return err
				}
				row(&b, "Service", line)
			}
			_, err = fmt.Fprint(p.out, b.String())
			return err
		},
	}
}

// serviceLine is how the service stands, for a screen.
func serviceLine(ctx context.Context, s services) (string, error) {
	st, err := s.State(ctx)
	if err != nil {
		return "", err
	}
	return st.String(), nil
}
