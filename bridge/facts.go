package bridge

import (
	"time"

	"tillbridge/terminal"
)

// Facts are a payment as other programs are told of it, by the verbs' --json and by the counter's API. Fields may be
// added; those that are here keep their name and meaning.
type Facts struct {
	UUID     string `json:"payment_uuid"`
	Customer string `json:"customer_uuid"`
	Terminal string `json:"terminal"`
	Kind     string `json:"kind"`                     // sale, refund or void
	Sale     string `json:"sale_uuid,omitempty"`      // what a refund or a void gives back
	By       string `json:"ordered_by,omitempty"`     // who in the shop ordered a refund or a void
	Minor    int64  `json:"amount_minor"`             // what was asked for
	Captured *int64 `json:"captured_minor,omitempty"` // what the terminal says it booked
	Currency string `json:"currency"`                 // ISO 4217
	State    string `json:"state"`
	Outcome  string `json:"outcome"` // unknown until it is decided
	Proof    string `json:"proof"`
	AuthCode string `json:"auth_code,omitempty"` // only with an approval, as MGR is told it
	TxnRef   string `json:"txn_ref,omitempty"`
	Card     string `json:"card,omitempty"`       // the brand
	Last4    string `json:"card_last4,omitempty"` // the last four digits at most
	Reason   string `json:"reason,omitempty"`
	Settled  string `json:"settled_by,omitempty"` // the person whose word decided it
	// Correction is what a person said later of what a person had settled: approved or declined. The outcome stays what MGR was told.
	Correction  string `json:"corrected_to,omitempty"`
	CorrectedBy string `json:"corrected_by,omitempty"`

	Reference string      `json:"reference"` // our own, given to the terminal where the protocol has room
	Received  time.Time   `json:"received"`
	Updated   time.Time   `json:"updated"`
	Story     []StepFacts `json:"story,omitempty"`
}

// StepFacts are one step of a payment's story.
type StepFacts struct {
	At    time.Time `json:"at"`
	Event string    `json:"event"`
	State string    `json:"state"` // after it
	Words string    `json:"words"`
}

// Facts tells the payment, without its story.
func (p Payment) Facts() Facts {
	f := Facts{
		UUID: p.UUID, Customer: p.Customer, Terminal: p.Terminal, Kind: p.Kind.String(), Sale: p.Sale, By: p.By,
		Minor: p.Amount.Minor, Currency: p.Amount.Currency.Code, State: p.State.String(), Outcome: p.Outcome.String(), Proof: p.Proof.String(),
		Reason: p.Reason, Reference: p.Reference, Received: p.Received, Updated: p.Updated,
	}
	f.AuthCode, f.TxnRef = p.Codes()
	if p.Person != nil {
		f.Settled = p.Person.Name
	}
	if c := p.Corrected; c != nil {
		f.Correction, f.CorrectedBy = c.Outcome.String(), c.Person.Name
	}
	if r := p.Result; r != nil {
		f.Card, f.Last4 = r.CardName, r.CardLast4
		if r.Outcome == terminal.Approved {
			got := r.Captured(p.Amount).Minor
			f.Captured = &got
		}
	}
	return f
}

// StepOf tells a step after which the payment was in a state.
func StepOf(at time.Time, e Event, after State) StepFacts {
	return StepFacts{At: at, Event: e.Kind.String(), State: after.String(), Words: e.Words()}
}
