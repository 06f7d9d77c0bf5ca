package counter

import (
	"net/http"

	"tillbridge/bridge/access"
	"tillbridge/bridge/counter/language"
)

// Access tells whose a password is, and changes passwords. Role must take the same time for every password; it is called by one
// goroutine at a time, and so is Change.
type Access interface {
	// Role is whose password this is.
	Role(password string) access.Role
	// Change gives a role another password. It returns one of the errors of access.Passwords.Change where the password is not fit.
	Change(r access.Role, password string) error
	// Plain tells whether a role's password stands in its file as it is, as the bridge made it.
	Plain(r access.Role) bool
}

// roleName is a role as the screen names it.
func roleName(l *language.Language, r access.Role) string {
	if r == access.Owner {
		return l.Text("Owner")
	}
	return l.Text("Clerk")
}

// isOwner tells whether somebody is signed in as the owner.
func (s *session) isOwner() bool { return s != nil && s.role >= access.Owner }

// needsOwner is what a clerk is told where only the owner may go on.
type needsOwner struct{ Next string }

// owner serves only who is signed in as the owner. A clerk is told so, and nothing else happens.
func (c *Counter) owner(next func(http.ResponseWriter, *http.Request, *session)) http.HandlerFunc {
	return c.member(func(w http.ResponseWriter, r *http.Request, s *session) {
		if s.isOwner() {
			next(w, r, s)
			return
		}
		v := needsOwner{Next: "/"}
		switch {
		case r.Method != http.MethodGet:
		case r.URL.Path == exportCSVPath || r.URL.Path == exportJSONPath: // a file would come and the sign-in page would stay
			v.Next = "/payments"
			if r.URL.RawQuery != "" {
				v.Next += "?" + r.URL.RawQuery
			}
		default:
			v.Next = r.URL.RequestURI()
		}
		c.render(w, http.StatusForbidden, "owner", c.frame(r, s, c.language(r).Text("Only for the owner"), v))
	})
}

// tryOwner checks the owner's password of a request once more, by the same count of wrong ones as signing in. Where it is right,
// then runs before another password is looked at; nil for nothing.
func (c *Counter) tryOwner(r *http.Request, then func()) verdict {
	return c.try(r.Context(), r, "password of the owner", func() bool {
		if c.config.Access.Role(r.PostForm.Get("password")) != access.Owner {
			return false
		}
		if then != nil {
			then()
		}
		return true
	})
}

// passwordError says what is wrong with a password that was tried and the status of the answer; empty where it is right.
func passwordError(w http.ResponseWriter, l *language.Language, got verdict, wrong string) (says string, status int) {
	switch {
	case got.wait > 0:
		retryAfter(w, got)
		return l.Text("Too many wrong passwords. Wait {time}, then try again.", "time", l.Span(roundUp(got.wait))), http.StatusTooManyRequests
	case !got.right:
		return wrong, http.StatusUnauthorized
	}
	return "", http.StatusOK
}
