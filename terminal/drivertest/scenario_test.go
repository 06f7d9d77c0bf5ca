package drivertest

import (
	"slices"
	"strings"
	"testing"

	"tillbridge/terminal"
	"tillbridge/terminal/wire"
)

// TestScenarios checks the table itself, and counts.
func TestScenarios(t *testing.T) {
	all := Scenarios()
	known := map[string]bool{}
	mayHold := map[terminal.Evidence]int{}
	serial, tcp := 0, 0
	for _, s := range all {
		switch {
		case known[s.Name]:
			t.Errorf("%q is there twice", s.Name)
		case s.Name == "" || s.What == "":
			t.Errorf("%q does not say what happens", s.Name)
		case strings.Contains(s.Name, "/"):
			t.Errorf("%q cannot be given to -run", s.Name)
		}
		known[s.Name] = true
		for _, h := range s.Held {
			if h.Why == "" || h.Classes == 0 {
				t.Errorf("%q may be held for no reason", s.Name)
			}
		}
		for _, c := range []terminal.Evidence{terminal.C0, terminal.C1, terminal.C2, terminal.C3} {
			if _, may := s.MayHold(c); may {
				mayHold[c]++
			}
		}
		if s.on(terminal.Serial, true, true) {
			serial++
		}
		if s.on(terminal.TCP, false, false) {
			tcp++
		}
	}
	if len(all) < 200 {
		t.Errorf("%d scenarios, want at least 200", len(all))
	}
	t.Logf("note: %d scenarios, %d over a serial line, %d over TCP without check values; may be held: C0 %d, C1 %d, C2 %d, C3 %d", len(all), serial, tcp,
		mayHold[terminal.C0], mayHold[terminal.C1], mayHold[terminal.C2], mayHold[terminal.C3])
}

// C4 adds nothing to what can be asked.
func TestClass(t *testing.T) {
	for e, want := range map[terminal.Evidence]terminal.Evidence{
		terminal.C0: terminal.C0, terminal.C1: terminal.C1, terminal.C4: terminal.C0, terminal.C2 | terminal.C4: terminal.C2,
		terminal.C1 | terminal.C4: terminal.C1, terminal.C1 | terminal.C2 | terminal.C3: terminal.C3,
	} {
		if got := Class(e); got != want {
			t.Errorf("%s counts as %s, want %s", e, got, want)
		}
	}
}

// A subject that says the wrong things of its driver is refused.
func TestSubjectIsChecked(t *testing.T) {
	whole := toy(terminal.C3, "", terminal.Serial)
	for name, spoil := range map[string]func(*Subject){
		"Money is not given":         func(s *Subject) { s.Money = nil },
		"gives no reason":            func(s *Subject) { s.Lacks["tip"] = "" },
		"no scenario needs that":     func(s *Subject) { s.Lacks["flying"] = "it cannot" },
		"no link is named":           func(s *Subject) { s.Links = nil },
		"no currency is named":       func(s *Subject) { s.Currency = terminal.Currency{} },
		"declares no evidence class": func(s *Subject) { s.Driver.Evidence = 0 },
		"names no speed":             func(s *Subject) { s.Driver.Line.Baud = 0 },
		`LacksOn[tcp]["tip"]`: func(s *Subject) {
			s.LacksOn = map[terminal.LinkKind]map[string]string{terminal.TCP: {"tip": "there is none"}}
		},
	} {
		s := toy(terminal.C3, "", terminal.Serial)
		spoil(&s)
		if !slices.ContainsFunc(s.wrong(), func(w string) bool { return strings.Contains(w, name) }) {
			t.Errorf("%q is not said: %q", name, s.wrong())
		}
	}
	if wrong := whole.wrong(); len(wrong) > 0 {
		t.Errorf("a right subject is refused: %q", wrong)
	}
	for name, spoil := range map[string]func(*Subject){
		"but it is there":           func(s *Subject) { s.Lacks["tip"] = "there is none" },
		"and Lacks gives no reason": func(s *Subject) { delete(s.Lacks, "referral") },
		"knows none of the driver's writes": func(s *Subject) {
			s.Money = func(terminal.LinkKind, []byte) bool { return false }
		},
		"C2 is declared":               func(s *Subject) { s.Driver = toyDriver(terminal.C3, ""); s.Driver.Evidence = terminal.C2 },
		"Subject.Strange is not given": func(s *Subject) { s.Strange = nil },
		"never recorded the result":    func(s *Subject) { s.Driver.Evidence = terminal.C3 | terminal.C4 },
	} {
		s := toy(terminal.C3, "", terminal.Serial)
		spoil(&s)
		l := &link{s: s, kind: terminal.Serial, most: 5, known: map[string]learnt{}}
		if wrong := l.probe(t); !slices.ContainsFunc(wrong, func(w string) bool { return strings.Contains(w, name) }) {
			t.Errorf("%q is not said: %q", name, wrong)
		}
	}
}

// Digits of a card are found however they are written; four of them are not.
func TestCardDigits(t *testing.T) {
	cards := []string{"4111117892351111", "5000000000000009"}
	for text, want := range map[string]bool{
		"":                    false,
		"1111":                false,
		"pan 78923":           true,
		"7892 3":              true,
		"78-92-3":             true,
		"3738393233":          true, // the characters in hex
		"amount 000000001250": false,
		"411111":              true, // the first six of the first card
		"50000":               true,
		"00009":               true,
		"0009":                false,
	} {
		if got := cardDigits(text, cards) != ""; got != want {
			t.Errorf("%q: found %t, want %t", text, got, want)
		}
	}
}

// A Subject.Strange that knows none of the terminal's results leaves nothing to play, which is an error.
func TestStrangeKnowsAResult(t *testing.T) {
	s := toy(terminal.C3, "", terminal.Serial)
	s.Strange = func(terminal.LinkKind, []byte) []byte { return nil }
	where, wrong := caught(t, s, "strange code")
	if where != "strange code approved in" || !strings.Contains(strings.Join(wrong, ""), "Subject.Strange knows no result") {
		t.Errorf("found by %q: %q", where, wrong)
	}
}

// A code is written with the check byte made right, whatever it covers.
func TestRecode(t *testing.T) {
	lrc := func(b []byte) (sum byte) {
		for _, c := range b {
			sum ^= c
		}
		return sum
	}
	const before, after = "\x02R|00|1\x03", "\x02R|Z9|1\x03"
	for from := range 2 { // with STX and without
		got := Recode(append([]byte(before), lrc([]byte(before)[from:])), 3, "Z9")
		if want := append([]byte(after), lrc([]byte(after)[from:])); string(got) != string(want) {
			t.Errorf("% x, want % x", got, want)
		}
	}
}

// The frame that is changed is the first with something to change; what is around it is left out, and damage is no frame.
func TestRecodeDLE(t *testing.T) {
	change := func(content []byte) []byte {
		if string(content[:1]) != "R" {
			return nil
		}
		return append([]byte("Z"), content[1:]...)
	}
	damaged := wire.AppendDLE(nil, []byte("R0"))
	damaged[len(damaged)-1] ^= 1
	said := slices.Concat([]byte{0x06}, wire.AppendDLE(nil, []byte("S1")), damaged, wire.AppendDLE(nil, []byte("R\x102")), wire.AppendDLE(nil, []byte("R3")))
	if got, want := RecodeDLE(said, change), wire.AppendDLE(nil, []byte("Z\x102")); !slices.Equal(got, want) {
		t.Errorf("% x, want % x", got, want)
	}
	if got := RecodeDLE(wire.AppendDLE(nil, []byte("S1")), change); got != nil {
		t.Errorf("% x of a frame with nothing to change", got)
	}
}

// What a scenario is stands in the log of one that passes.
func TestWhatIsTold(t *testing.T) {
	for _, s := range Scenarios() {
		if s.What != strings.Join(strings.Fields(s.What), " ") || strings.Contains(s.What, " ,") || !strings.HasSuffix(s.What, ".") {
			t.Errorf("%q: %q is no sentence", s.Name, s.What)
		}
	}
}
