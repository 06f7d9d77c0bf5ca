package simulate

import (
	"errors"
	"io"
	"sync"
	"time"

	"tillbridge/terminal"
)

// Pace is the port at the speed of a serial line, in both directions, like a pair of UARTs: byte k of a
// transmission has passed k+1 byte times after its begin, however late the goroutines run, and a transmission
// begins when the one before has passed. bitsPerByte counts start, parity and stop bits: 10 for 8N1.
//
// Write returns at once while fewer than 64 KiB wait, as with an operating system's buffer. Close waits for
// what was written to leave, at most a second longer than its speed needs, and closes the port. An error of
// the port on writing is returned by the Write after it.
func Pace(port terminal.Port, bitsPerSecond, bitsPerByte int) terminal.Port {
	p := &paced{
		port: port, each: time.Duration(bitsPerByte) * time.Second / time.Duration(bitsPerSecond),
		in: newQueue(pipeLimit), out: newQueue(pipeLimit),
		arrived: make(chan struct{}), departed: make(chan struct{}), closed: make(chan struct{}),
	}
	go p.arrive()
	go p.depart()
	return p
}

type paced struct {
	port    terminal.Port
	each    time.Duration // a byte's time
	in, out *queue

	arrived, departed chan struct{} // the goroutines have ended
	once              sync.Once
	closed            chan struct{}
	err               error // of Close
}

// arrive puts what comes on the line.
func (p *paced) arrive() {
	defer close(p.arrived)
	for buf := make([]byte, 4096); ; {
		n, err := p.port.Read(buf)
		if n > 0 {
			if _, err := p.in.write(buf[:n], time.Now(), p.each); err != nil {
				return
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			p.in.end(err, err)
			return
		case err != nil:
			p.in.kill(err, err)
			return
		}
	}
}

// depart hands on what has passed the line.
func (p *paced) depart() {
	defer close(p.departed)
	for buf := make([]byte, 4096); ; {
		n, err := p.out.read(buf)
		if err != nil {
			return
		}
		if _, err := p.port.Write(buf[:n]); err != nil {
			p.out.kill(err, err)
			return
		}
	}
}

func (p *paced) Read(b []byte) (int, error) { return p.in.read(b) }

func (p *paced) Write(b []byte) (int, error) { return p.out.write(b, time.Now(), p.each) }

func (p *paced) SetReadDeadline(t time.Time) error { return p.in.setDeadline(t) }

// Abort is a Close that drops what has not passed the line yet.
func (p *paced) Abort() error {
	p.out.kill(errClosed, errClosed)
	return p.Close()
}

func (p *paced) Close() error {
	p.once.Do(func() {
		defer close(p.closed)
		p.in.kill(errClosed, errClosed)
		p.out.end(io.EOF, errClosed)
		leave := time.NewTimer(p.out.left() + time.Second)
		defer leave.Stop()
		select {
		case <-p.departed:
		case <-leave.C:
		}
		p.err = p.port.Close()
		<-p.arrived
		<-p.departed
	})
	<-p.closed
	return p.err
}

// Gone is closed when the port is lost; nil where the port cannot tell.
func (p *paced) Gone() <-chan struct{} { return gone(p.port) }

// left is how long the line needs for what is queued.
func (q *queue) left() time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	return max(0, time.Until(q.free))
}

// gone passes on what a port tells of its loss.
func gone(p terminal.Port) <-chan struct{} {
	if g, ok := p.(interface{ Gone() <-chan struct{} }); ok {
		return g.Gone()
	}
	return nil
}
