package shell

import (
	"errors"
	"sync"

	"tillbridge/terminal"
)

// ErrDead is what everything returns once the fuse has blown: the process is gone.
var ErrDead = errors.New("the bridge is dead")

// Fuse counts the operations by which a bridge touches the world and kills it at one of them: just before the
// operation, which then never happens, or just after it, so that nobody learns of its success.
type Fuse struct {
	mu    sync.Mutex
	at    int // the operation that is the last, counted from 0; negative for none
	after bool
	count int
	blown bool
	last  string // the operation at which it blew
	kill  []func()
}

// NewFuse makes a fuse that blows at an operation; a negative number never does.
func NewFuse(at int, after bool) *Fuse { return &Fuse{at: at, after: after} }

// OnBlow adds something to be done at the moment of death, such as cutting a line. It must not block.
func (f *Fuse) OnBlow(kill func()) {
	f.mu.Lock()
	blown := f.blown
	f.kill = append(f.kill, kill)
	f.mu.Unlock()
	if blown {
		kill()
	}
}

// Blown tells whether the bridge is dead, and at which operation it died.
func (f *Fuse) Blown() (bool, string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.blown, f.last
}

// Count is the number of operations so far.
func (f *Fuse) Count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count
}

// Do performs one operation, or dies before or after it.
func (f *Fuse) Do(name string, op func() error) error {
	f.mu.Lock()
	if f.blown {
		f.mu.Unlock()
		return ErrDead
	}
	mine := f.count == f.at
	f.count++
	if mine && !f.after {
		f.blow(name + ", before")
		return ErrDead
	}
	f.mu.Unlock()
	err := op()
	f.mu.Lock()
	if f.blown {
		f.mu.Unlock()
		return ErrDead
	}
	if mine {
		f.blow(name + ", after")
		return ErrDead
	}
	f.mu.Unlock()
	return err
}

// blow is called with the mutex held and releases it.
func (f *Fuse) blow(name string) {
	f.blown, f.last = true, name
	kill := f.kill
	f.mu.Unlock()
	for _, k := range kill {
		k()
	}
}

// fusedPort is a line of a bridge with a fuse. At the bridge's death the line breaks for the terminal too.
type fusedPort struct {
	terminal.Port
	fuse  *Fuse
	wrote func(b []byte) // told before each write that will happen
}

// Fused puts a fuse into a line. The callback is told of each write just before it happens; nil for none.
func Fused(p terminal.Port, f *Fuse, wrote func([]byte)) terminal.Port {
	f.OnBlow(func() { _ = p.Close() })
	return &fusedPort{Port: p, fuse: f, wrote: wrote}
}

func (p *fusedPort) Read(b []byte) (n int, err error) {
	err = p.fuse.Do("line read", func() (err error) {
		n, err = p.Port.Read(b)
		return err
	})
	if errors.Is(err, ErrDead) {
		n = 0
	}
	return n, err
}

func (p *fusedPort) Write(b []byte) (n int, err error) {
	err = p.fuse.Do("line write", func() (err error) {
		if p.wrote != nil {
			p.wrote(b)
		}
		n, err = p.Port.Write(b)
		return err
	})
	return n, err
}
