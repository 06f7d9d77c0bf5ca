package counter

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"sync"
	"time"
)

const (
	sessionCookie = "tillbridge_counter"
	sessionLife   = 12 * time.Hour
	sessionLimit  = 64
)

// session is somebody who signed in. Its name and end never change.
type session struct {
	name string
	ends time.Time

	mu       sync.Mutex
	proposal *proposal
}

// propose keeps the settlement that was shown for confirmation, in place of any earlier one.
func (s *session) propose(p *proposal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.proposal = p
}

// proposed is the settlement that waits for its confirmation; nil when there is none.
func (s *session) proposed() *proposal {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.proposal
}

// take gives out the proposal with a token, once.
func (s *session) take(token string, now time.Time) *proposal {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.proposal
	if p == nil || p.token != token || now.After(p.ends) {
		return nil
	}
	s.proposal = nil
	return p
}

// sessions are all who are signed in, by the digest of their token: what is looked up tells nothing about
// the tokens, however long it takes.
type sessions struct {
	mu       sync.Mutex
	byDigest map[[sha256.Size]byte]*session
}

// begin makes a session and its token. Where there are too many, the one that ends first gives way.
func (all *sessions) begin(name string, now time.Time) (token string, s *session) {
	token = newToken()
	s = &session{name: name, ends: now.Add(sessionLife)}
	all.mu.Lock()
	defer all.mu.Unlock()
	for len(all.byDigest) >= sessionLimit {
		var first [sha256.Size]byte
		var ends time.Time
		for digest, other := range all.byDigest {
			if ends.IsZero() || other.ends.Before(ends) {
				first, ends = digest, other.ends
			}
		}
		delete(all.byDigest, first)
	}
	all.byDigest[sha256.Sum256([]byte(token))] = s
	return token, s
}

// find is the session of a request; nil when it has none that is still good.
func (all *sessions) find(r *http.Request) *session {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return nil
	}
	digest := sha256.Sum256([]byte(cookie.Value))
	all.mu.Lock()
	defer all.mu.Unlock()
	s := all.byDigest[digest]
	if s == nil || time.Now().Before(s.ends) {
		return s
	}
	delete(all.byDigest, digest)
	return nil
}

// end signs a session out.
func (all *sessions) end(s *session) {
	all.mu.Lock()
	defer all.mu.Unlock()
	for digest, other := range all.byDigest {
		if other == s {
			delete(all.byDigest, digest)
		}
	}
}

// setCookie hands a token to the browser; an empty one takes it back.
func setCookie(w http.ResponseWriter, r *http.Request, token string) {
	age := int(sessionLife / time.Second)
	if token == "" {
		age = -1
	}
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Value: token, Path: "/", MaxAge: age,
		HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode,
	})
}

// newToken is 256 random bits as text.
func newToken() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // it ends the process rather than fail
	return base64.RawURLEncoding.EncodeToString(b[:])
}
