package drivertest

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"tillbridge/terminal"
	"tillbridge/terminal/wire"
)

// toyFrames are the lines with a right check value, at whatever byte one begins to read.
func toyFrames(_ bool, stream []byte) (bodies []string) {
	for line := range bytes.SplitAfterSeq(stream, []byte("\n")) {
		for i := range line {
			if words, ok := toyLine(line[i:]); ok {
				bodies = append(bodies, strings.Join(words, " "))
			}
		}
	}
	return bodies
}

// TestNoisyLine plays the toy driver over a noisy line, in each class.
func TestNoisyLine(t *testing.T) {
	for _, class := range []terminal.Evidence{terminal.C1, terminal.C2 | terminal.C4, terminal.C3} {
		t.Run(class.String(), func(t *testing.T) {
			Noise(t, NoiseOptions{Subject: toy(class, "", terminal.Serial), Name: "toy, " + class.String(), Frames: toyFrames})
		})
	}
}

// TestNoiseFindsBugs plants mistakes that noise brings to light.
func TestNoiseFindsBugs(t *testing.T) {
	for bug, says := range map[bug]string{
		"approves garbage": "the ledger", "takes damaged frames": "WRONG", "panics at damage": "panicked", "time-out means declined": "the ledger holds the money",
	} {
		o := NoiseOptions{Subject: toy(terminal.C3, bug, terminal.Serial), Frames: toyFrames}
		found := ""
		for _, rate := range []float64{1e-4, 1e-3} {
			if _, wrong := o.at(t, rate, 600); len(wrong) > 0 {
				found = fmt.Sprintf("rate %g: %s", rate, wrong[0])
				break
			}
		}
		if !strings.Contains(found, says) {
			t.Errorf("%q: want %q: %s", bug, says, found)
		}
	}
}

// Few payments may be held where there is little noise, and none may need more than its dialogue where there is none.
func TestNoiseLimits(t *testing.T) {
	for _, c := range []struct {
		rate float64
		ends noiseEnds
		want int
	}{
		{0, noiseEnds{all: 20, dialogue: 20}, 0},
		{0, noiseEnds{all: 20, dialogue: 19, asked: 1}, 1},
		{0, noiseEnds{all: 20, dialogue: 19, held: 1}, 2},
		{1e-5, noiseEnds{all: 999, held: 1}, 1},
		{1e-5, noiseEnds{all: 1000, held: 1}, 0},
		{1e-4, noiseEnds{all: 20, held: 20}, 0},
	} {
		if got := c.ends.limits(c.rate); len(got) != c.want {
			t.Errorf("%g, %+v: %q", c.rate, c.ends, got)
		}
	}
}

// A frame that nobody sent is seen, and one that was lost is none.
func TestForged(t *testing.T) {
	frame := func(body string) []byte { return toyFrame(body) }
	for name, c := range map[string]struct {
		said, came string
		want       bool
	}{
		"nothing happened": {"A 1", "A 1", false}, "one was lost": {"A 1\nB", "B", false}, "one was made": {"A", "A\nB", true}, "one was changed": {"A 1", "A 2", true},
	} {
		p := &play{line: &meddler{ears: &ears{}}}
		for _, body := range strings.Split(c.said, "\n") {
			p.line.ears.hear(in, 0, frame(body))
		}
		for _, body := range strings.Split(c.came, "\n") {
			p.line.ears.hear(in, 1, frame(body))
		}
		if got := p.forged(toyFrames); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestSTXFrames(t *testing.T) {
	f := wire.STXFormat{Seed: 0x7F, Covers: wire.CoverAll}
	body, all := wire.STXFormat{Covers: wire.CoverBody}, wire.STXFormat{Covers: wire.CoverBodyETX, Accepts: []wire.Covers{wire.CoverAll}}
	frame := func(f wire.STXFormat, s string) string { return string(f.Append(nil, []byte(s))) }
	for stream, want := range map[string][]string{
		"": nil, "\x02": nil, "\x02A\x03": nil,
		"x" + frame(f, "ONE") + "\x06" + frame(f, "TWO"): {"ONE", "TWO"},
		"\x02" + frame(f, "ONE"):                         {"ONE"},
		frame(f, "ONE")[:4] + frame(f, "TWO"):            {"TWO"},
		frame(body, "ONE"):                               nil,
	} {
		if got := STXFrames([]byte(stream), f); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %q, want %q", stream, got, want)
		}
	}
	if got := STXFrames([]byte(frame(body, "A")+frame(wire.STXFormat{Covers: wire.CoverAll}, "B")), body, all); !reflect.DeepEqual(got, []string{"A", "B"}) {
		t.Errorf("%q", got)
	}
}
