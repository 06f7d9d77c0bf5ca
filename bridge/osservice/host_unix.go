//go:build unix

package osservice

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Host runs the program until ctx ends. Where a service manager has given a socket for it, that manager is told how the
// program is, as sd_notify(3) and sd_watchdog_enabled(3) say. The variables of that are taken out of the environment,
// so that no process that the program starts answers in its place.
func Host(ctx context.Context, h Hosted) error {
	n, err := dial(os.Getenv, os.Getpid())
	for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} {
		_ = os.Unsetenv(name) // a valid name
	}
	if err != nil {
		h.Log.Warn("the service manager cannot be told how the bridge is", "error", err)
	}
	if n == nil {
		return h.supervise(ctx, func(...string) {}, 0)
	}
	defer n.conn.Close()
	return h.supervise(ctx, n.tell, n.watchdog)
}

// notice is a service manager's socket.
type notice struct {
	conn     *net.UnixConn
	watchdog time.Duration // 0 for none
}

// dial finds the socket in the environment; nil where there is none.
func dial(getenv func(string) string, pid int) (*notice, error) {
	name := getenv("NOTIFY_SOCKET")
	if name == "" {
		return nil, nil
	}
	if name[0] != '/' && name[0] != '@' {
		return nil, fmt.Errorf("NOTIFY_SOCKET is neither a path nor an abstract name: %q", name)
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("NOTIFY_SOCKET: %w", err)
	}
	n := &notice{conn: conn}
	if whose := getenv("WATCHDOG_PID"); whose == "" || whose == strconv.Itoa(pid) {
		if usec, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64); err == nil && usec > 0 && usec < int64(24*time.Hour/time.Microsecond) {
			n.watchdog = time.Duration(usec) * time.Microsecond
		}
	}
	return n, nil
}

// tell sends one datagram. A manager that does not take it within a second misses it: the bridge does not wait for it.
func (n *notice) tell(lines ...string) {
	var text []byte
	for _, l := range lines {
		text = append(append(text, l...), '\n')
	}
	if n.conn.SetWriteDeadline(time.Now().Add(time.Second)) == nil {
		_, _ = n.conn.Write(text)
	}
}

// monotonic is the time that systemd wants with RELOADING.
func monotonic() []string {
	var now unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) != nil {
		return nil
	}
	return []string{fmt.Sprintf("MONOTONIC_USEC=%d", now.Nano()/1000)}
}
