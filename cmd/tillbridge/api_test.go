package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tillbridge/bridge"
)

// TestAPI reads a payment from the running bridge as a shop's own program does: with the token that lies beside the journal.
func TestAPI(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it builds and runs the program, which -short leaves out")
	}
	r := newRig(t, "tcp", "--outcome", "approved")
	id := r.uuid()
	r.charge(id, amountOf(r.n))
	r.agree(id, 1)

	path := filepath.Join(r.dir, "api-token")
	token, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		t.Errorf("others can read the token: %v %v", info, err)
	}
	base := "http://" + r.bridge.find(t, `msg=ready .*counter=(\S+)`)[1]
	read := func(path, token string) (int, string) {
		q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(b)
	}
	status, body := read("/api/v1/payments/"+id, strings.TrimSpace(string(token)))
	var got bridge.Facts
	if err := json.Unmarshal([]byte(body), &got); err != nil || status != http.StatusOK {
		t.Fatalf("%d %v %s", status, err, body)
	}
	sold := r.ledger()[0]
	if got.UUID != id || got.Outcome != "approved" || got.AuthCode != sold.AuthCode || got.Captured == nil || *got.Captured != sold.Minor || len(got.Story) < 5 {
		t.Errorf("the API has %s, the ledger %+v", body, sold)
	}
	if status, body := read("/metrics", strings.TrimSpace(string(token))); status != http.StatusOK || !strings.Contains(body, "\ntillbridge_payments_not_known 0\n") {
		t.Errorf("%d %s", status, body)
	}
	if status, body := read("/api/v1/status", "another"); status != http.StatusUnauthorized {
		t.Errorf("a wrong token: %d %s", status, body)
	}
}
