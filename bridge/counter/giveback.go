package counter

import (
	"context"
	"html/template"
	"net/http"
	"strings"
	"time"
	"unicode"

	"tillbridge/bridge"
	"tillbridge/bridge/counter/language"
	"tillbridge/terminal"
)

// returnTime bounds how long an order to give something back may take to become durable.
const returnTime = 30 * time.Second

// backView is what can still be given back of a sale, and how.
type backView struct {
	Left   *terminal.Amount // nil where nothing is left
	Refund bool             // its terminal gives back a part from here
	Void   bool             // its terminal takes back the whole sale from here, and nothing of it was given back
	Clerk  bool             // only the owner may; somebody else is looking
	Form   *backForm        // nil where there is none to show
}

// backForm is what the owner typed, and what is wrong with it.
type backForm struct{ Amount, Error string }

// backOf is what can still be given back of a sale at its terminal.
func backOf(sale bridge.Payment, returns []bridge.Payment, at bridge.TerminalStatus) backView {
	minor, whole := bridge.Returnable(sale, returns)
	if minor == 0 {
		return backView{}
	}
	left := terminal.Amount{Minor: minor, Currency: sale.Amount.Currency}
	return backView{Left: &left, Refund: at.CanRefund, Void: at.CanVoid && whole}
}

// Can tells whether anything can be given back from here.
func (v backView) Can() bool { return v.Left != nil && (v.Refund || v.Void) }

// fill decides who gets the form, with what was typed before or all that is left.
func (v *backView) fill(l *language.Language, typedBefore backForm, s *session) {
	switch {
	case !v.Can():
		return
	case !s.isOwner():
		v.Clerk = true
		return
	}
	if typedBefore.Amount == "" {
		typedBefore.Amount = typed(l, *v.Left)
	}
	v.Form = &typedBefore
}

// typed is an amount as people type it in the language, without groups of digits and currency.
func typed(l *language.Language, a terminal.Amount) string {
	return strings.Replace(a.Decimal(), ".", l.Decimal, 1)
}

// readTyped reads an amount that somebody typed, with the language's decimal mark or a point; false where it is none that can be
// given back.
func readTyped(l *language.Language, text string, c terminal.Currency) (terminal.Amount, bool) {
	text = strings.TrimSpace(strings.TrimSuffix(text, c.Code))
	if strings.ContainsFunc(text, unicode.IsLetter) { // another currency, which would be taken for ours
		return terminal.Amount{}, false
	}
	a, err := terminal.ParseAmount(l.Plain(text), c)
	return a, err == nil
}

// giveBackView is what the owner is asked to confirm.
type giveBackView struct {
	Sale  paymentLine
	Order bridge.Order
	Token string
	Error string // about the password
}

// Whole tells whether the sale is to be reversed.
func (v giveBackView) Whole() bool { return v.Order.Kind == bridge.Void }

// giveBack checks what is to go back and shows it once more in words. Nothing is ordered yet.
func (c *Counter) giveBack(w http.ResponseWriter, r *http.Request, s *session) {
	if !c.form(w, r, s) {
		return
	}
	uuid := r.PostForm.Get("uuid")
	sale, ok, err := c.book.Payment(r.Context(), uuid)
	var returns []bridge.Payment
	if err == nil && ok {
		returns, err = c.book.Returns(r.Context(), uuid)
	}
	if err != nil {
		c.unreadable(w, r, s, err)
		return
	}
	l := c.language(r)
	page := paymentPage{status: http.StatusUnprocessableEntity, form: settleForm{Name: s.name}, back: backForm{Amount: tidy(r.PostForm.Get("amount"))}}
	at, _ := c.terminal(sale.Terminal)
	order, problem := orderOf(l, sale, backOf(sale, returns, at), r.PostForm.Get("kind"), &page.back)
	if !ok || problem != "" { // that there is no payment is for the page to say
		page.problem = problem
		c.showPayment(w, r, s, uuid, page)
		return
	}
	// The number is made with the proposal: however often the order is sent, it is one.
	order.UUID, order.By = order.Kind.Noun()+"-"+newToken(), s.name
	c.showGiveBack(w, r, s, http.StatusOK, "", giveBackView{
		Sale: line(l, sale, 0), Order: order, Token: s.propose(proposal{uuid: uuid, order: &order}),
	})
}

// orderOf is the order that a form asks for, without its number and who orders it; or what is wrong with it.
func orderOf(l *language.Language, sale bridge.Payment, can backView, kind string, form *backForm) (bridge.Order, template.HTML) {
	o := bridge.Order{Customer: sale.Customer, Terminal: sale.Terminal, Sale: sale.UUID}
	k, err := bridge.ParseKind(kind)
	switch {
	case err != nil || k == bridge.Sale:
		return o, l.HTML("Nothing was ordered: choose what is to go back.")
	case can.Left == nil:
		return o, l.HTML("Nothing of this payment can be given back.")
	case k == bridge.Refund && !can.Refund, k == bridge.Void && !can.Void:
		return o, l.HTML("This cannot be done from here now: the terminal is not reached, does not do it at the till's wish, or a part was given back already.")
	}
	o.Kind, o.Amount = k, *can.Left
	if k == bridge.Void {
		return o, ""
	}
	amount, ok := readTyped(l, form.Amount, sale.Amount.Currency)
	switch {
	case !ok:
		form.Error = l.Text("This is not an amount such as {amount}.", "amount", typed(l, *can.Left))
	case amount.Minor > can.Left.Minor:
		form.Error = l.Text("This is more than can still be given back: {amount}.", "amount", can.Left)
	default:
		o.Amount = amount
		return o, ""
	}
	return o, l.HTML("Nothing was ordered yet: look at the amount again.")
}

// showGiveBack shows what is to go back, for confirmation.
func (c *Counter) showGiveBack(w http.ResponseWriter, r *http.Request, s *session, status int, problem template.HTML, v giveBackView) {
	f := c.frame(r, s, c.language(r).Text("Give back: are you sure?"), v)
	f.Section, f.Back, f.Problem = "payments", "/payment?"+query("uuid", v.Sale.UUID), problem
	c.render(w, status, "give-back", f)
}

// confirmGiveBack orders what was shown for confirmation, once, against the owner's password.
func (c *Counter) confirmGiveBack(w http.ResponseWriter, r *http.Request, s *session) {
	if !c.form(w, r, s) {
		return
	}
	select {
	case s.acting <- struct{}{}:
		defer func() { <-s.acting }()
	case <-r.Context().Done():
		return
	}
	l, uuid, token := c.language(r), r.PostForm.Get("uuid"), r.PostForm.Get("token")
	if token != "" && token == s.ordered.token { // the second of two clicks
		http.Redirect(w, r, returnAddress(s.ordered.uuid), http.StatusSeeOther)
		return
	}
	p := s.waiting(token, time.Now())
	if p == nil || p.order == nil || p.uuid != uuid {
		c.showPayment(w, r, s, uuid, paymentPage{status: http.StatusConflict, problem: usedWords(l), form: settleForm{Name: s.name}})
		return
	}
	sale, _, err := c.book.Payment(r.Context(), uuid)
	if err != nil {
		c.unreadable(w, r, s, err)
		return
	}
	v := giveBackView{Sale: line(l, sale, 0), Order: *p.order, Token: token}
	var status int
	if v.Error, status = passwordError(w, l, c.tryOwner(r, nil), l.Text("This is not the owner's password.")); v.Error != "" {
		c.showGiveBack(w, r, s, status, "", v)
		return
	}
	c.order(w, r, s, v)
}

// order carries a confirmed return to the desk, whether or not the browser still waits for the answer.
func (c *Counter) order(w http.ResponseWriter, r *http.Request, s *session, v giveBackView) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), returnTime)
	defer cancel()
	l, o := c.language(r), v.Order
	err := c.desk.Return(ctx, o)
	if why, refused := refusal(err); refused {
		s.take(v.Token, time.Now())
		c.showPayment(w, r, s, o.Sale, paymentPage{
			status: http.StatusConflict, problem: l.HTML("Nothing is given back. {why}", "why", l.Say(why)),
			form: settleForm{Name: s.name}, back: backForm{Amount: typed(l, o.Amount)},
		})
		return
	}
	if err != nil {
		c.log.Error("order a return at the counter screen", "uuid", o.UUID, "sale", o.Sale, "kind", o.Kind.String(), "name", s.name, "error", err)
		c.showGiveBack(w, r, s, http.StatusInternalServerError,
			l.HTML("It is not certain that this was recorded: {why} Confirm it again here: it is carried out once, however often it is confirmed.", "why", said(l, err)), v)
		return
	}
	s.take(v.Token, time.Now())
	s.ordered = ordered{v.Token, o.UUID}
	c.log.Info("return ordered at the counter screen", "uuid", o.UUID, "sale", o.Sale, "kind", o.Kind.String(), "amount", o.Amount.String(), "name", s.name, "role", s.role.String(), "source", source(r))
	http.Redirect(w, r, returnAddress(o.UUID), http.StatusSeeOther)
}

// returnAddress is the page of a return that was ordered just now.
func returnAddress(uuid string) string { return "/payment?" + query("uuid", uuid) + "&done=back" }
