package demo

import (
	"bytes"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"tillbridge/drivers/zvt"
	"tillbridge/terminal/simulate"
)

// safeBuffer may be written by several goroutines.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func TestRunOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	for _, c := range []struct {
		outcome string
		tcp     bool
		want    []string
	}{
		{simulate.Approved, false, []string{"told APPROVED", "They agree."}},
		{simulate.Declined, true, []string{"told DENIED", "They agree."}},
		{simulate.Cancelled, false, []string{"told DENIED", "They agree."}},
		{simulate.LostReply, true, []string{"told APPROVED", "terminal's last transaction", "They agree."}},
		{simulate.CablePulled, true, []string{"comes out", "plugged in again", "They agree."}},
		{simulate.PowerCut, true, []string{"kill -9", "started again", "told APPROVED", "They agree."}},
		{simulate.WrongAmount, true, []string{"held: Payment ", "They agree."}},
		{mgrDown, false, []string{"it answers 503", "told APPROVED", "They agree."}},
		{bridgeKilled, true, []string{"kill -9", "started again", "They agree."}},
	} {
		t.Run(c.outcome, func(t *testing.T) {
			t.Parallel()
			out, log := &safeBuffer{}, &safeBuffer{}
			err := Run(t.Context(), Options{
				Driver: zvt.Driver(), Out: out, Start: startChild(log), Once: &Once{Amount: "12.50", Outcome: c.outcome}, TCP: c.tcp,
				mendWait: time.Second,
			})
			if err != nil {
				t.Error(err)
			}
			for _, w := range c.want {
				if !strings.Contains(out.String(), w) {
					t.Errorf("%q is not told", w)
				}
			}
			if t.Failed() || os.Getenv("DEMO_STORY") != "" {
				t.Logf("the story:\n%s\nthe bridge's log:\n%s", out, log)
			}
		})
	}
}
