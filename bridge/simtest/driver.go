package simtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"tillbridge/bridge"
	"tillbridge/terminal"
)

// modelDriver is the till's side of the model protocol. What a real driver does with bytes is left out; what it
// does with outcomes is not.
func (l *life) modelDriver() terminal.Driver {
	class := l.w.class
	return terminal.Driver{
		Name: "model", Title: "model terminal", Evidence: class,
		Open: func(ctx context.Context, env terminal.Env, _ any) (terminal.Session, error) {
			s := &session{life: l, w: l.w, dial: env.Dial}
			if err := s.connect(ctx); err != nil {
				return nil, err
			}
			if class.Has(terminal.C2) {
				return &marking{s}, nil
			}
			return s, nil
		},
	}
}

// Time-outs of the model protocol.
const (
	answerWait = 5 * time.Second
	resultWait = 3 * time.Minute
)

var (
	errAnswer = errors.New("the terminal's answer makes no sense")
	errLine   = errors.New("the line is lost")
	errNobody = errors.New("nothing is plugged in")

	errBreakdown = errors.New("a driver breaks down, card 4111111111111111")
)

// port makes a line look like one for those who only close it.
type port struct {
	w    *World
	line *line
}

func (*port) Read([]byte) (int, error)        { return 0, errLine }
func (*port) Write([]byte) (int, error)       { return 0, errLine }
func (*port) SetReadDeadline(time.Time) error { return nil }
func (p *port) Gone() <-chan struct{}         { return p.line.gone }

func (p *port) Close() error {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.line.cut()
	return nil
}

type session struct {
	life *life
	w    *World
	dial func(context.Context) (terminal.Port, error)
	port *port
	pay  *pay // whose conversation it is, for the oracle
}

// marking is a session whose terminal tells its last transaction.
type marking struct{ *session }

func (s *session) connect(ctx context.Context) error {
	if s.port != nil {
		return nil
	}
	p, err := s.dial(ctx)
	if err != nil {
		return err
	}
	s.port = p.(*port)
	if err := s.send(opGreet, command{}); err != nil {
		_ = s.Close()
		return err
	}
	for {
		m, err := s.hear(ctx, answerWait)
		switch {
		case err != nil:
			_ = s.Close()
			return err
		case m.verb == saysHi:
			return nil
		} // what is left of another conversation
	}
}

func (s *session) Close() error {
	if s.port == nil {
		return nil
	}
	err := s.port.Close()
	s.port = nil
	return err
}

// Cancel asks the terminal to send the customer away.
func (s *session) Cancel() {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if p := s.port; p != nil && !p.line.closed && !s.life.dead {
		s.w.terminal.cancel()
	}
}

// send hands a command to the line.
func (s *session) send(op Op, c command) error {
	actorTill.pass(s.w)
	w, l := s.w, s.port.line
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.life.dead {
		return errDead
	}
	if l.closed {
		if op == opPay {
			s.pay.disturbed = true
			w.handed(c, s.life) // handing over has begun, whatever the line says
		}
		return errLine
	}
	return s.life.do(op, s.uuid(), "", func(f Fault) error {
		switch op {
		case opPay:
			w.handed(c, s.life)
		case opAck:
			w.acknowledging(c, s.life)
		case opSettle:
			w.closing()
		}
		s.touch(f)
		switch f {
		case Panic:
			panic(errBreakdown.Error())
		case SendFails:
			l.cut()
			return errLine
		case SendLost:
			return nil
		case SendTwice:
			w.terminal.hears(op, c)
		}
		w.terminal.hears(op, c)
		if f == SendCut {
			l.cut()
			return errLine
		}
		return nil
	})
}

// touch notes a fault in a payment's conversation for the oracle.
func (s *session) touch(f Fault) {
	if f != None && s.pay != nil {
		s.pay.disturbed = true
	}
}

func (s *session) uuid() string {
	if s.pay != nil {
		return s.pay.order.UUID
	}
	return s.w.current
}

// hear waits for the next message.
func (s *session) hear(ctx context.Context, within time.Duration) (message, error) {
	w, l := s.w, s.port.line
	deadline := time.Now().Add(within)
	for {
		w.mu.Lock()
		now := time.Now()
		w.terminal.advance(now)
		switch {
		case s.life.dead:
			w.mu.Unlock()
			return message{}, errDead
		case l.closed:
			w.mu.Unlock()
			return message{}, errLine
		}
		if i := l.come(now); i >= 0 {
			m, again, hang, err := s.take(l, i)
			w.mu.Unlock()
			if errors.Is(err, errBreakdown) {
				panic(err.Error())
			}
			if hang > 0 {
				s.life.hang(hang)
			}
			if !again {
				return m, err
			}
			continue
		}
		until := deadline
		if at, ok := w.terminal.next(); ok && at.Before(until) {
			until = at
		}
		for _, m := range l.queue {
			if m.at.Before(until) {
				until = m.at
			}
		}
		w.mu.Unlock()
		if !now.Before(deadline) {
			return message{}, os.ErrDeadlineExceeded
		}
		if err := s.life.until(ctx, actorTill.after(until), l.gone); err != nil {
			return message{}, err
		}
	}
}

// take takes the first message that has come; it says to wait again where a fault swallowed it, or for how long
// the driver hangs before it goes on. The world is locked.
func (s *session) take(l *line, i int) (m message, again bool, hang time.Duration, err error) {
	w := s.w
	m = l.queue[i]
	l.queue = slices.Delete(l.queue, i, i+1)
	if m.struck {
		w.heard(s.pay, m)
		return m, false, 0, nil
	}
	m.struck = true
	now := time.Now()
	err = s.life.do(opHear, s.uuid(), verbWords[m.verb], func(f Fault) error {
		s.touch(f)
		switch f {
		case CutBefore:
			l.cut()
			return errLine
		case HearLost:
			again = true
		case HearGarble:
			m.verb = garbled
		case HearTwice:
			l.queue = append([]message{m}, l.queue...)
		case HearDelayed:
			m.at = now.Add(time.Duration(500+w.roll(opHear, 4000)) * time.Millisecond)
			l.queue, again = append(l.queue, m), true
		case HearLate:
			w.terminal.late = append(w.terminal.late, m)
			again = true
		case HearOdd:
			l.queue = append([]message{m}, l.queue...)
			m = message{verb: saysOdd, struck: true}
		case Panic:
			return errBreakdown
		case Hang:
			hang = time.Duration(1+w.roll(opHear, 5400)) * time.Second
		case PowerCut:
			w.terminal.powerCut(time.Duration(5+w.roll(opHear, 40)) * time.Second)
			return errLine
		}
		if !again {
			w.heard(s.pay, m)
		}
		if f == CutAfter {
			l.cut()
		}
		return nil
	})
	return m, again, hang, err
}

func (s *session) Pay(ctx context.Context, r terminal.Request, till terminal.Till) (terminal.Result, error) {
	return s.carryOut(ctx, bridge.Sale, r, till)
}

func (s *session) Refund(ctx context.Context, r terminal.Request, till terminal.Till) (terminal.Result, error) {
	return s.carryOut(ctx, bridge.Refund, r, till)
}

func (s *session) Void(ctx context.Context, r terminal.Request, sale terminal.Result, till terminal.Till) (terminal.Result, error) {
	s.w.voids(r.Reference, sale.TxnRef)
	return s.carryOut(ctx, bridge.Void, r, till)
}

// carryOut has the terminal move money, one way or the other.
func (s *session) carryOut(ctx context.Context, k bridge.Kind, r terminal.Request, till terminal.Till) (terminal.Result, error) {
	s.pay = s.w.byReference(r.Reference)
	defer func() { s.pay = nil }()
	if err := s.connect(ctx); err != nil {
		return terminal.Result{}, fmt.Errorf("%w: %w", terminal.ErrNotSent, err)
	}
	if ctx.Err() != nil {
		return terminal.Result{}, fmt.Errorf("%w: %w", terminal.ErrNotSent, ctx.Err())
	}
	if err := s.send(opPay, command{r.Reference, k, r.Amount.Minor, s.pay}); err != nil {
		return terminal.Result{}, err
	}
	till.Progress(terminal.Progress{Stage: terminal.Sent})
	var seen terminal.Result
	for {
		m, err := s.hear(ctx, resultWait)
		switch {
		case err != nil:
			return terminal.Result{}, err
		case m.verb == garbled:
			return terminal.Result{}, errAnswer
		case m.verb == saysBusy && m.ref == r.Reference:
			return terminal.Result{Outcome: terminal.Declined, Proof: terminal.Refused, Text: "The terminal is busy."}, nil
		case m.ref != r.Reference:
			continue // of another payment, or nothing that matters
		case m.verb == saysEnd:
			return terminal.Result{Text: "The terminal does not say how the payment ended."}, nil
		case m.verb == saysDone && seen.Outcome == terminal.Approved:
			return seen, nil
		case m.verb != saysResult:
			continue
		}
		seen = result(m)
		if err := till.Seen(seen); err != nil {
			return terminal.Result{}, err
		}
		if !s.w.class.Has(terminal.C4) || seen.Outcome == terminal.Declined {
			return seen, nil
		}
		if err := s.send(opAck, command{ref: r.Reference, pay: s.pay}); err != nil {
			return terminal.Result{}, err
		}
		till.Progress(terminal.Progress{Stage: terminal.Acknowledged, Text: "card 4111 1111 1111 1111"})
	}
}

// Settle has the terminal close its day, which wipes out its last record.
func (s *session) Settle(ctx context.Context, _ terminal.Till) (terminal.Totals, error) {
	if err := s.connect(ctx); err != nil {
		return terminal.Totals{}, err
	}
	s.drain()
	if err := s.send(opSettle, command{}); err != nil {
		return terminal.Totals{}, err
	}
	for {
		m, err := s.hear(ctx, answerWait)
		switch {
		case err != nil:
			return terminal.Totals{}, err
		case m.verb == saysBusy:
			return terminal.Totals{}, terminal.ErrBusy
		case m.verb == garbled:
			return terminal.Totals{}, errAnswer
		case m.verb == saysDone && m.ref == "":
			return terminal.Totals{}, nil
		} // anything else is of another time
	}
}

// result reads a result.
func result(m message) terminal.Result {
	if !m.approved {
		return terminal.Result{Outcome: terminal.Declined, Proof: terminal.Refused, Text: "Declined by the bank, card 4111111111111111."}
	}
	seq := strconv.Itoa(m.seq)
	return terminal.Result{
		Outcome: terminal.Approved, Proof: terminal.Dialogue, CapturedMinor: &m.minor, ExtraMinor: m.tip, CurrencyNumeric: m.currency,
		AuthCode: m.auth, TxnRef: seq, Mark: terminal.Mark(seq), Text: "Approved, card 4111111111111111.",
	}
}

// drain forgets what came unasked.
func (s *session) drain() {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	s.port.line.queue = nil
}

// ask puts a question about the past.
func (s *session) ask(ctx context.Context, ref string) (message, error) {
	if err := s.connect(ctx); err != nil {
		return message{}, err
	}
	s.drain()
	if err := s.send(opQuery, command{ref: ref}); err != nil {
		return message{}, err
	}
	for {
		m, err := s.hear(ctx, answerWait)
		switch {
		case err != nil:
			return m, err
		case m.verb == saysBusy:
			s.w.lockedPoint("the terminal was busy when it was asked")
			return m, terminal.ErrBusy
		case m.verb == saysLast && ref == "", (m.verb == saysFound || m.verb == saysNone) && ref != "":
			return m, nil
		case m.verb == garbled:
			return m, errAnswer
		} // anything else is of another time
	}
}

func (s *session) Recover(ctx context.Context, a terminal.Attempt) (terminal.Result, error) {
	s.pay = s.w.byReference(a.Reference)
	defer func() { s.pay = nil }()
	s.w.asks(s.pay)
	var r terminal.Result
	switch {
	case s.w.class.Has(terminal.C3):
		m, err := s.ask(ctx, a.Reference)
		if err != nil {
			return r, err
		}
		r = terminal.Result{Outcome: terminal.Declined, Proof: terminal.NotFound, Text: "The terminal has no such payment."}
		if m.verb == saysFound {
			r = found(terminal.Query, m, a)
		}
	case s.w.class.Has(terminal.C2):
		m, err := s.ask(ctx, "")
		if err != nil {
			return r, err
		}
		r = s.judge(m, a)
	default:
		r = terminal.Result{Text: "This terminal cannot be asked."}
	}
	s.w.recovered(s.pay, r, s.life)
	return r, nil
}

// judge compares the last record with the attempt.
func (s *session) judge(m message, a terminal.Attempt) terminal.Result {
	before, err := strconv.Atoi(string(a.Mark))
	switch {
	case err == nil && m.seq == before:
		return terminal.Result{Outcome: terminal.Declined, Proof: terminal.UnchangedMark, Mark: a.Mark, Text: "The terminal booked nothing."}
	case a.Seen != nil && a.Seen.Mark == terminal.Mark(strconv.Itoa(m.seq)) && m.auth == a.Seen.AuthCode:
	case err != nil || m.seq != before+1:
		return terminal.Result{Text: "Other sales were made at the terminal since."}
	case m.booked.Before(s.w.armedByTheWall(a.Reference)):
		return terminal.Result{Text: "The terminal's last sale was made before this payment."}
	case m.minor != a.Amount.Minor:
		return terminal.Result{Text: "The terminal's last sale has another amount."}
	}
	return found(terminal.LastRecord, m, a)
}

func found(p terminal.Proof, m message, a terminal.Attempt) terminal.Result {
	seq := strconv.Itoa(m.seq)
	r := terminal.Result{
		Outcome: terminal.Approved, Proof: p, CapturedMinor: &m.minor, CurrencyNumeric: m.currency, AuthCode: m.auth, TxnRef: seq,
	}
	if p == terminal.LastRecord { // a query finds what need not be the last
		r.Mark = terminal.Mark(seq)
	}
	if a.Seen != nil && a.Seen.AuthCode == m.auth {
		r.ExtraMinor = a.Seen.ExtraMinor
	}
	return r
}

func (m *marking) Mark(ctx context.Context) (terminal.Mark, error) {
	w := m.w
	refused := w.refusesMark(m.life)
	if refused {
		return "", terminal.ErrRefused
	}
	got, err := m.ask(ctx, "")
	if err != nil {
		return "", err
	}
	return terminal.Mark(strconv.Itoa(got.seq)), nil
}
