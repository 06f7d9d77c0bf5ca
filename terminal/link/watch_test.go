package link_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/link"
	"tillbridge/terminal/simulate"
)

func TestWatch(t *testing.T) {
	var took atomic.Int32
	beside := exchange(t, func(t *testing.T, x *link.Exchange, _ *terminal.Quality) {
		var w link.Watch
		w.Stop() // there is none
		take := func([]byte) error { took.Add(1); return nil }
		w.Start(x, take)
		w.Start(x, take)
		x.Poke() // somebody else's
		time.Sleep(3500 * time.Millisecond)
		if !w.Watching() || took.Load() != 1 {
			t.Errorf("watching %t, took %d", w.Watching(), took.Load())
		}
		w.Stop() // an exchange has begun
		if w.Watching() || took.Load() != 2 {
			t.Errorf("after the stop: watching %t, took %d", w.Watching(), took.Load())
		}
		w.Start(x, take)
		synctest.Wait()
		w.Stop()
	}, "pass 1s", "say "+enq, "hear "+ack, "say "+theirs, "hear "+ack, "say "+eot, "pass 2s", "say "+enq, "hear "+ack, "pass 1s", "say "+theirs, "hear "+ack, "say "+eot)
	if beside != "" {
		t.Errorf("the terminal heard %q", beside)
	}
}

// A line that is lost ends the watch, and it can be stopped all the same.
func TestWatchLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := simulate.Pipe()
		var w link.Watch
		w.Start(link.NewExchange(near, 32, nil), func([]byte) error { return nil })
		far.Cut()
		synctest.Wait() // a goroutine that went on would spin here for ever
		w.Stop()
	})
}
