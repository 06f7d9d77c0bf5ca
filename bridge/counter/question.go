package counter

import (
	"html/template"
	"net/http"

	"tillbridge/bridge"
	"tillbridge/bridge/counter/language"
	"tillbridge/terminal"
)

// choiceUnsure is the third choice of the form for a terminal without a connection.
const choiceUnsure = "unsure"

// questionView is the page on which the clerk types what a terminal without a connection printed.
type questionView struct {
	Terminal string
	Payment  bridge.Payment
	Question *bridge.Question // nil while the driver has not asked yet
	answerForm
}

// answerForm is what was typed and what is wrong with it. It never holds anything of an earlier answer.
type answerForm struct {
	Choice, AuthCode, TxnRef string

	ChoiceError, CodeError string
}

// questionPage shows the form, or that the next question is about to come. Where the payment is over there is nothing to ask.
func (c *Counter) questionPage(w http.ResponseWriter, r *http.Request, s *session) {
	c.showQuestion(w, r, s, r.URL.Query().Get("terminal"), http.StatusOK, "", answerForm{})
}

func (c *Counter) showQuestion(w http.ResponseWriter, r *http.Request, s *session, name string, status int, problem template.HTML, form answerForm) {
	for _, t := range c.desk.Terminals() {
		if t.Name != name || t.Payment == nil || !t.Payment.State.InFlight() {
			continue
		}
		f := c.frame(r, s, c.language(r).Text("What did the terminal print?"), questionView{Terminal: name, Payment: *t.Payment, Question: t.Question, answerForm: form})
		f.Section, f.Problem, f.Live = "now", problem, "/terminal/question?"+query("terminal", name)
		f.Back = f.Live
		if t.Question == nil { // a page that loads itself would lose what is typed
			f.Refresh = 2
		}
		c.render(w, status, "question", f)
		return
	}
	if problem == "" {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	c.showNow(w, r, s, status, problem)
}

// answer gives the driver what the clerk typed, under the name that they signed in with.
func (c *Counter) answer(w http.ResponseWriter, r *http.Request, s *session) {
	if !c.form(w, r, s) {
		return
	}
	name := r.PostForm.Get("terminal")
	form := answerForm{
		Choice: r.PostForm.Get("choice"), AuthCode: tidy(r.PostForm.Get("auth_code")), TxnRef: tidy(r.PostForm.Get("txn_ref")),
	}
	l := c.language(r)
	if !form.check(l) {
		c.showQuestion(w, r, s, name, http.StatusUnprocessableEntity, l.HTML("Nothing was taken yet: look at the form again."), form)
		return
	}
	a := terminal.Answer{Name: s.name}
	switch form.Choice {
	case choiceCharged:
		a.Outcome, a.AuthCode, a.TxnRef = terminal.Approved, form.AuthCode, form.TxnRef
	case choiceNotCharged:
		a.Outcome = terminal.Declined
	}
	if err := c.desk.Answer(name, r.PostForm.Get("question"), a); err != nil {
		c.showQuestion(w, r, s, name, http.StatusConflict, l.HTML("What you typed was not taken. {why}", "why", said(l, err)), answerForm{})
		return
	}
	c.log.Info("a person said what the terminal printed", "terminal", name, "outcome", a.Outcome.String(), "name", s.name)
	http.Redirect(w, r, "/terminal/question?"+query("terminal", name), http.StatusSeeOther)
}

// check fills in what is wrong; true when nothing is.
func (f *answerForm) check(l *language.Language) bool {
	switch {
	case f.Choice != choiceCharged && f.Choice != choiceNotCharged && f.Choice != choiceUnsure:
		f.ChoiceError = l.Text("Choose one of the three.")
	case f.Choice == choiceCharged && f.AuthCode == "" && f.TxnRef == "":
		f.CodeError = l.Text("Copy the authorisation code or the reference from the printout.")
	case len(f.AuthCode) > maxAuthCode || len(f.TxnRef) > maxTxnRef:
		f.CodeError = l.Text("This is longer than any code on a printout.")
	case f.Choice != choiceCharged && f.AuthCode+f.TxnRef != "":
		f.ChoiceError = l.Text("A code belongs to a payment that was made. Take it away, or choose that the card was charged.")
	}
	return f.ChoiceError+f.CodeError == ""
}
