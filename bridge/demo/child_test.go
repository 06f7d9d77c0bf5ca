package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/config"
	"tillbridge/bridge/journal"
	"tillbridge/bridge/till"
	"tillbridge/drivers"
	"tillbridge/terminal"
	termline "tillbridge/terminal/line"
)

// childEnv makes this test program a small bridge with the settings file that it names: till, journal and
// driver are the real ones, its two doors to MGR are the few lines below.
const childEnv = "TILLBRIDGE_DEMO_TEST_CHILD"

func TestMain(m *testing.M) {
	if file := os.Getenv(childEnv); file != "" {
		if err := smallBridge(context.Background(), file); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	// Most of what runs here waits for a bridge of its own, so that more fit side by side than there are processors.
	if err := flag.Set("test.parallel", "8"); err != nil { // the command line comes later and has its way
		panic(err)
	}
	os.Exit(m.Run())
}

func smallBridge(ctx context.Context, file string) error {
	s, err := config.Load(file, drivers.All(), config.SystemEnv())
	if err != nil {
		return err
	}
	j, err := journal.Open(ctx, s.Journal, journal.Options{})
	if err != nil {
		return err
	}
	defer j.Close()
	t := s.Terminals[0]
	link := termline.Config{Serial: t.Port.Serial, TCP: t.Port.TCP, Baud: t.Port.Baud, DataBits: t.Port.DataBits, Parity: t.Port.Parity, StopBits: t.Port.StopBits}
	all := drivers.All()
	driver := all[slices.IndexFunc(all, func(d terminal.Driver) bool { return d.Name == t.Driver })]
	due := make(chan struct{}, 1)
	desk, err := till.New(till.Config{
		Terminals: []till.Terminal{{
			Name: t.Name, Driver: driver, Options: t.Options, Currency: t.Currency, Line: link.String(), Link: link.Kind(), Dial: link.Open,
		}},
		QueueLimit: time.Minute,
		Hooks: till.Hooks{Changed: func() {}, Alarm: func() {}, Notify: func() {
			select {
			case due <- struct{}{}:
			default:
			}
		}},
		Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	}, j)
	if err != nil {
		return err
	}
	door, err := net.Listen("tcp", s.Listen)
	if err != nil {
		return err
	}
	go notify(ctx, desk, j, s.MGR, due)
	go http.Serve(door, webhook(desk, t))
	return desk.Run(ctx, nil)
}

func webhook(desk *till.Desk, t config.Terminal) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var b struct {
			Amount   json.RawMessage `json:"amount"`
			Customer string          `json:"customer_uuid"`
			UUID     string          `json:"payment_uuid"`
		}
		err := json.NewDecoder(r.Body).Decode(&b)
		amount, bad := terminal.ParseAmount(strings.Trim(string(b.Amount), `"`), t.Currency)
		if err = errors.Join(err, bad); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if _, err := desk.Accept(r.Context(), bridge.Order{UUID: b.UUID, Customer: b.Customer, Terminal: t.Name, Amount: amount}); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	})
}

func notify(ctx context.Context, desk *till.Desk, j *journal.Journal, m config.MGR, due <-chan struct{}) {
	tick := time.NewTicker(300 * time.Millisecond)
	for {
		all, _ := j.Due(ctx, time.Now(), 10)
		for _, n := range all {
			b := map[string]string{"payment_uuid": n.UUID, "status": "DENIED"}
			if n.Approved {
				b = map[string]string{"payment_uuid": n.UUID, "status": "APPROVED", "auth_code": n.AuthCode, "txn_ref": n.TxnRef}
			}
			text, _ := json.Marshal(b)
			req, _ := http.NewRequestWithContext(ctx, http.MethodPost, m.NotifyURL, bytes.NewReader(text))
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("X-MGR-PASSCODE", m.Passcode.Reveal())
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				continue
			}
			resp.Body.Close()
			if resp.StatusCode < 300 {
				desk.Reported(ctx, n.UUID)
			}
		}
		select {
		case <-due:
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// child is the small bridge as a process.
type child struct {
	cmd  *exec.Cmd
	done chan error
}

func startChild(out io.Writer) func(string) (Daemon, error) {
	return func(file string) (Daemon, error) {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childEnv+"="+file)
		cmd.Stdout, cmd.Stderr = out, out
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		c := &child{cmd, make(chan error, 1)}
		go func() { c.done <- cmd.Wait() }()
		return c, nil
	}
}

func (c *child) Kill() error        { return c.cmd.Process.Kill() }
func (c *child) Stop() error        { return c.cmd.Process.Signal(syscall.SIGTERM) }
func (c *child) Done() <-chan error { return c.done }
