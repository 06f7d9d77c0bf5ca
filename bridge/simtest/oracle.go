package simtest

import (
	"strconv"
	"strings"
	"time"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// handed is the moment at which a money command is handed to the line. The world is locked.
func (w *World) handed(c command, l *life) {
	p := c.pay
	if p == nil {
		w.fail(nil, "I8", "a money command for a reference that the journal does not have")
		return
	}
	p.handed++
	p.heard = false
	stored := w.disk.payments[p.order.UUID]
	if p.handed > 1 {
		w.fail(p, "I9", "the money command is handed to the line %d times", p.handed)
	}
	if !stored.State.InFlight() || stored.Reference != c.ref {
		w.fail(p, "I8", "the money command is handed to the line while the journal says %s", stored.State)
	}
	if c.minor != p.order.Amount.Minor {
		w.fail(p, "I6", "the terminal is asked for %d", c.minor)
	}
	if q := w.frozenBy(p.order.UUID); q != nil {
		w.fail(p, "I9", "it is begun while the terminal is bound to %s", q.order.UUID)
	}
	if c.kind != p.order.Kind {
		w.fail(p, "I9", "the terminal is asked for a %s", c.kind)
	}
	if now := w.terminal.now; now != nil && now.p != nil && now.p != p {
		w.point("a command met a terminal that still worked on another payment")
	}
	if p.refusedIn == l && p.pending == 0 || p.refusedIn != nil && !p.unclear {
		w.fail(p, "I4", "it is begun although MGR was told that it is not taken")
	}
	if p.refusedIn != nil && p.unclear {
		w.point("a payment that MGR was not told of was begun after a restart")
	}
}

// acknowledging is the moment at which a result is acknowledged to the terminal.
func (w *World) acknowledging(c command, _ *life) {
	p := c.pay
	seen := w.disk.payments[p.order.UUID].Seen
	if seen == nil || p.stated == nil || seen.AuthCode != p.stated.auth || seen.CapturedMinor == nil || *seen.CapturedMinor != p.stated.minor {
		w.fail(p, "I8", "a result is acknowledged before it is durable")
	}
}

// closing is the moment at which the terminal is told to close its day: what it knows of the last payment goes with that.
func (w *World) closing() {
	w.point("the day was closed from the till")
	for _, p := range w.pays {
		if s := w.disk.payments[p.order.UUID].State; s.InFlight() || s.NotKnown() {
			w.fail(p, "I9", "the terminal's day is closed while the payment is %s", s)
		}
	}
}

// heard is a message that reached the driver.
func (w *World) heard(p *pay, m message) {
	if p != nil && m.verb != garbled && m.verb != saysOdd && m.verb != saysHi && m.verb != saysTaken {
		p.heard = true
	}
}

// booked is a line in the terminal's ledger.
func (w *World) booked(p *pay, b Booking) {
	if !b.Captured {
		for _, t := range p.told {
			if t.Status == "APPROVED" && !p.person {
				w.fail(p, "I3", "the sale is reversed after MGR was told APPROVED")
			}
		}
		return
	}
	p.captures++
	p.booking = &b
	if p.captures > 1 {
		w.fail(p, "I1", "it is captured %d times", p.captures)
	}
	w.givenBack(p)
	if stored := w.disk.payments[p.order.UUID]; stored.Outcome == terminal.Declined && !p.wrong {
		w.fail(p, "I2", "money moves after the payment was declared %s", stored.State)
	}
}

// tell is a notice that reached MGR.
func (w *World) tell(p *pay, t Told) {
	if p.sale != nil {
		w.fail(p, "I4", "MGR is told %s of what it did not order", t.Status)
	}
	if len(p.told) > 0 {
		w.point("MGR was told twice")
		if first := p.told[0]; first.Status != t.Status || first.AuthCode != t.AuthCode || first.TxnRef != t.TxnRef {
			w.fail(p, "I5", "MGR is told %s %s after %s %s", t.Status, t.AuthCode, first.Status, first.AuthCode)
		}
	}
	p.told = append(p.told, t)
	switch {
	case p.wrong:
	case t.Status == "DENIED" && p.booking != nil:
		w.fail(p, "I2", "MGR is told DENIED and the money moved")
	case t.Status == "DENIED" && (t.AuthCode != "" || t.TxnRef != ""):
		w.fail(p, "I2", "a denial carries an approval's references")
	case t.Status == "APPROVED" && p.booking == nil:
		w.fail(p, "I3", "MGR is told APPROVED and no money moved")
	case t.Status == "APPROVED" && (t.AuthCode != p.booking.Auth || t.TxnRef != strconv.Itoa(p.booking.Seq)):
		w.fail(p, "I3", "MGR is told code %s and reference %s, the ledger has %s and %d", t.AuthCode, t.TxnRef, p.booking.Auth, p.booking.Seq)
	}
}

// recovered is what a recovery brought, before the bridge has made anything of it.
func (w *World) recovered(p *pay, r terminal.Result, l *life) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p == nil || l.dead || r.Outcome == terminal.Unknown {
		return
	}
	p.asked = r.Outcome
	if stored := w.disk.payments[p.order.UUID]; stored.Final() && stored.Outcome != r.Outcome {
		p.alarmDue = l
	}
}

// journalled is a step that has become durable.
func (w *World) journalled(t bridge.Transition) {
	p, after, e := w.byUUID[t.After.UUID], t.After, t.Event
	w.say("journal: %s is %s %s", after.UUID, after.State, after.Reason)
	w.secret(p, after.Reason)
	for _, r := range []*terminal.Result{after.Seen, after.Result, e.Result} {
		if r != nil {
			w.secret(p, r.Text)
		}
	}
	if t.Before.Final() && (!after.Final() || after.Outcome != t.Before.Outcome) {
		w.fail(p, "I5", "the outcome changes from %s to %s", t.Before.Outcome, after.Outcome)
	}
	switch e.Kind {
	case bridge.Accept:
		w.acceptedNow(p, after)
	case bridge.Arm:
		p.armedWall, p.offsetAtArm, p.markless = e.At, w.offset, w.terminal.markless
		w.markIsNew(p, e.Mark)
		if q := w.frozenBy(after.UUID); q != nil {
			w.fail(p, "I9", "it is armed while the terminal is bound to %s", q.order.UUID)
		}
	case bridge.Report:
		if len(p.told) == 0 {
			w.fail(p, "I8", "it is recorded as reported and MGR was told nothing")
		}
	case bridge.Late:
		p.alarms++
		p.alarmDue = nil
		w.point("late evidence raised an alarm")
	case bridge.Find:
		p.asked = terminal.Unknown
		if t.Before.State == bridge.Held && after.Final() {
			w.point("later evidence settled a hold")
		}
	case bridge.Resolve:
		p.person, p.wrong = true, (after.Outcome == terminal.Approved) != (p.booking != nil)
		w.point("a person settled a payment as " + after.Outcome.String())
		if p.wrong {
			w.point("a person settled a payment wrongly")
		}
		if p.asked != terminal.Unknown && p.asked != after.Outcome {
			p.alarmDue = w.life
		}
	}
	switch {
	case after.State == bridge.Held && t.Before.State != bridge.Held:
		w.held(p, after)
	case after.Final() && !t.Before.Final():
		w.decided(p, after)
	}
}

// markIsNew checks the mark that a payment is armed with: one of before something that the bridge knows by then would
// hold the payment without need once its line is lost. A person's word tells no number.
func (w *World) markIsNew(p *pay, m terminal.Mark) {
	mark, err := strconv.Atoi(string(m))
	if err != nil {
		return
	}
	if mark < w.terminal.openSeq {
		w.fail(p, "I16", "it is armed with mark %d; the terminal was at %d when the line was opened", mark, w.terminal.openSeq)
	}
	for _, q := range w.pays {
		if stored := w.disk.payments[q.order.UUID]; stored.Outcome == terminal.Approved && !q.person && q.booking != nil && mark < q.booking.Seq {
			w.fail(p, "I16", "it is armed with mark %d although the journal has %s, which the terminal booked as %d", mark, q.order.UUID, q.booking.Seq)
		}
	}
}

func (w *World) acceptedNow(p *pay, after bridge.Payment) {
	if q := w.byRef[after.Reference]; q != nil && q != p {
		w.fail(p, "I9", "it has the reference of %s", q.order.UUID)
	}
	p.ref = after.Reference
	w.byRef[p.ref] = p
	if q := w.frozenBy(after.UUID); q != nil {
		w.fail(p, "I9", "it is accepted while the terminal is bound to %s", q.order.UUID)
	}
	if after.Amount != p.order.Amount {
		w.fail(p, "I6", "it is journalled as %s", after.Amount)
	}
}

func (w *World) secret(p *pay, text string) {
	if strings.Contains(text, "411111") || strings.Contains(text, "4111 1111") {
		w.fail(p, "I10", "a card number is in the journal: %s", text)
	}
}

// decided is a payment that has become final.
func (w *World) decided(p *pay, after bridge.Payment) {
	w.cells.proof(after.Outcome, after.Proof)
	w.terminal.advance(time.Now())
	if p.person || after.Proof == terminal.Person {
		return
	}
	working := w.terminal.now != nil && w.terminal.now.p == p
	b := p.booking
	switch {
	case after.Proof == terminal.NothingSent && p.handed > 0:
		w.fail(p, "I2", "it is declared %s although the command was handed to the line", after.State)
	case after.Proof != terminal.NothingSent && p.handed > 0 && !p.heard:
		w.fail(p, "I14", "it is declared %s without a word from the terminal", after.State)
	case after.Outcome == terminal.Declined && b != nil:
		w.fail(p, "I2", "it is declared %s (%s) and the money moved", after.State, after.Proof)
	case after.Outcome == terminal.Declined && working:
		w.fail(p, "I2", "it is declared %s (%s) while the terminal works on it", after.State, after.Proof)
	case after.Outcome == terminal.Approved && b == nil:
		w.fail(p, "I3", "it is declared approved (%s) and no money moved", after.Proof)
	case after.Outcome == terminal.Approved && (b.Currency != eur.Numeric || !w.explained(after, b)):
		w.fail(p, "I6", "it is declared approved with %d in currency %d instead of %s", b.Minor, b.Currency, after.Amount)
	case after.Outcome == terminal.Approved && after.Result.Captured(after.Amount).Minor != b.Minor:
		w.fail(p, "I6", "the journal says %s, the ledger %d", after.Result.Captured(after.Amount), b.Minor)
	}
}

// explained tells whether the sum in the ledger may be reported as the payment's.
func (w *World) explained(after bridge.Payment, b *Booking) bool {
	more := b.Minor - after.Amount.Minor
	return more == 0 || more > 0 && after.Result.ExtraMinor == more
}

// held is a payment that was put on hold: is it right?
func (w *World) held(p *pay, after bridge.Payment) {
	w.holds++
	w.terminal.advance(time.Now())
	why := w.undecidable(p, after)
	if why == "" {
		w.fail(p, "I16", "it is put on hold although the terminal's evidence decides it (%s)", after.Reason)
		return
	}
	w.point("held: " + why)
}

// undecidable tells why nothing but a person can decide a payment whose conversation is over; empty where its class
// of terminal does decide it. What decides, by class:
//
// C0 nothing, once the command may have been sent. C1 the conversation alone: undecidable when it was disturbed.
// C3 the query by our reference, always. C2 the last record when it is ours and was stated to us, or when no other
// sale came between it and a mark that was known, the clocks agree and the day was not ended; an unchanged mark.
// In every class a sum or currency that is not what was asked, unless a tip that the terminal names explains it: a
// record does not name it, the result that was seen does. C4 adds nothing to doubt: what was not acknowledged is
// reversed, and the record or the query shows it.
func (w *World) undecidable(p *pay, after bridge.Payment) string {
	b := p.booking
	ours := after.Seen != nil && b != nil && after.Seen.AuthCode == b.Auth
	switch {
	case after.Driver == "":
		return ""
	case w.class.Has(terminal.C0):
		return "nothing can be read"
	case p.sale != nil && p.disturbed:
		return "a return that broke off"
	case b != nil && (b.Currency != eur.Numeric || b.Minor < after.Amount.Minor):
		return "another sum or currency"
	case !w.class.Has(terminal.C2) && !w.class.Has(terminal.C3):
		if p.disturbed {
			return "only the conversation tells, and it was disturbed"
		}
		return ""
	case b != nil && b.Minor != after.Amount.Minor && !ours:
		return "a tip that no record names"
	case w.class.Has(terminal.C3):
		return ""
	}
	return w.unclearRecord(p, after, ours)
}

// unclearRecord tells why the one-slot record of the last transaction does not decide.
func (w *World) unclearRecord(p *pay, after bridge.Payment, ours bool) string {
	var last *Booking
	foreign := false
	mark, err := strconv.Atoi(string(after.Mark))
	for i := range w.terminal.ledger {
		x := &w.terminal.ledger[i]
		if x.Captured {
			last = x
			foreign = foreign || x.Manual && x.Seq > mark
		}
	}
	b := p.booking
	switch {
	case b != nil && ours && last.Seq == b.Seq && !b.cleared && !last.cleared:
		return ""
	case err != nil && p.markless:
		return "the terminal did not tell its last transaction"
	case err == nil && foreign:
		return "another sale at the terminal"
	case b != nil && last.cleared:
		return "the day was ended"
	case b != nil && p.offsetAtArm > 0:
		return "the clocks do not agree"
	}
	return ""
}

// finished checks a story at its end, when faults have stopped and time enough has passed.
func (w *World) finished() {
	select {
	case leak := <-w.leaks:
		w.fail(nil, "I10", "a card number is in the log: %s", leak)
	default:
	}
	for _, p := range w.pays {
		stored := w.disk.payments[p.order.UUID]
		switch {
		case stored.State == bridge.None && (len(p.accepted) > 0 || len(p.told) > 0 || p.handed > 0 || p.captures > 0):
			w.fail(p, "I4", "the journal does not have it")
		case stored.State == bridge.None:
		case stored.State == bridge.Reported && len(p.told) == 0:
			w.fail(p, "I4", "the journal says reported and MGR was told nothing")
		case stored.State == bridge.Held && len(p.told) > 0:
			w.fail(p, "I4", "it is on hold, and MGR was told")
		case !stored.Done() && stored.State != bridge.Held:
			w.fail(p, "I16", "it is %s after the faults stopped: %s", stored.State, stored.Reason)
		case stored.State == bridge.Reported && !p.wants.IsZero() && p.told[len(p.told)-1].At.Before(p.wants):
			w.fail(p, "I4", "MGR asked again, got 202 and was told nothing since")
		}
		if p.alarmDue != nil {
			w.fail(p, "I5", "evidence against the outcome came and no alarm was raised")
		}
	}
}
