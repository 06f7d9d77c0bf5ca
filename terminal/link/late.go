package link

import "time"

// Times of a result that a terminal brings by itself once the conversation has broken off.
const (
	lateResult = time.Minute      // after a payment's time, in which it may come
	lateLeast  = 20 * time.Second // that it is listened for
	lateMost   = 4 * time.Minute  // since the engine waits
)

// LateUntil is how long to listen for the late result of a payment that was armed then and may take so long: until it cannot come any more,
// but 20 seconds at least and four minutes at most from now. Its end proves nothing.
func LateUntil(armed time.Time, payment time.Duration) time.Time {
	until, now := armed.Add(payment+lateResult), time.Now()
	switch {
	case until.Before(now.Add(lateLeast)):
		return now.Add(lateLeast)
	case until.After(now.Add(lateMost)):
		return now.Add(lateMost)
	}
	return until
}
