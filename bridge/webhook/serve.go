package webhook

import (
	"context"
	"crypto/tls"
	"errors"
	"log"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// Bounds of connections. Those from the loopback have room of their own, which nobody in the network can fill.
const (
	maxLoopback  = 1024
	maxOthers    = 256
	maxPerSource = 64 // of the others
)

// Serve answers calls on a listener until ctx ends, then lets the running ones finish for at most 5 s. It closes
// the listener. t is nil for plain HTTP. The error is nil where ctx ended it.
func (d *Door) Serve(ctx context.Context, l net.Listener, t *tls.Config) error {
	var protocols http.Protocols
	protocols.SetHTTP1(true) // each call has a connection to itself, so that bounding those bounds everything
	server := &http.Server{
		Handler: d, Protocols: &protocols, ErrorLog: log.New(d.strangers, "", 0), MaxHeaderBytes: 16 << 10,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute,
	}
	l = &bounded{Listener: l, open: map[netip.Prefix]int{}}
	if t != nil {
		l = tls.NewListener(l, t)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return errors.Join(err, server.Close())
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if server.Shutdown(grace) != nil {
		_ = server.Close() // who has not finished by now is cut off
	}
	<-ended
	return nil
}

// bounded is a listener that closes at once what is beyond the bounds of connections.
type bounded struct {
	net.Listener

	mu     sync.Mutex
	open   map[netip.Prefix]int // by source
	others int                  // open ones that are not from the loopback
}

func (b *bounded) Accept() (net.Conn, error) {
	for {
		c, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		source := sourceOf(c.RemoteAddr().String())
		if b.enter(source) {
			return &counted{Conn: c, leave: sync.OnceFunc(func() { b.leave(source) })}, nil
		}
		_ = c.Close()
	}
}

func (b *bounded) enter(source netip.Prefix) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.open[source]
	switch {
	case source == loopback && n >= maxLoopback:
		return false
	case source != loopback && (n >= maxPerSource || b.others >= maxOthers):
		return false
	case source != loopback:
		b.others++
	}
	b.open[source] = n + 1
	return true
}

func (b *bounded) leave(source netip.Prefix) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if source != loopback {
		b.others--
	}
	if b.open[source]--; b.open[source] == 0 {
		delete(b.open, source)
	}
}

// counted is a connection that is counted until it is closed.
type counted struct {
	net.Conn
	leave func()
}

func (c *counted) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
