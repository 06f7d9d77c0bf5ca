//go:build unix

package osservice

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// told keeps what the service manager is told, and when.
type told struct {
	mu    sync.Mutex
	begin time.Time
	lines []string
	at    map[string][]time.Duration
}

func newTold() *told { return &told{begin: time.Now(), at: map[string][]time.Duration{}} }

func (o *told) tell(lines ...string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, l := range lines {
		if strings.HasPrefix(l, "MONOTONIC_USEC=") {
			continue
		}
		o.lines = append(o.lines, l)
		o.at[l] = append(o.at[l], time.Since(o.begin))
	}
}

// TestWatchdog lets a program live for a while, hang, and live again.
func TestWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newTold()
		ctx, stop := context.WithTimeout(t.Context(), 100*time.Second)
		defer stop()
		asked := 0
		h := Hosted{
			Log: slog.New(slog.DiscardHandler),
			Run: func(ctx context.Context, up Up) error {
				time.Sleep(5 * time.Second)
				up.Ready()
				<-ctx.Done()
				time.Sleep(2 * time.Second) // a short grace
				return nil
			},
			Alive: func(context.Context) (string, error) {
				asked++
				if since := time.Since(o.begin); since > 40*time.Second && since < 60*time.Second {
					return "", errors.New("it hangs")
				}
				return "1 terminal ready\nand more", nil
			},
		}
		if err := h.supervise(ctx, o.tell, 12*time.Second); err != nil {
			t.Fatal(err)
		}
		if got := o.at["READY=1"]; len(got) != 1 || got[0] != 5*time.Second {
			t.Errorf("READY at %v", got)
		}
		if got := o.at["STOPPING=1"]; len(got) != 1 || got[0] != 100*time.Second {
			t.Errorf("STOPPING at %v", got)
		}
		dogs := o.at["WATCHDOG=1"]
		for i, at := range dogs {
			if at < 5*time.Second || at > 40*time.Second && at < 60*time.Second || at > 100*time.Second {
				t.Errorf("WATCHDOG at %v", at)
			}
			if i > 0 && dogs[i-1] != 35*time.Second && at-dogs[i-1] > 6*time.Second {
				t.Errorf("nothing between %v and %v", dogs[i-1], at)
			}
		}
		if len(dogs) < 10 || !slices.Contains(dogs, 5*time.Second) {
			t.Errorf("WATCHDOG at %v", dogs)
		}
		if asked < len(dogs)+15 {
			t.Errorf("a program that hangs was asked %d times in all", asked)
		}
		if got := o.at["STATUS=1 terminal ready"]; len(got) != 1 {
			t.Errorf("STATUS at %v", got)
		}
		if last := o.lines[len(o.lines)-1]; last != "STATUS=stopping" {
			t.Errorf("the last word is %s", last)
		}
	})
}

// Without a watchdog the state is told, and no sign of life is owed.
func TestStatusWithoutWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newTold()
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		n := 0
		h := Hosted{
			Log: slog.New(slog.DiscardHandler),
			Run: func(ctx context.Context, up Up) error {
				up.Ready()
				<-ctx.Done()
				return nil
			},
			Alive: func(context.Context) (string, error) { n++; return []string{"one", "two"}[n%2], nil },
		}
		if err := h.supervise(ctx, o.tell, 0); err != nil {
			t.Fatal(err)
		}
		if len(o.at["WATCHDOG=1"]) > 0 || len(o.at["STATUS=one"]) < 2 || len(o.at["STATUS=two"]) < 2 || n > 7 {
			t.Errorf("asked %d times, told %v", n, o.lines)
		}
	})
}

// A program that fails is told of, and is never ready.
func TestFailingProgram(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newTold()
		broken := errors.New("the journal is in use by process 7\nand more")
		h := Hosted{
			Log: slog.New(slog.DiscardHandler), Run: func(context.Context, Up) error { return broken },
			Alive: func(context.Context) (string, error) { t.Error("it was asked"); return "", nil },
		}
		if err := h.supervise(t.Context(), o.tell, time.Second); !errors.Is(err, broken) {
			t.Error(err)
		}
		if got := strings.Join(o.lines, " "); got != "STATUS=the journal is in use by process 7" {
			t.Error(got)
		}
	})
}

// TestReloading tells the manager while the program reads its settings again: one that takes them at once, and one that
// does not take them.
func TestReloading(t *testing.T) {
	for _, takes := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			o := newTold()
			ctx, stop := context.WithCancel(t.Context())
			wish := make(chan struct{})
			h := Hosted{
				Log: slog.New(slog.DiscardHandler), Reload: wish,
				Run: func(ctx context.Context, up Up) error {
					up.Ready()
					time.Sleep(3 * time.Second) // busy
					<-up.Reload
					if takes {
						time.Sleep(time.Second)
						up.Ready()
					}
					<-ctx.Done()
					return nil
				},
				Alive: func(context.Context) (string, error) { return "", nil },
			}
			ended := make(chan error)
			go func() { ended <- h.supervise(ctx, o.tell, 0) }()
			time.Sleep(time.Second)
			wish <- struct{}{}
			time.Sleep(10 * time.Second)
			wish <- struct{}{} // one that is never taken up does not keep it from stopping
			synctest.Wait()
			stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			over := 6 * time.Second
			if takes {
				over = 4 * time.Second
			}
			if got := strings.Join(o.lines[:3], " "); got != "READY=1 RELOADING=1 READY=1" || o.at["RELOADING=1"][0] != time.Second || len(o.at["READY=1"]) != 2 || o.at["READY=1"][1] != over {
				t.Errorf("taken %v: %v %v", takes, o.lines, o.at)
			}
		})
	}
}

// listenUnix is a service manager's socket.
func listenUnix(t *testing.T, name string) *net.UnixConn {
	t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestNotifySocket(t *testing.T) {
	names := []string{filepath.Join(t.TempDir(), "notify")}
	if runtime.GOOS == "linux" {
		names = append(names, "@tillbridge-test-"+filepath.Base(filepath.Dir(t.TempDir()))+"-"+time.Now().Format("150405.000000000"))
	}
	for _, name := range names {
		manager := listenUnix(t, name)
		n, err := dial(func(key string) string {
			return map[string]string{"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "7"}[key]
		}, 7)
		if err != nil {
			t.Fatal(err)
		}
		n.tell("READY=1", "STATUS=1 terminal ready")
		b := make([]byte, 100)
		if err := manager.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		k, err := manager.Read(b)
		if got := string(b[:k]); err != nil || got != "READY=1\nSTATUS=1 terminal ready\n" || n.watchdog != 3*time.Second {
			t.Errorf("%q, %v, watchdog %v", got, err, n.watchdog)
		}
		if err := manager.Close(); err != nil {
			t.Error(err)
		}
		n.tell("WATCHDOG=1") // nobody there is no harm
		if err := n.conn.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestNotifyEnvironment(t *testing.T) {
	name := filepath.Join(t.TempDir(), "notify")
	listenUnix(t, name)
	for _, x := range []struct {
		socket, usec, pid string
		there, bad        bool
		watchdog          time.Duration
	}{
		{"", "1000000", "", false, false, 0},
		{name, "", "", true, false, 0},
		{name, "1000000", "", true, false, time.Second},
		{name, "1000000", "8", true, false, 0}, // another process's
		{name, "0", "7", true, false, 0},
		{name, "-5", "7", true, false, 0},
		{name, "soon", "7", true, false, 0},
		{name, "9223372036854775807", "7", true, false, 0},
		{"vsock:2:3", "", "", false, true, 0},
		{name + ".none", "", "", false, true, 0},
	} {
		n, err := dial(func(key string) string {
			return map[string]string{"NOTIFY_SOCKET": x.socket, "WATCHDOG_USEC": x.usec, "WATCHDOG_PID": x.pid}[key]
		}, 7)
		if (n != nil) != x.there || (err != nil) != x.bad || n != nil && n.watchdog != x.watchdog {
			t.Errorf("%+v: %+v, %v", x, n, err)
		}
		if n != nil {
			_ = n.conn.Close()
		}
	}
}

// The program's own children are not told of the manager.
func TestHostTakesTheEnvironment(t *testing.T) {
	name := filepath.Join(t.TempDir(), "notify")
	manager := listenUnix(t, name)
	t.Setenv("NOTIFY_SOCKET", name)
	t.Setenv("WATCHDOG_USEC", "60000000")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	err := Host(ctx, Hosted{
		Log: slog.New(slog.DiscardHandler), Alive: func(context.Context) (string, error) { return "", nil },
		Run: func(ctx context.Context, up Up) error {
			for _, key := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} {
				if v, ok := os.LookupEnv(key); ok {
					t.Errorf("%s=%s is left", key, v)
				}
			}
			up.Ready()
			stop()
			<-ctx.Done()
			return nil
		},
	})
	if err != nil {
		t.Error(err)
	}
	b := make([]byte, 100)
	if err := manager.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if n, err := manager.Read(b); err != nil || string(b[:n]) != "READY=1\n" {
		t.Errorf("%q, %v", b[:n], err)
	}
}

func TestHostWithoutManager(t *testing.T) {
	for _, socket := range []string{"", "nonsense"} {
		t.Setenv("NOTIFY_SOCKET", socket)
		ran := false
		err := Host(t.Context(), Hosted{
			Log: slog.New(slog.DiscardHandler), Alive: func(context.Context) (string, error) { return "", nil },
			Run: func(_ context.Context, up Up) error { up.Ready(); ran = true; return nil },
		})
		if err != nil || !ran {
			t.Errorf("%q: %v", socket, err)
		}
	}
}
