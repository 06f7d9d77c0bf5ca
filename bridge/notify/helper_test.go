package notify

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sort"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/bridge"
)

const (
	passcode = "correct <horse> battery"
	notifyTo = "https://mgr.example/notify"
)

// box is an outbox in memory that behaves as the journal's: by next time, oldest first.
type box struct {
	mu       sync.Mutex
	notices  map[string]*held
	calls    map[string]int
	reported map[string]int
	// fault is asked before each call; an error is what the call returns. May be nil.
	fault func(call, uuid string) error
	slow  time.Duration // that Reported takes
}

type held struct {
	Owed
	next time.Time
	why  string
}

func newBox(uuids ...string) *box {
	b := &box{notices: map[string]*held{}, calls: map[string]int{}, reported: map[string]int{}}
	for _, u := range uuids {
		b.add(u)
	}
	return b
}

func (b *box) add(uuid string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.notices[uuid] = &held{Owed: Owed{Notice: bridge.Notice{UUID: uuid, Approved: true, AuthCode: "651200", TxnRef: "163"}}}
}

func (b *box) called(call, uuid string) error {
	b.calls[call]++
	if b.fault != nil {
		return b.fault(call, uuid)
	}
	return nil
}

func (b *box) Due(_ context.Context, now time.Time, limit int) ([]Owed, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.called("due", ""); err != nil {
		return nil, err
	}
	var due []*held
	for _, h := range b.notices {
		if !h.next.After(now) {
			due = append(due, h)
		}
	}
	sort.Slice(due, func(i, j int) bool {
		if !due[i].next.Equal(due[j].next) {
			return due[i].next.Before(due[j].next)
		}
		return due[i].UUID < due[j].UUID
	})
	var all []Owed
	for _, h := range due[:min(limit, len(due))] {
		all = append(all, h.Owed)
	}
	return all, nil
}

func (b *box) NextDue(context.Context) (time.Time, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.called("next", ""); err != nil {
		return time.Time{}, false, err
	}
	var next time.Time
	any := false
	for _, h := range b.notices {
		if !any || h.next.Before(next) {
			next, any = h.next, true
		}
	}
	return next, any, nil
}

func (b *box) Postpone(_ context.Context, uuid string, attempts int, next time.Time, why string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.called("postpone", uuid); err != nil {
		return err
	}
	if h, ok := b.notices[uuid]; ok {
		h.Attempts, h.next, h.why = attempts, next, why
	}
	return nil
}

func (b *box) Reported(ctx context.Context, uuid string) error {
	time.Sleep(b.slow)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.called("reported", uuid); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	b.reported[uuid]++
	delete(b.notices, uuid)
	return nil
}

func (b *box) count(call string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.calls[call]
}

func (b *box) left() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.notices)
}

// post is one POST that MGR got.
type post struct {
	at   time.Time
	uuid string
	body string
	r    *http.Request
}

// mgr is the other side: a RoundTripper that keeps what it got.
type mgr struct {
	mu     sync.Mutex
	posts  []post
	answer func(p post) (*http.Response, error)
}

func (m *mgr) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	_, rest, _ := strings.Cut(string(body), `"payment_uuid":"`)
	uuid, _, _ := strings.Cut(rest, `"`)
	p := post{time.Now(), uuid, string(body), r}
	m.mu.Lock()
	m.posts = append(m.posts, p)
	answer := m.answer
	m.mu.Unlock()
	if answer == nil {
		return says(200, "ok"), nil
	}
	return answer(p)
}

func (m *mgr) set(f func(p post) (*http.Response, error)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.answer = f
}

// of is what came for a payment; of all for the empty one.
func (m *mgr) of(uuid string) []post {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []post
	for _, p := range m.posts {
		if uuid == "" || p.uuid == uuid {
			all = append(all, p)
		}
	}
	return all
}

func says(status int, body string, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}
}

var errGone = errors.New("dial tcp 203.0.113.1:443: network is unreachable")

func unreachable(post) (*http.Response, error) { return nil, errGone }

// world is a notifier at work in a bubble of its own time.
type world struct {
	*Notifier
	box   *box
	mgr   *mgr
	log   *logBuffer
	start time.Time
	stop  func()

	mu        sync.Mutex
	refused   []string
	delivered []string
	network   string
	looks     int // at the network
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// simulate runs test in a bubble with a notifier over the box; it is stopped, and must end, afterwards.
func simulate(t *testing.T, b *box, answer func(post) (*http.Response, error), test func(t *testing.T, w *world), change ...func(*Config)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{box: b, mgr: &mgr{answer: answer}, log: &logBuffer{}, start: time.Now(), network: "up"}
		c := Config{
			URL: notifyTo, Passcode: passcode, Transport: w.mgr, Log: slog.New(slog.NewTextHandler(w.log, nil)),
			Network: func() string {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.looks++
				return w.network
			},
			Hooks: Hooks{
				Refused: func(uuid string, status int, text string) {
					w.mu.Lock()
					defer w.mu.Unlock()
					w.refused = append(w.refused, uuid+" "+http.StatusText(status)+" "+text)
				},
				Delivered: func(uuid string) {
					w.mu.Lock()
					defer w.mu.Unlock()
					w.delivered = append(w.delivered, uuid)
				},
			},
		}
		for _, f := range change {
			f(&c)
		}
		var err error
		if w.Notifier, err = New(c, b); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); w.Run(ctx) }()
		w.stop = func() { cancel(); <-ended }
		synctest.Wait()
		test(t, w)
		w.stop()
	})
}

// sleep lets time pass in the bubble, and everything that is due in it happen.
func sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
