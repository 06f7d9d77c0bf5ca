package herald

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// Webhook is a web address that takes messages by POST.
type Webhook struct {
	URL   string // https, or http on the loopback
	Token string // sent as a bearer token; empty for none
}

// connectWithin bounds the making of a connection, and its encryption as well.
const connectWithin = 20 * time.Second

// body is what is posted. Fields may be added; those that are here keep their names and meanings.
type body struct {
	Version int     `json:"version"`
	Shop    string  `json:"shop"`
	Events  []Event `json:"events"`
	LeftOut int     `json:"left_out,omitempty"` // events before these that could not be told
}

// post takes messages to a web address.
type post struct {
	url       *url.URL
	header    http.Header
	transport *http.Transport
}

func newPost(w Webhook, roots *x509.CertPool) (*post, error) {
	u, err := url.Parse(w.URL)
	switch {
	case err != nil:
		return nil, errors.New("the web address for alarms cannot be read") // the parser's error would quote it
	case u.Hostname() == "" || u.User != nil || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return nil, errors.New("the web address for alarms must be https://…, or http://… on this machine, without a user name")
	}
	p := &post{url: u, header: http.Header{"Content-Type": {"application/json"}, "User-Agent": {"tillbridge"}}}
	if w.Token != "" {
		p.header.Set("Authorization", "Bearer "+w.Token)
	}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	p.transport = &http.Transport{
		Proxy: http.ProxyFromEnvironment, Protocols: &protocols, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		// A connection that is being made outlives the try that wanted it, so that it has bounds of its own.
		DialContext: (&net.Dialer{Timeout: connectWithin}).DialContext, TLSHandshakeTimeout: connectWithin,
		// A message a minute at the most is not worth a connection that is kept.
		DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10,
	}
	return p, nil
}

// send posts a message. Any 2xx takes it; redirects are not followed, and nothing is read but the answer's header.
func (p *post) send(ctx context.Context, m message) error {
	b, err := json.Marshal(body{Version: 1, Shop: m.Shop, Events: m.Events, LeftOut: m.LeftOut})
	if err != nil {
		return fmt.Errorf("write the message: %w", err)
	}
	r := (&http.Request{
		Method: http.MethodPost, URL: p.url, Host: p.url.Host, Header: p.header.Clone(), ContentLength: int64(len(b)), Body: io.NopCloser(bytes.NewReader(b)),
	}).WithContext(ctx)
	res, err := p.transport.RoundTrip(r) // no http.Client: that would follow redirects
	if err != nil {
		return fmt.Errorf("reach the web address: %w", err)
	}
	_ = res.Body.Close() // what it says beside its status is not needed
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return fmt.Errorf("the web address answered %s", strings.TrimSpace(fmt.Sprint(res.StatusCode, " ", http.StatusText(res.StatusCode))))
	}
	return nil
}

// loopback tells whether a host is this computer.
func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && a.Unmap().IsLoopback()
}
