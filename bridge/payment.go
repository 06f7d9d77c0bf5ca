package bridge

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"tillbridge/terminal"
)

// Order is what MGR asks for, or what the shop itself orders, checked in form and not yet accepted.
type Order struct {
	UUID     string // MGR's payment_uuid: 1 to 64 printable ASCII characters, compared exactly
	Customer string // MGR's customer_uuid, the same form
	Terminal string // the terminal's name in the settings
	Amount   terminal.Amount

	Kind Kind   `json:",omitzero"`
	Sale string `json:",omitempty"` // the uuid of the sale that is given back; empty for a sale
	By   string `json:",omitempty"` // who in the shop ordered it; empty for a sale, which MGR orders
}

// Digest is the SHA-256 of everything in the order, by which a repeated webhook is told from another payment
// under the same uuid.
func (o Order) Digest() [32]byte {
	h := sha256.New()
	var n [8]byte
	fields := []string{o.UUID, o.Customer, o.Terminal, o.Amount.Currency.Code}
	if o.Kind != Sale {
		fields = append(fields, o.Kind.String(), o.Sale, o.By)
	}
	for _, s := range fields {
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	binary.BigEndian.PutUint64(n[:], uint64(o.Amount.Minor))
	h.Write(n[:])
	return [32]byte(h.Sum(nil))
}

// Payment is one payment as its events have made it.
type Payment struct {
	Order
	Reference string            // our own name of it, given to the terminal where the protocol has room
	Driver    string            // the driver that it was armed with
	Evidence  terminal.Evidence // what that driver can prove
	State     State
	Outcome   terminal.Outcome // final once it is not Unknown
	Proof     terminal.Proof   // what carries the outcome
	Received  time.Time
	Armed     time.Time // zero before it was armed
	Updated   time.Time // time of the last event
	Mark      terminal.Mark
	Seen      *terminal.Result // the last result that was made durable before it was acknowledged
	Result    *terminal.Result // the result that settled it, or that put it on hold
	Reason    string           // one sentence: why it is where it is
	Person    *Person          // who settled it, where a person did
	Corrected *Correction      // how a person put that right later; nil where nobody did
	Entries   int              // number of events so far
}

// Request is what the driver is asked to charge.
func (p Payment) Request() terminal.Request {
	return terminal.Request{Reference: p.Reference, Amount: p.Amount, Armed: p.Armed}
}

// Attempt is what the driver is asked about in recovery.
func (p Payment) Attempt() terminal.Attempt {
	return terminal.Attempt{Request: p.Request(), Mark: p.Mark, Seen: p.Seen}
}

// Captured is what the terminal booked for it, as far as it is known.
func (p Payment) Captured() terminal.Amount {
	if p.Result == nil {
		return p.Amount
	}
	return p.Result.Captured(p.Amount)
}

// Done tells whether nothing is left to do: it is decided, and MGR has the outcome where it is owed it.
func (p Payment) Done() bool { return p.State == Reported || p.Kind != Sale && p.Final() }

// Final tells whether the outcome is decided; it never changes silently afterwards.
func (p Payment) Final() bool { return p.State.final() }

// Frozen tells whether the payment forbids any other sale on its terminal: it is not known, and the next
// sale would overwrite the evidence.
func (p Payment) Frozen() bool { return p.State == Held && !p.Evidence.Has(terminal.C3) }

// Person is somebody who settled a payment by hand, and how they know.
type Person struct {
	Name     string `json:"name"`
	Evidence string `json:"evidence"`            // how it was checked, in their own words
	AuthCode string `json:"auth_code,omitempty"` // from the receipt, for an approval
	TxnRef   string `json:"txn_ref,omitempty"`
}

// Correction is a person's later word on what a person had settled. What MGR was told stays what it was.
type Correction struct {
	Outcome terminal.Outcome
	Person  *Person
}

// Moved tells whether the money moved, by the last word on it.
func (p Payment) Moved() bool {
	if p.Corrected != nil {
		return p.Corrected.Outcome == terminal.Approved
	}
	return p.Outcome == terminal.Approved
}

// Notice is what MGR is told of a payment.
type Notice struct {
	UUID     string
	Approved bool
	AuthCode string // only with an approval
	TxnRef   string // only with an approval
}

// Notice is the notice that the payment owes MGR; false while it owes none, and for what MGR did not order. The same payment gives the same
// notice however often it is asked.
func (p Payment) Notice() (Notice, bool) {
	if !p.Final() || p.Kind != Sale {
		return Notice{}, false
	}
	n := Notice{UUID: p.UUID, Approved: p.Outcome == terminal.Approved}
	n.AuthCode, n.TxnRef = p.Codes()
	return n, true
}

// Codes are an approval's authorisation code and reference: what a person read from the receipt, else what the terminal said.
func (p Payment) Codes() (authCode, txnRef string) {
	switch {
	case p.Outcome != terminal.Approved:
	case p.Person != nil:
		return p.Person.AuthCode, p.Person.TxnRef
	case p.Result != nil:
		return p.Result.AuthCode, p.Result.TxnRef
	}
	return "", ""
}
