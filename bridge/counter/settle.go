package counter

import (
	"html/template"
	"net/http"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/counter/language"
	"tillbridge/terminal"
)

// The two choices as the forms send them.
const (
	choiceCharged    = "charged"
	choiceNotCharged = "not-charged"
)

// settleForm is what was typed, and what is wrong with it.
type settleForm struct {
	Choice, Name, Evidence, AuthCode, TxnRef string

	ChoiceError, NameError, EvidenceError, CodeError string
	Error                                            template.HTML // about the whole
}

// settlement is a person's word on a payment that waits for its confirmation.
type settlement struct {
	approved bool
	who      bridge.Person
	correct  bool // it puts right what a person had settled
	entries  int  // how much had happened to the payment when it was shown
}

// correctable tells whether a payment was settled by a person, whose word can be put right.
func correctable(p bridge.Payment) bool { return p.Final() && p.Proof == terminal.Person }

func (p *settlement) form() settleForm {
	f := settleForm{
		Choice: choiceNotCharged, Name: p.who.Name, Evidence: p.who.Evidence, AuthCode: p.who.AuthCode, TxnRef: p.who.TxnRef,
	}
	if p.approved {
		f.Choice = choiceCharged
	}
	return f
}

// confirmView is what the clerk is asked to confirm.
type confirmView struct {
	paymentLine
	confirmWords
	Token    string
	Approved bool
	Who      bridge.Person
}

// settle checks a settlement and shows it once more in words. Nothing is settled yet.
func (c *Counter) settle(w http.ResponseWriter, r *http.Request, s *session) {
	if !c.form(w, r, s) {
		return
	}
	uuid := r.PostForm.Get("uuid")
	f := settleForm{
		Choice:   r.PostForm.Get("choice"),
		Name:     tidy(r.PostForm.Get("name")),
		Evidence: tidy(r.PostForm.Get("evidence")),
		AuthCode: tidy(r.PostForm.Get("auth_code")),
		TxnRef:   tidy(r.PostForm.Get("txn_ref")),
	}
	p, ok, err := c.book.Payment(r.Context(), uuid)
	if err != nil {
		c.unreadable(w, r, s, err)
		return
	}
	l := c.language(r)
	if !ok || !f.check(l, p) { // that there is no payment is for the page to say
		c.showPayment(w, r, s, uuid, paymentPage{status: http.StatusUnprocessableEntity, problem: f.Error, form: f})
		return
	}
	next := settlement{approved: f.Choice == choiceCharged, who: f.person(), correct: correctable(p), entries: p.Entries}
	page := c.frame(r, s, l.Text("Settle: are you sure?"), confirmView{
		paymentLine: line(l, p, 0), confirmWords: confirmWordsOf(l, p, next.approved, next.who.Name),
		Token: s.propose(proposal{uuid: uuid, settlement: &next}), Approved: next.approved, Who: next.who,
	})
	page.Section, page.Back = "payments", "/payment?"+query("uuid", uuid)
	c.render(w, http.StatusOK, "confirm", page)
}

func (f settleForm) person() bridge.Person {
	who := bridge.Person{Name: f.Name, Evidence: f.Evidence}
	if f.Choice == choiceCharged {
		who.AuthCode, who.TxnRef = f.AuthCode, f.TxnRef
	}
	return who
}

// check fills in what is wrong; true when nothing is. The core has the last word, as it has when the payment
// is settled.
func (f *settleForm) check(l *language.Language, p bridge.Payment) bool {
	f.NameError = nameError(l, f.Name)
	switch {
	case f.Evidence == "":
		f.EvidenceError = l.Text("Say how you know: it is what the shop has to go by later.")
	case len(f.Evidence) > maxEvidence:
		f.EvidenceError = l.Text("This is too long. A sentence or two will do.")
	}
	switch {
	case f.Choice != choiceCharged && f.Choice != choiceNotCharged:
		f.ChoiceError = l.Text("Choose one of the two.")
	case f.Choice == choiceCharged && f.AuthCode == "" && f.TxnRef == "":
		f.CodeError = l.Text("A charge leaves a receipt: copy the authorisation code or the reference from it.")
		if p.Kind != bridge.Sale {
			f.CodeError = l.Text("What goes back leaves a receipt: copy the authorisation code or the reference from it.")
		}
	case len(f.AuthCode) > maxAuthCode || len(f.TxnRef) > maxTxnRef:
		f.CodeError = l.Text("This is longer than any code on a receipt.")
	}
	if f.NameError+f.EvidenceError+f.ChoiceError+f.CodeError != "" {
		f.Error = l.HTML("Nothing was settled yet: look at the form again.")
		return false
	}
	who := f.person()
	kind := bridge.Resolve
	if correctable(p) {
		kind = bridge.Correct
	}
	_, err := bridge.Step(p, bridge.Event{Kind: kind, At: time.Now(), Person: &who, Outcome: outcome(f.Choice == choiceCharged)})
	if why, refused := refusal(err); refused {
		f.Error = l.HTML("Nothing was settled. {why}", "why", l.Say(why))
		return false
	}
	return true
}

func outcome(approved bool) terminal.Outcome {
	if approved {
		return terminal.Approved
	}
	return terminal.Declined
}

// confirm settles what was shown for confirmation, once.
func (c *Counter) confirm(w http.ResponseWriter, r *http.Request, s *session) {
	if !c.form(w, r, s) {
		return
	}
	uuid := r.PostForm.Get("uuid")
	l := c.language(r)
	again := func(status int, f settleForm, problem template.HTML) {
		c.showPayment(w, r, s, uuid, paymentPage{status: status, problem: problem, form: f})
	}
	taken := s.take(r.PostForm.Get("token"), time.Now())
	if taken == nil || taken.settlement == nil || taken.uuid != uuid {
		again(http.StatusConflict, settleForm{Name: s.name}, usedWords(l))
		return
	}
	agreed := taken.settlement
	p, ok, err := c.book.Payment(r.Context(), uuid)
	switch {
	case err != nil:
		c.unreadable(w, r, s, err)
		return
	case ok && p.Entries != agreed.entries:
		again(http.StatusConflict, agreed.form(),
			l.HTML("Nothing was settled: something new was learnt about the payment in the meantime. Read it, then confirm again if it still needs you."))
		return
	}
	settle := c.desk.Resolve
	if agreed.correct {
		settle = c.desk.Correct
	}
	err = settle(r.Context(), uuid, agreed.approved, agreed.who)
	if why, refused := refusal(err); refused {
		again(http.StatusUnprocessableEntity, agreed.form(), l.HTML("Nothing was settled. {why}", "why", l.Say(why)))
		return
	}
	if err != nil {
		c.log.Error("settle a payment at the counter screen", "uuid", uuid, "name", agreed.who.Name, "error", err)
		again(http.StatusInternalServerError, agreed.form(),
			l.HTML("It is not certain that this was recorded: {why} Look at the story of the payment below before you try again.", "why", said(l, err)))
		return
	}
	c.log.Info("payment settled at the counter screen", "uuid", uuid, "approved", agreed.approved, "correction", agreed.correct, "name", agreed.who.Name)
	done := "settled"
	switch {
	case agreed.correct:
		done = "corrected"
	case p.Kind != bridge.Sale:
		done = "settled-return" // of which MGR is told nothing
	}
	http.Redirect(w, r, "/payment?"+query("uuid", uuid)+"&done="+done, http.StatusSeeOther)
}

// usedWords say that a token is good for nothing any more.
func usedWords(l *language.Language) template.HTML {
	return l.HTML("Nothing more was done: this confirmation was used already, was replaced by a later one, or is too old. The payment stands as shown here.")
}
