//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"tillbridge/bridge"
	"tillbridge/bridge/demo"
	"tillbridge/bridge/journal"
	"tillbridge/bridge/standin"
	"tillbridge/terminal"
)

// silence is how long a payment at the terminal may stand still before the bridge is killed out of it: a driver
// waits three minutes for a terminal that has lost its power, and rightly so.
const silence = 1500 * time.Millisecond

// errPatience says that something that must happen did not.
var errPatience = fmt.Errorf("not settled within %s", patience)

// cycle makes one payment, kills the bridge in it and judges what is left.
func (s *killShop) cycle(n int, p plan) error {
	if more, err := s.since(); err != nil || len(more) > 0 {
		return errors.Join(err, fmt.Errorf("the terminal did something after the payment before was settled: %+v", more))
	}
	s.update(func() {
		s.uuid, s.state, s.story, s.began, s.heard = s.name(n), bridge.None, nil, time.Now(), time.Now()
		s.faults, s.taken, s.cut, s.repeats = append([]standin.Answer(nil), p.faults...), false, p.cut, false
	})
	if err := s.sim.Press(p.script); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s.trigger.load(p.aims[0], s.victim)
	var posts sync.WaitGroup
	s.post(ctx, &posts, p)
	err := s.kills(ctx, p)
	s.trigger.unload()
	s.update(func() { s.cut = 0 })
	s.cuts.Wait()
	if err != nil {
		cancel()
	}
	posts.Wait()
	if err == nil {
		err = s.judge(ctx, p)
	}
	s.settled = s.ledger()
	return err
}

// name is the uuid of the n-th payment.
func (s *killShop) name(n int) string { return fmt.Sprintf("%08d-0000-4000-8000-%012d", s.n, n) }

// post lets MGR ask for the payment.
func (s *killShop) post(ctx context.Context, posts *sync.WaitGroup, p plan) {
	charge := standin.Charge{Amount: terminal.Amount{Minor: p.minor, Currency: euros()}.Decimal(), Customer: "customer", UUID: s.uuid}
	s.update(func() { s.asking += 1 + len(p.repeats) })
	done := func() { s.update(func() { s.asking-- }) }
	posts.Go(func() {
		defer done()
		for s.once(ctx, charge, p.insist) && ctx.Err() == nil {
			idleFor(15*time.Millisecond, ctx.Done())
		}
	})
	for _, d := range p.repeats {
		posts.Go(func() {
			defer done()
			idleFor(d, ctx.Done())
			s.mu.Lock()
			door := s.door
			s.mu.Unlock()
			if door != "" {
				s.charge(ctx, door, charge)
			}
		})
	}
}

func euros() terminal.Currency { return terminal.Currency{Code: "EUR", Numeric: 978, Digits: 2} }

// once posts the webhook as soon as somebody serves, and tells whether to post it again.
func (s *killShop) once(ctx context.Context, charge standin.Charge, insist bool) (again bool) {
	door := ""
	if s.wait(ctx, func() bool { door = s.door; return door != "" }) != nil {
		return false
	}
	s.trigger.saw(atPost, bridge.None)
	switch s.charge(ctx, door, charge) {
	case 0:
		return insist
	case http.StatusAccepted:
		return false
	}
	s.trigger.unsaw(atPost)
	return true
}

// charge posts the webhook and returns its status, 0 where no answer came.
func (s *killShop) charge(ctx context.Context, door string, charge standin.Charge) int {
	status, _, _ := s.mgr.Charge(ctx, door, charge) // MGR's ledger has the rest
	if status == http.StatusAccepted {
		s.trigger.saw(atAccepted, bridge.None)
		s.update(func() { s.taken = true })
	}
	return status
}

// wait waits until something holds that is guarded by mu.
func (s *killShop) wait(ctx context.Context, ok func() bool) error {
	for {
		s.mu.Lock()
		good, news := ok(), s.news
		s.mu.Unlock()
		if good {
			return nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return errPatience
		}
	}
}

// kills carries out the kills of a plan and leaves a bridge that runs, with the payment settled or held.
func (s *killShop) kills(ctx context.Context, p plan) error {
	killed := 0
	for next := 0; ; {
		why, err := s.watch(ctx)
		if err != nil {
			return err
		}
		switch {
		case why == atTheEnd && killed > 0:
			return nil
		case why == atTheEnd, why == atSilence:
			s.note("kill out of %s", momentWords[why])
			s.trigger.unload()
			s.victim.kill()
		default:
			next++
		}
		killed++
		life := time.Since(s.victim.began)
		state, err := s.bury(p.flush)
		if err != nil {
			return fmt.Errorf("read the journal after a kill: %w", err)
		}
		s.note("killed, %s after its start, the payment being %s", life.Round(time.Microsecond), state)
		s.tally.kill(killed, why, state)
		if why == atTheEnd {
			next = len(p.aims)
		}
		if err := s.start(); err != nil {
			return err
		}
		if next < len(p.aims) {
			s.trigger.load(p.aims[next], s.victim)
			s.trigger.saw(atStart, bridge.None)
		}
	}
}

// watch waits until the bridge is killed, until all is settled, or until nothing moves any more.
func (s *killShop) watch(ctx context.Context) (moment, error) {
	tick := time.NewTicker(silence / 10)
	defer tick.Stop()
	for {
		s.mu.Lock()
		still := s.state >= bridge.Sent && s.state <= bridge.Acknowledged && time.Since(s.heard) > silence
		over := s.asking == 0 && (s.state == bridge.Reported || s.state == bridge.Held || s.state == bridge.None && s.door != "" && !s.taken)
		news := s.news
		s.mu.Unlock()
		switch {
		case s.victim.gone():
			return atStart, nil
		case over:
			return atTheEnd, nil
		case still:
			return atSilence, nil
		}
		select {
		case <-s.victim.ended:
		case <-news:
		case <-tick.C:
		case <-ctx.Done():
			return 0, errPatience
		}
	}
}

// judge compares the three ledgers, lets a person settle what is held, and compares them again.
func (s *killShop) judge(ctx context.Context, p plan) error {
	if err := s.idle(ctx); err != nil {
		return err
	}
	v, err := s.compare(p)
	if err != nil || v.payment == nil || v.payment.State != bridge.Held {
		s.tally.outcome(v)
		return err
	}
	s.tally.held(v)
	if err := s.resolve(ctx, p, v); err != nil {
		return fmt.Errorf("settle the held payment: %w", err)
	}
	_, err = s.compare(p)
	return err
}

// idle waits until the terminal is in no payment any more, so that its ledger is complete. A payment that MGR was
// told of before is judged by what the terminal made of it all the same.
func (s *killShop) idle(ctx context.Context) error {
	for {
		changed := s.sim.Changed()
		if !s.sim.Face().Paying {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return errors.New("the terminal does not come to an end")
		}
	}
}

// compare looks at the three ledgers.
func (s *killShop) compare(p plan) (v verdictOn, err error) {
	v = verdictOn{script: p.script, minor: p.minor, before: s.lastBooked(), mute: s.premises.terminal.NoRepeatReceipt, keeps: s.premises.terminal.KeepOnLoss}
	if s.power != nil {
		if err := s.power.steady(); err != nil {
			return v, err
		}
	}
	s.mu.Lock()
	v.again = s.repeats
	s.mu.Unlock()
	v.payment, err = s.read()
	if err != nil {
		return v, err
	}
	v.mgr, _ = s.mgr.Payment(s.uuid)
	if v.entries, err = s.since(); err != nil {
		return v, err
	}
	wrong := append(v.wrong(), s.mgr.Contradicts()...)
	l := demo.Ledgers{MGR: []standin.Payment{v.mgr}, Terminal: v.entries, Currency: euros()}
	if v.payment != nil {
		l.Journal = []bridge.Payment{*v.payment}
	}
	// What a person settled is for our own checks: where nothing was recorded of another amount, Compare cannot know.
	if v.payment == nil || v.payment.Person == nil {
		if err := demo.Compare(l).Err(); err != nil {
			wrong = append(wrong, err.Error())
		}
	}
	if len(wrong) > 0 {
		return v, errors.New(strings.Join(wrong, "; "))
	}
	return v, nil
}

// resolve settles a held payment as a person who reads the terminal's ledger, until the bridge has it. The bridge
// may be killed meanwhile.
func (s *killShop) resolve(ctx context.Context, p plan, v verdictOn) error {
	word := map[string]string{"outcome": "declined", "name": "Torture", "evidence": "the terminal's ledger"}
	if money := v.captured(); len(money) == 1 {
		word["outcome"], word["auth_code"], word["txn_ref"] = "approved", money[0].AuthCode, money[0].Sequence
	}
	body, err := json.Marshal(word)
	if err != nil {
		return err
	}
	s.note("a person settles it as %s", word["outcome"])
	if p.word {
		s.trigger.load(aim{at: atResolve, delay: time.Duration(p.minor) * time.Microsecond}, s.victim)
	}
	for tries := 0; ; tries++ {
		err := s.tell(ctx, body)
		if err == nil {
			if err = s.wait(ctx, func() bool { return s.state == bridge.Reported || s.victim.gone() }); err != nil {
				return err
			}
		}
		s.mu.Lock()
		state := s.state
		s.mu.Unlock()
		switch {
		case s.victim.gone():
			if err := s.again(p); err != nil {
				return err
			}
		case state == bridge.Reported:
			s.trigger.unload()
			return nil
		case err != nil && (ctx.Err() != nil || tries > 100):
			return err
		case err != nil:
			idleFor(20*time.Millisecond, ctx.Done())
		}
	}
}

// again starts a bridge that was killed while a person settled a payment.
func (s *killShop) again(p plan) error {
	s.trigger.unload()
	state, err := s.bury(p.flush)
	if err != nil {
		return err
	}
	s.note("killed while a person settled it, the payment being %s", state)
	s.tally.kill(0, atResolve, state)
	return s.start()
}

// tell posts a person's word once. That the payment is settled already is as good.
func (s *killShop) tell(ctx context.Context, body []byte) error {
	base := ""
	if err := s.wait(ctx, func() bool { base = s.counter; return base != "" || s.victim.gone() }); err != nil || base == "" {
		return err
	}
	password, err := os.ReadFile(filepath.Join(s.data, "counter-password"))
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/api/v1/payments/"+s.uuid+"/resolve", bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.SetBasicAuth("torture", strings.TrimSpace(string(password)))
	r.Header.Set("Content-Type", "application/json")
	r.Close = true
	s.trigger.saw(atResolve, bridge.None)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNoContent || resp.StatusCode == http.StatusConflict {
		return nil
	}
	said, _ := io.ReadAll(io.LimitReader(resp.Body, 4096)) // what can be read is all there is to show
	return fmt.Errorf("%s: %s", resp.Status, said)
}

// tale is everything about the payment in hand, for people.
func (s *killShop) tale(p plan) string {
	var b strings.Builder
	fmt.Fprintf(&b, "plan: %s\nshop: %s\n", p, s.premises)
	s.mu.Lock()
	fmt.Fprintf(&b, "what was done:\n  %s\n", strings.Join(s.story, "\n  "))
	log := append([]string(nil), s.log...)
	s.mu.Unlock()
	show, err := exec.Command(s.exe, "payments", "show", s.uuid, "--config", s.settings).CombinedOutput()
	fmt.Fprintf(&b, "payments show (%v):\n%s\n", err, show)
	for _, e := range s.ledger() {
		fmt.Fprintf(&b, "terminal: %+v\n", e)
	}
	m, _ := s.mgr.Payment(s.uuid)
	asked, _ := json.Marshal(m) // plain values: it cannot fail
	fmt.Fprintf(&b, "MGR: %s\nthe program's last lines:\n  %s\n", asked, strings.Join(log, "\n  "))
	return b.String()
}

// verify checks the whole shop once its last payment is settled.
func (s *killShop) verify() (err error) {
	s.victim.kill()
	<-s.victim.ended
	if more, err := s.since(); err != nil || len(more) > 0 {
		return errors.Join(err, fmt.Errorf("the terminal did something after the last payment was settled: %+v", more))
	}
	j, err := journal.Open(context.Background(), s.path(), journal.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	problems, err := j.Verify(context.Background())
	for _, p := range problems {
		err = errors.Join(err, errors.New(p.String()))
	}
	alarms, e := j.Alarms(context.Background())
	for _, a := range alarms {
		err = errors.Join(err, fmt.Errorf("alarm: %s", a.Text))
	}
	return errors.Join(err, e)
}
