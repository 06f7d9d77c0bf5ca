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
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

func TestDefaults(t *testing.T) {
	for _, o := range []Options{{}, {ReserveBytes: -1, CheckEvery: -1}} {
		if got := o.withDefaults(); got.ReserveBytes != 4194304 || got.CheckEvery != time.Second || got.Log == nil {
			t.Errorf("%+v stands for %+v", o, got)
		}
	}
	if got := (Options{ReserveBytes: 1, CheckEvery: 1}).withDefaults(); got.ReserveBytes != 1 || got.CheckEvery != 1 {
		t.Errorf("what was asked for became %+v", got)
	}
}

// Texts are kept to their last byte up to what is kept of them, and cut there.
func TestTextsAreKeptToTheirBounds(t *testing.T) {
	for _, c := range []struct {
		most int
		text func(e *bridge.Event) *string
	}{
		{1024, func(e *bridge.Event) *string { return &e.Reason }},
		{1024, func(e *bridge.Event) *string { return &e.Result.Text }},
		{4096, func(e *bridge.Event) *string { return &e.Result.Raw }},
		{1024, func(e *bridge.Event) *string { return (*string)(&e.Result.Mark) }},
		{256, func(e *bridge.Event) *string { return &e.Result.AuthCode }},
		{256, func(e *bridge.Event) *string { return &e.Result.TxnRef }},
		{256, func(e *bridge.Event) *string { return &e.Result.TerminalID }},
		{256, func(e *bridge.Event) *string { return &e.Result.CardName }},
		{256, func(e *bridge.Event) *string { return &e.Result.CardLast4 }},
		{256, func(e *bridge.Event) *string { return &e.Result.Code }},
		{256, func(e *bridge.Event) *string { return &e.Person.Name }},
		{1024, func(e *bridge.Event) *string { return &e.Person.Evidence }},
		{256, func(e *bridge.Event) *string { return &e.Person.AuthCode }},
		{256, func(e *bridge.Event) *string { return &e.Person.TxnRef }},
	} {
		for _, n := range []int{0, c.most - 1, c.most, c.most + 1} {
			e := bridge.Event{Kind: bridge.Hold, At: noon, Result: &terminal.Result{}, Person: &bridge.Person{}}
			*c.text(&e) = strings.Repeat("x", n)
			kept, _, err := encode(e)
			if err != nil || len(*c.text(&kept)) != min(n, c.most) || len(*c.text(&e)) != n {
				t.Errorf("of %d bytes %d are kept, %v; want at most %d", n, len(*c.text(&kept)), err, c.most)
			}
		}
	}
	if got := cut("aä", 2); got != "a" {
		t.Errorf("a character was broken: %q", got)
	}
	for year, kept := range map[int]bool{-1: false, 0: true, 2026: true, 9999: true, 10000: false} {
		at := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
		e, _, err := encode(bridge.Event{Kind: bridge.See, At: noon, Result: &terminal.Result{TerminalTime: at}})
		if err != nil || e.Result.TerminalTime.Equal(at) != kept || !kept && !e.Result.TerminalTime.IsZero() {
			t.Errorf("the year %d is kept as %s, %v", year, e.Result.TerminalTime, err)
		}
	}
}

// A receipt is kept up to the last line that fits: the size is counted as 64 bytes and a comma after each line.
func TestReceiptsAreKeptToTheirBounds(t *testing.T) {
	for text, lines := range map[string]int{"xxxxx": (32768 - 64) / 14, "": (32768 - 64) / 9, strings.Repeat("x", 512): (32768 - 64) / 521} {
		r := terminal.Receipt{Lines: slices.Repeat([]terminal.Line{{Text: text}}, lines+9)}
		body, err := receiptBody(r)
		if got := strings.Count(string(body), `{"t":`); err != nil || got != lines || len(body) > 32768 {
			t.Errorf("of lines of %d bytes %d are kept in %d bytes, %v; want %d", len(text), got, len(body), err, lines)
		}
	}
}

// A failing write means a full disk where there is hardly any space, and a failing disk elsewhere; what is wrong
// with a step is told as that in any case.
func TestFullOrFailing(t *testing.T) {
	j := fresh(t) // its reserve has 64 KiB
	p := live(t, j, bridge.Payment{}, approved(1)[:2]...)
	fails := false
	between(t, filepath.Dir(j.Path()), func(a access) int32 {
		if fails && a.what == "write" {
			return int32(sqlite3.SQLITE_IOERR_WRITE)
		}
		return 0
	})
	free, failed := int64(0), error(nil)
	room(j, &free, &failed)
	stale := step(t, bridge.Payment{Order: p.Order, State: bridge.Received, Entries: 1}, approved(1)[1])
	if err := j.Append(t.Context(), stale); !errors.Is(err, bridge.ErrStale) || errors.Is(err, ErrFull) {
		t.Errorf("a stale step on a full disk: %v", err)
	}
	for _, c := range []struct {
		free   int64
		failed error
		want   error
	}{
		{0, nil, ErrFull}, {16<<10 - 1, nil, ErrFull}, {16 << 10, nil, ErrDisk}, {1 << 30, nil, ErrDisk}, {0, errors.New("nobody knows"), ErrDisk},
	} {
		fails, free, failed = true, c.free, c.failed
		err := j.Append(t.Context(), step(t, p, approved(1)[2]))
		if !errors.Is(err, c.want) || errors.Is(err, ErrFull) && errors.Is(err, ErrDisk) {
			t.Errorf("%d bytes free, %v: %v, want %v", c.free, c.failed, err, c.want)
		}
		fails, free, failed = false, 1<<30, nil
		accepts(t, j)
	}
	live(t, j, p, approved(1)[2:]...)
	verified(t, j)
}

// A connection of a journal is named so on every system.
func TestNames(t *testing.T) {
	const asked = "?_defensive=1&_dqs=0&_error_rc=1&_pragma=busy_timeout%285000%29&_pragma=trusted_schema%280%29&_pragma=cell_size_check%281%29&_pragma=query_only%281%29&_txlock=immediate&mode=ro"
	for path, want := range map[string]string{"/var/lib/j.db": "file:///var/lib/j.db", "D:/data/j.db": "file:///D:/data/j.db", "/a?b#c": "file:///a%3Fb%23c"} {
		if got := dsn(path, "ro", "query_only(1)"); got != want+asked {
			t.Errorf("%s is %s", path, got)
		}
	}
}

// An empty log beside no journal holds nothing that could be lost.
func TestEmptyLogAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	write(t, path+"-wal", nil)
	verified(t, open(t, path))
}

// Logs with pages of every size that SQLite knows are read, and of no other.
func TestInspectLogsOfAllPageSizes(t *testing.T) {
	for size, found := range map[int]bool{256: false, 511: false, 512: true, 1024: true, 32768: true, 65536: true, 65537: false, 131072: false} {
		log := make([]byte, 32+24+size)
		binary.BigEndian.PutUint32(log, 0x377f0682)
		binary.BigEndian.PutUint32(log[8:], uint32(size))
		binary.BigEndian.PutUint32(log[32:], 1)
		binary.BigEndian.PutUint32(log[36:], 1)
		copy(log[56:], "SQLite format 3\x00")
		binary.BigEndian.PutUint32(log[56+60:], 7)
		path := filepath.Join(t.TempDir(), "log")
		if size%8 == 0 {
			log = summed(log, false)
		}
		write(t, path, log)
		if h, got, err := inspectLog(path); err != nil || got != found || found && h.version != 7 {
			t.Errorf("pages of %d bytes: found %t %+v, %v", size, got, h, err)
		}
	}
}

// A payment with a number that no journal gives is looked at all the same.
func TestVerifyLooksAtOddNumbers(t *testing.T) {
	b := whole(t)
	for _, id := range []int64{-500, 0, 1 << 40} {
		move := fmt.Sprintf("UPDATE entry SET payment_id = %d WHERE payment_id = 1; UPDATE receipt SET payment_id = %[1]d WHERE payment_id = 1; UPDATE payment SET id = %[1]d", id)
		if problems := altered(t, b, move+" WHERE id = 1"); len(problems) != 0 {
			t.Errorf("number %d: %v", id, problems)
		}
		if problems := altered(t, b, move+", reason = 'x' WHERE id = 1"); len(problems) != 1 || !strings.Contains(problems[0].String(), "its reason is not") {
			t.Errorf("number %d and another reason: %v", id, problems)
		}
	}
}

// More payments than are looked at in one go, with something wrong with the last of each.
func TestVerifyGoesOnBehindABatch(t *testing.T) {
	path := filled(t, 2*verifyBatch+1)
	tampered(t, path, fmt.Sprintf("UPDATE payment SET reason = 'x' WHERE id IN (%d, %d, %d)", verifyBatch, verifyBatch+1, 2*verifyBatch+1))
	problems, err := open(t, path).Verify(t.Context())
	if err != nil || len(problems) != 3 {
		t.Errorf("found %v, %v", problems, err)
	}
}

// The disk is looked at when the time for it has come, and the reserve is as large as it should be, to the byte.
func TestReserveIsWhole(t *testing.T) {
	for _, size := range []int64{1, 4096, 65535, 65536, 65537, 200001} {
		s := newSpace(filepath.Join(t.TempDir(), "reserve"), Options{ReserveBytes: size}.withDefaults(), nil)
		s.ensure()
		info, err := os.Stat(s.path)
		if err != nil || info.Size() != size || !s.whole() || s.spent || s.verdict != nil {
			t.Errorf("a reserve of %d bytes: %v, %v", size, s.verdict, err)
		}
		if err := os.Truncate(s.path, size-1); err != nil || s.whole() {
			t.Errorf("a reserve that lacks a byte is whole: %v", err)
		}
		s.ensure()
		if info, err := os.Stat(s.path); err != nil || info.Size() != size {
			t.Errorf("it is not made again: %v", err)
		}
	}
}
