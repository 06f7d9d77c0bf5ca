package shop

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/counter"
	"tillbridge/bridge/journal"
	"tillbridge/bridge/notify"
	"tillbridge/bridge/till"
	"tillbridge/bridge/webhook"
	"tillbridge/terminal"
)

const (
	passcode        = "a passcode of the shop"
	counterPassword = "abcd-efgh-jkmn-pqrs"
	basicUser       = "shop"
	basicPassword   = "a password of the shop"
	origin          = "https://www.mygadgetrepairs.com"
	notifyPath      = "/external/payments/custom/notify"
	stopGrace       = 3 * time.Second // as in bridge/daemon
)

// wiring is where a test puts a mistake between two rooms; nil joins them as the daemon does.
type wiring struct {
	driver  func(terminal.Driver) terminal.Driver
	journal func(*house, till.Journal) till.Journal
	desk    func(*house, webhook.Desk) webhook.Desk
	stopped func(*house)
}

// house is one life of the bridge, tied as bridge/daemon ties it.
type house struct {
	shop  *Shop
	mains *mains
	life  int
	began time.Time

	journal  *journal.Journal
	kept     *kept
	desk     *till.Desk
	notifier *notify.Notifier
	door     *webhook.Door
	counter  *counter.Counter

	doorListener, counterListener net.Listener
	doors, tills, notices         *stage
	failed                        chan error
	active                        atomic.Int64   // requests that the counter screen is serving
	tasks                         sync.WaitGroup // of a planted mistake
}

// stage is a part of the house that ends as a whole.
type stage struct {
	ctx  context.Context
	stop context.CancelFunc
	work sync.WaitGroup
}

func newStage() *stage {
	s := &stage{}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s
}

func (s *stage) end() {
	s.stop()
	s.work.Wait()
}

// open begins a life of the bridge. After an error all is closed; the error is the bridge's own unless it died.
func (s *Shop) open(life int, m *mains) (_ *house, err error) {
	h := &house{shop: s, mains: m, life: life, failed: make(chan error, 3), doors: newStage(), tills: newStage(), notices: newStage()}
	for _, st := range []*stage{h.doors, h.tills, h.notices} {
		m.onDeath(st.stop)
	}
	defer func() {
		if err != nil {
			h.end()
		}
	}()
	h.journal, err = journal.Open(context.Background(), s.journalPath(), journal.Options{
		Log: s.log, ReserveBytes: 64 << 10, CheckEvery: time.Hour,
	})
	if err != nil {
		return nil, err
	}
	h.kept = &kept{Journal: h.journal, mains: m}
	if err = h.build(); err != nil {
		return nil, err
	}
	if err = h.listen(); err != nil {
		return nil, err
	}
	return h, h.begin()
}

// build makes the rooms.
func (h *house) build() (err error) {
	s := h.shop
	c := till.Config{QueueLimit: time.Minute, Log: s.log, Hooks: till.Hooks{
		Notify: func() { h.notifier.Kick() }, Decided: func(n bridge.Notice) { h.notifier.Deliver(n) }, Changed: h.changed, Alarm: h.changed,
	}}
	d := webhook.Config{Passcode: passcode, Origins: []string{origin}, Terminals: map[string]webhook.Terminal{}, Log: s.log}
	n := notify.Config{
		URL: "http://" + mgrAt + notifyPath, Passcode: passcode, Log: s.log, Transport: h.transport(),
		Network: func() string { return "" }, Hooks: notify.Hooks{Refused: h.noticeRefused, Delivered: h.noticeDelivered},
	}
	if s.plan.basic {
		d.Basic = &webhook.BasicAuth{Username: basicUser, Password: basicPassword}
	}
	for _, p := range s.places {
		c.Terminals = append(c.Terminals, p.terminal(h))
		d.Terminals[p.name] = webhook.Terminal{Currency: p.model.currency}
	}
	var j till.Journal = h.kept
	if s.wiring.journal != nil {
		j = s.wiring.journal(h, j)
	}
	if h.desk, err = till.New(c, j); err != nil {
		return err
	}
	if h.notifier, err = notify.New(n, outbox{h.kept, h.desk}); err != nil {
		return err
	}
	var desk webhook.Desk = h.desk
	if s.wiring.desk != nil {
		desk = s.wiring.desk(h, desk)
	}
	if h.door, err = webhook.New(d, desk); err != nil {
		return err
	}
	h.counter, err = counter.New(counter.Config{Access: oneKey{}, Version: "simtest", Log: s.log}, book{h.journal}, acts{h.desk, h.kept})
	return err
}

// transport is the notifier's way to MGR: that of bridge/notify, without proxy and TLS, over the shop's network.
func (h *house) transport() *http.Transport {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Transport{
		Protocols: &protocols, ResponseHeaderTimeout: 20 * time.Second,
		MaxIdleConnsPerHost: 4, MaxConnsPerHost: 8, IdleConnTimeout: 90 * time.Second, MaxResponseHeaderBytes: 64 << 10,
		DialContext: func(ctx context.Context, _, to string) (net.Conn, error) {
			c, err := h.shop.network.dial(ctx, fromMGR, to)
			if err != nil {
				return nil, err
			}
			return plug(c, h.mains, "notice to MGR"), nil
		},
	}
}

// listen opens the doors' listeners.
func (h *house) listen() error {
	door, err := h.shop.network.listen(doorAt)
	if err != nil {
		return err
	}
	h.doorListener = powered{door, h.mains, "answer to MGR"}
	screen, err := h.shop.network.listen(counterAt)
	if err != nil {
		return err
	}
	h.counterListener = powered{screen, h.mains, "answer of the counter screen"}
	h.mains.onDeath(func() { _, _ = door.Close(), screen.Close() })
	return nil
}

// begin starts the rooms: first the tills, which take up what was left open, then what leads to them.
func (h *house) begin() error {
	run := func(s *stage, what string, f func(context.Context) error) {
		s.work.Go(func() {
			if err := f(s.ctx); err != nil {
				h.failed <- fmt.Errorf("%s: %w", what, err)
			}
		})
	}
	up, down := make(chan struct{}), make(chan error, 1)
	h.tills.work.Go(func() { down <- h.desk.Run(h.tills.ctx, func() { close(up) }) })
	select {
	case <-up:
	case err := <-down:
		return fmt.Errorf("the tills: %w", errors.Join(err, h.tills.ctx.Err()))
	}
	h.clearDelivered()
	h.notices.work.Go(func() { h.notifier.Run(h.notices.ctx) })
	run(h.doors, "MGR's door", func(ctx context.Context) error { return h.door.Serve(ctx, h.doorListener, nil) })
	run(h.doors, "the counter screen", h.serveCounter)
	return nil
}

// serveCounter serves the counter screen until ctx ends, as the daemon does.
func (h *house) serveCounter(ctx context.Context) error {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.active.Add(1)
			defer h.active.Add(-1)
			h.counter.ServeHTTP(w, r)
		}),
		Protocols: &protocols, MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(h.shop.log.Handler(), slog.LevelDebug),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, IdleTimeout: time.Minute,
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(h.counterListener) }()
	select {
	case err := <-ended:
		if h.mains.isDead() {
			err = nil
		}
		h.counter.Close()
		return errors.Join(err, server.Close())
	case <-ctx.Done():
	}
	h.counter.Close()
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
	defer cancel()
	if server.Shutdown(grace) != nil {
		_ = server.Close() // who has not finished by now is cut off
	}
	<-ended
	return nil
}

// end ends the life: in order, or where the power is gone already, by waiting until everything has noticed. What a
// dead bridge left on the disk is put aside as it was then, with its write-ahead log, for the next life.
func (h *house) end() {
	h.doors.end()
	h.tills.end()
	h.notices.end()
	h.tasks.Wait()
	for _, l := range []net.Listener{h.doorListener, h.counterListener} {
		if l != nil {
			_ = l.Close() // its server has closed it
		}
	}
	if h.shop.wiring.stopped != nil {
		h.shop.wiring.stopped(h)
	}
	wait(time.Second) // of the bubble: whoever can still go on has done so by then
	if n := h.active.Load(); n != 0 {
		h.shop.fail("I12", "", "%d requests and live screens are open after the end of life %d", n, h.life)
	}
	if h.journal == nil {
		return
	}
	if h.mains.isDead() {
		h.mains.under.Wait()
		h.shop.leave()
	}
	if err := h.journal.Close(); err != nil {
		h.shop.fail("I8", "", "close the journal: %v", err)
	}
}

func (h *house) changed() { h.counter.Changed() }

// alarmNotice is the kind of the alarm that MGR refuses an outcome, as in the daemon.
const alarmNotice = "notice"

// noticeRefused keeps an alarm, as the daemon does.
func (h *house) noticeRefused(uuid string, status int, text string) {
	a := journal.Alarm{At: time.Now(), Kind: alarmNotice, UUID: uuid, Text: fmt.Sprintf("MGR refuses the outcome (%d). %s", status, text)}
	_ = h.kept.RaiseAlarm(context.Background(), a) // a dead bridge keeps none
	h.changed()
}

// noticeDelivered takes away the alarm of a notice that MGR took after all.
func (h *house) noticeDelivered(uuid string) {
	ctx := context.Background()
	all, _ := h.journal.AlarmsOf(ctx, uuid)
	for _, a := range all {
		if a.Kind == alarmNotice && a.ClearedAt.IsZero() {
			_ = h.kept.ClearAlarm(ctx, a.ID, "tillbridge (MGR has it)", time.Now()) // a dead bridge clears none
		}
	}
	h.changed()
}

// clearDelivered takes away the alarms of notices that MGR took just before an earlier life ended.
func (h *house) clearDelivered() {
	all, _ := h.journal.Alarms(context.Background())
	for _, a := range all {
		p, there, err := h.journal.Payment(context.Background(), a.UUID)
		if a.Kind == alarmNotice && err == nil && there && p.State == bridge.Reported {
			h.noticeDelivered(a.UUID)
		}
	}
}
