package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	sqlite3 "modernc.org/sqlite/lib"
)

// Options say how a journal is kept. The zero value is right for a shop.
type Options struct {
	Log *slog.Logger // nil for none
	// ReserveBytes is the size of the reserve file, and the free space below which no new payment is taken;
	// 0 for 4 MiB.
	ReserveBytes int64
	// CheckEvery is how often at most Accepting looks at the disk; 0 for once a second.
	CheckEvery time.Duration
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.ReserveBytes <= 0 {
		o.ReserveBytes = 4 << 20
	}
	if o.CheckEvery <= 0 {
		o.CheckEvery = time.Second
	}
	return o
}

// Journal is an open journal that this process may write. Its methods may be called from any goroutine, also
// those of Reader; after Close they fail.
type Journal struct {
	*Reader
	path  string
	log   *slog.Logger
	write *sql.DB // one connection, so that writers wait for each other
	stmt  statements
	space *space
	lock  *os.File
	known int // version of the journal's form

	gate     sync.RWMutex // held for reading by every write, for writing by Close
	closed   bool
	closeErr error
}

// Open opens the journal at path and makes it where there is none, its folder included.
//
// It takes the lock first: a *HeldError means that another process has the journal, and nothing was touched.
// A *ForeignError or *VersionError means that the file is not one that this program can use; it is left as
// it was, to the byte. A *DamagedError means that its content is broken. On a full disk a journal opens all
// the same and takes no new payments. The caller closes it.
func Open(ctx context.Context, path string, o Options) (_ *Journal, err error) {
	o = o.withDefaults()
	path, err = filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	if err := makeFolder(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("make the journal's folder: %w", err)
	}
	j := &Journal{path: path, log: o.Log}
	if j.lock, err = lock(path+".lock", path); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, j.release())
		}
	}()
	j.space = newSpace(path+".reserve", o, j.reread)
	all := migrations()
	j.known = len(all)
	if err := j.prepareFile(ctx, all); err != nil {
		return nil, err
	}
	j.space.ensure()
	err = j.begin(ctx, all)
	// Once more, with the reserve's space where that was missing: the disk may have failed for a moment only.
	if j.outOfSpace(err) && j.space.release() || isDisk(err) {
		err = j.begin(ctx, all)
	}
	if err != nil {
		return nil, j.explain(err)
	}
	return j, nil
}

// begin looks at the journal and starts with it. Where that does not go well the file is left as it is: as long
// as somebody reads a journal, SQLite does not copy the log into it when its last writer ends.
func (j *Journal) begin(ctx context.Context, all []migration) error {
	guard := connect(dsn(j.path, "ro"), 1, nil)
	err := sound(ctx, guard)
	if err == nil {
		if err = j.start(ctx, all); err != nil {
			err = errors.Join(err, j.stop())
		}
	}
	return errors.Join(err, guard.Close())
}

// prepareFile makes sure that there is a journal at path that this program can use, and changes nothing
// otherwise.
func (j *Journal) prepareFile(ctx context.Context, all []migration) error {
	h, err := inspect(j.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return j.create(ctx, all)
	case err != nil:
		return fmt.Errorf("open journal: %w", err)
	case h.version < 1 || h.version > len(all):
		return &VersionError{Path: j.path, Found: h.version, Known: len(all)}
	}
	if info, err := os.Stat(j.path); err == nil && info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		j.log.Warn("the journal can be read by others on this machine", "path", j.path, "mode", info.Mode().Perm().String())
	}
	return nil
}

// create makes a journal aside and gives it its name once it is whole, so that a crash leaves none or a good one.
func (j *Journal) create(ctx context.Context, all []migration) error {
	if info, err := os.Stat(j.path + "-wal"); err == nil && info.Size() > 0 {
		return &DamagedError{Path: j.path, Err: errors.New("the file is gone and its -wal is still there")}
	}
	fresh := j.path + ".new"
	for _, name := range []string{j.path + "-wal", j.path + "-shm", fresh, fresh + "-wal", fresh + "-shm", fresh + "-journal"} {
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("create journal: %w", err)
		}
	}
	for _, do := range []func() error{
		func() error { return os.WriteFile(fresh, nil, 0o600) },
		func() error {
			db := writer(fresh, "rw")
			_, err := migrate(ctx, db, all)
			return errors.Join(err, db.Close())
		},
		func() error { return syncFile(fresh) },
		func() error { return os.Rename(fresh, j.path) },
		func() error { return syncDir(filepath.Dir(j.path)) },
	} {
		if err := do(); err != nil {
			return fmt.Errorf("create journal: %w", err)
		}
	}
	j.log.Info("journal created", "path", j.path, "version", len(all))
	return nil
}

// start opens the connections, brings the journal up to date and looks whether it is whole.
func (j *Journal) start(ctx context.Context, all []migration) error {
	j.write = writer(j.path, "rw")
	applied, err := migrate(ctx, j.write, all)
	if err != nil {
		return fmt.Errorf("open journal: %w", err)
	}
	if applied > 0 {
		j.log.Info("journal brought up to date", "path", j.path, "version", len(all), "migrations", applied)
	}
	if j.stmt, err = prepareStatements(ctx, j.write); err != nil {
		return fmt.Errorf("open journal: %w", err)
	}
	if j.Reader, err = newReader(ctx, j.path, "rw", len(all)); err != nil {
		return err
	}
	// Notices that wait for a moment are due at once after a start: what was in their way may be gone, and a
	// clock that was wrong may be right again.
	if _, err := j.write.ExecContext(ctx, "UPDATE outbox SET next_at = 0 WHERE next_at > 0"); err != nil && !isFull(err) {
		return fmt.Errorf("open journal: %w", err)
	}
	return nil
}

// sound reads a little of every table: enough to find a file that was cut or overwritten before a payment
// depends on it. Verify is the whole check. The first tables are there in every version, the others since one of them.
func sound(ctx context.Context, db *sql.DB) error {
	tables := []string{"payment", "entry", "outbox", "terminal", "alarm", "receipt"}
	err := eachRow(ctx, db, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		tables = append(tables, name)
		return err
	}, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name IN ('day_end')")
	if err != nil {
		return fmt.Errorf("read the table of contents: %w", err)
	}
	for _, table := range tables {
		for _, order := range []string{"", " DESC"} {
			whatever := func(*sql.Rows) error { return nil }
			if err := eachRow(ctx, db, whatever, "SELECT * FROM "+table+" ORDER BY 1"+order+" LIMIT 1"); err != nil {
				return fmt.Errorf("read %s: %w", table, err)
			}
		}
	}
	return nil
}

// explain turns SQLite's word on a broken file into an error that says what to do.
func (j *Journal) explain(err error) error {
	var damaged *DamagedError
	// Our own statements are right, so that one which SQLite cannot make out tells of a broken table of contents.
	if (isDamage(err) || primary(err) == sqlite3.SQLITE_ERROR) && !errors.As(err, &damaged) {
		return &DamagedError{Path: j.path, Err: err}
	}
	return err
}

// Path is the journal's file.
func (j *Journal) Path() string { return j.path }

// Close copies the write-ahead log into the journal, closes it and gives up the lock. It waits for the writes
// in progress, and may be called more than once.
func (j *Journal) Close() error {
	j.gate.Lock()
	defer j.gate.Unlock()
	if j.closed {
		return j.closeErr
	}
	j.closed = true
	j.space.close()
	ctx, cancel := context.WithTimeout(context.Background(), busyTimeout)
	defer cancel()
	err := j.Reader.Close() // before the checkpoint, which readers would hold up
	if cerr := checkpoint(ctx, j.write); cerr != nil {
		j.log.Warn("the write-ahead log stays beside the journal", "path", j.path, "error", cerr)
	}
	j.closeErr = errors.Join(err, j.release())
	return j.closeErr
}

// stop closes the connections, the one that writes last: what it leaves in the log is then copied.
func (j *Journal) stop() error {
	var err error
	if j.Reader != nil {
		err = j.Reader.Close()
	}
	if j.write != nil {
		err = errors.Join(err, j.write.Close())
	}
	return err
}

// release closes what is open and gives up the lock, in that order.
func (j *Journal) release() error { return errors.Join(j.stop(), j.lock.Close()) }

// makeFolder makes a folder for this user alone, durably, unless it is there.
func makeFolder(dir string) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return syncDir(filepath.Dir(dir))
}

// syncFile makes a file's content durable.
func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err == nil {
		err = errors.Join(f.Sync(), f.Close())
	}
	return err
}
