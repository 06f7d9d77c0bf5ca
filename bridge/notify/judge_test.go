package notify

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func TestJudge(t *testing.T) {
	gone := errors.New("connection refused")
	date := func(d time.Duration) string { return noon.Add(d).Format(http.TimeFormat) }
	const half = 0.5 // no jitter
	for name, c := range map[string]struct {
		a         Answer
		attempts  int
		jitter    float64
		delivered bool
		refused   bool
		wait      time.Duration
		why       string
	}{
		"200":                        {Answer{Status: 200}, 0, half, true, false, 0, ""},
		"204":                        {Answer{Status: 204, RetryAfter: "9"}, 9, half, true, false, 0, ""},
		"299":                        {Answer{Status: 299}, 0, half, true, false, 0, ""},
		"199":                        {Answer{Status: 199}, 0, half, false, false, time.Second, "199"},
		"101":                        {Answer{Status: 101}, 0, half, false, false, time.Second, "101 Switching Protocols"},
		"300":                        {Answer{Status: 300}, 0, half, false, true, 15 * time.Minute, "300 Multiple Choices"},
		"302":                        {Answer{Status: 302}, 7, half, false, true, 15 * time.Minute, "302 Found"},
		"308, Retry-After":           {Answer{Status: 308, RetryAfter: "1"}, 0, half, false, true, 15 * time.Minute, "308"},
		"400":                        {Answer{Status: 400}, 0, 0, false, true, 15 * time.Minute, "400 Bad Request"},
		"401":                        {Answer{Status: 401}, 0, 1, false, true, 15 * time.Minute, "401"},
		"404":                        {Answer{Status: 404}, 1000, half, false, true, 15 * time.Minute, "404"},
		"499":                        {Answer{Status: 499}, 0, half, false, true, 15 * time.Minute, "499."},
		"408":                        {Answer{Status: 408}, 0, half, false, false, time.Second, "408"},
		"425":                        {Answer{Status: 425}, 1, half, false, false, 2 * time.Second, "425"},
		"429":                        {Answer{Status: 429}, 2, half, false, false, 4 * time.Second, "429"},
		"500":                        {Answer{Status: 500}, 3, half, false, false, 8 * time.Second, "500"},
		"503":                        {Answer{Status: 503}, 4, half, false, false, 16 * time.Second, "503"},
		"599":                        {Answer{Status: 599}, 5, half, false, false, 30 * time.Second, "599"},
		"600":                        {Answer{Status: 600}, 6, half, false, false, 30 * time.Second, "600"},
		"no answer":                  {Answer{Err: gone}, 0, half, false, false, time.Second, "connection refused."},
		"no answer, the millionth":   {Answer{Err: gone}, 1_000_000, half, false, false, 30 * time.Second, "connection refused."},
		"no answer, no reason":       {Answer{}, -1, half, false, false, time.Second, "did not answer"},
		"an error beats a status":    {Answer{Status: 200, Err: gone}, 0, half, false, false, time.Second, "connection refused"},
		"least jitter":               {Answer{Err: gone}, 0, 0, false, false, 800 * time.Millisecond, ""},
		"most jitter":                {Answer{Err: gone}, 9, 1, false, false, 36 * time.Second, ""},
		"jitter is bounded":          {Answer{Err: gone}, 0, -3, false, false, 800 * time.Millisecond, ""},
		"jitter is bounded above":    {Answer{Err: gone}, 0, 3, false, false, 1200 * time.Millisecond, ""},
		"Retry-After seconds":        {Answer{Status: 503, RetryAfter: " 120 "}, 0, half, false, false, 2 * time.Minute, ""},
		"Retry-After date":           {Answer{Status: 429, RetryAfter: date(90 * time.Second)}, 0, half, false, false, 90 * time.Second, ""},
		"Retry-After zero":           {Answer{Status: 503, RetryAfter: "0"}, 2, half, false, false, 4 * time.Second, ""},
		"Retry-After sooner":         {Answer{Status: 503, RetryAfter: "1"}, 9, half, false, false, 30 * time.Second, ""},
		"Retry-After past":           {Answer{Status: 503, RetryAfter: date(-time.Hour)}, 0, half, false, false, time.Second, ""},
		"Retry-After too long":       {Answer{Status: 503, RetryAfter: "86400"}, 0, half, false, false, time.Hour, ""},
		"Retry-After a far date":     {Answer{Status: 503, RetryAfter: date(1000 * time.Hour)}, 0, half, false, false, time.Hour, ""},
		"Retry-After beyond numbers": {Answer{Status: 503, RetryAfter: strings.Repeat("9", 40)}, 0, half, false, false, time.Hour, ""},
		"Retry-After negative":       {Answer{Status: 503, RetryAfter: "-5"}, 0, half, false, false, time.Second, ""},
		"Retry-After nonsense":       {Answer{Status: 503, RetryAfter: "soon"}, 0, half, false, false, time.Second, ""},
	} {
		t.Run(name, func(t *testing.T) {
			v := Judge(c.a, c.attempts, noon, c.jitter)
			var next time.Time
			if !c.delivered {
				next = noon.Add(c.wait)
			}
			if v.Delivered != c.delivered || v.Refused != c.refused || !v.Next.Equal(next) || !strings.Contains(v.Why, c.why) || (v.Why == "") != c.delivered {
				t.Errorf("judged %+v, want %v %v, next in %s", v, c.delivered, c.refused, c.wait)
			}
		})
	}
}
