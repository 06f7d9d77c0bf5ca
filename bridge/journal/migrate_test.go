package journal

import (
	"database/sql"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the expected output of the newest migration anew")

// Every migration has a folder in testdata: the journal before it, and the journal after it.
func TestMigrations(t *testing.T) {
	all := migrations()
	for i, m := range all {
		t.Run(m.name, func(t *testing.T) {
			dir := filepath.Join("testdata", "migrations", strings.TrimSuffix(m.name, ".sql"))
			input, err := os.ReadFile(filepath.Join(dir, "input.sql"))
			if err != nil {
				t.Fatalf("a migration needs its input: %v", err)
			}
			path := filepath.Join(memoryDir(t), "journal.db")
			write(t, path, nil)
			db := writer(path, "rw")
			defer db.Close()
			if _, err := db.Exec(string(input)); err != nil {
				t.Fatalf("input: %v", err)
			}
			if n, err := migrate(t.Context(), db, all[:i+1]); err != nil || n != 1 {
				t.Fatalf("%d migrations, %v; the input must stand at version %d", n, err, i)
			}
			got := dump(t, db)
			golden := filepath.Join(dir, "output.sql")
			if *update && i == len(all)-1 {
				write(t, golden, []byte(got))
			}
			want, err := os.ReadFile(golden)
			if err != nil || got != string(want) {
				t.Errorf("the journal after %s is not %s (%v) but\n%s", m.name, golden, err, got)
			}
			if n, err := migrate(t.Context(), db, all[:i+1]); err != nil || n != 0 {
				t.Errorf("a second time: %d migrations, %v", n, err)
			}
		})
	}
}

// A migration that fails leaves the journal at the version before it.
func TestMigrationThatFails(t *testing.T) {
	path := filled(t, 2)
	db := writer(path, "rw")
	all := migrations()
	before := dump(t, db)
	bad := append(all, migration{version: len(all) + 1, name: "bad.sql", script: "CREATE TABLE extra (x TEXT); DROP TABLE outbox; INSERT INTO nowhere VALUES (1)"})
	if n, err := migrate(t.Context(), db, bad); err == nil || n != 0 || !strings.Contains(err.Error(), "bad.sql") {
		t.Errorf("%d migrations, %v", n, err)
	}
	if after := dump(t, db); after != before {
		t.Errorf("the journal was changed to\n%s", after)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	verified(t, open(t, path))
}

// dump writes a database's schema and rows as text.
func dump(t *testing.T, db *sql.DB) string {
	t.Helper()
	var b strings.Builder
	for _, p := range []string{"application_id", "user_version"} {
		var n int
		if err := db.QueryRow("PRAGMA " + p).Scan(&n); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "PRAGMA %s = %d;\n", p, n)
	}
	var tables []string
	err := eachRow(t.Context(), db, func(rows *sql.Rows) error {
		var kind, name, text string
		if err := rows.Scan(&kind, &name, &text); err != nil {
			return err
		}
		if kind == "table" {
			tables = append(tables, name)
		}
		fmt.Fprintf(&b, "%s;\n", text)
		return nil
	}, "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid")
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		var lines []string
		err := eachRow(t.Context(), db, func(rows *sql.Rows) error {
			columns, err := rows.Columns()
			if err != nil {
				return err
			}
			v, to := make([]any, len(columns)), make([]any, len(columns))
			for i := range v {
				to[i] = &v[i]
			}
			if err := rows.Scan(to...); err != nil {
				return err
			}
			words := make([]string, len(v))
			for i, x := range v {
				switch x := x.(type) {
				case nil:
					words[i] = "NULL"
				case []byte:
					words[i] = fmt.Sprintf("x'%x'", x)
				case string:
					words[i] = "'" + strings.ReplaceAll(x, "'", "''") + "'"
				default:
					words[i] = fmt.Sprint(x)
				}
			}
			lines = append(lines, fmt.Sprintf("INSERT INTO %s VALUES (%s);\n", table, strings.Join(words, ", ")))
			return nil
		}, "SELECT * FROM "+table)
		if err != nil {
			t.Fatal(err)
		}
		sort.Strings(lines)
		b.WriteString(strings.Join(lines, ""))
	}
	return b.String()
}
