package journal

import (
	"database/sql"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"unsafe"

	sqlite3 "modernc.org/sqlite/lib"
)

// access is one thing that SQLite does to a file.
type access struct {
	what string // open, read, write, truncate, sync, delete
	path string
	data []byte // what is written
	at   int64  // where it is read or written, or the new size
}

// log tells whether the file is the write-ahead log.
func (a access) log() bool { return strings.HasSuffix(a.path, "-wal") }

// What SQLite's layer for files says of an error of the disk. For the first one SQLite itself then says
// SQLITE_CORRUPT: it takes EIO from a read for a broken file system.
const (
	eioRead  = int32(sqlite3.SQLITE_IOERR_CORRUPTFS)
	eioWrite = int32(sqlite3.SQLITE_IOERR_WRITE)
	eioSync  = int32(sqlite3.SQLITE_IOERR_FSYNC)
)

// between asks decide before everything that SQLite does to the files of a folder, until the test ends. A code
// of SQLite's is what SQLite gets in its place; 0 lets it through.
func between(t testing.TB, dir string, decide func(access) int32) {
	t.Helper()
	theLayer.mu.Lock()
	defer theLayer.mu.Unlock()
	dir += string(os.PathSeparator)
	theLayer.decide[dir] = decide
	t.Cleanup(func() {
		theLayer.mu.Lock()
		defer theLayer.mu.Unlock()
		delete(theLayer.decide, dir)
	})
}

// theLayer is put in its place by TestMain, before a file is opened.
var theLayer = &layer{files: map[uintptr]string{}, decide: map[string]func(access) int32{}}

// interpose puts theLayer in its place.
func interpose() error {
	db, err := sql.Open("sqlite", ":memory:")
	if err == nil { // SQLite must have started by itself
		err = errors.Join(db.Ping(), db.Close())
	}
	if err == nil {
		hook(theLayer, sqlite3.Xsqlite3_vfs_find)
	}
	return err
}

// layer stands between SQLite and its files.
type layer struct {
	mu     sync.Mutex
	files  map[uintptr]string // path by SQLite's handle
	decide map[string]func(access) int32
	kept   []any // what SQLite points to
}

// ask returns what is decided of an access.
func (l *layer) ask(what string, file uintptr, a access) int32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	a.what = what
	if file != 0 {
		a.path = l.files[file]
	}
	for dir, decide := range l.decide {
		if strings.HasPrefix(a.path, dir) {
			return decide(a)
		}
	}
	return 0
}

// tableSpace holds tables of functions for SQLite, which may not reckon with addresses of Go's own heap.
var tableSpace [8]sqlite3.Tsqlite3_io_methods

// hook puts the layer into SQLite's table of functions. T is what the translation from C has for a thread.
func hook[T any](l *layer, find func(*T, uintptr) uintptr) {
	vfs := at[sqlite3.Tsqlite3_vfs](find(new(T), 0))
	type (
		opens   = func(*T, uintptr, uintptr, uintptr, int32, uintptr) int32
		deletes = func(*T, uintptr, uintptr, int32) int32
	)
	open, remove := function[opens](vfs.FxOpen), function[deletes](vfs.FxDelete)
	tables := map[uintptr]*sqlite3.Tsqlite3_io_methods{}
	free := tableSpace[:]
	vfs.FxOpen = pointer(l, opens(func(tls *T, v, name, file uintptr, flags int32, out uintptr) int32 {
		path := text(name)
		if rc := l.ask("open", 0, access{path: path}); rc != 0 {
			at[sqlite3.Tsqlite3_file](file).FpMethods = 0
			return rc
		}
		rc := open(tls, v, name, file, flags, out)
		if f := at[sqlite3.Tsqlite3_file](file); rc == 0 && f.FpMethods != 0 {
			l.mu.Lock()
			defer l.mu.Unlock()
			if tables[f.FpMethods] == nil {
				tables[f.FpMethods], free = &free[0], free[1:]
				*tables[f.FpMethods] = methods[T](l, f.FpMethods)
			}
			l.files[file] = path
			f.FpMethods = uintptr(unsafe.Pointer(tables[f.FpMethods]))
		}
		return rc
	}))
	vfs.FxDelete = pointer(l, deletes(func(tls *T, v, name uintptr, sync int32) int32 {
		if rc := l.ask("delete", 0, access{path: text(name)}); rc != 0 {
			return rc
		}
		return remove(tls, v, name, sync)
	}))
}

// methods is a copy of a file's table of functions with the layer in it.
func methods[T any](l *layer, of uintptr) sqlite3.Tsqlite3_io_methods {
	m := *at[sqlite3.Tsqlite3_io_methods](of)
	type (
		moves     = func(*T, uintptr, uintptr, int32, int64) int32
		truncates = func(*T, uintptr, int64) int32
		syncs     = func(*T, uintptr, int32) int32
		closes    = func(*T, uintptr) int32
	)
	read, write, shut := function[moves](m.FxRead), function[moves](m.FxWrite), function[closes](m.FxClose)
	truncate, sync := function[truncates](m.FxTruncate), function[syncs](m.FxSync)
	m.FxRead = pointer(l, moves(func(tls *T, file, to uintptr, n int32, off int64) int32 {
		if rc := l.ask("read", file, access{at: off}); rc != 0 {
			return rc
		}
		return read(tls, file, to, n, off)
	}))
	m.FxWrite = pointer(l, moves(func(tls *T, file, from uintptr, n int32, off int64) int32 {
		if rc := l.ask("write", file, access{at: off, data: unsafe.Slice(at[byte](from), n)}); rc != 0 {
			return rc
		}
		return write(tls, file, from, n, off)
	}))
	m.FxTruncate = pointer(l, truncates(func(tls *T, file uintptr, size int64) int32 {
		if rc := l.ask("truncate", file, access{at: size}); rc != 0 {
			return rc
		}
		return truncate(tls, file, size)
	}))
	m.FxSync = pointer(l, syncs(func(tls *T, file uintptr, flags int32) int32 {
		if rc := l.ask("sync", file, access{}); rc != 0 {
			return rc
		}
		return sync(tls, file, flags)
	}))
	m.FxClose = pointer(l, closes(func(tls *T, file uintptr) int32 {
		rc := shut(tls, file)
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.files, file)
		return rc
	}))
	return m
}

// at is what SQLite's memory holds at an address.
func at[V any](address uintptr) *V { return *(**V)(unsafe.Pointer(&address)) }

// function is the function that SQLite's pointer means.
func function[F any](p uintptr) F { return *(*F)(unsafe.Pointer(&p)) }

// pointer is what SQLite takes for a function, which the layer keeps for it.
func pointer[F any](l *layer, f F) uintptr {
	kept := &f
	l.kept = append(l.kept, kept)
	return *(*uintptr)(unsafe.Pointer(kept))
}

// text is a string of SQLite's.
func text(address uintptr) string {
	if address == 0 {
		return ""
	}
	n := 0
	for *at[byte](address + uintptr(n)) != 0 {
		n++
	}
	return string(unsafe.Slice(at[byte](address), n))
}
