package demo

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"sync"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/journal"
)

const (
	// paymentLimit is the most payments of one demo: the journal lists a thousand, and the simulated terminal's
	// ledger keeps as many.
	paymentLimit = 900
	readLimit    = 5 * time.Second // for one look into the journal
	readEvery    = 100 * time.Millisecond
)

// books reads the bridge's journal while the bridge writes it.
type books struct {
	path string

	mu     sync.Mutex
	reader *journal.Reader
}

// open opens the journal once it is there; nil before.
func (b *books) open() (*journal.Reader, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.reader != nil {
		return b.reader, nil
	}
	if _, err := os.Stat(b.path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	r, err := journal.OpenReadOnly(b.path)
	if err != nil {
		return nil, err
	}
	b.reader = r
	return r, nil
}

func (b *books) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.reader == nil {
		return nil
	}
	err := b.reader.Close()
	b.reader = nil
	return err
}

// pages are what the journal says at one time.
type pages struct {
	payments []bridge.Payment // newest first
	alarms   []journal.Alarm
	story    []journal.StoryEntry // of the payment asked for
	marked   bool                 // the terminal was reached and its last transaction read
}

// read reads everything, with the story of one payment. A journal that is not there yet has nothing.
func (b *books) read(ctx context.Context, uuid string) (p pages, err error) {
	r, err := b.open()
	if r == nil || err != nil {
		return p, err
	}
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	list, err := r.List(ctx, journal.Filter{Limit: 1000})
	if err != nil {
		return p, err
	}
	for _, l := range list {
		p.payments = append(p.payments, l.Payment)
	}
	if p.alarms, err = r.Alarms(ctx); err != nil {
		return p, err
	}
	mark, _, err := r.Mark(ctx, terminalName)
	if err != nil {
		return p, err
	}
	p.marked = mark.Known()
	if uuid != "" {
		p.story, err = r.Story(ctx, uuid)
	}
	return p, err
}

// payment is the payment with a uuid; false when the journal has none.
func (p pages) payment(uuid string) (bridge.Payment, bool) {
	for _, x := range p.payments {
		if x.UUID == uuid {
			return x, true
		}
	}
	return bridge.Payment{}, false
}
