package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tillbridge/bridge/health"
	"tillbridge/bridge/osservice"
)

// hosted is the built program run as systemd does.
type hosted struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines chan string // what it tells its manager
	ended chan error
	log   *bytes.Buffer // its standard error; read once it has ended
}

// host starts it with a socket of a manager, and with its standard error as the stream to the journal.
func host(t *testing.T, socket string, args ...string) *hosted {
	t.Helper()
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	var st syscall.Stat_t
	if err := syscall.Fstat(int(w.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	h := &hosted{t: t, cmd: exec.Command(binary(t), append([]string{"run", "--service"}, args...)...), lines: make(chan string, 1000), ended: make(chan error, 1), log: &bytes.Buffer{}}
	h.cmd.Stderr = w
	h.cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+socket, "WATCHDOG_USEC=1000000", fmt.Sprintf("JOURNAL_STREAM=%d:%d", st.Dev, st.Ino))
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = w.Close() // the child has it
	told := make(chan struct{})
	go func() {
		defer close(told)
		for b := make([]byte, 4096); ; {
			n, err := manager.Read(b)
			if err != nil {
				return
			}
			for l := range strings.Lines(string(b[:n])) {
				h.lines <- strings.TrimSpace(l)
			}
		}
	}()
	go func() {
		_, _ = io.Copy(h.log, r) // until the child's end
		h.ended <- h.cmd.Wait()
		close(h.ended)
	}()
	t.Cleanup(func() {
		_ = h.cmd.Process.Kill() // it may have ended already
		for range h.ended {
		}
		_ = manager.Close()
		<-told
		if t.Failed() {
			t.Logf("it logged:\n%s", h.log)
		}
	})
	return h
}

// until waits for something that the manager is told.
func (h *hosted) until(prefix string) string {
	h.t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		select {
		case l := <-h.lines:
			if strings.HasPrefix(l, prefix) {
				return l
			}
		case <-late.C:
			h.t.Fatalf("the manager was not told %s", prefix)
		}
	}
}

// code waits for its end and gives its exit code.
func (h *hosted) code() int {
	h.t.Helper()
	select {
	case err := <-h.ended:
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			h.t.Fatal(err)
		}
	case <-time.After(patience):
		h.t.Fatal("it did not end")
	}
	return h.cmd.ProcessState.ExitCode()
}

// TestHosted runs the built program as systemd does: it is ready when it serves, gives signs of life, reads its settings
// again, takes a payment, and stops in the middle of another one without waiting for the customer.
func TestHosted(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it builds and runs the program, which -short leaves out")
	}
	r := newRig(t, "pty", "--outcome", "approved")
	r.bridge.kill()
	door, counter := freeAddress(t), freeAddress(t)
	r.write("config.yaml", strings.NewReplacer("listen: 127.0.0.1:0", "listen: "+door, "counter: 127.0.0.1:0", "counter: "+counter).Replace(r.settings))
	file := filepath.Join(r.dir, "config.yaml")
	socket := filepath.Join(t.TempDir(), "notify")
	h := host(t, socket, "--config", file)
	h.until("READY=1")
	resp, err := http.Get("http://" + counter + "/")
	if err != nil {
		t.Fatalf("it is ready and does not listen: %v", err)
	}
	_ = resp.Body.Close()
	h.until("WATCHDOG=1")
	h.until("STATUS=1 terminal ready")
	r.door = "http://" + door + "/mgr/counter"
	id := r.uuid()
	r.charge(id, amountOf(r.n))
	r.agree(id, 1)

	if err := h.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	h.until("RELOADING=1")
	h.until("MONOTONIC_USEC=")
	h.until("READY=1")

	r.press("by-hand")
	id = r.uuid()
	r.charge(id, amountOf(r.n))
	h.until("STATUS=1 payment under way")
	second := spawn(t, "run", "--config", file)
	second.find(t, fmt.Sprintf(`tillbridge: journal .* is in use by process %d; stop that one first`, h.cmd.Process.Pid))
	<-second.ended
	if code := second.cmd.ProcessState.ExitCode(); code != osservice.ExitHeld {
		t.Errorf("a second bridge ends with %d, want %d", code, osservice.ExitHeld)
	}
	h.until("WATCHDOG=1")
	begin := time.Now()
	if err := h.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	h.until("STOPPING=1")
	if code := h.code(); code != exitDone {
		t.Errorf("it stopped with %d", code)
	}
	t.Logf("note: stopped in the middle of a payment in %.1f s", time.Since(begin).Seconds())
	for l := range strings.Lines(h.log.String()) {
		if len(l) < 8 || !strings.HasPrefix(l, "<6>msg=") && !strings.HasPrefix(l, "<4>msg=") && !strings.HasPrefix(l, "<3>msg=") || strings.Contains(l, "time=") || strings.Contains(l, "level=") {
			t.Errorf("a line for the journal: %q", l)
		}
	}
	if strings.Contains(h.log.String(), passcode) {
		t.Error("the passcode is logged")
	}
	r.press("tap") // the customer pays while no bridge is there, and the terminal may take it back
	r.start()
	r.agree(id, r.captured(id))
	r.verify()
}

// TestHostedExits ends with the codes that keep systemd from starting it over and over.
func TestHostedExits(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it builds and runs the program, which -short leaves out")
	}
	r := newRig(t, "tcp")
	file := filepath.Join(r.dir, "config.yaml")
	h := host(t, filepath.Join(t.TempDir(), "notify"), "--config", file)
	want := fmt.Sprintf("is in use by process %d; stop that one first", r.bridge.cmd.Process.Pid)
	if got := h.until("STATUS="); !strings.Contains(got, want) {
		t.Errorf("the manager is told %q", got)
	}
	if code := h.code(); code != osservice.ExitHeld {
		t.Errorf("while another has the journal: exit %d", code)
	}
	if got := h.log.String(); strings.Count(got, "\n") != 1 || !strings.HasPrefix(got, `<3>msg="the bridge ended" error=`) || !strings.Contains(got, want) {
		t.Errorf("it logged %q", got)
	}
	r.bridge.kill()

	foreign := strings.Replace(r.settings, "journal: "+r.dir+"/journal.db", "journal: "+r.dir+"/foreign.db", 1)
	r.write("foreign.db", strings.Repeat("this is no journal ", 500))
	r.write("config.yaml", foreign)
	h = host(t, filepath.Join(t.TempDir(), "notify"), "--config", file)
	if code := h.code(); code != osservice.ExitPerson {
		t.Errorf("with another's file for a journal: exit %d", code)
	}

	// With wrong settings it serves the counter screen, and says so.
	r.write("config.yaml", strings.Replace(r.settings, "driver: zvt", "driver: zvtt", 1))
	h = host(t, filepath.Join(t.TempDir(), "notify"), "--config", file)
	h.until("READY=1")
	h.until("STATUS=the settings are wrong, no payment is taken")
	h.until("WATCHDOG=1")
	if err := h.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := h.code(); code != exitDone {
		t.Errorf("it stopped with %d", code)
	}
}

// TestHostedWithoutWay takes the file away that leads to the bridge's health, as a full disk does: it lives on.
func TestHostedWithoutWay(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it builds and runs the program, which -short leaves out")
	}
	r := newRig(t, "tcp")
	r.bridge.kill()
	h := host(t, filepath.Join(t.TempDir(), "notify"), "--config", filepath.Join(r.dir, "config.yaml"))
	h.until("WATCHDOG=1")
	r.until("its health can be had", func() bool {
		f, err := health.Ask(t.Context(), filepath.Join(r.dir, "journal.db"))
		return err == nil && f.PID == h.cmd.Process.Pid
	})
	if err := os.Remove(health.FileName(filepath.Join(r.dir, "journal.db"))); err != nil {
		t.Fatal(err)
	}
	h.until("STATUS=serving")
	for range 3 {
		h.until("WATCHDOG=1")
	}
}
