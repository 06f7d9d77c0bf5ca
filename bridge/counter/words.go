package counter

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"tillbridge/bridge"
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
func healthWord(h bridge.TerminalHealth) (string, tone) {
	word := h.String()
	word = strings.ToUpper(word[:1]) + word[1:]
	switch h {
	case bridge.Ready:
		return word, toneGood
	case bridge.Working:
		return word, toneWork
	case bridge.Asking, bridge.OnHold:
		return word, toneHold
	case bridge.Gone:
		return "Not reached", toneDown
	}
	return word, toneIdle
}

// stateWords tells a payment's state in a few words and in a sentence.
func stateWords(p bridge.Payment) (short, long string, t tone) {
	switch p.State {
	case bridge.Received:
		return "Accepted", "It waits for the terminal; nothing was sent yet.", toneWork
	case bridge.Armed:
		return "Starting", "It is about to be sent to the terminal.", toneWork
	case bridge.Sent:
		return "At the terminal", "The terminal has it.", toneWork
	case bridge.Seen:
		return "Answered", "The terminal has stated a result; it is about to be acknowledged.", toneWork
	case bridge.Acknowledged:
		return "Finishing", "The result was acknowledged; the terminal is still to finish.", toneWork
	case bridge.Uncertain, bridge.Recovering:
		return "Being asked", "The conversation broke off. The terminal is being asked what became of the payment.", toneHold
	case bridge.Held:
		return "On hold", "The terminal cannot tell what became of the payment. A person must look.", toneHold
	case bridge.Expired:
		return "Never sent", "It was not started in time, and no money moved. MGR is still to be told.", toneBad
	case bridge.NotSent:
		return "Never sent", "Nothing was sent to the terminal, and no money moved. MGR is still to be told.", toneBad
	}
	told := "MGR is still to be told."
	if p.State == bridge.Reported {
		told = "MGR was told."
	}
	switch p.Outcome {
	case terminal.Approved:
		return "Approved", "The card was charged. " + told, toneGood
	case terminal.Declined:
		return "Declined", "The card was not charged. " + told, toneBad
	}
	return p.State.String(), "", toneIdle
}

// stepState is the state after a step, in a word.
func stepState(s bridge.State) string { return strings.ReplaceAll(s.String(), "_", " ") }

// doneWords says what was just done. The address carries only the key, so that a link cannot put words on the
// screen.
func doneWords(key string) string {
	return map[string]string{
		"cancel":  "The terminal was asked to cancel. Its answer decides what becomes of the payment.",
		"ask":     "The terminal is being asked again.",
		"settled": "It is settled. MGR is being told.",
		"cleared": "The alarm is cleared.",
	}[key]
}

// receiptTitle says whose copy a receipt is.
func receiptTitle(r terminal.Receipt) string {
	title := map[terminal.ReceiptKind]string{
		terminal.MerchantReceipt:       "Merchant's copy",
		terminal.CustomerReceipt:       "Customer's copy",
		terminal.AdministrationReceipt: "Administration",
	}[r.Kind]
	if title == "" {
		title = "Receipt"
	}
	if r.Signature {
		title += ", to be signed by the customer"
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

// sentence makes an error fit for the screen.
func sentence(err error) string { return asSentence(err.Error()) }

func asSentence(s string) string {
	s = terminal.MaskCardNumbers(strings.TrimSpace(s))
	if s == "" {
		return "No reason was given."
	}
	if c := s[0]; c >= 'a' && c <= 'z' {
		s = string(c-'a'+'A') + s[1:]
	}
	if !strings.ContainsAny(s[len(s)-1:], ".!?:") {
		s += "."
	}
	return s
}

// refusal is what the user can mend about a refused settlement; false when the error is of another kind.
func refusal(err error) (string, bool) {
	var refused *bridge.RefusedError
	switch {
	case !errors.As(err, &refused):
		return "", false
	case refused.Why != "":
		return asSentence(refused.Why), true
	case refused.State.Open():
		return "The payment is under way. It can be settled only once the terminal cannot tell any more.", true
	}
	return "The payment is decided already, so there is nothing to settle.", true
}

// when is a time as people write it: with the day only where it is not today.
func when(t, now time.Time) string {
	t, now = t.Local(), now.Local()
	switch {
	case t.IsZero():
		return "unknown"
	case t.Format(time.DateOnly) == now.Format(time.DateOnly):
		return t.Format("15:04:05")
	case t.Year() == now.Year():
		return t.Format("2 Jan 15:04:05")
	}
	return t.Format("2 Jan 2006 15:04:05")
}

// span is a duration as people say it. The script on the page says it in the same way.
func span(d time.Duration) string {
	s := max(0, int64(d/time.Second))
	switch {
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 60*60:
		return fmt.Sprintf("%d min %d s", s/60, s%60)
	case s < 48*60*60:
		return fmt.Sprintf("%d h %d min", s/3600, s/60%60)
	}
	return fmt.Sprintf("%d days", s/(24*3600))
}
