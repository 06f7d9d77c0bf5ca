package journal

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// applicationID marks the file as ours in SQLite's header: "TBJ1".
const applicationID = 0x54424a31

// header is what a database file says of itself.
type header struct {
	pageSize    int
	pages       int64
	version     int // PRAGMA user_version
	application int // PRAGMA application_id
}

// errNotSQLite says that a file has no SQLite header.
var errNotSQLite = errors.New("it has no SQLite header")

// parseHeader reads the first 100 bytes of page 1 (SQLite, "Database File Format", 1.3).
func parseHeader(b []byte) (header, error) {
	if len(b) < 100 {
		return header{}, fmt.Errorf("it has %d bytes", len(b))
	}
	if string(b[:16]) != "SQLite format 3\x00" {
		return header{}, errNotSQLite
	}
	h := header{
		pageSize:    int(binary.BigEndian.Uint16(b[16:])),
		pages:       int64(binary.BigEndian.Uint32(b[28:])),
		version:     int(int32(binary.BigEndian.Uint32(b[60:]))),
		application: int(int32(binary.BigEndian.Uint32(b[68:]))),
	}
	if h.pageSize == 1 {
		h.pageSize = 65536
	}
	return h, nil
}

// inspect reads what a journal says of itself without opening it as a database, which could change it. What
// was committed to the write-ahead log and not yet copied back counts.
func inspect(path string) (header, error) {
	f, err := os.Open(path)
	if err != nil {
		return header{}, err
	}
	defer f.Close()
	b := make([]byte, 100)
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &ForeignError{Path: path, Why: "it is not a file"}
	}
	if err == nil {
		var n int
		n, err = io.ReadFull(f, b)
		b, err = b[:n], shortIsEnd(err)
	}
	if err != nil {
		return header{}, err
	}
	h, herr := parseHeader(b)
	inLog, found, err := inspectLog(path + "-wal")
	switch {
	case err != nil:
		return header{}, err
	case herr != nil && found && inLog.application == applicationID:
		return header{}, &DamagedError{Path: path, Err: herr}
	case herr != nil:
		return header{}, &ForeignError{Path: path, Why: herr.Error()}
	case found:
		h = inLog
	}
	if h.application != applicationID {
		return header{}, &ForeignError{Path: path, Why: "it belongs to another program"}
	}
	if want := h.pages * int64(h.pageSize); !found && info.Size() < want {
		return header{}, &DamagedError{Path: path, Err: fmt.Errorf("it has %d bytes of %d", info.Size(), want)}
	}
	return h, nil
}

// inspectLog finds the last committed first page in a write-ahead log; false where there is none. It stops,
// as SQLite does, at the first frame whose salts or checksum do not continue the log (SQLite, "Database File
// Format", 4.1 and 4.2).
func inspectLog(path string) (header, bool, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return header{}, false, nil
	}
	if err != nil {
		return header{}, false, err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 1<<16)
	head := make([]byte, 32)
	if _, err := io.ReadFull(r, head); err != nil {
		return header{}, false, shortIsEnd(err)
	}
	magic := binary.BigEndian.Uint32(head)
	pageSize := binary.BigEndian.Uint32(head[8:])
	if magic&^1 != 0x377f0682 || pageSize < 512 || pageSize > 65536 {
		return header{}, false, nil
	}
	sum := logSum{big: magic&1 == 1}
	sum.add(head[:24])
	if !sum.is(head[24:]) {
		return header{}, false, nil
	}
	frame := make([]byte, 24+pageSize)
	var last, pending header
	var found, waiting bool
	for {
		if _, err := io.ReadFull(r, frame); err != nil {
			return last, found, shortIsEnd(err)
		}
		sum.add(frame[:8])
		sum.add(frame[24:])
		if string(frame[8:16]) != string(head[16:24]) || !sum.is(frame[16:]) {
			return last, found, nil
		}
		if binary.BigEndian.Uint32(frame) == 1 {
			h, err := parseHeader(frame[24:])
			if err != nil {
				return last, found, nil
			}
			pending, waiting = h, true
		}
		if binary.BigEndian.Uint32(frame[4:]) != 0 && waiting {
			last, found, waiting = pending, true, false
		}
	}
}

func shortIsEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// logSum is the running checksum of a write-ahead log.
type logSum struct {
	big    bool
	s0, s1 uint32
}

func (s *logSum) add(b []byte) {
	for ; len(b) >= 8; b = b[8:] {
		x, y := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
		if s.big {
			x, y = binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
		}
		s.s0 += x + s.s1
		s.s1 += y + s.s0
	}
}

func (s *logSum) is(b []byte) bool {
	return binary.BigEndian.Uint32(b) == s.s0 && binary.BigEndian.Uint32(b[4:]) == s.s1
}
