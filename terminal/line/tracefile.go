package line

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	traceQueue  = 4096        // lines that wait to be written
	traceLinger = time.Second // that Close waits for them
	// TraceFileLimit is the most bytes of a trace file and of the one before it, each.
	TraceFileLimit = 8 << 20
)

// TraceFile takes the lines of traces and writes them in the background, so that nobody who speaks to a terminal ever
// waits for a disk. Lines that find no room, on the disk or in its short queue, are lost; a line that tells how many
// follows as soon as one can be written again.
type TraceFile struct {
	path  string // empty for a writer that is not a file
	limit int64
	log   *slog.Logger

	lines chan []byte
	ended chan struct{}
	lost  atomic.Int64

	mu     sync.RWMutex // held for reading by Write, for writing by Close
	closed bool

	// The goroutine's own.
	out     io.Writer
	file    *os.File // nil while there is none
	size    int64
	failing bool // and the log has been told
}

// OpenTraceFile appends to a file, readable by this user alone, or makes it. When it has reached limit bytes (0 for
// TraceFileLimit) it gets ".1" added to its name, in place of an earlier one, and another is begun. The caller closes
// it.
func OpenTraceFile(path string, limit int64, log *slog.Logger) (*TraceFile, error) {
	if limit <= 0 {
		limit = TraceFileLimit
	}
	t := newTraceFile(log)
	t.path, t.limit = path, limit
	if err := t.open(); err != nil {
		return nil, fmt.Errorf("open the trace: %w", err)
	}
	go t.run()
	return t, nil
}

// NewTraceWriter writes to w, such as standard output, without a limit. Close does not close w.
func NewTraceWriter(w io.Writer, log *slog.Logger) *TraceFile {
	t := newTraceFile(log)
	t.out = w
	go t.run()
	return t
}

func newTraceFile(log *slog.Logger) *TraceFile {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &TraceFile{log: log, lines: make(chan []byte, traceQueue), ended: make(chan struct{})}
}

// Write takes one line. It never waits and never fails.
func (t *TraceFile) Write(b []byte) (int, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.closed {
		return len(b), nil
	}
	select {
	case t.lines <- append([]byte(nil), b...):
	default:
		t.lost.Add(1)
	}
	return len(b), nil
}

// Close writes what waits, for a second at the most, and closes the file. It may be called more than once.
func (t *TraceFile) Close() error {
	t.mu.Lock()
	if !t.closed {
		t.closed = true
		close(t.lines)
	}
	t.mu.Unlock()
	late := time.NewTimer(traceLinger)
	defer late.Stop()
	select {
	case <-t.ended:
		return nil
	case <-late.C:
		return errors.New("close the trace: what it is written to does not take the last lines")
	}
}

func (t *TraceFile) run() {
	defer close(t.ended)
	for line := range t.lines {
		if n := t.lost.Swap(0); n > 0 {
			note := fmt.Appendf(nil, "%s %d lines are missing here\n", time.Now().Format("2006-01-02 15:04:05.000000"), n)
			if t.put(note) != nil {
				t.lost.Add(n)
			}
		}
		if err := t.put(line); err != nil {
			t.lost.Add(1)
			if !t.failing {
				t.log.Warn("the trace cannot be written; lines of it are lost", "error", err)
			}
			t.failing = true
			continue
		}
		t.failing = false
	}
	if t.file != nil {
		_ = t.file.Close() // nobody depends on a trace
	}
}

// put writes a line whole, or not at all where that can be helped.
func (t *TraceFile) put(line []byte) error {
	if t.path != "" && t.file != nil && t.size > 0 && t.size+int64(len(line)) > t.limit {
		t.turn()
	}
	if t.path != "" && t.file == nil {
		if err := t.open(); err != nil {
			return err
		}
	}
	n, err := t.out.Write(line)
	if err != nil && n > 0 && t.file != nil && t.file.Truncate(t.size) == nil {
		n = 0 // half a line is worth nothing, and its space may be what a payment needs
	}
	t.size += int64(n)
	return err
}

// open opens the file at its end.
func (t *TraceFile) open() error {
	info, err := os.Stat(t.path)
	if err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", t.path)
	}
	f, err := os.OpenFile(t.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	if info, err = f.Stat(); err != nil {
		return errors.Join(err, f.Close())
	}
	t.file, t.out, t.size = f, f, info.Size()
	return nil
}

// turn puts the full file aside and lets the next line begin another. Where it cannot be put aside it is emptied: it
// must not grow.
func (t *TraceFile) turn() {
	err := t.file.Close()
	t.file, t.out = nil, nil
	if err = errors.Join(err, os.Rename(t.path, t.path+".1")); err != nil {
		t.log.Warn("the full trace cannot be put aside and is begun anew", "error", err)
		_ = os.Truncate(t.path, 0) // the next line shows whether it can be written
	}
}
