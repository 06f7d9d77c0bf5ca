package shop

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// The addresses of the shop.
const (
	doorAt    = "192.168.1.10:8473"
	counterAt = "127.0.0.1:8474"
	mgrAt     = "203.0.113.80:80"
)

// Where callers call from.
var (
	fromMGR     = netip.MustParseAddr("203.0.113.9")
	fromBrowser = netip.MustParseAddr("127.0.0.1")
)

// network carries connections in memory between the addresses of a shop, and counts them.
type network struct {
	mu        sync.Mutex
	listeners map[string]*listener
	open      int // ends of connections that were not closed yet
	port      uint16
}

func newNetwork() *network { return &network{listeners: map[string]*listener{}, port: 40000} }

// ends counts the ends of connections that are open.
func (n *network) ends() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.open
}

// listener takes connections at one address.
type listener struct {
	network *network
	at      netip.AddrPort
	queue   chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

// listen opens an address, which must be free.
func (n *network) listen(at string) (*listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listeners[at] != nil {
		return nil, fmt.Errorf("listen on %s: address already in use", at)
	}
	l := &listener{network: n, at: netip.MustParseAddrPort(at), queue: make(chan net.Conn), closed: make(chan struct{})}
	n.listeners[at] = l
	return l, nil
}

// Accept waits for a connection.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.queue:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close ends Accept and frees the address.
func (l *listener) Close() error {
	l.once.Do(func() {
		l.network.mu.Lock()
		defer l.network.mu.Unlock()
		delete(l.network.listeners, l.at.String())
		close(l.closed)
	})
	return nil
}

// Addr is the address.
func (l *listener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.at) }

// dial connects a caller with an address.
func (n *network) dial(ctx context.Context, from netip.Addr, to string) (net.Conn, error) {
	n.mu.Lock()
	l := n.listeners[to]
	n.port++
	port := n.port
	n.mu.Unlock()
	if l == nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	}
	a, b := net.Pipe()
	here := net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, port))
	mine := n.end(a, here, l.Addr())
	theirs := n.end(b, l.Addr(), here)
	var err error
	select {
	case l.queue <- theirs:
		return mine, nil
	case <-l.closed:
		err = errors.New("connection refused")
	case <-ctx.Done():
		err = ctx.Err()
	}
	_, _ = mine.Close(), theirs.Close()
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
}

// end is one end of a connection.
type end struct {
	net.Conn
	local, remote net.Addr
	leave         func()
}

func (n *network) end(c net.Conn, local, remote net.Addr) *end {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.open++
	return &end{Conn: c, local: local, remote: remote, leave: sync.OnceFunc(func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.open--
	})}
}

func (e *end) LocalAddr() net.Addr  { return e.local }
func (e *end) RemoteAddr() net.Addr { return e.remote }

func (e *end) Close() error {
	e.leave()
	return e.Conn.Close()
}

// client makes an HTTP client that calls from an address. Redirects are not followed.
func (n *network) client(from netip.Addr) *http.Client {
	return &http.Client{
		Timeout: 30 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute, DialContext: func(ctx context.Context, _, to string) (net.Conn, error) {
			return n.dial(ctx, from, to)
		}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// powered is a listener of the bridge, whose connections die with it.
type powered struct {
	net.Listener
	mains *mains
	what  string
}

func (p powered) Accept() (net.Conn, error) {
	c, err := p.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return plug(c, p.mains, p.what), nil
}

// plug makes a connection of the bridge one that dies with it.
func plug(c net.Conn, m *mains, what string) net.Conn {
	return &poweredConn{Conn: c, mains: m, what: what, forget: m.onDeath(func() { _ = c.Close() })}
}

type poweredConn struct {
	net.Conn
	mains  *mains
	what   string
	forget func()
}

func (c *poweredConn) Close() error {
	c.forget()
	return c.Conn.Close()
}

func (c *poweredConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.mains.isDead() {
		return 0, errDead
	}
	return n, err
}

func (c *poweredConn) Write(b []byte) (n int, err error) {
	err = c.mains.do(c.what, func() (err error) {
		n, err = c.Conn.Write(b)
		return err
	})
	return n, err
}
