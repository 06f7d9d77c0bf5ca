package journal

import (
	"context"
	"database/sql"
	_ "embed" // the scripts
	"fmt"
)

//go:embed migrations/0001_journal.sql
var script1 string

//go:embed migrations/0002_kinds.sql
var script2 string

//go:embed migrations/0003_day_end.sql
var script3 string

//go:embed migrations/0004_correction.sql
var script4 string

// migration brings a journal from the version before it to its own.
type migration struct {
	version int
	name    string // file name
	script  string
}

// migrations are all there are, in order; the version of the last is the one that this program writes.
func migrations() []migration {
	return []migration{
		{version: 1, name: "0001_journal.sql", script: script1},
		{version: 2, name: "0002_kinds.sql", script: script2},
		{version: 3, name: "0003_day_end.sql", script: script3},
		{version: 4, name: "0004_correction.sql", script: script4},
	}
}

// migrate applies what is missing, each migration in a transaction of its own with its number, and copies
// the result into the file itself, so that a program that knows less sees at once that it does.
func migrate(ctx context.Context, db *sql.DB, all []migration) (applied int, err error) {
	var at int
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&at); err != nil {
		return 0, fmt.Errorf("read version: %w", err)
	}
	for _, m := range all {
		if m.version <= at {
			continue
		}
		if err := apply(ctx, db, m); err != nil {
			return applied, fmt.Errorf("migration %s: %w", m.name, err)
		}
		applied++
	}
	if applied == 0 {
		return 0, nil
	}
	return applied, checkpoint(ctx, db)
}

func apply(ctx context.Context, db *sql.DB, m migration) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	stamp := fmt.Sprintf("; PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, m.version)
	if _, err := tx.ExecContext(ctx, m.script+stamp); err != nil {
		return err
	}
	return tx.Commit()
}

// checkpoint copies the write-ahead log into the journal and empties it, as far as readers let it.
func checkpoint(ctx context.Context, db *sql.DB) error {
	var busy, inLog, copied int
	if err := db.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &inLog, &copied); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}
