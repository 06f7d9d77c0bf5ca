package simtest

import (
	"fmt"
	"log/slog"
	"sort"
	"strconv"
	"strings"
	"time"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

func itoa(n int) string { return strconv.Itoa(n) }

// chances strikes operations by chance, until the world is calm.
type chances struct{ perMille int }

func (c chances) choose(w *World, op Op, _ int) Fault {
	if w.calm || c.perMille == 0 {
		return None
	}
	h := mix(w.seed, uint64(op), uint64(time.Now().UnixNano()), w.counts[op])
	if int(h%1000) >= c.perMille {
		return None
	}
	menu := menus[op]
	f := menu[(h>>20)%uint64(len(menu))]
	if lethal(f) && (h>>40)%4 != 0 {
		f = menu[(h>>30)%uint64(len(menu))]
	}
	return f
}

// newStory makes the story of a seed.
func newStory(seed uint64, cells *Coverage) *story {
	d := &dice{seed: mix(seed)}
	class := classes[seed%uint64(len(classes))]
	c := chances{perMille: []int{0, 10, 30, 60, 100, 160}[d.below(6)]}
	s := &story{World: newWorld(mix(seed, 1), class, c, cells), dice: d, log: slog.New(slog.DiscardHandler), away: d.between(time.Second, 20*time.Second)}
	if seed%8 == 0 { // reading the log costs a third of the speed
		s.log = slog.New(logbook{s.World})
	}
	s.chance = c.perMille > 0
	t := s.terminal
	t.think = d.between(time.Second, 8*time.Second)
	odd := mix(seed, 2)
	t.decide = func(n int) Decision {
		switch mix(odd, uint64(n)) % 16 {
		case 0, 1, 2:
			return Decline
		case 3:
			return Short
		case 4:
			return Tipped
		case 5:
			return Walkout
		case 6:
			return OddMoney
		}
		return Approve
	}
	s.write()
	sort.SliceStable(s.script, func(i, j int) bool { return s.script[i].at < s.script[j].at })
	return s
}

// write makes the script: payments, and what else happens.
func (s *story) write() {
	d := s.dice
	at := d.between(time.Second, 3*time.Second)
	n := 1 + d.below(4)
	amounts := []int64{1250, 1250, 999, 1, int64(1 + d.below(99999))}
	for range n {
		s.add(amounts[d.below(len(amounts))])
	}
	busy := d.below(8) // how much else happens
	back := d.chance(30)
	s.slow = back && s.class.Has(terminal.C2)
	sales := s.pays
	for _, p := range sales {
		s.at(at, None, p, 0)
		again := at
		for range 3 { // the clerk tries again where MGR says that it was not taken
			again += d.between(5*time.Second, 40*time.Second)
			s.at(again, Repeated, p, 0)
		}
		for range busy {
			if a, ok := s.other(p, at, back); ok {
				s.script = append(s.script, a)
			}
		}
		at += d.between(2*time.Second, 90*time.Second)
	}
	s.writeReturns(sales)
	s.writeClosings()
}

// others are what happens beside a payment.
var others = []Fault{
	DieBefore, ManualSale, ManualBusy, DayEnd, Unplug, PowerCut, CleanRestart, ClockForward, ClockBack, Suspended, MGRAway, DiskBroken,
	Forgets, Conflicting, AtOnce, Cancelled, AskedAgain, Settled, Settled, Settled, SettledWrong,
}

// other is something that happens about the time of a payment. Where the clock is set back no sale is made by hand
// at a terminal that tells its last transaction only: a clock that is slow makes such a sale look like ours.
func (s *story) other(p *pay, at time.Duration, back bool) (act, bool) {
	d := s.dice
	a := act{at: at + d.between(-2*time.Second, 30*time.Second), what: others[d.below(len(others))], pay: p}
	switch a.what {
	case ManualSale, ManualBusy:
		if s.slow {
			return a, false
		}
		a.arg = d.between(time.Second, 20*time.Second)
	case Unplug, PowerCut, MGRAway, DiskBroken, CleanRestart:
		a.arg = d.between(time.Second, 40*time.Second)
	case ClockForward, Suspended:
		a.arg = []time.Duration{3 * time.Second, 2 * time.Minute, 26 * time.Hour}[d.below(3)]
	case ClockBack:
		if !back {
			return a, false
		}
		a.arg = []time.Duration{3 * time.Second, 2 * time.Minute, 26 * time.Hour}[d.below(3)]
	case Forgets, AskedAgain:
		a.at += 20 * time.Second
	case Settled, SettledWrong:
		a.at += d.between(0, 40*time.Second)
	}
	return a, true
}

// planned tells the script, before anything has happened.
func (s *story) planned() string {
	var b strings.Builder
	fmt.Fprintf(&b, "a terminal of class %s; %d of 1000 operations are struck; a dead bridge stays away for %s; the customer takes %s\n",
		s.class, s.chooser.(chances).perMille, s.away, s.terminal.think)
	for i, p := range s.pays {
		fmt.Fprintf(&b, "%s: %s of %s; the customer of number %d: %s\n", p.order.UUID, p.order.Kind, p.order.Amount, i+1, s.terminal.decide(i))
	}
	for _, a := range s.script {
		what := a.what.String()
		if a.what == None {
			what = "MGR asks"
		}
		fmt.Fprintf(&b, "%12.3f s  %s (%s)", a.at.Seconds(), what, a.pay.order.UUID)
		if a.arg != 0 {
			fmt.Fprintf(&b, ", %s", a.arg)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// state is a payment's state in the journal, for tests.
func (w *World) state(uuid string) bridge.State { return w.disk.payments[uuid].State }
