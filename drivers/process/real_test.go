package process_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"tillbridge/drivers/process"
	"tillbridge/drivers/zvt"
	"tillbridge/terminal"
	"tillbridge/terminal/drivertest"
	"tillbridge/terminal/line"
	"tillbridge/terminal/simulate"
)

// patience bounds waits for what must happen.
const patience = 2 * time.Minute

// TestMain makes this test's own program a program of a driver where it is called so.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "serve-zvt" {
		fmt.Fprintln(os.Stderr, "card 4111111111111111 is here")
		e := terminal.Env{Link: terminal.TCP, Log: slog.New(slog.DiscardHandler), Dial: line.NewOpener(line.Config{TCP: os.Args[2]}).Open}
		if err := process.Serve(context.Background(), zvt.Driver(), e, zvt.NewOptions(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	debug.SetGCPercent(400) // the battery makes much that is soon forgotten
	os.Exit(m.Run())
}

// logged is a log that a test can read while it is written.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func begin(t *testing.T, o *process.Options) (terminal.Session, *logged) {
	t.Helper()
	log := &logged{}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s, err := process.Driver().Open(ctx, terminal.Env{Currency: euro, Log: slog.New(slog.NewTextHandler(log, nil))}, o)
	if err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	t.Cleanup(func() {
		if err := errors.Join(s.Close(), s.Close()); err != nil {
			t.Error(err)
		}
	})
	return s, log
}

func request(ref string, minor int64) terminal.Request {
	return terminal.Request{Reference: ref, Amount: terminal.Amount{Minor: minor, Currency: euro}, Armed: time.Now()}
}

// zvtShop is a terminal on a port, and a session with a program that drives it.
func zvtShop(t *testing.T) (terminal.Simulator, terminal.Session, *logged) {
	t.Helper()
	sim, err := zvt.Driver().Simulate(terminal.SimulatorOptions{Currency: euro})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	lines := simulate.Lines{Sim: sim}
	go func() { served <- lines.TCP(ctx, l) }()
	t.Cleanup(func() { cancel(); <-served })
	o := process.NewOptions()
	o.Command, o.Declared = []string{os.Args[0], "serve-zvt", l.Addr().String()}, []string{"C2", "C4"}
	s, log := begin(t, o)
	return sim, s, log
}

func TestRealProgram(t *testing.T) {
	sim, s, log := zvtShop(t)
	if id := s.(terminal.Identifier).TerminalID(); id == "" {
		t.Error("the terminal's number does not come through")
	}
	if mark, err := s.(terminal.Marker).Mark(t.Context()); !errors.Is(err, terminal.ErrRefused) || mark.Known() {
		t.Errorf("a terminal that has sold nothing has the mark %q, %v", mark, err)
	}
	if err := sim.Press(simulate.Approved); err != nil {
		t.Fatal(err)
	}
	lent := &drivertest.Book{}
	r, err := s.Pay(t.Context(), request("TB00000001", 1250), lent)
	if err != nil || r.Outcome != terminal.Approved || len(lent.Results) == 0 || lent.Steps[0].Stage != terminal.Sent {
		t.Errorf("%+v, %v; %+v", r, err, lent.Steps)
	}
	ledger := sim.Face().Ledger
	if len(ledger) != 1 || !ledger[0].Captured || ledger[0].AuthCode != r.AuthCode || ledger[0].Minor != 1250 {
		t.Errorf("the ledger is %+v", ledger)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if text := log.String(); !strings.Contains(text, "card ************1111 is here") {
		t.Errorf("the log is %s", text)
	}
	if _, err := s.Pay(t.Context(), request("TB00000002", 1250), lent); !errors.Is(err, terminal.ErrNotSent) {
		t.Errorf("after Close: %v", err)
	}
}

// The engine's stop ends the program's dialogue in time, and the program.
func TestRealProgramIsStopped(t *testing.T) {
	sim, s, _ := zvtShop(t)
	ctx, cancel := context.WithCancel(t.Context())
	lent := &drivertest.Book{OnProgress: func(p terminal.Progress) {
		if p.Stage == terminal.CardWait || p.Stage == terminal.Started {
			cancel()
		}
	}}
	stop := context.AfterFunc(t.Context(), cancel)
	defer stop()
	begun := time.Now()
	r, err := s.Pay(ctx, request("TB00000001", 1250), lent)
	if r.Outcome == terminal.Approved || errors.Is(err, terminal.ErrNotSent) || time.Since(begun) > patience {
		t.Errorf("%+v, %v", r, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if len(sim.Face().Ledger) != 0 {
		t.Errorf("the ledger is %+v", sim.Face().Ledger)
	}
}

func TestPython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skipf("python3 is not here: %v", err)
	}
	books := filepath.Join(t.TempDir(), "books")
	o := process.NewOptions()
	o.Command, o.Declared = []string{python, "example.py"}, []string{"C3"}
	o.Settings = map[string]string{"books": books}
	s, log := begin(t, o)
	for ref, c := range map[string]struct {
		minor int64
		want  terminal.Outcome
	}{"TB00000001": {1250, terminal.Approved}, "TB00000002": {1213, terminal.Declined}} {
		lent := &drivertest.Book{}
		r, err := s.Pay(t.Context(), request(ref, c.minor), lent)
		if err != nil || r.Outcome != c.want || len(lent.Results) != 1 || len(lent.Steps) != 3 {
			t.Errorf("%d: %+v, %v, %+v", c.minor, r, err, lent)
		}
	}
	// It dies between two payments: the next call starts it.
	process.Kill(s)
	for ref, want := range map[string]terminal.Result{
		"TB00000001": {Outcome: terminal.Approved, Proof: terminal.Query}, "TB00000003": {Outcome: terminal.Declined, Proof: terminal.NotFound},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		r, err := s.Recover(ctx, terminal.Attempt{Request: request(ref, 1250)})
		cancel()
		if err != nil || r.Outcome != want.Outcome || r.Proof != want.Proof {
			t.Errorf("%s: %+v, %v\n%s", ref, r, err, log)
		}
	}
}
