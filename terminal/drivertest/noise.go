package drivertest

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
	"tillbridge/terminal/wire"
)

// NoiseOptions is a driver with its simulator at the ends of a serial line whose bits flip.
type NoiseOptions struct {
	Subject
	// Name is the driver's in the figures; empty means Driver.Name.
	Name string
	// Frames are the contents of all frames that can be seen in a stream, at whatever byte one begins to read it, and
	// whose check value is right: of what the till sends, or of what the terminal does. Noise makes one now and then that
	// nobody sent. No reader can tell it, and what it leads to is nobody's fault: such a payment is left out. Required.
	Frames func(sent bool, stream []byte) []string
}

// noiseLasts is how long the bits flip after the dialogue, while the terminal is asked.
const noiseLasts = 10 * time.Minute

// noiseRates are the bit error rates, and how many payments are made at each: by itself, with TILLBRIDGE_BATTERY and with
// TILLBRIDGE_THOROUGH. Under the race detector it is a quarter.
var noiseRates = []struct {
	rate     float64
	payments [3]int
}{{0, [3]int{20, 40, 200}}, {1e-6, [3]int{40, 200, 5000}}, {1e-5, [3]int{100, 600, 20000}}, {1e-4, [3]int{100, 600, 5000}}, {1e-3, [3]int{60, 400, 3000}}}

// Up to the rate calm at most one payment in heldMost may be held.
const (
	calm     = 1e-5
	heldMost = 1000
)

// Noise pays over a serial line at the driver's own speed, byte by byte, whose bits flip in both directions: from the payment's begin
// to ten minutes behind its dialogue, on the line that is open or, every other time, on one that has to be opened anew. Noise
// may cost a payment its end and never makes a wrong one: all that the battery checks holds (see the package's text). Up to
// a rate of 1e-5 at most one payment in a thousand is held, and without noise all end in their dialogue.
func Noise(t *testing.T, o NoiseOptions) {
	t.Helper()
	wrong := o.wrong()
	if o.Frames == nil {
		wrong = append(wrong, "Frames is not given: which frames noise has forged cannot be told")
	}
	if len(wrong) > 0 {
		t.Fatal(strings.Join(wrong, "\n"))
	}
	size := 0
	switch {
	case os.Getenv("TILLBRIDGE_THOROUGH") != "":
		size = 2
	case os.Getenv("TILLBRIDGE_BATTERY") != "":
		size = 1
	}
	var figures []string
	payments := 0
	for _, r := range noiseRates {
		n := r.payments[size]
		if raceDetector {
			n /= 4
		}
		e, wrong := o.at(t, r.rate, n)
		for _, w := range wrong {
			t.Error(w)
		}
		if t.Failed() {
			return
		}
		payments += n
		figures = append(figures, fmt.Sprintf("%g: %s", r.rate, e))
	}
	name := o.Name
	if name == "" {
		name = o.Driver.Name
	}
	t.Logf("note: noisy serial line, %s: %d payments, 0 wrong; at a bit error rate of %s", name, payments, strings.Join(figures, "; "))
}

// ends are how payments over a noisy line ended.
type noiseEnds struct {
	all, dialogue, asked, notSent, held int
	forged                              int // left out
}

func (e noiseEnds) String() string {
	if e.dialogue == e.all {
		return fmt.Sprintf("all %d finished in their dialogue", e.all)
	}
	out := []string{fmt.Sprintf("%d of %d finished in their dialogue", e.dialogue, e.all)}
	for _, x := range []struct {
		n    int
		what string
	}{{e.asked, "by asking afterwards"}, {e.notSent, "never sent"}, {e.held, "held"}, {e.forged, "left out for a forged frame with a right check value"}} {
		if x.n > 0 {
			out = append(out, fmt.Sprintf("%d %s", x.n, x.what))
		}
	}
	return strings.Join(out, ", ")
}

// at makes payments at one rate. It ends with the first one that is wrong.
func (o NoiseOptions) at(t *testing.T, rate float64, payments int) (e noiseEnds, wrong []string) {
	t.Helper()
	scripts, err := o.scripts()
	if err != nil {
		return e, []string{err.Error()}
	}
	for seed := range payments {
		script := scripts[seed%len(scripts)]
		sc := Scenario{
			What: fmt.Sprintf("Bits are inverted at a rate of %g, seed %d, while a payment is made that is %s, and for %s after it.", rate, seed, script, noiseLasts),
			plan: plan{script: script, rate: rate, seed: uint64(seed), paced: true, noise: noiseLasts, redial: seed%8 >= 4},
		}
		switch {
		case rate > calm:
			sc.Held = []Hold{{everyClass, "the terminal's answers are damaged again and again"}}
		case rate > 0:
			sc.Held = broken
		}
		p := perform(t, o.Subject, terminal.Serial, sc)
		e.all++
		switch {
		case p.forged(o.Frames):
			e.forged++
			continue
		case len(p.faults()) > 0:
			return e, []string{p.report()}
		case p.pay.end == held:
			e.held++
		case p.pay.end == notSent:
			e.notSent++
		case p.asked:
			e.asked++
		default:
			e.dialogue++
		}
	}
	return e, e.limits(rate)
}

// limits tells where too few payments ended well.
func (e noiseEnds) limits(rate float64) (wrong []string) {
	if rate <= calm && e.held > e.all/heldMost {
		wrong = append(wrong, fmt.Sprintf("rate %g: %d of %d payments were held, want at most one in %d", rate, e.held, e.all, heldMost))
	}
	if rate == 0 && e.dialogue != e.all {
		wrong = append(wrong, fmt.Sprintf("without noise %d of %d payments finished in their dialogue", e.dialogue, e.all))
	}
	return wrong
}

// scripts are how the payments end, one after the other.
func (o NoiseOptions) scripts() ([]string, error) {
	sim, err := o.simulator(terminal.Serial, simulate.Approved, "")
	if err != nil {
		return nil, err
	}
	all := []string{simulate.Approved, simulate.Approved, simulate.Declined, simulate.WrongPIN}
	if !slices.Contains(sim.Outcomes(), simulate.WrongPIN) {
		all[3] = simulate.Declined
	}
	return all, nil
}

// begins lets the noise begin.
func (p *play) begins() {
	if p.plan.noise == 0 {
		return
	}
	if p.plan.redial {
		p.line.drop()
	}
	p.line.mu.Lock()
	defer p.line.mu.Unlock()
	p.line.quiet = false
}

// ears take down what passes either way, on both sides of the noise.
type ears [2][2][]byte // by way; as it was said, and as it came

// hear takes bytes down, under the meddler's lock.
func (e *ears) hear(w way, side int, b []byte) {
	if e != nil {
		e[w][side] = append(e[w][side], b...)
	}
}

// forged tells whether a frame came that nobody had sent.
func (p *play) forged(frames func(bool, []byte) []string) bool {
	p.line.mu.Lock()
	defer p.line.mu.Unlock()
	for w, heard := range p.line.ears {
		said := map[string]bool{}
		for _, f := range frames(way(w) == out, heard[0]) {
			said[f] = true
		}
		for _, f := range frames(way(w) == out, heard[1]) {
			if !said[f] {
				return true
			}
		}
	}
	return false
}

// STXFrames are the bodies of all frames of terminal/wire.STX in a stream, at whatever byte one begins to read it, whose check byte holds
// in one of the formats. It is written apart from that package's reader.
func STXFrames(stream []byte, formats ...wire.STXFormat) (bodies []string) {
	for i, b := range stream {
		if b != wire.STX {
			continue
		}
		size := bytes.IndexAny(stream[i+1:], string([]byte{wire.STX, wire.ETX}))
		end := i + 1 + size
		if size < 0 || stream[end] != wire.ETX || end+1 == len(stream) {
			continue
		}
		sum := byte(0)
		for _, c := range stream[i+1 : end] {
			sum ^= c
		}
		for _, f := range formats {
			if slices.ContainsFunc(append([]wire.Covers{f.Covers}, f.Accepts...), func(c wire.Covers) bool { return stream[end+1] == sum^f.Seed^constants[c] }) {
				bodies = append(bodies, string(stream[i+1:end]))
				break
			}
		}
	}
	return bodies
}

// constants are what the bytes around a body add to its check byte.
var constants = map[wire.Covers]byte{wire.CoverBody: 0, wire.CoverBodyETX: wire.ETX, wire.CoverSTXBody: wire.STX, wire.CoverAll: wire.STX ^ wire.ETX}
