package shop

import (
	"errors"
	"maps"
	"slices"
	"sync"

	"tillbridge/terminal"
)

// errDead is what everything returns in a bridge that has died.
var errDead = errors.New("the bridge is dead")

// mains is the power of the PC that one life of the bridge runs on. Every touch of the world goes through do; once the
// power is gone none happens any more, and nobody learns how the last one ended.
type mains struct {
	mu    sync.Mutex
	left  int // touches until it dies; negative for never
	after bool
	count int
	gone  chan struct{} // closed at its death
	last  string        // the touch at which it died
	next  int
	cut   map[int]func()
	under sync.WaitGroup // touches that have begun
}

// newMains makes a power that fails at the touch left, counted from 0, before or after it happened.
func newMains(left int, after bool) *mains {
	return &mains{left: left, after: after, gone: make(chan struct{}), cut: map[int]func(){}}
}

// onDeath adds what happens at the moment of death, which must not block, and tells how to take it back.
func (m *mains) onDeath(f func()) (forget func()) {
	m.mu.Lock()
	dead := m.isDead()
	n := m.next
	m.next++
	m.cut[n] = f
	m.mu.Unlock()
	if dead {
		f()
	}
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.cut, n)
	}
}

func (m *mains) isDead() bool {
	select {
	case <-m.gone:
		return true
	default:
		return false
	}
}

// stay takes the planned death back; false where it has come.
func (m *mains) stay() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.left = -1
	return !m.isDead()
}

// off ends the life now.
func (m *mains) off(why string) {
	m.mu.Lock()
	if m.isDead() {
		m.mu.Unlock()
		return
	}
	m.die(why)
}

// die is called with the mutex held and releases it.
func (m *mains) die(why string) {
	m.last = why
	close(m.gone)
	cut := slices.Collect(maps.Values(m.cut))
	m.mu.Unlock()
	for _, f := range cut {
		f()
	}
}

// do touches the world.
func (m *mains) do(what string, op func() error) error {
	m.mu.Lock()
	if m.isDead() {
		m.mu.Unlock()
		return errDead
	}
	mine := m.count == m.left
	m.count++
	if mine && !m.after {
		m.die("before: " + what)
		return errDead
	}
	m.under.Add(1)
	m.mu.Unlock()
	err := op()
	m.under.Done()
	m.mu.Lock()
	if m.isDead() {
		m.mu.Unlock()
		return errDead
	}
	if mine {
		m.die("after: " + what)
		return errDead
	}
	m.mu.Unlock()
	return err
}

// wire is a line of a bridge with a power. It breaks for the terminal too when that fails.
type wire struct {
	terminal.Port
	mains *mains
	leave func() // the line is closed; may be called again
}

func (w *wire) Read(b []byte) (n int, err error) {
	err = w.mains.do("line read", func() (err error) {
		n, err = w.Port.Read(b)
		return err
	})
	if errors.Is(err, errDead) {
		n = 0
	}
	return n, err
}

func (w *wire) Write(b []byte) (n int, err error) {
	err = w.mains.do("line write", func() (err error) {
		n, err = w.Port.Write(b)
		return err
	})
	return n, err
}

func (w *wire) Close() error {
	w.leave()
	return w.Port.Close()
}

// Gone is closed when the line is lost; nil where it cannot tell.
func (w *wire) Gone() <-chan struct{} {
	if g, ok := w.Port.(interface{ Gone() <-chan struct{} }); ok {
		return g.Gone()
	}
	return nil
}
