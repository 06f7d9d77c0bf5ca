package notify

import (
	"net/http"
	"slices"
	"testing"
	"time"
)

// The Date of an answer is rounded down to a second and was written at some moment between call and answer: only what
// neither explains is a difference of the clocks.
func TestClockAhead(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		header http.Header
		took   time.Duration
		want   time.Duration
		silent bool
	}{
		"the same":                           {date(at), 0, 0, false},
		"within the second":                  {date(at.Add(-time.Second)), 0, 0, false},
		"beyond the second":                  {date(at.Add(-2 * time.Second)), 0, time.Second, false},
		"the answer took its time":           {date(at.Add(20 * time.Second)), 20 * time.Second, 0, false},
		"written at the call, answered late": {date(at), 20 * time.Second, 0, false},
		"ahead, whatever the answer took":    {date(at.Add(-3 * time.Minute)), 20 * time.Second, 3*time.Minute - time.Second, false},
		"behind by more than it took":        {date(at.Add(time.Hour)), 20 * time.Second, -time.Hour + 20*time.Second, false},
		"by years":                           {date(at.AddDate(-1, 0, 0)), 0, 365*24*time.Hour - time.Second, false},
		"no date":                            {http.Header{}, 0, 0, true},
		"no date that can be read":           {http.Header{"Date": {"today"}}, 0, 0, true},
		"a cache's copy":                     {http.Header{"Date": {at.Add(-time.Hour).Format(http.TimeFormat)}, "Age": {"3600"}}, 0, 0, true},
	} {
		got := clockAhead(c.header, at, at.Add(c.took))
		if (got == nil) != c.silent || got != nil && *got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func date(at time.Time) http.Header {
	return http.Header{"Date": {at.UTC().Format(http.TimeFormat)}}
}

// The hook hears of every answer that tells the time, whatever else it says, and of no silence.
func TestClockHook(t *testing.T) {
	var heard []time.Duration
	answers := []func(post) (*http.Response, error){
		unreachable,
		func(p post) (*http.Response, error) {
			return says(503, "later", "Date", p.at.Add(-5*time.Minute).UTC().Format(http.TimeFormat)), nil
		},
		func(post) (*http.Response, error) { return says(500, "no clock"), nil },
		func(p post) (*http.Response, error) {
			time.Sleep(10 * time.Second)
			return says(200, "ok", "Date", p.at.Add(10*time.Second).UTC().Format(http.TimeFormat)), nil
		},
	}
	n := 0
	simulate(t, newBox("u"), func(p post) (*http.Response, error) {
		n++
		return answers[min(n, len(answers))-1](p)
	}, func(t *testing.T, w *world) {
		sleep(time.Minute)
		if w.box.left() != 0 || n != len(answers) {
			t.Fatalf("%d tries, %d notices left", n, w.box.left())
		}
		if len(heard) != 2 || heard[0] < 5*time.Minute-2*time.Second || heard[0] > 5*time.Minute || heard[1] != 0 {
			t.Errorf("heard %v", heard)
		}
	}, func(c *Config) { c.Hooks.Clock = func(d time.Duration) { heard = append(slices.Clip(heard), d) } })
}
