package journal

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"

	"tillbridge/bridge"
)

// Problem is something that Verify found wrong.
type Problem struct {
	UUID string // the payment; empty where it is the file
	Seq  int    // the entry; 0 where it is the payment itself
	Text string
}

func (p Problem) String() string {
	switch {
	case p.UUID == "":
		return p.Text
	case p.Seq == 0:
		return fmt.Sprintf("payment %s: %s", p.UUID, p.Text)
	}
	return fmt.Sprintf("payment %s, entry %d: %s", p.UUID, p.Seq, p.Text)
}

// maxProblems is where Verify stops looking.
const maxProblems = 1000

// verifyBatch is how many payments are looked at in one go; between them the write-ahead log can be emptied.
const verifyBatch = 500

// Verify checks the whole journal: SQLite's own structures, every payment's chain of digests, and that its
// entries replayed by the core give the payment as it is stored. It disturbs no writer and takes about a
// minute for a million payments and more on a slow disk. An error means that it could not look; what is wrong
// with the journal are problems, the first 1000 of them.
func (r *Reader) Verify(ctx context.Context) ([]Problem, error) {
	v := &verifier{db: r.read}
	if err := v.structure(ctx); err != nil && !v.damaged(err) {
		return v.found, fmt.Errorf("verify: %w", err)
	}
	for last := int64(-1 << 62); len(v.found) < maxProblems; {
		next, n, err := v.batch(ctx, last)
		if err != nil && !v.damaged(err) {
			return v.found, fmt.Errorf("verify: %w", err)
		}
		if n == 0 || err != nil {
			break
		}
		last = next
	}
	return v.found, nil
}

// verifier gathers problems.
type verifier struct {
	db    *sql.DB
	found []Problem
}

func (v *verifier) add(uuid string, seq int, text string, args ...any) {
	if len(v.found) < maxProblems {
		v.found = append(v.found, Problem{UUID: uuid, Seq: seq, Text: fmt.Sprintf(text, args...)})
	}
}

// damaged makes a problem of an error that says that the file is broken.
func (v *verifier) damaged(err error) bool {
	if !isDamage(err) {
		return false
	}
	v.add("", 0, "the file cannot be read on: %v", err)
	return true
}

// structure asks SQLite for its own opinion, and for rows without their payment.
func (v *verifier) structure(ctx context.Context) error {
	err := eachRow(ctx, v.db, func(rows *sql.Rows) error {
		var text string
		err := rows.Scan(&text)
		if err == nil && text != "ok" {
			v.add("", 0, "%s", text)
		}
		return err
	}, "PRAGMA integrity_check(100)")
	if err != nil {
		return err
	}
	return eachRow(ctx, v.db, func(rows *sql.Rows) error {
		var table, parent string
		var rowid sql.NullInt64
		var key int
		err := rows.Scan(&table, &rowid, &parent, &key)
		v.add("", 0, "a row of %s has no %s", table, parent)
		return err
	}, "PRAGMA foreign_key_check")
}

// batch checks the payments behind an id, and returns the last one's id and their number. It reads them in
// one transaction, since they may be written meanwhile.
func (v *verifier) batch(ctx context.Context, behind int64) (last int64, n int, err error) {
	tx, err := v.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return 0, 0, err
	}
	defer tx.Rollback()
	type row struct {
		stored
		owed bool
		err  error
	}
	var rows []row
	err = eachRow(ctx, tx, func(r *sql.Rows) error {
		var one row
		one.stored, one.err = scanPayment(r, &one.owed)
		rows = append(rows, one)
		return nil
	}, selectPayment+", EXISTS (SELECT 1 FROM outbox o WHERE o.payment_id = p.id)"+fromPayment+"WHERE p.id > ? ORDER BY p.id LIMIT ?",
		behind, verifyBatch)
	if err != nil || len(rows) == 0 {
		return 0, 0, err
	}
	last = rows[len(rows)-1].id
	entries := map[int64][]record{}
	err = eachRow(ctx, tx, func(r *sql.Rows) error {
		var id int64
		var x record
		err := r.Scan(&id, &x.seq, &x.at, &x.kind, &x.state, &x.body, &x.prev)
		entries[id] = append(entries[id], x)
		return err
	}, "SELECT payment_id, seq, at, kind, state, body, prev FROM entry WHERE payment_id > ? AND payment_id <= ? ORDER BY payment_id, seq",
		behind, last)
	if err != nil {
		return 0, 0, err
	}
	for _, one := range rows {
		if one.err != nil {
			v.add(one.UUID, 0, "it cannot be read: %v", one.err)
			continue
		}
		v.payment(one.stored, entries[one.id])
		v.notice(one.Payment, one.owed)
	}
	return last, len(rows), nil
}

// payment walks one chain and replays it.
func (v *verifier) payment(s stored, chain []record) {
	first := seed(s.UUID)
	prev := first[:]
	var p bridge.Payment
	for i, r := range chain {
		if r.seq != i+1 {
			v.add(s.UUID, r.seq, "entry %d is missing", i+1)
			return
		}
		if !bytes.Equal(r.prev, prev) {
			v.add(s.UUID, r.seq, "it does not follow the entry before it: one of them was altered")
			return
		}
		sum := r.sum()
		prev = sum[:]
		e, err := r.event()
		if err != nil {
			v.add(s.UUID, r.seq, "it cannot be read: %v", err)
			return
		}
		t, err := bridge.Step(p, e)
		if err != nil {
			v.add(s.UUID, r.seq, "%v", err)
			return
		}
		if p = t.After; p.State.String() != r.state {
			v.add(s.UUID, r.seq, "it leads to %s and says %s", p.State, r.state)
			return
		}
	}
	switch {
	case len(chain) == 0:
		v.add(s.UUID, 0, "it has no entries")
	case !bytes.Equal(s.head, prev):
		v.add(s.UUID, len(chain), "the payment does not carry its digest: it was altered, or entries behind it are gone")
	default:
		if diff := differ(s.Payment, p); diff != "" {
			v.add(s.UUID, 0, "its %s is not what its entries say", diff)
		}
	}
}

// notice checks that MGR is owed what it does not have.
func (v *verifier) notice(p bridge.Payment, owed bool) {
	switch {
	case owed && !p.Final():
		v.add(p.UUID, 0, "it is %s and has a notice for MGR", p.State)
	case owed && p.Kind != bridge.Sale:
		v.add(p.UUID, 0, "it is a %s and has a notice for MGR", p.Kind.Noun())
	case !owed && p.Final() && !p.Done():
		v.add(p.UUID, 0, "MGR does not have its outcome and is owed no notice")
	}
}

// differ names the first field in which two payments differ; empty when there is none.
func differ(a, b bridge.Payment) string {
	for _, f := range []struct {
		name string
		x, y any
	}{
		{"uuid", a.UUID, b.UUID},
		{"customer", a.Customer, b.Customer},
		{"terminal", a.Terminal, b.Terminal},
		{"amount", a.Amount, b.Amount},
		{"kind", a.Kind, b.Kind},
		{"sale", a.Sale, b.Sale},
		{"orderer", a.By, b.By},
		{"reference", a.Reference, b.Reference},
		{"driver", a.Driver, b.Driver},
		{"evidence", a.Evidence, b.Evidence},
		{"state", a.State, b.State},
		{"outcome", a.Outcome, b.Outcome},
		{"proof", a.Proof, b.Proof},
		{"mark", a.Mark, b.Mark},
		{"reason", a.Reason, b.Reason},
		{"number of entries", a.Entries, b.Entries},
		{"time of acceptance", a.Received.UnixMicro(), b.Received.UnixMicro()},
		{"time of arming", micro(a.Armed), micro(b.Armed)},
		{"time of the last event", a.Updated.UnixMicro(), b.Updated.UnixMicro()},
	} {
		if f.x != f.y {
			return f.name
		}
	}
	if !same(a.Seen, b.Seen) {
		return "seen result"
	}
	if !same(a.Result, b.Result) {
		return "result"
	}
	if a.Person != b.Person && (a.Person == nil || b.Person == nil || *a.Person != *b.Person) {
		return "person"
	}
	x, y := a.Corrected, b.Corrected
	if x != y && (x == nil || y == nil || x.Outcome != y.Outcome || *x.Person != *y.Person) {
		return "correction"
	}
	return ""
}
