package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// door is one of the bridge's two addresses.
type door struct {
	key, what, address string
	host               netip.Addr // invalid for localhost
	port               uint16
}

func (x *exam) doors() []door {
	list := []door{{key: "counter", what: "the counter screen", address: x.Settings.Counter}}
	if x.Wrong == nil {
		list = append([]door{{key: "listen", what: "MGR's door", address: x.Settings.Listen}}, list...)
	}
	for i := range list {
		host, port, err := net.SplitHostPort(list[i].address)
		if err != nil {
			continue
		}
		n, _ := strconv.ParseUint(port, 10, 16) // 0 is any port
		list[i].port = uint16(n)
		list[i].host, _ = netip.ParseAddr(host) // not valid is localhost
	}
	return list
}

// takes tells whether somebody who listens at a leaves no room for the door.
func (d door) takes(a netip.AddrPort) bool {
	if a.Port() != d.port || d.port == 0 {
		return false
	}
	here := a.Addr().Unmap()
	switch {
	case here.IsUnspecified() || d.host.IsValid() && d.host.IsUnspecified():
		return true
	case !d.host.IsValid():
		return here.IsLoopback()
	}
	return here == d.host
}

// checkListen looks at where the bridge listens, and who else does.
func checkListen(ctx context.Context, x *exam) []Finding {
	var all []Finding
	doors := x.doors()
	var ports []uint16
	for _, d := range doors {
		if d.port != 0 {
			ports = append(ports, d.port)
		}
	}
	var there []Listener
	var err error
	if len(ports) > 0 {
		there, err = x.Listeners(ctx, ports...)
	}
	here, addrErr := x.Addresses()
	for _, d := range doors {
		switch {
		case addrErr == nil && d.host.IsValid() && !d.host.IsUnspecified() && !d.host.IsLoopback() && !slices.Contains(here, d.host):
			all = append(all, fault("listen", d.key, "%s is to be at %s, which is no address of this computer: it has %s.", upper(d.what), d.address, addressList(here)).
				do(fmt.Sprintf("Correct %s in the settings. An address that the router gives may change: have it keep one for this computer.", d.key)))
		case d.port == 0:
			all = append(all, good("listen", d.key, "%s takes any free port.", upper(d.what)))
		case err != nil:
			all = append(all, unchecked("listen", d.key, "it cannot be told who listens at "+d.address+": "+err.Error()))
		default:
			all = append(all, x.held(d, there))
		}
	}
	return append(append(all, x.exposed()...), x.ownCertificate()...)
}

func addressList(list []netip.Addr) string {
	var words []string
	for _, a := range list {
		if !a.IsLoopback() && !a.IsLinkLocalUnicast() {
			words = append(words, a.String())
		}
	}
	if len(words) == 0 {
		return "none but its own 127.0.0.1"
	}
	return strings.Join(words[:min(len(words), 4)], ", ")
}

// held judges who listens at a door's address.
func (x *exam) held(d door, there []Listener) Finding {
	i := slices.IndexFunc(there, func(l Listener) bool { return d.takes(l.Address) })
	switch {
	case i < 0 && x.running:
		return warning("listen", d.key, "The bridge runs and does not listen at %s: the settings are newer than its start, or are not the ones that it has.", d.address).
			do("Start it anew to take the settings:", x.serviceCommand("restart")...)
	case i < 0:
		return good("listen", d.key, "%s is free for %s.", d.address, d.what)
	case x.running && there[i].By.PID == x.bridge.PID && x.bridge.PID != 0:
		return good("listen", d.key, "The bridge listens at %s (%s).", d.address, d.what)
	case there[i].By.PID == 0 && x.running:
		return unchecked("listen", d.key, "somebody listens at "+d.address+", probably the bridge; this user may not see who it is. Run doctor with sudo")
	}
	by := there[i].By
	remedy := fmt.Sprintf("Stop that program, or choose another port for %s in the settings", d.key)
	if d.key == "listen" {
		remedy += " and in MGR's payment method"
	}
	return fault("listen", d.key, "%s is to be at %s, where %s listens already.", upper(d.what), d.address, by).do(remedy+".", x.stop(by)...)
}

// exposed tells of doors that the network reaches without encryption.
func (x *exam) exposed() []Finding {
	open := x.Settings.Exposed()
	if len(open) == 0 {
		return []Finding{good("lan", "", "Nothing can be reached from the network unencrypted.")}
	}
	return []Finding{warning("lan", "", "Other machines reach %s without encryption: whoever is in the network can read the passcode and use it.", strings.Join(open, " and ")).
		do("Listen at 127.0.0.1 if MGR calls from this computer's browser. Else name a certificate in the settings, tls: {cert: …, key: …}, and remove insecure_lan. Until then keep customers' Wi-Fi apart from this network.")}
}

// ownCertificate looks at when the doors' own certificate ends.
func (x *exam) ownCertificate() []Finding {
	if x.Settings.TLS == nil {
		return nil
	}
	path := x.Settings.TLS.Cert
	data, err := x.ReadFile(path, 256<<10)
	if err != nil {
		return []Finding{unchecked("certificate", path, "it cannot be read: "+plain(err).Error())}
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return []Finding{unchecked("certificate", path, "it is not PEM")}
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return []Finding{unchecked("certificate", path, "it cannot be read: "+err.Error())}
	}
	switch left := c.NotAfter.Sub(x.Now()); {
	case left < 0:
		return []Finding{fault("certificate", path, "The bridge's own certificate has ended on %s: browsers and MGR refuse it.", c.NotAfter.Format(time.DateOnly)).do("Renew it, and start the bridge anew:", x.serviceCommand("restart")...)}
	case left < expiresSoon:
		return []Finding{warning("certificate", path, "The bridge's own certificate ends on %s.", c.NotAfter.Format(time.DateOnly)).do("Renew it, and start the bridge anew:", x.serviceCommand("restart")...)}
	}
	return []Finding{good("certificate", path, "The bridge's own certificate holds until %s.", c.NotAfter.Format(time.DateOnly))}
}

// checkCounter asks the counter screen of a running bridge for its sign-in page.
func checkCounter(ctx context.Context, x *exam) []Finding {
	d := x.doors()
	c := d[len(d)-1]
	switch {
	case !x.running:
		return []Finding{unchecked("counter", "", "no bridge runs")}
	case c.port == 0:
		return []Finding{unchecked("counter", "", "its port is any free one, which its log tells")}
	}
	host := "127.0.0.1"
	if c.host.IsValid() && !c.host.IsUnspecified() {
		host = c.host.String()
	}
	scheme := "http"
	if x.Settings.TLS != nil {
		scheme = "https"
	}
	// Whether it answers is asked, and nothing is told to it, so that its certificate does not matter.
	transport := &http.Transport{DialContext: x.Web.Dial, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true, ResponseHeaderTimeout: 10 * time.Second}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(ctx, http.MethodHead, scheme+"://"+net.JoinHostPort(host, strconv.Itoa(int(c.port)))+"/sign-in", nil)
	if err != nil {
		return []Finding{unchecked("counter", "", err.Error())}
	}
	res, err := transport.RoundTrip(r)
	if err == nil {
		_ = res.Body.Close()
	}
	switch {
	case err != nil:
		return []Finding{fault("counter", "", "The bridge runs and its counter screen does not answer at %s: %s", c.address, sentence(cause(err))).
			do("Start the bridge anew when no customer pays, and look at its log:", x.serviceCommand("restart")...)}
	case !strings.Contains(res.Header.Get("Content-Security-Policy"), "frame-ancestors"): // whatever it answers, that is there
		return []Finding{fault("counter", "", "Something else than the counter screen answers at %s (%d).", c.address, res.StatusCode).
			do("Choose another port for counter in the settings, and start the bridge anew:", x.serviceCommand("restart")...)}
	}
	return []Finding{good("counter", "", "It answers at %s://%s.", scheme, c.address)}
}

// checkExcluded looks at the ranges of ports that Windows keeps for itself, Hyper-V and WSL mostly.
func checkExcluded(ctx context.Context, x *exam) []Finding {
	if x.OS != "windows" {
		return []Finding{unchecked("excluded-ports", "", "only Windows reserves ranges of ports; this is "+x.OS)}
	}
	out, code, err := x.Run(ctx, "netsh", "interface", "ipv4", "show", "excludedportrange", "protocol=tcp")
	if err != nil || code != 0 {
		return []Finding{unchecked("excluded-ports", "", fmt.Sprintf("netsh does not tell (code %d, %v)", code, err))}
	}
	ranges := parseExcluded(out)
	var all []Finding
	for _, d := range x.doors() {
		for _, r := range ranges {
			if d.port < r[0] || d.port > r[1] {
				continue
			}
			all = append(all, fault("excluded-ports", d.key, "Windows keeps the ports %d to %d for itself, and %s is to be at %s. It would be refused with \"access forbidden\".", r[0], r[1], d.what, d.address).
				do("Start Windows' address sharing anew as administrator, which mostly gives the range back; if not, choose another port in the settings and in MGR.", "net stop winnat", "net start winnat"))
		}
	}
	switch {
	case len(ranges) == 0:
		all = append(all, good("excluded-ports", "", "Windows reserves no ports."))
	case len(all) == 0:
		all = append(all, good("excluded-ports", "", "None of the %s that Windows reserves holds the bridge's.", count(len(ranges), "range", "ranges")))
	}
	return all
}

// parseExcluded reads the table of netsh: a line a range, its first and last port, a star behind those that an
// administrator set. Words are in the language of the system, so that only the numbers count.
func parseExcluded(out string) (ranges [][2]uint16) {
	for l := range strings.Lines(out) {
		f := strings.Fields(l)
		if len(f) == 3 && f[2] == "*" {
			f = f[:2]
		}
		if len(f) != 2 {
			continue
		}
		first, err1 := strconv.ParseUint(f[0], 10, 16)
		last, err2 := strconv.ParseUint(f[1], 10, 16)
		if err1 == nil && err2 == nil && first <= last && last > 0 {
			ranges = append(ranges, [2]uint16{uint16(first), uint16(last)})
		}
	}
	return ranges
}

// parseNetstat reads "netstat -ano": protocol, local address, foreign address, state, process. The word of the state is
// in the language of the system; who listens has a foreign address with port 0.
func parseNetstat(out string, ports []uint16) (all []Listener) {
	for l := range strings.Lines(out) {
		f := strings.Fields(l)
		if len(f) < 5 || !strings.HasPrefix(f[0], "TCP") || !strings.HasSuffix(f[2], ":0") {
			continue
		}
		a, err := netip.ParseAddrPort(f[1])
		pid, perr := strconv.Atoi(f[len(f)-1])
		if err == nil && perr == nil && slices.Contains(ports, a.Port()) {
			all = append(all, Listener{Address: a, By: Process{PID: pid}})
		}
	}
	return all
}
