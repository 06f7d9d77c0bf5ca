//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/journal"
	"tillbridge/bridge/standin"
	"tillbridge/drivers/zvt"
	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// killShop is a bridge that is killed again and again, with its terminal and its MGR, which are not.
type killShop struct {
	n        int
	exe, dir string
	data     string // folder of the journal
	premises premises
	settings string
	mgr      *standin.MGR
	notify   *httptest.Server
	sim      terminal.Simulator
	trigger  trigger
	stop     context.CancelFunc // of the terminal's line
	line     chan error         // how it ended

	victim *victim
	power  power // nil: it stays on when the program is killed
	cuts   sync.WaitGroup

	mu      sync.Mutex
	port    *simulate.PTYPort
	uuid    string // the payment in hand
	state   bridge.State
	heard   time.Time     // when anything was told of it last
	door    string        // URL of the webhook; empty while nobody serves
	counter string        // URL of the counter screen
	news    chan struct{} // closed with the next
	log     []string      // of the program, the last lines
	faults  []standin.Answer
	asking  int    // webhooks under way
	stated  bool   // the terminal's last message is a result
	wrote   []byte // that message
	repeats bool   // the terminal has sent a message again in this payment
	cut     int    // how much may pass before the cable is pulled; 0 for never
	taken   bool   // one of them was answered 202

	story   []string // of the payment in hand: what was done to it
	began   time.Time
	settled []terminal.Entry // the terminal's ledger after the last payment
	tally   *killTally
}

// openKillShop opens a shop in a folder of its own. What is given to change it is called before anything runs.
func openKillShop(n int, exe, folder string, p premises, tally *killTally, change ...func(*killShop)) (_ *killShop, err error) {
	dir, err := os.MkdirTemp(folder, "kills-")
	if err != nil {
		return nil, err
	}
	s := &killShop{n: n, exe: exe, dir: dir, data: dir, premises: p, mgr: standin.New(standin.Options{Passcode: passcode}), line: make(chan error, 1), news: make(chan struct{}), tally: tally}
	for _, f := range change {
		f(s)
	}
	s.notify = httptest.NewServer(http.HandlerFunc(s.told))
	s.mgr.Fail(s.fault)
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.sim, err = zvt.Driver().Simulate(terminal.SimulatorOptions{Think: p.think, Options: p.terminal})
	if err == nil && p.history {
		err = s.sim.Press("manual-sale:100")
	}
	if err != nil {
		s.line <- nil
		return nil, errors.Join(err, s.close())
	}
	opened := make(chan struct{}, 1)
	lines := simulate.Lines{Sim: s.sim, Wrap: s.tap, Opened: func(string) {
		select {
		case opened <- struct{}{}:
		default:
		}
	}}
	tty := filepath.Join(dir, "tty")
	go func() {
		err := lines.PTY(ctx, tty)
		s.line <- err
		close(opened)
	}()
	<-opened
	s.settings = filepath.Join(dir, "config.yaml")
	err = os.WriteFile(s.settings, fmt.Appendf(nil, `
listen: 127.0.0.1:0
counter: 127.0.0.1:0
journal: %s
mgr:
  passcode: %q
  notify_url: %s/notify
terminals:
  counter:
    driver: zvt
    port: {serial: %q}
    currency: EUR
    options: {%s}
`, s.path(), passcode, s.notify.URL, tty, strings.Join(p.options, ", ")), 0o600)
	if err == nil {
		s.settled = s.ledger()
		err = s.start()
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *killShop) path() string { return filepath.Join(s.data, "journal.db") }

// close ends everything and removes the folder.
func (s *killShop) close() error {
	if s.victim != nil {
		s.victim.kill()
		<-s.victim.ended
	}
	s.trigger.unload()
	s.cuts.Wait()
	s.stop()
	err := <-s.line
	s.notify.Close()
	s.mgr.Close()
	return errors.Join(err, os.RemoveAll(s.dir))
}

// tap tells the trigger of what passes between program and terminal, and keeps the port of the line.
func (s *killShop) tap(p terminal.Port) terminal.Port {
	port, _ := p.(*simulate.PTYPort)
	s.mu.Lock()
	s.port = port
	s.mu.Unlock()
	return simulate.Tap(p, func(e simulate.TapEvent) error {
		if !e.After || len(e.Data) == 0 {
			return nil
		}
		s.trigger.saw(atWire, bridge.None)
		s.passed(e)
		return nil
	})
}

// passed looks at what has passed. A message begins with DLE STX and its command (PA00P016); one that came in
// pieces is not recognised, which costs a chance to kill and nothing else.
func (s *killShop) passed(e simulate.TapEvent) {
	begins := func(command ...byte) bool { return bytes.Contains(e.Data, append([]byte{0x10, 0x02}, command...)) }
	s.mu.Lock()
	moment, stated := atWire, s.stated
	switch {
	case e.Op == simulate.WriteOp && begins():
		s.repeats = s.repeats || bytes.Equal(s.wrote, e.Data)
		s.wrote = bytes.Clone(e.Data)
		if s.stated = begins(0x04, 0x0F); s.stated {
			moment = atStated
		}
	case e.Op == simulate.ReadOp && begins(0x06, 0x01):
		moment = atCommand
	case e.Op == simulate.ReadOp && stated && begins(0x80, 0x00):
		moment = atVote
	}
	cut := false
	if s.cut > 0 {
		s.cut--
		cut = s.cut == 0
	}
	s.mu.Unlock()
	if moment != atWire {
		s.trigger.saw(moment, bridge.None)
	}
	if cut {
		s.cuts.Go(s.pullCable)
	}
}

// pullCable takes the cable out for a moment.
func (s *killShop) pullCable() {
	s.note("the cable is pulled")
	_ = s.sim.Press(simulate.PressPullCable) // it never fails
	idleFor(s.premises.terminal.RestoreAfter, nil)
	_ = s.sim.Press(simulate.PressPlugCable)
	_ = s.sim.Press(simulate.PressRestorePower) // had it failed just before, nobody else would restore it any more
}

// told is MGR's notify address.
func (s *killShop) told(w http.ResponseWriter, r *http.Request) {
	s.trigger.saw(atNotice, bridge.None)
	defer s.trigger.saw(atTold, bridge.None)
	if s.power != nil {
		r = s.power.noticed(r)
	}
	s.mgr.ServeHTTP(w, r)
}

// fault is what MGR does with the next notice.
func (s *killShop) fault(int) standin.Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.faults) == 0 {
		return standin.Answer{}
	}
	f := s.faults[0]
	s.faults = s.faults[1:]
	return f
}

// note adds to the story of the payment in hand.
func (s *killShop) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.story = append(s.story, fmt.Sprintf("%9.3f ms  ", float64(time.Since(s.began).Microseconds())/1000)+fmt.Sprintf(format, args...))
}

// update changes what is guarded by mu and tells who waits.
func (s *killShop) update(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	close(s.news)
	s.news = make(chan struct{})
}

// hear takes a line of the program's log.
func (s *killShop) hear(line string) {
	var state bridge.State
	ours := false
	switch {
	case strings.Contains(line, " msg=payment "):
		state, _ = bridge.ParseState(logField(line, "state")) // a line cut by a kill has none
		s.mu.Lock()
		ours = state != bridge.None && logField(line, "uuid") == s.uuid
		s.mu.Unlock()
		if ours {
			s.trigger.saw(atState, state)
		}
	case strings.Contains(line, " msg=ready "):
		s.trigger.saw(atReady, bridge.None)
	}
	s.update(func() {
		if len(s.log) >= 120 {
			s.log = append(s.log[:0], s.log[60:]...)
		}
		s.log = append(s.log, line)
		if ours && s.state != bridge.Reported { // MGR may be told, and the program say so, before it says what it tells
			s.state, s.heard = state, time.Now()
		}
		if strings.Contains(line, " msg=ready ") {
			s.door, s.counter = "http://"+logField(line, "door")+"/mgr/counter", "http://"+logField(line, "counter")
			s.heard = time.Now()
		}
	})
}

// start starts the program and goes on at once.
func (s *killShop) start() (err error) {
	s.victim, err = startVictim(s.hear, func() { s.update(func() {}) }, s.exe, "run", "--config", s.settings)
	if err != nil {
		return fmt.Errorf("start the program: %w", err)
	}
	if s.power != nil {
		s.power.started(s.victim)
	}
	return nil
}

// bury reads what a killed program has left behind.
func (s *killShop) bury(flush bool) (bridge.State, error) {
	<-s.victim.ended
	s.mu.Lock()
	port := s.port
	s.mu.Unlock()
	if port != nil {
		// They fail where the cable is out, and then there is nothing to lift or to lose.
		_ = port.Release()
		if flush {
			_ = port.Discard()
		}
	}
	if s.power != nil {
		if err := s.power.restore(); err != nil {
			return bridge.None, err
		}
	}
	p, err := s.read()
	state := bridge.None
	if p != nil {
		state = p.State
	}
	s.update(func() { s.door, s.counter, s.state, s.heard = "", "", state, time.Now() })
	return state, err
}

// read is the journal's payment; nil where it has none, or is not there itself yet.
func (s *killShop) read() (_ *bridge.Payment, err error) {
	if _, err := os.Stat(s.path()); errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	j, err := journal.OpenReadOnly(s.path())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	p, there, err := j.Payment(context.Background(), s.uuid)
	if err != nil || !there {
		return nil, err
	}
	return &p, nil
}

// ledger is the terminal's.
func (s *killShop) ledger() []terminal.Entry { return s.sim.Face().Ledger }

// since is what the terminal's ledger has more than it had before the payment; an error where what it had is not
// the same any more.
func (s *killShop) since() ([]terminal.Entry, error) {
	now := s.ledger()
	if len(now) < len(s.settled) || !slices.Equal(now[:len(s.settled)], s.settled) {
		return nil, errors.New("the terminal's ledger has changed for payments that were settled before")
	}
	return now[len(s.settled):], nil
}

// lastBooked is the terminal's last booked sale before the payment in hand.
func (s *killShop) lastBooked() *terminal.Entry {
	for i := len(s.settled) - 1; i >= 0; i-- {
		if s.settled[i].Captured {
			return &s.settled[i]
		}
	}
	return nil
}
