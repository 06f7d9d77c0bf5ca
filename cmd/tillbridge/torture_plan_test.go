//go:build unix

package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/standin"
	"tillbridge/drivers/zvt/sim"
	"tillbridge/terminal/simulate"
)

// killDice are the dice of one shop (cycle 0) or of one of its payments. The same three numbers throw the same.
func killDice(seed uint64, shop, cycle int) *rand.Rand {
	return rand.New(rand.NewPCG(seed, uint64(shop)<<20|uint64(cycle)))
}

// pick is one of several.
func pick[T any](d *rand.Rand, of ...T) T { return of[d.IntN(len(of))] }

// chance is true p times in a hundred.
func chance(d *rand.Rand, p int) bool { return d.IntN(100) < p }

// spread is a time between two, each order of magnitude as likely as any other.
func spread(d *rand.Rand, least, most time.Duration) time.Duration {
	return time.Duration(float64(least) * math.Exp(d.Float64()*math.Log(float64(most)/float64(least))))
}

// premises are what is the same for all payments of a shop.
type premises struct {
	think    time.Duration
	terminal sim.Options
	history  bool     // a sale was made at the terminal before the bridge came
	options  []string // of the driver
}

func (p premises) String() string {
	return fmt.Sprintf("history %t, think %s, terminal %+v, driver {%s}", p.history, p.think, p.terminal, strings.Join(p.options, ", "))
}

func planShop(d *rand.Rand) premises {
	give := pick(d, 200, 300, 600) // milliseconds that the terminal waits before it says something again
	p := premises{
		think: time.Duration(d.IntN(20_000)) * time.Microsecond, history: chance(d, 75),
		terminal: sim.Options{
			T2: time.Duration(give) * time.Millisecond, T3: time.Duration(give) * time.Millisecond,
			BootTime: spread(d, 20*time.Millisecond, 200*time.Millisecond), RestoreAfter: spread(d, 20*time.Millisecond, 200*time.Millisecond),
			LongTrace: chance(d, 20), KeepOnLoss: chance(d, 25), NoRepeatReceipt: chance(d, 4), Card: pick(d, "maestro", "visa", "mastercard"),
		},
	}
	if chance(d, 30) {
		p.options = append(p.options, "receipts: register")
	}
	if chance(d, 15) {
		p.options = append(p.options, "close_after_command: true")
	}
	return p
}

// plan is one payment and what is done to it.
type plan struct {
	script  string
	minor   int64
	aims    []aim // where the kills shall fall, one after another
	faults  []standin.Answer
	repeats []time.Duration // when the webhook comes again
	insist  bool            // MGR asks again until it has an answer
	flush   bool            // a kill loses what the terminal has sent and nobody read
	cut     int             // after so many times that something passed, the cable is out for a moment; 0 for never
	word    bool            // the bridge is killed while a person settles the payment
}

func (p plan) String() string {
	var aims []string
	for _, a := range p.aims {
		aims = append(aims, a.String())
	}
	s := fmt.Sprintf("%s of %d minor units, kills at %s", p.script, p.minor, strings.Join(aims, ", then "))
	for _, f := range p.faults {
		s += fmt.Sprintf("; MGR: %+v", f)
	}
	if len(p.repeats) > 0 {
		s += fmt.Sprintf("; webhook again after %v", p.repeats)
	}
	if !p.insist {
		s += "; MGR asks once"
	}
	if p.cut > 0 {
		s += fmt.Sprintf("; the cable is pulled at wire %d", p.cut)
	}
	if p.flush {
		s += "; a kill flushes the line"
	}
	return s
}

// killScripts are what the terminal does with payments. Those that matter most are there more than once.
func killScripts() []string {
	return []string{
		simulate.Approved, simulate.Approved, simulate.Approved, simulate.Approved, simulate.Approved, simulate.Approved,
		simulate.Declined, simulate.Declined, simulate.Cancelled, simulate.Timeout, simulate.WrongPIN,
		simulate.EndOfDayPending, simulate.PrinterOut, simulate.Busy, simulate.RebootBefore, simulate.RebootAfter,
		simulate.LostReply, simulate.LostReply, simulate.LostAck, simulate.LostAck, simulate.KeepOnLoss, simulate.KeepOnLoss, simulate.RepeatStatus,
		simulate.LateFrame, simulate.LateThenDeclined, simulate.Partial, simulate.Tip, simulate.NoAmount, simulate.BadCRCOnce,
		simulate.SplitFrames, simulate.CablePulled, simulate.PowerCut, simulate.PowerCutBefore, simulate.WrongAmount,
		simulate.OtherCurrency, simulate.Referral, simulate.NoStatus, simulate.Contradiction,
	}
}

// patientTerminal is how long a terminal must wait for an answer that sends its messages byte by byte: a message takes
// a fifth of a second then, and one that is repeated before it has arrived gets answers that are taken for those to
// the next.
const patientTerminal = 500 * time.Millisecond

func planPayment(d *rand.Rand, shop premises) plan {
	p := plan{
		script: pick(d, killScripts()...), minor: 100 + d.Int64N(9900),
		insist: chance(d, 85), flush: chance(d, 50), word: chance(d, 50),
	}
	if p.script == simulate.SplitFrames && shop.terminal.T2 < patientTerminal {
		p.script = simulate.Approved
	}
	if breaksOff(p.script) && chance(d, 60) {
		p.aims = []aim{{at: atState, state: pick(d, bridge.Uncertain, bridge.Recovering, bridge.Recovering), delay: slip(d)}}
	} else {
		p.aims = []aim{firstAim(d)}
	}
	if p.script == simulate.KeepOnLoss && chance(d, 50) || chance(d, 12) {
		p.cut = 1 + d.IntN(30)
		if chance(d, 50) {
			p.aims[0] = aim{at: atState, state: pick(d, bridge.Uncertain, bridge.Recovering), delay: slip(d)}
		}
	}
	for len(p.aims) < 3 && chance(d, 60) {
		p.aims = append(p.aims, nextAim(d))
	}
	if chance(d, 20) {
		for range 1 + d.IntN(6)/5 {
			p.faults = append(p.faults, pick(d,
				standin.Answer{Status: http.StatusServiceUnavailable}, standin.Answer{HangUp: true}, standin.Answer{Forget: true},
				standin.Answer{Delay: spread(d, time.Millisecond, 100*time.Millisecond)}))
		}
	}
	if chance(d, 30) {
		for range 1 + d.IntN(3) {
			p.repeats = append(p.repeats, spread(d, 100*time.Microsecond, time.Second))
		}
	}
	return p
}

// breaksOff tells whether a script lets the dialogue break off by itself, so that the bridge asks the terminal while
// it lives.
func breaksOff(script string) bool {
	switch script {
	case simulate.LostReply, simulate.CablePulled, simulate.NoStatus, simulate.Contradiction, simulate.LostAck:
		return true
	}
	return false
}

// slip is the time from a moment to the kill.
func slip(d *rand.Rand) time.Duration {
	if chance(d, 50) {
		return 0
	}
	return spread(d, time.Microsecond, 5*time.Millisecond)
}

// firstAim is at a payment that has just begun.
func firstAim(d *rand.Rand) aim {
	switch n := d.IntN(100); {
	case n < 35:
		return aim{at: atState, delay: slip(d), state: pick(d,
			bridge.Received, bridge.Armed, bridge.Sent, bridge.Seen, bridge.Acknowledged, bridge.Uncertain, bridge.Recovering, bridge.Held)}
	case n < 50:
		return aim{at: pick(d, atCommand, atStated, atVote, atVote), delay: slip(d)}
	case n < 57:
		return aim{at: atFinal, delay: slip(d)}
	case n < 65:
		return aim{at: pick(d, atNotice, atTold), delay: slip(d)}
	case n < 82:
		return aim{at: atWire, nth: 1 + d.IntN(40), delay: slip(d)}
	}
	return aim{at: atPost, delay: spread(d, 10*time.Microsecond, 500*time.Millisecond)}
}

// nextAim is at a bridge that comes back from a kill.
func nextAim(d *rand.Rand) aim {
	switch n := d.IntN(100); {
	case n < 38:
		return aim{at: atState, delay: slip(d), state: pick(d,
			bridge.Uncertain, bridge.Recovering, bridge.Recovering)}
	case n < 45:
		return aim{at: pick(d, atCommand, atStated, atVote), delay: slip(d)}
	case n < 55:
		return aim{at: atFinal, delay: slip(d)}
	case n < 60:
		return aim{at: pick(d, atNotice, atTold), delay: slip(d)}
	case n < 75:
		return aim{at: atWire, nth: 1 + d.IntN(8), delay: slip(d)}
	case n < 90:
		return aim{at: atStart, delay: spread(d, 100*time.Microsecond, 200*time.Millisecond)}
	}
	return aim{at: atReady, delay: spread(d, 10*time.Microsecond, 200*time.Millisecond)}
}
