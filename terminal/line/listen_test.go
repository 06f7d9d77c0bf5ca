package line

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"
)

// listened opens a line by a listener on the loopback, which dial knows.
func listened(t *testing.T, ctx context.Context, c Config, dial func(address string)) (got interface {
	Read([]byte) (int, error)
	Write([]byte) (int, error)
	Close() error
}, err error,
) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.TCP, c.Listen = l.Addr().String(), true
	done := make(chan struct{})
	go func() {
		defer close(done)
		dial(c.TCP)
	}()
	p, err := c.acceptOn(ctx, l)
	<-done
	if p == nil {
		return nil, err
	}
	return p, err
}

func TestListen(t *testing.T) {
	var till net.Conn
	p, err := listened(t, t.Context(), Config{Allow: "127.0.0.1"}, func(address string) {
		var err error
		if till, err = net.Dial("tcp", address); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer till.Close()
	if _, err := p.Write([]byte("to the terminal")); err != nil {
		t.Error(err)
	}
	buf := make([]byte, 32)
	if n, err := till.Read(buf); err != nil || string(buf[:n]) != "to the terminal" {
		t.Errorf("%q, %v", buf[:n], err)
	}
	if _, err := till.Write([]byte("to the till")); err != nil {
		t.Error(err)
	}
	if n, err := p.Read(buf); err != nil || string(buf[:n]) != "to the till" {
		t.Errorf("%q, %v", buf[:n], err)
	}
	// Nobody else gets in.
	if c, err := net.DialTimeout("tcp", till.RemoteAddr().String(), time.Second); err == nil {
		_ = c.Close()
		t.Error("a second peer got a connection")
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if _, err := till.Read(buf); err == nil {
		t.Error("the connection is open still")
	}
}

// Who is not meant is turned away, and told of.
func TestListenTurnsAway(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	p, err := listened(t, ctx, Config{Allow: "192.0.2.1"}, func(address string) {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		_ = c.SetReadDeadline(time.Now().Add(time.Minute))
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("it was not turned away")
		}
		cancel()
	})
	if p != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", p, err)
	}
	short, stop := context.WithTimeout(t.Context(), time.Second/5)
	defer stop()
	if p, err = listened(t, short, Config{}, func(string) {}); p != nil || err == nil || !strings.Contains(err.Error(), "no terminal has dialled") {
		t.Errorf("nobody: %v, %v", p, err)
	}
}

func TestWelcome(t *testing.T) {
	for from, want := range map[string]map[string]bool{
		"127.0.0.1:1":          {"": true, "127.0.0.1": true, "::ffff:127.0.0.1": true, "10.0.0.1": false},
		"192.168.1.50:40000":   {"": true, "192.168.1.50": true, "192.168.1.51": false, "rubbish": false},
		"[fe80::1%eth0]:40000": {"": true, "fe80::1": true},
		"203.0.113.9:40000":    {"": false, "203.0.113.9": true},
	} {
		for allow, ok := range want {
			if _, _, got := (Config{Allow: allow}).welcome(fromAddress{addr: from}); got != false {
				t.Errorf("a connection that is no TCP connection is welcome")
			}
			if got := (Config{Allow: allow}).mayBe(from); got != ok {
				t.Errorf("from %s, allow %q: %t, want %t", from, allow, got, ok)
			}
		}
	}
}

// fromAddress is a connection of which only the address is known.
type fromAddress struct {
	net.Conn
	addr string
}

func (f fromAddress) RemoteAddr() net.Addr { return textAddress(f.addr) }

type textAddress string

func (textAddress) Network() string  { return "tcp" }
func (a textAddress) String() string { return string(a) }

func TestListenConfig(t *testing.T) {
	for text, c := range map[string]Config{
		"":       {TCP: "0.0.0.0:18101", Listen: true},
		"none":   {TCP: ":18101", Listen: true, Allow: "192.168.1.50"},
		"listen": {TCP: "till.example:18101", Listen: true},
		"port":   {TCP: "0.0.0.0:0", Listen: true},
		"allow":  {TCP: "0.0.0.0:18101", Listen: true, Allow: "terminal.example"},
		"tcp":    {TCP: "0.0.0.0:18101", Allow: "192.168.1.50"},
		"serial": {Listen: true},
	} {
		err := c.Validate()
		if ok := text == "" || text == "none"; ok != (err == nil) || !ok && !strings.Contains(err.Error(), text) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if got := (Config{TCP: "0.0.0.0:18101", Listen: true}).String(); got != "tcp listening on 0.0.0.0:18101" {
		t.Error(got)
	}
}
