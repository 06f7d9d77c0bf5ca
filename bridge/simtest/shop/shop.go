package shop

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
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

var eur = terminal.Currency{Code: "EUR", Numeric: 978, Digits: 2}

// storyLines is how many lines of its story a shop keeps.
const storyLines = 20_000

// Figures are what happened in a shop.
type Figures struct {
	Payments, Accepted, Webhooks, Repeats, Refused int
	Faults, Restarts, Deaths, Sleeps               int
	Approved, Denied, Holds                        int
	Why                                            map[string]int // of the holds
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
		f.why(why, n)
	}
}

func (f *Figures) why(why string, n int) {
	if f.Why == nil {
		f.Why = map[string]int{}
	}
	f.Why[why] += n
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
	driver   terminal.Driver
	sim      terminal.Simulator
	clerk    *clerk
	begun    []chan struct{} // of each visit, closed when it begins
	scripted []scripted      // under shop.mu: the scripts that were set
	hurt     []time.Time     // under shop.mu

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

// newShop makes the shop of a plan, without a bridge.
func newShop(p plan, folder string, drivers []terminal.Driver, w wiring, tracing bool) (*Shop, error) {
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
		one, err := newPlaceAt(s, pl, i, drivers[pl.driver])
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

func newPlaceAt(s *Shop, pl placePlan, i int, d terminal.Driver) (*place, error) {
	sim, err := d.Simulate(terminal.SimulatorOptions{Currency: eur, Outcome: simulate.Approved, Think: pl.think})
	if err != nil {
		return nil, err
	}
	p := &place{placePlan: pl, shop: s, name: fmt.Sprint("t", i+1), driver: d, sim: sim, clerk: s.newClerk()}
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
	d := p.driver
	if w := p.shop.wiring.driver; w != nil {
		d = w(d)
	}
	var options any
	if d.Options != nil {
		options = d.Options()
	}
	return till.Terminal{
		Name: p.name, Driver: d, Options: options, Currency: eur, Line: "memory", Link: p.link,
		Dial: func(ctx context.Context) (terminal.Port, error) { return p.dial(ctx, h.mains) },
	}
}

// dial opens the line, as far as cable and power are there.
func (p *place) dial(_ context.Context, m *mains) (port terminal.Port, err error) {
	err = m.do("dial", func() error {
		face := p.sim.Face()
		if !face.Cabled || p.link == terminal.TCP && !face.Powered {
			return errors.New("nothing answers")
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		mine, theirs := simulate.Pipe()
		p.line = mine
		p.dials++
		p.open++
		p.serving.Go(func() {
			_ = p.sim.Serve(p.shop.ctx, theirs, p.link) // how a line ended is the terminal's story
		})
		var line terminal.Port = mine
		if p.noise > 0 {
			line = &quietable{noisy: simulate.Noise(mine, p.noise, mix(p.shop.plan.seed, p.dials)), still: mine, calm: &p.shop.calm}
		}
		forget := m.onDeath(func() { _ = mine.Close() })
		port = &wire{Port: line, mains: m, leave: sync.OnceFunc(func() {
			forget()
			p.mu.Lock()
			defer p.mu.Unlock()
			p.open--
		})}
		return nil
	})
	if err != nil && port != nil { // it died over it
		_ = port.Close()
		port = nil
	}
	return port, err
}

// quietable is a noisy line that falls quiet when faults stop.
type quietable struct {
	noisy terminal.Port
	still *simulate.PipeEnd
	calm  *atomic.Bool
}

func (q *quietable) port() terminal.Port {
	if q.calm.Load() {
		return q.still
	}
	return q.noisy
}

func (q *quietable) Read(b []byte) (int, error)        { return q.port().Read(b) }
func (q *quietable) Write(b []byte) (int, error)       { return q.port().Write(b) }
func (q *quietable) Close() error                      { return q.still.Close() }
func (q *quietable) SetReadDeadline(t time.Time) error { return q.still.SetReadDeadline(t) }
func (q *quietable) Gone() <-chan struct{}             { return q.still.Gone() }

// lines is how many lines the bridge holds open.
func (p *place) lines() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open
}

// cut breaks the line that there is.
func (p *place) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.line != nil {
		p.line.Cut()
	}
}

// press does something at the terminal, and notes a script.
func (p *place) press(action string) {
	if err := p.sim.Press(action); err != nil {
		p.shop.say("%s: %s: %v", p.name, action, err)
		return
	}
	p.shop.say("%s: %s", p.name, action)
	if slices.Contains(p.sim.Outcomes(), action) || action == simulate.PressByHand {
		p.shop.mu.Lock()
		defer p.shop.mu.Unlock()
		p.scripted = append(p.scripted, scripted{time.Now(), action})
	}
}

// disturb notes that the terminal or its line was disturbed.
func (p *place) disturb() {
	p.shop.mu.Lock()
	defer p.shop.mu.Unlock()
	p.hurt = append(p.hurt, time.Now())
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
