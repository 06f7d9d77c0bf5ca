package demo

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"tillbridge/bridge/standin"
	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

//go:embed page
var page embed.FS

const (
	streamLimit = 32 // pages that watch at once
	orderLimit  = 4 << 10
	keepAlive   = 15 * time.Second // between comments on a quiet stream
)

// servePage starts the bridge and serves the page until ctx ends.
func (w *world) servePage(ctx context.Context) error {
	listener, err := listenLoopback(w.Listen)
	if err != nil {
		return err
	}
	if err := w.keeper.Start(); err != nil {
		return errors.Join(err, listener.Close())
	}
	h := newHub(w)
	handler, err := h.handler()
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	server := serverFor(handler, w.Log)
	ctx, cancel := context.WithCancel(ctx)
	server.BaseContext = func(net.Listener) context.Context { return ctx } // ends the streams
	var tasks sync.WaitGroup
	served := make(chan error, 1)
	tasks.Go(func() { h.watch(ctx) })
	tasks.Go(func() { served <- server.Serve(listener) })
	_, _ = fmt.Fprintf(w.Out, "The demo is at http://%s/ – press Ctrl-C to end it.\n", listener.Addr())
	select {
	case <-ctx.Done():
	case err = <-served:
	}
	cancel()
	grace, done := context.WithTimeout(context.Background(), stopGrace)
	defer done()
	if server.Shutdown(grace) != nil {
		_ = server.Close() // what is left is cut off
	}
	tasks.Wait()
	return err
}

func listenLoopback(address string) (net.Listener, error) {
	if !loopbackHost(address) {
		return nil, fmt.Errorf("the demo asks for no password, so it listens on this machine only: %s is not an address of the loopback", address)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("demo page: %w", err)
	}
	return l, nil
}

// loopbackHost tells whether host or host:port names this machine's loopback.
func loopbackHost(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.Trim(hostport, "[]")
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// hub keeps the view and hands it to the pages that watch.
type hub struct {
	*world
	places chan struct{} // for streams

	mu       sync.Mutex
	choices  choices
	view     []byte
	changed  chan struct{} // closed with the next view
	poked    chan struct{} // choices have changed
	charging sync.Mutex    // one charge at a time
}

func newHub(w *world) *hub {
	return &hub{
		world: w, places: make(chan struct{}, streamLimit), changed: make(chan struct{}), poked: make(chan struct{}, 1), view: []byte("{}"),
		choices: choices{script: simulate.PressByHand, mode: standin.Modes()[0].Name},
	}
}

// watch makes a new view whenever something has changed, until ctx ends.
func (h *hub) watch(ctx context.Context) {
	tick := time.NewTicker(readEvery)
	defer tick.Stop()
	var last pages
	for ctx.Err() == nil {
		terminalChanged, mgrChanged, bridgeChanged := h.sim.Changed(), h.mgr.Changed(), h.keeper.Changed()
		h.mu.Lock()
		c := h.choices
		h.mu.Unlock()
		var v view
		v, last = h.look(ctx, c, last)
		h.publish(v)
		select {
		case <-terminalChanged:
		case <-mgrChanged:
		case <-bridgeChanged:
		case <-h.poked:
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

func (h *hub) publish(v view) {
	text, err := json.Marshal(v)
	if err != nil {
		h.Log.Error("make the page's view", "error", err)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if slices.Equal(text, h.view) {
		return
	}
	h.view = text
	close(h.changed)
	h.changed = make(chan struct{})
}

func (h *hub) current() ([]byte, <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.view, h.changed
}

// handler is everything that the page needs.
func (h *hub) handler() (http.Handler, error) {
	files, err := fs.Sub(page, "page")
	if err != nil {
		return nil, fmt.Errorf("demo page: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServerFS(files))
	mux.HandleFunc("GET /menu", func(w http.ResponseWriter, _ *http.Request) { reply(w, h.menu()) })
	mux.HandleFunc("GET /view", func(w http.ResponseWriter, _ *http.Request) {
		text, _ := h.current()
		reply(w, json.RawMessage(text))
	})
	mux.HandleFunc("GET /events", h.events)
	for path, do := range map[string]func(*http.Request, order) error{
		"charge": h.doCharge, "press": h.doPress, "key": h.doKey, "script": h.doScript, "bridge": h.doBridge, "mgr": h.doMGR,
	} {
		mux.HandleFunc("POST /"+path, func(w http.ResponseWriter, r *http.Request) { obey(w, r, do) })
	}
	return guarded(http.NewCrossOriginProtection().Handler(mux)), nil
}

// guarded refuses names that are not this machine's, which a hostile page may have pointed here, and sets what
// keeps the page to itself.
func guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !loopbackHost(r.Host) {
			http.Error(w, "this is the demo of another machine", http.StatusForbidden)
			return
		}
		for k, v := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
				"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			w.Header().Set(k, v)
		}
		next.ServeHTTP(w, r)
	})
}

// events streams views as server-sent events.
func (h *hub) events(w http.ResponseWriter, r *http.Request) {
	select {
	case h.places <- struct{}{}:
		defer func() { <-h.places }()
	default:
		http.Error(w, "too many pages watch", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	// The limit for reading a request would end the stream too.
	if err := out.SetReadDeadline(time.Time{}); err != nil {
		fail(w, http.StatusInternalServerError, err)
		return
	}
	beat := time.NewTicker(keepAlive)
	defer beat.Stop()
	for {
		text, changed := h.current()
		if _, err := fmt.Fprintf(w, "data: %s\n\n", text); err != nil || out.Flush() != nil {
			return
		}
		for waiting := true; waiting; {
			select {
			case <-changed:
				waiting = false
			case <-beat.C:
				if _, err := fmt.Fprint(w, ":\n\n"); err != nil || out.Flush() != nil {
					return
				}
			case <-r.Context().Done():
				return
			}
		}
	}
}

// order is what a button of the page asks for.
type order struct {
	Amount string `json:"amount"` // charge, key
	Do     string `json:"do"`     // the others
}

func obey(w http.ResponseWriter, r *http.Request, do func(*http.Request, order) error) {
	var o order
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, orderLimit))
	d.DisallowUnknownFields()
	if err := d.Decode(&o); err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	if err := do(r, o); err != nil {
		fail(w, http.StatusUnprocessableEntity, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// doCharge asks for a payment. Its answer reaches the page by the stand-in's ledger, whatever it is.
func (h *hub) doCharge(r *http.Request, o order) error {
	h.charging.Lock()
	defer h.charging.Unlock()
	amount := strings.TrimSpace(o.Amount)
	switch {
	case amount == "" || len(amount) > 40:
		return errors.New("type an amount such as 12.50")
	case len(h.mgr.Payments()) >= paymentLimit:
		return fmt.Errorf("this demo has had %d payments; end it and start another", paymentLimit)
	}
	uuid, err := newUUID()
	if err != nil {
		return err
	}
	// The charge goes on when the page is closed meanwhile; it has a limit of its own.
	_, _, err = h.world.charge(context.WithoutCancel(r.Context()), uuid, amount)
	if err != nil {
		h.Log.Info("a charge got no answer", "error", err)
	}
	return nil
}

// doPress is a key of the terminal, its cable or its power.
func (h *hub) doPress(_ *http.Request, o order) error {
	if !slices.Contains(h.sim.Actions(), o.Do) || o.Do == simulate.PressByHand {
		return fmt.Errorf("%q is nothing that can be done to the terminal", o.Do)
	}
	if o.Do != simulate.WrongPIN {
		return h.sim.Press(o.Do)
	}
	if !h.sim.Face().Paying {
		return simulate.ErrNobodyPays
	}
	// Where nobody is asked for a card yet, the simulator takes this name for the script of all payments to come.
	return errors.Join(h.sim.Press(o.Do), h.sim.Press(simulate.PressByHand))
}

// doKey keys an amount in at a terminal without a connection.
func (h *hub) doKey(_ *http.Request, o order) error {
	amount, err := terminal.ParseAmount(strings.TrimSpace(o.Amount), h.currency())
	if err != nil {
		return err
	}
	return h.sim.Press(fmt.Sprintf("%s:%d", simulate.PressKey, amount.Minor))
}

// doScript chooses what becomes of the next payments.
func (h *hub) doScript(_ *http.Request, o order) error {
	switch known := slices.Contains(h.sim.Outcomes(), o.Do); {
	case !known && o.Do != simulate.PressByHand:
		return fmt.Errorf("%q is nothing that can become of a payment", o.Do)
	case o.Do == simulate.WrongPIN && h.sim.Face().Paying:
		return errors.New("wait for the end of this payment, or use the terminal's keys")
	}
	if err := h.sim.Press(o.Do); err != nil {
		return err
	}
	h.choose(func(c *choices) { c.script = o.Do })
	return nil
}

func (h *hub) doBridge(_ *http.Request, o order) error {
	switch o.Do {
	case "start":
		return h.keeper.Start()
	case "stop":
		return h.keeper.Stop()
	case "kill":
		return h.keeper.Kill()
	}
	return fmt.Errorf("%q is nothing that can be done to the bridge", o.Do)
}

func (h *hub) doMGR(_ *http.Request, o order) error {
	for _, m := range standin.Modes() {
		if m.Name == o.Do {
			h.mgr.Fail(standin.Always(m.Answer))
			h.choose(func(c *choices) { c.mode = m.Name })
			return nil
		}
	}
	return fmt.Errorf("%q is nothing that MGR can do", o.Do)
}

func (h *hub) choose(f func(*choices)) {
	h.mu.Lock()
	f(&h.choices)
	h.mu.Unlock()
	select {
	case h.poked <- struct{}{}:
	default:
	}
}

func fail(w http.ResponseWriter, status int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": err.Error()}) // the page has gone when this fails
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the page has gone when this fails
}
