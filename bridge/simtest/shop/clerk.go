package shop

import (
	"bufio"
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// clerk uses the counter screen as a browser does.
type clerk struct {
	shop   *Shop
	client *http.Client
	cookie string
}

func (s *Shop) newClerk() *clerk { return &clerk{shop: s, client: s.network.client(fromBrowser)} }

// work does the errands of the day.
func (c *clerk) work() {
	defer c.client.CloseIdleConnections()
	s := c.shop
	for _, a := range s.plan.clerk {
		s.due(a)
		switch a.what {
		case "now":
			c.page("/")
		case "payments":
			c.page("/payments")
		case "watch":
			c.watch(a.arg)
		case "cancel":
			p := s.places[a.n%int64(len(s.places))]
			c.post("/terminal/cancel", url.Values{"terminal": {p.name}}, http.StatusSeeOther, http.StatusConflict)
		case "settle":
			c.settleHolds(nil, false)
		case "ask":
			for _, p := range s.held() {
				c.post("/payment/ask", url.Values{"uuid": {p.UUID}}, http.StatusSeeOther, http.StatusConflict, http.StatusUnprocessableEntity)
			}
		}
	}
}

// request makes a request of a browser that is signed in.
func (c *clerk) request(ctx context.Context, method, path string, form url.Values) *http.Request {
	r, err := http.NewRequestWithContext(ctx, method, "http://"+counterAt+path, strings.NewReader(form.Encode()))
	if err != nil {
		panic(err) // the addresses are ours
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "http://"+counterAt)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	if c.cookie != "" {
		r.Header.Set("Cookie", c.cookie)
	}
	return r
}

// signIn signs in; false where the screen cannot be reached.
func (c *clerk) signIn() bool {
	form := url.Values{"name": {"Anna"}, "password": {counterPassword}, "next": {"/"}}
	answer, err := c.client.Do(c.request(c.shop.ctx, http.MethodPost, "/sign-in", form))
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	for _, k := range answer.Cookies() {
		c.cookie = k.Name + "=" + k.Value
	}
	if answer.StatusCode != http.StatusSeeOther || c.cookie == "" {
		c.shop.fail("I12", "", "the clerk cannot sign in: %s", answer.Status)
		return false
	}
	return true
}

// do sends a request, after signing in where that is asked for. The status is 0 where no answer came.
func (c *clerk) do(method, path string, form url.Values) (status int, text string) {
	for range 2 {
		answer, err := c.client.Do(c.request(c.shop.ctx, method, path, form))
		if err != nil {
			return 0, err.Error()
		}
		text, err = readAll(answer)
		if err != nil {
			return 0, err.Error()
		}
		if answer.StatusCode != http.StatusSeeOther || !strings.HasPrefix(answer.Header.Get("Location"), "/sign-in") {
			return answer.StatusCode, text
		}
		if !c.signIn() {
			return 0, "not signed in"
		}
	}
	return 0, "signed out"
}

// page looks at a page.
func (c *clerk) page(path string) {
	if status, text := c.do(http.MethodGet, path, nil); status != 0 && status != http.StatusOK {
		c.shop.fail("I12", "", "the page %s is answered %d: %s", path, status, text)
	}
}

// post sends a form; the answers are those that may come.
func (c *clerk) post(path string, form url.Values, answers ...int) (status int, text string) {
	status, text = c.do(http.MethodPost, path, form)
	c.shop.say("clerk: %s %v: %d", path, form, status)
	for _, a := range append(answers, 0) {
		if status == a {
			return status, text
		}
	}
	c.shop.fail("I12", "", "the form %s, %v, is answered %d: %s", path, form, status, text)
	return status, text
}

// watch looks at the live screen for a while.
func (c *clerk) watch(while time.Duration) {
	c.page("/")
	ctx, cancel := context.WithTimeout(c.shop.ctx, while)
	defer cancel()
	answer, err := c.client.Do(c.request(ctx, http.MethodGet, "/events", nil))
	if err != nil {
		return
	}
	defer answer.Body.Close()
	events := 0
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		if lines.Text() == "event: changed" {
			events++
		}
	}
	c.shop.say("clerk: watched for %s and saw %d events (%d)", while, events, answer.StatusCode)
	if answer.StatusCode == http.StatusOK && events == 0 && c.shop.lived(while) {
		c.shop.fail("I12", "", "the live screen says nothing")
	}
}

// lived tells whether the bridge that is up was so all the while.
func (s *Shop) lived(while time.Duration) bool {
	h := s.house.Load()
	return h != nil && !h.mains.isDead() && time.Since(h.began) > while
}

// held are the payments that are on hold.
func (s *Shop) held() (all []bridge.Payment) {
	h := s.house.Load()
	if h == nil {
		return nil
	}
	open, err := h.journal.Unsettled(context.Background())
	if err != nil {
		return nil // the bridge has ended meanwhile
	}
	for _, p := range open {
		if p.State == bridge.Held {
			all = append(all, p)
		}
	}
	return all
}

var tokenField = regexp.MustCompile(`name="token" value="([^"]+)"`)

// settleHolds settles what is on hold at a terminal, or nil for each, by what its ledger says, once that is at rest.
// With all it is an error where one stays.
func (c *clerk) settleHolds(only *place, all bool) {
	s := c.shop
	for _, p := range s.held() {
		at := s.place(p.Terminal)
		if only != nil && only != at {
			continue
		}
		if face := at.sim.Face(); face.Paying || !face.Powered || !face.Cabled {
			continue
		}
		form := url.Values{"uuid": {p.UUID}, "choice": {"not-charged"}, "name": {"Anna"}, "evidence": {"the terminal's own list"}}
		if sale := s.ledgerOf(at).captured(p.UUID); len(sale) > 0 {
			form.Set("choice", "charged")
			form.Set("auth_code", sale[0].AuthCode)
			form.Set("txn_ref", sale[0].Sequence)
		}
		// The payment may be settled by the terminal's answer between two looks.
		status, text := c.post("/payment/settle", form, http.StatusOK, http.StatusUnprocessableEntity)
		token := tokenField.FindStringSubmatch(text)
		if status != http.StatusOK || token == nil {
			continue
		}
		status, _ = c.post("/payment/confirm", url.Values{"uuid": {p.UUID}, "token": {token[1]}},
			http.StatusSeeOther, http.StatusConflict, http.StatusUnprocessableEntity, http.StatusInternalServerError)
		if status == http.StatusInternalServerError && !s.dying() {
			s.fail("I12", p.UUID, "the clerk's word could not be recorded")
		}
	}
	if left := s.held(); all && len(left) > 0 {
		s.fail("I4", left[0].UUID, "it is on hold, and the counter screen does not settle it")
	}
}

func (s *Shop) dying() bool {
	h := s.house.Load()
	return h == nil || h.mains.isDead()
}

// place is a terminal by name.
func (s *Shop) place(name string) *place {
	for _, p := range s.places {
		if p.name == name {
			return p
		}
	}
	return nil
}

// truth of a terminal: which sale in its ledger belongs to which payment.
type truth struct {
	ledger []terminal.Entry
	owner  []string // by entry; empty for a sale at the terminal itself, "?" for one that nobody asked for
}

// captured are the sales of a payment whose money stayed.
func (t truth) captured(uuid string) (sales []terminal.Entry) {
	for i, e := range t.ledger {
		if t.owner[i] == uuid && e.Captured {
			sales = append(sales, e)
		}
	}
	return sales
}
