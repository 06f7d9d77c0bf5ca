package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/spf13/cobra"

	"tillbridge/bridge/config"
	"tillbridge/bridge/daemon"
	"tillbridge/terminal/line"
)

// portsVerb lists the serial ports that list finds.
func (p *program) portsVerb(list func(context.Context) ([]line.PortInfo, error)) *cobra.Command {
	var file string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "ports", Short: "list the serial ports, what is plugged in, who uses it, and what to do", Args: usageArgs(cobra.NoArgs),
		Long: "Lists every serial port of this computer, with the USB device behind it, the terminal of the settings that it belongs\n" +
			"to, who uses it and what stands in the way. It opens none, so that it may be used at any time.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			found, err := list(cmd.Context())
			if err != nil {
				return err
			}
			s, note, err := p.portSettings(file, cmd.Flags().Changed("config"))
			if err != nil {
				return err
			}
			v := survey(found, s)
			v.note = note
			if asJSON {
				return p.printJSON(v.json())
			}
			return p.printPorts(v)
		},
	}
	configFlag(cmd, &file)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// portSettings reads the settings, which this verb can do without; then the note says why. Nil where there are
// none to use.
func (p *program) portSettings(file string, wanted bool) (s *config.Settings, note string, err error) {
	s, err = config.Load(file, p.drivers, p.env)
	if err == nil {
		return s, "", nil
	}
	var wrong config.Errors
	_, _, unread := p.env.ReadFile(file, settingsMost)
	switch {
	case unread != nil && wanted:
		return nil, "", err
	case errors.Is(unread, fs.ErrNotExist):
		return nil, fmt.Sprintf("There are no settings at %s yet, so that no terminal is matched. --config FILE names others.", file), nil
	case unread != nil || !errors.As(err, &wrong):
		return nil, "The settings cannot be read, so that no terminal is matched: " + err.Error(), nil
	}
	return nil, fmt.Sprintf("The settings in %s have %s, so that no terminal is matched. See: tillbridge check --config %s", file, count(len(wrong), "mistake", "mistakes"), file), nil
}

// settingsMost is how much of a settings file is looked at to tell whether it can be read.
const settingsMost = 1 << 20

// portSurvey is what is told of the ports and of the terminals of the settings.
type portSurvey struct {
	ports     []portRow
	terminals []terminalRow
	note      string // why the settings are not used; empty where they are
}

// portRow is a port and the terminals that it belongs to.
type portRow struct {
	line.PortInfo
	terminals []string
	config    line.Config // how to write it into the settings
}

// terminalRow is a terminal of the settings and the port that it has now.
type terminalRow struct {
	name, line string
	port       string // empty where there is none
	problem    string // why there is none; empty for one in the network
}

// survey matches ports and terminals. Settings may be nil.
func survey(found []line.PortInfo, s *config.Settings) portSurvey {
	var v portSurvey
	for _, f := range found {
		v.ports = append(v.ports, portRow{PortInfo: f, config: f.Config(found)})
	}
	if s == nil {
		return v
	}
	for _, t := range s.Terminals {
		if t.Port == (config.Port{}) {
			continue
		}
		row := terminalRow{name: t.Name, line: t.Port.String()}
		if t.Port.TCP == "" {
			row.port, row.problem = v.match(t.Name, daemon.LineOf(t.Port), found)
		}
		v.terminals = append(v.terminals, row)
	}
	return v
}

// match finds a terminal's port and notes it there. One that is not listed but exists gets a row of its own.
func (v *portSurvey) match(name string, c line.Config, found []line.PortInfo) (port, problem string) {
	p, err := c.Find(found)
	if err != nil && c.Serial != "" {
		other, lookErr := line.Look(c.Serial)
		if lookErr != nil {
			return "", err.Error()
		}
		v.ports = append(v.ports, portRow{PortInfo: other, terminals: []string{name}, config: line.Config{Serial: c.Serial}})
		return other.Name, ""
	}
	if err != nil {
		return "", err.Error()
	}
	i := slices.IndexFunc(v.ports, func(r portRow) bool { return r.Name == p.Name })
	v.ports[i].terminals = append(v.ports[i].terminals, name)
	return p.Name, ""
}

// The forms of JSON. Its fields stay as they are.
type (
	portsJSON struct {
		Ports     []portJSON         `json:"ports"`
		Terminals []portTerminalJSON `json:"terminals"`
		Note      string             `json:"note,omitempty"` // why the settings are not used
	}
	portJSON struct {
		Name         string      `json:"name"`
		Links        []string    `json:"links"`
		Title        string      `json:"title"`
		USB          string      `json:"usb,omitempty"`
		SerialNumber string      `json:"serial_number,omitempty"`
		Manufacturer string      `json:"manufacturer,omitempty"`
		Product      string      `json:"product,omitempty"`
		USBPath      string      `json:"usb_path,omitempty"`
		Driver       string      `json:"driver,omitempty"`
		Terminals    []string    `json:"terminals"`
		Use          string      `json:"use"`                  // free, held, unknown
		HolderPID    int         `json:"holder_pid,omitempty"` // with use held, where it can be told
		Holder       string      `json:"holder,omitempty"`
		Access       string      `json:"access"` // allowed, denied, unknown
		Remedies     []string    `json:"remedies"`
		Settings     line.Config `json:"settings"` // what to write after "port:"
	}
	portTerminalJSON struct {
		Name    string `json:"name"`
		Line    string `json:"line"`
		Port    string `json:"port,omitempty"`
		Problem string `json:"problem,omitempty"`
	}
)

func (v portSurvey) json() portsJSON {
	out := portsJSON{Ports: []portJSON{}, Terminals: []portTerminalJSON{}, Note: v.note}
	for _, r := range v.ports {
		out.Ports = append(out.Ports, portJSON{
			Name: r.Name, Links: list(r.Links), Title: r.Title(), USB: r.USB, SerialNumber: r.SerialNumber, Manufacturer: r.Manufacturer,
			Product: r.Product, USBPath: r.USBPath, Driver: r.Driver, Terminals: list(r.terminals), Use: r.Use.String(), HolderPID: r.HolderPID,
			Holder: r.Holder, Access: r.Access.String(), Remedies: list(r.Remedies), Settings: r.config,
		})
	}
	for _, t := range v.terminals {
		out.Terminals = append(out.Terminals, portTerminalJSON{t.name, t.line, t.port, t.problem})
	}
	return out
}

// list is never null in JSON.
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
