package simulate

import (
	"time"

	"tillbridge/terminal"
)

const (
	breakDelay = 200 * time.Millisecond // from a lost reply to the end of the line
	bodyPINs   = 3                      // wrong PINs that end a payment
	lateGap    = 50 * time.Millisecond  // between a late result of the payment before and this payment
)

// Order is what a till asks for.
type Order struct {
	Kind  string // Sale, Refund or Void
	Minor int64
	Ref   string
	Of    *Record // what a void takes back; its amount counts
	Data  any     // the mouth's own, handed back in Result
}

// Result is the end of a payment, to be told to the till.
type Result struct {
	Order
	Line *Line // nil where the line is gone: then there is nobody to tell
	// End is Approved, or why not: Declined, Cancelled, Timeout, Busy, EndOfDayPending, PrinterOut, Referral, or CablePulled where
	// the terminal is Alone and has not reached its bank.
	End    string
	Record *Record // of an approval, booked
	// Script is what is played, for what the mouth does by itself: BadCRCOnce, LostAck, RepeatStatus, NoAmount.
	Script string
	Stale  bool // it is the result of the payment before, said once more
}

// payment is a payment in progress.
type payment struct {
	b       *Body
	line    *Line // nil where the terminal is Alone
	order   Order
	script  string // empty while the customer is to be asked
	asking  bool   // the customer or the PIN is waited for
	tooLate bool   // the bank is asked: no cancellation any more
	stopped bool   // a cancellation was taken before somebody waited
	wrong   int
	turn    int     // counts waits, so that one that is over is known
	record  *Record // approved and not booked
}

// Begin starts a payment on the line that asked for it, nil for one that is keyed in at a terminal that is Alone, and tells
// false where the terminal is busy. Everything else that becomes of it, a refusal too, comes through Mouth.State.
func (b *Body) Begin(l *Line, o Order) bool {
	if b.off || b.pay != nil {
		return false
	}
	if o.Of != nil {
		o.Minor = o.Of.Minor
	}
	p := &payment{b: b, line: l, order: o, script: b.desk.Begin()}
	b.pay = p
	if l != nil {
		l.split = p.script == SplitFrames
	}
	b.desk.Show(p.title(), b.words.Wait)
	last := b.Last()
	if (p.script == LateFrame || p.script == LateThenDeclined) && last != nil {
		b.mouth.State(Result{Line: l, Order: o, End: Approved, Record: last, Stale: true}, func() {
			p.live(func() { p.wait(lateGap, p.start) })
		})
		return true
	}
	p.start()
	return true
}

// Cancel asks the running payment to end; it tells whether the terminal takes that. The payment's own end comes
// all the same.
func (b *Body) Cancel() bool {
	p := b.pay
	if p == nil || p.tooLate {
		return false
	}
	if p.asking {
		p.decided(Cancelled)
	} else {
		p.stopped = true
	}
	return true
}

// Paying tells whether a payment is in progress.
func (b *Body) Paying() bool { return b.pay != nil }

// Order is what the payment in progress is for; false while there is none.
func (b *Body) Order() (Order, bool) {
	if b.pay == nil {
		return Order{}, false
	}
	return b.pay.order, true
}

func (p *payment) title() string {
	word := map[string]string{Sale: p.b.words.Payment, Refund: p.b.words.Refund, Void: p.b.words.Void}[p.order.Kind]
	return word + " " + terminal.Amount{Minor: p.order.Minor, Currency: p.b.cur}.String()
}

// live goes on if the payment is still the one in progress.
func (p *payment) live(then func()) {
	if p.b.pay == p {
		then()
	}
}

// wait goes on after a time, if nothing else has happened to the payment until then.
func (p *payment) wait(d time.Duration, then func()) {
	p.turn++
	turn := p.turn
	p.b.After(d, func() {
		p.live(func() {
			if p.turn == turn {
				then()
			}
		})
	})
}

// now is the line that the payment's till hears: the one it came by, or the serial line that took its place.
func (p *payment) now() *Line {
	l := p.line
	if l != nil && l.Kind == terminal.Serial {
		l = p.b.serial
	}
	if l == nil {
		return nil
	}
	select {
	case <-l.done:
		return nil
	default:
		return l
	}
}

func (p *payment) start() {
	if !p.refusedAtOnce() {
		p.b.mouth.Progress(p.now(), terminal.Started)
		p.askCard()
	}
}

// refusedAtOnce ends payments that come to no customer.
func (p *payment) refusedAtOnce() bool {
	switch p.script {
	case EndOfDayPending, PrinterOut, Busy:
		p.over(p.script, p.b.words.Declined)
		return true
	}
	return false
}

// askCard waits for the customer, or for the script's.
func (p *payment) askCard() {
	p.b.desk.Show(p.title(), p.b.words.Card)
	p.b.mouth.Progress(p.now(), terminal.CardWait)
	if p.stopped {
		p.decided(Cancelled)
		return
	}
	p.asking = true
	if p.script != "" {
		p.wait(p.b.desk.Think(), func() { p.decided(p.script) })
		return
	}
	choice, pressed := p.b.desk.Ask(func(choice string) {
		p.b.mu.Lock()
		defer p.b.mu.Unlock()
		p.live(func() {
			if p.asking {
				p.decided(choice)
			}
		})
	})
	if pressed {
		p.decided(choice)
		return
	}
	p.wait(p.b.timing.CardTimeout, func() { p.decided(Timeout) })
}

// decided takes what the customer did, or an outcome.
func (p *payment) decided(choice string) {
	p.asking = false
	p.turn++
	p.b.desk.Dismiss()
	choice = Pressed(choice)
	if choice == WrongPIN && (p.wrong == 0 || p.script == "") {
		p.pin(p.mistyped)
		return
	}
	p.script = choice
	if l := p.now(); l != nil {
		l.split = choice == SplitFrames
	}
	switch {
	case p.refusedAtOnce():
	case choice == Cancelled:
		p.over(Cancelled, p.b.words.Cancelled)
	case choice == Timeout:
		p.over(Timeout, p.b.words.Timeout)
	case choice == RebootBefore:
		p.b.reboot()
	default:
		p.pin(p.host)
	}
}

// pin asks for the PIN. A cancellation is still possible.
func (p *payment) pin(then func()) {
	p.b.desk.Show(p.title(), p.b.words.PIN)
	p.b.mouth.Progress(p.now(), terminal.CardRead)
	p.asking = true
	p.wait(p.b.desk.Think(), func() {
		p.asking = false
		then()
	})
}

// mistyped lets the customer try again. The third wrong PIN ends the payment.
func (p *payment) mistyped() {
	if p.wrong++; p.wrong == bodyPINs {
		p.over(Declined, p.b.words.WrongPIN)
		return
	}
	p.b.desk.Show(p.title(), p.b.words.WrongPIN)
	if p.script == "" {
		p.askCard()
		return
	}
	p.pin(p.host)
}

// host asks the bank. The cable comes out here if the script wants that.
func (p *payment) host() {
	if p.stopped {
		p.decided(Cancelled)
		return
	}
	p.tooLate = true
	p.b.desk.Show(p.title(), p.b.words.Wait)
	p.b.mouth.Progress(p.now(), terminal.HostWait)
	if p.script == CablePulled {
		p.b.pullCable()
		p.b.mendLater()
	}
	p.wait(p.b.desk.Think(), p.hostSaid)
}

func (p *payment) hostSaid() {
	if p.b.alone && !p.b.desk.Cabled() {
		p.over(CablePulled, p.b.words.NoBank)
		return
	}
	switch p.script {
	case Declined, LateThenDeclined:
		p.over(Declined, p.b.words.Declined)
		return
	case Referral:
		p.over(Referral, p.b.words.Declined)
		return
	}
	r := p.b.newRecord(p.order.Kind, p.order.Minor)
	r.Ref, r.Data = p.order.Ref, p.order.Data
	if p.order.Of == nil {
		r.Minor, r.Extra, r.Currency = Distorted(p.script, r.Minor, r.Currency)
	}
	p.record = r
	if p.script == PowerCutBefore {
		p.b.cutPower()
		p.b.mendLater()
		return
	}
	p.book()
}

// book makes the money stay, and states the result.
func (p *payment) book() {
	r := p.record
	p.record = nil
	if of := p.order.Of; of != nil {
		of.Voided = true
		p.b.desk.Ledger().Reverse(of.Sequence())
	}
	p.b.book(r)
	text := p.b.words.Approved
	if p.b.alone && p.script == LostReply {
		text = p.b.words.NoPaper // it waits with the result for its paper
	}
	p.b.desk.Show(p.title(), text)
	result := Result{Order: p.order, End: Approved, Record: r, Script: p.script, Line: p.now()}
	switch p.script {
	case PowerCut:
		p.b.cutPower()
		p.b.mendLater()
	case LostReply:
		p.silence(result)
	default:
		p.b.mouth.State(result, p.done)
	}
}

// silence lets nothing reach the till any more and then breaks the line.
func (p *payment) silence(r Result) {
	l := r.Line
	if l != nil {
		l.mute = true
	}
	p.b.mouth.State(r, func() {})
	p.wait(breakDelay, func() {
		l.Cut("the reply was lost")
		p.done()
	})
}

// takeBack writes an approval that was not booked into the ledger as reversed. A void that is taken back leaves no
// entry: its sale stands.
func (p *payment) takeBack() {
	if r := p.record; r != nil && r.Kind != Void {
		p.b.desk.Ledger().Add(r.entry(false))
	}
	p.record = nil
}

// over ends a payment that did not come about.
func (p *payment) over(end, text string) {
	p.tooLate = true
	p.b.desk.Show(p.title(), text)
	p.b.mouth.State(Result{Order: p.order, End: end, Script: p.script, Line: p.now()}, p.done)
}

// done makes the terminal idle again.
func (p *payment) done() {
	p.live(func() {
		p.b.pay = nil
		p.b.desk.End()
		p.b.idle()
	})
}
