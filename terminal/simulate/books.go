package simulate

import (
	"fmt"
	"slices"
	"time"

	"tillbridge/terminal"
)

// storeLimit is how many transactions can be found again; older ones are forgotten.
const storeLimit = 1000

// CardLast4 and CardName are the simulated customer's card.
const (
	CardLast4 = "0043"
	CardName  = "Visa"
)

// Record is a transaction that the bank approved.
type Record struct {
	Kind     string
	Number   int // the terminal's own count, 1 to 999999
	Minor    int64
	Extra    int64 // tip, contained in Minor
	Currency terminal.Currency
	AuthCode string // six digits; empty where the protocol tells none
	Ref      string // the till's own name of it, where the protocol carries one
	Data     any    // of its order; nil where it was made at the terminal itself
	At       time.Time
	Manual   bool
	Voided   bool
	Day      int // counts ends of day
}

// Sequence is the record's number as it stands in the ledger.
func (r *Record) Sequence() string { return fmt.Sprintf("%06d", r.Number) }

// NextNumber uses up a number of the terminal's own count, for terminals that count what was refused as well.
func (b *Body) NextNumber() int {
	b.seq = b.seq%999_999 + 1
	return b.seq
}

// newRecord makes the record of an approval.
func (b *Body) newRecord(kind string, minor int64) *Record {
	r := &Record{Kind: kind, Number: b.NextNumber(), Minor: minor, Currency: b.cur, At: time.Now(), Day: b.day}
	if !b.noAuth {
		r.AuthCode = fmt.Sprintf("%06d", (int64(b.seq)*483_611+271_828)%1_000_000)
	}
	return r
}

// book makes a record's money stay.
func (b *Body) book(r *Record) {
	if len(b.stored) >= storeLimit {
		b.stored = slices.Delete(b.stored, 0, 1)
	}
	b.stored = append(b.stored, r)
	b.desk.Ledger().Add(r.entry(r.Kind != Void))
}

func (r *Record) entry(captured bool) terminal.Entry {
	return terminal.Entry{
		Sequence: r.Sequence(), Kind: r.Kind, Minor: r.Minor, Currency: r.Currency.Code, AuthCode: r.AuthCode, Reference: r.Ref, At: r.At,
		Captured: captured, Manual: r.Manual,
	}
}

// Records are the transactions since the last end of day, oldest first, voided ones among them.
func (b *Body) Records() []*Record {
	return slices.DeleteFunc(slices.Clone(b.stored), func(r *Record) bool { return r.Day != b.day })
}

// Last is the last transaction ever, nil where there is none. An end of day does not forget it.
func (b *Body) Last() *Record {
	if len(b.stored) == 0 {
		return nil
	}
	return b.stored[len(b.stored)-1]
}

// Find is the newest booked transaction with that reference of the till's, whenever it was made; nil for none. A terminal that
// tells refusals too remembers them itself, without those that a script states as an earlier payment's (Result.Stale).
func (b *Body) Find(ref string) *Record {
	for _, r := range slices.Backward(b.stored) {
		if r.Ref == ref && ref != "" {
			return r
		}
	}
	return nil
}

// Totals are count and sum since the last end of day: sales less refunds, without what was voided.
func (b *Body) Totals() (count int, minor int64) {
	for _, r := range b.Records() {
		switch {
		case r.Voided || r.Kind == Void:
		case r.Kind == Refund:
			count, minor = count+1, minor-r.Minor
		default:
			count, minor = count+1, minor+r.Minor
		}
	}
	return count, minor
}

// Settle is the end of day: totals begin anew.
func (b *Body) Settle() { b.day++ }
