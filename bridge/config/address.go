package config

import (
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// splitHostPort takes host:port apart; brackets around an IPv6 address are taken off. hasPort is false where
// there is none.
func splitHostPort(text string) (host, port string, hasPort bool) {
	if rest, ok := strings.CutPrefix(text, "["); ok {
		host, port, ok = strings.Cut(rest, "]")
		if !ok {
			return text, "", false
		}
		if port == "" {
			return host, "", false
		}
		if !strings.HasPrefix(port, ":") {
			return text, "", false
		}
		return host, port[1:], true
	}
	if strings.Count(text, ":") > 1 {
		return text, "", false
	}
	return strings.Cut(text, ":")
}

func joinHostPort(host string, port int) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + strconv.Itoa(port)
}

// portNumber reads a port; digits only, no sign, no leading zero.
func portNumber(text string, low int) (int, bool) {
	if !decimal.MatchString(text) || len(text) > 5 {
		return 0, false
	}
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= low && n <= 65535
}

// door reads the address of one of the two doors.
func (b *block) door(key, standard string) string {
	text, ok := b.word(key, "an address host:port, such as "+standard)
	if !ok {
		return standard
	}
	const form = "write host:port with an IP address of this machine, such as "
	host, port, hasPort := splitHostPort(text)
	number, portOK := portNumber(port, 0)
	switch {
	case strings.Contains(text, "://"):
		b.fail(key, show(text)+" is a web address", form+standard)
		return standard
	case !hasPort && strings.Count(text, ":") > 1:
		b.fail(key, show(text)+" is not host:port", "an IPv6 address stands in brackets, such as [::1]:8473")
		return standard
	case !hasPort:
		b.fail(key, show(text)+" is not host:port", form+standard)
		return standard
	case !portOK:
		b.fail(key, show(port)+" is not a port number", "allowed: 1 to 65535, or 0 for any free port")
		return standard
	case host == "":
		return joinHostPort("0.0.0.0", number)
	case strings.EqualFold(host, "localhost"):
		return joinHostPort("localhost", number)
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		b.fail(key, show(host)+" is not an IP address", form+standard+"; 127.0.0.1 for this machine only, 0.0.0.0 for every network")
		return standard
	}
	return joinHostPort(addr.Unmap().String(), number)
}

// loopback tells whether only this machine can reach the address, host:port or host alone.
func loopback(address string) bool {
	host, _, ok := splitHostPort(address)
	if !ok {
		host = strings.Trim(address, "[]")
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// clash tells whether two doors want the same address.
func clash(a, b string) bool {
	hostA, portA, _ := splitHostPort(a)
	hostB, portB, _ := splitHostPort(b)
	if portA != portB || portA == "0" {
		return false
	}
	if hostA == hostB {
		return true
	}
	everywhere := func(host string) bool {
		addr, err := netip.ParseAddr(host)
		return err == nil && addr.IsUnspecified()
	}
	local := func(host string) bool { return host == "localhost" || host == "127.0.0.1" || host == "::1" }
	return everywhere(hostA) || everywhere(hostB) ||
		(hostA == "localhost" || hostB == "localhost") && local(hostA) && local(hostB)
}

var hostName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*\.?$`)

// validHost tells whether a lower-case text is an IP address or a host name.
func validHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	last := host[strings.LastIndexByte(host, '.')+1:]
	// A name never ends in a number; such a text is a mistyped IPv4 address.
	_, err := strconv.Atoi(last)
	return err != nil && len(host) <= 253 && hostName.MatchString(host)
}

// notifyURL reads the address of MGR's notify endpoint.
func (b *block) notifyURL(key string) string {
	text, ok := b.webAddress(key, callee{
		example: DefaultNotifyURL, local: "http://127.0.0.1:8475/notify", sent: "the passcode", instead: "MGR takes the passcode only",
	})
	if !ok {
		return DefaultNotifyURL
	}
	return text
}

// callee is whom a web address is of, for the remedies.
type callee struct {
	example, local string // an address, and one on this machine
	sent           string // what http would send for all to read
	instead        string // why no user name stands in it
}

// webAddress reads an address that is called by POST: https, or http on this machine.
func (b *block) webAddress(key string, c callee) (string, bool) {
	allowed := "write the whole address, such as " + c.example
	text, ok := b.text(key, "a web address")
	if !ok {
		return "", false
	}
	u, err := url.Parse(text)
	if err == nil && u.User != nil || strings.Contains(text, "@") {
		b.fail(key, "the address holds a user name or password", "remove it: "+c.instead)
		return "", false
	}
	host, port := "", ""
	if err == nil {
		host, port = u.Hostname(), u.Port()
	}
	_, portOK := portNumber(port, 1)
	switch {
	case err != nil || u.Opaque != "" || !validHost(strings.ToLower(host)) || port != "" && !portOK || strings.HasSuffix(u.Host, ":"):
		b.fail(key, b.show(key, text)+" is not a web address", allowed)
	case u.Fragment != "" || strings.Contains(text, "#"):
		b.fail(key, "the address has a part after #, which is never sent", "remove it")
	case u.Scheme == "http" && !loopback(host):
		b.fail(key, "http would send "+c.sent+" unencrypted", "write https://; http is allowed to this machine only, such as "+c.local)
	case u.Scheme != "https" && u.Scheme != "http":
		b.fail(key, b.show(key, u.Scheme)+" is not a scheme that can be used", allowed)
	default:
		return text, true
	}
	return "", false
}

// origins reads web origins, which browsers write in one way only and which are compared exactly.
func (b *block) origins(key string) []string {
	items, ok := b.list(key, DefaultOrigin, 32)
	if !ok {
		return []string{DefaultOrigin}
	}
	all := []string{}
	seen := map[string]bool{}
	for _, i := range items.keys {
		text, ok := items.text(i, "a web origin")
		if !ok {
			continue
		}
		exact, why := originForm(text)
		switch {
		case why != "" && exact != "":
			items.fail(i, show(text)+" "+why, "write "+exact)
		case why != "":
			items.fail(i, show(text)+" "+why, "write scheme and host as the browser shows them, such as "+DefaultOrigin)
		case seen[text]:
			items.fail(i, show(text)+" stands in the list twice", "keep one")
		default:
			if strings.HasPrefix(text, "http://") && !loopback(strings.TrimPrefix(text, "http://")) {
				b.r.warn(items.place(i), items.sub(i), show(text)+" is unencrypted: whoever is in its network can ask for payments", "use https")
			}
			seen[text] = true
			all = append(all, text)
		}
	}
	return all
}

// originForm says what is wrong with an origin, and how it is written right where that is known.
func originForm(text string) (exact, why string) {
	switch text {
	case "*":
		return "", "would let every web page ask for payments"
	case "null":
		return "", "is what pages without an origin send, among them hostile ones"
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
		return "", "is not a web origin"
	}
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if _, ok := portNumber(port, 1); port != "" && !ok || !validHost(host) || strings.HasSuffix(u.Host, ":") {
		return "", "is not a web origin"
	}
	exact = u.Scheme + "://" + host
	if strings.Contains(host, ":") {
		exact = u.Scheme + "://[" + host + "]"
	}
	usual := u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80"
	if port != "" && !usual {
		exact += ":" + port
	}
	if exact != text {
		return exact, "is not how a browser writes an origin: lower case, no path, no usual port"
	}
	return exact, ""
}

// hosts reads the names by which we may be called.
func (b *block) hosts(key string) []string {
	items, ok := b.list(key, "till.example.lan", 32)
	if !ok {
		return nil
	}
	var all []string
	seen := map[string]bool{}
	for _, i := range items.keys {
		text, ok := items.word(i, "a host name")
		switch {
		case !ok:
		case text != strings.ToLower(text) && validHost(strings.ToLower(text)):
			items.fail(i, show(text)+" has capital letters", "write "+strings.ToLower(text))
		case !validHost(text):
			items.fail(i, show(text)+" is not a host name", "write a name or IP address alone: no scheme, port or wildcard")
		case seen[text]:
			items.fail(i, show(text)+" stands in the list twice", "keep one")
		default:
			seen[text] = true
			all = append(all, text)
		}
	}
	return all
}
