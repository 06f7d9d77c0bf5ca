package daemon

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"tillbridge/bridge/journal"
)

// alarmOther is the kind of the alarm that another terminal answers than the one of before.
const alarmOther = "other terminal"

// identity keeps one till with one terminal, by the number that the terminal tells of itself. The first that answers
// is taken. Another one is refused, with an alarm, until a person settles that alarm: then it is the till's own.
type identity struct {
	journal *journal.Journal
	name    string // of the till
	changed func() // an alarm came or went

	mu     sync.Mutex
	raised atomic.Int64 // the alarm about refuse; 0 for none in this run
	refuse string       // the number of the terminal that was refused last
}

// check is nil where the terminal with that number may be used. It has been greeted by then, else it had not told its
// number.
func (i *identity) check(ctx context.Context, id string) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	mark, known, err := i.journal.Mark(ctx, i.name)
	if err != nil {
		return fmt.Errorf("look which terminal this is: %w", err)
	}
	standing, err := i.standing(ctx)
	if err != nil {
		return err
	}
	if known == id {
		return i.clear(ctx, standing, "tillbridge (the terminal of before is back)")
	}
	settled := i.raised.Load() != 0 && i.refuse == id && !has(standing, i.raised.Load())
	if known == "" || settled {
		if err := i.journal.SetMark(ctx, i.name, mark, id); err != nil {
			return fmt.Errorf("keep which terminal this is: %w", err)
		}
		return i.clear(ctx, standing, "tillbridge (the terminal was taken)")
	}
	text := fmt.Sprintf("Another terminal answers: it calls itself %s, the one of before %s. It gets no payment. Look at the cable and at the port in the settings. If the terminal was exchanged on purpose, settle this alarm; then it is taken.", id, known)
	if err := i.raise(ctx, id, text, standing); err != nil {
		return err
	}
	return fmt.Errorf("another terminal answers: it calls itself %s, the one of before %s. It gets no payment until the alarm on the counter screen is settled", id, known)
}

// refusing tells whether the terminal that answered last is refused.
func (i *identity) refusing() bool { return i.raised.Load() != 0 }

// raise makes sure that the alarm about a terminal stands, and that it is the only one of its kind here.
func (i *identity) raise(ctx context.Context, id, text string, standing []journal.Alarm) error {
	for _, a := range standing {
		if a.Text == text {
			i.refuse = id
			i.raised.Store(a.ID)
			return nil
		}
	}
	if err := i.clear(ctx, standing, "tillbridge (yet another terminal answers)"); err != nil {
		return err
	}
	if err := i.journal.RaiseAlarm(ctx, journal.Alarm{At: time.Now(), Kind: alarmOther, Terminal: i.name, Text: text}); err != nil {
		return fmt.Errorf("another terminal answers, and the alarm cannot be kept: %w", err)
	}
	standing, err := i.standing(ctx)
	if err != nil {
		return err
	}
	if len(standing) > 0 {
		i.refuse = id
		i.raised.Store(standing[0].ID)
	}
	i.changed()
	return nil
}

// clear takes the alarms away that no longer hold.
func (i *identity) clear(ctx context.Context, standing []journal.Alarm, why string) (err error) {
	i.refuse = ""
	i.raised.Store(0)
	for _, a := range standing {
		err = errors.Join(err, i.journal.ClearAlarm(ctx, a.ID, why, time.Now()))
	}
	if len(standing) > 0 {
		i.changed()
	}
	return err
}

// standing are this till's alarms of this kind that stand.
func (i *identity) standing(ctx context.Context) (mine []journal.Alarm, err error) {
	all, err := i.journal.Alarms(ctx)
	for _, a := range all {
		if a.Kind == alarmOther && a.Terminal == i.name {
			mine = append(mine, a)
		}
	}
	return mine, err
}

func has(all []journal.Alarm, id int64) bool {
	for _, a := range all {
		if a.ID == id {
			return true
		}
	}
	return false
}
