package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"tillbridge/bridge"
)

// accepts waits until the journal takes new payments again.
func accepts(t *testing.T, j *Journal) {
	t.Helper()
	var err error
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		if err = j.Accepting(); err == nil {
			return
		}
		<-time.After(time.Millisecond)
	}
	t.Fatalf("no new payments after a minute: %v", err)
}

// reconnect closes the connection that writes, and with it everything that it keeps in memory.
func reconnect(j *Journal) {
	j.write.SetMaxIdleConns(0)
	j.write.SetMaxIdleConns(1)
}

// The disk fails to read once: the shop goes on. It fails for longer: the shop goes on when it works again,
// and nobody needs to start anything anew.
func TestReadErrorsDoNotStopTheShop(t *testing.T) {
	for _, log := range []bool{true, false} {
		for _, times := range []int64{1, 2, 3, 20} {
			j := fresh(t)
			live(t, j, bridge.Payment{}, approved(1)...)
			if !log {
				if err := checkpoint(t.Context(), j.write); err != nil {
					t.Fatal(err)
				}
			}
			reconnect(j)
			var left atomic.Int64
			left.Store(times)
			between(t, filepath.Dir(j.Path()), func(a access) int32 {
				if a.what == "read" && a.log() == log && left.Add(-1) >= 0 {
					return eioRead
				}
				return 0
			})
			tr := step(t, bridge.Payment{}, approved(2)[0])
			err := j.Append(t.Context(), tr)
			if left.Load() == times {
				t.Fatalf("log %v: nothing was read: this test tests nothing", log)
			}
			if times == 1 && err != nil {
				t.Errorf("log %v: one read error reached the caller: %v", log, err)
			}
			if _, there, rerr := j.Payment(t.Context(), uuid(2)); rerr == nil && there != (err == nil) {
				t.Errorf("log %v, %d errors: append says %v, there is %v", log, times, err, there)
			}
			accepts(t, j)
			if err != nil {
				if !errors.Is(err, ErrDisk) {
					t.Errorf("log %v, %d errors: %v", log, times, err)
				}
				if err := j.Append(t.Context(), tr); err != nil {
					t.Errorf("log %v, %d errors: again: %v", log, times, err)
				}
			}
			live(t, j, tr.After, approved(2)[1:]...)
			verified(t, j)
		}
	}
}

// Each single thing that SQLite asks of the disk fails once, or three times in a row, from the start of the
// program to its end. What was acknowledged is there, and the shop goes on. TILLBRIDGE_THOROUGH=1 leaves none
// of them out.
func TestEveryAccessFails(t *testing.T) {
	whole := filled(t, 3)
	for times, stride := range map[int]int{1: 7, 3: 11} {
		if os.Getenv("TILLBRIDGE_THOROUGH") != "" {
			stride = 1
		}
		refused := 0
		for n, more := 1, true; more; n += stride {
			path := filepath.Join(memoryDir(t), "journal.db")
			copyFile(t, whole, path)
			var count atomic.Int64
			between(t, filepath.Dir(path), func(a access) int32 {
				if i := int(count.Add(1)); i < n || i >= n+times {
					return 0
				}
				return map[string]int32{
					"read": eioRead, "write": eioWrite, "sync": eioSync, "open": int32(sqlite3.SQLITE_CANTOPEN),
					"truncate": int32(sqlite3.SQLITE_IOERR_TRUNCATE), "delete": int32(sqlite3.SQLITE_IOERR_DELETE),
				}[a.what]
			})
			refused += faultyDay(t, fmt.Sprintf("access %d to %d", n, n+times-1), path, times)
			more = int(count.Load()) >= n
			count.Store(1 << 40)
			again := open(t, path)
			verified(t, again)
			if p := read(t, again, uuid(10)); p.State != bridge.Reported {
				t.Errorf("access %d: after a start the payment is %s", n, p.State)
			}
		}
		t.Logf("%d in a row: %d steps were refused and repeated", times, refused)
		if refused == 0 {
			t.Errorf("%d in a row: nothing was refused: this test tests nothing", times)
		}
	}
}

// faultyDay opens a journal, takes a payment through its life and closes it, on a disk that fails now and then;
// it returns how many steps had to be repeated.
func faultyDay(t *testing.T, what, path string, times int) (refused int) {
	t.Helper()
	o := Options{ReserveBytes: 4096, CheckEvery: 1}
	j, err := Open(t.Context(), path, o)
	if err != nil && times > 1 {
		j, err = Open(t.Context(), path, o)
	}
	if err != nil {
		t.Fatalf("%s: open: %v", what, err)
	}
	var p bridge.Payment
	for _, e := range approved(10) {
		tr := step(t, p, e)
		for tries := 0; ; tries++ {
			err := j.Append(t.Context(), tr)
			got, there, rerr := j.Payment(t.Context(), uuid(10))
			for range times {
				if rerr != nil {
					got, there, rerr = j.Payment(t.Context(), uuid(10))
				}
			}
			if rerr != nil || err == nil && (!there || got.State != tr.After.State) {
				t.Fatalf("%s: %s: append says %v, there is %s, %v", what, e.Kind, err, got.State, rerr)
			}
			if err == nil || errors.Is(err, bridge.ErrStale) || errors.Is(err, bridge.ErrExists) {
				break
			}
			if !errors.Is(err, ErrDisk) || tries == 3 {
				t.Fatalf("%s: %s: %v", what, e.Kind, err)
			}
			refused++
			accepts(t, j)
		}
		p = tr.After
		if e.Kind == bridge.Send {
			_ = checkpoint(t.Context(), j.write) // fails where the disk does
		}
	}
	if err := j.Close(); err != nil {
		t.Fatalf("%s: close: %v", what, err)
	}
	return refused
}

// Damage that is there stops new payments and is told, whatever SQLite calls it, until it is put right.
func TestDamageStopsNewPayments(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(t *testing.T, j *Journal, file []byte) (at int, bad []byte)
		told   string
	}{
		"a page is zeroed": {func(t *testing.T, j *Journal, _ []byte) (int, []byte) {
			var page int
			if err := j.read.QueryRow("SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_payment_1'").Scan(&page); err != nil {
				t.Fatal(err)
			}
			return (page - 1) * 4096, make([]byte, 4096)
		}, "things are wrong, the first: "},
		"a word is another": {func(t *testing.T, _ *Journal, file []byte) (int, []byte) {
			return 0, bytes.ReplaceAll(file, []byte("651200"), []byte("651201"))
		}, "payment " + uuid(1) + ", entry 5: it does not follow the entry before it"},
	} {
		t.Run(name, func(t *testing.T) {
			j := fresh(t)
			e := approved(1)
			e[3].Result.AuthCode, e[5].Result.AuthCode = "651200", "651200"
			live(t, j, bridge.Payment{}, e...)
			if err := checkpoint(t.Context(), j.write); err != nil {
				t.Fatal(err)
			}
			file, err := os.ReadFile(j.Path())
			if err != nil {
				t.Fatal(err)
			}
			at, bad := c.damage(t, j, file)
			f, err := os.OpenFile(j.Path(), os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = f.Close() }) // not before the journal is closed, whose locks would go with it
			if _, err := f.WriteAt(bad, int64(at)); err != nil {
				t.Fatal(err)
			}
			reconnect(j)
			var left atomic.Int64
			between(t, filepath.Dir(j.Path()), func(a access) int32 {
				if a.what == "read" && a.at > 0 && left.Add(-1) >= 0 {
					return eioRead
				}
				return 0
			})
			left.Store(2) // the damaged word alone would not be met by writing
			tr := step(t, bridge.Payment{}, approved(2)[0])
			if err := j.Append(t.Context(), tr); !errors.Is(err, ErrDisk) {
				t.Fatalf("append: %v", err)
			}
			j.space.work.Wait()
			for range 2 {
				if err := j.Accepting(); !errors.Is(err, ErrDisk) || !strings.Contains(err.Error(), c.told) {
					t.Errorf("accepting: %v", err)
				}
				if err := j.Append(t.Context(), tr); !errors.Is(err, ErrDisk) {
					t.Errorf("append: %v", err)
				}
				j.space.work.Wait()
			}
			if _, err := f.WriteAt(file[at:at+len(bad)], int64(at)); err != nil {
				t.Fatal(err)
			}
			reconnect(j)
			accepts(t, j)
			live(t, j, bridge.Payment{}, approved(2)...)
			verified(t, j)
		})
	}
}

// What fails while the journal is read anew may have failed behind the reading: it is read once more, after a
// rest. A journal that is closed is not read on.
func TestReadingAnew(t *testing.T) {
	damage := &DamagedError{Err: corrupt(t)}
	reading, answer := make(chan struct{}), make(chan error)
	o := Options{ReserveBytes: 4096, CheckEvery: 1}.withDefaults()
	s := newSpace(filepath.Join(t.TempDir(), "reserve"), o, func(ctx context.Context) error {
		reading <- struct{}{}
		select {
		case err := <-answer:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	s.ensure()
	probe := func() error { t.Error("a probe decides on damage"); return nil }
	refused := func(when string) {
		t.Helper()
		if err := s.accepting(probe); !errors.Is(err, ErrDisk) {
			t.Errorf("%s: %v", when, err)
		}
	}
	await := func() { // until it is read again
		for done := false; !done; {
			refused("in the rest")
			select {
			case <-reading:
				done = true
			case <-time.After(time.Millisecond):
			}
		}
	}
	s.broken(damage)
	<-reading
	refused("while it is read")
	s.broken(damage)
	answer <- nil
	s.work.Wait()
	refused("with a fault behind the reading")
	await()
	answer <- errors.New("entry 5 is missing")
	s.work.Wait()
	if s.verdict == nil || !strings.Contains(s.verdict.Error(), "entry 5 is missing") {
		t.Errorf("the verdict is %v", s.verdict)
	}
	await()
	s.every = time.Hour
	answer <- nil
	s.work.Wait()
	if err := s.accepting(probe); err != nil {
		t.Errorf("read anew and whole: %v", err)
	}
	s.broken(damage)
	select {
	case <-reading:
		t.Error("the journal is read without a rest")
	case <-time.After(time.Millisecond):
	}
	s.every, s.notTo = 1, time.Time{}
	s.broken(damage)
	<-reading
	s.close()
	s.notTo = time.Time{}
	s.broken(damage)
	s.work.Wait()
	refused("closed while it was read")
}

// corrupt is SQLite's own word on a damaged file.
func corrupt(t *testing.T) error {
	t.Helper()
	path := filled(t, 1)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	clear(b[100:4096])
	write(t, path, b)
	db := raw(t, path)
	_, err = db.Exec("SELECT * FROM payment")
	if !isDamage(err) {
		t.Fatalf("SQLite reads a file without a table of contents: %v", err)
	}
	return err
}

// platter is a disk under a page cache that lies: once a sync has failed, what was to be synced counts as
// written, and stands on the disk as it was before, as it should be, or not at all.
type platter struct {
	cache, disk map[string][]byte
	dirty       map[string]map[int]bool // blocks of 4096 bytes
	after       func() string           // what becomes of the blocks of the next sync: "" for a good one
}

func (d *platter) decide(a access) int32 {
	switch a.what {
	case "write":
		if need := int(a.at) + len(a.data); need > len(d.cache[a.path]) {
			d.cache[a.path] = append(d.cache[a.path], make([]byte, need-len(d.cache[a.path]))...)
		}
		copy(d.cache[a.path][a.at:], a.data)
		if d.dirty[a.path] == nil {
			d.dirty[a.path] = map[int]bool{}
		}
		for b := int(a.at) / 4096; b*4096 < int(a.at)+len(a.data); b++ {
			d.dirty[a.path][b] = true
		}
	case "truncate":
		d.cache[a.path] = d.cache[a.path][:a.at]
	case "delete":
		delete(d.cache, a.path)
		delete(d.disk, a.path)
		delete(d.dirty, a.path)
	case "sync":
		fate := d.after()
		disk := append(d.disk[a.path], make([]byte, max(0, len(d.cache[a.path])-len(d.disk[a.path])))...)[:len(d.cache[a.path])]
		for b := range d.dirty[a.path] {
			end := min((b+1)*4096, len(disk))
			switch {
			case b*4096 >= end || fate == "lost":
			case fate == "destroyed":
				clear(disk[b*4096 : end])
			default:
				copy(disk[b*4096:end], d.cache[a.path][b*4096:end])
			}
		}
		d.disk[a.path] = disk
		delete(d.dirty, a.path)
		if fate != "" {
			return eioSync
		}
	}
	return 0
}

// A sync fails, and the power with it or later. What was acknowledged is on the disk, and as long as the
// journal takes new payments the disk holds what it says: a failed sync is never taken for a good one.
func TestFailedSync(t *testing.T) {
	whole := filled(t, 2)
	for _, fate := range []string{"lost", "written", "destroyed"} {
		stride := 1
		if testing.Short() {
			stride = 3
		}
		for nth, done := 1, false; !done; nth += stride {
			path := filepath.Join(memoryDir(t), "journal.db")
			copyFile(t, whole, path)
			b, err := os.ReadFile(whole)
			if err != nil {
				t.Fatal(err)
			}
			syncs := 0
			d := &platter{
				cache: map[string][]byte{path: b}, disk: map[string][]byte{path: slices.Clone(b)}, dirty: map[string]map[int]bool{},
				after: func() string {
					// A disk that destroys a block at each of two tries is one that nothing can be kept on.
					if syncs++; syncs == nth || syncs == nth+1 && nth%2 == 0 && fate != "destroyed" {
						return fate
					}
					return ""
				},
			}
			between(t, filepath.Dir(path), d.decide)
			failedSync(t, fmt.Sprintf("sync %d %s", nth, fate), d, path)
			done = syncs < nth
		}
	}
}

func failedSync(t *testing.T, what string, d *platter, path string) {
	t.Helper()
	j := open(t, path)
	var p bridge.Payment
	cut := func(acked int) {
		t.Helper()
		takes := j.Accepting() == nil
		copied := filepath.Join(memoryDir(t), "journal.db")
		write(t, copied, d.disk[path])
		if log, there := d.disk[path+"-wal"]; there {
			write(t, copied+"-wal", log)
		}
		r, err := Open(t.Context(), copied, Options{ReserveBytes: 4096})
		var damaged *DamagedError
		if errors.As(err, &damaged) && !bytes.HasPrefix(d.disk[path], []byte("SQLite format 3")) {
			return // no more than that can be said of a first page that the disk has destroyed
		}
		if err != nil {
			t.Fatalf("%s: open after a power cut: %v", what, err)
		}
		defer r.Close()
		got, there, err := r.Payment(t.Context(), uuid(10))
		if err != nil || there != (got.Entries > 0) || got.Entries < acked || got.Entries > acked+1 {
			t.Errorf("%s: after a power cut there are %d entries, %v; %d were acknowledged", what, got.Entries, err, acked)
		}
		now, _, err := j.Payment(t.Context(), uuid(10))
		if takes && (err != nil || now.Entries != got.Entries) {
			t.Errorf("%s: the journal says %d entries, %v, and takes payments; the disk has %d", what, now.Entries, err, got.Entries)
		}
		verified(t, r)
	}
	for _, e := range approved(10) {
		tr := step(t, p, e)
		for tries := 0; tries < 4; tries++ {
			err := j.Append(t.Context(), tr)
			if err == nil || errors.Is(err, bridge.ErrStale) || errors.Is(err, bridge.ErrExists) {
				break
			}
			if !errors.Is(err, ErrDisk) {
				t.Fatalf("%s: %s: %v", what, e.Kind, err)
			}
			cut(p.Entries)
		}
		p = tr.After
		if e.Kind == bridge.Send || e.Kind == bridge.Conclude {
			_ = checkpoint(t.Context(), j.write) // fails where the sync does
			cut(p.Entries)
		}
	}
	cut(p.Entries)
	if err := j.Close(); err != nil {
		t.Errorf("%s: close: %v", what, err)
	}
}
