package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"
)

// How far a clock may be off.
const (
	clockWarn  = 30 * time.Second
	clockFault = 2 * time.Minute
)

// expiresSoon is when a certificate that ends is worth a word.
const expiresSoon = 14 * 24 * time.Hour

// maxPage is read of an answer.
const maxPage = 4 << 10

// mgrAnswer is what came back from MGR's address.
type mgrAnswer struct {
	status      int
	header      http.Header
	page        string
	leaf        *x509.Certificate // nil without TLS
	sent, heard time.Time
	proxy       string // host of the proxy on the way; empty without
}

// checkMGR goes the way that an outcome goes, step by step, with a request that asks what is allowed (OPTIONS, RFC
// 9110, 9.3.7): it is safe by definition, carries neither passcode nor payment, and follows no redirect.
func checkMGR(ctx context.Context, x *exam) []Finding {
	if x.Wrong != nil {
		return later([]Finding{}, "the settings must be right first", "mgr-name", "mgr-connection", "mgr-certificate", "mgr-answer", "clock")
	}
	u, err := url.Parse(x.Settings.MGR.NotifyURL)
	if err != nil {
		return []Finding{unchecked("mgr", "", "the address in the settings is not one")}
	}
	var all []Finding
	proxy, err := x.Web.Proxy(&http.Request{URL: u})
	if err != nil {
		return later([]Finding{fault("mgr-connection", "", "The proxy that the system names for the way to MGR is not an address: %s", sentence(err.Error())).
			do("Correct HTTPS_PROXY, or take it away, where the service gets its environment from.")}, "the way to MGR must be right first", "mgr-certificate", "mgr-answer", "clock")
	}
	switch {
	case proxy != nil:
		all = append(all, unchecked("mgr-name", "", "the proxy "+proxy.Host+" looks MGR's name up"))
	default:
		f := x.name(ctx, u.Hostname())
		all = append(all, f)
		if f.Verdict == Fault {
			return later(all, "MGR's name must be found first", "mgr-connection", "mgr-certificate", "mgr-answer", "clock")
		}
	}
	a, err := x.options(ctx, u, proxy)
	return append(all, x.way(u, a, err)...)
}

// later adds that what comes behind a fault was not looked at.
func later(all []Finding, why string, checks ...string) []Finding {
	for _, c := range checks {
		all = append(all, unchecked(c, "", why))
	}
	return all
}

// name looks MGR's name up.
func (x *exam) name(ctx context.Context, host string) Finding {
	if _, err := netip.ParseAddr(host); err == nil {
		return good("mgr-name", "", "%s is an address itself.", host)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	list, err := x.Web.Resolve(ctx, host)
	var dns *net.DNSError
	switch {
	case err == nil && len(list) > 0:
		return good("mgr-name", "", "%s is %s.", host, strings.Join(list[:min(len(list), 3)], ", "))
	case errors.As(err, &dns) && dns.IsNotFound:
		return fault("mgr-name", "", "The name %s does not exist as far as this computer's name server knows.", host).
			do("See whether notify_url in the settings is spelt right. If other web pages do not open either, the internet connection or the name server (DNS) in the router is the matter.", x.lookUp(host))
	}
	return fault("mgr-name", "", "The name %s cannot be looked up: no name server (DNS) answers. This computer may be offline.", host).
		do("See whether a web page opens in the browser. If not, look at network cable, Wi-Fi and router. If it does, name a server that works in the network settings. Outcomes wait in the journal meanwhile and are lost in no case.", x.lookUp(host))
}

func (x *exam) lookUp(host string) string { return "nslookup " + host }

// options asks.
func (x *exam) options(ctx context.Context, u *url.URL, proxy *url.URL) (mgrAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, 25*time.Second)
	defer cancel()
	a := mgrAnswer{}
	if proxy != nil {
		a.proxy = proxy.Host
	}
	var protocols http.Protocols
	protocols.SetHTTP1(true) // as outcomes go
	transport := &http.Transport{
		Proxy: http.ProxyURL(proxy), DialContext: x.Web.Dial, TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 15 * time.Second,
		TLSClientConfig: &tls.Config{RootCAs: x.Web.Roots, Time: x.Now}, DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10, Protocols: &protocols,
	}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(ctx, http.MethodOptions, u.String(), nil)
	if err != nil {
		return a, err
	}
	r.Header.Set("User-Agent", "tillbridge")
	a.sent = x.Now()
	res, err := transport.RoundTrip(r) // no http.Client, which would follow redirects
	a.heard = x.Now()
	if err != nil {
		return a, err
	}
	defer res.Body.Close()
	page, _ := io.ReadAll(io.LimitReader(res.Body, maxPage)) // the beginning is enough
	a.status, a.header, a.page = res.StatusCode, res.Header, string(page)
	if res.TLS != nil && len(res.TLS.PeerCertificates) > 0 {
		a.leaf = res.TLS.PeerCertificates[0]
	}
	return a, nil
}

// way makes findings of how far the question came.
func (x *exam) way(u *url.URL, a mgrAnswer, err error) []Finding {
	through := u.Host
	if a.proxy != "" {
		through += " through the proxy " + a.proxy
	}
	if err == nil {
		all := []Finding{good("mgr-connection", "", "%s can be reached.", through), x.certificate(a, u)}
		return append(all, x.answer(u, a), x.clock(a))
	}
	var bad *tls.CertificateVerificationError
	if errors.As(err, &bad) {
		return later([]Finding{good("mgr-connection", "", "%s can be reached.", through), x.badCertificate(u.Hostname(), bad)},
			"the certificate must be right first", "mgr-answer", "clock")
	}
	var record tls.RecordHeaderError
	var op *net.OpError
	f := fault("mgr-connection", "", "%s does not answer: %s", through, sentence(cause(err)))
	switch {
	case errors.As(err, &record):
		f = fault("mgr-connection", "", "%s answers without encryption, so that it is not MGR: a sign-in page of the network or a proxy stands between.", through).
			do("Open any page in the browser and sign in to the network, or have the firewall let this computer through to MGR.")
	case strings.Contains(err.Error(), "Proxy Authentication Required") || strings.Contains(err.Error(), "407"):
		f = f.do("The proxy asks for a name and a password, which the bridge has not. Have the firewall let " + u.Hostname() + " through without.")
	case errors.As(err, &op) && op.Op == "dial":
		f = f.do("See whether a web page opens in the browser. If it does, a firewall keeps this program from port " + portOf(u) + ": let " + u.Hostname() + " through. Outcomes wait in the journal meanwhile and are lost in no case.")
	default:
		f = f.do("Try again in a minute. If it stays so while web pages open in the browser, a firewall, proxy or virus scanner cuts the connection: let " + u.Hostname() + " through.")
	}
	return later([]Finding{f}, "the way to MGR must be right first", "mgr-certificate", "mgr-answer", "clock")
}

func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "http":
		return "80"
	}
	return "443"
}

// cause is an error without what its text begins with, the request.
func cause(err error) string {
	var op *net.OpError
	var call *os.SyscallError
	switch {
	case errors.As(err, &call):
		return call.Err.Error()
	case errors.As(err, &op):
		return op.Op + ": " + op.Err.Error()
	case errors.Is(err, context.DeadlineExceeded):
		return "there was no answer in time"
	}
	return err.Error()
}

func (x *exam) certificate(a mgrAnswer, u *url.URL) Finding {
	if a.leaf == nil {
		return good("mgr-certificate", "", "%s is this machine itself and needs none.", u.Host)
	}
	left := a.leaf.NotAfter.Sub(x.Now())
	until := a.leaf.NotAfter.Format(time.DateOnly)
	if left < expiresSoon {
		return warning("mgr-certificate", "", "MGR's certificate ends on %s.", until).
			do("MGR renews it, as a rule in time. If this is still so three days before, tell MGR's support.")
	}
	return good("mgr-certificate", "", "It is %s's and holds until %s.", u.Hostname(), until)
}

// badCertificate tells why a certificate is not taken.
func (x *exam) badCertificate(host string, bad *tls.CertificateVerificationError) Finding {
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	var unknown x509.UnknownAuthorityError
	today := x.Now().Format("2006-01-02 15:04")
	switch {
	case errors.As(bad, &invalid) && invalid.Reason == x509.Expired:
		when := "has ended on " + invalid.Cert.NotAfter.Format(time.DateOnly)
		if x.Now().Before(invalid.Cert.NotBefore) {
			when = "begins on " + invalid.Cert.NotBefore.Format(time.DateOnly)
		}
		return fault("mgr-certificate", "", "The certificate that %s shows %s, and this computer's clock says %s. Outcomes are not sent to it.", host, when, today).
			do("Look at this computer's clock first, and set it if it is wrong. If it is right, tell MGR's support, or whoever runs the firewall, that the certificate has run out.", x.setClock()...)
	case errors.As(bad, &name):
		return fault("mgr-certificate", "", "What answers as %s shows a certificate of another name (%s), so that it is not MGR. Outcomes are not sent to it.", host, names(name.Certificate)).
			do("See whether notify_url in the settings is spelt right, and whether a sign-in page of the network, a proxy or a wrong entry in the hosts file stands between.")
	case errors.As(bad, &unknown):
		issuer := "nobody knows whom"
		if len(bad.UnverifiedCertificates) > 0 {
			issuer = bad.UnverifiedCertificates[0].Issuer.String()
		}
		return fault("mgr-certificate", "", "The certificate that %s shows is signed by %s, which this computer does not trust. Outcomes are not sent to it.", host, short(issuer, 80)).
			do("A virus scanner or firewall that looks into encrypted connections is the usual cause: make an exception for " + host + ". On an old system, install the updates, which bring new root certificates.")
	}
	return fault("mgr-certificate", "", "The certificate that %s shows cannot be taken: %s", host, sentence(bad.Err.Error())).
		do("Tell MGR's support, or whoever runs the firewall.")
}

func names(c *x509.Certificate) string {
	list := c.DNSNames
	for _, ip := range c.IPAddresses {
		list = append(list, ip.String())
	}
	if len(list) == 0 {
		list = []string{c.Subject.CommonName}
	}
	return short(strings.Join(list[:min(len(list), 3)], ", "), 80)
}

func short(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

// answer judges what the address says. MGR's own answer to this question is not in its contract, so that everything
// is good that shows a server which knows the address.
func (x *exam) answer(u *url.URL, a mgrAnswer) Finding {
	said := strings.TrimSpace(fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)))
	page := strings.TrimSpace(a.page)
	switch {
	case a.status == http.StatusNetworkAuthenticationRequired || a.status/100 == 2 && strings.HasPrefix(page, "<") && a.header.Get("Allow") == "" && a.header.Get("Access-Control-Allow-Methods") == "":
		return fault("mgr-answer", "", "A web page answers at MGR's address (%s%s), not the place that takes outcomes. It would swallow them.", said, pageTitle(page)).
			do("If it is the sign-in page of the network or a proxy's, sign in with the browser, or have the firewall let " + u.Hostname() + " through. If it is MGR's own, notify_url in the settings is not right; the usual one ends in /external/payments/custom/notify.")
	case a.status == http.StatusNotFound || a.status == http.StatusGone:
		return fault("mgr-answer", "", "The server is there and does not know the address %s (it answers %s).", bare(u), said).
			do("Compare notify_url in the settings with what MGR's page on custom payments says; the usual one is https://www.mygadgetrepairs.com/external/payments/custom/notify.")
	case a.status/100 == 3:
		return fault("mgr-answer", "", "The address leads elsewhere (it answers %s, to %s). Outcomes do not follow, since they carry the passcode.", said, short(location(a.header), 80)).
			do("If the other address is MGR's, write it into notify_url in the settings. If it is not, a sign-in page of the network stands between: sign in with the browser.")
	case a.status == http.StatusProxyAuthRequired:
		return fault("mgr-answer", "", "A proxy asks for a name and a password (%s).", said).do("Have the firewall let " + u.Hostname() + " through without.")
	case a.status == http.StatusForbidden || a.status == http.StatusTooManyRequests:
		return warning("mgr-answer", "", "The server is there and does not let this question through (it answers %s). Outcomes may get through all the same.", said).
			do("If outcomes wait (see above), give MGR's support this computer's public address and ask whether it is blocked.")
	case a.status >= 500:
		return warning("mgr-answer", "", "MGR has trouble of its own (it answers %s).", said).
			do("Nothing is to be done here: outcomes are sent again by themselves until MGR takes them. Look at MGR's status page if it lasts.")
	}
	return good("mgr-answer", "", "%s answers (%s). No passcode and no payment was sent.", bare(u), said)
}

// bare is an address without what could hold a secret.
func bare(u *url.URL) string {
	b := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	return b.String()
}

func location(h http.Header) string {
	u, err := url.Parse(h.Get("Location"))
	if err != nil || h.Get("Location") == "" {
		return "no address"
	}
	return bare(u)
}

// pageTitle is what a page calls itself.
func pageTitle(page string) string {
	low := strings.ToLower(page)
	i := strings.Index(low, "<title>")
	if i < 0 || len(low) != len(page) {
		return ""
	}
	text, _, ok := strings.Cut(page[i+len("<title>"):], "<")
	if text = strings.Join(strings.Fields(text), " "); !ok || text == "" {
		return ""
	}
	return ", \"" + short(strings.ToValidUTF8(text, ""), 60) + "\""
}

// clock compares this computer's with the server's, at the middle of question and answer.
func (x *exam) clock(a mgrAnswer) Finding {
	date, err := http.ParseTime(a.header.Get("Date"))
	if err != nil {
		return unchecked("clock", "", "MGR's answer carries no date to compare with")
	}
	here := a.sent.Add(a.heard.Sub(a.sent) / 2)
	off := here.Sub(date.Add(500 * time.Millisecond)) // the header has whole seconds
	late, way := off.Abs().Round(time.Second), "ahead of"
	if off < 0 {
		way = "behind"
	}
	slack := a.heard.Sub(a.sent)/2 + time.Second
	switch {
	case off.Abs() > clockFault+slack:
		return fault("clock", "", "This computer's clock is %s %s MGR's. Receipts, the journal and the proof of payments go by it.", late, way).do("Let the system set its clock by the network:", x.setClock()...)
	case off.Abs() > clockWarn+slack:
		return warning("clock", "", "This computer's clock is %s %s MGR's.", late, way).do("Let the system set its clock by the network:", x.setClock()...)
	}
	return good("clock", "", "This computer's clock agrees with MGR's.")
}

func (x *exam) setClock() []string {
	if x.OS == "windows" {
		return []string{"sc.exe config w32time start= auto", "net start w32time", "w32tm /resync"}
	}
	return []string{"sudo timedatectl set-ntp true", "timedatectl"}
}
