package link

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestLateUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for since, want := range map[time.Duration]time.Duration{
			0: 3 * time.Minute, 90 * time.Second: 90 * time.Second, 160 * time.Second: 20 * time.Second, 170 * time.Second: 20 * time.Second,
			24 * time.Hour: 20 * time.Second, -time.Minute: 4 * time.Minute, -time.Hour: 4 * time.Minute,
		} {
			if got := time.Until(LateUntil(time.Now().Add(-since), 2*time.Minute)); got != want {
				t.Errorf("armed %s ago: listen for %s, want %s", since, got, want)
			}
		}
	})
}
