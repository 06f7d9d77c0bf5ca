package bridge

import (
	"fmt"
	"strings"

	"tillbridge/terminal"
)

// Words tells an event as a sentence for people, in the life of a payment.
func (e Event) Words() string {
	switch e.Kind {
	case Accept:
		if e.Order != nil && e.Order.Kind != Sale {
			return fmt.Sprintf("%s ordered a %s of %s; accepted.", e.Order.By, e.Order.Kind.Noun(), e.Order.Amount)
		}
		if e.Order != nil {
			return fmt.Sprintf("MGR asked for %s; accepted.", e.Order.Amount)
		}
		return "MGR asked for a payment; accepted."
	case Expire:
		return "Not started in time: " + e.Reason
	case Arm:
		if e.Mark.Known() {
			return "About to ask the terminal; its last transaction is known, to compare with."
		}
		return "About to ask the terminal; it does not tell its last transaction."
	case Remark:
		return "The terminal's last transaction is another one by now; it is compared with that."
	case GiveUp:
		return "Given up: " + e.Reason
	case Send:
		return "The payment was sent to the terminal."
	case See:
		return "The terminal says: " + resultWords(e.Result) + " Recorded before it is acknowledged."
	case Acknowledge:
		return "The result was acknowledged to the terminal."
	case Conclude:
		return "The terminal ended the payment: " + resultWords(e.Result)
	case Lose:
		return "The conversation broke off: " + e.Reason + " Whether money moved is not known; nothing is sent again."
	case Ask:
		return "The terminal is asked what became of it."
	case Find:
		return "The terminal's records: " + resultWords(e.Result)
	case Hold:
		return "On hold for a person: " + e.Reason
	case Resolve:
		if e.Person != nil {
			return fmt.Sprintf("%s settled it as %s: %s", e.Person.Name, e.Outcome, e.Person.Evidence)
		}
		return fmt.Sprintf("Settled by hand as %s.", e.Outcome)
	case Correct:
		if e.Person != nil {
			return fmt.Sprintf("%s corrected it to %s: %s", e.Person.Name, e.Outcome, e.Person.Evidence)
		}
		return fmt.Sprintf("Corrected by hand to %s.", e.Outcome)
	case Report:
		return "MGR has the outcome."
	case Late:
		return "Contrary evidence came after the outcome was final: " + resultWords(e.Result)
	}
	return e.Kind.String()
}

// resultWords tells a result in one sentence.
func resultWords(r *terminal.Result) string {
	if r == nil {
		return "nothing."
	}
	parts := []string{r.Outcome.String()}
	if r.Outcome == terminal.Unknown {
		parts[0] = "not decided"
	}
	for _, p := range []struct{ label, value string }{
		{"code ", r.AuthCode}, {"reference ", r.TxnRef}, {"", strings.TrimSpace(r.CardName + " " + last4(r.CardLast4))}, {"result ", r.Code},
	} {
		if p.value != "" {
			parts = append(parts, p.label+p.value)
		}
	}
	s := strings.Join(parts, ", ") + "."
	if r.Text != "" {
		s += " " + strings.TrimRight(r.Text, ". ") + "."
	}
	return s
}

func last4(digits string) string {
	if digits == "" {
		return ""
	}
	return "…" + digits
}
