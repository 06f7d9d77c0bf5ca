package sim

import (
	"strings"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// What stands on printouts.
const (
	approved   = "APPROVED"
	notCharged = "NOT CHARGED"
	reversed   = "REVERSED"

	amountField = "AMOUNT"
	codeField   = "AUTH CODE"
	refField    = "REFERENCE"
)

// reasons are why nothing was charged, as the terminal prints it.
var reasons = map[string]string{
	simulate.Declined: "DECLINED BY THE BANK", simulate.Cancelled: "CANCELLED", simulate.Timeout: "NO CARD PRESENTED", simulate.Busy: "TERMINAL BUSY",
	simulate.EndOfDayPending: "END OF DAY IS DUE", simulate.Referral: "CALL YOUR BANK", simulate.CablePulled: "NO CONNECTION TO THE BANK",
}

// slip is the printout of a sale.
func (s *Simulator) slip(r simulate.Result) []string {
	if r.Record == nil {
		return []string{
			"TERMINAL " + s.TerminalID(), time.Now().Format(time.DateTime), field(amountField, s.amount(r.Minor, s.Currency())), reasons[r.End], notCharged,
		}
	}
	return []string{
		"TERMINAL " + s.TerminalID(), r.Record.At.Format(time.DateTime), field(amountField, s.amount(r.Record.Minor, r.Record.Currency)),
		simulate.CardName + " ************" + simulate.CardLast4, approved, field(codeField, r.Record.AuthCode), field(refField, r.Record.Sequence()),
	}
}

func (s *Simulator) amount(minor int64, c terminal.Currency) string {
	return terminal.Amount{Minor: minor, Currency: c}.String()
}

func field(name, value string) string { return name + ": " + value }

// printed is what stands behind a field's name; empty where it is not printed.
func printed(paper []string, name string) string {
	for _, line := range paper {
		if value, is := strings.CutPrefix(line, name+": "); is {
			return value
		}
	}
	return ""
}
