package shop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/access"
	"tillbridge/bridge/counter"
	"tillbridge/bridge/journal"
	"tillbridge/bridge/notify"
	"tillbridge/bridge/till"
	"tillbridge/terminal"
)

// journalPath is the journal of the bridge that lives now, or of the next one.
func (s *Shop) journalPath() string {
	return filepath.Join(s.folder, fmt.Sprint("pc-", s.generation.Load()), "journal.db")
}

// leave copies the journal as a dead bridge has left it. The next life opens the copy.
func (s *Shop) leave() {
	old := s.journalPath()
	s.generation.Add(1)
	now := s.journalPath()
	err := os.MkdirAll(filepath.Dir(now), 0o700)
	for _, suffix := range []string{"", "-wal"} {
		err = errors.Join(err, copyFile(old+suffix, now+suffix))
	}
	if err != nil {
		s.fail("I8", "", "take the dead bridge's journal: %v", err)
	}
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// kept is the real journal of a bridge that may die at each of its writes.
type kept struct {
	*journal.Journal
	mains *mains
}

func (k *kept) Append(ctx context.Context, t bridge.Transition) error {
	return k.mains.do("journal: "+t.Event.Kind.String(), func() error { return k.Journal.Append(ctx, t) })
}

func (k *kept) SetMark(ctx context.Context, name string, m terminal.Mark, id string) error {
	return k.mains.do("journal: mark", func() error { return k.Journal.SetMark(ctx, name, m, id) })
}

func (k *kept) SaveReceipt(ctx context.Context, uuid string, r terminal.Receipt) error {
	return k.mains.do("journal: receipt", func() error { return k.Journal.SaveReceipt(ctx, uuid, r) })
}

func (k *kept) Renotify(ctx context.Context, uuid string) (there bool, err error) {
	err = k.mains.do("journal: renotify", func() error {
		there, err = k.Journal.Renotify(ctx, uuid)
		return err
	})
	return there, err
}

func (k *kept) Forget(ctx context.Context, uuid string) error {
	return k.mains.do("journal: forget", func() error { return k.Journal.Forget(ctx, uuid) })
}

func (k *kept) Postpone(ctx context.Context, uuid string, attempts int, next time.Time, why string) error {
	return k.mains.do("journal: postpone", func() error { return k.Journal.Postpone(ctx, uuid, attempts, next, why) })
}

func (k *kept) RaiseAlarm(ctx context.Context, a journal.Alarm) error {
	return k.mains.do("journal: alarm", func() error { return k.Journal.RaiseAlarm(ctx, a) })
}

func (k *kept) ClearAlarm(ctx context.Context, id int64, who string, at time.Time) error {
	return k.mains.do("journal: clear alarm", func() error { return k.Journal.ClearAlarm(ctx, id, who, at) })
}

// The adapters between the rooms, as in bridge/daemon/adapters.go.

type outbox struct {
	*kept
	desk *till.Desk
}

func (o outbox) Due(ctx context.Context, now time.Time, limit int) ([]notify.Owed, error) {
	rows, err := o.Journal.Due(ctx, now, limit)
	all := make([]notify.Owed, len(rows))
	for i, r := range rows {
		all[i] = notify.Owed{Notice: r.Notice, Attempts: r.Attempts}
	}
	return all, err
}

func (o outbox) Reported(ctx context.Context, uuid string) error { return o.desk.Reported(ctx, uuid) }

type book struct{ *journal.Journal }

func (b book) Payments(ctx context.Context, f counter.Filter) ([]counter.Row, error) {
	list, err := b.List(ctx, journal.Filter{
		Terminal: f.Terminal, States: f.States, From: f.From, To: f.To, Text: f.Text, Limit: f.Limit, BeforeID: f.BeforeID,
	})
	rows := make([]counter.Row, len(list))
	for i, l := range list {
		rows[i] = counter.Row(l)
	}
	return rows, err
}

func (b book) Story(ctx context.Context, uuid string) ([]counter.Step, error) {
	story, err := b.Journal.Story(ctx, uuid)
	steps := make([]counter.Step, len(story))
	for i, s := range story {
		steps[i] = counter.Step(s)
	}
	return steps, err
}

func (b book) Alarms(ctx context.Context) ([]counter.Alarm, error) {
	list, err := b.Journal.Alarms(ctx)
	alarms := make([]counter.Alarm, len(list))
	for i, a := range list {
		alarms[i] = counter.Alarm{ID: a.ID, At: a.At, Kind: a.Kind, Terminal: a.Terminal, UUID: a.UUID, Text: a.Text}
	}
	return alarms, err
}

// oneKey is the passwords of the counter screen: the shop's clerk knows theirs, and nobody is the owner.
type oneKey struct{}

func (oneKey) Role(password string) access.Role {
	if password == counterPassword {
		return access.Clerk
	}
	return access.Nobody
}

func (oneKey) Change(access.Role, string) error { return errors.New("nobody changes a password here") }

func (oneKey) Plain(access.Role) bool { return false }

type acts struct {
	*till.Desk
	kept *kept
}

func (a acts) ClearAlarm(ctx context.Context, id int64, who string) error {
	return a.kept.ClearAlarm(ctx, id, who, time.Now())
}
