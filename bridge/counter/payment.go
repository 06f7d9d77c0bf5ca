package counter

import (
	"context"
	"html/template"
	"net/http"

	"tillbridge/bridge"
	"tillbridge/bridge/counter/language"
	"tillbridge/terminal"
)

// paymentView is a payment's own page.
type paymentView struct {
	paymentLine
	AuthCode, TxnRef string
	Card             string
	Booked           *terminal.Amount // where the terminal booked another amount than was asked
	Progress         string           // the terminal's last text, while it has it in hand
	Story            []storyLine
	Receipts         []receiptView
	Settle           *settleForm   // nil where there is nothing to settle
	Words            settleWords   // of its form
	Look             string        // how its terminal shows its last payment, in the shop's own words
	Correction       template.HTML // how a person's word was put right; empty where it was not

	Returns []paymentLine // the refunds and reversals of a sale
	Back    backView      // what can still be given back
}

// CanAsk tells whether the terminal can be asked once more: drivers are asked about sales only.
func (v paymentView) CanAsk() bool { return v.State == bridge.Held && !v.GivesBack() }

type storyLine struct {
	Step
	After string
}

type receiptView struct {
	Title   string
	Lines   []terminal.Line
	Address string // of the page that prints it
}

func (c *Counter) payment(w http.ResponseWriter, r *http.Request, s *session) {
	uuid := r.URL.Query().Get("uuid")
	page := paymentPage{status: http.StatusOK, form: settleForm{Name: s.name}}
	if p := s.proposed(); p != nil && p.uuid == uuid { // back from the confirmation
		if p.settlement != nil {
			page.form = p.settlement.form()
		} else {
			page.back = backForm{Amount: typed(c.language(r), p.order.Amount)}
		}
	}
	c.showPayment(w, r, s, uuid, page)
}

// paymentPage is how a payment's page is to be shown.
type paymentPage struct {
	status  int
	problem template.HTML
	form    settleForm
	back    backForm
}

func (c *Counter) showPayment(w http.ResponseWriter, r *http.Request, s *session, uuid string, page paymentPage) {
	p, ok, err := c.book.Payment(r.Context(), uuid)
	switch {
	case err != nil:
		c.unreadable(w, r, s, err)
		return
	case !ok:
		c.problem(w, r, s, http.StatusNotFound, c.language(r).HTML("There is no payment with this number."))
		return
	}
	l := c.language(r)
	v := viewPayment(l, p)
	if err := c.readPayment(r.Context(), l, &v); err != nil {
		c.unreadable(w, r, s, err)
		return
	}
	f := c.frame(r, s, kindTitle(l, p), &v)
	f.Section, f.Live, f.Refresh, f.Problem = "payments", "/payment?"+query("uuid", uuid), 10, page.problem
	if r.Method != http.MethodGet {
		f.Back = f.Live
	}
	v.Back.fill(l, page.back, s)
	if p.State.NotKnown() || correctable(p) {
		v.Settle = &page.form
	}
	if v.Settle != nil || v.Back.Form != nil {
		f.Refresh = 0 // a page that loads itself would lose what is typed
	}
	c.render(w, page.status, "payment", f)
}

// readPayment fills in what else the journal and the terminal have of a payment.
func (c *Counter) readPayment(ctx context.Context, l *language.Language, v *paymentView) error {
	story, err := c.book.Story(ctx, v.UUID)
	if err != nil {
		return err
	}
	receipts, err := c.book.Receipts(ctx, v.UUID)
	if err != nil {
		return err
	}
	for _, step := range story {
		v.Story = append(v.Story, storyLine{Step: step, After: stepState(l, step.State)})
	}
	for i, one := range receipts {
		v.Receipts = append(v.Receipts, viewReceipt(l, v.UUID, i+1, one))
	}
	at, _ := c.terminal(v.Terminal)
	v.Look = at.Look
	if at.Payment != nil && at.Payment.UUID == v.UUID && v.State.InFlight() {
		v.Progress = at.Progress
	}
	if v.Kind != bridge.Sale || !v.Final() {
		return nil
	}
	returns, err := c.book.Returns(ctx, v.UUID)
	if err != nil {
		return err
	}
	for _, p := range returns {
		v.Returns = append(v.Returns, line(l, p, 0))
	}
	v.Back = backOf(v.Payment, returns, at)
	return nil
}

// terminal is the terminal with a name.
func (c *Counter) terminal(name string) (bridge.TerminalStatus, bool) {
	for _, t := range c.desk.Terminals() {
		if t.Name == name {
			return t, true
		}
	}
	return bridge.TerminalStatus{}, false
}

// viewPayment picks what is known of a payment: what a person read from the receipt, else what the terminal
// said last.
func viewPayment(l *language.Language, p bridge.Payment) paymentView {
	v := paymentView{paymentLine: line(l, p, 0)}
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
			v.Booked = &got
		}
	}
	if p.Person != nil {
		v.AuthCode, v.TxnRef = p.Person.AuthCode, p.Person.TxnRef
	}
	v.Words = settleWordsOf(l, p, v.Booked)
	v.Correction = correctionWords(l, p)
	return v
}

func (c *Counter) askAgain(w http.ResponseWriter, r *http.Request, s *session) {
	if !c.form(w, r, s) {
		return
	}
	uuid := r.PostForm.Get("uuid")
	if err := c.desk.AskAgain(r.Context(), uuid); err != nil {
		c.showPayment(w, r, s, uuid, paymentPage{
			status: http.StatusConflict, problem: c.language(r).HTML("The terminal was not asked. {why}", "why", said(c.language(r), err)), form: settleForm{Name: s.name},
		})
		return
	}
	c.log.Info("terminal asked again at the counter screen", "uuid", uuid, "name", s.name)
	http.Redirect(w, r, "/payment?"+query("uuid", uuid)+"&done=ask", http.StatusSeeOther)
}
