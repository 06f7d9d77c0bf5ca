package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// model is what the journal must hold, kept in memory by the rules of the contract alone.
type model struct {
	j        *Journal
	path     string
	now      time.Time
	payments map[string]bridge.Payment
	order    []string       // uuids, oldest first
	owed     map[string]int // attempts by uuid
	marks    map[string]terminal.Mark
	alarms   map[string]bool // texts that stand
}

// TestModel plays random lives, interleaved with retries, restarts and deliveries, against the model.
func TestModel(t *testing.T) {
	base := memoryDir(t)
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		dir := filepath.Join(base, fmt.Sprint(n))
		m := &model{
			path: filepath.Join(dir, "journal.db"), now: noon, payments: map[string]bridge.Payment{}, owed: map[string]int{},
			marks: map[string]terminal.Mark{}, alarms: map[string]bool{},
		}
		m.open(rt)
		rt.Repeat(map[string]func(*rapid.T){
			"":        m.check,
			"accept":  m.accept,
			"event":   m.event,
			"event 2": m.event, // most of a life is events
			"event 3": m.event,
			"stale":   m.stale,
			"deliver": m.deliver,
			"resend":  m.resend,
			"restart": m.restart,
		})
		m.whole(rt)
		if err := errors.Join(m.j.Close(), os.RemoveAll(dir)); err != nil {
			rt.Fatal(err)
		}
	})
}

func (m *model) open(t *rapid.T) {
	j, err := Open(t.Context(), m.path, Options{ReserveBytes: 4096})
	if err != nil {
		t.Fatal(err)
	}
	m.j = j
}

func (m *model) restart(t *rapid.T) {
	if err := m.j.Close(); err != nil {
		t.Fatal(err)
	}
	m.open(t)
}

// pick chooses one of the payments, or skips the action.
func (m *model) pick(t *rapid.T) bridge.Payment {
	if len(m.order) == 0 {
		t.Skip("no payment yet")
	}
	return m.payments[rapid.SampledFrom(m.order).Draw(t, "payment")]
}

func (m *model) accept(t *rapid.T) {
	n := len(m.order)
	o := *order(n)
	o.Terminal = rapid.SampledFrom([]string{"counter", "bar"}).Draw(t, "terminal")
	o.Amount.Minor = rapid.Int64Range(1, terminal.MaxMinor).Draw(t, "amount")
	m.apply(t, bridge.Payment{}, bridge.Event{Kind: bridge.Accept, Order: &o, Reference: reference(n)})
}

// event applies a random legal event to a random payment.
func (m *model) event(t *rapid.T) {
	p := m.pick(t)
	var legal []bridge.Event
	for _, k := range bridge.EventKinds() {
		e := m.draw(t, k)
		if _, err := bridge.Step(p, e); err == nil && k != bridge.Accept {
			legal = append(legal, e)
		}
	}
	if len(legal) == 0 {
		t.Skip("nothing can happen to it")
	}
	m.apply(t, p, rapid.SampledFrom(legal).Draw(t, "event"))
}

// draw makes an event with everything that the core may look at.
func (m *model) draw(t *rapid.T, k bridge.EventKind) bridge.Event {
	e := bridge.Event{
		Kind: k, Driver: "zvt", Evidence: terminal.C2 | terminal.C3, Mark: "100", Reason: rapid.String().Draw(t, "reason"),
		Outcome: rapid.SampledFrom([]terminal.Outcome{terminal.Approved, terminal.Declined}).Draw(t, "outcome"),
		Person:  &bridge.Person{Name: "Anna", Evidence: rapid.StringN(1, 20, -1).Draw(t, "evidence") + ".", AuthCode: "651200"},
	}
	r := approval(rapid.IntRange(0, 99).Draw(t, "number"), rapid.SampledFrom([]terminal.Proof{
		terminal.NoProof, terminal.Dialogue, terminal.Refused, terminal.Query, terminal.LastRecord, terminal.Voided,
	}).Draw(t, "proof"))
	r.CapturedMinor = nil
	r.Outcome = rapid.SampledFrom([]terminal.Outcome{terminal.Unknown, terminal.Approved, terminal.Declined}).Draw(t, "result")
	r.Text = rapid.String().Draw(t, "text")
	if rapid.Bool().Draw(t, "without mark") {
		r.Mark = ""
	}
	e.Result = r
	return e
}

// apply appends to the journal and to the model.
func (m *model) apply(t *rapid.T, p bridge.Payment, e bridge.Event) {
	m.now = m.now.Add(time.Duration(rapid.Int64Range(-1e9, 1e10).Draw(t, "nanoseconds"))) // clocks step back too
	e.At = m.now
	tr, err := bridge.Step(p, e)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.j.Append(t.Context(), tr); err != nil {
		t.Fatalf("append %s to a payment that is %s: %v", e.Kind, p.State, err)
	}
	a := tr.After
	if e.Kind == bridge.Accept {
		m.order = append(m.order, a.UUID)
	}
	m.payments[a.UUID] = a
	if tr.Has(bridge.Notify) {
		m.owed[a.UUID] = 0
	}
	if e.Kind == bridge.Report {
		delete(m.owed, a.UUID)
	}
	if tr.Has(bridge.Alarm) {
		m.alarms[cut(terminal.MaskCardNumbers(contrary(m.kept(t, tr))), maxWords)+a.UUID] = true
	}
	if mark, changes := bridge.MarkAfter(tr); changes {
		m.marks[a.Terminal] = mark
	}
}

// kept is a transition with its texts as the journal keeps them.
func (m *model) kept(t *rapid.T, tr bridge.Transition) bridge.Transition {
	e, _, err := encode(tr.Event)
	if err != nil {
		t.Fatal(err)
	}
	tr.Event = e
	tr.After.Reason = cut(tr.After.Reason, maxWords)
	return tr
}

// stale appends what was appended before, or what follows something older.
func (m *model) stale(t *rapid.T) {
	p := m.pick(t)
	e := m.draw(t, bridge.Accept)
	e.At, e.Order, e.Reference = m.now, &p.Order, "ZZZZZZZZZZ"
	tr, err := bridge.Step(bridge.Payment{}, e)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.j.Append(t.Context(), tr); !errors.Is(err, bridge.ErrExists) {
		t.Fatalf("a second accept: %v", err)
	}
	old := p
	old.State, old.Entries = bridge.Received, p.Entries-1
	if tr, err = bridge.Step(old, bridge.Event{Kind: bridge.Arm, At: m.now, Driver: "zvt"}); err != nil {
		t.Fatal(err)
	}
	if err := m.j.Append(t.Context(), tr); !errors.Is(err, bridge.ErrStale) {
		t.Fatalf("a step from an older payment: %v", err)
	}
}

// deliver tries to tell MGR of a payment.
func (m *model) deliver(t *rapid.T) {
	due, err := m.j.Due(t.Context(), m.now.Add(time.Hour), 100)
	if err != nil {
		t.Fatal(err)
	}
	if len(due) != len(m.owed) {
		t.Fatalf("%d are due, %d are owed", len(due), len(m.owed))
	}
	if len(due) == 0 {
		t.Skip("nothing is owed")
	}
	n := rapid.SampledFrom(due).Draw(t, "notice")
	want, _ := m.payments[n.UUID].Notice()
	if attempts, owed := m.owed[n.UUID]; !owed || n.Attempts != attempts || n.Notice != want {
		t.Fatalf("due is %+v, owed %v after %d attempts, want %+v", n, owed, attempts, want)
	}
	p := m.payments[n.UUID]
	switch {
	case rapid.Bool().Draw(t, "delivered") && p.State == bridge.Reported:
		if err := m.j.Forget(t.Context(), n.UUID); err != nil {
			t.Fatal(err)
		}
		delete(m.owed, n.UUID)
	case rapid.Bool().Draw(t, "delivered after all") && p.State != bridge.Reported:
		m.apply(t, p, bridge.Event{Kind: bridge.Report})
	default:
		if err := m.j.Postpone(t.Context(), n.UUID, n.Attempts+1, m.now.Add(time.Second), "no answer"); err != nil {
			t.Fatal(err)
		}
		m.owed[n.UUID] = n.Attempts + 1
	}
}

// resend is MGR asking again.
func (m *model) resend(t *rapid.T) {
	p := m.pick(t)
	_, err := m.j.Renotify(t.Context(), p.UUID)
	if (err == nil) != p.Final() {
		t.Fatalf("renotify of a payment that is %s: %v", p.State, err)
	}
	if _, owed := m.owed[p.UUID]; p.Final() && !owed {
		m.owed[p.UUID] = 0
	}
}

// check compares what is cheap to compare, after every action.
func (m *model) check(t *rapid.T) {
	open, err := m.j.Unsettled(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, id := range m.order {
		if m.payments[id].State.Open() {
			want = append(want, id)
		}
	}
	if len(open) != len(want) {
		t.Fatalf("%d payments are open, want %d", len(open), len(want))
	}
	for i, p := range open {
		if diff := differ(p, m.stored(t, want[i])); diff != "" {
			t.Fatalf("open payment %s has another %s: %+v, want %+v", p.UUID, diff, p, m.payments[want[i]])
		}
	}
	if n, err := m.j.Owed(t.Context()); err != nil || n != len(m.owed) {
		t.Fatalf("%d notices are owed, %v; want %d", n, err, len(m.owed))
	}
	for name, want := range m.marks {
		if got, _, err := m.j.Mark(t.Context(), name); got != want || err != nil {
			t.Fatalf("mark of %s is %q, %v; want %q", name, got, err, want)
		}
	}
}

// stored is a payment of the model as the journal keeps it: drawn texts may have characters that are not kept.
func (m *model) stored(t *rapid.T, id string) bridge.Payment {
	p := m.payments[id]
	p.Reason = cut(p.Reason, maxWords)
	return p
}

// whole compares everything, at the end.
func (m *model) whole(t *rapid.T) {
	problems, err := m.j.Verify(t.Context())
	if err != nil || len(problems) > 0 {
		t.Fatalf("verify: %v, %v", problems, err)
	}
	list, err := m.j.List(t.Context(), Filter{Limit: 1000})
	if err != nil || len(list) != len(m.order) {
		t.Fatalf("%d payments, %v; want %d", len(list), err, len(m.order))
	}
	for i, p := range list {
		want := m.stored(t, m.order[len(m.order)-1-i])
		if diff := differ(p.Payment, want); diff != "" {
			t.Fatalf("payment %s has another %s: %+v, want %+v", p.UUID, diff, p.Payment, want)
		}
	}
	standing, err := m.j.Alarms(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, a := range standing {
		got = append(got, a.Text+a.UUID)
	}
	for text := range m.alarms {
		want = append(want, text)
	}
	sort.Strings(got)
	sort.Strings(want)
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Fatalf("alarms are %q, want %q", got, want)
	}
}
