package webhook

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// problem is an answer other than 202 (RFC 9457).
type problem struct {
	status    int
	detail    string        // sentences for the clerk
	retry     time.Duration // how long to wait before the next try; zero says nothing
	challenge string        // WWW-Authenticate
}

func (p *problem) write(w http.ResponseWriter) {
	if p.retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(p.retry.Seconds()))))
	}
	if p.challenge != "" {
		w.Header().Set("WWW-Authenticate", p.challenge)
	}
	writeJSON(w, "application/problem+json", p.status, struct {
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{http.StatusText(p.status), p.status, terminal.MaskCardNumbers(p.detail)})
}

func writeAccepted(w http.ResponseWriter, uuid string, a bridge.Acceptance) {
	word := "new"
	if a == bridge.Repeat {
		word = "repeat"
	}
	writeJSON(w, "application/json", http.StatusAccepted, struct {
		UUID     string `json:"payment_uuid"`
		Accepted string `json:"accepted"`
	}{uuid, word})
}

func writeJSON(w http.ResponseWriter, kind string, status int, v any) {
	body, _ := json.Marshal(v) // texts and a number: it cannot fail
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a caller who is gone misses nothing: MGR's repeat gets the same answer
}

// refused is the answer to an order that the desk did not take.
func refused(err error) *problem {
	var r *bridge.Refusal
	if !errors.As(err, &r) {
		// The journal may know more than its error tells, so that this does not say that nothing will be charged.
		return &problem{status: http.StatusServiceUnavailable, detail: "The bridge could not record the payment and has not started it. Look at the counter screen before you try again, and call whoever looks after this PC."}
	}
	p := &problem{status: http.StatusServiceUnavailable, detail: r.Sentence}
	switch r.Kind {
	case bridge.UnknownTerminal:
		p.status = http.StatusNotFound
	case bridge.Reused, bridge.Frozen:
		p.status = http.StatusConflict
	case bridge.Busy:
		p.status, p.retry = http.StatusConflict, 10*time.Second
	case bridge.OverLimit:
		p.status = http.StatusBadRequest
	case bridge.Stopping:
		p.retry = time.Minute
	case bridge.Unplugged, bridge.JournalFull:
	}
	return p
}
