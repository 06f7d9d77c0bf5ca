package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"tillbridge/bridge/config"
	"tillbridge/bridge/daemon"
	"tillbridge/terminal"
	"tillbridge/terminal/detect"
)

// Answers to where the terminal is that name no port.
const (
	portSearch = "search"
	portNone   = "none"
	portKeep   = "keep"
)

var (
	setupName = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)
	setupCOM  = regexp.MustCompile(`^(?i:COM)[0-9]+$`)
	setupUSB  = regexp.MustCompile(`^[0-9a-fA-F]{4}:[0-9a-fA-F]{4}$`)
)

// portOf is the line that an answer names.
func portOf(answer string) config.Port {
	listen, listens := strings.CutPrefix(answer, "listen ")
	switch {
	case answer == portSearch, answer == portNone, answer == portKeep:
		return config.Port{}
	case listens:
		return config.Port{TCP: strings.TrimSpace(listen), Listen: true}
	case setupUSB.MatchString(answer):
		return config.Port{USB: strings.ToLower(answer)}
	case strings.HasPrefix(answer, "/"), setupCOM.MatchString(answer):
		return config.Port{Serial: answer}
	}
	return config.Port{TCP: answer}
}

// checkPort says what is wrong with a line, whatever speaks on it.
func (w *wizard) checkPort(answer string) (string, error) {
	if lower := strings.ToLower(answer); lower == portSearch || lower == portNone {
		return lower, nil
	} else if lower == portKeep {
		if !w.draft.kept {
			return "", errors.New("there is nothing to keep")
		}
		return lower, nil
	}
	stand := draft{name: "any", driver: "any", port: portOf(answer), currency: "EUR", listen: config.DefaultListen, counter: config.DefaultCounter}
	anyone := []terminal.Driver{{Name: "any", Line: terminal.LineDefaults{Baud: 9600, DataBits: 8, Parity: "none", StopBits: "1", TCPPort: 1, Listens: true}}}
	_, err := config.Parse("setup", []byte(stand.text()), anyone, w.soon())
	return answer, about(err, "terminals.any.port")
}

// askTerminal finds out which terminal it is, where, and what it speaks.
func (w *wizard) askTerminal(ctx context.Context) error {
	w.heading("The terminal")
	usual := "counter"
	if w.was != nil && !w.first {
		usual = w.was.Terminals[0].Name
	}
	name, err := w.ask(ctx, question{
		key: "terminal", usual: usual, allowed: "1 to 32 of a-z, 0-9 and hyphen",
		text: "What shall the terminal be called? Its name is the end of the webhook's URL.",
		check: func(answer string) (string, error) {
			if !setupName.MatchString(answer) {
				return "", fmt.Errorf("%q is not a name for a terminal; 1 to 32 of a-z, 0-9 and hyphen", head(answer, 40))
			}
			return answer, nil
		},
	})
	if err != nil {
		return err
	}
	w.draft.name = name
	if w.was != nil {
		if t, ok := w.was.Terminal(name); ok {
			w.draft.kept, w.draft.driver, w.draft.port, w.draft.currency = true, t.Driver, t.Port, t.Currency.Code
		}
	}
	likely, err := w.askPort(ctx)
	if err != nil {
		return err
	}
	return w.askDriver(ctx, likely)
}

// askPort finds the line. It tells which drivers may speak on it, those that do first.
func (w *wizard) askPort(ctx context.Context) (likely []string, err error) {
	usual, keep := portSearch, ""
	if w.draft.kept {
		usual = portKeep
		keep = fmt.Sprintf("  keep            as it is: %s, %s\n", w.draft.driver, w.draft.port)
	}
	var rows []searchRow
	for range setupTries {
		answer, err := w.ask(ctx, question{
			key: "port", usual: usual, check: w.checkPort,
			text: "Where is the terminal?",
			more: keep + "  search          look at the USB and serial ports of this computer\n" +
				"  /dev/ttyUSB0    a port by its name (on Windows COM3)\n" +
				"  192.168.1.50    an address in the network, with or without :PORT\n" +
				"  none            it has no connection; the clerk types what it printed\n",
			allowed: "search, none, a serial port such as /dev/ttyUSB0, or an address HOST or HOST:PORT",
		})
		if err != nil {
			return nil, err
		}
		port := portOf(answer)
		if i := slices.IndexFunc(rows, func(r searchRow) bool { return r.Name() == answer }); i >= 0 {
			return w.take(rows[i]), nil
		}
		if answer == portKeep {
			return []string{w.draft.driver}, nil
		}
		w.draft.port = port
		if answer == portNone || port.Listen || port.USB != "" {
			return nil, nil
		}
		if rows, err = w.search(ctx, port); err != nil {
			return nil, err
		}
		chosen := candidates(rows)
		switch {
		case answer != portSearch && len(rows) > 0:
			named := slices.IndexFunc(rows, func(r searchRow) bool { return r.Named })
			return w.take(rows[max(named, 0)]), nil
		case len(chosen) == 1:
			return w.take(chosen[0]), nil
		case w.given != nil:
			return nil, fmt.Errorf("%s: port: %s; name the port or the address, and with probe: true it is asked which terminal it is", w.answersFile, foundText(len(chosen)))
		}
		w.say("\n" + upperFirst(foundText(len(chosen))) + ". Name the port, or search again.")
		w.listPorts(rows)
		usual = ""
	}
	return nil, errors.New("no terminal was found")
}

func foundText(n int) string {
	if n == 0 {
		return "no terminal was found"
	}
	return fmt.Sprintf("%d ports may have the terminal", n)
}

func (w *wizard) listPorts(rows []searchRow) {
	s := &search{program: w.program}
	for _, r := range rows {
		text := "  " + s.aboutTarget(r.Target) + " " + upperFirst(r.state)
		if r.why != "" {
			text += ": " + r.why
		}
		w.say(text + ".")
	}
}

// search looks at the ports of this computer, or at one line, and asks who is there as the verb detect does.
func (w *wizard) search(ctx context.Context, port config.Port) ([]searchRow, error) {
	found, err := w.world.detect.ports(ctx)
	if err != nil {
		return nil, err
	}
	p := *w.program
	p.err, p.in = narrow{w.out}, w
	s := &search{program: &p, world: w.world.detect, settings: w.was, nameGiven: true, drivers: w.program.drivers}
	s.name, s.probe, s.yes = w.draft.name, true, w.given != nil
	s.world.person = func(io.Reader) bool { return !s.yes }
	if s.yes {
		if s.probe, err = w.agree(ctx, "probe", "", false); err != nil {
			return nil, err
		}
		if d, ok := w.driver(w.given["driver"]); ok && d.Identify != nil {
			s.drivers = []terminal.Driver{d}
		}
	}
	wish := detect.Wish{}
	switch {
	case port.Serial != "":
		wish.Ports = []string{port.Serial}
	case port.TCP != "":
		wish.Addresses = []string{port.TCP}
	}
	if w.mended {
		wish.Unsure = "it may belong to a terminal of the settings, which have mistakes; name it to have it asked all the same"
	}
	if w.was != nil {
		for _, t := range w.was.Terminals {
			if t.Name != w.draft.name && t.Port != (config.Port{}) {
				wish.Taken = append(wish.Taken, detect.Taken{Terminal: t.Name, Line: daemon.LineOf(t.Port)})
			}
		}
	}
	targets := detect.Survey(found, s.drivers, wish)
	if port != (config.Port{}) {
		targets = slices.DeleteFunc(targets, func(t detect.Target) bool { return !t.Named })
	}
	if err := s.askAll(ctx, targets); err != nil {
		return nil, err
	}
	var b strings.Builder
	for _, r := range s.having(stateFound) {
		s.tellFound(&b, r)
	}
	_, err = fmt.Fprint(narrow{w.out}, strings.TrimSuffix("\n"+b.String(), "\n"))
	return s.rows, err
}

// candidates are those of the rows that should be the terminal.
func candidates(rows []searchRow) []searchRow {
	having := func(fits func(searchRow) bool) (some []searchRow) {
		for _, r := range rows {
			if fits(r) {
				some = append(some, r)
			}
		}
		return some
	}
	if answered := having(func(r searchRow) bool { return r.Found }); len(answered) > 0 {
		return answered
	}
	return having(func(r searchRow) bool { return len(r.Known) > 0 && r.state != stateAlone })
}

// take makes a row the terminal's line, and tells the drivers that may speak on it.
func (w *wizard) take(r searchRow) (likely []string) {
	at := r.Line
	if r.Found {
		at = r.At
	}
	w.draft.port = config.Port{Serial: at.Serial, USB: at.USB, SerialNumber: at.SerialNumber, USBPath: at.USBPath, TCP: at.TCP}
	if r.Found {
		if at.Baud != r.Driver.Line.Baud {
			w.draft.port.Baud = at.Baud
		}
		return []string{r.Driver.Name}
	}
	if r.why != "" && r.state != stateNotAsked {
		w.say("  " + r.Name() + ", " + r.state + ": " + r.why + ".")
	}
	for _, k := range r.Known {
		likely = append(likely, k.Driver)
	}
	return likely
}

// fits tells whether a driver's terminals can be on a line.
func fits(d terminal.Driver, p config.Port) bool {
	switch {
	case p == config.Port{}:
		return d.Line.None()
	case p.Listen:
		return d.Line.Listens
	case p.TCP != "":
		return d.Line.TCPPort > 0
	}
	return d.Line.Baud > 0
}

// askDriver asks for the protocol, of which the first that is likely is the default.
func (w *wizard) askDriver(ctx context.Context, likely []string) error {
	var names []string
	var table strings.Builder
	for _, d := range w.drivers {
		if !fits(d, w.draft.port) {
			continue
		}
		names = append(names, d.Name)
		fmt.Fprintf(&table, "  %-10s  %s\n", d.Name, strings.TrimSpace(foldAt(statusColumns, strings.Repeat(" ", 14), d.Title)))
		if needs := needed(d); len(needs) > 0 {
			fmt.Fprintf(&table, "              needs: %s\n", strings.Join(needs, ", "))
		}
	}
	usual := ""
	if len(likely) == 1 || w.draft.kept && slices.Contains(likely, w.draft.driver) {
		usual = likely[0]
	}
	if p := w.draft.port; p == (config.Port{}) && usual == "" {
		usual = "manual"
	}
	name, err := w.ask(ctx, question{
		key: "driver", usual: usual, more: table.String(), allowed: "one of " + strings.Join(names, ", "),
		text: "Which protocol does it speak? The terminal's menu or its provider tells.",
		check: func(answer string) (string, error) {
			if !slices.Contains(names, answer) {
				return "", fmt.Errorf("%q is no driver for such a line; one of %s", head(answer, 40), strings.Join(names, ", "))
			}
			return answer, nil
		},
	})
	if err != nil {
		return err
	}
	d, _ := w.driver(name)
	if w.draft.kept && name != w.draft.driver {
		w.draft.currency = ""
	}
	w.draft.driver = name
	w.draft.port = w.whole(d)
	w.draft.currency = cmp.Or(w.draft.currency, d.Currency, "EUR")
	return nil
}

// whole is the draft's line as the settings read it, with the driver's own port number in the network.
func (w *wizard) whole(d terminal.Driver) config.Port {
	stand := draft{name: "any", driver: d.Name, port: w.draft.port, currency: "EUR", listen: config.DefaultListen, counter: config.DefaultCounter}
	s, err := config.Parse("setup", []byte(stand.text()), []terminal.Driver{{Name: d.Name, Line: d.Line}}, w.env)
	if err != nil {
		return w.draft.port // its mistakes are told before anything is written
	}
	p := s.Terminals[0].Port
	p.Baud, p.DataBits, p.Parity, p.StopBits = w.draft.port.Baud, w.draft.port.DataBits, w.draft.port.Parity, w.draft.port.StopBits
	return p
}
