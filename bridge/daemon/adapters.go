package daemon

import (
	"context"
	"errors"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/counter"
	"tillbridge/bridge/journal"
	"tillbridge/bridge/notify"
	"tillbridge/bridge/till"
	"tillbridge/terminal"
)

// outbox is the journal's outbox as the notifier takes it.
type outbox struct {
	*journal.Journal
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

// book is the journal as the counter screen reads it.
type book struct{ journal *journal.Journal }

// Payments picks the kinds from what the journal lists, which knows no choice of a kind: page by page until there are enough, or ctx
// ends.
func (b book) Payments(ctx context.Context, f counter.Filter) ([]counter.Row, error) {
	list, err := b.journal.List(ctx, journal.Filter{
		Terminal: f.Terminal, States: f.States, Kinds: f.Kinds, From: f.From, To: f.To, Text: f.Text, Limit: f.Limit, BeforeID: f.BeforeID,
	})
	rows := make([]counter.Row, len(list))
	for i, l := range list {
		rows[i] = counter.Row(l)
	}
	return rows, err
}

func (b book) Payment(ctx context.Context, uuid string) (bridge.Payment, bool, error) {
	return b.journal.Payment(ctx, uuid)
}

func (b book) Story(ctx context.Context, uuid string) ([]counter.Step, error) {
	story, err := b.journal.Story(ctx, uuid)
	steps := make([]counter.Step, len(story))
	for i, s := range story {
		steps[i] = counter.Step(s)
	}
	return steps, err
}

func (b book) Receipts(ctx context.Context, uuid string) ([]terminal.Receipt, error) {
	return b.journal.Receipts(ctx, uuid)
}

func (b book) Returns(ctx context.Context, sale string) ([]bridge.Payment, error) {
	return b.journal.Returns(ctx, sale)
}

func (b book) Alarms(ctx context.Context) ([]counter.Alarm, error) {
	list, err := b.journal.Alarms(ctx)
	alarms := make([]counter.Alarm, len(list))
	for i, a := range list {
		alarms[i] = counter.Alarm{ID: a.ID, At: a.At, Kind: a.Kind, Terminal: a.Terminal, UUID: a.UUID, Text: a.Text}
	}
	return alarms, err
}

func (b book) DayEnds(ctx context.Context, name string) ([]bridge.DayEnd, error) {
	return b.journal.DayEnds(ctx, name)
}

func (b book) Armed(ctx context.Context, name string, from, to time.Time, limit int) ([]bridge.Payment, error) {
	return b.journal.Armed(ctx, name, from, to, limit)
}

func (b book) Owed(ctx context.Context) (int, error) { return b.journal.Owed(ctx) }

// errNoSettings is what the counter screen gets while the settings are wrong.
var errNoSettings = errors.New("the bridge takes no payments and asks no terminal until its settings are mended")

// acts is what the counter screen does. The desk is nil while the settings are wrong.
type acts struct {
	desk    *till.Desk
	journal *journal.Journal
}

func (a acts) Terminals() []bridge.TerminalStatus {
	if a.desk == nil {
		return nil
	}
	return a.desk.Terminals()
}

func (a acts) Resolve(ctx context.Context, uuid string, approved bool, who bridge.Person) error {
	if a.desk == nil {
		return errNoSettings
	}
	return a.desk.Resolve(ctx, uuid, approved, who)
}

func (a acts) Return(ctx context.Context, o bridge.Order) error {
	if a.desk == nil {
		return errNoSettings
	}
	return a.desk.Return(ctx, o)
}

func (a acts) Correct(ctx context.Context, uuid string, approved bool, who bridge.Person) error {
	if a.desk == nil {
		return errNoSettings
	}
	return a.desk.Correct(ctx, uuid, approved, who)
}

func (a acts) AskAgain(ctx context.Context, uuid string) error {
	if a.desk == nil {
		return errNoSettings
	}
	return a.desk.AskAgain(ctx, uuid)
}

func (a acts) Cancel(name string) error {
	if a.desk == nil {
		return errNoSettings
	}
	return a.desk.Cancel(name)
}

func (a acts) EndDay(ctx context.Context, name, who string) error {
	if a.desk == nil {
		return errNoSettings
	}
	return a.desk.EndDay(ctx, name, who)
}

func (a acts) Answer(name, id string, answer terminal.Answer) error {
	if a.desk == nil {
		return errNoSettings
	}
	return a.desk.Answer(name, id, answer)
}

func (a acts) ClearAlarm(ctx context.Context, id int64, who string) error {
	return a.journal.ClearAlarm(ctx, id, who, time.Now())
}
