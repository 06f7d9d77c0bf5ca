package doctor

import (
	"errors"
	"strings"
	"testing"
	"time"

	"tillbridge/bridge/health"
	"tillbridge/terminal"
)

// toldFaults are what a running bridge tells of its terminals.
func toldFaults() []seeded {
	tell := func(change func(*health.Terminal)) func(*world) {
		return func(w *world) { change(&w.facts.Terminals[0]) }
	}
	return []seeded{
		{
			"told: not reached", tell(func(t *health.Terminal) { t.State, t.Text = health.NotReached, "open /dev/x: it is gone" }), "terminal", Fault,
			"not reached since", "switched on", 0,
		},
		{"told: on hold", tell(func(t *health.Terminal) { t.State, t.Text = health.Held, "A payment is not known." }), "terminal", Fault, "held since", "counter screen", 0},
		{
			"told: another terminal", tell(func(t *health.Terminal) { t.State, t.Text = health.OtherTerminal, "another terminal answers" }), "terminal", Fault,
			"Another terminal answers", "settle that alarm", 0,
		},
		{"told: noise", tell(func(t *health.Terminal) {
			t.Quality = terminal.LineCounts{Messages: 100, BadChecks: 20, RecentTrouble: 20, Recent: 120}
		}), "line", Warning, "20 damaged messages came", "shielded cable", 0},
	}
}

// What the running bridge tells that is no fault is shown, and what it does not tell is not made up.
func TestTold(t *testing.T) {
	for name, c := range map[string]struct {
		set            func(*world)
		terminal, line string // in the texts
		verdict        Verdict
	}{
		"ready": {func(w *world) {
			w.facts.Terminals[0].Quality = terminal.LineCounts{Opened: 3, Messages: 40, BadChecks: 1, Recent: 40, RecentTrouble: 1, Answer: 4 * time.Millisecond, Slowest: 9 * time.Millisecond}
		}, "ready since", "Good, 40 messages came; 1 damaged message came. The terminal answers in 4 ms, at the slowest 9 ms. The line was opened again 2 times.", Good},
		"an error of before": {func(w *world) {
			w.facts.Terminals[0].LastError, w.facts.Terminals[0].LastErrorAt = "the line was lost", w.now
		}, "Its last error, of 2026-06-01", "Clean", Good},
		"paying":          {func(w *world) { w.facts.Terminals[0].State = health.Paying }, "paying since", "Clean", Good},
		"silent":          {func(w *world) { w.facts, w.factsErr = health.Facts{}, errors.New("it sleeps") }, "does not tell how it is (it sleeps)", "No question", NotChecked},
		"another name":    {func(w *world) { w.facts.Terminals[0].Name = "lane" }, "the settings are newer", "No question", NotChecked},
		"nothing said":    {func(w *world) { w.facts.Terminals[0].Quality = terminal.LineCounts{} }, "ready since", "Unused", Good},
		"a card's number": {func(w *world) { w.facts.Terminals[0].LastError = "card 4929123456781234" }, "1234", "Clean", Good},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.set(w)
			found := map[string]Finding{}
			for _, f := range w.examine() {
				found[f.Check] = f
			}
			f, l := found["terminal"], found["line"]
			if f.Verdict != c.verdict || !strings.Contains(f.Text, c.terminal) || !strings.Contains(l.Text, c.line) || l.Verdict > Good {
				t.Errorf("terminal %s: %s\nline %s: %s", f.Verdict, f.Text, l.Verdict, l.Text)
			}
			if strings.Contains(f.Text, "4929123456781234") || w.probed != 0 {
				t.Errorf("asked %d times: %s", w.probed, f.Text)
			}
		})
	}
}
