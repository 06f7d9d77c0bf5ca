package standin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"
)

// chargeTimeout is how long MGR waits for the answer to a charge.
const chargeTimeout = 5 * time.Second

// Charge is what MGR asks for.
type Charge struct {
	Amount   string // JSON as it is sent: 12.5 or "12.50", with the quotes
	Customer string
	UUID     string
}

func (c Charge) body() ([]byte, error) {
	if !json.Valid([]byte(c.Amount)) {
		return nil, fmt.Errorf("charge: amount %q is not JSON", c.Amount)
	}
	body, err := json.Marshal(map[string]any{
		"amount": json.RawMessage(c.Amount), "customer_uuid": c.Customer, "payment_uuid": c.UUID,
	})
	if err != nil {
		return nil, fmt.Errorf("charge: %w", err)
	}
	return body, nil
}

// Charge posts a charge to a webhook as MGR does and waits at most 5 s for the answer, which is returned with
// the sentence of a problem where there is one. An error means that no answer came; whether the charge
// arrived is not known then. The ledger has it either way. Redirects are not followed.
func (m *MGR) Charge(ctx context.Context, url string, c Charge) (status int, problem string, err error) {
	body, err := c.body()
	if err != nil {
		return 0, "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, "", fmt.Errorf("charge: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-MGR-PASSCODE", m.opt.Passcode)
	if m.opt.BasicUser != "" {
		req.SetBasicAuth(m.opt.BasicUser, m.opt.BasicPassword)
	}
	answered, err := m.Expect(c)
	if err != nil {
		return 0, "", err
	}
	resp, err := m.client.Do(req)
	if err != nil {
		answered(0, err.Error())
		return 0, "", fmt.Errorf("charge: %w", err)
	}
	problem = problemText(resp)
	_ = resp.Body.Close() // it was only read
	answered(resp.StatusCode, problem)
	m.log.Info("charge answered", "payment", c.UUID, "status", resp.StatusCode)
	return resp.StatusCode, problem, nil
}

// Expect writes a charge into the ledger that the caller posts himself. He calls answered once with the
// status, 0 for none, and the problem.
func (m *MGR) Expect(c Charge) (answered func(status int, problem string), err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.payment(c.UUID)
	if err != nil {
		return nil, err
	}
	n := len(r.Asks)
	if n >= perPayment {
		return nil, fmt.Errorf("charge %s for the %dth time: %w", c.UUID, n+1, ErrFull)
	}
	r.Asks = append(r.Asks, Ask{At: time.Now(), Amount: c.Amount, Customer: c.Customer})
	m.broadcast()
	return func(status int, problem string) {
		m.mu.Lock()
		defer m.mu.Unlock()
		a := &r.Asks[n]
		a.Answered, a.Status, a.Problem = time.Now(), status, problem
		m.broadcast()
	}, nil
}

// problemText is the sentence of an answer that is no success.
func problemText(resp *http.Response) string {
	if resp.StatusCode < 300 {
		return ""
	}
	text := cutText(resp.Body, 16<<10)
	if kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err == nil && strings.HasSuffix(kind, "json") {
		var p struct{ Title, Detail string }
		if json.Unmarshal([]byte(text), &p) == nil {
			switch {
			case p.Detail != "":
				return p.Detail
			case p.Title != "":
				return p.Title
			}
		}
	}
	return strings.TrimSpace(text)
}
