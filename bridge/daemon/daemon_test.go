package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tillbridge/bridge/config"
	"tillbridge/bridge/journal"
	"tillbridge/bridge/standin"
	"tillbridge/terminal"
)

const passcode = "correct horse battery"

// patience bounds waits for what must happen.
const patience = 2 * time.Minute

// yes is a terminal that approves at once.
type yes struct{}

func (yes) Pay(_ context.Context, _ terminal.Request, till terminal.Till) (terminal.Result, error) {
	till.Progress(terminal.Progress{Stage: terminal.Sent, Text: "Please wait"})
	return terminal.Result{Outcome: terminal.Approved, Proof: terminal.Dialogue, AuthCode: "A1", TxnRef: "T1"}, nil
}

func (yes) Recover(context.Context, terminal.Attempt) (terminal.Result, error) {
	return terminal.Result{}, nil
}

func (yes) Close() error { return nil }

func yesDriver() terminal.Driver {
	return terminal.Driver{
		Name: "yes", Title: "Yes", Evidence: terminal.C1, Line: terminal.LineDefaults{Baud: 9600},
		Open: func(context.Context, terminal.Env, any) (terminal.Session, error) { return yes{}, nil },
	}
}

// shop is a daemon in this process with everything around it.
type shop struct {
	t      *testing.T
	dir    string
	mgr    *standin.MGR
	notify string
	reload chan struct{}
	ready  chan Addresses
	ended  chan error
	stop   context.CancelFunc
	log    logged

	drivers []terminal.Driver // nil for the one that says yes
}

// logged is a log that tells its messages.
type logged chan string

func (l logged) Write(b []byte) (int, error) {
	select {
	case l <- string(b):
	default:
	}
	return len(b), nil
}

// saw waits for a message of the log.
func (s *shop) saw(message string) {
	s.t.Helper()
	for late := time.After(patience); ; {
		select {
		case line := <-s.log:
			if strings.Contains(line, message) {
				return
			}
		case <-late:
			s.t.Fatalf("the log does not say %q", message)
		}
	}
}

func newShop(t *testing.T) *shop {
	s := &shop{t: t, dir: t.TempDir(), mgr: standin.New(standin.Options{Passcode: passcode})}
	server := httptest.NewServer(s.mgr)
	t.Cleanup(server.Close)
	t.Cleanup(s.mgr.Close)
	s.notify = server.URL
	return s
}

func (s *shop) settings(more string) string {
	return fmt.Sprintf("listen: 127.0.0.1:0\ncounter: 127.0.0.1:0\njournal: %s/journal.db\n"+
		"mgr: {passcode: %q, notify_url: %s/}\nterminals:\n  counter: {driver: yes, port: {serial: /dev/null}, currency: EUR}\n%s", s.dir, passcode, s.notify, more)
}

func (s *shop) write(text string) {
	s.t.Helper()
	if err := os.WriteFile(s.file(), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) file() string { return filepath.Join(s.dir, "config.yaml") }

func (s *shop) options() Options {
	s.reload, s.ready, s.log = make(chan struct{}), make(chan Addresses, 4), make(logged, 1000)
	drivers := s.drivers
	if drivers == nil {
		drivers = []terminal.Driver{yesDriver()}
	}
	return Options{
		ConfigFile: s.file(), Drivers: drivers, Env: config.SystemEnv(),
		Log: slog.New(slog.NewTextHandler(s.log, nil)), Level: &slog.LevelVar{}, Version: "test", Reload: s.reload,
		Ready: func(a Addresses) { s.ready <- a },
	}
}

// start starts the daemon and returns where it listens.
func (s *shop) start() Addresses {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	s.stop, s.ended = cancel, make(chan error, 1)
	o := s.options()
	go func() { s.ended <- Run(ctx, o) }()
	s.t.Cleanup(cancel)
	return s.up()
}

// up waits for the next time that the doors open.
func (s *shop) up() Addresses {
	s.t.Helper()
	select {
	case a := <-s.ready:
		return a
	case err := <-s.ended:
		s.t.Fatalf("the daemon ended: %v", err)
	case <-time.After(patience):
		s.t.Fatal("the daemon does not open its doors")
	}
	return Addresses{}
}

func (s *shop) end() {
	s.t.Helper()
	s.stop()
	if err := <-s.ended; err != nil {
		s.t.Errorf("the daemon ended with %v", err)
	}
}

// pay takes a payment and waits until MGR has its outcome.
func (s *shop) pay(a Addresses, uuid string) standin.Notice {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	for {
		status, problem, err := s.mgr.Charge(ctx, "http://"+a.Door+"/mgr/counter", standin.Charge{Amount: "12.5", Customer: "c", UUID: uuid})
		switch {
		case err != nil:
			s.t.Fatal(err)
		case status == http.StatusServiceUnavailable: // the terminal is being opened
			continue
		case status != http.StatusAccepted:
			s.t.Fatalf("%d %s", status, problem)
		}
		break
	}
	n, err := s.mgr.Wait(ctx, uuid)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

func TestPaysStopsAndStartsAgain(t *testing.T) {
	s := newShop(t)
	s.write(s.settings(""))
	for _, uuid := range []string{"first", "second"} {
		if n := s.pay(s.start(), uuid); n.Outcome != standin.Approved || n.AuthCode != "A1" || n.TxnRef != "T1" {
			t.Errorf("MGR was told %+v", n)
		}
		s.end()
	}
	info, err := os.Stat(filepath.Join(s.dir, "counter-password"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the counter screen's password: %v, %v", info, err)
	}
	if wrong := s.mgr.Contradicts(); len(wrong) > 0 {
		t.Error(wrong)
	}
}

func TestSecondInstanceTouchesNothing(t *testing.T) {
	s := newShop(t)
	s.write(s.settings(""))
	s.start()
	first := *s
	var held *journal.HeldError
	if err := Run(t.Context(), s.options()); !errors.As(err, &held) || held.PID != os.Getpid() {
		t.Errorf("a second instance: %v", err)
	}
	first.end()
}

func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := newShop(t)
	for _, key := range []string{"listen", "counter"} {
		s.write(strings.Replace(s.settings(""), key+": 127.0.0.1:0", key+": "+l.Addr().String(), 1))
		if err := Run(t.Context(), s.options()); err == nil || !strings.Contains(err.Error(), "another program uses it") {
			t.Errorf("%s in use: %v", key, err)
		}
	}
}

// A daemon that starts with bad settings serves the counter screen and takes payments once they are mended.
func TestBadSettings(t *testing.T) {
	s := newShop(t)
	s.write(strings.Replace(s.settings(""), "driver: yes", "driver: no", 1))
	a := s.start()
	if a.Door != "" {
		t.Errorf("MGR's door is open at %s with bad settings", a.Door)
	}
	resp, err := http.Get("http://" + a.Counter + "/sign-in")
	if err != nil {
		t.Fatal(err)
	}
	page, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil || !strings.Contains(string(page), "payment") {
		t.Errorf("the counter screen shows %q, %v", page, err)
	}
	s.reload <- struct{}{} // still wrong
	s.saw("the settings are not taken")
	s.write(s.settings(""))
	s.reload <- struct{}{}
	if n := s.pay(s.up(), "mended"); n.Outcome != standin.Approved {
		t.Errorf("MGR was told %+v", n)
	}
	s.end()
}

// A reload takes a good file and goes on with the old one when the new file is bad or cannot be served.
func TestReload(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := newShop(t)
	s.write(s.settings(""))
	a := s.start()
	s.write(s.settings("frobnicate: yes\n"))
	s.reload <- struct{}{}
	s.saw("the settings are not taken")
	s.pay(a, "bad-file")
	s.write(strings.Replace(s.settings(""), "counter: 127.0.0.1:0", "counter: "+l.Addr().String(), 1))
	s.reload <- struct{}{}
	s.pay(s.up(), "port-in-use")
	s.write(s.settings("log_level: debug\n"))
	s.reload <- struct{}{}
	s.pay(s.up(), "good-file")
	s.end()
}

// While MGR refuses an outcome an alarm stands, and it goes when MGR takes it.
func TestAlarmOfARefusedNotice(t *testing.T) {
	s := newShop(t)
	s.write(s.settings(""))
	s.mgr.Fail(func(int) standin.Answer { return standin.Answer{Status: http.StatusBadRequest} })
	a := s.start()
	go func() { // pay waits for the notice to be taken
		for {
			alarms := s.alarms()
			if len(alarms) == 1 && alarms[0].UUID == "refused" {
				s.mgr.Fail(nil)
				// The clerk asks again, for the next try would be in a quarter of an hour.
				_, _, _ = s.mgr.Charge(context.Background(), "http://"+a.Door+"/mgr", standin.Charge{Amount: "12.5", Customer: "c", UUID: "refused"})
				return
			}
			select {
			case <-t.Context().Done():
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	s.pay(a, "refused")
	for deadline := time.Now().Add(patience); len(s.alarms()) > 0; {
		if time.Now().After(deadline) {
			t.Fatal("the alarm stays although MGR has the outcome")
		}
		<-time.After(20 * time.Millisecond)
	}
	s.end()
}

func (s *shop) alarms() []journal.Alarm {
	r, err := journal.OpenReadOnly(filepath.Join(s.dir, "journal.db"))
	if err != nil {
		s.t.Error(err)
		return nil
	}
	defer r.Close()
	all, err := r.Alarms(context.Background())
	if err != nil {
		s.t.Error(err)
	}
	return all
}

func TestLimitedListener(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	bounded := limited(l, 1)
	taken := make(chan net.Conn, 2)
	go func() {
		for {
			c, err := bounded.Accept()
			if err != nil {
				close(taken)
				return
			}
			taken <- c
		}
	}()
	for range 2 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	first := <-taken
	select {
	case <-taken:
		t.Fatal("a second connection was taken beside the first")
	default:
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	if err := first.Close(); err == nil {
		t.Error("closing twice gave a place twice")
	}
	second := <-taken
	if err := errors.Join(bounded.Close(), second.Close()); err != nil {
		t.Error(err)
	}
	if _, more := <-taken; more {
		t.Error("a connection was taken after the end")
	}
}
