package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tillbridge/bridge"
)

// smallDisk mounts a disk in memory of the given size.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root to mount a small disk")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tillbridge", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("cannot mount a small disk here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	return dir
}

// stuff fills a disk to its last page.
func stuff(t *testing.T, dir string) (filler string) {
	t.Helper()
	filler = filepath.Join(dir, "filler")
	f, err := os.Create(filler)
	if err != nil {
		t.Fatal(err)
	}
	for size := 1 << 20; size >= 4096; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return filler
}

func TestFullDisk(t *testing.T) {
	dir := smallDisk(t, "12m")
	path := filepath.Join(dir, "journal.db")
	j, err := Open(t.Context(), path, Options{ReserveBytes: 1 << 20, CheckEvery: 1})
	if err != nil {
		t.Fatal(err)
	}
	const accepted = 64 // one a terminal
	at := make([]bridge.Payment, accepted)
	for n := range at {
		at[n] = live(t, j, bridge.Payment{}, approved(n)[:2]...)
	}
	filler := stuff(t, dir)

	refused := step(t, bridge.Payment{}, approved(1000)[0])
	if err := j.Append(t.Context(), refused); !errors.Is(err, ErrFull) {
		t.Fatalf("a new payment on a full disk: %v", err)
	}
	for n := range at {
		at[n] = live(t, j, at[n], approved(n)[2:4]...)
	}
	if _, err := os.Stat(path + ".reserve"); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("the reserve was not needed (%v): this test tests nothing", err)
	}
	if err := j.Accepting(); !errors.Is(err, ErrFull) {
		t.Errorf("accepting on a full disk: %v", err)
	}
	if err := j.Append(t.Context(), refused); !errors.Is(err, ErrFull) {
		t.Errorf("a new payment ate the reserve: %v", err)
	}
	if _, there, err := j.Payment(t.Context(), uuid(1000)); there || err != nil {
		t.Errorf("the refused payment is there: %v, %v", there, err)
	}

	// The program stops and starts on the full disk, the reserve spent.
	if err := j.Close(); err != nil {
		t.Fatalf("close on a full disk: %v", err)
	}
	if j, err = Open(t.Context(), path, Options{ReserveBytes: 1 << 20, CheckEvery: 1}); err != nil {
		t.Fatalf("open on a full disk: %v", err)
	}
	if open, err := j.Unsettled(t.Context()); err != nil || len(open) != accepted {
		t.Errorf("%d open payments, %v", len(open), err)
	}
	for n := range at {
		live(t, j, at[n], approved(n)[4:]...)
	}
	verified(t, j)
	if err := j.Accepting(); !errors.Is(err, ErrFull) {
		t.Errorf("accepting on a full disk: %v", err)
	}

	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if err := j.Accepting(); err != nil {
		t.Errorf("accepting with space again: %v", err)
	}
	if !j.space.whole() {
		t.Error("the reserve is not back")
	}
	live(t, j, bridge.Payment{}, approved(1000)...)
	verified(t, j)
	if n := counts(t, j); n["payment"] != accepted+1 || n["entry"] != 7*(accepted+1) {
		t.Errorf("rows are %v", n)
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}
}

// The disk fills up between two looks at it: the payment that finds out is refused, and the reserve stays for
// those that were accepted.
func TestDiskFillsUnnoticed(t *testing.T) {
	dir := smallDisk(t, "4m")
	j, err := Open(t.Context(), filepath.Join(dir, "journal.db"), Options{ReserveBytes: 256 << 10, CheckEvery: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	stuff(t, dir)
	n := 0
	for ; err == nil && n < 1000; n++ {
		err = j.Append(t.Context(), step(t, bridge.Payment{}, approved(n)[0]))
	}
	if !errors.Is(err, ErrFull) {
		t.Fatalf("after %d payments: %v", n, err)
	}
	if !j.space.whole() {
		t.Error("a new payment was given the reserve")
	}
	if err := j.Accepting(); !errors.Is(err, ErrFull) {
		t.Errorf("accepting: %v", err)
	}
	if got := counts(t, j); got["payment"] != n-1 || got["entry"] != n-1 {
		t.Errorf("rows are %v after %d payments", got, n-1)
	}
	for i := range n - 1 {
		live(t, j, read(t, j, uuid(i)), approved(i)[1])
	}
	verified(t, j)
}

// A program that starts on a full disk, its log lost with the process before, still has its reserve.
func TestOpenOnFullDisk(t *testing.T) {
	dir := smallDisk(t, "4m")
	path := filepath.Join(dir, "journal.db")
	j, err := Open(t.Context(), path, Options{ReserveBytes: 256 << 10, CheckEvery: 1})
	if err != nil {
		t.Fatal(err)
	}
	p := live(t, j, bridge.Payment{}, approved(1)[:3]...)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	stuff(t, dir)
	if j, err = Open(t.Context(), path, Options{ReserveBytes: 256 << 10, CheckEvery: 1}); err != nil {
		t.Fatalf("open on a full disk: %v", err)
	}
	live(t, j, p, approved(1)[3:]...)
	if err := j.Append(t.Context(), step(t, bridge.Payment{}, approved(2)[0])); !errors.Is(err, ErrFull) {
		t.Errorf("a new payment on a full disk: %v", err)
	}
	verified(t, j)
	if err := j.Close(); err != nil {
		t.Error(err)
	}
}

// The last bytes of a disk are taken between the look at it and the making of the reserve; and a lock file that
// has no room for its text is a lock all the same.
func TestNoRoomForTheReserve(t *testing.T) {
	dir := smallDisk(t, "4m")
	path := filepath.Join(dir, "journal.db")
	o := Options{ReserveBytes: 256 << 10, CheckEvery: 1}
	j, err := Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path + ".reserve"); err != nil {
		t.Fatal(err)
	}
	j.space.spent = true
	stuff(t, dir)
	free, failed := int64(1<<30), error(nil)
	room(j, &free, &failed)
	if err := j.Accepting(); !errors.Is(err, ErrFull) {
		t.Errorf("accepting: %v", err)
	}
	for _, left := range []string{path + ".reserve", path + ".reserve.new"} {
		if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is there: %v", left, err)
		}
	}
	if err := errors.Join(j.Close(), os.Remove(path+".lock")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "filler"), filepath.Join(dir, "filler 1")); err != nil {
		t.Fatal(err)
	}
	stuff(t, dir)
	f, err := lock(path+".lock", path)
	if err != nil {
		t.Fatalf("lock on a full disk: %v", err)
	}
	defer f.Close()
	var held *HeldError
	if _, err := lock(path+".lock", path); !errors.As(err, &held) || held.PID != 0 {
		t.Errorf("locked twice: %v", err)
	}
}

// A disk that fails otherwise than by being full: a limit on the size of files makes every write that would
// make the log longer fail.
func TestFailingDisk(t *testing.T) {
	out, err := child(t, "failing", filepath.Join(memoryDir(t), "journal.db")).Output()
	if err != nil || strings.TrimSpace(string(out)) != "done" {
		t.Errorf("the child says %q, %v", out, err)
	}
}

// failingChild limits its own files and looks at what the journal makes of it.
func failingChild(args []string) error {
	signal.Ignore(syscall.SIGXFSZ)
	ctx := context.Background()
	j, err := Open(ctx, args[0], Options{ReserveBytes: 1 << 16, CheckEvery: 1})
	if err != nil {
		return err
	}
	var p bridge.Payment
	next := func() bridge.Transition {
		tr, serr := bridge.Step(p, approved(1)[p.Entries])
		err = errors.Join(err, serr)
		return tr
	}
	for range 3 {
		tr := next()
		if err := errors.Join(err, j.Append(ctx, tr)); err != nil {
			return err
		}
		p = tr.After
	}
	info, err := os.Stat(args[0] + "-wal")
	if err != nil {
		return err
	}
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		return err
	}
	limit := func(n uint64) error {
		return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: n, Max: old.Max})
	}
	if err := limit(uint64(info.Size())); err != nil {
		return err
	}
	tr := next()
	for range 3 {
		if err := j.Append(ctx, tr); !errors.Is(err, ErrDisk) || errors.Is(err, ErrFull) {
			return fmt.Errorf("append to a failing disk: %w", err)
		}
		if err := j.Accepting(); !errors.Is(err, ErrDisk) {
			return fmt.Errorf("accepting on a failing disk: %w", err)
		}
	}
	if got, there, err := j.Payment(ctx, p.UUID); err != nil || !there || got.Entries != 3 {
		return fmt.Errorf("the payment is there %v with %d entries: %w", there, got.Entries, err)
	}
	other, err := bridge.Step(bridge.Payment{}, approved(2)[0])
	if err != nil {
		return err
	}
	if err := j.Append(ctx, other); !errors.Is(err, ErrDisk) {
		return fmt.Errorf("a new payment on a failing disk: %w", err)
	}
	if err := limit(old.Cur); err != nil {
		return err
	}
	if err := errors.Join(j.Accepting(), j.Append(ctx, tr), j.Append(ctx, other)); err != nil {
		return fmt.Errorf("with a good disk again: %w", err)
	}
	problems, err := j.Verify(ctx)
	if err != nil || len(problems) > 0 {
		return fmt.Errorf("problems %v: %w", problems, err)
	}
	fmt.Println("done")
	return j.Close()
}
