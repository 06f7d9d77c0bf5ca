package webhook

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/netip"
	"time"
)

const (
	passcodeHeader = "X-MGR-PASSCODE"
	maxWaiting     = 256         // wrong passcodes whose answers are held back at a time
	wrongDelay     = time.Second // for which they are
)

// secrets are what a caller must show, as SHA-256 digests, so that comparing takes the same time whatever was
// sent.
type secrets struct {
	passcode, username, password [sha256.Size]byte
	basic                        bool
}

func newSecrets(passcode string, basic *BasicAuth) secrets {
	s := secrets{passcode: sha256.Sum256([]byte(passcode))}
	if basic != nil {
		s.basic = true
		s.username, s.password = sha256.Sum256([]byte(basic.Username)), sha256.Sum256([]byte(basic.Password))
	}
	return s
}

// match tells whether a call shows everything it must. All parts are compared, whichever is wrong.
func (s secrets) match(r *http.Request) bool {
	equal := func(sent string, want [sha256.Size]byte) int {
		digest := sha256.Sum256([]byte(sent))
		return subtle.ConstantTimeCompare(digest[:], want[:])
	}
	sent := r.Header.Values(passcodeHeader)
	passcode := "" // which matches nothing
	if len(sent) == 1 {
		passcode = sent[0]
	}
	ok := equal(passcode, s.passcode)
	if s.basic {
		username, password, _ := r.BasicAuth()
		ok &= equal(username, s.username) & equal(password, s.password)
	}
	return ok == 1
}

// authenticate is nil for a call that shows the right passcode; see the package comment for the others.
func (d *Door) authenticate(r *http.Request, from netip.Prefix) *problem {
	wait := d.throttle.wait(from, time.Now())
	if wait > 0 && from != loopback {
		d.strangers.warn("call refused: too many wrong passcodes before it", "source", from.String(), "wait", wait.Round(time.Second).String())
		return tooMany(wait)
	}
	if d.secrets.match(r) {
		return nil
	}
	failures := d.throttle.failed(from, time.Now())
	d.strangers.warn("call refused: the passcode is missing or wrong", "source", from.String(), "failures", failures)
	if d.wrong != nil {
		d.wrong(from.String())
	}
	switch {
	case !d.holdBack(r.Context()):
		return tooMany(wrongDelay)
	case wait > 0:
		return tooMany(wait)
	}
	p := &problem{status: http.StatusUnauthorized, detail: "The passcode is missing or wrong. The same passcode must stand in MGR's payment method and in the settings of the bridge."}
	p.challenge = passcodeHeader
	if d.secrets.basic {
		p.detail = "The passcode, or the user name and password, are missing or wrong. The same must stand in MGR's payment method and in the settings of the bridge."
		p.challenge = `Basic realm="tillbridge", charset="UTF-8"`
	}
	return p
}

// holdBack waits before a wrong passcode is answered; false at once where too many wait already.
func (d *Door) holdBack(ctx context.Context) bool {
	select {
	case d.waiting <- struct{}{}:
	default:
		return false
	}
	defer func() { <-d.waiting }()
	timer := time.NewTimer(wrongDelay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return true
}

func tooMany(wait time.Duration) *problem {
	return &problem{status: http.StatusTooManyRequests, retry: wait, detail: "There were too many calls with a wrong passcode. Wait a minute; then check that MGR's payment method has the passcode of the bridge."}
}
