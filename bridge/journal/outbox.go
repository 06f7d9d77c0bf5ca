package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// Notice is a notice that MGR is owed, with what was tried so far.
type Notice struct {
	bridge.Notice
	Attempts  int
	NextAt    time.Time // zero: at once
	LastError string
}

// tooFar is how far ahead a notice can have been postponed in earnest. What lies further ahead was written
// under a clock that has been set back since, and is due.
const tooFar = 24 * time.Hour

// The sign before the limit keeps SQLite from planning the query anew for each limit, which takes four times as long as
// the query.
const selectDue = selectPayment + ", o.attempts, o.next_at, o.last_error" + fromPayment + `
	JOIN outbox o ON o.payment_id = p.id
	WHERE o.next_at <= ? OR o.next_at > ? ORDER BY o.next_at, o.payment_id LIMIT +?`

// Due is the notices that are due at a time, the longest due first, at most limit.
func (r *Reader) Due(ctx context.Context, now time.Time, limit int) ([]Notice, error) {
	var due []Notice
	rows, err := r.due.QueryContext(ctx, now.UnixMicro(), now.Add(tooFar).UnixMicro(), max(limit, 0))
	err = readRows(rows, err, func(rows *sql.Rows) error {
		var n Notice
		var next int64
		s, err := scanPayment(rows, &n.Attempts, &next, &n.LastError)
		if err != nil {
			return err
		}
		if next != 0 {
			n.NextAt = fromMicro(next)
		}
		var owed bool
		if n.Notice, owed = s.Notice(); !owed {
			return fmt.Errorf("payment %s is %s and has a notice", s.UUID, s.State)
		}
		due = append(due, n)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read due notices: %w", err)
	}
	return due, nil
}

// NextDue is when the next notice is due, which may be in the past; zero for at once. False means that none is
// owed.
func (r *Reader) NextDue(ctx context.Context) (time.Time, bool, error) {
	var next sql.NullInt64
	if err := r.nextDue.QueryRowContext(ctx).Scan(&next); err != nil {
		return time.Time{}, false, fmt.Errorf("read next notice: %w", err)
	}
	if !next.Valid || next.Int64 == 0 {
		return time.Time{}, next.Valid, nil
	}
	return fromMicro(next.Int64), true, nil
}

// Owed is how many notices MGR is owed.
func (r *Reader) Owed(ctx context.Context) (int, error) {
	var n int
	if err := r.read.QueryRowContext(ctx, "SELECT count(*) FROM outbox").Scan(&n); err != nil {
		return 0, fmt.Errorf("count notices: %w", err)
	}
	return n, nil
}

// Postpone records a delivery that failed: how many there were, when to try again, and why, which is cut and
// masked. Nothing happens where the notice is no longer owed.
func (j *Journal) Postpone(ctx context.Context, uuid string, attempts int, nextAt time.Time, why string) error {
	why = cut(terminal.MaskCardNumbers(why), maxWords)
	return j.exec(ctx, false, "postpone notice", `UPDATE outbox SET attempts = ?, next_at = ?, last_error = ?
		WHERE payment_id = (SELECT id FROM payment WHERE uuid = ?)`, attempts, nextAt.UnixMicro(), why, uuid)
}

// Renotify puts the notice of a final payment back, due at once. It tells true where the notice was still
// there, which then is due at once too. A payment that is not final, or that the journal does not have, is an
// error.
func (j *Journal) Renotify(ctx context.Context, uuid string) (there bool, err error) {
	s, err := j.stored(ctx, uuid)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, fmt.Errorf("send again: there is no payment %s", uuid)
	case err != nil:
		return false, fmt.Errorf("send again: %w", err)
	case !s.Final():
		return false, fmt.Errorf("send again: payment %s is %s and owes MGR nothing yet", uuid, s.State)
	case s.Kind != bridge.Sale:
		return false, fmt.Errorf("send again: %s %s was not ordered by MGR, which is told nothing of it", s.Kind.Noun(), uuid)
	}
	var next int64
	if err = j.read.QueryRowContext(ctx, "SELECT next_at FROM outbox WHERE payment_id = ?", s.id).Scan(&next); err == nil && next == 0 {
		return true, nil // as it mostly is when MGR asks many times at once
	}
	err = j.change(ctx, false, func(ctx context.Context, tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM outbox WHERE payment_id = ?)", s.id).Scan(&there)
		if err == nil {
			_, err = tx.ExecContext(ctx, `INSERT INTO outbox (payment_id, attempts, next_at, last_error) VALUES (?, 0, 0, '')
				ON CONFLICT (payment_id) DO UPDATE SET next_at = 0`, s.id)
		}
		return err
	})
	return there, wrap("send again", err)
}

// Forget removes the notice of a payment that is reported already. The notice of another payment stays.
func (j *Journal) Forget(ctx context.Context, uuid string) error {
	return j.exec(ctx, true, "forget notice", `DELETE FROM outbox
		WHERE payment_id = (SELECT id FROM payment WHERE uuid = ? AND state = 'reported')`, uuid)
}

// SetMark keeps a terminal's last transaction and its own number, as read from it. An empty number is one that it did
// not tell, and leaves the one of before.
func (j *Journal) SetMark(ctx context.Context, name string, mark terminal.Mark, terminalID string) error {
	return j.exec(ctx, false, "keep mark", `INSERT INTO terminal (name, mark, terminal_id, updated) VALUES (?, ?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET mark = excluded.mark, updated = excluded.updated,
			terminal_id = iif(excluded.terminal_id = '', terminal_id, excluded.terminal_id)
		WHERE mark <> excluded.mark OR excluded.terminal_id NOT IN ('', terminal_id)`,
		name, string(mark), terminalID, time.Now().UnixMicro())
}

// exec runs one statement as a transaction of its own.
func (j *Journal) exec(ctx context.Context, vital bool, what, statement string, args ...any) error {
	return wrap(what, j.change(ctx, vital, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, statement, args...)
		return err
	}))
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
