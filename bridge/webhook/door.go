package webhook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// acceptWithin bounds how long the desk may take to make a payment durable. MGR waits no longer for its 202.
const acceptWithin = 5 * time.Second

// Desk takes orders. Accept returns once the payment is durable, or with a *bridge.Refusal, after which nothing
// has changed; any other error means that the journal failed.
type Desk interface {
	Accept(ctx context.Context, o bridge.Order) (bridge.Acceptance, error)
}

// Config is what a door is made of.
type Config struct {
	Passcode string     // what MGR sends as X-MGR-PASSCODE; not empty
	Basic    *BasicAuth // nil where MGR sends none
	// Origins are the web origins ("https://www.mygadgetrepairs.com") whose pages may call from a browser, compared
	// exactly.
	Origins []string
	// Hosts are names and addresses without port by which we may be called. Loopback ones, and the address at
	// which a call arrived, are always allowed.
	Hosts []string
	// Terminals are the terminals by name, at least one. A name stands in the URL as it is.
	Terminals map[string]Terminal
	Log       *slog.Logger
	// Seen is told of every call that had the right passcode and named a terminal. It must not block. May be nil.
	Seen func(Call)
	// Wrong is told of every call whose passcode, or Basic credentials, were looked at and are missing or wrong, and from
	// where it came, as Call.Source. It must not block. May be nil.
	Wrong func(source string)
}

// BasicAuth is what MGR sends as HTTP Basic authentication.
type BasicAuth struct{ Username, Password string }

// Terminal is what the door knows of a terminal.
type Terminal struct {
	Currency   terminal.Currency
	MinorUnits bool // MGR's amount counts minor units: 1250 is 12.50 EUR
}

// Call is one call of MGR, for people who want to know by which way it reaches us.
type Call struct {
	Terminal string
	Browser  bool   // the clerk's browser called, not MGR's server: there was an Origin
	Origin   string // the page's origin, one of Config.Origins; empty from a server
	Source   string // the caller's address, as far as it is told apart (see the package comment)
	Status   int    // what it was answered
	At       time.Time
}

// Door is MGR's door. It is safe for concurrent use.
type Door struct {
	desk      Desk
	secrets   secrets
	guard     guard
	terminals map[string]Terminal
	names     []string // sorted
	throttle  *throttle
	waiting   chan struct{} // one entry for each wrong passcode whose answer is held back
	router    http.Handler
	seen      func(Call)
	wrong     func(source string)
	strangers *quiet // what callers without the passcode cause
	known     *quiet // what callers with it cause
}

// New makes a door and refuses settings under which it could not do its work.
func New(c Config, desk Desk) (*Door, error) {
	switch {
	case desk == nil || c.Log == nil:
		return nil, errors.New("the door needs a desk and a log")
	case c.Passcode == "":
		return nil, errors.New("the door needs a passcode")
	case c.Basic != nil && (c.Basic.Username == "" || c.Basic.Password == ""):
		return nil, errors.New("HTTP Basic needs a user name and a password")
	case len(c.Terminals) == 0:
		return nil, errors.New("the door needs at least one terminal")
	}
	g, err := newGuard(c.Hosts, c.Origins)
	if err != nil {
		return nil, err
	}
	d := &Door{
		desk: desk, secrets: newSecrets(c.Passcode, c.Basic), guard: g, terminals: map[string]Terminal{},
		throttle: newThrottle(maxSources), waiting: make(chan struct{}, maxWaiting), seen: c.Seen, wrong: c.Wrong,
		strangers: &quiet{log: c.Log, most: linesAMinute}, known: &quiet{log: c.Log, most: linesAMinute},
	}
	for name, t := range c.Terminals {
		if name == "" || url.PathEscape(name) != name {
			return nil, fmt.Errorf("terminal %q cannot stand in a URL", name)
		}
		if t.Currency.Code == "" || t.Currency.Numeric <= 0 {
			return nil, fmt.Errorf("terminal %q has no currency", name)
		}
		d.terminals[name] = t
		d.names = append(d.names, name)
	}
	slices.Sort(d.names)
	d.router = d.routes()
	return d, nil
}

func (d *Door) routes() http.Handler {
	r := mux.NewRouter().SkipClean(true) // a redirect to a tidier path would turn MGR's POST into a GET
	for _, path := range []string{"/mgr", "/mgr/{terminal}"} {
		r.HandleFunc(path, d.order).Methods(http.MethodPost)
		r.HandleFunc(path, preflight).Methods(http.MethodOptions)
	}
	r.NotFoundHandler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		(&problem{status: http.StatusNotFound, detail: "There is nothing at this address. MGR's webhook URL ends in /mgr/ and the name of a terminal."}).write(w)
	})
	r.MethodNotAllowedHandler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Allow", allowedMethods)
		(&problem{status: http.StatusMethodNotAllowed, detail: "This address takes payments from MGR by POST. It is not a page to look at; the counter screen is at another address."}).write(w)
	})
	return r
}

// ServeHTTP answers one call.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Vary", "Origin")
	if p := d.guard.check(r); p != nil {
		d.strangers.warn("call refused", "source", sourceOf(r.RemoteAddr).String(), "status", p.status, "reason", p.detail)
		p.write(w)
		return
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		h.Set("Access-Control-Allow-Origin", origin)
	}
	d.router.ServeHTTP(w, r)
}

// order takes one order.
func (d *Door) order(w http.ResponseWriter, r *http.Request) {
	from := sourceOf(r.RemoteAddr)
	if p := d.authenticate(r, from); p != nil {
		p.write(w)
		return
	}
	name := mux.Vars(r)["terminal"]
	if name == "" && len(d.names) == 1 {
		name = d.names[0]
	}
	t, ok := d.terminals[name]
	if !ok {
		p := d.whichTerminal(name)
		d.known.warn("payment not accepted", "status", p.status, "reason", p.detail)
		p.write(w)
		return
	}
	uuid, acceptance, p := d.take(w, r, name, t)
	status := http.StatusAccepted
	if p != nil {
		status = p.status
		d.known.warn("payment not accepted", "terminal", name, "status", status, "reason", p.detail)
	}
	d.tell(r, name, from, status)
	if p != nil {
		p.write(w)
		return
	}
	writeAccepted(w, uuid, acceptance)
}

// take reads the order and gives it to the desk.
func (d *Door) take(w http.ResponseWriter, r *http.Request, name string, t Terminal) (uuid string, a bridge.Acceptance, p *problem) {
	body, p := readBody(w, r)
	if p != nil {
		return "", 0, p
	}
	o, err := readOrder(body, t)
	if err != nil {
		return "", 0, &problem{status: http.StatusBadRequest, detail: "MGR's request cannot be used: " + err.Error() + ". Nothing was charged."}
	}
	o.Terminal = name
	ctx, cancel := context.WithTimeout(r.Context(), acceptWithin)
	defer cancel()
	a, err = d.desk.Accept(ctx, o)
	if err != nil {
		var refusal *bridge.Refusal
		if !errors.As(err, &refusal) {
			d.known.warn("the journal did not take a payment", "terminal", name, "error", terminal.MaskCardNumbers(err.Error()))
		}
		return "", 0, refused(err)
	}
	return o.UUID, a, nil
}

func (d *Door) tell(r *http.Request, name string, from netip.Prefix, status int) {
	if d.seen == nil {
		return
	}
	origin := r.Header.Get("Origin")
	d.seen(Call{Terminal: name, Browser: origin != "", Origin: origin, Source: from.String(), Status: status, At: time.Now()})
}

// whichTerminal answers a call that names no terminal of ours. The name is not repeated: it may be a secret that
// somebody put in the wrong place.
func (d *Door) whichTerminal(name string) *problem {
	ends := "/mgr/" + strings.Join(d.names, ", /mgr/")
	detail := "There is no terminal of this name. MGR's webhook URL must end in: " + ends + "."
	if name == "" {
		detail = "There are several terminals, so that the webhook URL must name one. Make one payment method a terminal in MGR, with URLs that end in: " + ends + "."
	}
	return &problem{status: http.StatusNotFound, detail: detail}
}
