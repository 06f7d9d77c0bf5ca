package journal

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

var (
	eur  = terminal.Currency{Code: "EUR", Numeric: 978, Digits: 2}
	noon = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)
)

// memoryDir is a folder in memory where there is one: for tests that write much and do not ask the disk
// anything.
func memoryDir(t testing.TB) string {
	t.Helper()
	if info, err := os.Stat("/dev/shm"); err != nil || !info.IsDir() {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp("/dev/shm", "journal")
	if err == nil {
		dir, err = filepath.Abs(dir) // Wine has it too, on a drive whose letter SQLite puts before it
	}
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// open opens a journal for a test and closes it at its end.
func open(t testing.TB, path string) *Journal {
	t.Helper()
	j, err := Open(t.Context(), path, Options{ReserveBytes: 64 << 10, CheckEvery: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return j
}

func fresh(t testing.TB) *Journal {
	t.Helper()
	return open(t, filepath.Join(memoryDir(t), "journal.db"))
}

// uuid is the nth uuid in MGR's form: 8-4-4-16, 35 characters.
func uuid(n int) string {
	return fmt.Sprintf("%08x-%04x-%04x-%016x", uint32(n)*2654435761, n&0xffff, 0x4000|n>>4&0xfff, uint64(n)*0x9e3779b97f4a7c15)
}

func order(n int) *bridge.Order {
	return &bridge.Order{UUID: uuid(n), Customer: uuid(n + 1<<24), Terminal: "counter", Amount: terminal.Amount{Minor: 1250 + int64(n%1000), Currency: eur}}
}

func reference(n int) string { return fmt.Sprintf("%010X", int64(0xD3A0000000)+int64(n)) }

// approval is a result of about 350 bytes as JSON, as a ZVT terminal gives it.
func approval(n int, proof terminal.Proof) *terminal.Result {
	captured := 1250 + int64(n%1000)
	return &terminal.Result{
		Outcome: terminal.Approved, Proof: proof, CapturedMinor: &captured, CurrencyNumeric: 978,
		AuthCode: fmt.Sprintf("%06d", n%1000000), TxnRef: fmt.Sprint(n), TerminalID: "60000001",
		CardName: "girocard", CardLast4: "7423", Code: "00 (0)", Mark: terminal.Mark(fmt.Sprint(n)),
		TerminalTime: noon.Add(time.Duration(n) * time.Minute).Truncate(time.Second),
		Raw:          "040f2e27002900060000010400000000" + strings.Repeat("1250490978", 8),
	}
}

// approved is the life of the nth payment that goes well: seven events.
func approved(n int) []bridge.Event {
	at := noon.Add(time.Duration(n) * time.Minute)
	tick := func() time.Time { at = at.Add(1234567 * time.Microsecond); return at }
	return []bridge.Event{
		{Kind: bridge.Accept, At: tick(), Order: order(n), Reference: reference(n)},
		{Kind: bridge.Arm, At: tick(), Driver: "zvt", Evidence: terminal.C2 | terminal.C4, Mark: terminal.Mark(fmt.Sprint(n - 1))},
		{Kind: bridge.Send, At: tick()},
		{Kind: bridge.See, At: tick(), Result: approval(n, terminal.NoProof)},
		{Kind: bridge.Acknowledge, At: tick()},
		{Kind: bridge.Conclude, At: tick(), Result: approval(n, terminal.Dialogue)},
		{Kind: bridge.Report, At: tick()},
	}
}

// refunded is the life of the nth payment, which gives a sale back.
func refunded(n, sale int) []bridge.Event {
	events := approved(n)[:6]
	o := order(n)
	o.Kind, o.Sale, o.By, o.Amount.Minor = bridge.Refund, uuid(sale), "Olga", 1000
	back := *approval(n, terminal.Dialogue)
	minor := int64(1000)
	back.CapturedMinor = &minor
	stated := back
	stated.Proof = terminal.NoProof
	events[0].Order, events[3].Result, events[5].Result = o, &stated, &back
	return events
}

// corrected is the life of the nth payment, which a person settled wrongly and another one put right.
func corrected(n int) []bridge.Event {
	return append(approved(n)[:3],
		bridge.Event{Kind: bridge.Lose, At: noon, Reason: "the line was lost"}, bridge.Event{Kind: bridge.Ask, At: noon},
		bridge.Event{Kind: bridge.Find, At: noon, Result: &terminal.Result{Text: "no record"}},
		bridge.Event{Kind: bridge.Resolve, At: noon, Outcome: terminal.Declined, Person: &bridge.Person{Name: "Anna", Evidence: "no receipt"}},
		bridge.Event{Kind: bridge.Report, At: noon},
		bridge.Event{Kind: bridge.Correct, At: noon, Outcome: terminal.Approved, Person: &bridge.Person{Name: "Bert", Evidence: "the bank's statement", AuthCode: "1"}})
}

// live appends events to a payment and returns it as the core has it after them.
func live(t testing.TB, j *Journal, p bridge.Payment, events ...bridge.Event) bridge.Payment {
	t.Helper()
	for _, e := range events {
		tr, err := bridge.Step(p, e)
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Append(t.Context(), tr); err != nil {
			t.Fatalf("append %s: %v", e.Kind, err)
		}
		p = tr.After
	}
	return p
}

// stored reads a payment that must be there.
func read(t testing.TB, r interface {
	Payment(context.Context, string) (bridge.Payment, bool, error)
}, uuid string,
) bridge.Payment {
	t.Helper()
	p, ok, err := r.Payment(t.Context(), uuid)
	if err != nil || !ok {
		t.Fatalf("payment %s: there %v, error %v", uuid, ok, err)
	}
	return p
}

// sound fails the test when Verify finds a problem.
func verified(t testing.TB, r interface {
	Verify(context.Context) ([]Problem, error)
},
) {
	t.Helper()
	problems, err := r.Verify(t.Context())
	if err != nil {
		t.Fatalf("verify: %v", err)
	}
	for _, p := range problems {
		t.Errorf("verify: %s", p)
	}
}

// fill writes the lives of payments from..to-1, many in a transaction, in the way and order of Append.
func fill(t testing.TB, j *Journal, from, to int) {
	t.Helper()
	for from < to {
		end := min(from+1000, to)
		err := j.transact(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
			for n := from; n < end; n++ {
				var p bridge.Payment
				for _, e := range approved(n) {
					tr, err := bridge.Step(p, e)
					if err != nil {
						return err
					}
					if err := j.append(ctx, tx, tr); err != nil {
						return err
					}
					p = tr.After
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		from = end
	}
}

// raw opens the file past the journal's own settings and triggers.
func raw(t testing.TB, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() }) // most tests close it before
	return db
}

// chance is the seed of a test: always the same, unless TILLBRIDGE_SEED asks for another one to hunt with.
func chance(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv("TILLBRIDGE_SEED")
	if text == "" {
		return 1
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("TILLBRIDGE_SEED=%s is no seed: %v", text, err)
	}
	t.Logf("seed %d", seed)
	return seed
}
