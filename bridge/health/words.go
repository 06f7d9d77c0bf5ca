package health

import (
	"fmt"
	"strings"
	"time"

	"tillbridge/terminal"
)

// LineRemedy is what to do about a line that is noisy.
const LineRemedy = "Payments stay right, and get slow. Take another, shorter, shielded cable, keep it away from mains cables, " +
	"leave USB hubs out, and compare speed and parity with the terminal's own menu."

// LineWords tells how well a line works, in one sentence without its full stop.
func LineWords(c terminal.LineCounts) string {
	if c.Messages == 0 && c.Trouble() == 0 {
		return "unused, nothing has come yet"
	}
	var words []string
	for _, w := range []struct {
		n         int64
		one, many string
	}{
		{c.BadChecks, "damaged message came", "damaged messages came"},
		{c.Refused, "was refused as damaged", "were refused as damaged"},
		{c.SentAgain, "was sent again", "were sent again"},
		{c.CameAgain, "came again", "came again"},
	} {
		if w.n > 0 {
			words = append(words, number(w.n, w.one, w.many))
		}
	}
	of := number(c.Messages, "message", "messages")
	switch {
	case len(words) == 0:
		return "clean, " + of + " came"
	case c.Noisy():
		return fmt.Sprintf("noisy: %d of the last %d messages were in trouble. %s came in all; %s", c.RecentTrouble, c.Recent, of, strings.Join(words, ", "))
	}
	return "good, " + of + " came; " + strings.Join(words, ", ")
}

// AnswerWords tells how fast the terminal answers; empty where it was not measured.
func AnswerWords(c terminal.LineCounts) string {
	if c.Slowest == 0 {
		return ""
	}
	return fmt.Sprintf("answers in %s, at the slowest %s", short(c.Answer), short(c.Slowest))
}

// ReopenedWords tells how often a line was opened after the first time; empty for never.
func ReopenedWords(c terminal.LineCounts) string {
	if c.Opened < 2 {
		return ""
	}
	return "opened again " + number(c.Opened-1, "time", "times")
}

// short is a time of an answer with two digits or so.
func short(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return "under 1 ms"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

func number(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
