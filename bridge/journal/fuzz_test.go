package journal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"tillbridge/bridge"
)

// FuzzOpen gives Open files of any kind. It never panics, it comes to an end, what it refuses stays as it is to
// the byte, and a journal that opens and that Verify calls whole holds the payments that its chains tell.
//
// The files are those of a real journal, or none, with any bytes written over any place and behind the end: so
// the input stays small and the fuzzer quick. A log may be given right sums again, or SQLite would ignore what
// is changed in it.
func FuzzOpen(f *testing.F) {
	real := journals(f)
	for _, s := range edits(real) {
		f.Add(s.which, s.sums, s.file, s.log)
	}
	f.Fuzz(func(t *testing.T, which uint8, sums bool, file, log []byte) {
		files := real[int(which)%len(real)]
		file, log = edited(files[0], file), edited(files[1], log)
		if sums {
			log = summedAll(log)
		}
		opened(t, file, log)
	})
}

// opened opens a journal of these files and checks what is promised of it.
func opened(t *testing.T, file, log []byte) {
	t.Helper()
	path := filepath.Join(memoryDir(t), "journal.db")
	write(t, path, file)
	if len(log) > 0 {
		write(t, path+"-wal", log)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	j, err := Open(ctx, path, Options{ReserveBytes: 4096})
	if ctx.Err() != nil {
		t.Fatalf("open does not come to an end: %v", err)
	}
	if err != nil {
		unchanged(t, path, file, err)
		unchanged(t, path+"-wal", log, err)
		return
	}
	problems, err := j.Verify(ctx)
	if err == nil && len(problems) == 0 {
		asTheChainsSay(t, j)
	}
	// A damaged journal may refuse to be closed well; it must not panic.
	if cerr := j.Close(); cerr != nil && err == nil && len(problems) == 0 {
		t.Errorf("close: %v", cerr)
	}
}

// edited is a file with bytes written over it: place (three bytes), number (one byte), the bytes, and again.
func edited(file, edits []byte) []byte {
	b := slices.Clone(file)
	for len(edits) >= 4 {
		at, n := int(edits[0])<<16|int(edits[1])<<8|int(edits[2]), int(edits[3])
		edits = edits[4:]
		n = min(n, len(edits))
		if at %= 1 << 18; at+n > len(b) {
			b = append(b, make([]byte, at+n-len(b))...)
		}
		copy(b[at:], edits[:n])
		edits = edits[n:]
	}
	return b
}

// summedAll gives every whole frame of a log the salts of its header and a right sum (SQLite, "Database File
// Format", 4.2), those of a little-endian machine.
func summedAll(log []byte) []byte {
	if len(log) < 32 {
		return log
	}
	b := slices.Clone(log)
	var s0, s1 uint32
	add := func(p []byte) {
		for ; len(p) >= 8; p = p[8:] {
			s0 += binary.LittleEndian.Uint32(p) + s1
			s1 += binary.LittleEndian.Uint32(p[4:]) + s0
		}
	}
	b[3] &^= 1
	add(b[:24])
	binary.BigEndian.PutUint32(b[24:], s0)
	binary.BigEndian.PutUint32(b[28:], s1)
	for at := 32; at+24+4096 <= len(b); at += 24 + 4096 {
		copy(b[at+8:at+16], b[16:24])
		add(b[at : at+8])
		add(b[at+24 : at+24+4096])
		binary.BigEndian.PutUint32(b[at+16:], s0)
		binary.BigEndian.PutUint32(b[at+20:], s1)
	}
	return b
}

// unchanged checks that a file is what it was.
func unchanged(t *testing.T, path string, want []byte, refused error) {
	t.Helper()
	got, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) && len(want) == 0 {
		return
	}
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s was refused (%v) and changed, %v", filepath.Base(path), refused, err)
	}
}

// asTheChainsSay compares every payment with its entries, by rules written a second time.
func asTheChainsSay(t *testing.T, j *Journal) {
	t.Helper()
	chains := map[string][]bridge.Event{}
	heads := map[string][32]byte{}
	err := eachRow(t.Context(), j.read, func(rows *sql.Rows) error {
		var id, kind, state, body string
		var seq, at int64
		var prev []byte
		if err := rows.Scan(&id, &seq, &at, &kind, &state, &body, &prev); err != nil {
			return err
		}
		if seq == 1 {
			heads[id] = sha256.Sum256([]byte("tillbridge journal 1\x00" + id))
		}
		if head := heads[id]; !bytes.Equal(prev, head[:]) || int(seq) != len(chains[id])+1 {
			t.Errorf("payment %q, entry %d does not follow the one before it", id, seq)
		}
		var b []byte
		for _, n := range []int64{seq, at} {
			b = binary.BigEndian.AppendUint64(b, uint64(n))
		}
		for _, part := range []string{kind, state, body, string(prev)} {
			b = binary.BigEndian.AppendUint64(b, uint64(len(part)))
			b = append(b, part...)
		}
		heads[id] = sha256.Sum256(b)
		var e bridge.Event
		var err error
		if e.Kind, err = bridge.ParseEventKind(kind); err == nil {
			err = json.Unmarshal([]byte(body), &e)
		}
		e.At = time.UnixMicro(at).UTC()
		chains[id] = append(chains[id], e)
		return err
	}, "SELECT p.uuid, e.seq, e.at, e.kind, e.state, e.body, e.prev FROM entry e JOIN payment p ON p.id = e.payment_id ORDER BY e.payment_id, e.seq")
	if err != nil {
		t.Errorf("entries of a whole journal: %v", err)
	}
	for id, chain := range chains {
		want, err := bridge.Replay(chain)
		got, there, gerr := j.Payment(t.Context(), id)
		if err != nil || gerr != nil || !there {
			t.Fatalf("payment %q of a whole journal: there %v, %v, %v", id, there, err, gerr)
		}
		x, err := json.Marshal(got)
		y, yerr := json.Marshal(want)
		if err != nil || yerr != nil || !bytes.Equal(x, y) {
			t.Errorf("payment %q is\n%s, its entries say\n%s, %v, %v", id, x, y, err, yerr)
		}
		var head []byte
		if err := j.read.QueryRow("SELECT head FROM payment WHERE uuid = ?", id).Scan(&head); err != nil || [32]byte(head) != heads[id] {
			t.Errorf("payment %q carries the digest %x, not %x, %v", id, head, heads[id], err)
		}
	}
	if n := counts(t, j)["payment"]; n != len(chains) {
		t.Errorf("a whole journal has %d payments and %d chains", n, len(chains))
	}
}

// journals are real journals with their logs, and what is none.
func journals(f *testing.F) [][2][]byte {
	f.Helper()
	j := fresh(f)
	take := func() [2][]byte {
		file, err := os.ReadFile(j.Path())
		log, lerr := os.ReadFile(j.Path() + "-wal")
		if err := errors.Join(err, lerr); err != nil {
			f.Fatal(err)
		}
		return [2][]byte{file, log}
	}
	empty := take()
	lives(f, j)
	logged := take()
	if err := checkpoint(f.Context(), j.write); err != nil {
		f.Fatal(err)
	}
	copied := take()
	half := [2][]byte{copied[0][:len(copied[0])/8192*4096]}
	torn := [2][]byte{logged[0], logged[1][:len(logged[1])/2]}
	return [][2][]byte{{}, empty, logged, copied, half, torn, {nil, logged[1]}, {logged[0]}}
}

// edit is a seed of FuzzOpen.
type edit struct {
	which     uint8
	sums      bool
	file, log []byte
}

// edits are the seeds: each journal as it is, of another version or program, altered and with a zeroed page.
func edits(real [][2][]byte) []edit {
	over := func(at int, b ...byte) []byte {
		return append([]byte{byte(at >> 16), byte(at >> 8), byte(at), byte(len(b))}, b...)
	}
	all := []edit{{which: 0, file: over(0, []byte("SQLite format 3\x00")...)}, {which: 0, file: over(0, []byte("shopping list")...)}}
	for which := range real {
		all = append(all, edit{which: uint8(which)}, edit{which: uint8(which), sums: true})
	}
	copied, log := real[3][0], real[2][1]
	for _, x := range [][]byte{
		over(60, 0, 0, 0, 9), // a newer version
		over(68, 'X'),        // another program's
		over(18, 1, 1),       // without a log
		over(bytes.Index(copied, []byte("CREATE TABLE outbox")), []byte("CREATE TABLE 0utbox")...),
		over(bytes.LastIndex(copied, []byte("auth_code"))+14, '9'), // a word altered
		over(len(copied)/8192*4096, make([]byte, 255)...),          // a page without its head
	} {
		all = append(all, edit{which: 2, file: x}, edit{which: 3, file: x})
	}
	for _, x := range [][]byte{
		over(len(log)/2, 'X'),
		over(32+24+60, 0, 0, 0, 9), // a newer version, in the log alone
		over(bytes.LastIndex(log, []byte("auth_code"))+14, '9'),
		over(32+4, 0, 0, 0, 0),
	} {
		all = append(all, edit{which: 2, log: x}, edit{which: 2, sums: true, log: x}, edit{which: 6, sums: true, log: x})
	}
	return all
}
