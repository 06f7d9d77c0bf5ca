package counter

import (
	"net/http"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// paymentView is a payment's own page.
type paymentView struct {
	paymentLine
	AuthCode, TxnRef string
	Card             string
	Booked           string // where the terminal booked another amount than was asked
	Story            []storyLine
	Receipts         []receiptView
	Settle           *settleForm // nil where there is nothing to settle
}

// CanAsk tells whether the terminal can be asked once more.
func (v paymentView) CanAsk() bool { return v.State == bridge.Held }

type storyLine struct {
	Step
	Words, After string
}

type receiptView struct {
	Title   string
	Lines   []terminal.Line
	Address string // of the page that prints it
}

func (c *Counter) payment(w http.ResponseWriter, r *http.Request, s *session) {
	uuid := r.URL.Query().Get("uuid")
	form := settleForm{Name: s.name}
	if p := s.proposed(); p != nil && p.uuid == uuid { // back from the confirmation
		form = p.form()
	}
	c.showPayment(w, r, s, uuid, paymentPage{status: http.StatusOK, form: form})
}

// paymentPage is how a payment's page is to be shown.
type paymentPage struct {
	status  int
	problem string
	form    settleForm
}

func (c *Counter) showPayment(w http.ResponseWriter, r *http.Request, s *session, uuid string, page paymentPage) {
	p, ok, err := c.book.Payment(r.Context(), uuid)
	switch {
	case err != nil:
		c.unreadable(w, r, s, err)
		return
	case !ok:
		c.problem(w, r, s, http.StatusNotFound, "There is no payment with this number.")
		return
	}
	story, err := c.book.Story(r.Context(), uuid)
	var receipts []terminal.Receipt
	if err == nil {
		receipts, err = c.book.Receipts(r.Context(), uuid)
	}
	if err != nil {
		c.unreadable(w, r, s, err)
		return
	}
	v := viewPayment(p)
	for _, step := range story {
		v.Story = append(v.Story, storyLine{Step: step, Words: step.Event.Words(), After: stepState(step.State)})
	}
	for i, one := range receipts {
		v.Receipts = append(v.Receipts, viewReceipt(uuid, i+1, one))
	}
	f := c.frame(r, s, "Payment of "+p.Amount.String(), &v)
	f.Section, f.Live, f.Refresh, f.Problem = "payments", "/payment?"+query("uuid", uuid), 10, page.problem
	if p.State.NotKnown() {
		v.Settle, f.Refresh = &page.form, 0 // a page that loads itself would lose what is typed
	}
	c.render(w, page.status, "payment", f)
}

// viewPayment picks what is known of a payment: what a person read from the receipt, else what the terminal
// said last.
func viewPayment(p bridge.Payment) paymentView {
	v := paymentView{paymentLine: line(p, 0)}
	result := p.Result
	if result == nil {
		result = p.Seen
	}
	if result != nil {
		v.AuthCode, v.TxnRef, v.Card = result.AuthCode, result.TxnRef, result.CardName
		if n := result.CardLast4; n != "" {
			v.Card += " …" + n[max(0, len(n)-4):]
		}
		if got := result.Captured(p.Amount); got != p.Amount {
			v.Booked = got.String()
		}
	}
	if p.Person != nil {
		v.AuthCode, v.TxnRef = p.Person.AuthCode, p.Person.TxnRef
	}
	return v
}

func (c *Counter) askAgain(w http.ResponseWriter, r *http.Request, s *session) {
	if !c.form(w, r, s) {
		return
	}
	uuid := r.PostForm.Get("uuid")
	if err := c.desk.AskAgain(r.Context(), uuid); err != nil {
		c.showPayment(w, r, s, uuid, paymentPage{
			status: http.StatusConflict, problem: "The terminal was not asked. " + sentence(err), form: settleForm{Name: s.name},
		})
		return
	}
	c.log.Info("terminal asked again at the counter screen", "uuid", uuid, "name", s.name)
	http.Redirect(w, r, "/payment?"+query("uuid", uuid)+"&done=ask", http.StatusSeeOther)
}
