package standin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// Bounds of the ledger.
const (
	paymentLimit = 100_000 // payments that are kept; one more is an error
	perPayment   = 5000    // asks, and notices, of one payment that are kept; the first ones
	refusalLimit = 1000    // refused requests that are kept; the first ones
)

// ErrFull is returned when the ledger has no room for one more payment.
var ErrFull = errors.New("the stand-in's ledger is full")

// ErrNotAsked is returned for a payment that nobody asked for.
var ErrNotAsked = errors.New("no such payment was asked for")

// Options are what a shop enters in MGR's custom payment method.
type Options struct {
	Passcode                 string // sent with every charge, expected with every notice
	BasicUser, BasicPassword string // sent with every charge where the user is not empty
	Log                      *slog.Logger
}

// MGR is the stand-in. It is the HTTP handler of the notify address, under whatever path it is served. Its
// methods may be called from any goroutine.
type MGR struct {
	opt    Options
	log    *slog.Logger
	client *http.Client

	mu       sync.Mutex
	changed  chan struct{}
	byUUID   map[string]*record
	order    []*record
	refusals []Refusal
	arrivals int // notices so far
	fault    func(n int) Answer
}

// record is a payment in the ledger with what waits for its outcome.
type record struct {
	Payment
	told chan struct{} // closed with the first notice that was taken
}

// New makes a stand-in with an empty ledger that takes every notice. Close it.
func New(o Options) *MGR {
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &MGR{
		opt: o, log: log, changed: make(chan struct{}), byUUID: map[string]*record{},
		client: &http.Client{
			Timeout: chargeTimeout,
			// No proxy: what is asked is on this machine.
			Transport:     &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Close closes the connections that charges have left open. It may be repeated.
func (m *MGR) Close() { m.client.CloseIdleConnections() }

// Fail makes the notify address answer as f says: n is 1 for the first notice that arrives and counts on. Nil
// takes every notice. Requests that break the contract are refused without asking f.
func (m *MGR) Fail(f func(n int) Answer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault = f
}

// Changed is closed at the next change of the ledger; ask anew after each.
func (m *MGR) Changed() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changed
}

func (m *MGR) broadcast() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// payment is the record of a uuid, made when there is none.
func (m *MGR) payment(uuid string) (*record, error) {
	if r := m.byUUID[uuid]; r != nil {
		return r, nil
	}
	if len(m.order) >= paymentLimit {
		return nil, ErrFull
	}
	r := &record{Payment: Payment{UUID: uuid}, told: make(chan struct{})}
	m.byUUID[uuid] = r
	m.order = append(m.order, r)
	return r, nil
}

// Wait returns the first notice of a payment that was taken. A payment that was not asked for before the call
// is ErrNotAsked.
func (m *MGR) Wait(ctx context.Context, uuid string) (Notice, error) {
	m.mu.Lock()
	r := m.byUUID[uuid]
	m.mu.Unlock()
	if r == nil {
		return Notice{}, fmt.Errorf("wait for the outcome of %s: %w", uuid, ErrNotAsked)
	}
	select {
	case <-r.told:
	case <-ctx.Done():
		return Notice{}, fmt.Errorf("wait for the outcome of %s: %w", uuid, ctx.Err())
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n, _ := r.Told()
	return n, nil
}

// cutText is the start of a body as text.
func cutText(r io.Reader, most int64) string {
	b, _ := io.ReadAll(io.LimitReader(r, most)) // what can be read is all there is to show
	return string(b)
}
