package counter

import (
	"html/template"

	"tillbridge/bridge"
	"tillbridge/bridge/counter/language"
	"tillbridge/terminal"
)

// GivesBack tells whether the money goes back to the customer: a refund or a reversal.
func (p paymentLine) GivesBack() bool { return p.Kind != bridge.Sale }

// kindName is what a payment of a kind is called.
func kindName(l *language.Language, k bridge.Kind) string {
	switch k {
	case bridge.Refund:
		return l.Text("Refund")
	case bridge.Void:
		return l.Text("Reversal")
	}
	return l.Text("Payment")
}

// kindLink is what a link to a payment of a kind says.
func kindLink(l *language.Language, k bridge.Kind) string {
	switch k {
	case bridge.Refund:
		return l.Text("the refund")
	case bridge.Void:
		return l.Text("the reversal")
	}
	return l.Text("the payment")
}

// kindTitle is the title of a payment's page.
func kindTitle(l *language.Language, p bridge.Payment) string {
	switch p.Kind {
	case bridge.Refund:
		return l.Text("Refund of {amount}", "amount", p.Amount)
	case bridge.Void:
		return l.Text("Reversal of {amount}", "amount", p.Amount)
	}
	return l.Text("Payment of {amount}", "amount", p.Amount)
}

// holdWarning is what nobody may do while a payment is not known.
func holdWarning(l *language.Language, k bridge.Kind) string {
	switch k {
	case bridge.Refund:
		return l.Text("The card may have been credited. Do not give it back again.")
	case bridge.Void:
		return l.Text("The sale may have been reversed. Do not give it back again.")
	}
	return l.Text("The card may have been charged. Do not take this payment again.")
}

// returnWords tells the state of a refund or a reversal in a few words and in a sentence, where it is another one than a sale's.
func returnWords(l *language.Language, p bridge.Payment) (short, long string, t tone) {
	refund := p.Kind == bridge.Refund
	switch {
	case p.State.NotKnown() && refund:
		return l.Text("On hold"), l.Text("It is not known whether the money went back to the card. A person must look."), toneHold
	case p.State.NotKnown():
		return l.Text("On hold"), l.Text("It is not known whether the sale was reversed. A person must look."), toneHold
	case p.State == bridge.Expired:
		return l.Text("Never sent"), l.Text("It was not started in time, and no money moved."), toneBad
	case p.State == bridge.NotSent:
		return l.Text("Never sent"), l.Text("Nothing was sent to the terminal, and no money moved."), toneBad
	case !p.Final():
		return "", "", toneIdle
	case p.Outcome == terminal.Approved && refund:
		return l.Text("Paid back"), l.Text("The amount was paid back to the card.") + " " + l.Text("MGR is told nothing of it: enter it in MGR too."), toneGood
	case p.Outcome == terminal.Approved:
		return l.Text("Reversed"), l.Text("The sale was reversed: the customer does not pay it.") + " " + l.Text("MGR is told nothing of it: enter it in MGR too."), toneGood
	case p.Outcome == terminal.Declined && refund:
		return l.Text("Declined"), l.Text("Nothing was given back."), toneBad
	case p.Outcome == terminal.Declined:
		return l.Text("Declined"), l.Text("The sale was not reversed: it stands."), toneBad
	}
	return "", "", toneIdle
}

// settleWords are the sentences of the form that settles a payment by hand, in which the kinds differ.
type settleWords struct {
	Look, Charged, NotCharged template.HTML
	Codes                     string // where the codes are to be found
}

// settleWordsOf are the sentences for a payment; booked is what the terminal booked, where that is another amount than was asked for.
func settleWordsOf(l *language.Language, p bridge.Payment, booked *terminal.Amount) settleWords {
	var w settleWords
	switch p.Kind {
	case bridge.Refund:
		w.Look = l.HTML("Look for this refund at the terminal: its last receipt, its list of transactions, or the bank's portal. MGR is told nothing of it.")
		w.Charged, w.NotCharged = l.HTML("The card *was* credited {amount}", "amount", p.Amount), l.HTML("The card was *not* credited")
		if booked != nil {
			w.Charged = l.HTML("The card *was* credited: the terminal booked {amount}", "amount", booked)
		}
		w.Codes = l.Text("From the receipt, if money went back; one of the two is enough.")
	case bridge.Void:
		w.Look = l.HTML("Look for this reversal at the terminal: its last receipt, its list of transactions, or the bank's portal. MGR is told nothing of it.")
		w.Charged, w.NotCharged = l.HTML("The sale of {amount} *was* reversed", "amount", p.Amount), l.HTML("The sale was *not* reversed")
		w.Codes = l.Text("From the receipt, if money went back; one of the two is enough.")
	default:
		w.Look = l.HTML("Look for this payment at the terminal: its last receipt, its list of transactions, or the bank's portal. What you say here is what MGR is told.")
		w.Charged, w.NotCharged = l.HTML("The card *was* charged {amount}", "amount", p.Amount), l.HTML("The card was *not* charged")
		if booked != nil {
			w.Charged = l.HTML("The card *was* charged: the terminal booked {amount}", "amount", booked)
		}
		w.Codes = l.Text("From the receipt, if the card was charged; one of the two is enough.")
	}
	return w
}

// correctionWords tell how a person's word on a payment was put right; empty where it was not.
func correctionWords(l *language.Language, p bridge.Payment) template.HTML {
	c := p.Corrected
	switch {
	case c == nil:
		return ""
	case p.Moved():
		return l.HTML("*{name}* has put this right: the money *did* move. {evidence}", "name", c.Person.Name, "evidence", c.Person.Evidence)
	}
	return l.HTML("*{name}* has put this right: *no* money moved. {evidence}", "name", c.Person.Name, "evidence", c.Person.Evidence)
}

// confirmWords are what a settlement says, what follows from it, what speaks against it, and the word that settles it.
type confirmWords struct {
	Title                   template.HTML
	Saying, Follows, Doubts template.HTML
	Yes                     string
}

// confirmWordsOf are the sentences that confirm a person's word on a payment.
func confirmWordsOf(l *language.Language, p bridge.Payment, approved bool, name string) confirmWords {
	w := settledWordsOf(l, p, approved, name)
	if correctable(p) {
		w.Title = l.HTML("Put the settlement of {amount} right: is this right?", "amount", p.Amount)
		w.Follows = l.HTML("Both words are kept. MGR keeps what it was told: enter the right outcome there by hand.")
		if said := p.Result; approved && said != nil && said.Captured(p.Amount) != p.Amount {
			w.Doubts = l.HTML("The terminal booked *{booked}*; asked for was {asked}.", "booked", said.Captured(p.Amount), "asked", p.Amount)
		}
	}
	return w
}

// settledWordsOf are the sentences for a payment that is not known.
func settledWordsOf(l *language.Language, p bridge.Payment, approved bool, name string) confirmWords {
	said := p.Result
	if said == nil {
		said = p.Seen
	}
	booked := p.Amount
	if said != nil {
		booked = said.Captured(p.Amount)
	}
	itself := said != nil && said.Outcome == terminal.Approved
	if p.Kind == bridge.Sale {
		w := saleConfirmed(l, p, approved, name, booked)
		switch {
		case approved && booked != p.Amount:
			w.Doubts = l.HTML("The terminal booked *{booked}*, and MGR takes *{asked}* as paid. The difference is left for the shop to settle with the customer.", "booked", booked, "asked", p.Amount)
		case !approved && itself && said.AuthCode != "":
			w.Doubts = l.HTML("The terminal itself said *approved, {amount}*, code {code}. Go on only if that sale was taken back.", "amount", booked, "code", said.AuthCode)
		case !approved && itself:
			w.Doubts = l.HTML("The terminal itself said *approved, {amount}*. Go on only if that sale was taken back.", "amount", booked)
		}
		return w
	}
	w := returnConfirmed(l, p, approved, name, booked)
	switch {
	case approved && booked != p.Amount:
		w.Doubts = l.HTML("The terminal booked *{booked}*; asked for was {asked}.", "booked", booked, "asked", p.Amount)
	case !approved && itself:
		w.Doubts = l.HTML("The terminal itself said *approved, {amount}*. Go on only if its records show otherwise.", "amount", booked)
	}
	return w
}

func saleConfirmed(l *language.Language, p bridge.Payment, approved bool, name string, booked terminal.Amount) confirmWords {
	w := confirmWords{Title: l.HTML("Settle {amount}: is this right?", "amount", p.Amount)}
	if approved {
		w.Saying = l.HTML("*{name}* says that the card *was charged {amount}* at terminal *{terminal}*.", "name", name, "amount", booked, "terminal", p.Terminal)
		w.Follows = l.HTML("MGR is told *APPROVED* and takes the payment as paid. If the card was not charged, the shop loses the money.")
		w.Yes = l.Text("Yes: the card was charged")
		return w
	}
	w.Saying = l.HTML("*{name}* says that the card *was not charged* at terminal *{terminal}*, and {amount} are still to be paid.", "name", name, "amount", p.Amount, "terminal", p.Terminal)
	w.Follows = l.HTML("MGR is told *DENIED*, and the payment can be taken again. If the card was charged after all, the customer pays twice.")
	w.Yes = l.Text("Yes: the card was not charged")
	return w
}

func returnConfirmed(l *language.Language, p bridge.Payment, approved bool, name string, booked terminal.Amount) confirmWords {
	var w confirmWords
	refund := p.Kind == bridge.Refund
	if refund {
		w.Title = l.HTML("Settle the refund of {amount}: is this right?", "amount", p.Amount)
	} else {
		w.Title = l.HTML("Settle the reversal of {amount}: is this right?", "amount", p.Amount)
	}
	switch {
	case refund && approved:
		w.Saying = l.HTML("*{name}* says that the card *was credited {amount}* at terminal *{terminal}*.", "name", name, "amount", booked, "terminal", p.Terminal)
		w.Yes = l.Text("Yes: the card was credited")
	case refund:
		w.Saying = l.HTML("*{name}* says that the card *was not credited* at terminal *{terminal}*.", "name", name, "terminal", p.Terminal)
		w.Yes = l.Text("Yes: the card was not credited")
	case approved:
		w.Saying = l.HTML("*{name}* says that the sale of {amount} *was reversed* at terminal *{terminal}*.", "name", name, "amount", booked, "terminal", p.Terminal)
		w.Yes = l.Text("Yes: the sale was reversed")
	default:
		w.Saying = l.HTML("*{name}* says that the sale of {amount} *was not reversed* at terminal *{terminal}*.", "name", name, "amount", p.Amount, "terminal", p.Terminal)
		w.Yes = l.Text("Yes: the sale was not reversed")
	}
	if approved {
		w.Follows = l.HTML("It counts as given back and cannot be given back again. If it was not given back, the customer does not get the money. MGR is told nothing of it.")
	} else {
		w.Follows = l.HTML("It can be given back again. If it was given back after all, the customer gets the money twice. MGR is told nothing of it.")
	}
	return w
}
