package daemon

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/health"
	"tillbridge/bridge/journal"
	"tillbridge/terminal"
)

// talker is a terminal that says a word, and hangs up when it is told to.
type talker struct {
	net.Listener
	hangUp chan struct{}
}

func newTalker(t *testing.T) talker {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	k := talker{l, make(chan struct{})}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("hello 4929123456781234"))
			go func() {
				<-k.hangUp
				_ = c.Close()
			}()
		}
	}()
	return k
}

// listening is a session that reads its line until it ends.
type listening struct {
	yes
	port terminal.Port
	read chan struct{}
}

func (l listening) Close() error { err := l.port.Close(); <-l.read; return err }

// listenDriver reads whatever its terminal says, and does not open while refuse says why.
func listenDriver(refuse func() error) terminal.Driver {
	d := yesDriver()
	d.Name, d.Line = "listen", terminal.LineDefaults{TCPPort: 1}
	d.Describe = func(k terminal.LinkKind, sent bool, b []byte) string { return k.String() + " says " + string(b) }
	d.Open = func(ctx context.Context, e terminal.Env, _ any) (terminal.Session, error) {
		if err := refuse(); err != nil {
			return nil, err
		}
		p, err := e.Dial(ctx)
		if err != nil {
			return nil, err
		}
		l := listening{port: p, read: make(chan struct{})}
		go func() {
			defer close(l.read)
			b := make([]byte, 100)
			for {
				if _, err := p.Read(b); err != nil {
					return
				}
				e.Quality.Message()
			}
		}()
		return l, nil
	}
	return d
}

// lines is a writer for a trace.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// told asks for the facts until they fit.
func (s *shop) told(what string, fits func(health.Facts) bool) (f health.Facts) {
	s.t.Helper()
	var err error
	for deadline := time.Now().Add(patience); ; <-time.After(10 * time.Millisecond) {
		if f, err = health.Ask(s.t.Context(), filepath.Join(s.dir, "journal.db")); err == nil && fits(f) {
			return f
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("waited in vain: %s: %+v, %v", what, f, err)
		}
	}
}

// A running daemon tells of itself, of each line over all its sessions, and of what passed over it, masked.
func TestFacts(t *testing.T) {
	s := newShop(t)
	k := newTalker(t)
	s.write(strings.Replace(s.settings(""), "driver: yes, port: {serial: /dev/null}", "driver: listen, port: {tcp: \""+k.Addr().String()+"\"}", 1))
	var mu sync.Mutex
	refusal := errors.New("card 4929123456781234 is in the way")
	refuse := func() error { mu.Lock(); defer mu.Unlock(); return refusal }
	wire := &lines{}
	o := s.options()
	o.Drivers, o.Trace = []terminal.Driver{listenDriver(refuse)}, wire
	ctx, cancel := context.WithCancel(t.Context())
	s.stop, s.ended = cancel, make(chan error, 1)
	go func() { s.ended <- Run(ctx, o) }()
	t.Cleanup(cancel)
	a := s.up()
	f := s.told("it is not reached", func(f health.Facts) bool { return f.Terminals[0].State == health.NotReached })
	if one := f.Terminals[0]; !strings.Contains(one.LastError, "************1234 is in the way") || one.LastErrorAt.IsZero() || one.Name != "counter" {
		t.Errorf("it tells %+v", one)
	}
	if f.PID != os.Getpid() || f.Version != "test" || f.Door != a.Door || f.Counter != a.Counter || f.Started.IsZero() || f.Settings != s.file() || f.Journal != filepath.Join(s.dir, "journal.db") {
		t.Errorf("it tells %+v", f)
	}
	mu.Lock()
	refusal = nil
	mu.Unlock()
	s.told("it is ready and has heard the terminal", func(f health.Facts) bool {
		return f.Terminals[0].State == health.Ready && f.Terminals[0].Quality.Messages == 1 && f.Terminals[0].Quality.Opened == 1
	})
	all, err := health.AskTrace(t.Context(), filepath.Join(s.dir, "journal.db"))
	if err != nil || len(all) != 1 || all[0].Terminal != "counter" || len(all[0].Events) != 1 {
		t.Errorf("the trace is %+v, %v", all, err)
	}
	k.hangUp <- struct{}{}
	for deadline := time.Now().Add(patience); !strings.Contains(wire.String(), "counter received 22 bytes: tcp says hello ****************"); <-time.After(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the trace has %q", wire)
		}
	}
	s.told("the lost line is noted", func(f health.Facts) bool { return !strings.Contains(f.Terminals[0].LastError, "in the way") })
	s.end()
	if _, err := health.Ask(t.Context(), filepath.Join(s.dir, "journal.db")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after the end: %v", err)
	}
}

// A daemon in trouble tells so; one that may not write beside its journal serves all the same; a second instance
// leaves the way to the first alone.
func TestFactsInTrouble(t *testing.T) {
	s := newShop(t)
	s.write(strings.Replace(s.settings(""), "driver: yes", "driver: no", 1))
	s.start()
	f := s.told("the trouble", func(f health.Facts) bool { return f.SettingsError != "" })
	if f.Door != "" || len(f.Terminals) != 0 || f.Counter == "" {
		t.Errorf("it tells %+v", f)
	}
	s.write(s.settings(""))
	s.reload <- struct{}{}
	s.up()
	s.told("the settings were mended", func(f health.Facts) bool { return f.SettingsError == "" && len(f.Terminals) == 1 })
	first := *s
	var held *journal.HeldError
	if err := Run(t.Context(), s.options()); !errors.As(err, &held) {
		t.Errorf("a second instance: %v", err)
	}
	s.told("the first instance is still there", func(f health.Facts) bool { return len(f.Terminals) == 1 })
	first.end()
	way := health.FileName(filepath.Join(s.dir, "journal.db"))
	if err := os.MkdirAll(filepath.Join(way, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.pay(s.start(), "all-the-same")
	s.saw("will not see how this bridge is")
	s.end()
}

func TestStatesOfHealth(t *testing.T) {
	for h, want := range map[bridge.TerminalHealth]health.State{
		bridge.Connecting: health.Connecting, bridge.Ready: health.Ready, bridge.Working: health.Paying, bridge.Asking: health.Asking,
		bridge.OnHold: health.Held, bridge.Gone: health.NotReached,
	} {
		if got := stateOf(h); got != want {
			t.Errorf("%s is %s, want %s", h, got, want)
		}
	}
	w := newWire("counter", yesDriver(), terminal.Serial, nil, &identity{})
	one := health.Terminal{State: health.NotReached}
	if w.tell(&one); one.State != health.NotReached {
		t.Errorf("%s", one.State)
	}
	w.identity.raised.Store(7)
	if w.tell(&one); one.State != health.OtherTerminal {
		t.Errorf("with another terminal: %s", one.State)
	}
	one.State = health.Ready
	if w.tell(&one); one.State != health.Ready {
		t.Errorf("ready with an old alarm: %s", one.State)
	}
}
