package drivertest

import (
	"time"

	"tillbridge/terminal"
	"tillbridge/terminal/simulate"
)

// undisturbed is a payment that goes as its script wants.
func undisturbed(script string) Scenario {
	want := approved
	if script == simulate.Declined {
		want = declined
	}
	return Scenario{Name: "script " + script, What: simulate.Describe(script), plan: plan{script: script, want: want}}
}

// scripts are the simulator's outcomes.
func scripts() (all []Scenario) {
	for _, o := range outcomes() {
		s := Scenario{
			Name: "script " + o.name, What: simulate.Describe(o.name) + ".", Needs: []string{o.name}, Held: o.held, Checked: o.name == simulate.BadCRCOnce,
			plan: plan{script: o.name, want: o.want, unvoted: o.unvoted, paced: true, listed: true},
		}
		all = append(all, s)
	}
	return all
}

// outcome is what the battery knows of a script.
type outcome struct {
	name    string
	held    []Hold
	want    end // open: as the ledger says
	unvoted bool
	shows   shows
}

func outcomes() []outcome {
	broken := []Hold{deaf}
	doubtful := []Hold{{terminal.C0 | terminal.C1, "one result more than payments, and nothing tells whose it is"}}
	differs := []Hold{otherSum}
	return []outcome{
		{simulate.Approved, nil, approved, false, booked},
		{simulate.Declined, nil, declined, false, unbooked},
		{simulate.Cancelled, nil, declined, false, unbooked},
		{simulate.Timeout, nil, declined, false, unbooked},
		{simulate.WrongPIN, nil, approved, false, booked},
		{simulate.EndOfDayPending, nil, open, false, unbooked},
		{simulate.PrinterOut, nil, open, false, unbooked},
		{simulate.Busy, nil, open, false, unbooked},
		{simulate.RebootBefore, broken, open, false, unbooked | powerless},
		{simulate.RebootAfter, broken, open, false, unbooked | powerless},
		{simulate.LostReply, broken, open, false, booked},
		{simulate.LostAck, broken, open, false, unbooked},
		{simulate.KeepOnLoss, broken, open, false, booked},
		{simulate.RepeatStatus, nil, approved, false, booked},
		{simulate.LateFrame, doubtful, open, false, booked},
		{simulate.LateThenDeclined, doubtful, open, false, unbooked},
		{simulate.Partial, differs, open, false, less},
		{simulate.Tip, nil, approved, false, more},
		{simulate.NoAmount, []Hold{{terminal.C0 | terminal.C1, "the result does not say how much was booked"}}, open, false, booked},
		{simulate.BadCRCOnce, nil, approved, false, booked},
		{simulate.SplitFrames, nil, approved, false, booked},
		{simulate.CablePulled, broken, open, false, cableless},
		{simulate.PowerCut, broken, open, false, booked | powerless},
		{simulate.PowerCutBefore, broken, open, false, unbooked | powerless},
		{simulate.WrongAmount, differs, open, false, otherwise},
		{simulate.OtherCurrency, differs, open, false, abroad},
		{simulate.Referral, nil, open, false, unbooked},
		{simulate.NoStatus, broken, open, true, booked},
		{simulate.Contradiction, broken, open, false, booked},
	}
}

// giveUp stands among presses for somebody at the till.
const giveUp = "give-up"

// customers are payments that wait for somebody at the terminal.
func customers() (all []Scenario) {
	add := func(name, what string, want end, minor int64, hands ...press) {
		all = append(all, Scenario{Name: "customer " + name, What: what, plan: plan{hands: hands, want: want, minor: minor, paced: true}})
	}
	at := func(after time.Duration, action string) press { return press{after, action} }
	add("taps", "The customer presents the card after three seconds.", approved, 0, at(3*time.Second, simulate.PressTap))
	add("taps late", "The customer looks for the card for 45 seconds.", approved, 0, at(45*time.Second, simulate.PressTap))
	add("is declined", "The bank declines the card.", declined, 0, at(3*time.Second, simulate.PressDecline))
	add("presses stop", "The customer presses STOP.", declined, 0, at(3*time.Second, simulate.PressCancel))
	add("does not come", "Nobody presents a card, until the terminal gives up.", declined, 0)
	add("pays a cent", "The smallest sum.", approved, 1, at(3*time.Second, simulate.PressTap))
	add("pays much", "A sum of six digits.", approved, 123456, at(3*time.Second, simulate.PressTap))
	all = append(all, Scenario{
		Name: "customer is given up", What: "Nobody presents a card, and after five seconds somebody at the till wants the payment given up.",
		Needs: []string{Canceller}, plan: plan{hands: []press{at(5*time.Second, giveUp)}, want: declined, within: 30 * time.Second, paced: true},
	})
	all = append(all, Scenario{
		Name: "customer mistypes the PIN", What: "The PIN is wrong once, then the customer tries again.", Needs: []string{simulate.WrongPIN},
		plan: plan{hands: []press{at(3*time.Second, simulate.WrongPIN), at(9*time.Second, simulate.PressTap)}},
	})
	return all
}

// forgotten are the outcomes again, with a till that dies before it has written down how the dialogue ended.
func forgotten() (all []Scenario) {
	for _, o := range outcomes() {
		held := []Hold{deaf}
		switch o.name {
		case simulate.Tip:
			held = append(held, unnamedTip)
		case simulate.Partial, simulate.WrongAmount, simulate.OtherCurrency:
			held = []Hold{otherSum}
		}
		all = append(all, Scenario{
			Name: "forgotten " + o.name, What: simulate.Describe(o.name) + "; the till dies before it has written down the end.",
			Needs: []string{o.name}, Held: held, Checked: o.name == simulate.BadCRCOnce, plan: plan{script: o.name, forget: true, unvoted: o.unvoted},
		})
	}
	return all
}
