package drivertest

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// link is a driver on one of its links, with what was learnt there.
type link struct {
	s      Subject
	kind   terminal.LinkKind
	most   int // positions of one scenario
	have   map[string]bool
	known  map[string]learnt // by what was played
	plays  int
	empty  int      // sweeps of parts that the dialogue does not have
	never  []string // scenarios whose fault found no place
	stride bool     // some positions were left out
	played int
	out    map[string]int    // scenarios that were left out, by reason
	held   map[string]int    // plays that ended held, by scenario
	plain  map[string]string // what is heard of the plain scripts, by script
}

// positions is how many places of a sweep are played: few by themselves, since every driver has some hundred sweeps.
func (s Subject) positions() int {
	switch {
	case os.Getenv("TILLBRIDGE_THOROUGH") != "":
		return 1 << 20
	case os.Getenv("TILLBRIDGE_BATTERY") == "" || testing.Short() || raceDetector:
		return cmp.Or(s.Sample, 3)
	}
	return 25
}

func runLink(t *testing.T, s Subject, k terminal.LinkKind) {
	l := &link{s: s, kind: k, most: s.positions(), known: map[string]learnt{}, out: map[string]int{}, held: map[string]int{}}
	if wrong := l.probe(t); len(wrong) > 0 {
		t.Fatalf("the undisturbed payment:\n%s", strings.Join(wrong, "\n"))
	}
	began := time.Now()
	for _, sc := range Scenarios() {
		if !sc.on(k, s.checked(k), len(s.refusal(k)) > 0) {
			continue
		}
		t.Run(sc.Name, func(t *testing.T) {
			t.Log(sc.What)
			if why := l.lacking(sc); why != "" {
				l.out[why]++
				t.Skip(why)
			}
			l.played++
			for _, failure := range l.play(t, sc) {
				t.Error(failure)
			}
		})
	}
	l.note(t, time.Since(began))
}

// note says what was played.
func (l *link) note(t *testing.T, took time.Duration) {
	t.Helper()
	class := Class(l.s.Driver.Evidence)
	t.Logf("note: %s over %s, %s: %d scenarios, %d payments, %s", l.s.Driver.Name, l.kind, l.s.Driver.Evidence, l.played, l.plays, took.Round(10*time.Millisecond))
	if l.stride {
		t.Logf("note: at most %d positions of each sweep were played; TILLBRIDGE_BATTERY=1 plays more, TILLBRIDGE_THOROUGH=1 all", l.most)
	}
	if l.empty > 0 {
		t.Logf("note: %d sweeps are of a part in which no byte passes that way", l.empty)
	}
	if len(l.never) > 0 {
		t.Logf("note: the fault of these never found its place: %s", strings.Join(l.never, "; "))
	}
	for _, why := range slices.Sorted(maps.Keys(l.out)) {
		t.Logf("note: %d scenarios left out: %s", l.out[why], why)
	}
	for _, name := range slices.Sorted(maps.Keys(l.held)) {
		t.Logf("note: held in %d plays of %q, as %s allows", l.held[name], name, class)
	}
}

// probe plays the undisturbed payments, and finds out what driver and simulator can do.
func (l *link) probe(t *testing.T) (wrong []string) {
	t.Helper()
	sim, err := l.s.simulator(l.kind, "approved", "")
	if err != nil {
		return []string{err.Error()}
	}
	abilities := map[string]bool{}
	for _, script := range []string{"approved", "declined"} {
		p := perform(t, l.s, l.kind, undisturbed(script))
		if len(p.faults()) > 0 {
			return append(wrong, p.report())
		}
		l.known[script] = p.learn
		abilities[Line] = abilities[Line] || p.learn.paying.bytes != [2]int{}
		if !p.learn.paying.sent && abilities[Line] {
			wrong = append(wrong, "Subject.Money knows none of the driver's writes in a payment that ended "+p.pay.end.String()+":\n"+p.story.String())
		}
		abilities[Recorded] = abilities[Recorded] || p.learn.paying.recorded
		for ability, has := range p.learn.abilities {
			abilities[ability] = abilities[ability] || has
		}
	}
	l.have = l.s.has(abilities, sim)
	wrong = append(wrong, l.s.unexplained(l.have)...)
	e := l.s.Driver.Evidence
	if e.Has(terminal.C2) && !l.have[marker] {
		wrong = append(wrong, "C2 is declared, and no mark is known after a sale")
	}
	if e.Has(terminal.C4) && !l.have[Recorded] {
		wrong = append(wrong, "C4 is declared, and Pay does not call Till.Seen")
	}
	return wrong
}

// lacking is why a scenario is left out; empty where it is not.
func (l *link) lacking(sc Scenario) string {
	for _, n := range sc.Needs {
		if why, lacks := l.s.LacksOn[l.kind][n]; lacks {
			return fmt.Sprintf("%s: %s", n, why)
		}
		if !l.have[n] {
			return fmt.Sprintf("%s: %s", n, l.s.Lacks[n])
		}
	}
	return ""
}

// play plays a scenario at all of its places and returns its first failures.
func (l *link) play(t *testing.T, sc Scenario) (failures []string) {
	t.Helper()
	const most = 2
	places, happened := l.places(t, sc), false
	defer func() {
		switch missed := sc.plan.sweep != idle && len(places) > 0 && !happened; {
		case missed && sc.plan.fault.kind == strange && sc.plan.sweep == paying && sc.plan.script == simulate.Approved:
			failures = append(failures, "Subject.Strange knows no result in a payment that is approved")
		case missed:
			l.never = append(l.never, sc.Name)
		}
	}()
	for _, one := range places {
		p := perform(t, l.s, l.kind, one)
		if sc.plan.listed {
			l.prove(t, p)
		}
		l.plays++
		happened = happened || p.line.happened()
		if p.pay != nil && p.pay.end == held {
			l.held[sc.Name]++
		}
		if len(p.faults()) > 0 {
			if failures = append(failures, p.report()); len(failures) == most {
				break
			}
		}
	}
	return failures
}

// places are the scenario at each of its positions.
func (l *link) places(t *testing.T, sc Scenario) (all []Scenario) {
	t.Helper()
	if sc.plan.broken != nowhere {
		sc.plan.learnt = l.learn(t, sc.plan.script).paying
	}
	var traffic traffic
	switch sc.plan.sweep {
	case idle:
		if sc.plan.rate == 0 {
			return []Scenario{sc}
		}
		for seed := range l.seeds() {
			sc.plan.seed = uint64(seed)
			all = append(all, sc)
		}
		return all
	case opening:
		traffic = l.learn(t, sc.plan.script).opening
	case paying:
		traffic = l.learn(t, sc.plan.script).paying
	case asking:
		traffic = l.asked(t, sc)
	}
	at := traffic.places(sc.plan.fault.kind, sc.plan.fault.way, sc.plan.phase)
	if len(at) == 0 {
		l.empty++
	}
	if !sc.plan.every || l.most < 10 {
		at = l.spread(at)
	}
	for _, n := range at {
		sc.plan.fault.at, sc.plan.fault.says = n, l.s.refusal(l.kind)
		all = append(all, sc)
	}
	return all
}

// learn is what an undisturbed payment of a script tells.
func (l *link) learn(t *testing.T, script string) learnt {
	t.Helper()
	known, ok := l.known[script]
	if !ok {
		sc := undisturbed(script)
		if sc.plan.want = open; script == "" { // which waits for a customer
			sc.plan.hands = []press{{3 * time.Second, simulate.PressTap}}
		}
		known = perform(t, l.s, l.kind, sc).learn
		l.known[script] = known
	}
	return known
}

// asked is the traffic of an undisturbed recovery after the scenario's break.
func (l *link) asked(t *testing.T, sc Scenario) traffic {
	t.Helper()
	name := fmt.Sprintf("%s broken at %d", sc.plan.script, sc.plan.broken)
	known, ok := l.known[name]
	if !ok {
		calm := sc
		calm.plan.sweep, calm.plan.fault = idle, fault{}
		known = perform(t, l.s, l.kind, calm).learn
		l.known[name] = known
	}
	return known.asking
}

// spread leaves places out, evenly, where there are too many; the first and the last stay, or the one in the middle.
func (l *link) spread(at []int) []int {
	if len(at) <= l.most {
		return at
	}
	l.stride = true
	if l.most == 1 {
		return at[len(at)/2 : len(at)/2+1]
	}
	some := make([]int, 0, l.most)
	for i := range l.most {
		some = append(some, at[i*(len(at)-1)/(l.most-1)])
	}
	return some
}

// seeds is how many noisy lines are played at each rate.
func (l *link) seeds() int {
	switch {
	case l.most > 1000:
		return 500
	case l.most < 10:
		return 2
	}
	return 20
}
