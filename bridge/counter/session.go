package counter

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"sync"
	"time"

	"tillbridge/bridge/access"
)

const (
	sessionCookie = "tillbridge_counter"
	sessionLife   = 12 * time.Hour
	sessionLimit  = 64
)

// session is somebody who signed in. Its name, role and end never change.
type session struct {
	name string
	role access.Role
	ends time.Time

	mu       sync.Mutex
	proposal *proposal

	// acting is held while a return is ordered, so that the second of two clicks waits for what became of the first.
	acting  chan struct{}
	ordered ordered
}

// ordered is the last return that a session ordered, by the token of its proposal.
type ordered struct{ token, uuid string }

// sessions are all who are signed in, by the digest of their token: what is looked up tells nothing about
// the tokens, however long it takes.
type sessions struct {
	mu       sync.Mutex
	byDigest map[[sha256.Size]byte]*session
}

// begin makes a session and its token. Where there are too many, the one that ends first gives way.
func (all *sessions) begin(name string, role access.Role, now time.Time) (token string, s *session) {
	token = newToken()
	s = &session{name: name, role: role, ends: now.Add(sessionLife), acting: make(chan struct{}, 1)}
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

// endOthers signs out everybody of a role but one session.
func (all *sessions) endOthers(role access.Role, but *session) {
	all.mu.Lock()
	defer all.mu.Unlock()
	for digest, other := range all.byDigest {
		if other.role == role && other != but {
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
