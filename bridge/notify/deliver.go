package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

const (
	tryWithin     = 40 * time.Second // one try, from dialling to the answer
	bodyWithin    = 2 * time.Second  // what follows the answer's header
	recordWithin  = 5 * time.Second  // one record in the journal
	maxAnswer     = 4 << 10          // read of an answer
	maxShown      = 200              // shown of an answer
	statusDenied  = "DENIED"
	statusApprove = "APPROVED"
)

// Body is what MGR is sent for a notice. The same notice gives the same bytes.
func Body(n bridge.Notice) []byte {
	type denied struct {
		UUID   string `json:"payment_uuid"`
		Status string `json:"status"`
	}
	d := denied{n.UUID, statusDenied}
	var v any = d
	if n.Approved {
		d.Status = statusApprove
		v = struct {
			denied
			AuthCode string `json:"auth_code"`
			TxnRef   string `json:"txn_ref"`
		}{d, n.AuthCode, n.TxnRef}
	}
	body, _ := json.Marshal(v) // texts only: it cannot fail
	return body
}

// job is one thing to do for one notice: to send it, or where MGR has it, to record that.
type job struct {
	Owed
	delivered bool // MGR has it; only the record is missing
	records   int  // tries to record that, which failed
}

// done is how a job ended.
type done struct {
	job
	answer  Answer
	verdict Verdict
	sent    bool   // a try was made
	text    string // of the answer, for people
	record  error  // why the journal does not know the verdict
}

// do carries out a job. The record in the journal is made even where ctx has ended meanwhile.
func (n *Notifier) do(ctx context.Context, j job) done {
	d := done{job: j, verdict: Verdict{Delivered: true}}
	if !j.delivered {
		d.answer, d.text = n.send(ctx, j.Notice)
		if d.answer.Err != nil && ctx.Err() != nil {
			return d // we stopped it, which tells nothing of MGR
		}
		d.sent = true
		d.verdict = Judge(d.answer, j.Attempts, time.Now(), n.jitter())
		d.verdict.Why = n.clean(d.verdict.Why)
		if d.text != "" {
			d.verdict.Why += " It wrote: " + d.text
		}
	}
	record, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordWithin)
	defer cancel()
	if d.verdict.Delivered {
		d.record = n.outbox.Reported(record, j.UUID)
	} else {
		d.record = n.outbox.Postpone(record, j.UUID, j.Attempts+1, d.verdict.Next, d.verdict.Why)
	}
	return d
}

// send posts a notice once. The text is what MGR wrote where it did not take it, cut and without secrets.
func (n *Notifier) send(ctx context.Context, notice bridge.Notice) (Answer, string) {
	ctx, cancel := context.WithTimeout(ctx, tryWithin)
	defer cancel()
	body := Body(notice)
	r := (&http.Request{
		Method: http.MethodPost, URL: n.url, Host: n.url.Host, Header: n.header.Clone(), ContentLength: int64(len(body)),
		Body:    io.NopCloser(bytes.NewReader(body)),
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil },
	}).WithContext(ctx)
	called := time.Now()
	res, err := n.transport.RoundTrip(r) // no http.Client: that would follow redirects
	if err != nil {
		if t, ok := n.transport.(interface{ CloseIdleConnections() }); ok {
			t.CloseIdleConnections() // they may be as dead, and cost the next tries their time
		}
		return Answer{Err: err}, ""
	}
	ahead := clockAhead(res.Header, called, time.Now())
	defer res.Body.Close()
	// The status has decided; a body that trickles must not keep the notice from its record.
	defer time.AfterFunc(bodyWithin, cancel).Stop()
	wrote, _ := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	a := Answer{Status: res.StatusCode, RetryAfter: res.Header.Get("Retry-After"), Ahead: ahead}
	text := string(wrote)
	switch {
	case a.Status >= 200 && a.Status <= 299:
		return a, ""
	case a.Status >= 300 && a.Status <= 399 && res.Header.Get("Location") != "":
		text = "the address is now " + res.Header.Get("Location")
	}
	return a, n.clean(text)
}

// clean makes what others wrote fit for log, journal and screen: without our secrets and card numbers, on one line,
// bounded.
func (n *Notifier) clean(text string) string {
	text = n.blank.Replace(strings.ToValidUTF8(text, ""))
	// Digits are put on one line before they are masked, so that no line break hides a card number.
	text = terminal.MaskCardNumbers(strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsGraphic(r)
	}), " "))
	if len(text) <= maxShown {
		return text
	}
	return strings.ToValidUTF8(text[:maxShown], "") + "…"
}
