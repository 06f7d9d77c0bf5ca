package drivertest

import (
	"slices"
	"sync"

	"tillbridge/terminal"
)

// Book is a till that writes down what a driver tells it, for a driver's own tests. The zero value takes everything. What stands in it may
// be read once the method that it was lent to has returned.
type Book struct {
	Results  []terminal.Result // of Seen
	Marks    []terminal.Mark
	Steps    []terminal.Progress
	Receipts []terminal.Receipt

	// SeenFails and MarkFails are what Seen and Mark return.
	SeenFails, MarkFails error
	// OnSeen and OnProgress are called before Seen and Progress return; nil for nothing.
	OnSeen     func(terminal.Result)
	OnProgress func(terminal.Progress)

	mu sync.Mutex
}

// Seen writes a result down.
func (b *Book) Seen(r terminal.Result) error {
	b.mu.Lock()
	b.Results = append(b.Results, r)
	b.mu.Unlock()
	if b.OnSeen != nil {
		b.OnSeen(r)
	}
	return b.SeenFails
}

// Mark writes a mark down.
func (b *Book) Mark(m terminal.Mark) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.Marks = append(b.Marks, m)
	return b.MarkFails
}

// Progress writes a step down.
func (b *Book) Progress(p terminal.Progress) {
	b.mu.Lock()
	b.Steps = append(b.Steps, p)
	b.mu.Unlock()
	if b.OnProgress != nil {
		b.OnProgress(p)
	}
}

// Receipt writes a receipt down.
func (b *Book) Receipt(r terminal.Receipt) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.Receipts = append(b.Receipts, r)
}

// Told is how often a stage was told.
func (b *Book) Told(s terminal.Stage) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.Steps {
		if p.Stage == s {
			n++
		}
	}
	return n
}

// Attempt is what the engine would ask about: the payment with the mark that was told last, or else that which was known before, and
// the result that was recorded last.
func (b *Book) Attempt(r terminal.Request, known terminal.Mark) terminal.Attempt {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := terminal.Attempt{Request: r, Mark: known}
	if n := len(b.Marks); n > 0 {
		a.Mark = b.Marks[n-1]
	}
	if n := len(b.Results); n > 0 {
		seen := b.Results[n-1]
		a.Seen = &seen
	}
	return a
}

// last is the outcome that was recorded last.
func (b *Book) last() terminal.Outcome {
	if n := len(b.Results); n > 0 {
		return b.Results[n-1].Outcome
	}
	return terminal.Unknown
}

// other tells whether a result was recorded that has another outcome.
func (b *Book) other(o terminal.Outcome) bool {
	return slices.ContainsFunc(b.Results, func(r terminal.Result) bool { return r.Outcome != o })
}
