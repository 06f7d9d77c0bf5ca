package journal

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Errors that callers tell apart.
var (
	// ErrFull is wrapped when the disk has no space for new payments. Nothing was written.
	ErrFull = errors.New("the journal's disk is full")
	// ErrDisk is wrapped when the disk, or the file on it, failed. What was to be written is not there as far
	// as can be read back.
	ErrDisk = errors.New("the journal's disk fails")
	// ErrLimit is wrapped when something is not kept because there is too much of it.
	ErrLimit = errors.New("more than the journal keeps")
)

// HeldError says that another process has the journal open. Nothing was touched.
type HeldError struct {
	Path string // the journal
	PID  int    // the holder's process id; 0 where it could not be read
}

func (e *HeldError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("journal %s is in use by another process", e.Path)
	}
	return fmt.Sprintf("journal %s is in use by process %d; stop that one first", e.Path, e.PID)
}

// VersionError says that the journal was written by another version of the program, and was not touched.
type VersionError struct {
	Path  string
	Found int // version of the file
	Known int // newest version that this program can use
}

func (e *VersionError) Error() string {
	if e.Found > e.Known {
		return fmt.Sprintf("journal %s has version %d, this program knows up to %d: use the newer program that wrote it", e.Path, e.Found, e.Known)
	}
	return fmt.Sprintf("journal %s has version %d, this program reads %d: start the service once, which brings it up to date", e.Path, e.Found, e.Known)
}

// ForeignError says that the file is not a journal of this program, and was not touched.
type ForeignError struct {
	Path string
	Why  string
}

func (e *ForeignError) Error() string {
	return fmt.Sprintf("%s is not a tillbridge journal (%s); move it away or name another file", e.Path, e.Why)
}

// DamagedError says that the file is a journal and cannot be used as it is.
type DamagedError struct {
	Path string
	Err  error
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("journal %s is damaged (%v); keep a copy of it with its -wal file, and put the last good copy in its place", e.Path, e.Err)
}

// Unwrap is the cause.
func (e *DamagedError) Unwrap() error { return e.Err }

// code is SQLite's extended result code in an error; 0 for another error.
func code(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}

// primary is the part of SQLite's result code that tells the family of the error.
func primary(err error) int { return code(err) & 0xff }

// isFull tells whether the error says that there is no space left.
func isFull(err error) bool {
	return primary(err) == sqlite3.SQLITE_FULL || isNoSpace(err)
}

// isDamage tells whether the error says that the file's content is wrong.
func isDamage(err error) bool {
	return primary(err) == sqlite3.SQLITE_CORRUPT || primary(err) == sqlite3.SQLITE_NOTADB
}

// isDisk tells whether the error says that the file cannot be read or written.
func isDisk(err error) bool {
	switch primary(err) {
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return true
	}
	return false
}

// isTaken tells whether the error is a UNIQUE constraint.
func isTaken(err error) bool { return code(err) == sqlite3.SQLITE_CONSTRAINT_UNIQUE }
