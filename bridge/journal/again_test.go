package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// Only what the disk refused before the commit is done once more. A refusal of our own is final, and a commit
// may stand: repeated, it would be told as refused.
func TestWhatIsDoneOnceMore(t *testing.T) {
	j, log := heard(t, filepath.Join(memoryDir(t), "journal.db"))
	live(t, j, bridge.Payment{}, approved(1)...)
	fail := map[string]int{}
	between(t, filepath.Dir(j.Path()), func(a access) int32 {
		if fail[a.what]--; fail[a.what] >= 0 {
			return map[string]int32{"read": eioRead, "sync": eioSync}[a.what]
		}
		return 0
	})
	refusal := errors.New("not this")
	for _, c := range []struct {
		name    string
		reads   int // that fail
		syncs   int
		refusal error
		runs    int
		want    func(error) bool
		kept    bool // the connection is
	}{
		{"all is well", 0, 0, nil, 1, func(err error) bool { return err == nil }, true},
		{"a refusal", 0, 0, refusal, 1, func(err error) bool { return errors.Is(err, refusal) }, true},
		{"a read fails", 1, 0, nil, 2, func(err error) bool { return err == nil }, true},
		{"a read fails and then a refusal", 1, 0, refusal, 2, func(err error) bool { return errors.Is(err, refusal) }, true},
		{"two reads fail", 2, 0, nil, 1, isDisk, false}, // the second one in opening the new connection
		{"a commit fails", 0, 1, nil, 1, isDisk, true},
	} {
		if c.reads > 0 {
			reconnect(j)
			if err := j.write.PingContext(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		runs := 0
		fail["sync"] = c.syncs
		err := j.transact(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
			if runs++; runs == 1 {
				fail["read"] = c.reads
			}
			if _, err := tx.ExecContext(ctx, "UPDATE outbox SET attempts = 0"); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, "PRAGMA user_version = 1"); err != nil {
				return err
			}
			return c.refusal
		})
		fail["read"], fail["sync"] = 0, 0
		if runs != c.runs || !c.want(err) {
			t.Errorf("%s: run %d times, %v", c.name, runs, err)
		}
		if kept := j.write.Stats().OpenConnections == 1; kept != c.kept {
			t.Errorf("%s: the connection is kept %t", c.name, kept)
		}
	}
	accepts(t, j)
	verified(t, j)

	// After a commit that failed another one takes its place at once; it is told where that fails too.
	const told = "the journal cannot be written"
	for syncs, tells := range map[int]bool{1: false, 2: true} {
		log.Reset()
		fail["sync"] = syncs
		if err := j.SetMark(t.Context(), "counter", terminal.Mark(fmt.Sprintf("after %d", syncs)), ""); !errors.Is(err, ErrDisk) {
			t.Errorf("%d syncs fail: %v", syncs, err)
		}
		if got := strings.Contains(log.String(), told); got != tells || fail["sync"] > 0 {
			t.Errorf("%d syncs fail, %d are left; the log says %s", syncs, fail["sync"], log)
		}
		accepts(t, j)
	}
}
