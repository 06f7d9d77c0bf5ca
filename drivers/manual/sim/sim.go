package sim

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// ErrNoLine is why the terminal cannot be served.
var ErrNoLine = errors.New("the terminal has no connection, so there is no line to serve")

// Simulator is the simulated terminal, with the clerk beside it: it is a simulate.Clerk too.
type Simulator struct {
	*simulate.Body
	clerk
}

var _ simulate.Clerk = (*Simulator)(nil)

// New makes a terminal that is idle and empty.
func New(o terminal.SimulatorOptions) (terminal.Simulator, error) {
	s := &Simulator{}
	var err error
	s.Body, err = simulate.NewBody(o, simulate.Protocol{
		Name: "manual", Mouth: s, Currency: terminal.Currency{Code: "EUR", Numeric: 978, Digits: 2}, TerminalID: "52500001", Alone: true,
		Outcomes: []string{simulate.EndOfDayPending, simulate.Referral, simulate.Partial, simulate.WrongAmount, simulate.OtherCurrency},
		Words: simulate.Words{
			Idle: "READY", Payment: "SALE", Wait: "PLEASE WAIT", Card: "PRESENT CARD", PIN: "ENTER PIN", WrongPIN: "WRONG PIN",
			Approved: "APPROVED", Declined: "NOT APPROVED", Cancelled: "CANCELLED", Timeout: "TIMED OUT", NoBank: "NO CONNECTION", NoPaper: "NO PAPER",
		},
	})
	s.clerk.at = s
	return s, err
}

// Describe is what the names of the menu mean that mean something else here.
func (s *Simulator) Describe(name string) string {
	return map[string]string{
		simulate.LostReply:      "the bank approves and the terminal books, but its printer has no paper, so that nobody can read the result",
		simulate.CablePulled:    "the terminal's own network cable comes out; it prints that it did not reach its bank, and books nothing",
		simulate.PowerCut:       "the power fails in the whole shop when the sale is booked and nothing is printed yet",
		simulate.PowerCutBefore: "the power fails in the whole shop when the bank has approved and the terminal has booked nothing yet",
		simulate.PressPullCable: "pull the terminal's own network cable",
	}[name]
}

// Actions are what Press takes beside the outcomes.
func (s *Simulator) Actions() []string { return append(s.Body.Actions(), simulate.PressJournal) }

// Press does what a customer, a clerk or a saboteur would.
func (s *Simulator) Press(action string) error {
	if action != simulate.PressJournal {
		return s.Body.Press(action)
	}
	f := s.Face()
	if !f.Powered || f.Paying {
		return fmt.Errorf("press %s: the terminal is not idle", action)
	}
	s.Print(s.journal(f.Ledger))
	return nil
}

// Serve has no line to serve.
func (s *Simulator) Serve(context.Context, terminal.Port, terminal.LinkKind) error { return ErrNoLine }

// Attach is never called, since nothing is served.
func (s *Simulator) Attach(*simulate.Line) simulate.Talk { return nil }

// Progress tears the last printout off when a sale begins.
func (s *Simulator) Progress(_ *simulate.Line, stage terminal.Stage) {
	if stage == terminal.Started {
		s.Print(nil)
	}
}

// State prints a result.
func (s *Simulator) State(r simulate.Result, done func()) {
	if r.Script != simulate.LostReply {
		s.Print(s.slip(r))
	}
	done()
}

// journalLines is how many of its sales the terminal prints, the newest last.
const journalLines = 20

// journalTime is unambiguous also in the hour that comes twice.
const journalTime = "2006-01-02 15:04:05 -0700"

// journal is the printed list of sales.
func (s *Simulator) journal(ledger []terminal.Entry) []string {
	lines := []string{"JOURNAL OF " + s.TerminalID()}
	for _, e := range ledger[max(0, len(ledger)-journalLines):] {
		c := s.Currency()
		if e.Currency != c.Code {
			c = terminal.Currency{Code: e.Currency, Digits: 2} // as those have that OtherCurrency books
		}
		line := []string{e.Sequence, e.At.Format(journalTime), terminal.Amount{Minor: e.Minor, Currency: c}.String(), e.AuthCode}
		if !e.Captured {
			line = append(line, reversed)
		}
		lines = append(lines, strings.Join(line, " "))
	}
	return append(lines, "END")
}
