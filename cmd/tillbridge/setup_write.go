package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"

	"tillbridge/bridge/config"
)

// write shows what is to be written, and writes it when that is wanted: first the passcode, then the settings.
func (w *wizard) write(ctx context.Context) error {
	d := w.draft
	w.heading("The settings")
	text, err := w.text()
	if err != nil {
		return err
	}
	if err := w.wrong(); err != nil {
		return fmt.Errorf("the settings would have mistakes:\n%w", err)
	}
	changed := text != string(w.old)
	switch {
	case !changed && w.fresh == "":
		w.say("The settings in " + d.file + " stay as they are.")
		w.written = true
		return nil
	case !changed:
		w.say("The settings in " + d.file + " stay as they are; a new passcode is written.")
	case w.old == nil:
		w.say("This will be written to " + d.file + ", and a new passcode to " + d.passcodeFile + ":\n")
		fmt.Fprint(w.out, "\n"+indented(masked("", strings.TrimSpace(d.block(0))))+"  listen: "+d.listen+"\n  counter: "+d.counter+"\n")
	default:
		w.say("This will change in " + d.file + ":")
		fmt.Fprint(w.out, "\n"+difference(string(w.old), text))
	}
	if yes, err := w.mayWrite(ctx, changed); err != nil || !yes {
		return errors.Join(err, errorUnless(err != nil, "it was not wanted"))
	}
	return w.writeFiles(text, changed)
}

func errorUnless(there bool, text string) error {
	if there {
		return nil
	}
	return errors.New(text)
}

// mayWrite asks whether it may be written. An answers file has said so by being there, but for settings of a
// terminal that exist.
func (w *wizard) mayWrite(ctx context.Context, changed bool) (bool, error) {
	switch {
	case w.mended, w.given != nil && (w.old == nil || w.first || !changed): // it is agreed already
		return true, nil
	case w.given != nil:
		yes, err := w.agree(ctx, "change_settings", "", false)
		if err == nil && !yes {
			err = fmt.Errorf("%s: change_settings: %s is there and would change as shown; write true if it shall", w.answersFile, w.draft.file)
		}
		return yes, err
	}
	return w.agree(ctx, "write", "Shall it be written?", w.old == nil || w.first)
}

func (w *wizard) writeFiles(text string, changed bool) error {
	d := w.draft
	undo := func() error { return nil }
	if w.fresh != "" {
		before, _, err := w.env.ReadFile(d.passcodeFile, settingsMost)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := config.PutFile(d.passcodeFile, []byte(w.fresh+"\n"), 0o600); err != nil {
			return fmt.Errorf("write the passcode: %w", err)
		}
		undo = func() error {
			if before == nil {
				return os.Remove(d.passcodeFile)
			}
			return config.PutFile(d.passcodeFile, before, 0o600)
		}
		w.say("The passcode is in " + d.passcodeFile + ".")
	}
	if changed {
		if err := w.writeSettings(text); err != nil {
			return errors.Join(fmt.Errorf("write the settings: %w", err), undo())
		}
		w.say("The settings are in " + d.file + ".")
	}
	w.written = true
	return nil
}

// writeSettings puts the settings in the place of what was read, if that is still there.
func (w *wizard) writeSettings(text string) error {
	now, _, err := w.env.ReadFile(w.draft.file, settingsMost)
	switch {
	case w.old == nil && !errors.Is(err, fs.ErrNotExist), w.old != nil && (err != nil || string(now) != string(w.old)):
		return fmt.Errorf("%s was changed by somebody else meanwhile, and was left alone; try again", w.draft.file)
	case w.mended:
		if err := config.PutFile(w.draft.file+".old", w.old, 0o600); err != nil {
			return err
		}
	}
	return config.PutFile(w.draft.file, []byte(text), 0o600)
}

func indented(text string) string {
	var b strings.Builder
	for l := range strings.SplitSeq(text, "\n") {
		b.WriteString("  " + l + "\n")
	}
	return b.String()
}

// secretValue finds what is not shown: the values of keys that name a secret and no file.
var secretValue = regexp.MustCompile(`(?i)(\b(?:pass(?:word|code|phrase)|secret|token|pin|key)["']?\s*:\s*)[^\s#].*`)

// masked is a text of settings, or the answer for a key, without secrets.
func masked(key, text string) string {
	if key != "" {
		return strings.TrimPrefix(masked("", key[strings.LastIndex(key, ".")+1:]+": "+text), key[strings.LastIndex(key, ".")+1:]+": ")
	}
	return secretValue.ReplaceAllString(text, "${1}[secret]")
}

// difference is what changes between two texts, line by line, without secrets.
func difference(old, text string) string {
	split := func(s string) []string { return strings.Split(strings.ReplaceAll(s, "\r", ""), "\n") }
	a, b := split(old), split(text)
	long := make([][]int, len(a)+1) // the longest that both have in common from here on
	for i := range long {
		long[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if long[i][j] = max(long[i+1][j], long[i][j+1]); a[i] == b[j] {
				long[i][j] = long[i+1][j+1] + 1
			}
		}
	}
	var out strings.Builder
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			i, j = i+1, j+1
		case i < len(a) && (j == len(b) || long[i+1][j] >= long[i][j+1]):
			out.WriteString("  - " + masked("", a[i]) + "\n")
			i++
		default:
			out.WriteString("  + " + masked("", b[j]) + "\n")
			j++
		}
	}
	return out.String()
}

// load reads the settings as the bridge will.
func (w *wizard) load(context.Context) error {
	s, err := config.Load(w.draft.file, w.drivers, w.env)
	if err != nil {
		fmt.Fprintln(w.err, err)
		return fmt.Errorf("the settings are written and cannot be used; see: tillbridge check%s", w.configArg())
	}
	w.now = s
	w.say("They are right.")
	for _, warning := range s.Warnings {
		w.say("Warning: " + warning.Error())
	}
	return nil
}
