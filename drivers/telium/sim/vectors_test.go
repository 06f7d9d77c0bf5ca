package sim

import (
	"strconv"
	"strings"
	"testing"

	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/simulate"
	"tillbridge/terminal/wire"
)

// TestVectors reads every request of the tables and writes every answer of them.
func TestVectors(t *testing.T) {
	requests, answers := 0, 0
	for _, v := range drivertest.Vectors(t, 89, []string{"ecr.tsv", "official.tsv"}, "telium-fr", "telium-uk", "ingenico-gp") {
		switch body := bodyOf(v.Raw); {
		case v.ID == "fr-badlrc" || body == "" || strings.HasPrefix(body, "<"):
		case v.Sent:
			checkRequest(t, v.ID, body)
			requests++
		default:
			checkAnswer(t, v.ID, body)
			answers++
		}
	}
	t.Logf("note: test vectors: the simulated terminal reads %d requests and writes %d answers", requests, answers)
	if requests < 50 || answers < 20 {
		t.Errorf("%d requests and %d answers", requests, answers)
	}
}

// bodyOf is what stands between STX and ETX, or behind a length; empty for a control byte.
func bodyOf(raw []byte) string {
	switch {
	case len(raw) < 4:
		return ""
	case raw[0] == wire.STX:
		return string(raw[1 : len(raw)-2])
	}
	return string(raw[2:])
}

func checkRequest(t *testing.T, id, body string) {
	q, ok := read([]byte(body))
	minor, err := strconv.ParseInt(body[2:10], 10, 64)
	extended := ""
	if _, after, there := strings.Cut(body, "EXT0100000A010B010"); there {
		extended = after
	}
	if !ok || err != nil || q.number != body[:2] || q.minor != minor || q.currency != body[13:16] || q.kind != body[12] || q.report != (body[10] == '1') || q.extended != extended {
		t.Errorf("%s: %q is read as %+v, %t", id, body, q, ok)
	}
}

func checkAnswer(t *testing.T, id, body string) {
	minor, err := strconv.ParseInt(body[3:11], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	report, rest := (*string)(nil), body[12:]
	if len(body) >= 80 {
		text := strings.TrimRight(body[12:67], " ")
		report, rest = &text, body[67:]
	}
	if got := reply(body[:2], body[2], minor, body[11], report, rest[:3], strings.TrimRight(rest[3:], " ")); got != body {
		t.Errorf("%s: written as %q, the table says %q", id, got, body)
	}
}

func TestOptions(t *testing.T) {
	for name, o := range map[string]any{
		"dialect": Options{Dialect: "de"}, "offers": Options{Offers: -1}, "private": Options{Private: "0123456789A"}, "a map": map[string]string{"dialect": "xx"},
	} {
		if _, err := New(terminal.SimulatorOptions{Options: o}); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	s, err := New(terminal.SimulatorOptions{Options: map[string]string{"dialect": "uk"}})
	if err != nil || !strings.Contains(strings.Join(s.Outcomes(), " "), simulate.Referral) {
		t.Errorf("a map with the dialect: %v", err)
	}
}
