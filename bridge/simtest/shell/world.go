package shell

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/journal"
	"tillbridge/bridge/notify"
	"tillbridge/bridge/till"
	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// Till is one terminal of a world: how it is driven and how its own side is played.
type Till struct {
	Driver  terminal.Driver
	Options any
	Link    terminal.LinkKind
	// Serve plays the terminal's side of one line until the line breaks.
	Serve func(context.Context, terminal.Port)
	// Watch is told of each write to the line just before it happens, to check from outside that what it asks
	// for is durable; nil for none.
	Watch func(b *Bridge, line []byte)
}

// World is everything outside the bridge that outlives it: the journal's folder, the terminal, and MGR with a
// memory of its own.
type World struct {
	Folder   string
	Currency terminal.Currency
	Till     Till

	mu       sync.Mutex
	told     map[string][]Told // by uuid
	violated []string          // what a check at the moment of an operation found
	unplug   bool
	line     *simulate.PipeEnd // the newest line
	serving  sync.WaitGroup
}

// Told is one notice that reached MGR.
type Told struct {
	At                       time.Time
	Status, AuthCode, TxnRef string
}

// NewWorld makes a world around a terminal.
func NewWorld(folder string, c terminal.Currency, t Till) *World {
	return &World{Folder: folder, Currency: c, Till: t, told: map[string][]Told{}}
}

// Told is what MGR was told of a payment so far.
func (w *World) Told(uuid string) []Told {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]Told(nil), w.told[uuid]...)
}

// Violations are the broken rules that were seen from outside at the moment of an operation.
func (w *World) Violations() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.violated...)
}

func (w *World) violate(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.violated = append(w.violated, fmt.Sprintf(format, args...))
}

// Unplug makes the terminal unreachable for whoever dials from now on, or reachable again.
func (w *World) Unplug(gone bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unplug = gone
}

// Cut breaks the line that there is, as a pulled cable does.
func (w *World) Cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.line != nil {
		w.line.Cut()
	}
}

// Settle returns when every line of the terminal has ended.
func (w *World) Settle() { w.serving.Wait() }

// Bridge is one life of the daemon's money path: the real journal, worker and notifier, with a fuse in each of
// their ways to the world.
type Bridge struct {
	Journal *journal.Journal
	Desk    *till.Desk
	Fuse    *Fuse

	world *World
	stop  context.CancelFunc
	ended sync.WaitGroup
}

// Start begins a life of the bridge. An error means that the fuse blew before it was up.
func (w *World) Start(ctx context.Context, f *Fuse, log io.Writer) (*Bridge, error) {
	j, err := journal.Open(ctx, w.Folder+"/journal.db", journal.Options{ReserveBytes: 64 << 10, CheckEvery: time.Hour})
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	b := &Bridge{Journal: j, Fuse: f, world: w, stop: stop}
	f.OnBlow(stop)
	logger := newLogger(log)
	mine := &fusedJournal{Journal: j, fuse: f}
	var notifier *notify.Notifier
	b.Desk, err = till.New(till.Config{
		Terminals: []till.Terminal{{
			Name: "counter", Driver: w.Till.Driver, Options: w.Till.Options, Currency: w.Currency, Line: "memory",
			Link: w.Till.Link, Dial: b.dial,
		}},
		QueueLimit: time.Minute, Log: logger,
		Hooks: till.Hooks{Notify: func() { notifier.Kick() }, Decided: func(n bridge.Notice) { notifier.Deliver(n) }, Changed: func() {}, Alarm: func() {}},
	}, mine)
	if err != nil {
		return nil, err
	}
	notifier, err = notify.New(notify.Config{
		URL: "http://mgr.invalid/notify", Passcode: "passcode", Transport: &wire{world: w, bridge: b}, Log: logger,
		Network: func() string { return "" },
	}, &outbox{fusedJournal: mine, bridge: b})
	if err != nil {
		return nil, err
	}
	ready := make(chan struct{})
	failed := make(chan error, 1)
	b.ended.Go(func() { notifier.Run(ctx) })
	b.ended.Go(func() { failed <- b.Desk.Run(ctx, func() { close(ready) }) })
	select {
	case <-ready:
		return b, nil
	case err := <-failed:
		b.Stop()
		return nil, fmt.Errorf("start: %w", errors.Join(err, context.Cause(ctx)))
	}
}

// Stop ends the life. After the fuse blew it only sweeps up: nothing reaches the world any more.
func (b *Bridge) Stop() {
	b.stop()
	b.ended.Wait()
	_ = b.Journal.Close()
}

func (b *Bridge) dial(ctx context.Context) (terminal.Port, error) {
	w := b.world
	var port terminal.Port
	err := b.Fuse.Do("dial", func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.unplug {
			return errors.New("nothing is plugged in")
		}
		mine, theirs := simulate.Pipe()
		w.line = mine
		w.serving.Go(func() {
			w.Till.Serve(context.WithoutCancel(ctx), theirs)
			_ = theirs.Close()
		})
		port = Fused(mine, b.Fuse, func(line []byte) {
			if w.Till.Watch != nil {
				w.Till.Watch(b, line)
			}
		})
		return nil
	})
	return port, err
}

func (b *Bridge) byReference(ref string) (bridge.Payment, bool) {
	all, err := b.Journal.List(context.Background(), journal.Filter{Limit: 100})
	if err != nil {
		return bridge.Payment{}, false
	}
	for _, p := range all {
		if p.Reference == ref {
			return p.Payment, true
		}
	}
	return bridge.Payment{}, false
}

// Charge is MGR's webhook: it returns nil once MGR has its 202.
func (b *Bridge) Charge(ctx context.Context, o bridge.Order) error {
	if _, err := b.Desk.Accept(ctx, o); err != nil {
		return err
	}
	return b.Fuse.Do("answer 202", func() error {
		p, ok, err := b.Journal.Payment(context.WithoutCancel(ctx), o.UUID)
		if err != nil || !ok || p.State == bridge.None {
			b.world.violate("I8: 202 was answered for a payment that the journal does not have (%v)", err)
		}
		return nil
	})
}

// wire carries notices to MGR.
type wire struct {
	world  *World
	bridge *Bridge
}

func (n *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	err := n.bridge.Fuse.Do("notify MGR", func() error {
		var body struct {
			UUID     string `json:"payment_uuid"`
			Status   string `json:"status"`
			AuthCode string `json:"auth_code"`
			TxnRef   string `json:"txn_ref"`
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			return err
		}
		p, ok, err := n.bridge.Journal.Payment(context.WithoutCancel(r.Context()), body.UUID)
		if err != nil || !ok || !p.Final() {
			n.world.violate("I8: MGR was told %s while the journal said %s (%v)", body.Status, p.State, err)
		}
		n.world.mu.Lock()
		defer n.world.mu.Unlock()
		n.world.told[body.UUID] = append(n.world.told[body.UUID], Told{time.Now(), body.Status, body.AuthCode, body.TxnRef})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: http.StatusOK, Status: "200 OK", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: http.NoBody, Request: r,
	}, nil
}
