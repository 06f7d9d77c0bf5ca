package line

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"tillbridge/terminal"
)

// listenWait is how long one Open waits for a terminal that dials the till. Terminals try again by themselves.
const listenWait = 20 * time.Second

// listenMost bounds the connections that one Open turns away.
const listenMost = 64

// accept waits for the terminal's connection. The address is listened on only as long: once the terminal is there, and
// while nobody wants a line, nobody else can connect.
func (c Config) accept(ctx context.Context) (terminal.Port, error) {
	lc := net.ListenConfig{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3}}
	l, err := lc.Listen(ctx, "tcp", c.TCP)
	if err != nil {
		if op := (*net.OpError)(nil); errors.As(err, &op) {
			err = op.Err // it names the address again
		}
		return nil, fmt.Errorf("listen on %s: %w; another program may listen there, or this computer not have the address", c.TCP, err)
	}
	return c.acceptOn(ctx, l)
}

// acceptOn waits for a connection that is welcome, and closes the listener.
func (c Config) acceptOn(ctx context.Context, l net.Listener) (terminal.Port, error) {
	ctx, cancel := context.WithTimeout(ctx, listenWait)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer func() {
		stop()
		_ = l.Close() // it may be closed twice
	}()
	turned := ""
	for range listenMost {
		conn, err := l.Accept()
		switch {
		case err != nil && errors.Is(ctx.Err(), context.Canceled):
			return nil, fmt.Errorf("listen on %s: %w", c.TCP, context.Canceled)
		case err != nil && ctx.Err() != nil && turned != "":
			return nil, fmt.Errorf("listen on %s: %s dialled and was turned away: %s", c.TCP, turned, c.unwelcome())
		case err != nil && ctx.Err() != nil:
			return nil, fmt.Errorf("listen on %s: no terminal has dialled; check that the terminal is on, that it is told this computer's address and port, and that the firewall lets it in", c.TCP)
		case err != nil:
			return nil, fmt.Errorf("listen on %s: %w", c.TCP, err)
		}
		tcp, from, ok := c.welcome(conn)
		if !ok {
			turned = from
			_ = conn.Close() // nothing was said on it
			continue
		}
		if err := errors.Join(tcp.SetNoDelay(true), tcp.SetLinger(0)); err != nil { // as for a connection of ours
			_ = tcp.Close()
			return nil, fmt.Errorf("connection from %s: %w", from, err)
		}
		return newTCP(tcp, from, writeTimeout), nil
	}
	return nil, fmt.Errorf("listen on %s: %s dialled again and again and was turned away: %s", c.TCP, turned, c.unwelcome())
}

// welcome tells whether a connection may be the terminal's: from the address that the settings name, or without one from
// the shop's own network.
func (c Config) welcome(conn net.Conn) (tcp *net.TCPConn, from string, ok bool) {
	from = conn.RemoteAddr().String()
	tcp, ok = conn.(*net.TCPConn)
	return tcp, from, ok && c.mayBe(from)
}

// mayBe judges the address of a peer.
func (c Config) mayBe(from string) bool {
	peer, err := netip.ParseAddrPort(from)
	if err != nil {
		return false
	}
	at := peer.Addr().Unmap().WithZone("")
	if c.Allow == "" {
		return at.IsPrivate() || at.IsLoopback() || at.IsLinkLocalUnicast()
	}
	allowed, err := netip.ParseAddr(c.Allow)
	return err == nil && allowed.Unmap() == at
}

func (c Config) unwelcome() string {
	if c.Allow == "" {
		return "it is not in a private network; write its address behind allow if it is the terminal"
	}
	return "allow names " + c.Allow
}

// listenErrors are the mistakes in a line on which the terminal dials.
func (c Config) listenErrors() (errs []error) {
	host, port, err := net.SplitHostPort(c.TCP)
	n, bad := strconv.Atoi(port)
	_, noIP := netip.ParseAddr(host)
	switch {
	case err != nil || host != "" && noIP != nil:
		errs = append(errs, &FieldError{"listen", c.TCP, "write an address of this computer and a port, such as 192.168.1.10:18101, or 0.0.0.0:18101 for all of them"})
	case bad != nil || n < 1 || n > 65535:
		errs = append(errs, &FieldError{"listen", c.TCP, "a port is a number from 1 to 65535"})
	}
	if _, err := netip.ParseAddr(c.Allow); c.Allow != "" && err != nil {
		errs = append(errs, &FieldError{"allow", c.Allow, "write the terminal's IP address, such as 192.168.1.50"})
	}
	return errs
}
