package simtest

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"tillbridge/bridge"
)

type due struct {
	bridge.Notice
	Attempts int
}
type pump struct {
	kick chan struct{}
	rt   http.RoundTripper
	o    *outbox
}

func (p *pump) Kick() {
	select {
	case p.kick <- struct{}{}:
	default:
	}
}

func (p *pump) Run(ctx context.Context) {
	for {
		rows, _ := p.o.Due(ctx, time.Now(), 10)
		for _, r := range rows {
			m := map[string]string{"payment_uuid": r.UUID, "status": "DENIED"}
			if r.Approved {
				m["status"], m["auth_code"], m["txn_ref"] = "APPROVED", r.AuthCode, r.TxnRef
			}
			b, _ := json.Marshal(m)
			req, _ := http.NewRequestWithContext(ctx, "POST", "http://x/", bytes.NewReader(b))
			if _, err := p.rt.RoundTrip(req); err == nil {
				p.o.Delivered(ctx, r.UUID)
			}
		}
		t := time.NewTimer(30 * time.Minute)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-p.kick:
		case <-t.C:
		}
		t.Stop()
	}
}
