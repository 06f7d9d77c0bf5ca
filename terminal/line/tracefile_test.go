package line

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A trace file is this user's alone, is appended to, and turns over within its bound without losing a line.
func TestTraceFileTurnsOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trace")
	const limit = 1000
	for part := range 2 {
		f, err := OpenTraceFile(path, limit, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 20 {
			fmt.Fprintf(f, "part %d line %02d ............\n", part, i)
		}
		if err := errors.Join(f.Close(), f.Close()); err != nil {
			t.Fatal(err)
		}
		if n, err := f.Write([]byte("late\n")); n != 5 || err != nil {
			t.Errorf("a line after the end: %d, %v", n, err)
		}
	}
	all := read(t, path+".1") + read(t, path)
	var want strings.Builder
	for n := range 40 {
		fmt.Fprintf(&want, "part %d line %02d ............\n", n/20, n%20)
	}
	if all != want.String() {
		t.Errorf("the files have\n%s", all)
	}
	for _, p := range []string{path, path + ".1"} {
		info, err := os.Stat(p)
		if err != nil || info.Size() > limit || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", p, info, err)
		}
	}
	f, err := OpenTraceFile(path, limit, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		fmt.Fprintf(f, "%s\n", strings.Repeat("x", 99))
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if n := len(read(t, path)) + len(read(t, path+".1")); n > 2*limit {
		t.Errorf("%d bytes are kept", n)
	}
}

func TestTraceFileThatCannotBe(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "none", "trace")} {
		if f, err := OpenTraceFile(path, 0, nil); err == nil {
			t.Errorf("%s was opened: %v", path, f.Close())
		}
	}
}

// fickle is a writer that fails, or waits, as it is told to.
type fickle struct {
	mu    sync.Mutex
	fails bool
	wait  chan struct{}
	text  bytes.Buffer
	asked chan struct{}
}

func (f *fickle) Write(b []byte) (int, error) {
	select {
	case f.asked <- struct{}{}:
	default:
	}
	if f.wait != nil {
		<-f.wait
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fails {
		return 0, errors.New("no space left on device")
	}
	return f.text.Write(b)
}

func (f *fickle) set(fails bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fails = fails
}

// On a full disk lines are lost and counted, the log says so once, and nobody waits.
func TestTraceFileOnAFullDisk(t *testing.T) {
	var log bytes.Buffer
	f := &fickle{fails: true, asked: make(chan struct{}, 100)}
	w := NewTraceWriter(f, slog.New(slog.NewTextHandler(&log, nil)))
	for range 3 {
		fmt.Fprintln(w, "lost")
	}
	for range 5 { // three lines, and two notes of what is missing
		select {
		case <-f.asked:
		case <-time.After(time.Minute):
			t.Fatal("the lines are not tried")
		}
	}
	f.set(false)
	fmt.Fprintln(w, "kept")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if text := f.text.String(); !strings.Contains(text, "lines are missing here\n") || !strings.HasSuffix(text, "kept\n") {
		t.Errorf("written is %q", text)
	}
	if n := strings.Count(log.String(), "cannot be written"); n != 1 {
		t.Errorf("the log tells it %d times:\n%s", n, log.String())
	}
}

// A writer that hangs holds up neither the line nor the end of the program.
func TestTraceFileThatHangs(t *testing.T) {
	f := &fickle{wait: make(chan struct{}), asked: make(chan struct{}, 1)}
	defer close(f.wait)
	w := NewTraceWriter(f, nil)
	fmt.Fprintln(w, "the first")
	select {
	case <-f.asked: // it hangs from now on, and counts nothing away
	case <-time.After(time.Minute):
		t.Fatal("the first line is not tried")
	}
	for range traceQueue * 2 {
		if _, err := w.Write([]byte("x\n")); err != nil {
			t.Fatal(err)
		}
	}
	if n := w.lost.Load(); n != traceQueue {
		t.Errorf("%d lines are lost of %d, with room for %d", n, traceQueue*2, traceQueue)
	}
	if err := w.Close(); err == nil {
		t.Error("the end of a writer that hangs is no error")
	}
}
