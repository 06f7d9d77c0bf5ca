package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/standin"
	"tillbridge/drivers/zvt"
	"tillbridge/drivers/zvt/sim"
	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// Serial ports of the Windows that TestWindows runs. COM5 and COM12 lead to the terminal; from COM10 on Windows knows
// a port by its long name only. COM7 echoes what it is sent.
const (
	winePort     = "COM5"
	wineLongPort = "COM12"
	wineEchoPort = "COM7"
)

// wineShop is a rig whose bridge is the Windows program, under Wine. The terminal and MGR are here.
type wineShop struct {
	*rig
	w     *wine
	links string // the folder with links to the devices behind the ports
	done  []winePaid
}

// winePaid is a payment that was made, and how often the terminal took the money.
type winePaid struct {
	id       string
	captured int
}

// TestWindows runs the Windows program under Wine: it pays over a serial port, is killed in payments, and looks at its
// surroundings. MGR's ledger, the journal, read by the build for this machine, and the terminal's ledger must agree.
//
// It needs TILLBRIDGE_WINE, the folder with Wine's Linux that .ci/wine makes, and root.
func TestWindows(t *testing.T) {
	folder := os.Getenv("TILLBRIDGE_WINE")
	if folder == "" {
		t.Skip("skipped: TILLBRIDGE_WINE does not name the folder of Wine's Linux; .ci/wine makes one and runs this test")
	}
	began := time.Now()
	s := openWineShop(t, folder)
	opened := time.Since(began)
	for _, part := range []struct {
		name string
		run  func()
	}{
		{"verbs without a bridge", s.verbsAlone},
		{"outcomes", s.outcomes},
		{"kills", s.kills},
		{"port with two digits", s.longName},
		{"verbs beside a bridge", s.verbsBeside},
		{"interrupt", s.interrupt},
		{"line", s.line},
	} {
		t.Run(part.name, func(t *testing.T) {
			defer func(whole testing.TB) { s.t, s.w.t = whole, whole }(s.t)
			s.t, s.w.t = t, t
			part.run()
		})
	}
	s.judge()
	t.Logf("note: windows: %d payments under Wine, %.0f s until its first start, %.0f s in all", len(s.done), opened.Seconds(), time.Since(began).Seconds())
}

func openWineShop(t *testing.T, folder string) *wineShop {
	t.Helper()
	links := t.TempDir()
	tty := filepath.Join(links, "tty")
	w := openWine(t, folder, map[string]string{winePort: tty, wineLongPort: tty, wineEchoPort: filepath.Join(links, "echo")})
	s := &wineShop{rig: &rig{t: t, dir: w.c("tb"), mgr: standin.New(standin.Options{Passcode: passcode})}, w: w, links: links}
	if err := os.Mkdir(s.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	buildWindows(t, filepath.Join(s.dir, "tillbridge.exe"), "tillbridge/cmd/tillbridge", "build")
	t.Cleanup(s.mgr.Close)
	s.notify = httptest.NewServer(http.HandlerFunc(s.answer))
	t.Cleanup(s.notify.Close)
	s.plugIn(tty)
	s.settings = fmt.Sprintf(`
listen: 127.0.0.1:0
counter: 127.0.0.1:0
journal: 'C:\tb\journal.db'
mgr:
  passcode: %q
  notify_url: %s/notify
terminals:
  counter:
    driver: zvt
    port: {serial: %s}
    currency: EUR
    max_amount: 5000
`, passcode, s.notify.URL, winePort)
	s.write("config.yaml", s.settings)
	return s
}

// answer is MGR: it takes notices, and tells doctor's question that it takes nothing else.
func (s *wineShop) answer(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		well(w, r)
		return
	}
	s.mgr.ServeHTTP(w, r)
}

// plugIn puts the simulated terminal behind a device. It waits less long than others for answers that do not come.
func (s *wineShop) plugIn(tty string) {
	s.t.Helper()
	till, err := zvt.Driver().Simulate(terminal.SimulatorOptions{Outcome: "approved", Think: 20 * time.Millisecond, Options: sim.Options{T2: 2 * time.Second, T3: 2 * time.Second}})
	if err == nil {
		err = till.Press("manual-sale:100")
	}
	if err != nil {
		s.t.Fatal(err)
	}
	face := httptest.NewServer(simulate.Control(till))
	s.t.Cleanup(face.Close)
	s.face = face.URL
	ctx, pull := context.WithCancel(context.Background())
	there, out := make(chan struct{}), make(chan struct{})
	opened := sync.OnceFunc(func() { close(there) })
	lines := simulate.Lines{Sim: till, Opened: func(string) { opened() }}
	go func() {
		defer close(out)
		err = lines.PTY(ctx, tty)
	}()
	s.t.Cleanup(func() { pull(); <-out })
	select {
	case <-there:
	case <-out:
		s.t.Fatal(err)
	}
}

// start starts the bridge, which ends with this part of the test, and waits until it serves.
func (s *wineShop) start() {
	s.t.Helper()
	s.bridge = s.w.spawn(`C:\tb\tillbridge.exe`, "run", "--config", `C:\tb\config.yaml`)
	s.door = "http://" + s.bridge.find(s.t, `msg=ready door=(\S+)`)[1] + "/mgr/counter"
	// What is killed must be the program, not something that waits for it.
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", s.bridge.cmd.Process.Pid))
	if err != nil || !strings.HasPrefix(string(line), `C:\tb\tillbridge.exe`) {
		s.t.Fatalf("process %d is no bridge: %q %v", s.bridge.cmd.Process.Pid, line, err)
	}
}

// amount gives each payment its own, by which the ledgers can be told apart.
func (s *wineShop) amount() string { return fmt.Sprintf("10.%02d", s.n) }

// settled compares the ledgers on one payment, and keeps it for the judge.
func (s *wineShop) settled(id string, captured int) {
	s.t.Helper()
	s.agree(id, captured)
	s.done = append(s.done, winePaid{id, captured})
}

// pay makes one payment.
func (s *wineShop) pay(script string, captured int, proof terminal.Proof, after string) {
	s.t.Helper()
	s.press(script)
	id := s.uuid()
	s.charge(id, s.amount())
	if after != "" {
		s.until("the line breaks", func() bool { return s.payment(id).State > bridge.Acknowledged })
		s.press(after)
	}
	s.settled(id, captured)
	if p := s.payment(id); p.Proof != proof {
		s.t.Errorf("%s: proof is %s, want %s", script, p.Proof, proof)
	}
}

// reached tells whether the bridge reaches its terminal. It asks for more than the shop allows, which is refused with
// 400 then, and changes nothing.
func (s *wineShop) reached() bool {
	s.t.Helper()
	body := `{"amount": 9999.99, "customer_uuid": "probe", "payment_uuid": "probe"}`
	r, err := http.NewRequest(http.MethodPost, s.door, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-MGR-PASSCODE", passcode)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusBadRequest
}

// outcomes lets a payment end in each of the ways that a customer and a cable know.
func (s *wineShop) outcomes() {
	s.start()
	s.pay("approved", 1, terminal.Dialogue, "")
	s.pay("declined", 0, terminal.Refused, "")
	s.pay("cancelled", 0, terminal.Refused, "")
	s.pay("lost-reply", 1, terminal.LastRecord, "plug-cable")
	s.pay("approved", 1, terminal.Dialogue, "")
}

// kills ends the bridge as a power cut does, at each durable step of a payment, and starts it again.
func (s *wineShop) kills() {
	s.start()
	hit := map[bridge.State]int{}
	for _, at := range []bridge.State{bridge.Received, bridge.Armed, bridge.Sent, bridge.Seen, bridge.Acknowledged, bridge.Approved} {
		s.press("approved")
		s.until("the terminal is ready", s.reached)
		id := s.uuid()
		charge := standin.Charge{Amount: s.amount(), Customer: "customer", UUID: id}
		var asked sync.WaitGroup
		asked.Go(func() {
			// No answer comes where the bridge dies before; MGR is told the outcome all the same.
			_, _, _ = s.mgr.Charge(context.Background(), s.door, charge)
		})
		met := s.slowMotion(id, at)
		hit[met]++
		s.t.Logf("note: windows: aimed at %s, killed at %s", at, met)
		s.bridge.kill()
		asked.Wait()
		s.start()
		s.settled(id, s.captured(id))
	}
	if len(hit) < 3 {
		s.t.Errorf("the kills met the states %v only", hit)
	}
}

// longName pays over a port of two digits, which Windows knows by \\.\COM12 only.
func (s *wineShop) longName() {
	s.write("config.yaml", strings.Replace(s.settings, winePort, wineLongPort, 1))
	defer s.write("config.yaml", s.settings)
	s.start()
	s.pay("approved", 1, terminal.Dialogue, "")
}

// interrupt ends the bridge as Ctrl-C does.
func (s *wineShop) interrupt() {
	s.start()
	s.pay("approved", 1, terminal.Dialogue, "")
	if err := s.bridge.cmd.Process.Signal(syscall.SIGINT); err != nil {
		s.t.Fatal(err)
	}
	<-s.bridge.ended
	if code := s.bridge.cmd.ProcessState.ExitCode(); code != exitDone {
		s.t.Errorf("after Ctrl-C: exit %d", code)
	}
}

// judge compares the ledgers again, of all payments, with no bridge that runs.
func (s *wineShop) judge() {
	s.t.Helper()
	s.verify()
	for _, p := range s.done {
		s.agree(p.id, p.captured)
	}
}
