package webhook

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// What the log tells of callers is bounded, and says what it left out.
func TestLogIsBounded(t *testing.T) {
	b := newBench(t, nil)
	for range 500 {
		b.do(request(good, host("evil.example")))
		b.do(request("{"))
	}
	if n := strings.Count(b.log.String(), "\n"); n == 0 || n > 2*linesAMinute || strings.Contains(b.log.String(), "left_out") {
		t.Errorf("%d lines: %s", n, &b.log)
	}
	b.known.since = b.known.since.Add(-2 * time.Minute)
	b.do(request("{"))
	if !strings.Contains(b.log.String(), fmt.Sprintf("left_out=%d", 500-linesAMinute)) {
		t.Errorf("log: %s", &b.log)
	}
	if n, err := io.WriteString(b.known, strings.Repeat("4111111111111111 ", 100)+"\n"); n != 1701 || err != nil || strings.Contains(b.log.String(), "4111111111111111") {
		t.Errorf("wrote %d %v", n, err)
	}
}

// The minute of the log begins with its first line and is over when it is over.
func TestLogBeginsAnewAfterAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log syncBuffer
		q := &quiet{log: slog.New(slog.NewTextHandler(&log, nil)), most: 2}
		for range 2 {
			for range 3 {
				q.warn("line")
			}
			time.Sleep(time.Minute - time.Nanosecond)
			q.warn("line")
			time.Sleep(time.Nanosecond)
		}
		if got := strings.Count(log.String(), "msg=line"); got != 4 || strings.Count(log.String(), "left_out=2") != 1 {
			t.Errorf("%d lines: %s", got, &log)
		}
	})
}
