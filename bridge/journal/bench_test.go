package journal

import (
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"tillbridge/bridge"
)

var (
	million = flag.Int("payments", 1_000_000, "number of payments in BenchmarkMillion")
	kept    = flag.String("million", "", "keep BenchmarkMillion's journal in this folder, and use what is there")
)

// size is what a journal takes on the disk, its log included, without the reserve.
func size(t testing.TB, path string) int64 {
	t.Helper()
	var n int64
	for _, name := range []string{path, path + "-wal"} {
		info, err := os.Stat(name)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if err == nil {
			n += info.Size()
		}
	}
	return n
}

// A payment of seven events, two of them with a result of 350 bytes, takes at most 2000 bytes, indexes and
// empty pages included. BenchmarkMillion measures the same on a large journal.
func TestBytesPerPayment(t *testing.T) {
	const n = 3000
	j := fresh(t)
	fill(t, j, 0, n)
	path := j.Path()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	each := size(t, path) / n
	t.Logf("%d bytes per payment", each)
	if each > 2000 {
		t.Errorf("a payment takes %d bytes", each)
	}
	db := raw(t, path)
	var see, conclude int
	err := db.QueryRow(`SELECT (SELECT length(body) FROM entry WHERE payment_id = 500 AND kind = 'see'),
		(SELECT length(body) FROM entry WHERE payment_id = 500 AND kind = 'conclude')`).Scan(&see, &conclude)
	if err != nil || see < 345 || conclude < 345 {
		t.Errorf("the results are too small to measure with: %d and %d bytes, %v", see, conclude, err)
	}
}

// BenchmarkAppend is one durable append on the disk of the temporary folder, the Accept of a new payment and
// the other six in turn.
func BenchmarkAppend(b *testing.B) {
	j := open(b, filepath.Join(b.TempDir(), "journal.db"))
	var took []time.Duration
	n := 0
	var p bridge.Payment
	events := approved(n)
	for b.Loop() {
		if len(events) == 0 {
			n++
			p, events = bridge.Payment{}, approved(n)
		}
		tr := step(b, p, events[0])
		start := time.Now()
		if err := j.Append(b.Context(), tr); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
		p, events = tr.After, events[1:]
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "median-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
	b.ReportMetric(float64(took[len(took)-1].Microseconds()), "max-µs")
}

// BenchmarkSync is what the disk itself takes to make 4 KiB durable: the floor under BenchmarkAppend.
func BenchmarkSync(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "file"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	page := make([]byte, 4096)
	for b.Loop() {
		if _, err := f.Write(page); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMillion builds a journal of a million payments once and reports what it takes on the disk, how long
// it takes to open, and how long a payment is looked for by its uuid:
//
//	go test ./bridge/journal -run '^$' -bench Million -benchtime 20000x -timeout 1h
func BenchmarkMillion(b *testing.B) {
	dir := *kept
	if dir == "" {
		dir = b.TempDir()
	}
	path := filepath.Join(dir, "million.db")
	built := time.Now()
	j, err := Open(b.Context(), path, Options{})
	if err != nil {
		b.Fatal(err)
	}
	have := counts(b, j)["payment"]
	fill(b, j, have, *million)
	held := counts(b, j)["payment"]
	if have < *million { // some that are open, some that are owed
		for n := range 20 {
			live(b, j, bridge.Payment{}, approved(held + n)[:3+n%4]...)
		}
	}
	if err := j.Close(); err != nil {
		b.Fatal(err)
	}
	b.Logf("%d payments, %d built in %s", *million, *million-have, time.Since(built).Round(time.Second))

	start := time.Now()
	if j, err = Open(b.Context(), path, Options{}); err != nil {
		b.Fatal(err)
	}
	opened := time.Since(start)
	start = time.Now()
	open, err := j.Unsettled(b.Context())
	if err != nil || len(open) == 0 {
		b.Fatalf("%d open payments, %v", len(open), err)
	}
	unsettled := time.Since(start)
	start = time.Now()
	if due, err := j.Due(b.Context(), noon, 100); err != nil || len(due) == 0 {
		b.Fatalf("%d notices, %v", len(due), err)
	}
	due := time.Since(start)
	start = time.Now()
	if list, err := j.List(b.Context(), Filter{From: noon.Add(time.Duration(*million-500) * time.Minute)}); err != nil || len(list) == 0 {
		b.Fatalf("%d payments, %v", len(list), err)
	}
	list := time.Since(start)

	random := rand.New(rand.NewPCG(1, 2))
	var took []time.Duration
	for b.Loop() {
		id := uuid(random.IntN(*million))
		start := time.Now()
		if _, ok, err := j.Payment(b.Context(), id); err != nil || !ok {
			b.Fatalf("payment %s: there %v, %v", id, ok, err)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(ms(opened), "open-ms")
	b.ReportMetric(ms(unsettled), "unsettled-ms")
	b.ReportMetric(ms(due), "due-ms")
	b.ReportMetric(ms(list), "list-ms")
	b.ReportMetric(ms(took[len(took)/2]), "look-up-ms")
	b.ReportMetric(ms(took[len(took)*99/100]), "look-up-p99-ms")
	b.ReportMetric(ms(took[len(took)-1]), "look-up-max-ms")
	if err := j.Close(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(size(b, path))/float64(*million), "B/payment")
}
