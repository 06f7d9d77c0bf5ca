package main

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"unicode/utf8"

	"tillbridge/terminal/line"
)

// portColumns is the width of a screen that the table fits.
const portColumns = 100

// The widest that the columns of the table get; together they fit the screen.
const (
	widestName     = 14
	widestTitle    = 28
	widestNumber   = 16
	widestTerminal = 16
)

// printPorts writes the table, what belongs to each port, and the terminals that have none.
func (p *program) printPorts(v portSurvey) error {
	var b strings.Builder
	if len(v.ports) > 0 {
		v.table(&b)
		v.sharedRemedies(&b)
	}
	switch {
	case len(v.ports) == 0:
		b.WriteString("There is no serial port here, and no USB device that should be one. What to try:\n" + whatToTry(runtime.GOOS))
	case !slices.ContainsFunc(v.ports, func(r portRow) bool { return r.USB != "" }):
		b.WriteString("None of them is a USB device. If the terminal has a USB cable, try:\n" + whatToTry(runtime.GOOS))
	}
	for _, t := range v.terminals {
		switch {
		case t.problem != "":
			wrap(&b, "", fmt.Sprintf("Terminal %s has no port now: %s", t.name, t.problem))
		case t.port == "":
			wrap(&b, "", fmt.Sprintf("Terminal %s is in the network, at %s.", t.name, t.line))
		}
	}
	if v.note != "" {
		wrap(&b, "", v.note)
	}
	_, err := io.WriteString(p.out, strings.TrimRight(b.String(), "\n")+"\n")
	return err
}

// table writes a line for each port, and below it what belongs to it alone.
func (v portSurvey) table(b *strings.Builder) {
	rows := [][]string{{"PORT", "WHAT IT IS", "USB", "SERIAL NUMBER", "TERMINAL", "IN USE"}}
	for _, r := range v.ports {
		rows = append(rows, []string{
			tail(orDash(r.Name), widestName), head(shortTitle(r.PortInfo), widestTitle), orDash(r.USB), head(orDash(r.SerialNumber), widestNumber),
			head(orDash(strings.Join(r.terminals, " ")), widestTerminal), inUse(r.PortInfo),
		})
	}
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for i, row := range rows {
		var text strings.Builder
		for k, cell := range row {
			text.WriteString(cell + strings.Repeat(" ", widths[k]-utf8.RuneCountInString(cell)+2))
		}
		b.WriteString(strings.TrimRight(text.String(), " ") + "\n")
		if i > 0 {
			v.below(b, v.ports[i-1])
		}
	}
	b.WriteString("\n")
}

// shortTitle leaves the maker out where there is no room.
func shortTitle(p line.PortInfo) string {
	if t := p.Title(); utf8.RuneCountInString(t) <= widestTitle || p.Product == "" {
		return t
	}
	return p.Product
}

func inUse(p line.PortInfo) string {
	switch {
	case p.Name == "":
		return "no port"
	case p.Use == line.Free:
		return "free"
	case p.Use == line.Held:
		return "in use"
	}
	return "not known"
}

// below writes what belongs to one port, indented.
func (v portSurvey) below(b *strings.Builder, r portRow) {
	const indent = "    "
	if tail(r.Name, widestName) != r.Name {
		wrap(b, indent, "name: "+r.Name)
	}
	if utf8.RuneCountInString(r.Title()) > widestTitle {
		wrap(b, indent, "what it is: "+r.Title())
	}
	if r.Use == line.Held {
		holder := "a program that the system does not name"
		if r.Holder != "" {
			holder = r.Holder
		}
		if r.HolderPID != 0 {
			holder += fmt.Sprintf(" (process %d)", r.HolderPID)
		}
		wrap(b, indent, "in use by "+holder)
	}
	if len(r.terminals) == 0 && r.Name != "" {
		wrap(b, indent, "in the settings: port: "+portText(r.config))
	}
	for _, remedy := range r.Remedies {
		if len(v.having(remedy)) == 1 {
			wrap(b, indent, "! "+remedy) // without a full stop, which would be copied with a command
		}
	}
}

// having names the ports that have a remedy in common.
func (v portSurvey) having(remedy string) (names []string) {
	for _, r := range v.ports {
		if slices.Contains(r.Remedies, remedy) {
			names = append(names, orDash(r.Name))
		}
	}
	return names
}

// sharedRemedies writes what is to be done about more than one port once.
func (v portSurvey) sharedRemedies(b *strings.Builder) {
	var said []string
	for _, r := range v.ports {
		for _, remedy := range r.Remedies {
			if names := v.having(remedy); len(names) > 1 && !slices.Contains(said, remedy) {
				said = append(said, remedy)
				wrap(b, "", "! "+strings.Join(names, ", ")+": "+remedy)
			}
		}
	}
}

// portText is a port as it is written into the settings.
func portText(c line.Config) string {
	switch {
	case c.Serial != "":
		return "{serial: " + c.Serial + "}"
	case c.SerialNumber != "":
		return fmt.Sprintf("{usb: %q, serial_number: %q}", c.USB, c.SerialNumber)
	case c.USBPath != "":
		return fmt.Sprintf("{usb: %q, usb_path: %q}", c.USB, c.USBPath)
	}
	return fmt.Sprintf("{usb: %q}", c.USB)
}

// whatToTry says what to do where a terminal on USB does not show.
func whatToTry(goos string) string {
	look := "See whether the computer notices the cable: lsusb lists USB devices, and sudo dmesg --follow\n     tells what happens when it is plugged in."
	if goos == "windows" {
		look = "See whether the computer notices the cable: the device manager lists ports under Ports (COM &\n     LPT), and under Other devices what still needs its maker's driver."
	}
	return "  1. Plug the terminal's USB cable into this computer, switch the terminal on, wait until it has\n     started, and look again.\n" +
		"  2. Another cable and another socket: cables that only charge look the same.\n" +
		"  3. In the terminal's own menu, choose USB or serial as the connection to the till (ECR).\n" +
		"  4. " + look + "\n" +
		"  5. A terminal in the network needs no port: port: {tcp: \"192.168.1.50:20007\"}\n\n"
}

// wrap writes a paragraph that fits the screen; further lines are indented by two more. A word that is wider stays
// whole, to be copied.
func wrap(b *strings.Builder, indent, text string) {
	width := 0
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
			b.WriteString(indent)
			width = len(indent)
		case width+1+n > portColumns:
			b.WriteString("\n" + indent + "  ")
			width = len(indent) + 2
		default:
			b.WriteString(" ")
			width++
		}
		b.WriteString(word)
		width += n
	}
	b.WriteString("\n")
}

// head cuts a text to its beginning.
func head(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

// tail cuts a text to its end, where names differ.
func tail(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return "…" + string(r[len(r)-most+1:])
	}
	return s
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
