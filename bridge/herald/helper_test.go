package herald

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/terminal"
)

var eur = terminal.Currency{Code: "EUR", Numeric: 978, Digits: 2}

// shop is what stands, for a herald in a bubble of its own time.
type shop struct {
	file string
	log  logBuffer

	mu     sync.Mutex
	things map[string]Thing
	err    error
	looks  int
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

func newShop(t *testing.T) *shop {
	return &shop{file: filepath.Join(t.TempDir(), "told"), things: map[string]Thing{}}
}

func (s *shop) stand(things ...Thing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range things {
		s.things[t.Key] = t
	}
}

func (s *shop) end(keys ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range keys {
		delete(s.things, k)
	}
}

func (s *shop) broken(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *shop) standing(context.Context) (all []Thing, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looks++
	for _, t := range s.things {
		all = append(all, t)
	}
	return all, s.err
}

func (s *shop) config() Config {
	return Config{
		Shop: "Main Street", File: s.file, Webhook: &Webhook{URL: "https://alarms.example/till"}, Standing: s.standing,
		Over: func(_ context.Context, e Event) string { return "It is over: " + e.Kind + "." },
		Log:  slog.New(slog.NewTextHandler(&s.log, nil)),
	}
}

// box is a way's other side: it keeps what came, and answers as it is told.
type box struct {
	mu     sync.Mutex
	came   []delivery
	tries  int
	answer error
	hangs  bool // until the try is ended
}

type delivery struct {
	at time.Time
	m  message
}

func (b *box) send(ctx context.Context, m message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tries++
	if b.hangs {
		b.mu.Unlock()
		<-ctx.Done()
		b.mu.Lock()
		return ctx.Err()
	}
	if b.answer == nil {
		b.came = append(b.came, delivery{time.Now(), m})
	}
	return b.answer
}

func (b *box) set(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer = err
}

// told is what came since the last call, an event a word: "raised hold u1".
func (b *box) told() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []string
	for _, d := range b.came {
		for _, e := range d.m.Events {
			all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s %s", e.State, e.Kind, e.UUID+e.Terminal)))
		}
	}
	b.came = nil
	return strings.Join(all, ", ")
}

// messages is how many came and were not asked for.
func (b *box) messages() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.came)
}

// start runs a herald of the shop whose ways lead to the boxes, and returns what ends it.
func (s *shop) start(t *testing.T, c Config, boxes ...*box) (stop func()) {
	t.Helper()
	h, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	if len(h.ways) != len(boxes) {
		t.Fatalf("%d ways", len(h.ways))
	}
	for i, b := range boxes {
		h.ways[i].carrier = b
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); h.Run(ctx) }()
	synctest.Wait()
	return func() { cancel(); <-ended }
}

// pass lets time pass in the bubble, and all that is due in it happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func hold(uuid string) Thing {
	return Thing{
		Key: "hold:" + uuid, Kind: Hold, Terminal: "", UUID: uuid, Amount: terminal.Amount{Minor: 1250, Currency: eur},
		Text: "A payment of 12.50 EUR is not known.", Do: "Look.",
	}
}

func gone(name string) Thing {
	return Thing{Key: "terminal:" + name, Kind: TerminalGone, Terminal: name, Text: "Terminal " + name + " is not reached."}
}

func alarm(id int) Thing {
	return Thing{Key: fmt.Sprint("alarm:", id), Kind: "contrary", UUID: fmt.Sprint("p", id), Text: "Now the terminal says declined.", Since: time.Now()}
}

var errDown = errors.New("dial tcp: connection refused")
