package daemon

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tillbridge/bridge/journal"
)

// newKeeper is a keeper of alarms with a journal of its own, and how often it said that something changed.
func newKeeper(t *testing.T) (k alarmKeeper, changes *int) {
	t.Helper()
	j, err := journal.Open(t.Context(), filepath.Join(t.TempDir(), "journal.db"), journal.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	changes = new(int)
	return alarmKeeper{journal: j, log: slog.New(slog.DiscardHandler), changed: func() { *changes++ }}, changes
}

// texts are the alarms of a kind that stand.
func (k alarmKeeper) texts(t *testing.T, kind string) (all []string) {
	t.Helper()
	standing, err := k.standing(t.Context(), kind)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range standing {
		all = append(all, a.Text)
	}
	return all
}

// clear clears all alarms of a kind as a person does.
func (k alarmKeeper) clear(t *testing.T, kind string) {
	t.Helper()
	standing, err := k.standing(t.Context(), kind)
	if err != nil || len(standing) == 0 {
		t.Fatalf("%d alarms, %v", len(standing), err)
	}
	for _, a := range standing {
		if err := k.journal.ClearAlarm(t.Context(), a.ID, "Anna", time.Now()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestClockWatch walks through answers of MGR, persons and new starts; after each stands one alarm or none.
func TestClockWatch(t *testing.T) {
	const (
		right, ahead, behind = 90 * time.Second, 2*time.Minute + time.Second, -(49*time.Hour + 7*time.Minute)
		restart, cleared     = time.Duration(1), time.Duration(2) // in place of an answer
	)
	for name, steps := range map[string][]struct {
		told   time.Duration
		stands string // what the alarm says; empty for none
	}{
		"right":                            {{right, ""}, {-right, ""}, {0, ""}, {2 * time.Minute, ""}},
		"once is not enough":               {{ahead, ""}, {right, ""}, {ahead, ""}, {0, ""}},
		"twice, and right again":           {{ahead, ""}, {ahead, "2 min ahead of MGR's"}, {ahead, "2 min ahead"}, {right, ""}, {ahead, ""}, {ahead, "2 min ahead"}},
		"behind":                           {{behind, ""}, {behind, "49 h 7 min behind MGR's"}, {0, ""}},
		"both ways":                        {{ahead, ""}, {behind, "49 h 7 min behind"}},
		"it stands over a new start":       {{ahead, ""}, {ahead, "2 min ahead"}, {restart, "2 min ahead"}, {right, ""}},
		"a new start counts anew":          {{ahead, ""}, {restart, ""}, {ahead, ""}, {ahead, "2 min ahead"}},
		"cleared by a person and still so": {{ahead, ""}, {ahead, "2 min ahead"}, {cleared, ""}, {ahead, "2 min ahead"}, {0, ""}},
	} {
		t.Run(name, func(t *testing.T) {
			k, changes := newKeeper(t)
			c := &clockWatch{alarmKeeper: k}
			before := 0
			for n, s := range steps {
				changed := *changes
				switch s.told {
				case restart:
					c = &clockWatch{alarmKeeper: k}
				case cleared:
					k.clear(t, alarmClock)
				default:
					c.told(s.told)
				}
				got := k.texts(t, alarmClock)
				if len(got) > 1 || (len(got) == 1) != (s.stands != "") || s.stands != "" && !strings.Contains(got[0], s.stands) {
					t.Errorf("step %d: stands %q, want %q", n, got, s.stands)
				}
				if told := *changes > changed; s.told != cleared && told != (len(got) != before) {
					t.Errorf("step %d: the screen was told of a change: %t", n, told)
				}
				before = len(got)
			}
		})
	}
}

// What the journal cannot keep is logged, and the next answer tries again.
func TestClockWatchWithoutAJournal(t *testing.T) {
	k, _ := newKeeper(t)
	c := &clockWatch{alarmKeeper: k}
	c.told(time.Hour)
	c.told(time.Hour)
	if err := k.journal.Close(); err != nil {
		t.Fatal(err)
	}
	c.told(0)
	if c.clean {
		t.Error("an alarm that could not be looked at counts as lifted")
	}
	c.told(time.Hour)
	c.told(time.Hour)
}
