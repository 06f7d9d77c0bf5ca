package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// Reader reads a journal. Its methods may be called from any goroutine and never hold up a writer.
type Reader struct {
	read *sql.DB
	path string

	// What lies on the way of a payment is prepared once.
	payment, due, nextDue *sql.Stmt
}

// OpenReadOnly opens a journal for reading, also while a daemon has it open: it takes no lock and can write
// nothing. A *ForeignError or *VersionError means that the file is not one that this program can read, a
// *DamagedError that it is broken. The caller closes it.
//
// Beside a journal that was closed cleanly it leaves an empty -wal and a -shm, which SQLite needs to read and removes
// only where it may write. They belong to the journal's owner, also when root reads; the next Open takes them over.
func OpenReadOnly(path string) (*Reader, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	return newReader(context.Background(), path, "ro", len(migrations()))
}

func newReader(ctx context.Context, path, mode string, known int) (*Reader, error) {
	r := &Reader{read: readers(path, mode), path: path}
	err := r.check(ctx, known)
	if err == nil {
		err = r.prepare(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// prepare prepares what is asked in every payment.
func (r *Reader) prepare(ctx context.Context) (err error) {
	for _, p := range []struct {
		to   **sql.Stmt
		text string
	}{
		{&r.payment, selectPayment + fromPayment + "WHERE p.uuid = ?"},
		{&r.due, selectDue},
		{&r.nextDue, "SELECT min(next_at) FROM outbox"},
	} {
		if *p.to, err = r.read.PrepareContext(ctx, p.text); err != nil {
			return fmt.Errorf("open journal %s: %w", r.path, err)
		}
	}
	return nil
}

// check asks the database what it is. The file is not read past SQLite: closing it would give up the locks
// that this process may have on it.
func (r *Reader) check(ctx context.Context, known int) error {
	var application, version int
	err := errors.Join(
		r.read.QueryRowContext(ctx, "PRAGMA application_id").Scan(&application),
		r.read.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version))
	switch {
	case primary(err) == sqlite3.SQLITE_NOTADB:
		return &ForeignError{Path: r.path, Why: err.Error()}
	case isDamage(err):
		return &DamagedError{Path: r.path, Err: err}
	case err != nil:
		return fmt.Errorf("open journal %s: %w", r.path, err)
	case application != applicationID:
		return &ForeignError{Path: r.path, Why: "it belongs to another program"}
	case version != known:
		return &VersionError{Path: r.path, Found: version, Known: known}
	}
	return nil
}

// Close closes the reader.
func (r *Reader) Close() error { return r.read.Close() }

// Payment is the payment with a uuid; false when the journal has none.
func (r *Reader) Payment(ctx context.Context, uuid string) (bridge.Payment, bool, error) {
	s, err := r.stored(ctx, uuid)
	if errors.Is(err, sql.ErrNoRows) {
		return bridge.Payment{}, false, nil
	}
	if err != nil {
		return bridge.Payment{}, false, fmt.Errorf("read payment: %w", err)
	}
	return s.Payment, true, nil
}

func (r *Reader) stored(ctx context.Context, uuid string) (stored, error) {
	return scanPayment(r.payment.QueryRowContext(ctx, uuid))
}

// Unsettled is every payment that is not decided yet, oldest first.
func (r *Reader) Unsettled(ctx context.Context) ([]bridge.Payment, error) {
	var open []bridge.Payment
	// The states stand here as they stand in the index, or it would not be used.
	err := r.each(ctx, func(rows *sql.Rows) error {
		s, err := scanPayment(rows)
		open = append(open, s.Payment)
		return err
	}, selectPayment+fromPayment+`
		WHERE p.state IN ('received', 'armed', 'sent', 'seen', 'acknowledged', 'uncertain', 'recovering', 'held') ORDER BY p.id`)
	if err != nil {
		return nil, fmt.Errorf("read open payments: %w", err)
	}
	return open, nil
}

// Returns are the refunds and voids of a sale, oldest first.
func (r *Reader) Returns(ctx context.Context, sale string) ([]bridge.Payment, error) {
	var all []bridge.Payment
	err := r.each(ctx, func(rows *sql.Rows) error {
		s, err := scanPayment(rows)
		all = append(all, s.Payment)
		return err
	}, selectPayment+fromPayment+"WHERE p.sale = ? AND p.sale <> '' ORDER BY p.id", sale)
	if err != nil {
		return nil, fmt.Errorf("read returns of payment %s: %w", sale, err)
	}
	return all, nil
}

// Filter chooses payments. Zero fields choose all.
type Filter struct {
	Terminal string
	States   []bridge.State
	Kinds    []bridge.Kind
	From, To time.Time // received at or after From, before To
	// Text is contained in the uuid, the customer, the reference, or in the authorisation code or reference that
	// the terminal or a person gave; case of ASCII letters does not count. Or it is the whole amount that was asked
	// for, "12.50" or "12,50".
	Text string
	// Limit is the most that are returned: 0 for 100, and never more than 1000.
	Limit int
	// BeforeID asks for the payments older than one of them: the ID of the last of the page before.
	BeforeID int64
}

// Listed is a payment in a list.
type Listed struct {
	bridge.Payment
	ID int64 // the journal's own number, rising with acceptance
}

// List is the payments that a filter chooses, newest first. A text is looked for in every payment of the time
// given; where there are very many, ctx should have a deadline.
func (r *Reader) List(ctx context.Context, f Filter) ([]Listed, error) {
	var where []string
	var args []any
	add := func(condition string, values ...any) {
		where = append(where, condition)
		args = append(args, values...)
	}
	if f.Terminal != "" {
		add("p.terminal = ?", f.Terminal)
	}
	addIn := func(column string, words []any) {
		if len(words) > 0 {
			add(column+" IN (?"+strings.Repeat(", ?", len(words)-1)+")", words...)
		}
	}
	addIn("p.state", wordsOf(f.States))
	addIn("p.kind", wordsOf(f.Kinds))
	if !f.From.IsZero() {
		add("p.received >= ?", f.From.UnixMicro())
	}
	if !f.To.IsZero() {
		add("p.received < ?", f.To.UnixMicro())
	}
	if f.BeforeID > 0 {
		add("p.id < ?", f.BeforeID)
	}
	if f.Text != "" {
		add(`(instr(lower(concat_ws(char(10), p.uuid, p.customer, p.reference,
			r.body ->> '$.result.auth_code', r.body ->> '$.result.txn_ref',
			w.body ->> '$.person.auth_code', w.body ->> '$.person.txn_ref')), lower(?)) > 0
			OR replace(?, ',', '.') = CASE p.digits WHEN 0 THEN CAST(p.amount AS TEXT)
				WHEN 3 THEN format('%d.%03d', p.amount / 1000, p.amount % 1000) ELSE format('%d.%02d', p.amount / 100, p.amount % 100) END)`,
			f.Text, f.Text)
	}
	query := selectPayment + fromPayment
	if !f.From.IsZero() {
		query = selectPayment + fromByTime
	}
	if len(where) > 0 {
		query += "WHERE " + strings.Join(where, " AND ")
	}
	limit := 100
	if f.Limit > 0 {
		limit = min(f.Limit, 1000)
	}
	var list []Listed
	err := r.each(ctx, func(rows *sql.Rows) error {
		s, err := scanPayment(rows)
		list = append(list, Listed{Payment: s.Payment, ID: s.id})
		return err
	}, query+" ORDER BY p.id DESC LIMIT ?", append(args, limit)...)
	if err != nil {
		return nil, fmt.Errorf("list payments: %w", err)
	}
	return list, nil
}

// wordsOf are the words of states or kinds, as the journal has them.
func wordsOf[T fmt.Stringer](all []T) []any {
	words := make([]any, len(all))
	for i, one := range all {
		words[i] = one.String()
	}
	return words
}

// StoryEntry is one thing that happened to a payment.
type StoryEntry struct {
	Seq   int // 1 for the first
	At    time.Time
	Kind  bridge.EventKind
	State bridge.State // the payment's state after it
	Event bridge.Event
}

// Story is everything that happened to a payment, oldest first; empty when the journal does not have it.
func (r *Reader) Story(ctx context.Context, uuid string) ([]StoryEntry, error) {
	var story []StoryEntry
	err := r.each(ctx, func(rows *sql.Rows) error {
		var x record
		if err := rows.Scan(&x.seq, &x.at, &x.kind, &x.state, &x.body, &x.prev); err != nil {
			return err
		}
		e, err := x.event()
		state, serr := bridge.ParseState(x.state)
		if err := errors.Join(err, serr); err != nil {
			return fmt.Errorf("entry %d: %w", x.seq, err)
		}
		story = append(story, StoryEntry{Seq: x.seq, At: e.At, Kind: e.Kind, State: state, Event: e})
		return nil
	}, `SELECT e.seq, e.at, e.kind, e.state, e.body, e.prev FROM entry e JOIN payment p ON p.id = e.payment_id WHERE p.uuid = ? ORDER BY e.seq`, uuid)
	if err != nil {
		return nil, fmt.Errorf("read story of payment %s: %w", uuid, err)
	}
	return story, nil
}

// Mark is a terminal's last transaction as it was known last, and the terminal's own number; both empty where
// the journal has none.
func (r *Reader) Mark(ctx context.Context, name string) (mark terminal.Mark, terminalID string, err error) {
	err = r.read.QueryRowContext(ctx, "SELECT mark, terminal_id FROM terminal WHERE name = ?", name).Scan(&mark, &terminalID)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", "", fmt.Errorf("read mark of terminal %s: %w", name, err)
	}
	return mark, terminalID, nil
}

// Receipts are the receipts of a payment, in the order in which they came.
func (r *Reader) Receipts(ctx context.Context, uuid string) ([]terminal.Receipt, error) {
	var all []terminal.Receipt
	err := r.each(ctx, func(rows *sql.Rows) error {
		var body []byte
		var one terminal.Receipt
		err := rows.Scan(&body)
		if err == nil {
			err = json.Unmarshal(body, &one)
		}
		all = append(all, one)
		return err
	}, "SELECT t.body FROM receipt t JOIN payment p ON p.id = t.payment_id WHERE p.uuid = ? ORDER BY t.n", uuid)
	if err != nil {
		return nil, fmt.Errorf("read receipts of payment %s: %w", uuid, err)
	}
	return all, nil
}

// each runs a query and hands over its rows.
func (r *Reader) each(ctx context.Context, row func(*sql.Rows) error, query string, args ...any) (err error) {
	return eachRow(ctx, r.read, row, query, args...)
}

// querier is a pool, a connection or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func eachRow(ctx context.Context, q querier, row func(*sql.Rows) error, query string, args ...any) error {
	rows, err := q.QueryContext(ctx, query, args...)
	return readRows(rows, err, row)
}

// readRows hands over the rows of a query, and closes them.
func readRows(rows *sql.Rows, err error, row func(*sql.Rows) error) error {
	if err != nil {
		return err
	}
	for rows.Next() {
		if err := row(rows); err != nil {
			return errors.Join(err, rows.Close())
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}
