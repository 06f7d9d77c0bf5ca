package simulate

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// pipeLimit is how many bytes wait on the way for a reader before Write blocks.
const pipeLimit = 64 << 10

// ErrCut is wrapped by what Read and Write return once the line was cut.
var ErrCut = errors.New("the line was cut")

// PipeEnd is one end of a byte line in memory; it is a terminal.Port. Its methods may be called from any
// goroutine, also inside a bubble of testing/synctest, where its waits are durably blocked and its deadlines
// use the bubble's clock.
type PipeEnd struct {
	in, out *queue // from and to the other end
	gone    chan struct{}
	other   *PipeEnd
	once    sync.Once
}

// Pipe makes a line in memory and returns its two ends. A Write does not wait for the reader until 64 KiB are
// on the way. After Close of one end the other reads what is on the way and then io.EOF.
func Pipe() (a, b *PipeEnd) {
	to, from := newQueue(pipeLimit), newQueue(pipeLimit)
	a = &PipeEnd{in: from, out: to, gone: make(chan struct{})}
	b = &PipeEnd{in: to, out: from, gone: make(chan struct{})}
	a.other, b.other = b, a
	return a, b
}

// Read reads what the other end wrote.
func (e *PipeEnd) Read(p []byte) (int, error) { return e.in.read(p) }

// Write hands bytes to the other end. It blocks only while 64 KiB are on the way.
func (e *PipeEnd) Write(p []byte) (int, error) { return e.out.write(p, time.Time{}, 0) }

// WriteAt is a Write of bytes that begin to pass at a time, or once those before have passed, each taking so long.
func (e *PipeEnd) WriteAt(p []byte, at time.Time, each time.Duration) (int, error) {
	return e.out.write(p, at, each)
}

// SetReadDeadline ends a Read, present or future, at t; the zero time means never.
func (e *PipeEnd) SetReadDeadline(t time.Time) error { return e.in.setDeadline(t) }

// Close closes this end. It may be repeated.
func (e *PipeEnd) Close() error {
	e.in.kill(errClosed, io.ErrClosedPipe)
	e.out.end(io.EOF, errClosed)
	e.other.lose()
	return nil
}

// Abort is a Close that drops what has not passed yet.
func (e *PipeEnd) Abort() error {
	e.out.drop(time.Now())
	return e.Close()
}

// Cut cuts the line as a pulled cable does: both ends get ErrCut at once, and what was on the way is lost.
func (e *PipeEnd) Cut() {
	err := fmt.Errorf("pipe: %w", ErrCut)
	e.in.kill(err, err)
	e.out.kill(err, err)
	e.lose()
	e.other.lose()
}

// Gone is closed once the line was cut or the other end closed.
func (e *PipeEnd) Gone() <-chan struct{} { return e.gone }

func (e *PipeEnd) lose() { e.once.Do(func() { close(e.gone) }) }

// closedError is what a port returns after its own Close.
type closedError struct{}

func (closedError) Error() string { return "the line was closed" }

func (closedError) Is(target error) bool { return target == net.ErrClosed || target == os.ErrClosed }

var errClosed = closedError{}

// queue carries bytes one way, each of which may be read from its own time on.
type queue struct {
	limit int

	mu       sync.Mutex
	changed  *sync.Cond // anything below has changed, or time has come
	segments []segment
	size     int       // bytes in segments
	free     time.Time // when the last byte queued so far has passed a paced line
	over     error     // what a reader gets after the last byte; nil while more may come
	unread   error     // what a reader gets from now on; nil while the queue lives
	unsent   error     // what a writer gets from now on; nil while bytes are taken
	expired  bool      // the read deadline has passed
	set      uint      // counts setDeadline, so that an old timer is known
	deadline *time.Timer
	ripe     *time.Timer // wakes readers for the next byte
}

// segment is a run of bytes that pass one after another: byte i may be read from start+(i+1)*each on.
type segment struct {
	data  []byte
	start time.Time
	each  time.Duration
}

// due counts the bytes that may be read at a time.
func (s segment) due(now time.Time) int {
	switch {
	case now.Before(s.start):
		return 0
	case s.each <= 0:
		return len(s.data)
	}
	return min(len(s.data), max(0, int(now.Sub(s.start)/s.each)))
}

func newQueue(limit int) *queue {
	q := &queue{limit: limit}
	q.changed = sync.NewCond(&q.mu)
	return q
}

// write queues bytes, which begin to pass at the given time, or when those before have passed. It blocks
// while the queue is full.
func (q *queue) write(p []byte, at time.Time, each time.Duration) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for done := 0; ; {
		switch {
		case q.unsent != nil:
			return done, q.unsent
		case done == len(p):
			return done, nil
		}
		n := min(len(p)-done, q.limit-q.size)
		if n == 0 {
			q.changed.Wait()
			continue
		}
		s := segment{data: append([]byte(nil), p[done:done+n]...), start: at, each: each}
		if s.start.Before(q.free) {
			s.start = q.free
		}
		q.free = s.start.Add(time.Duration(n) * each)
		q.segments = append(q.segments, s)
		q.size += n
		done += n
		q.changed.Broadcast()
	}
}

// read waits for bytes that may be read and takes them.
func (q *queue) read(p []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		switch {
		case q.unread != nil:
			return 0, q.unread
		case len(p) == 0:
			return 0, nil
		case q.expired:
			return 0, fmt.Errorf("read: %w", os.ErrDeadlineExceeded)
		}
		if n := q.take(p, time.Now()); n > 0 {
			q.changed.Broadcast()
			return n, nil
		}
		if len(q.segments) == 0 && q.over != nil {
			return 0, q.over
		}
		q.waitRipe()
	}
}

// waitRipe waits for a change, and no longer than until the next byte may be read.
func (q *queue) waitRipe() {
	if q.ripe != nil {
		q.ripe.Stop()
		q.ripe = nil
	}
	if len(q.segments) > 0 {
		s := q.segments[0]
		q.ripe = time.AfterFunc(time.Until(s.start.Add(s.each)), q.wake)
	}
	q.changed.Wait()
}

func (q *queue) wake() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.changed.Broadcast()
}

// take moves what may be read into p.
func (q *queue) take(p []byte, now time.Time) (n int) {
	for len(q.segments) > 0 && n < len(p) {
		s := &q.segments[0]
		due := min(s.due(now), len(p)-n)
		if due == 0 {
			break
		}
		n += copy(p[n:], s.data[:due])
		s.data = s.data[due:]
		s.start = s.start.Add(time.Duration(due) * s.each)
		q.size -= due
		if len(s.data) > 0 {
			break
		}
		q.segments[0] = segment{}
		q.segments = q.segments[1:]
	}
	return n
}

// drop forgets the bytes that may not be read yet.
func (q *queue) drop(now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	kept := q.segments[:0]
	q.size = 0
	for _, s := range q.segments {
		if s.data = s.data[:s.due(now)]; len(s.data) > 0 {
			kept = append(kept, s)
			q.size += len(s.data)
		}
	}
	q.segments = kept
	q.changed.Broadcast()
}

// end takes no more bytes: writers get unsent, readers get over after the last byte.
func (q *queue) end(over, unsent error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.over == nil && q.unread == nil {
		q.over, q.unsent = over, unsent
		q.changed.Broadcast()
	}
}

// kill ends the queue at once; what is in it is lost.
func (q *queue) kill(unread, unsent error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.unread != nil {
		return
	}
	q.unread = unread
	if q.unsent == nil {
		q.unsent = unsent
	}
	q.segments, q.size = nil, 0
	for _, t := range []*time.Timer{q.deadline, q.ripe} {
		if t != nil {
			t.Stop()
		}
	}
	q.changed.Broadcast()
}

func (q *queue) setDeadline(t time.Time) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.unread != nil {
		return q.unread
	}
	q.set++
	q.expired = false
	if q.deadline != nil {
		q.deadline.Stop()
		q.deadline = nil
	}
	if !t.IsZero() {
		mine := q.set
		if wait := time.Until(t); wait <= 0 {
			q.expired = true
		} else {
			q.deadline = time.AfterFunc(wait, func() { q.expire(mine) })
		}
	}
	q.changed.Broadcast()
	return nil
}

func (q *queue) expire(mine uint) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.set == mine {
		q.expired = true
		q.changed.Broadcast()
	}
}
