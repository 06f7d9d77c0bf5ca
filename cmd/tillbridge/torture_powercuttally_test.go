//go:build linux

package main

import (
	"fmt"
	"sync"
)

// powerTally counts what happened. Its methods may be called from any goroutine.
type powerTally struct {
	kills *killTally

	mu       sync.Mutex
	cuts     int
	on       map[string]int // of them, by file system
	requests int            // that the disks had carried out in all lives
	images   int
	torn     int // with some of the sectors after the flush, and not all
	late     int // of the moment at which the program died
	repaired int
	broken   int
}

func newPowerTally() *powerTally { return &powerTally{kills: newKillTally(), on: map[string]int{}} }

func (t *powerTally) add(f func(*powerTally)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f(t)
}

func (t *powerTally) cut(l *powerLife, fileSystem string) {
	t.add(func(t *powerTally) {
		t.cuts, t.requests = t.cuts+1, t.requests+len(l.log)
		t.on[fileSystem]++
	})
}

// image counts an image that held what was promised.
func (t *powerTally) image(c crash) {
	t.add(func(t *powerTally) {
		t.images++
		if c.torn() {
			t.torn++
		}
		if c.death {
			t.late++
		}
	})
}

// more tells whether more images are wanted.
func (t *powerTally) more(most int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.images < most && t.broken <= 5
}

func (t *powerTally) String() string {
	kills := t.kills.String()
	t.mu.Lock()
	defer t.mu.Unlock()
	return fmt.Sprintf("%d power cuts (%s), each gone on from, %d images (%d of them torn, %d of the moment of death), %d requests of the disks, file systems repaired %d, broken %d; %s",
		t.cuts, counts(t.on), t.images, t.torn, t.late, t.requests, t.repaired, t.broken, kills)
}
