package journal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"tillbridge/bridge"
)

// Files that were cut or overwritten are refused with a word on what to do, or open and are found out by
// Verify, or the damage hit a place that holds nothing. None of them panics.
func TestDamagedFiles(t *testing.T) {
	whole, err := os.ReadFile(filled(t, 250))
	if err != nil {
		t.Fatal(err)
	}
	refused, told, spared := 0, 0, 0
	path := filepath.Join(memoryDir(t), "journal.db")
	try := func(what string, b []byte) {
		for _, name := range []string{path, path + "-wal", path + "-shm"} {
			if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
		}
		write(t, path, b)
		j, err := Open(t.Context(), path, Options{ReserveBytes: 4096})
		var damaged *DamagedError
		var foreign *ForeignError
		var version *VersionError
		switch {
		case err == nil:
		case errors.As(err, &damaged), errors.As(err, &foreign), errors.As(err, &version):
			refused++
			return
		default:
			t.Errorf("%s: %v", what, err)
			return
		}
		problems, err := j.Verify(t.Context())
		switch {
		case err != nil || len(problems) > 0:
			told++
		default:
			spared++
			fill(t, j, 1000, 1001)
		}
		if err := j.Close(); err != nil {
			t.Errorf("%s: close: %v", what, err)
		}
	}
	for _, size := range []int{1, 99, 100, 512, 4095, 4096, 4097, 8192, len(whole) / 2, len(whole) - 4096, len(whole) - 1} {
		try(fmt.Sprintf("cut to %d bytes", size), whole[:size])
	}
	if refused != 11 {
		t.Errorf("of 11 files that were cut, %d were refused", refused)
	}
	seed := chance(t)
	random := rand.New(rand.NewPCG(seed, 1))
	for range 80 {
		b := slices.Clone(whole)
		at := random.IntN(len(b))
		n := min(1+random.IntN(64), len(b)-at)
		for i := range n {
			b[at+i] = byte(random.Uint32())
		}
		try(fmt.Sprintf("%d bytes at %d (seed %d)", n, at, seed), b)
	}
	for _, page := range append(random.Perm(len(whole) / 4096)[:30], 0, 1, 2, 3, 4) {
		b := slices.Clone(whole)
		clear(b[page*4096 : (page+1)*4096])
		try(fmt.Sprintf("page %d zeroed", page+1), b)
	}
	t.Logf("%d refused, %d found by Verify, %d without effect", refused, told, spared)
	if told == 0 || spared > 30 {
		t.Errorf("%d found by Verify, %d without effect", told, spared)
	}
}

// A log whose end was torn off gives the journal as it was before the lost writes.
func TestTornLog(t *testing.T) {
	j := fresh(t)
	fill(t, j, 1, 3)
	for n := 3; n < 8; n++ {
		live(t, j, bridge.Payment{}, approved(n)...)
	}
	file, err := os.ReadFile(j.Path())
	if err != nil {
		t.Fatal(err)
	}
	wal, err := os.ReadFile(j.Path() + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	last := -1
	for cut := 0; cut <= len(wal); cut += len(wal)/24 + 7 {
		path := filepath.Join(memoryDir(t), "journal.db")
		write(t, path, file)
		write(t, path+"-wal", append(slices.Clone(wal[:cut]), "torn"...))
		h, err := inspect(path)
		if err != nil {
			t.Fatalf("log cut at %d: %v", cut, err)
		}
		if h.version != len(migrations()) {
			t.Errorf("log cut at %d: version %d", cut, h.version)
		}
		torn := open(t, path)
		verified(t, torn)
		var entries int
		if err := torn.read.QueryRow("SELECT count(*) FROM entry").Scan(&entries); err != nil {
			t.Fatal(err)
		}
		if entries < last {
			t.Errorf("log cut at %d: %d entries, fewer than with less of the log", cut, entries)
		}
		last = entries
	}
	if last < 30 {
		t.Errorf("with nearly all of the log there are %d entries", last)
	}
}
