package daemon

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestSleepIsSeen(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	const base, tick = 1000 * time.Second, lookEvery
	before := instant{noon, base, 2 * base}
	untold := instant{noon, base, 0}
	for name, c := range map[string]struct {
		before, i     instant
		slept, jumped bool
	}{
		"nothing":                       {before, instant{noon.Add(tick), base + tick, 2*base + tick}, false, false},
		"busy":                          {before, instant{noon.Add(4 * tick), base + 4*tick, 2*base + 4*tick}, false, false},
		"slept an hour, Linux":          {before, instant{noon.Add(time.Hour), base + tick, 2*base + time.Hour}, true, false},
		"slept 3 s, Linux":              {before, instant{noon.Add(tick + 3*time.Second), base + tick, 2*base + tick + 3*time.Second}, true, false},
		"slept, the clock ran, Windows": {untold, instant{noon.Add(time.Hour), base + time.Hour, 0}, true, false},
		"slept, the clock stood":        {untold, instant{noon.Add(time.Hour), base + tick, 0}, false, true}, // reads as a jump
		"stood still":                   {before, instant{noon.Add(time.Minute), base + time.Minute, 2*base + time.Minute}, true, false},
		"uptime is not told any more":   {before, instant{noon.Add(tick), base + tick, 0}, false, false},
		"uptime was not told":           {untold, instant{noon.Add(tick), base + tick, 2 * base}, false, false},
		"clock set back an hour":        {before, instant{noon.Add(tick - time.Hour), base + tick, 2*base + tick}, false, true},
		"clock set forth a day":         {untold, instant{noon.Add(tick + 24*time.Hour), base + tick, 0}, false, true},
		"clock put right by 10 s":       {before, instant{noon.Add(tick + 10*time.Second), base + tick, 2*base + tick}, false, false},
	} {
		if slept, jumped := c.i.since(c.before); slept != c.slept || jumped != c.jumped {
			t.Errorf("%s: slept %v, jumped %v", name, slept, jumped)
		}
	}
}

// The clocks of this machine go on together, and the watch ends.
func TestLookAtThisMachine(t *testing.T) {
	begin := time.Now()
	i := look(begin)
	if slept, jumped := look(begin).since(i); slept || jumped {
		t.Errorf("slept %v, jumped %v between two looks", slept, jumped)
	}
	if (i.uptime > 0) != (runtime.GOOS == "linux") {
		t.Errorf("up for %v on %s", i.uptime, runtime.GOOS)
	}
}

func TestSleepIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		begin := time.Now()
		var ahead atomic.Int64 // what the clock was set by
		var told []bool
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			watchSleep(ctx, func() instant {
				awake := time.Since(begin)
				return instant{begin.Add(awake + time.Duration(ahead.Load())).Round(0), awake, 0}
			}, func(slept bool) { told = append(told, slept) })
		}()
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(told) != 0 {
			t.Fatalf("told %v in a quiet hour", told)
		}
		ahead.Store(-int64(time.Hour))
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(told) != 1 || told[0] {
			t.Errorf("told %v of one jump", told)
		}
		cancel()
		<-ended
	})
}
