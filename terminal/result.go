package terminal

import "time"

// Request is one sale to be made.
type Request struct {
	// Reference is our own name of the payment: 10 characters of 0-9 A-Z, never used twice by one journal.
	Reference string
	Amount    Amount
	// Armed is the till PC's wall clock just before the command may have been sent. A driver compares the
	// terminal's clock with it, allowing for their difference.
	Armed time.Time
}

// Attempt is a request whose dialogue broke: what Recover asks about.
type Attempt struct {
	Request
	Mark Mark    // the terminal's last sequence before the request
	Seen *Result // the result that was made durable before the dialogue broke; nil if none was
}

// Mark is the terminal's last transaction, in the driver's own words, as known at one moment. The engine
// keeps it and hands it back; only the driver reads it. The zero Mark means "not known".
type Mark string

// Known tells whether the mark says anything.
func (m Mark) Known() bool { return m != "" }

// Result is what a terminal said of a payment. Fields that the terminal left out are zero.
//
// No field ever holds more than a card number's last four digits.
type Result struct {
	Outcome Outcome `json:"outcome"`
	Proof   Proof   `json:"proof,omitzero"`

	// CapturedMinor is the amount that the terminal says it booked, in minor units. Nil means the requested one, and so is for
	// protocols that have no such field; where a protocol has it and it is missing, the result is Unknown.
	CapturedMinor *int64 `json:"captured,omitempty"`
	// ExtraMinor is the tip, surcharge or cash-out that the terminal names itself, contained in
	// CapturedMinor.
	ExtraMinor int64 `json:"extra,omitempty"`
	// CurrencyNumeric is the ISO 4217 number that the terminal named; 0 where it names none.
	CurrencyNumeric int `json:"currency,omitempty"`

	AuthCode   string `json:"auth_code,omitempty"` // the authorisation code, as MGR gets it
	TxnRef     string `json:"txn_ref,omitempty"`   // the terminal's reference, as MGR gets it
	TerminalID string `json:"terminal_id,omitempty"`
	CardName   string `json:"card,omitempty"`  // brand, "Maestro"
	CardLast4  string `json:"last4,omitempty"` // the card number's last four digits at most

	// Person is who said so, with the proof Person; empty with any other.
	Person string `json:"person,omitempty"`

	Code string `json:"code,omitempty"` // the terminal's result code as its paper writes it, "6C (108)"
	Text string `json:"text,omitempty"` // one sentence for the clerk: why

	// Mark is the terminal's last transaction after this result; zero where the result does not tell.
	Mark Mark `json:"mark,omitempty"`
	// TerminalTime is the terminal's own clock, as far as it tells; zero where it does not.
	TerminalTime time.Time `json:"terminal_time,omitzero"`
	// Raw is the deciding message in hex with card data blanked, for support; at most 2 KiB.
	Raw string `json:"raw,omitempty"`
}

// Captured is what the terminal booked: the amount that it stated, else the requested one.
func (r Result) Captured(requested Amount) Amount {
	if r.CapturedMinor == nil {
		return requested
	}
	return Amount{Minor: *r.CapturedMinor, Currency: requested.Currency}
}

// Stage is how far a dialogue has come.
type Stage uint8

// The stages of a dialogue. Sent and Acknowledged are steps of the payment's life; the rest is told to the
// clerk only.
const (
	Working      Stage = iota // a text, nothing more
	Sent                      // the money command was handed to the line
	Started                   // the terminal took the command
	CardWait                  // waits for the card
	CardRead                  // has the card, perhaps the PIN: too late for a cancellation at many terminals
	HostWait                  // asks the bank
	Attention                 // somebody must act at the terminal (signature, paper)
	Acknowledged              // the result was acknowledged to the terminal
)

var stageWords = [...]string{"working", "sent", "started", "card-wait", "card-read", "host-wait", "attention", "acknowledged"}

func (s Stage) String() string { return word(stageWords[:], uint8(s), "stage") }

// Progress is one step of a running dialogue.
type Progress struct {
	Stage Stage
	Text  string // what the clerk reads, as the terminal says it where it does; may be empty
}

// ReceiptKind says whose copy a receipt is.
type ReceiptKind uint8

// The kinds of receipt.
const (
	OtherReceipt ReceiptKind = iota
	MerchantReceipt
	CustomerReceipt
	AdministrationReceipt
)

var receiptWords = [...]string{"other", "merchant", "customer", "administration"}

func (k ReceiptKind) String() string { return word(receiptWords[:], uint8(k), "receipt") }

// MarshalText writes the word of the kind.
func (k ReceiptKind) MarshalText() ([]byte, error) {
	return marshalWord(receiptWords[:], uint8(k), "receipt")
}

// UnmarshalText reads a word; one that it does not know is an error and leaves OtherReceipt.
func (k *ReceiptKind) UnmarshalText(b []byte) error {
	n, err := unmarshalWord(receiptWords[:], b, "receipt")
	*k = ReceiptKind(n)
	return err
}

// Receipt is a text that the terminal wants printed, line by line, card numbers masked.
type Receipt struct {
	Kind      ReceiptKind `json:"kind"`
	Signature bool        `json:"signature,omitempty"` // the customer must sign this copy
	Lines     []Line      `json:"lines"`
}

// Line is one line of a receipt.
type Line struct {
	Text    string `json:"t"`
	Centred bool   `json:"c,omitempty"`
	Wide    bool   `json:"w,omitempty"` // double width
	Tall    bool   `json:"h,omitempty"` // double height
	Indent  int    `json:"i,omitempty"` // columns
}
