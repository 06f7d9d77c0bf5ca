package demo

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

const (
	clerkName  = "Anna"
	clerkEvery = 100 * time.Millisecond // between two looks at the counter screen
	clerkReads = 100 * time.Millisecond // what is printed
	clerkLimit = 10 * time.Second       // for one page
	pageLimit  = 1 << 20
)

// clerk is the person at the counter of a demo whose terminal has no connection. They work with what people have: the pages of
// the counter screen, and a terminal that shows and prints.
type clerk struct {
	hand     simulate.Clerk
	light    func() bool   // without it nobody works
	counter  string        // host:port of the counter screen
	password func() string // empty while there is none
	currency terminal.Currency
	tell     func(format string, args ...any)
	leave    func(uuid string) // a payment stays on hold for somebody who knows more
	fail     func(error)

	browser  *http.Client
	since    time.Time // whatever was sold since then was this clerk's doing
	question string    // the one that was answered last, so that the card is charged once for each
	answer   terminal.Answer
	left     string
	away     bool // the counter screen does not answer
}

// clerkOf is who works the terminal of a driver that uses no line; nil where it uses one.
func clerkOf(d terminal.Driver, sim terminal.Simulator) (simulate.Clerk, error) {
	if !d.Line.None() {
		return nil, nil
	}
	c, works := sim.(simulate.Clerk)
	if !works {
		return nil, fmt.Errorf("demo: the driver %s uses no line, and its simulator plays nobody who works the terminal", d.Name)
	}
	return c, nil
}

// clerk is the one who works in this payment's demo.
func (r *once) clerk(ctx context.Context) *clerk {
	say := func(f func()) {
		select {
		case r.says <- f:
		case <-ctx.Done():
		}
	}
	return &clerk{
		hand: r.hand, light: func() bool { return r.sim.Face().Powered }, counter: r.counter, password: r.password, currency: r.currency(), since: time.Now(),
		tell: func(format string, args ...any) {
			at := time.Now()
			say(func() { r.tell(at, "clerk", format, args...) })
		},
		leave: func(uuid string) { say(func() { r.left = uuid }) },
		fail:  func(err error) { say(func() { r.refused = err }) },
	}
}

// heard takes what the clerk has said by now.
func (r *once) heard() {
	for {
		select {
		case said := <-r.says:
			said()
		default:
			return
		}
	}
}

// errAway is why a page of the counter screen did not come.
var errAway = errors.New("the counter screen does not answer")

// work answers what the counter screen asks, and settles what is on hold there, until ctx ends.
func (c *clerk) work(ctx context.Context) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		c.fail(err)
		return
	}
	c.browser = &http.Client{Jar: jar, Timeout: clerkLimit}
	for ctx.Err() == nil {
		err := c.look(ctx)
		switch away := errors.Is(err, errAway); {
		case ctx.Err() != nil:
			return
		case err != nil && !away:
			c.fail(fmt.Errorf("the clerk cannot go on: %w", err))
			return
		case away && !c.away && c.question != "":
			c.tell("finds that the counter screen does not answer.")
			fallthrough
		default:
			c.away = away
		}
		pause(ctx, clerkEvery)
	}
}

// What a clerk sees on the pages.
var (
	seenAsking = regexp.MustCompile(`href="/terminal/question\?`)
	seenHold   = regexp.MustCompile(`(?s)<article class="unknown".*?href="/payment\?uuid=([^"&]+)"`)
	seenID     = regexp.MustCompile(`name="question" value="([^"]+)"`)
	seenAmount = regexp.MustCompile(`<h1[^>]*>[^<]*<span class="amount">([^<]+)</span>`)
	seenAgain  = regexp.MustCompile(`<p class="banner warn">`)
	seenWrong  = regexp.MustCompile(`<p class="banner bad"`)
	seenToken  = regexp.MustCompile(`name="token" value="([^"]+)"`)
)

// look looks at the first page once, and does what is to be done.
func (c *clerk) look(ctx context.Context) error {
	if !c.light() || c.password() == "" {
		return nil
	}
	p, err := c.open(ctx, "/")
	if err != nil {
		return err
	}
	if p.path == "/sign-in" {
		if p, err = c.send(ctx, "/sign-in", url.Values{"name": {clerkName}, "password": {c.password()}}); err != nil {
			return err
		}
		c.tell("%s signs in at the counter screen.", clerkName)
	}
	if seenAsking.MatchString(p.text) {
		return c.say(ctx)
	}
	if uuid := p.find(seenHold); uuid != "" && uuid != c.left {
		return c.settle(ctx, uuid)
	}
	return nil
}

// say types what the terminal printed.
func (c *clerk) say(ctx context.Context) error {
	p, err := c.open(ctx, "/terminal/question?terminal="+terminalName)
	if err != nil || p.find(seenID) == "" {
		return err // the driver is about to ask, or does not ask any more
	}
	q := terminal.Question{Again: seenAgain.MatchString(p.text), Problem: seenWrong.FindString(p.text)}
	if q.Amount, err = c.amount(p); err != nil {
		return err
	}
	if id := p.find(seenID); id != c.question {
		if !q.Again {
			c.tell("reads %s on the counter screen, and keys it in at the terminal.", q.Amount)
		}
		if c.answer, err = c.hand.Answer(ctx, q); err != nil {
			return err
		}
		c.question = id
		pause(ctx, clerkReads)
	}
	if !c.light() {
		return nil
	}
	form := url.Values{"terminal": {terminalName}, "question": {c.question}, "choice": {"unsure"}}
	switch a := c.answer; a.Outcome {
	case terminal.Approved:
		again := map[bool]string{true: ", once more"}[q.Again]
		c.tell("types what it printed%s: charged, code %s, reference %s.", again, a.AuthCode, a.TxnRef)
		form["choice"], form["auth_code"], form["txn_ref"] = []string{"charged"}, []string{a.AuthCode}, []string{a.TxnRef}
	case terminal.Declined:
		c.tell("types that it printed: not charged.")
		form["choice"] = []string{"not-charged"}
	default:
		c.tell("cannot tell from the paper what became of it, and says so.")
	}
	_, err = c.send(ctx, "/terminal/answer", form)
	return err
}

// settle settles a payment that is on hold by what the terminal's own journal says.
func (c *clerk) settle(ctx context.Context, uuid string) error {
	p, err := c.open(ctx, "/payment?"+url.Values{"uuid": {uuid}}.Encode())
	if err != nil {
		return err
	}
	amount, err := c.amount(p)
	if err != nil {
		return err
	}
	a, err := c.hand.Look(amount, c.since)
	if err != nil {
		return err
	}
	pause(ctx, clerkReads)
	form := url.Values{"uuid": {uuid}, "choice": {"not-charged"}, "name": {clerkName}, "evidence": {"The terminal's own journal, which it printed."}}
	switch a.Outcome {
	case terminal.Approved:
		c.tell("looks into the terminal's journal, and settles the payment: charged, code %s, reference %s.", a.AuthCode, a.TxnRef)
		form["choice"], form["auth_code"], form["txn_ref"] = []string{"charged"}, []string{a.AuthCode}, []string{a.TxnRef}
	case terminal.Declined:
		c.tell("looks into the terminal's journal, and settles the payment: not charged.")
	default:
		c.tell("finds something else than %s in the terminal's journal, and leaves the payment on hold for the owner.", amount)
		c.left = uuid
		c.leave(uuid)
		return nil
	}
	if p, err = c.send(ctx, "/payment/settle", form); err != nil || p.find(seenToken) == "" {
		return err // more was learnt meanwhile, or the bridge was started anew
	}
	_, err = c.send(ctx, "/payment/confirm", url.Values{"uuid": {uuid}, "token": {p.find(seenToken)}})
	return err
}

// amount is what a page is about.
func (c *clerk) amount(p seenPage) (terminal.Amount, error) {
	number, code, _ := strings.Cut(p.find(seenAmount), " ")
	if code != c.currency.Code {
		return terminal.Amount{}, fmt.Errorf("%s names no amount in %s", p.path, c.currency.Code)
	}
	return terminal.ParseAmount(strings.ReplaceAll(number, ",", ""), c.currency) // English pages group digits by commas
}

// seenPage is a page of the counter screen.
type seenPage struct{ path, text string }

// find is what a pattern has in its brackets; empty where it is not on the page.
func (p seenPage) find(r *regexp.Regexp) string {
	if m := r.FindStringSubmatch(p.text); m != nil {
		return html.UnescapeString(m[1])
	}
	return ""
}

func (c *clerk) open(ctx context.Context, path string) (seenPage, error) {
	return c.fetch(ctx, http.MethodGet, path, nil)
}

func (c *clerk) send(ctx context.Context, path string, form url.Values) (seenPage, error) {
	return c.fetch(ctx, http.MethodPost, path, form)
}

// fetch is a page, where the browser ends up. A conflict is a page too: what was typed came too late.
func (c *clerk) fetch(ctx context.Context, method, path string, form url.Values) (seenPage, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://"+c.counter+path, strings.NewReader(form.Encode()))
	if err != nil {
		return seenPage{}, err
	}
	r.Header.Set("Accept-Language", "en")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := c.browser.Do(r)
	if err != nil {
		return seenPage{}, fmt.Errorf("%w: %w", errAway, err)
	}
	defer func() { _ = answer.Body.Close() }() // it was read
	text, err := io.ReadAll(io.LimitReader(answer.Body, pageLimit))
	switch {
	case err != nil:
		return seenPage{}, fmt.Errorf("%w: %w", errAway, err)
	case answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusConflict:
		return seenPage{}, fmt.Errorf("the counter screen answers %s to %s", answer.Status, path)
	}
	return seenPage{answer.Request.URL.Path, string(text)}, nil
}
