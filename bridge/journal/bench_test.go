package journal

import (
	"context"
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
	quantiles(b, took)
}

// quantiles reports median and p99, instead of the mean.
func quantiles(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(milliseconds(took[len(took)/2]), "p50-ms")
	b.ReportMetric(milliseconds(took[len(took)*99/100]), "p99-ms")
}

// BenchmarkSync is what the disk itself takes to make 4 KiB durable: the floor under BenchmarkAppend.
func BenchmarkSync(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "file"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	page := make([]byte, 4096)
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		if _, err := f.Write(page); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	quantiles(b, took)
}

// BenchmarkMillion builds a journal of a million payments once and reports what it takes on the disk, how long
// it takes to open, and how long a payment is looked for by its uuid. Cold is with nothing of the file in the
// system's memory, as after a start of the machine:
//
//	go test ./bridge/journal -run '^$' -bench Million -benchtime 20000x -timeout 1h
func BenchmarkMillion(b *testing.B) {
	path := largeJournal(b)
	bytes := size(b, path)
	j, err := Open(b.Context(), path, Options{})
	if err != nil {
		b.Fatal(err)
	}
	unsettled := timed(b, func(ctx context.Context) error {
		open, err := j.Unsettled(ctx)
		return some(len(open), err)
	})
	due := timed(b, func(ctx context.Context) error {
		due, err := j.Due(ctx, noon, 100)
		return some(len(due), err)
	})
	list := timed(b, func(ctx context.Context) error {
		list, err := j.List(ctx, Filter{From: noon.Add(time.Duration(*million-500) * time.Minute)})
		return some(len(list), err)
	})
	random := rand.New(rand.NewPCG(1, 2))
	var took []time.Duration
	for b.Loop() {
		took = append(took, lookUp(b, j.Reader, random.IntN(*million)))
	}
	if err := j.Close(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(bytes)/float64(*million), "B/payment")
	b.ReportMetric(milliseconds(unsettled), "unsettled-ms")
	b.ReportMetric(milliseconds(due), "due-ms")
	b.ReportMetric(milliseconds(list), "list-ms")
	slices.Sort(took)
	b.ReportMetric(milliseconds(took[len(took)/2]), "look-up-p50-ms")
	b.ReportMetric(milliseconds(took[len(took)*99/100]), "look-up-p99-ms")
	opens(b, path)
	coldLookUps(b, path, random)
}

// largeJournal is the path of a closed journal of a million payments, a few of which are open or owed.
func largeJournal(b *testing.B) string {
	b.Helper()
	dir := *kept
	if dir == "" {
		dir = b.TempDir()
	}
	path := filepath.Join(dir, "million.db")
	j, err := Open(b.Context(), path, Options{})
	if err != nil {
		b.Fatal(err)
	}
	have := counts(b, j)["payment"]
	if err := j.Close(); err != nil {
		b.Fatal(err)
	}
	switch {
	case have >= *million:
		return path
	case have > 0:
		b.Fatalf("%s has %d payments, not %d; remove it, so that it is built anew", path, have, *million)
	}
	built := time.Now()
	build(b, path, *million, 2000)
	if j, err = Open(b.Context(), path, Options{}); err != nil {
		b.Fatal(err)
	}
	for n := range 20 {
		live(b, j, bridge.Payment{}, approved(*million + n)[:3+n%4]...)
	}
	if err := j.Close(); err != nil {
		b.Fatal(err)
	}
	b.Logf("%d payments were built in %s", *million, time.Since(built).Round(time.Second))
	return path
}

// opens reports how long the journal takes to open: the median of a few times, and cold.
func opens(b *testing.B, path string) {
	b.Helper()
	open := func() time.Duration {
		start := time.Now()
		j, err := Open(b.Context(), path, Options{})
		if err != nil {
			b.Fatal(err)
		}
		took := time.Since(start)
		if err := j.Close(); err != nil {
			b.Fatal(err)
		}
		return took
	}
	var warm, cold []time.Duration
	for range 9 {
		warm = append(warm, open())
	}
	slices.Sort(warm)
	b.ReportMetric(milliseconds(warm[len(warm)/2]), "open-ms")
	for range 9 {
		if err := forget(path); err != nil {
			b.Logf("no cold numbers: %v", err)
			return
		}
		cold = append(cold, open())
	}
	slices.Sort(cold)
	b.ReportMetric(milliseconds(cold[len(cold)/2]), "open-cold-ms")
}

// coldLookUps reports how long look-ups take of which each one reads the disk.
func coldLookUps(b *testing.B, path string, random *rand.Rand) {
	b.Helper()
	var took []time.Duration
	for range 200 {
		if err := forget(path); err != nil {
			return // opens has told so
		}
		r, err := OpenReadOnly(path)
		if err != nil {
			b.Fatal(err)
		}
		took = append(took, lookUp(b, r, random.IntN(*million)))
		if err := r.Close(); err != nil {
			b.Fatal(err)
		}
	}
	slices.Sort(took)
	b.ReportMetric(milliseconds(took[len(took)/2]), "look-up-cold-p50-ms")
	b.ReportMetric(milliseconds(took[len(took)*99/100]), "look-up-cold-p99-ms")
}

// lookUp is how long the nth payment is looked for.
func lookUp(b *testing.B, r *Reader, n int) time.Duration {
	b.Helper()
	id := uuid(n)
	start := time.Now()
	if _, ok, err := r.Payment(b.Context(), id); err != nil || !ok {
		b.Fatalf("payment %s: there %v, %v", id, ok, err)
	}
	return time.Since(start)
}

// timed is how long a call takes.
func timed(b *testing.B, f func(context.Context) error) time.Duration {
	b.Helper()
	start := time.Now()
	if err := f(b.Context()); err != nil {
		b.Fatal(err)
	}
	return time.Since(start)
}

// some is the error of a list that must not be empty.
func some(n int, err error) error {
	if err == nil && n == 0 {
		return errors.New("nothing was found")
	}
	return err
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
