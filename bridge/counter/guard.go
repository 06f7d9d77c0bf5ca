package counter

import (
	"net"
	"net/http"
	"strings"
)

// maxBody is the most that a request may carry, in bytes.
const maxBody = 16 << 10

// policy lets the pages use what this server serves and nothing else.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// ServeHTTP serves the screen. What a stranger's page could have sent is refused before anything else looks
// at it, so that it can neither try passwords nor use up another's tries.
func (c *Counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	// Not "no-referrer": with it browsers send "Origin: null" with our own forms, and where they send no
	// Sec-Fetch-Site (plain HTTP over a network) the forms could not be told from a stranger's.
	h.Set("Referrer-Policy", "same-origin")

	if !c.hosts[hostName(r.Host)] {
		http.Error(w, c.language(r).Text("The bridge does not answer to this name. Use http://localhost with the counter screen's port, or allow the name in the settings."),
			http.StatusMisdirectedRequest)
		return
	}
	if err := c.origins.Check(r); err != nil {
		c.log.Warn("request from another site refused", "path", clip(r.URL.Path), "source", source(r))
		http.Error(w, c.language(r).Text("This request came from another web site. Nothing was done."), http.StatusForbidden)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	c.router.ServeHTTP(w, r)
}

// hostName is the name in a Host header or a setting, without port, brackets, final dot and case.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// member serves only who is signed in; others are sent to the sign-in page.
func (c *Counter) member(next func(http.ResponseWriter, *http.Request, *session)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s := c.sessions.find(r)
		if s == nil {
			to := "/sign-in"
			if r.Method == http.MethodGet && r.URL.RequestURI() != "/" {
				to += "?" + query("next", r.URL.RequestURI())
			}
			http.Redirect(w, r, to, http.StatusSeeOther)
			return
		}
		next(w, r, s)
	}
}

// form reads a posted form; false when it was answered already.
func (c *Counter) form(w http.ResponseWriter, r *http.Request, s *session) bool {
	err := r.ParseForm()
	if err == nil {
		return true
	}
	c.problem(w, r, s, http.StatusBadRequest, c.language(r).HTML("The form could not be read, or it is too large. Nothing was done."))
	return false
}

// clip cuts what a stranger sent for the log.
func clip(s string) string { return strings.ToValidUTF8(s[:min(len(s), 100)], "") }
