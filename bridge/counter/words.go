package counter

import (
	"errors"
	"html/template"
	"strings"

	"tillbridge/bridge"
	"tillbridge/bridge/counter/language"
	"tillbridge/terminal"
)

// What a person may type, in bytes. The desk keeps as much and no more.
const (
	maxName     = 80
	maxEvidence = 500
	maxAuthCode = 40
	maxTxnRef   = 80
	maxSearch   = 100
)

// tone chooses the colour and the sign of a state. No meaning rests on the colour alone: the sign and the
// words say the same.
type tone string

const (
	toneGood tone = "good"
	toneBad  tone = "bad"
	toneHold tone = "hold" // not known: a colour of its own, neither that of good nor that of bad
	toneWork tone = "work"
	toneIdle tone = "idle"
	toneDown tone = "down" // a terminal that cannot be reached
)

// healthWord is a terminal's health in a word, and its tone.
func healthWord(l *language.Language, h bridge.TerminalHealth) (string, tone) {
	switch h {
	case bridge.Ready:
		return l.Text("Ready"), toneGood
	case bridge.Working:
		return l.Text("Working"), toneWork
	case bridge.Asking:
		return l.Text("Asking"), toneHold
	case bridge.OnHold:
		return l.Text("On hold"), toneHold
	case bridge.Gone:
		return l.Text("Not reached"), toneDown
	}
	return l.Text("Connecting"), toneIdle
}

// stateWords tells a payment's state in a few words and in a sentence.
func stateWords(l *language.Language, p bridge.Payment) (short, long string, t tone) {
	if p.Kind != bridge.Sale {
		if short, long, t = returnWords(l, p); short != "" {
			return short, long, t
		}
	}
	switch p.State {
	case bridge.Received:
		return l.Text("Accepted"), l.Text("It waits for the terminal; nothing was sent yet."), toneWork
	case bridge.Armed:
		return l.Text("Starting"), l.Text("It is about to be sent to the terminal."), toneWork
	case bridge.Sent:
		return l.Text("At the terminal"), l.Text("The terminal has it."), toneWork
	case bridge.Seen:
		return l.Text("Answered"), l.Text("The terminal has stated a result; it is about to be acknowledged."), toneWork
	case bridge.Acknowledged:
		return l.Text("Finishing"), l.Text("The result was acknowledged; the terminal is still to finish."), toneWork
	case bridge.Uncertain, bridge.Recovering:
		return l.Text("Being asked"), l.Text("The conversation broke off. The terminal is being asked what became of the payment."), toneHold
	case bridge.Held:
		return l.Text("On hold"), l.Text("The terminal cannot tell what became of the payment. A person must look."), toneHold
	case bridge.Expired:
		return l.Text("Never sent"), l.Text("It was not started in time, and no money moved. MGR is still to be told."), toneBad
	case bridge.NotSent:
		return l.Text("Never sent"), l.Text("Nothing was sent to the terminal, and no money moved. MGR is still to be told."), toneBad
	}
	told := l.Text("MGR is still to be told.")
	if p.State == bridge.Reported {
		told = l.Text("MGR was told.")
	}
	switch p.Outcome {
	case terminal.Approved:
		return l.Text("Approved"), l.Text("The card was charged.") + " " + told, toneGood
	case terminal.Declined:
		return l.Text("Declined"), l.Text("The card was not charged.") + " " + told, toneBad
	}
	return stepState(l, p.State), "", toneIdle
}

// reasonWords is why a payment is where it is: the engine's words, or those of the terminal or of the person who
// settled it.
func reasonWords(l *language.Language, p bridge.Payment) template.HTML {
	switch reason := asSentence(p.Reason); {
	case p.Reason == "":
		return ""
	case p.Person != nil && p.Reason == p.Person.Evidence:
		return template.HTML(template.HTMLEscapeString(reason))
	case p.Result != nil && p.Reason == p.Result.Text:
		return l.Quote(reason)
	default:
		return l.Say(reason)
	}
}

// stepState is the state after a step, in a word.
func stepState(l *language.Language, s bridge.State) string {
	return map[bridge.State]string{
		bridge.Received:     l.Text("received"),
		bridge.Armed:        l.Text("armed"),
		bridge.Sent:         l.Text("sent"),
		bridge.Seen:         l.Text("seen"),
		bridge.Acknowledged: l.Text("acknowledged"),
		bridge.Uncertain:    l.Text("uncertain"),
		bridge.Recovering:   l.Text("recovering"),
		bridge.Held:         l.Text("held"),
		bridge.Approved:     l.Text("approved"),
		bridge.Declined:     l.Text("declined"),
		bridge.Expired:      l.Text("expired"),
		bridge.NotSent:      l.Text("not sent"),
		bridge.Reported:     l.Text("reported"),
	}[s]
}

// doneWords says what was just done. The address carries only the key, so that a link cannot put words on the
// screen.
func doneWords(l *language.Language, key string) string {
	switch key {
	case "cancel":
		return l.Text("The terminal was asked to cancel. Its answer decides what becomes of it.")
	case "ask":
		return l.Text("The terminal is being asked again.")
	case "settled":
		return l.Text("It is settled. MGR is being told.")
	case "settled-return":
		return l.Text("It is settled. MGR is told nothing of it.")
	case "back":
		return l.Text("The terminal is told to give it back. What becomes of it shows here.")
	case "password":
		return l.Text("The password is changed. Whoever was signed in with the old one has to sign in again.")
	case "corrected":
		return l.Text("It is put right here. Enter the right outcome in MGR too.")
	case "cleared":
		return l.Text("The alarm is cleared.")
	case "day":
		return l.Text("The terminal was told to end its day.")
	}
	return ""
}

// alarmKind is the kind of an alarm in words.
func alarmKind(l *language.Language, kind string) string {
	switch kind {
	case "contrary":
		return l.Text("contrary evidence")
	case "notice":
		return l.Text("refused by MGR")
	case "other terminal":
		return l.Text("other terminal")
	case "clock":
		return l.Text("wrong clock")
	case "passcode":
		return l.Text("wrong passcodes")
	}
	return kind
}

// receiptTitle says whose copy a receipt is.
func receiptTitle(l *language.Language, r terminal.Receipt) string {
	title := l.Text("Receipt")
	switch r.Kind {
	case terminal.MerchantReceipt:
		title = l.Text("Merchant's copy")
	case terminal.CustomerReceipt:
		title = l.Text("Customer's copy")
	case terminal.AdministrationReceipt:
		title = l.Text("Administration")
	}
	if r.Signature {
		return l.Text("{copy}, to be signed by the customer", "copy", title)
	}
	return title
}

// tidy makes typed text what the desk would keep of it: no control characters and no card number. So the
// confirmation shows what will be recorded.
func tidy(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.TrimSpace(strings.ToValidUTF8(s, "")))
	return terminal.MaskCardNumbers(s)
}

// sentence makes an error fit for a program that asks.
func sentence(err error) string { return asSentence(err.Error()) }

// said makes an error fit for the screen.
func said(l *language.Language, err error) template.HTML { return l.Say(sentence(err)) }

func asSentence(s string) string {
	s = terminal.MaskCardNumbers(strings.TrimSpace(s))
	if s == "" {
		return "No reason was given."
	}
	return language.Sentence(s)
}

// refusal is what the user can mend about a refused settlement or order, in English; false when the error is of another kind.
func refusal(err error) (string, bool) {
	var refused *bridge.RefusedError
	var order *bridge.Refusal
	switch {
	case errors.As(err, &order):
		return asSentence(order.Sentence), true
	case !errors.As(err, &refused):
		return "", false
	case refused.Why != "":
		return asSentence(refused.Why), true
	case refused.State.Open():
		return "The payment is under way. It can be settled only once the terminal cannot tell any more.", true
	}
	return "The payment is decided already, so there is nothing to settle.", true
}
