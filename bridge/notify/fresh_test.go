package notify

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// fresh puts a notice into the outbox and hands it over, as the till does.
func (w *world) fresh(uuid string) {
	w.box.add(uuid)
	w.box.mu.Lock()
	notice := w.box.notices[uuid].Notice
	w.box.mu.Unlock()
	w.Deliver(notice)
}

// What is handed over is sent with what was handed over, before anything is read back.
func TestDeliverPostsUnread(t *testing.T) {
	b := newBox()
	simulate(t, b, nil, func(t *testing.T, w *world) {
		b.mu.Lock()
		b.fault = func(call, _ string) error {
			if call == "due" && len(w.mgr.of("")) == 0 {
				t.Error("the outbox was read before the notice was sent")
			}
			return nil
		}
		b.mu.Unlock()
		w.fresh("u-1")
		synctest.Wait()
		got := w.mgr.of("u-1")
		if len(got) != 1 || got[0].body != `{"payment_uuid":"u-1","status":"APPROVED","auth_code":"651200","txn_ref":"163"}` {
			t.Errorf("posted %v", got)
		}
		if b.left() != 0 || b.reported["u-1"] != 1 {
			t.Errorf("%d left", b.left())
		}
	})
}

// An outbox that cannot be read holds up nothing that is handed over.
func TestDeliverWhileTheOutboxFails(t *testing.T) {
	b := newBox()
	b.failing("due", "next")
	simulate(t, b, nil, func(t *testing.T, w *world) {
		w.fresh("u-1")
		if synctest.Wait(); len(w.mgr.of("u-1")) != 1 || b.left() != 0 {
			t.Errorf("posted %d times, %d left", len(w.mgr.of("u-1")), b.left())
		}
	})
}

// Handed over twice, handed over while the outbox gave it already, handed over while it waits: one try at a time,
// and its waiting is kept.
func TestDeliverKnown(t *testing.T) {
	simulate(t, newBox(), nil, func(t *testing.T, w *world) {
		answered := make(chan struct{})
		w.mgr.set(func(p post) (*http.Response, error) {
			<-answered
			return unreachable(p)
		})
		w.fresh("u-1")
		synctest.Wait()
		w.fresh("u-1")
		w.Kick()
		if synctest.Wait(); len(w.mgr.of("u-1")) != 1 {
			t.Fatalf("%d tries at a time", len(w.mgr.of("u-1")))
		}
		close(answered)
		synctest.Wait()
		w.fresh("u-1")
		if synctest.Wait(); len(w.mgr.of("u-1")) != 1 {
			t.Error("tried again before its time")
		}
		w.mgr.set(nil)
		if sleep(mostWait); w.box.left() != 0 || len(w.mgr.of("u-1")) != 2 {
			t.Errorf("%d left, %d tries", w.box.left(), len(w.mgr.of("u-1")))
		}
	})
}

// More than fit, more than can be started, and some before Run and after its end: the outbox has them all.
func TestDeliverMany(t *testing.T) {
	const many = 3 * maxFresh
	simulate(t, newBox(), func(post) (*http.Response, error) {
		time.Sleep(time.Second)
		return says(204, ""), nil
	}, func(t *testing.T, w *world) {
		for i := range many {
			w.fresh(fmt.Sprint("u-", i))
		}
		if sleep(many * time.Second); w.box.left() != 0 || len(w.mgr.of("")) != many {
			t.Errorf("%d left, %d posts of %d", w.box.left(), len(w.mgr.of("")), many)
		}
		w.stop()
		for i := range many {
			w.fresh(fmt.Sprint("late-", i)) // it blocks nobody
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); w.Run(ctx) }()
		if sleep(2 * many * time.Second); w.box.left() != 0 || len(w.mgr.of("")) != 2*many {
			t.Errorf("%d left, %d posts of %d", w.box.left(), len(w.mgr.of("")), 2*many)
		}
		cancel()
		<-ended
	})
}
