package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tillbridge/bridge/journal"
	"tillbridge/bridge/standin"
	"tillbridge/drivers/zvt"
	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// The benchmarks measure the program as it is shipped, in a process of its own, with its journal on a disk. The
// simulated terminals and the stand-in for MGR are in the test's process, so that all stamps are of one clock.
// docs/performance.md says what each of them means.

// shipped builds the program as it is shipped: without cgo and symbols.
func shipped(b testing.TB) string {
	b.Helper()
	exe := filepath.Join(b.TempDir(), "tillbridge.exe") // a name that every system runs
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", exe, "tillbridge/cmd/tillbridge")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("build the program: %v\n%s", err, out)
	}
	return exe
}

// launch starts a program and keeps what it prints.
func launch(b *testing.B, exe string, args ...string) *child {
	b.Helper()
	c := &child{cmd: exec.Command(exe, args...), ended: make(chan struct{}), more: make(chan struct{})}
	r, w := io.Pipe()
	c.cmd.Stdout, c.cmd.Stderr = w, w
	if err := c.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	var reader sync.WaitGroup
	reader.Go(func() {
		for s := bufio.NewScanner(r); s.Scan(); {
			c.mu.Lock()
			if c.lines = append(c.lines, s.Text()); len(c.lines) > 5000 {
				c.lines = c.lines[1000:]
			}
			close(c.more)
			c.more = make(chan struct{})
			c.mu.Unlock()
		}
	})
	go func() {
		_ = c.cmd.Wait() // how it ended is in its state
		_ = w.Close()
		reader.Wait()
		close(c.ended)
	}()
	b.Cleanup(func() {
		c.kill()
		if b.Failed() {
			b.Logf("the program printed:\n%s", strings.Join(c.lines[max(0, len(c.lines)-40):], "\n"))
		}
	})
	return c
}

// shop is the shipped program with simulated terminals t1, t2, … and a stand-in for MGR.
type shop struct {
	b       *testing.B
	exe     string
	dir     string
	mgr     *standin.MGR
	client  *http.Client
	heard   chan time.Time // when a notice arrived; nobody has to take it
	program *child
	door    string // host:port
	n       int
}

// newShop writes the settings and starts nothing yet. Each port is one terminal's, as YAML.
func newShop(b *testing.B, exe, options string, ports ...string) *shop {
	b.Helper()
	s := &shop{
		b: b, exe: exe, dir: b.TempDir(), mgr: standin.New(standin.Options{Passcode: passcode}), heard: make(chan time.Time, 1),
		// Each charge comes on a connection of its own, as from a server that seldom calls.
		client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second},
		door:   unusedAddress(b), n: len(ports),
	}
	onDisk(b, s.dir)
	b.Cleanup(s.mgr.Close)
	notify := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case s.heard <- time.Now():
		default:
		}
		s.mgr.ServeHTTP(w, r)
	}))
	b.Cleanup(notify.Close)
	var text strings.Builder
	fmt.Fprintf(&text, "listen: %s\ncounter: 127.0.0.1:0\njournal: %s\nmgr:\n  passcode: %q\n  notify_url: %s/notify\nterminals:\n",
		s.door, filepath.Join(s.dir, "journal.db"), passcode, notify.URL)
	for i, p := range ports {
		fmt.Fprintf(&text, "  t%d:\n    driver: zvt\n    port: %s\n    currency: EUR\n    options: {%s}\n", i+1, p, options)
	}
	if err := os.WriteFile(s.settings(), []byte(text.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	return s
}

func (s *shop) settings() string { return filepath.Join(s.dir, "config.yaml") }

// unusedAddress is one that nobody listens on, so that the door can be knocked at before it tells where it is.
func unusedAddress(b *testing.B) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// open starts the program and waits until all terminals are ready.
func (s *shop) open() {
	s.b.Helper()
	s.program = launch(s.b, s.exe, "run", "--config", s.settings())
	s.program.find(s.b, `msg=ready`)
	s.until("all terminals are ready", func() bool {
		j, err := journal.OpenReadOnly(filepath.Join(s.dir, "journal.db"))
		if err != nil {
			s.b.Fatal(err)
		}
		defer j.Close()
		for i := range s.n {
			mark, _, err := j.Mark(s.b.Context(), fmt.Sprintf("t%d", i+1))
			if err != nil {
				s.b.Fatal(err)
			}
			if !mark.Known() {
				return false
			}
		}
		return true
	})
}

// until waits for a condition, looking again every 20 ms.
func (s *shop) until(what string, ok func() bool) {
	s.b.Helper()
	late := time.After(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-late:
			s.b.Fatalf("waited in vain: %s", what)
		case <-tick.C:
		}
	}
}

// charge posts a webhook and returns its status, and when it was posted and answered.
func (s *shop) charge(terminal, uuid string) (status int, posted, answered time.Time, err error) {
	body := fmt.Sprintf(`{"amount": 12.50, "customer_uuid": "customer", "payment_uuid": %q}`, uuid)
	req, err := http.NewRequestWithContext(s.b.Context(), http.MethodPost, "http://"+s.door+"/mgr/"+terminal, strings.NewReader(body))
	if err != nil {
		return 0, posted, answered, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-MGR-PASSCODE", passcode)
	told, err := s.mgr.Expect(standin.Charge{Amount: "12.50", Customer: "customer", UUID: uuid})
	if err != nil {
		return 0, posted, answered, err
	}
	posted = time.Now()
	resp, err := s.client.Do(req)
	answered = time.Now()
	if err != nil {
		return 0, posted, answered, err
	}
	wrote, err := io.ReadAll(resp.Body)
	err = errors.Join(err, resp.Body.Close())
	told(resp.StatusCode, string(wrote))
	return resp.StatusCode, posted, answered, err
}

// take charges until the terminal takes the payment, and returns when the 202 came. Before each try it calls
// before.
func (s *shop) take(terminal, uuid string, before func()) (answered time.Time) {
	s.b.Helper()
	s.until("the terminal takes a payment", func() bool {
		before()
		status, _, at, err := s.charge(terminal, uuid)
		if err != nil {
			s.b.Fatal(err)
		}
		answered = at
		return status == http.StatusAccepted
	})
	return answered
}

// outcome waits for what MGR is told of a payment and returns an error where it is not an approval.
func (s *shop) outcome(uuid string) error {
	ctx, cancel := context.WithTimeout(s.b.Context(), patience)
	defer cancel()
	n, err := s.mgr.Wait(ctx, uuid)
	if err == nil && n.Outcome != standin.Approved {
		err = fmt.Errorf("payment %s ended as %s", uuid, n.Outcome)
	}
	return err
}

// benchUUID is the nth payment's name.
func benchUUID(n int) string { return fmt.Sprintf("00000000-0000-4000-9000-%012d", n) }

// approver is a simulated terminal that approves every payment at once.
func approver(b *testing.B) terminal.Simulator {
	b.Helper()
	sim, err := zvt.Driver().Simulate(terminal.SimulatorOptions{Outcome: simulate.Approved})
	if err != nil {
		b.Fatal(err)
	}
	if err := sim.Press("manual-sale:100"); err != nil { // so that it has a last transaction to tell
		b.Fatal(err)
	}
	return sim
}

// onTCP serves terminals on addresses and returns their ports as YAML.
func onTCP(b *testing.B, n int) (ports []string) {
	b.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		lines := simulate.Lines{Sim: approver(b)}
		serve(b, func(ctx context.Context) error { return lines.TCP(ctx, l) })
		ports = append(ports, fmt.Sprintf("{tcp: %q}", l.Addr()))
	}
	return ports
}

// onPTY serves terminals on pseudo-terminals and returns their ports as YAML. wrap is between each terminal and
// its line; nil for nothing.
func onPTY(b *testing.B, n int, wrap func(terminal.Port) terminal.Port) (ports []string) {
	b.Helper()
	dir := b.TempDir()
	for i := range n {
		link := filepath.Join(dir, fmt.Sprintf("tty%d", i))
		opened := make(chan string, 1)
		lines := simulate.Lines{Sim: approver(b), Wrap: wrap, Opened: func(where string) { opened <- where }}
		serve(b, func(ctx context.Context) error {
			err := lines.PTY(ctx, link)
			if err != nil {
				opened <- ""
			}
			return err
		})
		if <-opened == "" {
			b.Skip("there are no pseudo-terminals here")
		}
		ports = append(ports, fmt.Sprintf("{serial: %q}", link))
	}
	return ports
}

// serve runs a terminal's line until the benchmark has ended.
func serve(b *testing.B, f func(context.Context) error) {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f(ctx) }()
	b.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			b.Log(err)
		}
	})
}

// report gives median and p99 of what was measured, under names that begin with what.
func report(b *testing.B, what string, took []time.Duration) {
	b.Helper()
	b.ReportMetric(0, "ns/op")
	if len(took) == 0 {
		b.Errorf("nothing was measured of %q", what)
		return
	}
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(ms(took[len(took)/2]), what+"p50-ms")
	b.ReportMetric(ms(took[len(took)*99/100]), what+"p99-ms")
}

// onDisk stops a benchmark whose journal would be in memory, where syncing costs nothing.
func onDisk(b *testing.B, dir string) {
	b.Helper()
	name := fileSystem(dir)
	if name == "tmpfs" || name == "ramfs" {
		b.Fatalf("%s is in memory (%s), where a journal is synced for nothing; set TMPDIR to a folder on a disk", dir, name)
	}
}

// fileSystem is the type of a folder's file system, as Linux tells it; empty where that is not known.
func fileSystem(dir string) string {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return ""
	}
	best, kind := "", ""
	for line := range bytes.Lines(mounts) {
		f := strings.Fields(string(line))
		if len(f) < 3 {
			continue
		}
		at := strings.TrimSuffix(f[1], "/")
		if (dir == f[1] || strings.HasPrefix(dir, at+"/")) && len(at) >= len(best) {
			best, kind = at, f[2]
		}
	}
	return kind
}
