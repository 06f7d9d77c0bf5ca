package journal

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tillbridge/bridge"
)

// room is a disk whose free space a test decides.
func room(j *Journal, free *int64, err *error) {
	j.space.free = func(string) (int64, error) { return *free, *err }
}

func TestAcceptIsRefusedInAdvance(t *testing.T) {
	j := fresh(t)
	p := live(t, j, bridge.Payment{}, approved(1)[0])
	free, failed := int64(64<<10-1), error(nil)
	room(j, &free, &failed)
	before := counts(t, j)
	tr := step(t, bridge.Payment{}, approved(2)[0])
	if err := j.Append(t.Context(), tr); !errors.Is(err, ErrFull) {
		t.Errorf("accepted with less free than the reserve: %v", err)
	}
	if err := j.Accepting(); !errors.Is(err, ErrFull) {
		t.Errorf("accepting: %v", err)
	}
	if after := counts(t, j); after["payment"] != before["payment"] || after["entry"] != before["entry"] {
		t.Errorf("rows are %v, were %v", after, before)
	}
	live(t, j, p, approved(1)[1:]...)
	if _, err := os.Stat(j.space.path); err != nil {
		t.Errorf("the reserve was given up without need: %v", err)
	}
	free = 64 << 10
	if err := errors.Join(j.Accepting(), j.Append(t.Context(), tr)); err != nil {
		t.Errorf("with space again: %v", err)
	}
	failed = errors.New("the disk is gone")
	if err := j.Accepting(); !errors.Is(err, ErrDisk) {
		t.Errorf("accepting without knowing the space: %v", err)
	}
}

// The disk is looked at now and then only, and the reserve waits until there is room for it and for work.
func TestReserveIsRestored(t *testing.T) {
	path := filepath.Join(memoryDir(t), "journal.db")
	j, err := Open(t.Context(), path, Options{ReserveBytes: 64 << 10, CheckEvery: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	free, failed := int64(0), error(nil)
	room(j, &free, &failed)
	if err := j.Accepting(); err != nil {
		t.Errorf("looked at the disk again within an hour: %v", err)
	}
	j.space.every = 0 // always; a clock that stands still for 0.5 ms, as that of Windows, makes of 1 ns more
	if err := j.Accepting(); !errors.Is(err, ErrFull) {
		t.Errorf("accepting on a full disk: %v", err)
	}
	if !j.space.release() || j.space.release() {
		t.Error("the reserve is given up once")
	}
	free = 128<<10 - 1
	if err := j.Accepting(); !errors.Is(err, ErrFull) {
		t.Errorf("accepting without room for the reserve: %v", err)
	}
	free = 128 << 10
	if err := j.Accepting(); err != nil {
		t.Errorf("accepting: %v", err)
	}
	info, err := os.Stat(path + ".reserve")
	if err != nil || info.Size() != 64<<10 || allocated(info) < info.Size() {
		t.Errorf("the reserve has %d bytes, %d on the disk, %v", info.Size(), allocated(info), err)
	}
}

func TestSparseReserveIsNone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	write(t, path+".reserve", nil)
	if err := os.Truncate(path+".reserve", 64<<10); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path + ".reserve"); err != nil || allocated(info) == info.Size() {
		t.Skip("this file system, or this system, does not show sparse files")
	}
	open(t, path)
	if info, err := os.Stat(path + ".reserve"); err != nil || allocated(info) < 64<<10 {
		t.Errorf("the reserve takes %d bytes on the disk, %v", allocated(info), err)
	}
}
