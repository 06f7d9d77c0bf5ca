package webhook

import (
	"log/slog"
	"sync"
	"time"

	"tillbridge/terminal"
)

// linesAMinute bounds the log lines that callers of one kind can cause.
const linesAMinute = 20

// quiet writes warnings, a bounded number a minute. What it leaves out is counted and told with the next line that
// is written.
type quiet struct {
	log  *slog.Logger
	most int

	mu      sync.Mutex
	since   time.Time
	lines   int
	leftOut int
}

func (q *quiet) warn(message string, args ...any) {
	q.mu.Lock()
	if now := time.Now(); now.Sub(q.since) >= time.Minute {
		q.since, q.lines = now, 0
	}
	if q.lines >= q.most {
		q.leftOut++
		q.mu.Unlock()
		return
	}
	q.lines++
	leftOut := q.leftOut
	q.leftOut = 0
	q.mu.Unlock()
	if leftOut > 0 {
		args = append(args, "left_out", leftOut)
	}
	q.log.Warn(message, args...)
}

// Write takes a line of the HTTP server's own log.
func (q *quiet) Write(line []byte) (int, error) {
	q.warn("door", "error", terminal.Tidy(string(line), 300))
	return len(line), nil
}
