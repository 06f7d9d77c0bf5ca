package journal

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"tillbridge/bridge"
)

// rows are a payment as Append leaves it behind: its entries, and the arguments of its own row.
type rows struct {
	payment []any
	entries []record
	last    bridge.Transition // of those after which the terminal's mark changed
}

// lifeOf computes the rows of the nth payment that goes well, by the same functions as Append.
func lifeOf(n int) (rows, error) {
	var out rows
	var known stored
	for _, event := range approved(n) {
		e, body, err := encode(event)
		if err != nil {
			return out, err
		}
		t, err := bridge.Step(known.Payment, e)
		if err != nil {
			return out, err
		}
		r := record{
			seq: t.After.Entries, at: e.At.UnixMicro(), kind: e.Kind.String(), state: t.After.State.String(), body: body, prev: known.head,
		}
		if r.prev == nil {
			first := seed(t.After.UUID)
			r.prev = first[:]
		}
		if err := known.points(t, r.seq); err != nil {
			return out, err
		}
		head := r.sum()
		known.Payment, known.head = t.After, head[:]
		if _, changes := bridge.MarkAfter(t); changes {
			out.last = t
		}
		out.entries = append(out.entries, r)
	}
	out.payment = append(known.lasting(), known.changing()...)
	return out, nil
}

// build writes payments 0..to-1 into an empty, closed journal, "each" of them in a transaction. It leaves the same
// rows as Append, which TestBuild checks, in a fraction of the time: a row is written once, and nothing is synced.
func build(t testing.TB, path string, to, each int) {
	t.Helper()
	db := raw(t, path)
	// Without a log of its own the file is written once. Opening the journal turns that on again.
	for _, pragma := range []string{"journal_mode = OFF", "synchronous = OFF", "cache_size = -200000", "locking_mode = EXCLUSIVE"} {
		if _, err := db.Exec("PRAGMA " + pragma); err != nil {
			t.Fatal(err)
		}
	}
	s, err := prepareStatements(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	type batch struct {
		lives []rows
		err   error
	}
	ready := make(chan batch, 2)
	var work sync.WaitGroup
	defer work.Wait()
	stop := make(chan struct{})
	defer close(stop)
	work.Go(func() {
		defer close(ready)
		for from := 0; from < to; from += each {
			var b batch
			for n := from; n < min(from+each, to) && b.err == nil; n++ {
				var r rows
				r, b.err = lifeOf(n)
				b.lives = append(b.lives, r)
			}
			select {
			case ready <- b:
			case <-stop:
				return
			}
		}
	})
	for b := range ready {
		if b.err == nil {
			b.err = writeLives(t, db, s, b.lives)
		}
		if b.err != nil {
			t.Fatal(b.err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// writeLives writes payments in one transaction.
func writeLives(t testing.TB, db *sql.DB, s statements, lives []rows) error {
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	pay, enter := tx.Stmt(s.insertPayment), tx.Stmt(s.insertEntry)
	var last bridge.Transition
	for _, l := range lives {
		res, err := pay.Exec(l.payment...)
		if err != nil {
			return err
		}
		id, err := res.LastInsertId()
		if err != nil {
			return err
		}
		for _, r := range l.entries {
			if _, err := enter.Exec(id, r.seq, r.at, r.kind, r.state, string(r.body), r.prev); err != nil {
				return err
			}
		}
		last = l.last
	}
	if mark, changes := bridge.MarkAfter(last); changes {
		if _, err := tx.Stmt(s.mark).Exec(last.After.Terminal, string(mark), last.Event.At.UnixMicro()); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// The journal that the benchmark measures has, row for row, what Append writes, and as many bytes.
func TestBuild(t *testing.T) {
	const n = 230
	var content [2][]string
	var bytes [2]int64
	for i, fillIn := range []func(path string){
		func(path string) {
			j := open(t, path)
			fill(t, j, 0, n)
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
		},
		func(path string) {
			if err := open(t, path).Close(); err != nil {
				t.Fatal(err)
			}
			build(t, path, n, 100)
		},
	} {
		path := filepath.Join(memoryDir(t), "journal.db")
		fillIn(path)
		j := open(t, path)
		verified(t, j)
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		bytes[i] = size(t, path)
		content[i] = dumped(t, path)
	}
	if !slices.Equal(content[0], content[1]) {
		for i := range min(len(content[0]), len(content[1])) {
			if content[0][i] != content[1][i] {
				t.Fatalf("row %d:\nAppend %s\nbuild  %s", i, content[0][i], content[1][i])
			}
		}
		t.Fatalf("Append leaves %d rows, build %d", len(content[0]), len(content[1]))
	}
	if len(content[0]) < 8*n {
		t.Errorf("%d rows are too few to compare", len(content[0]))
	}
	if d := bytes[0] - bytes[1]; d*50 > bytes[0] || -d*50 > bytes[0] {
		t.Errorf("Append takes %d bytes, build %d", bytes[0], bytes[1])
	}
}

// dumped is every row of every table that holds something of a payment, as text.
func dumped(t testing.TB, path string) (all []string) {
	t.Helper()
	db := raw(t, path)
	defer db.Close()
	for _, table := range []string{"payment ORDER BY id", "entry ORDER BY payment_id, seq", "outbox", "terminal", "alarm", "receipt"} {
		err := eachRow(t.Context(), db, func(r *sql.Rows) error {
			columns, err := r.Columns()
			if err != nil {
				return err
			}
			values, to := make([]any, len(columns)), make([]any, len(columns))
			for i := range values {
				to[i] = &values[i]
			}
			if err := r.Scan(to...); err != nil {
				return err
			}
			all = append(all, fmt.Sprintf("%s %v", table, values))
			return nil
		}, "SELECT * FROM "+table)
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}
