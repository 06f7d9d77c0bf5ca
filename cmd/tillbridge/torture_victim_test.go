//go:build unix

package main

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"

	"tillbridge/bridge"
)

// victim is the built program, made to be killed.
type victim struct {
	cmd   *exec.Cmd
	began time.Time
	ended chan struct{} // the process is gone, and all that it printed was heard
	after func()        // called after each kill, before kill returns; nil for nothing
}

// startVictim starts the program. Each line that it prints is handed to hear as soon as it comes, by a goroutine
// that ends with the program and calls over last.
func startVictim(hear func(line string), over func(), exe string, args ...string) (*victim, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	v := &victim{cmd: exec.Command(exe, args...), ended: make(chan struct{}), began: time.Now()}
	v.cmd.Stdout, v.cmd.Stderr = w, w
	err = v.cmd.Start()
	_ = w.Close() // the program has its own
	if err != nil {
		_ = r.Close()
		return nil, err
	}
	go func() {
		defer over()
		defer close(v.ended)
		for s := bufio.NewScanner(r); s.Scan(); {
			hear(s.Text())
		}
		_ = r.Close()
		_ = v.cmd.Wait() // it was killed; how it ended otherwise is in its state
	}()
	return v, nil
}

// kill ends the program as a power cut does, whatever it is at, and returns at once.
func (v *victim) kill() {
	_ = v.cmd.Process.Kill() // it may have ended already
	if v.after != nil {
		v.after()
	}
}

// gone tells whether the program has ended.
func (v *victim) gone() bool {
	select {
	case <-v.ended:
		return true
	default:
		return false
	}
}

// power is the computer that the program runs on, where a kill is a power cut. Its first two methods may be called from any
// goroutine.
type power interface {
	saw(moment, bridge.State)              // something was seen of the program from outside
	noticed(r *http.Request) *http.Request // MGR is being told this; what it returns is to be read instead
	started(v *victim)                     // the program
	restore() error                        // the program is gone: the computer starts again
	steady() error                         // it stays on from now until the next payment
}

// moment is what a kill can be aimed at.
type moment uint8

const (
	atStart    moment = iota // the program was started
	atReady                  // it serves
	atPost                   // a webhook is about to be posted
	atState                  // the journal has the payment in a state: the program has just said so
	atFinal                  // the journal has its outcome, and MGR was not told
	atWire                   // the n-th time that something passes between program and terminal
	atCommand                // the terminal has the command to pay, and has made nothing of it yet
	atStated                 // the terminal has stated a result
	atVote                   // the terminal has our answer to that, and has made nothing of it yet
	atNotice                 // MGR is being told, and has not answered
	atTold                   // MGR has answered
	atResolve                // a person's word is on its way
	atSilence                // nothing has happened for a while
	atTheEnd                 // all is settled
	atAccepted               // a webhook was answered with 202
	momentKind               // their number
)

var momentWords = [momentKind]string{
	"start", "ready", "post", "state", "final", "wire", "command", "stated", "vote", "notice", "told", "resolve", "silence", "the end", "accepted",
}

// aim is where a kill is meant to fall. Where it falls is seen afterwards.
type aim struct {
	at    moment
	state bridge.State  // of atState
	nth   int           // of atWire
	delay time.Duration // after the moment; 0 for at once
}

func (a aim) String() string {
	s := momentWords[a.at]
	switch a.at {
	case atState:
		s = a.state.String()
	case atWire:
		s = fmt.Sprintf("wire %d", a.nth)
	}
	if a.delay > 0 {
		s += fmt.Sprintf(" +%s", a.delay.Round(time.Microsecond))
	}
	return s
}

// trigger waits for the moment of an aim and kills. Its methods may be called from any goroutine.
type trigger struct {
	mu      sync.Mutex
	aim     aim
	victim  *victim // nil: nobody is to be killed
	passed  int     // what went over the wire
	waiting int     // rises with each wait that is begun or taken back
	power   power   // is told of each moment; nil where nobody wants to know
	tasks   sync.WaitGroup
}

// load aims at a program.
func (t *trigger) load(a aim, v *victim) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.aim, t.victim, t.passed = a, v, 0
	t.waiting++
}

// unload kills nobody any more, and returns when nothing is under way.
func (t *trigger) unload() {
	t.load(aim{}, nil)
	t.tasks.Wait()
}

// saw tells of a moment.
func (t *trigger) saw(m moment, s bridge.State) {
	if t.power != nil {
		t.power.saw(m, s)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.victim == nil:
		return
	case m == atWire:
		t.passed++
	case m == atState && t.aim.at == atFinal && s >= bridge.Approved && s < bridge.Reported:
		m = atFinal
	}
	if m != t.aim.at || m == atState && s != t.aim.state || m == atWire && t.passed != t.aim.nth {
		return
	}
	t.waiting++
	if t.aim.delay == 0 {
		t.victim.kill()
		return
	}
	mine, v, d := t.waiting, t.victim, t.aim.delay
	t.tasks.Go(func() {
		after(d, v.ended)
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.waiting == mine {
			v.kill()
		}
	})
}

// unsaw takes a moment back that came to nothing.
func (t *trigger) unsaw(m moment) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.aim.at == m {
		t.waiting++
	}
}

// after waits to the microsecond, or until done.
func after(d time.Duration, done <-chan struct{}) {
	end := time.Now().Add(d)
	const fine = time.Millisecond // a timer is not more exact than that
	if d > fine && !idleFor(d-fine, done) {
		return
	}
	for time.Now().Before(end) {
		runtime.Gosched()
	}
}

// idleFor waits, and tells whether it did so to the end.
func idleFor(d time.Duration, done <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-done:
		return false
	}
}

// logField reads a field of a line of the program's log; empty where it is not there. Values with blanks are
// not for it.
func logField(line, name string) string {
	_, rest, found := strings.Cut(line, " "+name+"=")
	if !found {
		return ""
	}
	value, _, _ := strings.Cut(rest, " ")
	return value
}
