package simtest

import (
	"context"
	"errors"
	"strconv"
	"time"

	"tillbridge/bridge"
)

// addReturn makes the owner want to give a sale back, a part of it or all.
func (w *World) addReturn(sale *pay, k bridge.Kind, minor int64) *pay {
	p := w.add(minor)
	p.sale = sale
	p.order.Kind, p.order.Sale, p.order.By = k, sale.order.UUID, "Olga"
	return p
}

// writeReturns puts returns of the script's sales into it, in a part of the stories.
func (s *story) writeReturns(sales []*pay) {
	d := &dice{seed: mix(s.seed, 9)} // of its own, so that the other stories stay what they were
	if !d.chance(30) {
		return
	}
	at := 30 * time.Second
	for _, p := range sales {
		at += d.between(5*time.Second, 60*time.Second)
		for range 1 + d.below(3) {
			k, minor := bridge.Refund, p.order.Amount.Minor
			switch d.below(4) {
			case 0:
				k = bridge.Void
			case 1, 2:
				minor = (minor + 1) / 2
			}
			q := s.addReturn(p, k, minor)
			s.at(at, Returned, q, 0)
			if d.chance(40) { // the owner presses twice, or looks again after a death
				s.at(at+d.between(0, 20*time.Second), Returned, q, 0)
			}
			at += d.between(time.Second, 30*time.Second)
		}
	}
}

// writeClosings puts ends of day from the till into the script of a part of the stories.
func (s *story) writeClosings() {
	d := &dice{seed: mix(s.seed, 11)}
	s.scheduled = d.chance(10)
	if !d.chance(15) {
		return
	}
	for range 1 + d.below(3) {
		s.at(d.between(5*time.Second, 4*time.Minute), Closed, s.pays[0], 0)
	}
}

// giveBack orders a return, as the owner does at the counter screen.
func (s *story) giveBack(p *pay) {
	w, l := s.World, s.life
	w.mu.Lock()
	w.current = p.order.UUID
	if b := p.sale.booking; p.order.Kind == bridge.Void && b != nil && w.disk.payments[p.order.UUID].State == bridge.None {
		p.order.Amount.Minor = b.Minor
	}
	w.say("Olga orders a %s of %s for %s", p.order.Kind, p.order.Amount, p.order.Sale)
	p.pending++
	o := p.order
	w.mu.Unlock()
	err := l.desk.Return(context.WithValue(l.ctx, firstReadKey{}, &firstRead{actor: int(actorStory)}), o)
	w.mu.Lock()
	defer w.mu.Unlock()
	p.pending--
	var refusal *bridge.Refusal
	switch {
	case l.dead:
		p.lost, p.refusedIn = true, nil
	case err == nil:
		p.accepted, p.refusedIn = append(p.accepted, time.Now()), nil
	default:
		w.say("not ordered: %v", err)
		if errors.As(err, &refusal) {
			w.refused(p, l, false, refusal.Kind, false)
		} else {
			w.refused(p, l, true, 0, false)
		}
	}
}

// givenBack checks what has moved back for a sale, by the terminal's ledger.
func (w *World) givenBack(p *pay) {
	if p.sale == nil {
		return
	}
	w.point("a " + p.order.Kind.String() + " moved money")
	var sum int64
	excused := p.sale.person // what a person said of the sale is what it is measured by
	for _, q := range w.pays {
		if q.sale == p.sale && q.booking != nil {
			sum += q.booking.Minor
			excused = excused || q.wrong
		}
	}
	switch {
	case excused:
	case p.sale.booking == nil:
		w.fail(p, "I1", "money is given back for a sale that took none")
	case sum > p.sale.booking.Minor:
		w.fail(p, "I1", "%d is given back of %d", sum, p.sale.booking.Minor)
	}
}

// asks checks that a driver is asked about sales only: what it compares a record with is a sale.
func (w *World) asks(p *pay) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p.sale != nil {
		w.fail(p, "I2", "the terminal's records of sales are asked about a %s", p.order.Kind)
	}
}

// voids checks that a reversal names the sale that it is for.
func (w *World) voids(ref, txnRef string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.byRef[ref]
	if b := p.sale.booking; b != nil && !p.sale.person && txnRef != strconv.Itoa(b.Seq) {
		w.fail(p, "I9", "the sale with number %s is to be reversed, not %d", txnRef, b.Seq)
	}
}
