package terminal

import "fmt"

// Outcome is what is known of a payment. The zero value is Unknown, so that a forgotten assignment or an
// unmapped code never reads as a refusal.
type Outcome uint8

// The outcomes. Their words stand on the wire and in the journal and never change.
const (
	Unknown  Outcome = iota // nothing is proven
	Approved                // the money moved
	Declined                // it is proven that no money moved
)

var outcomeWords = [...]string{Unknown: "unknown", Approved: "approved", Declined: "declined"}

func (o Outcome) String() string { return word(outcomeWords[:], uint8(o), "outcome") }

// MarshalText writes the word of the outcome.
func (o Outcome) MarshalText() ([]byte, error) {
	return marshalWord(outcomeWords[:], uint8(o), "outcome")
}

// UnmarshalText reads a word; one that it does not know is an error and leaves Unknown.
func (o *Outcome) UnmarshalText(b []byte) error {
	n, err := unmarshalWord(outcomeWords[:], b, "outcome")
	*o = Outcome(n)
	return err
}

// Proof says what carries an outcome. The zero value carries nothing.
type Proof uint8

// The proofs. Dialogue and Refused come from the payment's own conversation, the rest from asking later.
const (
	NoProof       Proof = iota
	Dialogue            // approval in the payment's own dialogue, checked and, where the protocol has one, completed
	Refused             // the terminal's explicit refusal or cancellation in the payment's own dialogue
	NothingSent         // no byte of the command was ever handed to the line
	Query               // the terminal's answer to a query by our own reference
	NotFound            // the terminal's authoritative "not found" for our own reference
	LastRecord          // the last transaction is newer than the mark and matches, with no other sale between
	UnchangedMark       // an idle, reachable terminal whose last transaction is still the marked one
	Voided              // a reversal that the terminal confirmed
	Person              // somebody looked and said so
)

var proofWords = [...]string{
	"none", "dialogue", "refused", "nothing-sent", "query", "not-found", "last-record", "unchanged-mark", "voided", "person",
}

func (p Proof) String() string { return word(proofWords[:], uint8(p), "proof") }

// MarshalText writes the word of the proof.
func (p Proof) MarshalText() ([]byte, error) { return marshalWord(proofWords[:], uint8(p), "proof") }

// UnmarshalText reads a word; one that it does not know is an error and leaves NoProof.
func (p *Proof) UnmarshalText(b []byte) error {
	n, err := unmarshalWord(proofWords[:], b, "proof")
	*p = Proof(n)
	return err
}

// Evidence is the set of classes that tell what a protocol can prove after a broken dialogue.
type Evidence uint8

// The evidence classes. A driver declares those that hold: ZVT is C2|C4.
const (
	C0 Evidence = 1 << iota // nothing can be read, not even in the dialogue
	C1                      // only the dialogue
	C2                      // the last transaction, one slot, can be read
	C3                      // a payment can be queried by our own reference
	C4                      // the result must be acknowledged or the terminal reverses the sale by itself
)

// Has tells whether every class of want is in the set.
func (e Evidence) Has(want Evidence) bool { return e&want == want }

func (e Evidence) String() string {
	s := ""
	for i := range 5 {
		if e&(1<<i) == 0 {
			continue
		}
		if s != "" {
			s += "+"
		}
		s += fmt.Sprintf("C%d", i)
	}
	if s == "" {
		return "none"
	}
	return s
}

func word(words []string, n uint8, kind string) string {
	if int(n) < len(words) {
		return words[n]
	}
	return fmt.Sprintf("%s(%d)", kind, n)
}

func marshalWord(words []string, n uint8, kind string) ([]byte, error) {
	if int(n) >= len(words) {
		return nil, fmt.Errorf("%s %d has no word", kind, n)
	}
	return []byte(words[n]), nil
}

func unmarshalWord(words []string, b []byte, kind string) (uint8, error) {
	for i, w := range words {
		if w == string(b) {
			return uint8(i), nil
		}
	}
	return 0, fmt.Errorf("%s %q is not known", kind, b)
}
