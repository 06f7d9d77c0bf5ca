package webhook

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

const (
	allowedMethods = "POST, OPTIONS"
	allowedHeaders = "X-MGR-PASSCODE, Content-Type, Authorization"
)

// guard knows by which names we may be called, and from which web pages.
type guard struct {
	hosts   map[string]bool
	origins map[string]bool
	cross   *http.CrossOriginProtection
}

func newGuard(hosts, origins []string) (guard, error) {
	g := guard{hosts: map[string]bool{}, origins: map[string]bool{}, cross: http.NewCrossOriginProtection()}
	for _, h := range hosts {
		name := hostName(h)
		if name == "" || strings.ContainsAny(h, "/* ") {
			return g, fmt.Errorf("host %q is not a name or address without port", h)
		}
		g.hosts[name] = true
	}
	for _, o := range origins {
		// A wildcard or "null", which every sandboxed page sends, has no scheme and is refused here.
		if err := g.cross.AddTrustedOrigin(o); err != nil {
			return g, fmt.Errorf("allowed origin: %w", err)
		}
		g.origins[o] = true
	}
	return g, nil
}

// check refuses a call under a foreign host name, which is how a web page reaches a loopback address through its own
// DNS, and a call from a web page that is not MGR's.
func (g guard) check(r *http.Request) *problem {
	if !g.ours(r) {
		return &problem{status: http.StatusMisdirectedRequest, detail: "The bridge does not answer under this host name. If it is meant to, add the name to allowed_hosts in the settings."}
	}
	sent := r.Header.Values("Origin")
	foreign := len(sent) > 1 || len(sent) == 1 && !g.origins[sent[0]]
	if foreign || g.cross.Check(r) != nil {
		return &problem{status: http.StatusForbidden, detail: "Web pages of this origin may not ask for payments. If it is MGR's, add it to allowed_origins in the settings."}
	}
	return nil
}

func (g guard) ours(r *http.Request) bool {
	name := hostName(r.Host)
	if name == "localhost" || strings.HasSuffix(name, ".localhost") || g.hosts[name] { // RFC 6761, 6.3
		return true
	}
	addr, err := netip.ParseAddr(name)
	if err != nil {
		return false
	}
	addr = addr.Unmap()
	if addr.IsLoopback() || g.hosts[addr.String()] {
		return true
	}
	// The address at which the call arrived is ours, whatever the settings say; no DNS name stands for it here.
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if local == nil {
		return false
	}
	at, err := netip.ParseAddrPort(local.String())
	return err == nil && at.Addr().Unmap().WithZone("") == addr.WithZone("")
}

// hostName is a Host header without port, brackets and final point, in lower case.
func hostName(host string) string {
	if _, err := netip.ParseAddr(host); err != nil {
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// preflight tells a browser what MGR's page may send, and that a page of the public web may call an address of
// the shop's own network (WICG Private Network Access). It is the same for every path of ours, so that it tells
// nobody which terminals there are.
func preflight(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Allow", allowedMethods)
	if r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != "" {
		h.Set("Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers, Access-Control-Request-Private-Network")
		h.Set("Access-Control-Allow-Methods", http.MethodPost)
		h.Set("Access-Control-Allow-Headers", allowedHeaders)
		h.Set("Access-Control-Max-Age", "600")
		if r.Header.Get("Access-Control-Request-Private-Network") == "true" {
			h.Set("Access-Control-Allow-Private-Network", "true")
		}
	}
	w.WriteHeader(http.StatusNoContent)
}
