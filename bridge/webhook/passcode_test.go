package webhook

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestPasscode(t *testing.T) {
	basic := func(u, p string) func(*http.Request) { return func(r *http.Request) { r.SetBasicAuth(u, p) } }
	withBasic := func(c *Config) { c.Basic = &BasicAuth{Username: "shop", Password: "word"} }
	for name, c := range map[string]struct {
		basic  bool
		change []func(*http.Request)
		ok     bool
	}{
		"right":                      {false, nil, true},
		"wrong":                      {false, []func(*http.Request){wrong}, false},
		"missing":                    {false, []func(*http.Request){header(passcodeHeader)}, false},
		"empty":                      {false, []func(*http.Request){header(passcodeHeader, "")}, false},
		"right and wrong":            {false, []func(*http.Request){header(passcodeHeader, passcode, "x")}, false},
		"a part":                     {false, []func(*http.Request){header(passcodeHeader, passcode[:20])}, false},
		"Basic nobody asked for":     {false, []func(*http.Request){basic("a", "b")}, true},
		"with Basic":                 {true, []func(*http.Request){basic("shop", "word")}, true},
		"without Basic":              {true, nil, false},
		"wrong user":                 {true, []func(*http.Request){basic("Shop", "word")}, false},
		"wrong password":             {true, []func(*http.Request){basic("shop", "Word")}, false},
		"right Basic, no passcode":   {true, []func(*http.Request){basic("shop", "word"), header(passcodeHeader)}, false},
		"Basic that cannot be read":  {true, []func(*http.Request){header("Authorization", "Basic ???")}, false},
		"passcode in another scheme": {true, []func(*http.Request){header("Authorization", "Bearer word")}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var change []func(*Config)
				if c.basic {
					change = append(change, withBasic)
				}
				b := newBench(t, nil, change...)
				start := time.Now()
				w := b.do(request(good, c.change...))
				took := time.Since(start)
				if c.ok {
					if w.Code != 202 || took != 0 {
						t.Errorf("answered %d after %s", w.Code, took)
					}
					return
				}
				detail := problemOf(t, w, 401)
				if took != wrongDelay || w.Header().Get("WWW-Authenticate") == "" || strings.Contains(detail, "password") != c.basic {
					t.Errorf("after %s: %v %s", took, w.Header(), detail)
				}
				if len(b.orders)+len(b.calls) != 0 {
					t.Errorf("orders %v, calls %v", b.orders, b.calls)
				}
				if l := b.log.String(); !strings.Contains(l, "failures=1") || !strings.Contains(l, "127.0.0.0/8") {
					t.Errorf("log: %s", l)
				}
			})
		})
	}
}

func TestNothingSecretIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil, func(c *Config) { c.Basic = &BasicAuth{Username: "shop", Password: "sesame-open"} })
		const body = `{"amount": "4111111111111111", "payment_uuid": "body-marker", "payment_uuid": "x"}`
		var told strings.Builder
		for _, r := range []*http.Request{
			request(body), request(body, wrong), request(body, header(passcodeHeader, passcode+"x")),
			request(body, func(r *http.Request) { r.SetBasicAuth("shop", "sesame-open") }),
			request(`{"amount": "4111111111111111", "payment_uuid": "body-marker"}`, func(r *http.Request) { r.SetBasicAuth("shop", "sesame-open") }),
		} {
			w := b.do(r)
			fmt.Fprintln(&told, w.Code, w.Header(), w.Body)
		}
		told.WriteString(b.log.String())
		for _, secret := range []string{passcode, "guess", "sesame-open", "body-marker", "411111"} {
			if strings.Contains(told.String(), secret) {
				t.Errorf("%q is told in %s", secret, &told)
			}
		}
	})
}

// Ten wrong ones, then 429, for that source and no other, until the minute is over.
func TestThrottle(t *testing.T) {
	for name, c := range map[string]struct {
		source, same, other string
		rightPasses         bool
	}{
		"IPv4":     {"203.0.113.5:1", "[::ffff:203.0.113.5]:9", "203.0.113.6:1", false},
		"IPv6":     {"[2001:db8:1:2::1]:1", "[2001:db8:1:2:ffff::9]:1", "[2001:db8:1:3::1]:1", false},
		"loopback": {"127.0.0.1:1", "[::1]:9", "203.0.113.6:1", true},
		"no one":   {"@", "pipe", "127.0.0.1:1", false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, nil)
				start := time.Now()
				for n := range maxFailures {
					if w := b.do(request(good, wrong, remote(c.source))); w.Code != 401 {
						t.Fatalf("failure %d: %d", n+1, w.Code)
					}
				}
				// The first failure was at the start and leaves the window a minute later.
				left := failWindow - time.Since(start)
				w := b.do(request(good, wrong, remote(c.same)))
				problemOf(t, w, 429)
				if got, want := w.Header().Get("Retry-After"), fmt.Sprint(int(left.Seconds())); got != want {
					t.Errorf("Retry-After %s, want %s", got, want)
				}
				want := 429
				if c.rightPasses {
					want = 202
				}
				if w := b.do(request(good, remote(c.source))); w.Code != want {
					t.Errorf("the right passcode from there: %d, want %d", w.Code, want)
				}
				if w := b.do(request(good, remote(c.other))); w.Code != 202 {
					t.Errorf("the right passcode from elsewhere: %d", w.Code)
				}
				if w := b.do(request(good, wrong, remote(c.other))); w.Code != 401 {
					t.Errorf("a wrong passcode from elsewhere: %d", w.Code)
				}
				time.Sleep(failWindow)
				if w := b.do(request(good, wrong, remote(c.source))); w.Code != 401 {
					t.Errorf("a wrong passcode after the minute: %d", w.Code)
				}
				if w := b.do(request(good, remote(c.source))); w.Code != 202 {
					t.Errorf("the right passcode after the minute: %d", w.Code)
				}
			})
		})
	}
}

// A flood of wrong passcodes holds back 64 answers and no right one.
func TestFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		start := time.Now()
		var all sync.WaitGroup
		for range maxWaiting {
			all.Go(func() { b.do(request(good, wrong)) })
		}
		synctest.Wait()
		w := b.do(request(good, wrong))
		problemOf(t, w, 429)
		if w.Header().Get("Retry-After") != "1" {
			t.Errorf("Retry-After %q", w.Header().Get("Retry-After"))
		}
		if w := b.do(request(good)); w.Code != 202 {
			t.Errorf("the right passcode in the flood: %d", w.Code)
		}
		if time.Since(start) != 0 {
			t.Error("somebody waited")
		}
		all.Wait()
		if time.Since(start) != wrongDelay {
			t.Errorf("the flood was held back for %s", time.Since(start))
		}
		if len(b.orders) != 1 {
			t.Errorf("orders %v", b.orders)
		}
	})
}

func TestHoldingBackEndsWithTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(wrongDelay/4, cancel)
		start := time.Now()
		b.do(request(good, wrong).WithContext(ctx))
		if time.Since(start) != wrongDelay/4 || len(b.waiting) != 0 {
			t.Errorf("ended after %s, %d wait", time.Since(start), len(b.waiting))
		}
	})
}

// The table of sources is bounded, and the one that was quiet longest makes room.
func TestThrottleForgetsTheOldest(t *testing.T) {
	th := newThrottle(maxSources)
	now := time.Now()
	source := func(n int) netip.Prefix {
		return sourceOf(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), 1).String())
	}
	for range maxFailures {
		th.failed(source(0), now)
		th.failed(source(1), now)
	}
	th.failed(source(0), now) // now 1 is the oldest
	for n := 2; n <= maxSources; n++ {
		th.failed(source(n), now)
	}
	if len(th.sources) != maxSources || th.byAge.Len() != maxSources {
		t.Errorf("%d sources, %d in order", len(th.sources), th.byAge.Len())
	}
	if th.wait(source(0), now) != failWindow || th.wait(source(1), now) != 0 || th.wait(source(maxSources), now) != 0 {
		t.Errorf("waits are %s, %s", th.wait(source(0), now), th.wait(source(1), now))
	}
}

// A wrong passcode counts for less than a minute: at the end of it, it is forgotten.
func TestFailuresCountForAMinute(t *testing.T) {
	th := newThrottle(maxSources)
	start := time.Now()
	for _, c := range []struct {
		after time.Duration
		count int
	}{{0, 1}, {30 * time.Second, 2}, {time.Minute - 1, 3}, {time.Minute, 3}, {90 * time.Second, 3}, {time.Hour, 1}} {
		if n := th.failed(loopback, start.Add(c.after)); n != c.count {
			t.Errorf("after %s: %d failures, want %d", c.after, n, c.count)
		}
	}
}

// The hook hears of every passcode that was looked at and is wrong, and from where; a call that is not looked at is none.
func TestWrongPasscodesAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		b := newBench(t, nil, func(c *Config) { c.Wrong = func(source string) { told = append(told, source) } })
		b.do(request(good))
		b.do(request(good, wrong))
		b.do(request(good, header(passcodeHeader), remote("[2001:db8::1]:1")))
		b.do(request(good, wrong, host("evil.example")))
		for range maxFailures + 5 {
			b.do(request(good, wrong, remote("203.0.113.5:1")))
		}
		if len(told) != 2+maxFailures || told[0] != "127.0.0.0/8" || told[1] != "2001:db8::/64" || told[2] != "203.0.113.5/32" {
			t.Errorf("told %q", told)
		}
	})
}
