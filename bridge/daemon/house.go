package daemon

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/access"
	"tillbridge/bridge/config"
	"tillbridge/bridge/counter"
	"tillbridge/bridge/health"
	"tillbridge/bridge/herald"
	"tillbridge/bridge/journal"
	"tillbridge/bridge/notify"
	"tillbridge/bridge/till"
	"tillbridge/bridge/webhook"
	"tillbridge/terminal/line"
)

// house is the bridge with one set of settings.
type house struct {
	o        Options
	settings *config.Settings
	trouble  string // why the settings cannot be used; then there is no door, no till and no notifier

	journal  *journal.Journal
	desk     *till.Desk
	notifier *notify.Notifier
	door     *webhook.Door
	counter  *counter.Counter
	herald   *herald.Herald // nil where nobody is to be told of alarms
	clock    *clockWatch
	wrong    *passcodeWatch
	tls      *tls.Config
	wires    map[string]*wire // by terminal
	local    *health.Door     // for the tools on this computer

	doorListener    net.Listener
	counterListener net.Listener

	pulse chan struct{} // something has changed
}

// build makes every room and opens both doors' listeners, without serving yet. After an error all is closed.
func (h *house) build(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close())
		}
	}()
	h.journal, err = journal.Open(ctx, h.settings.Journal, journal.Options{Log: h.o.Log})
	if err != nil {
		return err
	}
	if h.settings.TLS != nil {
		pair, err := tls.LoadX509KeyPair(h.settings.TLS.Cert, h.settings.TLS.Key)
		if err != nil {
			return fmt.Errorf("load the certificate: %w", err)
		}
		h.tls = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	}
	if h.trouble == "" {
		if err := h.buildMoneyPath(); err != nil {
			return err
		}
	}
	if err := h.buildCounter(); err != nil {
		return err
	}
	if h.trouble == "" {
		if h.doorListener, err = listen(ctx, "MGR's door", h.settings.Listen); err != nil {
			return err
		}
	}
	h.counterListener, err = listen(ctx, "the counter screen", h.settings.Counter)
	return err
}

// buildMoneyPath makes till, notifier and door.
func (h *house) buildMoneyPath() (err error) {
	m := h.settings.MGR
	alarms := alarmKeeper{journal: h.journal, log: h.o.Log, changed: h.changed}
	h.clock, h.wrong = &clockWatch{alarmKeeper: alarms}, newPasscodeWatch(alarms)
	c := till.Config{QueueLimit: h.settings.QueueLimit, Log: h.o.Log, Hooks: till.Hooks{
		Notify: func() { h.notifier.Kick() }, Decided: func(n bridge.Notice) { h.notifier.Deliver(n) }, Changed: h.changed, Alarm: h.changed,
	}}
	d := webhook.Config{
		Passcode: m.Passcode.Reveal(), Origins: m.AllowedOrigins, Hosts: h.settings.AllowedHosts,
		Terminals: map[string]webhook.Terminal{}, Log: h.o.Log, Wrong: h.wrong.wrong,
	}
	n := notify.Config{URL: m.NotifyURL, Passcode: m.Passcode.Reveal(), Log: h.o.Log, Hooks: notify.Hooks{
		Refused: h.noticeRefused, Delivered: h.noticeDelivered, Clock: h.clock.told,
	}}
	if m.BasicAuth != nil {
		d.Basic = &webhook.BasicAuth{Username: m.BasicAuth.Username, Password: m.BasicAuth.Password.Reveal()}
	}
	for _, t := range h.settings.Terminals {
		one, err := h.terminal(t)
		if err != nil {
			return err
		}
		c.Terminals = append(c.Terminals, one)
		d.Terminals[t.Name] = webhook.Terminal{Currency: t.Currency, MinorUnits: t.AmountUnit == config.Minor}
	}
	if h.desk, err = till.New(c, h.journal); err != nil {
		return err
	}
	if h.notifier, err = notify.New(n, outbox{h.journal, h.desk}); err != nil {
		return err
	}
	h.herald = h.newHerald()
	h.door, err = webhook.New(d, h.desk)
	return err
}

// terminal is a terminal of the settings as the till takes it.
func (h *house) terminal(t config.Terminal) (till.Terminal, error) {
	for _, d := range h.o.Drivers {
		if d.Name != t.Driver {
			continue
		}
		c := LineOf(t.Port)
		opener := line.NewOpener(c)
		i := &identity{journal: h.journal, name: t.Name, changed: h.changed}
		w := newWire(t.Name, d, c.Kind(), h.o.Trace, i)
		h.wires[t.Name] = w
		return till.Terminal{
			ClosesAt: t.DayEnd, Look: t.Look,
			Name: t.Name, Driver: w.driver(d.With(t.Options)), Options: t.Options, Currency: t.Currency, MaxMinor: t.MaxAmount.Minor,
			Line: c.String(), Link: c.Kind(), Dial: w.dial(opener.Open), Watch: opener.Watch, Identify: i.check,
		}, nil
	}
	return till.Terminal{}, fmt.Errorf("terminal %q: there is no driver %q", t.Name, t.Driver)
}

// buildCounter makes the counter screen, with a password and a token at the first start.
func (h *house) buildCounter() error {
	s := h.settings
	passwords, made, err := access.Open(s.CounterPasswordFile, s.OwnerPasswordFile)
	if err != nil {
		return err
	}
	for _, r := range made {
		h.o.Log.Info("the counter screen's password was made", "for", r.String(), "folder", filepath.Dir(s.CounterPasswordFile))
	}
	token, _, err := access.Secret(s.APITokenFile, "the API's token")
	if err != nil {
		return err
	}
	h.local = health.NewDoor(h.facts, h.traces)
	c := counter.Config{
		Access: passwords, Token: token, Hosts: s.AllowedHosts, SettingsError: h.trouble, Exposed: s.Exposed(), Version: h.o.Version, Log: h.o.Log,
		Journal: h.journal.Path(), LogFile: h.o.LogFile, Health: h.health, Local: h.local,
	}
	if h.trouble == "" {
		c.Settings = s.String()
	}
	for _, w := range s.Warnings {
		c.Warnings = append(c.Warnings, w.Error())
	}
	h.counter, err = counter.New(c, book{h.journal}, acts{h.desk, h.journal})
	return err
}

// alarmNotice is the kind of the alarm that MGR refuses an outcome.
const alarmNotice = "notice"

// noticeRefused keeps an alarm: MGR refuses an outcome, which nobody would notice else.
func (h *house) noticeRefused(uuid string, status int, _ string) {
	answer := strings.TrimSpace(fmt.Sprintf("%d %s", status, http.StatusText(status)))
	a := journal.Alarm{
		At: time.Now(), Kind: alarmNotice, UUID: uuid,
		Text: fmt.Sprintf("MGR refuses to take the outcome of this payment: it answers %s. Compare the payment with MGR's own list, and tell MGR's support what it answers. The bridge goes on trying, and this alarm goes by itself when MGR takes it.", answer),
	}
	if err := h.journal.RaiseAlarm(context.Background(), a); err != nil {
		h.o.Log.Error("keep alarm", "uuid", uuid, "error", err)
	}
	h.changed()
}

// noticeDelivered takes away the alarm of a notice that MGR took after all.
func (h *house) noticeDelivered(uuid string) {
	ctx := context.Background()
	all, err := h.journal.AlarmsOf(ctx, uuid)
	for _, a := range all {
		if a.Kind == alarmNotice && a.ClearedAt.IsZero() {
			err = errors.Join(err, h.journal.ClearAlarm(ctx, a.ID, "tillbridge (MGR has it)", time.Now()))
		}
	}
	if err != nil {
		h.o.Log.Error("clear alarm", "uuid", uuid, "error", err)
	}
	h.changed()
}

// clearDelivered takes away the alarms of notices that MGR took just before an earlier run died. One that is owed again
// and refused again is raised anew at its first try, which is due at a start.
func (h *house) clearDelivered(ctx context.Context) {
	all, err := h.journal.Alarms(ctx)
	if err != nil {
		h.o.Log.Error("read alarms", "error", err)
	}
	for _, a := range all {
		if a.Kind != alarmNotice {
			continue
		}
		p, there, err := h.journal.Payment(ctx, a.UUID)
		if err == nil && there && p.State == bridge.Reported {
			h.noticeDelivered(a.UUID)
		}
	}
}

// stage is a part of the house that ends as a whole.
type stage struct {
	ctx  context.Context
	stop context.CancelFunc
	work sync.WaitGroup
}

func newStage(ctx context.Context) *stage {
	s := &stage{}
	s.ctx, s.stop = context.WithCancel(ctx)
	return s
}

func (s *stage) end() {
	s.stop()
	s.work.Wait()
}

// serve runs the rooms until ctx ends, one of them fails, or reload gives new settings, which it returns. Then
// it closes the house.
func (h *house) serve(ctx context.Context, reload func() *config.Settings) (*config.Settings, error) {
	free := context.WithoutCancel(ctx)
	doors, tills, notices := newStage(ctx), newStage(free), newStage(free)
	failed := make(chan error, 3) // one of each room that can fail
	err := h.begin(doors, tills, notices, failed)
	var next *config.Settings
	if err == nil {
		next, err = h.wait(ctx, failed, reload)
	}
	doors.end()
	if next != nil {
		h.finish(ctx)
	}
	tills.end()
	notices.end()
	return next, errors.Join(err, h.close())
}

// begin starts the rooms: first the tills, which take up what was left open, then what leads to them.
func (h *house) begin(doors, tills, notices *stage, failed chan<- error) error {
	run := func(s *stage, what string, f func(context.Context) error) {
		s.work.Go(func() {
			if err := f(s.ctx); err != nil {
				failed <- fmt.Errorf("%s: %w", what, err)
			}
		})
	}
	where := Addresses{Counter: h.counterListener.Addr().String()}
	if h.desk != nil {
		up, down := make(chan struct{}), make(chan error, 1)
		tills.work.Go(func() { down <- h.desk.Run(tills.ctx, func() { close(up) }) })
		select {
		case <-up:
		case err := <-down:
			return fmt.Errorf("the tills: %w", err)
		}
		begin := time.Now()
		tills.work.Go(func() { watchSleep(tills.ctx, func() instant { return look(begin) }, h.resumed) })
		h.clearDelivered(notices.ctx)
		notices.work.Go(func() { h.notifier.Run(notices.ctx) })
		notices.work.Go(func() { h.wrong.watch(notices.ctx) })
		if h.herald != nil { // it ends first: what the rooms show while they close is no news
			doors.work.Go(func() { h.herald.Run(doors.ctx) })
		}
		run(doors, "MGR's door", func(ctx context.Context) error { return h.door.Serve(ctx, h.doorListener, h.tls) })
		where.Door = h.doorListener.Addr().String()
	}
	run(doors, "the counter screen", h.serveCounter)
	if err := h.local.Open(h.journal.Path(), h.counterListener.Addr(), h.tls != nil); err != nil {
		h.o.Log.Warn("status and doctor will not see how this bridge is", "error", err) // a full disk is no reason not to serve
	}
	h.o.Log.Info("ready", "door", where.Door, "counter", where.Counter, "journal", h.journal.Path(), "version", h.o.Version)
	if h.o.Ready != nil {
		h.o.Ready(where)
	}
	return nil
}

// serveCounter serves the counter screen until ctx ends.
func (h *house) serveCounter(ctx context.Context) error {
	var protocols http.Protocols
	protocols.SetHTTP1(true) // the bound on connections is one on streams too
	server := &http.Server{
		Handler: h.counter, Protocols: &protocols, MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(h.o.Log.Handler(), slog.LevelDebug),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, IdleTimeout: time.Minute,
	}
	l := h.counterListener
	if h.tls != nil {
		l = tls.NewListener(l, h.tls)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return err
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

// wait returns at the end of ctx, with the first failure, or with new settings once no terminal is in a
// payment.
func (h *house) wait(ctx context.Context, failed <-chan error, reload func() *config.Settings) (*config.Settings, error) {
	var next *config.Settings
	for {
		if next != nil && (h.desk == nil || h.desk.Idle()) {
			return next, nil
		}
		select {
		case <-ctx.Done():
			return nil, nil
		case err := <-failed:
			return nil, err
		case <-h.o.Reload:
			if s := reload(); s != nil {
				next = s
				h.o.Log.Info("new settings are taken once no terminal is in a payment")
			}
		case <-h.pulse:
		}
	}
}

// finish lets a payment come to its end that was accepted while the doors were being closed for new settings.
func (h *house) finish(ctx context.Context) {
	for h.desk != nil && !h.desk.Idle() {
		select {
		case <-ctx.Done():
			return
		case <-h.pulse:
		}
	}
}

// resumed is told that the computer slept, or that only its clock jumped.
func (h *house) resumed(slept bool) {
	h.o.Log.Warn("the computer slept or its clock jumped: the lines to the terminals are opened anew", "slept", slept)
	h.desk.Resumed(slept)
	h.notifier.Retry()
}

// changed is told of everything that a screen shows.
func (h *house) changed() {
	h.counter.Changed()
	select {
	case h.pulse <- struct{}{}:
	default:
	}
}

// close closes what build opened. Closing what serving closed already does no harm.
func (h *house) close() error {
	for _, l := range []net.Listener{h.doorListener, h.counterListener} {
		if l != nil {
			_ = l.Close() // a server closes its listener itself
		}
	}
	if h.journal == nil {
		return nil
	}
	if h.local != nil {
		if err := h.local.Close(); err != nil { // while the lock keeps another bridge from writing its own
			h.o.Log.Warn("take away the way to this bridge's health", "error", err)
		}
	}
	return h.journal.Close()
}
