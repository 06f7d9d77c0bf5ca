package drivertest

import (
	"fmt"
	"strings"
	"testing"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// shows is what can be seen of a script when it was played.
type shows uint8

const (
	booked    shows = 1 << iota // the ledger holds the money
	unbooked                    // it does not
	less                        // it holds less than was asked for
	more                        // it holds more
	otherwise                   // it holds another sum
	abroad                      // it holds another currency
	powerless                   // the terminal was without power
	cableless                   // it was without its cable
)

var showWords = map[shows]string{
	booked: "to book", unbooked: "to book nothing", less: "to book less than asked for", more: "to book more than asked for",
	otherwise: "to book another sum", abroad: "to book in another currency", powerless: "to lose its power", cableless: "to lose its cable",
}

// prove looks for what shows that a listed script was played. A simulator that lists a script and knows nothing of it plays another one.
func (l *link) prove(t *testing.T, p *play) {
	t.Helper()
	script := p.plan.script
	for _, o := range outcomes() {
		for s := booked; o.name == script && s != 0; s <<= 1 {
			if o.shows&s != 0 && !p.showed(s) {
				p.wrong = append(p.wrong, fmt.Sprintf("the simulator lists %q and does not play it: it has %s", script, showWords[s]))
			}
		}
	}
	if !l.have[Line] {
		return // nothing is said, and a person hears of no difference
	}
	for _, plain := range []string{simulate.Approved, simulate.Declined} {
		if script != plain && p.heard() == l.plainly(t, plain) {
			p.wrong = append(p.wrong, fmt.Sprintf("the simulator lists %q and does not play it: all that is said and booked is what it is with %q", script, plain))
		}
	}
}

// plainly is what is heard of a plain script.
func (l *link) plainly(t *testing.T, script string) string {
	t.Helper()
	heard, ok := l.plain[script]
	if !ok {
		sc := undisturbed(script)
		sc.plan.paced, sc.plan.listed = true, true
		heard = perform(t, l.s, l.kind, sc).heard()
		if l.plain == nil {
			l.plain = map[string]string{}
		}
		l.plain[script] = heard
	}
	return heard
}

// showed tells whether the play has shown it.
func (p *play) showed(s shows) bool {
	money := captured(p.ours(p.base))
	var e terminal.Entry
	if len(money) > 0 {
		e = money[0]
	}
	asked := p.pay.req.Amount
	return map[shows]bool{
		booked: len(money) > 0, unbooked: len(money) == 0, less: len(money) > 0 && e.Minor < asked.Minor, more: e.Minor > asked.Minor,
		otherwise: len(money) > 0 && e.Minor != asked.Minor, abroad: len(money) > 0 && e.Currency != asked.Currency.Code,
		powerless: p.dark, cableless: p.bare,
	}[s]
}

// heard is all that the payment's script decides: what the terminal said, in which writes, how long it took, and what was booked. What it
// says once the dialogue is over counts too.
func (p *play) heard() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", p.took)
	for _, said := range p.words {
		fmt.Fprintf(&b, "%x\n", said)
	}
	for _, e := range p.ours(p.base) {
		fmt.Fprintf(&b, "%d %s %t\n", e.Minor, e.Currency, e.Captured)
	}
	return b.String()
}

// behold looks at the terminal until the end.
func (p *play) behold() {
	for {
		changed := p.sim.Changed()
		f := p.sim.Face()
		p.dark, p.bare = p.dark || !f.Powered, p.bare || !f.Cabled
		select {
		case <-changed:
		case <-p.ctx.Done():
			return
		}
	}
}
