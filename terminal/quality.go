package terminal

import (
	"slices"
	"sync"
	"time"
)

const (
	recentMessages = 200 // of which LineCounts.RecentTrouble tells
	recentAnswers  = 64  // of which the answer times tell
)

// Quality counts how well a line works, which no payment's result tells: a driver puts right what goes wrong below
// its messages, and says here that it did. The engine makes one for each terminal and keeps it across sessions. Its
// methods may be called from any goroutine; those of a nil *Quality do nothing.
type Quality struct {
	mu     sync.Mutex
	counts LineCounts

	recent  [recentMessages]bool // which of the last messages were in trouble
	next    int
	answers [recentAnswers]time.Duration
	taken   int // answers so far
}

// LineCounts is what a Quality has counted.
type LineCounts struct {
	Opened   int64 `json:"opened"`   // how often the line was opened; the first time counts
	Messages int64 `json:"messages"` // whole messages of the terminal

	BadChecks int64 `json:"bad_checks"` // messages of the terminal with wrong check bytes, or that broke off
	Refused   int64 `json:"refused"`    // messages of ours that the terminal refused for theirs (NAK)
	SentAgain int64 `json:"sent_again"` // messages of ours that were handed to the line once more
	CameAgain int64 `json:"came_again"` // messages of the terminal that came once more

	// RecentTrouble is how many of the last Recent messages, in both directions, were one of those four. Both are
	// bounded, so that trouble of long ago is forgotten.
	RecentTrouble int       `json:"recent_trouble"`
	Recent        int       `json:"recent"`
	LastTrouble   time.Time `json:"last_trouble,omitzero"`

	// Answer is the median, and Slowest the longest, of the last times that the terminal took to acknowledge a
	// command, or to answer where its protocol has no acknowledgement; zero where none was measured.
	Answer  time.Duration `json:"answer_ns,omitempty"`
	Slowest time.Duration `json:"slowest_ns,omitempty"`
}

// Trouble is how many messages were in trouble since the counting began.
func (c LineCounts) Trouble() int64 { return c.BadChecks + c.Refused + c.SentAgain + c.CameAgain }

// Noisy tells whether so many of the last messages were in trouble that somebody should look at the line.
func (c LineCounts) Noisy() bool { return c.RecentTrouble >= 5 && c.RecentTrouble*20 >= c.Recent }

// Opened counts that the line was opened.
func (q *Quality) Opened() { q.count(func(c *LineCounts) { c.Opened++ }) }

// Message counts a whole message of the terminal.
func (q *Quality) Message() { q.message(false, func(c *LineCounts) { c.Messages++ }) }

// BadCheck counts a message of the terminal with wrong check bytes, or that broke off.
func (q *Quality) BadCheck() { q.message(true, func(c *LineCounts) { c.BadChecks++ }) }

// Refused counts a message of ours that the terminal refused for its check bytes.
func (q *Quality) Refused() { q.message(true, func(c *LineCounts) { c.Refused++ }) }

// SentAgain counts a message of ours that is handed to the line once more.
func (q *Quality) SentAgain() { q.message(true, func(c *LineCounts) { c.SentAgain++ }) }

// CameAgain counts a message of the terminal that came once more.
func (q *Quality) CameAgain() { q.message(true, func(c *LineCounts) { c.CameAgain++ }) }

// Answered tells how long the terminal took to acknowledge a command, or to answer it.
func (q *Quality) Answered(d time.Duration) {
	q.count(func(*LineCounts) {
		q.answers[q.taken%recentAnswers] = max(d, 0)
		q.taken++
	})
}

// message counts one, and whether it was in trouble.
func (q *Quality) message(trouble bool, add func(*LineCounts)) {
	q.count(func(c *LineCounts) {
		add(c)
		if c.Recent == recentMessages && q.recent[q.next] {
			c.RecentTrouble--
		}
		q.recent[q.next] = trouble
		q.next = (q.next + 1) % recentMessages
		c.Recent = min(c.Recent+1, recentMessages)
		if trouble {
			c.RecentTrouble++
			c.LastTrouble = time.Now()
		}
	})
}

func (q *Quality) count(add func(*LineCounts)) {
	if q == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	add(&q.counts)
}

// Counts is what was counted so far.
func (q *Quality) Counts() (c LineCounts) {
	q.count(func(counts *LineCounts) {
		c = *counts
		if n := min(q.taken, recentAnswers); n > 0 {
			times := slices.Sorted(slices.Values(q.answers[:n]))
			c.Answer, c.Slowest = times[n/2], times[n-1]
		}
	})
	return c
}
