package journal

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// The holder of a lock is whoever wrote its number there, also into a file that fills the buffer.
func TestHolderOfAnyFile(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, "1234\n": 1234, "1234" + strings.Repeat(" ", 16): 1234, "12x": 0, "-5": 0, "99999999999999999999": 0,
	} {
		f, err := os.Create(filepath.Join(t.TempDir(), "lock"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if got := holder(f); got != want {
			t.Errorf("%q is held by %d, want %d", text, got, want)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if got := holder(f); got != 0 {
			t.Errorf("a file that cannot be read is held by %d", got)
		}
	}
}

// An ordinary life says nothing in the log; a journal that others can read is named.
func TestOrdinaryLifeIsQuiet(t *testing.T) {
	var b bytes.Buffer
	path := filepath.Join(t.TempDir(), "journal.db")
	life := func() string {
		t.Helper()
		b.Reset()
		j, err := Open(t.Context(), path, Options{Log: slog.New(slog.NewTextHandler(&b, nil))})
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	_ = life() // makes it
	if said := life(); said != "" {
		t.Errorf("an ordinary life says %s", said)
	}
	if runtime.GOOS == "windows" {
		return // which has no such modes
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if said := life(); !strings.Contains(said, "can be read by others") {
		t.Errorf("a journal that others can read: %q", said)
	}
}

// Only what SQLite says of a broken file becomes damage, and only once.
func TestExplain(t *testing.T) {
	j := &Journal{path: "journal.db"}
	other, once := errors.New("something else"), &DamagedError{Path: "journal.db", Err: errors.New("page 3")}
	if got := j.explain(other); got != other {
		t.Errorf("another error becomes %v", got)
	}
	if got := j.explain(fmt.Errorf("open: %w", once)); errors.Unwrap(got) != error(once) {
		t.Errorf("damage that is named already becomes %v", got)
	}
}

// A disk without room is told with both sums, once when it begins and once when it is over.
func TestRoomIsToldOnce(t *testing.T) {
	var b bytes.Buffer
	free := int64(3 << 10)
	s := newSpace(filepath.Join(t.TempDir(), "reserve"), Options{ReserveBytes: 64 << 10, Log: slog.New(slog.NewTextHandler(&b, nil))}, nil)
	s.free = func(string) (int64, error) { return free, nil }
	defer s.close()
	for range 3 {
		s.ensure()
	}
	if said := b.String(); strings.Count(said, "no new payments are taken") != 1 || !strings.Contains(said, "3 KiB free, 128 needed") {
		t.Errorf("a full disk is told so:\n%s", said)
	}
	free = 1 << 30
	for range 3 {
		s.ensure()
	}
	if said := b.String(); strings.Count(said, "\n") != 2 || strings.Count(said, "new payments are taken again") != 1 {
		t.Errorf("and its end so:\n%s", said)
	}
}
