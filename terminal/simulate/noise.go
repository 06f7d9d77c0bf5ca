package simulate

import (
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"tillbridge/terminal"
)

// Noise is the port with bits flipped in both directions, each with the probability bitErrorRate (0 to 1).
// The same seed flips the same bits of the same bytes, however they are cut into reads and writes.
func Noise(port terminal.Port, bitErrorRate float64, seed uint64) terminal.Port {
	return &noisy{Port: port, in: newFlipper(bitErrorRate, seed, 1), out: newFlipper(bitErrorRate, seed, 2)}
}

type noisy struct {
	terminal.Port
	in, out *flipper
}

func (p *noisy) Read(b []byte) (int, error) {
	n, err := p.Port.Read(b)
	p.in.flip(b[:n])
	return n, err
}

func (p *noisy) Write(b []byte) (int, error) {
	noise := append([]byte(nil), b...)
	p.out.flip(noise)
	return p.Port.Write(noise)
}

// Gone is closed when the port is lost; nil where the port cannot tell.
func (p *noisy) Gone() <-chan struct{} { return gone(p.Port) }

// Abort passes on.
func (p *noisy) Abort() error { return abort(p.Port) }

// flipper flips bits of a stream. It draws the distance to the next flip instead of a number a bit.
type flipper struct {
	rate float64

	mu     sync.Mutex
	random *rand.Rand
	wait   int64 // bits that stay as they are before the next flip
}

func newFlipper(rate float64, seed, direction uint64) *flipper {
	f := &flipper{rate: rate, random: rand.New(rand.NewPCG(seed, direction))}
	f.wait = f.gap()
	return f
}

// gap draws a distance from the geometric distribution.
func (f *flipper) gap() int64 {
	switch {
	case f.rate <= 0:
		return math.MaxInt64
	case f.rate >= 1:
		return 0
	}
	d := math.Floor(math.Log1p(-f.random.Float64()) / math.Log1p(-f.rate))
	return int64(min(d, 1<<62))
}

func (f *flipper) flip(b []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	bits := int64(len(b)) * 8
	at := f.wait
	for at < bits {
		b[at/8] ^= 1 << (at % 8)
		at += 1 + f.gap()
		if at < 0 { // the sum has overflown: never again
			at = math.MaxInt64
		}
	}
	f.wait = at - bits
}

// Op is an operation that Tap announces.
type Op uint8

// The operations.
const (
	ReadOp Op = iota
	WriteOp
)

func (o Op) String() string {
	if o == WriteOp {
		return "write"
	}
	return "read"
}

// TapEvent announces an operation of a tapped port.
type TapEvent struct {
	Op    Op
	After bool   // it has been done
	N     int    // counts the operations of this kind from 1, the same before and after
	Data  []byte // before a write what shall go; afterwards what came or went. Valid during the call only
	Err   error  // afterwards: what the port returned
}

// Tap is the port with every Read and Write announced before and after. An error of the callback is what the
// operation returns: before, it is not done; after, it was done but its caller does not learn it, and bytes
// that were read are lost. Reads and writes are announced from the goroutines that make them.
func Tap(port terminal.Port, callback func(TapEvent) error) terminal.Port {
	return &tapped{Port: port, callback: callback}
}

type tapped struct {
	terminal.Port
	callback func(TapEvent) error

	mu            sync.Mutex
	reads, writes int
}

func (p *tapped) Read(b []byte) (int, error) {
	return p.operate(ReadOp, &p.reads, nil, func() (int, []byte, error) {
		n, err := p.Port.Read(b)
		return n, b[:n], err
	})
}

func (p *tapped) Write(b []byte) (int, error) {
	return p.operate(WriteOp, &p.writes, b, func() (int, []byte, error) {
		n, err := p.Port.Write(b)
		return n, b[:n], err
	})
}

func (p *tapped) operate(op Op, count *int, before []byte, do func() (int, []byte, error)) (int, error) {
	p.mu.Lock()
	*count++
	number := *count
	p.mu.Unlock()
	if err := p.callback(TapEvent{Op: op, N: number, Data: before}); err != nil {
		return 0, err
	}
	n, data, err := do()
	if refused := p.callback(TapEvent{Op: op, After: true, N: number, Data: data, Err: err}); refused != nil {
		return 0, refused
	}
	return n, err
}

// SetReadDeadline passes on; it is no operation of its own.
func (p *tapped) SetReadDeadline(t time.Time) error { return p.Port.SetReadDeadline(t) }

// Gone is closed when the port is lost; nil where the port cannot tell.
func (p *tapped) Gone() <-chan struct{} { return gone(p.Port) }

// Abort passes on; it is no operation of its own.
func (p *tapped) Abort() error { return abort(p.Port) }

// abort drops what is unsent where a port can, and closes it.
func abort(p terminal.Port) error {
	if a, ok := p.(interface{ Abort() error }); ok {
		return a.Abort()
	}
	return p.Close()
}
