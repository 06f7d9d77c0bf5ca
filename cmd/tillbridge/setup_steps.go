package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tillbridge/bridge/config"
	"tillbridge/terminal"
)

// begin reads what is there.
func (w *wizard) begin(ctx context.Context) error {
	d := &w.draft
	d.passcodeFile = filepath.Join(filepath.Dir(d.file), "passcode")
	if given := w.given["passcode_file"]; given != "" {
		d.passcodeFile = given
		if !filepath.IsAbs(given) {
			d.passcodeFile = filepath.Join(filepath.Dir(d.file), given)
		}
	}
	d.listen, d.counter = config.DefaultListen, config.DefaultCounter
	w.say("This sets the bridge up between MyGadgetRepairs (MGR) and the card terminal. It moves no money.")
	if w.given == nil {
		w.say("Enter takes what stands in brackets; Ctrl-D or Ctrl-C ends it. Nothing is written before you have said so.")
	}
	if err := writable(filepath.Dir(d.file)); err != nil {
		return fmt.Errorf("this user may not write into %s (%w); run it as: %s%s", filepath.Dir(d.file), err, elevated("setup"), w.configArg())
	}
	data, _, err := w.env.ReadFile(d.file, settingsMost)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if d.journal = w.given["journal"]; d.journal == "" && !w.usualFile {
			d.journal = filepath.Join(filepath.Dir(d.file), "journal.db")
		}
		return nil
	case err != nil:
		return fmt.Errorf("read the settings that are there: %w", err)
	}
	w.old = data
	d.journal = w.given["journal"]
	was, err := config.Load(d.file, w.drivers, w.soon())
	if err != nil {
		if was = w.withoutTerminals(); was == nil {
			return w.mend(ctx, err)
		}
		w.first = true
	}
	w.was, d.listen, d.counter = was, was.Listen, was.Counter
	from, inFile := strings.CutPrefix(was.MGR.PasscodeFrom, "passcode_file ")
	if d.passcodeFile = from; !inFile {
		d.passcodeFile = ""
	}
	there := "There are settings in " + d.file
	if w.first {
		there = "The settings in " + d.file + " name no terminal yet"
	}
	w.say("\n" + there + ". What you do not answer otherwise stays as it is.")
	return nil
}

// withoutTerminals reads settings in which nothing is amiss but that they name no terminal yet, as a package brings them;
// nil for others.
func (w *wizard) withoutTerminals() *config.Settings {
	if e := newEdit(string(w.old)); e.find(0, len(e.lines), 0, "terminals") >= 0 {
		return nil
	}
	text := string(w.old) + "\nterminals:\n  none:\n    driver: manual\n    currency: EUR\n"
	s, err := config.Parse(w.draft.file, []byte(text), w.drivers, w.soon())
	if err != nil {
		return nil
	}
	s.Terminals = nil
	return s
}

// mend begins anew where the settings have mistakes.
func (w *wizard) mend(ctx context.Context, wrong error) error {
	w.say("\nThe settings in " + w.draft.file + " have mistakes:")
	for l := range strings.Lines(wrong.Error()) {
		w.say("  " + strings.TrimPrefix(strings.TrimSpace(l), w.draft.file+":"))
	}
	w.mended = true
	if w.draft.journal == "" && !w.usualFile {
		w.draft.journal = filepath.Join(filepath.Dir(w.draft.file), "journal.db")
	}
	yes, err := w.agree(ctx, "change_settings", "Shall they be written anew? The old ones stay beside them, as "+filepath.Base(w.draft.file)+".old. Or mend them by hand: tillbridge check"+w.configArg(), false)
	if err == nil && !yes {
		err = fmt.Errorf("%s has mistakes and is left as it is", w.draft.file)
	}
	return err
}

// configArg names the settings on a command line where they are not in their usual place.
func (w *wizard) configArg() string {
	if w.usualFile {
		return ""
	}
	return " --config " + w.draft.file
}

// writable tells whether a folder, or the one in which it would be made, can be written.
func writable(folder string) error {
	for {
		if info, err := os.Stat(folder); err == nil && info.IsDir() {
			break
		}
		up := filepath.Dir(folder)
		if up == folder {
			return fs.ErrNotExist
		}
		folder = up
	}
	f, err := os.CreateTemp(folder, ".tillbridge-setup-*")
	if err != nil {
		var path *fs.PathError
		if errors.As(err, &path) {
			return path.Err
		}
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// askOptions asks for what the driver cannot do without.
func (w *wizard) askOptions(ctx context.Context) error {
	d, _ := w.driver(w.draft.driver)
	for _, key := range slices.Sorted(maps.Keys(w.options)) {
		if d.Options == nil {
			return fmt.Errorf("%s: options: driver %s has none", w.answersFile, d.Name)
		}
		if err := w.tryOption(d, key, w.options[key]); err != nil {
			return fmt.Errorf("%s: options.%s: %w", w.answersFile, key, err)
		}
	}
	if d.Options == nil {
		return nil
	}
	old, had := terminal.Driver{}.Name, false
	if w.was != nil {
		t, ok := w.was.Terminal(w.draft.name)
		old, had = t.Driver, ok
	}
	if !had || old != d.Name {
		for _, q := range askedOptions(d) {
			if err := w.askOption(ctx, d, q); err != nil {
				return err
			}
		}
	}
	for range setupTries * setupTries { // one answer may make another needed
		missing := w.missingOption(d)
		if missing.key == "" {
			return nil
		}
		text, allowed, _ := strings.Cut(missing.yaml, "; ")
		if err := w.askOption(ctx, d, question{key: missing.key, text: upperFirst(text) + ".", allowed: allowed, more: "  " + allowed + "\n"}); err != nil {
			return err
		}
	}
	return nil // what is missing still is told before anything is written
}

// missingOption is the next option without which the settings would be refused.
func (w *wizard) missingOption(d terminal.Driver) (missing draftOption) {
	path := "terminals." + w.draft.name + ".options"
	for _, o := range lacksOptions(d, d.Options()) {
		if err := about(w.wrong(), path+"."+o.key); err != nil {
			return draftOption{o.key, err.Error()}
		}
	}
	return missing
}

// askOption asks for one option. The answers file has it among its options.
func (w *wizard) askOption(ctx context.Context, d terminal.Driver, q question) error {
	if slices.ContainsFunc(w.draft.options, func(o draftOption) bool { return o.key == q.key }) {
		return nil
	}
	if q.more != "" {
		q.more = foldAt(statusColumns, "  ", q.more)
	}
	key := q.key
	q.key = "options." + key
	q.check = func(answer string) (string, error) {
		err := w.tryOption(d, key, answer)
		if err != nil && !strings.Contains(err.Error(), "; ") && q.allowed != "" { // what a secret may be is not told with it
			err = fmt.Errorf("%w; %s", err, q.allowed)
		}
		return answer, err
	}
	_, err := w.ask(ctx, q)
	return err
}

// askMoney asks for the currency.
func (w *wizard) askMoney(ctx context.Context) error {
	currency, err := w.ask(ctx, question{
		key: "currency", usual: w.draft.currency, allowed: "an ISO 4217 code such as EUR",
		text: "Which currency does the terminal take? An ISO 4217 code.",
		check: func(answer string) (string, error) {
			if _, ok := config.Currency(strings.ToUpper(answer)); !ok {
				return "", fmt.Errorf("%q is not an ISO 4217 code; write one such as EUR", head(answer, 40))
			}
			return strings.ToUpper(answer), nil
		},
	})
	w.draft.currency = currency
	return err
}

// askDoors asks for the addresses of the two doors.
func (w *wizard) askDoors(ctx context.Context) error {
	w.heading("The doors")
	for _, x := range []struct {
		key, text string
		to        *string
	}{
		{"listen", "Where shall MGR's page reach the bridge? 127.0.0.1 is this computer only, which is right where MGR runs in this computer's browser.", &w.draft.listen},
		{"counter", "And where shall the counter screen be, which shows what the terminal does?", &w.draft.counter},
	} {
		usual := *x.to
		if _, err := w.ask(ctx, question{
			key: x.key, text: x.text, usual: usual, allowed: "an address host:port such as " + usual,
			check: func(answer string) (string, error) {
				*x.to = answer
				err := about(w.wrong(), x.key)
				if err != nil {
					*x.to = usual
				}
				return answer, err
			},
		}); err != nil {
			return err
		}
	}
	return nil
}

// askPasscode decides whether a passcode is made.
func (w *wizard) askPasscode(ctx context.Context) error {
	file := w.draft.passcodeFile
	if file == "" {
		w.say("\nThe passcode stays as it is, from " + w.was.MGR.PasscodeFrom + ".")
		return nil
	}
	fresh := true
	if _, _, err := w.env.ReadFile(file, settingsMost); err == nil {
		if fresh, err = w.agree(ctx, "new_passcode", "There is a passcode in "+file+". Shall a new one be made? It must be entered in MGR then.", false); err != nil {
			return err
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read the passcode that is there: %w", err)
	}
	if fresh {
		w.fresh = w.world.passcode()
	}
	return nil
}
