package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// The states of the bridge's process.
const (
	notStarted = "not started"
	starting   = "starting" // its door is not open yet
	running    = "running"
	killed     = "killed"
	stopped    = "stopped"
	ended      = "ended" // by itself
)

const (
	startLimit = 30 * time.Second      // until the door is open
	lookEvery  = 20 * time.Millisecond // at the door
)

// errNotRunning is why a bridge cannot be stopped.
var errNotRunning = errors.New("the bridge is not running")

// keeper starts and ends the bridge's process. Its methods may be called from any goroutine.
type keeper struct {
	start func(string) (Daemon, error)
	file  string
	door  string
	gone  func() // after each end, before the next start

	mu      sync.Mutex
	changed chan struct{}
	life    *life // nil while there is none
	state   string
	since   time.Time
	why     string // how it ended by itself
	starts  int
	tasks   sync.WaitGroup
	closed  bool
}

// life is one process of the bridge.
type life struct {
	daemon Daemon
	over   chan struct{}
	word   string // the state that it ends in
}

func newKeeper(start func(string) (Daemon, error), file, door string, gone func()) *keeper {
	return &keeper{start: start, file: file, door: door, gone: gone, changed: make(chan struct{}), state: notStarted, since: time.Now()}
}

// Changed is closed at the next change.
func (k *keeper) Changed() <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.changed
}

// set is called with mu held.
func (k *keeper) set(state string) {
	k.state, k.since = state, time.Now()
	close(k.changed)
	k.changed = make(chan struct{})
}

// Start starts the bridge and returns when its process runs, not when its door is open. While it runs that is
// an error.
func (k *keeper) Start() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.life != nil || k.closed {
		return errors.New("the bridge is running already")
	}
	d, err := k.start(k.file)
	if err != nil {
		return fmt.Errorf("start the bridge: %w", err)
	}
	l := &life{daemon: d, over: make(chan struct{}), word: ended}
	k.life, k.why = l, ""
	k.starts++
	k.set(starting)
	k.tasks.Go(func() { k.watch(l) })
	k.tasks.Go(func() { k.knock(l) })
	return nil
}

// watch waits for the end of a process.
func (k *keeper) watch(l *life) {
	err := <-l.daemon.Done()
	k.gone()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.life = nil
	if err != nil && l.word == ended {
		k.why = err.Error()
	}
	k.set(l.word)
	close(l.over)
}

// knock waits for the door to open.
func (k *keeper) knock(l *life) {
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		c, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", k.door)
		if err == nil {
			_ = c.Close() // nothing was said
			k.mu.Lock()
			if k.life == l && k.state == starting {
				k.set(running)
			}
			k.mu.Unlock()
			return
		}
		select {
		case <-look.C:
		case <-l.over:
			return
		case <-ctx.Done():
			return
		}
	}
}

// Kill ends the bridge at once and returns when it is gone.
func (k *keeper) Kill() error { return k.end(killed, Daemon.Kill) }

// Stop ends the bridge in good order, or kills it when that takes too long, and returns when it is gone.
func (k *keeper) Stop() error { return k.end(stopped, Daemon.Stop) }

func (k *keeper) end(word string, how func(Daemon) error) error {
	k.mu.Lock()
	l := k.life
	if l != nil {
		l.word = word
	}
	k.mu.Unlock()
	if l == nil {
		return errNotRunning
	}
	err := how(l.daemon)
	grace := time.NewTimer(stopGrace)
	defer grace.Stop()
	select {
	case <-l.over:
		return nil // however it came about
	case <-grace.C:
	}
	if err := errors.Join(err, l.daemon.Kill()); err != nil {
		return fmt.Errorf("end the bridge: %w", err)
	}
	<-l.over
	return nil
}

// ready waits until the door is open. An error says why it will not be.
func (k *keeper) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		k.mu.Lock()
		state, why, changed := k.state, k.why, k.changed
		k.mu.Unlock()
		switch state {
		case running:
			return nil
		case starting:
		default:
			return fmt.Errorf("the bridge is %s: %s", state, why)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("wait for the bridge: %w", ctx.Err())
		}
	}
}

// close ends the bridge for good.
func (k *keeper) close() error {
	k.mu.Lock()
	k.closed = true
	k.mu.Unlock()
	err := k.Stop()
	if errors.Is(err, errNotRunning) {
		err = nil
	}
	k.tasks.Wait()
	return err
}

// process is the bridge's process as it can be shown.
type process struct {
	State  string    `json:"state"`
	Since  time.Time `json:"since"`
	Why    string    `json:"why,omitempty"`
	Starts int       `json:"starts"`
}

func (k *keeper) process() process {
	k.mu.Lock()
	defer k.mu.Unlock()
	return process{State: k.state, Since: k.since, Why: k.why, Starts: k.starts}
}
