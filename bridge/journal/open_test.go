package journal

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"tillbridge/bridge"
)

// folder is every file in a folder with its size and digest.
func folder(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.IsDir() {
			continue
		}
		content, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %d %s %x %s\n", f.Name(), len(content), info.Mode(), sha256.Sum256(content), info.ModTime())
	}
	return b.String()
}

// lockOnly removes what a refused Open may leave: its own lock file.
func lockOnly(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path + ".lock"); err != nil {
		t.Fatal(err)
	}
}

func TestOpenMakesFolderAndFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "tillbridge", "journal.db")
	j := open(t, path)
	for name, want := range map[string]os.FileMode{filepath.Dir(path): 0o700, path: 0o600, path + "-wal": 0o600, path + ".lock": 0o600, path + ".reserve": 0o600} {
		info, err := os.Stat(name)
		if err != nil {
			t.Error(err)
		} else if runtime.GOOS != "windows" && info.Mode().Perm() != want {
			t.Errorf("%s has mode %s, want %s", name, info.Mode().Perm(), want)
		}
	}
	live(t, j, bridge.Payment{}, approved(1)...)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
	if _, err := os.Stat(path + "-wal"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the -wal is still there after Close: %v", err)
	}
	again := open(t, path)
	if p := read(t, again, uuid(1)); p.State != bridge.Reported {
		t.Errorf("after opening again the payment is %s", p.State)
	}
	verified(t, again)
}

// Paths with characters that mean something in a URI, or that need care on a command line.
func TestOpenOddPaths(t *testing.T) {
	for _, name := range []string{"a b", "a?mode=memory", "a#b", "100%25", "käse", "a&b=c;d"} {
		if runtime.GOOS == "windows" && strings.ContainsAny(name, "?") {
			continue
		}
		path := filepath.Join(t.TempDir(), name, name+".db")
		j := open(t, path)
		live(t, j, bridge.Payment{}, approved(1)[0])
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		r, err := OpenReadOnly(path)
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		read(t, r, uuid(1))
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestSecondInstanceTouchesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	j := open(t, path)
	live(t, j, bridge.Payment{}, approved(1)[:3]...)
	before := folder(t, filepath.Dir(path))
	_, err := Open(t.Context(), path, Options{})
	var held *HeldError
	if !errors.As(err, &held) || held.PID != os.Getpid() {
		t.Fatalf("a second open in this process: %v", err)
	}
	out, err := child(t, "open", path).Output()
	if err != nil || !strings.Contains(string(out), fmt.Sprintf("held by %d", os.Getpid())) {
		t.Errorf("a second process: %q, %v", out, err)
	}
	if after := folder(t, filepath.Dir(path)); after != before {
		t.Errorf("files changed from\n%s to\n%s", before, after)
	}
	live(t, j, read(t, j, uuid(1)), approved(1)[3:]...)
}

func TestLockEndsWithItsProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	c := child(t, "open", path, "stay")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "open\n" {
		t.Fatalf("child says %q, %v", line, err)
	}
	var held *HeldError
	if _, err := Open(t.Context(), path, Options{}); !errors.As(err, &held) || held.PID != c.Process.Pid {
		t.Errorf("open beside the child %d: %v", c.Process.Pid, err)
	}
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err == nil {
		t.Fatal("the child was killed and reports no error")
	}
	open(t, path)
}

// openChild opens a journal and says how that went; told to stay it holds it until its input ends.
func openChild(args []string) error {
	j, err := Open(context.Background(), args[0], Options{ReserveBytes: 1 << 16})
	var held *HeldError
	if errors.As(err, &held) {
		fmt.Printf("held by %d\n", held.PID)
		return nil
	}
	if err != nil {
		return err
	}
	fmt.Println("open")
	if len(args) > 1 {
		_, err = io.Copy(io.Discard, os.Stdin)
	}
	return errors.Join(err, j.Close())
}

// stamp gives a journal another version, past the program.
func stamp(t *testing.T, path string, version int) {
	t.Helper()
	db := raw(t, path)
	if _, err := db.Exec(fmt.Sprintf("PRAGMA user_version = %d", version)); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// filled makes a closed journal with some payments and returns its path.
func filled(t testing.TB, n int) string {
	t.Helper()
	path := filepath.Join(memoryDir(t), "journal.db")
	j := open(t, path)
	fill(t, j, 1, n+1)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestNewerJournalIsLeftAsItIs(t *testing.T) {
	path := filled(t, 3)
	stamp(t, path, 99)
	for _, left := range []string{path + ".lock", path + ".reserve"} {
		if err := os.Remove(left); err != nil {
			t.Fatal(err)
		}
	}
	before := folder(t, filepath.Dir(path))
	_, err := Open(t.Context(), path, Options{})
	var version *VersionError
	if !errors.As(err, &version) || version.Found != 99 || !strings.Contains(err.Error(), "newer program") {
		t.Fatalf("a newer journal opened: %v", err)
	}
	lockOnly(t, path)
	if after := folder(t, filepath.Dir(path)); after != before {
		t.Errorf("files changed from\n%s to\n%s", before, after)
	}
	if _, err := OpenReadOnly(path); !errors.As(err, &version) {
		t.Errorf("a newer journal opened for reading: %v", err)
	}
}

// A newer program may have died before its version number was copied from the log into the file.
func TestNewerVersionInTheLogAlone(t *testing.T) {
	path := filled(t, 3)
	db := raw(t, path)
	if _, err := db.Exec("PRAGMA wal_autocheckpoint = 0; PRAGMA user_version = 7"); err != nil {
		t.Fatal(err)
	}
	dead := filepath.Join(memoryDir(t), "journal.db")
	copyFile(t, path, dead)
	copyFile(t, path+"-wal", dead+"-wal")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.ReadFile(dead)
	if err != nil {
		t.Fatal(err)
	}
	if h, err := parseHeader(f); err != nil || h.version != len(migrations()) {
		t.Fatalf("the file itself says version %d, %v: this test tests nothing", h.version, err)
	}
	before := folder(t, filepath.Dir(dead))
	var version *VersionError
	if _, err := Open(t.Context(), dead, Options{}); !errors.As(err, &version) || version.Found != 7 {
		t.Fatalf("a newer journal opened: %v", err)
	}
	lockOnly(t, dead)
	if after := folder(t, filepath.Dir(dead)); after != before {
		t.Errorf("files changed from\n%s to\n%s", before, after)
	}
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestForeignFilesAreLeftAsTheyAre(t *testing.T) {
	for name, make := range map[string]func(t *testing.T, path string){
		"empty": func(t *testing.T, path string) { write(t, path, nil) },
		"text":  func(t *testing.T, path string) { write(t, path, []byte(strings.Repeat("shopping list\n", 99))) },
		"short": func(t *testing.T, path string) { write(t, path, []byte("SQLite format 3\x00")) },
		"other database": func(t *testing.T, path string) {
			db := raw(t, path)
			if _, err := db.Exec("CREATE TABLE customer (name TEXT); PRAGMA user_version = 1"); err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		},
		"other database with a log": func(t *testing.T, path string) {
			db := raw(t, path+".source")
			if _, err := db.Exec("PRAGMA journal_mode = WAL; CREATE TABLE customer (name TEXT)"); err != nil {
				t.Fatal(err)
			}
			copyFile(t, path+".source", path)
			copyFile(t, path+".source-wal", path+"-wal")
			if err := errors.Join(db.Close(), os.Remove(path+".source")); err != nil {
				t.Fatal(err)
			}
		},
		"folder": func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "journal.db")
			make(t, path)
			before := folder(t, filepath.Dir(path))
			var foreign *ForeignError
			if _, err := Open(t.Context(), path, Options{}); !errors.As(err, &foreign) {
				t.Fatalf("opened: %v", err)
			}
			lockOnly(t, path)
			if after := folder(t, filepath.Dir(path)); after != before {
				t.Errorf("files changed from\n%s to\n%s", before, after)
			}
			if r, err := OpenReadOnly(path); err == nil {
				t.Errorf("opened for reading: %v", r.Close())
			}
		})
	}
	if _, err := OpenReadOnly(filepath.Join(t.TempDir(), "none.db")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file opened for reading: %v", err)
	}
}

func write(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A crash while a journal is made leaves a file aside, never half a journal.
func TestHalfMadeJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	write(t, path+".new", []byte("half"))
	write(t, path+".new-wal", []byte("half"))
	write(t, path+".reserve.new", []byte("half"))
	write(t, path+".reserve", []byte("half"))
	j := open(t, path)
	live(t, j, bridge.Payment{}, approved(1)...)
	names, err := filepath.Glob(path + "*")
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{path, path + "-shm", path + "-wal", path + ".lock", path + ".reserve"}; !slices.Equal(names, want) {
		t.Errorf("files are %q, want %q", names, want)
	}
	if info, err := os.Stat(path + ".reserve"); err != nil || info.Size() != 64<<10 {
		t.Errorf("the reserve has %d bytes, %v", info.Size(), err)
	}
}

// A log without its journal must not become part of a new one.
func TestLostJournalWithItsLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	write(t, path+"-wal", []byte("somebody's payments"))
	var damaged *DamagedError
	if _, err := Open(t.Context(), path, Options{}); !errors.As(err, &damaged) {
		t.Fatalf("opened: %v", err)
	}
	if b, err := os.ReadFile(path + "-wal"); err != nil || string(b) != "somebody's payments" {
		t.Errorf("the log is now %q, %v", b, err)
	}
}

func TestSettingsAreReadBack(t *testing.T) {
	path := filled(t, 1)
	db := connect(dsn(path, "rw", "journal_mode(WAL)", "synchronous(NORMAL)", "foreign_keys(1)", "recursive_triggers(1)"), 1, writing())
	defer db.Close()
	if err := db.PingContext(t.Context()); err == nil || !strings.Contains(err.Error(), "PRAGMA synchronous reads back as 1 instead of 2") {
		t.Errorf("a connection without synchronous=FULL is used: %v", err)
	}
	j := open(t, path)
	for pragma, want := range map[string]string{"synchronous": "2", "journal_mode": "wal", "foreign_keys": "1", "recursive_triggers": "1", "busy_timeout": "5000", "user_version": fmt.Sprint(len(migrations())), "application_id": fmt.Sprint(applicationID)} {
		var got string
		if err := j.write.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %s, %v; want %s", pragma, got, err, want)
		}
	}
	if _, err := j.read.Exec("DELETE FROM outbox"); err == nil {
		t.Error("a connection for reading wrote")
	}
}

func TestReadOnlyBesideTheDaemon(t *testing.T) {
	j := fresh(t)
	p := live(t, j, bridge.Payment{}, approved(1)[:4]...)
	r, err := OpenReadOnly(j.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got := read(t, r, p.UUID); got.State != bridge.Seen {
		t.Errorf("read as %s", got.State)
	}
	rows, err := r.read.QueryContext(t.Context(), "SELECT id FROM payment") // a reader that dawdles
	if err != nil {
		t.Fatal(err)
	}
	live(t, j, p, approved(1)[4:]...)
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, r, p.UUID); got.State != bridge.Reported {
		t.Errorf("read as %s after more was written", got.State)
	}
	verified(t, r)
	for _, write := range []string{"UPDATE payment SET state = 'declined'", "PRAGMA query_only = 0; DELETE FROM outbox", "PRAGMA user_version = 5"} {
		if _, err := r.read.Exec(write); err == nil {
			t.Errorf("%s went through a read-only journal", write)
		}
	}
}

// A daemon that died left its log; reading it must not lose what is in there, nor change the journal.
func TestReadOnlyAfterACrash(t *testing.T) {
	j := fresh(t)
	live(t, j, bridge.Payment{}, approved(1)...)
	dead := filepath.Join(memoryDir(t), "journal.db")
	copyFile(t, j.Path(), dead)
	copyFile(t, j.Path()+"-wal", dead+"-wal")
	before, err := os.ReadFile(dead)
	if err != nil {
		t.Fatal(err)
	}
	r, err := OpenReadOnly(dead)
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, r, uuid(1)); got.State != bridge.Reported {
		t.Errorf("read as %s", got.State)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(dead); err != nil || string(after) != string(before) {
		t.Errorf("the journal was changed by reading it, %v", err)
	}
	verified(t, open(t, dead))
}

func TestClosedJournal(t *testing.T) {
	j := fresh(t)
	tr, err := bridge.Step(bridge.Payment{}, approved(1)[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.Append(t.Context(), tr); !errors.Is(err, errClosed) {
		t.Errorf("append to a closed journal: %v", err)
	}
	if _, _, err := j.Payment(t.Context(), uuid(1)); err == nil {
		t.Error("a closed journal was read")
	}
}
