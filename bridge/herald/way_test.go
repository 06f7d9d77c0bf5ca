package herald

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A way that is down is tried less and less often, for a day; then what was on it is left out, and the next message says so.
func TestDownForADay(t *testing.T) {
	s := newShop(t)
	synctest.Test(t, func(t *testing.T) {
		b := &box{answer: errDown}
		s.stand(alarm(1))
		defer s.start(t, s.config(), b)()
		pass(giveUp - time.Minute)
		b.mu.Lock()
		tries := b.tries
		b.mu.Unlock()
		if tries < 90 || tries > 110 {
			t.Errorf("%d tries in a day", tries)
		}
		if n := strings.Count(s.log.String(), "\n"); n > 2*tries {
			t.Errorf("%d lines for %d tries", n, tries)
		}
		pass(time.Hour)
		if !strings.Contains(s.log.String(), "given up") {
			t.Error("the log does not say that it is given up")
		}
		b.mu.Lock()
		tries = b.tries
		b.mu.Unlock()
		pass(6 * time.Hour)
		if b.tries != tries {
			t.Errorf("%d further tries with nothing to tell", b.tries-tries)
		}
		b.set(nil)
		s.end("alarm:1")
		pass(time.Minute)
		if b.messages() != 1 || b.came[0].m.LeftOut != 1 || b.told() != "over contrary p1" {
			t.Errorf("came %+v", b.came)
		}
		s.stand(alarm(2))
		pass(2 * time.Minute)
		if b.messages() != 1 || b.came[0].m.LeftOut != 0 {
			t.Errorf("came %+v", b.came)
		}
	})
}

// A way that hangs neither holds up the other one nor the end, and is given up after a minute.
func TestSlowWay(t *testing.T) {
	s := newShop(t)
	synctest.Test(t, func(t *testing.T) {
		hook, mail := &box{hangs: true}, &box{}
		c := s.config()
		c.Email = &Email{SMTP: "mail.example.com:587", TLS: StartTLS, From: "a@example.com", To: []string{"b@example.com"}}
		s.stand(alarm(1))
		stop := s.start(t, c, hook, mail)
		pass(time.Second)
		if got := mail.told(); got != "raised contrary p1" {
			t.Errorf("the mail was told %q", got)
		}
		pass(tryWithin + between)
		if hook.tries != 2 {
			t.Errorf("%d tries", hook.tries)
		}
		before := time.Now()
		stop()
		if took := time.Since(before); took > 0 {
			t.Errorf("stopping took %s", took)
		}
	})
}

// Whatever happens, memory and file stay bounded, and what is left out is counted.
func TestBounds(t *testing.T) {
	s := newShop(t)
	synctest.Test(t, func(t *testing.T) {
		b := &box{answer: errDown}
		long := strings.Repeat("x", 5000)
		for id := range 3 * maxTold {
			a := alarm(id)
			a.Text, a.Do, a.UUID, a.Terminal, a.Kind = long, long, long, long, long
			s.stand(a)
		}
		stop := s.start(t, s.config(), b)
		pass(time.Minute)
		stop()
		text, err := os.ReadFile(s.file)
		if err != nil {
			t.Fatal(err)
		}
		var k kept
		if err := json.Unmarshal(text, &k); err != nil {
			t.Fatal(err)
		}
		w := k.Ways["webhook"]
		if len(w.Told) != maxTold || len(w.Queue) != maxWaiting || w.LeftOut != maxTold-maxWaiting || len(text) > fileMost/16 {
			t.Errorf("%d told, %d wait, %d left out, %d bytes", len(w.Told), len(w.Queue), w.LeftOut, len(text))
		}
		b.set(nil)
		stop = s.start(t, s.config(), b)
		pass(10 * time.Minute)
		stop()
		events := 0
		for i, d := range b.came {
			events += len(d.m.Events)
			if len(d.m.Events) > maxTogether || (d.m.LeftOut > 0) != (i == 0) {
				t.Errorf("message %d has %d events, %d left out", i, len(d.m.Events), d.m.LeftOut)
			}
		}
		if events != maxWaiting {
			t.Errorf("%d events came", events)
		}
	})
}

// Where the file cannot be written, the owner is told all the same, and the log tells of it seldom.
func TestFileThatCannotBeWritten(t *testing.T) {
	s := newShop(t)
	s.file = filepath.Join(s.file, "no", "folder")
	synctest.Test(t, func(t *testing.T) {
		b := &box{}
		defer s.start(t, s.config(), b)()
		for id := range 20 {
			s.stand(alarm(id))
			pass(time.Minute)
		}
		if n := strings.Count(b.told(), "raised"); n != 20 {
			t.Errorf("%d were told", n)
		}
		if n := strings.Count(s.log.String(), "cannot be kept"); n < 1 || n > 3 {
			t.Errorf("%d lines", n)
		}
	})
}

// A file of another version, or one that is not a file, is not taken for ours.
func TestForeignFile(t *testing.T) {
	for name, text := range map[string]string{"newer": `{"version":2,"ways":{}}`, "not JSON": "x", "empty": ""} {
		h, err := New(newShop(t).config())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(h.config.File, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := h.load(); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	h, err := New(newShop(t).config())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(h.config.File, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := h.load(); err == nil {
		t.Error("a folder was taken")
	}
}

// The queue that was cut while a message was under way loses nothing else when that message is taken.
func TestTakenWhileTheQueueIsCut(t *testing.T) {
	h, err := New(newShop(t).config())
	if err != nil {
		t.Fatal(err)
	}
	w := h.ways[0]
	now := time.Now()
	for n := range 60 {
		w.push(Event{UUID: fmt.Sprint(n)}, now)
	}
	m, last, _ := h.next(w)
	for n := range maxWaiting {
		w.push(Event{UUID: fmt.Sprint(60 + n)}, now)
	}
	h.taken(w, m, last)
	if len(m.Events) != maxTogether || len(w.queue) != maxWaiting || w.queue[0].Event.UUID != "60" || w.leftOut != 60 {
		t.Errorf("%d in the message, %d wait from %s, %d left out", len(m.Events), len(w.queue), w.queue[0].Event.UUID, w.leftOut)
	}
	if _, _, some := h.next(newWay("x", nil)); some {
		t.Error("an empty way has something to tell")
	}
}

// breaking breaks down at its first try.
type breaking struct{ box }

func (b *breaking) send(ctx context.Context, m message) error {
	if err := b.box.send(ctx, m); err != nil {
		panic(err)
	}
	return nil
}

// A way that breaks down ends neither the herald nor the bridge, and is tried again.
func TestWayThatBreaksDown(t *testing.T) {
	s := newShop(t)
	synctest.Test(t, func(t *testing.T) {
		h, err := New(s.config())
		if err != nil {
			t.Fatal(err)
		}
		b := &breaking{box{answer: errDown}}
		h.ways[0].carrier = b
		s.stand(alarm(1))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go h.Run(ctx)
		pass(time.Second)
		if !strings.Contains(s.log.String(), "it broke down") {
			t.Errorf("log: %s", &s.log)
		}
		b.set(nil)
		pass(between)
		if got := b.told(); got != "raised contrary p1" {
			t.Errorf("told %q", got)
		}
	})
}
