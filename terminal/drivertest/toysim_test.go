package drivertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// The toy protocol: lines of words with a check value. HELLO gets HI; PAY gets OK and, later, RES; with C4 an ACK of RES gets
// DONE and books. LAST and FIND get REC. A line that is damaged gets NAK from the terminal and AGAIN from the till.

// toyFrame puts words on the line.
func toyFrame(words ...any) []byte {
	body := strings.TrimSuffix(fmt.Sprintln(words...), "\n")
	return fmt.Appendf(nil, "%s*%08x\n", body, crc32.ChecksumIEEE([]byte(body)))
}

// toyLine is the words of a line; false for a damaged one.
func toyLine(line []byte) ([]string, bool) {
	body, check, ok := strings.Cut(strings.TrimSuffix(string(line), "\n"), "*")
	if !ok || check != fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(body))) {
		return nil, false
	}
	return strings.Fields(body), true
}

const toyCard = "4111117892351111"

// toySale is what the toy terminal knows of a sale.
type toySale struct {
	seq               int
	ref, outcome      string // "busy" while it is not decided
	minor, extra, cur int
	auth              string
	vote              bool // waits for the till's acknowledgement
	script            string
	tries             int
}

func (s *toySale) words() []any {
	return []any{s.ref, s.outcome, s.seq, s.minor, s.extra, s.cur, s.auth, "card", toyCard[12:]}
}

type toySim struct {
	*simulate.Desk
	class terminal.Evidence
	cur   terminal.Currency
	tid   string

	mu    sync.Mutex
	line  terminal.Port
	last  []byte // what was said last
	now   *toySale
	seq   int
	sales []*toySale
	timer *time.Timer
	turn  int // of the timer
}

func newToySim(class terminal.Evidence, o terminal.SimulatorOptions) (terminal.Simulator, error) {
	d, err := simulate.NewDesk(o, []string{
		simulate.Approved, simulate.Declined, simulate.Cancelled, simulate.Tip, simulate.WrongAmount, simulate.OtherCurrency, simulate.LateFrame,
	}, []string{simulate.PressTap, simulate.PressDecline, simulate.PressCancel})
	if o.TerminalID == "" {
		o.TerminalID = "T1"
	}
	return &toySim{Desk: d, class: class, cur: o.Currency, tid: o.TerminalID}, err
}

func (s *toySim) Actions() []string {
	return []string{
		simulate.PressTap, simulate.PressDecline, simulate.PressCancel, simulate.PressByHand, simulate.PressPullCable, simulate.PressPlugCable,
		simulate.PressCutPower, simulate.PressRestorePower, simulate.PressManualSale,
	}
}

func (s *toySim) Press(action string) error {
	name, arg, _ := strings.Cut(action, ":")
	s.mu.Lock()
	switch name {
	case simulate.PressManualSale:
		defer s.mu.Unlock()
		n, err := strconv.Atoi(arg)
		if s.now != nil || err != nil {
			return errors.New("not now")
		}
		s.book(&toySale{minor: n, outcome: "approved", cur: s.cur.Numeric, auth: "MANUAL"}, true)
	case simulate.PressPullCable:
		defer s.mu.Unlock()
		s.SetCabled(false)
		if c, ok := s.line.(interface{ Cut() }); ok {
			c.Cut()
		}
	case simulate.PressPlugCable:
		defer s.mu.Unlock()
		s.SetCabled(true)
	case simulate.PressCutPower:
		defer s.mu.Unlock()
		s.SetPowered(false)
		s.stopTimer()
		if s.now != nil {
			s.now.outcome, s.now = "declined", nil
		}
	case simulate.PressRestorePower:
		defer s.mu.Unlock()
		s.SetPowered(true)
	default:
		s.mu.Unlock()
		return s.Desk.Press(action)
	}
	return nil
}

func (s *toySim) Serve(ctx context.Context, p terminal.Port, k terminal.LinkKind) error {
	s.mu.Lock()
	s.line = p
	s.mu.Unlock()
	defer p.Close()
	defer context.AfterFunc(ctx, func() { _ = p.Close() })()
	var pending []byte
	for buf := make([]byte, 512); ; {
		n, err := p.Read(buf)
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		pending = append(pending, buf[:n]...)
		for i := bytes.IndexByte(pending, '\n'); i >= 0; i = bytes.IndexByte(pending, '\n') {
			line := pending[:i+1]
			pending = pending[i+1:]
			s.mu.Lock()
			on := s.Powered()
			if words, ok := toyLine(line); on && ok {
				s.hear(words)
			} else if on {
				s.say("NAK")
			}
			s.mu.Unlock()
			if !on && k == terminal.TCP {
				return simulate.ErrCut
			}
		}
	}
}

func (s *toySim) say(words ...any) { s.send(toyFrame(words...)) }

func (s *toySim) send(frame []byte) {
	s.last = frame
	if s.line != nil {
		_, _ = s.line.Write(frame)
	}
}

func (s *toySim) hear(w []string) {
	switch {
	case w[0] == "HELLO":
		s.say("HI", s.tid)
	case w[0] == "AGAIN" && s.last != nil:
		s.send(s.last)
	case w[0] == "STOP" && s.now != nil && s.now.outcome == "busy":
		s.stopTimer()
		s.decided(s.now, simulate.Cancelled)
	case w[0] == "LAST" && s.now != nil, w[0] == "FIND" && s.now != nil:
		s.say("REC", "busy")
	case w[0] == "LAST" && len(s.sales) == 0:
		s.say("REC", "none")
	case w[0] == "LAST":
		s.say(append([]any{"REC"}, s.sales[len(s.sales)-1].words()...)...)
	case w[0] == "FIND":
		i := slices.IndexFunc(s.sales, func(x *toySale) bool { return x.ref == w[1] })
		if i < 0 {
			s.say("REC", "none")
			return
		}
		s.say(append([]any{"REC"}, s.sales[i].words()...)...)
	case w[0] == "PAY" && len(w) == 3:
		s.pay(w[1], w[2])
	case w[0] == "ACK" && s.now != nil && s.now.vote && w[1] == s.now.ref:
		s.stopTimer()
		x := s.now
		s.now = nil
		s.End()
		if x.outcome == "approved" {
			s.book(x, false)
		}
		s.say("DONE", x.ref, x.outcome)
	}
}

func (s *toySim) pay(ref, sum string) {
	minor, err := strconv.Atoi(sum)
	known := slices.ContainsFunc(s.sales, func(x *toySale) bool { return x.ref == ref })
	switch {
	case err != nil || known || s.now != nil && s.now.ref != ref:
		s.say("NO", ref)
		return
	case s.now != nil:
		s.say("OK", ref)
		return
	}
	x := &toySale{ref: ref, outcome: "busy", minor: minor, cur: s.cur.Numeric, auth: "-"}
	s.now, x.script = x, s.Begin()
	if x.script == simulate.LateFrame && len(s.sales) > 0 {
		s.say(append([]any{"RES"}, s.sales[len(s.sales)-1].words()...)...)
	}
	s.say("OK", ref)
	if x.script != "" {
		s.after(s.Think(), func() { s.decided(x, x.script) })
		return
	}
	s.after(50*time.Second, func() { s.decided(x, simulate.Cancelled) })
	s.Ask(func(choice string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.now == x && x.outcome == "busy" {
			s.decided(x, choice)
		}
	})
}

// decided takes what the bank says.
func (s *toySim) decided(x *toySale, script string) {
	s.stopTimer()
	s.Dismiss()
	switch script {
	case simulate.Declined, simulate.PressDecline:
		x.outcome = "declined"
	case simulate.Cancelled, simulate.PressCancel:
		x.outcome = "stopped"
	default:
		x.outcome = "approved"
		s.seq++
		x.seq, x.auth = s.seq, fmt.Sprintf("A%05d", 731*s.seq)
	}
	switch script {
	case simulate.Tip:
		x.extra = 100
		x.minor += 100
	case simulate.WrongAmount:
		x.minor++
	case simulate.OtherCurrency:
		x.cur = 756
	}
	if s.class.Has(terminal.C4) {
		x.vote = true
		s.state(x)
		return
	}
	s.now = nil
	s.End()
	if x.outcome == "approved" {
		s.book(x, false)
	}
	s.say(append([]any{"RES"}, x.words()...)...)
}

// state states the result until the till votes.
func (s *toySim) state(x *toySale) {
	if x.tries++; x.tries > 3 {
		x.outcome, s.now = "declined", nil
		s.End()
		return
	}
	s.say(append([]any{"RES"}, x.words()...)...)
	s.after(2*time.Second, func() { s.state(x) })
}

func (s *toySim) book(x *toySale, manual bool) {
	if manual {
		s.seq++
		x.seq = s.seq
	}
	s.sales = append(s.sales, x)
	cur := s.cur.Code
	if x.cur != s.cur.Numeric {
		cur = "CHF"
	}
	s.Ledger().Add(terminal.Entry{
		Sequence: strconv.Itoa(x.seq), Kind: simulate.Sale, Minor: int64(x.minor), Currency: cur, AuthCode: x.auth, Reference: x.ref,
		At: time.Now(), Captured: true, Manual: manual,
	})
}

func (s *toySim) stopTimer() {
	s.turn++
	if s.timer != nil {
		s.timer.Stop()
	}
}

func (s *toySim) after(d time.Duration, f func()) {
	s.stopTimer()
	turn := s.turn
	s.timer = time.AfterFunc(d, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.turn == turn {
			f()
		}
	})
}
