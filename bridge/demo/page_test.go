package demo

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"tillbridge/drivers/manual"
	"tillbridge/drivers/zvt"
	"tillbridge/terminal"
)

// opened is a demo that serves its page.
type opened struct {
	t     *testing.T
	url   string
	views chan view
}

func openPage(t *testing.T, d terminal.Driver) *opened {
	t.Helper()
	out, log := &safeBuffer{}, &safeBuffer{}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Run(ctx, Options{Driver: d, Out: out, Start: startChild(log), TCP: true}) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the demo ended with %v", err)
		}
		if t.Failed() {
			t.Logf("the bridge's log:\n%s", log)
		}
	})
	p := &opened{t: t, views: make(chan view)}
	deadline := time.After(30 * time.Second)
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for p.url == "" {
		if m := regexp.MustCompile(`http://[0-9.:]+/`).FindString(out.String()); m != "" {
			p.url = m
		}
		select {
		case err := <-done:
			done <- nil
			t.Fatalf("the demo ended: %v", err)
		case <-deadline:
			t.Fatalf("no address in %q", out)
		case <-look.C:
		}
	}
	go p.stream(ctx)
	return p
}

// stream reads the server-sent events.
func (p *opened) stream(ctx context.Context) {
	defer close(p.views)
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"events", nil)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		text, isData := strings.CutPrefix(lines.Text(), "data: ")
		var v view
		if !isData || json.Unmarshal([]byte(text), &v) != nil {
			continue
		}
		select {
		case p.views <- v:
		case <-ctx.Done():
			return
		}
	}
}

// until waits for a view.
func (p *opened) until(what string, is func(view) bool) view {
	p.t.Helper()
	deadline := time.After(60 * time.Second)
	var last view
	for {
		select {
		case v, open := <-p.views:
			if !open {
				p.t.Fatalf("the stream ended before %s", what)
			}
			if last = v; is(v) {
				return v
			}
		case <-deadline:
			text, _ := json.MarshalIndent(last, "", " ")
			p.t.Fatalf("no %s in a minute; the page has %s", what, text)
		}
	}
}

func (p *opened) post(path, body string, change ...func(*http.Request)) (int, string) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.url+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	for _, f := range change {
		f(req)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text)
}

func (p *opened) must(path, body string) {
	p.t.Helper()
	if status, text := p.post(path, body); status != http.StatusNoContent {
		p.t.Fatalf("POST /%s %s: %d %s", path, body, status, text)
	}
}

// A payment by hand, in the middle of which the bridge is killed after the customer has paid; then one that the
// customer stops.
func TestPageFromChargeToVerdict(t *testing.T) {
	t.Parallel()
	p := openPage(t, zvt.Driver())
	p.until("terminal reached", func(v view) bool { return v.Bridge.Reached && v.Bridge.State == running })
	p.must("charge", `{"amount":"12.50"}`)
	p.until("payment at the terminal", func(v view) bool { return v.Terminal.Face.Paying && v.Story.State == "sent" })
	p.must("bridge", `{"do":"kill"}`)
	p.until("killed bridge", func(v view) bool { return v.Bridge.State == killed && len(v.Verdict.Open) == 1 })
	if status, _ := p.post("bridge", `{"do":"kill"}`); status != http.StatusUnprocessableEntity {
		t.Errorf("killing it twice is answered %d", status)
	}
	p.must("press", `{"do":"cancel"}`)
	p.must("bridge", `{"do":"start"}`)
	v := p.until("outcome", func(v view) bool { return v.Story.State == "reported" && !v.Terminal.Face.Paying })
	if m := v.MGR.Payments[0]; m.Outcome != "DENIED" || m.Status != http.StatusAccepted || v.Bridge.Starts != 2 {
		t.Errorf("MGR has %+v after %d starts", m, v.Bridge.Starts)
	}
	if len(v.Verdict.Differs)+len(v.Verdict.Open)+len(v.Verdict.Held) > 0 {
		t.Errorf("verdict %+v", v.Verdict)
	}
	p.must("charge", `{"amount":"3.00"}`)
	p.until("second payment", func(v view) bool { return v.Terminal.Face.Paying })
	p.must("press", `{"do":"tap"}`)
	v = p.until("second outcome", func(v view) bool {
		return len(v.MGR.Payments) == 2 && v.MGR.Payments[0].Outcome != "" && v.Story.State == "reported"
	})
	if m := v.MGR.Payments[0]; m.Outcome != "APPROVED" || m.Code == "" || m.Code != v.Terminal.Entries[0].Code {
		t.Errorf("MGR has %+v, the terminal %+v", m, v.Terminal.Entries[0])
	}
	words := ""
	for _, s := range v.Story.Steps {
		words += s.Who + " " + s.Words + "\n"
	}
	if !strings.HasPrefix(words, "MGR Asks for 3.00 EUR.") || !strings.Contains(words, "MGR Is told APPROVED") {
		t.Errorf("story %q", words)
	}
}

// A terminal without a connection: who looks at the page is the clerk and the customer, and types on the counter screen what the
// terminal printed, in their own way.
func TestPageByHand(t *testing.T) {
	t.Parallel()
	p := openPage(t, manual.Driver())
	v := p.until("counter screen", func(v view) bool { return v.Bridge.Reached && v.Bridge.Password != "" })
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	newcomer := &clerk{counter: strings.Trim(strings.TrimPrefix(v.Bridge.Counter, "http:"), "/"), browser: &http.Client{Jar: jar}}
	send := func(path string, form url.Values) seenPage {
		t.Helper()
		s, err := newcomer.send(t.Context(), path, form)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	send("/sign-in", url.Values{"name": {"Newcomer"}, "password": {v.Bridge.Password}})
	p.must("charge", `{"amount":"12.50"}`)
	p.until("question", func(v view) bool { return v.Story.State == "sent" })
	p.must("key", `{"amount":"12.50"}`)
	p.until("customer asked for a card", func(v view) bool { return v.Terminal.Face.Paying })
	if status, text := p.post("key", `{"amount":"12.50"}`); status != http.StatusUnprocessableEntity {
		t.Errorf("the amount is keyed in twice: %d %s", status, text)
	}
	p.must("press", `{"do":"tap"}`)
	v = p.until("printout", func(v view) bool { return !v.Terminal.Face.Paying && len(v.Terminal.Face.Receipt) > 0 })
	code := regexp.MustCompile(`AUTH CODE: (\d{6})`).FindStringSubmatch(strings.Join(v.Terminal.Face.Receipt, "\n"))
	if code == nil {
		t.Fatalf("it printed %q", v.Terminal.Face.Receipt)
	}
	grouped := code[1][:2] + " " + code[1][2:]
	last := ""
	for _, typed := range []string{grouped, code[1]} {
		last = newcomer.asked(t, last)
		send("/terminal/answer", url.Values{"terminal": {terminalName}, "question": {last}, "choice": {"charged"}, "auth_code": {typed}})
	}
	v = p.until("outcome", func(v view) bool { return v.MGR.Payments[0].Outcome != "" && v.Story.State == "reported" })
	if m := v.MGR.Payments[0]; m.Outcome != "APPROVED" || m.Code != grouped || len(v.Verdict.Differs)+len(v.Verdict.Open)+len(v.Verdict.Held) > 0 {
		t.Errorf("MGR has %+v, verdict %+v", m, v.Verdict)
	}
	// A sale that nobody asked for is a difference, and the journal that the terminal prints has both.
	p.must("script", `{"do":"approved"}`)
	p.must("key", `{"amount":"3"}`)
	p.until("difference", func(v view) bool {
		return !v.Terminal.Face.Paying && len(v.Verdict.Differs) == 1 && strings.Contains(v.Verdict.Differs[0], "has taken 3.00 EUR")
	})
	p.must("press", `{"do":"journal"}`)
	p.until("journal", func(v view) bool { return len(v.Terminal.Face.Receipt) == 4 })
	if status, text := p.post("key", `{"amount":"1,5"}`); status != http.StatusUnprocessableEntity {
		t.Errorf("no amount is keyed in: %d %s", status, text)
	}
}

// asked waits for a question that is another one than last.
func (c *clerk) asked(t *testing.T, last string) string {
	t.Helper()
	deadline := time.After(30 * time.Second)
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for {
		s, err := c.open(t.Context(), "/terminal/question?terminal="+terminalName)
		if err != nil {
			t.Fatal(err)
		}
		if id := s.find(seenID); id != "" && id != last {
			return id
		}
		select {
		case <-look.C:
		case <-deadline:
			t.Fatal("nobody is asked what the terminal printed")
		}
	}
}

func TestPageChoosesAndRefuses(t *testing.T) {
	t.Parallel()
	p := openPage(t, zvt.Driver())
	p.until("terminal reached", func(v view) bool { return v.Bridge.Reached && v.Bridge.State == running })
	p.must("script", `{"do":"declined"}`)
	p.must("mgr", `{"do":"down"}`)
	p.until("choices", func(v view) bool { return v.Terminal.Script == "declined" && v.MGR.Mode == "down" })
	p.must("charge", `{"amount":"-5"}`)
	p.until("refusal", func(v view) bool {
		return len(v.MGR.Payments) == 1 && v.MGR.Payments[0].Status == http.StatusBadRequest
	})
	p.must("charge", `{"amount":"5"}`)
	p.until("failed notice", func(v view) bool { return v.MGR.Payments[0].Notices > 1 && v.MGR.Payments[0].Outcome == "" })
	p.must("mgr", `{"do":"well"}`)
	p.until("outcome", func(v view) bool { return v.MGR.Payments[0].Outcome == "DENIED" })
	p.must("press", `{"do":"pull-cable"}`)
	p.must("press", `{"do":"cut-power"}`)
	p.until("sabotage", func(v view) bool { return !v.Terminal.Face.Cabled && !v.Terminal.Face.Powered })
	for _, c := range []struct{ path, body string }{
		{"press", `{"do":"tap"}`},
		{"press", `{"do":"wrong-pin"}`},
		{"press", `{"do":"approved"}`},
		{"press", `{"do":"by-hand"}`},
		{"script", `{"do":"tap"}`},
		{"bridge", `{"do":"explode"}`},
		{"mgr", `{"do":"explode"}`},
		{"key", `{"amount":"5"}`},
		{"charge", `{"amount":""}`},
		{"charge", `{"amount":"` + strings.Repeat("1", 41) + `"}`},
	} {
		if status, text := p.post(c.path, c.body); status != http.StatusUnprocessableEntity || !strings.Contains(text, "error") {
			t.Errorf("POST /%s %s: %d %s", c.path, c.body, status, text)
		}
	}
	if status, _ := p.post("press", `{"do":"tap","more":1}`); status != http.StatusBadRequest {
		t.Errorf("an unknown field is answered %d", status)
	}
}

func TestPageKeepsStrangersOut(t *testing.T) {
	t.Parallel()
	p := openPage(t, zvt.Driver())
	for name, change := range map[string]func(*http.Request){
		"another name for this machine": func(r *http.Request) { r.Host = "evil.example" },
		"another site":                  func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"another origin":                func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
	} {
		if status, _ := p.post("bridge", `{"do":"kill"}`, change); status != http.StatusForbidden {
			t.Errorf("%s is answered %d", name, status)
		}
	}
	resp, err := http.Get(p.url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if csp := resp.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("policy %q", csp)
	}
	if regexp.MustCompile(`(?i)(src|href)="https?:|<style|<script>|\son[a-z]+=|style="`).Match(body) {
		t.Error("the page has what its own policy forbids")
	}
	if resp, err := http.Get(p.url + "bridge"); err != nil || resp.StatusCode == http.StatusOK {
		t.Errorf("a GET of an order: %v, %v", resp.StatusCode, err)
	}
	if err := Run(t.Context(), Options{Driver: zvt.Driver(), Start: startChild(io.Discard), Listen: "0.0.0.0:0"}); err == nil || !strings.Contains(err.Error(), "loopback") {
		t.Errorf("listening to everybody: %v", err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	start := func(string) (Daemon, error) { t.Error("the bridge was started"); return nil, io.EOF }
	for name, o := range map[string]Options{
		"no bridge":       {Driver: zvt.Driver()},
		"no terminal":     {Start: start},
		"unknown outcome": {Driver: zvt.Driver(), Start: start, Once: &Once{Amount: "1", Outcome: "other"}},
		"no amount":       {Driver: zvt.Driver(), Start: start, Once: &Once{Amount: "1.234"}},
	} {
		if err := Run(t.Context(), o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
