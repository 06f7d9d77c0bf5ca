package daemon

import (
	"context"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	lookEvery = 5 * time.Second
	// standstill is how late a look may be on a computer that is merely busy.
	standstill = 30 * time.Second
	// nap is how long a computer must have slept to matter: a terminal or its adapter has noticed by then.
	nap = 2 * time.Second
	// clockJump is how far the clock may be set without a consequence.
	clockJump = time.Minute
)

// instant is one moment on the clocks that a computer has.
type instant struct {
	wall   time.Time     // which people and servers set
	awake  time.Duration // the monotonic clock, which on most systems stands still in a sleep
	uptime time.Duration // since the boot, sleep included; zero where the system does not tell
}

// look reads the clocks; begin is a moment of this process. Linux tells in /proc/uptime how long it is up, sleep
// included.
func look(begin time.Time) instant {
	t := time.Now()
	i := instant{wall: t.Round(0), awake: t.Sub(begin)}
	if b, err := os.ReadFile("/proc/uptime"); err == nil {
		word, _, _ := strings.Cut(string(b), " ")
		if s, err := strconv.ParseFloat(word, 64); err == nil {
			i.uptime = time.Duration(s * float64(time.Second))
		}
	}
	return i
}

// since compares two looks that were meant to be lookEvery apart: did the computer sleep or stand still between
// them, did somebody set the clock.
func (i instant) since(before instant) (slept, jumped bool) {
	passed := i.awake - before.awake
	slept = passed > lookEvery+standstill
	if i.uptime > 0 && before.uptime > 0 {
		up := i.uptime - before.uptime
		slept = slept || up-passed > nap
		passed = max(passed, up)
	}
	return slept, (i.wall.Sub(before.wall) - passed).Abs() > clockJump
}

// watchSleep tells resumed of every sleep and of every jump of the clock that read shows, until ctx ends.
func watchSleep(ctx context.Context, read func() instant, resumed func(slept bool)) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for before := read(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		i := read()
		if slept, jumped := i.since(before); slept || jumped {
			resumed(slept)
		}
		before = i
	}
}
