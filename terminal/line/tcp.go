package line

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"tillbridge/terminal"
)

const (
	openTimeout  = 5 * time.Second // to connect, or to open a device
	writeTimeout = 5 * time.Second // for the system to take what Write hands over, beyond what the speed costs
)

// tcpPort is a TCP connection as a terminal.Port.
type tcpPort struct {
	conn   *net.TCPConn
	name   string
	closed atomic.Bool
	limit  time.Duration // of one Write

	mu    sync.Mutex // of writers
	stuck bool
}

func dialTCP(ctx context.Context, address string) (terminal.Port, error) {
	d := net.Dialer{
		Timeout:         openTimeout,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3},
	}
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, dialError(ctx, address, err)
	}
	tcp := conn.(*net.TCPConn)
	if err := tcp.SetNoDelay(true); err != nil {
		_ = tcp.Close()
		return nil, fmt.Errorf("connect to %s: %w", address, err)
	}
	// Until Close says otherwise the system drops what is unsent when the connection ends, also when this program
	// is killed: a command that waits here for the peer must not reach it after its end is taken for certain.
	if err := tcp.SetLinger(0); err != nil {
		_ = tcp.Close()
		return nil, fmt.Errorf("connect to %s: %w", address, err)
	}
	return newTCP(tcp, address, writeTimeout), nil
}

func newTCP(conn *net.TCPConn, name string, limit time.Duration) *tcpPort {
	return &tcpPort{conn: conn, name: name, limit: limit}
}

// dialError adds what the shop can do about it.
func dialError(ctx context.Context, address string, err error) error {
	var netErr net.Error
	var dns *net.DNSError
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		err = op.Err // it names the address again
	}
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return fmt.Errorf("connect to %s: %w", address, context.Canceled)
	case errors.As(err, &dns):
		return fmt.Errorf("connect to %s: %w; check the name, or write the terminal's IP address", address, err)
	case errors.Is(err, errRefused):
		return fmt.Errorf("connect to %s: %w; the device is there but does not listen: check the port number and the terminal's till interface", address, err)
	case errors.As(err, &netErr) && netErr.Timeout():
		return fmt.Errorf("connect to %s: no answer: %w; check the address, the cable and that the terminal is on", address, context.DeadlineExceeded)
	}
	return fmt.Errorf("connect to %s: %w", address, err)
}

func (p *tcpPort) Read(b []byte) (int, error) {
	n, err := p.conn.Read(b)
	if n > 0 || err == nil {
		return n, nil // an error comes again with the next Read
	}
	if errors.Is(err, os.ErrDeadlineExceeded) && !p.closed.Load() {
		return 0, err
	}
	return 0, p.lost(err)
}

func (p *tcpPort) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stuck && !p.closed.Load() {
		return 0, fmt.Errorf("write to %s: %w", p.name, ErrStuck)
	}
	if err := p.conn.SetWriteDeadline(time.Now().Add(p.limit)); err != nil {
		return 0, p.lost(err)
	}
	if p.closed.Load() { // the deadline of end may be the one that was just replaced
		return 0, closedError{p.name}
	}
	n, err := p.conn.Write(b)
	switch {
	case err == nil:
		return n, nil
	case errors.Is(err, os.ErrDeadlineExceeded) && !p.closed.Load():
		// What was handed over may leave when the peer reads on, and the rest must not follow it: Close drops the
		// part that is still here.
		p.stuck = true
		return n, fmt.Errorf("write to %s: %w: the peer took %d of %d bytes in %s", p.name, ErrStuck, n, len(b), p.limit)
	}
	return n, p.lost(err)
}

// lost names the reason why the connection cannot be used any more.
func (p *tcpPort) lost(err error) error {
	if p.closed.Load() {
		return closedError{p.name}
	}
	return fmt.Errorf("%s: %w: %w", p.name, ErrGone, err)
}

func (p *tcpPort) SetReadDeadline(t time.Time) error {
	if err := p.conn.SetReadDeadline(t); err != nil {
		return p.lost(err)
	}
	return nil
}

// Close closes the connection. What was written still leaves, unless a Write was stuck.
func (p *tcpPort) Close() error { return p.end(false) }

// Abort closes the connection with a reset, and what was written and has not left is dropped.
func (p *tcpPort) Abort() error { return p.end(true) }

func (p *tcpPort) end(abort bool) error {
	if p.closed.Swap(true) {
		return nil
	}
	_ = p.conn.SetWriteDeadline(time.Unix(1, 0)) // a Write that waits gives way
	p.mu.Lock()
	defer p.mu.Unlock()
	if !abort && !p.stuck {
		_ = p.conn.SetLinger(-1)
	}
	if err := p.conn.Close(); err != nil {
		return fmt.Errorf("close %s: %w", p.name, err)
	}
	return nil
}
