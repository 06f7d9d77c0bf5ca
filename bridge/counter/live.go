package counter

import (
	"io"
	"net/http"
	"sync"
	"time"
)

const (
	streamLimit = 32
	heartbeat   = 20 * time.Second
	// streamWrite is how long one small write to a stream may take before its reader is given up.
	streamWrite = 10 * time.Second
)

// live is the open event streams.
type live struct {
	mu        sync.Mutex
	listeners map[chan struct{}]struct{}
	closed    chan struct{}
	ended     bool
}

// join adds a stream; false when there are too many, or no more are taken.
func (l *live) join() (chan struct{}, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended || len(l.listeners) >= streamLimit {
		return nil, false
	}
	wake := make(chan struct{}, 1)
	l.listeners[wake] = struct{}{}
	return wake, true
}

func (l *live) leave(wake chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.listeners, wake)
}

// changed wakes every stream; one that has not yet told the last change tells both at once.
func (l *live) changed() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for wake := range l.listeners {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
}

func (l *live) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended {
		l.ended = true
		close(l.closed)
	}
}

// events is the stream of server-sent events. It tells that something has changed and not what.
func (c *Counter) events(w http.ResponseWriter, r *http.Request) {
	// A page of another site cannot read the stream, but it could use up the streams.
	if from := r.Header.Get("Sec-Fetch-Site"); from != "" && from != "same-origin" && from != "none" {
		http.Error(w, "This request came from another web site.", http.StatusForbidden)
		return
	}
	if c.sessions.find(r) == nil {
		http.Error(w, "Sign in first.", http.StatusUnauthorized)
		return
	}
	wake, ok := c.live.join()
	if !ok {
		w.Header().Set("Retry-After", "10")
		http.Error(w, "Too many pages are open.", http.StatusServiceUnavailable)
		return
	}
	defer c.live.leave(wake)
	w.Header().Set("Content-Type", "text/event-stream")

	out := http.NewResponseController(w)
	// The server's time for reading a request must not end the stream, which reads nothing; that the reader
	// has gone shows in writing to it. A server without such deadlines needs neither.
	_ = out.SetReadDeadline(time.Time{})
	tell := func(text string) bool {
		_ = out.SetWriteDeadline(time.Now().Add(streamWrite))
		_, err := io.WriteString(w, text)
		return err == nil && out.Flush() == nil
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	// The first word makes the page look once for what changed between its making and the stream.
	for text := "retry: 3000\nevent: changed\ndata: look\n\n"; tell(text) && c.sessions.find(r) != nil; {
		select {
		case <-r.Context().Done():
			return
		case <-c.live.closed:
			return
		case <-beat.C:
			text = ": still here\n\n"
		case <-wake:
			text = "event: changed\ndata: look\n\n"
		}
	}
}
