package notify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestKickPostsAtOnce(t *testing.T) {
	simulate(t, newBox(), nil, func(t *testing.T, w *world) {
		sleep(17 * time.Second)
		if got := w.mgr.of(""); len(got) != 0 {
			t.Fatalf("posted %v", got)
		}
		w.box.add("u-1")
		now := time.Now()
		w.Kick()
		w.Kick() // two signals are one
		synctest.Wait()
		got := w.mgr.of("u-1")
		if len(got) != 1 || !got[0].at.Equal(now) || w.box.left() != 0 || w.box.reported["u-1"] != 1 {
			t.Errorf("posted %v, %d left", got, w.box.left())
		}
		if len(w.delivered) != 1 || len(w.refused) != 0 || !strings.Contains(w.log.String(), "MGR has the outcome") {
			t.Errorf("told %v %v, log %s", w.delivered, w.refused, w.log)
		}
	})
}

// What an earlier run left is posted at the start, and an idle notifier asks the journal once a minute.
func TestStartAndIdle(t *testing.T) {
	simulate(t, newBox("u-1", "u-2", "u-3", "u-4", "u-5", "u-6", "u-7", "u-8", "u-9"), nil, func(t *testing.T, w *world) {
		if len(w.mgr.of("")) != 9 || w.box.left() != 0 {
			t.Fatalf("posted %d, %d left", len(w.mgr.of("")), w.box.left())
		}
		before := w.box.count("due")
		sleep(time.Hour)
		if n := w.box.count("due") - before; n != 60 {
			t.Errorf("looked %d times in an idle hour", n)
		}
		// A kick that got lost costs a minute at most.
		w.box.add("u-10")
		if sleep(longestWait); w.box.left() != 0 {
			t.Error("a notice without a kick was not found")
		}
	})
}

// A server that is out of order is asked again for ever, with the same content.
func TestAgainForEver(t *testing.T) {
	for name, answer := range map[string]func(post) (*http.Response, error){
		"500":       func(post) (*http.Response, error) { return says(500, "oops"), nil },
		"408":       func(post) (*http.Response, error) { return says(408, ""), nil },
		"425":       func(post) (*http.Response, error) { return says(425, ""), nil },
		"429":       func(post) (*http.Response, error) { return says(429, ""), nil },
		"no answer": unreachable,
	} {
		t.Run(name, func(t *testing.T) {
			simulate(t, newBox("u-1"), answer, func(t *testing.T, w *world) {
				sleep(4 * time.Hour)
				posts := w.mgr.of("u-1")
				for n := 1; n < len(posts); n++ {
					gap, want := posts[n].at.Sub(posts[n-1].at), min(firstWait<<min(n-1, 5), mostWait)
					if gap < want*8/10 || gap > want*12/10 || posts[n].body != posts[0].body {
						t.Fatalf("try %d came %s after the one before with %s", n, gap, posts[n].body)
					}
				}
				if len(posts) < 400 || len(posts) > 600 || len(w.refused) != 0 {
					t.Errorf("%d tries, told %v", len(posts), w.refused)
				}
				if n := w.box.count("due"); n > 4*len(posts) {
					t.Errorf("asked the outbox %d times", n)
				}
				w.mgr.set(nil)
				if sleep(36 * time.Second); w.box.left() != 0 || len(w.delivered) != 1 {
					t.Errorf("%d left, told %v", w.box.left(), w.delivered)
				}
			})
		})
	}
}

// A refusal is told to the shop and tried again every quarter of an hour; a redirect is not followed.
func TestRefusals(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308, 400, 401, 403, 404, 410, 422} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			simulate(t, newBox("u-1"), func(post) (*http.Response, error) {
				return says(status, "no such payment", "Location", "https://elsewhere.example/", "Retry-After", "1"), nil
			}, func(t *testing.T, w *world) {
				sleep(time.Hour)
				posts := w.mgr.of("")
				if len(posts) != 5 || len(w.refused) != 5 || len(w.delivered) != 0 {
					t.Fatalf("%d posts, told %v", len(posts), w.refused)
				}
				for n, p := range posts {
					if !p.at.Equal(w.start.Add(time.Duration(n)*15*time.Minute)) || p.r.URL.String() != notifyTo {
						t.Errorf("post %d went to %s at %s", n, p.r.URL, p.at.Sub(w.start))
					}
				}
				wrote := "It wrote: no such payment"
				if status < 400 {
					wrote = "It wrote: the address is now https://elsewhere.example/"
				}
				if !strings.HasPrefix(w.refused[0], "u-1 "+http.StatusText(status)) || !strings.HasSuffix(w.refused[0], wrote) || !strings.HasSuffix(w.box.notices["u-1"].why, wrote) {
					t.Errorf("told %q, journal %q", w.refused[0], w.box.notices["u-1"].why)
				}
			})
		})
	}
}

func TestRetryAfterIsObeyed(t *testing.T) {
	for name, c := range map[string]struct {
		header string
		wait   time.Duration
	}{
		"seconds": {"200", 200 * time.Second},
		"date":    {"", 200 * time.Second},
		"endless": {"999999", time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			simulate(t, newBox("u-1"), func(p post) (*http.Response, error) {
				header := c.header
				if header == "" {
					header = p.at.Add(c.wait).UTC().Format(http.TimeFormat)
				}
				return says(503, "", "Retry-After", header), nil
			}, func(t *testing.T, w *world) {
				sleep(c.wait - time.Second)
				w.box.add("u-2") // a success of another does not shorten it
				w.mgr.set(nil)
				w.Kick()
				w.Retry()
				synctest.Wait()
				if len(w.mgr.of("u-1")) != 1 || len(w.mgr.of("u-2")) != 1 {
					t.Fatalf("posted %v", w.mgr.of(""))
				}
				if sleep(time.Second); len(w.mgr.of("u-1")) != 2 {
					t.Errorf("posted %v", w.mgr.of("u-1"))
				}
			})
		})
	}
}

// An answer that does not come and a payment that is refused hold up no other, and no payment is posted twice at a
// time.
func TestOneHoldsUpNoOther(t *testing.T) {
	simulate(t, newBox("refused", "stuck"), func(p post) (*http.Response, error) {
		switch p.uuid {
		case "stuck":
			<-p.r.Context().Done()
			return nil, p.r.Context().Err()
		case "refused":
			return says(404, ""), nil
		case "ill":
			if p.at.Second()%10 < 5 {
				return says(503, "", "Retry-After", "5"), nil
			}
		}
		return says(200, ""), nil
	}, func(t *testing.T, w *world) {
		w.box.add("ill") // comes due again while the stuck one is on its way
		w.Kick()
		for n := range 20 {
			w.box.add(fmt.Sprintf("u-%d", n))
			now := time.Now()
			w.Kick()
			synctest.Wait()
			if got := w.mgr.of(fmt.Sprintf("u-%d", n)); len(got) != 1 || !got[0].at.Equal(now) {
				t.Fatalf("posted %v", got)
			}
			sleep(time.Second)
		}
		if n := len(w.mgr.of("stuck")); n != 1 {
			t.Errorf("the stuck one was posted %d times at once", n)
		}
		if n := len(w.mgr.of("ill")); n != 2 {
			t.Errorf("the postponed one was posted %d times", n)
		}
		if n := w.box.count("due"); n > 200 {
			t.Errorf("asked the outbox %d times in 20 s", n)
		}
		if sleep(tryWithin); len(w.mgr.of("stuck")) != 2 || !strings.Contains(w.box.notices["stuck"].why, "deadline exceeded") {
			t.Errorf("after the time-out: %d posts, %q", len(w.mgr.of("stuck")), w.box.notices["stuck"].why)
		}
	})
}

// What comes due while an older one is on its way is found without a signal.
func TestDueBehindAStuckOne(t *testing.T) {
	simulate(t, newBox("stuck", "ill"), func(p post) (*http.Response, error) {
		if p.uuid == "stuck" {
			<-p.r.Context().Done()
			return nil, p.r.Context().Err()
		}
		return says(503, "", "Retry-After", "5"), nil
	}, func(t *testing.T, w *world) {
		if sleep(5*time.Second + rescan); len(w.mgr.of("ill")) != 2 || len(w.mgr.of("stuck")) != 1 {
			t.Errorf("posted %d and %d times", len(w.mgr.of("ill")), len(w.mgr.of("stuck")))
		}
		if n := w.box.count("due"); n > 12 {
			t.Errorf("asked the outbox %d times", n)
		}
	})
}

// While every place is taken by an answer that does not come, nothing spins; then the others have their turn.
func TestAllPlacesStuck(t *testing.T) {
	simulate(t, newBox("a", "b", "c", "d", "e"), func(p post) (*http.Response, error) {
		if p.uuid == "e" {
			return says(200, ""), nil
		}
		<-p.r.Context().Done()
		return nil, p.r.Context().Err()
	}, func(t *testing.T, w *world) {
		if sleep(tryWithin - time.Second); len(w.mgr.of("")) != atOnce || w.box.count("due") > 3 {
			t.Errorf("%d posts, asked %d times", len(w.mgr.of("")), w.box.count("due"))
		}
		if sleep(2 * time.Second); len(w.mgr.of("e")) != 1 {
			t.Error("the fifth had no turn")
		}
	})
}

func TestAtOnceWhenTheNetworkReturns(t *testing.T) {
	for name, returns := range map[string]func(*world){
		"a success":           func(w *world) { w.box.add("fresh"); w.Kick() },
		"somebody says so":    func(w *world) { w.Retry() },
		"the interfaces show": func(w *world) { w.mu.Lock(); w.network = ""; w.mu.Unlock() },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox("u-1", "u-2", "u-3", "u-4", "u-5", "u-6", "u-7")
			b.add("ill")
			simulate(t, b, func(p post) (*http.Response, error) {
				if p.uuid == "ill" {
					return says(503, "", "Retry-After", "3000"), nil
				}
				return unreachable(p)
			}, func(t *testing.T, w *world) {
				sleep(10 * time.Minute)
				// Go to a moment just after a try, so that the next one is far by its own schedule.
				for n := len(w.mgr.of("")); len(w.mgr.of("")) == n; {
					sleep(time.Second)
				}
				w.mgr.set(nil)
				returns(w)
				if sleep(lookEvery); w.box.left() != 1 || len(w.mgr.of("ill")) != 1 {
					t.Errorf("%d left after the network is back, %d posts of the one that MGR put off", w.box.left(), len(w.mgr.of("ill")))
				}
				sleep(lookEvery)
				looks := w.looks
				if sleep(time.Minute); looks < 250 || w.looks != looks {
					t.Errorf("looked at the network %d times, then %d times for nothing", looks, w.looks-looks)
				}
			})
		})
	}
}

// Many that wait are remembered in bounds, hold up no fresh one, and all arrive.
func TestManyWait(t *testing.T) {
	b := newBox()
	for n := range maxRemembered + 100 {
		b.add(fmt.Sprintf("u-%04d", n))
	}
	simulate(t, b, unreachable, func(t *testing.T, w *world) {
		sleep(time.Minute)
		w.mgr.set(func(p post) (*http.Response, error) {
			if p.uuid == "fresh" {
				return says(200, ""), nil
			}
			return unreachable(p)
		})
		b.add("fresh")
		w.Kick()
		if synctest.Wait(); len(w.mgr.of("fresh")) != 1 {
			t.Error("a fresh notice waits behind the others")
		}
		if n := strings.Count(w.log.String(), "\n"); n > 3*linesAMinute {
			t.Errorf("%d lines in the log", n)
		}
		w.mgr.set(nil)
		if sleep(time.Minute); b.left() != 0 {
			t.Errorf("%d left", b.left())
		}
		for uuid, n := range b.reported {
			if n != 1 {
				t.Errorf("%s was reported %d times", uuid, n)
			}
		}
		sleep(time.Minute)
		b.add("last")
		w.Kick()
		if synctest.Wait(); !strings.Contains(w.log.String(), "left_out=") {
			t.Error("the log does not tell what it left out")
		}
	})
}

var errDisk = errors.New("disk I/O error near 4111 1111 1111 1111")

// failing makes the named calls fail until it is told otherwise.
func (b *box) failing(calls ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fault = func(call, _ string) error {
		for _, c := range calls {
			if c == call {
				return errDisk
			}
		}
		return nil
	}
}

// An outbox that cannot be read is asked again, more and more seldom, whatever kicks; nothing is lost.
func TestOutboxFault(t *testing.T) {
	for _, call := range []string{"due", "next"} {
		t.Run(call, func(t *testing.T) {
			b := newBox()
			b.failing(call)
			simulate(t, b, nil, func(t *testing.T, w *world) {
				for range 600 {
					w.Kick()
					sleep(time.Second)
				}
				if n := b.count(call); n < 10 || n > 40 {
					t.Errorf("asked %d times in 10 minutes", n)
				}
				if l := w.log.String(); !strings.Contains(l, "disk I/O error") || strings.Contains(l, "4111 1111") {
					t.Errorf("log: %s", l)
				}
				b.add("u-1")
				b.failing()
				if sleep(mostWait); b.left() != 0 || len(w.mgr.of("u-1")) != 1 {
					t.Errorf("%d left, %d posts", b.left(), len(w.mgr.of("u-1")))
				}
				b.failing(call)
				w.Kick()
				synctest.Wait()
				b.add("u-2")
				b.failing()
				if sleep(firstFault); b.left() != 0 {
					t.Error("the pause did not begin anew")
				}
			})
		})
	}
}

// What MGR has is not sent again while the journal cannot record it.
func TestReportFault(t *testing.T) {
	b := newBox("u-1")
	b.failing("reported")
	simulate(t, b, nil, func(t *testing.T, w *world) {
		b.add("u-2")
		w.Kick()
		sleep(10 * time.Minute)
		if len(w.mgr.of("u-1")) != 1 || len(w.mgr.of("u-2")) != 1 || len(w.delivered) != 2 {
			t.Errorf("posted %d, %d times, told %v", len(w.mgr.of("u-1")), len(w.mgr.of("u-2")), w.delivered)
		}
		if n := b.count("reported"); n < 40 || n > 60 {
			t.Errorf("tried to record %d times in 10 minutes", n)
		}
		if n := b.count("due"); n > 1300 { // once a second, for what may be due behind them
			t.Errorf("asked the outbox %d times", n)
		}
		b.failing()
		sleep(mostWait)
		if b.left() != 0 || b.reported["u-1"] != 1 || len(w.mgr.of("")) != 2 || len(w.delivered) != 2 {
			t.Errorf("%d left, %d posts, told %v", b.left(), len(w.mgr.of("")), w.delivered)
		}
		b.add("u-1") // somebody wants it again
		w.Kick()
		if synctest.Wait(); len(w.mgr.of("u-1")) != 2 {
			t.Error("what is owed again was not sent again")
		}
	})
}

// A try that failed keeps to its schedule though the journal cannot record it.
func TestPostponeFault(t *testing.T) {
	b := newBox("u-1", "u-2")
	b.failing("postpone")
	simulate(t, b, func(p post) (*http.Response, error) {
		switch p.uuid {
		case "u-1":
			return says(503, ""), nil
		case "u-2":
			return says(404, ""), nil
		}
		return says(200, ""), nil
	}, func(t *testing.T, w *world) {
		sleep(16 * time.Minute)
		posts := w.mgr.of("u-1")
		for n := 1; n < len(posts); n++ {
			if gap, want := posts[n].at.Sub(posts[n-1].at), min(firstWait<<min(n-1, 5), mostWait); gap < want*8/10 || gap > want*12/10 {
				t.Errorf("try %d came after %s, want %s", n, gap, want)
			}
		}
		b.add("u-3") // a success says nothing of what MGR answered otherwise
		w.Kick()
		synctest.Wait()
		if n := len(w.mgr.of("u-1")); n != len(posts) || len(w.mgr.of("u-3")) != 1 {
			t.Errorf("%d tries after a success, %d before", n, len(posts))
		}
		if len(posts) < 25 || len(w.mgr.of("u-2")) != 2 {
			t.Errorf("%d, %d tries", len(posts), len(w.mgr.of("u-2")))
		}
		w.mgr.set(nil)
		if sleep(15 * time.Minute); b.left() != 0 {
			t.Errorf("%d left", b.left())
		}
	})
}

// A journal that records nothing for hours: what is remembered is bounded, and nothing is sent twice.
func TestReportFaultIsBounded(t *testing.T) {
	b := newBox()
	for n := range maxRemembered + 100 {
		b.add(fmt.Sprintf("u-%04d", n))
	}
	b.failing("reported")
	simulate(t, b, nil, func(t *testing.T, w *world) {
		sleep(90 * time.Second)
		if n := len(w.mgr.of("")); n < maxRemembered || n > maxRemembered+atOnce {
			t.Errorf("%d posts", n)
		}
		b.failing()
		sleep(5 * time.Minute)
		if b.left() != 0 || len(w.mgr.of("")) != maxRemembered+100 {
			t.Errorf("%d left, %d posts", b.left(), len(w.mgr.of("")))
		}
	})
}

// Stopping waits for what is on its way, records a delivery that MGR has confirmed, and counts no failure.
func TestStop(t *testing.T) {
	b := newBox("u-1", "u-2")
	b.slow = time.Second
	simulate(t, b, func(p post) (*http.Response, error) {
		if p.uuid == "u-2" {
			<-p.r.Context().Done()
			return nil, p.r.Context().Err()
		}
		return says(200, ""), nil
	}, func(t *testing.T, w *world) {
		w.stop()
		if time.Since(w.start) != time.Second {
			t.Errorf("stopped after %s", time.Since(w.start))
		}
		if b.reported["u-1"] != 1 || b.notices["u-2"].Attempts != 0 || b.calls["postpone"] != 0 {
			t.Errorf("reported %v, calls %v", b.reported, b.calls)
		}
		w.Kick()
		w.Retry()
	})
}

func TestStopInAFault(t *testing.T) {
	for _, call := range []string{"reported", "due"} {
		b := newBox("u-1")
		b.failing(call)
		simulate(t, b, nil, func(t *testing.T, w *world) {
			sleep(time.Minute)
			w.stop()
		})
	}
}

// A context that is over before Run starts nothing, and a fault on the way out is not worth a line.
func TestEndedBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox("u-1")
		w := &world{box: b, mgr: &mgr{}, log: &logBuffer{}}
		n := newNotifier(t, w)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		n.Run(ctx)
		if len(w.mgr.of("")) != 0 || b.count("due") != 0 {
			t.Errorf("posted %v", w.mgr.of(""))
		}
		ctx, cancel = context.WithCancel(t.Context())
		b.fault = func(string, string) error { cancel(); return errDisk }
		n.Run(ctx)
		if len(w.log.String()) != 0 {
			t.Errorf("log: %s", w.log)
		}
	})
}
