package daemon

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tillbridge/bridge/journal"
)

// TestIdentity walks through what can happen between a till and the terminals that are plugged into it. Each step
// is a terminal that answers, or a person who settles the alarm, or a new start of the program.
func TestIdentity(t *testing.T) {
	const settle, restart = "settle", "restart"
	for name, steps := range map[string][]struct {
		do     string // the number of a terminal, or settle, or restart
		taken  bool
		alarms int
	}{
		"the first is taken, and stays":        {{"1", true, 0}, {"1", true, 0}, {restart, false, 0}, {"1", true, 0}},
		"another is refused until it is gone":  {{"1", true, 0}, {"2", false, 1}, {"2", false, 1}, {"1", true, 0}, {"2", false, 1}},
		"another is taken by a person's word":  {{"1", true, 0}, {"2", false, 1}, {settle, false, 0}, {"2", true, 0}, {"1", false, 1}},
		"the word is for that one only":        {{"1", true, 0}, {"2", false, 1}, {settle, false, 0}, {"3", false, 1}, {"2", false, 1}},
		"the alarm stands over a new start":    {{"1", true, 0}, {"2", false, 1}, {restart, false, 1}, {"2", false, 1}, {settle, false, 0}, {"2", true, 0}},
		"an old word is no word for today":     {{"1", true, 0}, {"2", false, 1}, {settle, false, 0}, {"2", true, 0}, {"1", false, 1}, {settle, false, 0}, {"1", true, 0}, {restart, false, 0}, {"2", false, 1}},
		"one that was refused and another one": {{"1", true, 0}, {"2", false, 1}, {"3", false, 1}, {"1", true, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			j, err := journal.Open(ctx, filepath.Join(t.TempDir(), "journal.db"), journal.Options{Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			if err := j.RaiseAlarm(ctx, journal.Alarm{At: time.Now(), Kind: alarmOther, Terminal: "bar", Text: "of another till"}); err != nil {
				t.Fatal(err)
			}
			changes := 0
			i := &identity{journal: j, name: "counter", changed: func() { changes++ }}
			before := 0
			for n, s := range steps {
				switch s.do {
				case restart:
					i = &identity{journal: j, name: "counter", changed: i.changed}
				case settle:
					standing, err := i.standing(ctx)
					if err != nil || len(standing) != 1 {
						t.Fatalf("step %d: %d alarms, %v", n, len(standing), err)
					}
					if err := j.ClearAlarm(ctx, standing[0].ID, "Ada", time.Now()); err != nil {
						t.Fatal(err)
					}
				default:
					err := i.check(ctx, "T"+s.do)
					if (err == nil) != s.taken {
						t.Errorf("step %d, terminal %s: %v", n, s.do, err)
					}
					if err != nil && !strings.Contains(err.Error(), "T"+s.do) {
						t.Errorf("step %d: %q does not name the terminal", n, err)
					}
				}
				standing, err := i.standing(ctx)
				if err != nil || len(standing) != s.alarms {
					t.Errorf("step %d (%s): %d alarms stand, want %d (%v)", n, s.do, len(standing), s.alarms, err)
				}
				if s.alarms != before && s.do != settle && changes == 0 {
					t.Errorf("step %d: the screen was not told", n)
				}
				before, changes = s.alarms, 0
			}
			if all, err := j.Alarms(ctx); err != nil || !has(all, 1) {
				t.Errorf("the other till's alarm is gone: %v", err)
			}
		})
	}
}

// A journal that cannot be read is no reason to take any terminal.
func TestIdentityWithoutAJournal(t *testing.T) {
	j, err := journal.Open(t.Context(), filepath.Join(t.TempDir(), "journal.db"), journal.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	i := &identity{journal: j, name: "counter", changed: func() {}}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := i.check(t.Context(), "T1"); err == nil {
		t.Error("a terminal was taken")
	}
}
