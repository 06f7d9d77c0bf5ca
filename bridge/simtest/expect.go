package simtest

import (
	"fmt"
	"strconv"
	"strings"

	"tillbridge/bridge"
)

// enough is how often something must have been expected before its absence means anything.
const enough = 40

// reached compares a run with what is known to be reachable: a table as Coverage.table tells it, measured in a
// million payments. It returns what should have been reached and was not, and how many of the known cells and
// points were.
func (c *Coverage) reached(table string, payments int) (missing []string, cells, ofCells, points, ofPoints int) {
	expected := func(n int) bool { return n*payments/1_000_000 >= enough }
	for line := range strings.Lines(table) {
		name, rest, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), `"`), `":`)
		if !ok {
			continue
		}
		if n, err := strconv.Atoi(strings.TrimSpace(rest)); err == nil {
			ofPoints++
			switch {
			case c.Points[name] > 0:
				points++
			case expected(n):
				missing = append(missing, "the point "+name)
			}
			continue
		}
		f := faultNamed(name)
		for cell := range strings.FieldsSeq(rest) {
			word, count, _ := strings.Cut(cell, "=")
			s, err := bridge.ParseState(word)
			n, err2 := strconv.Atoi(count)
			if err != nil || err2 != nil || f == None {
				missing = append(missing, fmt.Sprintf("what the table calls %s %s", name, cell))
				continue
			}
			ofCells++
			switch {
			case c.Cells[s][f] > 0:
				cells++
			case expected(n):
				missing = append(missing, fmt.Sprintf("%s while %s", f, s))
			}
		}
	}
	return missing, cells, ofCells, points, ofPoints
}

func faultNamed(word string) Fault {
	for f := range faultCount {
		if f.String() == word {
			return f
		}
	}
	return None
}
