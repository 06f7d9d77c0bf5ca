package simulate

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"tillbridge/terminal"
)

// changedWait is how long GET /changed holds a request without a change.
const changedWait = 25 * time.Second

// Control is a small HTTP control of a simulator, for loopback use: it asks for no password, so it answers
// only requests that name a loopback host, and refuses those that a web page of another origin makes.
//
//	GET  /                  the face, JSON
//	GET  /changed           the face after its next change, or as it is after 25 s
//	GET  /ledger            the ledger, JSON, at most the last 1000 entries
//	GET  /choices           {"outcomes": [{"name", "what"}], "actions": [...]}
//	POST /press?action=NAME presses; 204, or 422 with the reason as {"error"}
func Control(sim terminal.Simulator) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, sim.Face()) })
	mux.HandleFunc("GET /ledger", func(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, sim.Face().Ledger) })
	mux.HandleFunc("GET /choices", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, map[string][]Choice{"outcomes": Choices(sim, sim.Outcomes()), "actions": Choices(sim, sim.Actions())})
	})
	mux.HandleFunc("GET /changed", func(w http.ResponseWriter, r *http.Request) {
		wait := time.NewTimer(changedWait)
		defer wait.Stop()
		select {
		case <-sim.Changed():
		case <-wait.C:
		case <-r.Context().Done():
		}
		reply(w, http.StatusOK, sim.Face())
	})
	mux.HandleFunc("POST /press", func(w http.ResponseWriter, r *http.Request) {
		if err := sim.Press(r.URL.Query().Get("action")); err != nil {
			reply(w, http.StatusUnprocessableEntity, map[string]string{"error": err.Error()})
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	return loopbackOnly(http.NewCrossOriginProtection().Handler(mux))
}

func loopbackOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLoopback(r.Host) {
			reply(w, http.StatusForbidden, map[string]string{"error": fmt.Sprintf("host %q is not a loopback name", r.Host)})
			return
		}
		next.ServeHTTP(w, r)
	})
}

func isLoopback(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	// The client has gone when this fails, and there is nobody to tell.
	_ = json.NewEncoder(w).Encode(v)
}
