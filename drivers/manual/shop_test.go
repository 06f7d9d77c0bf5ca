package manual

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// shop is a terminal without a connection and the clerk who stands beside it. What the clerk starts at the terminal goes on
// when nobody waits for it.
type shop struct {
	*simulate.Desk
	cur terminal.Currency

	mu   sync.Mutex
	seq  int
	read terminal.Answer // what the clerk read last
}

func newShop(o terminal.SimulatorOptions) (terminal.Simulator, error) {
	d, err := simulate.NewDesk(o, []string{
		simulate.Approved, simulate.Declined, simulate.Cancelled, simulate.Timeout, simulate.Busy, simulate.Referral, simulate.EndOfDayPending,
		simulate.PrinterOut, simulate.WrongPIN, simulate.Partial, simulate.WrongAmount, simulate.OtherCurrency, simulate.PowerCut,
		simulate.PowerCutBefore, simulate.RebootBefore,
	}, []string{simulate.PressTap, simulate.PressDecline, simulate.PressCancel, simulate.WrongPIN})
	return &shop{Desk: d, cur: o.Currency}, err
}

func (s *shop) Actions() []string {
	return []string{
		simulate.PressTap, simulate.PressDecline, simulate.PressCancel, simulate.WrongPIN, simulate.PressByHand, simulate.PressPullCable,
		simulate.PressPlugCable, simulate.PressCutPower, simulate.PressRestorePower, simulate.PressManualSale,
	}
}

func (s *shop) Press(action string) error {
	switch name, arg, _ := strings.Cut(action, ":"); name {
	case simulate.PressPullCable, simulate.PressPlugCable: // there is none
		return nil
	case simulate.PressCutPower:
		s.SetPowered(false)
	case simulate.PressRestorePower:
		s.SetPowered(true)
	case simulate.PressManualSale:
		minor, err := strconv.ParseInt(arg, 10, 64)
		if err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.book(minor, s.cur, true)
	default:
		return s.Desk.Press(action)
	}
	return nil
}

// Serve has no line to serve.
func (s *shop) Serve(context.Context, terminal.Port, terminal.LinkKind) error { return nil }

// book makes the money stay; the caller holds mu.
func (s *shop) book(minor int64, c terminal.Currency, manual bool) (code string) {
	s.seq++
	code = fmt.Sprintf("%06d", s.seq*271_828%1_000_000)
	s.Ledger().Add(terminal.Entry{
		Sequence: fmt.Sprint(s.seq), Kind: simulate.Sale, Minor: minor, Currency: c.Code, AuthCode: code, At: time.Now(), Captured: true, Manual: manual,
	})
	return code
}

// Answer is the clerk: types the amount at the terminal, waits, and reads what it printed; the second time reads it again.
func (s *shop) Answer(ctx context.Context, q terminal.Question) (terminal.Answer, error) {
	if q.Again {
		s.mu.Lock()
		defer s.mu.Unlock()
		again := s.read
		again.AuthCode = " " + strings.ToLower(again.AuthCode) // a person types in their own way
		return again, nil
	}
	printed := make(chan terminal.Answer, 1)
	end := func(choice string) {
		time.AfterFunc(s.Think(), func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.read = s.pay(q.Amount, choice)
			s.End()
			printed <- s.read
		})
	}
	if script := s.Begin(); script != "" {
		end(script)
	} else if choice, pressed := s.Ask(end); pressed {
		end(choice)
	}
	walked := time.AfterFunc(time.Minute, func() {
		if s.Face().Paying {
			s.Dismiss()
			end(simulate.Timeout)
		}
	})
	defer walked.Stop()
	select {
	case a := <-printed:
		return a, nil
	case <-ctx.Done():
		return terminal.Answer{}, ctx.Err()
	}
}

// pay is what the terminal does and the clerk can read of it; the caller holds mu.
func (s *shop) pay(a terminal.Amount, choice string) terminal.Answer {
	minor, c, readable := a.Minor, s.cur, true
	switch choice {
	case simulate.PowerCutBefore, simulate.RebootBefore:
		s.SetPowered(false)
		return terminal.Answer{Name: "Anna"}
	case simulate.PowerCut:
		s.SetPowered(false)
		readable = false
	case simulate.Partial:
		minor /= 2
	case simulate.WrongAmount:
		minor++
	case simulate.OtherCurrency:
		c.Code = "CHF"
	case simulate.Approved, simulate.PressTap, simulate.WrongPIN:
	default:
		return terminal.Answer{Name: "Anna", Outcome: terminal.Declined}
	}
	code := s.book(minor, c, false)
	if !readable || minor != a.Minor || c.Code != s.cur.Code {
		return terminal.Answer{Name: "Anna"} // not what was asked for: the third choice of the form
	}
	return terminal.Answer{Name: "Anna", Outcome: terminal.Approved, AuthCode: code}
}
