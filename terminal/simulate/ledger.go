package simulate

import (
	"sync"

	"tillbridge/terminal"
)

// LedgerView is how many of its newest entries a Ledger keeps.
const LedgerView = 1000

// Kinds of ledger entries.
const (
	Sale   = "sale"
	Refund = "refund"
	Void   = "void"
)

// Ledger is what a simulated terminal and its bank know to be true: the oracle that tests compare with. It is
// never rolled back and survives every fault, a power cut too. Entries are added at the end and none is
// removed, except that only the newest LedgerView are kept; the one thing that changes in an entry is that
// its money goes back. Its methods may be called from any goroutine.
type Ledger struct {
	changed func()

	mu      sync.Mutex
	entries []terminal.Entry
	total   int // entries ever added
}

// NewLedger makes an empty ledger that calls changed, if not nil, after each change and without a lock.
func NewLedger(changed func()) *Ledger {
	if changed == nil {
		changed = func() {}
	}
	return &Ledger{changed: changed}
}

// Add writes an entry. A sale that the terminal reversed by itself is added with Captured false; so is a
// void, which moves no money of its own: it is the voided entry that changes, see Reverse.
func (l *Ledger) Add(e terminal.Entry) {
	l.mu.Lock()
	if len(l.entries) >= 2*LedgerView {
		l.entries = append([]terminal.Entry(nil), l.entries[len(l.entries)-LedgerView:]...)
	}
	l.entries = append(l.entries, e)
	l.total++
	l.mu.Unlock()
	l.changed()
}

// Reverse takes back the money of the newest captured entry with that sequence and returns the entry as it
// is now. It tells false where there is none.
func (l *Ledger) Reverse(sequence string) (terminal.Entry, bool) {
	l.mu.Lock()
	for i := len(l.entries) - 1; i >= 0; i-- {
		if e := &l.entries[i]; e.Sequence == sequence && e.Captured {
			e.Captured = false
			found := *e
			l.mu.Unlock()
			l.changed()
			return found, true
		}
	}
	l.mu.Unlock()
	return terminal.Entry{}, false
}

// Entries are the newest entries, oldest first, at most LedgerView; the caller's own.
func (l *Ledger) Entries() []terminal.Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	newest := l.entries[max(0, len(l.entries)-LedgerView):]
	return append(make([]terminal.Entry, 0, len(newest)), newest...)
}

// Total counts the entries ever added.
func (l *Ledger) Total() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.total
}
