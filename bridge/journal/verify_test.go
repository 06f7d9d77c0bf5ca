package journal

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// lives writes one payment of every kind of life, alarm and notice included.
func lives(t testing.TB, j *Journal) {
	t.Helper()
	live(t, j, bridge.Payment{}, approved(1)...)
	live(t, j, bridge.Payment{}, approved(2)[:6]...)
	live(t, j, bridge.Payment{}, approved(3)[:4]...)
	held := live(t, j, bridge.Payment{}, approved(4)[:3]...)
	held = live(t, j, held, bridge.Event{Kind: bridge.Lose, At: noon, Reason: "the line was lost"}, bridge.Event{Kind: bridge.Ask, At: noon},
		bridge.Event{Kind: bridge.Find, At: noon, Result: &terminal.Result{Text: "no record"}})
	held = live(t, j, held, bridge.Event{
		Kind: bridge.Resolve, At: noon, Outcome: terminal.Declined, Person: &bridge.Person{Name: "Anna", Evidence: "looked at the terminal's journal"},
	})
	live(t, j, held, bridge.Event{Kind: bridge.Report, At: noon}, bridge.Event{Kind: bridge.Late, At: noon, Result: approval(4, terminal.LastRecord)})
	live(t, j, bridge.Payment{}, approved(5)[0], bridge.Event{Kind: bridge.Expire, At: noon, Reason: "The bridge was not running in time."})
	live(t, j, bridge.Payment{}, refunded(6, 1)...)
	live(t, j, bridge.Payment{}, corrected(7)...)
	if err := j.SaveReceipt(t.Context(), uuid(1), terminal.Receipt{Kind: terminal.CustomerReceipt, Lines: []terminal.Line{{Text: "TOTAL 12.51 EUR", Wide: true}}}); err != nil {
		t.Fatal(err)
	}
	if err := j.SetMark(t.Context(), "bar", "77", "60000002"); err != nil {
		t.Fatal(err)
	}
}

// altered runs a statement on a journal's file past its triggers, and returns what Verify then finds.
func altered(t *testing.T, whole []byte, statement string, args ...any) []Problem {
	t.Helper()
	path := filepath.Join(memoryDir(t), "journal.db")
	write(t, path, whole)
	db := raw(t, path)
	for _, trigger := range []string{"entry_never_changes", "entry_is_kept", "entry_follows_the_last", "payment_keeps_its_order", "payment_is_kept"} {
		if _, err := db.Exec("DROP TRIGGER " + trigger); err != nil {
			t.Fatal(err)
		}
	}
	res, err := db.Exec(statement, args...)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		t.Fatalf("%s changed nothing, %v", statement, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := OpenReadOnly(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	problems, err := r.Verify(t.Context())
	if err != nil {
		t.Fatalf("%s: verify: %v", statement, err)
	}
	return problems
}

// whole is the file of a journal with all lives in it.
func whole(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(memoryDir(t), "journal.db")
	j := open(t, path)
	lives(t, j)
	verified(t, j)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A flip of a single byte in any column of any entry, and of every column of a payment, is found.
func TestVerifyFindsEveryAlteration(t *testing.T) {
	b := whole(t)
	const third = "payment_id = 1 AND seq = 3"
	cases := []string{
		"UPDATE entry SET seq = 8 WHERE " + third,
		"UPDATE entry SET payment_id = 3, seq = 5 WHERE payment_id = 1 AND seq = 7",
		"UPDATE entry SET payment_id = 77 WHERE " + third,
		"DELETE FROM entry WHERE payment_id = 1 AND seq = 7",
		"DELETE FROM entry WHERE payment_id = 1 AND seq = 1",
		"DELETE FROM entry WHERE payment_id = 1",
		"DELETE FROM payment WHERE id = 1",
		"DELETE FROM outbox",
		"INSERT INTO outbox VALUES (3, 0, 0, '')",
		"INSERT INTO entry SELECT 1, 8, at, kind, state, body, (SELECT head FROM payment WHERE id = 1) FROM entry WHERE " + third,
		"INSERT INTO receipt (payment_id, n, body) VALUES (99, 1, '{}')",
	}
	for seq := 1; seq <= 7; seq++ {
		where := fmt.Sprintf(" WHERE payment_id = 1 AND seq = %d", seq)
		for bit := range 8 {
			cases = append(cases,
				fmt.Sprintf("UPDATE entry SET at = at + %d", 1<<(8*bit))+where,
				fmt.Sprintf("UPDATE entry SET prev = CAST(substr(prev, 1, %d) || x'%02x' || substr(prev, %d) AS BLOB)", bit*4, 0xa0+bit, bit*4+2)+where)
		}
		for _, at := range []string{"1", "length(kind)"} {
			cases = append(cases, "UPDATE entry SET kind = substr(kind, 1, "+at+" - 1) || char(unicode(substr(kind, "+at+", 1)) + 1) || substr(kind, "+at+" + 1)"+where)
		}
		for _, column := range []string{"state", "body"} {
			for _, at := range []string{"1", "length(" + column + ") / 2 + 1", "length(" + column + ")"} {
				cases = append(cases, fmt.Sprintf("UPDATE entry SET %[1]s = substr(%[1]s, 1, %[2]s - 1) || char(unicode(substr(%[1]s, %[2]s, 1)) + 1) || substr(%[1]s, %[2]s + 1)", column, at)+where)
			}
		}
	}
	for column, to := range map[string]string{
		"uuid": "'x' || uuid", "reference": "'x'", "customer": "'x'", "terminal": "'x'", "amount": "amount + 1", "currency": "'CHF'", "currency_num": "756",
		"digits": "3", "driver": "'x'", "evidence": "evidence + 1", "state": "'approved'", "outcome": "'declined'", "proof": "'query'", "received": "received + 1",
		"armed": "armed - 1", "updated": "updated + 1", "mark": "'x'", "reason": "'x'", "seen_seq": "6", "result_seq": "4", "person_seq": "1", "entries": "8",
		"head": "CAST('x' || substr(head, 2) AS BLOB)", "id": "500",
	} {
		cases = append(cases, "UPDATE payment SET "+column+" = "+to+" WHERE id = 1")
	}
	cases = append(cases, "UPDATE payment SET armed = NULL WHERE id = 1", "UPDATE payment SET seen_seq = NULL WHERE id = 1", "UPDATE payment SET result_seq = 99 WHERE id = 1")
	for _, statement := range cases {
		if problems := altered(t, b, statement); len(problems) == 0 {
			t.Errorf("nobody noticed: %s", statement)
		}
	}
	t.Logf("%d alterations", len(cases))
}

// Every single byte of one body, not a sample.
func TestVerifyFindsEveryByteOfABody(t *testing.T) {
	r := record{seq: 4, at: noon.UnixMicro(), kind: "see", state: "seen", body: []byte(`{"result":{"outcome":"approved","auth_code":"651200"}}`), prev: []byte(strings.Repeat("p", 32))}
	want := r.sum()
	for i := range r.body {
		for bit := range 8 {
			x := r
			x.body = slices.Clone(r.body)
			x.body[i] ^= 1 << bit
			if x.sum() == want {
				t.Fatalf("bit %d of byte %d does not count", bit, i)
			}
		}
	}
	moved := r // a byte that wanders from one column to the next
	moved.kind, moved.state = "sees", "een"
	if moved.sum() == want {
		t.Error("columns run into each other")
	}
}

// A forger who knows the scheme and computes the chain anew is found by the core's replay where the story is
// impossible, and cannot be found where it is possible: the chain guards against accident and ignorance.
func TestVerifyReplays(t *testing.T) {
	b := whole(t)
	path := filepath.Join(memoryDir(t), "journal.db")
	write(t, path, b)
	db := raw(t, path)
	if _, err := db.Exec("DROP TRIGGER entry_never_changes"); err != nil {
		t.Fatal(err)
	}
	prev := seed(uuid(1))
	for seq := 1; seq <= 7; seq++ {
		var r record
		if err := db.QueryRow("SELECT seq, at, kind, state, body FROM entry WHERE payment_id = 1 AND seq = ?", seq).Scan(&r.seq, &r.at, &r.kind, &r.state, &r.body); err != nil {
			t.Fatal(err)
		}
		r.prev = slices.Clone(prev[:])
		if seq == 6 {
			r.body = []byte(strings.Replace(string(r.body), `"approved"`, `"declined"`, 1))
		}
		if _, err := db.Exec("UPDATE entry SET body = ?, prev = ? WHERE payment_id = 1 AND seq = ?", string(r.body), r.prev, seq); err != nil {
			t.Fatal(err)
		}
		prev = r.sum()
	}
	if _, err := db.Exec("UPDATE payment SET head = ? WHERE id = 1", prev[:]); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	j := open(t, path)
	problems, err := j.Verify(t.Context())
	if err != nil || len(problems) != 1 || problems[0].Seq != 6 || !strings.Contains(problems[0].String(), "entry 6: it leads to uncertain and says approved") {
		t.Errorf("problems are %v, %v", problems, err)
	}
}

// More problems than anybody reads do not fill the memory.
func TestVerifyStops(t *testing.T) {
	path := filled(t, maxProblems+300)
	db := raw(t, path)
	if _, err := db.Exec("UPDATE payment SET reason = 'x'"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	problems, err := open(t, path).Verify(t.Context())
	if err != nil || len(problems) != maxProblems {
		t.Errorf("%d problems, %v", len(problems), err)
	}
}

// What stands in journals out there must be readable for ever: the same events give the same rows, and the rows of old, of
// each version there was, give the same payments. The digests in the first file were checked with another program.
func TestStoredFormIsPinned(t *testing.T) {
	j := fresh(t)
	lives(t, j)
	db := raw(t, j.Path())
	got := dump(t, db)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	got = got[strings.Index(got, "INSERT INTO payment"):]
	all := migrations()
	newest := storedFile(len(all))
	if *update {
		if _, err := os.Stat(newest); os.IsNotExist(err) {
			write(t, newest, []byte(got))
		}
	}
	want, err := os.ReadFile(newest)
	if err != nil {
		t.Fatal(err)
	}
	strip := func(s string) string { // SetMark uses the clock
		lines := strings.Split(s, "\n")
		return strings.Join(slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, "INSERT INTO terminal VALUES ('bar'") }), "\n")
	}
	if strip(got) != strip(string(want)) {
		t.Errorf("the rows are not those of %s but\n%s", newest, got)
	}
	for version := 1; version <= len(all); version++ {
		t.Run(fmt.Sprintf("version %d", version), func(t *testing.T) { readsOld(t, j, all[:version]) })
	}
}

func storedFile(version int) string {
	return filepath.Join("testdata", "stored", fmt.Sprintf("version%d.sql", version))
}

// readsOld opens a journal of an older version, with the rows that such a journal has, and compares its payments with those of j.
func readsOld(t *testing.T, j *Journal, then []migration) {
	rows, err := os.ReadFile(storedFile(len(then)))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(memoryDir(t), "journal.db")
	write(t, path, nil)
	old := writer(path, "rw")
	if _, err := migrate(t.Context(), old, then); err != nil {
		t.Fatal(err)
	}
	if _, err := old.Exec("PRAGMA foreign_keys = 0;" + string(rows)); err != nil {
		t.Fatal(err)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, path)
	verified(t, again)
	list, err := again.List(t.Context(), Filter{})
	if err != nil || len(list) < 5 {
		t.Fatalf("%d payments, %v", len(list), err)
	}
	for _, l := range list {
		if diff := differ(l.Payment, read(t, j, l.UUID)); diff != "" {
			t.Errorf("payment %s has another %s", l.UUID, diff)
		}
	}
}

// Digests computed with Python's hashlib from the scheme as it
// is written down at record.sum.
func TestDigestByAnotherProgram(t *testing.T) {
	first := seed("a-uuid")
	if got, want := hex.EncodeToString(first[:]), "c459a0f35d961ad223584074a09254f42fc829138c7debc9625b9a3a19e19f87"; got != want {
		t.Errorf("seed is %s, want %s", got, want)
	}
	r := record{seq: 2, at: 1772366400123456, kind: "arm", state: "armed", body: []byte(`{"driver":"zvt"}`), prev: first[:]}
	sum := r.sum()
	if got, want := hex.EncodeToString(sum[:]), "d0a02bbd71bcfea308c2feadfc2b3ed1c9192d5227505a82aa0e94c3bc7cecf1"; got != want {
		t.Errorf("digest is %s, want %s", got, want)
	}
}

// Verify says which entry is missing, goes on behind a payment that cannot be read, and stops at its bound.
func TestVerifyTells(t *testing.T) {
	all := whole(t)
	told := func(problems []Problem, text string) bool {
		return slices.ContainsFunc(problems, func(p Problem) bool { return strings.Contains(p.Text, text) })
	}
	if found := altered(t, all, "DELETE FROM entry WHERE seq = 3 AND payment_id = 1"); !told(found, "entry 3 is missing") {
		t.Errorf("an entry that is missing: %+v", found)
	}
	found := altered(t, all, "UPDATE payment SET state = 'nonsense'")
	uuids := map[string]bool{}
	for _, p := range found {
		uuids[p.UUID] = true
	}
	if len(uuids) < 5 {
		t.Errorf("five payments cannot be read, and told are %+v", found)
	}
	v := &verifier{}
	for n := range maxProblems + 5 {
		v.add("", n, "x")
	}
	if len(v.found) != maxProblems {
		t.Errorf("%d problems are kept", len(v.found))
	}
}
