package terminal

import (
	"sync"
	"testing"
	"time"
)

func TestQualityCounts(t *testing.T) {
	q := &Quality{}
	q.Opened()
	q.BadCheck()
	q.Refused()
	q.SentAgain()
	q.CameAgain()
	for range 7 {
		q.Message()
	}
	for _, d := range []time.Duration{3, 9, 4, -1} {
		q.Answered(d)
	}
	c := q.Counts()
	if c.LastTrouble.IsZero() {
		t.Error("the time of the last trouble is not told")
	}
	c.LastTrouble = time.Time{}
	if want := (LineCounts{Opened: 1, Messages: 7, BadChecks: 1, Refused: 1, SentAgain: 1, CameAgain: 1, RecentTrouble: 4, Recent: 11, Answer: 4, Slowest: 9}); c != want || c.Trouble() != 4 {
		t.Errorf("%+v, want %+v", c, want)
	}
}

// A line is noisy while trouble is recent, and is forgiven by good messages alone.
func TestQualityForgets(t *testing.T) {
	for n, want := range map[int]bool{4: false, 5: true} {
		q := &Quality{}
		for range n {
			q.BadCheck()
		}
		if q.Counts().Noisy() != want {
			t.Errorf("%d bad messages: noisy is %v", n, !want)
		}
	}
	q := &Quality{}
	for range 10 {
		q.BadCheck()
	}
	for range recentMessages - 10 {
		q.Message()
	}
	if c := q.Counts(); !c.Noisy() || c.Recent != recentMessages {
		t.Errorf("10 of 200 is no noise: %+v", c)
	}
	for range 2 * recentMessages {
		q.Message()
	}
	if c := q.Counts(); c.Noisy() || c.RecentTrouble != 0 || c.Trouble() == 0 || c.Recent != recentMessages {
		t.Errorf("trouble of long ago counts: %+v", c)
	}
	for i := range recentAnswers + 3 {
		q.Answered(time.Duration(1000 - i))
	}
	if c := q.Counts(); c.Slowest != 997 {
		t.Errorf("an old answer counts: %+v", c)
	}
}

func TestQualityOfNobody(t *testing.T) {
	var q *Quality
	var all sync.WaitGroup
	shared := &Quality{}
	for range 4 {
		all.Go(func() {
			for _, one := range []*Quality{q, shared} {
				one.Opened()
				one.Message()
				one.BadCheck()
				one.Answered(1)
				one.Counts()
			}
		})
	}
	all.Wait()
	if c := q.Counts(); c != (LineCounts{}) {
		t.Errorf("nobody counted %+v", c)
	}
	if c := shared.Counts(); c.Opened != 4 || c.Recent != 8 {
		t.Errorf("four counted %+v", c)
	}
}
