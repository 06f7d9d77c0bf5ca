package main

import (
	"fmt"
	"io"
	"runtime"
	"strings"

	"tillbridge/bridge/config"
	"tillbridge/terminal"
	"tillbridge/terminal/detect"
)

// print tells what was found, what to write into the settings, and what to do next.
func (s *search) print() error {
	var b strings.Builder
	found, likely := s.having(stateFound), s.having(stateLikely)
	for _, r := range found {
		s.tellFound(&b, r)
	}
	for _, r := range likely {
		s.tellLikely(&b, r)
	}
	s.blocks(&b)
	s.others(&b)
	switch {
	case len(found) > 0:
		s.next(&b)
	case len(likely) > 0:
		wrap(&b, "", "Nothing was opened. To make sure, have it asked, by messages that move no money: tillbridge detect --probe")
		wrap(&b, "", "What would be sent: tillbridge detect --explain")
	default:
		s.nothing(&b)
	}
	if s.note != "" {
		b.WriteString("\n")
		wrap(&b, "", s.note)
	}
	_, err := io.WriteString(s.out, strings.TrimRight(b.String(), "\n")+"\n")
	return err
}

// aboutTarget names a target with what is known of it.
func (s *search) aboutTarget(t detect.Target) string {
	if t.Line.TCP != "" {
		return t.Name() + " in the network."
	}
	text := t.Name() + ": " + t.Port.Title()
	if t.Port.USB != "" {
		text += ", usb " + t.Port.USB
	}
	if t.Port.SerialNumber != "" {
		text += ", serial number " + t.Port.SerialNumber
	}
	if len(t.Known) > 0 {
		text += ". That USB id is known: " + knownAs(t)
	}
	return text + "."
}

func knownAs(t detect.Target) string {
	var all []string
	for _, k := range t.Known {
		all = append(all, fmt.Sprintf("%s (driver %s)", k.Device, k.Driver))
	}
	return strings.Join(all, ", ")
}

func (s *search) tellFound(b *strings.Builder, r searchRow) {
	wrap(b, "", fmt.Sprintf("Found a terminal at %s. It speaks the protocol of the driver %s, %s, at %s.", r.Name(), r.Driver.Name, r.Driver.Title, speed(r.At)))
	if r.Line.TCP == "" {
		wrap(b, "  ", s.aboutTarget(r.Target))
	}
	for _, x := range []struct{ what, text string }{
		{"terminal id", r.Identity.TerminalID}, {"device", r.Identity.Device}, {"serial number", r.Identity.Serial}, {"software", r.Identity.Software},
	} {
		if x.text != "" {
			wrap(b, "  ", x.what+": "+x.text)
		}
	}
	if r.Identity.Text != "" {
		wrap(b, "  ", "how it is: "+r.Identity.Text)
	}
	b.WriteString("\n")
}

func (s *search) tellLikely(b *strings.Builder, r searchRow) {
	wrap(b, "", "This should be a card terminal, by its USB id: "+s.aboutTarget(r.Target))
	if len(r.Known) > 1 {
		wrap(b, "  ", "More than one protocol is spoken by such terminals; only asking tells which it is.")
	}
	b.WriteString("\n")
}

// blocks writes the settings of what was found.
func (s *search) blocks(b *strings.Builder) {
	text := s.settingsBlock()
	if text == "" || s.written != "" {
		return
	}
	wrap(b, "", "For the settings, "+s.file+":")
	b.WriteString("\n" + text + "\n")
	wrap(b, "", `Where the file has a line "terminals:" already, leave that line out and put the rest below it.`)
	for _, m := range s.mistakes() {
		wrap(b, "", "Still to be written: "+m)
	}
	b.WriteString("\n")
}

// settingsBlock is the block with all that was found; empty where nothing was.
func (s *search) settingsBlock() string {
	text := ""
	for _, r := range s.rows {
		if r.entry.Name != "" {
			text += r.entry.Block(2)
		}
	}
	if text == "" {
		return ""
	}
	return "terminals:\n" + text
}

// mistakes are what check would say of the block.
func (s *search) mistakes() (all []string) {
	_, err := config.Parse("block", []byte("mgr: {passcode: a-passcode-to-look}\n"+s.settingsBlock()), s.program.drivers, s.env)
	if wrong, ok := err.(config.Errors); ok {
		for _, e := range wrong {
			all = append(all, fmt.Sprintf("%s: %s; %s", e.Path, e.Message, e.Allowed))
		}
	}
	return all
}

// others tells of the targets that are no find.
func (s *search) others(b *strings.Builder) {
	rows := s.having(stateNoAnswer, stateFailed, stateAlone, stateNotAsked)
	if len(rows) == 0 {
		return
	}
	b.WriteString("Other ports:\n")
	for _, r := range rows {
		text := s.aboutTarget(r.Target) + " " + upperFirst(r.state)
		if r.why != "" {
			text += ": " + r.why
		}
		wrap(b, "  ", text)
	}
	b.WriteString("\n")
}

func upperFirst(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// next says what to do with a terminal that was found.
func (s *search) next(b *strings.Builder) {
	if s.written != "" {
		wrap(b, "", s.written)
	}
	b.WriteString("What to do next:\n")
	found := s.having(stateFound)
	steps := []string{}
	switch {
	case s.written != "":
	case len(found) == 1:
		steps = append(steps, "Put the block into the settings, or have it written: tillbridge detect --probe --yes --write "+s.again(found[0])+s.replacing())
	default:
		steps = append(steps, "Put the blocks into the settings, each with the name that its counter shall have in MGR's URL.")
	}
	steps = append(steps,
		"Make sure that the currency is what the terminal takes, and add what the driver needs under options:, such as the terminal's password; config.example.yaml shows it.",
		"Look at the settings: tillbridge check --config "+s.file+". It shows the URL to enter in MGR, too.",
		"Restart tillbridge, and take a small payment that you void afterwards.")
	for i, text := range steps {
		wrap(b, "  ", fmt.Sprintf("%d. %s", i+1, text))
	}
}

// again names a target as the command line does.
func (s *search) again(r searchRow) string {
	text := r.Name()
	if r.Line.TCP != "" {
		text = "--tcp " + r.Line.TCP
	}
	if s.configNamed {
		text += " --config " + s.file
	}
	return text
}

// replacing says how a terminal of the settings gets the line.
func (s *search) replacing() string {
	if s.settings == nil || s.nameGiven || len(s.settings.Terminals) == 0 {
		return ""
	}
	return ". It becomes a terminal of its own; to give the line to one that is in the settings, add --name " + s.settings.Terminals[0].Name
}

// nothing says what to try where no terminal was found.
func (s *search) nothing(b *strings.Builder) {
	b.WriteString("No card terminal was found. What to try:\n")
	var steps []string
	switch asked := len(s.having(stateNoAnswer)) > 0; {
	case !s.probe && len(s.rows) > 0:
		steps = append(steps, "Have the ports asked, by messages that move no money (tillbridge detect --explain shows them): tillbridge detect --probe")
	case asked:
		steps = append(steps,
			"Look whether the terminal is switched on and at rest: no menu open, no payment begun.",
			"In the terminal's own menu, or by its provider, switch on the connection to the till (ECR, ZVT, cash register) for this cable, and look which protocol and speed it says.")
	}
	if s.probe && len(s.having(stateNotAsked)) > 0 {
		steps = append(steps, "If the terminal is at a port that was not asked, name it: tillbridge detect --probe "+s.having(stateNotAsked)[0].Name())
	}
	if len(s.addresses) == 0 {
		steps = append(steps, "A terminal in the network is asked by its address, which its menu shows: tillbridge detect --probe --tcp 192.168.1.50. No network is searched.")
	} else {
		steps = append(steps, "Look whether this computer reaches the address, and whether another till is joined to the terminal, which mostly takes one.")
	}
	for i, text := range steps {
		wrap(b, "  ", fmt.Sprintf("%d. %s", i+1, text))
	}
	if len(s.rows) == 0 {
		b.WriteString("For a terminal with a USB cable:\n" + whatToTry(runtime.GOOS))
	}
}

// printExplanation shows what each driver would send.
func (s *search) printExplanation() error {
	var b strings.Builder
	wrap(&b, "", "A search without --probe opens nothing. With --probe it opens one port after another, which sets the lines DTR and RTS of a serial port as every program does, listens for some seconds, and sends nothing into a line on which something is under way. Then it sends nothing but these bytes, which the program holds each driver to:")
	b.WriteString("\n")
	var without []string
	for _, d := range s.drivers {
		if d.Identify == nil {
			without = append(without, d.Name)
			continue
		}
		fmt.Fprintf(&b, "%s  %s\n", d.Name, d.Title)
		if d.Line.Baud > 0 {
			settings := []string{serialText(d.Line)}
			for _, baud := range d.Bauds {
				l := d.Line
				l.Baud = baud
				settings = append(settings, serialText(l))
			}
			s.explainLink(&b, d, terminal.Serial, "on a serial line at "+strings.Join(settings, ", then "))
		}
		if d.Line.TCPPort > 0 {
			s.explainLink(&b, d, terminal.TCP, fmt.Sprintf("over TCP, port %d where none is given", d.Line.TCPPort))
		}
		for _, id := range d.USB {
			fmt.Fprintf(&b, "  known USB id %s  %s\n", id.ID, id.Name)
		}
		b.WriteString("\n")
	}
	if len(without) > 0 {
		wrap(&b, "", "Without a message that is fit for a search: "+strings.Join(without, ", ")+". Such a terminal is written into the settings by hand.")
		b.WriteString("\n")
	}
	wrap(&b, "", "Where several drivers ask one port, a terminal of one protocol gets the bytes of another. That moves no money: a terminal acts on a message only when it is whole, with the marks, the length and the check bytes of its own protocol, and none of these bytes make an amount or a command to pay in any. At the most it answers that it did not understand, or waits some seconds for the rest; between two questions the search waits for that. The same holds for bytes at a speed that the terminal is not set to.")
	_, err := io.WriteString(s.out, b.String())
	return err
}

func (s *search) explainLink(b *strings.Builder, d terminal.Driver, k terminal.LinkKind, where string) {
	wrap(b, "  ", where+":")
	for _, m := range d.Asks {
		if m.Link == k {
			b.WriteString("    " + m.Hex + "\n")
			wrap(b, "      ", m.Words+".")
		}
	}
}

// The forms of JSON. Its fields stay as they are.
type (
	detectJSON struct {
		Found    int          `json:"found"`
		Targets  []targetJSON `json:"targets"`
		Settings string       `json:"settings,omitempty"` // the block, YAML
		Missing  []string     `json:"missing"`            // what check would say of the block
		Written  string       `json:"written,omitempty"`
		Note     string       `json:"note,omitempty"` // why the settings are not used
	}
	targetJSON struct {
		Name         string      `json:"name"`
		Title        string      `json:"title,omitempty"`
		USB          string      `json:"usb,omitempty"`
		SerialNumber string      `json:"serial_number,omitempty"`
		Known        []knownJSON `json:"known"`
		State        string      `json:"state"` // found, likely, no answer, left alone, not asked, failed
		Why          string      `json:"why,omitempty"`
		Driver       string      `json:"driver,omitempty"` // with state found, as the rest up to text
		Line         string      `json:"line,omitempty"`
		TerminalID   string      `json:"terminal_id,omitempty"`
		Device       string      `json:"device,omitempty"`
		DeviceSerial string      `json:"device_serial,omitempty"`
		Software     string      `json:"software,omitempty"`
		Text         string      `json:"text,omitempty"`
		Tries        []tryJSON   `json:"tries"`
	}
	knownJSON struct {
		Driver string `json:"driver"`
		Device string `json:"device"`
	}
	tryJSON struct {
		Driver string   `json:"driver"`
		Line   string   `json:"line"`
		Sent   []string `json:"sent"` // each in hex
		Error  string   `json:"error,omitempty"`
	}
)

func (s *search) json() detectJSON {
	out := detectJSON{
		Found: len(s.having(stateFound)), Targets: []targetJSON{}, Settings: s.settingsBlock(), Missing: []string{}, Written: s.written, Note: s.note,
	}
	if out.Settings != "" {
		out.Missing = list(s.mistakes())
	}
	for _, r := range s.rows {
		t := targetJSON{
			Name: r.Name(), USB: r.Port.USB, SerialNumber: r.Port.SerialNumber, State: r.state, Why: r.why, Known: []knownJSON{}, Tries: []tryJSON{},
			TerminalID: r.Identity.TerminalID, Device: r.Identity.Device, DeviceSerial: r.Identity.Serial, Software: r.Identity.Software, Text: r.Identity.Text,
		}
		if r.Line.TCP == "" {
			t.Title = r.Port.Title()
		}
		if r.Found {
			t.Driver, t.Line = r.Driver.Name, r.At.String()
		}
		for _, k := range r.Known {
			t.Known = append(t.Known, knownJSON(k))
		}
		for _, try := range r.Tries {
			one := tryJSON{Driver: try.Question.Driver.Name, Line: try.Line.String(), Sent: []string{}}
			for _, sent := range try.Sent {
				one.Sent = append(one.Sent, fmt.Sprintf("% X", sent))
			}
			if try.Err != nil {
				one.Error = try.Err.Error()
			}
			t.Tries = append(t.Tries, one)
		}
		out.Targets = append(out.Targets, t)
	}
	return out
}
