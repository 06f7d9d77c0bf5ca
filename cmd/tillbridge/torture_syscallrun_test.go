//go:build linux && amd64

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/journal"
	"tillbridge/bridge/standin"
	"tillbridge/drivers/zvt/sim"
	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

const (
	// faultPatience is how long a shop looks at a bridge that got an error from the system before it restarts it.
	faultPatience = 6 * time.Second
	// startPatience is how long a bridge may take to be ready, or to say why it is not.
	startPatience = 30 * time.Second
	// stopPatience is how long it may take to end when it is told to.
	stopPatience = 10 * time.Second
)

// sweepShop is a shop in which one system call goes wrong in each payment.
type sweepShop struct {
	*killShop
	dev     string // the terminal's line
	n       int    // payments so far
	earlier bool   // the journal has a settled payment
}

func openSweepShop(n int, exe, folder string, tally *killTally) (*sweepShop, error) {
	give := 400 * time.Millisecond
	s, err := openKillShop(n, exe, folder, premises{
		think: time.Millisecond, history: true,
		terminal: sim.Options{T2: give, T3: give, BootTime: 50 * time.Millisecond, RestoreAfter: 50 * time.Millisecond},
	}, tally)
	if err != nil {
		return nil, err
	}
	w := &sweepShop{killShop: s}
	w.dev, err = os.Readlink(filepath.Join(s.dir, "tty"))
	if err == nil {
		err = w.wait(context.Background(), func() bool { return s.door != "" || s.victim.gone() })
	}
	if err = errors.Join(err, w.end()); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return w, nil
}

// ours tells whether a file matters: those of the shop's folder, which are the settings, the journal with what is
// beside it and the passwords, the folder itself, and the terminal's line.
func (s *sweepShop) ours(path string) bool {
	return path == s.dir || path == s.dev || strings.HasPrefix(path, s.dir+"/")
}

// sweepRun is one payment of a sweep.
type sweepRun struct {
	*sweepShop
	fault  callFault
	plan   plan
	charge standin.Charge
	tracer *tracer // nil in a run without a fault
	status int     // the last answer to MGR; 0 for none
	met    bool    // the call came
	silent bool    // the program refused to start
	late   string  // what had not happened when a shop would restart the bridge; empty where it was settled
}

// pay makes one payment in which a call goes wrong, restarts the bridge and judges what is left.
func (s *sweepShop) pay(f callFault) (*sweepRun, error) {
	if more, err := s.since(); err != nil || len(more) > 0 {
		return &sweepRun{}, errors.Join(err, fmt.Errorf("the terminal did something after the payment before was settled: %+v", more))
	}
	s.n++
	r := &sweepRun{sweepShop: s, fault: f, plan: plan{script: simulate.Approved, minor: int64(100 + s.n), insist: f.insists()}}
	s.update(func() {
		s.uuid, s.state, s.story, s.began, s.heard = fmt.Sprintf("%08d-0000-4000-8000-%012d", s.killShop.n, s.n), bridge.None, nil, time.Now(), time.Now()
		s.taken, s.repeats, s.log, s.door, s.counter = false, false, nil, "", ""
	})
	r.charge = standin.Charge{Amount: terminal.Amount{Minor: r.plan.minor, Currency: euros()}.Decimal(), Customer: "customer", UUID: s.uuid}
	err := s.sim.Press(r.plan.script)
	if err == nil && f.first {
		err = s.wipe()
	}
	if err != nil {
		return r, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if f.n > 0 {
		if err := r.faulty(ctx); err != nil {
			return r, fmt.Errorf("with the fault: %w", err)
		}
	}
	if err := r.sound(ctx); err != nil {
		return r, fmt.Errorf("afterwards: %w", err)
	}
	s.settled = s.ledger()
	return r, r.verify()
}

// wipe makes the shop one whose bridge was never started.
func (s *sweepShop) wipe() error {
	all, err := os.ReadDir(s.dir)
	for _, f := range all {
		if f.Name() != "tty" && filepath.Base(s.settings) != f.Name() {
			err = errors.Join(err, os.Remove(filepath.Join(s.dir, f.Name())))
		}
	}
	s.earlier = false
	return err
}

// faulty lets the program run until it has ended by the fault, or until the payment is settled, or until a shop
// would restart it, and then ends it.
func (r *sweepRun) faulty(ctx context.Context) (err error) {
	r.tracer = newTracer(r.fault, r.ours)
	if r.victim, err = startTraced(r.tracer, r.hear, func() { r.update(func() {}) }, r.exe, "run", "--config", r.settings); err != nil {
		return err
	}
	stop, asked := make(chan struct{}), make(chan error, 1)
	r.update(func() { r.asking = 1 })
	go func() {
		err := r.ask(ctx, stop)
		r.update(func() { r.asking = 0 })
		asked <- err
	}()
	err = r.look(ctx)
	close(stop)
	if err = errors.Join(err, <-asked); err != nil {
		return err
	}
	if err := r.end(); err != nil {
		return err
	}
	select {
	case <-r.tracer.fired:
		r.met = true
		r.note("%s of %s", r.fault, r.tracer.what)
	default:
		r.note("%s did not come: there were %d", r.fault, r.tracer.count.Load())
	}
	if err := r.ending(); err != nil {
		return err
	}
	state, err := r.bury(r.fault.n%2 == 0)
	r.note("the program has ended (%v), the payment being %s, MGR's last answer %d", r.tracer.status, state, r.status)
	return err
}

// ask lets MGR ask until it has a 202, nobody answers any more, or stop.
func (r *sweepRun) ask(ctx context.Context, stop <-chan struct{}) error {
	for over := false; !over && ctx.Err() == nil; {
		door := ""
		select {
		case <-r.victim.ended:
			return nil
		case <-stop:
			return nil
		default:
			r.mu.Lock()
			door = r.door
			r.mu.Unlock()
		}
		if open(door) {
			began := time.Now()
			r.status = r.killShop.charge(ctx, door, r.charge)
			switch {
			case r.status == http.StatusAccepted:
				return nil
			case r.status == 0 && !idleFor(time.Second, r.victim.ended):
				return nil
			case r.status == 0:
				m, _ := r.mgr.Payment(r.uuid)
				return fmt.Errorf("the webhook had no answer in %s, and the program lives: %s", time.Since(began), m.Asks[len(m.Asks)-1].Problem)
			}
		}
		over = !idleFor(10*time.Millisecond, stop)
	}
	return nil
}

// open tells whether a door is one: a bridge with wrong settings is ready and has none.
func open(door string) bool { return door != "" && !strings.Contains(door, `""`) }

// look waits until the program has ended, the payment is settled, or a shop would restart the bridge.
func (r *sweepRun) look(ctx context.Context) error {
	var late <-chan time.Time
	fired := r.tracer.fired
	starting := time.NewTimer(startPatience)
	defer starting.Stop()
	for {
		r.mu.Lock()
		over := r.asking == 0 && (r.state == bridge.Reported || r.state == bridge.Held || r.state == bridge.None && !r.taken && r.door != "")
		ready, news := r.door != "", r.news
		r.mu.Unlock()
		if over || r.victim.gone() {
			return nil
		}
		select {
		case <-news:
		case <-r.victim.ended:
		case <-fired:
			fired = nil
			t := time.NewTimer(faultPatience)
			defer t.Stop()
			late = t.C
		case <-late:
			if late = nil; ready {
				r.lateness()
				return nil
			}
		case <-starting.C:
			if !ready {
				return errors.New("the program neither starts nor says why not")
			}
		case <-ctx.Done():
			return errPatience
		}
	}
}

// lateness keeps what a bridge that got an error has not done by itself.
func (r *sweepRun) lateness() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.late = "took no payment until it was restarted"
	if r.taken {
		r.late = "left a payment " + r.state.String() + " until it was restarted"
	}
}

// end tells the program to stop and waits until it has.
func (s *sweepShop) end() error {
	_ = s.victim.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
	if idleFor(stopPatience, s.victim.ended) {
		_ = s.victim.cmd.Process.Signal(syscall.SIGQUIT) // it prints where it is
		idleFor(stopPatience, s.victim.ended)
		s.victim.kill()
		return fmt.Errorf("the program did not end in %s when it was told to", stopPatience)
	}
	return nil
}

// ending judges how the program with the fault has ended.
func (r *sweepRun) ending() error {
	status := r.tracer.status
	r.mu.Lock()
	log := slices.Clone(r.log)
	r.mu.Unlock()
	for _, l := range log {
		if strings.HasPrefix(l, "panic") || strings.HasPrefix(l, "fatal error") || strings.Contains(l, "panicked") {
			return fmt.Errorf("the program broke down: %s", l)
		}
	}
	switch {
	case r.fault.way.kills() && r.met:
		return nil
	case status.Exited() && status.ExitStatus() == exitDone:
		return nil
	case !r.met:
		return fmt.Errorf("the program ended by itself, %v", status)
	case status.Exited() && status.ExitStatus() == exitFailed && len(log) > 0 && strings.HasPrefix(said(log), "tillbridge: "):
		r.silent = true
		r.note("it said: %s", said(log))
		return nil
	}
	return fmt.Errorf("the program ended with %x and does not say why", status)
}

// said is the program's last word, which may have more than one line.
func said(log []string) string {
	for i := len(log) - 1; i >= 0; i-- {
		if strings.HasPrefix(log[i], "tillbridge: ") {
			return strings.Join(log[i:], " / ")
		}
	}
	return ""
}

// sound starts the program without a fault, lets MGR ask where it has no 202 and asks at all, and judges.
func (r *sweepRun) sound(ctx context.Context) error {
	if err := r.start(); err != nil {
		return err
	}
	r.mu.Lock()
	again := !r.taken && (r.status != 0 || r.plan.insist || r.tracer == nil || !r.met)
	r.mu.Unlock()
	if again {
		if err := r.ask(ctx, nil); err != nil {
			return err
		}
		if r.status != http.StatusAccepted {
			return fmt.Errorf("the webhook was answered %d", r.status)
		}
	}
	err := r.wait(ctx, func() bool {
		ended := r.state == bridge.Reported || r.state == bridge.Held || r.state == bridge.None && !again
		return r.victim.gone() || r.door != "" && ended
	})
	switch {
	case err != nil:
		return err
	case r.victim.gone():
		return errors.New("the program ended by itself")
	}
	if err := r.judge(ctx, r.plan); err != nil {
		return err
	}
	if err := r.end(); err != nil {
		return err
	}
	if code := r.victim.cmd.ProcessState.ExitCode(); code != exitDone {
		return fmt.Errorf("the program ended with %d", code)
	}
	return nil
}

// verify checks the whole journal.
func (r *sweepRun) verify() (err error) {
	j, err := journal.OpenReadOnly(r.path())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	problems, err := j.Verify(context.Background())
	for _, p := range problems {
		err = errors.Join(err, errors.New(p.String()))
	}
	alarms, e := j.Alarms(context.Background())
	for _, a := range alarms {
		err = errors.Join(err, fmt.Errorf("alarm: %s", a.Text))
	}
	_, r.earlier, _ = j.Payment(context.Background(), r.uuid)
	return errors.Join(err, e)
}
