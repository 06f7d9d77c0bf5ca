package bridge

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/states.md anew")

// drawing is the picture of the states, drawn from the transition table.
func drawing() string {
	var b strings.Builder
	b.WriteString("# The life of a payment\n\n")
	b.WriteString("Drawn from the transition table in `bridge/step.go`; `go test ./bridge -update` draws it anew. What has no arrow is refused.\n\n")
	b.WriteString("```mermaid\nstateDiagram-v2\n    [*] --> received: accept\n")
	for _, from := range States() {
		for _, to := range States() {
			var by []string
			for _, k := range EventKinds() {
				for _, x := range table[from][k].to {
					if x == to {
						by = append(by, k.String())
					}
				}
			}
			if len(by) > 0 && (from != to || from != Reported) {
				fmt.Fprintf(&b, "    %s --> %s: %s\n", from, to, strings.Join(by, ", "))
			}
		}
	}
	b.WriteString("    reported --> [*]\n```\n\n| state | meaning for the money | events that are legal |\n|---|---|---|\n")
	meaning := map[State]string{
		Received: "none moved; nothing was sent", Armed: "may have moved", Sent: "may have moved", Seen: "may have moved",
		Acknowledged: "may have moved", Uncertain: "may have moved; to be asked", Recovering: "may have moved; being asked",
		Held: "may have moved; a person is needed", Approved: "moved", Declined: "proven: none moved", Expired: "none moved; nothing was sent",
		NotSent: "none moved; nothing was sent", Reported: "as its outcome says; MGR knows",
	}
	for _, s := range States() {
		var legal []string
		for _, k := range EventKinds() {
			if _, ok := table[s][k]; ok {
				legal = append(legal, k.String())
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", s, meaning[s], strings.Join(legal, ", "))
	}
	return b.String()
}

func TestThePictureIsFresh(t *testing.T) {
	path := filepath.Join("..", "docs", "states.md")
	want := drawing()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%s is not what the transition table says (%v); run: go test ./bridge -update", path, err)
	}
}
