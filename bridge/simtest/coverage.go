package simtest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

const states = int(bridge.Reported) + 1

// Coverage counts what the stories reached: each fault in each state of the payment that it struck, and points that
// must be reached now and then.
type Coverage struct {
	Cells  [states][faultCount]int
	Points map[string]int
}

// NewCoverage makes an empty count.
func NewCoverage() *Coverage { return &Coverage{Points: map[string]int{}} }

func (c *Coverage) hit(s bridge.State, f Fault) { c.Cells[s][f]++ }

func (c *Coverage) point(name string) { c.Points[name]++ }

func (c *Coverage) proof(o terminal.Outcome, p terminal.Proof) {
	c.Points[o.String()+" by "+p.String()]++
}

// Add adds another count to this one.
func (c *Coverage) Add(o *Coverage) {
	for s := range o.Cells {
		for f, n := range o.Cells[s] {
			c.Cells[s][f] += n
		}
	}
	for name, n := range o.Points {
		c.Points[name] += n
	}
}

// table tells the counts, one fault and one point a line.
func (c *Coverage) table() string {
	var b strings.Builder
	for f := DieBefore; f < faultCount; f++ {
		fmt.Fprintf(&b, "%q:", f)
		for s := range c.Cells {
			if n := c.Cells[s][f]; n > 0 {
				fmt.Fprintf(&b, " %s=%d", bridge.State(s), n)
			}
		}
		b.WriteByte('\n')
	}
	for _, name := range slices.Sorted(maps.Keys(c.Points)) {
		fmt.Fprintf(&b, "%q: %d\n", name, c.Points[name])
	}
	return b.String()
}
