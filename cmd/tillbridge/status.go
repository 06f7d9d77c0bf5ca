package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"tillbridge/bridge"
	"tillbridge/bridge/config"
	"tillbridge/bridge/doctor"
	"tillbridge/bridge/health"
	"tillbridge/bridge/journal"
)

func (p *program) statusVerb() *cobra.Command {
	var file string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "status", Short: "show how the bridge, its terminals and what waits are", Args: usageArgs(cobra.NoArgs),
		Long: "Shows whether the bridge runs, how each terminal and its line is, and what waits: payments that are not known,\n" +
			"outcomes for MGR, alarms. It asks the running bridge and reads the journal, and changes nothing; no terminal is\n" +
			"asked. Without a running bridge it tells what the journal has.\n\n" +
			"It needs the user who runs the bridge, or root (sudo). What to do about a fault: tillbridge doctor.\n" +
			"Exit 0: all is well; 1: something needs a person; 2: wrong usage.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s := p.lookAround(cmd.Context(), file)
			s.judge()
			if asJSON {
				if err := p.printJSON(s.json()); err != nil {
					return err
				}
			} else if _, err := fmt.Fprint(p.out, s.text()); err != nil {
				return err
			}
			if len(s.needs) > 0 {
				return errSaid
			}
			return nil
		},
	}
	configFlag(cmd, &file)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// standing is how everything is at one moment.
type standing struct {
	at       time.Time
	file     string
	settings *config.Settings
	wrong    error // why the settings cannot be used

	holder   doctor.Process // who has the journal
	running  bool
	unheld   error // why it cannot be told whether a bridge runs
	facts    health.Facts
	factsErr error  // why the running bridge's facts are not known
	service  string // how the system's service stands; empty where it is not known

	waits waiting
	needs []need
}

// waiting is what the journal tells.
type waiting struct {
	err    error // why it cannot be read; wraps fs.ErrNotExist where there is none yet
	bytes  int64 // with its write-ahead log
	owed   int   // outcomes that MGR does not have
	tried  int   // the most tries of one of them
	why    string
	held   []bridge.Payment // nobody knows whether the money moved
	alarms []journal.Alarm
}

// need is something that needs a person.
type need struct {
	What string `json:"what"`
	Do   string `json:"do"`
}

// lookAround looks at the bridge of the settings in a file.
func (p *program) lookAround(ctx context.Context, file string) *standing {
	s := &standing{at: time.Now(), file: file}
	if s.settings, s.wrong = config.Load(file, p.drivers, p.env); s.wrong != nil {
		s.settings = config.Rescue(file, p.env)
	}
	path := s.settings.Journal
	s.holder, s.running, s.unheld = doctor.ThisSystem(nil).JournalHolder(path)
	if s.running {
		s.facts, s.factsErr = health.Ask(ctx, path)
	}
	s.waits = s.read(ctx, path)
	if m, err := systemServices(); err == nil {
		if line, err := serviceLine(ctx, m); err == nil {
			s.service = line
		}
	}
	return s
}

// read reads the journal.
func (s *standing) read(ctx context.Context, path string) (w waiting) {
	for _, name := range []string{path, path + "-wal"} {
		if info, err := os.Stat(name); err == nil {
			w.bytes += info.Size()
		}
	}
	r, err := journal.OpenReadOnly(path)
	if err != nil {
		w.err = err
		return w
	}
	defer func() { w.err = errors.Join(w.err, r.Close()) }()
	open, err := r.Unsettled(ctx)
	w.err = errors.Join(w.err, err)
	for _, one := range open {
		// Without a bridge nobody asks what became of one that is under way either.
		if one.State.NotKnown() || !s.running && one.State.InFlight() {
			w.held = append(w.held, one)
		}
	}
	w.owed, err = r.Owed(ctx)
	w.err = errors.Join(w.err, err)
	due, err := r.Due(ctx, s.at.Add(23*time.Hour), 1000) // they are put off for less than a day
	w.err = errors.Join(w.err, err)
	for _, n := range due {
		if n.Attempts >= w.tried && n.LastError != "" {
			w.why = n.LastError
		}
		w.tried = max(w.tried, n.Attempts)
	}
	w.alarms, err = r.Alarms(ctx)
	w.err = errors.Join(w.err, err)
	return w
}

// told tells whether the running bridge has told how it is.
func (s *standing) told() bool { return s.running && s.factsErr == nil }

// judge finds what needs a person, the gravest first.
func (s *standing) judge() {
	s.needs = []need{}
	add := func(do, what string, args ...any) { s.needs = append(s.needs, need{fmt.Sprintf(what, args...), do}) }
	s.judgeBridge(add)
	for _, p := range first(s.waits.held, 3) {
		add("Look at the receipt, the terminal's own list or the bank's, and settle it on the counter screen, under Now. Charge nobody again before.",
			"It is not known whether the money moved in a payment of %s on %s at %s.", p.Amount, p.Terminal, dayTime(p.Received, s.at))
	}
	if n := len(s.waits.held) - 3; n > 0 {
		add("See them all: tillbridge payments list --state held", "And in %s more.", count(n, "payment", "payments"))
	}
	if s.told() {
		for _, t := range s.facts.Terminals {
			s.judgeTerminal(add, t)
		}
	}
	for _, a := range first(s.waits.alarms, 3) {
		add("When it is dealt with, clear it on the counter screen, under Now.", "Alarm of %s: %s", dayTime(a.At, s.at), head(a.Text, 400))
	}
	if n := len(s.waits.alarms) - 3; n > 0 {
		add("See them on the counter screen, under Now.", "%s more.", stands(n))
	}
	if s.waits.owed > 0 && s.waits.tried > 0 {
		add("They are sent by themselves as soon as MGR takes them. See what is in the way: tillbridge doctor",
			"%s for MGR, tried up to %s. The last try: %s", waits(s.waits.owed), count(s.waits.tried, "time", "times"), orDash(head(s.waits.why, 200)))
	}
	switch err := s.waits.err; {
	case err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) && s.unheld != nil:
	case errors.Is(err, fs.ErrPermission):
		add("Run it as the user who runs the bridge, or with sudo.", "This user may not read the journal: %v.", err)
	default:
		add("Have it looked at: tillbridge doctor", "The journal cannot be read: %v.", err)
	}
}

func (s *standing) judgeBridge(add func(do, what string, args ...any)) {
	mistakes := "Mend the settings; all mistakes are listed by: tillbridge check --config " + s.file
	switch err := s.factsErr; {
	case s.unheld != nil:
		add("Run it as the user who runs the bridge, or with sudo.", "It cannot be told whether the bridge runs: %v.", s.unheld)
	case !s.running:
		add("Start the service, or: tillbridge run --config "+s.file, "The bridge does not run, so that no payment can be taken.")
	case errors.Is(err, fs.ErrPermission):
		add("Run it as the user who runs the bridge, or with sudo.", "This user may not ask the running bridge how its terminals are.")
	case errors.Is(err, fs.ErrNotExist):
		add("It may be just starting: look again. If it stays so, look at its log.", "The bridge runs and does not say how it is.")
	case err != nil:
		add("Look again in a minute. If it stays so, look at its log, and start it anew when no customer pays.", "The bridge runs and does not answer: %v.", err)
	case s.facts.SettingsError != "":
		add(mistakes, "The bridge runs and takes no payment: its settings cannot be used.")
		return
	}
	if s.wrong != nil {
		what := "The settings in %s cannot be used."
		if s.told() {
			what = "The settings in %s cannot be used. The bridge goes on with those of before; it will not when it starts anew."
		}
		add(mistakes, what, s.file)
	}
}

func (s *standing) judgeTerminal(add func(do, what string, args ...any), t health.Terminal) {
	switch t.State {
	case health.OtherTerminal:
		add("Look at the cable. If the terminal was exchanged on purpose, clear that alarm on the counter screen.", "%s: %s", t.Name, t.Text)
	case health.NotReached:
		add("See that it is switched on and plugged in, then: tillbridge doctor", "%s is not reached: %s", t.Name, t.Text)
	case health.Held: // told with the payment
	case health.Connecting, health.Ready, health.Paying, health.Asking:
		if t.Quality.Noisy() {
			add(health.LineRemedy, "The line to %s is %s.", t.Name, health.LineWords(t.Quality))
		}
	}
}

func first[T any](list []T, most int) []T { return list[:min(len(list), most)] }

func waits(n int) string {
	if n == 1 {
		return "1 outcome waits"
	}
	return fmt.Sprintf("%d outcomes wait", n)
}

func stands(n int) string {
	if n == 1 {
		return "1 alarm stands"
	}
	return fmt.Sprintf("%d alarms stand", n)
}

// statusJSON is what is printed as JSON. Its fields stay as they are.
type statusJSON struct {
	At       time.Time     `json:"at"`
	Well     bool          `json:"well"`
	Settings string        `json:"settings"`
	Running  bool          `json:"running"`
	PID      int           `json:"pid,omitempty"`
	Bridge   *health.Facts `json:"bridge"` // null where it has not told
	NotTold  string        `json:"not_told,omitempty"`
	Journal  struct {
		Path  string `json:"path"`
		Bytes int64  `json:"bytes"`
		Error string `json:"error,omitempty"`
	} `json:"journal"`
	Undelivered int            `json:"undelivered"`
	Tried       int            `json:"tried"` // the most tries of one of them
	Held        []bridge.Facts `json:"held"`
	Alarms      []alarmJSON    `json:"alarms"`
	Needs       []need         `json:"needs"`
}

type alarmJSON struct {
	At       time.Time `json:"at"`
	Kind     string    `json:"kind"`
	Terminal string    `json:"terminal,omitempty"`
	UUID     string    `json:"payment_uuid,omitempty"`
	Text     string    `json:"text"`
}

func (s *standing) json() statusJSON {
	j := statusJSON{
		At: s.at, Well: len(s.needs) == 0, Settings: s.file, Running: s.running, PID: s.holder.PID, Undelivered: s.waits.owed, Tried: s.waits.tried,
		Held: []bridge.Facts{}, Alarms: []alarmJSON{}, Needs: s.needs,
	}
	if s.told() {
		j.Bridge = &s.facts
	}
	if s.factsErr != nil {
		j.NotTold = s.factsErr.Error()
	}
	j.Journal.Path, j.Journal.Bytes = s.settings.Journal, s.waits.bytes
	if s.waits.err != nil {
		j.Journal.Error = s.waits.err.Error()
	}
	for _, p := range s.waits.held {
		j.Held = append(j.Held, p.Facts())
	}
	for _, a := range s.waits.alarms {
		j.Alarms = append(j.Alarms, alarmJSON{a.At, a.Kind, a.Terminal, a.UUID, a.Text})
	}
	return j
}
