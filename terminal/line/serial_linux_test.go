package line

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

func newPTY(t *testing.T, link string) *simulate.PTYPort {
	t.Helper()
	p, err := simulate.PTY(link)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	p.SetReadDeadline(time.Now().Add(10 * time.Second))
	return p
}

func openPort(t *testing.T, path string) terminal.Port {
	t.Helper()
	p, err := serialConfig(path).Open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	p.SetReadDeadline(time.Now().Add(10 * time.Second))
	return p
}

func TestPortCarriesEveryByte(t *testing.T) {
	pty := newPTY(t, "")
	p := openPort(t, pty.Path())
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	all = bytes.Repeat(all, 8)
	for _, way := range []struct {
		name string
		to   io.Writer
		from io.Reader
	}{{"sent", p, pty}, {"received", pty, p}} {
		wrote := make(chan error, 1)
		go func() { wrote <- second(way.to.Write(all)) }()
		got := make([]byte, len(all))
		if _, err := io.ReadFull(way.from, got); err != nil || !bytes.Equal(got, all) {
			t.Errorf("%s: bytes differ, %v", way.name, err)
		}
		if err := <-wrote; err != nil {
			t.Errorf("%s: %v", way.name, err)
		}
	}
}

func TestPortDeadline(t *testing.T) {
	t.Parallel()
	pty := newPTY(t, "")
	p := openPort(t, pty.Path())
	b := make([]byte, 9)
	for _, wait := range []time.Duration{0, 5 * time.Millisecond, 250 * time.Millisecond} {
		begin := time.Now()
		p.SetReadDeadline(begin.Add(wait))
		n, err := p.Read(b)
		if took := time.Since(begin); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) || took < wait || took > wait+500*time.Millisecond {
			t.Errorf("deadline in %s: %d, %v after %s", wait, n, err, took)
		}
	}
	p.SetReadDeadline(time.Now().Add(10 * time.Second))
	pty.Write([]byte("then"))
	if n, err := p.Read(b); string(b[:n]) != "then" || err != nil {
		t.Errorf("afterwards: %q, %v", b[:n], err)
	}
}

// Bytes are handed on when they come, not when a poll ends.
func TestPortIsQuick(t *testing.T) {
	pty := newPTY(t, "")
	p := openPort(t, pty.Path())
	go func() { // the terminal's side echoes
		b := make([]byte, 64)
		for {
			n, err := pty.Read(b)
			if err != nil {
				return
			}
			if _, err := pty.Write(b[:n]); err != nil {
				return
			}
		}
	}()
	const rounds = 300
	took := make([]time.Duration, rounds)
	frame, got := []byte("06 00 0A 12 34"), make([]byte, 14)
	for i := range took {
		begin := time.Now()
		if _, err := p.Write(frame); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(p, got); err != nil {
			t.Fatal(err)
		}
		took[i] = time.Since(begin)
	}
	slices.Sort(took)
	t.Logf("there and back over a pty: median %s, p99 %s", took[rounds/2], took[rounds*99/100])
	if took[rounds/2] > pollEvery/4 {
		t.Errorf("the median of %s looks like polling", took[rounds/2])
	}
}

func TestPortCloseDuringRead(t *testing.T) {
	t.Parallel()
	pty := newPTY(t, "")
	for range 20 {
		p := openPort(t, pty.Path())
		ended := make(chan error, 1)
		go func() { ended <- second(p.Read(make([]byte, 9))) }()
		begin := time.Now()
		if err := p.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if took := time.Since(begin); took > time.Second {
			t.Errorf("close took %s", took)
		}
		if err := <-ended; !errors.Is(err, net.ErrClosed) || errors.Is(err, ErrGone) {
			t.Errorf("read: %v", err)
		}
		if err := p.Close(); err != nil {
			t.Errorf("second close: %v", err)
		}
	}
}

func TestPortPeerGone(t *testing.T) {
	link := filepath.Join(t.TempDir(), "terminal")
	for _, reading := range []bool{true, false} {
		pty := newPTY(t, link)
		p := openPort(t, link)
		ended := make(chan error, 1)
		if reading {
			go func() { ended <- second(p.Read(make([]byte, 9))) }()
		}
		pty.Close()
		select {
		case <-p.(interface{ Gone() <-chan struct{} }).Gone():
		case <-time.After(5 * time.Second):
			t.Fatal("the loss was not noticed")
		}
		if !reading {
			ended <- second(p.Read(make([]byte, 9)))
		}
		if err := <-ended; !errors.Is(err, ErrGone) || errors.Is(err, net.ErrClosed) {
			t.Errorf("read: %v", err)
		}
		if _, err := p.Write([]byte("x")); !errors.Is(err, ErrGone) {
			t.Errorf("write: %v", err)
		}
		if err := p.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if _, err := serialConfig(link).Open(context.Background()); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("open without the device: %v", err)
		}
	}
}

func TestPortReopens(t *testing.T) {
	t.Parallel()
	link := filepath.Join(t.TempDir(), "terminal")
	for i := range 5 {
		pty := newPTY(t, link)
		for j := range 3 {
			p := openPort(t, link)
			want := fmt.Sprintf("plug %d open %d", i, j)
			pty.Write([]byte(want))
			got := make([]byte, len(want))
			if _, err := io.ReadFull(p, got); err != nil || string(got) != want {
				t.Errorf("read %q, %v, want %q", got, err, want)
			}
			p.Close()
		}
		pty.Close()
	}
}

func TestPortStuckWrite(t *testing.T) {
	t.Parallel()
	pty := newPTY(t, "")
	p := openPort(t, pty.Path()).(*serialPort)
	p.limits.write = func(int) time.Duration { return 200 * time.Millisecond }
	p.limits.close = 500 * time.Millisecond
	begin := time.Now()
	_, err := p.Write(make([]byte, 1<<20))
	if took := time.Since(begin); !errors.Is(err, ErrStuck) || took > 2*time.Second {
		t.Errorf("write without a reader: %v after %s", err, took)
	}
	begin = time.Now()
	err = p.Close()
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("close: %v after %s", err, took)
	}
	// The call that hangs ends with the line, and everything with it.
	pty.Close()
	select {
	case <-p.done:
	case <-time.After(5 * time.Second):
		t.Error("the port did not come to its end")
	}
}

func TestOpenRefusals(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	dangling := filepath.Join(dir, "dangling")
	if err := os.Symlink(filepath.Join(dir, "nothing"), dangling); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		filepath.Join(dir, "missing"): fs.ErrNotExist, dangling: fs.ErrNotExist, file: nil, dir: nil, "/dev/null": nil,
	} {
		p, err := serialConfig(path).Open(context.Background())
		if p != nil || err == nil || want != nil && !errors.Is(err, want) || !strings.Contains(err.Error(), "open port: ") {
			t.Errorf("%s: %v, %v", path, p, err)
		}
	}
	if text, err := os.ReadFile(file); string(text) != "x" {
		t.Errorf("the file holds %q, %v", text, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if p, err := serialConfig(newPTY(t, "").Path()).Open(ctx); p != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v, %v", p, err)
	}
}

func TestNoGoroutineIsLeft(t *testing.T) {
	pty := newPTY(t, "")
	openPort(t, pty.Path()).Close() // what is made once is there now
	before := runtime.NumGoroutine()
	for range 20 {
		openPort(t, pty.Path()).Close()
	}
	settled(t, before)
}

// settled waits until no more goroutines run than before.
func settled(t *testing.T, before int) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<16)
			t.Fatalf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
		}
	}
}

// The library cannot wait on descriptors above 1023, and panics. That must cost a line, not the program.
func TestPortWithTooManyFiles(t *testing.T) {
	pty := newPTY(t, "")
	for range 1100 {
		f, err := os.Open("/dev/null")
		if err != nil {
			t.Skipf("this system does not let us have 1100 files open: %v", err)
		}
		defer f.Close()
	}
	p, err := serialConfig(pty.Path()).Open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	p.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := p.Read(make([]byte, 1)); !errors.Is(err, ErrGone) || !strings.Contains(err.Error(), "too many open files") {
		t.Errorf("read: %v", err)
	}
	if err := p.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// Bytes that come at the moment of Close do no harm.
func TestPortCloseUnderFire(t *testing.T) {
	pty := newPTY(t, "")
	stop := make(chan struct{})
	fired := make(chan struct{})
	go func() {
		defer close(fired)
		for b := bytes.Repeat([]byte{0x55}, 64); ; {
			select {
			case <-stop:
				return
			default:
				if _, err := pty.Write(b); err != nil {
					return
				}
				pty.Discard()
			}
		}
	}()
	for range 20 {
		p := openPort(t, pty.Path())
		io.ReadFull(p, make([]byte, 200))
		if err := p.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	close(stop)
	<-fired
}
