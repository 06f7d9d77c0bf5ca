package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// oneFrame is a journal of version 1 whose log, of one frame, says version 7.
func oneFrame(t *testing.T) (file, log []byte) {
	t.Helper()
	path := filled(t, 2)
	db := raw(t, path)
	if _, err := db.Exec("PRAGMA wal_autocheckpoint = 0; PRAGMA user_version = 7"); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	log, err = os.ReadFile(path + "-wal")
	if err != nil || len(log) != 32+24+4096 {
		t.Fatalf("the log has %d bytes, %v", len(log), err)
	}
	return file, log
}

// Logs of every kind are read as SQLite reads them; one that is none counts for nothing.
func TestInspectLogs(t *testing.T) {
	file, log := oneFrame(t)
	changed := func(at int, to byte) []byte {
		b := slices.Clone(log)
		b[at] = to
		return b
	}
	otherPage := slices.Clone(log)
	binary.BigEndian.PutUint32(otherPage[32:], 2)
	noCommit := slices.Clone(log)
	binary.BigEndian.PutUint32(noCommit[36:], 0)
	noHeader := slices.Clone(log)
	noHeader[56] = 'X'
	ours := len(migrations())
	for name, c := range map[string]struct {
		log  []byte
		want int // the version that is found
	}{
		"as it is":                         {log, 7},
		"of a machine of the other kind":   {summed(log, true), 7},
		"summed by this test":              {summed(log, false), 7},
		"empty":                            {nil, ours},
		"shorter than a header":            {log[:31], ours},
		"a header alone":                   {log[:32], ours},
		"cut in its frame":                 {log[:len(log)-1], ours},
		"two frames, the second torn":      {append(slices.Clone(log), log[32:200]...), 7},
		"another magic number":             {summed(changed(0, 1), false), ours},
		"pages that are too small":         {summed(changed(10, 1), false), ours},
		"pages that are far too large":     {summed(changed(9, 1), false), ours},
		"a header with another sum":        {changed(24, log[24]+1), ours},
		"a frame with another salt":        {changed(40, log[40]+1), ours},
		"a frame with another sum":         {changed(48, log[48]+1), ours},
		"a frame with another byte":        {changed(len(log)-1, 1), ours},
		"a frame of the second page":       {summed(otherPage, false), ours},
		"a frame that was never committed": {summed(noCommit, false), ours},
		"a first page that is none":        {summed(noHeader, false), ours},
	} {
		at := filepath.Join(memoryDir(t), "journal.db")
		write(t, at, file)
		write(t, at+"-wal", c.log)
		h, err := inspect(at)
		if err != nil || h.version != c.want || h.pageSize != 4096 || h.application != applicationID {
			t.Errorf("a log %s: %+v, %v; want version %d", name, h, err, c.want)
		}
		// SQLite has the last word.
		var version int
		other := connect(dsn(at, "ro"), 1, nil)
		verr := other.QueryRowContext(t.Context(), "PRAGMA user_version").Scan(&version)
		if err := errors.Join(verr, other.Close()); name != "a first page that is none" && (err != nil || version != c.want) {
			t.Errorf("a log %s: SQLite reads version %d, %v", name, version, err)
		}
	}
}

// A file that is shorter than it says is whole as long as the log has the rest; one without its first page
// beside a log of ours is damaged, and not somebody else's.
func TestInspectShortFiles(t *testing.T) {
	file, log := oneFrame(t)
	if h, err := parseHeader(append(append([]byte("SQLite format 3\x00\x00\x01"), make([]byte, 50)...), make([]byte, 40)...)); err != nil || h.pageSize != 65536 {
		t.Errorf("pages of 64 KiB read as %+v, %v", h, err)
	}
	at := filepath.Join(memoryDir(t), "journal.db")
	write(t, at, file[:4096])
	var damaged *DamagedError
	if _, err := inspect(at); !errors.As(err, &damaged) || !strings.Contains(err.Error(), fmt.Sprintf("it has 4096 bytes of %d", len(file))) {
		t.Errorf("a file that was cut: %v", err)
	}
	write(t, at+"-wal", log)
	if _, err := inspect(at); err != nil {
		t.Errorf("a file that was cut, with a log: %v", err)
	}
	write(t, at, make([]byte, 4096))
	if _, err := inspect(at); !errors.As(err, &damaged) {
		t.Errorf("a file without its first page, with our log: %v", err)
	}
}

// summed is a log of one frame with right sums, those of a big-endian machine if asked for (SQLite, "Database
// File Format", 4.2).
func summed(log []byte, big bool) []byte {
	b := slices.Clone(log)
	var order binary.ByteOrder = binary.LittleEndian
	b[3] &^= 1
	if big {
		order = binary.BigEndian
		b[3] |= 1
	}
	var s0, s1 uint32
	add := func(p []byte) {
		for i := 0; i < len(p); i += 8 {
			s0 += order.Uint32(p[i:]) + s1
			s1 += order.Uint32(p[i+4:]) + s0
		}
	}
	put := func(p []byte) {
		binary.BigEndian.PutUint32(p, s0)
		binary.BigEndian.PutUint32(p[4:], s1)
	}
	add(b[:24])
	put(b[24:])
	add(b[32:40])
	add(b[56:])
	put(b[48:])
	return b
}
