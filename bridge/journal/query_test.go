package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// An amount is found as its currency writes it.
func TestListByAmount(t *testing.T) {
	j := fresh(t)
	for n, c := range []terminal.Currency{{Code: "JPY", Numeric: 392}, {Code: "KWD", Numeric: 414, Digits: 3}, eur} {
		p := approved(n + 1)
		p[0].Order.Amount = terminal.Amount{Minor: 70105, Currency: c}
		live(t, j, bridge.Payment{}, p[:1]...)
	}
	for text, want := range map[string]string{"70105": "JPY", "70.105": "KWD", "70,105": "KWD", "701.05": "EUR", "701,05": "EUR", "701.5": "", "701": ""} {
		list, err := j.List(t.Context(), Filter{Text: text})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, l := range list {
			got += l.Amount.Currency.Code
		}
		if got != want {
			t.Errorf("%s finds %q, want %q", text, got, want)
		}
	}
}

func TestList(t *testing.T) {
	j := fresh(t)
	fill(t, j, 1, 31)
	bar := approved(40)
	bar[0].Order.Terminal = "bar"
	live(t, j, bridge.Payment{}, bar[:2]...)
	live(t, j, bridge.Payment{}, approved(41)[:1]...)
	held := live(t, j, bridge.Payment{}, approved(42)[:3]...)
	live(t, j, held, bridge.Event{Kind: bridge.Lose, At: noon, Reason: "gone"}, bridge.Event{Kind: bridge.Hold, At: noon, Reason: "no record"},
		bridge.Event{Kind: bridge.Resolve, At: noon, Outcome: terminal.Approved, Person: &bridge.Person{Name: "Anna", Evidence: "slip", AuthCode: "AB77XY"}})
	minute := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Minute) }
	for name, c := range map[string]struct {
		f    Filter
		want []int // the numbers of the payments, newest first
	}{
		"terminal":                {Filter{Terminal: "bar"}, []int{40}},
		"no such terminal":        {Filter{Terminal: "garden"}, nil},
		"state":                   {Filter{States: []bridge.State{bridge.Armed, bridge.Received}}, []int{41, 40}},
		"time":                    {Filter{From: minute(10), To: minute(13)}, []int{12, 11, 10}},
		"since":                   {Filter{From: minute(40)}, []int{42, 41, 40}},
		"until":                   {Filter{To: minute(3)}, []int{2, 1}},
		"limit":                   {Filter{Limit: 2}, []int{42, 41}},
		"page":                    {Filter{Limit: 2, BeforeID: 32}, []int{40, 30}},
		"uuid":                    {Filter{Text: uuid(17)}, []int{17}},
		"part of it, upper case":  {Filter{Text: strings.ToUpper(uuid(17)[:20])}, []int{17}},
		"customer":                {Filter{Text: order(17).Customer}, []int{17}},
		"reference":               {Filter{Text: reference(9)}, []int{9}},
		"authorisation code":      {Filter{Text: "000026"}, []int{26}},
		"what a person typed":     {Filter{Text: "ab77xy"}, []int{42}},
		"amount":                  {Filter{Text: order(17).Amount.Decimal()}, []int{17}},
		"amount with a comma":     {Filter{Text: strings.Replace(order(17).Amount.Decimal(), ".", ",", 1)}, []int{17}},
		"part of an amount":       {Filter{Text: order(17).Amount.Decimal()[1:]}, nil},
		"a wildcard is none":      {Filter{Text: "%"}, nil},
		"a key of the JSON":       {Filter{Text: "auth_code"}, nil},
		"everything at once":      {Filter{Terminal: "counter", States: []bridge.State{bridge.Reported}, From: minute(5), To: minute(9), Text: "-", Limit: 2}, []int{8, 7}},
		"an attempt at injection": {Filter{Terminal: "' OR 1=1 --", Text: "x') OR 1=1 --"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			list, err := j.List(t.Context(), c.f)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, l := range list {
				got = append(got, l.UUID)
			}
			var want []string
			for _, n := range c.want {
				want = append(want, uuid(n))
			}
			if !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
	all, err := j.List(t.Context(), Filter{})
	if err != nil || len(all) != 33 {
		t.Fatalf("%d payments, %v", len(all), err)
	}
	for i := 1; i < len(all); i++ {
		if all[i].ID >= all[i-1].ID {
			t.Errorf("%d follows %d", all[i].ID, all[i-1].ID)
		}
	}
	open, err := j.Unsettled(t.Context())
	if err != nil || len(open) != 2 || open[0].UUID != uuid(40) || open[1].UUID != uuid(41) {
		t.Errorf("open are %+v, %v", open, err)
	}
	if story, err := j.Story(t.Context(), "none"); err != nil || len(story) != 0 {
		t.Errorf("story of nothing: %+v, %v", story, err)
	}
}

// The states that are open stand in an index and a query; both must be those of the core.
func TestOpenStatesAreTheCores(t *testing.T) {
	var open []string
	for _, s := range bridge.States() {
		if s.Open() {
			open = append(open, "'"+s.String()+"'")
		}
	}
	j := fresh(t)
	var index string
	if err := j.read.QueryRow("SELECT sql FROM sqlite_schema WHERE name = 'payment_open'").Scan(&index); err != nil {
		t.Fatal(err)
	}
	if want := "(" + strings.Join(open, ", ") + ")"; !strings.Contains(index, want) {
		t.Errorf("the index is %s, want %s in it", index, want)
	}
	n := 0
	for _, s := range bridge.States() {
		n++
		_, err := j.write.Exec(`INSERT INTO payment (uuid, reference, customer, terminal, amount, currency, currency_num, digits, driver, evidence, state,
			outcome, proof, received, updated, mark, reason, entries, head) VALUES (?1, ?1, '', '', 1, 'EUR', 978, 2, '', 0, ?2, 'unknown', 'none', 0, 0, '', '', 1, x'')`, fmt.Sprint(n), s.String())
		if err != nil {
			t.Fatal(err)
		}
	}
	unsettled, err := j.Unsettled(t.Context())
	if err != nil || len(unsettled) != len(open) {
		t.Errorf("%d payments are open, %v; want %d", len(unsettled), err, len(open))
	}
}

// plan is how SQLite would carry out a query.
func plan(t *testing.T, j *Journal, query string, args ...any) string {
	t.Helper()
	var b strings.Builder
	err := eachRow(t.Context(), j.read, func(rows *sql.Rows) error {
		var id, parent, unused int
		var detail string
		err := rows.Scan(&id, &parent, &unused, &detail)
		b.WriteString(detail + "\n")
		return err
	}, "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// What is asked often does not walk through all payments.
func TestQueriesUseTheirIndexes(t *testing.T) {
	j := fresh(t)
	for want, query := range map[string]string{
		"USING INDEX payment_open":       selectPayment + fromPayment + "WHERE p.state IN ('received', 'armed', 'sent', 'seen', 'acknowledged', 'uncertain', 'recovering', 'held') ORDER BY p.id",
		"USING INDEX sqlite_autoindex_":  selectPayment + fromPayment + "WHERE p.uuid = 'x'",
		"USING COVERING INDEX outbox_ne": "SELECT min(next_at) FROM outbox",
		"INDEX outbox_next":              "UPDATE outbox SET next_at = 0 WHERE next_at > 0",
	} {
		if got := plan(t, j, query); !strings.Contains(got, want) {
			t.Errorf("plan of %s is\n%s, want %s", query, got, want)
		}
	}
}

func TestOutbox(t *testing.T) {
	j := fresh(t)
	ctx := t.Context()
	if _, owed, err := j.NextDue(ctx); owed || err != nil {
		t.Errorf("an empty outbox owes: %v, %v", owed, err)
	}
	for n := 1; n <= 3; n++ {
		live(t, j, bridge.Payment{}, approved(n)[:6]...)
	}
	due := func(now time.Time, limit int) (uuids []string) {
		t.Helper()
		list, err := j.Due(ctx, now, limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range list {
			uuids = append(uuids, n.UUID)
		}
		return uuids
	}
	// A new notice is due whatever the clock says.
	if got := due(noon.AddDate(-5, 0, 0), 10); !slices.Equal(got, []string{uuid(1), uuid(2), uuid(3)}) {
		t.Errorf("due are %q", got)
	}
	if at, owed, err := j.NextDue(ctx); !owed || !at.IsZero() || err != nil {
		t.Errorf("next is %s, %v, %v", at, owed, err)
	}
	if got := due(noon, 2); len(got) != 2 {
		t.Errorf("two of them are %q", got)
	}
	for n, wait := range map[int]time.Duration{1: time.Second, 2: time.Minute, 3: 15 * time.Minute} {
		if err := j.Postpone(ctx, uuid(n), n, noon.Add(wait), "500 for card 4111111111111111"); err != nil {
			t.Fatal(err)
		}
	}
	if at, owed, err := j.NextDue(ctx); !owed || !at.Equal(noon.Add(time.Second)) || err != nil {
		t.Errorf("next is %s, %v, %v", at, owed, err)
	}
	if got := due(noon, 10); got != nil {
		t.Errorf("due at noon are %q", got)
	}
	if got := due(noon.Add(time.Minute), 10); !slices.Equal(got, []string{uuid(1), uuid(2)}) {
		t.Errorf("due a minute later are %q", got)
	}
	if got := due(noon.AddDate(-1, 0, 0), 10); len(got) != 3 {
		t.Errorf("after the clock was set back a year, due are %q", got)
	}
	list, err := j.Due(ctx, noon.Add(time.Second), 10)
	want := Notice{Notice: bridge.Notice{UUID: uuid(1), Approved: true, AuthCode: "000001", TxnRef: "1"}, Attempts: 1, NextAt: noon.Add(time.Second), LastError: "500 for card ************1111"}
	if err != nil || len(list) != 1 || !reflect.DeepEqual(list[0], want) {
		t.Errorf("due is %+v, %v; want %+v", list, err, want)
	}

	// Opening the journal again makes all of them due.
	path := j.Path()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, path)
	if got := due(noon.AddDate(-1, 0, 0), 10); len(got) != 3 {
		t.Errorf("after a start, due are %q", got)
	}
	if n, err := j.Owed(ctx); n != 3 || err != nil {
		t.Errorf("%d owed, %v", n, err)
	}

	// Reported, then asked for again.
	if _, err := j.Renotify(ctx, uuid(1)); err != nil {
		t.Error(err)
	}
	p := live(t, j, read(t, j, uuid(1)), approved(1)[6])
	if err := j.Postpone(ctx, uuid(1), 9, noon, "too late"); err != nil {
		t.Errorf("postponing what is not owed: %v", err)
	}
	if got := due(noon, 10); slices.Contains(got, uuid(1)) {
		t.Errorf("a reported payment is due: %q", got)
	}
	for _, want := range []bool{false, true} {
		if there, err := j.Renotify(ctx, p.UUID); err != nil || there != want {
			t.Errorf("asked for again: was there %t, %v; want %t", there, err, want)
		}
	}
	if err := j.Postpone(ctx, p.UUID, 1, noon.Add(time.Hour), "busy"); err != nil {
		t.Error(err)
	}
	if there, err := j.Renotify(ctx, p.UUID); err != nil || !there {
		t.Errorf("asked for again while it waits: was there %t, %v", there, err)
	}
	if got := due(noon, 10); !slices.Contains(got, uuid(1)) || len(got) != 3 {
		t.Errorf("sent again: due are %q", got)
	}
	if err := errors.Join(j.Forget(ctx, uuid(1)), j.Forget(ctx, uuid(1)), j.Forget(ctx, uuid(2)), j.Forget(ctx, "none")); err != nil {
		t.Error(err)
	}
	if got := due(noon, 10); !slices.Equal(got, []string{uuid(2), uuid(3)}) {
		t.Errorf("after forgetting, due are %q", got)
	}
	open := live(t, j, bridge.Payment{}, approved(4)[:2]...)
	for _, id := range []string{open.UUID, "none"} {
		if _, err := j.Renotify(ctx, id); err == nil {
			t.Errorf("a notice was put back for %s", id)
		}
	}
	verified(t, j)
}

func TestAlarms(t *testing.T) {
	j := fresh(t)
	ctx := t.Context()
	a := Alarm{At: noon, Kind: "notify", Terminal: "counter", UUID: uuid(1), Text: "MGR answers 403 for 4111 1111 1111 1111"}
	b := a
	b.At, b.UUID = noon.Add(time.Second), ""
	for _, x := range []Alarm{a, a, b, b, a} {
		if err := j.RaiseAlarm(ctx, x); err != nil {
			t.Fatal(err)
		}
	}
	standing, err := j.Alarms(ctx)
	if err != nil || len(standing) != 2 || standing[0].UUID != "" || standing[1].Text != "MGR answers 403 for **** **** **** 1111" || !standing[1].At.Equal(noon) {
		t.Fatalf("alarms are %+v, %v", standing, err)
	}
	if err := j.ClearAlarm(ctx, standing[1].ID, "  ", noon); err == nil {
		t.Error("cleared by nobody")
	}
	if err := j.ClearAlarm(ctx, standing[1].ID, "Anna", noon.Add(time.Hour)); err != nil {
		t.Error(err)
	}
	if err := j.ClearAlarm(ctx, standing[1].ID, "Ben", noon); err == nil {
		t.Error("cleared twice")
	}
	if err := j.ClearAlarm(ctx, 4711, "Ben", noon); err == nil {
		t.Error("an alarm that is not there was cleared")
	}
	if err := j.RaiseAlarm(ctx, a); err != nil { // it is new again
		t.Fatal(err)
	}
	of, err := j.AlarmsOf(ctx, uuid(1))
	if err != nil || len(of) != 2 || of[1].ClearedBy != "Anna" || !of[1].ClearedAt.Equal(noon.Add(time.Hour)) || !of[0].ClearedAt.IsZero() {
		t.Errorf("alarms of the payment are %+v, %v", of, err)
	}
	if of, err := j.AlarmsOf(ctx, ""); err != nil || len(of) != 0 {
		t.Errorf("alarms of no payment are %+v, %v", of, err)
	}
}

func TestReceipts(t *testing.T) {
	j := fresh(t)
	ctx := t.Context()
	p := live(t, j, bridge.Payment{}, approved(1)[0])
	slip := func(n int) terminal.Receipt {
		return terminal.Receipt{Kind: terminal.CustomerReceipt, Signature: n%2 == 0, Lines: []terminal.Line{
			{Text: fmt.Sprintf("No. %d", n), Centred: true, Wide: true}, {Text: "PAN 4111 1111 1111 7423", Indent: 2}, {Text: "TOTAL 12.50 EUR", Tall: true},
		}}
	}
	for n := range 10 {
		err := errors.Join(j.SaveReceipt(ctx, p.UUID, slip(n)), j.SaveReceipt(ctx, p.UUID, slip(n)))
		if n < maxReceipts && err != nil || n >= maxReceipts && !errors.Is(err, ErrLimit) {
			t.Errorf("receipt %d: %v", n, err)
		}
	}
	got, err := j.Receipts(ctx, p.UUID)
	if err != nil || len(got) != maxReceipts {
		t.Fatalf("%d receipts, %v", len(got), err)
	}
	want := slip(3)
	want.Lines[1].Text = "PAN **** **** **** 7423"
	if !reflect.DeepEqual(got[3], want) {
		t.Errorf("receipt is %+v, want %+v", got[3], want)
	}
	if err := j.SaveReceipt(ctx, "none", slip(1)); err == nil {
		t.Error("a receipt of no payment was kept")
	}

	q := live(t, j, bridge.Payment{}, approved(2)[0])
	long := terminal.Receipt{Kind: terminal.MerchantReceipt}
	for n := range 3000 {
		long.Lines = append(long.Lines, terminal.Line{Text: fmt.Sprintf("line %d \"<\x01\xff", n)})
	}
	long.Lines = append([]terminal.Line{{Text: strings.Repeat("x", 5000)}}, long.Lines...)
	if err := j.SaveReceipt(ctx, q.UUID, long); err != nil {
		t.Fatal(err)
	}
	got, err = j.Receipts(ctx, q.UUID)
	if err != nil || len(got) != 1 || len(got[0].Lines) < 500 || len(got[0].Lines[0].Text) != maxLine || !strings.HasPrefix(got[0].Lines[9].Text, "line 8 ") {
		t.Errorf("kept %d lines, %v", len(got[0].Lines), err)
	}
	var most int
	if err := j.read.QueryRow("SELECT max(length(CAST(body AS BLOB))) FROM receipt").Scan(&most); err != nil || most > maxReceiptBody {
		t.Errorf("a receipt takes %d bytes, %v", most, err)
	}
	verified(t, j)
}

func TestMarks(t *testing.T) {
	j := fresh(t)
	ctx := t.Context()
	if m, id, err := j.Mark(ctx, "counter"); m.Known() || id != "" || err != nil {
		t.Errorf("an unknown terminal has mark %q, id %q, %v", m, id, err)
	}
	for _, c := range []struct {
		mark     terminal.Mark
		id, want string
	}{
		{"162", "60000001", "60000001"},
		{"162", "60000001", "60000001"},
		{"163", "60000001", "60000001"},
		{"", "60000002", "60000002"},
		{"7", "", "60000002"}, // it did not tell this time
		{"7", "60000001", "60000001"},
	} {
		if err := j.SetMark(ctx, "counter", c.mark, c.id); err != nil {
			t.Fatal(err)
		}
		if m, id, err := j.Mark(ctx, "counter"); m != c.mark || id != c.want || err != nil {
			t.Errorf("mark %q, id %q, %v; want %q, %q", m, id, err, c.mark, c.want)
		}
	}
}

func TestPrune(t *testing.T) {
	j := fresh(t)
	ctx := t.Context()
	now := noon.AddDate(0, 14, 0)
	limit := now.AddDate(0, -13, 0)
	fill(t, j, 1, 251) // old, and reported
	late := approved(300)
	live(t, j, bridge.Payment{}, late[:6]...)                                          // old, owed
	again := live(t, j, bridge.Payment{}, approved(301)...)                            // old, asked for again
	alarmed := live(t, j, bridge.Payment{}, approved(302)...)                          // old, with an alarm that was cleared
	live(t, j, bridge.Payment{}, approved(303)[:3]...)                                 // old, open
	touched := live(t, j, bridge.Payment{}, approved(304)[:6]...)                      // old, reported lately
	live(t, j, touched, bridge.Event{Kind: bridge.Report, At: limit.Add(time.Second)}) //
	young := approved(305)                                                             //
	for i := range young {                                                             //
		young[i].At = limit.Add(time.Duration(i) * time.Second) //
	} //
	live(t, j, bridge.Payment{}, young...)
	if _, err := j.Renotify(ctx, again.UUID); err != nil {
		t.Fatal(err)
	}
	if err := j.RaiseAlarm(ctx, Alarm{At: noon, Kind: "x", UUID: alarmed.UUID, Text: "x"}); err != nil {
		t.Fatal(err)
	}
	alarms, err := j.Alarms(ctx)
	if err != nil || len(alarms) != 1 {
		t.Fatalf("alarms are %+v, %v", alarms, err)
	}
	if err := j.ClearAlarm(ctx, alarms[0].ID, "Anna", noon); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1, 2, 305} {
		if err := j.SaveReceipt(ctx, uuid(n), terminal.Receipt{Lines: []terminal.Line{{Text: "x"}}}); err != nil {
			t.Fatal(err)
		}
	}

	if n, err := j.Prune(ctx, limit.Add(time.Microsecond), now); err == nil || n != 0 {
		t.Errorf("pruned %d payments nearer than 13 months, %v", n, err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if n, err := j.Prune(cancelled, limit, now); err == nil || n != 0 {
		t.Errorf("pruned %d payments under a cancelled context, %v", n, err)
	}
	n, err := j.Prune(ctx, limit, now)
	if err != nil || n != 250 {
		t.Errorf("pruned %d payments, %v; want 250", n, err)
	}
	got := counts(t, j)
	if want := (map[string]int{"payment": 6, "entry": 6 + 7 + 7 + 3 + 7 + 7, "outbox": 2, "alarm": 1, "receipt": 1, "terminal": 1, "pruning": 0}); !reflect.DeepEqual(got, want) {
		t.Errorf("left are %v, want %v", got, want)
	}
	for n := 300; n <= 305; n++ {
		read(t, j, uuid(n))
	}
	if n, err := j.Prune(ctx, limit, now); err != nil || n != 0 {
		t.Errorf("pruned %d more, %v", n, err)
	}
	verified(t, j)
	fill(t, j, 1, 11)
	verified(t, j)
}
