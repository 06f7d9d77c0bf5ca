package journal

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// endedDay is an end of day that the terminal closed.
func endedDay(t testing.TB, j *Journal, name string, began time.Time) bridge.DayEnd {
	t.Helper()
	d, err := j.BeginDayEnd(t.Context(), bridge.DayEnd{Terminal: name, Currency: eur, By: "Olga", Began: began})
	if err != nil {
		t.Fatal(err)
	}
	d.Ended, d.Closed = began.Add(time.Minute), true
	d.Totals = terminal.Totals{TotalMinor: 1251, Text: "OK", Groups: []terminal.TotalsGroup{{Name: "girocard", Count: 1, TotalMinor: 1251}}}
	d.Receipts = []terminal.Receipt{{Kind: terminal.AdministrationReceipt, Lines: []terminal.Line{{Text: "SUM 12.51"}}}}
	if err := j.EndDayEnd(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDayEnds(t *testing.T) {
	j := fresh(t)
	first := endedDay(t, j, "counter", noon)
	endedDay(t, j, "bar", noon.Add(time.Hour))
	failed, err := j.BeginDayEnd(t.Context(), bridge.DayEnd{Terminal: "counter", Currency: eur, Began: noon.Add(2 * time.Hour)})
	if err != nil || !failed.Since.Equal(noon) {
		t.Fatalf("it goes on from %s, %v", failed.Since, err)
	}
	failed.Ended, failed.Why = failed.Began.Add(time.Second), "Card 4111111111111111 is in the way."
	if err := j.EndDayEnd(t.Context(), failed); err != nil {
		t.Fatal(err)
	}
	again := failed
	again.Why = "something else"
	if err := j.EndDayEnd(t.Context(), again); err != nil { // it ends once
		t.Fatal(err)
	}
	open, err := j.BeginDayEnd(t.Context(), bridge.DayEnd{Terminal: "counter", Currency: eur, By: "Anna", Began: noon.Add(3 * time.Hour)})
	if err != nil || !open.Since.Equal(noon) {
		t.Fatalf("after one that failed it goes on from %s, %v", open.Since, err)
	}
	failed.Why = "Card ************1111 is in the way."
	got, err := j.DayEnds(t.Context(), "counter")
	if d := cmp.Diff([]bridge.DayEnd{open, failed, first}, got); err != nil || d != "" {
		t.Errorf("%v (-want +got)\n%s", err, d)
	}
	if all, err := j.DayEnds(t.Context(), ""); err != nil || len(all) != 4 {
		t.Errorf("%d of all terminals, %v", len(all), err)
	}
	odd := open
	odd.Receipts = []terminal.Receipt{{Kind: 99}}
	if err := j.EndDayEnd(t.Context(), odd); err == nil || !strings.Contains(err.Error(), "end end of day") {
		t.Errorf("a receipt of no kind: %v", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := j.BeginDayEnd(t.Context(), first); !errors.Is(err, errClosed) || !strings.Contains(err.Error(), "begin end of day") {
		t.Errorf("begun in a closed journal: %v", err)
	}
	if err := j.EndDayEnd(t.Context(), first); !errors.Is(err, errClosed) {
		t.Errorf("ended in a closed journal: %v", err)
	}
}

// What reached the terminal between two moments, by when it was armed.
func TestArmed(t *testing.T) {
	j := fresh(t)
	fill(t, j, 1, 6)
	live(t, j, bridge.Payment{}, approved(6)[0]) // never armed
	other := approved(7)
	o := *order(7)
	o.Terminal, other[0].Order = "bar", &o
	live(t, j, bridge.Payment{}, other...)
	at := func(n int) time.Time { return read(t, j, uuid(n)).Armed }
	for name, c := range map[string]struct {
		from, to time.Time
		limit    int
		want     string
	}{
		"all":          {time.Time{}, at(5), 0, uuid(1) + uuid(2) + uuid(3) + uuid(4) + uuid(5)},
		"the first":    {time.Time{}, at(5), 1, uuid(1)},
		"behind one":   {at(2), at(4), 0, uuid(3) + uuid(4)},
		"none":         {at(5), at(5).Add(24 * time.Hour), 0, ""},
		"up to before": {time.Time{}, at(1).Add(-time.Microsecond), 0, ""},
	} {
		got := ""
		all, err := j.Armed(t.Context(), "counter", c.from, c.to, c.limit)
		for _, p := range all {
			got += p.UUID
		}
		if err != nil || got != c.want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, c.want)
		}
	}
}
