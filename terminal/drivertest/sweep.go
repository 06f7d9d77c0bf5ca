package drivertest

import (
	"fmt"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// kind is a trouble as it is swept over a payment.
type kind struct {
	name    string
	what    string // "… at every place of PART of an approved payment"
	trouble trouble
	lasts   time.Duration
	ways    []way
	phases  []phase // nil is all
	scripts []string
	links   []terminal.LinkKind
	checked bool
	refused bool
	needs   []string
	held    []Hold
	want    end
	every   bool // every place is played, and not a part of them
}

var (
	bothWays = []way{out, in}
	onlyIn   = []way{in}
	bothEnds = []string{simulate.Approved, simulate.Declined}
	one      = []string{simulate.Approved}
	broken   = []Hold{deaf}
)

// kinds are the troubles of the payment's own dialogue.
func kinds() []kind {
	return []kind{
		{name: "cut", what: "the line is lost for two seconds", trouble: cut, lasts: 2 * time.Second, ways: bothWays, scripts: bothEnds, held: broken, every: true},
		{name: "long cut", what: "the line is lost for four minutes", trouble: cut, lasts: 4 * time.Minute, ways: onlyIn, scripts: one, held: broken},
		{name: "hang-up", what: "the terminal's side closes the connection", trouble: hangup, ways: bothWays, scripts: bothEnds, links: tcpOnly, held: broken},
		{name: "mute", what: "nothing passes for twenty seconds and nobody notices", trouble: mute, lasts: 20 * time.Second, ways: bothWays, scripts: bothEnds, held: broken},
		{name: "death", what: "the till dies and starts again", trouble: die, ways: bothWays, scripts: bothEnds, held: broken},
		{name: "stop", what: "the till is stopped, or wakes from a sleep, and starts again", trouble: stop, ways: bothWays, scripts: bothEnds, held: broken},
		{name: "reboot", what: "the terminal loses its power for five seconds", trouble: reboot, lasts: 5 * time.Second, ways: bothWays, scripts: bothEnds, held: broken},
		{name: "pull", what: "the terminal's cable is out for five seconds", trouble: pull, lasts: 5 * time.Second, ways: bothWays, scripts: one, held: broken},
		{name: "cancel", what: "somebody at the till wants the payment given up", trouble: cancel, ways: bothWays, scripts: one, needs: []string{Canceller}, held: broken},
		{name: "flip", what: "a bit of the byte is inverted", trouble: flip, ways: bothWays, scripts: bothEnds, checked: true, held: broken, every: true},
		{name: "spoil", what: "from then on every write that way ends in a damaged byte", trouble: spoil, ways: bothWays, scripts: one, checked: true, held: broken},
		{name: "gap", what: "a pause of 50 ms comes before the byte", trouble: gap, lasts: 50 * time.Millisecond, ways: bothWays, scripts: one, want: approved},
		{name: "stall", what: "a pause of five seconds comes before the byte", trouble: gap, lasts: 5 * time.Second, ways: bothWays, scripts: bothEnds, held: broken},
		{name: "loss", what: "the write does not arrive", trouble: lose, ways: bothWays, scripts: bothEnds, links: serialOnly, held: broken},
		{name: "repetition", what: "the write arrives twice", trouble: twice, lasts: 10 * time.Millisecond, ways: onlyIn, scripts: bothEnds, links: serialOnly, held: broken},
		{name: "slow repetition", what: "the write arrives again after a second", trouble: twice, lasts: time.Second, ways: onlyIn, scripts: one, links: serialOnly, held: broken},
		{name: "delay", what: "the write and all behind it arrive two seconds late", trouble: late, lasts: 2 * time.Second, ways: bothWays, scripts: bothEnds, held: broken},
		{name: "long delay", what: "the write and all behind it arrive twelve seconds late", trouble: late, lasts: 12 * time.Second, ways: bothWays, scripts: one, links: tcpOnly, held: broken},
		{name: "astray", what: "the network holds the write up for twelve seconds, and the connection breaks after one", trouble: astray, lasts: 12 * time.Second, ways: []way{out}, scripts: []string{simulate.Approved, simulate.KeepOnLoss}, links: tcpOnly, held: broken},
		{name: "rubbish", what: "noise arrives before the write", trouble: rubbish, lasts: 20 * time.Millisecond, ways: bothWays, scripts: bothEnds, links: serialOnly, checked: true, held: broken},
		{name: "fragment", what: "half of the write arrives, and 400 ms later all of it", trouble: fragment, lasts: 400 * time.Millisecond, ways: onlyIn, scripts: one, links: serialOnly, checked: true, held: broken},
		{name: "glued", what: "what is written within half a second arrives together", trouble: gather, lasts: 500 * time.Millisecond, ways: bothWays, phases: []phase{whole}, scripts: bothEnds, want: approved},
		{name: "byte by byte", what: "every byte is read by itself", trouble: singly, ways: bothWays, phases: []phase{whole}, scripts: bothEnds, want: approved},
		{name: "late NAK", what: "the terminal says NAK behind it, which is of no command any more", trouble: refuse, lasts: 10 * time.Millisecond, ways: onlyIn, phases: []phase{dialogue, ending}, scripts: one, refused: true, held: broken},
		{name: "strange code", what: "every result has a code that nobody knows", trouble: strange, lasts: 10 * time.Minute, ways: onlyIn, phases: []phase{whole}, scripts: bothEnds, needs: []string{StrangeCode}, held: broken},
		{name: "stale dialogue", what: "all that the terminal said in the payment before lies unread on the line", trouble: staleAll, ways: onlyIn, phases: []phase{whole}, scripts: bothEnds},
		{name: "stale answer", what: "what the terminal said last in the payment before lies unread on the line", trouble: staleLast, ways: onlyIn, phases: []phase{whole}, scripts: bothEnds},
	}
}

var phaseWords = map[phase]string{
	before: "before the command", command: "in the command", dialogue: "in the dialogue", ending: "in the ending", whole: "",
}

// sweeps are the kinds over every part of the payment, either way.
func sweeps() (all []Scenario) {
	for _, k := range kinds() {
		for _, script := range k.scripts {
			for _, w := range k.ways {
				for _, ph := range k.parts(w) {
					all = append(all, k.scenario(script, w, ph))
				}
			}
		}
	}
	return all
}

// parts are the phases that a kind has in a direction. The command has no bytes that come in.
func (k kind) parts(w way) []phase {
	switch {
	case k.phases != nil:
		return k.phases
	case w == out:
		return []phase{before, command, dialogue, ending}
	}
	return []phase{before, dialogue, ending}
}

func (k kind) scenario(script string, w way, ph phase) Scenario {
	want := k.want
	if want == approved && script == simulate.Declined {
		want = declined
	}
	needs := append([]string{Line}, k.needs...)
	if script == simulate.KeepOnLoss { // not every simulator has it
		needs = append(needs, script)
	}
	where := "of what the till says"
	if w == in {
		where = "of what the terminal says"
	}
	unit := "at every write"
	switch {
	case k.trouble.atByte():
		unit = "at every byte"
	case k.trouble.everywhere():
		unit = "in all"
	}
	if ph != whole {
		where += " " + phaseWords[ph]
	}
	return Scenario{
		Name:  fmt.Sprintf("%s %s %s %s", k.name, script, w, phaseWords[ph]),
		What:  fmt.Sprintf("%s: %s %s, in a payment that is %s.", k.what, unit, where, script),
		Needs: needs, Links: k.links, Checked: k.checked, Refused: k.refused, Held: k.held,
		plan: plan{
			script: script, sweep: paying, phase: ph, want: want, paced: k.trouble == singly, every: k.every,
			unvoted: script == simulate.KeepOnLoss || k.trouble == strange,
			fault:   fault{kind: k.trouble, way: w, for_: k.lasts},
		},
	}
}

// openings are troubles while the session is opened: the payment goes on when they are over.
func openings() (all []Scenario) {
	for _, k := range []kind{
		{name: "cut", trouble: cut, lasts: 2 * time.Second, what: "the line is lost for two seconds"},
		{name: "hang-up", trouble: hangup, what: "the terminal's side closes the connection", links: tcpOnly},
		{name: "mute", trouble: mute, lasts: 10 * time.Second, what: "nothing passes for ten seconds", held: broken},
		{name: "flip", trouble: flip, what: "a bit is inverted", checked: true},
		{name: "loss", trouble: lose, what: "the write does not arrive", links: serialOnly},
		{name: "reboot", trouble: reboot, lasts: 5 * time.Second, what: "the terminal loses its power for five seconds"},
		{name: "rubbish", trouble: rubbish, what: "noise arrives before the write", links: serialOnly, checked: true},
		{name: "gap", trouble: gap, lasts: 50 * time.Millisecond, what: "a pause of 50 ms comes before the byte"},
	} {
		for _, w := range bothWays {
			all = append(all, Scenario{
				Name: fmt.Sprintf("opening %s %s", k.name, w), What: "While the session is opened, " + k.what + ".",
				Needs: []string{Line}, Links: k.links, Checked: k.checked, Held: k.held,
				plan: plan{script: simulate.Approved, sweep: opening, phase: whole, fault: fault{kind: k.trouble, way: w, for_: k.lasts}},
			})
		}
	}
	return all
}

// recoveries are troubles while the terminal is asked what became of a payment.
func recoveries() (all []Scenario) {
	for _, at := range []place{afterCommand, atTheEnd} {
		for _, k := range []kind{
			{name: "cut", trouble: cut, lasts: 2 * time.Second, what: "the line is lost for two seconds", scripts: bothEnds},
			{name: "hang-up", trouble: hangup, what: "the terminal's side closes the connection", links: tcpOnly},
			{name: "mute", trouble: mute, lasts: 10 * time.Second, what: "nothing passes for ten seconds"},
			{name: "death", trouble: die, what: "the till dies and starts again", scripts: bothEnds},
			{name: "stop", trouble: stop, what: "the till is stopped and starts again"},
			{name: "reboot", trouble: reboot, lasts: 5 * time.Second, what: "the terminal loses its power for five seconds"},
			{name: "flip", trouble: flip, what: "a bit is inverted", checked: true},
			{name: "loss", trouble: lose, what: "the write does not arrive", links: serialOnly},
			{name: "strange code", trouble: strange, lasts: 30 * time.Second, what: "for half a minute every answer has a code that nobody knows", ways: onlyIn, needs: []string{StrangeCode}, held: []Hold{unreadable}},
		} {
			if k.ways == nil {
				k.ways = bothWays
			}
			if k.scripts == nil {
				k.scripts = one
			}
			for _, script := range k.scripts {
				for _, w := range k.ways {
					all = append(all, k.recovery(script, w, at))
				}
			}
		}
	}
	return all
}

var breakWords = map[place]string{afterCommand: "after its command", atTheEnd: "at its last byte"}

func (k kind) recovery(script string, w way, at place) Scenario {
	return Scenario{
		Name:  fmt.Sprintf("recovery %s %s %s %s", k.name, script, w, breakWords[at]),
		What:  fmt.Sprintf("A payment that is %s breaks %s; while the terminal is asked, %s.", script, breakWords[at], k.what),
		Needs: append([]string{Line}, k.needs...), Links: k.links, Checked: k.checked, Held: append(k.held, broken...),
		plan: plan{script: script, broken: at, sweep: asking, phase: whole, fault: fault{kind: k.trouble, way: w, for_: k.lasts}},
	}
}
