package demo

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tillbridge/terminal"
)

// hands count what the clerk does at the terminal, which approves and says so.
type hands struct{ keyed, looked int }

func (h *hands) Answer(_ context.Context, q terminal.Question) (terminal.Answer, error) {
	h.keyed++
	return terminal.Answer{Outcome: terminal.Approved, AuthCode: "651200"}, nil
}

func (h *hands) Look(terminal.Amount, time.Time) (terminal.Answer, error) {
	h.looked++
	return terminal.Answer{Outcome: terminal.Declined}, nil
}

// clerkAt is a clerk at a counter screen of a few lines, who works until they fail or a page has said so.
func clerkAt(t *testing.T, light bool, screen func(stop func(), w http.ResponseWriter, r *http.Request)) (h *hands, told []string, failed error) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { screen(stop, w, r) }))
	defer server.Close()
	h = &hands{}
	c := &clerk{
		hand: h, light: func() bool { return light }, counter: strings.TrimPrefix(server.URL, "http://"), password: func() string { return "open" }, currency: euro,
		tell:  func(format string, args ...any) { told = append(told, fmt.Sprintf(format, args...)) },
		leave: func(string) {}, fail: func(err error) { failed = err; stop() },
	}
	c.work(ctx)
	return h, told, failed
}

const (
	asking   = `<a href="/terminal/question?terminal=counter">Say it</a>`
	question = `<h1>Terminal counter: <span class="amount">12.50 %s</span></h1><input name="question" value="Q1">`
)

// The card is charged once for a question, however often it is on the screen.
func TestClerkChargesOnce(t *testing.T) {
	t.Parallel()
	typed := 0
	h, told, failed := clerkAt(t, true, func(stop func(), w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/terminal/answer":
			if typed++; typed == 3 {
				stop()
			}
			w.WriteHeader(http.StatusConflict)
		case "/terminal/question":
			fmt.Fprintf(w, question, "EUR")
		default:
			fmt.Fprint(w, asking)
		}
	})
	if h.keyed != 1 || typed != 3 || failed != nil {
		t.Errorf("keyed in %d times, typed %d times, %v: %q", h.keyed, typed, failed, told)
	}
}

// What a clerk cannot make sense of ends the demo, with a sentence.
func TestClerkGivesUp(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pages map[string]string
		want  string
	}{
		"an error":         {nil, "the counter screen answers 500"},
		"another currency": {map[string]string{"/": asking, "/terminal/question": fmt.Sprintf(question, "CHF")}, "names no amount in EUR"},
		"no amount": {
			map[string]string{"/": `<article class="unknown"><a href="/payment?uuid=u">Look</a>`, "/payment": "<h1>Payment</h1>"}, "names no amount in EUR",
		},
	} {
		h, told, failed := clerkAt(t, true, func(_ func(), w http.ResponseWriter, r *http.Request) {
			page, there := c.pages[r.URL.Path]
			if !there {
				w.WriteHeader(http.StatusInternalServerError)
			}
			fmt.Fprint(w, page)
		})
		if failed == nil || !strings.Contains(failed.Error(), c.want) || h.keyed+h.looked > 0 {
			t.Errorf("%s: %v, %+v, %q", name, failed, h, told)
		}
	}
}

// In the dark nobody works: the screen is not even looked at.
func TestClerkNeedsLight(t *testing.T) {
	t.Parallel()
	c := &clerk{light: func() bool { return false }, password: func() string { return "open" }}
	if err := c.look(t.Context()); err != nil {
		t.Error(err)
	}
}
