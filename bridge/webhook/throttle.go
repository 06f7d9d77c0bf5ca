package webhook

import (
	"container/list"
	"net/netip"
	"sync"
	"time"
)

const (
	maxSources  = 4096 // sources of wrong passcodes that are remembered
	maxFailures = 10   // failures of one source within failWindow, then it is refused
	failWindow  = time.Minute
)

// loopback is the one source that all loopback addresses are.
var loopback = netip.MustParsePrefix("127.0.0.0/8")

// sourceOf is who calls, as far as wrong passcodes are told apart: an IPv4 address, an IPv6 /64, or the loopback. An
// address that cannot be read is the zero Prefix.
func sourceOf(remote string) netip.Prefix {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}
	}
	addr := at.Addr().Unmap().WithZone("")
	switch {
	case addr.IsLoopback():
		return loopback
	case addr.Is4():
		return netip.PrefixFrom(addr, 32)
	}
	return netip.PrefixFrom(addr, 64).Masked()
}

// throttle counts wrong passcodes by source. It remembers a bounded number of sources; the one whose last failure
// is longest ago makes room.
type throttle struct {
	most int

	mu      sync.Mutex
	sources map[netip.Prefix]*list.Element
	byAge   *list.List // of *failures, the latest in front
}

// failures are the last ones of a source, a ring of times.
type failures struct {
	source netip.Prefix
	at     [maxFailures]time.Time
	next   int // where the next one goes, which is the oldest
}

func newThrottle(most int) *throttle {
	return &throttle{most: most, sources: map[netip.Prefix]*list.Element{}, byAge: list.New()}
}

// wait is how long a source is still refused; zero where it is not.
func (t *throttle) wait(source netip.Prefix, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	e, ok := t.sources[source]
	if !ok {
		return 0
	}
	f := e.Value.(*failures)
	return max(0, f.at[f.next].Add(failWindow).Sub(now))
}

// failed counts a failure and tells how many there were within the window, at most maxFailures.
func (t *throttle) failed(source netip.Prefix, now time.Time) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	e, ok := t.sources[source]
	if ok {
		t.byAge.MoveToFront(e)
	} else {
		if len(t.sources) >= t.most {
			oldest := t.byAge.Remove(t.byAge.Back()).(*failures)
			delete(t.sources, oldest.source)
		}
		e = t.byAge.PushFront(&failures{source: source})
		t.sources[source] = e
	}
	f := e.Value.(*failures)
	f.at[f.next] = now
	f.next = (f.next + 1) % maxFailures
	n := 0
	for _, at := range f.at {
		if now.Sub(at) < failWindow {
			n++
		}
	}
	return n
}
