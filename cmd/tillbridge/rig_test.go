package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/journal"
	"tillbridge/bridge/standin"
	"tillbridge/terminal"
)

// patience is how long a test waits for something that must happen. It decides nothing but how late a failure
// is told.
const patience = 3 * time.Minute

const passcode = "correct horse battery"

var used atomic.Bool // the program was built

// child is a program under test.
type child struct {
	cmd   *exec.Cmd
	ended chan struct{}

	mu    sync.Mutex
	lines []string
	more  chan struct{} // closed with the next line
}

// spawn starts the program and keeps what it prints.
func spawn(t testing.TB, args ...string) *child {
	t.Helper()
	c := &child{cmd: exec.Command(binary(t), args...), ended: make(chan struct{}), more: make(chan struct{})}
	r, w := io.Pipe()
	c.cmd.Stdout, c.cmd.Stderr = w, w
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		for s := bufio.NewScanner(r); s.Scan(); {
			c.mu.Lock()
			if c.lines = append(c.lines, s.Text()); len(c.lines) > 5000 {
				c.lines = c.lines[1000:]
			}
			close(c.more)
			c.more = make(chan struct{})
			c.mu.Unlock()
		}
	}()
	go func() {
		_ = c.cmd.Wait() // how it ended is in its state
		_ = w.Close()
		close(c.ended)
	}()
	t.Cleanup(func() {
		c.kill()
		if t.Failed() {
			c.mu.Lock()
			defer c.mu.Unlock()
			t.Logf("%s printed:\n%s", strings.Join(args, " "), strings.Join(c.lines[max(0, len(c.lines)-80):], "\n"))
		}
	})
	return c
}

// kill ends the program as a power cut does.
func (c *child) kill() {
	_ = c.cmd.Process.Kill() // it may have ended already
	<-c.ended
}

// find waits for a line and returns its submatches.
func (c *child) find(t testing.TB, pattern string) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		c.mu.Lock()
		more := c.more
		for _, l := range c.lines {
			if m := re.FindStringSubmatch(l); m != nil {
				c.mu.Unlock()
				return m
			}
		}
		c.mu.Unlock()
		select {
		case <-more:
		case <-c.ended:
			t.Fatalf("the program ended without printing %q", pattern)
		case <-late.C:
			t.Fatalf("the program did not print %q", pattern)
		}
	}
}

// rig is a shop: the built bridge, a simulated terminal as a process of its own, and a stand-in for MGR.
type rig struct {
	t      testing.TB
	dir    string
	mgr    *standin.MGR
	notify *httptest.Server
	sim    *child
	face   string // URL of the simulator's control
	bridge *child
	door   string // URL of the webhook
	n      int

	settings string // the text of the settings file
}

// newRig opens a shop whose terminal is on a pseudo-terminal ("pty") or on TCP ("tcp").
func newRig(t testing.TB, link string, simArgs ...string) *rig {
	t.Helper()
	if link == "pty" && runtime.GOOS != "linux" {
		t.Skip("pseudo-terminals are made on Linux only, this is " + runtime.GOOS)
	}
	r := &rig{t: t, dir: t.TempDir(), mgr: standin.New(standin.Options{Passcode: passcode})}
	t.Cleanup(r.mgr.Close)
	r.notify = httptest.NewServer(r.mgr)
	t.Cleanup(r.notify.Close)
	args := []string{"simulate", "zvt", "--control", "127.0.0.1:0", "--press", "manual-sale:100"}
	var port string
	if link == "pty" {
		tty := filepath.Join(r.dir, "tty")
		r.sim = spawn(t, append(append(args, "--pty", tty), simArgs...)...)
		r.sim.find(t, `^terminal: `)
		port = fmt.Sprintf("{serial: %q}", tty)
	} else {
		r.sim = spawn(t, append(append(args, "--tcp", "127.0.0.1:0"), simArgs...)...)
		port = fmt.Sprintf("{tcp: %q}", r.sim.find(t, `^terminal: tcp (.*)`)[1])
	}
	r.face = r.sim.find(t, `^control: (.*)/`)[1]
	r.settings = fmt.Sprintf(`
listen: 127.0.0.1:0
counter: 127.0.0.1:0
journal: %s/journal.db
mgr:
  passcode: %q
  notify_url: %s/notify
terminals:
  counter:
    driver: zvt
    port: %s
    currency: EUR
`, r.dir, passcode, r.notify.URL, port)
	r.write("config.yaml", r.settings)
	r.start()
	return r
}

func (r *rig) write(name, text string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// start starts the bridge and waits until it serves.
func (r *rig) start() {
	r.t.Helper()
	r.bridge = spawn(r.t, "run", "--config", filepath.Join(r.dir, "config.yaml"))
	r.door = "http://" + r.bridge.find(r.t, `msg=ready door=(\S+)`)[1] + "/mgr/counter"
}

// press presses something at the terminal.
func (r *rig) press(action string) {
	r.t.Helper()
	resp, err := http.Post(r.face+"/press?action="+action, "", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		b, _ := io.ReadAll(resp.Body)
		r.t.Fatalf("press %s: %s %s", action, resp.Status, b)
	}
}

// ledger is the terminal's ledger without what was done at the terminal itself.
func (r *rig) ledger() []terminal.Entry {
	r.t.Helper()
	resp, err := http.Get(r.face + "/ledger")
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	var all []terminal.Entry
	if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
		r.t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(e terminal.Entry) bool { return e.Manual })
}

// until waits for a condition, looking again every 20 ms.
func (r *rig) until(what string, ok func() bool) {
	r.t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-late.C:
			r.t.Fatalf("waited in vain: %s", what)
		case <-tick.C:
		}
	}
}

// display is what the terminal shows.
func (r *rig) display() string {
	resp, err := http.Get(r.face + "/")
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	var f terminal.Face
	if err := json.NewDecoder(resp.Body).Decode(&f); err != nil {
		r.t.Fatal(err)
	}
	return strings.Join(f.Display, " ")
}

// ready tells whether the bridge has reached the terminal since it started: it reads the terminal's last
// transaction then, which the journal keeps.
func (r *rig) ready() bool {
	j, err := journal.OpenReadOnly(filepath.Join(r.dir, "journal.db"))
	if err != nil {
		r.t.Fatal(err)
	}
	defer j.Close()
	mark, _, err := j.Mark(context.Background(), "counter")
	if err != nil {
		r.t.Fatal(err)
	}
	return mark.Known()
}

// uuid makes a new payment's name.
func (r *rig) uuid() string {
	r.n++
	return fmt.Sprintf("00000000-0000-4000-8000-%012d", r.n)
}

// charge posts a webhook as MGR does; a terminal that is not ready yet is waited for.
func (r *rig) charge(uuid, amount string) {
	r.t.Helper()
	var status int
	var problem string
	r.until("the terminal takes a payment", func() bool {
		var err error
		status, problem, err = r.mgr.Charge(context.Background(), r.door, standin.Charge{Amount: amount, Customer: "customer", UUID: uuid})
		return err == nil && status != http.StatusServiceUnavailable
	})
	if status != http.StatusAccepted {
		r.t.Fatalf("charge: %d %s", status, problem)
	}
}

// outcome waits for what MGR is told.
func (r *rig) outcome(uuid string) standin.Notice {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	n, err := r.mgr.Wait(ctx, uuid)
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}

// payment reads the journal, whether the bridge runs or not.
func (r *rig) payment(uuid string) bridge.Payment {
	r.t.Helper()
	p, err := r.look(uuid)
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

// look reads the journal; it fails where the bridge was stopped in the middle of changing the journal's index.
func (r *rig) look(uuid string) (bridge.Payment, error) {
	j, err := journal.OpenReadOnly(filepath.Join(r.dir, "journal.db"))
	if err != nil {
		return bridge.Payment{}, err
	}
	p, _, err := j.Payment(context.Background(), uuid)
	return p, errors.Join(err, j.Close())
}

// agree checks that MGR, the journal and the terminal's ledger tell the same of one payment, and that it
// took the money as often as wanted, 0 or 1.
func (r *rig) agree(uuid string, want int) {
	r.t.Helper()
	n := r.outcome(uuid)
	r.until("the journal knows that MGR has it", func() bool { return r.payment(uuid).State == bridge.Reported })
	p := r.payment(uuid)
	captured := 0
	for _, e := range r.ledger() {
		if e.Captured && e.Minor == p.Amount.Minor {
			captured++
		}
	}
	approved := n.Outcome == standin.Approved
	if captured != want || approved != (want == 1) || approved != (p.Outcome == terminal.Approved) {
		r.t.Errorf("payment %s: MGR has %s, the journal %s by %s, the terminal took the money %d times; want %d", uuid, n.Outcome, p.Outcome, p.Proof, captured, want)
	}
	if notice, _ := p.Notice(); notice.AuthCode != n.AuthCode || notice.TxnRef != n.TxnRef {
		r.t.Errorf("payment %s: MGR has codes %q %q, the journal %q %q", uuid, n.AuthCode, n.TxnRef, notice.AuthCode, notice.TxnRef)
	}
	if wrong := r.mgr.Contradicts(); len(wrong) > 0 {
		r.t.Errorf("MGR was told nonsense: %s", strings.Join(wrong, "; "))
	}
}

// verify checks the whole journal once the bridge has stopped.
func (r *rig) verify() {
	r.t.Helper()
	r.bridge.kill()
	j, err := journal.Open(context.Background(), filepath.Join(r.dir, "journal.db"), journal.Options{})
	if err != nil {
		r.t.Fatal(err)
	}
	problems, err := j.Verify(context.Background())
	if err = errors.Join(err, j.Close()); err != nil || len(problems) > 0 {
		r.t.Errorf("the journal is not whole: %v %v", problems, err)
	}
}

// dayEnds reads the terminal's ends of day in the journal.
func (r *rig) dayEnds() []bridge.DayEnd {
	r.t.Helper()
	j, err := journal.OpenReadOnly(filepath.Join(r.dir, "journal.db"))
	if err != nil {
		r.t.Fatal(err)
	}
	defer j.Close()
	all, err := j.DayEnds(context.Background(), "counter")
	if err != nil {
		r.t.Fatal(err)
	}
	return all
}
