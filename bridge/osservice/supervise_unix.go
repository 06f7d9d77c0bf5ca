//go:build unix

package osservice

import (
	"context"
	"strings"
	"sync"
	"time"
)

const (
	statusEvery = 10 * time.Second // how often Alive is asked, where half of the watchdog's time is not less
	retryEvery  = time.Second      // after an Alive that failed
	reloadTakes = 3 * time.Second  // at most, as it is told
)

// tell sends lines to the service manager. It neither waits long nor fails.
type tell func(lines ...string)

// supervise runs the program and tells a manager that speaks sd_notify(3): READY, STATUS, RELOADING, STOPPING, and
// WATCHDOG at least at half of the watchdog's time as long as the program lives; 0 is no watchdog.
func (h Hosted) supervise(ctx context.Context, t tell, watchdog time.Duration) error {
	reload, ready := make(chan struct{}), make(chan struct{})
	first := sync.OnceFunc(func() { close(ready) })
	anew := make(chan struct{}, 1)
	up := Up{Reload: reload, Ready: func() {
		t("READY=1")
		first()
		select {
		case anew <- struct{}{}:
		default:
		}
	}}
	aside, stop := context.WithCancel(ctx)
	var work sync.WaitGroup
	work.Go(func() { h.reloads(aside, t, reload, anew) })
	work.Go(func() { h.watch(aside, t, watchdog, ready) })
	stopping := make(chan struct{})
	keep := context.AfterFunc(ctx, func() {
		t("STOPPING=1", "STATUS=stopping")
		close(stopping)
	})
	err := h.Run(ctx, up)
	if !keep() {
		<-stopping
	}
	stop()
	work.Wait()
	if err != nil {
		line, _, _ := strings.Cut(err.Error(), "\n")
		t("STATUS=" + line)
	}
	return err
}

// reloads hands each wish for new settings to the program. The manager is told that this is over when the program has
// taken it up and serves anew, or some seconds later: new settings may wait for the end of a payment, and a wrong file
// is not taken.
func (h Hosted) reloads(ctx context.Context, t tell, to chan<- struct{}, anew <-chan struct{}) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.Reload:
		}
		t(append([]string{"RELOADING=1"}, monotonic()...)...)
		select {
		case <-anew: // of before
		default:
		}
		select {
		case <-ctx.Done():
			return
		case to <- struct{}{}:
		}
		late := time.NewTimer(reloadTakes)
		select {
		case <-ctx.Done():
		case <-anew:
		case <-late.C:
			t("READY=1")
		}
		late.Stop()
	}
}

// watch asks the program how it is.
func (h Hosted) watch(ctx context.Context, t tell, watchdog time.Duration, ready <-chan struct{}) {
	select {
	case <-ctx.Done():
		return
	case <-ready:
	}
	every := statusEvery
	if watchdog > 0 {
		every = min(every, watchdog/2)
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for said, well := "", true; ; {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		status, err := h.Alive(ctx)
		status, _, _ = strings.Cut(status, "\n")
		next := every
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			next = min(every, retryEvery)
			if well {
				h.Log.Warn("the bridge does not answer its own service", "error", err)
			}
		case watchdog > 0:
			t("WATCHDOG=1")
		}
		if err == nil && status != said {
			t("STATUS=" + status)
			said = status
		}
		well = err == nil
		timer.Reset(next)
	}
}
