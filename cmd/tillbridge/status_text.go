package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"tillbridge/bridge/health"
)

// The columns of the screen that status fits, and of its labels.
const (
	statusColumns = 80
	statusLabel   = 12
)

// text is the status for a screen.
func (s *standing) text() string {
	var b strings.Builder
	b.WriteString(foldAt(statusColumns, "", s.headline()) + "\n")
	if s.told() {
		for _, t := range s.facts.Terminals {
			s.terminal(&b, t)
		}
	}
	row(&b, "Payments", s.payments())
	row(&b, "MGR", s.owed())
	row(&b, "Alarms", s.alarms())
	if s.told() {
		row(&b, "Doors", s.doors())
		for _, e := range s.facts.Exposed {
			row(&b, "", "Reachable from the network without encryption: "+e)
		}
	}
	row(&b, "Journal", s.journal())
	row(&b, "Settings", s.file)
	if s.service != "" {
		row(&b, "Service", s.service)
	}
	if len(s.needs) == 0 {
		b.WriteString("\nAll is well.\n")
		return b.String()
	}
	b.WriteString("\nWhat needs a person\n")
	for i, n := range s.needs {
		fmt.Fprintf(&b, "%3d. %s", i+1, strings.TrimLeft(foldAt(statusColumns, "     ", n.What), " "))
		b.WriteString("     -> " + strings.TrimLeft(foldAt(statusColumns, "        ", n.Do), " "))
	}
	return b.String()
}

// row writes a label and what it stands for.
func row(b *strings.Builder, label, text string) {
	fmt.Fprintf(b, "%-*s", statusLabel, label)
	b.WriteString(strings.TrimLeft(foldAt(statusColumns, strings.Repeat(" ", statusLabel), text), " "))
}

// headline says whether the bridge runs.
func (s *standing) headline() string {
	switch {
	case s.unheld != nil:
		return "It cannot be told whether tillbridge runs."
	case !s.running:
		return "tillbridge does not run. This is what its journal has:"
	case !s.told():
		return fmt.Sprintf("tillbridge runs as process %d, and has not told how it is. This is what its journal has:", s.holder.PID)
	}
	return fmt.Sprintf("tillbridge %s runs as process %d since %s (%s).", s.facts.Version, s.facts.PID, dayTime(s.facts.Started, s.at), lasting(s.at.Sub(s.facts.Started)))
}

// terminal writes a terminal in a few lines.
func (s *standing) terminal(b *strings.Builder, t health.Terminal) {
	state := string(t.State)
	if !t.State.Well() {
		state = strings.ToUpper(state)
	}
	label := head(t.Name, statusLabel-1)
	row(b, label, fmt.Sprintf("%s since %s (%s)", state, dayTime(t.Since, s.at), lasting(s.at.Sub(t.Since))))
	if label != t.Name {
		row(b, "", "terminal "+t.Name)
	}
	driver, _, _ := strings.Cut(t.Driver, " (") // the countries
	row(b, "", driver+" at "+t.Line)
	if t.State != health.Ready {
		row(b, "", t.Text)
	}
	line := "line " + health.LineWords(t.Quality)
	for _, more := range []string{health.AnswerWords(t.Quality), health.ReopenedWords(t.Quality)} {
		if more != "" {
			line += "; " + more
		}
	}
	row(b, "", line)
	if t.LastError != "" && t.State.Well() {
		row(b, "", fmt.Sprintf("last error, %s: %s", dayTime(t.LastErrorAt, s.at), t.LastError))
	}
	b.WriteString("\n")
}

func (s *standing) payments() string {
	switch n := len(s.waits.held); {
	case s.waits.err != nil:
		return "not known"
	case n == 0:
		return "none is unknown"
	case n == 1:
		return "1 IS NOT KNOWN"
	default:
		return fmt.Sprintf("%d ARE NOT KNOWN", n)
	}
}

func (s *standing) owed() string {
	switch {
	case s.waits.err != nil:
		return "not known"
	case s.waits.owed == 0:
		return "has every outcome"
	case s.waits.tried == 0:
		return waits(s.waits.owed) + " and is not tried yet"
	}
	return fmt.Sprintf("%s, tried up to %s", strings.ToUpper(waits(s.waits.owed)), count(s.waits.tried, "time", "times"))
}

func (s *standing) alarms() string {
	switch n := len(s.waits.alarms); {
	case s.waits.err != nil:
		return "not known"
	case n == 0:
		return "none"
	default:
		return strings.ToUpper(stands(n))
	}
}

func (s *standing) doors() string {
	scheme := "http"
	if s.facts.TLS {
		scheme = "https"
	}
	mgr := "CLOSED for MGR"
	if s.facts.Door != "" {
		mgr = fmt.Sprintf("%s://%s for MGR", scheme, s.facts.Door)
	}
	return fmt.Sprintf("%s, %s://%s for the counter screen", mgr, scheme, s.facts.Counter)
}

func (s *standing) journal() string {
	path := s.settings.Journal
	switch {
	case errors.Is(s.waits.err, fs.ErrNotExist):
		return path + ", not there yet"
	case s.waits.err != nil:
		return path + ", which cannot be read"
	}
	return fmt.Sprintf("%s, %s", path, bytesText(s.waits.bytes))
}

func bytesText(n int64) string {
	switch {
	case n < 1<<20:
		return fmt.Sprintf("%d KiB", (n+1023)>>10)
	case n < 1<<30:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}

// dayTime is a time, with its day only where that is not today.
func dayTime(t, now time.Time) string {
	t, now = t.Local(), now.Local()
	switch {
	case t.IsZero():
		return "an unknown time"
	case t.Format(time.DateOnly) == now.Format(time.DateOnly):
		return t.Format("15:04:05")
	}
	return t.Format("2006-01-02 15:04")
}

// lasting is a duration as people say it.
func lasting(d time.Duration) string {
	switch s := max(0, int64(d/time.Second)); {
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 60*60:
		return fmt.Sprintf("%d min", s/60)
	case s < 48*60*60:
		return fmt.Sprintf("%d h %d min", s/3600, s/60%60)
	default:
		return fmt.Sprintf("%d days", s/(24*3600))
	}
}
