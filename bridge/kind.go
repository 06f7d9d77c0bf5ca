package bridge

import "fmt"

// Kind says which way an order's money goes. The words stand in the journal and never change.
type Kind uint8

// The kinds. MGR orders sales only; what goes back to the customer is ordered in the shop, and MGR is not told of it.
const (
	Sale   Kind = iota // from the card to the shop
	Refund             // back to a card, a part or all of a sale
	Void               // a whole sale is taken back, as if it had not been made
	kindCount
)

var kindWords = [kindCount]string{"sale", "refund", "void"}

func (k Kind) String() string {
	if k < kindCount {
		return kindWords[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// ParseKind reads the word of a kind.
func ParseKind(word string) (Kind, error) {
	for i, w := range kindWords {
		if w == word {
			return Kind(i), nil
		}
	}
	return Sale, fmt.Errorf("kind %q is not known", word)
}

// MarshalText writes the word of the kind.
func (k Kind) MarshalText() ([]byte, error) {
	if k >= kindCount {
		return nil, fmt.Errorf("%s has no word", k)
	}
	return []byte(k.String()), nil
}

// UnmarshalText reads a word; one that it does not know is an error.
func (k *Kind) UnmarshalText(b []byte) (err error) {
	*k, err = ParseKind(string(b))
	return err
}

// Noun is the kind as people name it.
func (k Kind) Noun() string {
	switch k {
	case Refund:
		return "refund"
	case Void:
		return "reversal"
	}
	return "payment"
}

// checked says what is wrong with an order of a kind that is not a sale, or with a sale that claims to be more.
func (o Order) checked() error {
	switch {
	case o.Kind >= kindCount:
		return fmt.Errorf("%s is not known", o.Kind)
	case o.Kind == Sale && o.Sale+o.By != "":
		return fmt.Errorf("a sale gives nothing back, and is ordered by MGR")
	case o.Kind != Sale && (o.Sale == "" || o.By == ""):
		return fmt.Errorf("a %s needs the sale that it belongs to and the name of who ordered it", o.Kind.Noun())
	}
	return nil
}

// Returnable is how much of a sale can still be given back, in minor units, and whether the whole sale can be taken back. Given
// are the refunds and voids of it that there were: each that is not proven to have moved nothing counts as given.
func Returnable(sale Payment, returns []Payment) (minor int64, whole bool) {
	if sale.Kind != Sale || !sale.Moved() {
		return 0, false
	}
	left := sale.Captured().Minor
	whole = sale.Result != nil && sale.Result.TxnRef != ""
	for _, r := range returns {
		if r.Sale != sale.UUID || r.Final() && !r.Moved() {
			continue
		}
		whole = false
		left -= r.Amount.Minor
		if r.Kind == Void {
			left = 0
		}
	}
	return max(left, 0), whole
}
