package ecr17

import (
	"strconv"
	"strings"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/wire"
)

// fingerprint tells the terminal's stored result from every other one. The protocol has no number of its own for that.
type fingerprint struct {
	terminalID, stan, online, auth, time, code, amount string
}

const markPrefix = "ecr17"

func fingerprintOf(r result) fingerprint {
	f := fingerprint{
		terminalID: r.terminalID, stan: r.stan, online: r.online, auth: r.auth, time: r.time, code: string(r.message.code) + r.code,
	}
	if r.hasAmount {
		f.amount = strconv.FormatInt(r.minor, 10)
	}
	return f
}

// mark is the fingerprint for the engine; unknown where the terminal gave no number. Such a result may be a refusal to tell, and
// two of them look alike.
func (r result) mark() terminal.Mark {
	if !r.numbered() {
		return ""
	}
	f := fingerprintOf(r)
	parts := []string{markPrefix, f.terminalID, f.stan, f.online, f.auth, f.time, f.code, f.amount}
	for i, p := range parts {
		parts[i] = strings.ReplaceAll(printable(p, len(p)), "|", ".")
	}
	return terminal.Mark(strings.Join(parts, "|"))
}

func parseMark(m terminal.Mark) (fingerprint, bool) {
	p := strings.Split(string(m), "|")
	if len(p) != 8 || p[0] != markPrefix || len(p[6]) == 0 {
		return fingerprint{}, false
	}
	return fingerprint{p[1], p[2], p[3], p[4], p[5], p[6], p[7]}, true
}

// same tells whether two fingerprints are of one result. An amount that one of them does not have is not compared: what the
// terminal stores may be shorter than what it stated.
func (f fingerprint) same(g fingerprint) bool {
	if f.amount == "" || g.amount == "" {
		f.amount, g.amount = "", ""
	}
	return f == g
}

// precedes tells whether g has the very next STAN after f.
func (f fingerprint) precedes(g fingerprint) bool {
	a, errA := strconv.Atoi(f.stan)
	b, errB := strconv.Atoi(g.stan)
	return errA == nil && errB == nil && b == a%999_999+1
}

// olderMost is how far back in the count a result is taken for an earlier one. A count that begins anew is told by the time.
const olderMost = 50

// older tells whether f was counted shortly before g, and is not later by the terminal's clock, as far as both have its time.
func (f fingerprint) older(g fingerprint) bool {
	a, errA := strconv.Atoi(f.stan)
	b, errB := strconv.Atoi(g.stan)
	back := (b - a + 999_999) % 999_999
	return errA == nil && errB == nil && back > 0 && back <= olderMost &&
		(f.time <= g.time || g.time == "")
}

// longestPayment is how long after its start a payment can have been made at the terminal.
const longestPayment = 15 * time.Minute

// clocked tells whether a result has a time.
func (r result) clocked() bool { return wire.IsDigits(r.time) && r.time != "0000000" }

// within tells whether a result's time may be that of a payment armed then. The terminal tells the day of the year, the hour and
// the minute; the paper's own example counts days as in a leap year, so the day may be off by one.
func (r result) within(armed time.Time, skew time.Duration) bool {
	if len(r.time) != 7 || !wire.IsDigits(r.time) {
		return false
	}
	armed = armed.In(time.Local)
	day, _ := strconv.Atoi(r.time[:3])
	hour, _ := strconv.Atoi(r.time[3:5])
	minute, _ := strconv.Atoi(r.time[5:])
	if day < 1 || day > 366 || hour > 23 || minute > 59 {
		return false
	}
	from, to := armed.Add(-skew-time.Minute), armed.Add(longestPayment+skew)
	for year := armed.Year() - 1; year <= armed.Year()+1; year++ {
		for off := -1; off <= 1; off++ {
			at := time.Date(year, time.January, day+off, hour, minute, 0, 0, time.Local)
			if !at.Before(from) && !at.After(to) {
				return true
			}
		}
	}
	return false
}

// clock is the terminal's time of a result, as near to now as the fields allow; zero where it tells none.
func (r result) clock(now time.Time) (at time.Time) {
	if !r.within(now, 26*time.Hour) {
		return time.Time{}
	}
	now = now.In(time.Local)
	hour, _ := strconv.Atoi(r.time[3:5])
	minute, _ := strconv.Atoi(r.time[5:])
	best := 48 * time.Hour
	for off := -1; off <= 1; off++ {
		t := time.Date(now.Year(), now.Month(), now.Day()+off, hour, minute, 0, 0, time.Local)
		if d := now.Sub(t).Abs(); d < best {
			at, best = t, d
		}
	}
	return at
}
