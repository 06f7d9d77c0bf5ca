package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/demo"
	"tillbridge/bridge/journal"
	"tillbridge/bridge/standin"
	"tillbridge/drivers/zvt"
	"tillbridge/drivers/zvt/sim"
	"tillbridge/terminal"
)

// Ports of the bridge in the guest, and the most that its shop allows, which a webhook that asks for more is refused
// with: that tells whether the terminal is ready, and changes nothing.
const (
	vmDoor     = 8473
	vmRelay    = 8480 // leads to MGR here; the bridge tells an outcome over http on the loopback only
	vmMostAsks = "9999.99"
)

// plugShop is a bridge in a guest, with its terminal and its MGR here.
type plugShop struct {
	t        testing.TB
	g        *guest
	mgr      *standin.MGR
	notify   *httptest.Server
	sim      terminal.Simulator
	d        *dialogue
	door     string
	passcode string

	cable *cable // the terminal's; the last one
	other *decoy // on the second adapter; nil while that is out
	name  string // of the terminal's port in the guest
	moved int    // times that it came back under another name
	taken int    // times that the second adapter had its old name by then

	mu     sync.Mutex
	states map[string]bridge.State // what the bridge has said of each payment
	log    []string                // its last lines
	heard  int                     // all that were
	news   chan struct{}           // closed with the next

	n       int
	settled []terminal.Entry // the terminal's ledger after the last payment
	before  *terminal.Entry  // its last booked sale by then
	done    []plugged        // payments to judge, in order
	found   []time.Duration  // from an adapter's appearance to the first byte of the bridge
	ready   []time.Duration  // from an adapter's appearance to a door that takes payments
}

// plugged is a payment that was made.
type plugged struct {
	phase, uuid string
	v           verdictOn
}

// openPlugShop boots the guest and starts the bridge in it, with no adapter plugged in.
func openPlugShop(t testing.TB, folder string) *plugShop {
	t.Helper()
	s := newPlugShop(t, sim.Options{T2: 2 * time.Second, T3: 2 * time.Second})
	s.meet(passcode)
	s.boot(folder, vmDoor, "-no-reboot")
	s.g.listen(s.hear)
	s.install()
	return s
}

// newPlugShop makes the terminal, which has made one sale of its own.
func newPlugShop(t testing.TB, o sim.Options) *plugShop {
	t.Helper()
	s := &plugShop{t: t, d: &dialogue{}, states: map[string]bridge.State{}, news: make(chan struct{})}
	var err error
	s.sim, err = zvt.Driver().Simulate(terminal.SimulatorOptions{Options: o})
	if err == nil {
		err = s.sim.Press("manual-sale:100")
	}
	if err != nil {
		t.Fatal(err)
	}
	s.keep()
	return s
}

// meet makes the MGR, in which the shop has entered a passcode.
func (s *plugShop) meet(passcode string) {
	s.passcode, s.mgr = passcode, standin.New(standin.Options{Passcode: passcode})
	s.t.Cleanup(s.mgr.Close)
	s.notify = httptest.NewServer(s.mgr)
	s.t.Cleanup(s.notify.Close)
}

// boot boots the guest, in which MGR's door is at a port. More are settings of QEMU.
func (s *plugShop) boot(folder string, door int, more ...string) {
	s.t.Helper()
	port := freePorts(s.t, 1)[0]
	s.door = fmt.Sprintf("http://127.0.0.1:%d/mgr/counter", port)
	s.g = bootGuest(s.t, folder, map[int]int{port: door}, more...)
	s.t.Logf("the guest has started after %.0f s", time.Since(s.g.began).Seconds())
	s.t.Cleanup(func() {
		if s.t.Failed() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.t.Logf("the bridge's last lines:\n%s", strings.Join(s.log[max(0, len(s.log)-60):], "\n"))
		}
	})
}

// install puts the bridge into the guest and starts it.
func (s *plugShop) install() {
	s.t.Helper()
	buildStatic(context.Background(), s.t, filepath.Join(s.g.share, "tillbridge"))
	s.g.put("config.yaml", fmt.Sprintf(`
listen: %s:%d
insecure_lan: true
counter: 127.0.0.1:8474
mgr:
  passcode: %q
  notify_url: http://127.0.0.1:%d/notify
terminals:
  counter:
    driver: zvt
    port: {usb: "0403:6001", serial_number: TB0001}
    currency: EUR
    max_amount: 5000
`, guestAddress, vmDoor, passcode, vmRelay))
	s.relay("relay", fmt.Sprintf("127.0.0.1:%d", vmRelay), fmt.Sprintf("%s:%d", guestHost, s.notify.Listener.Addr().(*net.TCPAddr).Port))
	s.g.put("tillbridge.service", `[Unit]
Description=Tillbridge
[Service]
User=tillbridge
SupplementaryGroups=dialout
StateDirectory=tillbridge
ExecStart=/usr/local/bin/tillbridge run --config /etc/tillbridge.yaml
StandardOutput=file:/dev/hvc1
StandardError=file:/dev/hvc1
Restart=no
`)
	s.g.must("useradd --system --groups dialout --home-dir /var/lib/tillbridge tillbridge")
	s.g.must("stty raw -echo </dev/hvc1; install -m 755 /host/tillbridge /usr/local/bin/ && install -m 600 -o tillbridge /host/config.yaml /etc/tillbridge.yaml && " +
		"cp /host/relay.socket /host/relay.service /host/tillbridge.service /run/systemd/system/ && systemctl daemon-reload && systemctl start relay.socket tillbridge.service")
	s.until("the bridge says that it serves", func() bool {
		return slices.ContainsFunc(s.log, func(l string) bool { return strings.Contains(l, " msg=ready ") })
	})
}

// relay puts two units on the guest's /host, by which one of its addresses leads to another.
func (s *plugShop) relay(name, from, to string) {
	s.t.Helper()
	s.g.put(name+".socket", "[Socket]\nListenStream="+from+"\n[Install]\nWantedBy=sockets.target\n")
	s.g.put(name+".service", "[Unit]\nRequires="+name+".socket\n[Service]\nExecStart=/lib/systemd/systemd-socket-proxyd "+to+"\n")
}

// hear takes a line of the bridge's log.
func (s *plugShop) hear(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.log) >= 4000 { // a program that was aborted writes some hundred at once
		s.log = slices.Delete(s.log, 0, 2000)
	}
	s.log = append(s.log, line)
	s.heard++
	if strings.Contains(line, " msg=payment ") {
		if state, err := bridge.ParseState(logField(line, "state")); err == nil {
			s.states[logField(line, "uuid")] = state
		}
	}
	close(s.news)
	s.news = make(chan struct{})
}

// until waits for something that the bridge's log tells; it is asked with mu held.
func (s *plugShop) until(what string, ok func() bool) {
	s.t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		s.mu.Lock()
		good, news := ok(), s.news
		s.mu.Unlock()
		if good {
			return
		}
		select {
		case <-news:
		case <-s.g.ended:
			s.t.Fatalf("the guest is gone; waited: %s", what)
		case <-late.C:
			s.t.Fatalf("waited in vain: %s", what)
		}
	}
}

// plug plugs the terminal's adapter in.
func (s *plugShop) plug() {
	s.t.Helper()
	c := &cable{Conn: s.g.connect("a"), d: s.d, ended: make(chan struct{}), first: make(chan struct{})}
	s.cable = c
	go func() {
		defer close(c.ended)
		_ = s.sim.Serve(context.Background(), c, terminal.Serial) // how a line ended is the simulator's story
	}()
	s.t.Cleanup(c.unplug)
}

// unplug takes the adapter out; it may be out already.
func (c *cable) unplug() {
	_ = c.Close() // that is the point
	<-c.ended
}

// out waits until the adapter is out, cut off by the dialogue's aim or by the terminal, and the guest has seen it.
func (s *plugShop) out(phase string) {
	s.t.Helper()
	select {
	case <-s.cable.ended:
	case <-time.After(patience):
		s.t.Fatalf("%s: the moment to unplug at did not come", phase)
	}
	s.g.goneFrom("TB0001")
}

// shuffle plugs the second adapter in or takes it out, so that the terminal's comes back under another name.
func (s *plugShop) shuffle() {
	s.t.Helper()
	if s.other != nil {
		s.takeOther()
		return
	}
	s.other = plugDecoy(s.g)
	if name, _ := s.g.appeared("TB0002"); name == s.name {
		s.taken++
	}
}

// takeOther takes the second adapter out and looks at what it was told.
func (s *plugShop) takeOther() {
	s.t.Helper()
	if s.other == nil {
		return
	}
	if heard := s.other.unplug(); len(heard) > 0 {
		s.t.Errorf("the second adapter, which is not the terminal's, was sent % X", heard)
	}
	s.other = nil
	s.g.goneFrom("TB0002")
}

// spoken waits until the bridge speaks over the cable that was plugged in last, and measures.
func (s *plugShop) spoken() (appeared time.Time) {
	s.t.Helper()
	select {
	case <-s.cable.first:
	case <-time.After(patience):
		s.t.Fatal("the bridge does not find the adapter that was plugged in again")
	}
	name, at := s.g.appeared("TB0001")
	if s.name != "" && name != s.name {
		s.moved++
	}
	s.name = name
	s.t.Logf("%4.0f s  found as %s after %.2f s", time.Since(s.g.began).Seconds(), name, s.cable.spokenAt().Sub(at).Seconds())
	s.found = append(s.found, s.cable.spokenAt().Sub(at))
	return at
}

// probe asks the door for more than the shop allows, which is refused with 400 by a bridge whose terminal is ready,
// with 503 where it is not reached.
func (s *plugShop) probe() (status int, said string) {
	s.t.Helper()
	body := fmt.Sprintf(`{"amount": %s, "customer_uuid": "probe", "payment_uuid": "probe"}`, vmMostAsks)
	r, err := http.NewRequest(http.MethodPost, s.door, bytes.NewReader([]byte(body)))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-MGR-PASSCODE", s.passcode)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 4096)) // what can be read is all there is to show
	return resp.StatusCode, string(text)
}

// answers waits until the door answers the probe in a way, and returns when it did.
func (s *plugShop) answers(want int) time.Time {
	s.t.Helper()
	late := time.Now().Add(patience)
	for {
		status, said := s.probe()
		switch {
		case status == want:
			return time.Now()
		case time.Now().After(late):
			s.t.Fatalf("the door answers %d %s, want %d", status, said, want)
		}
		idleFor(50*time.Millisecond, s.g.ended)
	}
}

// isReady waits until the bridge would take a payment and returns when it did.
func (s *plugShop) isReady() time.Time {
	s.t.Helper()
	return s.answers(http.StatusBadRequest)
}

// charge lets MGR ask for a payment, until it has an answer.
func (s *plugShop) charge(minor int64) (uuid string, status int, said string) {
	s.t.Helper()
	s.n++
	uuid = fmt.Sprintf("00000000-0000-4000-8000-%012d", s.n)
	c := standin.Charge{Amount: terminal.Amount{Minor: minor, Currency: euros()}.Decimal(), Customer: "customer", UUID: uuid}
	for range 20 {
		var err error
		if status, said, err = s.mgr.Charge(context.Background(), s.door, c); err == nil {
			return uuid, status, said
		}
	}
	s.t.Fatalf("the door does not answer MGR: %s", said)
	return uuid, 0, ""
}

// settle waits until a payment is settled and the terminal at rest, and keeps what there is to judge.
func (s *plugShop) settle(phase, uuid, script string, minor int64) {
	s.t.Helper()
	s.until(phase+": the payment is settled", func() bool {
		return s.states[uuid] == bridge.Reported || s.states[uuid] == bridge.Held
	})
	for late := time.After(patience); s.sim.Face().Paying; {
		select {
		case <-s.sim.Changed():
		case <-time.After(100 * time.Millisecond): // it may have changed in between
		case <-late:
			s.t.Fatalf("%s: the terminal does not come to an end", phase)
		}
	}
	s.t.Logf("%4.0f s  %s: settled", time.Since(s.g.began).Seconds(), phase)
	v := verdictOn{script: script, minor: minor, before: s.before, again: s.d.again()}
	ledger := s.sim.Face().Ledger
	if len(ledger) < len(s.settled) || !slices.Equal(ledger[:len(s.settled)], s.settled) {
		s.t.Errorf("%s: the terminal's ledger has changed for payments that were settled before", phase)
	} else {
		v.entries = ledger[len(s.settled):]
	}
	s.keep()
	s.done = append(s.done, plugged{phase, uuid, v})
	s.mu.Lock()
	held := s.states[uuid] == bridge.Held
	s.mu.Unlock()
	if held {
		s.t.Fatalf("%s: the payment is held, and the terminal could be asked; its ledger has %+v", phase, v.entries)
	}
}

// keep keeps the terminal's ledger as it is.
func (s *plugShop) keep() {
	s.settled = s.sim.Face().Ledger
	for i := range s.settled {
		if s.settled[i].Captured {
			s.before = &s.settled[i]
		}
	}
}

// judge stops the bridge and compares the three ledgers.
func (s *plugShop) judge() (outcomes map[string]int) {
	s.t.Helper()
	s.takeOther()
	s.g.must("systemctl stop tillbridge")
	return s.verdict()
}

// verdict compares the three ledgers once the bridge has stopped.
func (s *plugShop) verdict() (outcomes map[string]int) {
	s.t.Helper()
	s.g.must("cp /var/lib/tillbridge/journal.db* /host/ && sync")
	if more := s.sim.Face().Ledger[len(s.settled):]; len(more) > 0 {
		s.t.Errorf("the terminal did something after the last payment was settled: %+v", more)
	}
	copied, err := filepath.Glob(filepath.Join(s.g.share, "journal.db*"))
	if err != nil {
		s.t.Fatal(err)
	}
	dir := s.t.TempDir() // the emulator has the other one
	for _, name := range copied {
		content, err := os.ReadFile(name)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, filepath.Base(name)), content, 0o600)
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
	j, err := journal.Open(context.Background(), filepath.Join(dir, "journal.db"), journal.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() {
		if err := j.Close(); err != nil {
			s.t.Error(err)
		}
	}()
	problems, err := j.Verify(context.Background())
	if err != nil || len(problems) > 0 {
		s.t.Errorf("the journal is not whole: %v %v", problems, err)
	}
	return s.compare(j)
}

// compare judges each payment by the terminal's ledger, and all of them together.
func (s *plugShop) compare(j *journal.Journal) (outcomes map[string]int) {
	s.t.Helper()
	l := demo.Ledgers{MGR: s.mgr.Payments(), Impossible: s.mgr.Contradicts(), Terminal: s.sim.Face().Ledger, Currency: euros()}
	outcomes = map[string]int{}
	for _, p := range s.done {
		stored, there, err := j.Payment(context.Background(), p.uuid)
		if err != nil {
			s.t.Fatal(err)
		}
		if there {
			p.v.payment = &stored
			l.Journal = append(l.Journal, stored)
		}
		p.v.mgr, _ = s.mgr.Payment(p.uuid)
		told, _ := p.v.mgr.Told()
		outcomes[told.Outcome]++
		s.t.Logf("%-44s %-8s by %s", p.phase, told.Outcome, stored.Proof)
		if wrong := p.v.wrong(); len(wrong) > 0 {
			s.t.Errorf("%s: payment %s: %s\nterminal: %+v\nMGR: %+v", p.phase, p.uuid, strings.Join(wrong, "; "), p.v.entries, p.v.mgr)
		}
	}
	alarms, err := j.Alarms(context.Background())
	if err != nil {
		s.t.Fatal(err)
	}
	for _, a := range alarms {
		l.Alarms = append(l.Alarms, a.Text)
	}
	if err := demo.Compare(l).Err(); err != nil {
		s.t.Error(err)
	}
	return outcomes
}
