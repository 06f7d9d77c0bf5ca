package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// clerkName is who says what the terminal printed.
const clerkName = "Anna"

// clerk works the terminal. Of its face they read the paper, and whether it has power and works on something; never the ledger.
type clerk struct {
	at interface {
		Press(action string) error
		Face() terminal.Face
		Changed() <-chan struct{}
	}
}

// Answer keys the amount in, waits until the terminal is done or dark, and reads what it printed. A question that is put once more,
// for whatever reason, is answered from the same printout: the card is not charged again for it.
func (c clerk) Answer(ctx context.Context, q terminal.Question) (terminal.Answer, error) {
	if q.Again || q.Problem != "" {
		a := c.read(q.Amount)
		a.AuthCode = inGroups(a.AuthCode)
		return a, nil
	}
	if err := c.until(ctx, func(f terminal.Face) bool { return f.Powered && !f.Paying }); err != nil {
		return terminal.Answer{}, err
	}
	if err := c.at.Press(fmt.Sprintf("%s:%d", simulate.PressKey, q.Amount.Minor)); err != nil {
		return terminal.Answer{}, err
	}
	if err := c.until(ctx, func(f terminal.Face) bool { return !f.Paying }); err != nil {
		return terminal.Answer{}, err
	}
	return c.read(q.Amount), nil
}

// until watches the terminal.
func (c clerk) until(ctx context.Context, is func(terminal.Face) bool) error {
	for {
		changed := c.at.Changed()
		if is(c.at.Face()) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// read is what the printout says of an amount. Nothing printed, or another amount, says nothing of it.
func (c clerk) read(asked terminal.Amount) terminal.Answer {
	paper, a := c.at.Face().Receipt, terminal.Answer{Name: clerkName}
	switch {
	case printed(paper, amountField) != asked.String():
	case slices.Contains(paper, approved):
		a.Outcome, a.AuthCode, a.TxnRef = terminal.Approved, printed(paper, codeField), printed(paper, refField)
	case slices.Contains(paper, notCharged):
		a.Outcome = terminal.Declined
	}
	return a
}

// inGroups writes a code as people do who read it aloud the second time.
func inGroups(code string) string {
	if len(code) < 4 {
		return code
	}
	return code[:3] + " " + code[3:]
}

// errPaper is a journal that is not what the terminal prints.
var errPaper = errors.New("the terminal's journal cannot be read")

// Look has the terminal print its journal, and reads in it what was sold since a time. The one sale of the amount is it; where there
// is none, nothing was charged; anything else is for somebody who knows more.
func (c clerk) Look(asked terminal.Amount, since time.Time) (terminal.Answer, error) {
	a := terminal.Answer{Name: clerkName}
	if err := c.at.Press(simulate.PressJournal); err != nil {
		return a, err
	}
	since = since.Truncate(time.Second)
	var found [][]string
	for _, line := range c.at.Face().Receipt {
		// Number, date, time, zone, amount, currency, code.
		words := strings.Fields(line)
		if len(words) < 7 || words[len(words)-1] == reversed {
			continue
		}
		at, err := time.Parse(journalTime, strings.Join(words[1:4], " "))
		if err != nil {
			return a, fmt.Errorf("%w: %w", errPaper, err)
		}
		if !at.Before(since) {
			found = append(found, words)
		}
	}
	switch {
	case len(found) == 0:
		a.Outcome = terminal.Declined
	case len(found) == 1 && strings.Join(found[0][4:6], " ") == asked.String():
		a.Outcome, a.AuthCode, a.TxnRef = terminal.Approved, found[0][6], found[0][0]
	}
	return a, nil
}
