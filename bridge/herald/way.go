package herald

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// The bounds of telling.
const (
	tryWithin   = time.Minute      // one try, from the name's look-up to the answer
	between     = time.Minute      // two messages, and a try and the next one, at the least
	longestWait = 15 * time.Minute // between two tries
	giveUp      = 24 * time.Hour   // after which what could not be told is left out
	maxWaiting  = 200              // events that wait, a way; the oldest makes room
	maxTogether = 50               // events in one message
)

// message is what is told at once.
type message struct {
	Shop    string
	Events  []Event // at least one
	LeftOut int     // events before them that could not be told
}

// carrier takes a message to its end. A nil error means that it was taken.
type carrier interface {
	send(context.Context, message) error
}

// way is one of the ways to the owner. Herald.mu guards everything below it.
type way struct {
	name    string
	carrier carrier
	kick    chan struct{}

	told    map[string]Event // what it was given that stands, by the thing's key
	queue   []waiting        // what it was given and the owner was not told yet, the oldest first
	leftOut int
	last    int // number of the last one in the queue
}

// waiting is an event on its way.
type waiting struct {
	Event Event     `json:"event"`
	Since time.Time `json:"since"`
	n     int
}

func newWay(name string, c carrier) *way {
	return &way{name: name, carrier: c, kick: make(chan struct{}, 1), told: map[string]Event{}}
}

func (w *way) wake() {
	select {
	case w.kick <- struct{}{}:
	default:
	}
}

// take gives the way what it was not given yet, and tells whether there was anything.
func (w *way) take(begun, ended map[string]Event, now time.Time) (changed bool) {
	for _, key := range inOrder(ended) {
		if _, told := w.told[key]; told {
			delete(w.told, key)
			w.push(ended[key], now)
			changed = true
		}
	}
	for _, key := range inOrder(begun) {
		if w.lacks(key) {
			e := begun[key]
			w.push(e, now)
			e.Text, e.Do = "", "" // its end has words of its own
			w.told[key] = e
			changed = true
		}
	}
	return changed
}

// lacks tells whether the way was not given a thing, and can be.
func (w *way) lacks(key string) bool {
	_, told := w.told[key]
	return !told && len(w.told) < maxTold
}

func (w *way) push(e Event, since time.Time) {
	w.last++
	w.queue = append(w.queue, waiting{e, since, w.last})
	if over := len(w.queue) - maxWaiting; over > 0 {
		w.queue = slices.Delete(w.queue, 0, over)
		w.leftOut += over
	}
}

// next is the message that is to be told now, and the number of its last event; false where nothing waits.
func (h *Herald) next(w *way) (m message, last int, some bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	together := w.queue[:min(len(w.queue), maxTogether)]
	if len(together) == 0 {
		return m, 0, false
	}
	m = message{Shop: h.config.Shop, LeftOut: w.leftOut}
	for _, one := range together {
		m.Events = append(m.Events, one.Event)
	}
	return m, together[len(together)-1].n, true
}

// taken takes out of the queue what the owner was told.
func (h *Herald) taken(w *way, m message, last int) {
	h.mu.Lock()
	w.queue = slices.DeleteFunc(w.queue, func(one waiting) bool { return one.n <= last })
	w.leftOut -= m.LeftOut
	h.mu.Unlock()
	h.keep()
}

// abandon leaves out what has waited for too long, and tells how much that is.
func (h *Herald) abandon(w *way, now time.Time) int {
	h.mu.Lock()
	before := len(w.queue)
	w.queue = slices.DeleteFunc(w.queue, func(one waiting) bool { return now.Sub(one.Since) >= giveUp })
	n := before - len(w.queue)
	w.leftOut += n
	h.mu.Unlock()
	if n > 0 {
		h.keep()
	}
	return n
}

// tell takes what waits to the owner until ctx ends.
func (h *Herald) tell(ctx context.Context, w *way) {
	for tries := 0; ctx.Err() == nil; {
		m, last, some := h.next(w)
		if !some {
			select {
			case <-ctx.Done():
			case <-w.kick:
			}
			continue
		}
		try, cancel := context.WithTimeout(ctx, tryWithin)
		err := contained(func() error { return w.carrier.send(try, m) })
		cancel()
		wait := between
		switch {
		case err == nil:
			h.config.Log.Info("the owner was told", "by", w.name, "events", len(m.Events))
			h.taken(w, m, last)
			tries = 0
		case ctx.Err() != nil:
			return // we stopped it; it is told after the next start
		default:
			wait = min(between<<min(tries, 10), longestWait)
			tries++
			h.failed(w, err, tries, wait)
		}
		rest(ctx, wait)
	}
}

// contained makes an error of a panic: what somebody else's server says must not end the bridge.
func contained(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it broke down: %v", p)
		}
	}()
	return f()
}

// rest waits for a time, or for the end of ctx.
func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// failed logs a try that failed, which is once a minute at the most, and gives up what is too old.
func (h *Herald) failed(w *way, err error, tries int, wait time.Duration) {
	why := h.clean(err.Error(), maxText)
	if n := h.abandon(w, time.Now()); n > 0 {
		h.config.Log.Error("the owner could not be told within a day, and that is given up", "by", w.name, "events", n, "error", why)
	}
	h.config.Log.Warn("the owner was not told yet", "by", w.name, "error", why, "tries", tries, "next_in", wait.String())
}

// kept is what is kept of a way.
func (w *way) kept() keptWay {
	return keptWay{Told: maps.Clone(w.told), Queue: slices.Clone(w.queue), LeftOut: w.leftOut}
}
