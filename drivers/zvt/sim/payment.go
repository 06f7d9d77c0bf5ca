package sim

import (
	"fmt"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

const (
	issueWait  = 2 * time.Second        // before 04 0F comes again after 84 9C, PA00P015 ch. 2.2
	breakDelay = 200 * time.Millisecond // from the last byte of a lost reply to the end of the line
	pinTries   = 3                      // wrong PINs that end a payment
	pinMinor   = 5000                   // contactless payments above need the PIN
)

// payment is the dialogue of a sale, a refund or a reversal.
type payment struct {
	s      *Simulator
	job    *job
	kind   string
	minor  int64
	of     *record // what a reversal reverses
	script string  // empty while the customer is to be asked

	asking  bool // the customer or the PIN is waited for
	tooLate bool // the bank is asked: no abort any more
	stopped bool // an abort was accepted before somebody waited
	wrong   int  // PINs that were wrong

	record *record       // what the bank approved and is not booked
	wait   time.Duration // for the till's answer to 04 0F, from BMP 01
	issues int           // how often 84 9C may still come; below 0 without a limit
}

// pay starts a payment. What is wrong with the command itself is answered here.
func (s *Simulator) pay(t *talk, f fields, kind string, of *record) {
	p := &payment{s: s, kind: kind, of: of, issues: -1}
	var ok bool
	switch p.minor, ok = f.number(0x04); {
	case of != nil:
		p.minor = of.minor
	case !ok:
		t.answer(negative(codeProtocol))
		return
	}
	if v := f[0x01]; len(v) == 1 {
		p.wait = time.Duration(v[0]) * time.Second
	}
	if v := f[0x02]; len(v) == 1 {
		p.issues = int(v[0])
	}
	numeric, named := f.number(0x49)
	p.script = s.desk.Begin()
	if p.script == simulate.Busy {
		s.desk.End()
		t.answer(negative(codeBusy))
		return
	}
	t.answer(positive())
	p.job = s.begin(t)
	p.job.pay = p
	if t.line != nil {
		t.line.Split(p.script == simulate.SplitFrames)
	}
	s.desk.Show(p.title(), "Bitte warten")
	switch {
	case named && numeric != int64(s.cur.Numeric):
		s.conclude(p.job, aborted(codeCurrency))
	case p.minor <= 0:
		s.conclude(p.job, aborted(codeTooSmall))
	case p.late():
	default:
		p.start()
	}
}

func (p *payment) title() string {
	word := map[string]string{simulate.Sale: "Zahlung", simulate.Refund: "Gutschrift", simulate.Void: "Storno"}[p.kind]
	return fmt.Sprintf("%s %s %s", word, p.s.money(p.minor), p.s.cur.Code)
}

// late sends the status information of the last stored transaction once more, if the script wants that and
// there is one.
func (p *payment) late() bool {
	if p.script != simulate.LateFrame && p.script != simulate.LateThenDeclined || len(p.s.stored) == 0 {
		return false
	}
	stale := p.s.status(p.s.stored[len(p.s.stored)-1])
	p.job.talk.command(stale, func([]byte) { p.live(p.start) })
	return true
}

// live goes on if the payment is still the job in progress.
func (p *payment) live(then func()) {
	if p.s.job == p.job {
		then()
	}
}

func (p *payment) start() {
	p.s.tell(p.job, 0x0E, "", func() {
		switch {
		case p.refusedAtOnce():
		case p.kind == simulate.Void:
			p.host()
		default:
			p.s.desk.Show(p.title(), "Karte vorhalten")
			p.s.tell(p.job, 0x0A, "Karte vorhalten\neinstecken/durchziehen", p.askCard)
		}
	})
}

// refusedAtOnce ends payments that come to no customer.
func (p *payment) refusedAtOnce() bool {
	switch p.script {
	case simulate.EndOfDayPending:
		p.refuse(codeEndOfDayPending, "Kassenschnitt\ndurchführen", false)
	case simulate.PrinterOut:
		p.s.conclude(p.job, aborted(codePrinter))
	case simulate.Busy:
		p.s.conclude(p.job, aborted(codeBusy))
	default:
		return false
	}
	return true
}

// askCard waits for the customer, or for the script's.
func (p *payment) askCard() {
	if p.stopped {
		p.decided(simulate.Cancelled)
		return
	}
	p.asking = true
	if p.script != "" {
		p.s.after(p.job, p.s.desk.Think(), func() { p.decided(p.script) })
		return
	}
	choice, pressed := p.s.desk.Ask(func(choice string) {
		p.s.mu.Lock()
		defer p.s.mu.Unlock()
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
	p.job.timer.start(p.s, p.s.opt.CardTimeout, func() { p.decided(simulate.Timeout) })
}

// decided takes what the customer did, or an outcome.
func (p *payment) decided(choice string) {
	p.asking = false
	p.job.timer.stop()
	p.s.desk.Dismiss()
	choice = simulate.Pressed(choice)
	if choice == simulate.WrongPIN && (p.wrong == 0 || p.script == "") {
		p.pin(p.mistyped)
		return
	}
	p.script = choice
	if p.job.talk.line != nil {
		p.job.talk.line.Split(choice == simulate.SplitFrames)
	}
	switch {
	case p.refusedAtOnce():
	case choice == simulate.Cancelled:
		p.refuse(codeAborted, "Abbruch durch Kunde", false)
	case choice == simulate.Timeout:
		p.refuse(codeAborted, "Zeitüberschreitung", false)
	case choice == simulate.RebootBefore:
		p.s.reboot()
	case p.minor > pinMinor:
		p.pin(p.host)
	default:
		p.host()
	}
}

// pin asks for the PIN. An abort is still possible.
func (p *payment) pin(then func()) {
	p.s.desk.Show(p.title(), "PIN eingeben")
	p.s.tell(p.job, 0x01, "ENTER PIN & OK", func() {
		if p.stopped {
			p.decided(simulate.Cancelled)
			return
		}
		p.asking = true
		p.s.after(p.job, p.s.desk.Think(), func() {
			p.asking = false
			then()
		})
	})
}

// mistyped tells the wrong PIN, as an intermediate status and as a status information that is not the last,
// and lets the customer try again. The third one ends the payment.
func (p *payment) mistyped() {
	if p.wrong++; p.wrong == pinTries {
		p.refuse(codeWrongPIN, "PIN zu oft falsch", true)
		return
	}
	p.s.desk.Show(p.title(), "PIN falsch")
	p.s.tell(p.job, 0x15, "PIN falsch", func() {
		p.job.talk.command(p.s.refusal(codeWrongPIN, "PIN falsch", true), func([]byte) {
			p.live(func() {
				if p.script == "" {
					p.askCard()
					return
				}
				p.pin(p.host)
			})
		})
	})
}

// host asks the bank. The cable comes out here if the script wants that.
func (p *payment) host() {
	if p.stopped {
		p.decided(simulate.Cancelled)
		return
	}
	p.tooLate = true
	p.s.desk.Show(p.title(), "Bitte warten")
	p.s.tellAll(p.job, []byte{0x17, 0x04}, func() {
		if p.script == simulate.CablePulled {
			p.s.pullCable()
			p.s.mendLater()
		}
		p.s.after(p.job, p.s.desk.Think(), p.hostSaid)
	})
}

func (p *payment) hostSaid() {
	p.s.nextTrace()
	switch p.script {
	case simulate.Declined, simulate.LateThenDeclined:
		p.refuse(codeDeclined, "Zahlung abgelehnt", true)
	case simulate.Referral:
		p.refer()
	default:
		p.approve()
	}
}

// approve makes the record of what the bank has approved. From here on the terminal owes a booking or a
// reversal.
func (p *payment) approve() {
	r := p.s.newRecord(p.kind, p.minor)
	r.of, r.pin = p.of, p.minor > pinMinor || p.wrong > 0
	if p.of != nil {
		r.card, r.numeric, r.code = p.of.card, p.of.numeric, p.of.code
	} else {
		var booked terminal.Currency
		r.minor, r.tip, booked = simulate.Distorted(p.script, p.minor, p.s.cur)
		r.numeric, r.code, r.noAmount = booked.Numeric, booked.Code, p.script == simulate.NoAmount
	}
	p.record = r
	switch {
	case p.script == simulate.PowerCutBefore:
		p.s.cutPower()
		p.s.mendLater()
	case p.script == simulate.NoStatus:
		p.book()
	case r.pin:
		p.s.tell(p.job, 0x0B, "", p.report)
	default:
		p.report()
	}
}

// report states the result and waits for the till's vote.
func (p *payment) report() {
	p.job.talk.send(&message{
		apdu: p.s.status(p.record), then: func(answer []byte) { p.live(func() { p.voted(answer) }) }, wait: p.wait,
		damage: p.script == simulate.BadCRCOnce,
		deaf:   p.script == simulate.LostAck || p.script == simulate.KeepOnLoss,
		again:  p.script == simulate.RepeatStatus,
	})
}

// voted takes the till's answer to the status information, nil where none came after the repeats.
func (p *payment) voted(answer []byte) {
	switch {
	case answer == nil:
		p.lost()
	case accepted(answer):
		p.print()
	case answer[1] == codeBusy:
		if p.issues == 0 {
			p.reverse()
			return
		}
		p.issues--
		p.s.after(p.job, issueWait, p.report)
	case answer[1] == codePartIssue:
		f, err := parseFields(answer[min(3, len(answer)):])
		minor, there := f.number(0x04)
		if err != nil || !there || minor <= 0 || minor >= p.record.minor {
			p.reverse()
			return
		}
		p.record.minor, p.record.tip = minor, 0
		p.report()
	default:
		p.reverse()
	}
}

// lost decides when the till's answer is missing.
func (p *payment) lost() {
	if p.s.opt.KeepOnLoss || p.script == simulate.KeepOnLoss {
		p.book()
		return
	}
	p.reverse()
}

// print prints both copies. Those that go to the till belong to the chain of acknowledgements.
func (p *payment) print() {
	r := p.record
	if p.script == simulate.RebootAfter {
		p.s.reboot()
		return
	}
	var commands [][]byte
	if p.s.printsAtTill(cfgPrintPayments) {
		commands = append(commands, p.s.printCommands(merchantCopy, p.s.receiptLines(r, merchantCopy))...)
		commands = append(commands, p.s.printCommands(customerCopy, p.s.receiptLines(r, customerCopy))...)
	}
	p.s.sendAll(p.job, commands, func(ok bool) {
		switch {
		case ok:
			p.book()
		case p.job.talk.quiet:
			p.lost()
		default:
			p.reverse()
		}
	})
}

// book makes the money stay, and tells the end.
func (p *payment) book() {
	r := p.record
	p.record = nil
	p.s.book(r)
	if p.s.reg.config&cfgPrintPayments == 0 {
		p.s.desk.Print(p.s.receiptTexts(r, customerCopy))
	}
	p.s.desk.Show(p.title(), "Zahlung erfolgt")
	switch p.script {
	case simulate.PowerCut:
		p.s.cutPower()
		p.s.mendLater()
	case simulate.LostReply:
		p.silence()
	case simulate.Contradiction:
		p.s.conclude(p.job, aborted(codeHostError))
	default:
		p.s.conclude(p.job, finished())
	}
}

// silence lets nothing reach the till any more and then breaks the line.
func (p *payment) silence() {
	l := p.job.talk.line
	if l != nil {
		l.Mute()
	}
	p.job.timer.start(p.s, breakDelay, func() {
		if l != nil {
			l.Cut("the reply was lost")
			p.job.talk.lose(l)
		}
		p.s.done(p.job)
	})
}

// reverse gives the money back by itself and ends without a booking.
func (p *payment) reverse() {
	p.takeBack()
	p.s.desk.Show(p.title(), "Storno, nicht bezahlt")
	p.s.tell(p.job, 0x05, "", func() {
		p.s.after(p.job, p.s.desk.Think(), func() { p.s.conclude(p.job, aborted(codeAborted)) })
	})
}

// takeBack writes an approval that was not booked into the ledger as reversed. A reversal that is taken
// back leaves no entry: its sale stands.
func (p *payment) takeBack() {
	r := p.record
	if r == nil {
		return
	}
	p.record = nil
	if r.kind != simulate.Void {
		p.s.desk.Ledger().Add(p.s.entry(r, false))
	}
}

// refuse ends a payment that did not come about.
func (p *payment) refuse(code byte, text string, withCard bool) {
	p.tooLate = true
	p.s.desk.Show(p.title(), text)
	p.job.talk.command(p.s.refusal(code, text, withCard), func([]byte) {
		p.live(func() { p.s.conclude(p.job, aborted(code)) })
	})
}

// refer refuses, and prints that the acquirer wants to be called.
func (p *payment) refer() {
	const text = "Autorisierungsruf"
	p.s.desk.Show(p.title(), text)
	commands := [][]byte{p.s.refusal(codeReferral, text, true)}
	if p.s.printsAtTill(cfgPrintPayments) {
		commands = append(commands, p.s.printCommands(merchantCopy, p.s.referralLines())...)
	}
	p.s.sendAll(p.job, commands, func(bool) { p.s.conclude(p.job, aborted(codeReferral)) })
}

// abort is 06 B0 during the payment: taken while no bank was asked, else refused with 84 83. The payment's
// own end still comes.
func (p *payment) abort() {
	if p.tooLate {
		p.job.talk.answer(negative(codeNotPossible))
		return
	}
	p.job.talk.answer(positive())
	if !p.asking {
		p.stopped = true
		return
	}
	p.decided(simulate.Cancelled)
}
