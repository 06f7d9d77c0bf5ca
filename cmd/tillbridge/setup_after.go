package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"tillbridge/bridge/config"
	"tillbridge/bridge/demo"
	"tillbridge/bridge/doctor"
	"tillbridge/bridge/osservice"
	"tillbridge/terminal"
)

// serve installs and starts the service, if that is wanted and may be done.
func (w *wizard) serve(ctx context.Context) error {
	w.heading("The service")
	yes, err := w.agreeLate(ctx, "service", "Shall the bridge be installed as a service of this computer, and started?", true)
	switch {
	case err != nil:
		return err
	case !yes:
		w.byHand("Left out.")
		return nil
	}
	s, err := w.world.services()
	if err != nil {
		w.say("No service can be installed here: " + err.Error() + ".")
		fmt.Fprintf(w.out, "Start the bridge by:\n\n  tillbridge run%s\n", w.configArg())
		w.failed = true
		return nil
	}
	switch err := w.installAndStart(ctx, s); {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, osservice.ErrRights):
		w.byHand("This user may not install services.")
	case err != nil:
		w.say("It failed: " + err.Error() + ".")
		w.byHand("Once that is mended:")
		w.failed = true
	}
	return nil
}

// byHand tells the commands for what was left out.
func (w *wizard) byHand(why string) {
	w.say(why + " To do it:")
	fmt.Fprintf(w.out, "\n  %s%s\n  %s\n", elevated("install"), w.configArg(), elevated("start"))
}

func (w *wizard) installAndStart(ctx context.Context, s services) error {
	spec, notes, err := w.serviceSpec(w.draft.file)
	if err != nil {
		return err
	}
	r, err := s.Install(ctx, spec)
	if err != nil {
		return err
	}
	// The service's user may have been made just now, so that install could say only what it could not read then. It is
	// called again, and says so again if it is still so.
	for _, file := range []string{w.draft.file, w.draft.passcodeFile} {
		if file != "" && r.User != "" {
			if err := w.world.hand(file, r.User); err != nil {
				return fmt.Errorf("let the service's user read %s: %w", file, err)
			}
		}
	}
	again, err := s.Install(ctx, spec)
	if err != nil {
		return err
	}
	w.say("The service is installed. It runs as " + r.User + ".")
	first := slices.DeleteFunc(r.Notes, func(n string) bool { return strings.Contains(n, spec.Settings) || slices.Contains(again.Notes, n) })
	for _, n := range slices.Concat(first, again.Notes, notes) {
		w.say("Note: " + n)
	}
	st, err := s.State(ctx)
	if err != nil {
		return err
	}
	give := s.Start
	if st.Running { // with the settings of before
		give = s.Restart
	}
	if _, err := give(ctx); err != nil {
		return err
	}
	line, err := serviceLine(ctx, s)
	if err != nil {
		return err
	}
	w.say("It is started: " + line + ".")
	return nil
}

// examineAll has everything checked, and tells what needs a person.
func (w *wizard) examineAll(ctx context.Context) error {
	w.heading("The checks")
	e := w.examination(w.draft.file)
	e.findings = w.world.examine(ctx, e)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	w.say(w.summary(e.findings))
	for i, f := range doctor.ToDo(e.findings) {
		title := f.Title
		if f.About != "" {
			title += ", " + f.About
		}
		fmt.Fprintln(w.out)
		w.say(fmt.Sprintf("%3d. %s: %s", i+1, verdictWord(f.Verdict), title))
		w.say("     " + f.Text)
		w.say("     What to do: " + f.Remedy)
		for _, c := range f.Commands {
			fmt.Fprintf(w.out, "       %s\n", c)
		}
	}
	fmt.Fprintf(w.out, "\nAll checks, at any time:\n\n  tillbridge doctor%s\n", w.configArg())
	return nil
}

// summary is what the checks came to, in a line.
func (w *wizard) summary(all []doctor.Finding) string {
	n := func(v doctor.Verdict) int { return doctor.Count(all, v) }
	text := fmt.Sprintf("%s, %s, %d good.", count(n(doctor.Fault), "fault", "faults"), count(n(doctor.Warning), "warning", "warnings"), n(doctor.Good))
	if skipped := n(doctor.NotChecked); skipped > 0 {
		text += " " + upperFirst(were(skipped)) + " not checked."
	}
	return text
}

// tryOut makes a payment against a simulated terminal.
func (w *wizard) tryOut(ctx context.Context) error {
	d, _ := w.driver(w.draft.driver)
	w.heading("A payment to try it")
	if d.Simulate == nil {
		w.say("Left out: there is no simulated terminal for the driver " + d.Name + ".")
		return nil
	}
	amount := smallAmount(w.draft.currency)
	answer, err := w.ask(ctx, question{
		key: "test", usual: "simulator", allowed: "simulator or none",
		text: "Shall the program take a payment of " + amount.String() + " from a simulated terminal? It has a journal of its own; no money moves, and your terminal is not asked. Answer simulator or none.",
		check: func(answer string) (string, error) {
			if answer != "simulator" && answer != "none" {
				return "", fmt.Errorf("%q is neither simulator nor none", head(answer, 40))
			}
			return answer, nil
		},
	})
	if errors.Is(err, errInputEnded) {
		fmt.Fprintln(w.out)
		return nil
	}
	if err != nil || answer == "none" {
		return err
	}
	var told bytes.Buffer
	o := demo.Options{Out: &told, Driver: d, Currency: amount.Currency, Settings: w.simulated(d), Start: starter(w.err, false), Once: &demo.Once{Amount: amount.Decimal()}}
	err = w.world.pay(ctx, o)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if _, end, ok := strings.Cut(told.String(), "\nWhat MGR knows:"); ok {
		for l := range strings.Lines("What MGR knows:" + end) {
			w.say(strings.TrimRight(l, "\n"))
		}
	}
	if err != nil {
		w.say("It failed: " + err.Error() + ".")
		w.failed = true
		return nil
	}
	w.say("The payment came through.")
	return nil
}

// simulated are the options that the simulated terminal has to know.
func (w *wizard) simulated(d terminal.Driver) map[string]string {
	all := maps.Clone(d.Demo)
	for _, o := range w.draft.options {
		if _, is := all[o.key]; is {
			all[o.key] = strings.Trim(o.yaml, `"`)
		}
	}
	return all
}

// smallAmount is one unit of a currency.
func smallAmount(code string) terminal.Amount {
	c, _ := config.Currency(code)
	a := terminal.Amount{Minor: 1, Currency: c}
	for range c.Digits {
		a.Minor *= 10
	}
	return a
}

// tell says what to enter in MGR. A passcode that was made now is shown to a person at the screen, and nowhere else.
func (w *wizard) tell(context.Context) error {
	s := w.now
	w.heading("What to enter in MyGadgetRepairs")
	scheme := "http"
	if s.TLS != nil {
		scheme = "https"
	}
	passcode := "as in " + s.MGR.PasscodeFrom
	if w.fresh != "" {
		passcode = "in the file " + w.draft.passcodeFile
		if w.given == nil && w.world.screen(w.out) {
			passcode = w.fresh
		}
	}
	w.say("In MGR's settings add a custom payment method for the terminal " + w.draft.name + ":")
	fmt.Fprintf(w.out, "\n  Webhook URL  %s://%s/mgr/%s\n  Passcode     %s\n\n", scheme, s.Listen, w.draft.name, passcode)
	if passcode == w.fresh {
		w.say("The passcode is not shown again; it is in " + w.draft.passcodeFile + ".")
	}
	w.say(fmt.Sprintf("The counter screen is %s://%s. The clerk's password is in %s, the owner's in %s beside it, which the bridge makes at its first start.", scheme, s.Counter, s.CounterPasswordFile, filepath.Base(s.OwnerPasswordFile)))
	w.say("\nThen take a payment of " + smallAmount(w.draft.currency).String() + " in MGR with a card of your own, look for it on the counter screen, and void it at the terminal. If it goes on hold, do not take it again: the counter screen says what to do.")
	return nil
}
