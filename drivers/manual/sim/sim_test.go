package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

var euro = terminal.Currency{Code: "EUR", Numeric: 978, Digits: 2}

func newTerminal(t *testing.T, outcome string) *Simulator {
	t.Helper()
	sim, err := New(terminal.SimulatorOptions{Currency: euro, Outcome: outcome, Think: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	s, ok := sim.(*Simulator)
	if !ok {
		t.Fatalf("it is a %T", sim)
	}
	return s
}

func amount(minor int64) terminal.Amount { return terminal.Amount{Minor: minor, Currency: euro} }

// TestScripts plays each script, and compares what the clerk makes of the printout with the ledger, and then what they make of the
// journal.
func TestScripts(t *testing.T) {
	for script, want := range map[string]struct {
		says    terminal.Outcome
		booked  int64 // 0 for nothing
		prints  string
		journal terminal.Outcome
	}{
		simulate.Approved:        {terminal.Approved, 1250, "APPROVED", terminal.Approved},
		simulate.WrongPIN:        {terminal.Approved, 1250, "APPROVED", terminal.Approved},
		simulate.Declined:        {terminal.Declined, 0, "DECLINED BY THE BANK", terminal.Declined},
		simulate.Cancelled:       {terminal.Declined, 0, "CANCELLED", terminal.Declined},
		simulate.Timeout:         {terminal.Declined, 0, "NO CARD PRESENTED", terminal.Declined},
		simulate.Busy:            {terminal.Declined, 0, "TERMINAL BUSY", terminal.Declined},
		simulate.EndOfDayPending: {terminal.Declined, 0, "END OF DAY IS DUE", terminal.Declined},
		simulate.Referral:        {terminal.Declined, 0, "CALL YOUR BANK", terminal.Declined},
		simulate.CablePulled:     {terminal.Declined, 0, "NO CONNECTION TO THE BANK", terminal.Declined},
		simulate.LostReply:       {terminal.Unknown, 1250, "", terminal.Approved},
		simulate.PowerCut:        {terminal.Unknown, 1250, "", terminal.Approved},
		simulate.PowerCutBefore:  {terminal.Unknown, 0, "", terminal.Declined},
		simulate.RebootBefore:    {terminal.Unknown, 0, "", terminal.Declined},
		simulate.Partial:         {terminal.Unknown, 625, "6.25 EUR", terminal.Unknown},
		simulate.WrongAmount:     {terminal.Unknown, 1251, "12.51 EUR", terminal.Unknown},
		simulate.OtherCurrency:   {terminal.Unknown, 1250, "12.50 CHF", terminal.Unknown},
	} {
		t.Run(script, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newTerminal(t, script)
				began := time.Now()
				a, err := s.Answer(t.Context(), terminal.Question{Amount: amount(1250)})
				f := s.Face()
				paper := strings.Join(f.Receipt, "\n")
				if err != nil || a.Outcome != want.says || a.Name == "" || !strings.Contains(paper, want.prints) || (want.prints == "") != (paper == "") {
					t.Errorf("the clerk says %+v, %v, of:\n%s", a, err, paper)
				}
				code, ref := "", ""
				if want.says == terminal.Approved {
					code, ref = f.Ledger[0].AuthCode, f.Ledger[0].Sequence
				}
				if a.AuthCode != code || a.TxnRef != ref {
					t.Errorf("the clerk says %+v, and the ledger %+v", a, f.Ledger)
				}
				booked := slices.DeleteFunc(f.Ledger, func(e terminal.Entry) bool { return !e.Captured })
				if (len(booked) == 1) != (want.booked != 0) || want.booked != 0 && booked[0].Minor != want.booked {
					t.Errorf("booked %+v, want %d", booked, want.booked)
				}
				if got := simulate.Choices(s, []string{script}); got[0].What == "" {
					t.Error("the script has no sentence")
				}
				<-time.After(3 * time.Second) // it has rebooted
				if err := errors.Join(s.Press(simulate.PressPlugCable), s.Press(simulate.PressRestorePower)); err != nil {
					t.Fatal(err)
				}
				if a, err := s.Look(amount(1250), began); err != nil || a.Outcome != want.journal {
					t.Errorf("of the journal the clerk says %+v, %v:\n%s", a, err, strings.Join(s.Face().Receipt, "\n"))
				}
			})
		})
	}
	if n := len(newTerminal(t, "").Outcomes()); n != 16 {
		t.Errorf("%d scripts are listed, and 16 are played here", n)
	}
}

// TestClerkReadsPaperOnly has a terminal whose ledger and display contradict its printout.
func TestClerkReadsPaperOnly(t *testing.T) {
	slip := []string{"AMOUNT: 12.50 EUR", "DECLINED BY THE BANK", "NOT CHARGED"}
	for want, paper := range map[terminal.Outcome][]string{terminal.Declined: slip, terminal.Unknown: nil} {
		c := clerk{at: &liar{paper: paper}}
		a, err := c.Answer(t.Context(), terminal.Question{Amount: amount(1250)})
		if err != nil || a.Outcome != want || a.AuthCode != "" {
			t.Errorf("%+v, %v, want %s", a, err, want)
		}
	}
	c := clerk{at: &liar{paper: []string{"JOURNAL OF 1", "END"}}}
	if a, err := c.Look(amount(1250), time.Time{}); err != nil || a.Outcome != terminal.Declined {
		t.Errorf("%+v, %v", a, err)
	}
	c = clerk{at: &liar{paper: []string{"000052 2026-05-04 noon +0000 12.50 EUR 651200"}}}
	if a, err := c.Look(amount(1250), time.Time{}); !errors.Is(err, errPaper) || a.Outcome != terminal.Unknown {
		t.Errorf("%+v, %v", a, err)
	}
}

// liar is a terminal whose ledger says approved, whatever it prints.
type liar struct{ paper []string }

func (l *liar) Press(string) error       { return nil }
func (l *liar) Changed() <-chan struct{} { return nil }

func (l *liar) Face() terminal.Face {
	return terminal.Face{
		Powered: true, Display: []string{"APPROVED"}, Receipt: l.paper,
		Ledger: []terminal.Entry{{Sequence: "000052", Kind: simulate.Sale, Minor: 1250, Currency: "EUR", AuthCode: "651200", Captured: true}},
	}
}

// TestAskedAgain charges the card for the first question only.
func TestAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTerminal(t, simulate.Approved)
		first, err := s.Answer(t.Context(), terminal.Question{Amount: amount(1250)})
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range []terminal.Question{{Amount: amount(1250), Again: true}, {Amount: amount(1250), Problem: "They differ."}} {
			a, err := s.Answer(t.Context(), q)
			if err != nil || a.Outcome != terminal.Approved || strings.ReplaceAll(a.AuthCode, " ", "") != first.AuthCode || a.AuthCode == first.AuthCode || a.TxnRef != first.TxnRef {
				t.Errorf("%+v, %v, at first %+v", a, err, first)
			}
		}
		if n := len(s.Face().Ledger); n != 1 {
			t.Errorf("the card was charged %d times", n)
		}
	})
}

// TestByHand has the customer press the keys, somebody who works the terminal without a clerk, and what it does not take.
func TestByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTerminal(t, "")
		press := func(action string, refused bool) {
			t.Helper()
			if err := s.Press(action); (err != nil) != refused {
				t.Errorf("%s: %v", action, err)
			}
		}
		press("key:1250", false)
		press("key:1250", true)
		press(simulate.PressJournal, true)
		press(simulate.PressTap, false)
		<-time.After(time.Second)
		began := time.Now()
		if got := s.Face(); got.Paying || !slices.Contains(got.Receipt, "AMOUNT: 12.50 EUR") || len(got.Ledger) != 1 || got.Ledger[0].Manual {
			t.Errorf("%+v", got)
		}
		press("key:900", false)
		if paper := s.Face().Receipt; paper != nil {
			t.Errorf("the last printout still hangs there: %q", paper)
		}
		press(simulate.PressCutPower, false)
		press("key:900", true)
		press(simulate.PressJournal, true)
		press(simulate.PressRestorePower, false)
		for _, action := range []string{"key", "key:0", "key:1.50", simulate.PressEndOfDay, simulate.PressEndOfDay + ":1", simulate.SplitFrames, "nonsense"} {
			press(action, true)
		}
		if a, err := s.Look(amount(900), began); err != nil || a.Outcome != terminal.Declined {
			t.Errorf("%+v, %v", a, err)
		}
		for range 2 * journalLines {
			press("manual-sale:100", false)
		}
		if a, err := s.Look(amount(100), began); err != nil || a.Outcome != terminal.Unknown {
			t.Errorf("of many sales of the amount the clerk says %+v, %v", a, err)
		}
		press(simulate.PressJournal, false)
		if paper := s.Face().Receipt; len(paper) != journalLines+2 || !strings.HasPrefix(paper[journalLines], fmt.Sprintf("%06d ", 52+2*journalLines)) {
			t.Errorf("the journal is %q", paper)
		}
	})
	if err := newTerminal(t, "").Serve(t.Context(), nil, terminal.Serial); !errors.Is(err, ErrNoLine) {
		t.Errorf("it is served: %v", err)
	}
	if _, err := New(terminal.SimulatorOptions{Outcome: simulate.SplitFrames}); err == nil {
		t.Error("a script of lines is taken")
	}
}

// TestClerkWaits ends with the context, before the terminal is free and before it is done.
func TestClerkWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTerminal(t, "")
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if _, err := s.Answer(ctx, terminal.Question{Amount: amount(1250)}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("while nobody presents a card: %v", err)
		}
		if _, err := s.Answer(ctx, terminal.Question{Amount: amount(1250)}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("while the terminal is in use: %v", err)
		}
	})
}
