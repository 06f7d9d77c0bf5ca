package notify

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// linesAMinute bounds what the notifier logs. It is far above what a shop's payments cause.
const linesAMinute = 120

// quiet logs a bounded number of lines a minute. What it leaves out is counted and told with the next line that is
// written.
type quiet struct {
	log  *slog.Logger
	most int

	mu      sync.Mutex
	since   time.Time
	lines   int
	leftOut int
}

func (q *quiet) info(message string, args ...any) { q.write(slog.LevelInfo, message, args) }
func (q *quiet) warn(message string, args ...any) { q.write(slog.LevelWarn, message, args) }

func (q *quiet) write(level slog.Level, message string, args []any) {
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
	q.log.Log(context.Background(), level, message, args...)
}
