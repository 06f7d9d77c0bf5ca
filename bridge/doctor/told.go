package doctor

import (
	"fmt"
	"time"

	"tillbridge/bridge/health"
)

// told judges a terminal by what the running bridge tells of it.
func (x *exam) told(t health.Terminal) Finding {
	since := t.Since.Local().Format("15:04:05")
	if x.Now().Sub(t.Since) > 20*time.Hour {
		since = t.Since.Local().Format("2006-01-02 15:04")
	}
	text := fmt.Sprintf("The bridge, which holds it, tells: %s since %s. %s", t.State, since, sentence(t.Text))
	if t.State == health.Ready {
		text = fmt.Sprintf("The bridge, which holds it, tells: ready since %s.", since)
	}
	if t.State.Well() {
		if t.LastError != "" {
			text += fmt.Sprintf(" Its last error, of %s: %s", t.LastErrorAt.Local().Format("2006-01-02 15:04:05"), sentence(short(t.LastError, 200)))
		}
		return good("terminal", t.Name, "%s", text)
	}
	f := fault("terminal", t.Name, "%s", text)
	switch t.State {
	case health.Held:
		return f.do("Settle that payment on the counter screen, under Now. The next sale would overwrite what the terminal knows of it, so that it takes none before.")
	case health.OtherTerminal:
		return f.do("Look at the cable and at the port in the settings. If the terminal was exchanged on purpose, settle that alarm on the counter screen; then it is taken.")
	}
	return f.do("See that the terminal is switched on, shows its idle screen, is plugged in or in the network, and has the connection to the till (ECR) switched on. The bridge takes it again by itself.")
}

// kept judges a line by the running bridge's own count.
func kept(t health.Terminal) Finding {
	text := sentence(health.LineWords(t.Quality))
	if words := health.AnswerWords(t.Quality); words != "" {
		text += " The terminal " + words + "."
	}
	if words := health.ReopenedWords(t.Quality); words != "" {
		text += " The line was " + words + "."
	}
	switch {
	case t.Quality.Noisy():
		return warning("line", t.Name, "%s", text).do(health.LineRemedy)
	case t.Quality.Messages == 0:
		return unchecked("line", t.Name, text)
	}
	return good("line", t.Name, "%s", text)
}
