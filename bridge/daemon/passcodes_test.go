package daemon

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// guessing lets wrong passcodes come, evenly, and time pass until the watch has looked.
func guessing(p *passcodeWatch, n int, every time.Duration, from string) {
	for range n {
		time.Sleep(every)
		p.wrong(from)
	}
	time.Sleep(wrongLook + time.Second)
	synctest.Wait()
}

func TestPasscodeWatch(t *testing.T) {
	for name, c := range map[string]struct {
		n      int
		every  time.Duration
		from   string
		stands string
	}{
		"nine":                  {9, time.Second, "127.0.0.0/8", ""},
		"ten":                   {10, time.Second, "127.0.0.0/8", "10 calls with a wrong passcode came within 10 minutes, the last one from 127.0.0.1. "},
		"ten in just the time":  {10, wrongWithin / 9, "203.0.113.5/32", "10 calls with a wrong passcode came within 10 minutes, the last one from 203.0.113.5. "},
		"ten in too long":       {10, wrongWithin/9 + time.Second, "127.0.0.0/8", ""},
		"many, one by one":      {40, 2 * time.Minute, "127.0.0.0/8", ""},
		"a flood from a subnet": {100_000, 0, "2001:db8::/64", "100000 calls with a wrong passcode came within 10 minutes, the last one from 2001:db8::/64. "},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k, changes := newKeeper(t)
				p := newPasscodeWatch(k)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				go p.watch(ctx)
				guessing(p, c.n, c.every, c.from)
				got := k.texts(t, alarmPasscode)
				if len(got) > 1 || (len(got) == 1) != (c.stands != "") || c.stands != "" && !strings.HasPrefix(got[0], c.stands) || *changes != len(got) {
					t.Fatalf("%q, %d changes", got, *changes)
				}
				if c.stands == "" {
					return
				}
				guessing(p, 1000, time.Second, c.from) // it stands once, however many come
				if n := len(k.texts(t, alarmPasscode)); n != 1 || *changes != 1 {
					t.Errorf("%d alarms, %d changes", n, *changes)
				}
				pass := func(d time.Duration) { time.Sleep(d); synctest.Wait() }
				pass(wrongQuiet - time.Minute)
				if n := len(k.texts(t, alarmPasscode)); n != 1 {
					t.Errorf("%d alarms before the hour is over", n)
				}
				pass(time.Minute)
				if n := len(k.texts(t, alarmPasscode)); n != 0 || *changes != 2 {
					t.Errorf("%d alarms after a quiet hour, %d changes", n, *changes)
				}
				guessing(p, c.n, c.every, c.from)
				if n := len(k.texts(t, alarmPasscode)); n != 1 {
					t.Errorf("%d alarms when it begins again", n)
				}
				cancel()
				synctest.Wait()
			})
		})
	}
}

// Once a person has cleared it, it takes as many wrong ones again; and one that an earlier run left goes after an hour.
func TestPasscodeAlarmIsCleared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, _ := newKeeper(t)
		ctx, cancel := context.WithCancel(t.Context())
		p := newPasscodeWatch(k)
		go p.watch(ctx)
		guessing(p, wrongMost, time.Second, "127.0.0.0/8")
		k.clear(t, alarmPasscode)
		guessing(p, wrongMost-1, time.Second, "127.0.0.0/8")
		if n := len(k.texts(t, alarmPasscode)); n != 0 {
			t.Errorf("%d alarms after nine", n)
		}
		guessing(p, 1, time.Second, "127.0.0.0/8")
		if n := len(k.texts(t, alarmPasscode)); n != 1 {
			t.Errorf("%d alarms after ten", n)
		}
		cancel()
		synctest.Wait()
		ctx, cancel = context.WithCancel(t.Context())
		defer cancel()
		go newPasscodeWatch(k).watch(ctx)
		time.Sleep(wrongQuiet - time.Minute)
		if n := len(k.texts(t, alarmPasscode)); n != 1 {
			t.Errorf("%d alarms after a new start", n)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if n := len(k.texts(t, alarmPasscode)); n != 0 {
			t.Errorf("%d alarms an hour after a new start", n)
		}
		cancel()
		synctest.Wait()
	})
}
