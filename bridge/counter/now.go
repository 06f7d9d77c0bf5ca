package counter

import (
	"context"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"tillbridge/bridge"
	"tillbridge/bridge/counter/language"
	"tillbridge/bridge/health"
	"tillbridge/terminal"
)

// holdLimit is the most holds that are shown at once; each freezes a terminal, or nearly so.
const holdLimit = 100

// alarmLimit is the most alarms that are shown at once; the others come up as these are cleared.
const alarmLimit = 20

// nowView is the first page.
type nowView struct {
	Holds     []paymentLine
	Alarms    []Alarm
	More      int // alarms that stand and are not among Alarms
	Owed      int
	Terminals []terminalCard
	Unread    string // why holds, alarms or notices may be missing
	Well      bool   // nothing here wants anybody to do anything
}

// paymentLine is a payment in short.
type paymentLine struct {
	bridge.Payment
	ID          int64
	Short, Long string
	Tone        tone
	Why         template.HTML // the reason in the language; empty for none
	What, Link  string        // its kind as a name, and as a link to it says
	Warning     string        // what nobody may do while it is not known
}

// terminalCard is a terminal on the first page.
type terminalCard struct {
	bridge.TerminalStatus
	Word string
	Tone tone
	Run  *paymentLine // the payment in hand
	Do   string       // what to do about a terminal that cannot be reached

	Wire     template.HTML // how well its line works, where that is worth a word
	Noise    string        // what to do about a line that somebody should look at
	Mishap   string        // its last error, where that is not long ago and over
	MishapAt time.Time
}

// alarmView is an alarm on its own page.
type alarmView struct {
	Alarm
	KindWords string
}

// recently is how long an error that is over is shown.
const recently = 12 * time.Hour

// add puts what is known of the line on the card.
func (t *terminalCard) add(l *language.Language, h health.Terminal, now time.Time) {
	if h.State == health.OtherTerminal {
		t.Word, t.Do = l.Text("Other terminal"), l.Text("Look at the alarm above.")
	}
	t.Wire = wireWords(l, h.Quality)
	if h.Quality.Noisy() && h.State.Well() { // else something else comes first
		t.Noise = health.LineRemedy
	}
	if h.LastError != "" && h.State.Well() && now.Sub(h.LastErrorAt) < recently {
		t.Mishap, t.MishapAt = h.LastError, h.LastErrorAt
	}
}

// wireWords tells how well a line works; empty where that is not worth a word.
func wireWords(l *language.Language, c terminal.LineCounts) template.HTML {
	var words []string
	if c.Trouble() > 0 {
		words = append(words, "Line "+health.LineWords(c))
	}
	if w := health.ReopenedWords(c); w != "" {
		words = append(words, "line "+w)
	}
	if w := health.AnswerWords(c); w != "" && len(words) > 0 {
		words = append(words, w)
	}
	if len(words) == 0 {
		return ""
	}
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = string(l.Say(w))
	}
	first, size := utf8.DecodeRuneInString(all[0])
	all[0] = string(unicode.ToUpper(first)) + all[0][size:]
	return template.HTML(strings.Join(all, " · ") + ".")
}

// well tells whether nobody has to do anything.
func (v nowView) well(settingsError string) bool {
	for _, t := range v.Terminals {
		if t.Health != bridge.Ready && t.Health != bridge.Working || t.Noise != "" || t.Question != nil {
			return false
		}
	}
	return len(v.Terminals) > 0 && len(v.Holds) == 0 && len(v.Alarms) == 0 && v.Owed == 0 && v.Unread == "" && settingsError == ""
}

func line(l *language.Language, p bridge.Payment, id int64) paymentLine {
	one := paymentLine{Payment: p, ID: id}
	one.Short, one.Long, one.Tone = stateWords(l, p)
	one.Why = reasonWords(l, p)
	one.What, one.Link, one.Warning = kindName(l, p.Kind), kindLink(l, p.Kind), holdWarning(l, p.Kind)
	return one
}

func (c *Counter) now(w http.ResponseWriter, r *http.Request, s *session) {
	c.showNow(w, r, s, http.StatusOK, "")
}

// look gathers how everything is, in a language. What the book cannot give is said and does not hide the terminals.
func (c *Counter) look(ctx context.Context, l *language.Language) nowView {
	var v nowView
	held, err := c.book.Payments(ctx, Filter{
		States: []bridge.State{bridge.Uncertain, bridge.Recovering, bridge.Held}, Limit: holdLimit,
	})
	for _, row := range held {
		v.Holds = append(v.Holds, line(l, row.Payment, row.ID))
	}
	if err == nil {
		v.Alarms, err = c.book.Alarms(ctx)
	}
	if err == nil {
		v.Owed, err = c.book.Owed(ctx)
	}
	if err != nil {
		c.log.Error("read for the counter screen", "error", err)
		v.Unread = sentence(err)
	}
	lines := map[string]health.Terminal{}
	for _, h := range c.lines() {
		lines[h.Name] = h
	}
	for _, t := range c.desk.Terminals() {
		card := terminalCard{TerminalStatus: t}
		card.Word, card.Tone = healthWord(l, t.Health)
		if t.Health == bridge.Gone {
			card.Do = l.Text("See that it is switched on and plugged in. The bridge takes it again by itself. If it does not, whoever looks after this PC runs: tillbridge doctor")
		}
		card.add(l, lines[t.Name], time.Now())
		if t.Payment != nil {
			run := line(l, *t.Payment, 0)
			card.Run = &run
		}
		v.Terminals = append(v.Terminals, card)
	}
	v.Well = v.well(c.config.SettingsError)
	return v
}

// lines is how each terminal's line works; empty where that is not known.
func (c *Counter) lines() []health.Terminal {
	if c.config.Health == nil {
		return nil
	}
	return c.config.Health()
}

// showNow shows the first page.
func (c *Counter) showNow(w http.ResponseWriter, r *http.Request, s *session, status int, problem template.HTML) {
	l := c.language(r)
	v := c.look(r.Context(), l)
	if more := len(v.Alarms) - alarmLimit; more > 0 {
		v.Alarms, v.More = v.Alarms[:alarmLimit], more
	}
	f := c.frame(r, s, l.Text("Now"), v)
	if n := len(v.Holds); n > 0 {
		f.Title = l.Text("({n} not known) Now", "n", n)
	}
	f.Section, f.Live, f.Refresh, f.Problem = "now", "/", 10, problem
	c.render(w, status, "now", f)
}

func (c *Counter) cancel(w http.ResponseWriter, r *http.Request, s *session) {
	if !c.form(w, r, s) {
		return
	}
	name := r.PostForm.Get("terminal")
	if err := c.desk.Cancel(name); err != nil {
		c.showNow(w, r, s, http.StatusConflict, c.language(r).HTML("It was not cancelled. {why}", "why", said(c.language(r), err)))
		return
	}
	c.log.Info("cancellation asked for at the counter screen", "terminal", name, "name", s.name)
	http.Redirect(w, r, "/?done=cancel", http.StatusSeeOther)
}

// alarmPage shows one alarm and asks whether it may be cleared.
func (c *Counter) alarmPage(w http.ResponseWriter, r *http.Request, s *session) {
	id, _ := strconv.ParseInt(r.URL.Query().Get("id"), 10, 64)
	all, err := c.book.Alarms(r.Context())
	if err != nil {
		c.unreadable(w, r, s, err)
		return
	}
	for _, a := range all {
		if a.ID == id {
			l := c.language(r)
			f := c.frame(r, s, l.Text("Clear an alarm"), alarmView{a, alarmKind(l, a.Kind)})
			f.Section = "now"
			c.render(w, http.StatusOK, "alarm", f)
			return
		}
	}
	c.problem(w, r, s, http.StatusNotFound, c.language(r).HTML("This alarm does not stand any more."))
}

func (c *Counter) clearAlarm(w http.ResponseWriter, r *http.Request, s *session) {
	if !c.form(w, r, s) {
		return
	}
	id, err := strconv.ParseInt(r.PostForm.Get("id"), 10, 64)
	if err == nil {
		err = c.desk.ClearAlarm(r.Context(), id, s.name)
	}
	if err != nil {
		c.showNow(w, r, s, http.StatusConflict, c.language(r).HTML("The alarm was not cleared. {why}", "why", said(c.language(r), err)))
		return
	}
	c.log.Info("alarm cleared at the counter screen", "alarm", id, "name", s.name)
	http.Redirect(w, r, "/?done=cleared", http.StatusSeeOther)
}

// Began is the moment from which the payment's running time counts.
func (l paymentLine) Began() time.Time {
	if l.Armed.IsZero() {
		return l.Received
	}
	return l.Armed
}
