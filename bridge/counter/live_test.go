package counter

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// stream is an open event stream over a real connection.
type stream struct {
	t    *testing.T
	body io.ReadCloser
	read *bufio.Reader
}

func openStream(t *testing.T, server *httptest.Server, cookie *http.Cookie) *stream {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.AddCookie(cookie)
	answer, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = answer.Body.Close() })
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("got %s, %s", answer.Status, answer.Header.Get("Content-Type"))
	}
	return &stream{t: t, body: answer.Body, read: bufio.NewReader(answer.Body)}
}

// changed waits for the next word that something has changed.
func (s *stream) changed() {
	s.t.Helper()
	for {
		line, err := s.read.ReadString('\n')
		if err != nil {
			s.t.Fatalf("the stream ended: %v", err)
		}
		if line == "data: look\n" {
			return
		}
	}
}

// ended waits for the end of the stream.
func (s *stream) ended() {
	s.t.Helper()
	if _, err := io.Copy(io.Discard, s.read); err != nil {
		s.t.Errorf("the stream broke: %v", err)
	}
}

func TestEventsTellChangesAndEnd(t *testing.T) {
	_, b := signedIn(t)
	server := httptest.NewServer(b.c)
	defer server.Close()
	one, two := openStream(t, server, b.cookie), openStream(t, server, b.cookie)
	one.changed() // what may have changed before the stream was there
	two.changed()
	b.c.Changed()
	one.changed()
	two.changed()

	b.c.Close()
	b.c.Close()
	one.ended()
	two.ended()
	if r := b.get("/events"); r.Code != http.StatusServiceUnavailable {
		t.Errorf("a stream after Close gave %d", r.Code)
	}
	b.c.Changed() // nobody listens, nothing blocks
}

func TestEventsEndWithTheSession(t *testing.T) {
	_, b := signedIn(t)
	server := httptest.NewServer(b.c)
	defer server.Close()
	s := openStream(t, server, b.cookie)
	s.changed()
	b.post("/sign-out", nil)
	s.ended()
}

func TestEventsAreBounded(t *testing.T) {
	_, b := signedIn(t)
	var all []chan struct{}
	for range streamLimit {
		wake, ok := b.c.live.join()
		if !ok {
			t.Fatal("too few streams")
		}
		all = append(all, wake)
	}
	b.c.Changed()
	b.c.Changed() // a stream that has not told the first change does not hold up the second
	r := b.get("/events")
	if r.Code != http.StatusServiceUnavailable || r.Header().Get("Retry-After") == "" {
		t.Errorf("one more stream gave %d", r.Code)
	}
	b.c.live.leave(all[0])
	if _, ok := b.c.live.join(); !ok {
		t.Error("the place of a stream that ended is not free")
	}
}

func TestEventsAreForThisSiteOnly(t *testing.T) {
	_, b := signedIn(t)
	b.c.Close()
	for from, status := range map[string]int{"cross-site": 403, "same-site": 403, "same-origin": 503, "none": 503, "": 503} {
		b.header.Set("Sec-Fetch-Site", from)
		if r := b.get("/events"); r.Code != status {
			t.Errorf("from %q: %d, want %d", from, r.Code, status)
		}
	}
}

// sink is a response that counts its heartbeats and can refuse them.
type sink struct {
	header http.Header
	beats  chan string
	broken bool

	readUntil, writeUntil time.Time
}

func (s *sink) SetReadDeadline(t time.Time) error  { s.readUntil = t; return nil }
func (s *sink) SetWriteDeadline(t time.Time) error { s.writeUntil = t; return nil }

func (s *sink) Header() http.Header { return s.header }
func (s *sink) WriteHeader(int)     {}
func (s *sink) Flush()              {}

func (s *sink) Write(p []byte) (int, error) {
	if s.broken {
		return 0, errors.New("the reader has gone")
	}
	s.beats <- string(p)
	return len(p), nil
}

func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, b := signedIn(t)
		ctx, cancel := context.WithCancel(t.Context())
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/events", nil)
		r.AddCookie(b.cookie)
		s := &sink{header: http.Header{}, beats: make(chan string), readUntil: time.Now().Add(time.Second)}
		done := make(chan struct{})
		go func() {
			defer close(done)
			b.c.ServeHTTP(s, r)
		}()
		begun := time.Now()
		if first := <-s.beats; !strings.HasPrefix(first, "retry: ") {
			t.Errorf("begins with %q", first)
		}
		for i := range 3 {
			if beat := <-s.beats; !strings.HasPrefix(beat, ":") || time.Since(begun) != time.Duration(i+1)*heartbeat {
				t.Errorf("beat %q after %s", beat, time.Since(begun))
			}
		}
		cancel()
		<-done
		if left := s.writeUntil.Sub(begun); !s.readUntil.IsZero() || left != 3*heartbeat+streamWrite {
			t.Errorf("may be read until %s, written %s after its begin", s.readUntil, left)
		}
		if n := len(b.c.live.listeners); n != 0 {
			t.Errorf("%d streams are left", n)
		}
	})
}

func TestBrokenReaderIsLeft(t *testing.T) {
	_, b := signedIn(t)
	r := httptest.NewRequest(http.MethodGet, "http://localhost/events", nil)
	r.AddCookie(b.cookie)
	b.c.ServeHTTP(&sink{header: http.Header{}, broken: true}, r)
	if n := len(b.c.live.listeners); n != 0 {
		t.Errorf("%d streams are left", n)
	}
	r = httptest.NewRequest(http.MethodGet, "http://localhost/sign-in", nil)
	b.c.ServeHTTP(&sink{header: http.Header{}, broken: true}, r)
}
