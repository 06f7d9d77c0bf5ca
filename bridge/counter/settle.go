package counter

import (
	"net/http"
	"time"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// proposalLife is how long a settlement waits for its confirmation.
const proposalLife = 10 * time.Minute

// The two choices as the forms send them.
const (
	choiceCharged    = "charged"
	choiceNotCharged = "not-charged"
)

// settleForm is what was typed, and what is wrong with it.
type settleForm struct {
	Choice, Name, Evidence, AuthCode, TxnRef string

	ChoiceError, NameError, EvidenceError, CodeError string
	Error                                            string // about the whole
}

// proposal is a settlement that waits for its confirmation.
type proposal struct {
	token    string
	uuid     string
	approved bool
	who      bridge.Person
	entries  int // how much had happened to the payment when it was shown
	ends     time.Time
}

func (p *proposal) form() settleForm {
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
	bridge.Payment
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
	if !ok || !f.check(p) { // that there is no payment is for the page to say
		c.showPayment(w, r, s, uuid, paymentPage{status: http.StatusUnprocessableEntity, problem: f.Error, form: f})
		return
	}
	next := &proposal{
		token: newToken(), uuid: uuid, approved: f.Choice == choiceCharged, who: f.person(),
		entries: p.Entries, ends: time.Now().Add(proposalLife),
	}
	s.propose(next)
	page := c.frame(r, s, "Settle: are you sure?", confirmView{Payment: p, Token: next.token, Approved: next.approved, Who: next.who})
	page.Section = "payments"
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
func (f *settleForm) check(p bridge.Payment) bool {
	f.NameError = nameError(f.Name)
	switch {
	case f.Evidence == "":
		f.EvidenceError = "Say how you know: it is what the shop has to go by later."
	case len(f.Evidence) > maxEvidence:
		f.EvidenceError = "This is too long. A sentence or two will do."
	}
	switch {
	case f.Choice != choiceCharged && f.Choice != choiceNotCharged:
		f.ChoiceError = "Choose one of the two."
	case f.Choice == choiceCharged && f.AuthCode == "" && f.TxnRef == "":
		f.CodeError = "A charge leaves a receipt: copy the authorisation code or the reference from it."
	case len(f.AuthCode) > maxAuthCode || len(f.TxnRef) > maxTxnRef:
		f.CodeError = "This is longer than any code on a receipt."
	}
	if f.NameError+f.EvidenceError+f.ChoiceError+f.CodeError != "" {
		f.Error = "Nothing was settled yet: look at the form again."
		return false
	}
	who := f.person()
	_, err := bridge.Step(p, bridge.Event{Kind: bridge.Resolve, At: time.Now(), Person: &who, Outcome: outcome(f.Choice == choiceCharged)})
	if why, refused := refusal(err); refused {
		f.Error = "Nothing was settled. " + why
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
	again := func(status int, f settleForm, problem string) {
		c.showPayment(w, r, s, uuid, paymentPage{status: status, problem: problem, form: f})
	}
	agreed := s.take(r.PostForm.Get("token"), time.Now())
	if agreed == nil || agreed.uuid != uuid {
		again(http.StatusConflict, settleForm{Name: s.name},
			"Nothing more was done: this confirmation was used already, was replaced by a later one, or is too old. The payment stands as shown here.")
		return
	}
	p, ok, err := c.book.Payment(r.Context(), uuid)
	switch {
	case err != nil:
		c.unreadable(w, r, s, err)
		return
	case ok && p.Entries != agreed.entries:
		again(http.StatusConflict, agreed.form(),
			"Nothing was settled: something new was learnt about the payment in the meantime. Read it, then confirm again if it still needs you.")
		return
	}
	err = c.desk.Resolve(r.Context(), uuid, agreed.approved, agreed.who)
	if why, refused := refusal(err); refused {
		again(http.StatusUnprocessableEntity, agreed.form(), "Nothing was settled. "+why)
		return
	}
	if err != nil {
		c.log.Error("settle a payment at the counter screen", "uuid", uuid, "name", agreed.who.Name, "error", err)
		again(http.StatusInternalServerError, agreed.form(),
			"It is not certain that this was recorded: "+sentence(err)+" Look at the story of the payment below before you try again.")
		return
	}
	c.log.Info("payment settled at the counter screen", "uuid", uuid, "approved", agreed.approved, "name", agreed.who.Name)
	http.Redirect(w, r, "/payment?"+query("uuid", uuid)+"&done=settled", http.StatusSeeOther)
}
