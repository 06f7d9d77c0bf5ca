package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"tillbridge/terminal"
)

// AlarmContrary is the kind of the alarm that evidence speaks against a final outcome.
const AlarmContrary = "contrary"

// Alarm is something that the shop must know of until somebody clears it.
type Alarm struct {
	ID       int64
	At       time.Time
	Kind     string
	Terminal string // empty where it concerns none
	UUID     string // the payment; empty where it concerns none
	Text     string

	ClearedAt time.Time // zero while it stands
	ClearedBy string
}

const selectAlarm = "SELECT id, at, kind, terminal, uuid, text, cleared_at, cleared_by FROM alarm "

// Alarms are the alarms that stand, newest first, at most 1000.
func (r *Reader) Alarms(ctx context.Context) ([]Alarm, error) {
	return r.alarms(ctx, selectAlarm+"WHERE cleared_at IS NULL ORDER BY id DESC LIMIT 1000")
}

// AlarmsOf are all alarms of a payment, cleared ones too, newest first.
func (r *Reader) AlarmsOf(ctx context.Context, uuid string) ([]Alarm, error) {
	return r.alarms(ctx, selectAlarm+"WHERE uuid = ? AND uuid <> '' ORDER BY id DESC LIMIT 1000", uuid)
}

func (r *Reader) alarms(ctx context.Context, query string, args ...any) ([]Alarm, error) {
	var all []Alarm
	err := r.each(ctx, func(rows *sql.Rows) error {
		var a Alarm
		var at int64
		var cleared sql.NullInt64
		var by sql.NullString
		if err := rows.Scan(&a.ID, &at, &a.Kind, &a.Terminal, &a.UUID, &a.Text, &cleared, &by); err != nil {
			return err
		}
		a.At, a.ClearedBy = fromMicro(at), by.String
		if cleared.Valid {
			a.ClearedAt = fromMicro(cleared.Int64)
		}
		all = append(all, a)
		return nil
	}, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read alarms: %w", err)
	}
	return all, nil
}

// RaiseAlarm keeps an alarm; its ID and its clearing are ignored. One that stands already with the same kind,
// terminal, payment and text is not repeated.
func (j *Journal) RaiseAlarm(ctx context.Context, a Alarm) error {
	return wrap("raise alarm", j.change(ctx, true, func(ctx context.Context, tx *sql.Tx) error { return raise(ctx, tx, a) }))
}

func raise(ctx context.Context, tx *sql.Tx, a Alarm) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO alarm (at, kind, terminal, uuid, text) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
		a.At.UnixMicro(), cut(a.Kind, maxName), cut(a.Terminal, maxName), cut(a.UUID, maxName), cut(terminal.MaskCardNumbers(a.Text), maxWords))
	return err
}

// ClearAlarm takes an alarm off the screen; who did it, and when, stays in the journal. An alarm that was
// cleared before, or is not there, is an error.
func (j *Journal) ClearAlarm(ctx context.Context, id int64, who string, at time.Time) error {
	who = strings.TrimSpace(cut(who, maxName))
	if who == "" {
		return errors.New("clear alarm: it needs the name of who clears it")
	}
	return wrap("clear alarm", j.change(ctx, true, func(ctx context.Context, tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, "UPDATE alarm SET cleared_at = ?, cleared_by = ? WHERE id = ? AND cleared_at IS NULL", at.UnixMicro(), who, id)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(fmt.Errorf("alarm %d does not stand", id), err)
		}
		return nil
	}))
}
