package shop

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/standin"
	"tillbridge/bridge/till"
	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// storyLines is how many lines of its story a shop keeps.
const storyLines = 20_000

// Figures are what happened in a shop.
type Figures struct {
	Payments, Accepted, Webhooks, Repeats, Refused int
	Faults, Restarts, Deaths, Sleeps               int
	Approved, Denied, Holds                        int
	Why                                            map[string]int // of the holds
	Models                                         map[string]int // payments by kind of terminal
}

// Add adds what happened in another shop.
func (f *Figures) Add(o Figures) {
	for _, x := range []struct {
		to *int
		n  int
	}{
		{&f.Payments, o.Payments},
		{&f.Accepted, o.Accepted},
		{&f.Webhooks, o.Webhooks},
		{&f.Repeats, o.Repeats},
		{&f.Refused, o.Refused},
		{&f.Faults, o.Faults},
		{&f.Restarts, o.Restarts},
		{&f.Deaths, o.Deaths},
		{&f.Sleeps, o.Sleeps},
		{&f.Approved, o.Approved},
		{&f.Denied, o.Denied},
		{&f.Holds, o.Holds},
	} {
		*x.to += x.n
	}
	for why, n := range o.Why {
		plus(&f.Why, why, n)
	}
	for name, n := range o.Models {
		plus(&f.Models, name, n)
	}
}

// plus adds to a count that may not be there yet.
func plus(counts *map[string]int, what string, n int) {
	if *counts == nil {
		*counts = map[string]int{}
	}
	(*counts)[what] += n
}

// Shop is everything that outlives a bridge: terminals, MGR, the network, the folder of the journal, the people.
type Shop struct {
	plan    plan
	wiring  wiring
	folder  string
	log     *slog.Logger
	start   time.Time
	network *network
	mgr     *standin.MGR
	server  *http.Server // MGR's
	places  []*place

	generation atomic.Int64          // of the PC's disk
	house      atomic.Pointer[house] // that is up
	calm       atomic.Bool           // no more faults
	night      atomic.Bool           // nobody is in the shop, and its PC is off

	mu         sync.Mutex
	figures    Figures
	story      []string
	violations []string
	pays       map[string]*pay

	ctx    context.Context // of what outlives a bridge
	cancel context.CancelFunc
	tasks  sync.WaitGroup
}

// pay is a payment as the people know it.
type pay struct {
	visit
	place *place
	wants time.Time // when a webhook came again after the outcome was final; under shop.mu
}

// place is a terminal with its ledger, and its line.
type place struct {
	placePlan
	shop     *Shop
	name     string
	sim      terminal.Simulator
	clerk    *clerk
	begun    []chan struct{} // of each visit, closed when it begins
	scripted []scripted      // under shop.mu: the scripts that were set
	harms    []harm          // under shop.mu
	closes   []time.Time     // under shop.mu: the ends of day at the terminal itself

	mu      sync.Mutex
	line    *simulate.PipeEnd // the newest
	open    int
	dials   uint64
	serving sync.WaitGroup
}

type scripted struct {
	at     time.Time
	script string
}

// harm is something that disturbs the dialogue at a terminal, and how long.
type harm struct {
	from, to time.Time
	what     string
}

// newShop makes the shop of a plan, without a bridge.
func newShop(p plan, folder string, w wiring, tracing bool) (*Shop, error) {
	s := &Shop{plan: p, wiring: w, folder: folder, start: time.Now(), network: newNetwork(), pays: map[string]*pay{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.log = slog.New(slog.DiscardHandler)
	if tracing {
		s.log = slog.New(slog.NewTextHandler(storyWriter{s}, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: untimed}))
	}
	o := standin.Options{Passcode: passcode}
	if p.basic {
		o.BasicUser, o.BasicPassword = basicUser, basicPassword
	}
	s.mgr = standin.New(o)
	s.mgr.Fail(func(n int) standin.Answer {
		if s.calm.Load() {
			return standin.Answer{}
		}
		a := s.plan.answer(n)
		if a != (standin.Answer{}) {
			s.fault("notice %d to MGR: %+v", n, a)
		}
		return a
	})
	for i, pl := range p.places {
		one, err := newPlaceAt(s, pl, i)
		if err != nil {
			return nil, err
		}
		s.places = append(s.places, one)
	}
	return s, s.serveMGR()
}

func untimed(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

func newPlaceAt(s *Shop, pl placePlan, i int) (*place, error) {
	m := pl.model
	sim, err := m.driver.Simulate(terminal.SimulatorOptions{Currency: m.currency, Outcome: simulate.Approved, Think: pl.think, Options: m.simulator})
	if err != nil {
		return nil, err
	}
	p := &place{placePlan: pl, shop: s, name: fmt.Sprint("t", i+1), sim: sim, clerk: s.newClerk()}
	for range pl.visits {
		p.begun = append(p.begun, make(chan struct{}))
	}
	if pl.before {
		if err := sim.Press(simulate.PressManualSale + ":99"); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// terminal is the place in the settings of a bridge.
func (p *place) terminal(h *house) till.Terminal {
	d := p.model.driver.With(p.model.options)
	if w := p.shop.wiring.driver; w != nil {
		d = w(d)
	}
	return till.Terminal{
		Name: p.name, Driver: d, Options: p.model.options, Currency: p.model.currency, Line: "memory", Link: p.link,
		Dial: func(ctx context.Context) (terminal.Port, error) { return p.dial(ctx, h.mains) },
	}
}

// press does something at the terminal, and notes a script and an end of day.
func (p *place) press(action string) {
	if err := p.sim.Press(action); err != nil {
		p.shop.say("%s: %s: %v", p.name, action, err)
		return
	}
	p.shop.say("%s: %s", p.name, action)
	p.shop.mu.Lock()
	defer p.shop.mu.Unlock()
	switch {
	case action == simulate.PressEndOfDay:
		p.closes = append(p.closes, time.Now())
	case slices.Contains(p.sim.Outcomes(), action) || action == simulate.PressByHand:
		p.scripted = append(p.scripted, scripted{time.Now(), action})
	}
}

// disturb notes that the dialogue at a terminal is disturbed from now on, for a while.
func (p *place) disturb(what string, while time.Duration) {
	p.shop.mu.Lock()
	defer p.shop.mu.Unlock()
	now := time.Now()
	p.harms = append(p.harms, harm{now, now.Add(while), what})
}

// disturbAll notes that the dialogues at all terminals are disturbed at this moment.
func (s *Shop) disturbAll(what string) {
	for _, p := range s.places {
		p.disturb(what, 0)
	}
}

// serveMGR serves MGR's notify address, and looks at each notice before MGR does.
func (s *Shop) serveMGR() error {
	l, err := s.network.listen(mgrAt)
	if err != nil {
		return err
	}
	s.server = &http.Server{ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, 32<<10))
		if err != nil {
			panic(http.ErrAbortHandler) // the bridge has died over it
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		s.look(body)
		s.mgr.ServeHTTP(w, r)
	})}
	s.tasks.Go(func() { _ = s.server.Serve(l) }) // ends with close
	return nil
}

// look checks that what MGR is about to be told is durable.
func (s *Shop) look(body []byte) {
	var told struct {
		UUID   string `json:"payment_uuid"`
		Status string `json:"status"`
	}
	if err := json.Unmarshal(body, &told); err != nil {
		s.fail("I4", "", "MGR is told something that is no JSON: %q", body)
		return
	}
	s.say("MGR is told %s", body)
	h := s.house.Load()
	if h == nil {
		return
	}
	p, there, err := h.journal.Payment(context.Background(), told.UUID)
	switch want := map[string]terminal.Outcome{standin.Approved: terminal.Approved, standin.Denied: terminal.Declined}[told.Status]; {
	case err != nil: // the bridge has ended meanwhile
	case !there || p.State == bridge.None:
		s.fail("I8", told.UUID, "MGR is told %s and the journal does not have the payment", told.Status)
	case !p.Final() || p.Outcome != want:
		s.fail("I8", told.UUID, "MGR is told %s while the journal says %s, %s", told.Status, p.State, p.Outcome)
	}
}

// close ends what outlives a bridge. It is called once no bridge is up.
func (s *Shop) close() {
	s.cancel()
	_ = s.server.Close() // whoever has not finished is cut off
	s.mgr.Close()
	s.tasks.Wait()
	for _, p := range s.places {
		p.serving.Wait()
	}
}

// say adds a line to the story.
func (s *Shop) say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tell(fmt.Sprintf(format, args...))
}

// tell adds a line; the mutex is held.
func (s *Shop) tell(line string) {
	if len(s.story) < storyLines {
		s.story = append(s.story, fmt.Sprintf("%14.6f s  %s", time.Since(s.start).Seconds(), line))
	}
}

// fault adds a fault to the story.
func (s *Shop) fault(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.figures.Faults++
	s.tell("FAULT: " + fmt.Sprintf(format, args...))
}

// fail notes a broken law. The uuid may be empty.
func (s *Shop) fail(law, uuid, format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	line := law + ": "
	if uuid != "" {
		line += uuid + ": "
	}
	line += fmt.Sprintf(format, args...)
	s.tell("VIOLATION " + line)
	if len(s.violations) < 100 {
		s.violations = append(s.violations, line)
	}
}

func (s *Shop) count(f func(*Figures)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.figures)
}

// storyWriter takes the bridge's log into the story.
type storyWriter struct{ shop *Shop }

func (w storyWriter) Write(b []byte) (int, error) {
	w.shop.say("  log: %s", strings.TrimSpace(string(b)))
	return len(b), nil
}

// Story is what happened, one line each.
func (s *Shop) Story() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.story, "\n")
}
