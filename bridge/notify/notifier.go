package notify

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"html"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tillbridge/bridge"
)

// Owed is a notice that MGR is owed, and how many tries to deliver it have failed.
type Owed struct {
	bridge.Notice
	Attempts int
}

// Outbox is the journal's outbox. Its methods are called from several goroutines.
type Outbox interface {
	// Due is the notices that are due, those that wait longest first, at most limit.
	Due(ctx context.Context, now time.Time, limit int) ([]Owed, error)
	// NextDue is when the next notice is due, which may be past; false when none is owed.
	NextDue(ctx context.Context) (time.Time, bool, error)
	// Postpone records a try that failed. Nothing happens where the notice is no longer owed.
	Postpone(ctx context.Context, uuid string, attempts int, next time.Time, why string) error
	// Reported records that MGR has the outcome, and takes the notice out. It may be called again.
	Reported(ctx context.Context, uuid string) error
}

// BasicAuth is sent to MGR as HTTP Basic authentication.
type BasicAuth struct{ Username, Password string }

// Hooks are told of what happens, one at a time. They must not block. Any may be nil.
type Hooks struct {
	// Refused: MGR refused the outcome of a payment with a 3xx or 4xx; it is tried again every 15 minutes. The
	// text is for people, without secrets and card numbers.
	Refused func(uuid string, status int, text string)
	// Delivered: MGR has the outcome.
	Delivered func(uuid string)
	// Clock: an answer told how far this computer's clock is ahead of MGR's at the least, negative where it is behind,
	// and zero where they may agree.
	Clock func(ahead time.Duration)
}

// Config is what a notifier is made of.
type Config struct {
	URL      string     // where MGR takes outcomes, http or https
	Passcode string     // sent as X-MGR-PASSCODE
	Basic    *BasicAuth // nil for none
	// Transport carries the calls; nil for one of our own, with HTTP/1.1 over verified TLS and the proxy of the
	// environment. Redirects are followed by neither.
	Transport http.RoundTripper
	// Network describes the state of the machine's network in any words. When the words change, what waits for want
	// of an answer is tried at once. It is asked every 2 s while something waits so. Nil for the addresses of the
	// network interfaces.
	Network func() string
	// Jitter is the share of chance in each wait, 0 to 1, as Judge takes it; nil for a random one.
	Jitter func() float64
	Log    *slog.Logger
	Hooks  Hooks
}

// Notifier delivers notices.
type Notifier struct {
	outbox    Outbox
	url       *url.URL
	header    http.Header
	blank     *strings.Replacer // takes our secrets out of what others write
	transport http.RoundTripper
	network   func() string
	jitter    func() float64
	hooks     Hooks
	log       *quiet

	kick  chan struct{}
	retry chan struct{}
	fresh chan bridge.Notice
}

// New makes a notifier. It does nothing before Run.
func New(c Config, o Outbox) (*Notifier, error) {
	if o == nil || c.Log == nil {
		return nil, errors.New("the notifier needs an outbox and a log")
	}
	u, err := url.Parse(c.URL)
	switch {
	case err != nil:
		return nil, errors.New("the notify URL cannot be read") // the parser's error would quote it whole
	case u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		return nil, errors.New("the notify URL must be https://…, or http://… on this machine")
	case u.User != nil:
		return nil, errors.New("the notify URL must not hold a user name or password; use basic_auth")
	case c.Passcode == "":
		return nil, errors.New("the notifier needs a passcode")
	}
	n := &Notifier{
		outbox: o, url: u, transport: c.Transport, network: c.Network, jitter: c.Jitter, hooks: c.Hooks,
		log: &quiet{log: c.Log, most: linesAMinute}, kick: make(chan struct{}, 1), retry: make(chan struct{}, 1),
		fresh: make(chan bridge.Notice, maxFresh),
		header: http.Header{
			"Content-Type": {"application/json"}, "User-Agent": {"tillbridge"}, http.CanonicalHeaderKey(passcodeHeader): {c.Passcode},
			// An empty list sends nothing and tells net/http that a request may be repeated on a fresh connection
			// when a kept one turns out to be dead.
			"X-Idempotency-Key": {},
		},
	}
	secrets := []string{c.Passcode}
	if c.Basic != nil {
		r := http.Request{Header: n.header}
		r.SetBasicAuth(c.Basic.Username, c.Basic.Password)
		secrets = append(secrets, c.Basic.Password, base64.StdEncoding.EncodeToString([]byte(c.Basic.Username+":"+c.Basic.Password)))
	}
	n.blank = blanker(secrets)
	if n.transport == nil {
		n.transport = newTransport()
	}
	if n.network == nil {
		n.network = interfaces
	}
	if n.jitter == nil {
		n.jitter = rand.Float64
	}
	return n, nil
}

const passcodeHeader = "X-MGR-PASSCODE"

// blanker replaces secrets in the forms in which an error page may repeat them.
func blanker(secrets []string) *strings.Replacer {
	var pairs []string
	for _, s := range secrets {
		quoted := fmt.Sprintf("%q", s)
		for _, form := range []string{s, url.QueryEscape(s), url.PathEscape(s), html.EscapeString(s), quoted[1 : len(quoted)-1]} {
			if form != "" {
				pairs = append(pairs, form, "(secret)")
			}
		}
	}
	return strings.NewReplacer(pairs...)
}

// newTransport makes the way to MGR. HTTP/1.1 only: a call that gets no answer then takes its connection with it,
// so that the next one begins on a fresh one.
func newTransport() *http.Transport {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment, Protocols: &protocols,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 20 * time.Second,
		MaxIdleConnsPerHost:   atOnce, MaxConnsPerHost: 2 * atOnce, IdleConnTimeout: 90 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// interfaces is the addresses of the network interfaces that are up.
func interfaces() string {
	var s strings.Builder
	all, _ := net.Interfaces() // what cannot be read is no change
	for _, i := range all {
		addrs, _ := i.Addrs()
		fmt.Fprintln(&s, i.Name, i.Flags, addrs)
	}
	return s.String()
}

// Kick tells that a notice is due. It never blocks and may be called before and after Run.
func (n *Notifier) Kick() { signal(n.kick) }

// Deliver hands over a notice that has just come into the outbox, so that it need not be read from there. It never
// blocks and may be called before and after Run. A notice that is not taken up from here is found in the outbox.
func (n *Notifier) Deliver(notice bridge.Notice) {
	select {
	case n.fresh <- notice:
	default:
		n.Kick()
	}
}

// Retry makes everything that waits because MGR did not answer due at once. It never blocks.
func (n *Notifier) Retry() { signal(n.retry) }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // one signal stands for many
	}
}
