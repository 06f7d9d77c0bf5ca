package counter

import (
	"context"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"tillbridge/bridge/access"
)

const (
	wrongTries   = 10 // wrong passwords a window and source
	wrongWindow  = time.Minute
	wrongSources = 1024 // sources remembered at once
)

// wrongTry is when a wrong password came.
type wrongTry = time.Time

// throttle counts wrong passwords by source. It locks out no one but their source.
type throttle struct {
	mu    sync.Mutex
	wrong map[string][]wrongTry // oldest first, at most wrongTries each
}

// wait is how long a source must wait before its next try; 0 for not at all.
func (t *throttle) wait(source string, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	tries := t.wrong[source]
	if len(tries) < wrongTries {
		return 0
	}
	return max(0, tries[0].Add(wrongWindow).Sub(now))
}

// count remembers a wrong password.
func (t *throttle) count(source string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, known := t.wrong[source]; !known && len(t.wrong) >= wrongSources {
		t.forget(now)
	}
	tries := append(t.wrong[source], now)
	t.wrong[source] = tries[max(0, len(tries)-wrongTries):]
}

// forget drops every source whose tries are too old to matter, or else the one that was silent for longest.
func (t *throttle) forget(now time.Time) {
	var silent string
	var since time.Time
	for source, tries := range t.wrong {
		last := tries[len(tries)-1]
		if now.Sub(last) >= wrongWindow {
			delete(t.wrong, source)
		} else if silent == "" || last.Before(since) {
			silent, since = source, last
		}
	}
	if len(t.wrong) >= wrongSources {
		delete(t.wrong, silent)
	}
}

// verdict is what becomes of a password.
type verdict struct {
	right bool
	wait  time.Duration // not zero: too many wrong ones, and this one was not looked at
}

// try checks a secret of a request. One is checked at a time, so that tries sent together count like tries sent in turn.
func (c *Counter) try(ctx context.Context, r *http.Request, what string, check func() bool) verdict {
	select {
	case c.checking <- struct{}{}:
		defer func() { <-c.checking }()
	case <-ctx.Done():
		return verdict{}
	}
	from := source(r)
	if wait := c.throttle.wait(from, time.Now()); wait > 0 {
		return verdict{wait: wait}
	}
	if check() {
		return verdict{right: true}
	}
	c.throttle.count(from, time.Now())
	c.log.Warn("wrong "+what, "source", from)
	return verdict{}
}

// tryPassword checks a password of the counter screen. Where it is somebody's, then runs before another password is looked at; nil
// for nothing.
func (c *Counter) tryPassword(r *http.Request, password string, then func(access.Role)) verdict {
	return c.try(r.Context(), r, "password for the counter screen", func() bool {
		role := c.config.Access.Role(password)
		if role == access.Nobody {
			return false
		}
		if then != nil {
			then(role)
		}
		return true
	})
}

// retryAfter tells a program how long to wait.
func retryAfter(w http.ResponseWriter, v verdict) {
	w.Header().Set("Retry-After", strconv.Itoa(int(roundUp(v.wait)/time.Second)))
}

// source is where a request comes from: an IPv4 address, or the network of an IPv6 one, since a single host
// has all of that.
func source(r *http.Request) string {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return clip(r.RemoteAddr)
	}
	ip := at.Addr().Unmap().WithZone("")
	if ip.Is6() {
		return netip.PrefixFrom(ip, 64).Masked().String()
	}
	return ip.String()
}
