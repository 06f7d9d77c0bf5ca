package doctor

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"tillbridge/bridge/journal"
)

// TestReadingLeavesNothingInTheWay: SQLite needs a -wal and a -shm to read a journal in its mode, makes them where a
// clean end took them away, and cannot take them away again through a connection that may not write. What stays is empty
// and harmless: the next bridge takes it over and removes it at its own clean end.
func TestReadingLeavesNothingInTheWay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	bridge := func() {
		t.Helper()
		j, err := journal.Open(t.Context(), path, journal.Options{})
		if err != nil {
			t.Fatal(err)
		}
		problems, err := j.Verify(t.Context())
		if err = errors.Join(err, j.Close()); err != nil || len(problems) > 0 {
			t.Fatal(err, problems)
		}
		for _, name := range []string{path + "-wal", path + "-shm"} {
			if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
				t.Fatalf("a clean end left %s: %v", name, err)
			}
		}
	}
	bridge()
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		j, err := ThisSystem(nil).OpenJournal(path)
		if err != nil {
			t.Fatal(err)
		}
		_, err = j.Owed(t.Context())
		if err = errors.Join(err, j.Close()); err != nil {
			t.Fatal(err)
		}
	}
	after, err := os.ReadFile(path)
	if err != nil || string(after) != string(before) {
		t.Errorf("reading changed the journal: %v", err)
	}
	if info, err := os.Stat(path + "-wal"); err == nil && info.Size() != 0 {
		t.Errorf("the log that reading left has %d bytes", info.Size())
	}
	bridge()
}
