package daemon

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
)

// alarmPasscode is the kind of the alarm that wrong passcodes come.
const alarmPasscode = "passcode"

const (
	wrongMost   = 10               // wrong passcodes
	wrongWithin = 10 * time.Minute // that raise the alarm when they come within this time
	wrongQuiet  = time.Hour        // without any, and it goes
	wrongLook   = 10 * time.Second // how often that is looked at: the journal is written no oftener, whatever comes
)

// passcodeWatch keeps an alarm while wrong passcodes come. A try costs a few words of memory, which are the same for all.
type passcodeWatch struct {
	alarmKeeper
	clean bool // as in clockWatch; of watch's goroutine

	mu   sync.Mutex
	at   [wrongMost]time.Time // when the last ones came, a ring
	next int                  // where the next goes, which is the oldest
	many int                  // how many came that are to be told of; 0 while they are few
	from string               // where the last one came from
	last time.Time            // when; at first the start of the bridge
}

func newPasscodeWatch(k alarmKeeper) *passcodeWatch {
	return &passcodeWatch{alarmKeeper: k, last: time.Now()}
}

// wrong is told of each wrong passcode.
func (p *passcodeWatch) wrong(source string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.at[p.next] = now
	p.next = (p.next + 1) % wrongMost
	p.from, p.last = source, now
	oldest := p.at[p.next]
	switch {
	case p.many > 0:
		p.many++
	case !oldest.IsZero() && now.Sub(oldest) <= wrongWithin:
		p.many = wrongMost
	}
}

// watch raises and lifts the alarm until ctx ends.
func (p *passcodeWatch) watch(ctx context.Context) {
	tick := time.NewTicker(wrongLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		p.look(ctx)
	}
}

func (p *passcodeWatch) look(ctx context.Context) {
	p.mu.Lock()
	many, from, quiet := p.many, p.from, time.Since(p.last)
	if many > 0 { // those were told of; the next alarm needs as many again
		p.many, p.at = 0, [wrongMost]time.Time{}
	}
	p.mu.Unlock()
	switch {
	case many > 0:
		p.clean = false
		p.raise(ctx, alarmPasscode, fmt.Sprintf("%d calls with a wrong passcode came within 10 minutes, the last one from %s. The passcode in MGR's payment method and the one in the settings of the bridge differ, or somebody tries passcodes. Compare the two. If they are the same, see to it that only this computer, or your own network, reaches the address of the bridge. This alarm goes by itself after an hour without a wrong passcode.", many, caller(from)))
	case quiet >= wrongQuiet && !p.clean:
		p.clean = p.lift(ctx, alarmPasscode, "tillbridge (no wrong passcode came for an hour)")
	}
}

// caller is where a call came from, without what means nothing to a reader.
func caller(source string) string {
	if source == "127.0.0.0/8" {
		return "127.0.0.1" // all addresses of the loopback are one to the door
	}
	return strings.TrimSuffix(source, "/32")
}
