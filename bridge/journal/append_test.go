package journal

import (
	"context"
	"database/sql"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// step is a transition of the core.
func step(t testing.TB, p bridge.Payment, e bridge.Event) bridge.Transition {
	t.Helper()
	tr, err := bridge.Step(p, e)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// counts is the number of rows of every table.
func counts(t testing.TB, j *Journal) map[string]int {
	t.Helper()
	n := map[string]int{}
	for _, table := range []string{"payment", "entry", "outbox", "alarm", "receipt", "terminal", "pruning"} {
		var rows int
		if err := j.read.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&rows); err != nil {
			t.Fatal(err)
		}
		n[table] = rows
	}
	return n
}

func TestAppendKeepsEveryField(t *testing.T) {
	j := fresh(t)
	var p bridge.Payment
	for i, e := range approved(7) {
		p = live(t, j, p, e)
		got := read(t, j, p.UUID)
		if diff := differ(got, p); diff != "" {
			t.Errorf("after %s the %s differs:\n%+v\n%+v", e.Kind, diff, got, p)
		}
		if !got.Received.Equal(p.Received) || !got.Armed.Equal(p.Armed) || !got.Updated.Equal(p.Updated) || got.Entries != i+1 {
			t.Errorf("after %s times are %s, %s, %s, entries %d", e.Kind, got.Received, got.Armed, got.Updated, got.Entries)
		}
		if !reflect.DeepEqual(got.Order, p.Order) {
			t.Errorf("after %s the order is %+v", e.Kind, got.Order)
		}
	}
	verified(t, j)
	story, err := j.Story(t.Context(), p.UUID)
	if err != nil {
		t.Fatal(err)
	}
	var events []bridge.Event
	for i, s := range story {
		if s.Seq != i+1 || s.Kind != s.Event.Kind || !s.At.Equal(s.Event.At) {
			t.Errorf("entry %d is %+v", i+1, s)
		}
		events = append(events, s.Event)
	}
	again, err := bridge.Replay(events)
	if err != nil || differ(again, p) != "" {
		t.Errorf("the story replays to %+v, %v", again, err)
	}
	if story[len(story)-1].State != bridge.Reported {
		t.Errorf("the story ends %s", story[len(story)-1].State)
	}
}

func TestAppendPerson(t *testing.T) {
	j := fresh(t)
	e := approved(1)
	p := live(t, j, bridge.Payment{}, e[0], e[1], e[2])
	p = live(t, j, p, bridge.Event{Kind: bridge.Lose, At: noon, Reason: "the line was lost"}, bridge.Event{Kind: bridge.Ask, At: noon},
		bridge.Event{Kind: bridge.Hold, At: noon, Reason: "nothing to read", Result: &terminal.Result{Text: "no record"}})
	if got := read(t, j, p.UUID); got.Result == nil || got.Result.Text != "no record" || got.Person != nil {
		t.Errorf("held with result %+v, person %+v", got.Result, got.Person)
	}
	who := &bridge.Person{Name: "Anna", Evidence: "receipt in the drawer", AuthCode: "651200"}
	p = live(t, j, p, bridge.Event{Kind: bridge.Resolve, At: noon, Outcome: terminal.Approved, Person: who})
	got := read(t, j, p.UUID)
	if got.Person == nil || *got.Person != *who || got.Proof != terminal.Person || differ(got, p) != "" {
		t.Errorf("settled as %+v by %+v", got, got.Person)
	}
	due, err := j.Due(t.Context(), noon, 10)
	if err != nil || len(due) != 1 || due[0].Notice != (bridge.Notice{UUID: p.UUID, Approved: true, AuthCode: "651200"}) {
		t.Errorf("due are %+v, %v", due, err)
	}
	verified(t, j)
}

func TestAppendRefusals(t *testing.T) {
	j := fresh(t)
	e := approved(1)
	accept := step(t, bridge.Payment{}, e[0])
	live(t, j, bridge.Payment{}, e[0])
	armed := step(t, accept.After, e[1])
	live(t, j, accept.After, e[1])

	sameReference := e[0]
	other := *order(2)
	sameReference.Order = &other

	elsewhere := armed // the same place in the life of a payment with another past
	elsewhere.Before.Entries, elsewhere.After.Entries = 2, 3

	forged := step(t, armed.After, e[2])
	forged.After.State = bridge.Seen

	otherOutcome := step(t, armed.After, e[2])
	otherOutcome.After.Outcome = terminal.Approved

	otherUUID := step(t, bridge.Payment{}, approved(8)[0])
	otherUUID.After.UUID = uuid(9)

	lost := step(t, accept.After, e[1])
	lost.Before.UUID, lost.After.UUID = uuid(9), uuid(9)

	illegal := bridge.Transition{Before: armed.After, After: armed.After, Event: bridge.Event{Kind: bridge.Report, At: noon}}
	var refused *bridge.RefusedError
	before := counts(t, j)
	for name, c := range map[string]struct {
		t    bridge.Transition
		want func(error) bool
	}{
		"a uuid again":                {accept, func(err error) bool { return errors.Is(err, bridge.ErrExists) }},
		"a step again":                {armed, func(err error) bool { return errors.Is(err, bridge.ErrStale) }},
		"a step that is not one":      {elsewhere, func(err error) bool { return errors.As(err, &refused) }},
		"a result that is not so":     {forged, func(err error) bool { return errors.Is(err, bridge.ErrStale) }},
		"an outcome that is not so":   {otherOutcome, func(err error) bool { return errors.Is(err, bridge.ErrStale) }},
		"another uuid than ordered":   {otherUUID, func(err error) bool { return errors.Is(err, bridge.ErrStale) }},
		"a payment that is not there": {lost, func(err error) bool { return errors.Is(err, bridge.ErrStale) }},
		"an illegal event":            {illegal, func(err error) bool { return errors.As(err, &refused) }},
		"a reference again": {
			step(t, bridge.Payment{}, sameReference),
			func(err error) bool { return err != nil && strings.Contains(err.Error(), "was used before") },
		},
	} {
		if err := j.Append(t.Context(), c.t); !c.want(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if after := counts(t, j); !reflect.DeepEqual(before, after) {
		t.Errorf("rows changed from %v to %v", before, after)
	}
	if got := read(t, j, uuid(1)); got.State != bridge.Armed || got.Entries != 2 {
		t.Errorf("the payment is %s with %d entries", got.State, got.Entries)
	}
	if err := j.Accepting(); err != nil {
		t.Errorf("refusals stopped new payments: %v", err)
	}
	verified(t, j)
}

func TestAppendOutboxAlarmMark(t *testing.T) {
	j := fresh(t)
	e := approved(1)
	mark := func() string {
		m, _, err := j.Mark(t.Context(), "counter")
		if err != nil {
			t.Fatal(err)
		}
		return string(m)
	}
	if err := j.SetMark(t.Context(), "counter", "0", "60000001"); err != nil {
		t.Fatal(err)
	}
	p := live(t, j, bridge.Payment{}, e[:5]...)
	if n := counts(t, j)["outbox"]; n != 0 || mark() != "0" {
		t.Errorf("before the outcome: %d notices, mark %q", n, mark())
	}
	p = live(t, j, p, e[5])
	if n := counts(t, j)["outbox"]; n != 1 || mark() != "1" {
		t.Errorf("with the outcome: %d notices, mark %q", n, mark())
	}
	p = live(t, j, p, e[6])
	if n := counts(t, j)["outbox"]; n != 0 {
		t.Errorf("reported: %d notices", n)
	}
	late := bridge.Event{Kind: bridge.Late, At: noon, Result: &terminal.Result{
		Outcome: terminal.Declined, Proof: terminal.UnchangedMark, Text: "card 4111111111111111 was refused",
	}}
	p = live(t, j, p, late)
	live(t, j, p, late)
	alarms, err := j.Alarms(t.Context())
	if err != nil || len(alarms) != 1 {
		t.Fatalf("alarms are %+v, %v", alarms, err)
	}
	a := alarms[0]
	if a.Kind != AlarmContrary || a.UUID != uuid(1) || a.Terminal != "counter" || !a.At.Equal(noon) ||
		!strings.Contains(a.Text, "recorded as approved") || !strings.Contains(a.Text, "says declined, by unchanged-mark") || strings.Contains(a.Text, "411111") {
		t.Errorf("the alarm is %+v", a)
	}
	other := live(t, j, bridge.Payment{}, approved(2)[:3]...)
	live(t, j, other, bridge.Event{Kind: bridge.Lose, At: noon, Reason: "gone"})
	if m, id, err := j.Mark(t.Context(), "counter"); m.Known() || id != "60000001" || err != nil {
		t.Errorf("after a lost dialogue the mark is %q of terminal %q, %v", m, id, err)
	}
	verified(t, j)
}

// Texts that no sane terminal sends: what happened is kept, whatever it is called.
func TestAppendOddTexts(t *testing.T) {
	j := fresh(t)
	e := approved(1)
	odd := approval(1, terminal.Dialogue)
	odd.Text = strings.Repeat("ä", 5000) + "\xff\xfe\x00"
	odd.Raw = strings.Repeat("ab", 100000)
	odd.TxnRef = "163\xff<&>\u2028"
	odd.AuthCode = strings.Repeat("9", 1000)
	seen := *odd
	seen.Proof = terminal.NoProof
	e[3].Result, e[5].Result = &seen, odd
	p := live(t, j, bridge.Payment{}, e[:6]...)
	got := read(t, j, p.UUID)
	if got.State != bridge.Approved || got.Result.TxnRef != "163<&>\u2028" || len(got.Result.Text) > maxWords || len(got.Result.AuthCode) != maxName {
		t.Errorf("kept as %s %+q", got.State, got.Result.TxnRef)
	}
	verified(t, j)
	live(t, j, got, e[6])
	verified(t, j)
}

func TestThousandAcceptsOfOneUUID(t *testing.T) {
	j := fresh(t)
	var won, exist int
	var mu sync.Mutex
	var all sync.WaitGroup
	start := make(chan struct{})
	for n := range 1000 {
		e := approved(1)[0]
		e.Reference = reference(n)
		tr := step(t, bridge.Payment{}, e)
		all.Go(func() {
			<-start
			err := j.Append(t.Context(), tr)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				won++
			case errors.Is(err, bridge.ErrExists):
				exist++
			default:
				t.Errorf("append: %v", err)
			}
		})
	}
	close(start)
	all.Wait()
	if won != 1 || exist != 999 {
		t.Errorf("%d won, %d were told that it exists", won, exist)
	}
	if n := counts(t, j); n["payment"] != 1 || n["entry"] != 1 {
		t.Errorf("rows are %v", n)
	}
	verified(t, j)
}

// Several terminals write while others read; each payment comes out whole.
func TestManyWritersAndReaders(t *testing.T) {
	j := fresh(t)
	ctx, stop := context.WithCancel(t.Context())
	var readers, writers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for ctx.Err() == nil {
				list, err := j.List(ctx, Filter{Limit: 20})
				if err != nil && ctx.Err() == nil {
					t.Error(err)
				}
				for _, p := range list {
					if p.Final() != (p.Outcome != terminal.Unknown) {
						t.Errorf("read half a step: %s with %s", p.State, p.Outcome)
					}
				}
				if _, err := j.Due(ctx, noon, 10); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			}
		})
	}
	for w := range 4 {
		writers.Go(func() {
			for n := w * 20; n < w*20+20; n++ {
				var p bridge.Payment
				for _, e := range approved(n) {
					tr, err := bridge.Step(p, e)
					if err == nil {
						err = j.Append(t.Context(), tr)
					}
					if err != nil {
						t.Errorf("payment %d: %v", n, err)
						return
					}
					p = tr.After
				}
			}
		})
	}
	writers.Wait()
	stop()
	readers.Wait()
	if n := counts(t, j); n["payment"] != 80 || n["entry"] != 560 || n["outbox"] != 0 {
		t.Errorf("rows are %v", n)
	}
	verified(t, j)
}

// A context that ends leaves the transition out or in, never half in, and no connection behind.
func TestAppendCancelled(t *testing.T) {
	j := fresh(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	tr := step(t, bridge.Payment{}, approved(1)[0])
	if err := j.Append(ctx, tr); !errors.Is(err, context.Canceled) {
		t.Errorf("append under a cancelled context: %v", err)
	}
	if n := counts(t, j)["payment"]; n != 0 {
		t.Errorf("%d payments", n)
	}

	// Another writer holds the connection: waiting ends with the context.
	inside, leave := make(chan struct{}), make(chan struct{})
	var holder sync.WaitGroup
	holder.Go(func() {
		err := j.transact(t.Context(), func(context.Context, *sql.Tx) error { close(inside); <-leave; return nil })
		if err != nil {
			t.Error(err)
		}
	})
	<-inside
	ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := j.Append(ctx, tr); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("append behind another writer: %v", err)
	}
	close(leave)
	holder.Wait()

	p := bridge.Payment{}
	kept := 0
	for n := 10; n < 210; n++ {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n)*time.Microsecond)
		tr := step(t, p, approved(n)[0])
		err := j.Append(ctx, tr)
		cancel()
		_, there, rerr := j.Payment(t.Context(), uuid(n))
		if rerr != nil || there != (err == nil) {
			t.Fatalf("append says %v, there is %v, %v", err, there, rerr)
		}
		if there {
			kept++
		}
	}
	t.Logf("%d of 200 were in time", kept)
	live(t, j, bridge.Payment{}, approved(1)...)
	verified(t, j)
}

// Entries cannot be changed, moved or removed past the journal, by whatever statement.
func TestTriggers(t *testing.T) {
	path := filled(t, 2)
	db := raw(t, path)
	for _, s := range []string{
		"UPDATE entry SET body = '{}'", "UPDATE entry SET at = at + 1 WHERE seq = 2", "UPDATE OR REPLACE entry SET seq = 1 WHERE seq = 2",
		"DELETE FROM entry", "DELETE FROM entry WHERE seq = 7", "DELETE FROM payment WHERE id = 1",
		"INSERT INTO entry SELECT payment_id, seq + 2, at, kind, state, body, prev FROM entry WHERE seq = 7",
		"INSERT OR REPLACE INTO entry SELECT payment_id, seq, at + 1, kind, state, body, prev FROM entry WHERE seq = 7",
		"UPDATE payment SET amount = 1", "UPDATE payment SET uuid = 'x' WHERE id = 1", "UPDATE payment SET received = 0",
	} {
		if _, err := db.Exec(s); err == nil {
			t.Errorf("%s went through", s)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	verified(t, open(t, path))
}
