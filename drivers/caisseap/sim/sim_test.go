package sim

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tillbridge/terminal"
)

// TestVectors reads every request of the table, and writes every text of it again from its fields.
func TestVectors(t *testing.T) {
	dir := os.Getenv("TILLBRIDGE_VECTORS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "vectors")
	}
	table, err := os.ReadFile(filepath.Join(dir, "ecr.tsv"))
	if err != nil {
		t.Skipf("no test vectors in %s: set TILLBRIDGE_VECTORS to their folder", dir)
	}
	odd := " fd-af-extended c-cut-inside px-fields "
	requests, texts := 0, 0
	for line := range strings.Lines(string(table)) {
		c := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if c[0] != "caisse-ap" && c[0] != "telium-v3-serial" || strings.Contains(odd, " "+c[1]+" ") {
			continue
		}
		raw, err := hex.DecodeString(c[5])
		if err != nil {
			t.Fatal(err)
		}
		if c[0] == "telium-v3-serial" {
			raw = raw[1 : len(raw)-2]
		}
		all, whole := read(raw)
		if got := write(all...); got != string(raw) {
			t.Errorf("%s: written again as %q", c[1], got)
		}
		texts++
		if c[4] == "ECR>TPE" {
			requests++
			if !whole || find(all, "CB") == "" || all[0].tag != "CZ" {
				t.Errorf("%s: not read as a request: %v", c[1], all)
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
