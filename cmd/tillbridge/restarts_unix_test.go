//go:build unix

package main

import (
	"context"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/standin"
)

// restarts kills the bridge at each durable step of a payment and starts it again.
func restarts(t *testing.T, link string) {
	var mu sync.Mutex
	hit := map[bridge.State]int{}
	t.Run("at", func(t *testing.T) {
		for _, at := range []bridge.State{bridge.Received, bridge.Armed, bridge.Sent, bridge.Seen, bridge.Acknowledged, bridge.Approved} {
			t.Run(at.String(), func(t *testing.T) {
				t.Parallel()
				met := restart(t, link, at)
				mu.Lock()
				defer mu.Unlock()
				hit[met]++
			})
		}
	})
	if len(hit) < 3 {
		t.Errorf("the kills met the states %v only", hit)
	}
}

// restart kills the bridge once a payment is at a state, and tells the state that it met.
func restart(t *testing.T, link string, at bridge.State) bridge.State {
	r := newRig(t, link, "--outcome", "approved", "--think", "20ms")
	id := r.uuid()
	r.until("the terminal is ready", func() bool { return r.ready() })
	var asked sync.WaitGroup
	asked.Go(func() {
		// No answer comes where the bridge dies before; MGR is told the outcome all the same.
		_, _, _ = r.mgr.Charge(context.Background(), r.door, standin.Charge{Amount: amountOf(r.n), Customer: "customer", UUID: id})
	})
	met := r.slowMotion(id, at)
	t.Logf("note: %s: aimed at %s, killed at %s", link, at, met)
	r.bridge.kill()
	asked.Wait()
	r.start()
	r.agree(id, r.captured(id))
	r.verify()
	return met
}

// slowMotion lets the bridge run in slices shorter than its journal's commits, and leaves it stopped once the
// journal has a payment at a state, or beyond it. It returns the state that the payment was left in.
func (r *rig) slowMotion(id string, at bridge.State) bridge.State {
	r.t.Helper()
	process := r.bridge.cmd.Process
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if err := process.Signal(syscall.SIGSTOP); err != nil {
			r.t.Fatal(err)
		}
		p, err := r.look(id)
		if err != nil {
			r.t.Logf("note: stopped where the journal cannot be read: %v", err)
		} else if p.State >= at && p.State != bridge.None {
			return p.State
		}
		if err := process.Signal(syscall.SIGCONT); err != nil {
			r.t.Fatal(err)
		}
		// A slice is shorter than a commit of the journal, which syncs the disk.
		for slice := time.Now().Add(100 * time.Microsecond); time.Now().Before(slice); {
			runtime.Gosched()
		}
	}
	r.t.Fatalf("payment %s did not come to %s", id, at)
	return bridge.None
}
