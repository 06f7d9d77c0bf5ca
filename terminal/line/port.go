package line

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"
)

const (
	inboxLimit   = 64 << 10              // bytes held for a reader that does not come; the system holds the rest
	pollEvery    = 50 * time.Millisecond // how often the pump looks whether it should end
	spinPause    = 10 * time.Millisecond // between reads of a driver that does not wait
	closeGrace   = 4 * pollEvery         // for the pump and the writer to end by themselves
	closeTimeout = 2 * time.Second       // of Close
)

// device is what we use of an open port of the serial library. Its Read returns 0, nil after pollEvery.
type device interface {
	io.ReadWriteCloser
	ResetOutputBuffer() error
}

// limits are the time limits of a port.
type limits struct {
	grace, close time.Duration
	write        func(n int) time.Duration
}

// serialPort makes a terminal.Port of a device whose calls may hang.
//
// Two goroutines make the system calls: the pump reads into the inbox, the writer writes. Callers wait for
// them on this side only, so that no caller is ever inside a system call. Close ends both before it closes
// the device: the library reads and writes by descriptor number, and a number that is closed under it may
// be another file's by then. Only where they hang is the device closed above their heads.
type serialPort struct {
	name    string
	dev     device
	release func() // gives our lock back
	limits  limits

	mu       sync.Mutex
	changed  *sync.Cond // anything below has changed
	inbox    []byte     // read from the device and not yet by the caller
	end      error      // why the pump ended
	closed   bool
	dropped  bool // Abort: what is unsent is dropped
	stuck    bool
	expired  bool // the read deadline has passed
	deadline uint // counts SetReadDeadline, so that an old timer is known
	timer    *time.Timer
	flushed  chan struct{} // made when a write was given up; closed when its bytes are dropped

	writing sync.Mutex // one Write at a time
	writes  chan write
	stop    chan struct{} // closed by Close
	gone    chan struct{} // closed when the line is lost
	pumped  chan struct{} // the pump has ended
	wrote   chan struct{} // the writer has ended
	done    chan struct{} // all is closed
}

type write struct {
	data   []byte
	result chan error
}

func newSerial(name string, dev device, release func(), l limits) *serialPort {
	p := &serialPort{
		name: name, dev: dev, release: release, limits: l,
		writes: make(chan write), stop: make(chan struct{}), gone: make(chan struct{}),
		pumped: make(chan struct{}), wrote: make(chan struct{}), done: make(chan struct{}),
	}
	p.changed = sync.NewCond(&p.mu)
	go p.pump()
	go p.writer()
	return p
}

// Gone is closed when the line is lost, also while nobody reads. Our own Close does not close it.
func (p *serialPort) Gone() <-chan struct{} { return p.gone }

// pump reads from the device until it is lost or the port is closed.
func (p *serialPort) pump() {
	defer close(p.pumped)
	// The library panics on some systems when the process has more than 1024 files open.
	defer func() {
		if r := recover(); r != nil {
			p.lose(fmt.Errorf("read: %v; are there too many open files?", r))
		}
	}()
	for buf := make([]byte, 4096); ; {
		begin := time.Now()
		n, err := p.dev.Read(buf)
		if !p.deliver(buf[:max(n, 0)]) {
			return
		}
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil && !errors.Is(err, syscall.EAGAIN):
			p.lose(err)
			return
		case n <= 0 && time.Since(begin) < pollEvery/2:
			// A driver that does not wait must not make us spin.
			if !p.pause(spinPause) {
				return
			}
		}
	}
}

// deliver puts bytes into the inbox once there is room, and tells whether the pump goes on.
func (p *serialPort) deliver(b []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(b) > 0 && len(p.inbox)+len(b) > inboxLimit && !p.closed {
		p.changed.Wait()
	}
	if p.closed {
		return false
	}
	if len(b) > 0 {
		p.inbox = append(p.inbox, b...)
		p.changed.Broadcast()
	}
	return true
}

// lose ends reading, and writing with it: the device is not there any more.
func (p *serialPort) lose(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.end != nil {
		return
	}
	p.end = fmt.Errorf("%s: %w: %w", p.name, ErrGone, plain(err))
	close(p.gone)
	p.changed.Broadcast()
}

// pause waits, and tells whether the port is still open.
func (p *serialPort) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-p.stop:
		return false
	case <-t.C:
		return true
	}
}

func (p *serialPort) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch {
		case p.closed:
			return 0, closedError{p.name}
		case len(b) == 0:
			return 0, nil
		case p.expired:
			return 0, fmt.Errorf("read %s: %w", p.name, os.ErrDeadlineExceeded)
		case len(p.inbox) > 0:
			n := copy(b, p.inbox)
			p.inbox = p.inbox[:copy(p.inbox, p.inbox[n:])]
			p.changed.Broadcast()
			return n, nil
		case p.end != nil:
			return 0, p.end
		}
		p.changed.Wait()
	}
}

// Quiet tells whether a Read would have to wait: nothing has come that was not read, and the line is there.
func (p *serialPort) Quiet() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.closed && p.end == nil && len(p.inbox) == 0
}

func (p *serialPort) SetReadDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return closedError{p.name}
	}
	p.deadline++
	p.expired = false
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
	if !t.IsZero() {
		mine := p.deadline
		if wait := time.Until(t); wait <= 0 {
			p.expired = true
		} else {
			p.timer = time.AfterFunc(wait, func() { p.expire(mine) })
		}
	}
	p.changed.Broadcast()
	return nil
}

func (p *serialPort) expire(mine uint) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.deadline == mine {
		p.expired = true
		p.changed.Broadcast()
	}
}

// writer makes the system calls of Write.
func (p *serialPort) writer() {
	defer close(p.wrote)
	for {
		select {
		case <-p.stop:
			return
		case w := <-p.writes:
			w.result <- p.writeAll(w.data)
		}
	}
}

// writeAll writes until all is taken. It asks after each call whether the port is still in use, so that the
// rest of an abandoned write stays here.
func (p *serialPort) writeAll(b []byte) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("write: %v", r)
		}
	}()
	for len(b) > 0 {
		if err := p.usable(); err != nil {
			return err
		}
		n, err := p.dev.Write(b)
		b = b[min(max(n, 0), len(b)):]
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return fmt.Errorf("%s: %w: %w", p.name, ErrGone, plain(err))
		}
		if n <= 0 && err == nil {
			return fmt.Errorf("%s: %w: %w", p.name, ErrGone, io.ErrShortWrite)
		}
	}
	return nil
}

// usable tells why nothing may be written any more.
func (p *serialPort) usable() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return closedError{p.name}
	case p.stuck:
		return fmt.Errorf("write to %s: %w", p.name, ErrStuck)
	}
	return p.end
}

func (p *serialPort) Write(b []byte) (int, error) {
	p.writing.Lock()
	defer p.writing.Unlock()
	if err := p.usable(); err != nil || len(b) == 0 {
		return 0, err
	}
	limit := p.limits.write(len(b))
	timer := time.NewTimer(limit)
	defer timer.Stop()
	// The writer may go on with its bytes after we have given up, and the caller may use his again.
	w := write{append([]byte(nil), b...), make(chan error, 1)}
	select {
	case p.writes <- w:
	case <-p.stop:
		return 0, closedError{p.name}
	}
	select {
	case err := <-w.result:
		if err != nil {
			return 0, err
		}
		return len(b), nil
	case <-p.stop:
		return 0, closedError{p.name}
	case <-timer.C:
	}
	if !p.abandon() {
		return 0, closedError{p.name}
	}
	return 0, fmt.Errorf("write to %s: %w: the device did not take %d bytes in %s", p.name, ErrStuck, len(b), limit)
}

// abandon gives a write up, and all later ones. What still waits in the system must not leave when nobody
// expects it any more, so it is dropped there; that call may hang too.
func (p *serialPort) abandon() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false // shut sees to it
	}
	p.stuck = true
	p.flushed = make(chan struct{})
	go func() {
		defer close(p.flushed)
		p.flush()
	}()
	return true
}

// flush drops what waits in the system, again where a signal interrupted it.
func (p *serialPort) flush() {
	for tries := 0; tries < 10; tries++ {
		if err := p.dev.ResetOutputBuffer(); !errors.Is(err, syscall.EINTR) {
			return
		}
	}
}

// Close closes the port. What the system holds of what was written may still leave.
func (p *serialPort) Close() error { return p.finish(false) }

// Abort closes the port, and what was written and has not left is dropped in the system.
func (p *serialPort) Abort() error { return p.finish(true) }

func (p *serialPort) finish(abort bool) error {
	p.mu.Lock()
	if !p.closed {
		p.closed, p.dropped = true, abort
		p.inbox = nil
		if p.timer != nil {
			p.timer.Stop()
		}
		close(p.stop)
		p.changed.Broadcast()
		go p.shut()
	}
	p.mu.Unlock()
	timer := time.NewTimer(p.limits.close)
	defer timer.Stop()
	select {
	case <-p.done:
		return nil
	case <-timer.C:
		return fmt.Errorf("close %s: %w: a system call has not ended in %s", p.name, ErrStuck, p.limits.close)
	}
}

// shut closes the device and gives the lock back once nothing uses the device any more, however long that
// takes. Until then the lock tells others, and us, that bytes of ours may still leave.
func (p *serialPort) shut() {
	defer close(p.done)
	defer p.release()
	p.mu.Lock()
	flushed, dropped := p.flushed, p.dropped
	p.mu.Unlock()
	grace, cancel := context.WithTimeout(context.Background(), p.limits.grace)
	defer cancel()
	await(grace, p.pumped)
	if wrote := await(grace, p.wrote); flushed == nil && (dropped || !wrote) {
		p.flush()
	}
	await(grace, flushed)
	_ = p.dev.Close()
	for _, c := range []chan struct{}{p.pumped, p.wrote, flushed} {
		await(context.Background(), c)
	}
}

// ended tells whether the port is closed to the end, and nothing of it is left in the system.
func (p *serialPort) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// await waits for c, a nil one excepted, and tells whether it came before the time was over.
func await(ctx context.Context, c chan struct{}) bool {
	if c == nil {
		return true
	}
	select {
	case <-c:
		return true
	case <-ctx.Done():
	}
	select {
	case <-c:
		return true
	default:
		return false
	}
}
