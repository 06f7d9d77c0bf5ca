package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tillbridge/bridge/config"
	"tillbridge/bridge/daemon"
	"tillbridge/terminal"
	"tillbridge/terminal/detect"
	"tillbridge/terminal/line"
)

// detectWorld is what the verb detect needs of the world beside the settings.
type detectWorld struct {
	ports func(context.Context) ([]line.PortInfo, error)
	dial  func(context.Context, line.Config) (terminal.Port, error)
	// person tells whether somebody sits there to answer questions.
	person func(io.Reader) bool
	finder detect.Finder // its times only
}

func systemDetectWorld() detectWorld {
	return detectWorld{
		ports: line.Ports, person: isPerson, finder: detect.Finder{Quiet: detect.Quiet, Pause: detect.Pause},
		dial: func(ctx context.Context, c line.Config) (terminal.Port, error) { return c.Open(ctx) },
	}
}

// detection is what the verb detect was asked for.
type detection struct {
	file                 string
	probe, yes, write    bool
	explain, asJSON      bool
	name, currency       string
	addresses, protocols []string
	ports                []string
}

func (p *program) detectVerb(w detectWorld) *cobra.Command {
	var d detection
	cmd := &cobra.Command{
		Use: "detect [PORT ...]", Short: "find the card terminal: which port, which protocol, what to write into the settings",
		Long: "Looks for the card terminal. Without --probe it looks at the USB ids of what is plugged in and opens nothing.\n\n" +
			"With --probe it asks ports who they are, by messages that move no money; --explain shows each of them. It asks you\n" +
			"before each port. With --yes, or where nobody can answer, it asks ports with a terminal's USB id only, or those\n" +
			"that you name. Ports that are in use, or belong to a terminal of the settings, are left alone.\n\n" +
			"Exit code 0: found, 1: nothing found, 2: wrong usage.",
		Args: usageArgs(cobra.ArbitraryArgs),
		RunE: func(cmd *cobra.Command, args []string) error {
			d.ports = args
			s := &search{detection: d, program: p, world: w, configNamed: cmd.Flags().Changed("config"), nameGiven: cmd.Flags().Changed("name")}
			return s.run(cmd.Context())
		},
	}
	configFlag(cmd, &d.file)
	f := cmd.Flags()
	f.BoolVar(&d.probe, "probe", false, "ask ports who they are")
	f.BoolVar(&d.yes, "yes", false, "with --probe: do not ask me; ports with a terminal's USB id and those named are asked")
	f.BoolVar(&d.explain, "explain", false, "show what each driver would send, in bytes and words, and do nothing")
	f.BoolVar(&d.write, "write", false, "with --probe: write the terminal that was found into the settings")
	f.StringVar(&d.name, "name", "", `the terminal's name in the settings; with --write one that is there gets the new line (default "counter", or the next that is free)`)
	f.StringVar(&d.currency, "currency", "", "what the terminal takes, for the settings; the protocol's usual one if empty")
	f.StringArrayVar(&d.addresses, "tcp", nil, "a terminal's address HOST or HOST:PORT in the network; may be repeated")
	f.StringArrayVar(&d.protocols, "driver", nil, "ask in this driver's protocol only; may be repeated")
	f.BoolVar(&d.asJSON, "json", false, "print JSON")
	return cmd
}

// search is one run of the verb.
type search struct {
	detection
	*program
	world                  detectWorld
	configNamed, nameGiven bool

	drivers  []terminal.Driver
	settings *config.Settings // nil where there are none to use
	note     string           // why they are not used
	rows     []searchRow
	written  string // the sentence about what was written
}

// searchRow is a target and what became of it.
type searchRow struct {
	detect.Finding
	state string // one of the words below
	why   string // a sentence without a full stop; empty where the state says all
	entry config.Entry
}

// What became of a target; the words stand in JSON and stay as they are.
const (
	stateFound    = "found"      // it answered
	stateLikely   = "likely"     // its USB id is a terminal's, and it was not asked
	stateNoAnswer = "no answer"  // it was asked, and is no terminal that we know, or a silent one
	stateAlone    = "left alone" // it must not be asked
	stateNotAsked = "not asked"  // it could be asked
	stateFailed   = "failed"     // it could not be asked
)

func (s *search) run(ctx context.Context) error {
	if err := s.check(); err != nil {
		return err
	}
	if s.explain {
		return s.printExplanation()
	}
	targets, err := s.targets(ctx)
	if err != nil {
		return err
	}
	if err := s.askAll(ctx, targets); err != nil {
		return err
	}
	s.nameAll()
	if s.write {
		if err := s.writeFound(); err != nil {
			return err
		}
	}
	if s.asJSON {
		err = s.printJSON(s.json())
	} else {
		err = s.print()
	}
	if err == nil && len(s.having(stateFound, stateLikely)) == 0 {
		return errSaid
	}
	return err
}

// check refuses what makes no sense, and finds the drivers.
func (s *search) check() error {
	switch {
	case s.yes && !s.probe:
		return usageError{errors.New("--yes is the answer to what --probe asks: add --probe")}
	case s.write && !s.probe:
		return usageError{errors.New("--write needs --probe: only a terminal that answered is written into the settings")}
	}
	if _, ok := config.Currency(s.currency); !ok && s.currency != "" {
		return usageError{fmt.Errorf("--currency %s: want an ISO 4217 code such as EUR", s.currency)}
	}
	for _, name := range s.protocols {
		d, ok := s.driver(name)
		switch {
		case !ok:
			return usageError{fmt.Errorf("there is no driver %q; see tillbridge drivers", name)}
		case d.Identify == nil && s.probe:
			return usageError{fmt.Errorf("driver %s has no message that is fit for a search; write its terminal into the settings by hand", name)}
		}
		s.drivers = append(s.drivers, d)
	}
	if len(s.protocols) == 0 {
		s.drivers = s.program.drivers
	}
	for _, address := range s.addresses {
		if err := (line.Config{TCP: address}).WithDefaults(terminal.LineDefaults{TCPPort: 1}).Validate(); err != nil {
			return usageError{fmt.Errorf("--tcp %w", err)}
		}
	}
	return nil
}

// targets lists what there is, and what of it belongs to the settings.
func (s *search) targets(ctx context.Context) ([]detect.Target, error) {
	found, err := s.world.ports(ctx)
	if err != nil {
		return nil, err
	}
	if s.settings, s.note, err = s.portSettings(s.file, s.configNamed); err != nil {
		return nil, err
	}
	w := detect.Wish{Ports: s.ports, Addresses: s.addresses}
	if s.settings == nil {
		if _, _, err := s.env.ReadFile(s.file, settingsMost); !errors.Is(err, fs.ErrNotExist) {
			w.Unsure = "it may belong to a terminal of the settings, which cannot be read whole; name it to have it asked all the same"
		}
		return detect.Survey(found, s.drivers, w), nil
	}
	for _, t := range s.settings.Terminals {
		if t.Port != (config.Port{}) {
			w.Taken = append(w.Taken, detect.Taken{Terminal: t.Name, Line: daemon.LineOf(t.Port)})
		}
	}
	return detect.Survey(found, s.drivers, w), nil
}

// askAll asks the targets that may and shall be asked, one after another.
func (s *search) askAll(ctx context.Context, targets []detect.Target) error {
	f := s.world.finder
	f.Drivers, f.Dial, f.Log = s.drivers, s.world.dial, slog.New(slog.DiscardHandler)
	f.Asking = func(q detect.Question) {
		fmt.Fprintf(s.err, "Asking in the protocol of %s at %s ...\n", q.Driver.Name, q.Line)
	}
	someNamed := slices.ContainsFunc(targets, func(t detect.Target) bool { return t.Named })
	asking := s.probe && !s.yes && s.world.person(s.in)
	answers := newAnswers(s.in)
	defer answers.close()
	for _, t := range targets {
		row := searchRow{Finding: detect.Finding{Target: t}}
		wanted := t.Named || !someNamed && (len(t.Known) > 0 || asking)
		switch {
		case t.Skip != "":
			row.state, row.why = stateAlone, t.Skip
		case !s.probe && len(t.Known) > 0:
			row.state = stateLikely
		case !s.probe:
			row.state = stateNotAsked
		case !wanted:
			row.state, row.why = stateNotAsked, s.whyNotAsked(t, someNamed)
		case len(f.Questions(t)) == 0:
			row.state, row.why = stateNotAsked, "no driver has a message for such a line that is fit for a search"
		case asking:
			yes, err := s.agreed(ctx, answers, f, t)
			if err != nil {
				return err
			}
			if !yes {
				row.state, row.why = stateNotAsked, "you did not want it asked"
			}
		}
		if row.state == "" {
			fmt.Fprintf(s.err, "%s: listening first.\n", t.Name())
			var err error
			if row.Finding, err = f.Ask(ctx, t); ctx.Err() != nil {
				return ctx.Err()
			}
			row.state, row.why = outcome(row.Finding, err)
		}
		s.rows = append(s.rows, row)
	}
	return nil
}

func (s *search) whyNotAsked(t detect.Target, someNamed bool) string {
	if someNamed && len(t.Known) > 0 {
		return "you named others"
	}
	return "its USB id is not known as a terminal's, and nobody named it"
}

// outcome says what became of a target that was asked.
func outcome(f detect.Finding, err error) (state, why string) {
	switch {
	case err != nil:
		return stateFailed, err.Error()
	case f.Found:
		return stateFound, ""
	}
	var all []string
	for _, t := range f.Tries {
		all = append(all, fmt.Sprintf("%s at %s: %v", t.Driver.Name, speed(t.Line), t.Err))
	}
	return stateNoAnswer, strings.Join(all, "; ")
}

// speed is the setting of a line without the line's name.
func speed(c line.Config) string {
	if c.TCP != "" {
		return "port " + c.TCP[strings.LastIndex(c.TCP, ":")+1:]
	}
	return serialText(terminal.LineDefaults{Baud: c.Baud, DataBits: c.DataBits, Parity: c.Parity, StopBits: c.StopBits})
}

// agreed asks the person whether a target may be asked. No answer is a no.
func (s *search) agreed(ctx context.Context, answers *answers, f detect.Finder, t detect.Target) (bool, error) {
	var b strings.Builder
	wrap(&b, "", s.aboutTarget(t))
	var said []string
	for _, q := range f.Questions(t) {
		first := firstMessage(q.Driver, q.Line.Kind())
		wrap(&b, "  ", fmt.Sprintf("%s at %s would send %s", q.Driver.Name, speed(q.Line), first.Hex))
		if !slices.Contains(said, first.Hex) {
			said = append(said, first.Hex)
			wrap(&b, "    ", first.Words+".")
		}
	}
	if len(t.Known) == 0 && t.Line.TCP == "" {
		wrap(&b, "  ", "If it is a printer or anything else, it gets these bytes too.")
	}
	fmt.Fprintf(s.err, "\n%sAsk it? [y/N] ", b.String())
	answer, err := answers.next(ctx)
	if err != nil {
		return false, err
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes", nil
}

func firstMessage(d terminal.Driver, k terminal.LinkKind) terminal.Message {
	for _, m := range d.Asks {
		if m.Link == k {
			return m
		}
	}
	return terminal.Message{Hex: "nothing"}
}

// nameAll names what was found as it would stand in the settings, each with a name of its own.
func (s *search) nameAll() {
	taken := map[string]bool{}
	if s.settings != nil && !s.nameGiven {
		for _, t := range s.settings.Terminals {
			taken[t.Name] = true
		}
	}
	base := s.name
	if base == "" {
		base = "counter"
	}
	for i := range s.rows {
		r := &s.rows[i]
		driver, at := r.Driver, r.At
		if r.state == stateLikely && len(r.Known) == 1 {
			driver, _ = s.driver(r.Known[0].Driver)
			at = r.Line.WithDefaults(driver.Line)
		}
		if driver.Name == "" {
			continue
		}
		name := base
		for n := 2; taken[name]; n++ {
			name = fmt.Sprintf("%s-%d", base, n)
		}
		taken[name] = true
		port := config.Port{Serial: at.Serial, USB: at.USB, SerialNumber: at.SerialNumber, USBPath: at.USBPath, TCP: at.TCP}
		if at.Baud != driver.Line.Baud {
			port.Baud = at.Baud
		}
		r.entry = config.Entry{Name: name, Driver: driver.Name, Port: port, Currency: cmp.Or(s.currency, driver.Currency, "EUR")}
	}
}

// writeFound writes the one terminal that answered into the settings.
func (s *search) writeFound() error {
	found := s.having(stateFound)
	switch {
	case len(found) == 0:
		return nil // what was not found is told anyway
	case len(found) > 1:
		return fmt.Errorf("%d terminals answered, at %s and %s; nothing was written. Name the port of the one that is meant", len(found), found[0].Name(), found[1].Name())
	}
	e := found[0].entry
	replaced, err := config.PutTerminal(s.file, e, s.program.drivers, s.env)
	if err != nil {
		return err
	}
	s.written = fmt.Sprintf("Written into %s as the new terminal %s.", s.file, e.Name)
	if replaced {
		s.written = fmt.Sprintf("Written into %s: the terminal %s has this driver and port now.", s.file, e.Name)
	}
	return nil
}

// having are the rows in one of some states.
func (s *search) having(states ...string) (rows []searchRow) {
	for _, r := range s.rows {
		if slices.Contains(states, r.state) {
			rows = append(rows, r)
		}
	}
	return rows
}

// answers reads what the person types, line by line.
type answers struct {
	lines chan string
	want  chan struct{}
	in    io.Reader
}

func newAnswers(in io.Reader) *answers { return &answers{in: in} }

// next is the next line, empty at the end of the input. A read from the keyboard cannot be ended, so that after ctx
// has, it is left behind to the end of the program, which is near.
func (a *answers) next(ctx context.Context) (string, error) {
	if a.lines == nil {
		a.lines, a.want = make(chan string, 1), make(chan struct{}, 1)
		go func() {
			r := bufio.NewReader(io.LimitReader(a.in, 1<<16))
			for range a.want {
				text, _ := r.ReadString('\n') // at the end of the input it is empty, which is a no
				a.lines <- text
			}
		}()
	}
	a.want <- struct{}{}
	select {
	case text := <-a.lines:
		return text, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// close ends the reading.
func (a *answers) close() {
	if a.want != nil {
		close(a.want)
	}
}

// isPerson tells whether the input is a keyboard.
func isPerson(in io.Reader) bool { return isTerminal(in) }

// isTerminal tells whether a stream is a file that a person sits before.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}
