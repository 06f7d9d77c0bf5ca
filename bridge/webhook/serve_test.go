package webhook

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"tillbridge/bridge"
)

// pipes is a listener over memory, so that the time-outs of a connection run by the clock of a test.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
	err    error // what Accept says at the end
}

func newPipes() *pipes {
	return &pipes{conns: make(chan net.Conn), closed: make(chan struct{}), err: net.ErrClosed}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, p.err
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8473} }

// from is a connection of a caller's address.
type from struct {
	net.Conn
	addr string
}

func (f from) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(f.addr)) }

func (p *pipes) dial(addr string) net.Conn {
	ours, theirs := net.Pipe()
	p.conns <- from{theirs, addr}
	return ours
}

// serve runs a door over memory and returns what stops it.
func serve(t *testing.T, b *bench) (l *pipes, stop func() error) {
	t.Helper()
	l = newPipes()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Serve(ctx, l, nil) }()
	return l, func() error { cancel(); return <-ended }
}

const head = "POST /mgr/counter HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nX-MGR-PASSCODE: " + passcode + "\r\n"

func answer(t *testing.T, c net.Conn) *http.Response {
	t.Helper()
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	return res
}

func TestSlowCallers(t *testing.T) {
	t.Run("body", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, nil)
			l, stop := serve(t, b)
			c := l.dial("127.0.0.1:5")
			start := time.Now()
			fmt.Fprintf(c, "%sContent-Length: %d\r\n\r\n%s", head, len(good), good[:20])
			if res := answer(t, c); res.StatusCode != 408 || time.Since(start) != 10*time.Second {
				t.Errorf("answered %d after %s", res.StatusCode, time.Since(start))
			}
			c.Close()
			if err := stop(); err != nil || len(b.orders) != 0 {
				t.Errorf("ended with %v, orders %v", err, b.orders)
			}
		})
	})
	t.Run("header", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, nil)
			l, stop := serve(t, b)
			c := l.dial("127.0.0.1:5")
			start := time.Now()
			fmt.Fprint(c, head)
			if n, err := c.Read(make([]byte, 1)); err == nil || time.Since(start) != 5*time.Second {
				t.Errorf("read %d %v after %s", n, err, time.Since(start))
			}
			if err := stop(); err != nil {
				t.Error(err)
			}
		})
	})
	t.Run("body of a call that is refused", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, nil)
			l, stop := serve(t, b)
			c := l.dial("127.0.0.1:5")
			start := time.Now()
			fmt.Fprintf(c, "POST /elsewhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nand then nothing")
			_ = c.SetReadDeadline(start.Add(time.Minute))
			if rest, err := io.ReadAll(c); err != nil || !strings.HasPrefix(string(rest), "HTTP/1.1 404 ") || time.Since(start) != 15*time.Second {
				t.Errorf("answered %q, %v after %s", rest, err, time.Since(start))
			}
			if err := stop(); err != nil {
				t.Error(err)
			}
		})
	})
	t.Run("reader of the answer", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, nil)
			l, stop := serve(t, b)
			c := l.dial("127.0.0.1:5")
			fmt.Fprintf(c, "%sContent-Length: %d\r\n\r\n%s", head, len(good), good)
			time.Sleep(30*time.Second + time.Millisecond)
			synctest.Wait()
			if rest, err := io.ReadAll(c); err != nil || len(rest) != 0 {
				t.Errorf("after half a minute it is still answered %q, %v", rest, err)
			}
			if err := stop(); err != nil || len(b.orders) != 1 {
				t.Errorf("ended with %v, orders %v", err, b.orders)
			}
		})
	})
	t.Run("desk", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, func(bridge.Order) (bridge.Acceptance, error) {
				time.Sleep(bodyWithin + 2*time.Second) // past the body's deadline, which must not end the call
				return bridge.New, nil
			})
			l, stop := serve(t, b)
			c := l.dial("127.0.0.1:5")
			fmt.Fprintf(c, "%sContent-Length: %d\r\n\r\n%s", head, len(good), good)
			if res := answer(t, c); res.StatusCode != 202 {
				t.Errorf("answered %d", res.StatusCode)
			}
			c.Close()
			if err := stop(); err != nil {
				t.Error(err)
			}
		})
	})
}

// A header of more than 16 KiB, and what Go's server adds to that, is refused.
func TestLongHeader(t *testing.T) {
	for size, status := range map[int]int{12 << 10: 202, 64 << 10: 431} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, nil)
			l, stop := serve(t, b)
			c := l.dial("127.0.0.1:5")
			go fmt.Fprintf(c, "%sX-Long: %s\r\nContent-Length: %d\r\n\r\n%s", head, strings.Repeat("x", size), len(good), good)
			if res := answer(t, c); res.StatusCode != status {
				t.Errorf("a header of %d bytes is answered %d, want %d", size, res.StatusCode, status)
			}
			c.Close()
			if err := stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestBrokenBody(t *testing.T) {
	b := newBench(t, nil)
	w := b.do(request("", func(r *http.Request) {
		r.Body, r.ContentLength = io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF)), 10
	}))
	if problemOf(t, w, 400); len(b.orders) != 0 {
		t.Errorf("orders %v", b.orders)
	}
}

// Serving ends with its context: the running call gets its answer, and one that never ends is cut off.
func TestServeEnds(t *testing.T) {
	for name, c := range map[string]struct {
		desk    time.Duration
		answers bool
		took    time.Duration
	}{
		"a running call":            {3 * time.Second, true, 3 * time.Second},
		"a call that does not stop": {20 * time.Second, false, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, func(bridge.Order) (bridge.Acceptance, error) {
					time.Sleep(c.desk)
					return bridge.New, nil
				})
				l, stop := serve(t, b)
				conn := l.dial("127.0.0.1:5")
				var all sync.WaitGroup
				all.Go(func() {
					fmt.Fprintf(conn, "%sContent-Length: %d\r\n\r\n%s", head, len(good), good)
					res, err := http.ReadResponse(bufio.NewReader(conn), nil)
					if c.answers && (err != nil || res.StatusCode != 202) || !c.answers && err == nil {
						t.Errorf("answer %v, %v", res, err)
					}
				})
				synctest.Wait()
				start := time.Now()
				err := stop()
				took := time.Since(start)
				if err != nil || took < c.took || took > c.took+time.Second {
					t.Errorf("ended after %s with %v", took, err)
				}
				all.Wait()
				time.Sleep(c.desk)
				conn.Close()
			})
		})
	}
}

func TestServeTellsOfABrokenListener(t *testing.T) {
	b := newBench(t, nil)
	l := newPipes()
	l.err = errors.New("the address is gone")
	l.Close()
	if err := b.Serve(t.Context(), l, nil); !errors.Is(err, l.err) {
		t.Errorf("ended with %v", err)
	}
}

// Connections are bounded by source and in all; nobody in the network takes the room of the loopback.
func TestConnectionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipes()
		b := &bounded{Listener: l, open: map[netip.Prefix]int{}}
		accepted := make(chan net.Conn, 2*(maxLoopback+maxOthers))
		var all sync.WaitGroup
		all.Go(func() {
			for {
				c, err := b.Accept()
				if err != nil {
					return
				}
				accepted <- c
			}
		})
		open := func(addr string) (net.Conn, bool) {
			c := l.dial(addr)
			_ = c.SetReadDeadline(time.Now().Add(time.Millisecond))
			_, err := c.Read(make([]byte, 1))
			return c, !errors.Is(err, io.EOF)
		}
		for n := range maxPerSource {
			if _, ok := open("203.0.113.5:1"); !ok {
				t.Fatalf("connection %d of one source was refused", n)
			}
		}
		if _, ok := open("203.0.113.5:1"); ok {
			t.Error("one source has more than its share")
		}
		for n := range maxOthers - maxPerSource {
			if _, ok := open(fmt.Sprintf("198.51.100.%d:1", n)); !ok {
				t.Fatalf("connection %d of others was refused", n)
			}
		}
		if _, ok := open("192.0.2.1:1"); ok {
			t.Error("the network has more than its share")
		}
		for n := range maxLoopback {
			if _, ok := open("127.0.0.1:1"); !ok {
				t.Fatalf("connection %d of the loopback was refused", n)
			}
		}
		if _, ok := open("[::1]:1"); ok {
			t.Error("the loopback has more than its share")
		}
		close(accepted)
		for c := range accepted {
			c.Close()
			c.Close() // counts once
		}
		if len(b.open) != 0 || b.others != 0 {
			t.Errorf("%v, %d others are left", b.open, b.others)
		}
		l.Close()
		all.Wait()
	})
}

func TestServeWithTLS(t *testing.T) {
	b := newBench(t, nil)
	ts := httptest.NewUnstartedServer(nil) // for its certificate
	ts.StartTLS()
	defer ts.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- b.Serve(ctx, l, &tls.Config{Certificates: ts.TLS.Certificates, MinVersion: tls.VersionTLS12})
	}()
	req, _ := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+l.Addr().String()+"/mgr/counter", strings.NewReader(good))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(passcodeHeader, passcode)
	client := ts.Client()
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 202 || res.Proto != "HTTP/1.1" {
		t.Errorf("answered %s %s", res.Proto, res.Status)
	}
	client.CloseIdleConnections()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
