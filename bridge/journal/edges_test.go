package journal

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"tillbridge/bridge"
	"tillbridge/terminal"

	sqlite3 "modernc.org/sqlite/lib"
)

// heard opens a journal whose log a test reads.
func heard(t *testing.T, path string) (*Journal, *bytes.Buffer) {
	t.Helper()
	var b bytes.Buffer
	j, err := Open(t.Context(), path, Options{ReserveBytes: 64 << 10, CheckEvery: 1, Log: slog.New(slog.NewTextHandler(&b, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return j, &b
}

// Whatever stands in the way of a journal's files is an error, and leaves no lock behind.
func TestOpenInTheWay(t *testing.T) {
	for name, c := range map[string]struct {
		way  func(t *testing.T, path string) // puts something in the way
		want string
	}{
		"a file where the folder should be": {func(t *testing.T, path string) { write(t, filepath.Dir(path), nil) }, "make the journal's folder: "},
		"a folder where the lock should be": {func(t *testing.T, path string) { folderAt(t, path+".lock") }, "open lock file: "},
		"a full folder where the new file should be": {func(t *testing.T, path string) {
			folderAt(t, path+".new-shm")
			write(t, filepath.Join(path+".new-shm", "full"), nil)
		}, "create journal: remove "},
		"a log that is a folder":         {func(t *testing.T, path string) { copyFile(t, filled(t, 1), path); folderAt(t, path+"-wal") }, "open journal: read "},
		"a log that leads to itself":     {func(t *testing.T, path string) { copyFile(t, filled(t, 1), path); linkAt(t, path+"-wal") }, "open journal: open "},
		"a journal that leads to itself": {func(t *testing.T, path string) { linkAt(t, path) }, "open journal: open "},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "data", "journal.db")
			if !strings.Contains(name, "the folder should be") {
				folderAt(t, filepath.Dir(path))
			}
			c.way(t, path)
			j, err := Open(t.Context(), path, Options{})
			if err == nil {
				t.Fatalf("opened: %v", j.Close())
			}
			if !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
			var held *HeldError
			if _, err := Open(t.Context(), path, Options{}); errors.As(err, &held) {
				t.Errorf("a lock was left behind: %v", err)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	path := filepath.Join(t.TempDir(), "journal.db")
	if _, err := Open(ctx, path, Options{}); !errors.Is(err, context.Canceled) || !strings.HasPrefix(err.Error(), "create journal: ") {
		t.Errorf("made under a cancelled context: %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("half a journal is there: %v", err)
	}
}

func folderAt(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

func linkAt(t *testing.T, path string) {
	t.Helper()
	if err := os.Symlink(path, path); err != nil {
		t.Skipf("cannot make a link here: %v", err)
	}
}

// A program whose working folder is gone cannot know where a relative path leads.
func TestOpenWithoutAWorkingFolder(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux lets a working folder be removed")
	}
	dir := filepath.Join(t.TempDir(), "gone")
	folderAt(t, dir)
	t.Chdir(dir)
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), "journal.db", Options{}); err == nil || !strings.HasPrefix(err.Error(), "open journal: getwd") {
		t.Errorf("opened: %v", err)
	}
	if _, err := OpenReadOnly("journal.db"); err == nil || !strings.HasPrefix(err.Error(), "open journal: getwd") {
		t.Errorf("opened for reading: %v", err)
	}
}

// What others may read, and a journal of an older program that is brought up to date, are told in the log.
func TestOpenTells(t *testing.T) {
	path := filled(t, 1)
	if _, log := heard(t, filepath.Join(t.TempDir(), "other.db")); !strings.Contains(log.String(), "journal created") || strings.Contains(log.String(), "read by others") {
		t.Errorf("the log says %s", log)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	j, log := heard(t, path)
	if runtime.GOOS != "windows" && !strings.Contains(log.String(), "can be read by others") {
		t.Errorf("the log says %s", log)
	}
	if strings.Contains(log.String(), "up to date") {
		t.Errorf("the log says %s", log)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	log.Reset()
	ours := len(migrations())
	next := append(migrations(), migration{version: ours + 1, name: "next.sql", script: "CREATE TABLE next (x TEXT) STRICT"})
	up := &Journal{path: path, log: j.log, lock: j.lock}
	if err := up.begin(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	if err := up.stop(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "brought up to date") || !strings.Contains(log.String(), fmt.Sprintf("version=%d migrations=1", ours+1)) {
		t.Errorf("the log says %s", log)
	}
	var version *VersionError
	if _, err := Open(t.Context(), path, Options{}); !errors.As(err, &version) || version.Found != ours+1 || version.Known != ours {
		t.Errorf("a program that knows less: %v", err)
	}
	stamp(t, path, 0)
	if _, err := Open(t.Context(), path, Options{}); !errors.As(err, &version) || version.Found != 0 {
		t.Errorf("a journal that no program wrote: %v", err)
	}
}

// A migration stops with its context, and changes nothing.
func TestMigrationCancelled(t *testing.T) {
	path := filled(t, 1)
	db := writer(path, "rw")
	before := dump(t, db)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if n, err := migrate(ctx, db, migrations()); n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("%d migrations, %v", n, err)
	}
	if err := apply(ctx, db, migration{version: len(migrations()) + 1, script: "CREATE TABLE next (x TEXT)"}); !errors.Is(err, context.Canceled) {
		t.Errorf("applied: %v", err)
	}
	if after := dump(t, db); after != before {
		t.Errorf("the journal was changed to\n%s", after)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// A connection is not used unless its settings read back as they should.
func TestConnectionsAreChecked(t *testing.T) {
	path := filled(t, 1)
	for want, db := range map[string]*sql.DB{
		"reads back as wal instead of delete": connect(dsn(path, "rw"), 1, []setting{{"journal_mode", "delete"}}),
		"PRAGMA no_such_thing says nothing":   connect(dsn(path, "rw"), 1, []setting{{"no_such_thing", "1"}}),
		"PRAGMA table_list says nothing":      connect(dsn(path, "rw"), 1, []setting{{"table_list", "1"}}),
		"syntax error":                        connect(dsn(path, "rw"), 1, []setting{{"(", "1"}}),
		"unable to open database file":        connect(dsn(path+".none", "rw"), 1, writing()),
		"invalid URL escape":                  connect("file:"+path+"?vfs=%zz", 1, nil),
	} {
		if err := errors.Join(db.PingContext(t.Context()), db.Close()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if got := dsn("C:/data/journal.db", "rw"); !strings.HasPrefix(got, "file:///C:/data/journal.db?") {
		t.Errorf("a path of Windows is %s", got)
	}
}

// The little that is asked of the system besides files.
func TestSystem(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "gone")
	if n, err := freeBytes(filepath.Dir(gone)); err != nil || n < 1<<20 {
		t.Errorf("%d bytes are free, %v", n, err)
	}
	if _, err := freeBytes(gone); !errors.Is(err, os.ErrNotExist) && runtime.GOOS != "windows" {
		t.Errorf("free space nowhere: %v", err)
	}
	if err := syncFile(gone); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("synced nothing: %v", err)
	}
	if runtime.GOOS != "windows" {
		if err := syncDir(gone); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("synced no folder: %v", err)
		}
	}
	if runtime.GOOS == "linux" {
		if err := syncDir("/proc"); err != nil { // where nothing can be synced
			t.Errorf("sync of /proc: %v", err)
		}
		var held *HeldError
		if _, err := lock("/dev/full", "/j"); err == nil || errors.As(err, &held) || !strings.HasPrefix(err.Error(), "lock /dev/full: ") {
			t.Errorf("locked a device that takes nothing: %v", err)
		}
	}
	if info, err := fs(t, "ten bytes.").Stat("f"); err != nil || allocated(info) != 10 {
		t.Errorf("a file of which only the size is known takes %d bytes, %v", allocated(info), err)
	}
	if err := errors.Join(makeFolder(filepath.Join(gone, "a", "b")), makeFolder(filepath.Join(gone, "a", "b"))); err != nil {
		t.Error(err)
	}
}

func fs(t *testing.T, content string) fstest.MapFS {
	t.Helper()
	return fstest.MapFS{"f": {Data: []byte(content)}}
}

// Whoever holds the lock is named only where the file names somebody.
func TestHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	for content, want := range map[string]int{"": 0, "77\n": 77, "77": 77, " 77 \n": 77, "-1\n": 0, "0\n": 0, "1\n": 1, "nobody\n": 0, "12345678901234567890123\n": 0} {
		write(t, path, []byte(content))
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := holder(f); got != want {
			t.Errorf("%q names %d, want %d", content, got, want)
		}
		if err := sign(f); err == nil {
			t.Error("signed a file that is open for reading")
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if got := holder(f); got != 0 {
			t.Errorf("a closed file names %d", got)
		}
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := sign(f); err != nil || holder(f) != os.Getpid() {
		t.Errorf("signed as %d, %v", holder(f), err)
	}
}

// The reserve cannot be made, or given up.
func TestReserveInTheWay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	j, log := heard(t, path)
	free, failed := int64(1<<20), error(nil)
	room(j, &free, &failed)
	if err := os.Remove(path + ".reserve"); err != nil {
		t.Fatal(err)
	}
	if j.space.release() || !strings.Contains(log.String(), "give up the reserve") {
		t.Errorf("gave up a reserve that is gone; the log says %s", log)
	}
	folderAt(t, path+".reserve.new")
	if err := j.Accepting(); !errors.Is(err, ErrDisk) || !strings.Contains(err.Error(), "make the reserve") {
		t.Errorf("accepting: %v", err)
	}
	if err := os.Remove(path + ".reserve.new"); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	folderAt(t, path+".reserve")
	write(t, filepath.Join(path+".reserve", "full"), nil)
	if err := j.Accepting(); !errors.Is(err, ErrDisk) || !strings.Contains(err.Error(), "make the reserve") {
		t.Errorf("accepting: %v", err)
	}
	if err := os.RemoveAll(path + ".reserve"); err != nil {
		t.Fatal(err)
	}
	if err := j.Accepting(); err != nil {
		t.Errorf("accepting: %v", err)
	}
	// Receipts wait for better days as new payments do.
	live(t, j, bridge.Payment{}, approved(1)...)
	free = 0
	if err := j.SaveReceipt(t.Context(), uuid(1), terminal.Receipt{}); !errors.Is(err, ErrFull) {
		t.Errorf("a receipt on a full disk: %v", err)
	}
}

// A full disk whose log cannot be emptied either: nothing is written, and that is said.
func TestFullToTheLast(t *testing.T) {
	j, log := heard(t, filepath.Join(memoryDir(t), "journal.db"))
	p := live(t, j, bridge.Payment{}, approved(1)[:2]...)
	full := true
	between(t, filepath.Dir(j.Path()), func(a access) int32 {
		if full && (a.what == "write" || a.what == "truncate") {
			return int32(sqlite3.SQLITE_FULL)
		}
		return 0
	})
	tr := step(t, p, approved(1)[2])
	if err := j.Append(t.Context(), tr); !errors.Is(err, ErrFull) || errors.Is(err, ErrDisk) {
		t.Errorf("append: %v", err)
	}
	if !strings.Contains(log.String(), "the write-ahead log cannot be emptied") || !strings.Contains(log.String(), "the reserve was given up") {
		t.Errorf("the log says %s", log)
	}
	full = false
	live(t, j, p, approved(1)[2:]...)
	verified(t, j)
}

// Somebody else wrote, and what they wrote cannot be read.
func TestBeginFails(t *testing.T) {
	j := fresh(t)
	p := live(t, j, bridge.Payment{}, approved(1)[:2]...)
	db := raw(t, j.Path())
	if _, err := db.Exec("CREATE TABLE other (x TEXT)"); err != nil {
		t.Fatal(err)
	}
	fails := true
	between(t, filepath.Dir(j.Path()), func(a access) int32 {
		if fails && a.what == "read" {
			return eioRead
		}
		return 0
	})
	if err := j.Append(t.Context(), step(t, p, approved(1)[2])); !errors.Is(err, ErrDisk) {
		t.Errorf("append: %v", err)
	}
	fails = false
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	accepts(t, j)
	live(t, j, p, approved(1)[2:]...)
	verified(t, j)
}

// A check that is stopped says that it could not look, wherever it is; what cannot be read on is a problem.
func TestVerifyStopped(t *testing.T) {
	path := filled(t, 3)
	for name, fails := range map[string]bool{"stopped": false, "unreadable": true} {
		seen := map[string]bool{}
		for n := 1; ; n++ {
			r, err := OpenReadOnly(path)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			reads, over := 0, false
			between(t, filepath.Dir(path), func(a access) int32 {
				if a.what == "read" && !over {
					reads++
				}
				if a.what != "read" || over || reads != n {
					return 0
				}
				if fails {
					return eioRead
				}
				cancel()
				return 0
			})
			problems, err := r.Verify(ctx)
			over = true
			cancel()
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			if reads < n {
				break
			}
			switch {
			case fails && err == nil && len(problems) > 0:
				seen["problem"] = true
			case err != nil && strings.HasPrefix(err.Error(), "verify: "):
				seen["error"] = true
			case fails:
				t.Errorf("%s at read %d: %v, %v", name, n, problems, err)
			}
		}
		if fails && !seen["problem"] {
			t.Errorf("%s: %v", name, seen)
		}
	}
	r, err := OpenReadOnly(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if problems, err := r.Verify(ctx); !errors.Is(err, context.Canceled) || len(problems) > 0 {
		t.Errorf("verified under a cancelled context: %v, %v", problems, err)
	}
	v := &verifier{db: r.read}
	if _, n, err := v.batch(ctx, 0); !errors.Is(err, context.Canceled) || n != 0 {
		t.Errorf("a batch under a cancelled context: %d, %v", n, err)
	}
	if v.damaged(errors.New("another error")) || len(v.found) != 0 {
		t.Error("another error passes for damage")
	}
}

// Two payments that differ in one thing differ in that.
func TestDifferNamesTheField(t *testing.T) {
	base := func() bridge.Payment {
		return bridge.Payment{
			Order: *order(1), Reference: "R", Driver: "zvt", Evidence: terminal.C2, State: bridge.Approved, Outcome: terminal.Approved, Proof: terminal.Dialogue,
			Received: noon, Armed: noon, Updated: noon, Mark: "1", Seen: approval(1, terminal.NoProof), Result: approval(1, terminal.Dialogue),
			Reason: "why", Person: &bridge.Person{Name: "Anna"}, Entries: 3,
		}
	}
	if diff := differ(base(), base()); diff != "" {
		t.Errorf("equal payments differ in %s", diff)
	}
	for want, changes := range map[string][]func(p *bridge.Payment){
		"seen result":    {func(p *bridge.Payment) { p.Seen = nil }, func(p *bridge.Payment) { p.Seen.Code = "x" }},
		"result":         {func(p *bridge.Payment) { p.Result = nil }, func(p *bridge.Payment) { p.Result.Text = "x" }},
		"person":         {func(p *bridge.Payment) { p.Person = nil }, func(p *bridge.Payment) { p.Person.Name = "Otto" }},
		"time of arming": {func(p *bridge.Payment) { p.Armed = time.Time{} }},
		"state":          {func(p *bridge.Payment) { p.State = bridge.Reported }},
	} {
		for _, change := range changes {
			p := base()
			change(&p)
			if got := differ(base(), p); got != want {
				t.Errorf("differ in %q, want %q", got, want)
			}
			if got := differ(p, base()); got != want {
				t.Errorf("differ in %q the other way, want %q", got, want)
			}
		}
	}
}
