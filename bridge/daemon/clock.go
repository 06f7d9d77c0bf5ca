package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"tillbridge/bridge/journal"
)

// alarmKeeper raises and lifts the journal's alarms that concern neither a terminal nor a payment: one of a kind stands at
// a time.
type alarmKeeper struct {
	journal *journal.Journal
	log     *slog.Logger
	changed func() // an alarm came or went
}

// standing are the alarms of a kind that stand.
func (k alarmKeeper) standing(ctx context.Context, kind string) (mine []journal.Alarm, err error) {
	all, err := k.journal.Alarms(ctx)
	for _, a := range all {
		if a.Kind == kind {
			mine = append(mine, a)
		}
	}
	return mine, err
}

// raise keeps an alarm unless one of its kind stands.
func (k alarmKeeper) raise(ctx context.Context, kind, text string) {
	standing, err := k.standing(ctx, kind)
	if err == nil && len(standing) == 0 {
		if err = k.journal.RaiseAlarm(ctx, journal.Alarm{At: time.Now(), Kind: kind, Text: text}); err == nil {
			k.log.Warn("alarm", "kind", kind, "text", text)
			k.changed()
		}
	}
	if err != nil {
		k.log.Error("keep alarm", "kind", kind, "error", err)
	}
}

// lift takes the alarms of a kind away, and tells whether none is left.
func (k alarmKeeper) lift(ctx context.Context, kind, why string) bool {
	standing, err := k.standing(ctx, kind)
	for _, a := range standing {
		err = errors.Join(err, k.journal.ClearAlarm(ctx, a.ID, why, time.Now()))
	}
	if err != nil {
		k.log.Error("clear alarm", "kind", kind, "error", err)
	}
	if len(standing) > 0 {
		k.changed()
	}
	return err == nil
}

// alarmClock is the kind of the alarm that this computer's clock is wrong.
const alarmClock = "clock"

const (
	clockOff   = 2 * time.Minute // more than that is wrong: receipts, the end of the day and certificates go by the clock
	clockTimes = 2               // answers in a row that must say so; one may come from a server whose own clock is wrong
)

// clockWatch keeps an alarm while this computer's clock and MGR's differ. It is told by one goroutine at a time.
type clockWatch struct {
	alarmKeeper
	off   int  // answers in a row that differ
	clean bool // no alarm of this kind stands, as far as we know; at a start one of an earlier run may
}

// told takes in how far the clock is ahead of MGR's by an answer, negative where it is behind.
func (c *clockWatch) told(ahead time.Duration) {
	ctx := context.Background()
	if ahead.Abs() <= clockOff {
		c.off = 0
		if !c.clean {
			c.clean = c.lift(ctx, alarmClock, "tillbridge (the clock is right again)")
		}
		return
	}
	if c.off = min(c.off+1, clockTimes); c.off < clockTimes {
		return
	}
	c.clean = false
	way := fmt.Sprintf("%s ahead of MGR's", span(ahead))
	if ahead < 0 {
		way = fmt.Sprintf("%s behind MGR's", span(-ahead))
	}
	c.raise(ctx, alarmClock, fmt.Sprintf("This computer's clock is %s. Set it right. On Windows: Settings, Time and language, Date and time; switch on Set time automatically and press Sync now. On Linux: sudo timedatectl set-ntp true. This alarm goes by itself when an answer of MGR agrees with the clock again.", way))
}

// span is a length of time in hours and minutes.
func span(d time.Duration) string {
	minutes := int64(d.Round(time.Minute) / time.Minute)
	if minutes < 60 {
		return fmt.Sprintf("%d min", minutes)
	}
	return fmt.Sprintf("%d h %d min", minutes/60, minutes%60)
}
