package demo

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"tillbridge/bridge/standin"
	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// terminalName is the terminal's name in the settings.
const terminalName = "counter"

// notifyPath is the path of MGR's own notify address.
const notifyPath = "/external/payments/custom/notify"

// firstSale is the sale made at the simulated terminal itself before anything else: a terminal without any
// transaction has nothing that later ones can be told from.
const firstSale = "manual-sale:100"

// stopGrace is how long something that was asked to end may take.
const stopGrace = 10 * time.Second

// world is everything of the demo except its page.
type world struct {
	Options
	listen, counter string      // the bridge's two doors, host:port
	marks           []io.Closer // keep other demos off them
	notify          string      // URL

	mgr    *standin.MGR
	server *http.Server // of the notify address
	sim    terminal.Simulator
	hand   simulate.Clerk // who works a terminal without a connection; nil where it has one
	line   *line
	keeper *keeper
	books  *books

	cancel context.CancelFunc
	tasks  sync.WaitGroup
}

// newWorld starts the stand-in and the terminal, and writes the settings. The bridge is not started.
func newWorld(ctx context.Context, o Options) (_ *world, err error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("demo folder: %w", err)
	}
	o.Dir = dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("demo folder: %w", err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "journal.db")); err == nil {
		return nil, fmt.Errorf("%s holds the journal of an earlier demo, whose terminal is gone; name an empty folder", dir)
	}
	w := &world{Options: o, books: &books{path: filepath.Join(dir, "journal.db")}}
	ctx, w.cancel = context.WithCancel(ctx)
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	passcode, err := randomHex(16)
	if err != nil {
		return nil, err
	}
	w.mgr = standin.New(standin.Options{Passcode: passcode, Log: o.Log})
	if err := w.serveNotify(); err != nil {
		return nil, err
	}
	think := 600 * time.Millisecond
	if o.Once != nil {
		think = 300 * time.Millisecond
	}
	if w.sim, err = o.simulator(think); err != nil {
		return nil, err
	}
	if w.hand, err = clerkOf(o.Driver, w.sim); err != nil {
		return nil, err
	}
	if w.hand == nil {
		if err := w.sim.Press(firstSale); err != nil {
			return nil, err
		}
	}
	if w.line, err = newLine(w.sim, o.Driver.Line, filepath.Join(dir, "terminal"), o.TCP, o.Log); err != nil {
		return nil, err
	}
	w.tasks.Go(func() { w.line.serve(ctx) })
	file, err := w.writeSettings(passcode)
	if err != nil {
		return nil, err
	}
	w.keeper = newKeeper(o.Start, file, w.listen, w.line.abandoned)
	return w, nil
}

func (w *world) serveNotify() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("notify address: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle(notifyPath, w.mgr)
	w.server = serverFor(mux, w.Log)
	w.notify = "http://" + l.Addr().String() + notifyPath
	w.tasks.Go(func() { _ = w.server.Serve(l) }) // ends with close
	return nil
}

func serverFor(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// unmarkedWait is when a bridge counts as having reached a terminal that tells no last transaction, which is the only sign
// in the journal before the first payment.
const unmarkedWait = 3 * time.Second

// reached tells whether the bridge has reached the terminal, as far as can be seen. One without a connection is there with the
// counter screen.
func (w *world) reached(marked bool) bool {
	p, e := w.keeper.process(), w.Driver.Evidence
	if w.hand != nil {
		return p.State == running
	}
	return marked || (e.Has(terminal.C1) || !e.Has(terminal.C2)) && p.State == running && time.Since(p.Since) > unmarkedWait
}

// writeSettings writes the bridge's settings and the passcode beside them.
func (w *world) writeSettings(passcode string) (file string, err error) {
	for _, to := range []*string{&w.listen, &w.counter} {
		mark, err := freeAddress(to)
		if err != nil {
			return "", err
		}
		w.marks = append(w.marks, mark)
	}
	passcodeFile := filepath.Join(w.Dir, "passcode")
	if err := os.WriteFile(passcodeFile, []byte(passcode+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("write passcode: %w", err)
	}
	text := fmt.Sprintf(`# The settings of a demo. The bridge reads them as it reads those of a shop.
listen: %s
counter: %s
journal: %s
counter_password_file: %s
mgr:
  passcode_file: %s
  notify_url: %s
terminals:
  %s:
    currency: %s
`, w.listen, w.counter, quoted(w.books.path), quoted(w.passwordFile()), quoted(passcodeFile), w.notify, terminalName, w.currency().Code) +
		w.driverSettings()
	file = filepath.Join(w.Dir, "config.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return "", fmt.Errorf("write settings: %w", err)
	}
	return file, nil
}

// driverSettings are the lines of the terminal that say how it is reached.
func (w *world) driverSettings() string {
	var b strings.Builder
	all := w.settings()
	if w.Through == nil {
		fmt.Fprintf(&b, "    driver: %s\n", w.Driver.Name)
		if w.line.key != "" {
			fmt.Fprintf(&b, "    port: {%s: %s}\n", w.line.key, quoted(w.line.address))
		}
		if len(all) > 0 {
			b.WriteString("    options:\n")
		}
		for _, key := range slices.Sorted(maps.Keys(all)) {
			fmt.Fprintf(&b, "      %s: %s\n", key, all[key])
		}
		return b.String()
	}
	fmt.Fprintf(&b, "    driver: process\n    options:\n      evidence: [%s]\n      command:\n", strings.ReplaceAll(w.Driver.Evidence.String(), "+", ", "))
	for _, word := range w.Through(w.line.key, w.line.address) {
		fmt.Fprintf(&b, "        - %s\n", quoted(word))
	}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&b, "        - --option\n        - %s\n", quoted(key+"="+all[key]))
	}
	return b.String()
}

// quoted is a text as YAML takes it literally, backslashes included.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func (w *world) passwordFile() string { return filepath.Join(w.Dir, "counter-password") }

// password is the counter screen's password; empty while the bridge has made none.
func (w *world) password() string {
	b, err := os.ReadFile(w.passwordFile())
	if err != nil {
		return ""
	}
	first, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSpace(first)
}

// freeAddress finds a port that nobody listens on, below those that systems give to outgoing connections, so
// that none of these takes it while the bridge is dead. Nor does another demo: until the mark is closed it holds the same
// port of UDP, which nothing here uses.
func freeAddress(address *string) (mark io.Closer, err error) {
	var last error
	for range 100 {
		n, err := rand.Int(rand.Reader, big.NewInt(22_000))
		if err != nil {
			return nil, fmt.Errorf("free port: %w", err)
		}
		*address = net.JoinHostPort("127.0.0.1", strconv.FormatInt(10_000+n.Int64(), 10))
		held, err := net.ListenPacket("udp", *address)
		if err != nil {
			last = err
			continue
		}
		l, err := net.Listen("tcp", *address)
		if err == nil {
			return held, l.Close() // nothing came in
		}
		last = errors.Join(err, held.Close())
	}
	return nil, fmt.Errorf("free port: %w", last)
}

func randomHex(n int) (string, error) {
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		return "", fmt.Errorf("random number: %w", err)
	}
	return hex.EncodeToString(b), nil
}

// newUUID is a payment's number as MGR's kind of server makes them, 35 characters.
func newUUID() (string, error) {
	h, err := randomHex(16)
	if err != nil {
		return "", err
	}
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:]}, "-"), nil
}

// webhook is the URL that MGR calls.
func (w *world) webhook() string { return "http://" + w.listen + "/mgr/" + terminalName }

// charge asks for a payment as MGR does. A text that is no number goes as a text, so that the bridge sees
// what was typed.
func (w *world) charge(ctx context.Context, uuid, amount string) (status int, problem string, err error) {
	customer, err := newUUID()
	if err != nil {
		return 0, "", err
	}
	return w.mgr.Charge(ctx, w.webhook(), standin.Charge{Amount: amountJSON(amount), Customer: customer, UUID: uuid})
}

func amountJSON(text string) string {
	var n json.Number
	if d := json.NewDecoder(strings.NewReader(text)); d.Decode(&n) == nil && n.String() == text {
		return text
	}
	b, err := json.Marshal(text)
	if err != nil { // texts always can be
		return `""`
	}
	return string(b)
}

// close takes everything down and waits for it.
func (w *world) close() error {
	var errs []error
	if w.keeper != nil {
		errs = append(errs, w.keeper.close())
	}
	w.cancel()
	if w.server != nil {
		ctx, cancel := context.WithTimeout(context.Background(), stopGrace)
		defer cancel()
		if w.server.Shutdown(ctx) != nil {
			errs = append(errs, w.server.Close())
		}
	}
	if w.line != nil {
		w.line.close()
	}
	w.tasks.Wait()
	if w.mgr != nil {
		w.mgr.Close()
	}
	for _, m := range w.marks { // the bridge is gone by now
		errs = append(errs, m.Close())
	}
	return errors.Join(append(errs, w.books.close())...)
}

// pause waits; false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
