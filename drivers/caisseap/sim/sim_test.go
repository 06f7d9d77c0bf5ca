package sim

import (
	"strings"
	"testing"

	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
)

// TestVectors reads every request of the table, and writes every text of it again from its fields.
func TestVectors(t *testing.T) {
	odd := " fd-af-extended c-cut-inside px-fields "
	requests, texts := 0, 0
	for _, v := range drivertest.Vectors(t, 34, []string{"ecr.tsv"}, "caisse-ap", "telium-v3-serial") {
		if strings.Contains(odd, " "+v.ID+" ") {
			continue
		}
		raw := v.Raw
		if v.Protocol == "telium-v3-serial" {
			raw = raw[1 : len(raw)-2]
		}
		all, whole := read(raw)
		if got := write(all...); got != string(raw) {
			t.Errorf("%s: written again as %q", v.ID, got)
		}
		texts++
		if v.Sent {
			requests++
			if !whole || find(all, "CB") == "" || all[0].tag != "CZ" {
				t.Errorf("%s: not read as a request: %v", v.ID, all)
			}
		}
	}
	t.Logf("note: test vectors: the simulated terminal reads %d texts, %d of them requests, and writes them again", texts, requests)
	if texts < 31 || requests < 9 {
		t.Errorf("%d texts and %d requests", texts, requests)
	}
}

func TestNew(t *testing.T) {
	for name, o := range map[string]terminal.SimulatorOptions{"offers": {Options: Options{Offers: -1}}, "outcome": {Outcome: "dance"}} {
		if _, err := New(o); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if _, err := New(terminal.SimulatorOptions{Options: &Options{Card: "0"}}); err != nil {
		t.Error(err)
	}
}
