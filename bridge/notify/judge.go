package notify

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The times between tries.
const (
	firstWait   = time.Second
	mostWait    = 30 * time.Second
	refusedWait = 15 * time.Minute
	mostAfter   = time.Hour // the longest Retry-After that is obeyed in full
)

// Answer is how one try ended.
type Answer struct {
	Status     int    // the HTTP status; 0 where there was no answer
	Err        error  // why there was none
	RetryAfter string // the header of that name

	// Ahead is how far this computer's clock is ahead of the server's at the least, negative where it is behind, and
	// zero where they may agree; nil where the answer does not tell the time.
	Ahead *time.Duration
}

// Verdict is what an answer means.
type Verdict struct {
	Delivered bool      // MGR has the outcome
	Next      time.Time // when to try again, where it does not
	Refused   bool      // MGR refuses it: somebody must look
	Why       string    // one sentence, where it is not delivered
}

// Judge says what an answer means, and when to try again. attempts is the number of tries of this notice that failed
// before this one. jitter is 0 to 1 and makes the wait 80 % to 120 % of itself, so that tills that lost the same
// server do not come back all at once.
//
// 2xx is delivery. 3xx and 4xx refuse, for a redirect is not followed and the same content will not please later
// by itself; 408, 425 and 429 do not refuse. Everything else, no answer included, is tried again after 1 s,
// doubling to 30 s, for ever, and not before the time that Retry-After names, bounded to an hour.
func Judge(a Answer, attempts int, now time.Time, jitter float64) Verdict {
	switch {
	case a.Err == nil && a.Status >= 200 && a.Status <= 299:
		return Verdict{Delivered: true}
	case a.Err == nil && a.Status >= 300 && a.Status <= 499 && !passes(a.Status):
		return Verdict{Refused: true, Next: now.Add(refusedWait), Why: "MGR refused the outcome with " + statusText(a.Status) + "."}
	}
	wait := firstWait << min(max(attempts, 0), 5)
	wait = time.Duration(float64(min(wait, mostWait)) * (0.8 + 0.4*min(max(jitter, 0), 1)))
	if a.Err != nil || a.Status == 0 {
		why := "MGR did not answer."
		if a.Err != nil {
			why = fmt.Sprintf("MGR did not answer: %s.", strings.TrimRight(a.Err.Error(), ". "))
		}
		return Verdict{Next: now.Add(wait), Why: why}
	}
	wait = max(wait, min(retryAfter(a.RetryAfter, now), mostAfter))
	return Verdict{Next: now.Add(wait), Why: "MGR cannot take the outcome now and answered " + statusText(a.Status) + "."}
}

// passes tells whether a 4xx speaks of the moment and not of the content.
func passes(status int) bool {
	return status == http.StatusRequestTimeout || status == http.StatusTooEarly || status == http.StatusTooManyRequests
}

// retryAfter reads seconds or an HTTP date (RFC 9110, 10.2.3); what is neither, or past, is zero.
func retryAfter(header string, now time.Time) time.Duration {
	header = strings.TrimSpace(header)
	if header != "" && strings.Trim(header, "0123456789") == "" {
		seconds, err := strconv.ParseInt(header, 10, 64)
		if err != nil || seconds > int64(mostAfter/time.Second) {
			return mostAfter
		}
		return time.Duration(seconds) * time.Second
	}
	at, err := http.ParseTime(header)
	if err != nil {
		return 0
	}
	return max(0, at.Sub(now))
}

// dateStep is what a Date header is rounded down to.
const dateStep = time.Second

// clockAhead compares this computer's clock with the Date of an answer (RFC 9110, 6.6.1), which the server wrote at some
// moment between the call and the answer. A copy that a cache kept tells nothing of now.
func clockAhead(h http.Header, called, answered time.Time) *time.Duration {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil || h.Get("Age") != "" {
		return nil
	}
	ahead := time.Duration(0)
	if most := answered.Sub(date); most < 0 {
		ahead = most
	} else if least := called.Sub(date.Add(dateStep)); least > 0 {
		ahead = least
	}
	return &ahead
}

func statusText(status int) string {
	return strings.TrimSpace(strconv.Itoa(status) + " " + http.StatusText(status))
}
