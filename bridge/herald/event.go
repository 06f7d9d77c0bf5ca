package herald

import (
	"strings"
	"time"
	"unicode"

	"tillbridge/terminal"
)

// The kinds of what the herald is told beside the journal's alarms, whose kinds are the journal's own.
const (
	Hold         = "hold"        // a payment of which nobody knows whether the money moved
	Undelivered  = "undelivered" // outcomes that MGR does not have
	TerminalGone = "terminal"    // a terminal that is not reached
)

// Thing is something that stands. The texts are whole sentences in plain English.
type Thing struct {
	Key      string    // by which it is found again in the next look, and after a restart
	Kind     string    // one of the above, or an alarm's
	Since    time.Time // when it began; zero where the first look that finds it counts
	Terminal string    // empty where it concerns none, as UUID
	UUID     string    // the payment
	Amount   terminal.Amount
	Text     string // what is the case
	Do       string // what to do about it, and how it goes
}

// patience is how long something stands before it is told.
func patience(kind string) time.Duration {
	switch kind {
	case Hold:
		return 5 * time.Minute
	case Undelivered:
		return 15 * time.Minute
	case TerminalGone:
		return 10 * time.Minute
	}
	return 0 // an alarm of the journal's has its reasons
}

// State is whether something begins or ends.
type State string

// The states.
const (
	Raised State = "raised"
	Over   State = "over"
)

// Event is what is told of a thing: that it began, or that it is over. In this form a web address gets it; fields may be
// added, and those that are here keep their names and meanings.
type Event struct {
	Kind     string    `json:"kind"`
	State    State     `json:"state"`
	At       time.Time `json:"at"` // when it began, or was found to be over
	Terminal string    `json:"terminal,omitempty"`
	UUID     string    `json:"payment_uuid,omitempty"`
	Minor    int64     `json:"amount_minor,omitempty"`
	Currency string    `json:"currency,omitempty"` // ISO 4217, with an amount
	Text     string    `json:"text"`
	Do       string    `json:"do,omitempty"` // not with what is over
}

// The most bytes of what is told.
const (
	maxText = 1000
	maxWord = 100
	maxRead = 16 << 10 // of any text
)

// raised is the event that a thing began.
func (h *Herald) raised(t Thing, began time.Time) Event {
	e := Event{
		Kind: h.clean(t.Kind, maxWord), State: Raised, At: began.Truncate(time.Second), Terminal: h.clean(t.Terminal, maxWord),
		UUID: h.clean(t.UUID, maxWord), Text: h.clean(t.Text, maxText), Do: h.clean(t.Do, maxText),
	}
	if t.Amount.Minor != 0 {
		e.Minor, e.Currency = t.Amount.Minor, t.Amount.Currency.Code
	}
	return e
}

// over is the event that what a raised event told of has ended.
func (h *Herald) over(e Event, text string, at time.Time) Event {
	e.State, e.At, e.Text, e.Do = Over, at.Truncate(time.Second), h.clean(text, maxText), ""
	return e
}

// clean makes a text from anywhere fit to leave the shop: one line, without secrets, card numbers and characters that
// steer a reader, bounded.
func (h *Herald) clean(text string, most int) string {
	text = text[:min(len(text), maxRead)] // far more than is kept, so that nothing that is kept was cut before it was masked
	text = h.blank.Replace(strings.ToValidUTF8(text, ""))
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsGraphic(r) }), " ")
	return terminal.Tidy(text, most)
}
