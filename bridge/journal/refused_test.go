package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// tampered changes a closed journal's file by statements of any kind, past everything that guards it.
func tampered(t *testing.T, path string, statements ...string) {
	t.Helper()
	db := raw(t, path)
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// A step of which any part cannot be written leaves nothing of it.
func TestStepIsWrittenWholeOrNot(t *testing.T) {
	contrary := bridge.Event{Kind: bridge.Late, At: noon, Result: &terminal.Result{Outcome: terminal.Declined, Proof: terminal.UnchangedMark}}
	for refusal, steps := range map[string]struct {
		before int // events of the payment that go well
		event  func(j *Journal, p bridge.Payment) error
	}{
		"INSERT ON payment":  {0, nil},
		"INSERT ON entry":    {0, nil},
		"UPDATE ON payment":  {1, nil},
		"INSERT ON outbox":   {5, nil},
		"UPDATE ON terminal": {5, nil},
		"DELETE ON outbox":   {6, nil},
		"INSERT ON alarm": {7, func(j *Journal, p bridge.Payment) error {
			return j.Append(t.Context(), step(t, p, contrary))
		}},
		"UPDATE ON alarm": {7, func(j *Journal, _ bridge.Payment) error {
			if err := j.RaiseAlarm(t.Context(), Alarm{At: noon, Kind: "line", Text: "The line is gone."}); err != nil {
				t.Fatal(err)
			}
			all, err := j.Alarms(t.Context())
			if err != nil || len(all) != 1 {
				t.Fatalf("%v, %v", all, err)
			}
			err = j.ClearAlarm(t.Context(), all[0].ID, "Anna", noon)
			if again, aerr := j.Alarms(t.Context()); aerr != nil || len(again) != 1 {
				t.Errorf("the alarm is cleared: %v, %v", again, aerr)
			}
			return err
		}},
		"INSERT ON pruning": {7, func(j *Journal, _ bridge.Payment) error {
			_, err := j.Prune(t.Context(), noon.AddDate(0, 1, 0), noon.AddDate(3, 0, 0))
			return err
		}},
		"DELETE ON entry": {7, func(j *Journal, _ bridge.Payment) error {
			_, err := j.Prune(t.Context(), noon.AddDate(0, 1, 0), noon.AddDate(3, 0, 0))
			return err
		}},
	} {
		t.Run(refusal, func(t *testing.T) {
			path := filepath.Join(memoryDir(t), "journal.db")
			j := open(t, path)
			if err := j.SetMark(t.Context(), "counter", "0", "60000001"); err != nil {
				t.Fatal(err)
			}
			p := live(t, j, bridge.Payment{}, approved(1)[:steps.before]...)
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			tampered(t, path, "CREATE TRIGGER refusal BEFORE "+refusal+" BEGIN SELECT RAISE(ABORT, 'not this'); END")
			j = open(t, path)
			before := counts(t, j)
			var err error
			if steps.event == nil {
				err = j.Append(t.Context(), step(t, p, approved(1)[steps.before]))
			} else {
				err = steps.event(j, p)
			}
			if err == nil || !strings.Contains(err.Error(), "not this") {
				t.Errorf("went through: %v", err)
			}
			after := counts(t, j)
			after["alarm"], before["alarm"] = 0, 0
			if !reflect.DeepEqual(before, after) {
				t.Errorf("rows changed from %v to %v", before, after)
			}
			if got, _, err := j.Payment(t.Context(), uuid(1)); err != nil || got.Entries != steps.before {
				t.Errorf("the payment has %d entries, %v", got.Entries, err)
			}
			verified(t, j)
		})
	}
}

// What cannot be read is an error that says what, and never reads as nothing there.
func TestWhatCannotBeReadIsAnError(t *testing.T) {
	j := fresh(t)
	lives(t, j)
	ctx := t.Context()
	db := raw(t, j.Path())
	readings := map[string]func() error{
		"read alarms":                         func() error { _, err := j.Alarms(ctx); return err },
		"read due notices":                    func() error { _, err := j.Due(ctx, noon, 10); return err },
		"read next notice":                    func() error { _, _, err := j.NextDue(ctx); return err },
		"count notices":                       func() error { _, err := j.Owed(ctx); return err },
		"read mark of terminal bar":           func() error { _, _, err := j.Mark(ctx, "bar"); return err },
		"read receipts of payment " + uuid(1): func() error { _, err := j.Receipts(ctx, uuid(1)); return err },
		"read story of payment " + uuid(1):    func() error { _, err := j.Story(ctx, uuid(1)); return err },
		"read open payments":                  func() error { _, err := j.Unsettled(ctx); return err },
		"list payments":                       func() error { _, err := j.List(ctx, Filter{}); return err },
		"read payment":                        func() error { _, _, err := j.Payment(ctx, uuid(1)); return err },
		"send again":                          func() error { _, err := j.Renotify(ctx, uuid(1)); return err },
		"read returns of payment " + uuid(1):  func() error { _, err := j.Returns(ctx, uuid(1)); return err },
		"list ends of day":                    func() error { _, err := j.DayEnds(ctx, ""); return err },
		"read the day's payments":             func() error { _, err := j.Armed(ctx, "counter", noon, noon, 0); return err },
		"begin end of day":                    func() error { _, err := j.BeginDayEnd(ctx, bridge.DayEnd{Terminal: "bar", Began: noon}); return err },
		"verify":                              func() error { _, err := j.Verify(ctx); return err },
	}
	for name, reading := range readings {
		if err := reading(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	// The tables are there no more under their names.
	for _, table := range []string{"alarm", "outbox", "terminal", "receipt", "entry", "payment", "day_end"} {
		if _, err := db.Exec("ALTER TABLE " + table + " RENAME TO lost_" + table); err != nil {
			t.Fatal(err)
		}
	}
	for name, reading := range readings {
		if err := reading(); err == nil || !strings.HasPrefix(err.Error(), name+": ") {
			t.Errorf("%s without its table: %v", name, err)
		}
	}
	if err := j.probe(); err != nil {
		t.Errorf("the file itself can still be written: %v", err)
	}
}

// Rows that this program did not write are errors that name the place, in every reading that meets them, and
// Verify tells of them.
func TestOddRowsAreNamed(t *testing.T) {
	b := whole(t)
	for statement, want := range map[string]string{
		"UPDATE payment SET state = 'nowhere' WHERE id = 3":                         `payment ` + uuid(3) + `: state "nowhere" is not known`,
		"UPDATE payment SET outcome = 'maybe' WHERE id = 3":                         `payment ` + uuid(3) + `: outcome "maybe" is not known`,
		"UPDATE payment SET proof = 'hearsay' WHERE id = 3":                         `payment ` + uuid(3) + `: proof "hearsay" is not known`,
		"UPDATE payment SET seen_seq = 1 WHERE id = 3":                              `payment ` + uuid(3) + `: entry 1: what the payment points to is not in the entry`,
		"UPDATE payment SET result_seq = 99 WHERE id = 3":                           `payment ` + uuid(3) + `: entry 99: what the payment points to is not in the entry`,
		"UPDATE payment SET person_seq = 1 WHERE id = 3":                            `payment ` + uuid(3) + `: entry 1 names nobody`,
		"UPDATE payment SET person_seq = 99 WHERE id = 3":                           `payment ` + uuid(3) + `: entry 99 names nobody`,
		"UPDATE payment SET kind = 'gift' WHERE id = 3":                             `payment ` + uuid(3) + `: kind "gift" is not known`,
		"UPDATE payment SET correct_seq = 1 WHERE id = 3":                           `payment ` + uuid(3) + `: entry 1 names nobody`,
		"INSERT INTO day_end VALUES (1, 'counter', '', 0, 1, NULL, 0, '', 'dance')": `list ends of day: end of day 1: invalid character`,
		"DROP TABLE day_end; CREATE TABLE day_end (id, terminal, ordered_by, since, began, ended, closed, why, body); INSERT INTO day_end VALUES (1, '', '', 0, 'noon', NULL, 0, '', '')": `list ends of day: sql: Scan error on column index 4, name "began"`,
		"UPDATE entry SET state = 'nowhere' WHERE payment_id = 3 AND seq = 2":                                                          `entry 2: state "nowhere" is not known`,
		"UPDATE entry SET kind = 'dance' WHERE payment_id = 3 AND seq = 2":                                                             `entry 2: event "dance" is not known`,
		"UPDATE entry SET body = 'dance' WHERE payment_id = 3 AND seq = 2":                                                             `entry 2: body: invalid character`,
		"UPDATE payment SET state = 'nowhere' WHERE id = 2":                                                                            `read due notices: payment ` + uuid(2) + `: state "nowhere" is not known`,
		"CREATE TABLE other AS SELECT * FROM entry; DROP TABLE entry; ALTER TABLE other RENAME TO entry; UPDATE entry SET at = 'noon'": `read story of payment ` + uuid(3) + `: sql: Scan error on column index 1, name "at"`,
		"UPDATE receipt SET body = 'dance'":                                                                                            `read receipts of payment ` + uuid(1) + `: invalid character`,
		"INSERT INTO outbox VALUES (3, 0, 0, '')":                                                                                      `payment ` + uuid(3) + ` is seen and has a notice`,
		"DROP TABLE receipt; CREATE TABLE receipt (id, payment_id, n, body)":                                                           ``,
		"DROP TABLE alarm; CREATE TABLE alarm (id, at, kind, terminal, uuid, text, cleared_at, cleared_by); INSERT INTO alarm VALUES (1, 'noon', '', '', '', '', NULL, NULL)": `read alarms: sql: Scan error on column index 1, name "at"`,
	} {
		path := filepath.Join(memoryDir(t), "journal.db")
		write(t, path, b)
		for _, trigger := range []string{"entry_never_changes", "payment_keeps_its_order"} {
			statement = "DROP TRIGGER " + trigger + ";" + statement
		}
		tampered(t, path, statement)
		r, err := OpenReadOnly(path)
		if err != nil {
			t.Fatal(err)
		}
		ctx := t.Context()
		_, _, perr := r.Payment(ctx, uuid(3))
		_, uerr := r.Unsettled(ctx)
		_, lerr := r.List(ctx, Filter{})
		_, serr := r.Story(ctx, uuid(3))
		_, rerr := r.Receipts(ctx, uuid(1))
		_, derr := r.Due(ctx, noon, 10)
		_, aerr := r.Alarms(ctx)
		_, eerr := r.DayEnds(ctx, "")
		problems, verr := r.Verify(ctx)
		if told := verr != nil || len(problems) > 0; told == (strings.Contains(statement, "TABLE alarm") || strings.Contains(statement, "receipt") || strings.Contains(statement, "day_end")) {
			t.Errorf("%s: Verify finds %v, %v", statement, problems, verr)
		}
		err = errors.Join(perr, uerr, lerr, serr, rerr, derr, aerr, eerr, r.Close())
		if want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %s", statement, err, want)
		}
	}
}

// Events that cannot be written down, or would not be read back as they are, are refused before anything is
// written; a terminal's clock that cannot be is not one of them.
func TestEventsThatCannotBeWritten(t *testing.T) {
	j := fresh(t)
	p := live(t, j, bridge.Payment{}, approved(1)[:3]...)
	for want, e := range map[string]bridge.Event{
		"write see as an entry": {Kind: bridge.See, At: noon, Result: &terminal.Result{Outcome: 99}},
		"read event(99) back":   {Kind: 99, At: noon},
	} {
		err := j.Append(t.Context(), bridge.Transition{Before: p, After: p, Event: e})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	odd := approval(1, terminal.NoProof)
	odd.TerminalTime = time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC)
	p = live(t, j, p, bridge.Event{Kind: bridge.See, At: noon, Result: odd})
	if got := read(t, j, p.UUID); got.State != bridge.Seen || !got.Seen.TerminalTime.IsZero() {
		t.Errorf("%s at %s", got.State, got.Seen.TerminalTime)
	}
	if _, err := j.Receipts(t.Context(), uuid(1)); err != nil {
		t.Error(err)
	}
	if err := j.SaveReceipt(t.Context(), uuid(1), terminal.Receipt{Kind: 99}); err == nil || !strings.Contains(err.Error(), "keep receipt") {
		t.Errorf("a receipt of no kind: %v", err)
	}
	verified(t, j)
}

// A step may only refer to results that its own event brought: nothing else could be found again.
func TestResultsStandInTheirEntry(t *testing.T) {
	j := fresh(t)
	p := live(t, j, bridge.Payment{}, approved(1)[:3]...)
	r, other, anna := approval(1, terminal.NoProof), approval(2, terminal.NoProof), &bridge.Person{Name: "Anna"}
	for name, c := range map[string]struct {
		change func(p *bridge.Payment)
		event  bridge.Event
	}{
		"seen":        {func(p *bridge.Payment) { p.Seen = other }, bridge.Event{Kind: bridge.See, At: noon, Result: r}},
		"result":      {func(p *bridge.Payment) { p.Result = other }, bridge.Event{Kind: bridge.Find, At: noon, Result: r}},
		"result lost": {func(p *bridge.Payment) { p.Result = other }, bridge.Event{Kind: bridge.Find, At: noon}},
		"both":        {func(p *bridge.Payment) { p.Seen, p.Result = other, r }, bridge.Event{Kind: bridge.Find, At: noon, Result: r}},
		"correction": {func(p *bridge.Payment) { p.Corrected = &bridge.Correction{Outcome: terminal.Approved, Person: anna} }, bridge.Event{
			Kind: bridge.Correct, At: noon, Outcome: terminal.Approved, Person: &bridge.Person{Name: "Otto"},
		}},
		"correction to another outcome": {func(p *bridge.Payment) { p.Corrected = &bridge.Correction{Outcome: terminal.Approved, Person: anna} }, bridge.Event{
			Kind: bridge.Correct, At: noon, Outcome: terminal.Declined, Person: anna,
		}},
		"person": {func(p *bridge.Payment) { p.Person = anna }, bridge.Event{Kind: bridge.Resolve, At: noon, Person: &bridge.Person{Name: "Otto"}}},
	} {
		after := p
		after.Entries++
		c.change(&after)
		tr := bridge.Transition{Before: p, After: after, Event: c.event}
		err := j.transact(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
			return j.put(ctx, tx, stored{Payment: p, head: make([]byte, 32)}, tr, []byte("{}"))
		})
		if err == nil || !strings.Contains(err.Error(), "leads to a result that it did not bring") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, c := range []struct {
		change         func(p *bridge.Payment)
		event          bridge.Event
		seen, res, who int64
	}{
		{func(p *bridge.Payment) { p.Seen = r }, bridge.Event{Result: r}, 4, 0, 0},
		{func(p *bridge.Payment) { p.Result = r }, bridge.Event{Result: r}, 0, 4, 0},
		{func(p *bridge.Payment) { p.Seen, p.Result = r, r }, bridge.Event{Result: r}, 4, 4, 0},
		{func(p *bridge.Payment) { p.Person = anna }, bridge.Event{Person: anna}, 0, 0, 4},
		{func(*bridge.Payment) {}, bridge.Event{Result: r, Person: anna}, 0, 0, 0},
	} {
		var s stored
		after := p
		c.change(&after)
		if err := s.points(bridge.Transition{Before: p, After: after, Event: c.event}, 4); err != nil || s.seenAt.Int64 != c.seen || s.resultAt.Int64 != c.res || s.person.Int64 != c.who {
			t.Errorf("points to %v, %v, %v: %v; want %+v", s.seenAt, s.resultAt, s.person, err, c)
		}
	}
}

// A journal whose tables are not as they should be is damaged, and left as it is.
func TestOddTables(t *testing.T) {
	for _, statement := range []string{
		"ALTER TABLE terminal RENAME COLUMN mark TO sign", "ALTER TABLE outbox RENAME COLUMN last_error TO last", "DROP TABLE alarm",
		"DROP INDEX outbox_next; ALTER TABLE outbox RENAME COLUMN next_at TO next", "ALTER TABLE outbox RENAME COLUMN attempts TO tries",
	} {
		path := filled(t, 2)
		tampered(t, path, statement)
		before := folder(t, filepath.Dir(path))
		_, err := Open(t.Context(), path, Options{ReserveBytes: 64 << 10})
		var damaged *DamagedError
		if !errors.As(err, &damaged) {
			t.Errorf("%s: %v", statement, err)
		}
		if after := folder(t, filepath.Dir(path)); !sameBut(before, after, ".lock", "-shm", "-wal") {
			t.Errorf("%s: files changed from\n%s to\n%s", statement, before, after)
		}
	}
	path := filled(t, 2)
	tampered(t, path, "ALTER TABLE outbox RENAME COLUMN attempts TO tries")
	if r, err := OpenReadOnly(path); err == nil || !strings.HasPrefix(err.Error(), "open journal "+path+": ") {
		t.Errorf("opened for reading: %v, %v", r, err)
	}
	// Notices that cannot be made due do not harm the file either.
	path = filepath.Join(memoryDir(t), "journal.db")
	j := open(t, path)
	live(t, j, bridge.Payment{}, approved(1)[:6]...)
	if err := errors.Join(j.Postpone(t.Context(), uuid(1), 1, noon, "no answer"), j.Close()); err != nil {
		t.Fatal(err)
	}
	tampered(t, path, "CREATE TRIGGER refusal BEFORE UPDATE ON outbox BEGIN SELECT RAISE(ABORT, 'not this'); END")
	if _, err := Open(t.Context(), path, Options{}); err == nil || !strings.Contains(err.Error(), "open journal: ") || !strings.Contains(err.Error(), "not this") {
		t.Errorf("opened: %v", err)
	}
}

// sameBut compares two folders without the files that end so.
func sameBut(a, b string, ends ...string) bool {
	strip := func(s string) string {
		var kept []string
		for _, l := range strings.Split(s, "\n") {
			name, _, _ := strings.Cut(l, " ")
			keep := true
			for _, e := range ends {
				keep = keep && !strings.HasSuffix(name, e)
			}
			if keep {
				kept = append(kept, l)
			}
		}
		return strings.Join(kept, "\n")
	}
	return strip(a) == strip(b)
}

func TestErrorsSayWhatToDo(t *testing.T) {
	for want, err := range map[string]error{
		"journal /j is in use by another process":                                                                     &HeldError{Path: "/j"},
		"journal /j is in use by process 7; stop that one first":                                                      &HeldError{Path: "/j", PID: 7},
		"journal /j has version 9, this program knows up to 1: use the newer program that wrote it":                   &VersionError{Path: "/j", Found: 9, Known: 1},
		"journal /j has version 1, this program reads 2: start the service once, which brings it up to date":          &VersionError{Path: "/j", Found: 1, Known: 2},
		"/j is not a tillbridge journal (it is not a file); move it away or name another file":                        &ForeignError{Path: "/j", Why: "it is not a file"},
		"journal /j is damaged (torn); keep a copy of it with its -wal file, and put the last good copy in its place": &DamagedError{Path: "/j", Err: errors.New("torn")},
		"the state is wrong":                     errors.New(Problem{Text: "the state is wrong"}.String()),
		"payment u: it has no entries":           errors.New(Problem{UUID: "u", Text: "it has no entries"}.String()),
		"payment u, entry 3: entry 3 is missing": errors.New(Problem{UUID: "u", Seq: 3, Text: "entry 3 is missing"}.String()),
	} {
		if err.Error() != want {
			t.Errorf("%q, want %q", err, want)
		}
	}
	if fmt.Sprint(primary(nil), code(errors.New("x")), isDisk(nil), isDamage(nil), isFull(nil), isTaken(nil)) != "0 0 false false false false" {
		t.Error("another error passes for one of SQLite's")
	}
}
