package simulate

import (
	"cmp"

	"tillbridge/terminal"
)

// Choice is a name of the fault menu: an outcome that a payment can be scripted to have, or an action of a
// customer, a clerk or a saboteur.
type Choice struct {
	Name string `json:"name"`
	What string `json:"what"` // one sentence for people
}

// Actions that every simulator knows.
const (
	PressTap          = "tap"
	PressDecline      = "decline"
	PressCancel       = "cancel"
	PressByHand       = "by-hand"
	PressPullCable    = "pull-cable"
	PressPlugCable    = "plug-cable"
	PressCutPower     = "cut-power"
	PressRestorePower = "restore-power"
	PressManualSale   = "manual-sale"
	PressEndOfDay     = "end-of-day"
)

// Actions at a terminal that no till has a line to.
const (
	PressKey     = "key"
	PressJournal = "journal"
)

// Outcomes of a payment. A simulator plays those that its protocol has.
const (
	Approved         = "approved"
	Declined         = "declined"
	Cancelled        = "cancelled"
	Timeout          = "timeout"
	WrongPIN         = "wrong-pin" // an action too
	EndOfDayPending  = "end-of-day-pending"
	PrinterOut       = "printer-out"
	Busy             = "busy"
	RebootBefore     = "reboot-before"
	RebootAfter      = "reboot-after"
	LostReply        = "lost-reply"
	LostAck          = "lost-ack"
	KeepOnLoss       = "keep-on-loss"
	RepeatStatus     = "repeat-status"
	LateFrame        = "late-frame"
	LateThenDeclined = "late-then-declined"
	Partial          = "partial"
	Tip              = "tip"
	NoAmount         = "no-amount"
	BadCRCOnce       = "bad-crc-once"
	SplitFrames      = "split-frames"
	CablePulled      = "cable-pulled"
	PowerCut         = "power-cut"
	PowerCutBefore   = "power-cut-before"
	WrongAmount      = "wrong-amount"
	OtherCurrency    = "other-currency"
	Referral         = "referral"
	NoStatus         = "no-status"
	Contradiction    = "contradiction"
)

// Menu is every outcome and action that this package has a name for, outcomes first.
func Menu() []Choice {
	return []Choice{
		{Approved, "the bank approves"},
		{Declined, "the bank declines"},
		{Cancelled, "the customer presses STOP"},
		{Timeout, "nobody presents a card"},
		{WrongPIN, "the customer mistypes the PIN once, then it is right"},
		{EndOfDayPending, "the terminal wants its end of day first and refuses"},
		{PrinterOut, "the printer has no paper, the terminal refuses"},
		{Busy, "the terminal is busy with something else and refuses"},
		{RebootBefore, "the terminal reboots before the bank was asked; no money moves"},
		{RebootAfter, "the bank approves, the till hears it, the terminal reboots before it has booked; it reverses"},
		{LostReply, "approved and booked, then nothing reaches the till any more and the line breaks"},
		{LostAck, "approved, but the till's acknowledgement is lost on its way; the terminal reverses"},
		{KeepOnLoss, "approved, the till's acknowledgement is lost, and this terminal keeps the sale"},
		{RepeatStatus, "approved, the terminal misses the first acknowledgement and states its result twice"},
		{LateFrame, "the result of the payment before comes once more at the start, then this one is approved"},
		{LateThenDeclined, "the result of the payment before comes once more at the start, then this one is declined"},
		{Partial, "the bank approves a part of the amount only"},
		{Tip, "the customer adds a tip"},
		{NoAmount, "approved, the result names no amount"},
		{BadCRCOnce, "approved, the result is damaged on the line once"},
		{SplitFrames, "approved, every byte arrives by itself"},
		{CablePulled, "the cable comes out while the bank is asked; the bank approves"},
		{PowerCut, "the power fails when the sale is booked and the till not told the end"},
		{PowerCutBefore, "the power fails when the bank has approved and the till has not heard it"},
		{WrongAmount, "approved and booked with another amount than asked for, unexplained"},
		{OtherCurrency, "approved and booked in another currency"},
		{Referral, "the bank wants to be called by telephone; no money moves"},
		{NoStatus, "approved and booked, the end comes without a result before it"},
		{Contradiction, "approved and booked, then the terminal ends with an error"},
		{PressTap, "the customer presents a card, the bank approves"},
		{PressDecline, "the customer presents a card, the bank declines"},
		{PressCancel, "the customer presses STOP"},
		{PressByHand, "from now on every payment waits for somebody to press"},
		{PressPullCable, "pull the cable"},
		{PressPlugCable, "plug the cable in again"},
		{PressCutPower, "cut the terminal's power"},
		{PressRestorePower, "switch the terminal on again"},
		{PressManualSale, "a sale at the terminal itself; manual-sale:1250 names its minor units"},
		{PressEndOfDay, "the end of day at the terminal itself"},
		{PressKey, "the clerk keys a sale in at the terminal; key:1250 names its minor units"},
		{PressJournal, "the terminal prints its own list of sales"},
	}
}

// Choices are names that a simulator takes, with their sentences. A simulator at which some names mean something else than in the
// Menu has a method Describe, which is empty for the others.
func Choices(sim terminal.Simulator, names []string) []Choice {
	own, has := sim.(interface{ Describe(name string) string })
	all := make([]Choice, 0, len(names))
	for _, name := range names {
		c := Choice{Name: name, What: Describe(name)}
		if has {
			c.What = cmp.Or(own.Describe(name), c.What)
		}
		all = append(all, c)
	}
	return all
}

// Describe is the sentence for a name of the menu, empty for an unknown one.
func Describe(name string) string {
	for _, c := range Menu() {
		if c.Name == name {
			return c.What
		}
	}
	return ""
}
