package journal

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"modernc.org/sqlite"
)

// busyTimeout is how long a statement waits for a lock that another process has. Nobody but this process
// writes, so that only SQLite's own housekeeping is waited for.
const busyTimeout = 5 * time.Second

// setting is a PRAGMA and what it must read back as.
type setting struct{ pragma, want string }

// writing are the settings of the connection that writes.
func writing() []setting {
	return []setting{
		{"journal_mode", "wal"},
		{"synchronous", "2"}, // FULL: a commit is synced before it returns
		{"foreign_keys", "1"},
		{"recursive_triggers", "1"},
	}
}

// reading are the settings of connections that read.
func reading() []setting {
	return []setting{{"query_only", "1"}, {"journal_mode", "wal"}}
}

// dsn names a database file for the driver, with what its connections set when they open.
func dsn(path, mode string, pragmas ...string) string {
	q := url.Values{"mode": {mode}, "_txlock": {"immediate"}, "_dqs": {"0"}, "_defensive": {"1"}, "_error_rc": {"1"}}
	q.Add("_pragma", fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()))
	q.Add("_pragma", "trusted_schema(0)")
	q.Add("_pragma", "cell_size_check(1)")
	for _, p := range pragmas {
		q.Add("_pragma", p)
	}
	name := filepath.ToSlash(path)
	if !strings.HasPrefix(name, "/") {
		name = "/" + name // a Windows drive
	}
	return (&url.URL{Scheme: "file", Path: name, RawQuery: q.Encode()}).String()
}

// connect makes a pool of connections, none of which is used before its settings were read back.
// Nothing is opened before it is needed; a name that makes no sense is told then.
func connect(name string, most int, check []setting) *sql.DB {
	c, err := sqlite.NewConnector(name)
	db := sql.OpenDB(connector{Connector: c, err: err, check: check})
	db.SetMaxOpenConns(most)
	db.SetMaxIdleConns(most)
	return db
}

// writer opens the one connection that writes.
func writer(path, mode string) *sql.DB {
	return connect(dsn(path, mode, "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "recursive_triggers(1)",
		"cache_size(-2000)", "journal_size_limit(8388608)"), 1, writing())
}

// readers opens a few connections that cannot write.
func readers(path, mode string) *sql.DB {
	return connect(dsn(path, mode, "query_only(1)", "cache_size(-1000)"), 4, reading())
}

// connector checks every connection that the pool opens.
type connector struct {
	driver.Connector
	err   error // why there is no Connector
	check []setting
}

// Connect opens a connection and refuses it when a setting did not take.
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	if c.err != nil {
		return nil, c.err
	}
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range c.check {
		got, err := readPragma(ctx, conn, s.pragma)
		if err == nil && got != s.want {
			err = fmt.Errorf("PRAGMA %s reads back as %s instead of %s: this disk cannot keep a journal safely", s.pragma, got, s.want)
		}
		if err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	return conn, nil
}

func readPragma(ctx context.Context, conn driver.Conn, name string) (string, error) {
	rows, err := conn.(driver.QueryerContext).QueryContext(ctx, "PRAGMA "+name, nil)
	if err != nil {
		return "", err
	}
	v := make([]driver.Value, len(rows.Columns()))
	err = rows.Next(v)
	if errors.Is(err, io.EOF) || err == nil && len(v) != 1 {
		err = fmt.Errorf("PRAGMA %s says nothing", name)
	}
	if err = errors.Join(err, rows.Close()); err != nil {
		return "", err
	}
	return fmt.Sprint(v[0]), nil
}
