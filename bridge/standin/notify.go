package standin

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"
)

const bodyLimit = 16 << 10

// Answer is what the notify address does with a notice that keeps the contract. The zero value takes it and
// answers 200.
type Answer struct {
	Delay      time.Duration // before anything else
	Status     int           // 0 for 200; only a 2xx takes the notice
	Location   string        // of a redirect
	RetryAfter time.Duration // in whole seconds; 0 for none
	HangUp     bool          // the connection ends without an answer, the notice is not taken
	Forget     bool          // the notice is taken, and the connection ends without an answer
}

func (a Answer) takes() bool {
	return a.Forget || !a.HangUp && (a.Status == 0 || a.Status >= 200 && a.Status < 300)
}

// Mode is a fault of MGR with a name and a sentence for people.
type Mode struct {
	Name   string `json:"name"`
	What   string `json:"what"`
	Answer Answer `json:"-"`
}

// Modes are the ways in which MGR can be reached or not, the sound one first.
func Modes() []Mode {
	return []Mode{
		{"well", "MGR answers", Answer{}},
		{"down", "MGR answers 503 to every notice", Answer{Status: http.StatusServiceUnavailable}},
		{"refuses", "MGR answers 400 to every notice", Answer{Status: http.StatusBadRequest}},
		{"redirects", "MGR answers with a redirect, which must not be followed", Answer{Status: http.StatusFound, Location: "/elsewhere"}},
		{"hangs-up", "the connection ends without an answer, and MGR has heard nothing", Answer{HangUp: true}},
		{"slow", "MGR answers after three seconds", Answer{Delay: 3 * time.Second}},
		{"forgets", "MGR hears every notice, and its answer is lost", Answer{Forget: true}},
	}
}

// Always answers every notice in the same way.
func Always(a Answer) func(n int) Answer { return func(int) Answer { return a } }

// First answers the first notices in one way and takes those after them. Count them from now on with a
// stand-in that has had none.
func First(count int, a Answer) func(n int) Answer {
	return func(n int) Answer {
		if n <= count {
			return a
		}
		return Answer{}
	}
}

// ServeHTTP is the notify address. OPTIONS and HEAD, which are safe by definition (RFC 9110, 9.2.1) and carry no
// notice, ask what is there: they are answered, and not written down as a mistake.
func (m *MGR) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodOptions:
		w.Header().Set("Allow", "POST, OPTIONS")
		w.WriteHeader(http.StatusNoContent)
		return
	case http.MethodHead:
		w.Header().Set("Allow", "POST, OPTIONS")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	n, status, why := m.read(w, r)
	if why != "" {
		m.refuse(r, status, why)
		http.Error(w, why, status)
		return
	}
	a := m.answer()
	if a.Delay > 0 && !pause(r.Context(), a.Delay) {
		return
	}
	n.At, n.Taken, n.Status = time.Now(), a.takes(), a.Status
	switch {
	case a.HangUp || a.Forget:
		n.Status = 0
	case a.Status == 0:
		n.Status = http.StatusOK
	}
	if err := m.note(n); err != nil {
		http.Error(w, err.Error(), http.StatusInsufficientStorage)
		return
	}
	if n.Status == 0 {
		// The server ends the connection without an answer and prints nothing.
		panic(http.ErrAbortHandler)
	}
	if a.Location != "" {
		w.Header().Set("Location", a.Location)
	}
	if a.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(a.RetryAfter/time.Second)))
	}
	w.WriteHeader(n.Status)
}

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// answer counts a notice and asks what to do with it.
func (m *MGR) answer() Answer {
	m.mu.Lock()
	m.arrivals++
	n, f := m.arrivals, m.fault
	m.mu.Unlock()
	if f == nil {
		return Answer{}
	}
	return f(n)
}

// read checks a request against the contract; why is empty when it keeps it.
func (m *MGR) read(w http.ResponseWriter, r *http.Request) (n Notice, status int, why string) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return n, http.StatusMethodNotAllowed, "a notice comes by POST"
	}
	given, want := sha256.Sum256([]byte(r.Header.Get("X-MGR-PASSCODE"))), sha256.Sum256([]byte(m.opt.Passcode))
	if subtle.ConstantTimeCompare(given[:], want[:]) != 1 {
		return n, http.StatusUnauthorized, "the passcode is missing or wrong"
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return n, http.StatusUnsupportedMediaType, "a notice is application/json"
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyLimit))
	if err != nil {
		return n, http.StatusBadRequest, "the body cannot be read: " + err.Error()
	}
	if n, err = parseNotice(body); err != nil {
		return n, http.StatusBadRequest, "the body is not as agreed: " + err.Error()
	}
	return n, 0, ""
}

// parseNotice reads a notice strictly: one object, each field at most once, all of them texts, none unknown.
func parseNotice(body []byte) (Notice, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return Notice{}, errors.New("want one JSON object")
	}
	fields := map[string]string{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return Notice{}, err
		}
		name, _ := key.(string)
		if _, twice := fields[name]; twice {
			return Notice{}, fmt.Errorf("field %q comes twice", name)
		}
		value, err := d.Token()
		if err != nil {
			return Notice{}, err
		}
		text, isText := value.(string)
		switch {
		case name != "payment_uuid" && name != "status" && name != "auth_code" && name != "txn_ref":
			return Notice{}, fmt.Errorf("field %q is not known", name)
		case !isText:
			return Notice{}, fmt.Errorf("field %q is not a text", name)
		}
		fields[name] = text
	}
	if _, err := d.Token(); err != nil {
		return Notice{}, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Notice{}, errors.New("something follows the object")
	}
	n := Notice{UUID: fields["payment_uuid"], Outcome: fields["status"], AuthCode: fields["auth_code"], TxnRef: fields["txn_ref"]}
	_, n.HasAuthCode = fields["auth_code"]
	_, n.HasTxnRef = fields["txn_ref"]
	switch {
	case n.UUID == "":
		return n, errors.New("payment_uuid is missing")
	case n.Outcome != Approved && n.Outcome != Denied:
		return n, fmt.Errorf("status %q is neither APPROVED nor DENIED", n.Outcome)
	}
	return n, nil
}

func (m *MGR) refuse(r *http.Request, status int, why string) {
	m.log.Warn("notice refused", "from", r.RemoteAddr, "status", status, "why", why)
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.refusals) < refusalLimit {
		m.refusals = append(m.refusals, Refusal{At: time.Now(), Status: status, Why: why})
	}
	m.broadcast()
}

// note writes a notice into the ledger.
func (m *MGR) note(n Notice) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.payment(n.UUID)
	if err != nil {
		return err
	}
	_, told := r.Told()
	if len(r.Notices) < perPayment || n.Taken && !told {
		r.Notices = append(r.Notices, n)
	}
	r.contents(n)
	if n.Taken && !told {
		close(r.told)
	}
	m.log.Info("notice", "payment", n.UUID, "outcome", n.Outcome, "answer", n.Status, "taken", n.Taken)
	m.broadcast()
	return nil
}
