package main

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// BenchmarkStart is from the start of the process until its log says that it is ready, and until its door has answered
// a call: the first start in a folder, which makes the journal and the counter screen's password, and the ones
// after it. One iteration is one start.
func BenchmarkStart(b *testing.B) {
	exe := shipped(b)
	ports := onTCP(b, 1)
	b.Run("first", func(b *testing.B) { starts(b, func() *shop { return newShop(b, exe, "", ports...) }) })
	b.Run("later", func(b *testing.B) {
		s := newShop(b, exe, "", ports...)
		s.open()
		s.stop()
		starts(b, func() *shop { return s })
	})
}

func starts(b *testing.B, next func() *shop) {
	var ready, answer []time.Duration
	for b.Loop() {
		s := next()
		begin := time.Now()
		s.program = launch(b, s.exe, "run", "--config", s.settings())
		told := make(chan time.Duration, 1)
		go func() {
			s.program.await(`msg=ready`)
			told <- time.Since(begin)
		}()
		s.knockUntilAnswered()
		answer = append(answer, time.Since(begin))
		ready = append(ready, <-told)
		s.stop()
	}
	report(b, "ready-", ready)
	report(b, "answer-", answer)
}

// await waits for a line that contains a text, or for the program's end.
func (c *child) await(text string) {
	for {
		c.mu.Lock()
		more := c.more
		for _, l := range c.lines {
			if strings.Contains(l, text) {
				c.mu.Unlock()
				return
			}
		}
		c.mu.Unlock()
		select {
		case <-more:
		case <-c.ended:
			return
		}
	}
}

// knockUntilAnswered asks the door as a browser does before it calls, again every half millisecond, until that is
// answered well.
func (s *shop) knockUntilAnswered() {
	s.b.Helper()
	late := time.After(patience)
	tick := time.NewTicker(500 * time.Microsecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(s.b.Context(), http.MethodOptions, "http://"+s.door+"/mgr/t1", nil)
		if err != nil {
			s.b.Fatal(err)
		}
		req.Header.Set("Origin", "https://www.mygadgetrepairs.com")
		req.Header.Set("Access-Control-Request-Method", http.MethodPost)
		resp, err := s.client.Do(req)
		if err == nil {
			_ = resp.Body.Close() // it is empty
			if resp.StatusCode/100 != 2 {
				s.b.Fatalf("the door answered %s", resp.Status)
			}
			return
		}
		select {
		case <-late:
			s.b.Fatalf("the door does not answer: %v", err)
		case <-s.program.ended:
			s.b.Fatal("the program ended")
		case <-tick.C:
		}
	}
}

// stop ends the program as a service manager does.
func (s *shop) stop() {
	s.b.Helper()
	if err := s.program.cmd.Process.Signal(os.Interrupt); err != nil {
		s.b.Fatal(err)
	}
	select {
	case <-s.program.ended:
	case <-time.After(patience):
		s.b.Fatal("the program does not stop")
	}
}
