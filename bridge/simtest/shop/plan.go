package shop

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"tillbridge/bridge/standin"
	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// dice are the chance of a plan.
type dice struct{ *rand.Rand }

// mix hashes numbers into one.
func mix(numbers ...uint64) uint64 {
	h := uint64(0x9E3779B97F4A7C15)
	for _, n := range numbers {
		h = (h ^ n) * 0xBF58476D1CE4E5B9
		h = (h ^ h>>27) * 0x94D049BB133111EB
		h ^= h >> 31
	}
	return h
}

func (d dice) chance(percent int) bool { return d.IntN(100) < percent }

func (d dice) between(from, to time.Duration) time.Duration {
	return from + time.Duration(d.Int64N(int64(to-from)))
}

// visit is one customer's payment, and what happens around it.
type visit struct {
	uuid, customer string
	minor          int64
	gap            time.Duration // before it
	script         string        // of the terminal; empty for pressing by hand
	press          string        // by hand: what the customer does, empty for nothing
	pause          time.Duration // by hand: before he does it
	crowd          int           // how many equal webhooks come at once
	browser        bool          // the clerk's browser asks, not MGR's server
	text           bool          // the amount is a text
	tries          int           // how often it is asked again where it was not taken
	hangUp         bool          // MGR's connection ends before the answer
	other          bool          // the uuid is asked for with other content
	late           bool          // the webhook comes once more when all is over
	impatient      bool          // the next customer does not wait for the outcome
	helped         bool          // the clerk settles what the terminal is bound to before it is asked again
	patience       time.Duration
}

// act is something that happens a while after a visit to the first terminal has begun.
type act struct {
	visit int
	after time.Duration
	what  string
	arg   time.Duration
	n     int64
}

// place is a terminal of the plan.
type placePlan struct {
	model   model
	link    terminal.LinkKind
	think   time.Duration
	noise   float64 // bit error rate
	before  bool    // a sale was made before the bridge came
	visits  []visit
	trouble []act
}

// plan is everything that will happen in a shop.
type plan struct {
	seed     uint64
	basic    bool
	places   []placePlan
	restarts []act
	clerk    []act
	strange  []act
	sleeps   []act
	faulty   int // of 100 notices
}

// What a plan draws from.
var (
	// plain are outcomes of most payments; the rest come from everything that the simulator knows.
	plain = []string{
		simulate.Approved, simulate.Approved, simulate.Approved, simulate.Approved, simulate.Approved, simulate.Declined, simulate.Cancelled,
	}
	troubles = []string{"cut line", "cut line", "pull cable", "power cut", "manual sale", "end of day"}
	errands  = []string{"now", "payments", "watch", "watch", "cancel", "settle", "settle", "settle", "ask"}
	rests    = []string{aSleep, aSleep, "the clock jumps"}
	oddities = []string{"flood", "flood", "flood at home", "preflight", "foreign page", "foreign host", "nonsense", "nonsense"}
)

// newPlan draws the plan of a seed. The most is how many payments it has.
func newPlan(seed uint64, all []model, most int) plan {
	d := dice{rand.New(rand.NewPCG(seed, 0x5109))}
	p := plan{seed: seed, basic: d.chance(30), faulty: []int{0, 15, 40}[d.IntN(3)]}
	n := min(12+d.IntN(49), most)
	places := 1 + d.IntN(3)
	for i := range places {
		m := all[(seed+4*uint64(i))%uint64(len(all))] // shops of seeds in a row have every one
		p.places = append(p.places, newPlace(d, m, i, n/places+btoi(i < n%places)))
	}
	day := len(p.places[0].visits)
	p.restarts = newRestarts(d, day)
	times := func(menu []string, n int) (acts []act) {
		for range n {
			a := newAct(d, day, menu[d.IntN(len(menu))])
			a.arg = d.between(time.Second, 40*time.Second)
			acts = append(acts, a)
		}
		return sorted(acts)
	}
	if d.chance(2) { // a night with the bridge on: it looks into its outbox every minute, which takes the time of many payments
		v := &p.places[0].visits[d.IntN(day)]
		v.gap = d.between(7*time.Hour, 10*time.Hour)
	}
	p.clerk = times(errands, d.IntN(2+n/2))
	p.strange = times(oddities, d.IntN(6))
	for i := range p.places {
		p.places[i].trouble = times(troubles, d.IntN(2+n/(4*places)))
	}
	p.sleeps = times(rests, d.IntN(2+n/8))
	return p
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// newAct draws when something happens.
func newAct(d dice, day int, what string) act {
	a := act{visit: d.IntN(day), what: what, after: d.between(0, 30*time.Second), n: d.Int64N(1 << 40)}
	if d.chance(50) {
		a.after /= 10
	}
	return a
}

func sorted(acts []act) []act {
	slices.SortStableFunc(acts, func(a, b act) int {
		return cmp.Or(cmp.Compare(a.visit, b.visit), cmp.Compare(a.after, b.after))
	})
	return acts
}

// newRestarts draws when the bridge stops or dies.
func newRestarts(d dice, day int) (acts []act) {
	for range d.IntN(4) {
		a := newAct(d, day, "stop")
		a.arg = d.between(0, 20*time.Second)
		if d.chance(8) { // the PC is off over night
			a.arg = d.between(8*time.Hour, 14*time.Hour)
		}
		switch d.IntN(5) {
		case 0, 1:
			a.what = "die"
		case 2, 3:
			a.what, a.n = atTouch, touches(d, 12)
		}
		acts = append(acts, a)
		if a.what != "stop" && d.chance(40) { // and again in the recovery
			acts = append(acts, act{visit: a.visit, after: a.after, what: atTouch, arg: d.between(0, 5*time.Second), n: touches(d, 6)})
		}
	}
	return sorted(acts)
}

// aSleep is a sleep of the computer, which ends a dialogue; a jump of its clock does not.
const aSleep = "the computer sleeps"

// atTouch is a life of the bridge that dies at its n/2-th touch of the world, before it where n is odd.
const atTouch = "die at touch"

// touches draws a number whose bits are as likely to be few as many.
func touches(d dice, bits int) int64 { return d.Int64N(2 << d.IntN(bits)) }

func newPlace(d dice, m model, i, visits int) placePlan {
	p := placePlan{model: m, think: d.between(10*time.Millisecond, 3*time.Second), before: d.chance(90)}
	p.link = m.links[d.IntN(len(m.links))]
	if p.link == terminal.Serial { // TCP has check sums of its own
		p.noise = []float64{0, 0, 1e-6, 1e-5}[d.IntN(4)]
	}
	minor := int64(100 * (i + 1))
	for n := range visits {
		if n == 0 || !d.chance(10) { // now and then the same sum comes again
			minor = int64(100+100*d.IntN(9000)) + int64(3*n%100)
		}
		p.visits = append(p.visits, newVisit(d, i, n, minor))
	}
	return p
}

func newVisit(d dice, place, n int, minor int64) visit {
	v := visit{
		uuid: fmt.Sprintf("pay-%d-%02d-%x", place+1, n+1, d.Uint32()), customer: fmt.Sprintf("cust-%d", d.IntN(5)), minor: minor,
		gap: d.between(0, 40*time.Second), crowd: 1, browser: d.chance(30), text: d.chance(30), tries: d.IntN(4),
		hangUp: d.chance(4), other: d.chance(10), late: d.chance(10), impatient: d.chance(12), helped: d.chance(70),
		pause: d.between(0, 70*time.Second), patience: d.between(5*time.Second, 2*time.Minute),
	}
	switch r := d.IntN(100); {
	case r < 60:
		v.script = plain[d.IntN(len(plain))]
	case r < 92:
		v.script = "any" // drawn from what the simulator knows
	default:
		v.press = []string{simulate.PressTap, simulate.PressTap, simulate.PressDecline, simulate.PressCancel, ""}[d.IntN(5)]
	}
	switch r := d.IntN(100); {
	case r < 12:
		v.crowd = 2 + d.IntN(4)
	case r < 15:
		v.crowd = 2 + d.IntN(49)
	}
	return v
}

// answer is how MGR takes the n-th notice.
func (p plan) answer(n int) standin.Answer {
	h := mix(p.seed, 0xA5, uint64(n))
	if int(h%100) >= p.faulty {
		return standin.Answer{}
	}
	switch menu := standin.Modes()[1:]; (h >> 8) % 8 {
	case 0:
		return standin.Answer{Status: 429, RetryAfter: time.Duration(1+(h>>16)%60) * time.Second}
	case 1:
		return standin.Answer{Delay: 30 * time.Second} // longer than the notifier waits
	default:
		return menu[(h>>20)%uint64(len(menu))].Answer
	}
}

// String is the plan in words.
func (p plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d, basic auth %v, %d of 100 notices meet a fault\n", p.seed, p.basic, p.faulty)
	for i, pl := range p.places {
		fmt.Fprintf(&b, "terminal t%d: %s over %s, think %s, noise %g, a sale before %v\n", i+1, pl.model.name, pl.link, pl.think, pl.noise, pl.before)
		for _, v := range pl.visits {
			fmt.Fprintf(&b, "  %+v\n", v)
		}
		for _, a := range pl.trouble {
			fmt.Fprintf(&b, "  %s\n", a)
		}
	}
	for _, acts := range [][]act{p.restarts, p.clerk, p.strange} {
		for _, a := range acts {
			fmt.Fprintf(&b, "%s\n", a)
		}
	}
	return b.String()
}

func (a act) String() string {
	return fmt.Sprintf("%s after visit %d began: %s (%s, %d)", a.after, a.visit+1, a.what, a.arg, a.n)
}
