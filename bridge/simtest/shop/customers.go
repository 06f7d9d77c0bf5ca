package shop

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"slices"
	"sync"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/standin"
	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// wait lets virtual time pass: everything here runs inside a bubble of testing/synctest.
func wait(d time.Duration) { <-time.After(d) }

// due waits until something is to happen. It returns at once where that is past.
func (s *Shop) due(a act) {
	<-s.places[0].begun[a.visit]
	wait(a.after)
}

// dueUnless closes due when something is to happen, unless ended comes first.
func (s *Shop) dueUnless(a act, due, ended chan struct{}) {
	select {
	case <-s.places[0].begun[a.visit]:
	case <-ended:
		return
	}
	t := time.NewTimer(a.after)
	defer t.Stop()
	select {
	case <-t.C:
		close(due)
	case <-ended:
	}
}

// serve plays the customers of a terminal, one after another.
func (p *place) serve() {
	s := p.shop
	client := s.network.client(fromMGR)
	browser := s.network.client(fromBrowser)
	defer client.CloseIdleConnections()
	defer browser.CloseIdleConnections()
	var aside sync.WaitGroup
	for n, v := range p.visits {
		wait(v.gap)
		for s.night.Load() { // the shop is closed
			wait(10 * time.Minute)
		}
		c := client
		if v.browser {
			c = browser
		}
		y := &pay{visit: v, place: p}
		s.mu.Lock()
		s.pays[v.uuid] = y
		s.figures.Payments++
		plus(&s.figures.Models, p.model.name, 1)
		s.mu.Unlock()
		close(p.begun[n])
		p.prepare(n, v, &aside)
		s.visit(c, y)
		if v.impatient {
			aside.Go(func() { s.await(c, y) })
			continue
		}
		s.await(c, y)
	}
	aside.Wait()
	p.mend()
	p.clerk.client.CloseIdleConnections()
}

// prepare sets what the terminal will do.
func (p *place) prepare(n int, v visit, aside *sync.WaitGroup) {
	script := v.script
	switch script {
	case "":
		script = simulate.PressByHand
		aside.Go(func() {
			wait(v.pause)
			if v.press != "" {
				p.press(v.press)
			}
		})
	case "any":
		menu := p.sim.Outcomes()
		script = menu[mix(p.shop.plan.seed, uint64(n), uint64(v.minor))%uint64(len(menu))]
	}
	if (!slices.Contains(p.sim.Outcomes(), script) || slices.Contains(p.model.spared, script)) && script != simulate.PressByHand {
		script = simulate.Approved
	}
	if !slices.Contains(plain, script) && script != simulate.PressByHand {
		p.shop.fault("%s: the terminal will play %s", p.name, script)
	}
	p.press(script)
}

// visit asks for a payment, again where it is not taken, and with what comes beside it.
func (s *Shop) visit(c *http.Client, y *pay) {
	for try := range y.tries + 1 {
		if try > 0 {
			if y.helped { // what the terminal waits for is settled first
				y.place.clerk.settleHolds(y.place, false)
			}
			wait(5*time.Second + time.Duration(mix(s.plan.seed, uint64(y.minor), uint64(try))%uint64(30*time.Second)))
		}
		if s.crowd(c, y, y.crowd) {
			break
		}
	}
	if y.other {
		s.conflict(c, y)
	}
}

// crowd sends equal webhooks at once. True where one of them was taken.
func (s *Shop) crowd(c *http.Client, y *pay, n int) bool {
	before := s.house.Load()
	idle := before != nil && n > 1 && ready(before, y.place.name)
	answers := make([]int, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { answers[i] = s.ask(c, y, y.minor) })
	}
	all.Wait()
	taken := slices.Contains(answers, http.StatusAccepted)
	// At an idle terminal that takes one of them, none of the others may be refused.
	if idle && taken && s.house.Load() == before && !before.mains.isDead() && !slices.Contains(answers, 0) {
		for _, status := range answers {
			if status != http.StatusAccepted {
				s.fail("I4", y.uuid, "of %d equal webhooks at once one was answered 202 and another %d", n, status)
				break
			}
		}
	}
	return taken
}

// ready tells whether a terminal would take a payment.
func ready(h *house, name string) bool {
	for _, t := range h.desk.Terminals() {
		if t.Name == name {
			return t.Health == bridge.Ready && t.Payment == nil
		}
	}
	return false
}

// money is an amount as MGR writes it.
func money(a terminal.Amount, text bool) string {
	s := fmt.Sprintf("%0*d", a.Currency.Digits+1, a.Minor)
	if whole := len(s) - a.Currency.Digits; whole < len(s) {
		s = s[:whole] + "." + s[whole:]
	}
	if text {
		return `"` + s + `"`
	}
	return s
}

// ask posts one charge and tells what it was answered, 0 for no answer.
func (s *Shop) ask(c *http.Client, y *pay, minor int64) int {
	charge := standin.Charge{Amount: money(terminal.Amount{Minor: minor, Currency: y.place.model.currency}, y.text), Customer: y.customer, UUID: y.uuid}
	answered, err := s.mgr.Expect(charge)
	if err != nil {
		s.fail("I12", y.uuid, "the stand-in takes no more: %v", err)
		return 0
	}
	s.count(func(f *Figures) { f.Webhooks++ })
	body, _ := json.Marshal(map[string]any{ // texts and numbers: it cannot fail
		"amount": json.RawMessage(charge.Amount), "customer_uuid": charge.Customer, "payment_uuid": charge.UUID,
	})
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+doorAt+"/mgr/"+y.place.name, bytes.NewReader(body))
	if err != nil {
		s.fail("I12", y.uuid, "%v", err)
		return 0
	}
	s.sign(r)
	if y.browser {
		r.Header.Set("Origin", origin)
		r.Header.Set("Sec-Fetch-Site", "cross-site")
	}
	if y.hangUp {
		s.fault("MGR hangs up on %s", y.uuid)
		r = r.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { cancel() }}))
	}
	begun := time.Now()
	h := s.house.Load()
	status, problem := do(c, r)
	answered(status, problem)
	s.say("webhook %s of %s at %s: %d %s", y.uuid, charge.Amount, y.place.name, status, problem)
	s.answered(h, y, status, problem, time.Since(begun))
	return status
}

// sign shows that MGR calls.
func (s *Shop) sign(r *http.Request) {
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-MGR-PASSCODE", passcode)
	if s.plan.basic {
		r.SetBasicAuth(basicUser, basicPassword)
	}
}

// do sends a request; the status is 0 where no answer came, and the text is why.
func do(c *http.Client, r *http.Request) (status int, text string) {
	answer, err := c.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(io.LimitReader(answer.Body, 256<<10))
	if err != nil {
		return 0, err.Error()
	}
	return answer.StatusCode, string(bytes.TrimSpace(b))
}

// answered judges the answer to a webhook that was well made and had the right passcode.
func (s *Shop) answered(h *house, y *pay, status int, problem string, took time.Duration) {
	switch status {
	case 0:
	case http.StatusConflict, http.StatusServiceUnavailable:
		s.count(func(f *Figures) { f.Refused++ })
	case http.StatusAccepted:
		if bytes.Contains([]byte(problem), []byte(`"repeat"`)) {
			s.count(func(f *Figures) { f.Repeats++ })
		}
		if h == nil || h != s.house.Load() {
			break
		}
		p, there, err := h.journal.Payment(context.Background(), y.uuid)
		if err == nil && (!there || p.State == bridge.None) {
			s.fail("I8", y.uuid, "202 was answered and the journal does not have the payment")
		}
	default:
		s.fail("I4", y.uuid, "a webhook that is in order was answered %d: %s", status, problem)
	}
	if took > 5*time.Second && status != 0 {
		s.fail("I4", y.uuid, "MGR waited %s for its answer", took)
	}
}

// conflict asks for a payment's uuid with another sum. Where the journal has the payment, that is refused.
func (s *Shop) conflict(c *http.Client, y *pay) {
	h := s.house.Load()
	if h == nil {
		return
	}
	if _, there, err := h.journal.Payment(context.Background(), y.uuid); err != nil || !there {
		return
	}
	s.fault("%s is asked for with other content", y.uuid)
	if status := s.ask(c, y, y.minor+1); status != 0 && status != http.StatusConflict {
		s.fail("I1", y.uuid, "other content under its uuid was answered %d", status)
	}
}

// await waits for the outcome, mends what a script broke, and asks once more where the plan says so.
func (s *Shop) await(c *http.Client, y *pay) {
	told := func(patience time.Duration) bool {
		ctx, cancel := context.WithTimeout(s.ctx, patience)
		defer cancel()
		_, err := s.mgr.Wait(ctx, y.uuid)
		return err == nil
	}
	done := told(y.patience)
	y.place.mend()
	if !done && !y.impatient {
		told(5 * time.Minute)
	}
	if y.late && s.accepted(y.uuid) {
		wait(time.Duration(mix(s.plan.seed, uint64(y.minor), 9) % uint64(30*time.Second)))
		s.again(c, y)
	}
}

// again sends the webhook of a payment that was accepted once more: it must be taken, and a final outcome is told again.
func (s *Shop) again(c *http.Client, y *pay) {
	h := s.house.Load()
	var p bridge.Payment
	if h != nil {
		p, _, _ = h.journal.Payment(context.Background(), y.uuid) // a bridge that has ended knows none
	}
	asked := time.Now()
	if status := s.ask(c, y, y.minor); status != 0 && status != http.StatusAccepted {
		s.fail("I4", y.uuid, "it was accepted before, and its webhook is now answered %d", status)
	} else if status == http.StatusAccepted && p.Final() {
		s.mu.Lock()
		defer s.mu.Unlock()
		y.wants = asked
	}
}

func (s *Shop) accepted(uuid string) bool {
	p, _ := s.mgr.Payment(uuid)
	return p.Accepted()
}

// mend plugs in and switches on what a script took.
func (p *place) mend() {
	face := p.sim.Face()
	if !face.Cabled {
		p.press(simulate.PressPlugCable)
	}
	if !face.Powered {
		p.press(simulate.PressRestorePower)
	}
}

// trouble plays what happens at a terminal beside its customers.
func (p *place) trouble() {
	s := p.shop
	for i, a := range p.placePlan.trouble {
		s.due(a)
		if s.calm.Load() {
			return
		}
		s.fault("%s: %s", p.name, a.what)
		switch a.what {
		case "cut line":
			p.disturb(a.what, 0)
			p.cut()
		case "pull cable":
			p.disturb(a.what, a.arg)
			p.press(simulate.PressPullCable)
			wait(a.arg)
			p.press(simulate.PressPlugCable)
		case "power cut":
			p.disturb(a.what, a.arg)
			p.press(simulate.PressCutPower)
			wait(a.arg)
			p.press(simulate.PressRestorePower)
		case "manual sale":
			// More than any customer pays, so that it cannot be taken for theirs.
			p.press(fmt.Sprintf("%s:%d", simulate.PressManualSale, 10_000_001+2*i))
		case "end of day":
			p.press(simulate.PressEndOfDay)
		}
	}
}

// strangers play who calls without the passcode, or not as agreed. None of it may change anything.
func (s *Shop) strangers() {
	for _, a := range s.plan.strange {
		s.due(a)
		if s.calm.Load() {
			return
		}
		s.fault("a stranger: %s", a.what)
		s.stranger(a)
	}
}

// odd is a call that is not in order, and what it may be answered.
type odd struct {
	method, path, body string
	header             map[string]string
	host               string
	signed             bool
	want               []int
}

func (s *Shop) stranger(a act) {
	from := netip.AddrFrom4([4]byte{198, 51, 100, byte(a.n)})
	call := odd{method: http.MethodPost, path: "/mgr/t1", body: fmt.Sprintf(`{"amount": 1.00, "customer_uuid": "c", "payment_uuid": "stray-%x"}`, a.n)}
	times := 1
	switch a.what {
	case "flood", "flood at home":
		if a.what == "flood at home" {
			from = fromBrowser
		}
		times = 2 + int(a.n%29)
		call.header = map[string]string{"X-MGR-PASSCODE": "wrong"}
		call.want = []int{http.StatusUnauthorized, http.StatusTooManyRequests}
	case "preflight":
		call.method, call.body = http.MethodOptions, ""
		call.header = map[string]string{"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Private-Network": "true"}
		call.want = []int{http.StatusNoContent}
	case "foreign page":
		call.signed, call.header, call.want = true, map[string]string{"Origin": "https://evil.example"}, []int{http.StatusForbidden}
	case "foreign host":
		call.signed, call.host, call.want = true, "evil.example", []int{http.StatusMisdirectedRequest}
	default:
		call.signed, call.want = true, []int{http.StatusBadRequest}
		call.body = []string{
			`{"amount": 1e2, "customer_uuid": "c", "payment_uuid": "stray"}`, `{"amount": 12.345, "customer_uuid": "c", "payment_uuid": "stray"}`,
			`{"amount": -1, "customer_uuid": "c", "payment_uuid": "stray"}`, `{"amount": 1, "amount": 2, "customer_uuid": "c", "payment_uuid": "stray"}`,
			`{"amount": 1, "customer_uuid": "c", "payment_uuid": "stray"} {}`, `{"amount": 1, "customer_uuid": "c"`, ``,
		}[a.n%7]
	}
	c := s.network.client(from)
	defer c.CloseIdleConnections()
	var all sync.WaitGroup
	for range times {
		all.Go(func() { s.call(c, call) })
	}
	all.Wait()
}

func (s *Shop) call(c *http.Client, o odd) {
	r, err := http.NewRequestWithContext(s.ctx, o.method, "http://"+doorAt+o.path, bytes.NewReader([]byte(o.body)))
	if err != nil {
		s.fail("I11", "", "%v", err)
		return
	}
	r.Header.Set("Content-Type", "application/json")
	if o.signed {
		s.sign(r)
	}
	for k, v := range o.header {
		r.Header.Set(k, v)
	}
	if o.host != "" {
		r.Host = o.host
	}
	status, text := do(c, r)
	if status != 0 && !slices.Contains(o.want, status) {
		s.fail("I11", "", "a stranger's call, %+v, was answered %d: %s", o, status, text)
	}
}
