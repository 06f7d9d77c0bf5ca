package config

import (
	"strings"
	"testing"
)

func TestTimesOfDay(t *testing.T) {
	for text, want := range map[string]string{`"23:30"`: "23:30", "23:30": "23:30", "00:00": "00:00", `"07:05"`: "07:05"} {
		s := parseOK(t, small(), "terminals: {a: {driver: zvt, port: {serial: /dev/ttyUSB0}, currency: EUR, day_end: "+text+"}}")
		if d := s.Terminals[0].DayEnd; d == nil || d.String() != want {
			t.Errorf("day_end: %s is %s", text, d)
		}
	}
	for _, text := range []string{"24:00", "7:05", "23:60", "2330", "noon", "23:30:00", "[1]", `" 23:30"`} {
		if got := parseErr(t, small(), "terminals: {a: {driver: zvt, port: {serial: /dev/ttyUSB0}, currency: EUR, day_end: "+text+"}}"); !strings.Contains(got, "terminals.a.day_end: ") {
			t.Errorf("day_end: %s gives %s", text, got)
		}
	}
	got := parseErr(t, small(), `terminals: {a: {driver: plain, currency: EUR, day_end: "23:30"}}`)
	if !strings.Contains(got, "terminals.a.day_end: the driver plain cannot") {
		t.Errorf("a driver without an end of day: %s", got)
	}
	s := parseOK(t, small(), "terminals: {a: {driver: zvt, port: {serial: /dev/ttyUSB0}, currency: EUR}}")
	if s.Terminals[0].DayEnd != nil {
		t.Errorf("without day_end it is %s", s.Terminals[0].DayEnd)
	}
}

func TestLook(t *testing.T) {
	one := func(text string) string {
		return "terminals: {a: {driver: manual, currency: EUR, look: " + text + "}}"
	}
	if got := parseOK(t, small(), one(`"Press Menu, 3."`)).Terminals[0].Look; got != "Press Menu, 3." {
		t.Errorf("look is %q", got)
	}
	for _, text := range []string{`"a\nb"`, strings.Repeat("x", 501), "[1]"} {
		if got := parseErr(t, small(), one(text)); !strings.Contains(got, "terminals.a.look: ") {
			t.Errorf("look: %.20s gives %s", text, got)
		}
	}
}
